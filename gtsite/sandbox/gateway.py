"""The data plane of one region: every write passes here, one at a time per item.

A write leaves an intent in the ledger, goes to the engine, and is committed with its images, its
version, its stream record and one outbox row per peer before the caller hears of it.
"""

import asyncio
import logging
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gtsite.sandbox.ledger import Change, Conflict, Delivery, Intent, Ledger
from gtsite.sandbox.locks import ItemLocks
from gtsite.sandbox.processes import EngineGone, EngineProcess
from gtsite.sandbox.versions import Clock, Image, Version, item_key, key_of
from gtsite.sandbox.wire import (
    Answer,
    Call,
    internal_error,
    not_found,
    table_name,
    to_json,
    validation,
    with_own_arns,
)

log = logging.getLogger("sandbox.gateway")

DATA = "DynamoDB_20120810."
PARTIQL = ("ExecuteStatement", "BatchExecuteStatement", "ExecuteTransaction")
FROM = re.compile(r"\bFROM\s+\"?([A-Za-z0-9_.-]+)", re.IGNORECASE)
READS = ("GetItem", "BatchGetItem", "TransactGetItems", "Query", "Scan", *PARTIQL)
TRANSACTION = {"Put": "Item", "Update": "Key", "Delete": "Key"}
TOKEN_US = 10 * 60 * 1_000_000
"""How long a transaction sent again with its token is not done again."""
PAUSE_SECONDS = 0.05

OLDEST = Version(time=0, region="")
"""The version of an item that was there before the ledger was."""


class EngineRefused(Exception):
    """The engine will not do it: the table is gone, or the key is none of its schema's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """One item that a request writes. `always` says that the write counts though nothing changed.

    A put or an update renews the item's timestamp even when it writes what is there already; a
    delete of nothing does not.
    """

    table: str
    item_key: str
    key: dict[str, Any]
    always: bool

    @property
    def lock(self) -> str:
        return f"{self.table}/{self.item_key}"


class Gateway:
    """One region's reads and writes. `owe` is told each committed change, for the peers."""

    def __init__(
        self,
        region: str,
        engine: EngineProcess,
        ledger: Ledger,
        clock: Clock,
        owe: Callable[[Change], None],
    ) -> None:
        self.region = region
        self.engine = engine
        self._ledger = ledger
        self._clock = clock
        self._owe = owe
        self._locks = ItemLocks()
        self._tokens: dict[str, int] = {}

    async def handle(self, call: Call) -> Answer:
        """Answer a data-plane call; errors are raised as `ApiError`."""
        call = _with_plain_names(call)
        self._refuse_creating(call)
        targets = self._targets(call)
        if targets:
            return await self._write(call, targets)
        return await self._read(call)

    async def _read(self, call: Call) -> Answer:
        try:
            answer = await self.engine.ask(DATA + call.operation, call.raw)
        except EngineGone as error:
            raise internal_error() from error
        if call.operation in READS:
            return answer
        return Answer(status=answer.status, raw=with_own_arns(self.region, answer.raw))

    async def _write(self, call: Call, targets: Sequence[Target]) -> Answer:
        async with self._locks.all_of(target.lock for target in targets):
            try:
                before = await self._images(targets)
            except EngineGone as error:
                raise internal_error() from error
            except EngineRefused:
                return await self._read(call)
            return await self._write_over(before, call, targets)

    async def _write_over(
        self, before: Sequence[Image | None], call: Call, targets: Sequence[Target]
    ) -> Answer:
        """Write items whose locks are held and whose images are known."""
        wanted = [
            (target.table, target.item_key, target.key, image)
            for target, image in zip(targets, before, strict=True)
        ]
        intents = self._ledger.open_intents(self.region, wanted)
        try:
            answer = await self.engine.ask(DATA + call.operation, call.raw)
            after = before if 400 <= answer.status < 500 else await self._images(targets)
        except EngineGone as error:
            await self._settle_when_back(intents)
            raise internal_error() from error
        except EngineRefused:
            self._ledger.close_intents(intents)
            return answer
        done = _wholly_done(call, answer) and not self._sent_again(call)
        self._commit(targets, intents, after, answered=done)
        return answer

    def _sent_again(self, call: Call) -> bool:
        """Whether this transaction was done before with the same token; its token is kept."""
        token = call.body.get("ClientRequestToken")
        if call.operation != "TransactWriteItems" or not isinstance(token, str):
            return False
        now = self._clock.read()
        while self._tokens and next(iter(self._tokens.values())) < now - TOKEN_US:
            del self._tokens[next(iter(self._tokens))]
        known = token in self._tokens
        self._tokens.setdefault(token, now)
        return known

    def _commit(
        self,
        targets: Sequence[Target],
        intents: Sequence[Intent],
        after: Sequence[Image | None],
        *,
        answered: bool,
    ) -> None:
        with self._ledger.together():
            for target, intent, image in zip(targets, intents, after, strict=True):
                if image != intent.before or (answered and target.always):
                    self._commit_local(intent, image)
            self._ledger.close_intents(intents)

    def _commit_local(self, intent: Intent, after: Image | None) -> None:
        current = self._ledger.version(self.region, intent.table, intent.item_key)
        change = Change(
            region=self.region,
            table=intent.table,
            item_key=intent.item_key,
            key=intent.key,
            before=intent.before,
            after=after,
            version=self._clock.next_version(self.region, current),
        )
        self._keep(change)
        self._owe(change)

    def _keep(self, change: Change) -> None:
        """Version and stream record of a change, unless its table was deleted meanwhile."""
        replica = self._ledger.replica(self.region, change.table)
        if replica is None:
            return
        self._ledger.save_version(change)
        if replica.stream_label:
            self._ledger.record(change, replica.stream_label, now=self._clock.read())

    # Replication

    async def apply(self, delivery: Delivery) -> bool:
        """Apply a peer's image if it is newer than ours; False if it has to be tried again.

        Whatever comes of it, the row leaves the outbox with the commit; a conflict is reported.
        """
        async with self._locks.all_of([f"{delivery.table}/{delivery.item_key}"]):
            current = self._ledger.version(self.region, delivery.table, delivery.item_key)
            try:
                before = await self._image(delivery.table, delivery.key)
            except (EngineGone, EngineRefused):
                return False
            if not delivery.version.newer_than(current):
                self._drop(delivery, current, before)
                return True
            wanted = [(delivery.table, delivery.item_key, delivery.key, before)]
            (intent,) = self._ledger.open_intents(self.region, wanted, delivery.id)
            return await self._apply_over(current, delivery, intent)

    async def _apply_over(
        self, current: Version | None, delivery: Delivery, intent: Intent
    ) -> bool:
        try:
            await self._store(delivery)
        except EngineGone:
            await self._settle_when_back([intent])
        except EngineRefused:
            self._ledger.close_intents([intent])
            return False
        else:
            self._commit_delivery(delivery, intent, current)
        return True

    async def _store(self, delivery: Delivery) -> None:
        """Write a peer's image into the engine as it is, or delete the item."""
        if delivery.image is None:
            operation, what = "DeleteItem", {"Key": delivery.key}
        else:
            operation, what = "PutItem", {"Item": dict(delivery.image)}
        raw = to_json({"TableName": delivery.table, **what})
        answer = await self.engine.ask(DATA + operation, raw)
        if answer.status >= 500:
            raise EngineGone(self.region)
        if not answer.ok:
            log.error("%s refused a replicated write: %s", self.region, answer.raw.decode())
            raise EngineRefused(self.region)

    def _commit_delivery(self, delivery: Delivery, intent: Intent, current: Version | None) -> None:
        version = delivery.version.having_seen(current) if current else delivery.version
        with self._ledger.together():
            self._keep(
                Change(
                    region=self.region,
                    table=delivery.table,
                    item_key=delivery.item_key,
                    key=delivery.key,
                    before=intent.before,
                    after=delivery.image,
                    version=version,
                )
            )
            if current and delivery.version.in_conflict_with(current):
                self._report(delivery, delivery.version, delivery.image, current, intent.before)
            self._ledger.close_intents([intent])
            self._ledger.delivered(delivery)

    def _drop(self, delivery: Delivery, current: Version | None, image: Image | None) -> None:
        """The peer's image is older than ours, or the very same write once more."""
        with self._ledger.together():
            if current and delivery.version.in_conflict_with(current):
                self._ledger.save_version(
                    Change(
                        region=self.region,
                        table=delivery.table,
                        item_key=delivery.item_key,
                        key=delivery.key,
                        before=image,
                        after=image,
                        version=current.having_seen(delivery.version),
                    )
                )
                self._report(delivery, current, image, delivery.version, delivery.image)
            self._ledger.delivered(delivery)

    def _report(
        self,
        delivery: Delivery,
        winner: Version,
        winner_image: Image | None,
        loser: Version,
        loser_image: Image | None,
    ) -> None:
        self._ledger.report(
            Conflict(
                table=delivery.table,
                item_key=delivery.item_key,
                key=delivery.key,
                winner=winner,
                winner_image=winner_image,
                loser=loser,
                loser_image=loser_image,
                seen_at=self._clock.read(),
            )
        )

    async def snapshot(self, table: str, image: Image, key_names: Sequence[str]) -> Change | None:
        """An item and its version as they are together now, for a back-fill; None if it is gone."""
        name = item_key(image, key_names) or ""
        async with self._locks.all_of([f"{table}/{name}"]):
            key = key_of(image, key_names)
            now = await self._image(table, key)
            version = self._ledger.version(self.region, table, name)
            if now is None:
                return None
            return Change(
                region=self.region,
                table=table,
                item_key=name,
                key=key,
                before=None,
                after=now,
                version=version or OLDEST,
            )

    # After a crash

    async def settle(self, intents: Iterable[Intent]) -> None:
        """Commit what the engine did, and forget what it did not, of writes a crash cut short."""
        for intent in intents:
            async with self._locks.all_of([f"{intent.table}/{intent.item_key}"]):
                await self._settle_when_back([intent])

    async def _settle_when_back(self, intents: Sequence[Intent]) -> None:
        """The locks are held: nothing else may write these items before they are settled."""
        for intent in intents:
            while True:
                await self.engine.ready()
                try:
                    await self._settle_one(intent)
                except EngineGone:
                    await asyncio.sleep(PAUSE_SECONDS)
                    continue
                except EngineRefused:
                    self._ledger.close_intents([intent])
                break

    async def _settle_one(self, intent: Intent) -> None:
        if intent.delivery is not None:
            await self._settle_delivery(intent)
            return
        now = await self._image(intent.table, intent.key)
        with self._ledger.together():
            if now != intent.before:
                self._commit_local(intent, now)
            self._ledger.close_intents([intent])

    async def _settle_delivery(self, intent: Intent) -> None:
        """A replicated write is simply done again: it names its whole image."""
        delivery = self._ledger.delivery(intent.delivery or 0)
        if delivery is None:
            self._ledger.close_intents([intent])
            return
        await self._store(delivery)
        current = self._ledger.version(self.region, intent.table, intent.item_key)
        self._commit_delivery(delivery, intent, current)

    # Images

    async def _images(self, targets: Sequence[Target]) -> list[Image | None]:
        wanted = (self._image(target.table, target.key) for target in targets)
        return list(await asyncio.gather(*wanted))

    async def _image(self, table: str, key: Mapping[str, Any]) -> Image | None:
        raw = to_json({"TableName": table, "Key": dict(key), "ConsistentRead": True})
        answer = await self.engine.ask(DATA + "GetItem", raw)
        if answer.status >= 500:
            raise EngineGone(self.region)
        if not answer.ok:
            raise EngineRefused(self.region)
        image: Image | None = answer.json().get("Item")
        return image

    # What a request is about

    def _targets(self, call: Call) -> list[Target]:
        """The items a request writes; none for a read, or for one that no engine would take."""
        if call.operation in PARTIQL:
            self._refuse_partiql_writes(call)
            return []
        found = [self._target(*place) for place in _writes(call)]
        known = [target for target in found if target is not None]
        return known if len(known) == len(found) else []

    def _target(
        self,
        table: Any,
        image: Any,
        always: bool,
    ) -> Target | None:
        if not isinstance(table, str) or not isinstance(image, dict):
            return None
        replica = self._ledger.replica(self.region, table_name(table))
        if replica is None:
            raise not_found("Requested resource not found")
        name = item_key(image, replica.key_names)
        if name is None:
            return None
        key = key_of(image, replica.key_names)
        return Target(table=replica.table, item_key=name, key=key, always=always)

    def _refuse_partiql_writes(self, call: Call) -> None:
        for text in _statements(call.body):
            if not text.lstrip().upper().startswith(("SELECT", "EXISTS")):
                raise validation(
                    "The sandbox does not replicate PartiQL writes: use PutItem, UpdateItem, "
                    "DeleteItem or TransactWriteItems."
                )

    def _refuse_creating(self, call: Call) -> None:
        """A replica that is still being created answers DescribeTable only."""
        for name in _names(call):
            replica = self._ledger.replica(self.region, table_name(name))
            if replica and replica.source and replica.status == "CREATING":
                raise not_found("Requested resource not found")


def _with_plain_names(call: Call) -> Call:
    """Engines know tables by name only; AWS takes their ARN as well."""
    if not any(name.startswith("arn:") for name in _names(call)):
        return call
    body = dict(call.body)
    if isinstance(body.get("TableName"), str):
        body["TableName"] = table_name(body["TableName"])
    if isinstance(body.get("RequestItems"), dict):
        plain = {table_name(name): items for name, items in body["RequestItems"].items()}
        if len(plain) < len(body["RequestItems"]):
            raise validation("RequestItems names a table twice, by its name and by its ARN")
        body["RequestItems"] = plain
    if isinstance(body.get("TransactItems"), list):
        body["TransactItems"] = [_plain_part(part) for part in body["TransactItems"]]
    return Call(region=call.region, service=call.service, operation=call.operation, body=body)


def _wholly_done(call: Call, answer: Answer) -> bool:
    if call.operation != "BatchWriteItem":
        return answer.ok
    return answer.ok and not answer.json().get("UnprocessedItems")


def _writes(call: Call) -> list[tuple[Any, Any, bool]]:
    """(table, an image that holds the key, counts though unchanged) of each write in a request."""
    body = call.body
    match call.operation:
        case "PutItem":
            return [(body.get("TableName"), body.get("Item"), True)]
        case "UpdateItem":
            return [(body.get("TableName"), body.get("Key"), True)]
        case "DeleteItem":
            return [(body.get("TableName"), body.get("Key"), False)]
        case "BatchWriteItem":
            return [each for place in _pairs(body.get("RequestItems")) for each in _batch(*place)]
        case "TransactWriteItems":
            return [each for part in _list(body.get("TransactItems")) for each in _transact(part)]
    return []


def _batch(table: str, requests: Any) -> Iterable[tuple[Any, Any, bool]]:
    for request in _list(requests):
        for name, what in _pairs(request):
            always = name == "PutRequest"
            yield table, _inside(what, "Item" if always else "Key"), always


def _transact(part: Any) -> Iterable[tuple[Any, Any, bool]]:
    for name, action in _pairs(part):
        if name in TRANSACTION:
            yield _inside(action, "TableName"), _inside(action, TRANSACTION[name]), name != "Delete"


def _names(call: Call) -> list[str]:
    """The tables of a request, by name or ARN as it has them."""
    body = call.body
    names = [body.get("TableName"), body.get("ResourceArn")]
    names += [name for name, _ in _pairs(body.get("RequestItems"))]
    for part in _list(body.get("TransactItems")):
        names += [_inside(action, "TableName") for _, action in _pairs(part)]
    for text in _statements(body) if call.operation in PARTIQL else []:
        names += FROM.findall(text)
    return [name for name in names if isinstance(name, str)]


def _statements(body: Mapping[str, Any]) -> list[str]:
    parts = [body, *_list(body.get("Statements")), *_list(body.get("TransactStatements"))]
    texts = [_inside(part, "Statement") for part in parts]
    return [text for text in texts if isinstance(text, str)]


def _plain_part(part: Any) -> Any:
    return {
        name: {**action, "TableName": table_name(str(action.get("TableName", "")))}
        for name, action in _pairs(part)
        if isinstance(action, dict)
    }


def _pairs(value: Any) -> list[tuple[str, Any]]:
    return list(value.items()) if isinstance(value, dict) else []


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _inside(value: Any, name: str) -> Any:
    return value.get(name) if isinstance(value, dict) else None
