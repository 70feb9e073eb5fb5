"""Which regions answer, as this process has found out."""

from datetime import UTC, datetime

from django.http import HttpResponse
from django.views.decorators.http import require_safe

from gtsite.dynamodb.connection import router
from gtsite.http import HtmxHttpRequest, render_page
from gtsite.status.services import region_lines

REFRESH_SECONDS = 5


@require_safe
def status(request: HtmxHttpRequest) -> HttpResponse:
    """The regions, refreshed every few seconds unless `?refresh=off`."""
    now = datetime.now(UTC)
    context = {
        "lines": region_lines(router().states(), now=now),
        "now": now,
        "refreshing": request.GET.get("refresh") != "off",
        "refresh_seconds": REFRESH_SECONDS,
    }
    return render_page(request, "status/status.html", context, fragment="regions")
