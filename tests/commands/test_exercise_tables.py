"""The tables of the exercises: provisioned as their documents say, and loaded, in a sandbox."""

import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from pytest_django import Settings

from gtsite.dynamodb import tables
from gtsite.dynamodb.rows import parse_map
from gtsite.dynamodb.tables import FLIGHTS, MUSIC, ORDERS, Attribute, TableDefinition
from tests.commands.conftest import Ran
from tests.support.cli import bash, commands_of
from tests.support.sandbox import RunningSandbox

Manage = Callable[..., Ran]
OHIO, IRELAND, SINGAPORE, VIRGINIA = "us-east-2", "eu-west-1", "ap-southeast-1", "us-east-1"


@pytest.fixture
def sandbox(site_sandbox: RunningSandbox, settings: Settings) -> RunningSandbox:
    """Also regions that it was not started with can be reached, as in the demo."""
    settings.GT_ENDPOINTS |= {"*": site_sandbox.endpoint}
    return site_sandbox


def described(sandbox: RunningSandbox, definition: TableDefinition, region: str) -> dict[str, Any]:
    """What matters of a table's description."""
    client = sandbox.client(region, shared=True)
    found: Any = client.describe_table(TableName=definition.name)["Table"]
    capacity = found["ProvisionedThroughput"]
    return {
        "keys": [(each["AttributeName"], each["KeyType"]) for each in found["KeySchema"]],
        "types": {
            each["AttributeName"]: each["AttributeType"] for each in found["AttributeDefinitions"]
        },
        "capacity": (capacity["ReadCapacityUnits"], capacity["WriteCapacityUnits"]),
        "stream": found["StreamSpecification"]["StreamViewType"],
        "others": {each["RegionName"] for each in found.get("Replicas", [])} - {region},
    }


def scaled(sandbox: RunningSandbox, table: str, region: str) -> set[str]:
    """Which dimensions of a replica follow their use."""
    scaling = sandbox.service("application-autoscaling", region)
    targets = scaling.describe_scalable_targets(
        ServiceNamespace="dynamodb", ResourceIds=[f"table/{table}"]
    )
    return {each["ScalableDimension"].rpartition(":")[2] for each in targets["ScalableTargets"]}


def stored(sandbox: RunningSandbox, definition: TableDefinition, region: str) -> dict[str, Any]:
    """Every item by the values of its key, as text."""
    pages = sandbox.client(region).get_paginator("scan").paginate(TableName=definition.name)
    items = [item for page in pages for item in page["Items"]]
    return {str([item[name] for name in definition.key_names]): item for item in items}


EXPECTED = [
    (FLIGHTS, (OHIO, IRELAND), [("flight_id", "N"), ("airlines_name", "S")], (30, 30)),
    (MUSIC, (SINGAPORE, VIRGINIA, IRELAND), [("Artist", "S"), ("SongTitle", "S")], (1, 1)),
    (ORDERS, (VIRGINIA, IRELAND, SINGAPORE), [("OrderID", "S"), ("CustomerID", "S")], (0, 0)),
]


def assert_as_documented(sandbox: RunningSandbox, *, of_2017: Sequence[str] = ()) -> None:
    """Global tables of version 2017.11.29 do not list their replicas."""
    for definition, regions, keys, capacity in EXPECTED:
        for region in regions:
            assert described(sandbox, definition, region) == {
                "keys": [(keys[0][0], "HASH"), (keys[1][0], "RANGE")],
                "types": dict(keys),
                "capacity": capacity,
                "stream": "NEW_AND_OLD_IMAGES",
                "others": set() if definition.name in of_2017 else set(regions) - {region},
            }


def test_provisioned_as_their_documents_say_and_the_second_time_nothing_changes(
    sandbox: RunningSandbox, manage: Manage
) -> None:
    first = manage("provision", "flights", "Music", "Orders")
    assert first.code == 0, first.err
    assert_as_documented(sandbox)
    assert scaled(sandbox, "flights", OHIO) == {"WriteCapacityUnits"}
    assert scaled(sandbox, "Music", SINGAPORE) == {"WriteCapacityUnits"}
    assert scaled(sandbox, "Orders", VIRGINIA) == set()
    again = manage("provision", "flights", "Music", "Orders")
    assert (again.code, again.err) == (0, "")
    assert again.out.count("nothing to change") == 3

    ran = manage("load", "flights")
    assert ran.code == 0, ran.err
    assert ran.out.startswith(f"2,500 items written to flights in {OHIO} in ")
    assert manage("load", "Music").out.startswith(f"10 items written to Music in {SINGAPORE} in ")
    assert manage("load", "Orders").out.startswith(f"1 item written to Orders in {VIRGINIA} in ")
    sandbox.drain()
    assert len(stored(sandbox, FLIGHTS, IRELAND)) == 2_500
    assert stored(sandbox, FLIGHTS, IRELAND) == stored(sandbox, FLIGHTS, OHIO)
    assert list(stored(sandbox, ORDERS, SINGAPORE).values()) == [
        {
            "OrderID": {"S": "12345"},
            "CustomerID": {"S": "User567"},
            "OrderStatus": {"S": "Processing"},
            "Timestamp": {"N": "1700000000"},
        }
    ]
    assert {item["Artist"]["S"] for item in stored(sandbox, MUSIC, VIRGINIA).values()} == {
        f"item_{number}" for number in range(1, 11)
    }


MAKING = re.compile(
    r"aws dynamodb (create-table|create-global-table|update-global-table|update-table)"
)


def test_tables_that_the_aws_cli_made_as_the_documents_say_are_taken_over(
    sandbox: RunningSandbox, manage: Manage
) -> None:
    for document, home in (("002", OHIO), ("003", SINGAPORE), ("004", VIRGINIA)):
        commands = [each for each in commands_of(document) if MAKING.search(each)]
        assert commands
        made = bash(sandbox, "set -e\n" + "\n".join(commands), region=home)
        assert made.returncode == 0, made.stderr
    ran = manage("provision", "flights", "Music", "Orders")
    assert ran.code == 0, ran.err
    assert "create" not in ran.err
    assert_as_documented(sandbox, of_2017=("flights", "Music"))
    assert "flights is a global table of version 2017.11.29, which is left alone" in ran.err
    again = manage("provision", "flights", "Music", "Orders")
    assert again.out.count("nothing to change") == 3
    elsewhere = manage("provision", "flights", "--regions", f"{OHIO},{VIRGINIA}")
    assert elsewhere.code == 1
    assert f"version 2017.11.29 without {VIRGINIA}: add" in elsewhere.err
    assert manage("load", "Music").out.startswith("10 items written")
    sandbox.drain()
    assert len(stored(sandbox, MUSIC, IRELAND)) == 10
    gone = manage("provision", "flights", "Music", "Orders", "--destroy", "--yes")
    assert gone.code == 0, gone.err
    for region in (OHIO, IRELAND, SINGAPORE, VIRGINIA):
        assert sandbox.tables(region) == []


def test_a_table_of_one_s_own_needs_one_definition(
    sandbox: RunningSandbox, manage: Manage, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    data = tmp_path / "readings.csv"
    data.write_text("7,1700000000,21.50\n7,1700000060,21.75\n")
    readings = TableDefinition(
        name="Readings",
        partition_key=Attribute(name="sensor", type="N"),
        sort_key=Attribute(name="at", type="N"),
        default_regions=(IRELAND, OHIO),
        columns=parse_map("sensor:N,at:N,celsius:N"),
        data=str(data),
        sample=((7, 1700000060),),
        measure="celsius",
    )
    monkeypatch.setitem(tables.TABLES, "Readings", readings)
    assert manage("provision", "Readings").code == 0
    assert manage("load", "Readings").out.startswith(f"2 items written to Readings in {IRELAND} in")
    sandbox.drain()
    found = manage("get", "Readings", "--sample", "--region", OHIO, "--json")
    assert found.code == 0, found.err
    assert "21.75" in found.out
    assert "21.5" not in found.out.replace("21.75", "")
    assert manage("provision", "Readings", "--destroy", "--yes").code == 0
    assert "Readings" not in sandbox.tables(IRELAND) + sandbox.tables(OHIO)
