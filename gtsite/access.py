"""One log line for each request, and the number by which a visitor can ask about it."""

import logging
import time
from collections.abc import Callable, Iterator
from typing import Any

from django.http import FileResponse, HttpRequest, StreamingHttpResponse
from django.http.response import HttpResponseBase

from gtsite.dynamodb.meter import Meter
from gtsite.logs import CHECKS, number_of, numbered, request_id, shown_path

Handler = Callable[[HttpRequest], HttpResponseBase]
OK = 200

logger = logging.getLogger(__name__)


class Access:
    """Outermost, so that it sees every answer. Numbers the request and answers `X-Request-ID`.

    The line of a streamed answer is written when it ends; that of a file when it begins, because
    the server sends it by itself. Load balancers ask all the time: their checks are told of when
    they fail, and when they change.
    """

    def __init__(self, get_response: Handler) -> None:
        self._get_response = get_response
        self._checks: dict[str, int] = {}

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        began = time.perf_counter()
        number = number_of(request.headers.get("X-Amzn-Trace-Id", ""))
        request.number = number  # type: ignore[attr-defined]
        with numbered(number):
            response = self._get_response(request)
            response.headers["X-Request-ID"] = number
            if isinstance(response, StreamingHttpResponse) and not isinstance(
                response, FileResponse
            ):
                response.streaming_content = Streamed(request, response, began)
            elif self._is_news(request.path, response.status_code):
                write_line(request, response, began)
        return response

    def _is_news(self, path: str, status: int) -> bool:
        if path not in CHECKS:
            return True
        before, self._checks[path] = self._checks.get(path), status
        return status != OK or before != OK


class Streamed:
    """What a response streams, in the name of its request; closing it writes the line.

    The server closes it whether it was sent whole or not.
    """

    def __init__(self, request: HttpRequest, response: StreamingHttpResponse, began: float) -> None:
        self._request = request
        self._response = response
        self._parts = iter(response)
        self._number = request_id()
        self._began = began
        self._complete = False

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        with numbered(self._number):
            try:
                return next(self._parts)
            except StopIteration:
                self._complete = True
                raise

    def close(self) -> None:
        with numbered(self._number):
            write_line(self._request, self._response, self._began, complete=self._complete)


def write_line(request: HttpRequest, response: HttpResponseBase, began: float, **more: Any) -> None:
    """No query, cookie, name or address of a visitor; `milliseconds` since the request was read."""
    path, match = shown_path(request), request.resolver_match
    method = (request.method or "")[:20]
    logger.info(
        "%s %s %d",
        method,
        path,
        response.status_code,
        extra={
            "method": method,
            "path": path,
            "route": match.view_name if match else "",
            "status": response.status_code,
            "milliseconds": _rounded((time.perf_counter() - began) * 1000),
            "served_region": response.headers.get("X-Served-Region", ""),
            **_calls(getattr(request, "meter", None)),
            **more,
        },
    )


def _calls(meter: Meter | None) -> dict[str, float]:
    calls = list(meter.calls) if meter else []
    elapsed = sum(call.elapsed_ms for call in calls)
    return {"dynamodb_calls": len(calls), "dynamodb_milliseconds": _rounded(elapsed)}


def _rounded(milliseconds: float) -> float:
    return round(milliseconds, 1)
