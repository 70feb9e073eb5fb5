"""What one press of a button does: one request to one region, and what to remember of it."""

import logging
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import dataclass

from bookmarks.lab.entities import Action, Attribute, Entry, Held, Outcome, Panel
from bookmarks.lab.repository import LabItems
from gtsite.dynamodb.errors import (
    AccessRefused,
    DataError,
    ItemRefused,
    RegionUnavailable,
    TableMissing,
    Throttled,
)

logger = logging.getLogger(__name__)

Clock = Callable[[], int]

NOTHING = Held()
NO_ANSWER = (
    RegionUnavailable,
    Throttled,
    ItemRefused,
    TableMissing,
    AccessRefused,
)


def now_ms() -> int:
    """Milliseconds since the epoch, by this machine's clock."""
    return time.time_ns() // 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Press:
    """One press: `step` is signed, 0 for reads."""

    action: Action
    step: int = 0


def ask(
    panel: Panel, press: Press, *, items: LabItems, region: str, clock: Clock = now_ms
) -> Panel:
    """The panel after asking one region once; a region that does not answer is an answer too.

    Never more than one request, to no other region: an update may not be sent twice. What
    `NO_ANSWER` lists becomes an entry that says so; everything else passes up.
    """
    if press.action is Action.CLEAR:
        return Panel()
    begun = time.perf_counter()
    stamp_ms = clock()
    try:
        entry, attributes = _answered(
            press, items=items, region=region, stamp_ms=stamp_ms, clock=clock
        )
    except NO_ANSWER as error:
        logger.info("lab: %s %s: %s", press.action, region, error)
        elapsed_ms = (time.perf_counter() - begun) * 1000
        failed = outcome(error, writes=press.action.writes)
        entry = _entry(press, elapsed_ms, clock(), outcome=failed, stamp_ms=stamp_ms)
        attributes = None
    return panel.with_entry(entry, attributes)


def ask_everywhere(
    panels: Mapping[str, Panel],
    presses: Mapping[str, Press],
    *,
    items: LabItems,
    clock: Clock = now_ms,
) -> dict[str, Panel]:
    """Asks the regions that have a press, side by side; one that is away delays no other.

    Takes as long as the slowest region, at most as long as one request may.
    """
    with ThreadPoolExecutor(max_workers=max(len(presses), 1)) as threads:
        asked = {
            region: threads.submit(
                copy_context().run,
                ask,
                panels[region],
                press,
                items=items,
                region=region,
                clock=clock,
            )
            for region, press in presses.items()
        }
    return {**panels, **{region: future.result() for region, future in asked.items()}}


def outcome(error: DataError, *, writes: bool) -> Outcome:
    """What a failed request means to whoever pressed the button."""
    match error:
        case RegionUnavailable(outcome_unknown=True) if writes:
            return Outcome.UNCERTAIN
        case RegionUnavailable():
            return Outcome.AWAY
        case Throttled():
            return Outcome.BUSY
        case _:
            return Outcome.REFUSED


def _answered(
    press: Press, *, items: LabItems, region: str, stamp_ms: int, clock: Clock
) -> tuple[Entry, tuple[Attribute, ...] | None]:
    """The region's answer, and the item it showed; a ping shows none."""
    if press.action is Action.PING:
        elapsed_ms = items.ping(region).elapsed_ms
        return _entry(press, elapsed_ms, clock()), None
    if press.action is Action.GET:
        got = items.get(region)
        return _entry(press, got.elapsed_ms, clock(), after=got.value), got.value.attributes
    answer = items.add(region, press.step, stamp_ms=stamp_ms)
    change = answer.value
    entry = _entry(press, answer.elapsed_ms, clock(), after=change.after, before=change.before)
    return entry, change.after.attributes


def _entry(
    press: Press,
    elapsed_ms: float,
    at_ms: int,
    *,
    after: Held = NOTHING,
    before: Held = NOTHING,
    outcome: Outcome = Outcome.OK,
    stamp_ms: int | None = None,
) -> Entry:
    """`stamp_ms` is what a failed update would have left; a failed read leaves nothing."""
    return Entry(
        at_ms=at_ms,
        action=press.action,
        outcome=outcome,
        elapsed_ms=elapsed_ms,
        step=press.step,
        old=before.value,
        base_ms=before.stamp_ms,
        base_writer=before.writer,
        value=after.value,
        stamp_ms=stamp_ms if press.action.writes and stamp_ms else after.stamp_ms,
        writer=after.writer,
    )
