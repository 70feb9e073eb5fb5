"""Puts, updates and deletes of one item: values, keys, conditions, what they return."""

from collections.abc import Iterator
from typing import Any

from tests.support.requests.base import Body, Request, key, n, s, thing, to_things

VALUES: tuple[Any, ...] = (
    s(""),
    s("é𝄞\n"),
    n(0),
    n("-0"),
    n("1e125"),
    n("9.9999999999999999999999999999999999999E+125"),
    n("1e126"),
    n("1e-130"),
    n("1e-131"),
    n("12345678901234567890123456789012345678"),
    n("123456789012345678901234567890123456789"),
    n("0.1000"),
    n(" 1"),
    n("abc"),
    n(""),
    n("NaN"),
    {"N": 5},
    {"B": "AAE="},
    {"B": ""},
    {"B": "not base64!"},
    {"BOOL": True},
    {"BOOL": "true"},
    {"NULL": True},
    {"NULL": False},
    {"L": []},
    {"L": [n(1), {"L": [{"M": {}}]}]},
    {"M": {}},
    {"M": {"": s("x")}},
    {"M": {"a": {"M": {"b": {"SS": ["x"]}}}}},
    {"SS": ["a", "b"]},
    {"SS": []},
    {"SS": ["a", "a"]},
    {"SS": [""]},
    {"NS": ["1", "2.50"]},
    {"NS": ["1", "1.0"]},
    {"NS": ["x"]},
    {"BS": ["AAE=", "AQ=="]},
    {"BS": ["AAE=", "AAE="]},
    {"X": "1"},
    {"S": "a", "N": "1"},
    {},
    "a",
    5,
    [],
    s("x" * 409_600),
    {"L": [{"L": [{"L": [{"L": [n(1)]}]}]}]},
)
KEYS: tuple[Any, ...] = (
    key(),
    key("é"),
    {"PK": s("a")},
    {"SK": n(1)},
    {},
    {**key(), "x": s("y")},
    {"PK": n(1), "SK": n(1)},
    {"PK": s("a"), "SK": s("1")},
    {"PK": s(""), "SK": n(1)},
    {"PK": s("x" * 2049), "SK": n(1)},
    {"PK": s("x" * 2048), "SK": n("1.0")},
    {"PK": {"S": "a", "N": "1"}, "SK": n(1)},
    {"PK": "a", "SK": 1},
    {"PK": {"NULL": True}, "SK": n(1)},
    {"PK": s("a"), "SK": n("1e200")},
    {"PK": s("a"), "SK": n("one")},
    [],
    "a",
    None,
)
RETURNS = ("NONE", "ALL_OLD", "ALL_NEW", "UPDATED_OLD", "UPDATED_NEW", "all_old", "", 5, None)
CAPACITY = ("TOTAL", "INDEXES", "NONE", "total", 5)
METRICS = ("SIZE", "NONE", "size")
CONDITIONS: tuple[Body, ...] = (
    {"ConditionExpression": "attribute_not_exists(PK)"},
    {"ConditionExpression": "attribute_exists(PK)"},
    {
        "ConditionExpression": "n = :n",
        "ExpressionAttributeValues": {":n": n(5)},
        "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
    },
    {"ConditionExpression": "#n BETWEEN :a AND :b", "ExpressionAttributeNames": {"#n": "n"}},
    {"ConditionExpression": "n = :n"},
    {"ConditionExpression": "n = ", "ExpressionAttributeValues": {":n": n(5)}},
    {"ConditionExpression": "", "ExpressionAttributeValues": {":n": n(5)}},
    {"ConditionExpression": "size(PK) > :n", "ExpressionAttributeValues": {":n": n(0)}},
    {"ConditionExpression": "size(PK)", "ExpressionAttributeValues": {":n": n(0)}},
    {"ConditionExpression": "foo(PK)"},
    {"ConditionExpression": "n IN (:a, :b)", "ExpressionAttributeValues": {":a": n(1), ":b": n(2)}},
    {"ConditionExpression": "begins_with(PK, :p)", "ExpressionAttributeValues": {":p": s("a")}},
    {"ConditionExpression": "contains(t, :p) OR NOT attribute_type(PK, :t)"},
    {
        "ConditionExpression": "attribute_type(PK, :t)",
        "ExpressionAttributeValues": {":t": s("S")},
    },
    {
        "ConditionExpression": "attribute_type(PK, :t)",
        "ExpressionAttributeValues": {":t": s("Q")},
    },
    {"ConditionExpression": "select = :n", "ExpressionAttributeValues": {":n": n(5)}},
    {"ConditionExpression": "attribute_exists(PK)", "ExpressionAttributeNames": {"#x": "y"}},
    {"ConditionExpression": "attribute_exists(#x)", "ExpressionAttributeNames": {"x": "y"}},
    {"ExpressionAttributeNames": {"#x": "y"}},
    {"ExpressionAttributeValues": {":x": n(1)}},
    {"Expected": {"n": {"Exists": False}}},
    {"Expected": {"n": {"Value": n(5), "ComparisonOperator": "EQ"}}},
    {"Expected": {}, "ConditionExpression": "attribute_exists(PK)"},
    {"ConditionExpression": "a" * 5000},
    {"ConditionExpression": "((((attribute_exists(PK)))))"},
)
UPDATES: tuple[tuple[str, Body], ...] = (
    ("SET n = :v", {":v": n(1)}),
    ("SET n = n + :v", {":v": n(1)}),
    ("SET n = missing + :v", {":v": n(1)}),
    ("SET n = if_not_exists(zero, :v) - :v", {":v": n(1)}),
    ("SET l = list_append(if_not_exists(l, :l), :l)", {":l": {"L": [n(1)]}}),
    ("SET l[0] = :v, l[5] = :v", {":v": n(9)}),
    ("SET m = :m", {":m": {"M": {"a": n(1)}}}),
    ("SET m.a = :v, m.b = :v", {":v": n(2)}),
    ("SET nope.a = :v", {":v": n(2)}),
    ("SET n = :v, n = :v", {":v": n(2)}),
    ("SET m = :v, m.a = :v", {":v": n(2)}),
    ("SET PK = :v", {":v": s("z")}),
    ("SET n = :v SET p = :v", {":v": n(2)}),
    ("ADD n :v", {":v": n(2)}),
    ("ADD n :v", {":v": s("x")}),
    ("ADD t :v", {":v": {"SS": ["a", "b"]}}),
    ("DELETE t :v", {":v": {"SS": ["a"]}}),
    ("DELETE t :v", {":v": {"NS": ["1"]}}),
    ("DELETE n :v", {":v": {"SS": ["a"]}}),
    ("REMOVE l[0], m.a", {}),
    ("REMOVE nothing", {}),
    ("REMOVE PK", {}),
    ("SET n = :v REMOVE t ADD k :v", {":v": n(1)}),
    ("SET n = :v", {":v": {"SS": []}}),
    ("SET n = :missing", {":v": n(1)}),
    ("SET n = :v", {}),
    ("SET n", {":v": n(1)}),
    ("FROB n", {":v": n(1)}),
    ("", {}),
    ("SET G = :v", {":v": n(1)}),
    ("SET G = :v", {":v": s("g")}),
    ("SET G = :v", {":v": s("")}),
    ("SET n = n + n", {}),
    ("SET n = :v + :v", {":v": n("9e125")}),
)


def writes() -> Iterator[Request]:
    """Puts, updates and deletes: values, keys, conditions, what they return."""
    yield from to_things("PutItem", *({"Item": thing(v=value)} for value in VALUES))
    yield from to_things("PutItem", *({"Item": item} for item in KEYS))
    yield from to_things("UpdateItem", *({"Key": item} for item in KEYS))
    yield from to_things("DeleteItem", *({"Key": item} for item in KEYS))
    yield from to_things("GetItem", *({"Key": item} for item in KEYS))
    for more in CONDITIONS:
        yield from to_things("PutItem", {"Item": thing(n=n(5), t={"SS": ["p", "q"]}), **more})
        yield from to_things("UpdateItem", {"Key": key(), **more})
        yield from to_things("DeleteItem", {"Key": key(), **more})
    yield from to_things("PutItem", {"Item": thing(n=n(5), l={"L": [n(1), n(2)]})})
    for expression, values in UPDATES:
        body: dict[str, Any] = {"Key": key(), "UpdateExpression": expression}
        if values:
            body["ExpressionAttributeValues"] = values
        for returned in ("ALL_NEW", "UPDATED_OLD"):
            yield from to_things("UpdateItem", {**body, "ReturnValues": returned})
    yield from _returns()
    yield from to_things(
        "UpdateItem",
        {"Key": key(), "AttributeUpdates": {"n": {"Action": "ADD", "Value": n(1)}}},
        {"Key": key(), "AttributeUpdates": {"n": {"Action": "PUT"}}},
        {"Key": key(), "AttributeUpdates": {"n": {"Action": "DELETE"}}},
        {"Key": key(), "AttributeUpdates": {}, "UpdateExpression": "SET n = :v"},
    )


def _returns() -> Iterator[Request]:
    item = thing(n=n(1), G=s("g"), L=n(1))
    for value in RETURNS:
        yield from to_things("PutItem", {"Item": item, "ReturnValues": value})
        yield from to_things("UpdateItem", {"Key": key(), "ReturnValues": value})
        yield from to_things("DeleteItem", {"Key": key(), "ReturnValues": value})
    for value in CAPACITY:
        more = {"ReturnConsumedCapacity": value}
        yield from to_things("PutItem", {"Item": item, **more})
        yield from to_things("GetItem", {"Key": key(), **more})
        yield from to_things("GetItem", {"Key": key(), "ConsistentRead": True, **more})
        yield from to_things("DeleteItem", {"Key": key(), **more})
    for value in METRICS:
        yield from to_things("PutItem", {"Item": item, "ReturnItemCollectionMetrics": value})
