"""Whether what clients saw of one register could have happened one call after the other."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

UNKNOWN = math.inf
"""The end of a call whose outcome nobody was told: it may be done at any later time, or never."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One call: when it was sent and answered, on any clock that all calls share.

    A `read` saw `value`, None for no item. A `put` wrote it. A `swap` wrote it where `expected` was
    there; where it was refused because it was not there, `done` is False.
    """

    kind: Literal["read", "put", "swap"]
    value: int | None
    start: float
    end: float
    expected: int | None = None
    done: bool = True

    def after(self, state: int | None) -> tuple[bool, int | None]:
        """Whether it can happen on this state, and what it leaves."""
        if self.kind == "read":
            return state == self.value, state
        if self.kind == "put":
            return True, self.value
        if not self.done:
            return state != self.expected, state
        return state == self.expected, self.value


def linearizable(operations: Iterable[Operation], start: int | None = None) -> bool:
    """Try every order that keeps calls apart which did not overlap (Wing and Gong's search)."""
    history = sorted(operations, key=lambda operation: operation.start)
    answered = sum(1 << place for place, each in enumerate(history) if each.end != UNKNOWN)
    seen: set[tuple[int, int | None]] = set()
    open_states = [(0, start)]
    while open_states:
        placed, state = open_states.pop()
        if placed & answered == answered:
            return True
        if (placed, state) in seen:
            continue
        seen.add((placed, state))
        for place in _next(history, placed):
            possible, left = history[place].after(state)
            if possible:
                open_states.append((placed | 1 << place, left))
    return False


def _next(history: list[Operation], placed: int) -> list[int]:
    """The calls that may come next: none that began after one that is not placed yet had ended."""
    waiting = [place for place in range(len(history)) if not placed & 1 << place]
    first_end = min(history[place].end for place in waiting)
    return [place for place in waiting if history[place].start <= first_end]
