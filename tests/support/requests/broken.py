"""Requests with a part missing or of another kind, and what is no request at all."""

from collections.abc import Iterator, Mapping
from typing import Any

from tests.support.requests.base import FILL, THINGS, Body, Request, key, n, put, s, thing
from tests.support.requests.reads import QUERY

GOOD: Mapping[str, Body] = {
    "PutItem": {
        "TableName": THINGS,
        "Item": thing(),
        "ConditionExpression": "attribute_exists(PK)",
    },
    "GetItem": {"TableName": THINGS, "Key": key(), "ConsistentRead": True},
    "UpdateItem": {
        "TableName": THINGS,
        "Key": key(),
        "UpdateExpression": "SET #n = :v",
        "ExpressionAttributeNames": {"#n": "n"},
        "ExpressionAttributeValues": {":v": n(1)},
        "ReturnValues": "ALL_NEW",
    },
    "DeleteItem": {"TableName": THINGS, "Key": key("none"), "ReturnValues": "ALL_OLD"},
    "Query": {"TableName": THINGS, **QUERY, "Limit": 2, "ScanIndexForward": True},
    "Scan": {"TableName": THINGS, "Limit": 2, "Select": "COUNT"},
    "BatchGetItem": {
        "RequestItems": {THINGS: {"Keys": [key()]}},
        "ReturnConsumedCapacity": "TOTAL",
    },
    "BatchWriteItem": {"RequestItems": {THINGS: [{"PutRequest": {"Item": thing("m")}}]}},
    "TransactGetItems": {"TransactItems": [{"Get": {"TableName": THINGS, "Key": key()}}]},
    "TransactWriteItems": {"TransactItems": [put("m")], "ReturnConsumedCapacity": "NONE"},
    "ExecuteStatement": {"Statement": "SELECT * FROM things WHERE PK = ?", "Parameters": [s("a")]},
    "BatchExecuteStatement": {
        "Statements": [{"Statement": "SELECT * FROM things WHERE PK='a' AND SK=1"}]
    },
    "ExecuteTransaction": {
        "TransactStatements": [{"Statement": "SELECT * FROM things WHERE PK='a' AND SK=1"}]
    },
    "DescribeTable": {"TableName": THINGS},
    "ListTables": {"Limit": 10, "ExclusiveStartTableName": "abc"},
    "DescribeTimeToLive": {"TableName": THINGS},
    "DeleteTable": {"TableName": "nope"},
}
"""One request for each operation, to be sent with each of its parts missing, and each wrong."""
WRONG: tuple[Any, ...] = (5, "x", "", [], {}, True, None, [{}], [5], {"x": 5})
NAMES = ("nope", "x", "", "no spaces", "x" * 256, "arn:aws:dynamodb:::table/things")


def mangled() -> Iterator[Request]:
    """Each operation with each of its parts missing, or of another kind."""
    yield from FILL
    for operation, good in GOOD.items():
        yield operation, good
        yield operation, {}
        for name in good:
            yield operation, {other: part for other, part in good.items() if other != name}
            for wrong in WRONG:
                yield operation, {**good, name: wrong}
        if "TableName" in good:
            for table in NAMES:
                yield operation, {**good, "TableName": table}
        yield operation, {**good, "Unknown": 5}


def raw() -> Iterator[Request]:
    """What is no JSON, or no JSON that a request can be."""
    for body in (
        b"",
        b"{",
        b"[]",
        b'"x"',
        b"5",
        b"null",
        b"{'a': 1}",
        b"\xff",
        b'{"TableName": "things"} x',
    ):
        yield "GetItem", body
    yield "GetItem", b'{"TableName": "nope", "TableName": "things", "Key": {}}'
    yield "GetItem", b'\xef\xbb\xbf{"TableName": "things"}'
    yield "Frobnicate", b"{}"
    yield "", b"{}"
    yield "putItem", b'{"TableName": "things", "Item": {}}'
    yield "PutItem", b'{"TableName": "things", "Item": ' + b'{"L": [' * 50 + b"]}" * 50 + b"}"
    yield "Scan", b'{"TableName": "things", "Limit": 1e400}'
    yield "Scan", b'{"TableName": "things", "Limit": 1.5}'
    yield "Scan", b'{"TableName": "things", "Limit": 2.0}'
    yield "Scan", b'{"TableName": "things", "Limit": 99999999999999999999}'
    yield "Scan", b'{"TableName": "th\\u0069ngs"}'
    yield "Scan", b'{"TableName": "\\ud800"}'
