"""TTL: items whose moment has passed are deleted, once, in one region of their group.

AWS takes up to a few days over it; here it is a matter of seconds.
"""

import asyncio
import json
import logging
import sqlite3
from collections.abc import AsyncIterator, Iterable, Mapping
from typing import Any

from gtsite.sandbox.data_plane.gateway import DATA, Gateway
from gtsite.sandbox.faults import Faults
from gtsite.sandbox.ledger.deadlines import NO_DEADLINE, Deadline, expiry_of
from gtsite.sandbox.ledger.ledger import Ledger, Replica
from gtsite.sandbox.storage.processes import EngineGone
from gtsite.sandbox.versions import Clock, item_key
from gtsite.sandbox.wire import ApiError, Call, to_json

log = logging.getLogger("sandbox.expiry")

SWEEP_SECONDS = 1.0
OLDEST_SECONDS = 5 * 365 * 24 * 60 * 60
"""What expired longer ago is taken for a mistake and stays, as AWS has it."""
PAGE = 500
BATCH = 100
SIDE_BY_SIDE = 8
SERVING = ("ACTIVE", "UPDATING")


class Expiry:
    """Deletes expired items every second, and at once when the sandbox's clock is put ahead.

    The oldest replica of a group that serves, and is neither away nor paused, does it for all; in
    the 2017 version each does it for itself. An item that a peer's image is on its way for waits
    until that is there, as it would be by the time that AWS gets round to it.
    """

    def __init__(
        self, ledger: Ledger, clock: Clock, faults: Faults, gateways: Mapping[str, Gateway]
    ) -> None:
        self._ledger = ledger
        self._clock = clock
        self._faults = faults
        self._gateways = gateways
        self._wake = asyncio.Event()
        self._sweeping: asyncio.Task[None] | None = None
        clock.on_advance(lambda _leap: self._wake.set())

    def start(self) -> None:
        self._sweeping = asyncio.create_task(self._sweep_forever(), name="expiry")
        self._sweeping.add_done_callback(_sweeping_ended)

    async def stop(self) -> None:
        if self._sweeping:
            self._sweeping.cancel()
            await asyncio.gather(self._sweeping, return_exceptions=True)

    async def _sweep_forever(self) -> None:
        while True:
            self._wake.clear()
            try:
                await self.sweep()
            except sqlite3.Error as error:
                log.error("TTL has to wait: %s", error)  # noqa: TRY400
            try:
                async with asyncio.timeout(SWEEP_SECONDS):
                    await self._wake.wait()
            except TimeoutError:
                continue

    async def sweep(self) -> None:
        """Read what deadlines are still unread, and delete everything that has expired."""
        replicas = [each for each in self._ledger.replicas() if each.ttl_attribute]
        serving = [each for each in replicas if self._serves(each) and self._runs(each)]
        unread = set(self._ledger.deadlines.unread())
        await asyncio.gather(
            *(self._read(each) for each in serving if (each.region, each.table) in unread)
        )
        await asyncio.gather(*(self._expire(each) for each in serving if self._decides(each)))

    def _serves(self, replica: Replica) -> bool:
        cut_off = self._faults.away(replica.region) or self._faults.paused(replica.region)
        return replica.status in SERVING and not cut_off

    def _runs(self, replica: Replica) -> bool:
        """An engine that is being started again is waited for: no other replica takes its place."""
        gateway = self._gateways.get(replica.region)
        return gateway is not None and gateway.engine.running

    def _decides(self, replica: Replica) -> bool:
        if replica.version == "2017.11.29":
            return True
        group = self._ledger.group(replica.region, replica.table)
        return next((each for each in group if self._serves(each)), None) == replica

    # Deadlines of items that were there before TTL was turned on

    async def _read(self, replica: Replica) -> None:
        """Keep the deadline of every item; begun anew at the next sweep if it is cut short."""
        deadlines = self._ledger.deadlines
        try:
            async for items in self._items(replica):
                if not self._is_as_it_was(replica):
                    return
                with self._ledger.together():
                    deadlines.keep_read(replica.region, replica.table, _deadlines(replica, items))
        except EngineGone:
            return
        if self._is_as_it_was(replica):
            deadlines.all_read(replica.region, replica.table)

    def _is_as_it_was(self, replica: Replica) -> bool:
        now = self._ledger.replica(replica.region, replica.table)
        return (
            now is not None
            and now.created_at == replica.created_at
            and now.ttl_attribute == replica.ttl_attribute
        )

    async def _items(self, replica: Replica) -> AsyncIterator[list[dict[str, Any]]]:
        """Keys and TTL attributes of all items, by the page; `EngineGone` without an answer."""
        wanted = dict.fromkeys((*replica.key_names, replica.ttl_attribute))
        names = {f"#n{place}": name for place, name in enumerate(wanted)}
        query: dict[str, Any] = {
            "TableName": replica.table,
            "Limit": PAGE,
            "ProjectionExpression": ", ".join(names),
            "ExpressionAttributeNames": names,
        }
        while True:
            engine = self._gateways[replica.region].engine
            scanned = await engine.ask(DATA + "Scan", to_json(query))
            if not scanned.ok:
                raise EngineGone(replica.region)
            page = scanned.json()
            yield page["Items"]
            if "LastEvaluatedKey" not in page:
                return
            query["ExclusiveStartKey"] = page["LastEvaluatedKey"]

    # Deletes

    async def _expire(self, replica: Replica) -> None:
        """Delete what has expired in a replica, so many items side by side."""
        now = self._clock.read() // 1_000_000
        limit = asyncio.Semaphore(SIDE_BY_SIDE)
        after = NO_DEADLINE
        while due := self._due(replica, now, after):
            await asyncio.gather(*(self._delete(replica, each, now, limit) for each in due))
            after = due[-1]

    def _due(self, replica: Replica, now: int, after: Deadline) -> list[Deadline]:
        return self._ledger.deadlines.due(
            replica.region,
            replica.table,
            since=now - OLDEST_SECONDS,
            until=now,
            after=after,
            limit=BATCH,
        )

    async def _delete(
        self, replica: Replica, deadline: Deadline, now: int, limit: asyncio.Semaphore
    ) -> None:
        """Delete an item if it still has expired; one that has not loses the deadline it had."""
        async with limit:
            place = (replica.region, replica.table)
            if not self._serves(replica) or not self._is_as_it_was(replica):
                return
            if self._ledger.expects(*place, deadline.item_key):
                return
            try:
                answer = await self._gateways[replica.region].expire(
                    _delete_call(replica, deadline, now)
                )
            except ApiError:
                return
            if 400 <= answer.status < 500:
                self._ledger.deadlines.drop(*place, deadline)


def _deadlines(replica: Replica, items: Iterable[Mapping[str, Any]]) -> list[Deadline]:
    found = []
    for item in items:
        expires_at = expiry_of(item, replica.ttl_attribute)
        name = item_key(item, replica.key_names)
        if expires_at is not None and name is not None:
            found.append(Deadline(expires_at, name))
    return found


def _delete_call(replica: Replica, deadline: Deadline, now: int) -> Call:
    """A DeleteItem that holds only while the item is expired, and not for too long."""
    parts = zip(replica.key_names, json.loads(deadline.item_key), strict=True)
    return Call(
        region=replica.region,
        service="DynamoDB_20120810",
        operation="DeleteItem",
        body={
            "TableName": replica.table,
            "Key": {name: {kind: value} for name, (kind, value) in parts},
            "ConditionExpression": "#ttl > :oldest AND #ttl <= :now",
            "ExpressionAttributeNames": {"#ttl": replica.ttl_attribute},
            "ExpressionAttributeValues": {
                ":oldest": {"N": str(now - OLDEST_SECONDS)},
                ":now": {"N": str(now)},
            },
        },
    )


def _sweeping_ended(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and (error := task.exception()):
        log.error("TTL stopped: %s", error, exc_info=error)
