"""What the sandbox takes an item to be after a write is what the engine has."""

import json
from collections.abc import Iterator
from contextlib import closing
from typing import Any
from urllib.parse import urlsplit

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gtsite.sandbox.data_plane.images import kept_as_sent, outcome_of, request_of
from gtsite.sandbox.storage.engines import EngineName
from gtsite.sandbox.wire import Answer, Call, to_json
from tests.support.engines import EngineProcess, installed_engine, running
from tests.support.sandbox import send

TABLE = "images"
KEY = {"PK": {"S": "a"}}

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
numbers = st.one_of(
    st.integers().map(str),
    st.integers(-(10**38), 10**38).map(str),
    st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**9), max_value=10**9).map(
        str
    ),
    st.sampled_from(["-0", "00", "+1", "1.50", "1E2", "007", "1.0", "0.0"]),
)
scalars = st.one_of(
    texts.map(lambda text: {"S": text}),
    numbers.map(lambda number: {"N": number}),
    st.booleans().map(lambda yes: {"BOOL": yes}),
    st.just({"NULL": True}),
    st.just({"B": "YQ=="}),
    st.just({"SS": ["y", "x"]}),
    st.just({"NS": ["2", "1.0"]}),
)
values = st.recursive(
    scalars,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3).map(lambda several: {"L": several}),
        st.dictionaries(texts.filter(bool), inner, max_size=3).map(lambda map_: {"M": map_}),
    ),
    max_leaves=6,
)
items = st.dictionaries(st.sampled_from("bcdef"), values, max_size=4)


@pytest.fixture(scope="module", params=["dynoxide", "moto"])
def port(request: pytest.FixtureRequest) -> Iterator[int]:
    """The port of an engine that has an empty table."""
    name: EngineName = request.param
    engine = installed_engine(name)
    if engine is None:
        pytest.skip(f"{name} is not installed")
    with running(engine) as process:
        yield _with_table(process)


def _with_table(process: EngineProcess) -> int:
    port = urlsplit(process.url).port
    assert port is not None
    status, _ = _ask(
        port,
        "CreateTable",
        {
            "TableName": TABLE,
            "AttributeDefinitions": [{"AttributeName": "PK", "AttributeType": "S"}],
            "KeySchema": [{"AttributeName": "PK", "KeyType": "HASH"}],
            "BillingMode": "PAY_PER_REQUEST",
        },
    )
    assert status == 200
    return port


def _ask(port: int, operation: str, body: Any) -> tuple[int, dict[str, Any]]:
    headers = {"Content-Type": "application/x-amz-json-1.0", "X-Amz-Date": "20260101T000000Z"}
    with closing(send(port, operation, body, "us-west-2", **headers)) as connection:
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read())


def _call(operation: str, **body: Any) -> Call:
    return Call(
        region="us-west-2",
        service="DynamoDB_20120810",
        operation=operation,
        body={"TableName": TABLE, **body},
    )


def test_an_item_that_is_said_to_be_kept_as_sent_is_read_back_like_that(port: int) -> None:
    kept = []

    @settings(max_examples=80, deadline=None, suppress_health_check=list(HealthCheck))
    @given(items)
    def put_and_get(attributes: dict[str, Any]) -> None:
        item = {**KEY, **attributes}
        status, _ = _ask(port, "PutItem", {"TableName": TABLE, "Item": item})
        if status != 200 or not kept_as_sent(item):
            return
        kept.append(item)
        _, found = _ask(port, "GetItem", {"TableName": TABLE, "Key": KEY})
        assert found["Item"] == item

    put_and_get()
    assert len(kept) > 10


def test_a_silent_update_tells_the_sandbox_what_the_item_is_and_the_caller_nothing(
    port: int,
) -> None:
    call = _call(
        "UpdateItem",
        Key=KEY,
        UpdateExpression="SET #n = :n",
        ExpressionAttributeNames={"#n": "n"},
        ExpressionAttributeValues={":n": {"N": "1.50"}},
    )
    status, body = _ask(port, "UpdateItem", json.loads(request_of(call)))
    outcome = outcome_of(call, Answer(status=status, raw=to_json(body)))
    assert "Attributes" not in outcome.answer.json()
    _, found = _ask(port, "GetItem", {"TableName": TABLE, "Key": KEY})
    assert (outcome.known, outcome.image) == (True, found["Item"])


@pytest.mark.parametrize("wanted", ["ALL_OLD", "UPDATED_NEW", "ALL_NEW", "nonsense", None])
def test_an_update_whose_caller_wants_something_back_is_sent_as_it_is(wanted: object) -> None:
    call = _call("UpdateItem", Key=KEY, ReturnValues=wanted)
    assert request_of(call) == call.raw
    answer = Answer(status=200, raw=b'{"Attributes": {}}')
    assert outcome_of(call, answer).answer == answer
    assert not outcome_of(call, answer).known


def test_after_a_refusal_or_a_request_of_many_items_nothing_is_known() -> None:
    refused = Answer(status=400, raw=b"{}")
    for operation in ("PutItem", "DeleteItem", "UpdateItem"):
        assert not outcome_of(_call(operation, Item=KEY, Key=KEY), refused).known
    done = Answer(status=200, raw=b"{}")
    for operation in ("BatchWriteItem", "TransactWriteItems", "ExecuteStatement"):
        assert not outcome_of(_call(operation), done).known
    assert not outcome_of(_call("PutItem", Item={"a": {"N": "1.0"}}), done).known


def test_after_a_delete_there_is_nothing() -> None:
    outcome = outcome_of(_call("DeleteItem", Key=KEY), Answer(status=200, raw=b"{}"))
    assert (outcome.known, outcome.image) == (True, None)


@pytest.mark.parametrize(
    "item",
    [
        None,
        "text",
        {"a": "text"},
        {"a": {}},
        {"a": {"S": "x", "N": "1"}},
        {"a": {"S": 5}},
        {"a": {"N": 5}},
        {"a": {"BOOL": "true"}},
        {"a": {"NULL": False}},
        {"a": {"L": {}}},
        {"a": {"M": []}},
        {"a": {"L": [{"M": {"b": {"N": "-0"}}}]}},
    ],
)
def test_what_an_engine_may_read_otherwise_is_not_taken_as_sent(item: object) -> None:
    assert not kept_as_sent(item)
