"""A race: several regions write the same items without waiting for each other.

Every region is looked at from before the first write until all agree, by strongly consistent
reads: what one has held it does not seem to unlearn. Who lost is told by what each write replaced.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from queue import Empty, SimpleQueue

from gtsite.dynamodb.items import Value
from gtsite.dynamodb.repository import Table
from gtsite.dynamodb.tables import Key
from gtsite.experiments.entities import (
    Phase,
    RaceItem,
    RacePlan,
    RaceRun,
    RaceWrite,
    Sighting,
    Stop,
    Tell,
    Trouble,
    never,
)
from gtsite.experiments.verdicts import judge, same, strangers
from gtsite.experiments.watching import Look, RunClock, Watch, phase_of, watching
from gtsite.experiments.writing import (
    Halt,
    NotWritten,
    Wrote,
    held_of,
    poll_ms_for,
    set_attribute,
)

WAIT_SECONDS = 0.01
WARM_UP_MS = 10_000.0

Report = Callable[[Wrote | NotWritten], None]


def run_race(
    plan: RacePlan,
    table: Table,
    *,
    tell: Tell[RaceRun] = lambda _: None,
    stop: Stop | None = None,
) -> RaceRun:
    """Lets the regions write, and watches until they agree; `table` is not pinned to a region.

    Returns when every region of `watch` holds the same of every item, when patience or `stop` ends
    it, or when a region that has written has been away for ten seconds; one that has not written
    is not waited for. The first write that fails ends the writing in its region. At most a hundred
    keys, each once, and every region writes once. Raises `ItemRefused` where keys or values do not
    fit the table.
    """
    return _Race(plan, table, tell, Halt(stop or never())).run()


class _Race:
    """One run: what its threads report is taken in by the one thread that runs it."""

    def __init__(self, plan: RacePlan, table: Table, tell: Tell[RaceRun], halt: Halt) -> None:
        self._plan = plan
        self._table = table
        self._tell = tell
        self._halt = halt
        self._clock = RunClock()
        self._board = _Board(plan)
        self._reports: SimpleQueue[Wrote | NotWritten] = SimpleQueue()
        self._phase = Phase.WRITING
        self._troubles: dict[Trouble, None] = {}

    def run(self) -> RaceRun:
        with (
            watching(
                self._table,
                self._plan.watch,
                lambda _: self._board.open,
                clock=self._clock,
                poll_ms=poll_ms_for(self._plan.keys),
                consistent=True,
            ) as watch,
            ThreadPoolExecutor(1, thread_name_prefix="race") as threads,
        ):
            try:
                self._hear_from_all(watch)
                self._follow_writers(watch, threads.submit(self._write))
                self._follow_until_agreed(watch)
            finally:
                self._halt.set()
        found = self._picture()
        self._tell(found)
        return found

    # The writing, in a thread of its own

    def _write(self) -> None:
        writers = _Writers(self._table, self._plan, self._clock, self._halt, self._reports.put)
        if self._plan.simultaneous:
            writers.all_at_once()
        else:
            writers.one_after_the_other()

    # What goes on meanwhile

    def _hear_from_all(self, watch: Watch) -> None:
        """What every region holds before the first write, and its connection open."""
        silent = set(self._plan.watch)
        while silent and not self._halt.is_set() and self._clock.ms() < WARM_UP_MS:
            silent.discard(self._take(watch))
        self._board.begin()

    def _follow_writers(self, watch: Watch, writers: "Future[None]") -> None:
        while not writers.done():
            self._take(watch)
            self._take_reports()
        self._take_reports()
        writers.result()

    def _follow_until_agreed(self, watch: Watch) -> None:
        wrote_all_ms = self._clock.ms()
        self._phase = Phase.STOPPED if self._halt.is_set() else Phase.WATCHING
        self._tell(self._picture())
        while self._phase is Phase.WATCHING:
            self._take(watch)
            away = watch.silent(self._plan.watch)
            if self._board.settle(wrote_all_ms, away):
                self._tell(self._picture())
            self._phase = self._phase_now(wrote_all_ms, away)

    def _phase_now(self, wrote_all_ms: float, away: set[str]) -> Phase:
        late = self._clock.ms() - wrote_all_ms > self._plan.patience_ms
        wrote = self._board.wrote
        return phase_of(
            agreed=self._board.has_agreed,
            halted=self._halt.is_set(),
            over=late or not wrote or bool(away & wrote),
        )

    def _take(self, watch: Watch) -> str:
        """Takes in the next look or trouble, if there is any; whose it was."""
        found = watch.next(WAIT_SECONDS)
        if isinstance(found, Look):
            if self._board.looked(found):
                self._tell(self._picture())
        elif found is not None:
            self._note(found)
        return found.region if found is not None else ""

    def _take_reports(self) -> None:
        while True:
            try:
                found = self._reports.get_nowait()
            except Empty:
                return
            self._board.reported(found)
            if isinstance(found, NotWritten):
                self._note(found.trouble)
            self._tell(self._picture())

    def _note(self, found: Trouble) -> None:
        self._troubles.setdefault(found)

    def _picture(self) -> RaceRun:
        return RaceRun(
            plan=self._plan,
            began_at=self._clock.began_at,
            phase=self._phase,
            items=self._board.picture(),
            troubles=tuple(self._troubles),
        )


class _Writers:
    """Each region's writes: its first failure is its last one."""

    def __init__(
        self, table: Table, plan: RacePlan, clock: RunClock, halt: Halt, report: Report
    ) -> None:
        self._table = table
        self._plan = plan
        self._clock = clock
        self._halt = halt
        self._report = report
        self._failed: set[str] = set()

    def one_after_the_other(self) -> None:
        """All items in one region, a pause, all items in the next."""
        for place, write in enumerate(self._plan.writes):
            if place and self._halt.wait(self._plan.gap_ms / 1000):
                return
            for key in self._plan.keys:
                self._write(write, key)

    def all_at_once(self) -> None:
        """One item after the other, each in all regions at once, or a pause apart."""
        writes = self._plan.writes
        with ThreadPoolExecutor(len(writes), thread_name_prefix="race") as threads:
            for key in self._plan.keys:
                begin = time.monotonic()
                for done in [
                    threads.submit(self._write_at, begin + place * self._plan.gap_ms / 1000, *each)
                    for place, each in enumerate((write, key) for write in writes)
                ]:
                    done.result()

    def _write_at(self, when: float, write: RaceWrite, key: Key) -> None:
        if not self._halt.wait(max(0.0, when - time.monotonic())):
            self._write(write, key)

    def _write(self, write: RaceWrite, key: Key) -> None:
        if self._halt.is_set() or write.region in self._failed:
            return
        done = set_attribute(
            self._table, write.region, key, self._plan.attribute, write.value, clock=self._clock
        )
        if isinstance(done, NotWritten):
            self._failed.add(write.region)
        self._report(done)


class _Board:
    """What is known of every item. `open` are those on which the regions do not agree yet."""

    def __init__(self, plan: RacePlan) -> None:
        self._plan = plan
        self._items = {key: RaceItem(key=key) for key in plan.keys}
        self._latest: dict[tuple[str, Key], tuple[float, Value | None]] = {}
        self._before: dict[Key, tuple[Value | None, ...]] = {}
        self.open: Sequence[Key] = plan.keys
        self.wrote: set[str] = set()
        """The regions where something was, or may have been, written."""

    @property
    def has_agreed(self) -> bool:
        return not self.open

    def begin(self) -> None:
        """What has been seen so far is what was there before."""
        self._before = {
            key: tuple(each.value for each in item.film) for key, item in self._items.items()
        }

    def looked(self, look: Look) -> bool:
        """Takes in a look; whether it shows anything new."""
        changed = False
        for key, record in look.held.items():
            value = held_of(self._plan.attribute, record)
            latest = self._latest.get((look.region, key))
            self._latest[look.region, key] = look.asked_ms, value
            if latest is None or not same(latest[1], value):
                self._add(key, Sighting(region=look.region, at_ms=look.at_ms, value=value))
                changed = True
        return changed

    def reported(self, found: Wrote | NotWritten) -> None:
        item = self._items[found.key]
        if isinstance(found, Wrote):
            self.wrote.add(found.region)
            item = replace(
                item,
                written_ms={**item.written_ms, found.region: found.at_ms},
                replaced={**item.replaced, found.region: found.replaced},
            )
        elif found.uncertain:
            self.wrote.add(found.region)
            item = replace(item, uncertain=(*item.uncertain, found.region))
        self._items[found.key] = item

    def settle(self, wrote_all_ms: float, away: set[str]) -> bool:
        """Judges the items that all regions, but for those away, hold alike; whether any was.

        Only looks count that were begun when all was written.
        """
        regions = [each for each in self._plan.watch if each not in away - self.wrote]
        agreed = [key for key in self.open if self._agree(key, regions, wrote_all_ms)]
        for key in agreed:
            self._items[key] = self._judged(self._items[key], regions[0])
        self.open = tuple(key for key in self.open if key not in agreed)
        return bool(agreed)

    def picture(self) -> tuple[RaceItem, ...]:
        return tuple(self._items.values())

    def _add(self, key: Key, sighting: Sighting) -> None:
        item = self._items[key]
        self._items[key] = replace(item, film=(*item.film, sighting))

    def _agree(self, key: Key, regions: Sequence[str], since_ms: float) -> bool:
        held = [self._latest.get((region, key)) for region in regions]
        latest = [each for each in held if each is not None and each[0] >= since_ms]
        return bool(held) and len(latest) == len(held) and _all_alike([each[1] for each in latest])

    def _judged(self, item: RaceItem, region: str) -> RaceItem:
        stands = self._latest[region, item.key][1]
        writes = {each.region: each.value for each in self._plan.writes}
        before = self._before.get(item.key, ())
        verdict = judge(
            writes, item.replaced, uncertain=item.uncertain, before=before, stands=stands
        )
        seen = [*(each.value for each in item.film), *item.replaced.values()]
        return replace(
            item,
            winner=verdict.winner,
            lost=verdict.lost,
            unclear=verdict.unclear,
            stands=stands,
            strangers=strangers(seen, [*before, *writes.values()]),
            agreed_ms=max((*_last_changes(item).values(), *item.written_ms.values())),
        )


def _last_changes(item: RaceItem) -> Mapping[str, float]:
    """Since when each region holds what it was last seen to hold."""
    return {each.region: each.at_ms for each in item.film}


def _all_alike(values: Sequence[Value | None]) -> bool:
    return all(same(values[0], each) for each in values[1:])
