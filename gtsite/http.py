"""What every view speaks: the request's type, and one context rendered as a page or a fragment."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from django.core.handlers.wsgi import WSGIRequest
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.cache import patch_cache_control, patch_vary_headers
from django.utils.http import url_has_allowed_host_and_scheme
from django_htmx.middleware import HtmxDetails

from gtsite.dynamodb.router import Meter

FRAGMENT_HEADERS = ("HX-Request", "HX-History-Restore-Request")


class HtmxHttpRequest(HttpRequest):
    """The request as the middleware leaves it."""

    htmx: HtmxDetails
    meter: Meter


class Utf8Request(WSGIRequest):
    """Queries and forms are read as UTF-8, whatever encoding the request claims.

    Django takes the claim at its word even before any middleware could object, and some of what
    Python calls an encoding cannot decode.
    """

    @property
    def encoding(self) -> str:
        return "utf-8"

    @encoding.setter
    def encoding(self, claimed: str) -> None:
        """Nothing is done: there is no other encoding here."""


def wants_fragment(request: HtmxHttpRequest) -> bool:
    """Whether htmx asks for a part: restoring history needs the whole page."""
    return bool(request.htmx) and not request.htmx.history_restore_request


def local_path(asked: str, *, default: str = "/") -> str:
    """`asked` when it is a path on this very site, where it is safe to send a browser."""
    local = asked.startswith("/") and url_has_allowed_host_and_scheme(asked, allowed_hosts=None)
    return asked if local else default


def came_from(request: HttpRequest) -> str:
    """The path of the page a request was sent from; home when nothing says so."""
    try:
        parts = urlsplit(request.headers.get("Referer", ""))
    except ValueError:
        return "/"
    return local_path(parts._replace(scheme="", netloc="", fragment="").geturl())


def render_page(
    request: HtmxHttpRequest,
    page: str,
    context: Mapping[str, Any],
    *,
    fragment: str | None = None,
    status: int = 200,
) -> HttpResponse:
    """The template `page`, or its partial `fragment` when htmx asks for a part.

    Pages belong to one viewer and one moment: shared caches must not keep them, and a browser
    asks again before it shows one anew.
    """
    part = fragment is not None and wants_fragment(request)
    template = f"{page}#{fragment}" if part else page
    response = render(request, template, dict(context), status=status)
    if fragment is not None:
        patch_vary_headers(response, FRAGMENT_HEADERS)
    patch_cache_control(response, private=True, no_cache=True)
    return response
