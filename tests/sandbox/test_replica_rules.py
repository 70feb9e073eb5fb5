"""What may be asked of a global table's replicas, and what AWS says to everything else."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.support.global_tables import (
    IN_USE,
    NOT_FOUND,
    VALIDATION,
    change,
    create,
    delete,
    describe,
    refusal,
    replicas,
    update,
)
from tests.support.sandbox import REGIONS, RunningSandbox, error_of, send, text, wait_until

HOME, AWAY, THIRD = REGIONS
Start = Callable[..., RunningSandbox]
MANY = "Update table operation with more than one create or delete replica actions not allowed"
SOURCE = (
    "Replica cannot be deleted because it has acted as a source region for new replica(s) being "
    "added to the table in the last 24 hours."
)
DAY_SECONDS = 24 * 3600


# One action per call


def test_two_creates_are_done_one_after_the_other_with_a_warning(start: Start) -> None:
    """AWS refuses them by now; what was written when it did not still runs."""
    own = start(pace_seconds=0.05)
    own.create_table("both", HOME)
    own.client(HOME).put_item(TableName="both", Item={"PK": text("a")})
    change(own, "both", HOME, create(AWAY), create(THIRD))
    wait_until(lambda: bool(replicas(describe(own, "both", HOME))))
    assert replicas(describe(own, "both", HOME)).keys() == {AWAY, THIRD}
    own.wait_active("both", *REGIONS)
    assert [set(own.scan("both", region)) for region in REGIONS] == [{"a"}] * 3
    assert MANY in own.output()
    own.client(THIRD).put_item(TableName="both", Item={"PK": text("b")})
    own.drain()
    assert set(own.scan("both", AWAY)) == {"a", "b"}


def test_two_creates_are_refused_when_strict(start: Start) -> None:
    own = start(strict=True)
    own.create_table("both", HOME)
    assert refusal(own, "both", HOME, create(AWAY), create(THIRD)) == (VALIDATION, MANY)
    assert "Replicas" not in describe(own, "both", HOME)
    change(own, "both", HOME, create(AWAY), create(AWAY))
    own.wait_active("both", HOME, AWAY)


def test_the_environment_makes_it_strict_as_well(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SANDBOX_STRICT", "1")
    own = start(regions=(HOME,))
    own.create_table("both", HOME)
    assert refusal(own, "both", HOME, create(AWAY), create(THIRD)) == (VALIDATION, MANY)


def test_both_creates_survive_a_crash_after_the_first(start: Start) -> None:
    own = start(pace_seconds=0.2)
    own.create_table("both", HOME)
    own.client(HOME).put_item(TableName="both", Item={"PK": text("a")})
    change(own, "both", HOME, create(AWAY), create(THIRD))
    wait_until(lambda: replicas(describe(own, "both", HOME)).get(AWAY) == "ACTIVE")
    own.kill()
    own.restart()
    own.wait_active("both", *REGIONS)
    assert set(own.scan("both", THIRD)) == {"a"}


def test_two_deletes_are_one_too_many(sandbox: RunningSandbox, table: str) -> None:
    sandbox.create_table(table)
    assert refusal(sandbox, table, HOME, delete(AWAY), delete(THIRD)) == (VALIDATION, MANY)
    assert replicas(describe(sandbox, table, HOME)) == {AWAY: "ACTIVE", THIRD: "ACTIVE"}


@pytest.mark.parametrize(
    "body",
    [
        {"ReplicaUpdates": "all"},
        {"ReplicaUpdates": ["Create"]},
        {"ReplicaUpdates": [{"Create": {"RegionName": 5}}]},
        {"ReplicaUpdates": [{"Create": "eu-west-1"}]},
        {"ReplicaUpdates": [{"Update": {"RegionName": AWAY}}]},
        {"ReplicaUpdates": [{"Update": {"RegionName": AWAY, "GlobalSecondaryIndexes": [4]}}]},
        {
            "ReplicaUpdates": [
                {"Update": {"RegionName": AWAY, "ProvisionedThroughputOverride": "many"}}
            ]
        },
        {"ReplicaUpdates": [{"Create": {"RegionName": THIRD}}], "MultiRegionConsistency": "SOME"},
        {"ReplicaUpdates": [{"Create": {"RegionName": THIRD}}], "GlobalTableWitnessUpdates": 1},
    ],
)
def test_what_is_malformed_is_refused_and_changes_nothing(
    sandbox: RunningSandbox, body: dict[str, Any], table: str
) -> None:
    sandbox.create_table(table, HOME, AWAY)
    before = describe(sandbox, table, HOME)
    status, kind = _raw(sandbox, {"TableName": table, **body})
    assert status == 400
    assert kind in ("ValidationException", "SerializationException")
    assert describe(sandbox, table, HOME) == before


def test_consistency_or_a_witness_alone_is_nothing_to_do(
    sandbox: RunningSandbox, table: str
) -> None:
    sandbox.create_table(table, HOME)
    nothing = (
        VALIDATION,
        (
            "At least one of ProvisionedThroughput, BillingMode, UpdateStreamEnabled, "
            "GlobalSecondaryIndexUpdates, SSESpecification, ReplicaUpdates, "
            "MultiAccountReplicaReady, ReplicaTransitRoleArn, MultiRegionConsistency, "
            "DeletionProtectionEnabled, OnDemandThroughput, WarmThroughput or TableClass is "
            "required"
        ),
    )
    witness: Any = [{"Create": {"RegionName": THIRD}}]
    for more in ({}, {"MultiRegionConsistency": "STRONG"}, {"GlobalTableWitnessUpdates": witness}):
        assert error_of(lambda more=more: update(sandbox, table, HOME, **more)) == nothing  # type: ignore[misc]


def test_an_empty_list_of_updates_says_that_there_is_no_action(
    sandbox: RunningSandbox, table: str
) -> None:
    sandbox.create_table(table, HOME)
    assert _raw(sandbox, {"TableName": table, "ReplicaUpdates": []}) == (400, VALIDATION)


# Provisioned capacity


def test_provisioned_writes_that_do_not_scale_cannot_be_replicated(
    sandbox: RunningSandbox, table: str
) -> None:
    _provisioned(sandbox, table)
    refused = refusal(sandbox, table, HOME, create(AWAY))
    assert refused == (
        VALIDATION,
        "Table write capacity should either be Pay-Per-Request or AutoScaled.",
    )
    sandbox.let_writes_scale(table, HOME)
    refused = refusal(sandbox, table, HOME, create(AWAY))
    assert refused == (
        VALIDATION,
        "GSI write capacity should either be Pay-Per-Request or AutoScaled.",
    )
    assert "Replicas" not in describe(sandbox, table, HOME)
    sandbox.let_writes_scale(table, HOME, "by-place")
    change(sandbox, table, HOME, create(AWAY))
    sandbox.wait_active(table, HOME, AWAY)


# The source of a replica


def test_a_source_is_kept_until_its_replica_is_gone(sandbox: RunningSandbox, table: str) -> None:
    sandbox.create_table(table)
    client = sandbox.client(HOME)
    assert error_of(lambda: client.delete_table(TableName=table)) == (VALIDATION, SOURCE)
    assert refusal(sandbox, table, AWAY, delete(HOME)) == (VALIDATION, SOURCE)
    change(sandbox, table, HOME, delete(AWAY))
    sandbox.wait_gone(table, AWAY)
    assert error_of(lambda: client.delete_table(TableName=table)) == (VALIDATION, SOURCE)
    change(sandbox, table, HOME, delete(THIRD))
    sandbox.wait_gone(table, THIRD)
    sandbox.wait_active(table, HOME)
    client.delete_table(TableName=table)
    sandbox.wait_gone(table, HOME)


def test_a_source_can_go_a_day_later(start: Start) -> None:
    own = start()
    own.create_table("old", HOME, AWAY)
    own.control.put_clock_ahead(DAY_SECONDS - 60)
    assert refusal(own, "old", AWAY, delete(HOME)) == (VALIDATION, SOURCE)
    own.control.put_clock_ahead(120)
    change(own, "old", AWAY, delete(HOME))
    own.wait_gone("old", HOME)
    own.wait_active("old", AWAY)
    assert "Replicas" not in describe(own, "old", AWAY)


def test_any_member_may_be_the_source_and_is_then_the_one_that_stays(
    sandbox: RunningSandbox, table: str
) -> None:
    sandbox.create_table(table, HOME, AWAY)
    change(sandbox, table, AWAY, create(THIRD))
    sandbox.wait_active(table, *REGIONS)
    assert refusal(sandbox, table, HOME, delete(AWAY)) == (VALIDATION, SOURCE)
    change(sandbox, table, HOME, delete(THIRD))
    sandbox.wait_gone(table, THIRD)
    sandbox.wait_active(table, HOME, AWAY)
    change(sandbox, table, HOME, delete(AWAY))
    sandbox.wait_gone(table, AWAY)


# Protection


def test_protection_toggled_again_at_once_is_throttled_when_strict(start: Start) -> None:
    own = start(strict=True)
    own.create_table("guarded", HOME)
    update(own, "guarded", HOME, DeletionProtectionEnabled=True)
    code, _ = error_of(lambda: update(own, "guarded", HOME, DeletionProtectionEnabled=False))
    assert code == "ThrottlingException"
    assert describe(own, "guarded", HOME)["DeletionProtectionEnabled"] is True
    own.control.put_clock_ahead(16)
    update(own, "guarded", HOME, DeletionProtectionEnabled=False)
    own.client(HOME).delete_table(TableName="guarded")


def test_a_protected_regional_table_is_refused_in_other_words(
    sandbox: RunningSandbox, table: str
) -> None:
    sandbox.create_table(table, HOME, DeletionProtectionEnabled=True)
    client = sandbox.client(HOME)
    assert error_of(lambda: client.delete_table(TableName=table)) == (
        VALIDATION,
        (
            "Resource cannot be deleted as it is currently protected against deletion. "
            "Disable deletion protection first."
        ),
    )


# Leaving with the data


def test_a_replica_is_disassociated_with_its_items(sandbox: RunningSandbox, table: str) -> None:
    sandbox.create_table(table)
    sandbox.hold()
    sandbox.client(AWAY).put_item(TableName=table, Item={"PK": text("owed")})
    sandbox.client(HOME).put_item(TableName=table, Item={"PK": text("due")})
    code, message = refusal(sandbox, table, AWAY, _disassociate(AWAY))
    assert (code, "disassociation protection" in message) == (VALIDATION, True)
    update(sandbox, table, AWAY, DisassociationProtectionEnabled=False)
    assert describe(sandbox, table, AWAY)["DisassociationProtectionEnabled"] is False
    answered = change(sandbox, table, AWAY, _disassociate(AWAY))
    assert answered["TableStatus"] == "UPDATING"
    assert AWAY in replicas(describe(sandbox, table, HOME))
    assert refusal(sandbox, table, HOME, delete(THIRD))[0] == IN_USE
    sandbox.deliver()
    sandbox.wait_active(table, AWAY)
    assert "Replicas" not in describe(sandbox, table, AWAY)
    assert [set(sandbox.scan(table, region)) for region in REGIONS] == [{"owed", "due"}] * 3
    sandbox.client(HOME).put_item(TableName=table, Item={"PK": text("later")})
    sandbox.drain()
    assert set(sandbox.scan(table, THIRD)) == {"owed", "due", "later"}
    assert set(sandbox.scan(table, AWAY)) == {"owed", "due"}
    assert replicas(describe(sandbox, table, HOME)) == {THIRD: "ACTIVE"}


def test_disassociating_names_its_own_region_and_mode_and_nothing_else(
    sandbox: RunningSandbox, table: str
) -> None:
    sandbox.create_table(table)
    update(sandbox, table, AWAY, DisassociationProtectionEnabled=False)
    wrong = {"Disassociate": {"RegionName": AWAY, "DisassociationMode": "AT_ONCE"}}
    for region, updates in (
        (HOME, [_disassociate(AWAY)]),
        (AWAY, [_disassociate(AWAY), _disassociate(THIRD)]),
        (AWAY, [_disassociate(AWAY), delete(THIRD)]),
        (AWAY, [wrong]),
    ):
        assert refusal(sandbox, table, region, *updates)[0] == VALIDATION
    assert replicas(describe(sandbox, table, HOME)) == {AWAY: "ACTIVE", THIRD: "ACTIVE"}


def test_a_regional_table_has_nothing_to_disassociate(sandbox: RunningSandbox, table: str) -> None:
    sandbox.create_table(table, HOME)
    assert refusal(sandbox, table, HOME, _disassociate(HOME))[0] == VALIDATION
    code, _ = error_of(lambda: update(sandbox, table, HOME, DisassociationProtectionEnabled=False))
    assert code == VALIDATION


# Groups of one name


def test_two_groups_of_one_name_know_nothing_of_each_other(
    sandbox: RunningSandbox, table: str
) -> None:
    sandbox.create_table(table, HOME, AWAY)
    sandbox.create_table(table, THIRD, "sa-east-1")
    sandbox.client(HOME).put_item(TableName=table, Item={"PK": text("here")})
    sandbox.client(THIRD).put_item(TableName=table, Item={"PK": text("there")})
    sandbox.drain()
    assert replicas(describe(sandbox, table, HOME)) == {AWAY: "ACTIVE"}
    assert replicas(describe(sandbox, table, THIRD)) == {"sa-east-1": "ACTIVE"}
    assert set(sandbox.scan(table, AWAY)) == {"here"}
    assert set(sandbox.scan(table, "sa-east-1")) == {"there"}


def test_an_unknown_table_is_not_found_only_by_a_request_that_makes_sense(
    sandbox: RunningSandbox, table: str
) -> None:
    assert refusal(sandbox, table, HOME, create(AWAY))[0] == NOT_FOUND
    assert refusal(sandbox, table, HOME, create("mars-1"))[0] == VALIDATION


def _disassociate(region: str) -> dict[str, Any]:
    return {"Disassociate": {"RegionName": region, "DisassociationMode": "WAIT_FOR_REPLICATION"}}


def _provisioned(sandbox: RunningSandbox, table: str) -> None:
    capacity = {"ReadCapacityUnits": 5, "WriteCapacityUnits": 5}
    sandbox.create_table(
        table,
        HOME,
        BillingMode="PROVISIONED",
        ProvisionedThroughput=capacity,
        AttributeDefinitions=[
            {"AttributeName": name, "AttributeType": "S"} for name in ("PK", "place")
        ],
        GlobalSecondaryIndexes=[
            {
                "IndexName": "by-place",
                "KeySchema": [{"AttributeName": "place", "KeyType": "HASH"}],
                "Projection": {"ProjectionType": "ALL"},
                "ProvisionedThroughput": capacity,
            }
        ],
    )


def _raw(sandbox: RunningSandbox, body: dict[str, Any]) -> tuple[int, str]:
    """(status, code) of an UpdateTable that no SDK would send."""
    connection = send(sandbox.port_of(HOME), "UpdateTable", body, HOME)
    response = connection.getresponse()
    kind = json.loads(response.read())["__type"]
    connection.close()
    return response.status, kind.rpartition("#")[2]
