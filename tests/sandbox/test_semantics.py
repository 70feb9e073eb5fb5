"""What regions that hear of each other late do to data: the sandbox shows it as AWS documents it.

Convergence for any order of writes is `test_replication`'s, two attributes of one item and the
report of a conflict are `test_gateway`'s.
"""

from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest

from tests.support.sandbox import (
    REGIONS,
    RunningSandbox,
    error_of,
    number,
    side_by_side,
    text,
    wait_until,
)

HOME, AWAY, THIRD = REGIONS
KEY = {"PK": text("a")}
BY_CHANCE = 25
"""So many items whose delays are drawn: that all or none is delayed does not happen."""


@pytest.fixture
def world(sandbox: RunningSandbox, table: str) -> Iterator[RunningSandbox]:
    """The shared sandbox with a table in every region; skew and pauses end with the test."""
    sandbox.create_table(table)
    yield sandbox
    for region in REGIONS:
        sandbox.control.skew(region, 0)
        sandbox.control.resume(region)


def put(world: RunningSandbox, table: str, region: str, value: int, key: str = "a") -> None:
    item = {"PK": text(key), "v": number(value)}
    world.client(region).put_item(TableName=table, Item=item)


def value(world: RunningSandbox, table: str, region: str, key: str = "a") -> int | None:
    found = world.client(region).get_item(TableName=table, Key={"PK": text(key)})
    return int(found["Item"]["v"]["N"]) if "Item" in found else None


def values(world: RunningSandbox, table: str) -> list[int | None]:
    return [value(world, table, region) for region in REGIONS]


def losers(world: RunningSandbox, table: str) -> list[Any]:
    """The images that lost, newest conflict first."""
    found = [each for each in world.control.conflicts(limit=200) if each.table == table]
    return [each.loser.image for each in found]


def images(world: RunningSandbox, table: str, region: str) -> list[Any]:
    """(event, new value) of each record in one replica's stream."""
    return [
        (
            record["eventName"],
            int(record["dynamodb"].get("NewImage", {}).get("v", number(-1))["N"]),
        )
        for record in world.stream(table, region)
    ]


# No echo


def test_each_write_is_in_every_regions_stream_once_and_never_comes_back(
    world: RunningSandbox, table: str
) -> None:
    for turn, region in enumerate(REGIONS):
        put(world, table, region, turn)
        world.drain()
    world.client(HOME).delete_item(TableName=table, Key=KEY)
    world.drain()
    expected = [("INSERT", 0), ("MODIFY", 1), ("MODIFY", 2), ("REMOVE", -1)]
    for region in REGIONS:
        assert images(world, table, region) == expected
    assert world.control.status().backlog == 0


# Losers


def test_a_write_that_will_lose_is_read_where_it_was_made_until_the_winner_comes(
    world: RunningSandbox, table: str
) -> None:
    world.hold()
    put(world, table, HOME, 1)
    put(world, table, AWAY, 2)
    assert values(world, table) == [1, 2, None]
    world.deliver()
    assert values(world, table) == [2, 2, 2]
    assert losers(world, table) == [{**KEY, "v": number(1)}]
    assert images(world, table, HOME) == [("INSERT", 1), ("MODIFY", 2)]
    assert images(world, table, AWAY) == [("INSERT", 2)], "the loser never was here"


def test_a_condition_that_held_where_it_was_asked_does_not_save_the_write(
    world: RunningSandbox, table: str
) -> None:
    """Optimistic locking in two regions: both are told yes, and one of them is gone."""
    put(world, table, HOME, 1)
    world.drain()
    world.hold()
    for region, new in ((HOME, 10), (AWAY, 20)):
        world.client(region).update_item(
            TableName=table,
            Key=KEY,
            UpdateExpression="SET v = :new",
            ConditionExpression="v = :old",
            ExpressionAttributeValues={":old": number(1), ":new": number(new)},
        )
    world.deliver()
    assert values(world, table) == [20, 20, 20]
    assert losers(world, table) == [{**KEY, "v": number(10)}]
    code, _ = error_of(
        lambda: world.client(HOME).update_item(
            TableName=table,
            Key=KEY,
            UpdateExpression="SET v = :new",
            ConditionExpression="v = :old",
            ExpressionAttributeValues={":old": number(10), ":new": number(11)},
        )
    )
    assert code == "ConditionalCheckFailedException"


# Counters


def add(world: RunningSandbox, table: str, region: str, key: str, times: int) -> None:
    for _ in range(times):
        world.client(region).update_item(
            TableName=table,
            Key={"PK": text(key)},
            UpdateExpression="ADD v :one",
            ExpressionAttributeValues={":one": number(1)},
        )


def test_a_counter_that_all_regions_count_on_loses_and_one_item_for_each_does_not(
    world: RunningSandbox, table: str
) -> None:
    times = 8
    world.hold()
    side_by_side([partial(add, world, table, region, "shared", times) for region in REGIONS])
    side_by_side([partial(add, world, table, region, f"of {region}", times) for region in REGIONS])
    world.deliver()
    assert [value(world, table, region, "shared") for region in REGIONS] == [times] * 3
    for reader in REGIONS:
        split = [value(world, table, reader, f"of {region}") or 0 for region in REGIONS]
        assert sum(split) == times * len(REGIONS)


# Transactions


def members(world: RunningSandbox, table: str) -> set[str]:
    """The regions whose replica the sandbox knows; an engine's table is gone a moment earlier."""
    known = world.control.status().raw["tables"]
    return {each["region"] for each in known if each["table"] == table}


def waiting(world: RunningSandbox) -> dict[tuple[str, str], int]:
    """How many images wait on each way where any does."""
    pairs = world.control.status().pairs
    return {(pair.source, pair.target): pair.backlog for pair in pairs if pair.backlog}


def transact(world: RunningSandbox, table: str, new: int) -> None:
    world.client(HOME).transact_write_items(
        TransactItems=[
            {"Put": {"TableName": table, "Item": {"PK": text(f"k{place}"), "v": number(new)}}}
            for place in range(BY_CHANCE)
        ]
    )


def test_a_transaction_is_seen_in_part_elsewhere_until_all_of_it_has_come(
    world: RunningSandbox, table: str
) -> None:
    """Each item travels by itself: with a delay drawn for each, some are there and some are not."""
    world.control.set_lag(lag_ms=0, jitter_ms=600_000)
    transact(world, table, 1)
    assert len(world.scan(table, HOME)) == BY_CHANCE
    wait_until(lambda: len(world.scan(table, AWAY)) > 0, "a part of it")
    assert len(world.scan(table, AWAY)) < BY_CHANCE
    world.deliver()
    assert len(world.scan(table, AWAY)) == BY_CHANCE


def test_a_transaction_is_never_seen_in_part_where_it_was_made(
    world: RunningSandbox, table: str
) -> None:
    transact(world, table, 0)
    seen: list[set[str]] = []

    def write() -> None:
        for new in range(1, 15):
            transact(world, table, new)

    def read() -> None:
        for _ in range(30):
            found = world.client(HOME).transact_get_items(
                TransactItems=[
                    {"Get": {"TableName": table, "Key": {"PK": text(f"k{place}")}}}
                    for place in range(BY_CHANCE)
                ]
            )
            seen.append({each["Item"]["v"]["N"] for each in found["Responses"]})

    side_by_side([write, read])
    assert [each for each in seen if len(each) != 1] == []


# Regions cut off


def test_a_paused_region_answers_and_everything_it_missed_comes_when_it_is_resumed(
    world: RunningSandbox, table: str
) -> None:
    world.control.set_lag(lag_ms=0, jitter_ms=0)
    world.control.pause(HOME)
    for new in (1, 2, 3):
        for key in "xy":
            put(world, table, HOME, new, key)
    put(world, table, AWAY, 7, "z")
    held = {(HOME, AWAY): 6, (HOME, THIRD): 6, (AWAY, HOME): 1}
    wait_until(lambda: waiting(world) == held, "what other regions send each other")
    assert value(world, table, THIRD, "z") == 7
    assert set(world.scan(table, HOME)) == {"x", "y"}
    world.control.resume(HOME)
    world.drain()
    for region in REGIONS:
        assert [value(world, table, region, key) for key in "xyz"] == [3, 3, 7]


def test_changes_of_one_item_that_are_due_together_arrive_as_one(
    world: RunningSandbox, table: str
) -> None:
    """And as one record of the stream there; which ones these are depends on when they are due."""
    world.control.set_lag(lag_ms=0, jitter_ms=0)
    world.control.pause(HOME)
    for new in (1, 2, 3):
        for key in "xy":
            put(world, table, HOME, new, key)
    put(world, table, HOME, 9, "z")
    world.client(HOME).delete_item(TableName=table, Key={"PK": text("z")})
    world.control.resume(HOME)
    world.drain()
    assert images(world, table, AWAY) == [("INSERT", 3), ("INSERT", 3)]
    assert len(images(world, table, HOME)) == 8
    assert losers(world, table) == []


def test_a_write_that_was_overtaken_with_knowledge_of_it_is_no_conflict_when_it_was_held(
    world: RunningSandbox, table: str
) -> None:
    """HOME's second write stands for its first, which was never in AWAY."""
    world.hold()
    put(world, table, HOME, 1)
    put(world, table, AWAY, 2)
    put(world, table, HOME, 3)
    world.deliver()
    assert values(world, table) == [3, 3, 3]
    assert {int(image["v"]["N"]) for image in losers(world, table)} == {2}


# Clocks that are off


def test_a_region_whose_clock_is_behind_loses_though_it_wrote_last(
    world: RunningSandbox, table: str
) -> None:
    world.control.skew(HOME, -5000)
    world.hold()
    put(world, table, AWAY, 1)
    put(world, table, HOME, 2)
    assert value(world, table, HOME) == 2
    world.deliver()
    assert values(world, table) == [1, 1, 1]
    assert losers(world, table) == [{**KEY, "v": number(2)}]


def test_a_region_whose_clock_is_behind_still_overwrites_what_it_has_seen(
    world: RunningSandbox, table: str
) -> None:
    world.control.skew(HOME, -5000)
    put(world, table, AWAY, 1)
    world.drain()
    put(world, table, HOME, 2)
    world.drain()
    assert values(world, table) == [2, 2, 2]
    assert losers(world, table) == []


def test_a_region_whose_clock_is_ahead_wins_for_as_long_as_that(
    world: RunningSandbox, table: str
) -> None:
    world.control.skew(AWAY, 60_000)
    world.hold()
    put(world, table, AWAY, 1)
    for later in range(2, 5):
        put(world, table, HOME, later)
    world.deliver()
    assert values(world, table) == [1, 1, 1]


# Replicas that go and come back


def test_what_a_replica_wrote_before_it_was_deleted_reaches_the_one_made_anew(
    world: RunningSandbox, table: str
) -> None:
    """It is still on its way to the others then, and would come to them alone."""
    world.hold()
    put(world, table, AWAY, 1)
    world.client(AWAY).delete_table(TableName=table)
    wait_until(lambda: AWAY not in members(world, table), "the replica to be gone")
    world.add_replica(table, HOME, AWAY)
    world.wait_active(table, HOME, AWAY)
    world.deliver()
    assert values(world, table) == [1, 1, 1]


def test_a_delete_outlives_the_restart_of_everything(
    start: Any,
) -> None:
    """The put that it undid is on its way all the while, and loses against it when it comes."""
    own: RunningSandbox = start(lag_ms=600_000)
    own.create_table("lasting")
    own.control.pause_way(HOME, AWAY)
    own.control.pause_way(HOME, THIRD)
    own.control.set_lag(lag_ms=0, source=AWAY)
    put(own, "lasting", AWAY, 1)
    wait_until(lambda: value(own, "lasting", HOME) == 1)
    put(own, "lasting", HOME, 2)
    own.client(AWAY).delete_item(TableName="lasting", Key=KEY)
    wait_until(lambda: value(own, "lasting", HOME) is None)
    held = {(HOME, AWAY): 1, (HOME, THIRD): 1}
    wait_until(lambda: waiting(own) == held, "what AWAY wrote to be everywhere")
    own.kill()
    own.restart()
    assert waiting(own) == held
    own.deliver()
    assert values(own, "lasting") == [None, None, None]
