"""The sandbox put together: an engine and a gateway per region around one ledger."""

import asyncio
import contextlib
import fcntl
import logging
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from gtsite.sandbox.config import SandboxConfig
from gtsite.sandbox.control_plane.plane import Plane
from gtsite.sandbox.control_plane.tables import Tables
from gtsite.sandbox.data_plane.expiry import Expiry
from gtsite.sandbox.data_plane.gateway import Gateway
from gtsite.sandbox.data_plane.replication import Replication
from gtsite.sandbox.data_plane.streams import Streams
from gtsite.sandbox.data_plane.strong import StrongTables
from gtsite.sandbox.faults import Faults
from gtsite.sandbox.ledger.compaction import Compaction
from gtsite.sandbox.ledger.ledger import Ledger
from gtsite.sandbox.services.autoscaling import AutoScaling
from gtsite.sandbox.services.metrics import Metrics
from gtsite.sandbox.services.others import OtherServices
from gtsite.sandbox.storage.engines import find_engine
from gtsite.sandbox.storage.processes import EngineFailed, EngineProcess
from gtsite.sandbox.versions import Clock
from gtsite.sandbox.wire import REGIONS, Answer, Call, internal_error

log = logging.getLogger("sandbox")

COMPACT_SECONDS = 0.02
REST_SECONDS = 10.0


class AlreadyRunning(Exception):
    """Another sandbox works in this folder."""


class Sandbox:
    """Regions that answer DynamoDB calls and replicate to one another. `start`, then `handle`."""

    def __init__(self, config: SandboxConfig) -> None:
        self.config = config
        self.engine = find_engine(config.engine)
        durable = config.folder if self.engine.durable else None
        self._engine_folder = durable / "engines" if durable else None
        if self._engine_folder:
            self._engine_folder.mkdir(parents=True, exist_ok=True)
        self.ledger = Ledger(durable / "ledger.sqlite3" if durable else None)
        self.clock = Clock(ahead=self.ledger.ahead(), not_before=self.ledger.last_moment())
        self.clock.on_advance(self.ledger.put_ahead)
        self.faults = Faults()
        self.wan = config.wan
        self.gateways: dict[str, Gateway] = {}
        self.metrics = Metrics(self.ledger)
        self.autoscaling = AutoScaling(self.ledger)
        self.others = OtherServices(self.metrics, self.autoscaling)
        self._engines: list[EngineProcess] = []
        self._starting: dict[str, asyncio.Task[Gateway]] = {}
        self._compaction = Compaction(self.ledger)
        self._compacting: asyncio.Task[None] | None = None
        self.strong = StrongTables(self.ledger, self.faults, self.gateways, wan=lambda: self.wan)
        self.replication = Replication(
            self.ledger,
            self.clock,
            self.faults,
            self.gateways,
            self.strong,
            lag_ms=config.lag_ms,
            jitter_ms=config.jitter_ms,
        )
        self.streams = Streams(self.ledger.streams, self.clock)
        self.expiry = Expiry(self.ledger, self.clock, self.faults, self.gateways)
        self.tables = Tables(
            Plane(
                ledger=self.ledger,
                clock=self.clock,
                replication=self.replication,
                gateway=self.gateway,
                scaling=self.autoscaling,
                reachable=self.faults.reachable,
                pace_seconds=config.pace_seconds,
                strict=config.strict,
                address=f"127.0.0.1:{config.port}",
            )
        )

    async def start(self) -> None:
        """Start every engine, settle what a crash cut short, go on replicating."""
        if not self.engine.durable:
            log.warning("%s keeps items in memory only.", self.engine.name)
        known = (replica.region for replica in self.ledger.replicas())
        regions = list(dict.fromkeys((*self.config.regions, *known)))
        await asyncio.gather(*(self.gateway(name) for name in regions))
        for region, gateway in self.gateways.items():
            await gateway.settle(
                [intent for intent in self.ledger.intents() if intent.region == region]
            )
        await self.tables.start(regions)
        self.replication.start()
        self.replication.on_delivery(self.metrics.arrived)
        self.metrics.start()
        self.expiry.start()
        self._compacting = asyncio.create_task(self._compact_forever())

    async def stop(self) -> None:
        if self._compacting:
            self._compacting.cancel()
        await self.expiry.stop()
        await self.tables.stop()
        await self.replication.stop()
        await self.metrics.stop()
        await self.others.stop()
        await asyncio.gather(*self._starting.values(), return_exceptions=True)
        await asyncio.gather(*(engine.stop() for engine in self._engines))
        self.ledger.close()

    def knows(self, region: str) -> bool:
        """Whether there is such a region; it need not have been spoken of before."""
        return region in REGIONS

    async def handle(self, call: Call) -> Answer:
        """Answer one API call; errors are raised as `ApiError`."""
        try:
            return await self._handle(call)
        except EngineFailed as error:
            raise internal_error() from error

    async def _handle(self, call: Call) -> Answer:
        if call.service == "DynamoDBStreams_20120810":
            return self.streams.handle(call)
        answered = await self.tables.handle(call)
        if answered is not None:
            return answered
        gateway = await self.gateway(call.region)
        return await gateway.handle(call)

    async def gateway(self, region: str) -> Gateway:
        """The region's gateway; its engine is started when the region is first spoken of."""
        if region not in self._starting:
            self._starting[region] = asyncio.create_task(self._start_region(region))
        return await asyncio.shield(self._starting[region])

    async def _start_region(self, region: str) -> Gateway:
        engine = EngineProcess(
            region, self.engine, self._engine_folder, lambda: self.tables.lost(region)
        )
        self._engines.append(engine)
        try:
            await engine.start()
        except EngineFailed:
            del self._starting[region]
            raise
        gateway = Gateway(
            region, engine, self.ledger, self.clock, self.replication.owe, self.strong
        )
        self.gateways[region] = gateway
        return gateway

    async def _compact_forever(self) -> None:
        while True:
            more = False
            try:
                more = self._compaction.step(self.clock.read())
            except sqlite3.Error as error:
                log.error("The ledger cannot be made smaller: %s", error)  # noqa: TRY400
            await asyncio.sleep(COMPACT_SECONDS if more else REST_SECONDS)


@contextlib.contextmanager
def only_one(folder: Path | None) -> Iterator[None]:
    """Hold the folder's lock while a sandbox works in it; `AlreadyRunning` if another one does."""
    if folder is None:
        yield
        return
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise AlreadyRunning(f"A sandbox is running in {folder} already.") from error
        yield
