"""The tables that all requests are about, the items in them, and short ways to write them."""

import itertools
from collections.abc import Iterator, Mapping
from typing import Any

THINGS = "things"
PLAIN = "plain"
Body = Mapping[str, Any]
Request = tuple[str, Any]
"""An operation and its body: JSON, or bytes to be sent as they are."""

TABLES: tuple[Request, ...] = (
    (
        "CreateTable",
        {
            "TableName": THINGS,
            "BillingMode": "PAY_PER_REQUEST",
            "AttributeDefinitions": [
                {"AttributeName": name, "AttributeType": kind}
                for name, kind in (("PK", "S"), ("SK", "N"), ("G", "S"), ("L", "N"))
            ],
            "KeySchema": [
                {"AttributeName": "PK", "KeyType": "HASH"},
                {"AttributeName": "SK", "KeyType": "RANGE"},
            ],
            "GlobalSecondaryIndexes": [
                {
                    "IndexName": "by-g",
                    "KeySchema": [{"AttributeName": "G", "KeyType": "HASH"}],
                    "Projection": {"ProjectionType": "INCLUDE", "NonKeyAttributes": ["n"]},
                }
            ],
            "LocalSecondaryIndexes": [
                {
                    "IndexName": "by-l",
                    "KeySchema": [
                        {"AttributeName": "PK", "KeyType": "HASH"},
                        {"AttributeName": "L", "KeyType": "RANGE"},
                    ],
                    "Projection": {"ProjectionType": "ALL"},
                }
            ],
        },
    ),
    (
        "CreateTable",
        {
            "TableName": PLAIN,
            "BillingMode": "PAY_PER_REQUEST",
            "AttributeDefinitions": [{"AttributeName": "PK", "AttributeType": "S"}],
            "KeySchema": [{"AttributeName": "PK", "KeyType": "HASH"}],
        },
    ),
)


def key(pk: str = "a", sk: int = 1) -> dict[str, Any]:
    return {"PK": {"S": pk}, "SK": {"N": str(sk)}}


def thing(pk: str = "a", sk: int = 1, **more: Any) -> dict[str, Any]:
    return {**key(pk, sk), **more}


def n(value: object) -> dict[str, str]:
    return {"N": str(value)}


def s(value: str) -> dict[str, str]:
    return {"S": value}


def to_things(operation: str, *bodies: Body) -> Iterator[Request]:
    for body in bodies:
        yield operation, {"TableName": THINGS, **body}


def put(pk: str, sk: int = 1, **more: Any) -> dict[str, Any]:
    item = thing(pk, sk, n=n(1))
    return {"Put": {"TableName": THINGS, "Item": item, **more}}


FILL: tuple[Request, ...] = tuple(
    (
        "PutItem",
        {
            "TableName": THINGS,
            "Item": thing(
                pk,
                sk,
                n=n(sk * 10),
                t={"SS": ["x", pk]},
                m={"M": {"a": {"L": [n(1), s("two")]}}},
                **({"G": s("even")} if sk % 2 == 0 else {}),
                L=n(9 - sk),
            ),
        },
    )
    for pk, sk in itertools.product("ab", range(1, 6))
)
