"""What load balancers and Route 53 ask: does the process run, does this region's table answer?"""

from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils.cache import patch_cache_control
from django.views.decorators.http import require_safe

from gtsite.dynamodb.connection import site_table
from gtsite.dynamodb.errors import DataError

PROBE_KEY = ("healthz", "ready")
"""No such item need exist: an answer that there is none is an answer."""


@require_safe
def live(_request: HttpRequest) -> HttpResponse:
    """200 as long as the process answers at all: nothing else is looked at."""
    return _unkept(HttpResponse("ok\n", content_type="text/plain"))


@require_safe
def ready(_request: HttpRequest) -> HttpResponse:
    """200 when the local region's own table answers one read, else 503.

    Pinned to the local region: that another one would answer is what Route 53 is for. One attempt,
    about a second at most.
    """
    region = settings.GT_LOCAL_REGION
    try:
        answer = site_table().at(region).get(*PROBE_KEY)
    except DataError as error:
        failed = {"region": region, "ready": False, "reason": type(error).__name__}
        return _unkept(JsonResponse(failed, status=503))
    milliseconds = round(answer.elapsed_ms, 1)
    return _unkept(JsonResponse({"region": region, "ready": True, "milliseconds": milliseconds}))


def _unkept(response: HttpResponse) -> HttpResponse:
    patch_cache_control(response, no_store=True)
    return response
