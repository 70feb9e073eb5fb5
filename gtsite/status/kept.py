"""One answer for everybody who looks: asked for by one thread, kept for a while, given to all."""

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Generic, TypeVar

from gtsite.dynamodb.errors import DataError

MOST_WAIT = 3
"""So many wait beside the one that has it asked for: whoever waits takes a thread of the site."""

T = TypeVar("T")
Name = TypeVar("Name")


@dataclass(frozen=True, slots=True, kw_only=True)
class Told(Generic[T]):
    """The last answer there was and when, in UTC; None before the first.

    `problem` is the sentence of the last asking, '' when it went well. `asking` while another
    answer is on its way.
    """

    value: T | None = None
    at: datetime | None = None
    problem: str = ""
    asking: bool = False


class Kept(Generic[T]):
    """What `ask` answered, for `seconds`. Thread-safe.

    However many look, `ask` runs once at a time, in a daemon thread of its own, so that nobody
    waits for longer than they want to. It raises `DataError` and nothing else. An answer that
    failed is kept for as long as a good one, beside the good one before it.
    """

    def __init__(
        self,
        ask: Callable[[], T],
        *,
        seconds: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._ask = ask
        self._seconds = seconds
        self._clock = clock
        self._lock = threading.Lock()
        self._told: Told[T] = Told()
        self._answered = float("-inf")
        self._asking: threading.Event | None = None
        self._waiting = 0

    def latest(self) -> Told[T]:
        """What is known, without asking."""
        with self._lock:
            return self._as_told()

    def begin(self) -> threading.Event | None:
        """Has it asked for where it is old; says what to wait for, None for nothing.

        Who has it asked for waits for the answer; a few others do where there is no older one.
        """
        with self._lock:
            if self._is_old():
                return self._begin()
            if self._asking is None or self._told.at is not None or self._waiting >= MOST_WAIT:
                return None
            self._waiting += 1
            return self._asking

    def _is_old(self) -> bool:
        return self._asking is None and self._clock() - self._answered >= self._seconds

    def _begin(self) -> threading.Event:
        self._asking, self._waiting = threading.Event(), 0
        asking = threading.Thread(
            target=self._ask_once, args=(self._asking,), name="status", daemon=True
        )
        asking.start()
        return self._asking

    def _ask_once(self, done: threading.Event) -> None:
        value, problem = None, "The question could not be asked."
        try:
            value, problem = self._ask(), ""
        except DataError as error:
            problem = str(error)
        finally:
            self._take(value, problem)
            done.set()

    def _take(self, value: T | None, problem: str) -> None:
        with self._lock:
            if problem:
                self._told = Told(value=self._told.value, at=self._told.at, problem=problem)
            else:
                self._told = Told(value=value, at=datetime.now(UTC))
            self._answered = self._clock()
            self._asking = None

    def _as_told(self) -> Told[T]:
        known = self._told
        return Told(
            value=known.value,
            at=known.at,
            problem=known.problem,
            asking=self._asking is not None,
        )


def get_all(kept: Mapping[Name, Kept[T]], *, patience_seconds: float) -> dict[Name, Told[T]]:
    """What is known of each, asked for anew where it is old: all at once, in one patience."""
    until = time.monotonic() + patience_seconds
    for awaited in [each.begin() for each in kept.values()]:
        if awaited is not None:
            awaited.wait(max(0.0, until - time.monotonic()))
    return {name: each.latest() for name, each in kept.items()}
