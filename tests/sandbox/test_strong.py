"""Strongly consistent tables: what is acknowledged anywhere is read everywhere, and stays."""

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import pytest
from botocore.exceptions import ClientError

from gtsite.sandbox.distances import round_trip_ms
from tests.support.sandbox import (
    REGIONS,
    RunningSandbox,
    error_of,
    frozen,
    number,
    side_by_side,
    text,
    wait_until,
)

WEST, EUROPE, EAST = REGIONS
CONFLICT = (
    "ReplicatedWriteConflictException",
    "One or more items in this request are being modified by a request in another Region.",
)
NO_QUORUM = ("InternalServerError", "Internal server error")
KEY = {"PK": text("a")}
ROUNDS = 15


def put(sandbox: RunningSandbox, table: str, region: str, value: int, **more: Any) -> None:
    sandbox.client(region).put_item(TableName=table, Item={**KEY, "v": number(value)}, **more)


def add(sandbox: RunningSandbox, table: str, region: str) -> None:
    sandbox.client(region).update_item(
        TableName=table,
        Key=KEY,
        UpdateExpression="ADD v :one",
        ExpressionAttributeValues={":one": number(1)},
    )


def read(sandbox: RunningSandbox, table: str, region: str, *, strong: bool = True) -> int | None:
    """The item's value; None where there is no item."""
    answer = sandbox.client(region).get_item(TableName=table, Key=KEY, ConsistentRead=strong)
    return int(answer["Item"]["v"]["N"]) if "Item" in answer else None


def read_everywhere(
    sandbox: RunningSandbox, table: str, *, strong: bool = True
) -> list[int | None]:
    return [read(sandbox, table, region, strong=strong) for region in REGIONS]


def taken(write: Callable[[], object]) -> bool:
    """False where another region is writing the item."""
    return _passes(write, unless=CONFLICT[0])


def until_taken(write: Callable[[], object]) -> None:
    """As an SDK does it."""
    while not taken(write):
        continue


def being_written(sandbox: RunningSandbox, table: str) -> bool:
    """Whether a region other than EUROPE is writing the item; asked with a write that cannot be."""
    never = {"ConditionExpression": "attribute_exists(never)"}
    code, _ = error_of(lambda: put(sandbox, table, EUROPE, 0, **never))
    return code == CONFLICT[0]


def works(call: Callable[[], object]) -> bool:
    """False where the region is cut off, or does not have yet what it missed."""
    return _passes(call, unless=NO_QUORUM[0])


def _passes(call: Callable[[], object], *, unless: str) -> bool:
    try:
        call()
    except ClientError as error:
        if error.response["Error"]["Code"] != unless:
            raise
        return False
    return True


# What is read


def test_a_strong_read_sees_a_write_that_replication_still_holds(
    sandbox: RunningSandbox, table: str
) -> None:
    sandbox.create_strong_table(table)
    sandbox.hold()
    put(sandbox, table, WEST, 1)
    assert read_everywhere(sandbox, table, strong=False) == [1, None, 1]
    assert read_everywhere(sandbox, table) == [1, 1, 1]


def test_every_kind_of_strong_read_sees_the_latest_write(
    sandbox: RunningSandbox, table: str
) -> None:
    sandbox.create_strong_table(table)
    sandbox.hold()
    client = sandbox.client(EUROPE)
    kinds: list[Callable[[], Any]] = [
        lambda: client.batch_get_item(
            RequestItems={table: {"Keys": [KEY], "ConsistentRead": True}}
        )["Responses"][table],
        lambda: client.query(
            TableName=table,
            KeyConditionExpression="PK = :key",
            ExpressionAttributeValues={":key": KEY["PK"]},
            ConsistentRead=True,
        )["Items"],
        lambda: client.scan(TableName=table, ConsistentRead=True)["Items"],
        lambda: client.execute_statement(
            Statement=f"SELECT * FROM \"{table}\" WHERE PK = 'a'",  # noqa: S608
            ConsistentRead=True,
        )["Items"],
    ]
    for value, kind in enumerate(kinds):
        put(sandbox, table, WEST, value)
        assert [item["v"] for item in kind()] == [number(value)]


def test_a_condition_sees_the_latest_write_of_any_region(
    sandbox: RunningSandbox, table: str
) -> None:
    sandbox.create_strong_table(table)
    sandbox.hold()
    put(sandbox, table, WEST, 1)
    new = {"ConditionExpression": "attribute_not_exists(PK)"}
    for region in REGIONS:
        code, _ = error_of(partial(put, sandbox, table, region, 2, **new))
        assert code == "ConditionalCheckFailedException"
    sandbox.client(EUROPE).delete_item(TableName=table, Key=KEY)
    put(sandbox, table, EAST, 3, **new)
    assert read_everywhere(sandbox, table) == [3, 3, 3]


# Who writes


def test_a_counter_that_three_regions_raise_at_once_loses_nothing(
    sandbox: RunningSandbox, table: str
) -> None:
    sandbox.create_strong_table(table)
    raises = 25

    def raise_it(region: str) -> None:
        for _ in range(raises):
            until_taken(partial(add, sandbox, table, region))

    side_by_side([partial(raise_it, region) for region in (*REGIONS, WEST)])
    assert read_everywhere(sandbox, table) == [raises * 4] * 3
    assert table not in {each.table for each in sandbox.control.conflicts(limit=1000)}


def test_of_two_regions_that_create_one_item_at_once_one_wins(
    sandbox: RunningSandbox, table: str
) -> None:
    sandbox.create_strong_table(table)
    new = {"ConditionExpression": "attribute_not_exists(PK)"}
    for turn in range(ROUNDS):
        won: list[int] = []
        start = threading.Barrier(2)

        def create(region: str, value: int, won: list[int], start: threading.Barrier) -> None:
            start.wait()
            try:
                put(sandbox, table, region, value, **new)
            except ClientError as error:
                code = error.response["Error"]["Code"]
                assert code in (CONFLICT[0], "ConditionalCheckFailedException")
            else:
                won.append(value)

        side_by_side(
            [
                partial(create, region, turn * 2 + place, won, start)
                for place, region in enumerate((WEST, EUROPE))
            ]
        )
        assert len(won) == 1
        assert read_everywhere(sandbox, table) == won * 3
        sandbox.client(EAST).delete_item(TableName=table, Key=KEY)


def test_a_write_is_refused_at_once_while_another_region_writes_the_item(
    sandbox: RunningSandbox, table: str
) -> None:
    sandbox.create_strong_table(table)
    put(sandbox, table, WEST, 1)
    sandbox.drain()
    puts: list[Any] = [
        {"PutRequest": {"Item": {"PK": text(name), "v": number(9)}}} for name in "ba"
    ]
    with frozen(sandbox.engine_pid(WEST)):
        writing = threading.Thread(
            target=until_taken, args=(partial(put, sandbox, table, WEST, 2),)
        )
        writing.start()
        refused = partial(put, sandbox, table, EUROPE, 3)
        wait_until(partial(being_written, sandbox, table), "the write to begin")
        for write in (
            refused,
            partial(add, sandbox, table, EAST),
            lambda: sandbox.client(EAST).delete_item(TableName=table, Key=KEY),
            lambda: sandbox.client(EUROPE).batch_write_item(RequestItems={table: puts}),
        ):
            assert error_of(write) == CONFLICT
        other = {"PK": text("other")}
        sandbox.client(EUROPE).put_item(TableName=table, Item=other)
    writing.join()
    assert read_everywhere(sandbox, table) == [2, 2, 2]
    found = sandbox.client(EUROPE).get_item(TableName=table, Key={"PK": text("b")})
    assert "Item" not in found


def test_transactions_on_a_strong_table_are_refused(sandbox: RunningSandbox, table: str) -> None:
    sandbox.create_strong_table(table)
    client = sandbox.client(WEST)
    item = {**KEY, "v": number(1)}
    for call in (
        lambda: client.transact_write_items(
            TransactItems=[{"Put": {"TableName": table, "Item": item}}]
        ),
        lambda: client.transact_get_items(
            TransactItems=[{"Get": {"TableName": table, "Key": KEY}}]
        ),
        lambda: client.execute_transaction(
            TransactStatements=[{"Statement": f"INSERT INTO \"{table}\" VALUE {{'PK': 'a'}}"}]
        ),
    ):
        code, message = error_of(call)
        assert (code, "STRONG" in message) == ("ValidationException", True)
    assert read_everywhere(sandbox, table) == [None, None, None]


# Regions that are cut off


def test_a_paused_region_refuses_writes_and_strong_reads_and_serves_eventual_ones(
    sandbox: RunningSandbox, table: str
) -> None:
    sandbox.create_strong_table(table)
    put(sandbox, table, WEST, 1)
    sandbox.drain()
    sandbox.control.pause(WEST)
    client = sandbox.client(WEST)
    for call in (
        lambda: put(sandbox, table, WEST, 2),
        lambda: read(sandbox, table, WEST),
        lambda: client.scan(TableName=table, ConsistentRead=True),
    ):
        assert error_of(call) == NO_QUORUM
    put(sandbox, table, EUROPE, 3)
    assert (read(sandbox, table, EUROPE), read(sandbox, table, EAST)) == (3, 3)
    assert read(sandbox, table, WEST, strong=False) == 1


def test_a_region_that_returns_works_when_it_has_what_it_missed(
    sandbox: RunningSandbox, table: str
) -> None:
    sandbox.create_strong_table(table)
    sandbox.control.pause(WEST)
    sandbox.hold()
    put(sandbox, table, EUROPE, 1)
    sandbox.control.resume(WEST)
    assert error_of(lambda: read(sandbox, table, WEST)) == NO_QUORUM
    assert error_of(lambda: put(sandbox, table, WEST, 2)) == NO_QUORUM
    assert read(sandbox, table, WEST, strong=False) is None
    sandbox.control.set_lag(lag_ms=0, jitter_ms=0)
    wait_until(lambda: works(lambda: read(sandbox, table, WEST)), "the region to catch up")
    put(sandbox, table, WEST, 2)
    assert read_everywhere(sandbox, table) == [2, 2, 2]


def test_a_strong_read_that_waits_while_its_region_is_cut_off_is_an_error(
    sandbox: RunningSandbox, table: str
) -> None:
    """It must not be answered with what the region had before it was asked."""
    sandbox.create_strong_table(table)
    sandbox.hold()
    put(sandbox, table, WEST, 1)
    never = {"ConditionExpression": "attribute_exists(never)"}
    refused = partial(error_of, partial(put, sandbox, table, EAST, 0, **never))
    with ThreadPoolExecutor(2) as pool:
        with frozen(sandbox.engine_pid(WEST)):
            writing = pool.submit(until_taken, partial(put, sandbox, table, WEST, 2))
            wait_until(lambda: refused() == CONFLICT, "the write to begin")
            reading = pool.submit(error_of, partial(read, sandbox, table, EUROPE))
            time.sleep(0.3)
            sandbox.control.pause(EUROPE)
        writing.result()
        assert reading.result() == NO_QUORUM


@pytest.mark.parametrize("mode", ["refuse", "blackhole", "reset"])
def test_a_write_outlives_its_region_that_is_lost_right_after_the_answer(
    sandbox: RunningSandbox, table: str, mode: Any
) -> None:
    sandbox.create_strong_table(table)
    sandbox.hold()
    put(sandbox, table, WEST, 1)
    sandbox.control.outage(WEST, mode)
    assert (read(sandbox, table, EUROPE), read(sandbox, table, EAST)) == (1, 1)


def test_a_write_is_replicated_on_by_a_region_that_has_it_while_its_own_is_away(
    sandbox: RunningSandbox, table: str
) -> None:
    sandbox.create_strong_table(table)
    sandbox.hold()
    put(sandbox, table, WEST, 1)
    sandbox.control.outage(WEST)
    assert read(sandbox, table, EUROPE, strong=False) is None
    sandbox.control.set_lag(lag_ms=0, jitter_ms=0)
    wait_until(lambda: read(sandbox, table, EUROPE, strong=False) == 1, "the image to be sent on")


def test_a_write_that_only_a_lost_pair_of_regions_has_is_read_when_one_returns(
    sandbox: RunningSandbox, table: str
) -> None:
    sandbox.create_strong_table(table)
    sandbox.hold()
    put(sandbox, table, WEST, 1)
    sandbox.control.pause(EAST)
    sandbox.control.outage(WEST)
    assert error_of(lambda: read(sandbox, table, EUROPE)) == NO_QUORUM
    sandbox.control.resume(EAST)
    assert error_of(lambda: read(sandbox, table, EUROPE)) == NO_QUORUM
    sandbox.control.set_lag(lag_ms=0, jitter_ms=0)
    wait_until(lambda: works(lambda: read(sandbox, table, EUROPE)), "the region to catch up")
    assert read(sandbox, table, EUROPE) == 1


def test_a_write_takes_the_other_region_when_the_nearest_one_hangs(
    sandbox: RunningSandbox, table: str
) -> None:
    sandbox.create_strong_table(table)
    sandbox.hold()
    with frozen(sandbox.engine_pid(EAST)):
        put(sandbox, table, WEST, 1)
        assert read(sandbox, table, EUROPE, strong=False) == 1
    sandbox.control.outage(WEST)
    assert (read(sandbox, table, EUROPE), read(sandbox, table, EAST)) == (1, 1)


def cut_off_in_the_middle_of_a_write(sandbox: RunningSandbox, table: str) -> None:
    """WEST writes 2 over a 1, and is alone before it can tell anybody."""
    put(sandbox, table, EUROPE, 1)
    sandbox.drain()
    with frozen(sandbox.engine_pid(WEST)):
        refused: list[tuple[str, str]] = []
        write = partial(until_taken, partial(put, sandbox, table, WEST, 2))
        writing = threading.Thread(target=lambda: refused.append(error_of(write)))
        writing.start()
        wait_until(partial(being_written, sandbox, table), "the write to begin")
        sandbox.control.pause(WEST)
    writing.join()
    assert refused == [NO_QUORUM]
    assert read(sandbox, table, WEST, strong=False) == 2


def test_an_unanswered_write_of_a_region_cut_off_surfaces_when_it_returns(
    sandbox: RunningSandbox, table: str
) -> None:
    sandbox.create_strong_table(table)
    cut_off_in_the_middle_of_a_write(sandbox, table)
    assert (read(sandbox, table, EUROPE), read(sandbox, table, EAST)) == (1, 1)
    sandbox.control.resume(WEST)
    wait_until(lambda: works(lambda: read(sandbox, table, WEST)), "the region to catch up")
    assert read_everywhere(sandbox, table) == [2, 2, 2]


def test_an_unanswered_write_of_a_region_cut_off_loses_against_an_acknowledged_one(
    sandbox: RunningSandbox, table: str
) -> None:
    sandbox.create_strong_table(table)
    cut_off_in_the_middle_of_a_write(sandbox, table)
    put(sandbox, table, EUROPE, 3)
    sandbox.control.resume(WEST)
    wait_until(lambda: works(lambda: read(sandbox, table, WEST)), "the region to catch up")
    assert read_everywhere(sandbox, table) == [3, 3, 3]
    sandbox.deliver()
    assert read_everywhere(sandbox, table, strong=False) == [3, 3, 3]
    assert table not in {each.table for each in sandbox.control.conflicts(limit=1000)}


# Two regions and a witness


def test_a_write_outlives_its_region_with_the_witness(sandbox: RunningSandbox, table: str) -> None:
    sandbox.create_strong_table(table, witness=EAST)
    sandbox.hold()
    sandbox.control.pause(EUROPE)
    put(sandbox, table, WEST, 1)
    sandbox.control.outage(WEST)
    sandbox.control.resume(EUROPE)
    assert read(sandbox, table, EUROPE, strong=False) is None
    sandbox.control.set_lag(lag_ms=0, jitter_ms=0)
    wait_until(lambda: works(lambda: read(sandbox, table, EUROPE)), "the region to catch up")
    assert read(sandbox, table, EUROPE) == 1
    put(sandbox, table, EUROPE, 2)
    sandbox.control.heal()
    wait_until(lambda: works(lambda: read(sandbox, table, WEST)), "the region to catch up")
    assert read(sandbox, table, WEST) == 2


def test_two_replicas_go_on_without_their_witness_and_one_does_not(
    sandbox: RunningSandbox, table: str
) -> None:
    sandbox.create_strong_table(table, witness=EAST)
    sandbox.hold()
    sandbox.control.outage(EAST)
    put(sandbox, table, WEST, 1)
    assert read(sandbox, table, EUROPE, strong=False) == 1
    sandbox.control.pause(WEST)
    assert error_of(lambda: read(sandbox, table, EUROPE)) == NO_QUORUM
    assert error_of(lambda: put(sandbox, table, WEST, 2)) == NO_QUORUM


def test_a_witness_has_no_table(sandbox: RunningSandbox, table: str) -> None:
    sandbox.create_strong_table(table, witness=EAST)
    put(sandbox, table, WEST, 1)
    code, _ = error_of(lambda: read(sandbox, table, EAST))
    assert code == "ResourceNotFoundException"


# How long it takes


def test_writes_and_strong_reads_wait_for_the_nearest_region_where_distances_count(
    sandbox: RunningSandbox, table: str
) -> None:
    sandbox.create_strong_table(table)
    sandbox.control.set_wan(on=True)
    calls: list[Callable[[], object]] = [
        lambda: put(sandbox, table, WEST, 1),
        lambda: read(sandbox, table, WEST),
        lambda: sandbox.client(WEST).scan(TableName=table, ConsistentRead=True),
    ]
    for call in calls:
        start = time.monotonic()
        call()
        assert time.monotonic() - start >= round_trip_ms(WEST, EAST) / 1000


# Streams


def test_each_replica_has_every_change_in_one_order(sandbox: RunningSandbox, table: str) -> None:
    sandbox.create_strong_table(table)
    for region in REGIONS:
        sandbox.client(region).update_table(
            TableName=table,
            StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_IMAGE"},
        )
    sandbox.hold()
    for value in range(12):
        put(sandbox, table, REGIONS[value % 3], value)
        if value % 5 == 4:
            sandbox.deliver()
            sandbox.hold()
    sandbox.deliver()
    for region in REGIONS:
        values = [
            int(record["dynamodb"]["NewImage"]["v"]["N"])
            for record in sandbox.stream(table, region)
        ]
        assert values == list(range(12))
