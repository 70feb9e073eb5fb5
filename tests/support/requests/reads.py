"""Gets, queries and scans: projections, filters, paging, indexes."""

from collections.abc import Iterator

from tests.support.requests.base import FILL, Body, Request, key, n, s, to_things

PK = {"ExpressionAttributeValues": {":p": s("a")}}
QUERY: Body = {"KeyConditionExpression": "PK = :p", **PK}
QUERIES: tuple[Body, ...] = (
    QUERY,
    {**QUERY, "ScanIndexForward": False},
    {**QUERY, "Limit": 2},
    {**QUERY, "Limit": 0},
    {**QUERY, "Limit": -1},
    {**QUERY, "Limit": 2, "ExclusiveStartKey": key("a", 2)},
    {**QUERY, "ExclusiveStartKey": key("b", 2)},
    {**QUERY, "ExclusiveStartKey": {"PK": s("a")}},
    {**QUERY, "ExclusiveStartKey": {"PK": s("a"), "SK": s("2")}},
    {**QUERY, "Select": "COUNT"},
    {**QUERY, "Select": "ALL_ATTRIBUTES"},
    {**QUERY, "Select": "SPECIFIC_ATTRIBUTES"},
    {**QUERY, "Select": "ALL_PROJECTED_ATTRIBUTES"},
    {**QUERY, "Select": "SOME"},
    {**QUERY, "ProjectionExpression": "PK, m.a[1], t"},
    {**QUERY, "ProjectionExpression": "PK, PK"},
    {**QUERY, "ProjectionExpression": "m, m.a"},
    {**QUERY, "ProjectionExpression": ""},
    {**QUERY, "ProjectionExpression": "PK", "Select": "COUNT"},
    {**QUERY, "AttributesToGet": ["PK"]},
    {**QUERY, "FilterExpression": "n > :p"},
    {**QUERY, "FilterExpression": "PK = :p"},
    {**QUERY, "FilterExpression": "n >"},
    {**QUERY, "ReturnConsumedCapacity": "INDEXES"},
    {**QUERY, "ReturnConsumedCapacity": "TOTAL", "ConsistentRead": True},
    {**QUERY, "IndexName": "by-l"},
    {**QUERY, "IndexName": "by-l", "ConsistentRead": True, "ReturnConsumedCapacity": "INDEXES"},
    {**QUERY, "IndexName": "by-l", "Limit": 2, "ScanIndexForward": False},
    {**QUERY, "IndexName": "no-such"},
    {**QUERY, "IndexName": "by-g"},
    {"IndexName": "by-g", "KeyConditionExpression": "G = :p", **PK},
    {
        "IndexName": "by-g",
        "KeyConditionExpression": "G = :g",
        "ExpressionAttributeValues": {":g": s("even")},
        "Limit": 2,
    },
    {
        "IndexName": "by-g",
        "KeyConditionExpression": "G = :g",
        "ExpressionAttributeValues": {":g": s("even")},
        "ConsistentRead": True,
    },
    {
        "IndexName": "by-g",
        "KeyConditionExpression": "G = :g",
        "ExpressionAttributeValues": {":g": s("even")},
        "ProjectionExpression": "t",
    },
    {"KeyConditionExpression": "PK = :missing", **PK},
    {"KeyConditionExpression": "SK = :p", **PK},
    {"KeyConditionExpression": "PK > :p", **PK},
    {"KeyConditionExpression": "PK = :p OR SK = :p", **PK},
    {"KeyConditionExpression": "PK = :p AND SK <> :p", **PK},
    {"KeyConditionExpression": "", **PK},
    {
        "KeyConditionExpression": "PK = :p AND SK BETWEEN :a AND :b",
        "ExpressionAttributeValues": {":p": s("a"), ":a": n(2), ":b": n(4)},
    },
    {
        "KeyConditionExpression": "PK = :p AND SK BETWEEN :a AND :b",
        "ExpressionAttributeValues": {":p": s("a"), ":a": n(4), ":b": n(2)},
    },
    {
        "KeyConditionExpression": "PK = :p AND begins_with(SK, :a)",
        "ExpressionAttributeValues": {":p": s("a"), ":a": n(2)},
    },
    {
        "KeyConditionExpression": "PK = :p AND SK >= :a",
        "ExpressionAttributeValues": {":p": s("a"), ":a": s("2")},
    },
    {
        "KeyConditions": {
            "PK": {"ComparisonOperator": "EQ", "AttributeValueList": [s("a")]},
        }
    },
    {"KeyConditions": {"PK": {"ComparisonOperator": "GT", "AttributeValueList": [s("a")]}}},
)
SCANS: tuple[Body, ...] = (
    {},
    {"Limit": 3},
    {"Limit": 3, "ExclusiveStartKey": key("a", 3)},
    {"Select": "COUNT"},
    {"Segment": 0, "TotalSegments": 2},
    {"Segment": 1, "TotalSegments": 2},
    {"Segment": 2, "TotalSegments": 2},
    {"Segment": 0},
    {"TotalSegments": 2},
    {"TotalSegments": 0, "Segment": 0},
    {"IndexName": "by-g"},
    {"IndexName": "by-l", "ConsistentRead": True},
    {"IndexName": "by-g", "ConsistentRead": True},
    {"FilterExpression": "SK > :n", "ExpressionAttributeValues": {":n": n(3)}},
    {"FilterExpression": "contains(t, :n)", "ExpressionAttributeValues": {":n": s("b")}},
    {"ProjectionExpression": "#p", "ExpressionAttributeNames": {"#p": "PK"}},
    {"ProjectionExpression": "#q", "ExpressionAttributeNames": {"#p": "PK"}},
    {"ScanFilter": {"SK": {"ComparisonOperator": "GT", "AttributeValueList": [n(3)]}}},
    {"ReturnConsumedCapacity": "TOTAL"},
    {"ExclusiveStartKey": {}},
)


def reads() -> Iterator[Request]:
    """Queries and scans of a filled table, its indexes included; projections and paging."""
    yield from FILL
    yield from to_things("Query", *QUERIES)
    yield from to_things("Scan", *SCANS)
    projections = ("PK, n", "m.a[0]", "m.a[9]", "nope", "a b", "#x", "PK,", "m..a", "x" * 5000)
    yield from to_things(
        "GetItem", *({"Key": key(), "ProjectionExpression": text} for text in projections)
    )
    yield from to_things(
        "GetItem",
        {"Key": key(), "AttributesToGet": ["n"]},
        {"Key": key(), "AttributesToGet": ["n", "n"]},
        {"Key": key(), "ConsistentRead": "yes"},
        {"Key": key("zz")},
    )
