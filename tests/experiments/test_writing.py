"""Writes that are sent once, and how a run is ended."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from threading import Event

import pytest

from gtsite.dynamodb.clients import Clients
from gtsite.dynamodb.repository import Table
from gtsite.dynamodb.router import Router
from gtsite.dynamodb.tables import Attribute, TableDefinition
from gtsite.experiments.entities import never
from gtsite.experiments.watching import RunClock
from gtsite.experiments.writing import Halt, NotWritten, set_attribute
from tests.support.faults import Behaviour, closed_port, error, faulty_server, hang_up

REGION = "eu-west-1"
DEFINITION = TableDefinition(name="any", partition_key=Attribute(name="PK", type="S"))


@contextmanager
def table_at(url: str) -> Iterator[Table]:
    clients = Clients(endpoints={REGION: url})
    with closing(Router(clients=clients, regions=[REGION], local=REGION)) as router:
        yield Table(DEFINITION, router)


def failed(table: Table) -> NotWritten:
    found = set_attribute(table, REGION, ("one",), "free", 1, clock=RunClock())
    assert isinstance(found, NotWritten)
    assert (found.region, found.key, found.trouble.region) == (REGION, ("one",), REGION)
    return found


@pytest.mark.parametrize("behaviour", [hang_up, error(500, "InternalServerError")])
def test_a_write_without_an_answer_is_uncertain_and_was_sent_once(behaviour: Behaviour) -> None:
    sent = []

    def counting(caller: object) -> None:
        sent.append(caller)
        behaviour(caller)  # type: ignore[arg-type]

    with faulty_server(counting) as server, table_at(server.url) as table:
        found = failed(table)

    assert found.uncertain
    assert found.trouble.sentence.endswith("It may have written one all the same.")
    assert len(sent) == 1


def test_a_write_that_was_never_sent_is_not_uncertain() -> None:
    with closed_port() as url, table_at(url) as table:
        found = failed(table)

    assert not found.uncertain
    assert found.trouble.sentence == "eu-west-1 does not answer (refused)."


def test_a_write_that_is_refused_is_not_uncertain() -> None:
    behaviour = error(400, "ValidationException", "Type mismatch.")
    with faulty_server(behaviour) as server, table_at(server.url) as table:
        found = failed(table)

    assert not found.uncertain
    assert found.trouble.sentence == "Type mismatch."


def test_a_run_is_ended_from_outside_or_by_itself() -> None:
    outside = Event()
    asked, own, neither = Halt(outside), Halt(never()), Halt(never())
    outside.set()
    own.set()

    assert asked.is_set()
    assert asked.wait(60)
    assert own.wait(60)
    assert own.wait()
    assert not neither.is_set()
    assert not neither.wait(0.01)
