"""Watches items in several regions at once: what each region held, and exactly when.

All times are milliseconds by one clock, the run's own. A call is timed by its last attempt: what
went before it, such as backing off from a throttled region, is not part of it.
"""

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from queue import Empty, SimpleQueue
from typing import Generic, TypeVar

from gtsite.dynamodb.errors import (
    AccessRefused,
    DataError,
    NoRegionAvailable,
    RegionUnavailable,
    TableMissing,
    Throttled,
)
from gtsite.dynamodb.meter import meter
from gtsite.dynamodb.repository import Record, Table
from gtsite.dynamodb.router import Answer
from gtsite.dynamodb.tables import Key
from gtsite.experiments.entities import Phase, Trouble

T = TypeVar("T")

POLL_MS = 5.0
AT_FAULT_MS = 250.0
MOST_KEYS = 100
AWAY_MS = 10_000.0
"""A region that has not answered for this long is not waited for."""

AT_FAULT = (RegionUnavailable, NoRegionAvailable, Throttled, TableMissing, AccessRefused)
"""What a run goes on without: the region, not the plan, is to blame."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunClock:
    """When a run began; `ms` is how long ago that is. Thread-safe."""

    began_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    began_seconds: float = field(default_factory=time.perf_counter)

    def ms(self) -> float:
        return (time.perf_counter() - self.began_seconds) * 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Timed(Generic[T]):
    """What a call gave, when it was asked for, and when the answer was there."""

    value: T
    asked_ms: float
    answered_ms: float

    @property
    def at_ms(self) -> float:
        """Halfway: when the region is taken to have done it."""
        return (self.asked_ms + self.answered_ms) / 2

    @property
    def give_or_take_ms(self) -> float:
        return (self.answered_ms - self.asked_ms) / 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What one region held of some keys; None for no item.

    `asked_ms` and `answered_ms` are those of its one request. Of a busy region a look may lack
    some of the keys asked for.
    """

    region: str
    asked_ms: float
    answered_ms: float
    held: Mapping[Key, Record | None]

    @property
    def at_ms(self) -> float:
        """Halfway: when the region is taken to have held this."""
        return (self.asked_ms + self.answered_ms) / 2


Wanted = Callable[[str], Sequence[Key]]
"""The keys to look for in a region just now; asked in that region's thread."""


def timed(clock: RunClock, call: Callable[[], Answer[T]]) -> Timed[T]:
    """The call's value and the times of its last attempt; raises what the call raises."""
    with meter() as metered:
        value = call().value
    answered_ms = clock.ms()
    elapsed_ms = metered.calls[-1].elapsed_ms if metered.calls else 0.0
    return Timed(value=value, asked_ms=answered_ms - elapsed_ms, answered_ms=answered_ms)


class Watch:
    """Looks that arrive from several regions. Made by `watching`; read by one thread."""

    def __init__(
        self, wanted: Wanted, clock: RunClock, poll_ms: float, *, consistent: bool
    ) -> None:
        self._wanted = wanted
        self._consistent = consistent
        self._clock = clock
        self._poll_seconds = poll_ms / 1000
        self._seen: SimpleQueue[Look | Trouble | BaseException] = SimpleQueue()
        self._at_fault_since: dict[str, float] = {}
        self._ended = threading.Event()

    def next(self, timeout_seconds: float) -> Look | Trouble | None:
        """The next look of any region, or its trouble; None when nothing came in that time.

        Looks of one region come in the order taken. A region that is at fault says so once. Raises
        what the plan is to blame for, such as keys that do not fit the table.
        """
        try:
            found = self._seen.get(timeout=max(0.0, timeout_seconds))
        except Empty:
            return None
        if isinstance(found, BaseException):
            raise found
        return found

    def away_ms(self, region: str) -> float:
        """For how long a region has not answered; 0 for one that does."""
        since = self._at_fault_since.get(region)
        return 0.0 if since is None else self._clock.ms() - since

    def silent(self, regions: Iterable[str]) -> set[str]:
        """Those that have not answered for so long that nobody waits for them."""
        return {region for region in regions if self.away_ms(region) > AWAY_MS}

    def begin(self, tables: Sequence[Table], threads: ThreadPoolExecutor) -> None:
        """Looks at each of these tables, pinned to its region, in a thread of its own."""
        for table in tables:
            threads.submit(self._look_on, table, table.region or "").add_done_callback(self._failed)

    def end(self) -> None:
        """No thread begins another look."""
        self._ended.set()

    def _failed(self, thread: "Future[None]") -> None:
        error = thread.exception()
        if error is not None:
            self._seen.put(error)

    def _look_on(self, table: Table, region: str) -> None:
        told = False
        pause_seconds = 0.0
        for keys in self._turns(region):
            if self._ended.wait(pause_seconds):
                return
            try:
                look = self._look(table, region, keys)
                self._at_fault_since.pop(region, None)
                self._seen.put(look)
                pause_seconds = self._pause_after(look, keys, pause_seconds)
            except AT_FAULT as error:
                self._at_fault_since.setdefault(region, self._clock.ms())
                pause_seconds = AT_FAULT_MS / 1000
                if not told:
                    self._seen.put(trouble(region, error))
                told = True

    def _pause_after(self, look: Look, keys: Sequence[Key], paused_seconds: float) -> float:
        """As told, but longer and longer while a region has no capacity for all of it."""
        if len(look.held) == len(set(keys)):
            return self._poll_seconds
        return min(max(2 * paused_seconds, self._poll_seconds), AT_FAULT_MS / 1000)

    def _turns(self, region: str) -> Iterator[Sequence[Key]]:
        """What to look for, request after request, until the end."""
        while not self._ended.is_set():
            keys = self._wanted(region)
            if not keys:
                self._ended.wait(self._poll_seconds)
            for start in range(0, len(keys), MOST_KEYS):
                yield keys[start : start + MOST_KEYS]

    def _look(self, table: Table, region: str, keys: Sequence[Key]) -> Look:
        seen = timed(self._clock, lambda: table.peek(keys, consistent=self._consistent))
        return Look(
            region=region,
            asked_ms=seen.asked_ms,
            answered_ms=seen.answered_ms,
            held=seen.value,
        )


@contextmanager
def watching(
    table: Table,
    regions: Iterable[str],
    wanted: Wanted,
    *,
    clock: RunClock,
    poll_ms: float = POLL_MS,
    consistent: bool = False,
) -> Iterator[Watch]:
    """Looks for items in these regions side by side, for as long as the block.

    Each region has a thread of its own that sends one BatchGetItem after another, of at most a
    hundred keys and `poll_ms` apart, more where the region lacks capacity. A region at fault is
    asked again until it answers, a quarter of a second apart. `consistent` reads cost twice as much
    and never go back in time: each has all that had reached its region by then. No thread is left
    when the block is. Raises `UnknownRegion`.
    """
    tables = [table.at(region) for region in dict.fromkeys(regions)]
    watch = Watch(wanted, clock, poll_ms, consistent=consistent)
    with ThreadPoolExecutor(max(1, len(tables)), thread_name_prefix="watch") as threads:
        try:
            watch.begin(tables, threads)
            yield watch
        finally:
            watch.end()


def phase_of(*, agreed: bool, halted: bool, over: bool) -> Phase:
    """How far a run is whose writing is done; `over` is when there is no more to wait for."""
    if agreed:
        return Phase.DONE
    if halted:
        return Phase.STOPPED
    return Phase.GAVE_UP if over else Phase.WATCHING


def trouble(region: str, error: DataError) -> Trouble:
    """What went wrong, as the region's trouble."""
    return Trouble(region=region, sentence=str(error))
