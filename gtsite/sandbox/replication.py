"""How images travel: one worker per ordered pair of regions, each with a lag of its own."""

import asyncio
import itertools
import logging
import random
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field

from gtsite.sandbox.faults import Faults
from gtsite.sandbox.gateway import Gateway
from gtsite.sandbox.ledger import Change, Delivery, Ledger
from gtsite.sandbox.versions import Clock

log = logging.getLogger("sandbox.replication")

BATCH = 200
SIDE_BY_SIDE = 8
RETRY_SECONDS = 0.2
LATENCIES_KEPT = 500


@dataclass(slots=True, kw_only=True)
class Pair:
    """One direction between two regions: its lag, and how long its last deliveries took (ms)."""

    source: str
    target: str
    lag_ms: int
    jitter_ms: int
    wake: asyncio.Event = field(default_factory=asyncio.Event)
    latencies_ms: deque[float] = field(default_factory=lambda: deque(maxlen=LATENCIES_KEPT))

    def delay_us(self, generator: random.Random) -> int:
        jitter = generator.uniform(-self.jitter_ms, self.jitter_ms)
        return max(0, round((self.lag_ms + jitter) * 1000))


class Replication:
    """Owes changes to peers, and delivers them when they are due and both regions are there."""

    def __init__(
        self,
        ledger: Ledger,
        clock: Clock,
        faults: Faults,
        gateways: Mapping[str, Gateway],
        *,
        lag_ms: int,
        jitter_ms: int,
    ) -> None:
        self._ledger = ledger
        self._clock = clock
        self._faults = faults
        self._gateways = gateways
        self._lag_ms = lag_ms
        self._jitter_ms = jitter_ms
        self._random = random.Random()  # noqa: S311
        self._pairs: dict[tuple[str, str], Pair] = {}
        self._workers: dict[tuple[str, str], asyncio.Task[None]] = {}
        self._started = False
        faults.on_change(self._wake_region)

    @property
    def lag_ms(self) -> int:
        """The lag of a way that nobody has set one for."""
        return self._lag_ms

    def start(self) -> None:
        """Go on with what an earlier run still owes; nothing is delivered before.

        What a crash cut short must be settled first: a delivery made anew would take the image
        that the first attempt left for the one before it.
        """
        self._started = True
        self._pair_all()
        for source, target in (*self._pairs, *self._ledger.pairs()):
            self.pair(source, target)

    async def stop(self) -> None:
        for worker in self._workers.values():
            worker.remove_done_callback(_worker_ended)
            worker.cancel()
        await asyncio.gather(*self._workers.values(), return_exceptions=True)

    def pair(self, source: str, target: str) -> Pair:
        """The way from one region to another, with its worker, made when first needed."""
        way = (source, target)
        if way not in self._pairs:
            self._pairs[way] = Pair(
                source=source, target=target, lag_ms=self._lag_ms, jitter_ms=self._jitter_ms
            )
        if self._started and way not in self._workers:
            self._workers[way] = asyncio.create_task(
                self._deliver_forever(self._pairs[way]), name=f"{source} → {target}"
            )
            self._workers[way].add_done_callback(_worker_ended)
        return self._pairs[way]

    def pairs(self) -> list[Pair]:
        return [self._pairs[way] for way in sorted(self._pairs)]

    def owe(self, change: Change) -> None:
        """Put a committed local change on its way to every peer; part of the caller's commit."""
        now = self._clock.read()
        for peer in self._ledger.peers(change.region, change.table):
            pair = self.pair(change.region, peer)
            due_at = now + pair.delay_us(self._random)
            self._ledger.enqueue(change, change.region, peer, now=now, due_at=due_at)
            pair.wake.set()

    def owe_now(self, change: Change, target: str) -> None:
        """Put one image of a back-fill on its way, without lag."""
        now = self._clock.read()
        self._ledger.enqueue(change, change.region, target, now=now, due_at=now)
        self.pair(change.region, target).wake.set()

    def owe_backlog(self, table: str, target: str) -> None:
        """Put what is still on its way between the others on its way to a new replica as well."""
        self._ledger.copy_backlog(table, target, due_at=self._clock.read())
        for source, to in self._ledger.pairs():
            if to == target:
                self.pair(source, to).wake.set()

    def set_lag(
        self, *, lag_ms: int, jitter_ms: int, source: str | None, target: str | None
    ) -> None:
        """The lag of one way, of all from or to a region, or of all; what waits is hastened."""
        if source is None and target is None:
            self._lag_ms, self._jitter_ms = lag_ms, jitter_ms
        self._pair_all()
        for pair in self._pairs.values():
            if source in (None, pair.source) and target in (None, pair.target):
                pair.lag_ms, pair.jitter_ms = lag_ms, jitter_ms
                self._ledger.hasten(pair.source, pair.target, lag_ms * 1000)
                pair.wake.set()

    def _pair_all(self) -> None:
        """Make every way between the regions there are, so that each can be given its lag."""
        for source, target in itertools.permutations(self._gateways, 2):
            self.pair(source, target)

    def _wake_region(self, region: str) -> None:
        for pair in self._pairs.values():
            if region in (pair.source, pair.target):
                pair.wake.set()

    async def _deliver_forever(self, pair: Pair) -> None:
        while True:
            pair.wake.clear()
            pause = await self._deliver_due(pair)
            try:
                async with asyncio.timeout(pause):
                    await pair.wake.wait()
            except TimeoutError:
                continue

    async def _deliver_due(self, pair: Pair) -> float | None:
        """Deliver what is due; the seconds until there is more to do, None for until woken."""
        if self._faults.away(pair.source) or self._faults.away(pair.target):
            return None
        due = self._ledger.due(pair.source, pair.target, self._clock.read(), BATCH)
        if due:
            limit = asyncio.Semaphore(SIDE_BY_SIDE)
            done = await asyncio.gather(*(self._deliver(pair, each, limit) for each in due))
            return 0 if all(done) else RETRY_SECONDS
        next_due = self._ledger.next_due(pair.source, pair.target)
        return None if next_due is None else max(0.0, (next_due - self._clock.read()) / 1e6)

    async def _deliver(self, pair: Pair, delivery: Delivery, limit: asyncio.Semaphore) -> bool:
        gateway = self._gateways.get(pair.target)
        if gateway is None:
            return False
        async with limit:
            if self._faults.away(pair.source) or self._faults.away(pair.target):
                return False
            applied = await gateway.apply(delivery)
        lagged = delivery.due_at > delivery.written_at or not pair.lag_ms
        if applied and lagged:
            pair.latencies_ms.append((self._clock.read() - delivery.written_at) / 1000)
        return applied


def _worker_ended(worker: asyncio.Task[None]) -> None:
    if not worker.cancelled() and (error := worker.exception()):
        log.error("Replication %s stopped: %s", worker.get_name(), error, exc_info=error)
