"""Whether a region is worth asking: one circuit breaker per region, in every process its own.

A region that fails is passed over until a background probe has had an answer from it. One that
fails again soon after is trusted less readily each time.
"""

import threading
from collections.abc import Callable
from datetime import UTC, datetime
from enum import StrEnum

RELAPSE_SECONDS = 30.0
"""Opening again within this time after closing doubles the answers needed to close."""

MOST_ANSWERS = 8


class BreakerState(StrEnum):
    """Closed passes requests on, open passes the region over, half-open is waiting for a probe."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half-open"


class Breaker:
    """One region's record. Thread-safe.

    Every report says when its call began, so that an answer or a failure that comes late says
    nothing about the time since the breaker last changed. `clock` counts seconds.
    """

    def __init__(self, region: str, *, open_after: int, clock: Callable[[], float]) -> None:
        self.region = region
        self.state = BreakerState.CLOSED
        self.since = datetime.now(UTC)
        self.failures = 0
        self.last_error = ""
        self.last_failed = float("-inf")
        self.latency_ms: float | None = None
        self.probed_at: datetime | None = None
        self._open_after = open_after
        self._clock = clock
        self._lock = threading.Lock()
        self._changed = float("-inf")
        self._answers_needed = 1
        self._answers = 0

    @property
    def is_closed(self) -> bool:
        return self.state is BreakerState.CLOSED

    def failed(self, *, began: float, trouble: str) -> None:
        """A call that began at `began` found the region at fault."""
        with self._lock:
            if self.is_closed and began < self._changed:
                return
            self.failures += 1
            self.last_error = trouble
            self.last_failed = self._clock()
            if not self.is_closed:
                self._answers = 0
                self.state = BreakerState.OPEN
            elif self.failures >= self._open_after:
                self._open()

    def answered(self, *, began: float, latency_ms: float) -> None:
        """A call that began at `began` was answered, be it with a refusal."""
        with self._lock:
            self.latency_ms = latency_ms
            if self.is_closed:
                self.failures = 0
            elif began >= self._changed:
                self._answers += 1
                if self._answers >= self._answers_needed:
                    self._close()

    def probing(self) -> None:
        """A probe is on its way."""
        with self._lock:
            self.probed_at = datetime.now(UTC)
            if self.state is BreakerState.OPEN:
                self.state = BreakerState.HALF_OPEN

    def _open(self) -> None:
        relapsed = self._clock() - self._changed < RELAPSE_SECONDS
        self._answers_needed = min(2 * self._answers_needed, MOST_ANSWERS) if relapsed else 1
        self._answers = 0
        self._change(BreakerState.OPEN)

    def _close(self) -> None:
        self.failures = 0
        self._change(BreakerState.CLOSED)

    def _change(self, state: BreakerState) -> None:
        self.state = state
        self.since = datetime.now(UTC)
        self._changed = self._clock()
