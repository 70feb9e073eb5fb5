"""Settings of global tables: shared by all replicas, overridden in one, or each region's own."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from typing import Any

import pytest
from botocore.exceptions import BotoCoreError

from tests.support.global_tables import VALIDATION, change, create, describe, refusal, update
from tests.support.sandbox import (
    REGIONS,
    RunningSandbox,
    error_of,
    frozen,
    send,
    text,
    wait_until,
)

HOME, AWAY, THIRD = REGIONS
Start = Callable[..., RunningSandbox]
INDEX: dict[str, Any] = {
    "IndexName": "by-place",
    "KeySchema": [{"AttributeName": "place", "KeyType": "HASH"}],
    "Projection": {"ProjectionType": "ALL"},
}
DEFINITION: dict[str, Any] = {
    "AttributeDefinitions": [{"AttributeName": "PK", "AttributeType": "S"}],
    "KeySchema": [{"AttributeName": "PK", "KeyType": "HASH"}],
    "BillingMode": "PAY_PER_REQUEST",
}
PLACE = [{"AttributeName": "place", "AttributeType": "S"}]


# Shared


def test_an_index_made_in_any_region_is_made_and_filled_in_all(
    sandbox: RunningSandbox, table: str
) -> None:
    sandbox.create_table(table)
    sandbox.client(HOME).put_item(TableName=table, Item={"PK": text("a"), "place": text("here")})
    sandbox.drain()
    _add_index(sandbox, table, AWAY)
    for region in REGIONS:
        assert _found_by_place(sandbox, table, region) == ["a"]
    _drop_index(sandbox, table, THIRD)
    for region in REGIONS:
        assert not describe(sandbox, table, region).get("GlobalSecondaryIndexes")


def test_an_index_that_the_engine_refuses_is_made_nowhere(
    sandbox: RunningSandbox, table: str
) -> None:
    sandbox.create_table(table, HOME, AWAY)
    undefined: Any = [{"Create": INDEX}]
    code, _ = error_of(lambda: update(sandbox, table, HOME, GlobalSecondaryIndexUpdates=undefined))
    assert code == VALIDATION
    for region in (HOME, AWAY):
        assert "GlobalSecondaryIndexes" not in describe(sandbox, table, region)
    _add_index(sandbox, table, HOME)


def test_encryption_warm_throughput_and_most_writes_are_every_regions(
    sandbox: RunningSandbox, table: str
) -> None:
    sandbox.create_table(table, HOME, AWAY)
    warm = {"ReadUnitsPerSecond": 13_000, "WriteUnitsPerSecond": 5_000}
    update(sandbox, table, AWAY, SSESpecification={"Enabled": True, "SSEType": "KMS"})
    update(sandbox, table, AWAY, WarmThroughput=warm)
    update(sandbox, table, AWAY, OnDemandThroughput={"MaxWriteRequestUnits": 9})
    for region in (HOME, AWAY):
        found = describe(sandbox, table, region)
        assert found["SSEDescription"]["SSEType"] == "KMS"
        assert found["SSEDescription"]["KMSMasterKeyArn"].split(":")[3] == region
        assert found["WarmThroughput"]["WriteUnitsPerSecond"] == 5_000
        assert found["OnDemandThroughput"]["MaxWriteRequestUnits"] == 9
    assert describe(sandbox, table, HOME)["Replicas"][0]["WarmThroughput"] == {
        **warm,
        "Status": "ACTIVE",
    }


def test_a_new_replica_has_the_settings_of_its_source(sandbox: RunningSandbox, table: str) -> None:
    sandbox.create_table(table, HOME, TableClass="STANDARD_INFREQUENT_ACCESS")
    update(sandbox, table, HOME, SSESpecification={"Enabled": True, "SSEType": "KMS"})
    sandbox.add_replica(table, HOME, AWAY)
    sandbox.wait_active(table, HOME, AWAY)
    found = describe(sandbox, table, AWAY)
    assert found["TableClassSummary"]["TableClass"] == "STANDARD_INFREQUENT_ACCESS"
    assert found["SSEDescription"]["Status"] == "ENABLED"


def test_an_update_cut_short_by_a_crash_is_finished_everywhere(start: Start) -> None:
    """Killed when one region has the index and another one hangs."""
    own = start()
    own.create_table("cut")
    with ThreadPoolExecutor(1) as pool, frozen(own.engine_pid(AWAY)):
        asked = pool.submit(_try_index, own, "cut")
        wait_until(lambda: _index_names(own, "cut", HOME) == ["by-place"])
        own.kill()
        asked.result()
    own.restart()
    assert [_index_names(own, "cut", region) for region in REGIONS] == [["by-place"]] * 3


@pytest.mark.parametrize(
    "setting",
    [
        {"WarmThroughput": "much"},
        {"WarmThroughput": {"ReadUnitsPerSecond": "many"}},
        {"SSESpecification": "please"},
        {"StreamSpecification": 5},
        {"StreamSpecification": {"StreamEnabled": "yes"}},
        {"DisassociationProtectionEnabled": "no"},
    ],
)
def test_a_setting_of_another_type_is_refused_and_the_table_goes_on(
    sandbox: RunningSandbox, table: str, setting: dict[str, Any]
) -> None:
    """As SDKs would not send it, and as no engine looks at it."""
    sandbox.create_table(table, HOME, AWAY)
    before = describe(sandbox, table, AWAY)
    asked = send(sandbox.port, "UpdateTable", {"TableName": table, **setting}, HOME)
    assert asked.getresponse().status == 400
    asked.close()
    assert describe(sandbox, table, AWAY) == before
    named = {"TableName": f"{table}-new", **DEFINITION, **setting}
    asked = send(sandbox.port, "CreateTable", named, HOME)
    assert asked.getresponse().status == 400
    asked.close()
    assert f"{table}-new" not in sandbox.client(HOME).list_tables()["TableNames"]


# Overridden


def test_reads_are_overridden_in_one_region_until_somebody_changes_them_for_all(
    sandbox: RunningSandbox, table: str
) -> None:
    _provisioned(sandbox, table, HOME)
    more = {"ReadCapacityUnits": 50}
    change(sandbox, table, HOME, create(AWAY, ProvisionedThroughputOverride=more))
    sandbox.wait_active(table, HOME, AWAY)
    assert _capacity(sandbox, table, AWAY) == (50, 5)
    assert _capacity(sandbox, table, HOME) == (5, 5)
    (entry,) = describe(sandbox, table, HOME)["Replicas"]
    assert entry["ProvisionedThroughputOverride"] == more
    writes = {"ReadCapacityUnits": 5, "WriteCapacityUnits": 8}
    update(sandbox, table, HOME, ProvisionedThroughput=writes)
    assert _capacity(sandbox, table, AWAY) == (50, 8)
    update(
        sandbox,
        table,
        HOME,
        ProvisionedThroughput={"ReadCapacityUnits": 20, "WriteCapacityUnits": 8},
    )
    assert _capacity(sandbox, table, AWAY) == (20, 8)
    (entry,) = describe(sandbox, table, HOME)["Replicas"]
    assert "ProvisionedThroughputOverride" not in entry


def test_a_replica_is_given_a_table_class_of_its_own_and_takes_the_groups_next(
    sandbox: RunningSandbox, table: str
) -> None:
    sandbox.create_table(table, HOME, AWAY)
    rare = "STANDARD_INFREQUENT_ACCESS"
    change(
        sandbox,
        table,
        HOME,
        {"Update": {"RegionName": AWAY, "TableClassOverride": rare}},
    )
    (entry,) = describe(sandbox, table, HOME)["Replicas"]
    assert entry["ReplicaTableClassSummary"] == {"TableClass": rare}
    assert describe(sandbox, table, AWAY)["TableClassSummary"]["TableClass"] == rare
    assert "TableClassSummary" not in describe(sandbox, table, HOME)
    update(sandbox, table, AWAY, TableClass="STANDARD")
    (entry,) = describe(sandbox, table, HOME)["Replicas"]
    assert "ReplicaTableClassSummary" not in entry


@pytest.mark.parametrize(
    "override",
    [
        {"ProvisionedThroughputOverride": {"ReadCapacityUnits": 5}},
        {
            "GlobalSecondaryIndexes": [
                {
                    "IndexName": "nowhere",
                    "ProvisionedThroughputOverride": {"ReadCapacityUnits": 5},
                }
            ]
        },
    ],
)
def test_an_override_that_the_table_cannot_have_makes_no_replica(
    sandbox: RunningSandbox, table: str, override: dict[str, Any]
) -> None:
    sandbox.create_table(table, HOME)
    assert refusal(sandbox, table, HOME, create(AWAY, **override))[0] == VALIDATION
    assert "Replicas" not in describe(sandbox, table, HOME)


def test_an_override_of_a_stranger_is_refused(sandbox: RunningSandbox, table: str) -> None:
    sandbox.create_table(table, HOME, AWAY)
    stranger = {"Update": {"RegionName": THIRD, "TableClassOverride": "STANDARD"}}
    code, message = refusal(sandbox, table, HOME, stranger)
    assert (code, f"[{THIRD}]" in message) == (VALIDATION, True)


# Each region's own


def test_protection_recovery_and_tags_stay_in_their_region(
    sandbox: RunningSandbox, table: str
) -> None:
    sandbox.create_table(table, HOME, AWAY)
    client = sandbox.client(AWAY)
    arn = describe(sandbox, table, AWAY)["TableArn"]
    update(sandbox, table, AWAY, DeletionProtectionEnabled=True)
    client.tag_resource(ResourceArn=arn, Tags=[{"Key": "stage", "Value": "test"}])
    answered = client.update_continuous_backups(
        TableName=table, PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": True}
    )["ContinuousBackupsDescription"]
    assert answered["PointInTimeRecoveryDescription"]["RecoveryPeriodInDays"] == 35
    assert [_own_settings(sandbox, table, region) for region in (HOME, AWAY)] == [
        (False, "DISABLED", []),
        (True, "ENABLED", [{"Key": "stage", "Value": "test"}]),
    ]
    client.untag_resource(ResourceArn=arn, TagKeys=["stage"])
    assert _own_settings(sandbox, table, AWAY)[2] == []


def test_recovery_is_remembered_across_a_restart(start: Start) -> None:
    own = start()
    own.create_table("kept", HOME)
    own.client(HOME).update_continuous_backups(
        TableName="kept",
        PointInTimeRecoverySpecification={
            "PointInTimeRecoveryEnabled": True,
            "RecoveryPeriodInDays": 3,
        },
    )
    own.restart()
    found = own.client(HOME).describe_continuous_backups(TableName="kept")
    point = found["ContinuousBackupsDescription"]["PointInTimeRecoveryDescription"]
    assert (point["PointInTimeRecoveryStatus"], point["RecoveryPeriodInDays"]) == ("ENABLED", 3)


# Time to live


def test_time_to_live_takes_a_moment_to_be_enabled(start: Start) -> None:
    own = start(pace_seconds=600, regions=(HOME,))
    own.create_table("timed", HOME)
    _set_ttl(own, "timed", HOME, enabled=True)
    assert _ttl(own, "timed", HOME) == ("ENABLING", "expires_at")
    own.control.put_clock_ahead(600)
    assert _ttl(own, "timed", HOME) == ("ENABLED", "expires_at")


@pytest.mark.parametrize("enabled", [True, False])
def test_time_to_live_by_another_attribute_is_refused_while_it_is_on(
    sandbox: RunningSandbox, table: str, enabled: bool
) -> None:
    sandbox.create_table(table, HOME)
    _set_ttl(sandbox, table, HOME, enabled=True)
    other: Any = {"Enabled": enabled, "AttributeName": "other"}
    ask = partial(sandbox.client(HOME).update_time_to_live, TableName=table)
    assert error_of(lambda: ask(TimeToLiveSpecification=other)) == (
        VALIDATION,
        "TimeToLive is active on a different AttributeName: current AttributeName is expires_at",
    )
    wait_until(lambda: _ttl(sandbox, table, HOME) == ("ENABLED", "expires_at"))


@pytest.mark.parametrize(
    "specification",
    [
        None,
        [],
        {"AttributeName": "expires_at"},
        {"Enabled": True},
        {"Enabled": True, "AttributeName": ""},
        {"Enabled": True, "AttributeName": "a" * 256},
        {"Enabled": "yes", "AttributeName": "expires_at"},
        {"Enabled": True, "AttributeName": 5},
    ],
)
def test_time_to_live_that_is_not_told_what_to_do_stays_off(
    sandbox: RunningSandbox, table: str, specification: object
) -> None:
    sandbox.create_table(table, HOME)
    body = {"TableName": table, "TimeToLiveSpecification": specification}
    asked = send(sandbox.port, "UpdateTimeToLive", body, HOME)
    assert asked.getresponse().status == 400
    asked.close()
    assert _ttl(sandbox, table, HOME) == ("DISABLED", "")


def _add_index(sandbox: RunningSandbox, table: str, region: str) -> None:
    attributes = describe(sandbox, table, region)["AttributeDefinitions"]
    update(
        sandbox,
        table,
        region,
        AttributeDefinitions=[*attributes, *PLACE],
        GlobalSecondaryIndexUpdates=[{"Create": INDEX}],
    )


def _try_index(own: RunningSandbox, table: str) -> None:
    with suppress(BotoCoreError):
        _add_index(own, table, HOME)


def _index_names(own: RunningSandbox, table: str, region: str) -> list[str]:
    indexes = describe(own, table, region).get("GlobalSecondaryIndexes", [])
    return sorted(each["IndexName"] for each in indexes)


def _drop_index(sandbox: RunningSandbox, table: str, region: str) -> None:
    update(
        sandbox,
        table,
        region,
        GlobalSecondaryIndexUpdates=[{"Delete": {"IndexName": "by-place"}}],
    )


def _found_by_place(sandbox: RunningSandbox, table: str, region: str) -> list[str]:
    found = sandbox.client(region).query(
        TableName=table,
        IndexName="by-place",
        KeyConditionExpression="place = :place",
        ExpressionAttributeValues={":place": text("here")},
    )
    return [item["PK"]["S"] for item in found["Items"]]


def _provisioned(sandbox: RunningSandbox, table: str, region: str) -> None:
    sandbox.create_table(
        table,
        region,
        BillingMode="PROVISIONED",
        ProvisionedThroughput={"ReadCapacityUnits": 5, "WriteCapacityUnits": 5},
    )
    sandbox.let_writes_scale(table, region)


def _capacity(sandbox: RunningSandbox, table: str, region: str) -> tuple[int, int]:
    found = describe(sandbox, table, region)["ProvisionedThroughput"]
    return found["ReadCapacityUnits"], found["WriteCapacityUnits"]


def _own_settings(
    sandbox: RunningSandbox, table: str, region: str
) -> tuple[bool, str, list[dict[str, str]]]:
    """(protected, point-in-time recovery, tags)."""
    client = sandbox.client(region)
    described = describe(sandbox, table, region)
    backups: Any = client.describe_continuous_backups(TableName=table)
    point = backups["ContinuousBackupsDescription"]["PointInTimeRecoveryDescription"]
    tags: Any = client.list_tags_of_resource(ResourceArn=described["TableArn"])["Tags"]
    return (
        described.get("DeletionProtectionEnabled", False),
        point["PointInTimeRecoveryStatus"],
        tags,
    )


def _set_ttl(sandbox: RunningSandbox, table: str, region: str, *, enabled: bool) -> None:
    sandbox.client(region).update_time_to_live(
        TableName=table,
        TimeToLiveSpecification={"Enabled": enabled, "AttributeName": "expires_at"},
    )


def _ttl(sandbox: RunningSandbox, table: str, region: str) -> tuple[str, str]:
    found = sandbox.client(region).describe_time_to_live(TableName=table)["TimeToLiveDescription"]
    return found["TimeToLiveStatus"], found.get("AttributeName", "")
