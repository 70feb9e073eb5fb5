"""`manage.py experiment lag`: how long an item written in one region takes to reach another."""

import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from django.core.management.base import CommandError

from gtsite.dynamodb import connection
from gtsite.dynamodb.errors import AccessRefused, DataError, MetricsUnavailable
from gtsite.dynamodb.metrics import Metrics, Point
from gtsite.dynamodb.tables import TableDefinition
from gtsite.experiments.entities import LagPlan, LagRun, Phase, Way
from gtsite.experiments.lag import run_lag
from gtsite.management.base import PartlyDone, SiteCommand, UsageError
from gtsite.management.experiments.lag_report import CloudWatch, lag_document, lag_lines, summary
from gtsite.management.experiments.stopping import stopped_by_ctrl_c
from gtsite.management.progress import progress_line
from gtsite.management.subjects import check_regions, find_table, split_names, table_regions
from gtsite.wording import counted

MOST_PROBES = 1_000
MOST_EVERY_MS = 60_000
MOST_PATIENCE_SECONDS = 3_600
CLOUDWATCH_SINCE = timedelta(minutes=15)


def declare(actions: Any) -> None:
    """Its part of the command line."""
    lag = actions.add_parser(
        "lag",
        help="how long writes take to reach another region",
        description="Writes probes in one region, looks for them in the other, and deletes them.",
    )
    lag.add_argument("table", help="the table's name")
    lag.add_argument("--from", dest="sources", metavar="R[,R…]", help="where to write; all regions")
    lag.add_argument("--to", dest="targets", metavar="R[,R…]", help="where to look; all regions")
    lag.add_argument("-n", "--probes", type=int, default=20, metavar="N", help="a region; 20")
    lag.add_argument("--every", type=int, default=100, metavar="MS", help="between probes; 100")
    lag.add_argument("--poll", type=int, default=5, metavar="MS", help="between looks; 5")
    lag.add_argument(
        "--patience",
        type=int,
        default=60,
        metavar="SECONDS",
        help="after which a probe counts as missing; 60",
    )


def run(command: SiteCommand, options: dict[str, Any]) -> None:
    """Measures and prints; raises `PartlyDone` when not every probe was written and arrived."""
    _check_bounds(options)
    sources, targets = _named(options["sources"]), _named(options["targets"])
    definition = find_table(options["table"], region=(sources or targets or (None,))[0])
    plan = LagPlan(
        ways=_ways(definition, sources, targets),
        probes=options["probes"],
        every_ms=options["every"],
        patience_ms=options["patience"] * 1000,
        poll_ms=options["poll"],
    )
    found = _measured(command, plan, definition)
    _raise_if_nothing(found)
    cloudwatch = _cloudwatch(definition.name, [each.way for each in found.ways if each.probes])
    command.answer(
        lag_document(definition.name, found, cloudwatch),
        lag_lines(definition.name, found, cloudwatch),
    )
    _raise_if_incomplete(found)


def _check_bounds(options: dict[str, Any]) -> None:
    bounds = {
        "probes": ("-n", MOST_PROBES),
        "every": ("--every", MOST_EVERY_MS),
        "poll": ("--poll", MOST_EVERY_MS),
        "patience": ("--patience", MOST_PATIENCE_SECONDS),
    }
    for name, (flag, most) in bounds.items():
        if not 1 <= options[name] <= most:
            raise UsageError(f"{flag} is {options[name]}: write 1 to {most:,}.")


def _named(text: str | None) -> tuple[str, ...]:
    return split_names(text) if text is not None else ()


def _ways(
    definition: TableDefinition, sources: Sequence[str], targets: Sequence[str]
) -> tuple[Way, ...]:
    """Every way from one of the sources to one of the targets; raises `UsageError`."""
    if sources or targets:
        check_regions(definition, [*sources, *targets])
    everywhere = () if sources and targets else table_regions(definition)
    ways = tuple(
        Way(source=source, target=target)
        for source in dict.fromkeys(sources or everywhere)
        for target in dict.fromkeys(targets or everywhere)
        if source != target
    )
    if not ways:
        raise UsageError(
            f"{definition.name} has nowhere else to replicate to: name two of its regions."
        )
    return ways


def _measured(command: SiteCommand, plan: LagPlan, definition: TableDefinition) -> LagRun:
    regions = tuple(dict.fromkeys(each for way in plan.ways for each in (way.source, way.target)))
    with (
        connection.regional_table(expiring(definition, regions[0]), regions) as table,
        progress_line(sys.stderr, command.say) as line,
        stopped_by_ctrl_c() as stop,
    ):
        return run_lag(plan, table, tell=lambda run: line.show(summary(run)), stop=stop)


def expiring(definition: TableDefinition, region: str) -> TableDefinition:
    """The definition with the attribute by which this table's items expire, as far as is known."""
    try:
        with connection.inspection() as control:
            return replace(definition, ttl_attribute=control.expiry(region, definition.name))
    except DataError:
        return definition


def _cloudwatch(table_name: str, ways: Sequence[Way]) -> CloudWatch:
    """What CloudWatch last said of each way; nothing where it says nothing, or is not there.

    A region that took no probe is not asked: it would keep everybody waiting.
    """
    targets: dict[str, list[str]] = {}
    for way in ways:
        targets.setdefault(way.source, []).append(way.target)
    with connection.metrics() as metrics, ThreadPoolExecutor(max(1, len(targets))) as threads:
        found = threads.map(
            lambda source: _latencies(metrics, table_name, source, targets[source]), targets
        )
        return {
            Way(source=source, target=target): points[-1]
            for source, latencies in zip(targets, found, strict=True)
            for target, points in latencies.items()
            if points
        }


def _latencies(
    metrics: Metrics, table_name: str, source: str, targets: Sequence[str]
) -> dict[str, tuple[Point, ...]]:
    try:
        return metrics.replication_latency(
            table_name,
            source,
            targets,
            since=datetime.now(UTC) - CLOUDWATCH_SINCE,
            period_seconds=connection.metrics_period_seconds(),
        )
    except (AccessRefused, MetricsUnavailable):
        return {}


def _raise_if_nothing(found: LagRun) -> None:
    if found.phase is not Phase.STOPPED and not any(way.probes for way in found.ways):
        why = " ".join(each.sentence for each in found.troubles)
        raise CommandError(f"No probe could be written. {why}")


def _raise_if_incomplete(found: LagRun) -> None:
    if found.phase is Phase.STOPPED:
        raise KeyboardInterrupt
    expected = found.plan.probes * len(found.ways)
    written = sum(len(way.probes) for way in found.ways)
    missing = sum(way.missing for way in found.ways)
    if missing or written < expected:
        raise PartlyDone(_incomplete(missing, written, expected))


def _incomplete(missing: int, written: int, expected: int) -> str:
    parts = []
    if written < expected:
        parts.append(f"{expected - written:,} of {counted(expected, 'probe')} were not written")
    if missing:
        parts.append(f"{missing:,} of {counted(written, 'probe')} did not arrive")
    return f"{', and '.join(parts)}: see what went wrong, or give them more time with --patience."
