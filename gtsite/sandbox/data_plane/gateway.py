"""The data plane of one region: every write passes here, one at a time per item.

A write leaves an intent in the ledger, goes to the engine, and is committed with its images, its
version, its stream record and one outbox row per peer before the caller hears of it.
"""

import asyncio
import logging
import re
import sqlite3
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from gtsite.sandbox.data_plane import partiql
from gtsite.sandbox.data_plane.images import Outcome, outcome_of, request_of
from gtsite.sandbox.data_plane.locks import ItemLocks
from gtsite.sandbox.data_plane.strong import StrongTables
from gtsite.sandbox.data_plane.writes import tables_of, wholly_done, with_plain_names, written_by
from gtsite.sandbox.ledger.ledger import Change, Conflict, Delivery, Intent, Ledger
from gtsite.sandbox.storage.processes import EngineGone, EngineProcess
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
TABLE_NAME = re.compile(r"[a-zA-Z0-9_.-]{1,255}")
READS = ("GetItem", "BatchGetItem", "TransactGetItems", "Query", "Scan", *partiql.OPERATIONS)
TRANSACTIONS = ("TransactWriteItems", "ExecuteTransaction")
TOKEN_US = 10 * 60 * 1_000_000
"""How long a transaction sent again with its token is not done again."""
PAUSE_SECONDS = 0.05
REFUSED_US = 200_000
LONGEST_REFUSED_US = 5_000_000
"""How long an image waits that its engine refused: twice as long each time, up to this."""

OLDEST = Version(time=0, region="")
"""The version of an item that was there before the ledger was."""


class EngineRefused(Exception):
    """The engine will not do it: the table is gone, or the key is none of its schema's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """One item that a request writes. `always` says that the write counts though nothing changed.

    A put or an update renews the item's timestamp even when it writes what is there already; a
    delete of nothing does not. `expired` says that it is TTL that deletes.
    """

    table: str
    item_key: str
    key: dict[str, Any]
    always: bool
    expired: bool = False

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
        strong: StrongTables,
    ) -> None:
        self.region = region
        self.engine = engine
        self._ledger = ledger
        self._clock = clock
        self._owe = owe
        self._strong = strong
        self._locks = ItemLocks()
        self._tokens: dict[str, int] = {}
        self._refused: dict[int, int] = {}

    async def handle(self, call: Call) -> Answer:
        """Answer a data-plane call; errors are raised as `ApiError`."""
        call = with_plain_names(call)
        self._refuse_creating(call)
        tables = tables_of(call)
        self._strong.refuse_transactions(call, tables)
        targets = self._targets(call)
        if targets:
            write = partial(self._write, call, targets)
            return await self._strong.write(self.region, targets, write)
        return await self._strong.read(self.region, call, tables, partial(self._read, call))

    async def expire(self, call: Call) -> Answer:
        """Answer a DeleteItem of TTL's; errors are raised as `ApiError`."""
        targets = [replace(target, expired=True) for target in self._targets(call)]
        return await self._write(call, targets)

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
                self._require_engine()
                before = await self._images_before(call, targets)
            except EngineGone as error:
                raise internal_error() from error
            except EngineRefused as error:
                why = "The provided key element does not match the schema"
                raise validation(why) from error
            return await self._write_over(before, call, targets)

    async def _write_over(
        self, before: Sequence[Image | None], call: Call, targets: Sequence[Target]
    ) -> Answer:
        """Write items whose locks are held and whose images are known."""
        wanted = [
            (target.table, target.item_key, target.key, image)
            for target, image in zip(targets, before, strict=True)
        ]
        expired = any(target.expired for target in targets)
        intents = self._ledger.open_intents(self.region, wanted, expired=expired)
        try:
            answer = await self.engine.ask(DATA + call.operation, request_of(call))
            outcome = outcome_of(call, answer)
            after = await self._images_after(outcome, before, targets)
        except EngineGone as error:
            await self._settle_when_back(intents)
            raise internal_error() from error
        except EngineRefused:
            self._ledger.close_intents(intents)
            return outcome.answer
        done = wholly_done(call, answer) and not self._sent_again(call)
        try:
            self._commit(targets, intents, after, answered=done)
        except sqlite3.Error as error:
            log.error("%s cannot keep what was written: %s", self.region, error)  # noqa: TRY400
            await self._settle_when_back(intents)
            raise internal_error() from error
        return outcome.answer

    def _sent_again(self, call: Call) -> bool:
        """Whether this transaction was done before with the same token; its token is kept."""
        token = call.body.get("ClientRequestToken")
        if call.operation not in TRANSACTIONS or not isinstance(token, str):
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
            there = self._ledger.close_intents(intents)
            for target, intent, image in zip(targets, intents, after, strict=True):
                counts = image != intent.before or (answered and target.always)
                if counts and intent.id in there:
                    self._commit_local(intent, image)

    def _commit_local(self, intent: Intent, after: Image | None) -> None:
        current = self._ledger.version(self.region, intent.table, intent.item_key)
        change = Change(
            region=self.region,
            table=intent.table,
            item_key=intent.item_key,
            key=intent.key,
            before=intent.before,
            after=after,
            version=self._next_version(intent.table, current),
            expired=intent.expired and after is None,
        )
        self._keep(change)
        if not (change.expired and self._expires_alone(change.table)):
            self._owe(change)

    def _expires_alone(self, table: str) -> bool:
        """In the 2017 version each replica has a TTL of its own and tells nobody what it took."""
        replica = self._ledger.replica(self.region, table)
        return replica is not None and replica.version == "2017.11.29"

    def _next_version(self, table: str, current: Version | None) -> Version:
        """A region's skew shows where regions hear of each other late; strong tables have none."""
        replica = self._ledger.replica(self.region, table)
        strong = replica is not None and replica.consistency == "STRONG"
        return self._clock.next_version(self.region, current, skewed=not strong)

    def _keep(self, change: Change) -> None:
        """Version and stream record of a change."""
        replica = self._ledger.replica(self.region, change.table)
        if replica is None:
            return
        self._ledger.save_version(change)
        self._ledger.streams.append(change, now=self._clock.read())

    # Replication

    async def apply(self, delivery: Delivery) -> bool:
        """Apply a peer's image if it is newer than ours; False if it has to be tried again.

        Whatever comes of it, the row leaves the outbox with the commit; a conflict is reported. An
        image that the engine refuses waits longer each time.
        """
        async with self._locks.all_of([f"{delivery.table}/{delivery.item_key}"]):
            if not self._ledger.waits(delivery.id):
                return True
            try:
                await self._apply(delivery)
            except EngineGone:
                return False
            except EngineRefused:
                self._put_off(delivery)
                return False
            self._refused.pop(delivery.id, None)
            return True

    def refused(self) -> int:
        """How many images wait because the engine refuses them."""
        self._refused = {
            row: times for row, times in self._refused.items() if self._ledger.waits(row)
        }
        return len(self._refused)

    def _require_engine(self) -> None:
        """`EngineGone` before anything is begun that would have to be settled."""
        if not self.engine.running:
            raise EngineGone(self.region)

    async def _apply(self, delivery: Delivery) -> None:
        self._require_engine()
        current = self._ledger.version(self.region, delivery.table, delivery.item_key)
        before = await self._image_before(delivery.table, delivery.item_key, delivery.key)
        if not delivery.version.newer_than(current):
            self._drop(delivery, current, before)
            return
        wanted = [(delivery.table, delivery.item_key, delivery.key, before)]
        (intent,) = self._ledger.open_intents(self.region, wanted, delivery.id)
        try:
            await self._store(delivery)
            self._commit_delivery(delivery, intent, current)
        except (EngineGone, sqlite3.Error):
            await self._settle_when_back([intent])
        except EngineRefused:
            self._ledger.close_intents([intent])
            raise

    def _put_off(self, delivery: Delivery) -> None:
        """A replica that is being created refuses everything until it has its table."""
        replica = self._ledger.replica(self.region, delivery.table)
        if replica is None or replica.status == "CREATING":
            return
        times = self._refused.get(delivery.id, 0)
        if not times:
            log.error("%s refuses an image of %s.", self.region, delivery.table)
        self._refused[delivery.id] = times + 1
        wait = min(REFUSED_US * 2**times, LONGEST_REFUSED_US)
        self._ledger.postpone(delivery, self._clock.travelled() + wait)

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
            raise EngineRefused(answer.raw.decode())

    def _commit_delivery(self, delivery: Delivery, intent: Intent, current: Version | None) -> None:
        version = delivery.version.having_seen(current) if current else delivery.version
        with self._ledger.together():
            if not self._ledger.close_intents([intent]):
                return
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
        replica = self._ledger.replica(self.region, delivery.table)
        if replica and replica.consistency == "STRONG":
            return
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

    async def take_in(self, changes: Sequence[Change]) -> None:
        """Store images of a back-fill where nothing newer has come; it leaves no stream record.

        Raises `EngineGone` and `EngineRefused`; it can be done again.
        """
        async with self._locks.all_of(f"{each.table}/{each.item_key}" for each in changes):
            wanted = [each for each in changes if self._is_news(each)]
            await self._put_all(wanted)
            with self._ledger.together():
                for change in wanted:
                    self._ledger.save_version(replace(change, region=self.region))

    def _is_news(self, change: Change) -> bool:
        current = self._ledger.version(self.region, change.table, change.item_key)
        return change.version.newer_than(current)

    async def _put_all(self, changes: Sequence[Change]) -> None:
        left: dict[str, list[Any]] = {}
        for change in changes:
            left.setdefault(change.table, []).append({"PutRequest": {"Item": change.after}})
        while left:
            answer = await self.engine.ask(DATA + "BatchWriteItem", to_json({"RequestItems": left}))
            if answer.status >= 500:
                raise EngineGone(self.region)
            if not answer.ok:
                log.error("%s refused a back-fill: %s", self.region, answer.raw.decode())
                raise EngineRefused(self.region)
            left = answer.json().get("UnprocessedItems") or {}

    # After a crash

    async def settle(self, intents: Iterable[Intent]) -> None:
        """Commit what the engine did, and forget what it did not, of writes a crash cut short."""
        for intent in intents:
            async with self._locks.all_of([f"{intent.table}/{intent.item_key}"]):
                await self._settle_when_back([intent])

    async def _settle_when_back(self, intents: Sequence[Intent]) -> None:
        """The locks are held: nothing else may write these items before they are settled."""
        for intent in intents:
            while not await self._settled(intent):  # noqa: ASYNC110
                await asyncio.sleep(PAUSE_SECONDS)

    async def _settled(self, intent: Intent) -> bool:
        """False if the engine went once more, or the ledger cannot keep anything at the moment."""
        await self.engine.ready()
        try:
            try:
                await self._settle_one(intent)
            except EngineRefused:
                self._ledger.close_intents([intent])
        except (EngineGone, sqlite3.Error):
            return False
        return True

    async def _settle_one(self, intent: Intent) -> None:
        if intent.delivery is not None:
            await self._settle_delivery(intent)
            return
        now = await self._image(intent.table, intent.key)
        with self._ledger.together():
            if self._ledger.close_intents([intent]) and now != intent.before:
                self._commit_local(intent, now)

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

    async def _images_before(self, call: Call, targets: Sequence[Target]) -> list[Image | None]:
        """`EngineRefused` where a batch of statements, which does the others, has a key amiss."""
        if call.operation == "BatchExecuteStatement":
            return await self._images(targets)
        return [
            await self._image_before(target.table, target.item_key, target.key)
            for target in targets
        ]

    async def _image_before(
        self, table: str, item_key: str, key: Mapping[str, Any]
    ) -> Image | None:
        """The ledger has every item but those of a table it did not see being made."""
        replica = self._ledger.replica(self.region, table)
        if replica is not None and replica.adopted:
            return await self._image(table, key)
        return self._ledger.image(self.region, table, item_key)

    async def _images_after(
        self, outcome: Outcome, before: Sequence[Image | None], targets: Sequence[Target]
    ) -> Sequence[Image | None]:
        if outcome.known:
            return [outcome.image]
        refused = 400 <= outcome.answer.status < 500
        return before if refused else await self._images(targets)

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
        if call.operation in partiql.OPERATIONS:
            return self._partiql_targets(call)
        found = [self._target(*place) for place in written_by(call)]
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
            if TABLE_NAME.fullmatch(table_name(table)):
                raise not_found("Requested resource not found")
            return None
        name = item_key(image, replica.key_names)
        if name is None:
            return None
        key = key_of(image, replica.key_names)
        return Target(table=replica.table, item_key=name, key=key, always=always)

    def _partiql_targets(self, call: Call) -> list[Target]:
        """The items that statements write; what leads to none gets the engine's own error."""
        found: dict[str, Target] = {}
        for write in partiql.writes(call.operation, call.body):
            replica = self._ledger.replica(self.region, write.table)
            if replica is None:
                continue
            write.check(replica.key_names)
            target = self._target(write.table, write.values, write.always)
            if target is not None:
                found[target.lock] = target
        return list(found.values())

    def _refuse_creating(self, call: Call) -> None:
        """A table that is still being created answers DescribeTable only."""
        for name in tables_of(call):
            replica = self._ledger.replica(self.region, table_name(name))
            if replica and replica.status == "CREATING":
                raise not_found("Requested resource not found")
