"""What a measurement of lag comes to, as tables and as a document."""

import math
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from rich.console import RenderableType
from rich.table import Table

from gtsite.dynamodb.metrics import Point
from gtsite.dynamodb.regions import distance_km, light_time_ms
from gtsite.experiments.entities import LagRun, Phase, Way, WayLag
from gtsite.experiments.statistics import histogram, percentile
from gtsite.management.experiments.bars import histogram_table
from gtsite.management.experiments.items import trouble_lines
from gtsite.management.rendering import lines, table
from gtsite.wording import NOTHING, counted

PERCENTILES = (50, 90, 99, 100)
LEAST_BINS, MOST_BINS = 4, 12

CloudWatch = Mapping[Way, Point]
"""The newest point of each way that CloudWatch has one of."""


def lag_lines(table_name: str, run: LagRun, cloudwatch: CloudWatch) -> list[str]:
    """Medians as a matrix if there are several ways, then every way, what it is beside, a
    histogram, and what went wrong."""
    parts: list[RenderableType] = [_heading(table_name, run), ""]
    if len(run.ways) > 1:
        parts += [_matrix(run), ""]
    parts += [_figures(run), "", _beside(run, cloudwatch)]
    arrived = [lag for way in run.ways for lag in way.lags_ms]
    if arrived:
        title = "How they are spread" + (", all ways together" if len(run.ways) > 1 else "")
        bins = min(MOST_BINS, max(LEAST_BINS, math.isqrt(len(arrived))))
        parts += ["", histogram_table(title, "ms", "probes", histogram(arrived, bins))]
    return lines(*parts, *trouble_lines(run.troubles))


def lag_document(table_name: str, run: LagRun, cloudwatch: CloudWatch) -> dict[str, Any]:
    """Everything that was found; times in milliseconds since the run began."""
    return {
        "experiment": "lag",
        "table": table_name,
        "began_at": run.began_at.isoformat(),
        "phase": run.phase.value,
        "probes": run.plan.probes,
        "every_ms": run.plan.every_ms,
        "patience_ms": run.plan.patience_ms,
        "poll_ms": run.plan.poll_ms,
        "ways": [_way_document(way, cloudwatch.get(way.way)) for way in run.ways],
        "troubles": [asdict(each) for each in run.troubles],
    }


def summary(run: LagRun) -> str:
    """`118 of 120 probes arrived, the median after 1,003 ms`."""
    arrived = [lag for way in run.ways for lag in way.lags_ms]
    expected = run.plan.probes * len(run.ways)
    middle = percentile(arrived, 50)
    after = "" if middle is None else f", the median after {_ms(middle)} ms"
    return f"{len(arrived):,} of {counted(expected, 'probe')} arrived{after}"


def _heading(table_name: str, run: LagRun) -> str:
    probes = counted(run.plan.probes, "probe")
    where = f" on each of {len(run.ways)} ways" if len(run.ways) > 1 else ""
    early = ". Stopped early: what was under way counts as missing"
    return (
        f"{table_name}: {probes}{where}, one every {run.plan.every_ms:,.0f} ms"
        f"{early if run.phase is Phase.STOPPED else ''}"
    )


def _matrix(run: LagRun) -> Table:
    """The median of every way, sources down, targets across."""
    sources = dict.fromkeys(each.way.source for each in run.ways)
    targets = tuple(dict.fromkeys(each.way.target for each in run.ways))
    medians = {each.way: percentile(each.lags_ms, 50) for each in run.ways}
    made = table("Median lag in ms", "from ↓ to →", *targets, right=targets)
    for source in sources:
        made.add_row(
            source, *(_ms(medians.get(Way(source=source, target=each))) for each in targets)
        )
    return made


def _figures(run: LagRun) -> Table:
    numbers = ("p50", "p90", "p99", "max", "±", "arrived", "missing")
    made = table("Lag in ms", "from", "to", *numbers, right=numbers)
    for each in run.ways:
        made.add_row(
            each.way.source,
            each.way.target,
            *(_ms(percentile(each.lags_ms, p)) for p in PERCENTILES),
            _ms(_give_or_take_ms(each)),
            f"{len(each.lags_ms):,}",
            f"{each.missing:,}",
        )
    return made


def _beside(run: LagRun, cloudwatch: CloudWatch) -> Table:
    """What a lag is to be compared with."""
    numbers = ("km", "light ms", "p50 ms", "CloudWatch ms", "at UTC")
    made = table("Beside the distance and CloudWatch", "from", "to", *numbers, right=numbers)
    for each in run.ways:
        source, target = each.way.source, each.way.target
        point = cloudwatch.get(each.way)
        made.add_row(
            source,
            target,
            f"{distance_km(source, target):,.0f}",
            f"{light_time_ms(source, target):,.1f}",
            _ms(percentile(each.lags_ms, 50)),
            _ms(point.average if point else None),
            f"{point.at:%H:%M}" if point else NOTHING,
        )
    return made


def _way_document(lag: WayLag, point: Point | None) -> dict[str, Any]:
    source, target = lag.way.source, lag.way.target
    return {
        "from": source,
        "to": target,
        "written": len(lag.probes),
        "arrived": len(lag.lags_ms),
        "missing": lag.missing,
        "p50_ms": _rounded(percentile(lag.lags_ms, 50)),
        "p90_ms": _rounded(percentile(lag.lags_ms, 90)),
        "p99_ms": _rounded(percentile(lag.lags_ms, 99)),
        "max_ms": _rounded(percentile(lag.lags_ms, 100)),
        "give_or_take_ms": _rounded(_give_or_take_ms(lag)),
        "distance_km": round(distance_km(source, target)),
        "light_ms": round(light_time_ms(source, target), 1),
        "cloudwatch": _point_document(point),
        "probes": [
            {
                "number": each.number,
                "written_ms": _rounded(each.written_ms),
                "lag_ms": _rounded(each.lag_ms),
                "give_or_take_ms": _rounded(each.give_or_take_ms),
            }
            for each in lag.probes
        ],
    }


def _point_document(point: Point | None) -> dict[str, Any] | None:
    if point is None:
        return None
    return {
        "at": point.at.isoformat(),
        "average_ms": _rounded(point.average),
        "most_ms": _rounded(point.most),
    }


def _give_or_take_ms(lag: WayLag) -> float | None:
    """How far a probe that arrived may be off, in the middle."""
    return percentile([each.give_or_take_ms for each in lag.probes if each.lag_ms is not None], 50)


def _ms(value: float | None) -> str:
    """Tenths of a millisecond only where they are more than noise."""
    if value is None:
        return NOTHING
    return f"{value:,.1f}" if value < 10 else f"{value:,.0f}"


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 1)
