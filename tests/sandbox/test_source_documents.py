"""The five documents that the sandbox starts from: what they tell a reader to type, typed.

The commands are the documents', character for character; where a document says to wait, these
tests wait for what it waits for. The documents' Python scripts are not part of them, only what
they print: so what they do is done here by our own hand.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest

from tests.support.cli import CALL, bash, commands_of, text_of
from tests.support.sandbox import RunningSandbox, number, side_by_side, text, wait_until

OREGON, OHIO, VIRGINIA = "us-west-2", "us-east-2", "us-east-1"
IRELAND, SINGAPORE = "eu-west-1", "ap-southeast-1"
ACCOUNT = "123456789012"
ORDER = {
    "OrderID": text("12345"),
    "CustomerID": text("User567"),
    "OrderStatus": text("Processing"),
    "Timestamp": number(1_700_000_000),
}

DOCUMENTS = ("000", "001", "002", "003", "004")

FLIGHTS = {
    5603280670: "Quatar",
    26806130: "British",
    9902917690: "Emirates",
    1079996: "JetBlue",
    2907581914: "Delta",
    53600600: "UnitedAirlines",
    282027328: "Alaska",
    421920151: "spirit",
    534890387: "Republic",
    658410767: "southwest",
}
"""The flights that the scripts ask for, with their airlines as the documents print them."""
ALL_FLIGHTS = 2500
OTHERS = ("American", "Lufthansa", "Qantas", "Iberia", "KLM")
CITIES = ("Oregon", "Dublin", "Ohio", "Singapore", "Virginia", "Nairobi")


@pytest.fixture(scope="module")
def _fresh(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningSandbox]:
    with RunningSandbox(tmp_path_factory.mktemp("documents")) as running:
        yield running
    assert "Traceback" not in running.output(), running.output()


@pytest.fixture
def own(_fresh: RunningSandbox) -> Iterator[RunningSandbox]:
    """A fresh sandbox, as a reader has it; regions that it was not told of start when asked."""
    yield _fresh
    _fresh.deliver()
    _fresh.control.set_lag(lag_ms=_fresh.lag_ms, jitter_ms=0)


def typed(sandbox: RunningSandbox, command: str, region: str = OREGON, keys: str = "") -> str:
    """What a command prints; it has to succeed."""
    done = bash(sandbox, command, region=region, typed=keys)
    assert done.returncode == 0, done.stderr
    return done.stdout


def answered(sandbox: RunningSandbox, command: str, region: str = OREGON) -> Any:
    return json.loads(typed(sandbox, command, region))


# The documents themselves


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_call_of_a_document_is_part_of_a_command_that_is_typed_here(document: str) -> None:
    found = "\n".join(commands_of(document))
    assert len(CALL.findall(found)) == len(CALL.findall(text_of(document)))


# The serverless workshop


def test_the_workshops_commands(own: RunningSandbox) -> None:
    identity, create, put, configure, replicate = commands_of("001")
    assert answered(own, identity)["Account"] == ACCOUNT
    assert answered(own, create) == {
        "New Table ": f"arn:aws:dynamodb:{OREGON}:{ACCOUNT}:table/global-serverless",
        "Status    ": "CREATING",
    }
    wait_active(own, "global-serverless", OREGON)
    assert typed(own, put) == ""
    assert "Default region name [" in typed(own, configure, keys="\n" * 4)
    replicating = answered(own, replicate)["TableDescription"]
    assert (replicating["TableStatus"], replicating["TableName"]) == (
        "UPDATING",
        "global-serverless",
    )
    wait_active(own, "global-serverless", OREGON, OHIO)
    key = {"PK": text("user100"), "SK": text("AshlandValley")}
    for bookmark, region, other in ((1, OREGON, OHIO), (2, OHIO, OREGON)):
        client(own, region).update_item(
            TableName="global-serverless",
            Key=key,
            UpdateExpression="ADD Bookmark :one",
            ExpressionAttributeValues={":one": number(1)},
        )
        own.drain()
        found = client(own, other).get_item(TableName="global-serverless", Key=key)["Item"]
        assert found == {**key, "Bookmark": number(bookmark)}


def test_the_workshops_conflict(own: RunningSandbox) -> None:
    """Plus in one region, minus in the other before it arrives: the first is undone."""
    table = "conflict"
    own.create_table(table, OREGON, IRELAND)
    bookmark(own, table, OREGON, "SET Bookmark = :n", 5)
    own.drain()
    own.hold()
    assert bookmark(own, table, OREGON, "ADD Bookmark :n", 1) == 6
    assert bookmark(own, table, IRELAND, "ADD Bookmark :n", -1) == 4
    own.deliver()
    for region in (OREGON, IRELAND):
        assert own.scan(table, region) == {"user": {"PK": text("user"), "Bookmark": number(4)}}


def bookmark(sandbox: RunningSandbox, table: str, region: str, change: str, value: int) -> int:
    """The bookmark after a change of it."""
    done = client(sandbox, region).update_item(
        TableName=table,
        Key={"PK": text("user")},
        UpdateExpression=change,
        ExpressionAttributeValues={":n": number(value)},
        ReturnValues="ALL_NEW",
    )
    return int(done["Attributes"]["Bookmark"]["N"])


def test_replication_latency_is_there_to_be_monitored(own: RunningSandbox) -> None:
    table = "monitored"
    own.create_table(table, OREGON, IRELAND)
    bookmark(own, table, OREGON, "SET Bookmark = :n", 5)
    own.drain()
    listed = answered(
        own,
        "aws cloudwatch list-metrics --namespace AWS/DynamoDB --metric-name ReplicationLatency "
        f"--dimensions Name=TableName,Value={table} --query 'Metrics[].Dimensions[1].Value'",
    )
    assert listed == [IRELAND]
    (point,) = measured(own, table, "ReplicationLatency", OREGON, IRELAND)
    assert point["Unit"] == "Milliseconds"
    assert point["Maximum"] >= own.lag_ms
    assert measured(own, table, "PendingReplicationCount", OREGON, IRELAND) == []


def measured(
    sandbox: RunningSandbox, table: str, metric: str, source: str, receiving: str
) -> list[dict[str, Any]]:
    """What the CLI prints of a metric of the last hour, as one data point if there is any."""
    now = datetime.now(UTC)
    command = (
        "aws cloudwatch get-metric-statistics --namespace AWS/DynamoDB "
        f"--metric-name {metric} "
        f"--dimensions Name=TableName,Value={table} Name=ReceivingRegion,Value={receiving} "
        f"--start-time {now - timedelta(hours=1):%Y-%m-%dT%H:%M:%SZ} "
        f"--end-time {now + timedelta(minutes=1):%Y-%m-%dT%H:%M:%SZ} "
        f"--period 7200 --statistics Maximum SampleCount --region {source}"
    )
    points: list[dict[str, Any]] = answered(sandbox, command)["Datapoints"]
    return points


# The flights


def test_the_flights_exercise(own: RunningSandbox) -> None:
    *creations, join = commands_of("002")
    for region, create in zip((OHIO, IRELAND), creations, strict=True):
        created = answered(own, create)["TableDescription"]
        assert created["TableArn"] == f"arn:aws:dynamodb:{region}:{ACCOUNT}:table/flights"
        assert created["StreamSpecification"]["StreamViewType"] == "NEW_AND_OLD_IMAGES"
        wait_active(own, "flights", region)
    joined = answered(own, join, OHIO)["GlobalTableDescription"]
    assert joined["GlobalTableArn"] == f"arn:aws:dynamodb::{ACCOUNT}:global-table/flights"
    assert joined["GlobalTableName"] == "flights"
    assert {each["RegionName"] for each in joined["ReplicationGroup"]} == {OHIO, IRELAND}
    wait_joined(own, "flights", OHIO)
    seats = load_flights(own)
    own.drain()
    assert count_flights(own, IRELAND) == ALL_FLIGHTS
    assert query_flights(own, OHIO) == query_flights(own, IRELAND) == seats
    own.hold()
    update_flights(own, OHIO, 222)
    assert query_flights(own, IRELAND) == seats
    own.deliver()
    assert query_flights(own, IRELAND) == dict.fromkeys(FLIGHTS, 222)
    own.hold()
    update_flights(own, OHIO, 111)
    update_flights(own, IRELAND, 0)
    assert query_flights(own, OHIO) == dict.fromkeys(FLIGHTS, 111)
    (pending,) = measured(own, "flights", "PendingReplicationCount", OHIO, IRELAND)
    assert pending["Unit"] == "Count"
    assert pending["Maximum"] >= len(FLIGHTS)
    own.deliver()
    assert query_flights(own, OHIO) == dict.fromkeys(FLIGHTS, 0)
    assert query_flights(own, IRELAND) == dict.fromkeys(FLIGHTS, 0)
    (latency,) = measured(own, "flights", "ReplicationLatency", OHIO, IRELAND)
    assert latency["SampleCount"] >= ALL_FLIGHTS
    lost = [each for each in own.control.conflicts(limit=100) if each.table == "flights"]
    assert {each.loser.region for each in lost} == {OHIO}
    assert len(lost) == len(FLIGHTS)


def load_flights(sandbox: RunningSandbox) -> dict[int, int]:
    """Write all the flights in Ohio; the seats of those that the scripts ask for."""
    flights = [flight(place) for place in range(ALL_FLIGHTS)]
    batches = [flights[start : start + 25] for start in range(0, ALL_FLIGHTS, 25)]
    ohio = client(sandbox, OHIO)

    def write(mine: Sequence[Sequence[Mapping[str, Any]]]) -> None:
        for batch in mine:
            puts = [{"PutRequest": {"Item": item}} for item in batch]
            done = ohio.batch_write_item(RequestItems={"flights": puts})
            assert not done["UnprocessedItems"]

    side_by_side([partial(write, batches[start::4]) for start in range(4)])
    return {int(each["flight_id"]["N"]): seats_of(each) for each in flights[: len(FLIGHTS)]}


def flight(place: int) -> dict[str, dict[str, str]]:
    """A flight with the columns of the documents' data; the known ones come first."""
    known = list(FLIGHTS.items())
    flight_id, airline = (
        known[place] if place < len(known) else (1_000_000_000 + place, OTHERS[place % len(OTHERS)])
    )
    return {
        "flight_id": number(flight_id),
        "airlines_name": text(airline),
        "available_seats": number(200 + place % 777),
        "seat_type": text("FirstClass" if place % 3 else "Economy"),
        "support": text(f"desk{place}@example.com"),
        "phone": text(f"(555) {place:07d}"),
        "from": text(CITIES[place % len(CITIES)]),
        "to": text(CITIES[(place + 1) % len(CITIES)]),
        "date": text(f"2/{place % 28 + 1}/19"),
        "time": text(f"{place % 24}:{place % 60:02d}"),
    }


def count_flights(sandbox: RunningSandbox, region: str) -> int:
    """The length of every page of a scan."""
    pages = client(sandbox, region).get_paginator("scan").paginate(TableName="flights")
    return sum(page["Count"] for page in pages)


def query_flights(sandbox: RunningSandbox, region: str) -> dict[int, int]:
    """flight_id → available seats in one region."""
    found = {}
    for flight_id, airline in FLIGHTS.items():
        (item,) = client(sandbox, region).query(
            TableName="flights",
            KeyConditionExpression="flight_id = :id",
            ExpressionAttributeValues={":id": number(flight_id)},
        )["Items"]
        assert item["airlines_name"] == text(airline)
        found[flight_id] = seats_of(item)
    return found


def update_flights(sandbox: RunningSandbox, region: str, seats: int) -> None:
    for flight_id, airline in FLIGHTS.items():
        client(sandbox, region).update_item(
            TableName="flights",
            Key={"flight_id": number(flight_id), "airlines_name": text(airline)},
            UpdateExpression="SET available_seats = :seats",
            ExpressionAttributeValues={":seats": number(seats)},
        )


def seats_of(item: Mapping[str, Mapping[str, Any]]) -> int:
    return int(item["available_seats"]["N"])


# Music


def test_the_music_exercise(own: RunningSandbox) -> None:
    *creations, join, create, widen, put, get, get_elsewhere, time_songs = commands_of("003")
    for region, command in zip((SINGAPORE, VIRGINIA), creations, strict=True):
        answered(own, command)
        wait_active(own, "Music", region)
    joined = answered(own, join)["GlobalTableDescription"]
    assert {each["RegionName"] for each in joined["ReplicationGroup"]} == {SINGAPORE, VIRGINIA}
    wait_joined(own, "Music", SINGAPORE)
    answered(own, create)
    wait_active(own, "Music", IRELAND)
    widened = answered(own, widen)["GlobalTableDescription"]
    assert widened["GlobalTableName"] == "Music"
    wait_joined(own, "Music", SINGAPORE, 3)
    assert typed(own, put) == ""
    own.drain()
    song = {"Artist": text("item_1"), "SongTitle": text("Song Value 1")}
    assert answered(own, get) == answered(own, get_elsewhere) == {"Item": song}
    own.control.set_lag(lag_ms=0, jitter_ms=0)
    assert time_songs.count("  t=2\n") == 1
    printed = typed(own, time_songs.replace("  t=2\n", "  t=0.5\n"))
    assert re.findall(r"Inserting Item:item_(\d+)", printed) == [str(i) for i in range(2, 11)]
    found = re.findall(r'"S": "item_(\d+)"', printed)
    assert found == [str(i) for i in range(2, 11)], printed


# Orders


def test_the_orders_exercise(own: RunningSandbox) -> None:
    create, replicate, put, get = commands_of("004")
    created = answered(own, create)["TableDescription"]
    assert created["TableArn"] == f"arn:aws:dynamodb:{VIRGINIA}:{ACCOUNT}:table/Orders"
    wait_active(own, "Orders", VIRGINIA)
    replicating = answered(own, replicate, VIRGINIA)["TableDescription"]
    assert replicating["TableStatus"] == "UPDATING"
    wait_active(own, "Orders", VIRGINIA, IRELAND, SINGAPORE)
    assert typed(own, put) == ""
    own.drain()
    assert answered(own, get) == {"Item": ORDER}
    key = {name: ORDER[name] for name in ("OrderID", "CustomerID")}
    found = client(own, SINGAPORE).get_item(TableName="Orders", Key=key)["Item"]
    assert found == ORDER
    conflict = {"OrderStatus": "Shipped"}, {"OrderStatus": "Delivered"}
    own.hold()
    for region, status in zip((VIRGINIA, IRELAND), conflict, strict=True):
        client(own, region).put_item(
            TableName="Orders", Item={**key, "OrderStatus": text(status["OrderStatus"])}
        )
    own.deliver()
    for region in (VIRGINIA, IRELAND, SINGAPORE):
        found = client(own, region).get_item(TableName="Orders", Key=key)["Item"]
        assert found["OrderStatus"] == text("Delivered")


# What the documents wait for


def client(sandbox: RunningSandbox, region: str) -> Any:
    return sandbox.client(region, shared=True)


def wait_active(sandbox: RunningSandbox, table: str, *regions: str) -> None:
    """The documents' “wait a minute”: every one of the regions has the table, and its peers."""
    sandbox.wait_active(table, *regions)
    others = len(regions) - 1
    for region in regions:
        described = client(sandbox, region).describe_table(TableName=table)["Table"]
        assert len(described.get("Replicas", [])) == others


def wait_joined(sandbox: RunningSandbox, table: str, region: str, members: int = 2) -> None:
    """Wait until a global table of version 2017.11.29 is there with so many members."""

    def joined() -> bool:
        found = client(sandbox, region).describe_global_table(GlobalTableName=table)
        described = found["GlobalTableDescription"]
        return bool(
            described["GlobalTableStatus"] == "ACTIVE"
            and len(described["ReplicationGroup"]) == members
        )

    wait_until(joined, f"{table} with {members} members")
