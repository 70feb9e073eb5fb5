"""What the parts of the control plane share: ledger, clock, rules, and how an engine is asked."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from gtsite.sandbox.data_plane.gateway import DATA, Gateway
from gtsite.sandbox.data_plane.replication import Replication
from gtsite.sandbox.ledger.ledger import Ledger, Replica
from gtsite.sandbox.storage.processes import EngineGone
from gtsite.sandbox.versions import Clock
from gtsite.sandbox.wire import (
    Answer,
    in_use,
    internal_error,
    refused_as,
    to_json,
    with_own_arns,
)

log = logging.getLogger("sandbox.tables")

BUSY = "The resource which you are attempting to change is in use."
POLL_SECONDS = 0.02


class Scaling(Protocol):
    """Application Auto Scaling, as far as a replica requires it."""

    async def writes_scale(self, region: str, table: str, index: str | None) -> bool: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Plane:
    """`pace_seconds` is one step of a life cycle; `address` (host:port) answers for every region.

    `strict` refuses what AWS refuses today and the sandbox takes with a warning otherwise.
    `reachable` says whether images travel from one region to another now.
    """

    ledger: Ledger
    clock: Clock
    replication: Replication
    gateway: Callable[[str], Awaitable[Gateway]]
    scaling: Scaling
    reachable: Callable[[str, str], bool]
    pace_seconds: float
    strict: bool
    address: str

    async def step(self) -> None:
        """Wait for as long as one step of a life cycle takes."""
        await asyncio.sleep(self.pace_seconds)

    async def ask(self, region: str, operation: str, body: Mapping[str, Any]) -> Answer:
        """A region's engine's answer; `EngineGone` where the outcome is unknown."""
        gateway = await self.gateway(region)
        found = await gateway.engine.ask(DATA + operation, to_json(body))
        return Answer(status=found.status, raw=with_own_arns(region, found.raw))

    async def ask_until_answered(
        self, region: str, operation: str, body: Mapping[str, Any]
    ) -> Answer:
        """The same, again and again until the engine is back: for what may be done twice."""
        gateway = await self.gateway(region)
        while True:
            await gateway.engine.ready()
            try:
                return await self.ask(region, operation, body)
            except EngineGone:
                await asyncio.sleep(POLL_SECONDS)

    async def make_table(self, region: str, definition: Mapping[str, Any]) -> None:
        """Create a table that nobody has written to yet, until the engine says that it has.

        One that is there already was made by an attempt that was cut short, maybe by half only.
        """
        while True:
            made = await self.ask_until_answered(region, "CreateTable", definition)
            if made.ok:
                return
            log.warning("%s does not make a table: %s", region, made.raw.decode())
            await self.drop_table(region, definition["TableName"])
            await asyncio.sleep(POLL_SECONDS)

    async def drop_table(self, region: str, table: str) -> None:
        """Delete a table, whole or not; nothing where there is none."""
        await self.ask_until_answered(region, "DeleteTable", {"TableName": table})

    async def description(self, region: str, table: str) -> dict[str, Any]:
        """A table as its engine describes it; `ApiError` as the engine's where there is none."""
        try:
            found = await self.ask(region, "DescribeTable", {"TableName": table})
        except EngineGone as error:
            raise internal_error() from error
        if not found.ok:
            raise refused_as(found)
        described: dict[str, Any] = found.json()["Table"]
        return described

    async def is_empty(self, replica: Replica) -> bool:
        """Whether a replica has no item, nor a write under way."""
        body = {"TableName": replica.table, "Limit": 1}
        found = await self.ask_until_answered(replica.region, "Scan", body)
        no_items = found.ok and not found.json()["Items"]
        return no_items and not self.ledger.holds_items(replica.region, replica.table)

    def is_busy(self, replica: Replica) -> bool:
        """Whether a replica of the group is coming or going."""
        group = self.ledger.group(replica.region, replica.table)
        return any(
            each.status in ("CREATING", "DELETING") or each.phase == "DETACHING" for each in group
        )

    def require_idle(self, replica: Replica) -> None:
        if replica.status != "ACTIVE" or self.is_busy(replica):
            raise in_use(BUSY)
