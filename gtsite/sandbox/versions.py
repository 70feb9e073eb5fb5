"""Which of two writes to one item is later, and whether one of them knew the other."""

import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Context, Decimal
from typing import Any

KEY_TYPES = ("S", "N", "B")
EXACT = Context(prec=60)
"""DynamoDB's numbers have up to 38 digits; Python rounds to 28 where nobody says otherwise."""

Image = Mapping[str, Mapping[str, Any]]
"""An item as the DynamoDB API writes it: attribute name → {type: value}."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """The internal timestamp of one write: microseconds since 1970, then the region's name.

    `seen` holds, per region, the time of the newest write from there that this write's author had
    before it: two writes of which neither saw the other are a conflict.
    """

    time: int
    region: str
    seen: Mapping[str, int] = field(default_factory=dict)

    def newer_than(self, other: "Version | None") -> bool:
        """Last writer wins; region names settle equal times, so every replica decides alike."""
        return other is None or (self.time, self.region) > (other.time, other.region)

    def same_as(self, other: "Version | None") -> bool:
        return other is not None and (self.time, self.region) == (other.time, other.region)

    def knew(self, other: "Version") -> bool:
        return self.seen.get(other.region, 0) >= other.time

    def in_conflict_with(self, other: "Version | None") -> bool:
        return other is not None and not self.knew(other) and not other.knew(self)

    def having_seen(self, other: "Version") -> "Version":
        """The same write at a replica that has met `other` too, so that later writes know both."""
        regions = {*self.seen, *other.seen}
        seen = {name: max(self.seen.get(name, 0), other.seen.get(name, 0)) for name in regions}
        return Version(time=self.time, region=self.region, seen=seen)


def steady_clock() -> Callable[[], int]:
    """Nanoseconds since 1970 that go on evenly even where somebody sets the machine's clock."""
    start = time.time_ns() - time.monotonic_ns()
    return lambda: start + time.monotonic_ns()


class Clock:
    """Microseconds since 1970 that never stand still or go back, shared by all regions.

    `ahead` is how far it was put ahead, in microseconds. `not_before` is where an earlier run left
    it: where the machine's clock was set back meanwhile, it goes on from there.
    """

    def __init__(
        self, now: Callable[[], int] | None = None, *, ahead: int = 0, not_before: int = 0
    ) -> None:
        self._now = now or steady_clock()
        self._last = 0
        self._skews: dict[str, int] = {}
        self._listeners: list[Callable[[int], None]] = []
        self.ahead = ahead
        self._set_back = 0
        if not_before:
            self._set_back = max(0, not_before - self._now() // 1000 - ahead)

    def read(self) -> int:
        self._last = max(self._last + 1, self._now() // 1000 + self._set_back + self.ahead)
        return self._last

    def travelled(self) -> int:
        """What lags are measured by: the same clock as if it had never been put ahead."""
        return self.read() - self.ahead

    def on_advance(self, listener: Callable[[int], None]) -> None:
        """Call `listener(microseconds)` whenever the clock is put ahead, by how much."""
        self._listeners.append(listener)

    def advance(self, seconds: float) -> None:
        """Put the clock of all regions ahead; it never goes back (`ValueError`)."""
        if seconds < 0:
            raise ValueError("The clock goes forward only.")
        leap = round(seconds * 1_000_000)
        self.ahead += leap
        for listener in self._listeners:
            listener(leap)

    def skew(self, region: str, microseconds: int) -> None:
        """Let the timestamps of one region's writes be off; 0 sets them right again."""
        self._skews[region] = microseconds

    def skew_of(self, region: str) -> int:
        """How far the region's timestamps are off, in microseconds."""
        return self._skews.get(region, 0)

    def next_version(self, region: str, current: Version | None, *, skewed: bool = True) -> Version:
        """The version of a local write over `current`: always newer than what it replaces.

        `skewed` False leaves the region's skew out.
        """
        moment = max(1, self.read() + (self.skew_of(region) if skewed else 0))
        if current is None:
            return Version(time=moment, region=region, seen={region: moment})
        moment = max(moment, current.time + 1)
        return Version(time=moment, region=region, seen={**current.seen, region: moment})


def item_key(image: Image, key_names: Sequence[str]) -> str | None:
    """One text per item, however its numbers are written; None where a key is malformed."""
    parts: list[tuple[str, str]] = []
    for name in key_names:
        value = image.get(name)
        if not isinstance(value, dict) or len(value) != 1:
            return None
        kind, raw = next(iter(value.items()))
        if kind not in KEY_TYPES or not isinstance(raw, str) or not raw:
            return None
        parts.append((kind, _plain_number(raw) if kind == "N" else raw))
    return json.dumps(parts, separators=(",", ":"))


def _plain_number(raw: str) -> str:
    """`1.50`, `15e-1` and `1.5` are one key to DynamoDB, and so are `0` and `-0`."""
    try:
        number = Decimal(raw).normalize(EXACT)
    except ArithmeticError:
        return raw
    return str(number) if number else "0"


def key_of(image: Image, key_names: Sequence[str]) -> dict[str, Any]:
    return {name: image[name] for name in key_names}
