"""What a gateway does when its engine goes, forgets or refuses at the worst of moments."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import replace
from typing import Any

import pytest

from gtsite.sandbox.data_plane.gateway import Gateway
from gtsite.sandbox.data_plane.strong import StrongTables
from gtsite.sandbox.faults import Faults
from gtsite.sandbox.ledger.ledger import Change, Delivery, Ledger, Replica
from gtsite.sandbox.storage.processes import EngineGone
from gtsite.sandbox.versions import Clock, Version, item_key
from gtsite.sandbox.wire import Answer, ApiError, Call, answer, refusal, validation

HERE, THERE = "us-west-2", "eu-west-1"
TABLE = "films"
KEY = {"PK": {"S": "a"}}
OLD = {**KEY, "v": {"N": "1"}}
NEW = {**KEY, "v": {"N": "2"}}
LATE = 2**60

Mishap = Callable[["ScriptedEngine", str, dict[str, Any]], Awaitable[Answer]]


class ScriptedEngine:
    """An engine of one table in memory, to which mishaps happen at the next call of a kind."""

    def __init__(self) -> None:
        self.items: dict[str, Any] = {}
        self.dropped = False
        self.running = True
        self.mishaps: dict[str, list[Mishap]] = {}
        self.back = 0

    async def ready(self) -> None:
        self.back += 1

    async def ask(self, target: str, raw: bytes) -> Answer:
        operation, body = target.partition(".")[2], json.loads(raw)
        if mishaps := self.mishaps.get(operation):
            return await mishaps.pop(0)(self, operation, body)
        return self.do(operation, body)

    def do(self, operation: str, body: dict[str, Any]) -> Answer:
        if self.dropped:
            return refusal(validation("gone"))
        key = item_key(body.get("Key") or body["Item"], ["PK"]) or ""
        match operation:
            case "GetItem":
                return answer({"Item": self.items[key]} if key in self.items else {})
            case "PutItem":
                self.items[key] = body["Item"]
            case "DeleteItem":
                self.items.pop(key, None)
        return answer({})


class World:
    """A gateway of HERE on a scripted engine, with a peer in THERE."""

    def __init__(self) -> None:
        self.ledger = Ledger(None)
        self.engine = ScriptedEngine()
        self.owed: list[Change] = []
        for region in (HERE, THERE):
            self.ledger.save_replica(_replica(region))
        engine: Any = self.engine
        strong = StrongTables(self.ledger, Faults(), {})
        self.clock = Clock(lambda: 10**15)
        self.gateway = Gateway(HERE, engine, self.ledger, self.clock, self.owed.append, strong)

    async def put(self, item: dict[str, Any]) -> Answer:
        body = {"TableName": TABLE, "Item": item}
        return await self.gateway.handle(
            Call(region=HERE, service="DynamoDB_20120810", operation="PutItem", body=body)
        )

    def delivery(self, image: Any, time: int) -> Delivery:
        """An image that THERE wrote, on its way to HERE."""
        version = Version(time=time, region=THERE, seen={THERE: time})
        change = Change(
            region=THERE,
            table=TABLE,
            item_key=item_key(KEY, ["PK"]) or "",
            key=KEY,
            before=None,
            after=image,
            version=version,
        )
        self.ledger.enqueue(change, THERE, HERE, now=time, due_at=time)
        return self.ledger.due(THERE, HERE, LATE, 100)[-1]

    def records(self) -> list[tuple[Any, Any]]:
        """(before, after) of each record in HERE's stream."""
        log = self.ledger.streams
        return [
            (record.before, record.after)
            for stream in log.streams(HERE, TABLE, now=0)
            for shard in log.shards(stream, now=0)
            for record in log.read(stream, shard, 0, limit=100, most_bytes=10**6).records
        ]

    def version(self) -> Version | None:
        return self.ledger.version(HERE, TABLE, item_key(KEY, ["PK"]) or "")

    def nothing_is_open(self) -> bool:
        return self.ledger.intents() == [] and self.gateway._locks._locks == {}


def played(play: Callable[[World], Coroutine[Any, Any, None]]) -> None:
    """Play a scene to its end, and find nothing left open."""

    async def run() -> None:
        world = World()
        async with asyncio.timeout(30):
            await play(world)
        assert world.nothing_is_open()
        world.ledger.close()

    asyncio.run(run())


# Mishaps


async def gone(_engine: ScriptedEngine, _operation: str, _body: dict[str, Any]) -> Answer:
    """It is killed before it does anything."""
    raise EngineGone


async def silent(engine: ScriptedEngine, operation: str, body: dict[str, Any]) -> Answer:
    """It is killed when it has done what it was asked, and before it says so."""
    engine.do(operation, body)
    raise EngineGone


async def failing(_engine: ScriptedEngine, _operation: str, _body: dict[str, Any]) -> Answer:
    return Answer(status=500, raw=b"<html>")


async def refusing(_engine: ScriptedEngine, _operation: str, _body: dict[str, Any]) -> Answer:
    return refusal(validation("no"))


async def dropping(engine: ScriptedEngine, operation: str, body: dict[str, Any]) -> Answer:
    """Somebody deletes the table right after."""
    done = engine.do(operation, body)
    engine.dropped = True
    return done


# Deletes of TTL's


async def expire(world: World) -> Answer:
    call = Call(
        region=HERE,
        service="DynamoDB_20120810",
        operation="DeleteItem",
        body={"TableName": TABLE, "Key": KEY},
    )
    return await world.gateway.expire(call)


def test_a_delete_of_ttls_whose_outcome_is_unknown_is_settled_as_one() -> None:
    async def play(world: World) -> None:
        await world.put(OLD)
        world.engine.mishaps["DeleteItem"] = [silent]
        with pytest.raises(ApiError, match="Internal server error"):
            await expire(world)
        assert [(change.after, change.expired) for change in world.owed] == [
            (OLD, False),
            (None, True),
        ]

    played(play)


def test_an_intent_of_ttls_is_still_one_after_a_restart() -> None:
    async def play(world: World) -> None:
        await world.put(OLD)
        wanted = [(TABLE, item_key(KEY, ["PK"]) or "", KEY, OLD)]
        world.ledger.open_intents(HERE, wanted, expired=True)
        world.engine.items.clear()
        await world.gateway.settle(world.ledger.intents())
        assert [change.expired for change in world.owed] == [False, True]

    played(play)


def test_in_the_2017_version_a_delete_of_ttls_stays_in_its_region() -> None:
    async def play(world: World) -> None:
        world.ledger.save_replica(replace(_replica(HERE), version="2017.11.29"))
        await world.put(OLD)
        assert (await expire(world)).ok
        assert [change.after for change in world.owed] == [OLD]
        assert world.records() == [(None, OLD), (OLD, None)]
        await world.put(NEW)
        assert [change.after for change in world.owed] == [OLD, NEW]

    played(play)


# Writes


@pytest.mark.parametrize("mishap", [silent, failing])
def test_a_write_whose_outcome_is_unknown_is_settled_by_looking(mishap: Mishap) -> None:
    async def play(world: World) -> None:
        await world.put(OLD)
        world.engine.mishaps["PutItem"] = [mishap]
        if mishap is silent:
            with pytest.raises(ApiError, match="Internal server error"):
                await world.put(NEW)
            assert [change.after for change in world.owed] == [OLD, NEW]
            assert world.records() == [(None, OLD), (OLD, NEW)]
        else:
            assert (await world.put(NEW)).status == 500
            assert [change.after for change in world.owed] == [OLD]

    played(play)


def test_a_write_that_was_never_done_leaves_nothing() -> None:
    async def play(world: World) -> None:
        world.engine.mishaps["PutItem"] = [gone]
        with pytest.raises(ApiError, match="Internal server error"):
            await world.put(OLD)
        assert (world.owed, world.records(), world.version()) == ([], [], None)

    played(play)


def test_an_engine_that_goes_again_while_a_write_is_settled_is_waited_for_again() -> None:
    async def play(world: World) -> None:
        world.engine.mishaps = {"PutItem": [silent], "GetItem": [gone, failing]}
        with pytest.raises(ApiError):
            await world.put(OLD)
        assert world.engine.back == 3
        assert [change.after for change in world.owed] == [OLD]

    played(play)


def test_an_engine_that_is_gone_before_a_write_costs_the_caller_a_500_only() -> None:
    async def play(world: World) -> None:
        world.engine.running = False
        with pytest.raises(ApiError, match="Internal server error"):
            await world.put(OLD)
        assert world.engine.items == {}
        assert world.engine.back == 0, "nobody waits for it"

    played(play)


def test_a_table_deleted_right_behind_a_write_deletes_nothing_elsewhere() -> None:
    """The item cannot be read any more; that is no delete that peers would have to hear of."""

    async def play(world: World) -> None:
        await world.put(OLD)
        world.engine.mishaps["PutItem"] = [dropping]
        assert (await world.put({**KEY, "v": {"SS": ["has", "to", "be", "read"]}})).ok
        assert [change.after for change in world.owed] == [OLD]

    played(play)


def test_a_write_that_is_refused_gets_the_engines_own_answer_and_leaves_nothing() -> None:
    async def play(world: World) -> None:
        world.engine.mishaps = {"PutItem": [refusing]}
        answered = await world.put(OLD)
        assert answered.json()["message"] == "no"
        assert (world.owed, world.records(), world.version()) == ([], [], None)

    played(play)


def test_a_table_the_ledger_does_not_know_is_not_written_whatever_the_engine_has() -> None:
    async def play(world: World) -> None:
        world.ledger.remove_replica(HERE, TABLE)
        with pytest.raises(ApiError, match="Requested resource not found"):
            await world.put(OLD)
        assert world.engine.items == {}

    played(play)


# Deliveries


@pytest.mark.parametrize("mishap", [gone, silent, failing])
def test_a_delivery_cut_short_is_done_again_and_recorded_once(mishap: Mishap) -> None:
    async def play(world: World) -> None:
        await world.put(OLD)
        current = world.version()
        assert current is not None
        delivery = world.delivery(NEW, current.time + 5)
        world.engine.mishaps["PutItem"] = [mishap]
        assert await world.gateway.apply(delivery)
        assert world.records() == [(None, OLD), (OLD, NEW)]
        assert world.ledger.backlog() == {}
        found = world.version()
        assert found is not None
        assert (found.time, found.region) == (current.time + 5, THERE)
        assert found.knew(current)

    played(play)


def test_a_delivery_that_is_refused_stays_where_it_is() -> None:
    async def play(world: World) -> None:
        delivery = world.delivery(NEW, 5)
        world.engine.mishaps["PutItem"] = [refusing]
        assert not await world.gateway.apply(delivery)
        assert world.ledger.intents() == []
        assert world.ledger.backlog() == {(THERE, HERE): (1, 5)}
        assert await world.gateway.apply(delivery)
        assert world.records() == [(None, NEW)]

    played(play)


def test_an_image_that_is_refused_for_good_is_tried_less_and_less_often() -> None:
    """And holds up nobody: it is not due meanwhile, and a newer image takes its place."""

    async def play(world: World) -> None:
        delivery = world.delivery(NEW, 5)
        waits = []
        for _ in range(8):
            world.engine.mishaps["PutItem"] = [refusing]
            assert not await world.gateway.apply(delivery)
            due_at = world.ledger.next_due(THERE, HERE) or 0
            waits.append((due_at - world.clock.read()) / 1e6)
            assert world.ledger.due(THERE, HERE, world.clock.read(), 9) == []
        expected = [0.2, 0.4, 0.8, 1.6, 3.2, 5.0, 5.0, 5.0]
        assert all(one - 0.1 < wait <= one for wait, one in zip(waits, expected, strict=True)), (
            waits
        )
        assert world.gateway.refused() == 1
        assert await world.gateway.apply(world.delivery(OLD, 9))
        assert world.gateway.refused() == 0
        assert world.ledger.backlog() == {}
        assert world.records() == [(None, OLD)]

    played(play)


def test_a_replica_that_has_no_table_yet_is_tried_again_soon() -> None:
    async def play(world: World) -> None:
        creating = replace(_replica(HERE), status="CREATING", source=THERE)
        world.ledger.save_replica(creating)
        delivery = world.delivery(NEW, 5)
        for _ in range(5):
            world.engine.mishaps["PutItem"] = [refusing]
            assert not await world.gateway.apply(delivery)
        assert world.ledger.due(THERE, HERE, 5, 9) == [delivery]
        assert world.gateway.refused() == 0

    played(play)


def test_an_image_that_is_owed_no_longer_is_not_applied() -> None:
    """The table it was for is gone; another one of that name is none of its business."""

    async def play(world: World) -> None:
        delivery = world.delivery(NEW, 5)
        world.ledger.remove_replica(HERE, TABLE)
        world.ledger.save_replica(_replica(HERE))
        assert await world.gateway.apply(delivery)
        assert world.engine.items == {}
        assert world.version() is None

    played(play)


def test_a_table_made_anew_during_a_write_hears_nothing_of_it() -> None:
    """Or peers would delete the item because the new table does not have it."""

    async def play(world: World) -> None:
        async def remake(engine: ScriptedEngine, operation: str, body: dict[str, Any]) -> Answer:
            done = engine.do(operation, body)
            engine.items.clear()
            world.ledger.remove_replica(HERE, TABLE)
            world.ledger.save_replica(_replica(HERE))
            return done

        await world.put(OLD)
        world.engine.mishaps["PutItem"] = [remake]
        assert (await world.put(NEW)).ok
        assert [change.after for change in world.owed] == [OLD]
        assert world.version() is None
        delivery = world.delivery(NEW, 10**16)
        world.engine.mishaps["PutItem"] = [remake]
        await world.gateway.apply(delivery)
        assert world.version() is None

    played(play)


def test_a_delivery_to_an_engine_that_is_away_is_tried_again_later() -> None:
    async def play(world: World) -> None:
        delivery = world.delivery(NEW, 5)
        world.engine.running = False
        assert not await world.gateway.apply(delivery)
        assert world.ledger.backlog() == {(THERE, HERE): (1, 5)}
        world.engine.running = True
        assert await world.gateway.apply(delivery)
        assert world.records() == [(None, NEW)]

    played(play)


def test_a_replica_deleted_while_a_delivery_is_stored_keeps_no_version_of_it() -> None:
    """Or a replica made anew would think that it has the item already."""

    async def play(world: World) -> None:
        async def forget(engine: ScriptedEngine, operation: str, body: dict[str, Any]) -> Answer:
            world.ledger.remove_replica(HERE, TABLE)
            return engine.do(operation, body)

        delivery = world.delivery(NEW, 5)
        world.engine.mishaps["PutItem"] = [forget]
        await world.gateway.apply(delivery)
        assert world.version() is None
        assert world.records() == []

    played(play)


def test_the_same_delivery_twice_changes_nothing_the_second_time() -> None:
    async def play(world: World) -> None:
        first, second = world.delivery(NEW, 5), world.delivery(NEW, 5)
        for delivery in (first, second, second):
            assert await world.gateway.apply(delivery)
        assert world.records() == [(None, NEW)]
        assert world.ledger.conflicts(10) == []

    played(play)


# After a crash


@pytest.mark.parametrize("done", [True, False])
def test_after_a_crash_what_the_engine_did_is_committed_and_the_rest_forgotten(
    done: bool,
) -> None:
    async def play(world: World) -> None:
        key = item_key(KEY, ["PK"]) or ""
        await world.put(OLD)
        world.ledger.open_intents(HERE, [(TABLE, key, KEY, OLD)])
        if done:
            world.engine.items[key] = NEW
        await world.gateway.settle(world.ledger.intents())
        assert world.records() == [(None, OLD), (OLD, NEW)][: 2 if done else 1]
        assert len(world.owed) == (2 if done else 1)

    played(play)


def test_after_a_crash_a_delivery_under_way_is_done_again() -> None:
    async def play(world: World) -> None:
        key = item_key(KEY, ["PK"]) or ""
        await world.put(OLD)
        current = world.version()
        assert current is not None
        delivery = world.delivery(NEW, current.time + 5)
        world.ledger.open_intents(HERE, [(TABLE, key, KEY, OLD)], delivery.id)
        world.engine.items[key] = NEW
        await world.gateway.settle(world.ledger.intents())
        assert world.records() == [(None, OLD), (OLD, NEW)]
        assert world.ledger.backlog() == {}

    played(play)


def test_after_a_crash_intents_of_tables_that_are_gone_are_forgotten() -> None:
    async def play(world: World) -> None:
        world.ledger.open_intents(HERE, [(TABLE, "a", KEY, OLD)])
        world.engine.dropped = True
        await world.gateway.settle(world.ledger.intents())
        assert world.owed == []

    played(play)


def _replica(region: str) -> Replica:
    return Replica(
        table=TABLE,
        region=region,
        key_names=("PK",),
        is_global=True,
        status="ACTIVE",
        source="",
        created_at=1,
        stream_label="label",
        stream_view="NEW_AND_OLD_IMAGES",
        ttl_attribute="",
    )
