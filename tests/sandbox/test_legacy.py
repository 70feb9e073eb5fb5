"""Global tables of version 2017.11.29: taken with a warning, refused in AWS's words when strict."""

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from tests.support.global_tables import VALIDATION, create, describe, refusal, update
from tests.support.sandbox import REGIONS, RunningSandbox, error_of, text, wait_until

HOME, AWAY, THIRD = REGIONS
Start = Callable[..., RunningSandbox]
UNSUPPORTED = (
    "One or more parameter values were invalid: DynamoDB global tables version 2017.11.29 is not "
    "supported. We recommend using DynamoDB global tables version 2019.11.21, instead of version "
    "2017.11.29 (Legacy)."
)
STREAM: dict[str, Any] = {"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"}
CAPACITY: dict[str, Any] = {
    "BillingMode": "PROVISIONED",
    "ProvisionedThroughput": {"ReadCapacityUnits": 1, "WriteCapacityUnits": 1},
}


# A group


def test_tables_made_by_hand_are_joined_and_replicate(sandbox: RunningSandbox, table: str) -> None:
    for region in (HOME, AWAY):
        _make(sandbox, table, region, **CAPACITY)
    joined = _join(sandbox, table, HOME, AWAY)
    assert joined["GlobalTableArn"] == f"arn:aws:dynamodb::123456789012:global-table/{table}"
    assert joined["GlobalTableName"] == table
    assert _regions(joined) == [HOME, AWAY]
    assert UNSUPPORTED in sandbox.output()
    _put(sandbox, table, HOME, "a")
    sandbox.drain()
    assert set(sandbox.scan(table, AWAY)) == {"a"}
    found = describe(sandbox, table, HOME)
    assert found["GlobalTableVersion"] == "2017.11.29"
    assert "Replicas" not in found


def test_another_empty_table_joins_a_group_that_is_empty(
    sandbox: RunningSandbox, table: str
) -> None:
    _group(sandbox, table)
    _make(sandbox, table, THIRD)
    joined = _update(sandbox, table, {"Create": {"RegionName": THIRD}})
    assert _regions(joined) == [HOME, AWAY, THIRD]
    _put(sandbox, table, THIRD, "a")
    sandbox.drain()
    assert [set(sandbox.scan(table, region)) for region in REGIONS] == [{"a"}] * 3


def test_a_replica_that_leaves_stays_a_table_with_its_items(
    sandbox: RunningSandbox, table: str
) -> None:
    _group(sandbox, table)
    sandbox.hold()
    _put(sandbox, table, AWAY, "owed")
    _put(sandbox, table, HOME, "due")
    assert _regions(_update(sandbox, table, {"Delete": {"RegionName": AWAY}})) == [HOME]
    sandbox.deliver()
    _put(sandbox, table, HOME, "later")
    sandbox.drain()
    assert set(sandbox.scan(table, AWAY)) == {"owed"}
    assert set(sandbox.scan(table, HOME)) == {"owed", "due", "later"}
    assert "GlobalTableVersion" not in describe(sandbox, table, AWAY)
    assert _regions(_update(sandbox, table, {"Delete": {"RegionName": HOME}})) == []
    code, _ = error_of(lambda: sandbox.client(HOME).describe_global_table(GlobalTableName=table))
    assert code == "GlobalTableNotFoundException"


def test_a_group_takes_a_moment_to_be_active(start: Start) -> None:
    own = start(pace_seconds=0.5)
    for region in (HOME, AWAY):
        _make(own, "slow", region)
    assert _join(own, "slow", HOME, AWAY)["GlobalTableStatus"] == "CREATING"
    client = own.client(HOME)

    def status() -> str:
        described = client.describe_global_table(GlobalTableName="slow")["GlobalTableDescription"]
        return described["GlobalTableStatus"]

    wait_until(lambda: status() == "ACTIVE")


def test_a_group_survives_a_crash(start: Start) -> None:
    own = start()
    _group(own, "kept")
    _put(own, "kept", HOME, "a")
    own.kill()
    own.restart()
    own.drain()
    assert set(own.scan("kept", AWAY)) == {"a"}
    described = own.client(AWAY).describe_global_table(GlobalTableName="kept")
    assert _regions(described["GlobalTableDescription"]) == [HOME, AWAY]


# What is refused


def test_a_table_has_to_be_there_alike_empty_and_with_a_stream(
    sandbox: RunningSandbox, table: str
) -> None:
    _make(sandbox, table, HOME)
    code, message = error_of(lambda: _join(sandbox, table, HOME, AWAY))
    assert (code, AWAY in message) == ("TableNotFoundException", True)
    sandbox.create_table(table, AWAY)
    assert "Streams" in _refused_join(sandbox, table)
    sandbox.client(AWAY).delete_table(TableName=table)
    _make(sandbox, table, AWAY, sort_key=True)
    assert "same key" in _refused_join(sandbox, table)
    sandbox.client(AWAY).delete_table(TableName=table)
    _make(sandbox, table, AWAY, **CAPACITY)
    assert "same write capacity" in _refused_join(sandbox, table)
    sandbox.client(AWAY).delete_table(TableName=table)
    _make(sandbox, table, AWAY)
    _put(sandbox, table, AWAY, "a")
    assert "must be empty" in _refused_join(sandbox, table)
    assert "GlobalTableVersion" not in describe(sandbox, table, HOME)
    sandbox.client(AWAY).delete_item(TableName=table, Key={"PK": text("a")})
    _join(sandbox, table, HOME, AWAY)


def test_what_a_group_has_or_lacks_already_is_refused(sandbox: RunningSandbox, table: str) -> None:
    _group(sandbox, table)
    for update_, code in (
        ({"Create": {"RegionName": AWAY}}, "ReplicaAlreadyExistsException"),
        ({"Create": {"RegionName": THIRD}}, "TableNotFoundException"),
        ({"Delete": {"RegionName": THIRD}}, "ReplicaNotFoundException"),
        ({}, VALIDATION),
    ):
        assert error_of(lambda update_=update_: _update(sandbox, table, update_))[0] == code  # type: ignore[misc]
    code, _ = error_of(lambda: _join(sandbox, table, HOME, AWAY))
    assert code == "GlobalTableAlreadyExistsException"
    described = sandbox.client(HOME).describe_global_table(GlobalTableName=table)
    assert _regions(described["GlobalTableDescription"]) == [HOME, AWAY]


def test_versions_do_not_mix(sandbox: RunningSandbox, table: str) -> None:
    _group(sandbox, table)
    code, message = refusal(sandbox, table, HOME, create(THIRD))
    assert (code, "UpdateGlobalTable" in message) == (VALIDATION, True)
    new = f"{table}-new"
    sandbox.create_table(new, HOME, AWAY)
    assert "part of a global table" in _refused_join(sandbox, new)


def test_the_stream_of_a_replica_cannot_be_turned_off(sandbox: RunningSandbox, table: str) -> None:
    _group(sandbox, table)
    off = {"StreamEnabled": False}
    refused = error_of(lambda: update(sandbox, table, HOME, StreamSpecification=off))
    assert refused == (VALIDATION, "Disabling Stream is not allowed for a Global Table replica.")


def test_an_unknown_group_is_not_found_in_each_operations_own_words(
    sandbox: RunningSandbox, table: str
) -> None:
    client = sandbox.client(HOME)
    plain = f"Global table with name: '{table}' does not exist."
    missing = "GlobalTableNotFoundException"
    for call, message in (
        (
            lambda: client.describe_global_table(GlobalTableName=table),
            f"Global table not found: {plain}",
        ),
        (lambda: client.describe_global_table_settings(GlobalTableName=table), plain),
        (lambda: client.update_global_table_settings(GlobalTableName=table), plain),
    ):
        assert error_of(call) == (missing, message)
    code, _ = error_of(lambda: _update(sandbox, table, {"Create": {"RegionName": AWAY}}))
    assert code == missing


def test_strict_refuses_as_aws_does(start: Start) -> None:
    own = start(strict=True)
    _make(own, "late", HOME)
    client = own.client(HOME)
    assert error_of(lambda: _join(own, "late", HOME)) == (VALIDATION, UNSUPPORTED)
    assert error_of(lambda: _join(own, "nowhere", AWAY)) == (VALIDATION, UNSUPPORTED)
    assert client.list_global_tables()["GlobalTables"] == []
    for call in (
        lambda: client.describe_global_table(GlobalTableName="late"),
        lambda: _update(own, "late", {"Delete": {"RegionName": HOME}}),
    ):
        assert error_of(call)[0] == "GlobalTableNotFoundException"


# Lists and settings


def test_groups_are_listed_by_name_and_page_by_page(start: Start) -> None:
    own = start()
    for name in ("music", "books", "films"):
        _make(own, name, HOME)
        _join(own, name, HOME)
    _make(own, "books", AWAY)
    _update(own, "books", {"Create": {"RegionName": AWAY}})
    client = own.client(THIRD)
    first = client.list_global_tables(Limit=2)
    assert [each["GlobalTableName"] for each in first["GlobalTables"]] == ["books", "films"]
    assert first["LastEvaluatedGlobalTableName"] == "films"
    rest = client.list_global_tables(ExclusiveStartGlobalTableName="films")
    assert [each["GlobalTableName"] for each in rest["GlobalTables"]] == ["music"]
    assert "LastEvaluatedGlobalTableName" not in rest
    (there,) = client.list_global_tables(RegionName=AWAY)["GlobalTables"]
    assert _regions(there) == [HOME, AWAY]
    code, _ = error_of(lambda: client.list_global_tables(RegionName="mars-1"))
    assert code == "InternalServerError"


def test_settings_are_changed_in_all_regions_or_in_one(sandbox: RunningSandbox, table: str) -> None:
    for region in (HOME, AWAY):
        _make(sandbox, table, region, **CAPACITY)
    _join(sandbox, table, HOME, AWAY)
    client = sandbox.client(HOME)
    changed = client.update_global_table_settings(
        GlobalTableName=table,
        GlobalTableProvisionedWriteCapacityUnits=7,
        ReplicaSettingsUpdate=[{"RegionName": AWAY, "ReplicaProvisionedReadCapacityUnits": 9}],
    )
    found = client.describe_global_table_settings(GlobalTableName=table)
    assert changed["ReplicaSettings"] == found["ReplicaSettings"]
    assert [
        (
            each["RegionName"],
            each["ReplicaProvisionedReadCapacityUnits"],
            each["ReplicaProvisionedWriteCapacityUnits"],
        )
        for each in found["ReplicaSettings"]
    ] == [(HOME, 1, 7), (AWAY, 9, 7)]
    code, _ = error_of(
        lambda: client.update_global_table_settings(
            GlobalTableName=table, ReplicaSettingsUpdate=[{"RegionName": THIRD}]
        )
    )
    assert code == "ReplicaNotFoundException"


def test_each_table_has_its_own_time_to_live_and_capacity(
    sandbox: RunningSandbox, table: str
) -> None:
    _group(sandbox, table)
    sandbox.client(HOME).update_time_to_live(
        TableName=table, TimeToLiveSpecification={"Enabled": True, "AttributeName": "expires_at"}
    )
    update(sandbox, table, HOME, TableClass="STANDARD_INFREQUENT_ACCESS")
    there = sandbox.client(AWAY).describe_time_to_live(TableName=table)["TimeToLiveDescription"]
    assert there["TimeToLiveStatus"] == "DISABLED"
    assert "TableClassSummary" not in describe(sandbox, table, AWAY)


NOWHERE = {"IndexName": "nowhere"}


@pytest.mark.parametrize(
    "settings",
    [
        {"GlobalTableGlobalSecondaryIndexSettingsUpdate": [NOWHERE]},
        {
            "ReplicaSettingsUpdate": [
                {"RegionName": HOME, "ReplicaProvisionedReadCapacityUnits": 9},
                {"RegionName": AWAY, "ReplicaGlobalSecondaryIndexSettingsUpdate": [NOWHERE]},
            ]
        },
    ],
)
def test_settings_that_one_table_cannot_have_are_given_to_none(
    sandbox: RunningSandbox, table: str, settings: dict[str, Any]
) -> None:
    for region in (HOME, AWAY):
        _make(sandbox, table, region, **CAPACITY)
    _join(sandbox, table, HOME, AWAY)
    client = sandbox.client(HOME)
    before = client.describe_global_table_settings(GlobalTableName=table)["ReplicaSettings"]
    ask: Any = partial(client.update_global_table_settings, GlobalTableName=table)
    assert error_of(lambda: ask(**settings))[0] == "IndexNotFoundException"
    after = client.describe_global_table_settings(GlobalTableName=table)["ReplicaSettings"]
    assert after == before


def test_a_table_class_is_one_tables_own(sandbox: RunningSandbox, table: str) -> None:
    _group(sandbox, table)
    rare: Any = "STANDARD_INFREQUENT_ACCESS"
    changed = sandbox.client(HOME).update_global_table_settings(
        GlobalTableName=table,
        ReplicaSettingsUpdate=[{"RegionName": AWAY, "ReplicaTableClass": rare}],
    )["ReplicaSettings"]
    found = {each["RegionName"]: each.get("ReplicaTableClassSummary") for each in changed}
    assert found == {HOME: None, AWAY: {"TableClass": rare}}


@pytest.mark.parametrize(
    "request_",
    [
        {"GlobalTableName": "abc", "ReplicationGroup": []},
        {"GlobalTableName": "abc", "ReplicationGroup": [{"RegionName": "mars-1"}]},
    ],
)
def test_what_names_nothing_is_refused(sandbox: RunningSandbox, request_: dict[str, Any]) -> None:
    assert error_of(lambda: sandbox.client(HOME).create_global_table(**request_))[0] == VALIDATION


def _make(sandbox: RunningSandbox, table: str, region: str, **more: Any) -> None:
    sandbox.create_table(table, region, StreamSpecification=STREAM, **more)


def _group(sandbox: RunningSandbox, table: str) -> None:
    for region in (HOME, AWAY):
        _make(sandbox, table, region)
    _join(sandbox, table, HOME, AWAY)


def _join(sandbox: RunningSandbox, table: str, *regions: str) -> dict[str, Any]:
    found: Any = sandbox.client(HOME).create_global_table(
        GlobalTableName=table, ReplicationGroup=[{"RegionName": region} for region in regions]
    )
    return dict(found["GlobalTableDescription"])


def _refused_join(sandbox: RunningSandbox, table: str) -> str:
    code, message = error_of(lambda: _join(sandbox, table, HOME, AWAY))
    assert code == VALIDATION
    return message


def _update(sandbox: RunningSandbox, table: str, *updates: Any) -> dict[str, Any]:
    found: Any = sandbox.client(HOME).update_global_table(
        GlobalTableName=table, ReplicaUpdates=list(updates)
    )
    return dict(found["GlobalTableDescription"])


def _regions(described: Any) -> list[str]:
    return [each["RegionName"] for each in described["ReplicationGroup"]]


def _put(sandbox: RunningSandbox, table: str, region: str, key: str) -> None:
    sandbox.client(region).put_item(TableName=table, Item={"PK": text(key)})
