"""Experiments under way: at most a few in this process, each in a thread of its own, none for long.

Nothing outlives the request that began it: whoever closes a run has its items removed, and its
place is free again.
"""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from threading import BoundedSemaphore, Event

from bookmarks.lab.experiments.entities import Picture
from gtsite.experiments.entities import Stop, Tell
from gtsite.logs import with_number

Work = Callable[[Tell[Picture], Stop], Picture]
"""Carries an experiment out, tells how far it is, and returns how it ended."""

AT_ONCE = 2
LONGEST_SECONDS = 50.0
BEAT_SECONDS = 0.1
BEATS_A_PICTURE = 2

_places = BoundedSemaphore(AT_ONCE)


class TooManyRuns(Exception):
    """This process carries out as many experiments as it may."""


class Limit:
    """Ends a run when it is told to, or when its time is up. A `Stop`."""

    def __init__(self, seconds: float) -> None:
        self._told = Event()
        self._until = time.monotonic() + seconds

    def set(self) -> None:
        self._told.set()

    def is_set(self) -> bool:
        return self._told.is_set() or time.monotonic() >= self._until

    def wait(self, timeout: float | None = None) -> bool:
        left = max(0.0, self._until - time.monotonic())
        self._told.wait(left if timeout is None else min(timeout, left))
        return self.is_set()


class Running:
    """One experiment under way; raises `TooManyRuns`. To be closed, which ends it."""

    def __init__(self, work: Work, *, seconds: float = LONGEST_SECONDS) -> None:
        if not _places.acquire(blocking=False):
            raise TooManyRuns
        self._limit = Limit(seconds)
        self._latest = Picture()
        self._threads = ThreadPoolExecutor(1, thread_name_prefix="experiment")
        self._ending: Future[Picture] = self._threads.submit(
            with_number(work), self._tell, self._limit
        )
        self._ending.add_done_callback(lambda _: _places.release())

    def pictures(self) -> Iterator[Picture | None]:
        """What is new, five times a second at most; in between None, as a sign of life.

        The last one is how the run ended. Raises what the run raised.
        """
        shown: Picture | None = None
        beat = 0
        while not wait((self._ending,), timeout=BEAT_SECONDS).done:
            latest, beat = self._latest, beat + 1
            if latest is shown or beat % BEATS_A_PICTURE:
                yield None
            else:
                yield latest
                shown = latest
        yield self._ending.result()

    def result(self) -> Picture:
        """How it ended, once it has; raises what the run raised."""
        return self._ending.result()

    def close(self) -> None:
        """Ends the run, and returns when nothing is left of it."""
        self._limit.set()
        self._threads.shutdown()

    def _tell(self, picture: Picture) -> None:
        self._latest = picture
