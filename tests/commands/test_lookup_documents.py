"""Counting and looking up in tables that the source documents' own commands made."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from pytest_django import Settings

from gtsite.dynamodb import connection
from gtsite.dynamodb.replicas import find_replicas
from tests.commands.conftest import IRELAND, OHIO, OREGON, SEATS, Ran, flight
from tests.support.cli import bash, commands_of
from tests.support.sandbox import RunningSandbox

Manage = Callable[..., Ran]

VIRGINIA, SINGAPORE = "us-east-1", "ap-southeast-1"


@pytest.fixture(scope="module")
def _made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningSandbox]:
    flights, orders = commands_of("002"), commands_of("004")
    with RunningSandbox(tmp_path_factory.mktemp("documents")) as running:
        for command in flights:
            typed(running, command)
            running.wait_active("flights", OHIO)
        mine = [command.replace("flights", "mine") for command in flights]
        for command in mine:
            typed(running, command)
            running.wait_active("mine", OHIO)
        create, replicate, put, _ = orders
        typed(running, create)
        running.wait_active("Orders", VIRGINIA)
        typed(running, replicate, VIRGINIA)
        running.wait_active("Orders", VIRGINIA, IRELAND, SINGAPORE)
        typed(running, put)
        yield running


@pytest.fixture
def made(_made: RunningSandbox, settings: Settings) -> Iterator[RunningSandbox]:
    """The documents' flights and Orders, and `mine`, which is flights under another name."""
    settings.GT_REGIONS = [OREGON, OHIO]
    settings.GT_LOCAL_REGION = OREGON
    settings.GT_ENDPOINTS = {"*": _made.endpoint}
    connection.reset()
    yield _made
    connection.reset()
    _made.deliver()


def typed(sandbox: RunningSandbox, command: str, region: str = OREGON) -> None:
    done = bash(sandbox, command, region=region)
    assert done.returncode == 0, done.stderr


def ten_flights() -> list[dict[str, Any]]:
    sample = connection.definition("flights").sample
    return [flight(key, name, seats) for (key, name), seats in zip(sample, SEATS, strict=True)]


def test_the_flights_are_counted_and_looked_up(manage: Manage, made: RunningSandbox) -> None:
    for item in ten_flights():
        made.client(OHIO).put_item(TableName="flights", Item=item)
    made.drain()
    ran = manage("count", "flights", "--region", IRELAND)
    assert ran.code == 0, ran.err
    assert ran.out.splitlines()[2].split()[:2] == [IRELAND, "10"]
    ran = manage("get", "flights", "--sample", "--region", "all")
    assert ran.code == 0, ran.err
    seats = [line.split()[2:5] for line in ran.out.splitlines()[2:12]]
    assert seats == [[str(each), str(each), "agree"] for each in SEATS]


@pytest.mark.usefixtures("made")
def test_the_documents_60_units_are_those_of_its_table(manage: Manage) -> None:
    found = manage("cost", "flights", "--writes", 10, "--json").json
    assert (found["regions"], found["billing"]) == ([OHIO, IRELAND], "provisioned")
    assert (found["write_units_2017"], found["write_units"]) == (40, 20)


def test_the_order_is_the_same_in_three_regions(manage: Manage, made: RunningSandbox) -> None:
    made.drain()
    key = ("OrderID=12345", "CustomerID=User567")
    found = manage("get", "Orders", *key, "--region", "all", "--json").json
    (item,) = found["items"]
    assert set(item["in"]) == {VIRGINIA, IRELAND, SINGAPORE}
    assert item["agree"] is True
    assert item["in"][SINGAPORE]["OrderStatus"] == "Processing"


@pytest.mark.usefixtures("made")
def test_a_table_of_version_2017_is_found_in_regions_nobody_named(manage: Manage) -> None:
    with connection.inspection() as control:
        found = find_replicas(control, "mine", (OHIO,))
    assert [each.region for each in found] == [OHIO, IRELAND]
    ran = manage("count", "mine", "--region", "all", "--json")
    assert [(each["region"], each["items"]) for each in ran.json["regions"]] == [
        (OHIO, 0),
        (IRELAND, 0),
    ]


@pytest.mark.usefixtures("made")
def test_a_table_of_one_region_belongs_to_no_group() -> None:
    with connection.inspection() as control:
        assert control.legacy_members(OHIO, "flights") == (OHIO, IRELAND)
        assert control.legacy_members(OREGON, "nosuch") == ()
