"""Where to send a browser, and how: a page by its status, htmx by a header of its own."""

from collections.abc import Callable
from functools import wraps
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.encoding import iri_to_uri

from gtsite.http import HtmxHttpRequest, came_from
from gtsite.viewers.services import known_viewer

View = Callable[[HtmxHttpRequest], HttpResponse]
SAFE = ("GET", "HEAD")


def signed_in_only(view: View) -> View:
    """Leads everybody else to the sign-in page, and from there back to this one."""

    @wraps(view)
    def checked(request: HtmxHttpRequest) -> HttpResponse:
        viewer = known_viewer(request)
        return view(request) if viewer and viewer.signed_in else to_sign_in(request)

    return checked


def to_sign_in(request: HttpRequest) -> HttpResponse:
    """For htmx it is a refusal (403) that takes the whole page along."""
    return to_page(request, f"{reverse('viewers:sign-in')}?{urlencode({'next': _back(request)})}")


def to_named(request: HttpRequest, name: str) -> HttpResponse:
    """On to the page of that name, after something was done."""
    return to_page(request, reverse(name), status=200)


def to_page(request: HttpRequest, path: str, *, status: int = 403) -> HttpResponse:
    """A redirect; htmx would put the page into a part of this one, so it gets `HX-Redirect`."""
    if not is_htmx(request):
        return HttpResponseRedirect(path)
    return HttpResponse(status=status, headers={"HX-Redirect": iri_to_uri(path)})


def is_htmx(request: HttpRequest) -> bool:
    return request.headers.get("HX-Request") == "true"


def is_page_request(request: HttpRequest) -> bool:
    """Whether a browser will show the answer as a page: not what a script or a picture asks for."""
    mode = request.headers.get("Sec-Fetch-Mode")
    if mode:
        return mode == "navigate"
    accept = request.headers.get("Accept")
    return not accept or "text/html" in accept


def _back(request: HttpRequest) -> str:
    """The page itself, or the one on which the form stood."""
    if request.method in SAFE and not is_htmx(request):
        return request.get_full_path()
    return came_from(request)
