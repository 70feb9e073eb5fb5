"""Finds out, behind the requests' backs, when a region that failed answers again."""

import logging
import random
import threading
from collections.abc import Callable

from gtsite.dynamodb.breaker import Breaker

logger = logging.getLogger(__name__)

_random = random.SystemRandom()


class Prober:
    """One daemon thread per region whose breaker is not closed, and none otherwise. Thread-safe.

    `ask` sends one real read to the breaker's region and reports to the breaker; it must not
    raise for a region that fails. Asked about every `seconds`, give or take a fifth, so that many
    processes do not ask all at once.
    """

    def __init__(self, ask: Callable[[Breaker], None], *, seconds: float) -> None:
        self._ask = ask
        self._seconds = seconds
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self._threads: dict[str, threading.Thread] = {}

    def watch(self, breaker: Breaker) -> None:
        """Sees to it that somebody is asking."""
        with self._lock:
            asking = self._threads.get(breaker.region)
            if self._stopping.is_set() or (asking is not None and asking.is_alive()):
                return
            asking = threading.Thread(
                target=self._ask_until_closed,
                args=(breaker,),
                name=f"probe-{breaker.region}",
                daemon=True,
            )
            self._threads[breaker.region] = asking
            asking.start()

    def stop(self) -> None:
        """No probe begins after this; one under way comes to its own end."""
        self._stopping.set()

    def _ask_until_closed(self, breaker: Breaker) -> None:
        while not self._is_done(breaker):
            if self._stopping.wait(self._seconds * _random.uniform(0.8, 1.2)):
                return
            breaker.probing()
            self._ask(breaker)
            if breaker.is_closed:
                logger.warning("%s answers again", breaker.region)

    def _is_done(self, breaker: Breaker) -> bool:
        """Decided under the lock: a region that fails right now keeps this thread, or gets one."""
        with self._lock:
            if breaker.is_closed:
                self._threads.pop(breaker.region, None)
            return breaker.is_closed
