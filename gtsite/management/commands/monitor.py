"""`manage.py monitor`: a table's replicas, and what CloudWatch says of their replication."""

import json
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any, Protocol

from django.conf import settings
from django.core.management.base import CommandParser
from rich.console import Console, Group
from rich.live import Live

from gtsite.dynamodb import connection
from gtsite.dynamodb.errors import DataError
from gtsite.dynamodb.metrics import Metrics
from gtsite.dynamodb.tables import TableDefinition
from gtsite.management.base import SiteCommand, UsageError
from gtsite.management.monitoring import Look, as_json, as_tables, look_at
from gtsite.management.rendering import WIDEST, lines
from gtsite.management.subjects import find_table, find_table_replicas

AT_AWS_SECONDS = 60.0
SANDBOX_SECONDS = 5.0
"""Between two looks, when nobody says: each costs money at AWS, and metrics come by the minute."""

SHORTEST_SECONDS, LONGEST_SECONDS = 1.0, 3600.0


class Screen(Protocol):
    """Where one look after the other is shown."""

    def show(self, look: Look) -> None: ...


class Command(SiteCommand):
    help = "Show a table's replicas, items, replication latency and throttles, once or again."

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("table", help="the table's name")
        parser.add_argument("--region", help="a region that has it, where no other is known to")
        parser.add_argument(
            "--watch",
            nargs="?",
            type=float,
            const=True,
            metavar="SECONDS",
            help="look again every so often, until Ctrl-C; with --json, one document a line",
        )

    def handle(self, *, table: str, region: str | None, **options: Any) -> None:
        seconds = _interval(options["watch"])
        definition = find_table(table, region=region)
        also = (region,) if region else ()
        with connection.metrics() as metrics:
            if seconds is None:
                look = _look(definition, metrics, also)
                self.answer(as_json(look), lines(*as_tables(look)))
                return
            with self._screen(as_json_lines=options["json"]) as screen:
                self._watch(lambda: screen.show(_look(definition, metrics, also)), seconds)

    def _watch(self, look: Callable[[], None], seconds: float) -> None:
        """Until somebody ends it; one that fails is a line on stderr, and not the end."""
        look()
        while True:
            time.sleep(seconds)
            try:
                look()
            except DataError as error:
                self.say(str(error))

    def _screen(self, *, as_json_lines: bool) -> AbstractContextManager[Screen]:
        if as_json_lines:
            return _plain(_JsonLines(self))
        return _live() if sys.stdout.isatty() else _plain(_Blocks(self))


class _JsonLines:
    def __init__(self, command: SiteCommand) -> None:
        self._command = command

    def show(self, look: Look) -> None:
        self._command.stdout.write(json.dumps(as_json(look), ensure_ascii=False))
        self._command.stdout.flush()


class _Blocks:
    """One look under the other."""

    def __init__(self, command: SiteCommand) -> None:
        self._command = command

    def show(self, look: Look) -> None:
        self._command.stdout.writelines(f"{line}\n" for line in [*lines(*as_tables(look)), ""])
        self._command.stdout.flush()


class _InPlace:
    """Each look in the place of the one before."""

    def __init__(self, live: Live) -> None:
        self._live = live

    def show(self, look: Look) -> None:
        self._live.update(Group(*as_tables(look)), refresh=True)


@contextmanager
def _plain(screen: Screen) -> Iterator[Screen]:
    yield screen


@contextmanager
def _live() -> Iterator[Screen]:
    console = Console(highlight=False, markup=False, emoji=False)
    console.width = min(console.width, WIDEST)
    with Live(console=console, auto_refresh=False, vertical_overflow="visible") as live:
        yield _InPlace(live)


def _look(definition: TableDefinition, metrics: Metrics, also: tuple[str, ...]) -> Look:
    return look_at(definition.name, find_table_replicas(definition, also=also), metrics)


def _interval(wanted: float | bool | None) -> float | None:
    """Seconds between two looks, None for a single one, True for as it is best.

    Raises `UsageError`.
    """
    if wanted is None:
        return None
    if wanted is True:
        return SANDBOX_SECONDS if settings.SANDBOX_CONTROL_URL else AT_AWS_SECONDS
    if not SHORTEST_SECONDS <= wanted <= LONGEST_SECONDS:
        raise UsageError(f"--watch is {wanted:g}: write 1 to 3600 seconds.")
    return wanted
