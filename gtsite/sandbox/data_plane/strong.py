"""The data plane of strongly consistent tables: what is acknowledged is in two of three regions.

A write of an item, a strongly consistent read of it and the arrival of a replicated image happen
one at a time in all regions together. Before either of the first two looks at its own region's
item, everything that can reach the region has; before either is answered, a second region (or the
witness) has what the caller is told. Whoever reaches one of the other two regions therefore reaches
one that has it.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Protocol

from gtsite.sandbox.data_plane.holdings import Holdings
from gtsite.sandbox.data_plane.locks import ItemLocks
from gtsite.sandbox.distances import round_trip_ms
from gtsite.sandbox.faults import Faults
from gtsite.sandbox.ledger.ledger import Change, Delivery, Ledger, witness_holder
from gtsite.sandbox.versions import Version, item_key
from gtsite.sandbox.wire import DYNAMODB, Answer, ApiError, Call, internal_error, validation

log = logging.getLogger("sandbox.strong")

TRANSACTIONS = ("TransactWriteItems", "TransactGetItems", "ExecuteTransaction")
STATEMENTS = ("ExecuteStatement", "BatchExecuteStatement")
PATIENCE_SECONDS = 1.0
"""How long one region may take over an image before the other one is asked."""

Work = Callable[[], Awaitable[Answer]]


class Region(Protocol):
    """What is wanted of a gateway: to apply an image; False if it has to be tried again."""

    async def apply(self, delivery: Delivery) -> bool: ...


class Written(Protocol):
    """An item that a request writes."""

    @property
    def table(self) -> str: ...

    @property
    def item_key(self) -> str: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """The three regions of a strong table; `witness` is '' where all three have a replica."""

    table: str
    replicas: tuple[str, ...]
    witness: str

    @property
    def regions(self) -> tuple[str, ...]:
        return (*self.replicas, self.witness) if self.witness else self.replicas

    def others(self, region: str) -> list[str]:
        return [each for each in self.regions if each != region]

    def holder(self, region: str) -> str:
        """The name that a region's versions are kept under."""
        return witness_holder(region) if region == self.witness else region

    def holders(self, regions: Iterable[str]) -> list[str]:
        return [self.holder(region) for region in regions]


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """One item of a strong table."""

    group: Group
    item_key: str

    @property
    def lock(self) -> str:
        return f"{self.group.table}/{self.item_key}"


def write_conflict() -> ApiError:
    """AWS documents this error with 400, and retries it by SDK rules made for 409."""
    return ApiError(
        409,
        f"{DYNAMODB}#ReplicatedWriteConflictException",
        "One or more items in this request are being modified by a request in another Region.",
    )


class StrongTables:
    """Writes and strongly consistent reads of strong tables, in whichever region they arrive.

    With `wan` each goes as far as the nearest other region and back, and takes that long.
    """

    def __init__(
        self,
        ledger: Ledger,
        faults: Faults,
        gateways: Mapping[str, Region],
        *,
        wan: Callable[[], bool] = bool,
    ) -> None:
        self._ledger = ledger
        self._holdings = Holdings(ledger)
        self._faults = faults
        self._gateways = gateways
        self._wan = wan
        self._listeners: list[Callable[[str, str], None]] = []
        self._locks = ItemLocks()
        self._writers: dict[str, str] = {}
        self._applying: dict[int, asyncio.Task[bool]] = {}
        self._cut_off: set[tuple[str, str]] = set()
        self._returned: dict[tuple[str, str], int] = {}
        faults.on_change(lambda _region: self._follow_faults())

    def on_reroute(self, listener: Callable[[str, str], None]) -> None:
        """Call `listener(source, target)` when images wait on a way that waited on another one."""
        self._listeners.append(listener)

    # What callers ask

    def refuse_transactions(self, call: Call, tables: Iterable[str]) -> None:
        """Strong tables know no transactions; AWS's words for it are not documented."""
        if call.operation not in TRANSACTIONS:
            return
        if any(self._group(call.region, table) for table in tables):
            raise validation(
                "Transaction operations are not supported for global tables with "
                "MultiRegionConsistency set to STRONG."
            )

    async def write(self, region: str, targets: Iterable[Written], work: Work) -> Answer:
        """Do `work`, which writes `targets` in one region; answered when a second one has them.

        Refused at once, with nothing written, while another region writes one of the items. An
        error 500 after the work was begun leaves the outcome unknown.
        """
        places = self._places(region, targets)
        if not places:
            return await work()
        await self._require_quorum(region, {place.group for place in places})
        self._refuse_written_elsewhere(region, places)
        async with self._locks.all_of(place.lock for place in places):
            with self._writing(region, places):
                await self._catch_up(region, places)
                done = await work()
                await self._secure_all(region, places)
                return done

    async def read(self, region: str, call: Call, tables: Iterable[str], work: Work) -> Answer:
        """Do `work`, which reads; a strongly consistent read sees all acknowledged writes."""
        groups = [group for table in tables if (group := self._group(region, table))]
        if not groups or not _consistent(call):
            return await work()
        if call.operation in ("GetItem", "BatchGetItem"):
            return await self._read_items(region, self._places_read(region, call), work)
        return await self._read_tables(region, groups, work)

    async def deliver(self, delivery: Delivery) -> bool:
        """An image arrives by ordinary replication; False if it has to be tried again.

        Older images of the item that could come by another way arrive first, so that every replica
        has each change, in one order.
        """
        gateway = self._gateways.get(delivery.target)
        if gateway is None:
            return False
        group = self._group(delivery.target, delivery.table)
        if group is None:
            return await gateway.apply(delivery)
        place = Place(group=group, item_key=delivery.item_key)
        async with self._locks.all_of([place.lock]):
            await self._bring(delivery.target, place, up_to=delivery.version)
        return self._ledger.delivery(delivery.id) is None

    async def _read_items(self, region: str, places: Sequence[Place], work: Work) -> Answer:
        groups = {place.group for place in places}
        await self._require_quorum(region, groups)
        for group in groups:
            await self._ask_nearest(region, group)
        async with self._locks.all_of(place.lock for place in places):
            await self._catch_up(region, places)
            return await work()

    async def _read_tables(self, region: str, groups: Collection[Group], work: Work) -> Answer:
        """Writes go on meanwhile; those it may have seen by half are done before it is answered."""
        await self._require_quorum(region, groups)
        for group in groups:
            await self._ask_nearest(region, group)
            for name in self._items_coming(region, group):
                place = Place(group=group, item_key=name)
                async with self._locks.all_of([place.lock]):
                    await self._catch_up(region, [place])
        done = await work()
        for group in groups:
            await self._settle(region, group)
        return done

    async def _ask_nearest(self, region: str, group: Group) -> None:
        """An error 500 where there is no other region to ask, or none any more on the way back."""
        linked = [each for each in _nearest(region, group) if self._linked(region, each)]
        for other in linked[:1]:
            await self._travel(region, other)
        if not self._has_quorum(region, group):
            raise internal_error()

    # One writing region per item

    def _refuse_written_elsewhere(self, region: str, places: Iterable[Place]) -> None:
        if any(self._writers.get(place.lock, region) != region for place in places):
            raise write_conflict()

    @contextmanager
    def _writing(self, region: str, places: Sequence[Place]) -> Iterator[None]:
        """The places' locks are held: nobody else writes these items."""
        for place in places:
            self._writers[place.lock] = region
        try:
            yield
        finally:
            for place in places:
                self._writers.pop(place.lock, None)

    # Bringing images where they are wanted; the item's lock is held in all of these

    async def _catch_up(self, region: str, places: Iterable[Place]) -> None:
        """Make the region's items the newest, and certain to stay; an error 500 if it cannot.

        The region may have been cut off since it was asked, while others held the items.
        """
        for place in places:
            if not self._has_quorum(region, place.group) or not await self._bring(region, place):
                raise internal_error()
            await self._secure(region, place)

    async def _secure_all(self, region: str, places: Sequence[Place]) -> None:
        """Side by side: a batch waits for one round trip, not for one per item."""
        securing = [self._secure(region, place) for place in places]
        for failed in await asyncio.gather(*securing, return_exceptions=True):
            if failed is not None:
                raise failed

    async def _secure(self, region: str, place: Place) -> None:
        """Have a second region hold what this one wrote; an error 500 if there is none."""
        if not self._unsecured(region, place):
            return
        for other in _nearest(region, place.group):
            if not self._linked(region, other):
                continue
            await self._travel(region, other)
            await self._hand_over(region, other, place)
            held = not self._unsecured(region, place)
            if held and self._linked(region, other):
                self._relay(place.group)
                return
        raise internal_error()

    async def _hand_over(self, region: str, other: str, place: Place) -> None:
        """Bring another region's replica up to date, or let the witness note the newest version."""
        if other != place.group.witness:
            await self._bring(other, place)
            return
        for delivery in self._unsecured(region, place):
            self._note_at_witness(place.group, delivery)

    def _note_at_witness(self, group: Group, delivery: Delivery) -> None:
        holder = group.holder(group.witness)
        if not delivery.version.newer_than(
            self._ledger.version(holder, group.table, delivery.item_key)
        ):
            return
        self._ledger.save_version(
            Change(
                region=holder,
                table=group.table,
                item_key=delivery.item_key,
                key=delivery.key,
                before=None,
                after=delivery.image,
                version=delivery.version,
            )
        )

    async def _bring(self, region: str, place: Place, up_to: Version | None = None) -> bool:
        """Apply all that can reach the region for one item, oldest first; False if one would not.

        An image can come from every region that has it, or a newer one of the item.
        """
        for delivery in self._coming(region, place):
            if up_to and delivery.version.newer_than(up_to):
                break
            if not await self._apply(delivery):
                return False
        return True

    async def _apply(self, delivery: Delivery) -> bool:
        """Give a region's engine its time, but not more: what it has begun it finishes later."""
        gateway = self._gateways.get(delivery.target)
        if gateway is None:
            return False
        work = self._applying.get(delivery.id)
        if work is None:
            work = asyncio.ensure_future(_applied(gateway, delivery))
            self._applying[delivery.id] = work
            work.add_done_callback(lambda _work: self._applying.pop(delivery.id, None))
        done, _ = await asyncio.wait((work,), timeout=PATIENCE_SECONDS)
        return bool(done) and work.result()

    async def _settle(self, region: str, group: Group) -> None:
        """Wait for the region's writes that are under way, and secure what nobody else has yet."""
        prefix = f"{group.table}/"
        written = {
            lock.removeprefix(prefix)
            for lock, writer in self._writers.items()
            if writer == region and lock.startswith(prefix)
        }
        left = self._items_unsecured(region, group)
        for name in written | left:
            place = Place(group=group, item_key=name)
            async with self._locks.all_of([place.lock]):
                await self._secure(region, place)

    async def _travel(self, region: str, other: str) -> None:
        if self._wan():
            await asyncio.sleep(round_trip_ms(region, other) / 1000)

    # Who reaches whom

    def _linked(self, region: str, other: str) -> bool:
        return self._faults.reachable(region, other) and self._faults.reachable(other, region)

    def _has_quorum(self, region: str, group: Group) -> bool:
        return any(self._linked(region, other) for other in group.others(region))

    async def _require_quorum(self, region: str, groups: Iterable[Group]) -> None:
        """An error 500 while the region is alone, and until it has what it missed meanwhile."""
        for group in groups:
            if not self._has_quorum(region, group):
                raise internal_error()
            mark = self._returned.get((group.table, region))
            if mark is None:
                continue
            if any(row <= mark for row in self._items_coming(region, group).values()):
                raise internal_error()
            await self._settle(region, group)
            self._returned.pop((group.table, region), None)

    def _follow_faults(self) -> None:
        """Note who is alone and who is back, and send images round a region that is cut off."""
        for group in self._groups():
            for region in group.replicas:
                self._follow(region, group)
            self._relay(group)

    def _follow(self, region: str, group: Group) -> None:
        which = (group.table, region)
        if not self._has_quorum(region, group):
            self._cut_off.add(which)
            self._returned.pop(which, None)
        elif which in self._cut_off:
            self._cut_off.discard(which)
            self._returned[which] = self._ledger.last_owed()

    def _relay(self, group: Group) -> None:
        """What its author cannot deliver goes on from another region that has it."""
        for target in group.replicas:
            for source in group.others(target):
                if self._faults.reachable(source, target):
                    continue
                for via in group.others(target):
                    if via != source and self._faults.reachable(via, target):
                        self._send_via(group, source, target, via)

    def _send_via(self, group: Group, source: str, target: str, via: str) -> None:
        holder = group.holder(via)
        if self._holdings.reroute(group.table, source, target, via=via, holder=holder):
            for listener in self._listeners:
                listener(via, target)

    # What the ledger knows

    def _group(self, region: str, table: str) -> Group | None:
        """The group of a strong table that is complete; None for every other table.

        While its replicas are made or taken down a table's writes are ordinary ones.
        """
        own = self._ledger.replica(region, table)
        if own is None or own.consistency != "STRONG":
            return None
        members = self._ledger.group(region, table)
        if any(each.status in ("CREATING", "DELETING") for each in members):
            return None
        replicas = tuple(each.region for each in members)
        return Group(table=table, replicas=replicas, witness=own.witness)

    def _groups(self) -> set[Group]:
        found = (self._group(each.region, each.table) for each in self._ledger.replicas())
        return {group for group in found if group is not None}

    def _places(self, region: str, targets: Iterable[Written]) -> list[Place]:
        return [
            Place(group=group, item_key=target.item_key)
            for target in targets
            if (group := self._group(region, target.table))
        ]

    def _places_read(self, region: str, call: Call) -> list[Place]:
        """Items of strong tables that a request reads by their keys; malformed keys name none."""
        places = []
        for table, key in _keys_read(call):
            group, replica = self._group(region, table), self._ledger.replica(region, table)
            name = item_key(key, replica.key_names) if replica else None
            if group and name:
                places.append(Place(group=group, item_key=name))
        return places

    def _coming(self, region: str, place: Place) -> list[Delivery]:
        """What can reach a region now of one item; oldest first."""
        group, near = place.group, self._near(region, place.group)
        return self._holdings.coming(
            group.table,
            place.item_key,
            region,
            sources=group.others(region),
            near=near,
            holders=group.holders(near),
        )

    def _items_coming(self, region: str, group: Group) -> dict[str, int]:
        """Every item that something can reach a region of: its key → the oldest outbox row."""
        near = self._near(region, group)
        return self._holdings.items_coming(
            group.table,
            region,
            sources=group.others(region),
            near=near,
            holders=group.holders(near),
        )

    def _near(self, region: str, group: Group) -> list[str]:
        return [each for each in group.others(region) if self._faults.reachable(each, region)]

    def _unsecured(self, region: str, place: Place) -> list[Delivery]:
        """What a region wrote of an item and no other one has; oldest first."""
        group = place.group
        return self._holdings.unsecured(
            group.table,
            place.item_key,
            region,
            targets=group.replicas,
            holders=group.holders(group.others(region)),
        )

    def _items_unsecured(self, region: str, group: Group) -> set[str]:
        return self._holdings.items_unsecured(
            group.table,
            region,
            targets=group.replicas,
            holders=group.holders(group.others(region)),
        )


def _nearest(region: str, group: Group) -> list[str]:
    return sorted(group.others(region), key=lambda other: round_trip_ms(region, other))


async def _applied(gateway: Region, delivery: Delivery) -> bool:
    return await gateway.apply(delivery)


def _consistent(call: Call) -> bool:
    """Whether a read asks, for one of its tables at least, for strong consistency."""
    asked: list[Any] = [call.body]
    if call.operation == "BatchGetItem":
        tables = call.body.get("RequestItems")
        asked = list(tables.values()) if isinstance(tables, dict) else []
    elif call.operation == "BatchExecuteStatement":
        statements = call.body.get("Statements")
        asked = statements if isinstance(statements, list) else []
    return any(isinstance(part, dict) and part.get("ConsistentRead") is True for part in asked)


def _keys_read(call: Call) -> Iterator[tuple[str, dict[str, Any]]]:
    """(table, key) of each item that a GetItem or BatchGetItem reads with strong consistency."""
    if call.operation == "GetItem":
        asked: Any = {call.table: {**call.body, "Keys": [call.body.get("Key")]}}
    else:
        asked = call.body.get("RequestItems")
    for table, part in asked.items():
        if not isinstance(part, dict) or part.get("ConsistentRead") is not True:
            continue
        keys = part.get("Keys")
        for key in keys if isinstance(keys, list) else ():
            if isinstance(key, dict):
                yield table, key
