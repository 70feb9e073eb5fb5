"""How images travel: one worker per ordered pair of regions, each with a lag of its own."""

import asyncio
import itertools
import logging
import random
import sqlite3
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from gtsite.sandbox.data_plane.gateway import Gateway
from gtsite.sandbox.data_plane.strong import StrongTables
from gtsite.sandbox.faults import Faults
from gtsite.sandbox.ledger.ledger import Change, Delivery, Ledger
from gtsite.sandbox.versions import Clock

log = logging.getLogger("sandbox.replication")

BATCH = 200
SIDE_BY_SIDE = 8
RETRY_SECONDS = 0.2
TROUBLE_SECONDS = 1.0
"""How long a way rests when the ledger cannot keep anything, as on a full disk."""
LATENCIES_KEPT = 500
NEVER = 2**62


@dataclass(slots=True, kw_only=True)
class Pair:
    """One direction between two regions: its lag, and how long its last deliveries took (ms)."""

    source: str
    target: str
    lag_ms: int
    jitter_ms: int
    wake: asyncio.Event = field(default_factory=asyncio.Event)
    wakes_at: int = NEVER
    latencies_ms: deque[float] = field(default_factory=lambda: deque(maxlen=LATENCIES_KEPT))
    delivered: int = 0
    """How many images arrived since the sandbox was started, a back-fill's not counted."""
    hastened_ms: int | None = None
    """The lag that what waits is being given, as long as that takes."""

    def hasten(self, lag_ms: int) -> None:
        """Let what waits wait no longer than this; what was to be hastened more still is."""
        known = self.hastened_ms
        self.hastened_ms = lag_ms if known is None else min(lag_ms, known)

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
        strong: StrongTables,
        *,
        lag_ms: int,
        jitter_ms: int,
    ) -> None:
        self._ledger = ledger
        self._clock = clock
        self._faults = faults
        self._gateways = gateways
        self._strong = strong
        self._lag_ms = lag_ms
        self._jitter_ms = jitter_ms
        self._random = random.Random()  # noqa: S311
        self._pairs: dict[tuple[str, str], Pair] = {}
        self._workers: dict[tuple[str, str], asyncio.Task[None]] = {}
        self._started = False
        self._listeners: list[Callable[[Delivery, float], None]] = []
        faults.on_change(self._wake_region)
        strong.on_reroute(lambda source, target: self.pair(source, target).wake.set())

    @property
    def lag_ms(self) -> int:
        """The lag of a way that nobody has set one for."""
        return self._lag_ms

    def on_delivery(self, listener: Callable[[Delivery, float], None]) -> None:
        """Call `listener(delivery, milliseconds since its writing)` for each that arrived.

        Images of a back-fill go by another way.
        """
        self._listeners.append(listener)

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
        """Every way between two regions, sorted."""
        return [pair for way, pair in sorted(self._pairs.items()) if way[0] != way[1]]

    def owe(self, change: Change) -> None:
        """Put a committed local change on its way to every peer; part of the caller's commit."""
        now = self._clock.travelled()
        for peer in self._ledger.peers(change.region, change.table):
            pair = self.pair(change.region, peer)
            due_at = now + pair.delay_us(self._random)
            self._ledger.enqueue(change, change.region, peer, now=now, due_at=due_at)
            if due_at < pair.wakes_at:
                pair.wake.set()

    def owe_backlog(self, table: str, target: str) -> None:
        """Put what is still on its way to its peers on its way to a new replica as well."""
        peers = self._ledger.peers(target, table)
        self._ledger.copy_backlog(table, target, peers, due_at=self._clock.travelled())
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
                pair.hasten(lag_ms)
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
            pair.wakes_at = NEVER
            try:
                pause = await self._deliver_due(pair)
            except sqlite3.Error as error:
                log.error("Replication %s → %s has to wait: %s", pair.source, pair.target, error)  # noqa: TRY400
                pause = TROUBLE_SECONDS
            if pause is not None:
                pair.wakes_at = self._clock.travelled() + round(pause * 1e6)
            try:
                async with asyncio.timeout(pause):
                    await pair.wake.wait()
            except TimeoutError:
                continue

    async def _deliver_due(self, pair: Pair) -> float | None:
        """Deliver what is due; the seconds until there is more to do, None for until woken."""
        self._hasten(pair)
        if not self._faults.reachable(pair.source, pair.target):
            return None
        due = self._ledger.due(pair.source, pair.target, self._clock.travelled(), BATCH)
        if due:
            limit = asyncio.Semaphore(SIDE_BY_SIDE)
            done = await asyncio.gather(*(self._deliver(pair, each, limit) for each in due))
            return 0 if all(done) else RETRY_SECONDS
        next_due = self._ledger.next_due(pair.source, pair.target)
        return None if next_due is None else max(0.0, (next_due - self._clock.travelled()) / 1e6)

    def _hasten(self, pair: Pair) -> None:
        """Hasten a part of what waits, so that nobody else has to wait for all of it."""
        if pair.hastened_ms is None:
            return
        lag = pair.hastened_ms * 1000
        if self._ledger.hasten(pair.source, pair.target, lag, BATCH) < BATCH:
            pair.hastened_ms = None
        else:
            pair.wake.set()

    async def _deliver(self, pair: Pair, delivery: Delivery, limit: asyncio.Semaphore) -> bool:
        async with limit:
            if not self._faults.reachable(pair.source, pair.target):
                return False
            applied = await self._strong.deliver(delivery)
        if applied:
            latency_ms = (self._clock.travelled() - delivery.written_at) / 1000
            pair.latencies_ms.append(latency_ms)
            pair.delivered += 1
            for listener in self._listeners:
                listener(delivery, latency_ms)
        return applied


def _worker_ended(worker: asyncio.Task[None]) -> None:
    if not worker.cancelled() and (error := worker.exception()):
        log.error("Replication %s stopped: %s", worker.get_name(), error, exc_info=error)
