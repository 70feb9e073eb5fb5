"""Which regions answer, as this process has found out, and how their tables replicate.

The page itself waits for nobody. What has to be asked for comes in parts of their own, so that
one that is slow delays no other; `?refresh=off` is the whole page at one moment, without scripts.
"""

import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, TypeVar

from django.conf import settings
from django.http import Http404, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.views.decorators.http import require_safe

from gtsite.dynamodb.connection import metrics_period_seconds, router
from gtsite.http import HtmxHttpRequest, render_page, wants_fragment
from gtsite.status.kept import Kept, Told, get_all
from gtsite.status.parts import (
    ReplicationPart,
    SandboxPart,
    TablesPart,
    replication_part,
    sandbox_part,
    tables_part,
)
from gtsite.status.services import region_lines
from gtsite.status.watch import kept_seconds, watch

T = TypeVar("T")

PAGE = "status/status.html"
REFRESH_SECONDS = 5
PART_PATIENCE_SECONDS = 2.0
PAGE_PATIENCE_SECONDS = 5.0
ASK_AGAIN = "load delay:1s"
LONGEST_NAME = 255


class _Patience:
    """How long a view waits for all it asks for together; None asks for nothing."""

    def __init__(self, seconds: float | None) -> None:
        self._until = None if seconds is None else time.monotonic() + seconds

    def of(self, kept: Kept[T]) -> Told[T]:
        return self.all({"": kept})[""]

    def all(self, kept: Mapping[str, Kept[T]]) -> dict[str, Told[T]]:
        if self._until is None:
            return {name: each.latest() for name, each in kept.items()}
        return get_all(kept, patience_seconds=max(0.0, self._until - time.monotonic()))


@require_safe
def status(request: HtmxHttpRequest) -> HttpResponse:
    """The regions, refreshed every few seconds, and places for the rest.

    With `?refresh=off` everything, as it is now.
    """
    refreshing = request.GET.get("refresh") != "off"
    context = _regions() | {"refreshing": refreshing}
    if not wants_fragment(request):
        patience = _Patience(None if refreshing else PAGE_PATIENCE_SECONDS)
        context |= _rest(_asked_table(request), patience)
    return render_page(request, PAGE, context, fragment="regions")


@require_safe
def tables(request: HtmxHttpRequest) -> HttpResponse:
    """Where every table is."""
    return _part(request, "tables", lambda patience: {"tables": _tables(patience)})


@require_safe
def replication(request: HtmxHttpRequest) -> HttpResponse:
    """The last hour of one table, the site's own unless `?table=` names another."""
    table = _asked_table(request)
    return _part(
        request, "replication", lambda patience: {"replication": _replication(table, patience)}
    )


@require_safe
def sandbox(request: HtmxHttpRequest) -> HttpResponse:
    """What waits and what met, where there is a sandbox to tell."""
    if not settings.SANDBOX_CONTROL_URL:
        raise Http404
    return _part(request, "sandbox", lambda patience: {"sandbox": _sandbox(patience)})


def _part(
    request: HtmxHttpRequest, name: str, gather: Callable[[_Patience], Mapping[str, Any]]
) -> HttpResponse:
    """One part for htmx, which asks again soon when it was not told in time; else the page."""
    if not wants_fragment(request):
        return redirect(f"{reverse('status:status')}?refresh=off")
    found = gather(_Patience(PART_PATIENCE_SECONDS))
    soon = found[name].asking
    trigger = ASK_AGAIN if soon else f"every {_every(name):.0f}s"
    context = {**found, "refreshing": True, "trigger": trigger}
    return render_page(request, PAGE, context, fragment=name)


def _every(part: str) -> float:
    """Seconds between two askings by a page: no shorter than an answer is kept."""
    return max(REFRESH_SECONDS, kept_seconds(part))


def _regions() -> dict[str, Any]:
    now, asked = datetime.now(UTC), router()
    return {
        "lines": region_lines(asked.states(), asked.traffic, now=now),
        "now": now,
        "refresh_seconds": REFRESH_SECONDS,
    }


def _rest(table: str, patience: _Patience) -> dict[str, Any]:
    """The parts of a whole page: where nothing may be asked, what is known."""
    found: dict[str, Any] = {"trigger": "load", "tables": _tables(patience)}
    found["replication"] = _replication(table, patience)
    if settings.SANDBOX_CONTROL_URL:
        found["sandbox"] = _sandbox(patience)
    return found


def _tables(patience: _Patience) -> TablesPart:
    return tables_part(patience.of(watch().tables))


def _replication(table: str, patience: _Patience) -> ReplicationPart:
    """The table's regions are known first; then all of them are asked at once."""
    known = patience.of(watch().tables)
    copies = watch().copies(table=table, told=known)
    if copies is None:
        problems = (known.problem,) if known.problem else ()
        return ReplicationPart(table=table, asking=known.asking, problems=problems)
    regions = [each.region for each in copies.replicas]
    sources = {
        source: watch().ways(copies.table, source, tuple(r for r in regions if r != source))
        for source in (regions if len(regions) > 1 else ())
    }
    return replication_part(
        patience.all(sources),
        table=copies.table,
        tables=[each.table for each in known.value or ()],
        known_at=known.at,
        now=datetime.now(UTC),
        period_seconds=metrics_period_seconds(),
    )


def _sandbox(patience: _Patience) -> SandboxPart:
    told = patience.of(watch().sandbox)
    return sandbox_part(told, regions=settings.GT_REGIONS, now=datetime.now(UTC))


def _asked_table(request: HtmxHttpRequest) -> str:
    """As it was written: only a table that was found is ever asked for."""
    return request.GET.get("table", settings.GT_TABLE)[:LONGEST_NAME]
