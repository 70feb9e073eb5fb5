"""One look at a table from everywhere: its replicas, and what CloudWatch says of the last hour."""

from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from gtsite.dynamodb.connection import metrics_period_seconds
from gtsite.dynamodb.errors import DataError
from gtsite.dynamodb.metrics import Metrics, Point, Throttles
from gtsite.dynamodb.replicas import AWAY, Replica
from gtsite.management.rendering import table
from gtsite.wording import NOTHING

HOUR = timedelta(hours=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class WayFigures:
    """One way in the last hour, oldest period first: milliseconds, and how many images wait.

    `pending` is empty but for tables of version 2017.11.29.
    """

    source: str
    target: str
    latency: tuple[Point, ...]
    pending: tuple[Point, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class RegionFigures:
    """What one region's CloudWatch says, or why it says nothing."""

    region: str
    ways: tuple[WayFigures, ...] = ()
    throttles: Throttles | None = None
    problem: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """A table at one moment; `figures` in the order of `replicas`, home first."""

    table: str
    at: datetime
    replicas: tuple[Replica, ...]
    figures: tuple[RegionFigures, ...]

    @property
    def ways(self) -> list[WayFigures]:
        return [way for each in self.figures for way in each.ways]

    @property
    def problems(self) -> list[str]:
        """Each once, in one sentence."""
        return list(dict.fromkeys(each.problem for each in self.figures if each.problem))


def look_at(name: str, replicas: Sequence[Replica], metrics: Metrics) -> Look:
    """Asks CloudWatch in every region that holds the table, side by side."""
    regions = [each.region for each in replicas]

    def ask(region: str) -> RegionFigures:
        others = [each for each in regions if each != region]
        try:
            return _figures(name, region, others, metrics)
        except DataError as error:
            return RegionFigures(region=region, problem=str(error))

    with ThreadPoolExecutor(len(regions), thread_name_prefix="monitor") as threads:
        figures = tuple(threads.map(ask, regions))
    return Look(table=name, at=datetime.now(UTC), replicas=tuple(replicas), figures=figures)


def _figures(name: str, region: str, others: Sequence[str], metrics: Metrics) -> RegionFigures:
    since, period = datetime.now(UTC) - HOUR, metrics_period_seconds()
    latency = metrics.replication_latency(name, region, others, since=since, period_seconds=period)
    pending = metrics.pending(name, region, others, since=since, period_seconds=period)
    return RegionFigures(
        region=region,
        ways=tuple(
            WayFigures(source=region, target=to, latency=latency[to], pending=pending[to])
            for to in others
        ),
        throttles=metrics.throttles(name, region, since=since, period_seconds=period),
    )


def as_tables(look: Look) -> list[RenderableType]:
    """For a terminal: replicas, ways, then what could not be told."""
    parts: list[RenderableType] = [_replicas(look)]
    if look.ways:
        parts += ["", _ways(look)]
    parts += [Text(each) for each in look.problems]
    return [*parts, "", Text(f"As of {look.at:%H:%M:%S} UTC. {_remark(look)}")]


def _replicas(look: Look) -> Table:
    titles = ("Items", "Reads throttled", "Writes throttled")
    made = table(f"Replicas of {look.table}", "Region", "State", *titles, right=titles)
    for replica, figures in zip(look.replicas, look.figures, strict=True):
        made.add_row(
            f"{replica.region} (home)" if replica.is_home else replica.region,
            "does not answer" if replica.status == AWAY else replica.status,
            NOTHING if replica.item_count is None else f"{replica.item_count:,}",
            *_throttled(figures.throttles),
        )
    return made


def _throttled(found: Throttles | None) -> tuple[str, str]:
    return (f"{found.reads:,}", f"{found.writes:,}") if found else (NOTHING, NOTHING)


def _ways(look: Look) -> Table:
    titles = ["Latest ms", "At", "Average ms", "Highest ms"]
    waiting = any(way.pending for way in look.ways)
    titles += ["Waiting"] if waiting else []
    made = table("Replication in the last hour", "From", "To", *titles, right=titles)
    for way in look.ways:
        waits = [_waits(way.pending)] if waiting else []
        made.add_row(way.source, way.target, *_latency(way.latency), *waits)
    return made


def _latency(points: Sequence[Point]) -> tuple[str, ...]:
    if not points:
        return (NOTHING,) * 4
    last = points[-1]
    mean, most = _mean(points), max(each.most for each in points)
    return f"{last.average:,.0f}", f"{last.at:%H:%M}", f"{mean:,.0f}", f"{most:,.0f}"


def _waits(points: Sequence[Point]) -> str:
    return f"{points[-1].average:,.0f}" if points else NOTHING


def _mean(points: Sequence[Point]) -> float:
    return sum(each.average for each in points) / len(points)


def _remark(look: Look) -> str:
    if len(look.replicas) == 1:
        return "The table is in one region: nothing replicates."
    return "AWS counts items about every six hours."


def as_json(look: Look) -> dict[str, Any]:
    """One document; what is not known is null."""
    return {
        "table": look.table,
        "at": look.at.isoformat(timespec="seconds"),
        "replicas": [
            _replica_json(replica, figures.throttles)
            for replica, figures in zip(look.replicas, look.figures, strict=True)
        ],
        "ways": list(_ways_json(look.ways)),
        "problems": look.problems,
    }


def _replica_json(replica: Replica, throttles: Throttles | None) -> dict[str, Any]:
    return {
        "region": replica.region,
        "status": replica.status,
        "home": replica.is_home,
        "items": replica.item_count,
        "reads_throttled": throttles.reads if throttles else None,
        "writes_throttled": throttles.writes if throttles else None,
    }


def _ways_json(ways: Iterable[WayFigures]) -> Iterable[dict[str, Any]]:
    for way in ways:
        last = way.latency[-1] if way.latency else None
        yield {
            "from": way.source,
            "to": way.target,
            "latest_ms": round(last.average, 1) if last else None,
            "latest_at": last.at.isoformat() if last else None,
            "average_ms": round(_mean(way.latency), 1) if last else None,
            "highest_ms": round(max(each.most for each in way.latency), 1) if last else None,
            "pending": round(way.pending[-1].average) if way.pending else None,
        }
