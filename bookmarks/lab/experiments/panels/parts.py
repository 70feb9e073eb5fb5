"""What the pictures of every experiment are made of: names, numbers, places on an axis."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Literal

from django.conf import settings

from bookmarks.lab.experiments.entities import Preparation
from bookmarks.lab.panels import HUES, place_of
from gtsite.experiments.entities import Trouble
from gtsite.wording import counted, listed

Tone = Literal["good", "warn", "bad", "info"]

TICKS = 5
STEPS = (1, 2, 2.5, 5, 10)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What there is to say of a run so far, and the picture of it. `tone` is good, warn, bad, info.

    `shown` is what the template of that experiment draws; None while there is nothing to draw.
    """

    headline: str
    tone: Tone = "info"
    facts: tuple[str, ...] = ()
    shown: Any = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownTrouble:
    """What a run had to do without."""

    hue: int
    sentence: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """One frame. `log` is JSON, ready for a script element of data; empty before the end."""

    ended: bool
    headline: str
    tone: str
    facts: tuple[str, ...]
    troubles: tuple[ShownTrouble, ...]
    shown: Any
    log: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A region as these pages name it."""

    name: str
    place: str
    hue: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Tick:
    """A line across an axis; `at` is where, as a percentage of its length."""

    at: str
    label: str


@dataclass(frozen=True, slots=True)
class Axis:
    """From `start` to `end`, in the unit of what is shown."""

    end: float
    start: float = 0.0

    def at(self, value: float) -> str:
        """Where a value is, as a percentage; what is outside is at the nearer end."""
        return percent(self.share(value))

    def length(self, low: float, high: float) -> str:
        return percent(self.share(high) - self.share(low))

    def share(self, value: float) -> float:
        if self.end <= self.start:
            return 0.0
        return min(max((value - self.start) / (self.end - self.start), 0.0), 1.0)

    def steps(self, most: int = TICKS) -> Iterator[float]:
        """Round values along the axis, at most so many of them, beginning above 0."""
        step = round_up(self.end / most)
        value = step
        while step and value < self.end * (1 + 1e-9):
            yield value
            value += step


def percent(share: float) -> str:
    return f"{100 * min(max(share, 0.0), 1.0):.3f}%"


def round_up(value: float) -> float:
    """The next of 1, 2, 2.5, 5, 10, 20 … that is no less; 0 for 0."""
    if value <= 0:
        return 0.0
    decade = 10.0 ** math.floor(math.log10(value))
    return next(step * decade for step in STEPS if step * decade >= value * (1 - 1e-9))


def region_of(name: str) -> Place:
    regions = list(settings.GT_REGIONS)
    number = regions.index(name) if name in regions else len(regions)
    return Place(name=name, place=place_of(name), hue=number % HUES + 1)


def places(names: Sequence[str]) -> str:
    return listed([place_of(each) for each in names])


def tell_trouble(found: Trouble) -> ShownTrouble:
    """The sentence begins with the region's name, which people know by its place."""
    shown = region_of(found.region)
    sentence = found.sentence.replace(found.region, shown.place)
    return ShownTrouble(hue=shown.hue, sentence=sentence)


def time_label(at_ms: float) -> str:
    """For a tick: seconds where they are whole enough."""
    if at_ms < 1000:
        return f"{at_ms:.0f} ms"
    return f"{at_ms / 1000:.2f}".rstrip("0").rstrip(".") + " s"


def since_ms(began_at: datetime) -> float:
    """How long ago that is; a picture of a run that goes on reaches up to now."""
    return max(0.0, (datetime.now(UTC) - began_at).total_seconds() * 1000)


def preparing(preparation: Preparation | None) -> Outcome:
    """Before the run itself: where the items are, and who is waited for."""
    if preparation is None:
        return Outcome(headline="Starting …")
    items = counted(preparation.items, "item")
    written = f"{items} written in {place_of(preparation.region)}"
    if preparation.waiting:
        have = "has" if len(preparation.waiting) == 1 else "have"
        them = "it" if preparation.items == 1 else "them"
        waiting = f"Waiting until {places(preparation.waiting)} {have} {them} too."
        return Outcome(headline=f"Preparing: {written}.", facts=(waiting,))
    return Outcome(headline=f"Prepared: {written}, and there everywhere else.")


def unfinished(outcome: Outcome) -> Outcome:
    """As it stood when it was stopped."""
    return replace(
        outcome,
        headline="Stopped before its end.",
        tone="warn",
        facts=(*outcome.facts, "What had been written was removed again."),
    )
