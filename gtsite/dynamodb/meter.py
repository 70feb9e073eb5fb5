"""Which regions were asked for what, how long they took, and which of them answered."""

import math
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

READS = frozenset({"GetItem", "BatchGetItem", "Query", "Scan", "TransactGetItems"})
WRITES = frozenset({"PutItem", "UpdateItem", "DeleteItem", "BatchWriteItem", "TransactWriteItems"})
CALLS_TIMED = 1000
"""Of each region, the latest ones: enough for a p99, and never more to sort."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One request to one region; `ok` when the region answered, be it with a refusal."""

    region: str
    operation: str
    elapsed_ms: float
    ok: bool


class Meter:
    """The calls made so far, in the order they ended; a meter around this one counts them too."""

    def __init__(self, around: "Meter | None" = None) -> None:
        self.calls: list[Call] = []
        self._around = around

    @property
    def served_region(self) -> str | None:
        """The region that answered last, None when none did or none was asked."""
        return next((call.region for call in reversed(self.calls) if call.ok), None)

    def record(self, call: Call) -> None:
        self.calls.append(call)
        if self._around is not None:
            self._around.record(call)


_current: ContextVar[Meter | None] = ContextVar("meter", default=None)


@contextmanager
def meter() -> Iterator[Meter]:
    """Collects the calls made inside the block, those that fan out from it included."""
    counting = Meter(_current.get())
    token = _current.set(counting)
    try:
        yield counting
    finally:
        _current.reset(token)


def record(call: Call) -> None:
    """Adds one call to the meter around it, if there is one."""
    counting = _current.get()
    if counting is not None:
        counting.record(call)


@dataclass(frozen=True, slots=True, kw_only=True)
class Traffic:
    """What a region was asked for since the count began; a batch is one read or write.

    `failed` counts those of either kind that got no answer. `p50_ms` and `p99_ms` are of its last
    1,000 calls, those that failed among them; None before the first.
    """

    reads: int = 0
    writes: int = 0
    failed: int = 0
    p50_ms: float | None = None
    p99_ms: float | None = None


class Counter:
    """Counts calls by region. Thread-safe; counting one costs about a microsecond."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kinds: dict[tuple[str, str], int] = {}
        self._times: dict[str, deque[float]] = {}

    def count(self, call: Call) -> None:
        kind = _kind(call.operation)
        with self._lock:
            self._add(call.region, kind)
            if not call.ok:
                self._add(call.region, "failed")
            times = self._times.get(call.region)
            if times is None:
                times = self._times[call.region] = deque(maxlen=CALLS_TIMED)
            times.append(call.elapsed_ms)

    def traffic(self, region: str) -> Traffic:
        with self._lock:
            times = sorted(self._times.get(region, ()))
            counted = {kind: self._kinds.get((region, kind), 0) for kind in KINDS}
        return Traffic(
            **counted, p50_ms=_nearest_rank(times, 0.5), p99_ms=_nearest_rank(times, 0.99)
        )

    def _add(self, region: str, kind: str) -> None:
        self._kinds[region, kind] = self._kinds.get((region, kind), 0) + 1


KINDS = ("reads", "writes", "failed")


def _kind(operation: str) -> str:
    if operation in READS:
        return "reads"
    return "writes" if operation in WRITES else "others"


def _nearest_rank(times: list[float], share: float) -> float | None:
    """The smallest of the sorted times that so many of them do not exceed."""
    return times[math.ceil(share * len(times)) - 1] if times else None
