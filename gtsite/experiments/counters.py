"""Counting in several regions at once, in three ways, and how much of it survives.

Every increment is evaluated by the region that takes it, and the whole item is sent to the others:
of two regions that add to one item within the replication lag, the last one's sum stands. Where
each region adds to an item of its own nobody overwrites anybody. An absolute write, as a bookmark
is, needs no other write to have survived: only the newest one counts.
"""

import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from queue import Empty, SimpleQueue

from gtsite.dynamodb.conditions import Newer
from gtsite.dynamodb.errors import ConditionFailed, DataError
from gtsite.dynamodb.items import Value
from gtsite.dynamodb.repository import Table
from gtsite.dynamodb.tables import Key
from gtsite.experiments.entities import (
    Counted,
    CountersPlan,
    CountersRun,
    Counting,
    Phase,
    Stop,
    Tell,
    Trouble,
    never,
)
from gtsite.experiments.subjects import KEPT_FOR, ProbeItems, clear_away
from gtsite.experiments.watching import (
    Look,
    RunClock,
    Watch,
    phase_of,
    timed,
    trouble,
    watching,
)
from gtsite.experiments.writing import Halt, is_uncertain

COUNT = "experiment_count"
UPDATED_AT = "updated_at"
WRITING_ORDER = (Counting.SHARED, Counting.ABSOLUTE, Counting.SPLIT)
"""Split last: their sums show when what was written before them has arrived as well."""

POLL_MS = 40.0
WAIT_SECONDS = 0.02
WARM_UP_MS = 10_000.0
TELL_EVERY_MS = 50.0
LEAST_QUIET_MS = 1_000.0
QUIET_LAGS = 3.0


def run_counters(
    plan: CountersPlan,
    table: Table,
    *,
    tell: Tell[CountersRun] = lambda _: None,
    stop: Stop | None = None,
) -> CountersRun:
    """Counts in the three ways, one after the other; `table` is not pinned to a region.

    Returns when it is settled, when patience or `stop` ends it, or when a region that has counted
    has been away for ten seconds. Settled means that every region holds the same, that every
    region's own counter has arrived in full everywhere, and that nothing has changed anywhere for
    three times the longest that such a counter took to arrive, at least a second: as much as can
    be told from outside, since a global table never says that nothing is on its way.

    What it wrote is deleted again however it ends; it expires where the table has an expiry. No
    increment is sent twice: one without an answer is `uncertain`. The first write that fails ends
    the counting in its region. Raises `ItemRefused` where the table does not take its items.
    """
    return _Counters(plan, table, tell, Halt(stop or never())).run()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Done:
    """One acknowledged write; `total` is what an absolute one wrote."""

    counting: Counting
    region: str
    at_ms: float
    total: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class _Failed:
    """One write that was not acknowledged; `found` is None where its condition held it back."""

    counting: Counting
    region: str
    found: Trouble | None = None
    uncertain: bool = False


_Report = _Done | _Failed


class _Keys:
    """The run's own items: one for everybody, one for each region, and one for positions."""

    def __init__(self, items: ProbeItems, regions: Sequence[str]) -> None:
        self.shared = items.key(0, 1)
        self.absolute = items.key(0, 2)
        self.split = {region: items.key(1, place) for place, region in enumerate(regions)}
        self.all = (self.shared, self.absolute, *self.split.values())

    def written_by(self, counting: Counting, region: str) -> Key:
        match counting:
            case Counting.SHARED:
                return self.shared
            case Counting.SPLIT:
                return self.split[region]
            case Counting.ABSOLUTE:
                return self.absolute


class _Counters:
    """One run: what its threads report is taken in by the one thread that runs it."""

    def __init__(
        self, plan: CountersPlan, table: Table, tell: Tell[CountersRun], halt: Halt
    ) -> None:
        self._plan = plan
        self._table = table
        self._tell = tell
        self._halt = halt
        self._clock = RunClock()
        self._items = ProbeItems(definition=table.definition, name="counters")
        self._keys = _Keys(self._items, plan.regions)
        self._board = _Board(plan.regions, self._keys)
        self._reports: SimpleQueue[_Report] = SimpleQueue()
        self._phase = Phase.WRITING
        self._troubles: dict[Trouble, None] = {}
        self._told_ms = 0.0

    def run(self) -> CountersRun:
        try:
            with (
                watching(
                    self._table,
                    self._plan.regions,
                    lambda _: self._keys.all,
                    clock=self._clock,
                    poll_ms=POLL_MS,
                    consistent=True,
                ) as watch,
                ThreadPoolExecutor(1, thread_name_prefix="counters") as threads,
            ):
                self._count(watch, threads)
        finally:
            self._clean_up()
        found = self._picture()
        self._tell(found)
        return found

    def _count(self, watch: Watch, threads: ThreadPoolExecutor) -> None:
        try:
            self._hear_from_all(watch)
            self._tell(self._picture())
            writers = _Writers(
                self._table, self._plan, self._keys, self._clock, self._halt, self._reports.put
            )
            self._follow_writers(watch, threads.submit(writers.count))
            self._follow_until_settled(watch)
        finally:
            self._halt.set()

    def _hear_from_all(self, watch: Watch) -> None:
        silent = set(self._plan.regions)
        while silent and not self._halt.is_set() and self._clock.ms() < WARM_UP_MS:
            silent.discard(self._take(watch))

    def _follow_writers(self, watch: Watch, writers: "Future[None]") -> None:
        while not writers.done():
            self._take(watch)
            self._tell_now_and_then()
        self._take(watch)
        writers.result()

    def _follow_until_settled(self, watch: Watch) -> None:
        wrote_all_ms = self._clock.ms()
        self._phase = Phase.STOPPED if self._halt.is_set() else Phase.WATCHING
        self._tell(self._picture())
        while self._phase is Phase.WATCHING:
            self._take(watch)
            self._phase = self._phase_now(watch, wrote_all_ms)
            self._tell_now_and_then()

    def _phase_now(self, watch: Watch, wrote_all_ms: float) -> Phase:
        away = watch.silent(self._plan.regions)
        settled = self._board.settle(self._clock.ms(), wrote_all_ms, away)
        late = self._clock.ms() - wrote_all_ms > self._plan.patience_ms
        wrote = self._board.wrote
        return phase_of(
            agreed=settled,
            halted=self._halt.is_set(),
            over=late or not wrote or bool(away & wrote),
        )

    def _take(self, watch: Watch) -> str:
        """Takes in the next look or trouble, and what was written; whose look it was."""
        found = watch.next(WAIT_SECONDS)
        self._take_reports()
        if isinstance(found, Look):
            self._board.looked(found)
        elif found is not None:
            self._troubles.setdefault(found)
        return found.region if found is not None else ""

    def _take_reports(self) -> None:
        for each in _arrived(self._reports):
            self._board.reported(each)
            if isinstance(each, _Failed) and each.found is not None:
                self._troubles.setdefault(each.found)

    def _tell_now_and_then(self) -> None:
        now_ms = self._clock.ms()
        if now_ms - self._told_ms >= TELL_EVERY_MS:
            self._told_ms = now_ms
            self._tell(self._picture())

    def _picture(self) -> CountersRun:
        return CountersRun(
            plan=self._plan,
            began_at=self._clock.began_at,
            phase=self._phase,
            counted=tuple(self._board.counted(each) for each in Counting),
            troubles=tuple(self._troubles),
        )

    def _clean_up(self) -> None:
        """Deletes in every region that wrote: where an item has not arrived, deletes do nothing.

        What a region does not take another one does, and replicates it. A run that an error has
        ended has reports that nobody has read yet.
        """
        self._take_reports()
        wrote = sorted(self._board.wrote)
        with ThreadPoolExecutor(max(1, len(wrote)), thread_name_prefix="counters") as threads:
            for found in threads.map(self._delete_in, wrote):
                if found is not None:
                    self._troubles.setdefault(found)

    def _delete_in(self, region: str) -> Trouble | None:
        regions = tuple(dict.fromkeys((region, *self._plan.regions)))
        took = clear_away(self._table, self._items, self._keys.all, regions)
        if took == region:
            return None
        left = "What was counted there is left: it begins with lab#counters, or is below -1e36."
        done = f"{took} did, and replicates them." if took else left
        sentence = f"{region} did not take the deletes of what it counted. {done}"
        return Trouble(region=region, sentence=sentence)


class _Writers:
    """Every region's writes, in threads of their own. A region's first failure is its last."""

    def __init__(
        self,
        table: Table,
        plan: CountersPlan,
        keys: _Keys,
        clock: RunClock,
        halt: Halt,
        report: Callable[[_Report], None],
    ) -> None:
        self._table = table
        self._plan = plan
        self._keys = keys
        self._clock = clock
        self._halt = halt
        self._report = report
        self._positions = _Positions()
        self._failed: set[str] = set()

    def count(self) -> None:
        """The three ways, one after the other: each in all regions at once."""
        regions, at_once = self._plan.regions, self._plan.at_once
        with ThreadPoolExecutor(len(regions) * at_once, thread_name_prefix="counters") as threads:
            for counting in WRITING_ORDER:
                started = [
                    threads.submit(self._write_share, counting, region, place)
                    for place in range(at_once)
                    for region in regions
                ]
                for each in started:
                    each.result()

    def _write_share(self, counting: Counting, region: str, place: int) -> None:
        """What one of a region's threads has to write, one after the other."""
        for _ in range(place, self._plan.increments, self._plan.at_once):
            self._write(counting, region)

    def _write(self, counting: Counting, region: str) -> None:
        if self._halt.is_set() or region in self._failed:
            return
        try:
            done = self._add_or_set(counting, region)
        except ConditionFailed:
            self._report(_Failed(counting=counting, region=region))
        except DataError as error:
            self._failed.add(region)
            found, uncertain = trouble(region, error), is_uncertain(error)
            self._report(
                _Failed(counting=counting, region=region, found=found, uncertain=uncertain)
            )
        else:
            self._report(done)

    def _add_or_set(self, counting: Counting, region: str) -> _Done:
        key = self._keys.written_by(counting, region)
        table = self._table.at(region)
        if counting is not Counting.ABSOLUTE:
            done = timed(
                self._clock, lambda: table.update(*key, add={COUNT: 1}, set_=self._marks())
            )
            return _Done(counting=counting, region=region, at_ms=done.at_ms)
        position, updated_at_ms = self._positions.next()
        item = {COUNT: position, UPDATED_AT: updated_at_ms, **self._marks()}
        newer = Newer(UPDATED_AT, updated_at_ms)
        done = timed(self._clock, lambda: table.update(*key, set_=item, condition=newer))
        return _Done(counting=counting, region=region, at_ms=done.at_ms, total=position)

    def _marks(self) -> dict[str, Value]:
        """What tells whose item it is, and when it may go."""
        marks: dict[str, Value] = {"experiment": "counters"}
        expiry = self._table.definition.ttl_attribute
        if expiry:
            marks[expiry] = int((datetime.now(UTC) + KEPT_FOR).timestamp())
        return marks


class _Positions:
    """Positions that grow, each with a moment in ms since 1970 later than the one before."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._position = 0
        self._at_ms = 0

    def next(self) -> tuple[int, int]:
        with self._lock:
            self._position += 1
            self._at_ms = max(self._at_ms + 1, time.time_ns() // 1_000_000)
            return self._position, self._at_ms


@dataclass(slots=True)
class _Tally:
    """One way of counting: what was acknowledged in each region, and what was not."""

    acknowledged: dict[str, int] = field(default_factory=dict)
    newest: int = 0
    uncertain: int = 0
    refused: int = 0

    def add(self, report: _Report) -> None:
        if isinstance(report, _Done):
            self.acknowledged[report.region] = self.acknowledged.get(report.region, 0) + 1
            self.newest = max(self.newest, report.total)
        else:
            self.uncertain += report.uncertain
            self.refused += report.found is None


class _Board:
    """What was written, what every region holds, and since when."""

    def __init__(self, regions: Sequence[str], keys: _Keys) -> None:
        self._keys = keys
        self._tallies = {each: _Tally() for each in Counting}
        self._held: dict[str, dict[Key, int]] = {}
        self._regions = tuple(regions)
        self._looked_ms: dict[str, float] = {}
        self._changed_ms = 0.0
        self._counted_ms: dict[str, float] = {}
        self._arrived_ms: dict[tuple[str, str], float] = {}
        self._settled = False
        self.wrote: set[str] = set()
        """The regions where something was, or may have been, counted."""

    def reported(self, report: _Report) -> None:
        self._tallies[report.counting].add(report)
        if isinstance(report, _Done) or report.uncertain:
            self.wrote.add(report.region)
        if isinstance(report, _Done) and report.counting is Counting.SPLIT:
            latest = self._counted_ms.get(report.region, 0.0)
            self._counted_ms[report.region] = max(latest, report.at_ms)

    def looked(self, look: Look) -> None:
        held = {key: int((item or {}).get(COUNT, 0)) for key, item in look.held.items()}
        before = self._held.get(look.region, {})
        if {**before, **held} != before:
            self._changed_ms = look.at_ms
        self._held[look.region] = {**before, **held}
        self._looked_ms[look.region] = look.asked_ms
        for source in self._keys.split:
            if self._has_all_of(source, look.region):
                self._arrived_ms.setdefault((source, look.region), look.at_ms)
            else:
                self._arrived_ms.pop((source, look.region), None)

    def settle(self, now_ms: float, wrote_all_ms: float, away: set[str]) -> bool:
        """Whether nothing more is to be expected; see `run_counters`."""
        regions = [each for each in self._regions if each not in away - self.wrote]
        seen = [each for each in regions if self._looked_ms.get(each, 0.0) > wrote_all_ms]
        arrived = all(
            self._has_all_of(source, region) for source in self.wrote for region in regions
        )
        alike = len({tuple(self._totals(region).values()) for region in seen}) == 1
        quiet = now_ms - max(self._changed_ms, wrote_all_ms) > self._quiet_ms()
        self._settled = seen == regions and arrived and alike and quiet
        if self._settled:
            self._regions = tuple(regions)
        return self._settled

    def counted(self, counting: Counting) -> Counted:
        tally = self._tallies[counting]
        acknowledged = sum(tally.acknowledged.values())
        return Counted(
            counting=counting,
            acknowledged=acknowledged,
            expected=tally.newest if counting is Counting.ABSOLUTE else acknowledged,
            held={region: self._totals(region).get(counting) for region in self._regions},
            settled=self._settled,
            uncertain=tally.uncertain,
            refused=tally.refused,
        )

    def _totals(self, region: str) -> Mapping[Counting, int]:
        """What a region holds, by the way of counting; empty before it was seen."""
        held = self._held.get(region)
        if held is None:
            return {}
        return {
            Counting.SHARED: held.get(self._keys.shared, 0),
            Counting.SPLIT: sum(held.get(key, 0) for key in self._keys.split.values()),
            Counting.ABSOLUTE: held.get(self._keys.absolute, 0),
        }

    def _has_all_of(self, source: str, region: str) -> bool:
        held = self._held.get(region, {}).get(self._keys.split[source], 0)
        return held >= self._tallies[Counting.SPLIT].acknowledged.get(source, 0)

    def _quiet_ms(self) -> float:
        lags = [
            at_ms - self._counted_ms[source]
            for (source, _), at_ms in self._arrived_ms.items()
            if source in self._counted_ms
        ]
        return max([LEAST_QUIET_MS, *(QUIET_LAGS * each for each in lags)])


def _arrived(reports: "SimpleQueue[_Report]") -> Iterator[_Report]:
    while True:
        try:
            yield reports.get_nowait()
        except Empty:
            return
