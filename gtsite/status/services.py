"""What the status page says of each region, in words."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from gtsite.dynamodb.regions import region
from gtsite.dynamodb.router import BreakerState, RegionState

Light = Literal["good", "warn", "bad"]
STATES: dict[BreakerState, tuple[str, Light]] = {
    BreakerState.CLOSED: ("Answering", "good"),
    BreakerState.HALF_OPEN: ("Being tried", "warn"),
    BreakerState.OPEN: ("Away", "bad"),
}
ROLES = {"local": "This site’s own", "fallback": "Stands in"}
NOTHING = "–"


@dataclass(frozen=True, slots=True, kw_only=True)
class RegionLine:
    """One row of the table; every state is said in words beside its light."""

    name: str
    place: str
    role: str
    state: str
    breaker: str
    light: Light
    since: str
    latency: str
    error: str


def region_lines(states: Iterable[RegionState], *, now: datetime) -> list[RegionLine]:
    """In the order given: the local region first, then those it would fall back to."""
    return [_line(state, now) for state in states]


def _line(state: RegionState, now: datetime) -> RegionLine:
    words, light = STATES[state.breaker]
    return RegionLine(
        name=state.region,
        place=region(state.region).place,
        role=ROLES[state.role],
        state=words,
        breaker=state.breaker.value,
        light=light,
        since=_age(now - state.since),
        latency=NOTHING if state.latency_ms is None else f"{state.latency_ms:.1f} ms",
        error=state.last_error or NOTHING,
    )


def _age(age: timedelta) -> str:
    """How long ago, in the largest unit that says something."""
    seconds = max(0, int(age.total_seconds()))
    for unit, size in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= size:
            return f"{seconds // size} {unit}"
    return f"{seconds} s"
