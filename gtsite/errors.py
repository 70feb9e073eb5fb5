"""Pages for what went wrong: in the same hand as every other page, or a fragment for htmx."""

import logging

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.template.loader import render_to_string
from django.utils.cache import patch_cache_control, patch_vary_headers

from gtsite.dynamodb.errors import DataError, NoRegionAvailable, RegionUnavailable, Throttled

logger = logging.getLogger(__name__)

RETRY_AFTER_SECONDS = 5

TEXTS = {
    400: ("That request makes no sense", "Something in the address or the form could not be read."),
    403: ("That is not allowed", "This page may not be used that way. Reload it, then try again."),
    404: ("Nothing is here", "There is no such page or title. It may have been taken out."),
    405: ("Not this way", "This address does not answer to that kind of request."),
    500: ("That is our fault", "Something broke while this page was made. It has been noted."),
}
AWAY = (
    "No region answers",
    (
        "The site is up, but none of its databases can be reached just now. Nothing is lost: "
        "positions wait in this browser and are sent as soon as a region is back."
    ),
)
BUSY = ("Too many at once", "The database is at its limit. Wait a few seconds, then try again.")
NOT_READY = ("Not ready yet", "This region's table is missing, or may not be read from here.")


class WithoutTraces(logging.Filter):
    """Leaves out the trace of a request that was refused: the line says what was wrong with it.

    Anybody can send those, as many as they like; traces are for what is our own fault.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        if getattr(record, "status_code", 500) < 500:
            record.exc_info = record.exc_text = None
        return True


def bad_request(request: HttpRequest, *_: object, **__: object) -> HttpResponse:
    return error_page(request, 400, *TEXTS[400])


def permission_denied(request: HttpRequest, *_: object, **__: object) -> HttpResponse:
    return error_page(request, 403, *TEXTS[403])


def csrf_failure(request: HttpRequest, *_: object, **__: object) -> HttpResponse:
    return error_page(request, 403, *TEXTS[403])


def not_found(request: HttpRequest, *_: object, **__: object) -> HttpResponse:
    return error_page(request, 404, *TEXTS[404])


def server_error(_request: HttpRequest) -> HttpResponse:
    """Made of one file and no context: what broke may be what the other pages are made of."""
    heading, sentence = TEXTS[500]
    context = {"heading": heading, "sentence": sentence, "assets": settings.STATIC_URL}
    return HttpResponse(render_to_string("errors/500.html", context), status=500)


def method_not_allowed(request: HttpRequest, refused: HttpResponseBase) -> HttpResponse:
    """The page for a bare 405, which goes on to say which methods there are."""
    response = error_page(request, 405, *TEXTS[405])
    response.headers["Allow"] = refused.headers.get("Allow", "")
    return response


def data_error(request: HttpRequest, error: DataError) -> HttpResponse:
    """503 for what a region could not do; says whether to wait or to provision."""
    logger.error("%s %s: %s: %s", request.method, request.path, type(error).__name__, error)
    match error:
        case NoRegionAvailable() | RegionUnavailable():
            text = AWAY
        case Throttled():
            text = BUSY
        case _:
            text = NOT_READY
    response = error_page(request, 503, *text)
    response.headers["Retry-After"] = str(RETRY_AFTER_SECONDS)
    return response


def error_page(request: HttpRequest, status: int, heading: str, sentence: str) -> HttpResponse:
    """The whole page, or for htmx an alert aimed at the page's own place for notices."""
    htmx = request.headers.get("HX-Request") == "true"
    template = "errors/fragment.html" if htmx else "errors/page.html"
    context = {"status": status, "heading": heading, "sentence": sentence}
    response = render(request, template, context, status=status)
    if htmx:
        response.headers["HX-Retarget"] = "#notice"
        response.headers["HX-Reswap"] = "innerHTML"
    patch_vary_headers(response, ["HX-Request"])
    patch_cache_control(response, no_store=True)
    return response
