"""Which regions were asked for what, how long they took, and which of them answered."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass


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
