"""One sandbox with real lag for all experiments, and tables on it as experiments take them."""

import threading
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing
from typing import Protocol

import pytest

from gtsite.dynamodb.clients import Clients
from gtsite.dynamodb.repository import Table
from gtsite.dynamodb.router import Router
from gtsite.dynamodb.tables import TableDefinition
from tests.support.sandbox import RunningSandbox, wait_until

LAG_MS = 120
READ_SECONDS = 1.0


class OpenTable(Protocol):
    """Opens a table; `elsewhere` are regions that answer at another address than the sandbox's."""

    def __call__(
        self, definition: TableDefinition, elsewhere: Mapping[str, str] | None = None, /
    ) -> Table: ...


@pytest.fixture(scope="session")
def _laboratory(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningSandbox]:
    with RunningSandbox(tmp_path_factory.mktemp("laboratory"), lag_ms=LAG_MS) as running:
        yield running
    assert "Traceback" not in running.output(), running.output()


@pytest.fixture
def laboratory(_laboratory: RunningSandbox) -> Iterator[RunningSandbox]:
    """Three regions without tables of their own, 120 ms apart; no fault, nothing under way."""
    yield _laboratory
    _laboratory.control.reset()
    _laboratory.control.set_lag(lag_ms=0, jitter_ms=0)
    _laboratory.drain()
    _laboratory.control.reset()


@pytest.fixture
def open_table(laboratory: RunningSandbox) -> Iterator[OpenTable]:
    """A table as the site has it, unpinned; a region that hangs costs a call a second.

    After the test no thread may be left that it has started.
    """
    before = set(threading.enumerate())
    with ExitStack() as closed_at_the_end:

        def opened(
            definition: TableDefinition, elsewhere: Mapping[str, str] | None = None, /
        ) -> Table:
            own = {each: laboratory.endpoint_of(each) for each in laboratory.regions}
            clients = Clients(
                endpoints={**own, **(elsewhere or {})},
                connect_seconds=READ_SECONDS,
                read_seconds=READ_SECONDS,
            )
            router = Router(clients=clients, regions=laboratory.regions, local="us-west-2")
            closed_at_the_end.enter_context(closing(router))
            return Table(definition, router)

        yield opened
    wait_until(lambda: set(threading.enumerate()) <= before, "every thread to end")
