"""Settings that one replica has for itself: what it cannot have, and when they end."""

from typing import Any

import pytest

from gtsite.sandbox.control_plane.overrides import left_after, merged, overrides_of
from gtsite.sandbox.control_plane.rules import Action
from gtsite.sandbox.wire import ApiError
from tests.support.global_tables import VALIDATION, change, create, describe, refusal, update
from tests.support.sandbox import REGIONS, RunningSandbox

HOME, AWAY, THIRD = REGIONS
READS = "ProvisionedThroughputOverride"
BEFORE = {
    "ProvisionedThroughput": {"ReadCapacityUnits": 5, "WriteCapacityUnits": 5},
    "GlobalSecondaryIndexes": [
        {
            "IndexName": "by-place",
            "ProvisionedThroughput": {"ReadCapacityUnits": 2, "WriteCapacityUnits": 3},
        }
    ],
}


def _given(reads: int) -> dict[str, Any]:
    """A change of the index for all regions."""
    capacity = {"ReadCapacityUnits": reads, "WriteCapacityUnits": 9}
    return {"IndexName": "by-place", "ProvisionedThroughput": capacity}


@pytest.mark.parametrize(
    "override",
    [
        {"OnDemandThroughputOverride": {"MaxReadRequestUnits": -4}},
        {"TableClassOverride": "GLACIER"},
        {"GlobalSecondaryIndexes": [{"IndexName": "nowhere"}]},
    ],
)
def test_an_override_that_no_table_can_have_makes_no_replica_and_changes_none(
    sandbox: RunningSandbox, table: str, override: dict[str, Any]
) -> None:
    sandbox.create_table(table, HOME)
    assert refusal(sandbox, table, HOME, create(AWAY, **override))[0] == VALIDATION
    assert "Replicas" not in describe(sandbox, table, HOME)
    change(sandbox, table, HOME, create(AWAY))
    sandbox.wait_active(table, HOME, AWAY)
    before = describe(sandbox, table, HOME)["Replicas"]
    assert refusal(sandbox, table, HOME, _override(AWAY, **override))[0] == VALIDATION
    assert describe(sandbox, table, HOME)["Replicas"] == before


def test_of_two_overrides_one_that_is_wrong_leaves_the_other_undone(
    sandbox: RunningSandbox, table: str
) -> None:
    sandbox.create_table(table, HOME, AWAY)
    good = _override(AWAY, TableClassOverride="STANDARD_INFREQUENT_ACCESS")
    wrong = _override(HOME, **{READS: {"ReadCapacityUnits": 5}})
    assert refusal(sandbox, table, HOME, good, wrong)[0] == VALIDATION
    (entry,) = describe(sandbox, table, HOME)["Replicas"]
    assert "ReplicaTableClassSummary" not in entry
    assert "TableClassSummary" not in describe(sandbox, table, AWAY)


def test_a_replicas_own_key_is_described_in_its_region_and_the_shared_one_elsewhere(
    sandbox: RunningSandbox, table: str
) -> None:
    shared = {"Enabled": True, "SSEType": "KMS", "KMSMasterKeyId": "alias/ours"}
    sandbox.create_table(table, HOME, SSESpecification=shared)
    change(sandbox, table, HOME, create(AWAY, KMSMasterKeyId="alias/theirs"))
    sandbox.wait_active(table, HOME, AWAY)
    for region, key in ((HOME, "alias/ours"), (AWAY, "alias/theirs")):
        described = describe(sandbox, table, region)["SSEDescription"]
        assert described["KMSMasterKeyArn"] == f"arn:aws:kms:{region}:123456789012:key/{key}"


def test_warm_throughput_is_remembered_from_the_start_and_changed_by_half(
    sandbox: RunningSandbox, table: str
) -> None:
    warm = {"ReadUnitsPerSecond": 13_000, "WriteUnitsPerSecond": 5_000}
    sandbox.create_table(table, HOME, WarmThroughput=warm)
    assert describe(sandbox, table, HOME)["WarmThroughput"] == {**warm, "Status": "ACTIVE"}
    update(sandbox, table, HOME, WarmThroughput={"ReadUnitsPerSecond": 20_000})
    described = describe(sandbox, table, HOME)["WarmThroughput"]
    assert (described["ReadUnitsPerSecond"], described["WriteUnitsPerSecond"]) == (20_000, 5_000)


@pytest.mark.parametrize(
    "body",
    [
        {READS: {"ReadCapacityUnits": "many"}},
        {READS: {"ReadCapacityUnits": True}},
        {READS: {}, "TableClassOverride": 5},
        {READS: {"ReadCapacityUnits": 0}},
        {"OnDemandThroughputOverride": {"MaxReadRequestUnits": None}},
        {"GlobalSecondaryIndexes": [{"IndexName": 5}]},
        {"GlobalSecondaryIndexes": [{READS: {"ReadCapacityUnits": 5}}]},
        {"GlobalSecondaryIndexes": [5]},
    ],
)
def test_an_override_of_another_type_is_refused(body: dict[str, Any]) -> None:
    with pytest.raises(ApiError):
        overrides_of(Action(kind="Update", region=AWAY, body=body))


def test_no_limit_is_a_limit_of_minus_one() -> None:
    most = {"OnDemandThroughputOverride": {"MaxReadRequestUnits": -1}}
    assert overrides_of(Action(kind="Update", region=AWAY, body=most)) == most


def test_an_override_of_one_index_leaves_those_of_the_others() -> None:
    known = {"GlobalSecondaryIndexes": [_index("by-name", 7), _index("by-place", 8)]}
    wanted = {"GlobalSecondaryIndexes": [_index("by-place", 9)]}
    assert merged(known, wanted) == {
        "GlobalSecondaryIndexes": [_index("by-name", 7), _index("by-place", 9)]
    }


@pytest.mark.parametrize(
    ("shared", "goes_on"),
    [
        ({"GlobalSecondaryIndexUpdates": [{"Delete": {"IndexName": "by-place"}}]}, False),
        ({"BillingMode": "PAY_PER_REQUEST"}, False),
        ({"GlobalSecondaryIndexUpdates": [{"Update": _given(4)}]}, False),
        ({"GlobalSecondaryIndexUpdates": [{"Update": _given(2)}]}, True),
        ({"GlobalSecondaryIndexUpdates": [{"Update": _given(8)}]}, True),
        ({"TableClass": "STANDARD"}, True),
    ],
)
def test_an_override_of_an_index_ends_with_the_index_or_with_its_reads(
    shared: dict[str, Any], goes_on: bool
) -> None:
    overrides = {"GlobalSecondaryIndexes": [_index("by-place", 8)]}
    assert left_after(overrides, shared, BEFORE) == (overrides if goes_on else {})


def _override(region: str, **overrides: Any) -> dict[str, Any]:
    return {"Update": {"RegionName": region, **overrides}}


def _index(name: str, reads: int) -> dict[str, Any]:
    return {"IndexName": name, READS: {"ReadCapacityUnits": reads}}
