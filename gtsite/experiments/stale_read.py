"""A stale read: what one region says of items that another one has just changed.

The items are changed one after the other in one region, and at once asked for, all of them
together, in another; then again and again until it holds what was written. The reads are strongly
consistent: even those know no more than what has reached the region that answers.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from gtsite.dynamodb.items import Value
from gtsite.dynamodb.repository import Record, Table
from gtsite.dynamodb.tables import Key
from gtsite.experiments.entities import (
    Phase,
    StaleItem,
    StalePlan,
    StaleRun,
    Stop,
    Tell,
    Trouble,
    never,
)
from gtsite.experiments.verdicts import same
from gtsite.experiments.watching import (
    AT_FAULT,
    Look,
    RunClock,
    Watch,
    phase_of,
    timed,
    trouble,
    watching,
)
from gtsite.experiments.writing import NotWritten, held_of, poll_ms_for, set_attribute

WAIT_SECONDS = 0.02


def run_stale_read(
    plan: StalePlan,
    table: Table,
    *,
    tell: Tell[StaleRun] = lambda _: None,
    stop: Stop | None = None,
) -> StaleRun:
    """Writes, looks, and goes on looking; `table` is not pinned to a region.

    Returns when `read` holds all that was written and acknowledged, when patience or `stop` ends
    it, or when `read` has been away for ten seconds. The first write that fails ends the writing.
    At most a hundred keys, each once. Raises `ItemRefused` where keys do not fit the table.
    """
    return _StaleRead(plan, table, tell, stop or never()).run()


class _StaleRead:
    """One run, all in the thread that runs it but for the looks."""

    def __init__(self, plan: StalePlan, table: Table, tell: Tell[StaleRun], stop: Stop) -> None:
        self._plan = plan
        self._table = table
        self._tell = tell
        self._stop = stop
        self._clock = RunClock()
        self._picture = StaleRun(
            plan=plan,
            began_at=self._clock.began_at,
            phase=Phase.WRITING,
            items=tuple(StaleItem(key=key) for key in plan.keys),
        )
        self._items = {each.key: each for each in self._picture.items}
        self._open: Sequence[Key] = ()

    def run(self) -> StaleRun:
        self._warm_up()
        self._write()
        if self._picture.phase is Phase.STOPPED or not self._open:
            self._note(phase=Phase.STOPPED if self._stop.is_set() else Phase.GAVE_UP)
            return self._picture
        self._note(phase=Phase.WATCHING)
        self._look_at_once()
        self._look_until_it_agrees()
        return self._picture

    def _warm_up(self) -> None:
        """Opens both connections, so that the first write and the first read take no longer."""
        for region in (self._plan.write, self._plan.read):
            try:
                self._table.at(region).peek(self._plan.keys)
            except AT_FAULT as error:
                self._troubled(trouble(region, error))

    def _write(self) -> None:
        began_ms = self._clock.ms()
        for key in self._plan.keys:
            if self._stop.is_set():
                self._note(phase=Phase.STOPPED)
                break
            if not self._write_one(key):
                break
        self._note(wrote_ms=self._clock.ms() - began_ms)
        self._open = tuple(key for key, item in self._items.items() if item.written_ms is not None)

    def _write_one(self, key: Key) -> bool:
        plan = self._plan
        wrote = set_attribute(
            self._table, plan.write, key, plan.attribute, plan.value, clock=self._clock
        )
        if isinstance(wrote, NotWritten):
            self._troubled(wrote.trouble)
            return False
        self._items[key] = replace(self._items[key], before=wrote.replaced, written_ms=wrote.at_ms)
        self._note(items=tuple(self._items.values()))
        return True

    def _look_at_once(self) -> None:
        """One read of all that was written; a region that is away will be asked again."""
        read = self._table.at(self._plan.read)
        keys = self._open
        try:
            seen = timed(self._clock, lambda: read.peek(keys, consistent=True))
        except AT_FAULT as error:
            self._troubled(trouble(self._plan.read, error))
            return
        self._saw(seen.value, seen.at_ms)
        self._note(read_ms=seen.answered_ms - seen.asked_ms)

    def _look_until_it_agrees(self) -> None:
        with watching(
            self._table,
            [self._plan.read],
            lambda _: self._open,
            clock=self._clock,
            poll_ms=poll_ms_for(self._plan.keys),
            consistent=True,
        ) as watch:
            wrote_all_ms = self._clock.ms()
            phase = self._phase(watch, wrote_all_ms)
            while phase is Phase.WATCHING:
                found = watch.next(WAIT_SECONDS)
                if isinstance(found, Look):
                    self._saw(found.held, found.at_ms)
                elif found is not None:
                    self._troubled(found)
                phase = self._phase(watch, wrote_all_ms)
        self._note(phase=phase)

    def _phase(self, watch: Watch, wrote_all_ms: float) -> Phase:
        """How far the run is, now that everything is written."""
        late = self._clock.ms() - wrote_all_ms > self._plan.patience_ms
        return phase_of(
            agreed=not self._open,
            halted=self._stop.is_set(),
            over=late or bool(watch.silent([self._plan.read])),
        )

    def _saw(self, held: Mapping[Key, Record | None], at_ms: float) -> None:
        seen = {key: held_of(self._plan.attribute, item) for key, item in held.items()}
        items = {key: self._after(self._items[key], value, at_ms) for key, value in seen.items()}
        if any(item != self._items[key] for key, item in items.items()):
            self._items |= items
            self._open = tuple(
                key for key in self._open if self._items[key].agreed_after_ms is None
            )
            self._note(items=tuple(self._items.values()))

    def _after(self, item: StaleItem, value: Value | None, at_ms: float) -> StaleItem:
        """The item as it is known after one more look."""
        written_ms = item.written_ms
        if written_ms is None or item.agreed_after_ms is not None:
            return item
        agrees = same(value, self._plan.value)
        if item.stale is None:
            item = replace(item, first=value, stale=not agrees)
        late_ms = max(0.0, at_ms - written_ms) if agrees else None
        return replace(item, last=value, agreed_after_ms=late_ms)

    def _troubled(self, found: Trouble) -> None:
        if found not in self._picture.troubles:
            self._note(troubles=(*self._picture.troubles, found))

    def _note(self, **changes: Any) -> None:
        self._picture = replace(self._picture, **changes)
        self._tell(self._picture)
