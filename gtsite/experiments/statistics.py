"""What a handful of measurements comes to: percentiles, and how they are spread."""

import math
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Bin:
    """How many values are at least `low` and less than `high`; in the last bin, `high` too."""

    low: float
    high: float
    count: int


def percentile(values: Sequence[float], p: float) -> float | None:
    """The value that `p` per cent of the values do not exceed; None where there are none.

    Between two values it goes by linear interpolation, with the least at 0 and the greatest at
    100: what Python's `statistics.quantiles` calls inclusive and NumPy takes by default.
    """
    if not 0 <= p <= 100:
        raise ValueError(f"There is no {p}th percentile: they go from 0 to 100.")
    if not values:
        return None
    ordered = sorted(values)
    place = (len(ordered) - 1) * p / 100
    below = math.floor(place)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (ordered[above] - ordered[below]) * (place - below)


def histogram(values: Sequence[float], bins: int) -> tuple[Bin, ...]:
    """At most `bins` bins, equally wide, that hold every value; their edges are round numbers.

    Empty where there are no values.
    """
    if bins < 1:
        raise ValueError("A histogram has at least one bin.")
    if not values:
        return ()
    width = _width(min(values), max(values), bins)
    first = math.floor(min(values) / width)
    last = max(first, math.ceil(max(values) / width) - 1)
    counts = [0] * (last - first + 1)
    for value in values:
        counts[min(math.floor(value / width), last) - first] += 1
    return tuple(
        Bin(low=(first + place) * width, high=(first + place + 1) * width, count=count)
        for place, count in enumerate(counts)
    )


def _width(least: float, most: float, bins: int) -> float:
    """The narrowest of 1, 2, 5, 10, 20, 50 … (and tenths of them) that needs no more bins."""
    spread = max((most - least) / bins, abs(most) * 1e-9, 1e-3)
    decade = 10.0 ** math.floor(math.log10(spread))
    for _ in range(3):
        for step in (1, 2, 5):
            width = step * decade
            if math.ceil(most / width) - math.floor(least / width) <= bins:
                return width
        decade *= 10
    return decade
