"""TTL: expired items go, once, wherever they are; all others stay."""

import asyncio
import time
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from gtsite.sandbox.data_plane.expiry import BATCH, PAGE, Expiry
from gtsite.sandbox.faults import Faults
from gtsite.sandbox.ledger.ledger import Change, Ledger, Replica
from gtsite.sandbox.storage.processes import EngineGone
from gtsite.sandbox.versions import Clock, Version
from gtsite.sandbox.wire import Answer, Call, answer, internal_error
from tests.support.sandbox import (
    REGIONS,
    RunningSandbox,
    broken_chains,
    frozen,
    number,
    side_by_side,
    text,
    wait_until,
)

HOME, AWAY, THIRD = REGIONS
IDENTITY = {"Type": "Service", "PrincipalId": "dynamodb.amazonaws.com"}
VIEW = {"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"}
HOUR = 60 * 60
YEAR = 365 * 24 * HOUR
Start = Callable[..., RunningSandbox]


def turn_on(sandbox: RunningSandbox, table: str, *, enabled: bool = True) -> None:
    specification: Any = {"Enabled": enabled, "AttributeName": "until"}
    sandbox.client(HOME).update_time_to_live(TableName=table, TimeToLiveSpecification=specification)


def put(sandbox: RunningSandbox, table: str, key: str, seconds: float, region: str = HOME) -> None:
    """Put an item that expires so many seconds from now on the machine's clock."""
    until = {"N": str(round(time.time() + seconds, 1))}
    sandbox.client(region).put_item(TableName=table, Item={"PK": text(key), "until": until})


def keys(sandbox: RunningSandbox, table: str, region: str = HOME) -> set[str]:
    return set(sandbox.scan(table, region))


def removals(sandbox: RunningSandbox, table: str, region: str) -> list[tuple[str, Any]]:
    """(item, who did it) of each REMOVE in one replica's stream."""
    return [
        (record["dynamodb"]["Keys"]["PK"]["S"], record.get("userIdentity"))
        for record in sandbox.stream(table, region)
        if record["eventName"] == "REMOVE"
    ]


def wait_gone(sandbox: RunningSandbox, table: str, key: str, region: str = HOME) -> None:
    wait_until(lambda: key not in keys(sandbox, table, region), f"{key} to expire in {region}")


# In a running sandbox


def test_an_expired_item_is_deleted_once_and_its_peers_hear_of_an_ordinary_delete(
    sandbox: RunningSandbox, table: str
) -> None:
    sandbox.create_table(table)
    turn_on(sandbox, table)
    put(sandbox, table, "a", -5, AWAY)
    for region in REGIONS:
        wait_gone(sandbox, table, "a", region)
    sandbox.drain()
    assert removals(sandbox, table, HOME) == [("a", IDENTITY)]
    for region in (AWAY, THIRD):
        assert removals(sandbox, table, region) == [("a", None)]


def test_items_that_were_there_before_ttl_are_found_and_all_but_the_expired_stay(
    sandbox: RunningSandbox, table: str
) -> None:
    sandbox.create_table(table, HOME, StreamSpecification=VIEW)
    client = sandbox.client(HOME)
    put(sandbox, table, "expired", -5)
    put(sandbox, table, "later", HOUR)
    put(sandbox, table, "long ago", -6 * YEAR)
    for key, value in (("text", text("1700000000")), ("milliseconds", number(1_700_000_000_000))):
        client.put_item(TableName=table, Item={"PK": text(key), "until": value})
    client.put_item(TableName=table, Item={"PK": text("none")})
    turn_on(sandbox, table)
    wait_gone(sandbox, table, "expired")
    put(sandbox, table, "last", -1)
    wait_gone(sandbox, table, "last")
    assert keys(sandbox, table) == {"later", "long ago", "text", "milliseconds", "none"}
    assert removals(sandbox, table, HOME) == [("expired", IDENTITY), ("last", IDENTITY)]


def test_where_ttl_is_off_nothing_expires(sandbox: RunningSandbox, table: str) -> None:
    other = f"{table}-other"
    for name in (table, other):
        sandbox.create_table(name, HOME)
        turn_on(sandbox, name)
    put(sandbox, table, "later", HOUR)
    turn_on(sandbox, table, enabled=False)
    put(sandbox, table, "a", -5)
    put(sandbox, other, "a", -5)
    wait_gone(sandbox, other, "a")
    assert keys(sandbox, table) == {"a", "later"}


@pytest.mark.parametrize("how", ["away", "paused"])
def test_while_the_oldest_replica_is_cut_off_the_next_one_does_it(
    sandbox: RunningSandbox, table: str, how: str
) -> None:
    sandbox.create_table(table)
    turn_on(sandbox, table)
    sandbox.drain()
    cut = sandbox.control.outage if how == "away" else sandbox.control.pause
    cut(HOME)
    put(sandbox, table, "a", -5, THIRD)
    wait_gone(sandbox, table, "a", AWAY)
    wait_gone(sandbox, table, "a", THIRD)
    sandbox.control.heal()
    sandbox.control.resume()
    sandbox.drain()
    assert keys(sandbox, table) == set()
    assert removals(sandbox, table, AWAY) == [("a", IDENTITY)]
    for region in (HOME, THIRD):
        assert set(removals(sandbox, table, region)) <= {("a", None)}


def test_in_the_2017_version_what_expires_in_one_replica_stays_in_the_others(
    sandbox: RunningSandbox, table: str
) -> None:
    client = sandbox.client(HOME)
    for region in (HOME, AWAY):
        sandbox.create_table(table, region, StreamSpecification=VIEW)
    client.create_global_table(
        GlobalTableName=table,
        ReplicationGroup=[{"RegionName": region} for region in (HOME, AWAY)],
    )
    wait_until(lambda: legacy_status(sandbox, table) == "ACTIVE")
    put(sandbox, table, "a", -5)
    sandbox.drain()
    turn_on(sandbox, table)
    wait_gone(sandbox, table, "a")
    sandbox.drain()
    assert keys(sandbox, table, AWAY) == {"a"}
    assert removals(sandbox, table, HOME) == [("a", IDENTITY)]


def legacy_status(sandbox: RunningSandbox, table: str) -> str:
    described = sandbox.client(HOME).describe_global_table(GlobalTableName=table)
    return described["GlobalTableDescription"]["GlobalTableStatus"]


def test_an_extension_on_its_way_from_another_region_is_waited_for(start: Start) -> None:
    own = start()
    own.create_table("films")
    turn_on(own, "films")
    put(own, "films", "extended", HOUR)
    put(own, "films", "expired", HOUR)
    own.drain()
    own.hold()
    put(own, "films", "extended", 9 * HOUR, AWAY)
    own.control.put_clock_ahead(2 * HOUR)
    wait_gone(own, "films", "expired")
    assert keys(own, "films") == {"extended"}
    own.deliver()
    assert all(keys(own, "films", region) == {"extended"} for region in REGIONS)
    own.control.put_clock_ahead(8 * HOUR)
    wait_gone(own, "films", "extended")
    assert own.control.conflicts() == []


def test_an_update_that_comes_first_keeps_the_item_though_it_has_just_expired(
    start: Start,
) -> None:
    own = start()
    own.create_table("films", HOME)
    turn_on(own, "films")
    put(own, "films", "extended", HOUR)
    put(own, "films", "expired", HOUR)
    with ThreadPoolExecutor() as pool:
        with frozen(own.engine_pid(HOME)):
            extended = pool.submit(put, own, "films", "extended", 9 * HOUR)
            wait_until(lambda: extended.running())
            time.sleep(0.2)  # Else the sweep may come first, which proves less and breaks nothing.
            own.control.put_clock_ahead(2 * HOUR)
        extended.result()
    wait_gone(own, "films", "expired")
    assert keys(own, "films") == {"extended"}
    own.control.put_clock_ahead(8 * HOUR)
    wait_gone(own, "films", "extended")


def test_nothing_is_deleted_twice_or_forgotten_when_all_is_killed_in_the_middle(
    start: Start,
) -> None:
    own = start()
    own.create_table("films")
    names = {f"item-{place}" for place in range(120)}
    turn_on(own, "films")
    side_by_side([lambda part=part: put_part(own, part) for part in _parts(names)])  # type: ignore[misc]
    put(own, "films", "later", 99 * HOUR)
    own.drain()
    own.control.put_clock_ahead(2 * HOUR)
    own.kill()
    own.restart()
    own.kill_engine(HOME)
    for region in REGIONS:
        wait_until(lambda region=region: keys(own, "films", region) == {"later"})  # type: ignore[misc]
    own.drain()
    for region in REGIONS:
        found = removals(own, "films", region)
        assert sorted(key for key, _ in found) == sorted(names)
        assert all(who == (IDENTITY if region == HOME else None) for _, who in found)
        assert broken_chains(own.stream("films", region)) == []


def put_part(sandbox: RunningSandbox, part: list[str]) -> None:
    for key in part:
        put(sandbox, "films", key, HOUR)


def _parts(names: set[str]) -> list[list[str]]:
    every = sorted(names)
    return [every[place::4] for place in range(4)]


# Scene by scene, over gateways that do as they are told


class FakeEngine:
    """Answers Scan with `pages`, one after the other; a page None means that it is gone."""

    def __init__(self) -> None:
        self.running = True
        self.pages: list[list[dict[str, Any]] | None] = [[]]
        self.asked = 0

    async def ask(self, _target: str, _raw: bytes) -> Answer:
        page = self.pages[self.asked]
        self.asked += 1
        if page is None:
            raise EngineGone
        more: dict[str, Any] = {"LastEvaluatedKey": {}} if self.asked < len(self.pages) else {}
        return answer({"Items": page, **more})


class FakeGateway:
    """Notes what it is told to delete, and answers with `status`; 0 stands for no answer."""

    def __init__(self) -> None:
        self.engine = FakeEngine()
        self.status = 200
        self.deleted: list[str] = []

    async def expire(self, call: Call) -> Answer:
        self.deleted.append(call.body["Key"]["PK"]["S"])
        if not self.status:
            raise internal_error()
        return Answer(status=self.status, raw=b"{}")


class Scene:
    """A table with TTL in two regions, HOME being the older one, at 1000 seconds since 1970."""

    def __init__(self) -> None:
        self.ledger = Ledger(None)
        self.clock = Clock(lambda: 1_000_000_000_000)
        self.faults = Faults()
        self.gateways = {HOME: FakeGateway(), AWAY: FakeGateway()}
        known: Any = self.gateways
        self.expiry = Expiry(self.ledger, self.clock, self.faults, known)

    def save(self, **more: Any) -> None:
        for age, region in enumerate((HOME, AWAY)):
            self.ledger.save_replica(_replica(region, created_at=age, **more))
            self.ledger.deadlines.all_read(region, "films")

    def write(self, region: str, key: str, until: int) -> Change:
        change = Change(
            region=region,
            table="films",
            item_key=f'[["S","{key}"]]',
            key={"PK": text(key)},
            before=None,
            after={"PK": text(key), "until": number(until)},
            version=Version(time=1, region=region),
        )
        self.ledger.save_version(change)
        return change

    def left(self, region: str = HOME) -> int:
        """How many deadlines there are."""
        query = "SELECT count(*) FROM deadlines WHERE region = ?"
        count: int = self.ledger.database.execute(query, (region,)).fetchone()[0]
        return count

    async def swept(self) -> tuple[list[str], list[str]]:
        """What is deleted in HOME and in AWAY by one sweep."""
        for gateway in self.gateways.values():
            gateway.deleted.clear()
        await self.expiry.sweep()
        home, away = (sorted(self.gateways[region].deleted) for region in (HOME, AWAY))
        return home, away


def _replica(region: str, **more: Any) -> Replica:
    settings: dict[str, Any] = {
        "table": "films",
        "region": region,
        "key_names": ("PK",),
        "is_global": True,
        "status": "ACTIVE",
        "source": "",
        "created_at": 1,
        "stream_label": "",
        "stream_view": "",
        "ttl_attribute": "until",
    }
    return Replica(**{**settings, **more})


def played(play: Callable[[Scene], Coroutine[Any, Any, None]], **more: Any) -> None:
    async def run() -> None:
        scene = Scene()
        scene.save(**more)
        async with asyncio.timeout(30):
            await play(scene)
        scene.ledger.close()

    asyncio.run(run())


def test_one_replica_deletes_for_all_and_the_next_one_while_it_cannot() -> None:
    async def play(scene: Scene) -> None:
        for region in (HOME, AWAY):
            scene.write(region, "a", 900)
        assert await scene.swept() == (["a"], [])
        scene.faults.pause(HOME)
        assert await scene.swept() == ([], ["a"])
        scene.faults.resume(HOME)
        scene.faults.set(HOME, "blackhole")
        assert await scene.swept() == ([], ["a"])
        scene.faults.set(HOME, "none")
        scene.ledger.save_replica(_replica(HOME, status="DELETING"))
        assert await scene.swept() == ([], ["a"])

    played(play)


def test_an_engine_that_is_being_started_again_is_waited_for() -> None:
    async def play(scene: Scene) -> None:
        for region in (HOME, AWAY):
            scene.write(region, "a", 900)
        scene.gateways[HOME].engine.running = False
        assert await scene.swept() == ([], [])
        scene.gateways[HOME].engine.running = True
        assert await scene.swept() == (["a"], [])

    played(play)


def test_in_the_2017_version_each_replica_deletes_for_itself() -> None:
    async def play(scene: Scene) -> None:
        for region in (HOME, AWAY):
            scene.write(region, "a", 900)
        assert await scene.swept() == (["a"], ["a"])

    played(play, version="2017.11.29")


def test_more_items_than_one_batch_are_deleted_though_the_first_ones_have_to_wait() -> None:
    async def play(scene: Scene) -> None:
        for place in range(BATCH * 2 + 5):
            change = scene.write(HOME, f"{place:04d}", 900)
            if place <= BATCH:
                scene.ledger.enqueue(change, AWAY, HOME, now=1, due_at=2**60)
        home, _ = await scene.swept()
        assert home == [f"{place:04d}" for place in range(BATCH + 1, BATCH * 2 + 5)]

    played(play)


@pytest.mark.parametrize(("status", "left"), [(400, 0), (500, 1), (0, 1)])
def test_a_deadline_is_dropped_where_the_item_has_not_expired_and_kept_where_nobody_knows(
    status: int, left: int
) -> None:
    async def play(scene: Scene) -> None:
        scene.write(HOME, "a", 900)
        scene.gateways[HOME].status = status
        assert await scene.swept() == (["a"], [])
        assert scene.left() == left

    played(play)


def test_a_table_whose_ttl_is_turned_off_during_the_sweep_is_left_alone() -> None:
    async def play(scene: Scene) -> None:
        for place in range(BATCH):
            scene.write(HOME, f"{place:04d}", 900)
        gateway: Any = scene.gateways[HOME]
        expire = gateway.expire

        async def last(call: Call) -> Answer:
            scene.ledger.save_replica(_replica(HOME, ttl_attribute=""))
            done: Answer = await expire(call)
            return done

        gateway.expire = last
        assert await scene.swept() == (["0000"], [])

    played(play)


def test_a_reading_that_is_cut_short_is_done_again_from_the_start() -> None:
    async def play(scene: Scene) -> None:
        scene.ledger.save_replica(_replica(HOME, ttl_attribute=""))
        scene.ledger.save_replica(_replica(HOME, created_at=0))
        engine = scene.gateways[HOME].engine
        items = [
            {"PK": text(f"{place:04d}"), "until": number(2000 + place)} for place in range(PAGE)
        ]
        engine.pages = [items[:1], None]
        await scene.expiry.sweep()
        assert scene.ledger.deadlines.unread() == [(HOME, "films")]
        assert scene.left() == 1
        engine.pages, engine.asked = [items, [], [{"PK": text("a")}]], 0
        await scene.expiry.sweep()
        assert (scene.ledger.deadlines.unread(), scene.left()) == ([], PAGE)
        await scene.expiry.sweep()
        assert engine.asked == 3

    played(play)


def test_the_clock_put_ahead_wakes_the_sweep(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gtsite.sandbox.data_plane.expiry.SWEEP_SECONDS", 3600)

    async def play(scene: Scene) -> None:
        scene.write(HOME, "a", 1000 + HOUR)
        gateway = scene.gateways[HOME]
        scene.expiry.start()
        await asyncio.sleep(0.05)
        assert gateway.deleted == []
        scene.clock.advance(2 * HOUR)
        while not gateway.deleted:  # noqa: ASYNC110
            await asyncio.sleep(0.005)
        await scene.expiry.stop()

    played(play)
