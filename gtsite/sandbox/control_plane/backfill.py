"""How a new replica gets the items that are there already, while everybody goes on writing.

Images go from engine to engine, past the outbox. An item's version is read before its image, so
the image is at least as new as the version says: what is written meanwhile is owed to the replica
like to any other one, and replaces what was copied too early.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from typing import Any

from gtsite.sandbox.data_plane.gateway import DATA, OLDEST, EngineRefused, Gateway
from gtsite.sandbox.ledger.ledger import Change, Ledger, Replica
from gtsite.sandbox.storage.processes import EngineGone
from gtsite.sandbox.versions import Image, item_key, key_of
from gtsite.sandbox.wire import to_json

log = logging.getLogger("sandbox.backfill")

SCAN_PAGE = 500
CHUNK = 25
"""Items of one BatchWriteItem."""
SIDE_BY_SIDE = 4
PAUSE_SECONDS = 0.05
REFUSED_SECONDS = 1.0

Key = dict[str, Any]


class NotWanted(Exception):
    """The replica was forgotten while it was filled."""


class BackFill:
    """Copies every item of `source` to `target`. It can be done again from the start at any time.

    `goes_on` says whether images travel between the two regions now; it waits while they do not.
    `is_wanted` says whether the replica is still to be made.
    """

    def __init__(
        self,
        ledger: Ledger,
        source: Gateway,
        target: Gateway,
        replica: Replica,
        *,
        goes_on: Callable[[], bool],
        is_wanted: Callable[[], bool],
    ) -> None:
        self._ledger = ledger
        self._source = source
        self._target = target
        self._table = replica.table
        self._key_names = replica.key_names
        self._goes_on = goes_on
        self._is_wanted = is_wanted

    async def run(self) -> int:
        """The number of items copied, when the last one is stored; `NotWanted` if it ends early."""
        copied = 0
        async for keys in self._pages():
            chunks = [keys[first : first + CHUNK] for first in range(0, len(keys), CHUNK)]
            limit = asyncio.Semaphore(SIDE_BY_SIDE)
            copied += sum(await asyncio.gather(*(self._copy(chunk, limit) for chunk in chunks)))
        return copied

    async def _pages(self) -> AsyncIterator[list[Key]]:
        """The keys of the source, page by page."""
        names = {f"#k{place}": name for place, name in enumerate(self._key_names)}
        query: dict[str, Any] = {
            "TableName": self._table,
            "Limit": SCAN_PAGE,
            "ProjectionExpression": ", ".join(names),
            "ExpressionAttributeNames": names,
        }
        while True:
            page = await self._ask_source("Scan", query)
            yield page["Items"]
            if "LastEvaluatedKey" not in page:
                return
            query["ExclusiveStartKey"] = page["LastEvaluatedKey"]

    async def _copy(self, keys: Sequence[Key], limit: asyncio.Semaphore) -> int:
        async with limit:
            while True:
                self._check_wanted()
                changes = await self._changes(keys)
                try:
                    await self._target.take_in(changes)
                except EngineGone:
                    await self._target.engine.ready()
                    await asyncio.sleep(PAUSE_SECONDS)
                except EngineRefused:
                    await asyncio.sleep(REFUSED_SECONDS)
                else:
                    return len(changes)

    async def _changes(self, keys: Sequence[Key]) -> list[Change]:
        """The items as they are now, each with a version that is not newer than its image."""
        versions = {name: self._version(name) for name in map(self._name, keys)}
        images = await self._images(keys)
        return [
            Change(
                region=self._source.region,
                table=self._table,
                item_key=name,
                key=key_of(image, self._key_names),
                before=None,
                after=image,
                version=versions[name],
            )
            for name, image in images.items()
        ]

    async def _images(self, keys: Sequence[Key]) -> dict[str, Image]:
        images: dict[str, Image] = {}
        wanted: Mapping[str, Any] = {self._table: {"Keys": list(keys), "ConsistentRead": True}}
        while wanted:
            page = await self._ask_source("BatchGetItem", {"RequestItems": wanted})
            for image in page["Responses"].get(self._table, []):
                images[self._name(image)] = image
            wanted = page.get("UnprocessedKeys") or {}
        return images

    def _version(self, name: str) -> Any:
        return self._ledger.version(self._source.region, self._table, name) or OLDEST

    def _name(self, image: Image) -> str:
        return item_key(image, self._key_names) or ""

    async def _ask_source(self, operation: str, body: Mapping[str, Any]) -> dict[str, Any]:
        while True:
            while not self._goes_on():
                self._check_wanted()
                await asyncio.sleep(PAUSE_SECONDS)
            self._check_wanted()
            await self._source.engine.ready()
            try:
                answered = await self._source.engine.ask(DATA + operation, to_json(body))
            except EngineGone:
                await asyncio.sleep(PAUSE_SECONDS)
                continue
            if answered.ok:
                return answered.json()
            log.error("%s in %s: %s", operation, self._source.region, answered.raw.decode())
            await asyncio.sleep(REFUSED_SECONDS)

    def _check_wanted(self) -> None:
        if not self._is_wanted():
            raise NotWanted
