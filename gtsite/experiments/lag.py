"""Replication lag as whoever reads in another region meets it: write here, look there.

Each source writes its probes at a steady pace, in a thread of its own; each target is looked at
for all that are under way, by one request after another, so that many probes disturb the
measuring no more than a few. A probe was written halfway through its write, and arrived halfway
between the last look without it and the first with it: neither is early or late by itself.
"""

import threading
from collections.abc import Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import UTC, datetime

from gtsite.dynamodb.conditions import Absent
from gtsite.dynamodb.errors import (
    ConditionFailed,
    DataError,
    NoRegionAvailable,
    RegionUnavailable,
)
from gtsite.dynamodb.repository import Table
from gtsite.dynamodb.tables import Key
from gtsite.experiments.entities import (
    LagPlan,
    LagRun,
    Phase,
    Probe,
    Stop,
    Tell,
    Trouble,
    Way,
    WayLag,
    never,
)
from gtsite.experiments.subjects import ProbeItems, clear_away
from gtsite.experiments.watching import (
    AT_FAULT,
    AWAY_MS,
    Look,
    RunClock,
    Timed,
    Watch,
    timed,
    trouble,
    watching,
)

CHECK_EVERY_MS = 30.0
WAIT_SECONDS = 0.02
WARM_UP_MS = 10_000.0
FAILED_IN_A_ROW = 3
"""So many writes that fail one after the other, and no more are tried in that region."""


def run_lag(
    plan: LagPlan,
    table: Table,
    *,
    tell: Tell[LagRun] = lambda _: None,
    stop: Stop | None = None,
) -> LagRun:
    """Measures every way of the plan, all at once; `table` is not pinned to a region.

    Returns when every probe has arrived or counts as missing, or soon after `stop` is set. What it
    wrote is deleted again however it ends; a probe that could not be is a trouble. Raises
    `UnknownRegion`, and `ItemRefused` where the table does not take its probes.
    """
    return _Lag(plan, table, tell, stop or never()).run()


@dataclass(slots=True, kw_only=True)
class _Flight:
    """One probe on one way; when it was last looked for in vain, and when first seen.

    `slack_ms` is how far these moments may be off: half of what the write and the look that saw it
    took.
    """

    number: int
    slack_ms: float = 0.0
    written_ms: float | None = None
    absent_ms: float | None = None
    seen_ms: float | None = None
    probe: Probe | None = None

    def work_out(self) -> None:
        """Makes the probe of what is known: none before it is known to be written."""
        if self.written_ms is None:
            return
        lag_ms, give_or_take_ms = None, 0.0
        if self.seen_ms is not None:
            earliest_ms = max(self.written_ms, self.absent_ms or 0.0)
            half_ms = max(0.0, self.seen_ms - earliest_ms) / 2
            lag_ms = earliest_ms + half_ms - self.written_ms
            give_or_take_ms = half_ms + self.slack_ms
        self.probe = Probe(
            number=self.number,
            written_ms=self.written_ms,
            lag_ms=lag_ms,
            give_or_take_ms=give_or_take_ms,
        )


@dataclass(slots=True)
class _Track:
    """All that is known of one way; `waiting` are the probes still to be looked for."""

    way: Way
    flights: dict[Key, _Flight] = field(default_factory=dict)
    waiting: dict[Key, _Flight] = field(default_factory=dict)

    def picture(self) -> WayLag:
        probes = (each.probe for each in self.flights.values())
        return WayLag(way=self.way, probes=tuple(each for each in probes if each is not None))


class _Board:
    """Every probe on every way. Thread-safe."""

    def __init__(self, ways: Iterable[Way]) -> None:
        self._tracks = [_Track(way) for way in ways]
        self._lock = threading.Lock()

    def sent(self, source: str, key: Key, number: int) -> None:
        """A probe is about to be written: it is looked for from now on."""
        with self._lock:
            for track in self._from(source):
                if key not in track.flights:
                    track.flights[key] = track.waiting[key] = _Flight(number=number)

    def written(self, source: str, key: Key, wrote: Timed[None]) -> None:
        with self._lock:
            for track in self._from(source):
                flight = track.flights[key]
                flight.written_ms = wrote.at_ms
                flight.slack_ms += wrote.give_or_take_ms
                flight.work_out()

    def dropped(self, source: str, key: Key) -> None:
        """Its write failed: nobody waits for it."""
        with self._lock:
            for track in self._from(source):
                track.flights.pop(key, None)
                track.waiting.pop(key, None)

    def wanted(self, region: str) -> Sequence[Key]:
        """What is under way to a region."""
        with self._lock:
            return [key for track in self._to(region) for key in track.waiting]

    def looked(self, look: Look) -> None:
        with self._lock:
            for track in self._to(look.region):
                for key in look.held.keys() & track.waiting.keys():
                    self._note(track, key, look)

    def give_up(self, before_ms: float) -> None:
        """What was written before then, and has not been seen, is looked for no longer."""
        with self._lock:
            for track in self._tracks:
                for key, flight in list(track.waiting.items()):
                    if flight.written_ms is not None and flight.written_ms < before_ms:
                        del track.waiting[key]

    def awaited(self) -> list[Way]:
        """The ways on which something is still to be looked for."""
        with self._lock:
            return [track.way for track in self._tracks if track.waiting]

    def picture(self) -> tuple[WayLag, ...]:
        with self._lock:
            return tuple(track.picture() for track in self._tracks)

    def _note(self, track: _Track, key: Key, look: Look) -> None:
        flight = track.waiting[key]
        if look.held[key] is None:
            flight.absent_ms = look.at_ms
        else:
            flight.seen_ms = look.at_ms
            flight.slack_ms += (look.answered_ms - look.asked_ms) / 2
            flight.work_out()
            del track.waiting[key]

    def _from(self, source: str) -> Iterable[_Track]:
        return (track for track in self._tracks if track.way.source == source)

    def _to(self, target: str) -> Iterable[_Track]:
        return (track for track in self._tracks if track.way.target == target)


class _Lag:
    """One run: its threads, what they have found, and who is told."""

    def __init__(self, plan: LagPlan, table: Table, tell: Tell[LagRun], stop: Stop) -> None:
        self._plan = plan
        self._table = table
        self._tell = tell
        self._stop = stop
        self._clock = RunClock()
        self._items = ProbeItems(definition=table.definition)
        self._board = _Board(plan.ways)
        self._sources = tuple(dict.fromkeys(way.source for way in plan.ways))
        self._targets = tuple(dict.fromkeys(way.target for way in plan.ways))
        self._sent: dict[str, list[Key]] = {source: [] for source in self._sources}
        self._given_up: dict[str, float] = {}
        self._troubles: dict[Trouble, None] = {}
        self._phase = Phase.WRITING
        self._told: LagRun | None = None
        self._checked_ms = 0.0
        self._lock = threading.Lock()
        self._ended = threading.Event()

    def run(self) -> LagRun:
        self._send_first()
        try:
            with (
                self._watching() as watch,
                ThreadPoolExecutor(max(1, len(self._sources))) as threads,
            ):
                self._measure(watch, threads)
        finally:
            self._clean_up()
        found = self._picture()
        self._tell(found)
        return found

    def _watching(self) -> AbstractContextManager[Watch]:
        return watching(
            self._table,
            self._targets,
            self._board.wanted,
            clock=self._clock,
            poll_ms=self._plan.poll_ms,
        )

    def _send_first(self) -> None:
        """What targets look for while they open their connections."""
        for place, source in enumerate(self._sources):
            self._board.sent(source, self._items.key(place, 1), 1)

    def _measure(self, watch: Watch, threads: ThreadPoolExecutor) -> None:
        try:
            warm = [threads.submit(self._warm_up, source) for source in self._sources]
            self._hear_from_all(watch, warm)
            writers = [
                threads.submit(self._write_from, place, source)
                for place, source in enumerate(self._sources)
            ]
            self._follow(watch, writers)
        finally:
            self._ended.set()

    # What each source does, in its own thread

    def _warm_up(self, source: str) -> None:
        """Opens a connection, so that the first write takes no longer than the others."""
        try:
            self._table.at(source).peek([self._items.key(0, 1)])
        except AT_FAULT as error:
            self._note(trouble(source, error))

    def _write_from(self, place: int, source: str) -> None:
        table = self._table.at(source)
        due_ms = self._clock.ms()
        failed = 0
        for number in range(1, self._plan.probes + 1):
            pause_seconds = max(0.0, due_ms - self._clock.ms()) / 1000
            if self._ended.wait(pause_seconds) or self._stop.is_set():
                return
            failed = 0 if self._write(table, source, place, number) else failed + 1
            if failed == FAILED_IN_A_ROW:
                self._given_up[source] = self._clock.ms()
                return
            due_ms = max(due_ms + self._plan.every_ms, self._clock.ms())

    def _write(self, table: Table, source: str, place: int, number: int) -> bool:
        """Whether the probe is known to be written."""
        key = self._items.key(place, number)
        item = self._items.item(key, now=datetime.now(UTC))
        self._board.sent(source, key, number)
        self._sent[source].append(key)
        try:
            wrote = timed(self._clock, lambda: table.put(item, condition=Absent()))
        except (ConditionFailed, *AT_FAULT) as error:
            self._board.dropped(source, key)
            self._note(_why_unwritten(source, error))
            if not _may_be_written(error):
                self._sent[source].remove(key)
            return False
        self._board.written(source, key, wrote)
        return True

    # What goes on meanwhile

    def _hear_from_all(self, watch: Watch, warm: Sequence["Future[None]"]) -> None:
        """Until every region has been asked once: what takes long then has been done."""
        silent = set(self._targets)
        while silent or not _all_done(warm):
            if self._stop.is_set() or self._clock.ms() > WARM_UP_MS:
                return
            found = self._take(watch)
            if found is not None:
                silent.discard(found.region)

    def _follow(self, watch: Watch, writers: Sequence["Future[None]"]) -> None:
        while not self._stop.is_set():
            self._take(watch)
            if not self._is_due():
                continue
            self._board.give_up(self._clock.ms() - self._plan.patience_ms)
            if _all_done(writers) and not self._stop.is_set():
                self._phase = Phase.WATCHING
                if self._is_over(watch):
                    self._phase = Phase.GAVE_UP if self._misses_some() else Phase.DONE
                    return
            self._tell_of_changes()
        self._phase = Phase.STOPPED

    def _is_due(self) -> bool:
        """Whether it is time to look at the whole again: not at every look, there are many."""
        now_ms = self._clock.ms()
        due = now_ms - self._checked_ms >= CHECK_EVERY_MS
        if due:
            self._checked_ms = now_ms
        return due

    def _take(self, watch: Watch) -> Look | Trouble | None:
        found = watch.next(WAIT_SECONDS)
        if isinstance(found, Look):
            self._board.looked(found)
        elif found is not None:
            self._note(found)
        return found

    def _is_over(self, watch: Watch) -> bool:
        """Whether nothing is under way, but from or to regions that have been away for long."""
        return all(
            self._is_away(watch, way.source) or self._is_away(watch, way.target)
            for way in self._board.awaited()
        )

    def _is_away(self, watch: Watch, region: str) -> bool:
        now_ms = self._clock.ms()
        given_up_ms = now_ms - self._given_up.get(region, now_ms)
        return max(watch.away_ms(region), given_up_ms) > AWAY_MS

    def _misses_some(self) -> bool:
        return any(way.missing for way in self._board.picture())

    def _tell_of_changes(self) -> None:
        picture = self._picture()
        if picture != self._told:
            self._told = picture
            self._tell(picture)

    def _note(self, found: Trouble) -> None:
        with self._lock:
            self._troubles.setdefault(found)

    def _picture(self) -> LagRun:
        with self._lock:
            troubles = tuple(self._troubles)
        return LagRun(
            plan=self._plan,
            began_at=self._clock.began_at,
            phase=self._phase,
            ways=self._board.picture(),
            troubles=troubles,
        )

    # Afterwards

    def _clean_up(self) -> None:
        """Deletes the probes of every source, side by side."""
        with ThreadPoolExecutor(max(1, len(self._sources))) as threads:
            left = threads.map(self._delete_from, self._sources)
        for found in left:
            if found is not None:
                self._note(found)

    def _delete_from(self, source: str) -> Trouble | None:
        """Where the probes were written, else wherever a region takes the deletes."""
        keys = self._sent[source]
        targets = (way.target for way in self._plan.ways if way.source == source)
        regions = tuple(dict.fromkeys((source, *targets)))
        took = clear_away(self._table, self._items, keys, regions) if keys else source
        if took == source:
            return None
        if took is None:
            return _left_behind(source, len(keys))
        return _deleted_elsewhere(source, took, len(keys))


def _all_done(futures: Sequence["Future[None]"]) -> bool:
    """Whether all have ended; raises what one of them raised."""
    done = [each for each in futures if each.done()]
    for each in done:
        each.result()
    return len(done) == len(futures)


def _may_be_written(error: DataError) -> bool:
    return isinstance(error, RegionUnavailable | NoRegionAvailable) and error.outcome_unknown


def _why_unwritten(source: str, error: DataError) -> Trouble:
    if isinstance(error, ConditionFailed):
        return Trouble(region=source, sentence=f"{source} has an item under a probe's key.")
    return trouble(source, error)


def _deleted_elsewhere(source: str, region: str, probes: int) -> Trouble:
    return Trouble(
        region=source,
        sentence=f"{source} did not take the deletes of its probes, {probes} at most: "
        f"{region} did, and replicates them.",
    )


def _left_behind(source: str, probes: int) -> Trouble:
    return Trouble(
        region=source,
        sentence=f"Up to {probes} probes of {source} could not be deleted: "
        "they begin with lab#lag, or are numbers below -1e36.",
    )
