"""What wraps every request: health first, then who answered and how fast, then what is refused."""

from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase

from gtsite.dynamodb.errors import DataError
from gtsite.dynamodb.router import Meter, meter
from gtsite.errors import data_error, method_not_allowed
from gtsite.status import health as checks

Handler = Callable[[HttpRequest], HttpResponseBase]
CALLS_NAMED = 20
HEALTH = {"/healthz/live": checks.live, "/healthz/ready": checks.ready}


def health(get_response: Handler) -> Handler:
    """Answers load balancers before anything looks at the host name or the scheme.

    They ask by address and without TLS, which every later middleware would refuse.
    """
    answers = {path: served_region(check) for path, check in HEALTH.items()}

    def middleware(request: HttpRequest) -> HttpResponseBase:
        return answers.get(request.path_info, get_response)(request)

    return middleware


def served_region(get_response: Handler) -> Handler:
    """Adds `X-Served-Region` and `Server-Timing`.

    The region is the one whose replica answered last; the site's own when none was asked, or none
    answered.
    """

    def middleware(request: HttpRequest) -> HttpResponseBase:
        with meter() as calls:
            request.meter = calls  # type: ignore[attr-defined]
            response = get_response(request)
        response.headers["X-Served-Region"] = calls.served_region or settings.GT_LOCAL_REGION
        response.headers["Server-Timing"] = server_timing(calls)
        return response

    return middleware


def policies(get_response: Handler) -> Handler:
    """Adds, to files and pages alike, what the browser may do for this site, and who may embed it.

    Pictures may be shown by others, as a shared link does. All else is for this site alone, except
    where an answer opens itself to other origins.
    """
    permissions = ", ".join(f"{name}={who}" for name, who in settings.PERMISSIONS_POLICY.items())

    def middleware(request: HttpRequest) -> HttpResponseBase:
        response = get_response(request)
        kind = response.headers.get("Content-Type", "")
        opened = kind.startswith("image/") or "Access-Control-Allow-Origin" in response.headers
        response.headers["Cross-Origin-Resource-Policy"] = (
            "cross-origin" if opened else "same-origin"
        )
        if kind.startswith("text/html"):
            response.headers["Permissions-Policy"] = permissions
        return response

    return middleware


def server_timing(calls: Meter) -> str:
    """One entry: milliseconds in DynamoDB over all calls, and calls by region and operation.

    An experiment makes thousands: the first ones are named.
    """
    elapsed = sum(call.elapsed_ms for call in calls.calls)
    made = ", ".join(f"{call.region} {call.operation}" for call in calls.calls[:CALLS_NAMED])
    count = len(calls.calls)
    said = f"{count} call{'' if count == 1 else 's'}{': ' if made else ''}{made}"
    return f'ddb;dur={elapsed:.1f};desc="{said}"'


class Refusals:
    """Turns a bare 405, and what the repository layer could not do, into pages that say so.

    The one place where data errors become HTTP: what is not a `DataError` passes up.
    """

    def __init__(self, get_response: Handler) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        response = self._get_response(request)
        return method_not_allowed(request, response) if response.status_code == 405 else response

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        return data_error(request, error) if isinstance(error, DataError) else None
