"""Whatever comes by the wire instead of a request: AWS's errors, nothing half done, and no harm."""

import gzip
import http.client
import json
import resource
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from typing import Any

import pytest

from tests.support.sandbox import (
    HOST,
    REGIONS,
    RunningSandbox,
    send,
    side_by_side,
    text,
    wait_until,
)

HOME, AWAY, _ = REGIONS
MB = 1024 * 1024
SCOPE = "Credential=x/20260101/us-west-2/dynamodb/aws4_request, SignedHeaders=host, Signature=x"
LIST_HEAD = (
    b"POST / HTTP/1.1\r\nHost: x\r\nX-Amz-Target: DynamoDB_20120810.ListTables\r\n"
    b"Authorization: AWS4-HMAC-SHA256 " + SCOPE.encode() + b"\r\n"
)
LIST = LIST_HEAD + b"Content-Length: 2\r\n\r\n{}"
LAST = LIST.replace(b"Host: x", b"Host: x\r\nConnection: close")
SAID_SLOWLY = b"HTTP/1.1 408 "
SERIALIZATION = "com.amazon.coral.service#SerializationException"
VALIDATION = "com.amazon.coral.validate#ValidationException"


@pytest.fixture(autouse=True)
def _lives(sandbox: RunningSandbox) -> Iterator[None]:
    """After each of these the same process answers as before, and has logged no error."""
    pid = sandbox.control.status().raw["pid"]
    yield
    for shared in (False, True):
        assert "TableNames" in sandbox.client(HOME, shared).list_tables()
    assert sandbox.control.status().raw["pid"] == pid
    assert "Traceback" not in sandbox.output()


@pytest.fixture(scope="module")
def quick(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningSandbox]:
    """One that waits for a request for a third of a second only."""
    with RunningSandbox(tmp_path_factory.mktemp("quick"), patience_seconds=0.3) as running:
        yield running
    assert "Traceback" not in running.output(), running.output()


def refused(
    sandbox: RunningSandbox, body: object, operation: str = "ListTables", **headers: str
) -> tuple[int, str, str]:
    """(status, type, message) of an error that has AWS's shape."""
    with closing(send(sandbox.port_of(HOME), operation, body, HOME, **headers)) as connection:
        return _error(connection.getresponse())


def _error(answer: http.client.HTTPResponse) -> tuple[int, str, str]:
    raw = answer.read()
    assert answer.getheader("Content-Type") == "application/x-amz-json-1.0"
    assert len(answer.getheader("x-amzn-RequestId") or "") == 52
    found = json.loads(raw)
    return answer.status, found["__type"], found.get("message", "")


def talk(port: int, *parts: bytes) -> bytes:
    """Send these bytes, and read until the other side ends the connection, in whatever manner."""
    heard = b""
    with socket.create_connection((HOST, port), 30) as wire:
        try:
            for part in parts:
                wire.sendall(part)
            while some := wire.recv(65536):
                heard += some
        except (ConnectionResetError, BrokenPipeError):
            return heard
    return heard


def told(sandbox: RunningSandbox, operation: str, body: object) -> dict[str, Any]:
    """The answer to a request sent in one piece: it is whole however long this process stands."""
    raw = json.dumps(body).encode()
    head = LAST.partition(b"Content-Length")[0].replace(b"ListTables", operation.encode())
    heard = talk(sandbox.port, head + b"Content-Length: %d\r\n\r\n" % len(raw) + raw)
    first, _, answered = heard.partition(b"\r\n\r\n")
    assert first.startswith(b"HTTP/1.1 200 "), heard
    found: dict[str, Any] = json.loads(answered)
    return found


# What is no JSON, or not the right one


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"",
        b"{} {}",
        b"{'a': 1}",
        b'{"a": 1,}',
        b"nonsense",
        b"\x00\x01\x02",
        b'{"Limit": NaN}',
        b'{"Limit": Infinity}',
        b'{"ExclusiveStartTableName": "\xff\xfe"}',
        b'{"ExclusiveStartTableName": "\xed\xa0\x80"}',
        b'{"ExclusiveStartTableName": "\\ud800"}',
        b'{"ExclusiveStartTableName": "\\x"}',
        '{"Limit": 1}'.encode("utf-16"),
        b'{"Limit": ' + b"9" * 5000 + b"}",
        b'{"a": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
        b"[" * 200_000,
        b"[]",
        b"null",
        b"1",
        b'"{}"',
    ],
)
def test_a_body_that_is_no_json_object_is_a_serialization_exception(
    sandbox: RunningSandbox, body: bytes
) -> None:
    status, kind, _ = refused(sandbox, body)
    assert (status, kind) == (400, SERIALIZATION)


def test_half_a_character_is_no_text_and_is_written_nowhere(
    sandbox: RunningSandbox, table: str
) -> None:
    sandbox.create_table(table, HOME, AWAY)
    for key, value in (
        ("a", '{"S": "\\ud83d"}'),
        ("a", '{"M": {"\\uDE00": {"S": "x"}}}'),
        ("\\ud83d", '{"S": "x"}'),
    ):
        item = f'"Item": {{"PK": {{"S": "{key}"}}, "v": {value}}}'
        status, kind, _ = refused(
            sandbox, f'{{"TableName": "{table}", {item}}}'.encode(), "PutItem"
        )
        assert (status, kind) == (400, SERIALIZATION)
    whole = '"Item": {"PK": {"S": "a"}, "v": {"S": "\\ud83d\\ude00"}}'
    body = f'{{"TableName": "{table}", {whole}}}'.encode()
    with closing(send(sandbox.port_of(HOME), "PutItem", body, HOME)) as connection:
        assert connection.getresponse().status == 200
    sandbox.drain()
    assert sandbox.scan(table, AWAY)["a"]["v"] == text("\U0001f600")


@pytest.mark.parametrize(
    ("target", "body"),
    [
        ("DynamoDB_20120810.DescribeTable", b'{"TableName": "\\ud83d"}'),
        ("DynamoDB_20120810.DeleteTable", b'{"TableName": "\\ud83d"}'),
        ("DynamoDB_20120810.CreateGlobalTable", b'{"GlobalTableName": "\\ud83d"}'),
        ("DynamoDB_20120810.ListTagsOfResource", b'{"ResourceArn": "\\ud83d"}'),
        ("DynamoDBStreams_20120810.ListStreams", b'{"TableName": "\\ud83d"}'),
        ("DynamoDBStreams_20120810.DescribeStream", b'{"StreamArn": "\\ud83d"}'),
    ],
)
def test_half_a_character_is_no_name_either(
    sandbox: RunningSandbox, target: str, body: bytes
) -> None:
    assert refused(sandbox, body, **{"X-Amz-Target": target})[:2] == (400, SERIALIZATION)


@pytest.mark.parametrize(
    "number", [b"1e400", b"-1e400", b"1e-400", b"9" * 300, b"0.5", b"-0", b'"1"', b"true", b"{}"]
)
def test_a_number_that_is_none_is_refused_and_no_accident(
    sandbox: RunningSandbox, number: bytes
) -> None:
    status, kind, _ = refused(sandbox, b'{"Limit": ' + number + b"}")
    assert status == 400
    assert kind in (SERIALIZATION, VALIDATION)


@pytest.mark.parametrize("depth", [33, 200, 900, 5000])
def test_an_item_nested_too_deeply_is_refused_and_not_written(
    sandbox: RunningSandbox, table: str, depth: int
) -> None:
    sandbox.create_table(table, HOME, AWAY)
    nested = '{"L": [' * depth + '{"S": "x"}' + "]}" * depth
    body = f'{{"TableName": "{table}", "Item": {{"PK": {{"S": "a"}}, "v": {nested}}}}}'
    status, kind, _ = refused(sandbox, body.encode(), "PutItem")
    assert status == 400
    assert kind in (SERIALIZATION, VALIDATION)
    assert sandbox.scan(table, HOME) == {}


def test_of_keys_written_twice_every_part_of_the_sandbox_takes_the_same(
    sandbox: RunningSandbox, table: str
) -> None:
    """Otherwise one item would be written, and another one replicated."""
    sandbox.create_table(table, HOME, AWAY)
    item = '"Item": {"PK": {"S": "first"}, "PK": {"S": "second"}}'
    body = f'{{"TableName": "nowhere", "TableName": "{table}", {item}}}'.encode()
    with closing(send(sandbox.port_of(HOME), "PutItem", body, HOME)) as connection:
        assert connection.getresponse().status == 200
    sandbox.drain()
    assert sandbox.scan(table, HOME) == sandbox.scan(table, AWAY)
    assert set(sandbox.scan(table, HOME)) == {"second"}


# Who asks, and for what


@pytest.mark.parametrize(
    "target",
    ["", "DynamoDB_20120810", "DynamoDB_20120810.", ".ListTables", "Nothing.ListTables", "é.x"],
)
def test_a_target_that_is_none_is_an_unknown_operation(
    sandbox: RunningSandbox, target: str
) -> None:
    status, kind, _ = refused(sandbox, {}, **{"X-Amz-Target": target})
    assert (status, kind.partition("#")[2]) == (400, "UnknownOperationException")


@pytest.mark.parametrize("operation", ["Nothing", "listTables", "ListTables.", "../ListTables"])
def test_an_operation_that_is_none_is_unknown(sandbox: RunningSandbox, operation: str) -> None:
    status, kind, _ = refused(sandbox, {}, operation)
    assert (status, kind.partition("#")[2]) == (400, "UnknownOperationException")


def test_a_request_without_a_signature_is_told_so(sandbox: RunningSandbox) -> None:
    assert refused(sandbox, {}, Authorization="") == (
        400,
        "com.amazon.coral.service#MissingAuthenticationTokenException",
        "Request is missing Authentication Token",
    )


@pytest.mark.parametrize(
    "authorization",
    [
        "Bearer token",
        "AWS4-HMAC-SHA256",
        "AWS4-HMAC-SHA256 Credential=x",
        "AWS4-HMAC-SHA256 Credential=x/20260101/us-west-2, SignedHeaders=host, Signature=x",
        "AWS4-HMAC-SHA256 Credential=x/yesterday/us-west-2/dynamodb/aws4_request",
        "AWS4-HMAC-SHA256 Credential=x/20260101//dynamodb/aws4_request",
        "Credential" * 500,
    ],
)
def test_a_signature_that_names_no_region_is_incomplete(
    sandbox: RunningSandbox, authorization: str
) -> None:
    status, kind, message = refused(sandbox, {}, Authorization=authorization)
    assert (status, kind) == (400, "com.amazon.coral.service#IncompleteSignatureException")
    assert "Authorization header requires" in message or "Credential must have" in message


@pytest.mark.parametrize("shared", [False, True])
@pytest.mark.parametrize("region", ["eu-nowhere-1", "us-west-22", "x", AWAY])
def test_a_region_that_is_none_or_lives_elsewhere_is_refused(
    sandbox: RunningSandbox, region: str, shared: bool
) -> None:
    if shared and region == AWAY:
        return
    port = sandbox.port if shared else sandbox.port_of(HOME)
    with closing(send(port, "ListTables", {}, region)) as connection:
        status, kind, message = _error(connection.getresponse())
    assert (status, kind) == (400, "com.amazon.coral.service#InvalidSignatureException")
    wanted = "a valid region" if shared else f"'{HOME}'"
    assert message == f"Credential should be scoped to {wanted}, not '{region}'. "


# How much


def test_more_than_a_megabyte_is_no_trouble_where_dynamodb_takes_it(
    sandbox: RunningSandbox, table: str
) -> None:
    sandbox.create_table(table, HOME, AWAY)
    puts = [
        {"PutRequest": {"Item": {"PK": text(str(each)), "v": text("x" * 390_000)}}}
        for each in range(25)
    ]
    sandbox.client(HOME).batch_write_item(RequestItems={table: puts})  # type: ignore[dict-item]
    sandbox.drain()
    assert len(sandbox.scan(table, AWAY)) == 25


@pytest.mark.parametrize("size", [500_000, 2 * MB, 15 * MB])
def test_an_item_over_400_kb_is_refused_and_not_written(
    sandbox: RunningSandbox, table: str, size: int
) -> None:
    sandbox.create_table(table, HOME, AWAY)
    body = {"TableName": table, "Item": {"PK": text("a"), "v": text("x" * size)}}
    status, kind, message = refused(sandbox, body, "PutItem")
    assert (status, kind) == (400, VALIDATION)
    assert message == "Item size has exceeded the maximum allowed size"
    assert sandbox.scan(table, HOME) == {}


@pytest.mark.parametrize("chunked", [False, True])
def test_a_body_over_16_mb_is_refused_by_its_size_and_the_connection_ends(
    sandbox: RunningSandbox, chunked: bool
) -> None:
    body = b'{"a": "' + b"x" * 17 * MB + b'"}'
    connection = http.client.HTTPConnection(HOST, sandbox.port, timeout=30)
    connection.putrequest("POST", "/")
    length = ("Transfer-Encoding", "chunked") if chunked else ("Content-Length", str(len(body)))
    connection.putheader(*length)
    connection.endheaders()
    with closing(connection):
        try:
            connection.send(b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body) if chunked else body)
        except (BrokenPipeError, ConnectionResetError):
            pytest.fail("It hung up before the request was sent; few clients read on then.")
        answer = connection.getresponse()
        assert answer.getheader("Connection") == "close"
        status, kind, _ = _error(answer)
    assert (status, kind.partition("#")[2]) == (413, "RequestEntityTooLargeException")


def test_a_length_that_is_too_large_is_refused_before_anything_of_it_has_come(
    sandbox: RunningSandbox,
) -> None:
    with socket.create_connection((HOST, sandbox.port), 30) as wire:
        wire.sendall(LIST_HEAD + b"Content-Length: 1000000000000\r\n\r\n{")
        assert wire.recv(65536).startswith(b"HTTP/1.1 413 ")


def test_what_grows_in_the_unpacking_is_too_large_as_well(sandbox: RunningSandbox) -> None:
    packed = gzip.compress(b"x" * 50 * MB)
    headers = {"Content-Encoding": "gzip"}
    status, kind, _ = refused(sandbox, packed, **headers)
    assert (status, kind.partition("#")[2]) == (413, "RequestEntityTooLargeException")


def test_many_large_bodies_leave_the_memory_as_it_was(sandbox: RunningSandbox) -> None:
    before = sandbox.control.status().memory_mb
    if before is None:
        pytest.skip("nobody can tell how large a process is here")
    for _ in range(10):
        refused(sandbox, b"x" * 15 * MB)
    after = sandbox.control.status().memory_mb
    assert after is not None
    assert after < before + 120


# What is no HTTP, or a lie


@pytest.mark.parametrize(
    "request_",
    [
        b"nonsense\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\x00" * 50,
        b"GET / HTTP/9.9\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: x\r\n\r\n{}",
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: -2\r\n\r\n{}",
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}",
        LIST_HEAD + b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: x\r\n" + b"X: y\r\n" * 1000 + b"\r\n",
        b"POST / HTTP/1.1\r\nHost: x\r\nX: " + b"y" * 100_000 + b"\r\n\r\n",
        b"POST /" + b"x" * 100_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
    ],
)
def test_what_is_no_http_is_a_400_in_awss_shape_and_the_connection_ends(
    sandbox: RunningSandbox, request_: bytes
) -> None:
    heard = talk(sandbox.port, request_)
    head, _, body = heard.partition(b"\r\n\r\n")
    assert head.startswith((b"HTTP/1.1 400 ", b"HTTP/1.0 400 "))
    kind = json.loads(body)["__type"]
    assert kind == "com.amazon.coral.service#MalformedHttpRequestException"


@pytest.mark.parametrize(
    "body", [b"zz\r\n{}\r\n0\r\n\r\n", b"2\r\n{}--0\r\n\r\n", b"-2\r\n{}\r\n0\r\n\r\n"]
)
def test_a_body_in_broken_chunks_is_refused_or_waited_for_no_longer(
    quick: RunningSandbox, body: bytes
) -> None:
    heard = talk(quick.port, LIST_HEAD + b"Transfer-Encoding: chunked\r\n\r\n", body)
    assert heard[:4] == b"HTTP"
    assert heard[8:13] in (b" 400 ", b" 408 ")
    assert b"TableNames" not in heard


def test_a_body_in_good_chunks_is_taken(sandbox: RunningSandbox) -> None:
    chunks = (b"1\r\n{\r\n", b"1\r\n}\r\n", b"0\r\n\r\n")
    heard = talk(sandbox.port, LIST_HEAD + b"Transfer-Encoding: chunked\r\n\r\n", *chunks, LAST)
    assert heard.startswith(b"HTTP/1.1 200 ")


def test_what_follows_a_body_that_was_announced_shorter_is_no_part_of_it(
    sandbox: RunningSandbox,
) -> None:
    """The rest is taken for the next request, and is none: at best the first is answered."""
    heard = talk(sandbox.port, LIST_HEAD + b'Content-Length: 2\r\n\r\n{}, "Limit": 0}\r\n\r\n')
    statuses = [part[2:6] for part in heard.split(b"HTTP/1") if part]
    assert statuses in ([b" 400"], [b" 200", b" 400"])


def test_a_body_can_be_compressed_and_is_refused_where_it_is_not_what_it_says(
    sandbox: RunningSandbox,
) -> None:
    headers = {"Content-Encoding": "gzip"}
    with closing(
        send(sandbox.port_of(HOME), "ListTables", gzip.compress(b"{}"), HOME, **headers)
    ) as connection:
        assert connection.getresponse().status == 200
    status, kind, _ = refused(sandbox, b"{}", **headers)
    assert (status, kind.partition("#")[2]) == (400, "MalformedHttpRequestException")


def test_http_1_0_is_answered_and_ends_the_connection(sandbox: RunningSandbox) -> None:
    heard = talk(sandbox.port, LIST.replace(b"HTTP/1.1", b"HTTP/1.0"))
    assert heard.startswith(b"HTTP/1.0 200 ")
    assert b"TableNames" in heard


def test_a_caller_that_waits_to_be_told_to_go_on_is_told(sandbox: RunningSandbox) -> None:
    with socket.create_connection((HOST, sandbox.port), 30) as wire:
        wire.sendall(LIST_HEAD + b"Content-Length: 2\r\nExpect: 100-continue\r\n\r\n")
        assert wire.recv(65536).startswith(b"HTTP/1.1 100 Continue\r\n")
        wire.sendall(b"{}")
        assert wire.recv(65536).startswith(b"HTTP/1.1 200 ")


def test_several_requests_at_once_are_answered_in_their_order(sandbox: RunningSandbox) -> None:
    """More of them than a server keeps in a queue."""
    heard = talk(sandbox.port, (LIST + LIST.replace(b"{}", b"{]")) * 50 + LAST)
    statuses = [part[:3] for part in heard.split(b"HTTP/1.1 ") if part]
    assert statuses == [b"200", b"400"] * 50 + [b"200"]


# Methods and paths


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "OPTIONS", "PATCH", "HEAD"])
@pytest.mark.parametrize("path", ["/status", "/conflicts", "/fault", "/shell", "/../etc/passwd"])
def test_the_control_api_and_other_paths_are_not_there_at_awss_port(
    sandbox: RunningSandbox, method: str, path: str
) -> None:
    connection = http.client.HTTPConnection(HOST, sandbox.port, timeout=30)
    with closing(connection):
        connection.request(method, path, headers={"X-Sandbox-Control": "1"})
        answer = connection.getresponse()
        assert answer.status == 404
        raw = answer.read()
    assert raw == (b"" if method == "HEAD" else b"<UnknownOperationException/>\n")


@pytest.mark.parametrize("path", ["/fault", "/reset", "/lag"])
def test_a_control_request_at_awss_port_turns_nothing(sandbox: RunningSandbox, path: str) -> None:
    body = json.dumps({"region": HOME, "fault": "refuse", "lag_ms": 9}).encode()
    connection = http.client.HTTPConnection(HOST, sandbox.port_of(HOME), timeout=30)
    with closing(connection):
        connection.request("POST", path, body, {"X-Sandbox-Control": "1"})
        status, kind, _ = _error(connection.getresponse())
    assert (status, kind.partition("#")[2]) == (400, "MissingAuthenticationTokenException")
    told = sandbox.control.status()
    assert told.fault_of(HOME) == "none"
    assert {each.lag_ms for each in told.pairs} == {sandbox.lag_ms}


def test_aws_is_not_there_at_the_control_apis_port(sandbox: RunningSandbox) -> None:
    for more in ({}, {"X-Sandbox-Control": "1"}):
        with closing(send(sandbox.port - 1, "ListTables", {}, HOME, **more)) as connection:
            answer = connection.getresponse()
            assert answer.status in (403, 404)
            assert b"TableNames" not in answer.read()


# Callers that stall, and callers that leave


def test_callers_that_stall_are_cut_off_and_nothing_of_theirs_is_done(
    quick: RunningSandbox, table: str
) -> None:
    key = {"AttributeName": "PK", "AttributeType": "S"}
    told(
        quick,
        "CreateTable",
        {
            "TableName": table,
            "AttributeDefinitions": [key],
            "KeySchema": [{"AttributeName": "PK", "KeyType": "HASH"}],
            "BillingMode": "PAY_PER_REQUEST",
        },
    )
    item = json.dumps({"TableName": table, "Item": {"PK": text("a")}}).encode()
    put = LIST_HEAD.replace(b"ListTables", b"PutItem")
    length = b"Content-Length: %d\r\n\r\n" % len(item)
    in_head = (b"P", LIST_HEAD, put + length[:-4])
    in_body = (put + length, put + length + item[:-1])
    heard = dict.fromkeys((*in_head, *in_body), b"?")
    side_by_side(
        [
            lambda begun=begun: heard.update({begun: talk(quick.port, begun)})  # type: ignore[misc]
            for begun in heard
        ]
    )
    assert {heard[begun] for begun in in_head} == {b""}
    for begun in in_body:
        assert heard[begun].startswith(SAID_SLOWLY)
        assert b"RequestTimeoutException" in heard[begun]
    assert told(quick, "Scan", {"TableName": table})["Items"] == []


def test_a_caller_that_sends_a_head_byte_by_byte_is_cut_off_too(quick: RunningSandbox) -> None:
    with socket.create_connection((HOST, quick.port), 30) as wire:

        def one_more() -> bool:
            try:
                wire.sendall(b"X")
            except OSError:
                return True
            return False

        wire.sendall(b"POST / HTTP/1.1\r\n")
        wait_until(one_more)


def test_a_caller_that_is_silent_between_two_requests_is_left_alone(quick: RunningSandbox) -> None:
    connection = http.client.HTTPConnection(HOST, quick.port_of(HOME), timeout=30)
    with closing(connection), socket.create_connection((HOST, quick.port), 30) as mute:
        for _ in range(2):
            connection.request("GET", "/")
            assert connection.getresponse().read().startswith(b"healthy")
            time.sleep(0.7)
        mute.sendall(LIST)
        assert mute.recv(65536).startswith(b"HTTP/1.1 200 ")


def test_who_has_said_everything_may_wait_for_the_answer_as_long_as_it_takes(
    quick: RunningSandbox,
) -> None:
    """Where this machine stood still between the parts, they were said slowly: then once more."""
    quick.control.slow(HOME, 1500)

    def answered() -> bool:
        with socket.create_connection((HOST, quick.port), 30) as wire:
            for part in (LIST_HEAD + b"Content-Length: 2\r\n\r\n", b"{", b"}"):
                wire.sendall(part)
                time.sleep(0.05)
            heard = wire.recv(65536)
        assert heard.startswith((b"HTTP/1.1 200 ", SAID_SLOWLY))
        return not heard.startswith(SAID_SLOWLY)

    wait_until(answered)
    quick.control.heal()


def test_a_write_whose_caller_leaves_in_the_middle_of_it_is_not_done(
    sandbox: RunningSandbox, table: str
) -> None:
    sandbox.create_table(table, HOME, AWAY)
    items = [{"PutRequest": {"Item": {"PK": text(str(each))}}} for each in range(10)]
    body = json.dumps({"RequestItems": {table: items}}).encode()
    head = LIST_HEAD.replace(b"ListTables", b"BatchWriteItem")
    request = head + b"Content-Length: %d\r\n\r\n" % len(body) + body
    for end in (len(head), len(request) - len(body) // 2, len(request) - 1):
        with socket.create_connection((HOST, sandbox.port), 30) as wire:
            wire.sendall(request[:end])
    sandbox.control.status()
    assert sandbox.scan(table, HOME) == {}


def test_a_write_whose_caller_leaves_after_it_is_done_or_not_and_never_half(
    sandbox: RunningSandbox, table: str
) -> None:
    """A transaction of ten, so that a half would show."""
    sandbox.create_table(table, HOME, AWAY)
    head = LIST_HEAD.replace(b"ListTables", b"TransactWriteItems")
    for turn in range(10):
        puts = [
            {"Put": {"TableName": table, "Item": {"PK": text(f"{turn}-{each}")}}}
            for each in range(10)
        ]
        body = json.dumps({"TransactItems": puts}).encode()
        with socket.create_connection((HOST, sandbox.port), 30) as wire:
            wire.sendall(head + b"Content-Length: %d\r\n\r\n" % len(body) + body)
    sandbox.client(HOME, shared=True).put_item(TableName=table, Item={"PK": text("last")})
    sandbox.drain()

    def count() -> dict[str, int]:
        keys = [key.partition("-")[0] for key in sandbox.scan(table, HOME) if key != "last"]
        return {turn: keys.count(turn) for turn in set(keys)}

    assert set(count().values()) <= {10}
    sandbox.drain()
    assert sandbox.scan(table, HOME) == sandbox.scan(table, AWAY)


def test_a_thousand_callers_that_say_nothing_are_in_nobodys_way(sandbox: RunningSandbox) -> None:
    with ExitStack() as stack:
        stack.enter_context(_many_open_files())
        for _ in range(1000):
            stack.enter_context(socket.create_connection((HOST, sandbox.port), 30))
        for shared in (False, True):
            assert "TableNames" in sandbox.client(HOME, shared).list_tables()


@contextmanager
def _many_open_files() -> Iterator[None]:
    """As many as a thousand connections take; many systems allow a process fewer."""
    before, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 4096 if most == resource.RLIM_INFINITY else min(4096, most)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(before, wanted), most))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (before, most))
