"""Writes whose moment and whose predecessor are known, for experiments that set one attribute."""

import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass

from gtsite.dynamodb.errors import DataError, NoRegionAvailable, RegionUnavailable
from gtsite.dynamodb.items import Value
from gtsite.dynamodb.repository import Record, Table
from gtsite.dynamodb.tables import Key
from gtsite.experiments.entities import Stop, Trouble
from gtsite.experiments.watching import RunClock, timed

SLICE_SECONDS = 0.05
LEAST_POLL_MS = 5.0
POLL_MS_A_KEY = 2.5
"""Looking at everything takes no more than 400 strongly consistent reads a second and region."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wrote:
    """An acknowledged write, and what it replaced; None for nothing."""

    region: str
    key: Key
    asked_ms: float
    answered_ms: float
    replaced: Value | None

    @property
    def at_ms(self) -> float:
        """Halfway: when the region is taken to have done it."""
        return (self.asked_ms + self.answered_ms) / 2


@dataclass(frozen=True, slots=True, kw_only=True)
class NotWritten:
    """A write that failed; `uncertain` where it may have been carried out all the same."""

    region: str
    key: Key
    trouble: Trouble
    uncertain: bool


def set_attribute(
    table: Table, region: str, key: Key, attribute: str, value: Value, *, clock: RunClock
) -> Wrote | NotWritten:
    """Sets the attribute in that region, making the item if there is none, sent once only.

    Were it sent again without an answer, it might find its own value there, and not the one
    before.
    """
    one_region = table.at(region)
    try:
        done = timed(
            clock,
            lambda: one_region.update(
                *key, set_={attribute: value}, returning="ALL_OLD", repeatable=False
            ),
        )
    except DataError as error:
        return _not_written(region, key, error)
    return Wrote(
        region=region,
        key=key,
        asked_ms=done.asked_ms,
        answered_ms=done.answered_ms,
        replaced=done.value.get(attribute),
    )


def held_of(attribute: str, item: Record | None) -> Value | None:
    """What an item holds of the attribute; None for nothing."""
    return None if item is None else item.get(attribute)


def poll_ms_for(keys: Sequence[Key]) -> float:
    """How long to pause between looks at so many items."""
    return max(LEAST_POLL_MS, POLL_MS_A_KEY * len(keys))


def is_uncertain(error: DataError) -> bool:
    """Whether a write that failed like this may have been carried out."""
    return isinstance(error, RegionUnavailable | NoRegionAvailable) and error.outcome_unknown


class Halt:
    """The end of a run, asked for by whoever started it or by the run itself. Thread-safe."""

    def __init__(self, asked_for: Stop) -> None:
        self._asked_for = asked_for
        self._own = threading.Event()

    def set(self) -> None:
        self._own.set()

    def is_set(self) -> bool:
        return self._own.is_set() or self._asked_for.is_set()

    def wait(self, timeout: float | None = None) -> bool:
        """Whether the end is asked for before so many seconds have gone by."""
        end = None if timeout is None else time.monotonic() + timeout
        while not self.is_set():
            left = SLICE_SECONDS if end is None else min(SLICE_SECONDS, end - time.monotonic())
            if left <= 0:
                return False
            self._own.wait(left)
        return True


def _not_written(region: str, key: Key, error: DataError) -> NotWritten:
    uncertain = is_uncertain(error)
    name = ", ".join(map(str, key))
    more = f" It may have written {name} all the same." if uncertain else ""
    return NotWritten(
        region=region,
        key=key,
        trouble=Trouble(region=region, sentence=f"{error}{more}"),
        uncertain=uncertain,
    )
