"""What an experiment is told to do, what it sees, and what can be concluded from that.

A run is a picture of an experiment at one moment: the same class tells how far it is while it goes
on and how it ended. Times named `…_ms` are milliseconds since the run began, by the monotonic clock
of the one machine that asks every region, unless they say otherwise. A call is taken to have
happened halfway between its request and its answer.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from threading import Event
from typing import Protocol, TypeVar

from gtsite.dynamodb.items import Value
from gtsite.dynamodb.tables import Key

Run_contra = TypeVar("Run_contra", contravariant=True)
Tell = Callable[[Run_contra], None]
"""Who is told how far a run is, whenever something changed; called in the thread that runs it."""


class Stop(Protocol):
    """Whether a run is to end early; a `threading.Event` does."""

    def is_set(self) -> bool: ...

    def wait(self, timeout: float | None = None) -> bool: ...


def never() -> Stop:
    """For a run that goes to its end."""
    return Event()


class Phase(StrEnum):
    """How far a run is."""

    WRITING = "writing"
    WATCHING = "watching"  # everything is written; regions are read until they agree
    DONE = "done"
    STOPPED = "stopped"  # before its end, by whoever started it
    GAVE_UP = "gave up"  # patience ended before the regions agreed


@dataclass(frozen=True, slots=True, kw_only=True)
class Trouble:
    """What went wrong in one region, in one sentence; the run went on without it."""

    region: str
    sentence: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """One direction of replication."""

    source: str
    target: str


# Replication lag


@dataclass(frozen=True, slots=True, kw_only=True)
class LagPlan:
    """`probes` items are written in every source, one each `every_ms`, and looked for elsewhere.

    An item that has not arrived `patience_ms` after it was written counts as missing. A target is
    asked again `poll_ms` after each answer: every look costs half a read unit for each item.
    """

    ways: tuple[Way, ...]
    probes: int
    every_ms: float = 100.0
    patience_ms: float = 60_000.0
    poll_ms: float = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    """One item on one way. `number` counts from 1 in the order written.

    `lag_ms` is how long after its write it was seen, None as long as it was not;
    `give_or_take_ms` how far that may be off: half the time between the last look without it and
    the first with it, and half of what the write and that look took.
    """

    number: int
    written_ms: float
    lag_ms: float | None = None
    give_or_take_ms: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class WayLag:
    """The probes of one way, in the order written."""

    way: Way
    probes: tuple[Probe, ...] = ()

    @property
    def lags_ms(self) -> tuple[float, ...]:
        """The lags of those that arrived, in the order written."""
        return tuple(each.lag_ms for each in self.probes if each.lag_ms is not None)

    @property
    def missing(self) -> int:
        return sum(each.lag_ms is None for each in self.probes)


@dataclass(frozen=True, slots=True, kw_only=True)
class LagRun:
    """`ways` in the order of the plan."""

    plan: LagPlan
    began_at: datetime
    phase: Phase
    ways: tuple[WayLag, ...]
    troubles: tuple[Trouble, ...] = ()


# Writes and what regions hold: stale reads, races, conflicts


@dataclass(frozen=True, slots=True, kw_only=True)
class Sighting:
    """What a region held of one attribute of one item, from `at_ms` on; None for nothing."""

    region: str
    at_ms: float
    value: Value | None


@dataclass(frozen=True, slots=True, kw_only=True)
class StalePlan:
    """`attribute` of every item becomes `value` in `write`; then `read` is asked at once."""

    keys: tuple[Key, ...]
    attribute: str
    value: Value
    write: str
    read: str
    patience_ms: float = 60_000.0


@dataclass(frozen=True, slots=True, kw_only=True)
class StaleItem:
    """One item of a stale read.

    `before` is what `write` held before. `first` is what the first look in `read` gave, `stale`
    whether that was something else than was written, None before it was looked for.
    `agreed_after_ms` is how long after its own write `read` was first seen to hold it. `last` is
    what the last look there gave.
    """

    key: Key
    before: Value | None = None
    written_ms: float | None = None
    first: Value | None = None
    stale: bool | None = None
    agreed_after_ms: float | None = None
    last: Value | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StaleRun:
    """`items` in the order of the plan; `wrote_ms` and `read_ms` are how long each part took."""

    plan: StalePlan
    began_at: datetime
    phase: Phase
    items: tuple[StaleItem, ...]
    wrote_ms: float | None = None
    read_ms: float | None = None
    troubles: tuple[Trouble, ...] = ()

    @property
    def stale(self) -> int:
        """How many items were stale at the first look."""
        return sum(each.stale is True for each in self.items)

    @property
    def longest_ms(self) -> float | None:
        """The longest that any item was behind, None while none agreed."""
        found = [each.agreed_after_ms for each in self.items if each.agreed_after_ms is not None]
        return max(found, default=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class RaceWrite:
    """`value` is written in `region`."""

    region: str
    value: Value


@dataclass(frozen=True, slots=True, kw_only=True)
class RacePlan:
    """Every region of `writes` sets `attribute` of the same items to its own value.

    One region after the other, `gap_ms` between the end of one and the beginning of the next; or,
    `simultaneous`, item by item all at once, each region `gap_ms` after the one before it.
    `watch` are the regions to look at, those that write among them.
    """

    keys: tuple[Key, ...]
    attribute: str
    writes: tuple[RaceWrite, ...]
    watch: tuple[str, ...]
    gap_ms: float = 0.0
    simultaneous: bool = False
    patience_ms: float = 60_000.0


@dataclass(frozen=True, slots=True, kw_only=True)
class RaceItem:
    """One item of a race.

    `written_ms` and `replaced` are, by region, when its write was done and what it found there.
    `film` is what the regions held, in the order seen: one sighting whenever one of them changed.
    `winner` is the region whose value stands everywhere, `lost` those whose write had been
    acknowledged and was not known to a write that stands: as if it had never been. Both are None
    and empty until the regions agree, `agreed_ms`, on `stands`. What knew what is told by values:
    a write knew a value that it replaced, and so whatever that one had replaced.

    `winner` is None where several regions wrote what stands, or none did. `uncertain` are regions
    whose write got no answer: it may have been carried out. `strangers` are values that nobody here
    wrote and that were not there before. Where one of either may be behind what stands, the verdict
    is `unclear`: who lost cannot be told, and nobody is said to have.
    """

    key: Key
    written_ms: Mapping[str, float] = field(default_factory=dict)
    replaced: Mapping[str, Value | None] = field(default_factory=dict)
    film: tuple[Sighting, ...] = ()
    winner: str | None = None
    lost: tuple[str, ...] = ()
    agreed_ms: float | None = None
    stands: Value | None = None
    uncertain: tuple[str, ...] = ()
    strangers: tuple[Value | None, ...] = ()
    unclear: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class RaceRun:
    """`items` in the order of the plan."""

    plan: RacePlan
    began_at: datetime
    phase: Phase
    items: tuple[RaceItem, ...]
    troubles: tuple[Trouble, ...] = ()

    @property
    def lost(self) -> int:
        """How many acknowledged writes are gone."""
        return sum(len(each.lost) for each in self.items)


# Counters


class Counting(StrEnum):
    """Three ways to count in several regions at once."""

    SHARED = "shared"  # everybody adds to one item
    SPLIT = "split"  # one item per region, summed when read
    ABSOLUTE = "absolute"  # every write carries the whole value, as the site's bookmarks do


@dataclass(frozen=True, slots=True, kw_only=True)
class CountersPlan:
    """`increments` in every region, `at_once` of them at a time."""

    regions: tuple[str, ...]
    increments: int
    at_once: int = 4
    patience_ms: float = 60_000.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Counted:
    """How one way of counting went.

    `acknowledged` are the writes that were acknowledged, all regions together. `expected` is what
    every region should hold: their number, or for ABSOLUTE the newest value written. `held` is
    what each region was last seen to hold, its sum for SPLIT, None where it did not say.
    `uncertain` are writes without an answer, which may count or not; `refused` those that their
    condition held back, because something as new was there.
    """

    counting: Counting
    acknowledged: int = 0
    expected: int = 0
    held: Mapping[str, int | None] = field(default_factory=dict)
    settled: bool = False
    uncertain: int = 0
    refused: int = 0

    @property
    def stands(self) -> int | None:
        """What every region holds; None until they agree."""
        values = set(self.held.values())
        return next(iter(values)) if self.settled and len(values) == 1 else None

    @property
    def lost(self) -> int | None:
        """How many increments are missing, at least; None until the regions agree, and for
        ABSOLUTE, where nothing adds up."""
        return None if self.counting is Counting.ABSOLUTE else self._short

    @property
    def behind(self) -> int | None:
        """For ABSOLUTE, by how much the newest value written exceeds the one that stands."""
        return self._short if self.counting is Counting.ABSOLUTE else None

    @property
    def _short(self) -> int | None:
        return None if self.stands is None else max(0, self.expected - self.stands)


@dataclass(frozen=True, slots=True, kw_only=True)
class CountersRun:
    """`counted` in the order of `Counting`."""

    plan: CountersPlan
    began_at: datetime
    phase: Phase
    counted: tuple[Counted, ...]
    troubles: tuple[Trouble, ...] = ()
