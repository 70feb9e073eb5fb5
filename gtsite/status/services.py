"""What the status page says of each region, in words."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from gtsite.dynamodb.regions import region
from gtsite.dynamodb.router import BreakerState, RegionState, Traffic
from gtsite.wording import NOTHING, milliseconds

Light = Literal["good", "warn", "bad"]
STATES: dict[BreakerState, tuple[str, Light]] = {
    BreakerState.CLOSED: ("Answering", "good"),
    BreakerState.HALF_OPEN: ("Being tried", "warn"),
    BreakerState.OPEN: ("Away", "bad"),
}
ROLES = {"local": "This site’s own", "fallback": "Stands in"}


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
    probed: str
    reads: str
    writes: str
    failed: str
    p50: str
    p99: str
    error: str


def region_lines(
    states: Iterable[RegionState], traffic: Callable[[str], Traffic], *, now: datetime
) -> list[RegionLine]:
    """In the order given: the local region first, then those it would fall back to."""
    return [_line(state, traffic(state.region), now) for state in states]


def _line(state: RegionState, traffic: Traffic, now: datetime) -> RegionLine:
    words, light = STATES[state.breaker]
    return RegionLine(
        name=state.region,
        place=region(state.region).place,
        role=ROLES[state.role],
        state=words,
        breaker=state.breaker.value,
        light=light,
        since=age_in_words(now - state.since),
        probed=_probed(state, now),
        reads=f"{traffic.reads:,}",
        writes=f"{traffic.writes:,}",
        failed=f"{traffic.failed:,}",
        p50=milliseconds(traffic.p50_ms),
        p99=milliseconds(traffic.p99_ms),
        error=state.last_error or NOTHING,
    )


def _probed(state: RegionState, now: datetime) -> str:
    """A region that answers is not probed: its calls say enough."""
    if state.probed_at is None:
        return "None needed"
    return f"{age_in_words(now - state.probed_at)} ago"


def age_in_words(age: timedelta) -> str:
    """How long ago, in the largest unit that says something."""
    seconds = max(0, int(age.total_seconds()))
    for unit, size in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= size:
            return f"{seconds // size} {unit}"
    return f"{seconds} s"
