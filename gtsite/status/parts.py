"""The parts of the status page that are asked for: tables, replication, and the sandbox's own."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from gtsite.dynamodb.metrics import Point
from gtsite.dynamodb.regions import region as known_region
from gtsite.dynamodb.replicas import AWAY, Replica
from gtsite.sandbox.client import Conflict, PairStatus
from gtsite.status.kept import Told
from gtsite.status.services import Light, age_in_words
from gtsite.status.watch import HOUR, Copies, Points, Seen
from gtsite.wording import NOTHING, milliseconds

STATUS_LIGHTS: dict[str, Light] = {
    "ACTIVE": "good",
    "CREATING": "warn",
    "UPDATING": "warn",
    "DELETING": "warn",
}
LONGEST_KEY = 120
"""Characters: a key may have thousands, and enough are there to tell it from another."""

Way = tuple[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """What every part says of itself: as of when, whether it is still being asked for, problems."""

    at: datetime | None = None
    asking: bool = False
    problems: tuple[str, ...] = ()

    @property
    def is_empty(self) -> bool:
        """Nothing to show yet, not even why."""
        return self.at is None and not self.problems


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplicaLine:
    """One region's copy of a table."""

    name: str
    place: str
    home: bool
    state: str
    light: Light
    items: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TableView:
    """One table and its copies; `problem` in their place where nobody could tell."""

    name: str
    replicas: tuple[ReplicaLine, ...]
    problem: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TablesPart(Part):
    """Every table that exists, the site's own first."""

    tables: tuple[TableView, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class WayLine:
    """One way of replication in the last hour; `latest_at` is the minute of its last arrival."""

    label: str
    latest: str
    latest_at: str
    mean: str
    most: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """What is said of one way in one period; `value` is None where nothing arrived."""

    value: float | None
    shown: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One period, by its start: milliseconds since 1970, and the time of day in UTC."""

    at_ms: int
    shown: str
    cells: tuple[Cell, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplicationPart(Part):
    """The last hour of one table; `from_ms`, `to_ms` and `step_ms` are of the chart's time."""

    table: str = ""
    tables: tuple[str, ...] = ()
    ways: tuple[WayLine, ...] = ()
    rows: tuple[Row, ...] = ()
    from_ms: int = 0
    to_ms: int = 0
    step_ms: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class PairLine:
    """One way as the sandbox has it."""

    label: str
    lag: str
    p50: str
    p99: str
    backlog: str
    oldest: str
    flow: str
    light: Light


@dataclass(frozen=True, slots=True, kw_only=True)
class ConflictLine:
    """Two writes that did not know each other, and when they met."""

    table: str
    key: str
    winner: str
    loser: str
    ago: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SandboxPart(Part):
    """What AWS never tells."""

    pairs: tuple[PairLine, ...] = ()
    conflicts: tuple[ConflictLine, ...] = ()
    conflict_count: int = 0


def tables_part(told: Told[tuple[Copies, ...]]) -> TablesPart:
    return TablesPart(
        at=told.at,
        asking=told.asking,
        problems=(told.problem,) if told.problem else (),
        tables=tuple(_table(each) for each in told.value or ()),
    )


def _table(copies: Copies) -> TableView:
    return TableView(
        name=copies.table,
        replicas=tuple(_replica(each) for each in copies.replicas),
        problem=copies.problem,
    )


def _replica(replica: Replica) -> ReplicaLine:
    away = replica.status == AWAY
    words = "Does not answer" if away else replica.status.replace("_", " ").capitalize()
    return ReplicaLine(
        name=replica.region,
        place=known_region(replica.region).place,
        home=replica.is_home,
        state=words,
        light=STATUS_LIGHTS.get(replica.status, "bad"),
        items=NOTHING if replica.item_count is None else f"{replica.item_count:,}",
    )


def replication_part(
    told: Mapping[str, Told[Points]],
    *,
    table: str,
    tables: Iterable[str],
    known_at: datetime | None,
    now: datetime,
    period_seconds: int,
) -> ReplicationPart:
    """What the sources of one table told, in their order; none where nothing replicates.

    `known_at` is when its regions were found.
    """
    found: dict[Way, tuple[Point, ...]] = {
        (source, target): points
        for source, each in told.items()
        for target, points in (each.value or {}).items()
    }
    known = [each.at for each in told.values() if each.at]
    return ReplicationPart(
        at=min(known, default=None) if told else known_at,
        asking=any(each.asking for each in told.values()),
        problems=tuple(dict.fromkeys(each.problem for each in told.values() if each.problem)),
        table=table,
        tables=tuple(tables),
        ways=tuple(_way(way, points) for way, points in found.items()),
        rows=tuple(_rows(list(found.values()))),
        from_ms=_ms(now - HOUR),
        to_ms=_ms(now),
        step_ms=period_seconds * 1000,
    )


def _way(way: Way, points: tuple[Point, ...]) -> WayLine:
    label = way_label(*way)
    if not points:
        return WayLine(label=label, latest=NOTHING, latest_at=NOTHING, mean=NOTHING, most=NOTHING)
    mean = sum(each.average for each in points) / len(points)
    return WayLine(
        label=label,
        latest=milliseconds(points[-1].average),
        latest_at=f"{points[-1].at:%H:%M}",
        mean=milliseconds(mean),
        most=milliseconds(max(each.most for each in points)),
    )


def _rows(ways: list[tuple[Point, ...]]) -> Iterator[Row]:
    """A row for each period in which anything arrived, oldest first."""
    by_way = [{each.at: each.average for each in points} for points in ways]
    for at in sorted({at for way in by_way for at in way}):
        values = (way.get(at) for way in by_way)
        cells = tuple(Cell(value=value, shown=milliseconds(value)) for value in values)
        yield Row(at_ms=_ms(at), shown=f"{at:%H:%M}", cells=cells)


def sandbox_part(told: Told[Seen], *, regions: Collection[str], now: datetime) -> SandboxPart:
    """The ways between the site's `regions`, and any other on which there is something to see."""
    seen = told.value
    part = {
        "at": told.at,
        "asking": told.asking,
        "problems": (told.problem,) if told.problem else (),
    }
    if seen is None:
        return SandboxPart(**part)  # type: ignore[arg-type]
    return SandboxPart(
        **part,  # type: ignore[arg-type]
        pairs=tuple(_pair(each) for each in seen.status.pairs if _is_seen(each, regions)),
        conflicts=tuple(conflict_line(each, now) for each in seen.conflicts),
        conflict_count=seen.status.conflicts,
    )


def _is_seen(pair: PairStatus, regions: Collection[str]) -> bool:
    own = pair.source in regions and pair.target in regions
    return own or pair.backlog > 0 or not pair.flowing or bool(pair.latency_ms)


def _pair(pair: PairStatus) -> PairLine:
    return PairLine(
        label=way_label(pair.source, pair.target),
        lag=milliseconds(pair.lag_ms),
        p50=milliseconds(pair.latency_ms.get("p50")),
        p99=milliseconds(pair.latency_ms.get("p99")),
        backlog=f"{pair.backlog:,}",
        oldest=milliseconds(pair.oldest_ms) if pair.backlog else NOTHING,
        flow="Flows" if pair.flowing else "Held back",
        light="good" if pair.flowing else "bad",
    )


def conflict_line(conflict: Conflict, now: datetime) -> ConflictLine:
    seen_at = datetime.fromtimestamp(conflict.seen_at_us / 1_000_000, UTC)
    key = " / ".join(str(next(iter(each.values()))) for each in conflict.key.values())
    return ConflictLine(
        table=conflict.table,
        key=key if len(key) <= LONGEST_KEY else f"{key[:LONGEST_KEY]}…",
        winner=known_region(conflict.winner.region).place,
        loser=known_region(conflict.loser.region).place,
        ago=f"{age_in_words(max(now - seen_at, timedelta()))} ago",
    )


def way_label(source: str, target: str) -> str:
    """`Oregon → Ireland`."""
    return f"{known_region(source).place} → {known_region(target).place}"


def _ms(at: datetime) -> int:
    return round(at.timestamp() * 1000)
