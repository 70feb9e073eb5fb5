"""DynamoDB Streams: each change of a replica once, in order, from wherever one starts."""

import base64
import json
import random
from collections.abc import Callable
from typing import Any

import pytest

from tests.support.sandbox import (
    REGIONS,
    RunningSandbox,
    broken_chains,
    error_of,
    number,
    text,
    wait_until,
)

HOME, AWAY, _ = REGIONS
HOUR = 60 * 60
Start = Callable[..., RunningSandbox]


def arn_of(sandbox: RunningSandbox, table: str, region: str = HOME) -> str:
    return str(sandbox.client(region).describe_table(TableName=table)["Table"]["LatestStreamArn"])


def iterator(sandbox: RunningSandbox, table: str, kind: str, **more: Any) -> str:
    streams = sandbox.streams(HOME)
    arn = arn_of(sandbox, table)
    (shard,) = streams.describe_stream(StreamArn=arn)["StreamDescription"]["Shards"]
    answered = streams.get_shard_iterator(
        StreamArn=arn, ShardId=shard["ShardId"], ShardIteratorType=kind, **more
    )
    return str(answered["ShardIterator"])


def records(sandbox: RunningSandbox, at: str, **more: Any) -> list[int]:
    """The numbers that were put, as the stream tells them from an iterator on."""
    page = sandbox.streams(HOME).get_records(ShardIterator=at, **more)
    return [_value(record) for record in page["Records"]]


def put(sandbox: RunningSandbox, table: str, *values: int, region: str = HOME) -> None:
    for value in values:
        sandbox.client(region).put_item(TableName=table, Item={"PK": text("a"), "v": number(value)})


def put_each(sandbox: RunningSandbox, table: str, *values: int) -> None:
    """Put values so that each arrives everywhere before the next, and none is coalesced."""
    for value in values:
        put(sandbox, table, value)
        sandbox.drain()


@pytest.fixture
def global_table(sandbox: RunningSandbox, table: str) -> str:
    sandbox.create_table(table, HOME, AWAY)
    return table


def test_a_write_is_in_every_replicas_stream_once_and_echoes_nowhere(
    sandbox: RunningSandbox, table: str
) -> None:
    sandbox.create_table(table)
    put_each(sandbox, table, 1, 2)
    put(sandbox, table, 3, region=AWAY)
    sandbox.drain()
    for region in REGIONS:
        found = sandbox.stream(table, region)
        assert [_value(record) for record in found] == [1, 2, 3]
        assert {record["awsRegion"] for record in found} == {region}


def test_records_say_what_was_done_with_both_images(
    sandbox: RunningSandbox, global_table: str
) -> None:
    put_each(sandbox, global_table, 1, 2)
    sandbox.client(HOME).delete_item(TableName=global_table, Key={"PK": text("a")})
    sandbox.drain()
    one, two = ({"PK": text("a"), "v": number(value)} for value in (1, 2))
    for region in (HOME, AWAY):
        insert, modify, remove = sandbox.stream(global_table, region)
        assert [each["eventName"] for each in (insert, modify, remove)] == [
            "INSERT",
            "MODIFY",
            "REMOVE",
        ]
        assert "OldImage" not in insert["dynamodb"]
        assert insert["dynamodb"]["NewImage"] == one
        assert (modify["dynamodb"]["OldImage"], modify["dynamodb"]["NewImage"]) == (one, two)
        assert remove["dynamodb"]["OldImage"] == two
        assert "NewImage" not in remove["dynamodb"]
        assert {each["eventSource"] for each in (insert, modify, remove)} == {"aws:dynamodb"}
        assert insert["dynamodb"]["Keys"] == {"PK": text("a")}
        assert insert["dynamodb"]["SizeBytes"] > 0
        assert insert["dynamodb"]["ApproximateCreationDateTime"].tzinfo is not None


@pytest.mark.parametrize(
    ("view", "images"),
    [
        ("KEYS_ONLY", set()),
        ("NEW_IMAGE", {"NewImage"}),
        ("OLD_IMAGE", {"OldImage"}),
        ("NEW_AND_OLD_IMAGES", {"NewImage", "OldImage"}),
    ],
)
def test_a_view_decides_on_the_images(
    sandbox: RunningSandbox, table: str, view: str, images: set[str]
) -> None:
    stream = {"StreamEnabled": True, "StreamViewType": view}
    sandbox.create_table(table, HOME, AWAY, StreamSpecification=stream)
    put_each(sandbox, table, 1, 2)
    for region in (HOME, AWAY):
        _, modify = sandbox.stream(table, region)
        assert set(modify["dynamodb"]) & {"NewImage", "OldImage"} == images
        assert modify["dynamodb"]["StreamViewType"] == view


def test_a_write_that_changes_nothing_leaves_no_record(
    sandbox: RunningSandbox, global_table: str
) -> None:
    put(sandbox, global_table, 1, 1)
    sandbox.client(HOME).delete_item(TableName=global_table, Key={"PK": text("nobody")})
    sandbox.drain()
    for region in (HOME, AWAY):
        assert len(sandbox.stream(global_table, region)) == 1


def test_the_loser_of_a_conflict_is_in_its_own_stream_only(
    sandbox: RunningSandbox, global_table: str
) -> None:
    sandbox.control.set_lag(lag_ms=600_000)
    put(sandbox, global_table, 1)
    put(sandbox, global_table, 2, region=AWAY)
    sandbox.control.set_lag(lag_ms=0)
    sandbox.drain()
    assert [_value(each) for each in sandbox.stream(global_table, HOME)] == [1, 2]
    assert [_value(each) for each in sandbox.stream(global_table, AWAY)] == [2]


def test_streams_are_listed_by_region_and_table_and_by_the_page(
    sandbox: RunningSandbox, global_table: str
) -> None:
    streams = sandbox.streams(AWAY)
    (only,) = streams.list_streams(TableName=global_table)["Streams"]
    arn = arn_of(sandbox, global_table, AWAY)
    assert only["StreamArn"] == arn
    assert arn == (
        f"arn:aws:dynamodb:{AWAY}:123456789012:table/{global_table}/stream/{only['StreamLabel']}"
    )
    assert arn != arn_of(sandbox, global_table, HOME)
    everyone = _all_arns(streams)
    assert arn in everyone
    assert _all_arns(streams, Limit=1) == everyone


def test_a_stream_is_described_with_one_open_shard(
    sandbox: RunningSandbox, global_table: str
) -> None:
    arn = arn_of(sandbox, global_table)
    found = sandbox.streams(HOME).describe_stream(StreamArn=arn)["StreamDescription"]
    assert found["StreamStatus"] == "ENABLED"
    assert found["TableName"] == global_table
    assert found["StreamViewType"] == "NEW_AND_OLD_IMAGES"
    assert found["KeySchema"] == [{"AttributeName": "PK", "KeyType": "HASH"}]
    (shard,) = found["Shards"]
    assert 28 <= len(shard["ShardId"]) <= 65
    assert 21 <= len(shard["SequenceNumberRange"]["StartingSequenceNumber"]) <= 40
    assert "EndingSequenceNumber" not in shard["SequenceNumberRange"]
    behind = sandbox.streams(HOME).describe_stream(
        StreamArn=arn, ExclusiveStartShardId=shard["ShardId"]
    )
    assert behind["StreamDescription"]["Shards"] == []


def test_iterators_of_all_four_types_start_where_they_say(
    sandbox: RunningSandbox, global_table: str
) -> None:
    put(sandbox, global_table, 1, 2, 3)
    second = sandbox.stream(global_table, HOME)[1]["dynamodb"]["SequenceNumber"]
    latest = iterator(sandbox, global_table, "LATEST")
    put(sandbox, global_table, 4)
    horizon = iterator(sandbox, global_table, "TRIM_HORIZON")
    at = iterator(sandbox, global_table, "AT_SEQUENCE_NUMBER", SequenceNumber=second)
    after = iterator(sandbox, global_table, "AFTER_SEQUENCE_NUMBER", SequenceNumber=second)
    assert records(sandbox, horizon) == [1, 2, 3, 4]
    assert records(sandbox, at) == [2, 3, 4]
    assert records(sandbox, after) == [3, 4]
    assert records(sandbox, latest) == [4]


def test_records_come_by_the_page_and_an_iterator_at_the_end_waits_for_more(
    sandbox: RunningSandbox, global_table: str
) -> None:
    put(sandbox, global_table, *range(7))
    at = iterator(sandbox, global_table, "TRIM_HORIZON")
    seen: list[list[int]] = []
    for _ in range(4):
        page = sandbox.streams(HOME).get_records(ShardIterator=at, Limit=3)
        seen.append([_value(record) for record in page["Records"]])
        at = page["NextShardIterator"]
    assert seen == [[0, 1, 2], [3, 4, 5], [6], []]
    put(sandbox, global_table, 7)
    assert records(sandbox, at) == [7]


def test_sequence_numbers_rise_and_event_ids_are_unique(
    sandbox: RunningSandbox, global_table: str
) -> None:
    put(sandbox, global_table, *range(12))
    found = sandbox.stream(global_table, HOME)
    numbers = [int(record["dynamodb"]["SequenceNumber"]) for record in found]
    assert numbers == sorted(set(numbers))
    assert len({record["eventID"] for record in found}) == 12


def test_a_reader_goes_on_after_a_restart_where_it_stopped(start: Start) -> None:
    own = start()
    own.create_table("read", HOME, AWAY)
    put(own, "read", 1, 2)
    at = iterator(own, "read", "TRIM_HORIZON")
    page = own.streams(HOME).get_records(ShardIterator=at, Limit=1)
    assert [_value(record) for record in page["Records"]] == [1]
    own.kill()
    own.restart()
    put(own, "read", 3)
    assert records(own, page["NextShardIterator"]) == [2, 3]


def test_each_replicas_stream_replayed_from_the_start_gives_its_table(
    sandbox: RunningSandbox, table: str
) -> None:
    sandbox.create_table(table)
    chance = random.Random(7)
    for value in range(90):
        client = sandbox.client(chance.choice(REGIONS))
        key = {"PK": text(chance.choice("abcde"))}
        if chance.random() < 0.3:
            client.delete_item(TableName=table, Key=key)
        else:
            client.put_item(TableName=table, Item={**key, "v": number(value)})
        if chance.random() < 0.1:
            sandbox.drain()
    sandbox.drain()
    for region in REGIONS:
        found = sandbox.stream(table, region)
        assert len(found) <= 90
        assert broken_chains(found) == []
        images = {each["dynamodb"]["Keys"]["PK"]["S"]: each["dynamodb"] for each in found}
        replayed = {
            key: change["NewImage"] for key, change in images.items() if "NewImage" in change
        }
        assert replayed == sandbox.scan(table, region)


def test_a_stream_that_was_turned_off_is_disabled_and_readable_beside_its_successor(
    sandbox: RunningSandbox, table: str
) -> None:
    view: Any = {"StreamEnabled": True, "StreamViewType": "NEW_IMAGE"}
    sandbox.create_table(table, HOME, StreamSpecification=view)
    put(sandbox, table, 1)
    client, streams = sandbox.client(HOME), sandbox.streams(HOME)
    client.update_table(TableName=table, StreamSpecification={"StreamEnabled": False})
    put(sandbox, table, 2)
    client.update_table(TableName=table, StreamSpecification=view)
    put(sandbox, table, 3)
    old, new = (each["StreamArn"] for each in streams.list_streams(TableName=table)["Streams"])
    assert new == arn_of(sandbox, table)
    assert old != new
    assert status_of(sandbox, old) == "DISABLED"
    assert status_of(sandbox, new) == "ENABLED"
    assert read_all(sandbox, old) == [1]
    assert read_all(sandbox, new) == [3]


def test_a_deleted_tables_stream_is_disabled_and_can_still_be_read(
    sandbox: RunningSandbox, global_table: str
) -> None:
    put(sandbox, global_table, 1)
    sandbox.drain()
    arn = arn_of(sandbox, global_table, AWAY)
    sandbox.client(HOME).update_table(
        TableName=global_table, ReplicaUpdates=[{"Delete": {"RegionName": AWAY}}]
    )
    wait_until(lambda: status_of(sandbox, arn, AWAY) == "DISABLED")
    assert read_all(sandbox, arn, AWAY) == [1]
    assert status_of(sandbox, arn_of(sandbox, global_table)) == "ENABLED"


def test_hours_pass_and_shards_follow_one_another_until_a_day_has_gone(start: Start) -> None:
    """With botocore's own errors; `test_stream_log` plays the same scenes one by one."""
    own = start()
    own.create_table("hourly", HOME, AWAY)
    put(own, "hourly", 1)
    own.drain()
    streams = own.streams(HOME)
    arn = arn_of(own, "hourly")
    early = iterator(own, "hourly", "TRIM_HORIZON")
    own.control.put_clock_ahead(5 * HOUR)
    put(own, "hourly", 2)
    own.kill()
    own.restart()
    with pytest.raises(streams.exceptions.ExpiredIteratorException):
        streams.get_records(ShardIterator=early)
    parent, child = shards_of(own, arn)
    assert child["ParentShardId"] == parent["ShardId"]
    assert read_all(own, arn) == [1, 2]
    sequence = own.stream("hourly", HOME)[0]["dynamodb"]["SequenceNumber"]
    own.control.put_clock_ahead(20 * HOUR)
    assert read_all(own, arn) == [2]
    with pytest.raises(streams.exceptions.TrimmedDataAccessException):
        streams.get_shard_iterator(
            StreamArn=arn,
            ShardId=parent["ShardId"],
            ShardIteratorType="AFTER_SEQUENCE_NUMBER",
            SequenceNumber=sequence,
        )
    own.control.put_clock_ahead(10 * HOUR)
    assert read_all(own, arn) == []
    assert parent["ShardId"] not in [each["ShardId"] for each in shards_of(own, arn)]
    put(own, "hourly", 3)
    own.drain()
    for region in (HOME, AWAY):
        assert read_all(own, arn_of(own, "hourly", region), region) == [3]


def test_what_is_no_stream_is_refused(sandbox: RunningSandbox, global_table: str) -> None:
    streams = sandbox.streams(HOME)
    arn = arn_of(sandbox, global_table)
    nowhere = arn.replace(global_table, "nowhere")
    last = "9" * 40
    at = iterator(sandbox, global_table, "AFTER_SEQUENCE_NUMBER", SequenceNumber=last)
    assert records(sandbox, at) == []
    arn, shard, position, given_at = json.loads(base64.urlsafe_b64decode(at))
    far = json.dumps([arn, shard, position * 10**60, given_at])
    assert records(sandbox, base64.urlsafe_b64encode(far.encode()).decode()) == []
    expected: dict[Callable[[], Any], str] = {
        lambda: streams.describe_stream(StreamArn=nowhere): "ResourceNotFoundException",
        lambda: streams.describe_stream(
            StreamArn=arn_of(sandbox, global_table, AWAY)
        ): "ResourceNotFoundException",
        lambda: streams.get_shard_iterator(
            StreamArn=arn, ShardId="shardId-" + "0" * 20, ShardIteratorType="LATEST"
        ): "ResourceNotFoundException",
        lambda: iterator(sandbox, global_table, "LATER"): "ValidationException",
        lambda: iterator(
            sandbox, global_table, "AT_SEQUENCE_NUMBER", SequenceNumber="x" * 21
        ): "ValidationException",
        lambda: streams.get_records(ShardIterator="what?"): "ValidationException",
        lambda: streams.get_records(
            ShardIterator=base64.urlsafe_b64encode(b"7").decode()
        ): "ValidationException",
        lambda: records(sandbox, at, Limit=1001): "ValidationException",
        lambda: streams.list_streams(Limit=101): "ValidationException",
        lambda: streams.describe_stream(StreamArn=arn, Limit=101): "ValidationException",
    }
    for call, code in expected.items():
        assert error_of(call)[0] == code


def status_of(sandbox: RunningSandbox, arn: str, region: str = HOME) -> str:
    described = sandbox.streams(region).describe_stream(StreamArn=arn)
    return str(described["StreamDescription"]["StreamStatus"])


def shards_of(sandbox: RunningSandbox, arn: str, region: str = HOME) -> list[dict[str, Any]]:
    """Every shard of a stream, asked for one by one."""
    streams = sandbox.streams(region)
    found: list[dict[str, Any]] = []
    start: dict[str, str] = {}
    while True:
        page = streams.describe_stream(StreamArn=arn, Limit=1, **start)["StreamDescription"]
        found += page["Shards"]
        if "LastEvaluatedShardId" not in page:
            return found
        start = {"ExclusiveStartShardId": page["LastEvaluatedShardId"]}


def read_all(sandbox: RunningSandbox, arn: str, region: str = HOME) -> list[int]:
    """The values in all shards of a stream, from its horizon on."""
    streams = sandbox.streams(region)
    found: list[int] = []
    for shard in shards_of(sandbox, arn, region):
        asked = {"StreamArn": arn, "ShardId": shard["ShardId"]}
        answered = streams.get_shard_iterator(**asked, ShardIteratorType="TRIM_HORIZON")
        page = streams.get_records(ShardIterator=answered["ShardIterator"])
        found += [_value(record) for record in page["Records"]]
        closed = "EndingSequenceNumber" in shard["SequenceNumberRange"]
        assert ("NextShardIterator" in page) is not closed
    return found


def _all_arns(streams: Any, **limit: int) -> list[str]:
    """The ARNs of a region's streams, over all pages."""
    arns: list[str] = []
    start: dict[str, str] = {}
    while True:
        page = streams.list_streams(**limit, **start)
        arns += [each["StreamArn"] for each in page["Streams"]]
        if "LastEvaluatedStreamArn" not in page:
            return arns
        start = {"ExclusiveStartStreamArn": page["LastEvaluatedStreamArn"]}


def _value(record: dict[str, Any]) -> int:
    return int(record["dynamodb"]["NewImage"]["v"]["N"])
