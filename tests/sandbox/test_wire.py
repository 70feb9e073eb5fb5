"""What a request asks and how an answer is written, byte by byte."""

import json
import zlib

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from gtsite.sandbox.wire import (
    REGIONS,
    Answer,
    ApiError,
    answer,
    credential_scope,
    parse_call,
    refusal,
    stream_arn,
    table_arn,
    table_name,
    validation,
    with_own_arns,
)

TARGET = "DynamoDB_20120810.GetItem"
SIGNED = "AWS4-HMAC-SHA256 Credential=AKIA/EXAMPLE/20260101/us-west-2/dynamodb/aws4_request, rest"
names = st.from_regex(r"[a-zA-Z0-9_.-]{3,20}", fullmatch=True)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)


@given(st.dictionaries(st.text(), values))
def test_a_body_is_read_and_passed_on_as_it_is(body: dict[str, object]) -> None:
    call = parse_call("us-west-2", TARGET, json.dumps(body).encode())
    assert (call.operation, call.service) == ("GetItem", "DynamoDB_20120810")
    assert call.body == body
    assert json.loads(call.raw) == body


@given(st.binary(max_size=40))
def test_bytes_that_are_no_json_object_are_an_error_of_the_callers(raw: bytes) -> None:
    assume(not raw.strip().startswith(b"{"))
    with pytest.raises(ApiError) as refused:
        parse_call("us-west-2", TARGET, raw)
    assert refused.value.status == 400
    assert refused.value.kind.endswith("#SerializationException")


def test_what_is_written_twice_reaches_the_engine_once() -> None:
    """An engine that took the first of the two would write what nobody replicates."""
    call = parse_call(
        "us-west-2", TARGET, b'{"Key": {"PK": {"S": "a"}}, "Key": {"PK": {"S": "b"}}}'
    )
    assert call.raw == b'{"Key":{"PK":{"S":"b"}}}'


@pytest.mark.parametrize(
    "target", [None, "", "GetItem", "DynamoDB_20120810", "DynamoDB_20120810.", "Kinesis_1.Put"]
)
def test_an_unknown_target_is_an_unknown_operation(target: str | None) -> None:
    with pytest.raises(ApiError) as refused:
        parse_call("us-west-2", target, b"{}")
    assert refused.value.kind.endswith("#UnknownOperationException")


def test_the_scope_of_a_signature_is_its_region_and_service() -> None:
    with pytest.raises(ApiError):
        credential_scope(SIGNED)
    assert credential_scope(SIGNED.replace("/EXAMPLE", "")) == ("us-west-2", "dynamodb")


@pytest.mark.parametrize("header", [None, "", "Basic eDp5", "Credential=x/20260101/us-west-2"])
def test_without_a_scope_the_error_is_awss(header: str | None) -> None:
    with pytest.raises(ApiError) as refused:
        credential_scope(header)
    wanted = "IncompleteSignatureException" if header else "MissingAuthenticationTokenException"
    assert refused.value.kind.endswith(f"#{wanted}")


@given(names, st.sampled_from(sorted(REGIONS)))
def test_a_table_is_found_in_its_arn_and_in_its_streams(name: str, region: str) -> None:
    assert table_name(name) == name
    assert table_name(table_arn(region, name)) == name
    assert table_name(stream_arn(region, name, "2026-01-01T00:00:00.000")) == name


@pytest.mark.parametrize("body", [{"TableName": 5}, {"TableName": None}, {}])
def test_a_table_that_is_no_name_is_none(body: dict[str, object]) -> None:
    assert parse_call("us-west-2", TARGET, json.dumps(body).encode()).table == ""


def test_an_engines_arns_become_the_regions() -> None:
    raw = b'{"TableArn":"arn:aws:dynamodb:dynoxide:000000000000:table/x/index/y"}'
    assert with_own_arns("eu-west-1", raw) == (
        b'{"TableArn":"arn:aws:dynamodb:eu-west-1:123456789012:table/x/index/y"}'
    )


def test_an_error_has_its_type_its_message_and_a_checksum_like_any_answer() -> None:
    refused = refusal(validation("No."))
    assert not refused.ok
    assert refused.json() == {
        "__type": "com.amazon.coral.validate#ValidationException",
        "message": "No.",
    }
    headers = refused.headers()
    assert headers["x-amz-crc32"] == str(zlib.crc32(refused.raw))
    assert headers["Content-Type"] == "application/x-amz-json-1.0"
    assert headers["x-amzn-RequestId"] != refused.headers()["x-amzn-RequestId"]
    assert answer({}) == Answer(status=200, raw=b"{}")
