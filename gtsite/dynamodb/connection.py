"""The site's own router and table, made from the settings: the only place that reads them here.

Each process makes its own on first use. A forked child starts anew: sockets, threads and locks
do not survive a fork.
"""

import os
import threading
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING

from django.conf import settings

from gtsite.dynamodb import tables
from gtsite.dynamodb.clients import Clients
from gtsite.dynamodb.control import ControlPlane
from gtsite.dynamodb.items import to_attribute
from gtsite.dynamodb.meter import Meter
from gtsite.dynamodb.metrics import AWS_PERIOD_SECONDS, MINUTE_SECONDS, Metrics
from gtsite.dynamodb.regions import ANYWHERE
from gtsite.dynamodb.repository import Table
from gtsite.dynamodb.router import Operation, Router
from gtsite.dynamodb.tables import GLOBAL_SERVERLESS, TableDefinition

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

PAGE_PATIENCE_SECONDS = 1.0
PATIENT_CONNECT_SECONDS = 3.0
PATIENT_READ_SECONDS = 20.0
REGIONAL_READ_SECONDS = 3.0
LAB_CONNECT_SECONDS = 0.5
LAB_READ_SECONDS = 1.5
PATIENT_DEADLINE_SECONDS = 60.0
INSPECTION_READ_SECONDS = 2.0
INSPECTION_ATTEMPTS = 2
METRICS_ATTEMPTS = 2
PROBE_VALUES = {"S": "probe", "N": 0, "B": b"probe"}


class _Connection:
    """What this process has made so far."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.router: Router | None = None


_connection = _Connection()


def router() -> Router:
    """The router of this process."""
    made = _connection.router
    if made is None:
        with _connection.lock:
            made = _connection.router = _connection.router or _new_router()
    return made


def site_table(*, patience_seconds: float = 10.0) -> Table:
    """The table that serves the site, through the router.

    A page that somebody waits for has `PAGE_PATIENCE_SECONDS` for what a batch leaves unprocessed.
    """
    keys = [settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS]
    return Table(_site_definition(), router(), cursor_keys=keys, patience_seconds=patience_seconds)


def table(definition: TableDefinition) -> Table:
    """Any other table, through the same router."""
    return Table(definition, router())


def definition(name: str) -> TableDefinition:
    """The project's table of that name, the site's own by its setting; raises `UnknownTable`."""
    return _site_definition() if name == settings.GT_TABLE else tables.table(name)


def site_regions() -> tuple[str, ...]:
    """The regions of the site's table, home first."""
    return tuple(settings.GT_REGIONS)


def is_reachable(region: str) -> bool:
    """Whether it is known where the region answers: at AWS all do, elsewhere those named."""
    known = settings.GT_ENDPOINTS
    return not known or region in known or ANYWHERE in known


@contextmanager
def control_plane() -> Iterator[ControlPlane]:
    """Every region's control plane, for as long as the block."""
    with closing(Clients(endpoints=settings.GT_ENDPOINTS)) as clients:
        yield ControlPlane(clients)


@contextmanager
def inspection() -> Iterator[ControlPlane]:
    """The same for looking only: a region that hangs keeps the caller for some seconds at most."""
    clients = Clients(
        endpoints=settings.GT_ENDPOINTS,
        control_read_seconds=INSPECTION_READ_SECONDS,
        control_attempts=INSPECTION_ATTEMPTS,
    )
    with closing(clients):
        yield ControlPlane(clients)


@contextmanager
def metrics() -> Iterator[Metrics]:
    """Every region's CloudWatch, for as long as the block."""
    clients = Clients(endpoints=settings.GT_ENDPOINTS, control_attempts=METRICS_ATTEMPTS)
    with closing(clients):
        yield Metrics(clients)


def metrics_period_seconds() -> int:
    """How finely to ask CloudWatch: AWS keeps five minutes of replication, the sandbox each one."""
    return MINUTE_SECONDS if settings.GT_ENDPOINTS else AWS_PERIOD_SECONDS


@contextmanager
def patient_table(definition: TableDefinition, region: str) -> Iterator[Table]:
    """One region's table for commands that may take their time, for as long as the block.

    What is written has been checked row by row; the SDK need not do it again.
    """
    clients = Clients(
        endpoints=settings.GT_ENDPOINTS,
        connect_seconds=PATIENT_CONNECT_SECONDS,
        read_seconds=PATIENT_READ_SECONDS,
        check_requests=False,
    )
    own_router = Router(
        clients=clients,
        regions=[region],
        local=region,
        deadline_seconds=PATIENT_DEADLINE_SECONDS,
    )
    with closing(own_router):
        yield Table(definition, own_router, patience_seconds=PATIENT_DEADLINE_SECONDS).at(region)


@contextmanager
def regional_table(
    definition: TableDefinition,
    regions: Sequence[str],
    *,
    deadline_seconds: float = PATIENT_CONNECT_SECONDS + REGIONAL_READ_SECONDS,
) -> Iterator[Table]:
    """A table in any regions, for commands that ask them far apart, for as long as the block.

    To be pinned with `at`; unpinned it asks the first of `regions`. `deadline_seconds` is how long
    a call waits for a region without capacity.
    """
    clients = Clients(
        endpoints=settings.GT_ENDPOINTS,
        connect_seconds=PATIENT_CONNECT_SECONDS,
        read_seconds=REGIONAL_READ_SECONDS,
    )
    own_router = Router(
        clients=clients,
        regions=regions,
        local=regions[0],
        deadline_seconds=deadline_seconds,
        probe=read_probe(definition),
    )
    with closing(own_router):
        yield Table(definition, own_router, patience_seconds=PATIENT_DEADLINE_SECONDS)


@contextmanager
def lab_table(told: Meter | None = None) -> Iterator[Table]:
    """The site's table in all its regions, for one experiment, for as long as the block.

    Through a router of its own: what an experiment puts a region through must not make the site
    pass that region over, nor have its pages wait for a connection. The callers name no region,
    so that the sandbox does not add the round trip from this one to what is measured. Its calls
    come from threads of its own: `told` counts them.
    """
    clients = Clients(
        endpoints=settings.GT_ENDPOINTS,
        connect_seconds=LAB_CONNECT_SECONDS,
        read_seconds=LAB_READ_SECONDS,
    )
    own_router = Router(
        clients=clients,
        regions=settings.GT_REGIONS,
        local=settings.GT_LOCAL_REGION,
        probe=read_probe(_site_definition()),
        told=told,
    )
    with closing(own_router):
        yield Table(_site_definition(), own_router, patience_seconds=PAGE_PATIENCE_SECONDS)


def reset() -> None:
    """Closes this process's router, so that the next use reads the settings again."""
    with _connection.lock:
        made, _connection.router = _connection.router, None
    if made is not None:
        made.close()


def read_probe(definition: TableDefinition) -> Operation[object]:
    """A consistent read of an item that need not exist: it goes the whole way a real one goes."""
    key = {each.name: to_attribute(PROBE_VALUES[each.type]) for each in definition.key_attributes}

    def read(client: "DynamoDBClient") -> object:
        return client.get_item(TableName=definition.name, Key=key, ConsistentRead=True)

    return read


def _site_definition() -> TableDefinition:
    return GLOBAL_SERVERLESS.named(settings.GT_TABLE)


def _new_router() -> Router:
    return Router(
        clients=Clients(endpoints=settings.GT_ENDPOINTS, caller_region=settings.GT_LOCAL_REGION),
        regions=settings.GT_REGIONS,
        local=settings.GT_LOCAL_REGION,
        fallback=settings.REGION_FALLBACK,
        probe=read_probe(_site_definition()),
    )


def _forget_after_fork() -> None:
    global _connection
    _connection = _Connection()


os.register_at_fork(after_in_child=_forget_after_fork)
