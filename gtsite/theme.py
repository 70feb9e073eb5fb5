"""Which colours a viewer wants: dark, light, or what their system says. Kept in a cookie."""

from dataclasses import dataclass
from typing import Literal, get_args

from django import forms
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_POST

from gtsite.errors import bad_request
from gtsite.http import HtmxHttpRequest, local_path, wants_fragment

ThemeName = Literal["system", "dark", "light"]
NAMES: tuple[ThemeName, ...] = get_args(ThemeName)
COOKIE = "theme"
YEAR_SECONDS = 60 * 60 * 24 * 365


@dataclass(frozen=True, slots=True, kw_only=True)
class Theme:
    """One choice, and what browsers are told of it before any style sheet is there."""

    name: ThemeName

    @property
    def scheme(self) -> str:
        """For `<meta name="color-scheme">`."""
        return "dark light" if self.name == "system" else self.name

    @property
    def dark_when(self) -> str:
        """The media query under which the page is dark."""
        return self._media("dark")

    @property
    def light_when(self) -> str:
        """The media query under which the page is light."""
        return self._media("light")

    def _media(self, scheme: ThemeName) -> str:
        if self.name == "system":
            return f"(prefers-color-scheme: {scheme})"
        return "all" if self.name == scheme else "not all"


class ThemeForm(forms.Form):
    """A choice, and the page it was made on."""

    theme = forms.ChoiceField(choices=[(name, name) for name in NAMES])
    next = forms.CharField(required=False, max_length=2000)


def theme_of(request: HttpRequest) -> Theme:
    """What the cookie says; anything it could not have said here means the system's own."""
    said = request.COOKIES.get(COOKIE)
    return Theme(name=next((name for name in NAMES if name == said), "system"))


@require_POST
def choose(request: HtmxHttpRequest) -> HttpResponse:
    """Keeps the choice and goes back to the page; a script that has changed it already gets 204."""
    form = ThemeForm(request.POST)
    if not form.is_valid():
        return bad_request(request)
    response: HttpResponse
    if wants_fragment(request):
        response = HttpResponse(status=204)
    else:
        response = redirect(local_path(form.cleaned_data["next"]))
    response.set_cookie(
        COOKIE,
        form.cleaned_data["theme"],
        max_age=YEAR_SECONDS,
        secure=settings.SESSION_COOKIE_SECURE,
        samesite="Lax",
    )
    return response
