"""How global tables with strong consistency are made and end, and what they cannot have."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.support.global_tables import (
    VALIDATION,
    change,
    create,
    delete,
    describe,
    refusal,
    replicas,
    update,
)
from tests.support.sandbox import REGIONS, RunningSandbox, error_of, text, wait_until

HOME, AWAY, THIRD = REGIONS
FOURTH = "ap-northeast-1"
Start = Callable[..., RunningSandbox]
STRONG: dict[str, Any] = {"MultiRegionConsistency": "STRONG"}
COUNT = "Unsupported replica count for global tables with MultiRegionConsistency set to STRONG."
ONE = (
    "Deletion of only one table replica is not supported for global tables with "
    "MultiRegionConsistency set to STRONG."
)


# Being made


def test_three_replicas_are_made_in_one_call_and_serve_together(start: Start) -> None:
    own = start()
    own.create_table("strong", HOME)
    own.control.pause(THIRD)
    answered = _make(own, "strong", create(AWAY), create(THIRD))
    assert (answered["TableStatus"], answered["Replicas"]) == ("UPDATING", [])
    assert answered["MultiRegionConsistency"] == "STRONG"
    wait_until(lambda: _statuses(own) == ("CREATING", "CREATING"), "both to be listed")
    wait_until(lambda: "READY" in str(own.ledger("SELECT body FROM replicas")), "the first one")
    assert _statuses(own) == ("CREATING", "CREATING"), "it waits for the other one"
    own.control.resume(THIRD)
    seen: set[tuple[str, ...]] = set()

    def all_serve() -> bool:
        now = _statuses(own)
        seen.add(now)
        return now == ("ACTIVE", "ACTIVE")

    wait_until(all_serve)
    assert ("ACTIVE", "CREATING") not in seen
    own.wait_active("strong", *REGIONS)
    for region in REGIONS:
        found = describe(own, "strong", region)
        assert found["MultiRegionConsistency"] == "STRONG"
        assert "GlobalTableWitnesses" not in found
        assert "StreamSpecification" not in found
        assert set(replicas(found)) == set(REGIONS) - {region}


def test_two_replicas_and_a_witness_are_made_in_one_call(
    sandbox: RunningSandbox, table: str
) -> None:
    sandbox.create_table(table, HOME)
    _make(sandbox, table, create(AWAY), witness=create(THIRD))
    sandbox.wait_active(table, HOME, AWAY)
    for region, peer in ((HOME, AWAY), (AWAY, HOME)):
        found = describe(sandbox, table, region)
        assert replicas(found) == {peer: "ACTIVE"}
        assert found["GlobalTableWitnesses"] == [{"RegionName": THIRD, "WitnessStatus": "ACTIVE"}]
    assert table not in sandbox.tables(THIRD)
    sandbox.create_table(table, THIRD)
    sandbox.client(THIRD).put_item(TableName=table, Item={"PK": text("mine")})
    assert sandbox.scan(table, HOME) == {}


@pytest.mark.parametrize(("paused", "moment"), [(HOME, "CREATING"), (THIRD, "READY")])
def test_a_strong_table_is_made_to_the_end_after_a_crash(
    start: Start, paused: str, moment: str
) -> None:
    """Nothing is copied from or to a region that is paused; a restart forgets the pause."""
    own = start()
    own.create_table("strong", HOME)
    own.control.pause(paused)
    _make(own, "strong", create(AWAY), create(THIRD))
    wait_until(lambda: moment in str(own.ledger("SELECT body FROM replicas")))
    own.kill()
    own.restart()
    own.wait_active("strong", *REGIONS)
    assert describe(own, "strong", THIRD)["MultiRegionConsistency"] == "STRONG"
    own.client(THIRD).put_item(TableName="strong", Item={"PK": text("a")})
    found = own.client(AWAY).get_item(
        TableName="strong", Key={"PK": text("a")}, ConsistentRead=True
    )
    assert found["Item"] == {"PK": text("a")}


# What is refused


def test_a_strong_table_has_exactly_three_regions(sandbox: RunningSandbox, table: str) -> None:
    sandbox.create_table(table, HOME)
    for updates, witness in (
        ([create(AWAY)], None),
        ([create(AWAY), create(THIRD), create(FOURTH)], None),
        ([create(AWAY), create(THIRD)], create(FOURTH)),
    ):
        assert _refused(sandbox, table, *updates, witness=witness) == (VALIDATION, COUNT)
    assert "Replicas" not in describe(sandbox, table, HOME)


def test_regions_without_strong_consistency_are_named(sandbox: RunningSandbox, table: str) -> None:
    sandbox.create_table(table, HOME)
    assert _refused(sandbox, table, create(AWAY), create("us-west-1")) == (
        VALIDATION,
        (
            "Unsupported Region(s) specified for global tables with MultiRegionConsistency set to "
            "STRONG: [us-west-1]."
        ),
    )


def test_a_witness_has_a_region_of_its_own(sandbox: RunningSandbox, table: str) -> None:
    sandbox.create_table(table, HOME)
    assert _refused(sandbox, table, create(AWAY), witness=create(AWAY)) == (
        VALIDATION,
        "Cannot target multiple regions with the same action",
    )
    assert _refused(sandbox, table, create(AWAY), witness=create(HOME)) == (
        VALIDATION,
        (
            "Cannot add a witness in the same region as an existing replica when creating a global "
            "table with MultiRegionConsistency set to STRONG."
        ),
    )
    witness: Any = [create(THIRD)]
    assert refusal(sandbox, table, HOME, create(AWAY), GlobalTableWitnessUpdates=witness) == (
        VALIDATION,
        (
            "MultiRegionConsistency must be set as STRONG when GlobalTableWitnessUpdates parameter "
            "is present."
        ),
    )


def test_only_a_new_group_can_be_strong(sandbox: RunningSandbox, table: str) -> None:
    sandbox.create_table(table, HOME, AWAY)
    existing = "MultiRegionConsistency parameter is unsupported on existing global table"
    assert _refused(sandbox, table, create(THIRD), create(FOURTH)) == (VALIDATION, existing)
    assert refusal(sandbox, table, HOME, create(THIRD), MultiRegionConsistency="EVENTUAL") == (
        VALIDATION,
        existing,
    )
    assert refusal(sandbox, table, HOME, delete(AWAY), **STRONG) == (
        VALIDATION,
        (
            "Only Replica Create actions are supported when MultiRegionConsistency parameter is "
            "provided."
        ),
    )


def test_a_table_with_items_expiry_or_local_indexes_cannot_be_strong(
    sandbox: RunningSandbox, table: str
) -> None:
    sandbox.create_table(table, HOME)
    client = sandbox.client(HOME)
    client.put_item(TableName=table, Item={"PK": text("a")})
    assert "must be empty" in _refused(sandbox, table, create(AWAY), create(THIRD))[1]
    client.delete_item(TableName=table, Key={"PK": text("a")})
    ttl: Any = {"Enabled": True, "AttributeName": "expires_at"}
    client.update_time_to_live(TableName=table, TimeToLiveSpecification=ttl)
    assert "Time to Live" in _refused(sandbox, table, create(AWAY), create(THIRD))[1]
    indexed = f"{table}-indexed"
    _with_local_index(sandbox, indexed)
    assert "Local secondary" in _refused(sandbox, indexed, create(AWAY), create(THIRD))[1]
    assert "Replicas" not in describe(sandbox, table, HOME)
    client.update_time_to_live(
        TableName=table, TimeToLiveSpecification={"Enabled": False, "AttributeName": "expires_at"}
    )
    _make(sandbox, table, create(AWAY), create(THIRD))
    sandbox.wait_active(table, *REGIONS)


def test_a_strong_group_neither_grows_nor_expires_nor_loses_one_replica(
    sandbox: RunningSandbox, table: str
) -> None:
    sandbox.create_table(table, HOME)
    _make(sandbox, table, create(AWAY), create(THIRD))
    sandbox.wait_active(table, *REGIONS)
    assert refusal(sandbox, table, HOME, create(FOURTH)) == (
        VALIDATION,
        "Cannot add replicas to a global table with strong MultiRegionConsistency",
    )
    assert refusal(sandbox, table, HOME, delete(AWAY)) == (VALIDATION, ONE)
    client = sandbox.client(AWAY)
    assert error_of(lambda: client.delete_table(TableName=table)) == (VALIDATION, ONE)
    ttl: Any = {"Enabled": True, "AttributeName": "expires_at"}
    code, message = error_of(
        lambda: client.update_time_to_live(TableName=table, TimeToLiveSpecification=ttl)
    )
    assert (code, "Time to Live" in message) == (VALIDATION, True)
    assert set(replicas(describe(sandbox, table, HOME)).values()) == {"ACTIVE"}


def test_a_strong_tables_stream_is_each_regions_own(sandbox: RunningSandbox, table: str) -> None:
    sandbox.create_table(table, HOME)
    _make(sandbox, table, create(AWAY), create(THIRD))
    sandbox.wait_active(table, *REGIONS)
    on = {"StreamEnabled": True, "StreamViewType": "KEYS_ONLY"}
    assert update(sandbox, table, AWAY, StreamSpecification=on)["StreamSpecification"] == on
    assert "StreamSpecification" not in describe(sandbox, table, HOME)
    update(sandbox, table, AWAY, StreamSpecification={"StreamEnabled": False})
    assert "StreamSpecification" not in describe(sandbox, table, AWAY)


# The end


def test_a_strong_group_ends_in_one_call_and_leaves_a_regional_table(
    sandbox: RunningSandbox, table: str
) -> None:
    sandbox.create_table(table, HOME)
    _make(sandbox, table, create(AWAY), create(THIRD))
    sandbox.wait_active(table, *REGIONS)
    sandbox.client(AWAY).put_item(TableName=table, Item={"PK": text("a")})
    sandbox.drain()
    change(sandbox, table, HOME, delete(AWAY), delete(THIRD))
    for region in (AWAY, THIRD):
        sandbox.wait_gone(table, region)
    sandbox.wait_active(table, HOME)
    assert "MultiRegionConsistency" not in describe(sandbox, table, HOME)
    assert set(sandbox.scan(table, HOME)) == {"a"}
    sandbox.client(HOME).delete_table(TableName=table)


def test_a_witness_ends_with_its_group_and_not_without(sandbox: RunningSandbox, table: str) -> None:
    sandbox.create_table(table, HOME)
    _make(sandbox, table, create(AWAY), witness=create(THIRD))
    sandbox.wait_active(table, HOME, AWAY)
    assert refusal(sandbox, table, HOME, delete(AWAY)) == (
        VALIDATION,
        "Update table delete operation does not include all witnesses.",
    )
    wrong: Any = [delete(FOURTH)]
    code, message = refusal(sandbox, table, HOME, delete(AWAY), GlobalTableWitnessUpdates=wrong)
    assert (code, FOURTH in message) == (VALIDATION, True)
    right: Any = [delete(THIRD)]
    update(sandbox, table, HOME, ReplicaUpdates=[delete(AWAY)], GlobalTableWitnessUpdates=right)
    sandbox.wait_gone(table, AWAY)
    sandbox.wait_active(table, HOME)
    found = describe(sandbox, table, HOME)
    assert {"GlobalTableWitnesses", "MultiRegionConsistency", "Replicas"} & set(found) == set()


@pytest.mark.parametrize(
    "witnesses", [[create(THIRD), create(FOURTH)], [{**create(THIRD), **delete(THIRD)}]]
)
def test_there_is_one_witness_or_none(
    sandbox: RunningSandbox, table: str, witnesses: list[dict[str, Any]]
) -> None:
    sandbox.create_table(table, HOME)
    asked = {**STRONG, "GlobalTableWitnessUpdates": witnesses}
    assert refusal(sandbox, table, HOME, create(AWAY), **asked)[0] == VALIDATION
    assert "Replicas" not in describe(sandbox, table, HOME)


def _statuses(own: RunningSandbox) -> tuple[str, ...]:
    return tuple(sorted(replicas(describe(own, "strong", HOME)).values()))


def _make(
    sandbox: RunningSandbox, table: str, *updates: Any, witness: Any = None
) -> dict[str, Any]:
    more = {} if witness is None else {"GlobalTableWitnessUpdates": [witness]}
    return update(sandbox, table, HOME, ReplicaUpdates=list(updates), **STRONG, **more)


def _refused(
    sandbox: RunningSandbox, table: str, *updates: Any, witness: Any = None
) -> tuple[str, str]:
    return error_of(lambda: _make(sandbox, table, *updates, witness=witness))


def _with_local_index(sandbox: RunningSandbox, table: str) -> None:
    sandbox.create_table(
        table,
        HOME,
        sort_key=True,
        AttributeDefinitions=[
            {"AttributeName": name, "AttributeType": "S"} for name in ("PK", "SK", "place")
        ],
        LocalSecondaryIndexes=[
            {
                "IndexName": "by-place",
                "KeySchema": [
                    {"AttributeName": "PK", "KeyType": "HASH"},
                    {"AttributeName": "place", "KeyType": "RANGE"},
                ],
                "Projection": {"ProjectionType": "KEYS_ONLY"},
            }
        ],
    )
