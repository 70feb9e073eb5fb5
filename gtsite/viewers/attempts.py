"""How often a name or an address has been tried: counters in DynamoDB, each region its own.

A counter belongs to one window of time, which is part of its key: a late TTL does no harm. It
also belongs to one region, because counters that two regions add to lose what the other added.
So somebody who goes from region to region has as many windows as there are regions.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from django.conf import settings
from django.utils.crypto import salted_hmac

from gtsite.dynamodb.connection import router, site_table
from gtsite.dynamodb.errors import NoRegionAvailable, RegionUnavailable, Throttled
from gtsite.dynamodb.repository import Table
from gtsite.dynamodb.router import BreakerState
from gtsite.viewers.errors import TooManyAttempts

KEPT_WINDOWS = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """At most `attempts` of one kind a window on one subject, such as a name or an address."""

    kind: str
    subject: str
    attempts: int

    @property
    def digest(self) -> str:
        """Neither a name nor an address is to be read from the table."""
        digest = salted_hmac("gtsite.viewers.attempts", f"{self.kind}:{self.subject}")
        return f"{self.kind}-{digest.hexdigest()[:32]}"


def on_name(name_key: str) -> Limit:
    """Everything that tries a password for this name, whether somebody has it or not."""
    return Limit(kind="name", subject=name_key, attempts=settings.ATTEMPTS_PER_NAME)


def on_address(network: str) -> Limit:
    return Limit(kind="address", subject=network, attempts=settings.ATTEMPTS_PER_ADDRESS)


def on_sign_ups(network: str) -> Limit:
    return Limit(kind="sign-up", subject=network, attempts=settings.SIGN_UPS_PER_ADDRESS)


def count(*limits: Limit, now_seconds: int) -> None:
    """Counts one attempt against each limit, side by side, before anything is looked at.

    Raises `TooManyAttempts` when one of them is passed, and `DataError` when nobody can count.
    """
    window = settings.ATTEMPTS_WINDOW_SECONDS
    start = now_seconds - now_seconds % window
    table = site_table()
    counts = table.side_by_side([partial(_add_one, table, each, start, window) for each in limits])
    if any(made > limit.attempts for made, limit in zip(counts, limits, strict=True)):
        raise TooManyAttempts(start + window - now_seconds)


def _add_one(table: Table, limit: Limit, start: int, window: int) -> int:
    """How many there are now. Where the local region is away, the next one keeps its counter."""
    key = f"attempts#{settings.GT_LOCAL_REGION}#{limit.digest}"
    *others, last = regions = _regions()
    for region in others:
        try:
            return _add_in(table.at(region), key, start, window)
        except (RegionUnavailable, Throttled):
            continue
    try:
        return _add_in(table.at(last), key, start, window)
    except RegionUnavailable as error:
        raise NoRegionAvailable(regions) from error


def _add_in(table: Table, key: str, start: int, window: int) -> int:
    expires = {"expires_at": start + KEPT_WINDOWS * window}
    answer = table.update(key, str(start), add={"attempts": 1}, set_=expires)
    return int(answer.value["attempts"])


def _regions() -> Sequence[str]:
    """Where to count: the local region, then the next nearest, but for those known to be away."""
    if not settings.REGION_FALLBACK:
        return (settings.GT_LOCAL_REGION,)
    states = router().states()
    there = [each.region for each in states if each.breaker is BreakerState.CLOSED]
    return there or [each.region for each in states]
