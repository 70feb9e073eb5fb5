"""Tables and their settings, tags among them."""

from collections.abc import Iterator

from tests.support.requests.base import PLAIN, TABLES, THINGS, Body, Request


def settings(arn: str) -> Iterator[Request]:
    """Tags, tables and their life; `arn` is the table's own."""
    tags = [{"Key": "k", "Value": "v"}]
    yield "TagResource", {"ResourceArn": arn, "Tags": tags}
    yield "ListTagsOfResource", {"ResourceArn": arn}
    yield "TagResource", {"ResourceArn": arn, "Tags": []}
    yield "TagResource", {"ResourceArn": arn, "Tags": [{"Key": "", "Value": "v"}]}
    yield "TagResource", {"ResourceArn": arn}
    yield "TagResource", {"ResourceArn": f"{arn}-not", "Tags": tags}
    yield "TagResource", {"ResourceArn": "things", "Tags": tags}
    yield "UntagResource", {"ResourceArn": arn, "TagKeys": ["k"]}
    yield "UntagResource", {"ResourceArn": arn, "TagKeys": []}
    yield "ListTagsOfResource", {"ResourceArn": arn}
    yield "ListTagsOfResource", {}
    for body in ({}, {"Limit": 1}, {"Limit": 0}, {"Limit": 101}, {"Limit": "1"}):
        yield "ListTables", body
    yield "ListTables", {"ExclusiveStartTableName": PLAIN}
    yield "ListTables", {"ExclusiveStartTableName": "x"}
    for name in (THINGS, PLAIN, "nope", "x", "no spaces", "x" * 256, "", 5, None):
        yield "DescribeTable", {"TableName": name}
    _, made = TABLES[0]
    yield "CreateTable", made
    for wrong in CREATES:
        yield "CreateTable", {**made, "TableName": "another", **wrong}
    yield "DeleteTable", {"TableName": "another"}
    for change in UPDATE_TABLES:
        yield "UpdateTable", {"TableName": PLAIN, **change}
        yield "DescribeTable", {"TableName": PLAIN}
    yield "DeleteTable", {"TableName": "nope"}
    yield "DeleteTable", {"TableName": "x"}
    yield "DeleteTable", {}


CREATES: tuple[Body, ...] = (
    {"KeySchema": []},
    {"KeySchema": [{"AttributeName": "PK", "KeyType": "RANGE"}]},
    {"KeySchema": [{"AttributeName": "other", "KeyType": "HASH"}]},
    {"AttributeDefinitions": []},
    {"AttributeDefinitions": [{"AttributeName": "PK", "AttributeType": "BOOL"}]},
    {"BillingMode": "FREE"},
    {"BillingMode": "PROVISIONED"},
    {"ProvisionedThroughput": {"ReadCapacityUnits": 1, "WriteCapacityUnits": 1}},
    {"GlobalSecondaryIndexes": []},
    {"LocalSecondaryIndexes": [{"IndexName": "x"}]},
    {"TableName": "x"},
    {"TableName": "no spaces"},
    {"TableName": "x" * 256},
    {"TableName": 5},
    {"StreamSpecification": {"StreamEnabled": False}},
)
UPDATE_TABLES: tuple[Body, ...] = (
    {},
    {"BillingMode": "PROVISIONED"},
    {
        "BillingMode": "PROVISIONED",
        "ProvisionedThroughput": {"ReadCapacityUnits": 5, "WriteCapacityUnits": 5},
    },
    {"ProvisionedThroughput": {"ReadCapacityUnits": 0, "WriteCapacityUnits": 5}},
    {"ProvisionedThroughput": {"ReadCapacityUnits": 6, "WriteCapacityUnits": 5}},
    {"BillingMode": "PAY_PER_REQUEST"},
    {"DeletionProtectionEnabled": True},
    {"DeletionProtectionEnabled": False},
    {"TableClass": "STANDARD_INFREQUENT_ACCESS"},
    {"TableClass": "GOLD"},
    {
        "AttributeDefinitions": [{"AttributeName": "x", "AttributeType": "S"}],
        "GlobalSecondaryIndexUpdates": [
            {
                "Create": {
                    "IndexName": "by-x",
                    "KeySchema": [{"AttributeName": "x", "KeyType": "HASH"}],
                    "Projection": {"ProjectionType": "ALL"},
                }
            }
        ],
    },
    {"GlobalSecondaryIndexUpdates": [{"Delete": {"IndexName": "by-x"}}]},
    {"GlobalSecondaryIndexUpdates": [{"Delete": {"IndexName": "by-x"}}]},
    {"GlobalSecondaryIndexUpdates": []},
)
