"""What CloudWatch is told of replication: how long images travelled, and how many wait.

`ReplicationLatency` (milliseconds) counts images as they arrive, so there is none while nothing
does. `PendingReplicationCount` is there for tables of version 2017.11.29 only. Both belong to the
region that was written to, and are kept in memory, by the minute, for a day of the machine's time:
whoever asks CloudWatch goes by that, not by the sandbox's clock.
"""

import asyncio
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Literal

from gtsite.sandbox.ledger.ledger import Delivery, Ledger, Replica

Name = Literal["ReplicationLatency", "PendingReplicationCount"]
UNITS: dict[Name, str] = {"ReplicationLatency": "Milliseconds", "PendingReplicationCount": "Count"}

MINUTE = 60
SAMPLE_SECONDS = 10.0
DAY_SECONDS = 24 * 60 * MINUTE
MOST_POINTS = 20_000
"""A day of two tables that change every minute in three regions; some 6 MB."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """One minute of one metric: `region` is the source, `minute` its start, seconds since 1970."""

    minute: int
    metric: Name
    region: str
    table: str
    receiving: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """What CloudWatch keeps of a minute's values."""

    least: float
    most: float
    total: float
    count: int

    def with_value(self, value: float) -> "Figures":
        return Figures(
            least=min(self.least, value),
            most=max(self.most, value),
            total=self.total + value,
            count=self.count + 1,
        )


class Metrics:
    """The last day's figures, and which of them changed since they were last asked for."""

    def __init__(self, ledger: Ledger, now: Callable[[], float] = time.time) -> None:
        self._ledger = ledger
        self._now = now
        self._points: dict[Place, Figures] = {}
        self._changed: set[Place] = set()
        self._sampling: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Sample what waits from now on, until `stop`."""
        self._sampling = asyncio.create_task(self._sample_forever(), name="metrics")

    async def stop(self) -> None:
        if self._sampling:
            self._sampling.cancel()
            await asyncio.gather(self._sampling, return_exceptions=True)

    def arrived(self, delivery: Delivery, latency_ms: float) -> None:
        """Count an image that arrived, unless its table replicates before it answers."""
        replica = self._member(delivery.table, delivery.source, delivery.target)
        if replica is not None and replica.consistency == "EVENTUAL":
            self._count(
                "ReplicationLatency", delivery.source, delivery.table, delivery.target, latency_ms
            )

    def sample(self) -> None:
        """Count what waits on each way of each table of version 2017.11.29, none included."""
        for replica in self._ledger.replicas():
            if replica.version == "2017.11.29" and replica.is_global:
                for peer in self._ledger.peers(replica.region, replica.table):
                    waiting = self._ledger.waiting(replica.region, peer, replica.table)
                    self._count(
                        "PendingReplicationCount", replica.region, replica.table, peer, waiting
                    )

    def changes(self) -> tuple[list[dict[str, Any]], int]:
        """The minutes that changed since the last call, and the oldest minute that is kept."""
        changed, self._changed = self._changed, set()
        oldest = self._forget_old()
        return self._written(place for place in changed if place in self._points), oldest

    def everything(self) -> tuple[list[dict[str, Any]], int]:
        """Every minute that is kept, as `changes` would have them; none has changed after it."""
        self._changed.clear()
        oldest = self._forget_old()
        return self._written(self._points), oldest

    async def _sample_forever(self) -> None:
        while True:
            await asyncio.sleep(SAMPLE_SECONDS)
            self.sample()

    def _member(self, table: str, *regions: str) -> Replica | None:
        """The source's replica, or the target's where the source has left meanwhile."""
        found = (self._ledger.replica(region, table) for region in regions)
        return next((each for each in found if each), None)

    def _count(self, metric: Name, region: str, table: str, receiving: str, value: float) -> None:
        minute = int(self._now()) // MINUTE * MINUTE
        place = Place(minute=minute, metric=metric, region=region, table=table, receiving=receiving)
        known = self._points.get(place)
        if known is None:
            self._forget_old()
            known = Figures(least=value, most=value, total=0.0, count=0)
        self._points[place] = known.with_value(value)
        self._changed.add(place)

    def _forget_old(self) -> int:
        """Drop what is older than a day or one too many; the oldest minute that is left."""
        day_ago = self._now() - DAY_SECONDS
        oldest = next(iter(self._points), None)
        while oldest and (oldest.minute < day_ago or len(self._points) >= MOST_POINTS):
            del self._points[oldest]
            self._changed.discard(oldest)
            oldest = next(iter(self._points), None)
        return oldest.minute if oldest else 0

    def _written(self, places: Iterable[Place]) -> list[dict[str, Any]]:
        return [
            {
                "minute": place.minute,
                "metric": place.metric,
                "unit": UNITS[place.metric],
                "region": place.region,
                "dimensions": {"TableName": place.table, "ReceivingRegion": place.receiving},
                "least": figures.least,
                "most": figures.most,
                "total": figures.total,
                "count": figures.count,
            }
            for place in places
            if (figures := self._points[place])
        ]
