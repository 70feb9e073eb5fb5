"""Commands as a shell sees them: what is printed where, and the exit code."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from django.core.management import ManagementUtility
from pytest_django import Settings

from gtsite.dynamodb import connection
from gtsite.dynamodb.tables import FLIGHTS
from gtsite.management import progress
from tests.support.deployment import deployed, project, ready, site, tables
from tests.support.patience import Patience
from tests.support.sandbox import RunningSandbox, number, text

__all__ = ["deployed", "project", "ready", "site", "tables"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ran:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


@pytest.fixture
def manage(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Ran]:
    """Runs `manage.py …` in this process, by the way a command line goes.

    A command that takes long says nothing of how far it is: how long it takes is the machine's.
    """
    monkeypatch.setattr(progress, "BETWEEN_LINES_SECONDS", 3600.0)

    def run(*arguments: object) -> Ran:
        argv = ["manage.py", *map(str, arguments)]
        monkeypatch.setattr("sys.argv", argv)
        try:
            ManagementUtility(argv).execute()
        except SystemExit as ended:
            code = ended.code if isinstance(ended.code, int) else 1
        else:
            code = 0
        shown = capsys.readouterr()
        return Ran(code=code, out=shown.out, err=shown.err)

    return run


@pytest.fixture(autouse=True)
def patience(monkeypatch: pytest.MonkeyPatch) -> Patience:
    """Regions are waited for, but for those that are said to hang."""
    return Patience(monkeypatch)


OHIO, IRELAND, OREGON = "us-east-2", "eu-west-1", "us-west-2"
SEATS = (266, 828, 491, 978, 277, 623, 677, 304, 944, 580)
WIDE_ITEMS = 12
A_LOT = "a" * 200_000
"""Five such items are a megabyte, which is all that one answer has room for."""


@pytest.fixture(scope="session")
def _exercises(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningSandbox]:
    with RunningSandbox(tmp_path_factory.mktemp("exercises")) as running:
        running.create_table("flights", OHIO, IRELAND, **keys("flight_id:N", "airlines_name:S"))
        running.create_table("elsewhere", "sa-east-1")
        running.create_table("only", IRELAND, **keys("id:B"))
        running.create_table("wide", OHIO, IRELAND, **keys("id:N"))
        table = running.client(OHIO)
        for (flight_id, airline), seats in zip(FLIGHTS.sample, SEATS, strict=True):
            table.put_item(TableName="flights", Item=flight(flight_id, airline, seats))
        for place in range(WIDE_ITEMS):
            table.put_item(TableName="wide", Item={"id": number(place), "text": text(A_LOT)})
        running.drain()
        yield running


@pytest.fixture
def exercises(_exercises: RunningSandbox, settings: Settings) -> Iterator[RunningSandbox]:
    """`flights` and `wide` in Ohio and Ireland, the first with its document's ten flights.

    `only` is in Ireland, `elsewhere` in São Paulo; the site itself is in Oregon, too.

    Regions that nobody named start when they are asked, as in the demo. Faults are healed after.
    """
    settings.GT_REGIONS = [OREGON, IRELAND, OHIO]
    settings.GT_LOCAL_REGION = OREGON
    own = {region: _exercises.endpoint_of(region) for region in _exercises.regions}
    settings.GT_ENDPOINTS = {**own, "*": _exercises.endpoint}
    connection.reset()
    yield _exercises
    connection.reset()
    _exercises.control.reset()
    _exercises.deliver()
    _exercises.control.reset()


def flight(flight_id: int, airline: str, seats: int) -> dict[str, Any]:
    """A flight as DynamoDB writes it, with no more than the exercises look at."""
    return {
        "flight_id": number(flight_id),
        "airlines_name": text(airline),
        "available_seats": number(seats),
    }


def keys(*wanted: str) -> dict[str, Any]:
    """What CreateTable says of keys such as `flight_id:N`: the partition key, then the sort key."""
    named = [each.split(":") for each in wanted]
    return {
        "AttributeDefinitions": [
            {"AttributeName": name, "AttributeType": kind} for name, kind in named
        ],
        "KeySchema": [
            {"AttributeName": name, "KeyType": kind}
            for (name, _), kind in zip(named, ("HASH", "RANGE"), strict=False)
        ],
    }
