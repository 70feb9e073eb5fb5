"""What the status page asks of AWS or the sandbox: which tables there are, and how they replicate.

Nothing is asked before somebody looks, and each question once at a time for all who look.
"""

import os
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TypeVar

from django.conf import settings

from gtsite.dynamodb import connection
from gtsite.dynamodb.clients import Clients
from gtsite.dynamodb.control import ControlPlane
from gtsite.dynamodb.errors import DataError, TableMissing
from gtsite.dynamodb.metrics import Metrics, Point
from gtsite.dynamodb.replicas import Replica, find_replicas
from gtsite.dynamodb.tables import GLOBAL_SERVERLESS, TABLES
from gtsite.sandbox.client import (
    Conflict,
    SandboxClient,
    SandboxRefused,
    SandboxUnreachable,
    Status,
)
from gtsite.status.kept import Kept, Told

T = TypeVar("T")

HOUR = timedelta(hours=1)
DESCRIBE_SECONDS = 2.0
METRICS_SECONDS = 10.0
CONFLICTS_SHOWN = 5
AT_AWS_SECONDS = {"tables": 20.0, "replication": 60.0}
SANDBOX_SECONDS = 4.0
"""How long answers are kept: GetMetricData costs money, the sandbox does not."""

Points = Mapping[str, tuple[Point, ...]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Copies:
    """A table and where it is, home first; `problem` says why nobody could tell."""

    table: str
    replicas: tuple[Replica, ...] = ()
    problem: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What the sandbox says of its ways, and its latest conflicts, the newest first."""

    status: Status
    conflicts: tuple[Conflict, ...]


class SandboxSilent(DataError):
    """The sandbox's control API did not answer."""


class Watch:
    """The questions of one process and their answers."""

    def __init__(self) -> None:
        endpoints = settings.GT_ENDPOINTS
        self._control = ControlPlane(
            Clients(endpoints=endpoints, control_read_seconds=DESCRIBE_SECONDS, control_attempts=1)
        )
        self._metrics = Metrics(
            Clients(endpoints=endpoints, control_read_seconds=METRICS_SECONDS, control_attempts=1)
        )
        self._lock = threading.Lock()
        self._ways: dict[tuple[str, tuple[str, ...]], Kept[Points]] = {}
        self.tables = Kept(self._find_tables, seconds=kept_seconds("tables"))
        self.sandbox = Kept(look_at_sandbox, seconds=SANDBOX_SECONDS)

    def ways(self, table: str, source: str, targets: tuple[str, ...]) -> Kept[Points]:
        """What left `source` in the last hour; a slow region keeps nobody else waiting."""
        key = (table, (source, *targets))
        with self._lock:
            found = self._ways.get(key)
            if found is None:
                found = self._ways[key] = Kept(
                    lambda: self._latencies(table, source, targets),
                    seconds=kept_seconds("replication"),
                )
            return found

    def copies(self, *, table: str, told: Told[tuple[Copies, ...]]) -> Copies | None:
        """One table of those found, or the site's own."""
        found = told.value or ()
        return next((each for each in found if each.table == table), next(iter(found), None))

    def _latencies(self, table: str, source: str, targets: tuple[str, ...]) -> Points:
        return self._metrics.replication_latency(
            table,
            source,
            targets,
            since=datetime.now(UTC) - HOUR,
            period_seconds=connection.metrics_period_seconds(),
        )

    def _find_tables(self) -> tuple[Copies, ...]:
        """Those that exist, the site's own first; asked side by side."""
        wanted = _candidates()
        with ThreadPoolExecutor(len(wanted), thread_name_prefix="status") as threads:
            found = threads.map(lambda pair: self._find(*pair), wanted.items())
        return tuple(each for each in found if each is not None)

    def _find(self, table: str, regions: tuple[str, ...]) -> Copies | None:
        """None for an exercise's table that is not there, or that this site may not look at."""
        try:
            return Copies(table=table, replicas=find_replicas(self._control, table, regions))
        except TableMissing as error:
            return Copies(table=table, problem=str(error)) if table == settings.GT_TABLE else None
        except DataError as error:
            known = table == settings.GT_TABLE or settings.SANDBOX_CONTROL_URL
            return Copies(table=table, problem=str(error)) if known else None


def kept_seconds(part: str) -> float:
    """How long an answer is kept, and how often a page asks for another."""
    return SANDBOX_SECONDS if settings.SANDBOX_CONTROL_URL else AT_AWS_SECONDS[part]


def look_at_sandbox() -> Seen:
    """What the sandbox says at the moment; raises `SandboxSilent`."""
    client = SandboxClient(settings.SANDBOX_CONTROL_URL)
    try:
        return Seen(
            status=client.status(), conflicts=tuple(client.conflicts(limit=CONFLICTS_SHOWN))
        )
    except (SandboxUnreachable, SandboxRefused) as error:
        raise SandboxSilent(str(error)) from error


def _candidates() -> dict[str, tuple[str, ...]]:
    """Each table and the regions to look for it.

    The sandbox starts a region when it is first asked: there, only what it names itself.
    """
    site = {settings.GT_TABLE: connection.site_regions()}
    exercises = {name: each for name, each in TABLES.items() if name != GLOBAL_SERVERLESS.name}
    if not settings.SANDBOX_CONTROL_URL:
        known = {name: _reachable(each.default_regions) for name, each in exercises.items()}
        return site | {name: regions for name, regions in known.items() if regions}
    held: dict[str, list[str]] = {}
    with suppress(SandboxUnreachable, SandboxRefused):
        for each in SandboxClient(settings.SANDBOX_CONTROL_URL).status().replicas:
            held.setdefault(each.table, []).append(each.region)
    ordered = {
        name: tuple(sorted(held[name], key=_place_in(each.default_regions)))
        for name, each in exercises.items()
        if name in held
    }
    return site | ordered


def _reachable(regions: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(each for each in regions if connection.is_reachable(each))


def _place_in(regions: tuple[str, ...]) -> Callable[[str], tuple[int, str]]:
    """Sorts the home first, and regions that nobody expected last."""
    return lambda name: (regions.index(name) if name in regions else len(regions), name)


class _Process:
    """What this process has made so far."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.watch: Watch | None = None


_process = _Process()


def watch() -> Watch:
    """The watch of this process, made when somebody first looks."""
    with _process.lock:
        if _process.watch is None:
            _process.watch = Watch()
        return _process.watch


def forget() -> None:
    """The next use reads the settings and asks anew."""
    global _process
    _process = _Process()


os.register_at_fork(after_in_child=forget)
