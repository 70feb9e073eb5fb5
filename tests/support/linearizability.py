"""Whether what clients saw of one register could have happened one call after the other."""

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace
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

    @property
    def leaves_alone(self) -> bool:
        """Whether the item is after it as it was before."""
        return self.kind == "read" or not self.done

    @property
    def found(self) -> int | None:
        """What it says that was there; None as well where it says nothing."""
        return self.value if self.kind == "read" else self.expected


def linearizable(operations: Iterable[Operation], start: int | None = None) -> bool:
    """Try every order that keeps calls apart which did not overlap (Wing and Gong's search).

    Each value is written once. What leaves the item as it is comes as soon as it can, and a write
    that may never have been done only where a refused swap needs it: the search would otherwise
    double with each of them, and there are dozens when a sandbox is killed.
    """
    history = sorted(_with_ends(list(operations)), key=lambda operation: operation.start)
    answered = sum(1 << place for place, each in enumerate(history) if each.end != UNKNOWN)
    seen: set[tuple[int, int | None]] = set()
    open_states = [(0, start)]
    while open_states:
        placed, state = open_states.pop()
        placed = _with_all_that_leaves_alone(history, placed, state)
        if placed & answered == answered:
            return True
        if (placed, state) in seen:
            continue
        seen.add((placed, state))
        open_states += [
            (placed | 1 << place, history[place].value) for place in _writes(history, placed, state)
        ]
    return False


def _with_ends(operations: list[Operation]) -> list[Operation]:
    """A write of unknown outcome that was seen was done before whoever saw it was answered.

    So was what a swap found that was seen itself.
    """
    while True:
        ends: dict[int | None, float] = {}
        for each in operations:
            if each.end != UNKNOWN and each.done:
                ends[each.found] = min(each.end, ends.get(each.found, UNKNOWN))
        bounded = [
            replace(each, end=ends.get(each.value, UNKNOWN)) if each.end == UNKNOWN else each
            for each in operations
        ]
        if bounded == operations:
            return operations
        operations = bounded


def _with_all_that_leaves_alone(history: list[Operation], placed: int, state: int | None) -> int:
    """Calls placed as well that may come next, hold in this state and do not change it."""
    while True:
        fitting = [
            place
            for place in _next(history, placed)
            if history[place].leaves_alone and history[place].after(state)[0]
        ]
        if not fitting:
            return placed
        placed |= sum(1 << place for place in fitting)


def _writes(history: list[Operation], placed: int, state: int | None) -> list[int]:
    """The writes that are worth trying next.

    Of those that nobody saw and that may never have been done one is as good as another; a swap is
    taken first, as a put can be done in any state later.
    """
    following = _next(history, placed)
    possible = [
        place
        for place in following
        if not history[place].leaves_alone and history[place].after(state)[0]
    ]
    certain = [place for place in possible if history[place].end != UNKNOWN]
    doubtful = [place for place in possible if history[place].end == UNKNOWN]
    doubtful.sort(key=lambda place: history[place].kind != "swap")
    in_need = any(history[place].leaves_alone and not history[place].done for place in following)
    return [*doubtful[:1], *certain] if in_need else certain


def _next(history: list[Operation], placed: int) -> list[int]:
    """The calls that may come next: none that began after one that is not placed yet had ended."""
    waiting = [place for place in range(len(history)) if not placed & 1 << place]
    first_end = min((history[place].end for place in waiting), default=UNKNOWN)
    return [place for place in waiting if history[place].start <= first_end]
