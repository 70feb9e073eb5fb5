"""One table on each kind of engine, for the repository's contract."""

from collections.abc import Iterator
from contextlib import closing

import pytest

from gtsite.dynamodb.clients import Clients
from gtsite.dynamodb.repository import Table
from gtsite.dynamodb.router import Router
from gtsite.dynamodb.tables import GLOBAL_SERVERLESS
from tests.support.engines import EngineProcess, empty

REGION = "us-west-2"
CURSOR_KEY = "a key of at least fifty characters, known to tests only"


@pytest.fixture(scope="session")
def engine_clients(engine: EngineProcess) -> Iterator[Clients]:
    """Clients of each engine in turn, with time enough for a busy machine."""
    with closing(Clients(endpoints={REGION: engine.url}, read_seconds=20.0)) as clients:
        yield clients


@pytest.fixture(scope="session")
def router(engine_clients: Clients) -> Iterator[Router]:
    """One region, on each engine in turn."""
    with closing(
        Router(clients=engine_clients, regions=[REGION], local=REGION, deadline_seconds=60.0)
    ) as made:
        yield made


@pytest.fixture
def table(engine_clients: Clients, router: Router) -> Table:
    """The site's table, empty."""
    empty(engine_clients.control(REGION), keep=(GLOBAL_SERVERLESS,))
    return Table(GLOBAL_SERVERLESS, router, cursor_keys=[CURSOR_KEY])
