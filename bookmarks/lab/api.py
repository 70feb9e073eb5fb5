"""The JSON service of the source workshop, for each region, so that its web client works here.

Updates are GETs because that client sends nothing else. What makes that bearable: the service is
mounted with the lab only, knows no cookies, and touches nothing but the catalogue, which it reads,
and the two viewers of the lab, who are nobody.
"""

import re
from collections.abc import Callable
from functools import wraps
from http import HTTPStatus
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils.cache import patch_cache_control
from django.views.decorators.http import require_http_methods

from bookmarks.lab.entities import STEP_LIMIT, digits
from bookmarks.lab.repository import Key, LabItems
from bookmarks.lab.services import now_ms
from gtsite.dynamodb.connection import site_table
from gtsite.dynamodb.errors import DataError, ItemRefused, RegionUnavailable, Throttled

LIBRARY = "library"
VIEWERS = ("user10", "user100")
READABLE = (LIBRARY, *VIEWERS)
THUMB_LIMIT = 2000

SORT = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._#-]{0,63}")
NUMBER = re.compile(r"[+-]?[0-9]{1,6}")
SHARE = re.compile(r"(0|1)(\.[0-9]{1,9})?")
BASE64 = re.compile(r"[A-Za-z0-9+/_-]*={0,2}")

Body = dict[str, Any]
View = Callable[..., HttpResponse]


class Refused(Exception):
    """The request is not one this service answers; one sentence, and the status it is sent with."""

    def __init__(self, status: HTTPStatus, sentence: str) -> None:
        super().__init__(sentence)
        self.status = status


def endpoint(answer: Callable[..., Body]) -> View:
    """A view that answers in JSON whatever happens, to pages of any origin.

    A region that is away is a 503, or a 504 when it took the request and then said nothing: an
    update may have been carried out all the same.
    """

    @wraps(answer)
    @require_http_methods(["GET", "HEAD", "OPTIONS"])
    def view(request: HttpRequest, region: str, **path: str) -> HttpResponse:
        if request.method == "OPTIONS":
            return _open(HttpResponse(status=HTTPStatus.NO_CONTENT))
        try:
            _check_region(region)
            return _open(JsonResponse(answer(region, **path)))
        except Refused as refusal:
            return _error(refusal.status, str(refusal))
        except DataError as error:
            return _error(_status(error), str(error))

    return view


@endpoint
def ping(region: str) -> Body:
    _items().ping(region)
    return {"ping": "ok"}


@endpoint
def scan(region: str) -> Body:
    """Every item that may be seen here: one page of each partition, not the whole table."""
    items = _items()
    answers = [items.list_wire(region, partition) for partition in READABLE]
    return {
        "Items": [item for answer in answers for item in answer.value],
        "Latency": round(sum(answer.elapsed_ms for answer in answers)),
    }


@endpoint
def query(region: str, partition: str) -> Body:
    _check(partition in READABLE, HTTPStatus.FORBIDDEN, f"Only {', '.join(READABLE)} can be read.")
    answer = _items().list_wire(region, partition)
    return {"Items": answer.value, "Latency": round(answer.elapsed_ms)}


@endpoint
def get(region: str, partition: str, sort: str) -> Body:
    """`Item` is null when there is none."""
    _check(partition in READABLE, HTTPStatus.FORBIDDEN, f"Only {', '.join(READABLE)} can be read.")
    _check_sort(sort)
    answer = _items().find_wire(region, partition, sort)
    return {"Item": answer.value, "Latency": round(answer.elapsed_ms)}


@endpoint
def update(region: str, partition: str, sort: str, number: str) -> Body:
    """Adds a whole number to `Bookmark`, the lab's way: see `LabItems.add`."""
    key = _writable(partition, sort)
    known = NUMBER.fullmatch(number) is not None and abs(int(number)) <= STEP_LIMIT
    _check(
        known,
        HTTPStatus.BAD_REQUEST,
        f"Add a whole number from -{STEP_LIMIT} to {STEP_LIMIT}.",
    )
    answer = _items().add(region, int(number), stamp_ms=now_ms(), key=key)
    value = answer.value.after.value
    written = {} if value is None else {"Bookmark": {"N": digits(value)}}
    return _updated(key, written, answer.elapsed_ms)


@endpoint
def watch(region: str, partition: str, sort: str, fraction: str, thumb: str) -> Body:
    """Keeps how much of a video has been watched, 0 to 1, and its picture's address in Base64."""
    key = _writable(partition, sort)
    known = SHARE.fullmatch(fraction) is not None and float(fraction) <= 1
    _check(known, HTTPStatus.BAD_REQUEST, "The part watched is a number from 0 to 1.")
    fits = len(thumb) <= THUMB_LIMIT and BASE64.fullmatch(thumb) is not None
    _check(
        fits, HTTPStatus.BAD_REQUEST, f"The picture is Base64, {THUMB_LIMIT} characters at most."
    )
    answer = _items().set_share(region, fraction, thumb, stamp_ms=now_ms(), key=key)
    return _updated(key, {"bookmark": {"S": fraction}, "thumb": {"S": thumb}}, answer.elapsed_ms)


def _updated(key: Key, written: Body, elapsed_ms: float) -> Body:
    return {
        "Attributes": written,
        "PK": key.viewer_id,
        "SK": key.content_id,
        "Latency": round(elapsed_ms),
    }


def _items() -> LabItems:
    return LabItems(site_table())


def _writable(partition: str, sort: str) -> Key:
    _check(
        partition in VIEWERS, HTTPStatus.FORBIDDEN, f"Only {' and '.join(VIEWERS)} can be written."
    )
    _check_sort(sort)
    return Key(viewer_id=partition, content_id=sort)


def _check_region(region: str) -> None:
    _check(
        region in settings.GT_REGIONS,
        HTTPStatus.NOT_FOUND,
        f"This site knows {', '.join(settings.GT_REGIONS)}, and no other region.",
    )


def _check_sort(sort: str) -> None:
    _check(
        SORT.fullmatch(sort) is not None,
        HTTPStatus.BAD_REQUEST,
        "A content id has at most 64 letters, digits, dots, hyphens, underscores and #.",
    )


def _check(holds: bool, status: HTTPStatus, sentence: str) -> None:
    if not holds:
        raise Refused(status, sentence)


def _status(error: DataError) -> HTTPStatus:
    match error:
        case RegionUnavailable(outcome_unknown=True):
            return HTTPStatus.GATEWAY_TIMEOUT
        case Throttled():
            return HTTPStatus.TOO_MANY_REQUESTS
        case ItemRefused():
            return HTTPStatus.BAD_REQUEST
        case _:
            return HTTPStatus.SERVICE_UNAVAILABLE


def _error(status: HTTPStatus, sentence: str) -> HttpResponse:
    return _open(JsonResponse({"Error": sentence}, status=status))


def _open(response: HttpResponse) -> HttpResponse:
    """Readable by pages of any origin; there are no cookies to be sent along."""
    response.headers["Access-Control-Allow-Origin"] = "*"
    response.headers["Access-Control-Allow-Methods"] = "GET, OPTIONS"
    response.headers["Access-Control-Allow-Headers"] = "Content-Type"
    patch_cache_control(response, no_store=True)
    return response
