"""Pages for what went wrong: in the same hand as every other page, or a fragment for htmx."""

import logging
from dataclasses import dataclass, replace

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.template.loader import render_to_string
from django.utils.cache import patch_cache_control, patch_vary_headers

from gtsite.dynamodb.errors import DataError, NoRegionAvailable, RegionUnavailable, Throttled
from gtsite.dynamodb.regions import region
from gtsite.http import came_from
from gtsite.logs import request_id, shown_path

logger = logging.getLogger(__name__)

RETRY_AFTER_SECONDS = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """What a page about something that went wrong says.

    `passing` says that the same request may work later; `elsewhere`, that another region's site
    may answer it now; `lost`, that a search may find what was looked for.
    """

    status: int
    heading: str
    sentence: str
    passing: bool = False
    elsewhere: bool = False
    lost: bool = False


BAD_REQUEST = Fault(
    status=400,
    heading="That request makes no sense",
    sentence="Something in the address or the form could not be read.",
)
FORBIDDEN = Fault(
    status=403,
    heading="That is not allowed",
    sentence="This page may not be used that way. Reload it, then try again.",
)
NOT_FOUND = Fault(
    status=404,
    heading="Nothing is here",
    sentence="There is no such page or title. It may have been taken out.",
    lost=True,
)
WRONG_METHOD = Fault(
    status=405,
    heading="Not this way",
    sentence="This address does not answer to that kind of request.",
)
OURS = Fault(
    status=500,
    heading="That is our fault",
    sentence="Something broke while this page was made. It has been noted.",
    passing=True,
)
AWAY = Fault(
    status=503,
    heading="No region answers",
    sentence=(
        "The site is up, but none of its databases can be reached just now. Nothing is lost: "
        "positions wait in this browser and are sent as soon as a region is back."
    ),
    passing=True,
    elsewhere=True,
)
BUSY = Fault(
    status=503,
    heading="Too many at once",
    sentence="The database is at its limit. Wait a few seconds, then try again.",
    passing=True,
)
NOT_READY = Fault(
    status=503,
    heading="Not ready yet",
    sentence="This region's table is missing, or may not be read from here.",
    passing=True,
    elsewhere=True,
)


class WithoutTraces(logging.Filter):
    """Leaves out the trace of a request that was refused: the line says what was wrong with it.

    Anybody can send those, as many as they like; traces are for what is our own fault.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        if getattr(record, "status_code", 500) < 500:
            record.exc_info = record.exc_text = None
        return True


def bad_request(request: HttpRequest, *_: object, **__: object) -> HttpResponse:
    return error_page(request, BAD_REQUEST)


def permission_denied(request: HttpRequest, *_: object, **__: object) -> HttpResponse:
    return error_page(request, FORBIDDEN)


def csrf_failure(request: HttpRequest, *_: object, **__: object) -> HttpResponse:
    return error_page(request, FORBIDDEN)


def not_found(request: HttpRequest, *_: object, **__: object) -> HttpResponse:
    return error_page(request, NOT_FOUND)


def server_error(_request: HttpRequest) -> HttpResponse:
    """Made of one file and no context: what broke may be what the other pages are made of."""
    context = {"fault": OURS, "assets": settings.STATIC_URL, "number": request_id()}
    return HttpResponse(render_to_string("errors/500.html", context), status=500)


def method_not_allowed(request: HttpRequest, refused: HttpResponseBase) -> HttpResponse:
    """The page for a bare 405, which goes on to say which methods there are."""
    response = error_page(request, WRONG_METHOD)
    response.headers["Allow"] = refused.headers.get("Allow", "")
    return response


def data_error(request: HttpRequest, error: DataError) -> HttpResponse:
    """503 for what a region could not do; says whether to wait or to provision."""
    logger.error("%s %s: %s: %s", request.method, shown_path(request), type(error).__name__, error)
    response = error_page(request, fault_of(error))
    response.headers["Retry-After"] = str(RETRY_AFTER_SECONDS)
    return response


def fault_of(error: DataError) -> Fault:
    """What a viewer is told of it."""
    match error:
        case NoRegionAvailable():
            return AWAY
        case RegionUnavailable(region=name):
            return _one_away(region(name).place)
        case Throttled():
            return BUSY
        case _:
            return NOT_READY


def _one_away(place: str) -> Fault:
    return replace(
        AWAY,
        heading=f"{place} is away",
        sentence=(
            f"What you asked for needs the database in {place}, which does not answer just now. "
            "Nothing is lost; browsing and playing go on."
        ),
    )


def error_page(request: HttpRequest, fault: Fault) -> HttpResponse:
    """The whole page, or for htmx an alert aimed at the page's own place for notices."""
    htmx = request.headers.get("HX-Request") == "true"
    template = "errors/fragment.html" if htmx else "errors/page.html"
    context = {"fault": fault, "again": _again(request) if fault.passing else ""}
    response = render(request, template, context, status=fault.status)
    if htmx:
        response.headers["HX-Retarget"] = "#notice"
        response.headers["HX-Reswap"] = "innerHTML"
    patch_vary_headers(response, ["HX-Request"])
    patch_cache_control(response, no_store=True)
    return response


def _again(request: HttpRequest) -> str:
    """Where the same thing can be tried again: this page, or the one its form stood on."""
    if request.method == "GET":
        return request.get_full_path()
    return came_from(request)
