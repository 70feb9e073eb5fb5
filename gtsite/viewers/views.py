"""Signing up, in and out, and one's own account. Every form is a page that works by itself."""

import time
from collections.abc import Callable
from datetime import UTC, datetime

from django.contrib import messages
from django.http import HttpResponse
from django.utils.cache import patch_cache_control
from django.views.decorators.debug import sensitive_post_parameters, sensitive_variables
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from gtsite.dynamodb.connection import router, site_regions, site_table
from gtsite.dynamodb.errors import NoRegionAvailable, RegionUnavailable, Throttled
from gtsite.dynamodb.regions import region
from gtsite.http import HtmxHttpRequest, render_page
from gtsite.viewers import forms, sessions
from gtsite.viewers.accounts import Accounts
from gtsite.viewers.address import client_network
from gtsite.viewers.entities import Viewer
from gtsite.viewers.errors import (
    AccountGone,
    DeletionInterrupted,
    HomeAway,
    NameTaken,
    OthersStay,
    PasswordWrong,
    SessionEnded,
    SignInRefused,
    TooManyAttempts,
    ViewerError,
)
from gtsite.viewers.names import name_key
from gtsite.viewers.redirects import signed_in_only, to_named, to_page
from gtsite.viewers.repository import Profiles
from gtsite.viewers.services import (
    begin_session,
    current_viewer,
    end_session,
    known_viewer,
    merging_id,
    renew_session,
)

FORM_METHODS = ["GET", "HEAD", "POST"]
WRONG_FIELD = {
    NameTaken: ("name", "That name is taken: choose another, or sign in if it is yours."),
    SignInRefused: ("password", "The name or the password is wrong."),
    PasswordWrong: (None, "That is not your password."),
}
INTERRUPTED = "Not everything could be deleted yet. Your account is still there: delete it again."
NEEDS_HOME = {
    "sign_up": "New accounts are made in {}. Signing in and watching go on.",
    "change_password": "Passwords are changed in {}. Yours is as it was.",
    "delete_account": "Accounts are deleted in {}. Yours is as it was.",
}
NO_ANSWER = "{} did not answer, and may have done it all the same. Simply send it once more."


@require_http_methods(FORM_METHODS)
@sensitive_post_parameters("password")
def sign_up(request: HtmxHttpRequest) -> HttpResponse:
    """Makes an account, and signs in with it."""
    return _enter(request, "sign_up", forms.SignUpForm, Accounts.sign_up)


@require_http_methods(FORM_METHODS)
@sensitive_post_parameters("password")
def sign_in(request: HtmxHttpRequest) -> HttpResponse:
    """Leads back to where the viewer came from."""
    return _enter(request, "sign_in", forms.SignInForm, Accounts.sign_in)


@require_POST
def sign_out(request: HtmxHttpRequest) -> HttpResponse:
    """Of this browser."""
    end_session(request)
    messages.success(request, "You are signed out.")
    return to_named(request, "bookmarks:home")


@require_POST
@signed_in_only
def sign_out_everywhere(request: HtmxHttpRequest) -> HttpResponse:
    """Of this browser and every other."""
    viewer = current_viewer(request)
    sessions.ensure_current(viewer)
    _accounts(request).end_sessions(viewer)
    end_session(request)
    messages.success(request, "You are signed out everywhere; other devices follow in a minute.")
    return to_named(request, "viewers:sign-in")


@require_safe
@signed_in_only
def account(request: HtmxHttpRequest) -> HttpResponse:
    """Who one is, since when, and what can be done about it: one request for all of it."""
    viewer = current_viewer(request)
    try:
        profile, marker = _profiles().find_with_marker(name_key(viewer.name), viewer.id)
    except (NoRegionAvailable, RegionUnavailable, Throttled):
        return _page(request, "account", {"paused": True})
    sessions.check_marker(viewer, marker)
    own = profile if profile and profile.viewer_id == viewer.id else None
    since = datetime.fromtimestamp(own.created_at_ms / 1000, UTC) if own else None
    return _page(request, "account", {"since": since})


@require_http_methods(FORM_METHODS)
@sensitive_post_parameters("current", "new")
@sensitive_variables("form")
@signed_in_only
def change_password(request: HtmxHttpRequest) -> HttpResponse:
    """Every other device has to sign in anew; this one stays."""
    viewer = current_viewer(request)
    sessions.ensure_current(viewer)
    if request.method != "POST":
        return _form(request, "change_password", forms.ChangePasswordForm(name=viewer.name))
    form = forms.ChangePasswordForm(request.POST, name=viewer.name)
    if not form.is_valid():
        return _form(request, "change_password", form, status=422)
    try:
        _accounts(request).change_password(
            viewer,
            current=form.cleaned_data["current"],
            new=form.cleaned_data["new"],
            keep_session=lambda since_ms: renew_session(request, since_ms),
        )
    except OthersStay:
        messages.warning(request, "Your password is changed; other devices are still signed in.")
    except ViewerError as error:
        return _refused(request, "change_password", form, error)
    else:
        messages.success(request, "Your password is changed, and other devices are signed out.")
    return to_named(request, "viewers:account")


@require_http_methods(FORM_METHODS)
@sensitive_post_parameters("password")
@sensitive_variables("password", "form")
@signed_in_only
def delete_account(request: HtmxHttpRequest) -> HttpResponse:
    """The account and everything in it."""
    viewer = current_viewer(request)
    sessions.ensure_current(viewer)
    if request.method != "POST":
        return _form(request, "delete_account", forms.DeleteAccountForm())
    form = forms.DeleteAccountForm(request.POST)
    if not form.is_valid():
        return _form(request, "delete_account", form, status=422)
    try:
        _accounts(request).delete_account(
            viewer,
            password=form.cleaned_data["password"],
            former_id=merging_id(request),
            keep_session=lambda since_ms: renew_session(request, since_ms),
        )
    except ViewerError as error:
        return _refused(request, "delete_account", form, error)
    end_session(request)
    messages.success(request, "Your account is deleted, and everything that was in it.")
    return to_named(request, "bookmarks:home")


@sensitive_variables("password", "form")
def _enter(
    request: HtmxHttpRequest,
    page: str,
    form_type: type[forms.ReturningForm],
    use: Callable[..., Viewer],
) -> HttpResponse:
    """A name and a password, handed to `use` of the accounts, which says who that is."""
    if request.method != "POST":
        return _door(request, page, form_type)
    form = form_type(request.POST)
    if not form.is_valid():
        return _form(request, page, form, status=422)
    name, password = form.cleaned_data["name"], form.cleaned_data["password"]
    try:
        viewer = use(_accounts(request), name=name, password=password)
    except ViewerError as error:
        return _refused(request, page, form, error)
    return _entered(request, viewer, form)


def _door(request: HtmxHttpRequest, page: str, form: type[forms.ReturningForm]) -> HttpResponse:
    """A page for those who are not signed in; whoever is goes on at once."""
    asked = forms.asked_next(request)
    viewer = known_viewer(request)
    if viewer is not None and viewer.signed_in:
        return to_page(request, asked, status=200)
    return _form(request, page, form(initial={"next": asked}))


def _entered(request: HtmxHttpRequest, viewer: Viewer, form: forms.ReturningForm) -> HttpResponse:
    begin_session(request, viewer, now_seconds=_now_ms() // 1000)
    messages.success(request, f"You are signed in as {viewer.name}.")
    return to_page(request, form.cleaned_data["next"], status=200)


def _refused(
    request: HtmxHttpRequest, page: str, form: forms.FocusedForm, error: ViewerError
) -> HttpResponse:
    """The same page in words; the one place where the viewers' errors become HTTP.

    A deletion cut short is told after a redirect: a 5xx would not keep the renewed session.
    """
    match error:
        case NameTaken() | SignInRefused() | PasswordWrong():
            field, said = WRONG_FIELD[type(error)]
            form.add_error(field or form.visible_fields()[0].name, said)
            return _form(request, page, form, status=422)
        case TooManyAttempts():
            minutes = -(-error.wait_seconds // 60)
            said = f"Too many attempts. Wait {minutes} min, then try again."
            response = _form(request, page, form, status=429, said=said)
            response.headers["Retry-After"] = str(error.wait_seconds)
            return response
        case HomeAway():
            return _form(request, page, form, status=503, said=_away(page, error))
        case DeletionInterrupted():
            messages.error(request, INTERRUPTED)
            return to_named(request, "viewers:delete-account")
        case AccountGone():
            raise SessionEnded from error
    raise error


def _away(page: str, error: HomeAway) -> str:
    place = region(error.region).place
    if error.outcome_unknown:
        return NO_ANSWER.format(place)
    needs = NEEDS_HOME[page].format(f"{place}, which cannot be reached now")
    return f"{needs} Try again later."


def _form(
    request: HtmxHttpRequest,
    page: str,
    form: forms.FocusedForm,
    *,
    status: int = 200,
    said: str = "",
) -> HttpResponse:
    """The page of one form; `said` is what went wrong with none of its fields."""
    form.focus()
    return _page(request, page, {"form": form, "said": said}, status=status)


def _page(
    request: HtmxHttpRequest, page: str, context: dict[str, object], *, status: int = 200
) -> HttpResponse:
    """Never kept by a browser either: it is about somebody who may sign out."""
    response = render_page(
        request, f"viewers/{page}.html", context, fragment="content", status=status
    )
    patch_cache_control(response, no_store=True)
    return response


def _accounts(request: HtmxHttpRequest) -> Accounts:
    return Accounts(
        table=site_table(), profiles=_profiles(), network=client_network(request), clock=_now_ms
    )


def _profiles() -> Profiles:
    return Profiles(site_table(), home=site_regions()[0], local=router().local)


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
