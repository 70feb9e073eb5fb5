"""The control plane: tables, the life of a replica, and AWS's own words for what is refused."""

import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.support.sandbox import REGIONS, RunningSandbox, error_of, number, text, wait_until

HOME, AWAY, THIRD = REGIONS
Start = Callable[..., RunningSandbox]
GLOBAL_KEYS = {
    "GlobalTableVersion",
    "Replicas",
    "GlobalTableSettingsReplicationMode",
}
NEVER_FOR_EVENTUAL = {"MultiRegionConsistency", "GlobalTableWitnesses"}
VALIDATION = "ValidationException"
IN_USE = "ResourceInUseException"
NOT_FOUND = "ResourceNotFoundException"


def describe(sandbox: RunningSandbox, table: str, region: str = HOME) -> dict[str, Any]:
    found: Any = sandbox.client(region).describe_table(TableName=table)["Table"]
    return dict(found)


def update(sandbox: RunningSandbox, table: str, region: str = HOME, **more: Any) -> dict[str, Any]:
    found: Any = sandbox.client(region).update_table(TableName=table, **more)["TableDescription"]
    return dict(found)


def refused(sandbox: RunningSandbox, table: str, *updates: Any, **more: Any) -> tuple[str, str]:
    return error_of(lambda: update(sandbox, table, ReplicaUpdates=list(updates), **more))


def create(region: str) -> dict[str, Any]:
    return {"Create": {"RegionName": region}}


def delete(region: str) -> dict[str, Any]:
    return {"Delete": {"RegionName": region}}


@pytest.fixture
def creating(sandbox: RunningSandbox, table: str) -> Iterator[str]:
    """A table of HOME and THIRD whose replica in AWAY stays CREATING until THIRD is healed.

    THIRD went away with an item that AWAY has to have before it can serve.
    """
    sandbox.create_table(table, HOME, THIRD)
    sandbox.control.set_lag(lag_ms=600_000)
    sandbox.client(THIRD).put_item(TableName=table, Item={"PK": text("held")})
    sandbox.client(HOME).put_item(TableName=table, Item={"PK": text("early")})
    sandbox.control.outage(THIRD)
    sandbox.add_replica(table, HOME, AWAY)
    wait_until(lambda: table in sandbox.tables(AWAY))
    yield table
    sandbox.control.heal()
    sandbox.wait_active(table, *REGIONS)


# A table that is not global


def test_a_regional_table_is_the_engines_with_the_regions_own_arn(
    sandbox: RunningSandbox, table: str
) -> None:
    sandbox.create_table(table, AWAY, sort_key=True)
    found = describe(sandbox, table, AWAY)
    assert found["TableArn"] == f"arn:aws:dynamodb:eu-west-1:123456789012:table/{table}"
    assert [part["AttributeName"] for part in found["KeySchema"]] == ["PK", "SK"]
    assert found["TableStatus"] == "ACTIVE"
    assert found["BillingModeSummary"]["BillingMode"] == "PAY_PER_REQUEST"
    assert set(found) & (GLOBAL_KEYS | NEVER_FOR_EVENTUAL) == set()
    assert table not in sandbox.tables(HOME)
    assert error_of(lambda: describe(sandbox, table, HOME))[0] == NOT_FOUND


def test_the_same_name_in_two_regions_is_two_tables(sandbox: RunningSandbox, table: str) -> None:
    sandbox.create_table(table, HOME)
    sandbox.create_table(table, AWAY)
    sandbox.client(HOME).put_item(TableName=table, Item={"PK": text("a")})
    assert sandbox.control.status().backlog == 0
    assert sandbox.scan(table, AWAY) == {}
    sandbox.client(AWAY).delete_table(TableName=table)
    assert set(sandbox.scan(table, HOME)) == {"a"}


def test_a_table_that_exists_is_not_created_again(sandbox: RunningSandbox, table: str) -> None:
    sandbox.create_table(table, HOME)
    assert error_of(lambda: sandbox.create_table(table, HOME)) == (
        IN_USE,
        f"Table already exists: {table}",
    )


def test_what_the_engine_does_not_take_leaves_no_table(sandbox: RunningSandbox, table: str) -> None:
    unknown = [{"AttributeName": "undefined", "KeyType": "HASH"}]
    code, _ = error_of(lambda: sandbox.create_table(table, HOME, KeySchema=unknown))
    assert code == VALIDATION
    assert table not in {each["table"] for each in sandbox.control.status().raw["tables"]}


def test_a_table_can_be_named_by_its_arn(sandbox: RunningSandbox, table: str) -> None:
    sandbox.create_table(table, HOME)
    arn = describe(sandbox, table)["TableArn"]
    client = sandbox.client(HOME)
    client.put_item(TableName=arn, Item={"PK": text("a")})
    client.batch_write_item(RequestItems={arn: [{"PutRequest": {"Item": {"PK": text("b")}}}]})
    client.transact_write_items(
        TransactItems=[{"Put": {"TableName": arn, "Item": {"PK": text("c")}}}]
    )
    assert describe(sandbox, arn)["TableName"] == table
    assert set(sandbox.scan(table, HOME)) == {"a", "b", "c"}
    sandbox.client(HOME).update_table(TableName=arn, ReplicaUpdates=[create(AWAY)])  # type: ignore[list-item]
    sandbox.wait_active(table, HOME, AWAY)
    assert set(sandbox.scan(table, AWAY)) == {"a", "b", "c"}


def test_tags_are_the_engines(sandbox: RunningSandbox, table: str) -> None:
    sandbox.create_table(table, HOME)
    arn = describe(sandbox, table)["TableArn"]
    tags: list[Any] = [{"Key": "stage", "Value": "test"}]
    sandbox.client(HOME).tag_resource(ResourceArn=arn, Tags=tags)
    assert sandbox.client(HOME).list_tags_of_resource(ResourceArn=arn)["Tags"] == tags


# Creating a replica


def test_update_table_answers_before_there_is_a_replica(
    sandbox: RunningSandbox, table: str
) -> None:
    sandbox.create_table(table, HOME)
    answered = update(sandbox, table, ReplicaUpdates=[create(AWAY)])
    assert answered["TableStatus"] == "UPDATING"
    assert answered["Replicas"] == []
    assert answered["StreamSpecification"]["StreamViewType"] == "NEW_AND_OLD_IMAGES"
    sandbox.wait_active(table, HOME, AWAY)


def test_a_replica_that_is_made_is_creating_wherever_it_is_seen_from(
    sandbox: RunningSandbox, creating: str
) -> None:
    home, replica = describe(sandbox, creating), describe(sandbox, creating, AWAY)
    assert home["TableStatus"] == "UPDATING"
    assert _replicas(home) == {THIRD: "ACTIVE", AWAY: "CREATING"}
    assert replica["TableStatus"] == "CREATING"
    assert _replicas(replica) == {HOME: "ACTIVE", THIRD: "ACTIVE"}
    assert "LatestStreamArn" not in replica


def test_a_replica_that_is_made_answers_describe_table_only(
    sandbox: RunningSandbox, creating: str
) -> None:
    client = sandbox.client(AWAY)
    key: Any = {"PK": text("early")}
    arn = describe(sandbox, creating, AWAY)["TableArn"]
    for call in (
        lambda: client.get_item(TableName=creating, Key=key),
        lambda: client.put_item(TableName=creating, Item=key),
        lambda: client.scan(TableName=creating),
        lambda: client.batch_get_item(RequestItems={creating: {"Keys": [key]}}),
        lambda: client.transact_get_items(
            TransactItems=[{"Get": {"TableName": creating, "Key": key}}]
        ),
        lambda: client.execute_statement(Statement=f'SELECT * FROM "{creating}"'),  # noqa: S608
        lambda: client.describe_time_to_live(TableName=creating),
        lambda: client.list_tags_of_resource(ResourceArn=arn),
    ):
        assert error_of(call)[0] == NOT_FOUND
    assert error_of(lambda: client.delete_table(TableName=creating))[0] == IN_USE
    assert error_of(lambda: sandbox.create_table(creating, AWAY))[0] == IN_USE
    assert sandbox.streams(AWAY).list_streams(TableName=creating)["Streams"] == []


def test_the_others_serve_while_a_replica_is_made(sandbox: RunningSandbox, creating: str) -> None:
    sandbox.client(HOME).put_item(TableName=creating, Item={"PK": text("meanwhile")})
    sandbox.client(HOME).delete_item(TableName=creating, Key={"PK": text("early")})
    sandbox.control.heal()
    sandbox.control.set_lag(lag_ms=0)
    sandbox.wait_active(creating, *REGIONS)
    sandbox.drain()
    assert [set(sandbox.scan(creating, region)) for region in REGIONS] == [
        {"held", "meanwhile"}
    ] * 3


def test_nothing_else_can_be_changed_while_a_replica_is_made(
    sandbox: RunningSandbox, creating: str
) -> None:
    busy = (IN_USE, "The resource which you are attempting to change is in use.")
    assert refused(sandbox, creating, create("ap-south-1")) == busy
    assert refused(sandbox, creating, delete(AWAY)) == busy
    assert refused(sandbox, creating, delete(THIRD)) == busy
    assert error_of(lambda: update(sandbox, creating, DeletionProtectionEnabled=True)) == busy
    assert error_of(lambda: sandbox.client(HOME).delete_table(TableName=creating))[0] == IN_USE


def test_time_to_live_set_while_a_replica_is_made_holds_there_too(
    sandbox: RunningSandbox, creating: str
) -> None:
    _set_ttl(sandbox, creating, HOME, enabled=True)
    sandbox.control.heal()
    sandbox.wait_active(creating, *REGIONS)
    assert _ttl(sandbox, creating, AWAY) == {
        "TimeToLiveStatus": "ENABLED",
        "AttributeName": "expires_at",
    }


def test_a_global_table_describes_its_peers_and_never_itself(
    sandbox: RunningSandbox, table: str
) -> None:
    sandbox.create_table(table)
    for region in REGIONS:
        found = describe(sandbox, table, region)
        assert set(found) >= GLOBAL_KEYS
        assert set(found) & NEVER_FOR_EVENTUAL == set()
        assert found["GlobalTableVersion"] == "2019.11.21"
        assert found["GlobalTableSettingsReplicationMode"] == "ENABLED_WITH_OVERRIDES"
        assert _replicas(found) == {each: "ACTIVE" for each in REGIONS if each != region}
        assert "ReplicaArn" not in found["Replicas"][0]
        assert found["TableArn"].split(":")[3] == region
        assert found["LatestStreamArn"].split(":")[3] == region
    assert [each["RegionName"] for each in describe(sandbox, table)["Replicas"]] == [AWAY, THIRD]
    different = {describe(sandbox, table, region)["TableId"] for region in REGIONS}
    assert len(different) == len(REGIONS)


def test_any_member_can_take_in_another_one(sandbox: RunningSandbox, table: str) -> None:
    sandbox.create_table(table, HOME, AWAY)
    sandbox.client(HOME).put_item(TableName=table, Item={"PK": text("a")})
    sandbox.drain()
    update(sandbox, table, AWAY, ReplicaUpdates=[create(THIRD)])
    sandbox.wait_active(table, *REGIONS)
    assert set(sandbox.scan(table, THIRD)) == {"a"}
    sandbox.client(THIRD).put_item(TableName=table, Item={"PK": text("b")})
    sandbox.drain()
    assert set(sandbox.scan(table, HOME)) == {"a", "b"}


def test_a_region_without_a_listener_is_reached_through_the_shared_endpoint(
    sandbox: RunningSandbox, table: str
) -> None:
    sandbox.create_table(table, HOME, "ap-southeast-1")
    sandbox.client("ap-southeast-1").put_item(TableName=table, Item={"PK": text("a")})
    sandbox.drain()
    assert set(sandbox.scan(table, HOME)) == {"a"}


def test_indexes_and_capacity_are_the_sources(sandbox: RunningSandbox, table: str) -> None:
    capacity = {"ReadCapacityUnits": 7, "WriteCapacityUnits": 5}
    sandbox.create_table(
        table,
        HOME,
        sort_key=True,
        BillingMode="PROVISIONED",
        ProvisionedThroughput=capacity,
        AttributeDefinitions=[
            {"AttributeName": name, "AttributeType": "S"} for name in ("PK", "SK", "place")
        ],
        GlobalSecondaryIndexes=[
            {
                "IndexName": "by-place",
                "KeySchema": [{"AttributeName": "place", "KeyType": "HASH"}],
                "Projection": {"ProjectionType": "INCLUDE", "NonKeyAttributes": ["kept"]},
                "ProvisionedThroughput": capacity,
            }
        ],
        LocalSecondaryIndexes=[
            {
                "IndexName": "by-place-inside",
                "KeySchema": [
                    {"AttributeName": "PK", "KeyType": "HASH"},
                    {"AttributeName": "place", "KeyType": "RANGE"},
                ],
                "Projection": {"ProjectionType": "KEYS_ONLY"},
            }
        ],
    )
    sandbox.let_writes_scale(table, HOME, "by-place")
    sandbox.add_replica(table, HOME, AWAY)
    sandbox.wait_active(table, HOME, AWAY)
    home, replica = describe(sandbox, table), describe(sandbox, table, AWAY)
    for part in ("KeySchema", "AttributeDefinitions"):
        assert replica[part] == home[part]
    assert replica["ProvisionedThroughput"]["WriteCapacityUnits"] == 5
    for kind in ("GlobalSecondaryIndexes", "LocalSecondaryIndexes"):
        assert [_index(each) for each in replica[kind]] == [_index(each) for each in home[kind]]
        assert replica[kind][0]["IndexArn"].split(":")[3] == AWAY
    item = {"PK": text("a"), "SK": text("b"), "place": text("c"), "kept": text("d")}
    sandbox.client(HOME).put_item(TableName=table, Item=item)
    sandbox.drain()
    found = sandbox.client(AWAY).query(
        TableName=table,
        IndexName="by-place",
        KeyConditionExpression="place = :place",
        ExpressionAttributeValues={":place": text("c")},
    )
    assert found["Items"] == [item]


def test_a_setting_changed_in_one_region_holds_in_all_but_protection(
    sandbox: RunningSandbox, table: str
) -> None:
    sandbox.create_table(
        table,
        HOME,
        BillingMode="PROVISIONED",
        ProvisionedThroughput={"ReadCapacityUnits": 5, "WriteCapacityUnits": 5},
    )
    sandbox.let_writes_scale(table, HOME)
    sandbox.add_replica(table, HOME, AWAY)
    sandbox.wait_active(table, HOME, AWAY)
    update(sandbox, table, AWAY, BillingMode="PAY_PER_REQUEST", DeletionProtectionEnabled=True)
    home, replica = describe(sandbox, table), describe(sandbox, table, AWAY)
    assert home["BillingModeSummary"]["BillingMode"] == "PAY_PER_REQUEST"
    assert (home["DeletionProtectionEnabled"], replica["DeletionProtectionEnabled"]) == (
        False,
        True,
    )


# Back-fill


def test_a_back_fill_amid_writes_and_deletes_at_every_member_ends_equal(
    sandbox: RunningSandbox, table: str
) -> None:
    sandbox.create_table(table, HOME, AWAY)
    keys = [f"k{place}" for place in range(150)]
    _put_all(sandbox, table, keys)
    sandbox.drain()
    sandbox.control.set_lag(lag_ms=15, jitter_ms=10)
    done = threading.Event()

    def keep_busy(region: str, seed: int) -> None:
        client = sandbox.client(region)
        turn = 0
        while not done.is_set():
            turn += 1
            key: Any = {"PK": text(keys[(turn * seed) % len(keys)])}
            if turn % 3:
                client.put_item(TableName=table, Item={**key, "v": text(f"{region} {turn}")})
            else:
                client.delete_item(TableName=table, Key=key)

    busy = [threading.Thread(target=keep_busy, args=place) for place in ((HOME, 7), (AWAY, 11))]
    sandbox.client(HOME), sandbox.client(AWAY)
    for thread in busy:
        thread.start()
    sandbox.add_replica(table, HOME, THIRD)
    sandbox.wait_active(table, *REGIONS)
    done.set()
    for thread in busy:
        thread.join()
    sandbox.drain()
    home, away, third = (sandbox.scan(table, region) for region in REGIONS)
    assert home == away == third


def test_a_third_replica_gets_what_is_on_its_way_between_the_other_two(
    sandbox: RunningSandbox, table: str
) -> None:
    sandbox.create_table(table, HOME, AWAY)
    sandbox.control.set_lag(lag_ms=600_000)
    sandbox.client(HOME).put_item(TableName=table, Item={"PK": text("west")})
    sandbox.client(AWAY).put_item(TableName=table, Item={"PK": text("east")})
    assert sandbox.control.status().backlog == 2
    sandbox.add_replica(table, HOME, THIRD)
    sandbox.wait_active(table, *REGIONS)
    assert set(sandbox.scan(table, THIRD)) == {"west", "east"}
    sandbox.control.set_lag(lag_ms=0)
    sandbox.drain()
    assert [set(sandbox.scan(table, region)) for region in REGIONS] == [{"west", "east"}] * 3


def test_a_third_replica_knows_what_was_deleted_before_it_was_there(
    sandbox: RunningSandbox, table: str
) -> None:
    """An old put is still on its way from AWAY when the item has been deleted in both regions."""
    sandbox.create_table(table, HOME, AWAY)
    sandbox.control.set_lag(lag_ms=0)
    client = sandbox.client(HOME)
    client.put_item(TableName=table, Item={"PK": text("a")})
    sandbox.drain()
    sandbox.control.set_lag(lag_ms=600_000, source=AWAY)
    sandbox.client(AWAY).put_item(TableName=table, Item={"PK": text("a"), "v": number(2)})
    client.delete_item(TableName=table, Key={"PK": text("a")})
    wait_until(lambda: sandbox.scan(table, AWAY) == {})
    sandbox.add_replica(table, HOME, THIRD)
    sandbox.wait_active(table, *REGIONS)
    sandbox.control.set_lag(lag_ms=0)
    sandbox.drain()
    assert [sandbox.scan(table, region) for region in REGIONS] == [{}] * 3


def test_a_back_fill_leaves_nothing_in_the_new_replicas_stream(
    sandbox: RunningSandbox, table: str
) -> None:
    sandbox.create_table(table, HOME)
    _put_all(sandbox, table, ["a", "b", "c"])
    sandbox.add_replica(table, HOME, AWAY)
    sandbox.wait_active(table, HOME, AWAY)
    assert sandbox.stream(table, AWAY) == []
    sandbox.client(HOME).put_item(TableName=table, Item={"PK": text("a"), "v": number(1)})
    sandbox.drain()
    (record,) = sandbox.stream(table, AWAY)
    assert record["eventName"] == "MODIFY"
    assert record["dynamodb"]["OldImage"] == {"PK": text("a"), "v": text("a")}


# Removing replicas


def test_a_replica_is_deleted_with_its_data_and_the_rest_becomes_regional(
    sandbox: RunningSandbox, table: str
) -> None:
    sandbox.create_table(table, HOME, AWAY)
    stream = describe(sandbox, table)["LatestStreamArn"]
    sandbox.client(AWAY).put_item(TableName=table, Item={"PK": text("a")})
    answered = update(sandbox, table, ReplicaUpdates=[delete(AWAY)])
    assert answered["TableStatus"] == "UPDATING"
    wait_until(lambda: table not in sandbox.tables(AWAY))
    sandbox.wait_active(table, HOME)
    sandbox.drain()
    found = describe(sandbox, table)
    assert set(found) & GLOBAL_KEYS == set()
    assert found["LatestStreamArn"] == stream
    assert set(sandbox.scan(table, HOME)) == {"a"}
    assert error_of(lambda: sandbox.scan(table, AWAY))[0] == NOT_FOUND
    sandbox.client(HOME).put_item(TableName=table, Item={"PK": text("b")})
    assert sandbox.control.status().backlog == 0


def test_delete_table_at_a_member_takes_that_member_out(start: Start) -> None:
    """Even the region where the table was made can go, a day after its last replica was made."""
    sandbox, table = start(), "moved"
    sandbox.create_table(table)
    sandbox.client(HOME).put_item(TableName=table, Item={"PK": text("a")})
    sandbox.control.put_clock_ahead(25 * 3600)
    answered = sandbox.client(HOME).delete_table(TableName=table)["TableDescription"]
    assert answered["TableStatus"] == "DELETING"
    sandbox.wait_gone(table, HOME)
    sandbox.drain()
    assert _replicas(describe(sandbox, table, AWAY)) == {THIRD: "ACTIVE"}
    sandbox.client(AWAY).put_item(TableName=table, Item={"PK": text("b")})
    sandbox.drain()
    assert set(sandbox.scan(table, THIRD)) == {"a", "b"}
    sandbox.add_replica(table, AWAY, HOME)
    sandbox.wait_active(table, *REGIONS)
    assert set(sandbox.scan(table, HOME)) == {"a", "b"}


def test_a_table_made_anew_knows_nothing_of_the_one_before(
    sandbox: RunningSandbox, table: str
) -> None:
    for value in ("first", "second"):
        sandbox.create_table(table, HOME, AWAY)
        assert sandbox.scan(table, AWAY) == {}
        assert sandbox.stream(table, HOME) == []
        sandbox.client(HOME).put_item(TableName=table, Item={"PK": text("a"), "v": text(value)})
        sandbox.drain()
        assert sandbox.scan(table, AWAY)["a"]["v"] == text(value)
        sandbox.drop_table(table, HOME, AWAY)


def test_a_protected_replica_is_not_deleted(sandbox: RunningSandbox, table: str) -> None:
    sandbox.create_table(table, HOME, AWAY)
    update(sandbox, table, AWAY, DeletionProtectionEnabled=True)
    code, message = refused(sandbox, table, delete(AWAY))
    assert code == VALIDATION
    assert message == (
        f"Cannot delete table {table} in region {AWAY} because it has deletion protection "
        "enabled. Disable deletion protection first."
    )
    code, message = error_of(lambda: sandbox.client(AWAY).delete_table(TableName=table))
    assert (code, message.split(".")[0]) == (
        VALIDATION,
        "Resource cannot be deleted as it is currently protected against deletion",
    )
    sandbox.client(AWAY).put_item(TableName=table, Item={"PK": text("a")})
    sandbox.drain()
    assert set(sandbox.scan(table, HOME)) == {"a"}


# What is refused


def test_what_no_replica_update_may_be_is_refused_in_awss_words(
    sandbox: RunningSandbox, table: str
) -> None:
    sandbox.create_table(table, HOME, AWAY)
    local = (
        VALIDATION,
        (
            "Cannot add or delete the local region through ReplicaUpdates. Use CreateTable, "
            "DeleteTable, or UpdateTable as required."
        ),
    )
    exists = (
        VALIDATION,
        (
            f"Failed to create a the new replica of table with name: ‘{table}’ because one or more "
            "replicas already existed as tables."
        ),
    )
    no_member = (
        VALIDATION,
        (
            "Update global table operation failed because one or more replicas were not part of "
            f"the global table. Please retry the request without these replicas: [{THIRD}]."
        ),
    )
    mixed = "Update table operation with more than one type of replica actions not allowed."
    none = "There are no actions specified in the Replica Update Action of the request."
    other = "Requests that modify replicas or witnesses must not also modify other fields"
    assert refused(sandbox, table, create(HOME)) == local
    assert refused(sandbox, table, delete(HOME)) == local
    assert refused(sandbox, table, create(AWAY)) == exists
    assert refused(sandbox, table, delete(THIRD)) == no_member
    assert refused(sandbox, table, create(THIRD), delete(AWAY)) == (VALIDATION, mixed)
    assert refused(sandbox, table, {}) == (VALIDATION, none)
    assert refused(sandbox, table, create(THIRD), BillingMode="PAY_PER_REQUEST") == (
        VALIDATION,
        other,
    )
    code, message = refused(sandbox, table, create("eu-nowhere-1"))
    assert code == VALIDATION
    assert message.startswith(
        "Region eu-nowhere-1 is not supported. The latest version of global tables are only "
        "supported in the following regions: [af-south-1, "
    )
    assert refused(sandbox, table, create(""))[0] == "AccessDeniedException"
    assert _replicas(describe(sandbox, table)) == {AWAY: "ACTIVE"}


def test_two_identical_creates_are_one(sandbox: RunningSandbox, table: str) -> None:
    sandbox.create_table(table, HOME)
    update(sandbox, table, ReplicaUpdates=[create(AWAY), create(AWAY)])
    sandbox.wait_active(table, HOME, AWAY)


def test_a_table_of_the_same_name_is_no_replica_and_stays_as_it_is(
    sandbox: RunningSandbox, table: str
) -> None:
    sandbox.create_table(table, HOME)
    sandbox.create_table(table, AWAY)
    assert "already existed as tables" in refused(sandbox, table, create(AWAY))[1]
    assert "Replicas" not in describe(sandbox, table, AWAY)
    assert "not part of the global table" in refused(sandbox, table, delete(AWAY))[1]


def test_an_unknown_table_is_not_found_and_an_empty_update_says_what_is_missing(
    sandbox: RunningSandbox, table: str
) -> None:
    client = sandbox.client(HOME)
    assert refused(sandbox, table, create(AWAY))[0] == NOT_FOUND
    assert error_of(lambda: client.delete_table(TableName=table))[0] == NOT_FOUND
    assert error_of(lambda: client.describe_time_to_live(TableName=table))[0] == NOT_FOUND
    sandbox.create_table(table, HOME)
    code, message = error_of(lambda: client.update_table(TableName=table))
    assert code == VALIDATION
    assert message.startswith("At least one of ProvisionedThroughput, BillingMode, Update")


# Streams and time to live as settings


@pytest.mark.parametrize("view", ["KEYS_ONLY", "NEW_IMAGE", "OLD_IMAGE", "NEW_AND_OLD_IMAGES"])
def test_a_stream_that_is_on_keeps_its_view_when_the_table_goes_global(
    sandbox: RunningSandbox, table: str, view: str
) -> None:
    stream = {"StreamEnabled": True, "StreamViewType": view}
    sandbox.create_table(table, HOME, AWAY, StreamSpecification=stream)
    for region in (HOME, AWAY):
        assert describe(sandbox, table, region)["StreamSpecification"] == stream


def test_a_global_tables_stream_cannot_be_turned_off_nor_on_again(
    sandbox: RunningSandbox, table: str
) -> None:
    sandbox.create_table(table, HOME, AWAY)
    off = error_of(lambda: update(sandbox, table, StreamSpecification={"StreamEnabled": False}))
    assert off == (VALIDATION, "Disabling Stream is not allowed for a Global Table replica.")
    on = {"StreamEnabled": True, "StreamViewType": "NEW_IMAGE"}
    code, message = error_of(lambda: update(sandbox, table, AWAY, StreamSpecification=on))
    assert code == VALIDATION
    assert "already has an enabled stream" in message


def test_a_regional_tables_stream_can_be_turned_on_and_off(
    sandbox: RunningSandbox, table: str
) -> None:
    sandbox.create_table(table, HOME)
    assert "LatestStreamArn" not in describe(sandbox, table)
    on = {"StreamEnabled": True, "StreamViewType": "NEW_IMAGE"}
    assert update(sandbox, table, StreamSpecification=on)["StreamSpecification"] == on
    sandbox.client(HOME).put_item(TableName=table, Item={"PK": text("a")})
    assert len(sandbox.stream(table, HOME)) == 1
    first = describe(sandbox, table)["LatestStreamArn"]
    answered = update(sandbox, table, StreamSpecification={"StreamEnabled": False})
    assert "StreamSpecification" not in answered
    sandbox.client(HOME).put_item(TableName=table, Item={"PK": text("b")})
    assert update(sandbox, table, StreamSpecification=on)["LatestStreamArn"] != first


def test_a_stream_is_not_turned_on_by_an_update_that_is_refused(
    sandbox: RunningSandbox, table: str
) -> None:
    sandbox.create_table(table, HOME)
    on = {"StreamEnabled": True, "StreamViewType": "NEW_IMAGE"}
    unknown: Any = [{"Delete": {"IndexName": "nowhere"}}]
    code, _ = error_of(
        lambda: update(sandbox, table, StreamSpecification=on, GlobalSecondaryIndexUpdates=unknown)
    )
    assert code in (VALIDATION, NOT_FOUND)
    assert "StreamSpecification" not in describe(sandbox, table)


def test_time_to_live_set_at_one_member_is_the_groups(sandbox: RunningSandbox, table: str) -> None:
    sandbox.create_table(table, HOME, AWAY)
    assert _ttl(sandbox, table, AWAY) == {"TimeToLiveStatus": "DISABLED"}
    _set_ttl(sandbox, table, AWAY, enabled=True)
    on = {"TimeToLiveStatus": "ENABLED", "AttributeName": "expires_at"}
    assert [_ttl(sandbox, table, region) for region in (HOME, AWAY)] == [on, on]
    again = error_of(lambda: _set_ttl(sandbox, table, HOME, enabled=True))
    assert again == (VALIDATION, "TimeToLive is already enabled")
    sandbox.add_replica(table, HOME, THIRD)
    sandbox.wait_active(table, *REGIONS)
    assert _ttl(sandbox, table, THIRD) == on
    _set_ttl(sandbox, table, HOME, enabled=False)
    assert _ttl(sandbox, table, THIRD) == {"TimeToLiveStatus": "DISABLED"}


# Engines that come and go


def test_tables_that_the_engine_made_before_a_crash_are_taken_in(start: Start) -> None:
    """The engine has made the table and the ledger does not know: nobody was told that it was."""
    own = start(regions=("us-west-2", "eu-west-1"))
    own.create_table("known", HOME, AWAY)
    own.create_table("unknown", AWAY)
    own.kill()
    own.ledger("DELETE FROM replicas WHERE table_name = 'unknown' RETURNING 1")
    own.restart()
    own.client(AWAY).put_item(TableName="unknown", Item={"PK": text("a")})
    own.add_replica("unknown", AWAY, HOME)
    own.wait_active("unknown", HOME, AWAY)
    assert set(own.scan("unknown", HOME)) == {"a"}


def test_a_table_that_the_engine_dropped_before_a_crash_is_forgotten(start: Start) -> None:
    own = start(regions=("us-west-2", "eu-west-1"))
    own.create_table("going", HOME, AWAY)
    own.kill()
    own.ledger(
        "UPDATE replicas SET table_name = 'gone', body = json_set(body, '$.table', 'gone') "
        "WHERE table_name = 'going' RETURNING 1"
    )
    own.restart()
    tables = {(each["table"], each["region"]) for each in own.control.status().raw["tables"]}
    assert tables == {("going", HOME), ("going", AWAY)}


@pytest.mark.parametrize("protected", [False, True])
def test_a_table_whose_deletion_a_crash_cut_short_goes_unless_it_is_protected(
    start: Start, protected: bool
) -> None:
    own = start(regions=("us-west-2",))
    own.create_table("going", HOME, DeletionProtectionEnabled=protected)
    own.client(HOME).put_item(TableName="going", Item={"PK": text("a")})
    own.kill()
    own.ledger("UPDATE replicas SET body = json_set(body, '$.status', 'DELETING') RETURNING 1")
    own.restart()
    assert own.tables(HOME) == (["going"] if protected else [])
    if protected:
        assert (
            own.client(HOME).describe_table(TableName="going")["Table"]["TableStatus"] == "ACTIVE"
        )
        assert set(own.scan("going", HOME)) == {"a"}


def _replicas(description: dict[str, Any]) -> dict[str, str]:
    return {each["RegionName"]: each["ReplicaStatus"] for each in description["Replicas"]}


def _index(description: dict[str, Any]) -> dict[str, Any]:
    return {name: description[name] for name in ("IndexName", "KeySchema", "Projection")}


def _put_all(sandbox: RunningSandbox, table: str, keys: list[str]) -> None:
    for first in range(0, len(keys), 25):
        puts: list[Any] = [
            {"PutRequest": {"Item": {"PK": text(key), "v": text(key)}}}
            for key in keys[first : first + 25]
        ]
        sandbox.client(HOME).batch_write_item(RequestItems={table: puts})


def _set_ttl(sandbox: RunningSandbox, table: str, region: str, *, enabled: bool) -> None:
    sandbox.client(region).update_time_to_live(
        TableName=table,
        TimeToLiveSpecification={"Enabled": enabled, "AttributeName": "expires_at"},
    )


def _ttl(sandbox: RunningSandbox, table: str, region: str) -> dict[str, Any]:
    found: Any = sandbox.client(region).describe_time_to_live(TableName=table)
    return dict(found["TimeToLiveDescription"])
