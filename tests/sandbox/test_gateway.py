"""The data plane: conditions and transactions are local, whole items travel, the later wins."""

import json
import string
from collections.abc import Callable
from contextlib import closing
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.sandbox import (
    REGIONS,
    RunningSandbox,
    error_of,
    number,
    send,
    side_by_side,
    text,
    wait_until,
)

HOME, AWAY, THIRD = REGIONS
KEY = {"PK": text("a")}
FAILED = "ConditionalCheckFailedException"
Start = Callable[..., RunningSandbox]


def put(sandbox: RunningSandbox, table: str, region: str, **more: Any) -> None:
    sandbox.client(region).put_item(TableName=table, Item={**KEY, **more})


def get(sandbox: RunningSandbox, table: str, region: str) -> Any:
    return (
        sandbox.client(region).get_item(TableName=table, Key=KEY, ConsistentRead=True).get("Item")
    )


def everywhere(sandbox: RunningSandbox, table: str) -> list[Any]:
    return [get(sandbox, table, region) for region in REGIONS]


@pytest.fixture
def apart(sandbox: RunningSandbox, table: str) -> str:
    """A table in every region that hears nothing of the others until `together`."""
    sandbox.create_table(table)
    sandbox.control.set_lag(lag_ms=600_000)
    return table


def together(sandbox: RunningSandbox) -> None:
    """Let everything arrive."""
    sandbox.control.set_lag(lag_ms=0)
    sandbox.drain()


# Replication of whole items, the last writer winning


def test_a_write_is_read_at_once_where_it_was_made_and_later_elsewhere(
    sandbox: RunningSandbox, apart: str
) -> None:
    put(sandbox, apart, HOME, v=number(1))
    assert everywhere(sandbox, apart) == [{**KEY, "v": number(1)}, None, None]
    together(sandbox)
    assert everywhere(sandbox, apart) == [{**KEY, "v": number(1)}] * 3


def test_every_type_of_value_arrives_as_it_was_written(sandbox: RunningSandbox, table: str) -> None:
    sandbox.create_table(table)
    item: dict[str, Any] = {
        **KEY,
        "string": text('ünïcødé 🎬 \u0000 "quoted"'),
        "arn": text("arn:aws:dynamodb:sa-east-1:999999999999:table/not-ours"),
        "number": {"N": "-12345678901234567890.123456789012345678"},
        "small": {"N": "1E-130"},
        "bytes": {"B": bytes(range(256))},
        "no": {"BOOL": False},
        "nothing": {"NULL": True},
        "list": {"L": [text(""), number(1), {"M": {"deep": {"L": []}}}]},
        "strings": {"SS": ["x", "y"]},
        "numbers": {"NS": ["1", "2.5"]},
        "blobs": {"BS": [b"\x00", b"\x01"]},
    }
    sandbox.client(HOME).put_item(TableName=table, Item=item)
    sandbox.drain()
    here = get(sandbox, table, HOME)
    assert here["arn"] == item["arn"]
    assert {name: here[name] for name in item if name != "small"} == {
        name: value for name, value in item.items() if name != "small"
    }
    assert get(sandbox, table, AWAY) == here


def test_different_attributes_of_one_item_do_not_merge(sandbox: RunningSandbox, table: str) -> None:
    sandbox.create_table(table)
    put(sandbox, table, HOME, name=text("old"), place=text("old"))
    sandbox.drain()
    sandbox.control.set_lag(lag_ms=600_000)
    for region, attribute in ((HOME, "name"), (AWAY, "place")):
        sandbox.client(region).update_item(
            TableName=table,
            Key=KEY,
            UpdateExpression="SET #attribute = :new",
            ExpressionAttributeNames={"#attribute": attribute},
            ExpressionAttributeValues={":new": text("new")},
        )
    together(sandbox)
    assert everywhere(sandbox, table) == [{**KEY, "name": text("old"), "place": text("new")}] * 3


def test_increments_in_two_regions_within_the_lag_lose_one(
    sandbox: RunningSandbox, apart: str
) -> None:
    for region in (HOME, AWAY):
        sandbox.client(region).update_item(
            TableName=apart,
            Key=KEY,
            UpdateExpression="ADD n :one",
            ExpressionAttributeValues={":one": number(1)},
        )
    together(sandbox)
    assert everywhere(sandbox, apart) == [{**KEY, "n": number(1)}] * 3


def test_an_old_put_that_arrives_late_does_not_bring_a_deleted_item_back(
    sandbox: RunningSandbox, table: str
) -> None:
    sandbox.create_table(table)
    put(sandbox, table, HOME, v=number(1))
    sandbox.drain()
    sandbox.control.set_lag(lag_ms=600_000, source=HOME)
    put(sandbox, table, HOME, v=number(2))
    sandbox.client(AWAY).delete_item(TableName=table, Key=KEY)
    wait_until(lambda: get(sandbox, table, HOME) is None)
    together(sandbox)
    assert everywhere(sandbox, table) == [None] * 3


def test_a_put_that_is_later_than_a_delete_stands(sandbox: RunningSandbox, table: str) -> None:
    sandbox.create_table(table)
    put(sandbox, table, HOME, v=number(1))
    sandbox.drain()
    sandbox.control.set_lag(lag_ms=600_000)
    sandbox.client(HOME).delete_item(TableName=table, Key=KEY)
    put(sandbox, table, AWAY, v=number(2))
    together(sandbox)
    assert everywhere(sandbox, table) == [{**KEY, "v": number(2)}] * 3


def test_a_delete_of_nothing_is_no_write_and_loses_against_an_earlier_put(
    sandbox: RunningSandbox, apart: str
) -> None:
    put(sandbox, apart, HOME, v=number(1))
    sandbox.client(AWAY).delete_item(TableName=apart, Key=KEY)
    together(sandbox)
    assert everywhere(sandbox, apart) == [{**KEY, "v": number(1)}] * 3
    assert sandbox.control.conflicts() == [] or sandbox.control.conflicts()[0].table != apart


def test_a_write_of_what_is_there_already_still_is_the_last_one(
    sandbox: RunningSandbox, table: str
) -> None:
    """Put, update and transaction alike renew the item's timestamp."""
    sandbox.create_table(table)
    item: Any = {**KEY, "v": number(1)}
    same: list[Callable[[Any], object]] = [
        lambda client: client.put_item(TableName=table, Item=item),
        lambda client: client.update_item(
            TableName=table,
            Key=KEY,
            UpdateExpression="SET v = :v",
            ExpressionAttributeValues={":v": number(1)},
        ),
        lambda client: client.batch_write_item(
            RequestItems={table: [{"PutRequest": {"Item": item}}]}
        ),
        lambda client: client.transact_write_items(
            TransactItems=[{"Put": {"TableName": table, "Item": item}}]
        ),
    ]
    for write in same:
        sandbox.control.set_lag(lag_ms=0)
        put(sandbox, table, HOME, v=number(1))
        sandbox.drain()
        sandbox.control.set_lag(lag_ms=600_000)
        put(sandbox, table, HOME, v=number(2))
        write(sandbox.client(AWAY))
        together(sandbox)
        assert everywhere(sandbox, table) == [item] * 3


def test_numbers_written_differently_are_one_key(sandbox: RunningSandbox, table: str) -> None:
    attributes = [{"AttributeName": "PK", "AttributeType": "N"}]
    sandbox.create_table(table, AttributeDefinitions=attributes)
    sandbox.control.set_lag(lag_ms=600_000)
    for region, written in ((HOME, "100"), (AWAY, "1E2"), (THIRD, "100.00")):
        sandbox.client(region).put_item(
            TableName=table, Item={"PK": {"N": written}, "from": text(region)}
        )
    long = "1234567890123456789012345678901234567"
    for digit in ("1", "2"):
        sandbox.client(HOME).put_item(TableName=table, Item={"PK": {"N": long + digit}})
    together(sandbox)
    for region in REGIONS:
        found = sandbox.client(region).scan(TableName=table)["Items"]
        assert {item["PK"]["N"] for item in found} == {"100", long + "1", long + "2"}
        assert [item["from"] for item in found if "from" in item] == [text(THIRD)]


# Conflicts


def test_a_condition_sees_the_local_replica_only_and_the_loser_is_reported(
    sandbox: RunningSandbox, apart: str
) -> None:
    """Both sign up, both are told yes, and one of them is gone a moment later."""
    for region in (HOME, AWAY):
        sandbox.client(region).put_item(
            TableName=apart,
            Item={**KEY, "by": text(region)},
            ConditionExpression="attribute_not_exists(PK)",
        )
    together(sandbox)
    assert everywhere(sandbox, apart) == [{**KEY, "by": text(AWAY)}] * 3
    (conflict,) = [each for each in sandbox.control.conflicts() if each.table == apart]
    assert conflict.key == KEY
    assert (conflict.winner.region, conflict.loser.region) == (AWAY, HOME)
    assert conflict.winner.time_us > conflict.loser.time_us
    assert conflict.winner.image == {**KEY, "by": text(AWAY)}
    assert conflict.loser.image == {**KEY, "by": text(HOME)}
    assert conflict.seen_at_us >= conflict.winner.time_us
    client = sandbox.client(HOME)
    assert error_of(
        lambda: client.put_item(
            TableName=apart, Item=KEY, ConditionExpression="attribute_not_exists(PK)"
        )
    ) == (FAILED, "The conditional request failed")


def test_a_deletes_image_in_a_conflict_is_none(sandbox: RunningSandbox, table: str) -> None:
    sandbox.create_table(table)
    put(sandbox, table, HOME)
    sandbox.drain()
    sandbox.control.set_lag(lag_ms=600_000)
    put(sandbox, table, HOME, v=number(1))
    sandbox.client(AWAY).delete_item(TableName=table, Key=KEY)
    together(sandbox)
    (conflict,) = [each for each in sandbox.control.conflicts() if each.table == table]
    assert conflict.winner.image is None
    assert conflict.loser.image == {**KEY, "v": number(1)}


def test_writes_that_knew_each_other_are_no_conflict(sandbox: RunningSandbox, table: str) -> None:
    sandbox.create_table(table)
    before = sandbox.control.status().conflicts
    for turn in range(3):
        for region in REGIONS:
            put(sandbox, table, region, v=text(f"{region} {turn}"))
            sandbox.drain()
    assert sandbox.control.status().conflicts == before


def test_several_writes_of_one_region_against_one_of_another_are_each_settled(
    sandbox: RunningSandbox, apart: str
) -> None:
    put(sandbox, apart, HOME, v=number(1))
    put(sandbox, apart, AWAY, v=number(2))
    put(sandbox, apart, HOME, v=number(3))
    together(sandbox)
    assert everywhere(sandbox, apart) == [{**KEY, "v": number(3)}] * 3
    found = {
        (each.winner.image["v"]["N"], each.loser.image["v"]["N"])
        for each in sandbox.control.conflicts()
        if each.table == apart and each.winner.image and each.loser.image
    }
    assert ("3", "2") in found
    assert found <= {("3", "2"), ("2", "1")}


# Requests of many items


def test_a_transaction_is_whole_where_it_is_made_or_not_at_all(
    sandbox: RunningSandbox, apart: str
) -> None:
    put(sandbox, apart, HOME, v=number(1))
    client = sandbox.client(HOME)
    others = [{"Put": {"TableName": apart, "Item": {"PK": text(key)}}} for key in "bcd"]

    def transact(expected: int) -> None:
        check = {
            "ConditionCheck": {
                "TableName": apart,
                "Key": KEY,
                "ConditionExpression": "v = :v",
                "ExpressionAttributeValues": {":v": number(expected)},
            }
        }
        client.transact_write_items(TransactItems=[*others, check])  # type: ignore[list-item]

    code, _ = error_of(lambda: transact(2))
    assert code == "TransactionCanceledException"
    assert set(sandbox.scan(apart, HOME)) == {"a"}
    assert sandbox.control.status().backlog == 2
    transact(1)
    assert set(sandbox.scan(apart, HOME)) == {"a", "b", "c", "d"}
    assert sandbox.control.status().backlog == 8
    together(sandbox)
    assert [set(sandbox.scan(apart, region)) for region in REGIONS] == [{"a", "b", "c", "d"}] * 3


def test_a_transaction_updates_and_deletes_too(sandbox: RunningSandbox, table: str) -> None:
    sandbox.create_table(table)
    for key in "ab":
        sandbox.client(HOME).put_item(TableName=table, Item={"PK": text(key), "n": number(1)})
    sandbox.client(HOME).transact_write_items(
        TransactItems=[
            {
                "Update": {
                    "TableName": table,
                    "Key": {"PK": text("a")},
                    "UpdateExpression": "ADD n :one",
                    "ExpressionAttributeValues": {":one": number(1)},
                }
            },
            {"Delete": {"TableName": table, "Key": {"PK": text("b")}}},
        ]
    )
    sandbox.drain()
    for region in REGIONS:
        assert sandbox.scan(table, region) == {"a": {"PK": text("a"), "n": number(2)}}


def test_a_transaction_sent_again_with_its_token_is_done_once(
    sandbox: RunningSandbox, table: str
) -> None:
    sandbox.create_table(table)
    for _ in range(3):
        sandbox.client(HOME).transact_write_items(
            ClientRequestToken="once",
            TransactItems=[
                {
                    "Update": {
                        "TableName": table,
                        "Key": KEY,
                        "UpdateExpression": "ADD n :one",
                        "ExpressionAttributeValues": {":one": number(1)},
                    }
                }
            ],
        )
    sandbox.drain()
    assert everywhere(sandbox, table) == [{**KEY, "n": number(1)}] * 3
    assert len(sandbox.stream(table, AWAY)) == 1


def test_a_batch_of_25_arrives_whole_and_one_of_26_not_at_all(
    sandbox: RunningSandbox, apart: str
) -> None:
    client = sandbox.client(HOME)

    def batch(count: int) -> None:
        puts: list[Any] = [
            {"PutRequest": {"Item": {"PK": text(f"k{place}")}}} for place in range(count)
        ]
        assert client.batch_write_item(RequestItems={apart: puts})["UnprocessedItems"] == {}

    assert error_of(lambda: batch(26))[0] == "ValidationException"
    assert sandbox.control.status().backlog == 0
    batch(25)
    deletes: list[Any] = [
        {"DeleteRequest": {"Key": {"PK": text(f"k{place}")}}} for place in range(5)
    ]
    client.batch_write_item(RequestItems={apart: deletes})
    together(sandbox)
    assert [len(sandbox.scan(apart, region)) for region in REGIONS] == [20] * 3


def test_a_batch_may_have_megabytes(sandbox: RunningSandbox, table: str) -> None:
    sandbox.create_table(table, HOME, AWAY)
    puts: list[Any] = [
        {"PutRequest": {"Item": {"PK": text(f"k{place}"), "v": text("x" * 390_000)}}}
        for place in range(25)
    ]
    sandbox.client(HOME).batch_write_item(RequestItems={table: puts})
    sandbox.drain()
    assert len(sandbox.scan(table, AWAY)) == 25


def test_one_request_may_write_several_tables(sandbox: RunningSandbox, table: str) -> None:
    other = f"{table}-other"
    sandbox.create_table(table, HOME, AWAY)
    sandbox.create_table(other, HOME, THIRD)
    sandbox.client(HOME).batch_write_item(
        RequestItems={name: [{"PutRequest": {"Item": KEY}}] for name in (table, other)}
    )
    sandbox.drain()
    assert get(sandbox, table, AWAY) == KEY
    assert get(sandbox, other, THIRD) == KEY


def test_writers_of_one_item_in_one_region_lose_no_increment(
    sandbox: RunningSandbox, table: str
) -> None:
    sandbox.create_table(table)
    client = sandbox.client(HOME)

    def count() -> None:
        for _ in range(15):
            client.update_item(
                TableName=table,
                Key=KEY,
                UpdateExpression="ADD n :one",
                ExpressionAttributeValues={":one": number(1)},
            )

    side_by_side([count] * 6)
    sandbox.drain()
    assert everywhere(sandbox, table) == [{**KEY, "n": number(90)}] * 3
    assert len(sandbox.stream(table, HOME)) == 90
    for region in (AWAY, THIRD):
        values = [
            int(record["dynamodb"]["NewImage"]["n"]["N"])
            for record in sandbox.stream(table, region)
        ]
        assert values == sorted(set(values))
        assert values[-1] == 90


def test_reads_of_every_kind_are_answered(sandbox: RunningSandbox, table: str) -> None:
    sandbox.create_table(table, HOME, sort_key=True)
    client = sandbox.client(HOME)
    items = [{"PK": text("a"), "SK": text(str(place))} for place in range(3)]
    for item in items:
        client.put_item(TableName=table, Item=item)
    found = client.query(
        TableName=table,
        KeyConditionExpression="PK = :pk",
        ExpressionAttributeValues={":pk": text("a")},
        ScanIndexForward=False,
        Limit=2,
    )
    assert found["Items"] == items[:0:-1]
    assert found["LastEvaluatedKey"] == items[1]
    batch = client.batch_get_item(RequestItems={table: {"Keys": items}})
    assert len(batch["Responses"][table]) == 3
    both = client.transact_get_items(
        TransactItems=[{"Get": {"TableName": table, "Key": item}} for item in items[:2]]
    )
    assert [each["Item"] for each in both["Responses"]] == items[:2]


# PartiQL


def test_partiql_reads_are_answered(sandbox: RunningSandbox, table: str) -> None:
    sandbox.create_table(table)
    put(sandbox, table, HOME, v=number(1))
    select = f"SELECT * FROM \"{table}\" WHERE PK = 'a'"  # noqa: S608
    found = sandbox.client(HOME).execute_statement(Statement=select)
    assert found["Items"] == [{**KEY, "v": number(1)}]


# Requests that are none


def ask(
    sandbox: RunningSandbox, operation: str, body: Any, *, region: str = HOME, **headers: str
) -> tuple[int, dict[str, Any]]:
    """Status and body of the answer to a request as it goes over the wire."""
    with closing(send(sandbox.port_of(HOME), operation, body, region, **headers)) as connection:
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read())


MALFORMED = [
    ("PutItem", b"", "SerializationException"),
    ("PutItem", b"{", "SerializationException"),
    ("PutItem", b"[]", "SerializationException"),
    ("PutItem", b'"text"', "SerializationException"),
    ("PutItem", b"\xff\xfe", "SerializationException"),
    ("PutItem", b"[" * 100_000, "SerializationException"),
    ("PutItem", {"TableName": ["TABLE"], "Item": KEY}, "SerializationException"),
    ("PutItem", {"TableName": "TABLE", "Item": "a"}, "SerializationException"),
    ("PutItem", {"TableName": "TABLE", "Item": {"PK": {"S": 5}}}, "SerializationException"),
    ("PutItem", {"TableName": "TABLE", "Item": {"PK": {"S": "\ud800"}}}, "SerializationException"),
    ("PutItem", {"TableName": "TABLE", "Item": {"PK": {}}}, "ValidationException"),
    ("PutItem", {"TableName": "TABLE", "Item": {}}, "ValidationException"),
    ("PutItem", {"TableName": "TABLE"}, "ValidationException"),
    ("PutItem", {"Item": KEY}, "ValidationException"),
    ("PutItem", {"TableName": "TABLE", "Item": {"PK": {"S": ""}}}, "ValidationException"),
    ("PutItem", {"TableName": "TABLE", "Item": {"PK": {"N": "1"}}}, "ValidationException"),
    (
        "PutItem",
        {"TableName": "TABLE", "Item": {"PK": {"S": "a", "N": "1"}}},
        "ValidationException",
    ),
    ("DeleteItem", {"TableName": "TABLE", "Key": {**KEY, "x": {"S": "1"}}}, "ValidationException"),
    ("UpdateItem", {"TableName": "TABLE", "Key": KEY, "UpdateExpression": "SET"}, "ValidationEx"),
    (
        "BatchWriteItem",
        {"RequestItems": {"TABLE": [{"PutRequest": {"Item": KEY}}, {"PutRequest": {"Item": KEY}}]}},
        "ValidationException",
    ),
    (
        "BatchWriteItem",
        {"RequestItems": {"TABLE": [{"PutRequest": {"Item": KEY}}, {"PutRequest": {"Item": {}}}]}},
        "ValidationException",
    ),
    ("BatchWriteItem", {"RequestItems": {"TABLE": "x"}}, "SerializationException"),
    ("BatchWriteItem", {"RequestItems": []}, "SerializationException"),
    (
        "BatchWriteItem",
        {
            "RequestItems": {
                "TABLE": [{"PutRequest": {"Item": KEY}}],
                "arn:aws:dynamodb:us-west-2:123456789012:table/TABLE": [
                    {"DeleteRequest": {"Key": KEY}}
                ],
            }
        },
        "ValidationException",
    ),
    ("TransactWriteItems", {"TransactItems": [None]}, "ValidationException"),
    ("TransactWriteItems", {"TransactItems": [{"Put": 1}]}, "SerializationException"),
    ("ExecuteStatement", {"Statement": 1}, "SerializationException"),
    ("PutItem", {"TableName": "nobody-made-it", "Item": KEY}, "ResourceNotFoundException"),
    ("UpdateTable", {"TableName": "TABLE", "ReplicaUpdates": "x"}, "SerializationException"),
    ("UpdateTable", {"TableName": "TABLE", "ReplicaUpdates": [1, None]}, "SerializationException"),
    (
        "UpdateTable",
        {"TableName": "TABLE", "ReplicaUpdates": [{"Create": {"RegionName": ["x"]}}]},
        "ValidationException",
    ),
    ("UpdateTable", {"TableName": 1, "ReplicaUpdates": []}, "SerializationException"),
    ("UpdateTimeToLive", {"TableName": "TABLE"}, "ValidationException"),
    (
        "CreateTable",
        {"TableName": "new", "StreamSpecification": {"StreamEnabled": 1}},
        "SerializationException",
    ),
    ("CreateTable", {}, "ValidationException"),
    ("Nonsense", {}, "UnknownOperationException"),
]


@pytest.mark.parametrize(
    ("operation", "body", "kind"),
    MALFORMED,
    ids=[f"{place}-{each[0]}" for place, each in enumerate(MALFORMED)],
)
def test_a_malformed_request_is_the_callers_fault_and_nothing_is_written(
    sandbox: RunningSandbox, malformed_at: str, operation: str, body: Any, kind: str
) -> None:
    named = body if isinstance(body, bytes) else _with_table(body, malformed_at)
    status, answered = ask(sandbox, operation, named)
    assert status == 400
    assert answered["__type"].rpartition("#")[2].startswith(kind)
    assert sandbox.scan(malformed_at, HOME) == {}
    assert sandbox.control.status().backlog == 0


@pytest.fixture(scope="module")
def malformed_at(_lasting: RunningSandbox) -> str:
    _lasting.create_table("malformed", HOME, AWAY)
    return "malformed"


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.text(string.printable, max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["PK", "S", "N", "B", "Put", "Delete", "TableName", "Key", "Item", "RegionName"]
            ),
            inner,
            max_size=3,
        )
    ),
    max_leaves=6,
)
OPERATIONS = {
    "PutItem": ("TableName", "Item"),
    "UpdateItem": ("TableName", "Key", "UpdateExpression"),
    "DeleteItem": ("TableName", "Key"),
    "GetItem": ("TableName", "Key"),
    "BatchWriteItem": ("RequestItems",),
    "BatchGetItem": ("RequestItems",),
    "TransactWriteItems": ("TransactItems", "ClientRequestToken"),
    "ExecuteStatement": ("Statement",),
    "UpdateTable": ("TableName", "ReplicaUpdates", "StreamSpecification"),
    "CreateTable": ("TableName", "KeySchema", "StreamSpecification"),
    "DeleteTable": ("TableName",),
    "DescribeTable": ("TableName",),
    "UpdateTimeToLive": ("TableName", "TimeToLiveSpecification"),
    "DescribeTimeToLive": ("TableName",),
}


def test_no_request_whatever_is_answered_with_a_500(
    sandbox: RunningSandbox, malformed_at: str
) -> None:
    @settings(max_examples=120, deadline=None, suppress_health_check=list(HealthCheck))
    @given(st.data())
    def any_request(data: st.DataObject) -> None:
        operation = data.draw(st.sampled_from(sorted(OPERATIONS)))
        names = OPERATIONS[operation]
        body = data.draw(st.fixed_dictionaries({}, optional=dict.fromkeys(names, json_values)))
        if "TableName" in names and operation != "DeleteTable" and data.draw(st.booleans()):
            body["TableName"] = malformed_at
        status, _ = ask(sandbox, operation, body)
        assert status in (200, 400)

    any_request()
    sandbox.control.set_lag(lag_ms=0)
    sandbox.drain()
    assert sandbox.scan(malformed_at, HOME) == sandbox.scan(malformed_at, AWAY)
    for key in sandbox.scan(malformed_at, HOME):
        sandbox.client(HOME).delete_item(TableName=malformed_at, Key={"PK": text(key)})
    sandbox.drain()


def test_who_is_not_signed_is_told_so(sandbox: RunningSandbox) -> None:
    _, answered = ask(sandbox, "ListTables", {}, Authorization="")
    assert answered["__type"].endswith("MissingAuthenticationTokenException")
    _, answered = ask(sandbox, "ListTables", {}, Authorization="Bearer x")
    assert answered["__type"].endswith("IncompleteSignatureException")
    _, answered = ask(sandbox, "ListTables", {}, **{"X-Amz-Target": "Nobody_1.ListTables"})
    assert answered["__type"].endswith("UnknownOperationException")


def test_another_regions_signature_is_refused_at_a_regions_endpoint(
    sandbox: RunningSandbox,
) -> None:
    _, answered = ask(sandbox, "ListTables", {}, region=AWAY)
    assert answered["__type"].endswith("InvalidSignatureException")
    assert f"'{HOME}'" in answered["message"]


def test_a_region_that_does_not_exist_is_refused_and_no_engine_started(
    sandbox: RunningSandbox,
) -> None:
    code, message = error_of(sandbox.client("us-wset-2", shared=True).list_tables)
    assert code == "InvalidSignatureException"
    assert "us-wset-2" in message
    assert "us-wset-2" not in {each.name for each in sandbox.control.status().regions}


def test_answers_carry_a_request_id_and_a_checksum(sandbox: RunningSandbox) -> None:
    answered: Any = sandbox.client(HOME).list_tables()["ResponseMetadata"]
    assert len(answered["RequestId"]) == 52
    assert answered["HTTPHeaders"]["x-amz-crc32"].isdecimal()


def _with_table(body: Any, table: str) -> Any:
    return json.loads(json.dumps(body).replace("TABLE", table))
