"""Batches and transactions: their limits, and each reason for a cancellation."""

from collections.abc import Iterator
from typing import Any

from tests.support.requests.base import FILL, PLAIN, THINGS, Request, key, n, put, s, thing


def batches() -> Iterator[Request]:
    """BatchGetItem and BatchWriteItem: limits, duplicates, tables that do not exist."""
    yield from FILL
    puts = [{"PutRequest": {"Item": thing("c", at)}} for at in range(1, 28)]
    deletes = [{"DeleteRequest": {"Key": key("c", at)}} for at in range(1, 28)]
    bodies: tuple[Any, ...] = (
        {THINGS: puts[:25]},
        {THINGS: puts[:26]},
        {THINGS: deletes[:3], PLAIN: [{"PutRequest": {"Item": {"PK": s("p")}}}]},
        {THINGS: [puts[0], deletes[0]]},
        {THINGS: [puts[0], puts[0]]},
        {THINGS: [{**puts[0], **deletes[0]}]},
        {THINGS: [{}]},
        {THINGS: []},
        {},
        {"nope": puts[:1]},
        {THINGS: puts[:1], "nope": puts[:1]},
        {THINGS: [{"PutRequest": {"Item": {"PK": s("a")}}}]},
        {THINGS: [puts[0], {"PutRequest": {"Item": {"PK": s("a"), "SK": s("x")}}}]},
        {THINGS: [{"DeleteRequest": {"Key": thing(x=s("y"))}}]},
        {THINGS: [{"PutRequest": {"Key": key()}}]},
        {THINGS: [{"FrobRequest": {"Key": key()}}]},
        {THINGS: {}},
        [],
    )
    for body in bodies:
        yield "BatchWriteItem", {"RequestItems": body}
    yield "BatchWriteItem", {"RequestItems": bodies[2], "ReturnConsumedCapacity": "INDEXES"}
    yield "BatchWriteItem", {"RequestItems": bodies[2], "ReturnItemCollectionMetrics": "SIZE"}
    gets: tuple[Any, ...] = (
        {THINGS: {"Keys": [key(), key("b", 2), key("zz")]}},
        {THINGS: {"Keys": [key()], "ConsistentRead": True, "ProjectionExpression": "n"}},
        {THINGS: {"Keys": [key(), key()]}},
        {THINGS: {"Keys": [key("a", at) for at in range(101)]}},
        {THINGS: {"Keys": []}},
        {THINGS: {}},
        {},
        {"nope": {"Keys": [key()]}},
        {THINGS: {"Keys": [{"PK": s("a")}]}},
        {PLAIN: {"Keys": [{"PK": s("p")}]}, THINGS: {"Keys": [key()]}},
        {THINGS: {"Keys": [key()], "ProjectionExpression": "#n"}},
        {THINGS: {"Keys": [key()], "AttributesToGet": ["n"], "ProjectionExpression": "n"}},
    )
    for body in gets:
        yield "BatchGetItem", {"RequestItems": body}
    yield "BatchGetItem", {"RequestItems": gets[0], "ReturnConsumedCapacity": "TOTAL"}


def transactions() -> Iterator[Request]:
    """TransactWriteItems with each reason for a cancellation, and TransactGetItems."""
    yield from FILL
    update = {"TableName": THINGS, "Key": key("b", 1), "UpdateExpression": "SET n = n + :v"}
    update |= {"ExpressionAttributeValues": {":v": n(1)}}
    delete = {"TableName": THINGS, "Key": key("b", 2)}
    check = {"TableName": THINGS, "Key": key("b", 3), "ConditionExpression": "attribute_exists(PK)"}
    failed: dict[str, Any] = {"ConditionExpression": "attribute_not_exists(PK)"}
    old: dict[str, Any] = {"ReturnValuesOnConditionCheckFailure": "ALL_OLD"}
    bodies: tuple[Any, ...] = (
        [put("t"), {"Update": update}, {"Delete": delete}, {"ConditionCheck": check}],
        [put("a", **failed)],
        [put("a", **failed, **old), put("t", 2)],
        [{"ConditionCheck": {**check, **failed, **old}}, {"Update": update}],
        [{"Update": {**update, "ExpressionAttributeValues": {":v": s("x")}}}],
        [{"Update": {**update, "UpdateExpression": "SET"}}],
        [{"Update": {**update, "UpdateExpression": "SET n = :zz"}}],
        [{"Delete": {**delete, "Key": {"PK": s("b")}}}],
        [{"Delete": {**delete, "Key": {"PK": n(5), "SK": n(5)}}}],
        [put("t", 3), put("t", 3)],
        [put("t", 3), {"Delete": {"TableName": THINGS, "Key": key("t", 3)}}],
        [put("t", at) for at in range(101)],
        [],
        [{}],
        [{**put("t", 4), "Delete": delete}],
        [{"Frob": delete}],
        [{"Put": {"TableName": "nope", "Item": thing()}}],
        [put("t", 5), {"Put": {"TableName": "nope", "Item": thing()}}],
        [{"Put": {"TableName": THINGS}}],
        [{"Put": {"TableName": THINGS, "Item": thing(x=s("y" * 410_000))}}],
        [{"Put": {"TableName": THINGS, "Item": thing(x=n("abc"))}}],
        [{"ConditionCheck": {"TableName": THINGS, "Key": key()}}],
        {},
        "x",
    )
    for parts in bodies:
        yield "TransactWriteItems", {"TransactItems": parts}
    once = {"TransactItems": [{"Update": update}], "ClientRequestToken": "token-1"}
    yield "TransactWriteItems", once
    yield "TransactWriteItems", once
    yield "TransactWriteItems", {**once, "TransactItems": bodies[0]}
    yield "TransactWriteItems", {**once, "ClientRequestToken": "x" * 37}
    yield "TransactWriteItems", {**once, "ClientRequestToken": ""}
    yield (
        "TransactWriteItems",
        {**once, "ClientRequestToken": "t2", "ReturnConsumedCapacity": "TOTAL"},
    )
    gets: tuple[Any, ...] = (
        [{"Get": {"TableName": THINGS, "Key": key("b", at)}} for at in (1, 2, 3, 99)],
        [{"Get": {"TableName": THINGS, "Key": key(), "ProjectionExpression": "n"}}],
        [{"Get": {"TableName": THINGS, "Key": key()}}] * 2,
        [{"Get": {"TableName": "nope", "Key": key()}}],
        [{"Get": {"TableName": THINGS, "Key": {"PK": s("a")}}}],
        [{"Get": {}}],
        [{}],
        [],
    )
    for parts in gets:
        yield "TransactGetItems", {"TransactItems": parts}
    yield "TransactGetItems", {"TransactItems": gets[0], "ReturnConsumedCapacity": "TOTAL"}
