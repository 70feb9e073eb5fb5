"""`manage.py sandbox`: run the stand-in for global tables, and turn its faults."""

import os
import sys
from argparse import SUPPRESS
from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.core.management.base import CommandError, CommandParser
from rich.table import Table

from gtsite.management.base import SiteCommand, UsageError
from gtsite.management.rendering import lines, table
from gtsite.sandbox.client import (
    Conflict,
    Fault,
    SandboxClient,
    SandboxRefused,
    SandboxUnreachable,
    Status,
)

MAX_LAG_MS = 600_000
FAULTS = {"none": "up", "refuse": "away (refuses)", "blackhole": "away (black hole)"}


class Command(SiteCommand):
    help = "Run the local stand-in for global tables, and turn its faults while it runs."

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
        run = actions.add_parser("run", help="run it until Ctrl-C")
        run.add_argument("--lag", type=int, default=1000, metavar="MS", help="replication lag")
        run.add_argument("--engine", choices=("dynoxide", "moto"))
        actions.add_parser("status", help="regions, replication pairs, backlog")
        outage = actions.add_parser("outage", help="take a region away")
        outage.add_argument("region")
        outage.add_argument(
            "--blackhole", action="store_true", help="accept and never answer, instead of refusing"
        )
        heal = actions.add_parser("heal", help="bring a region back, or all of them")
        heal.add_argument("region", nargs="?")
        lag = actions.add_parser("lag", help="set the replication lag")
        lag.add_argument("milliseconds", type=int)
        lag.add_argument("--jitter", type=int, metavar="MS", help="give or take; a quarter of it")
        lag.add_argument("--from", dest="source", metavar="REGION")
        lag.add_argument("--to", dest="target", metavar="REGION")
        conflicts = actions.add_parser("conflicts", help="writes that lost, with both images")
        conflicts.add_argument("--limit", type=int, default=20)
        for action in actions.choices.values():
            action.add_argument(
                "--json", action="store_true", default=SUPPRESS, help="print the result as JSON"
            )

    def handle(self, *, action: str, **options: Any) -> None:
        actions: dict[str, Callable[[dict[str, Any]], None]] = {
            "run": self._run,
            "status": lambda _: self._show(self._client.status()),
            "outage": self._outage,
            "heal": lambda told: self._show(self._client.heal(told["region"])),
            "lag": self._lag,
            "conflicts": self._conflicts,
        }
        try:
            actions[action](options)
        except SandboxRefused as error:
            raise UsageError(str(error)) from error
        except SandboxUnreachable as error:
            raise CommandError(str(error)) from error

    @property
    def _client(self) -> SandboxClient:
        port = settings.SANDBOX_PORT - 1
        return SandboxClient(f"http://127.0.0.1:{port}", timeout_seconds=10)

    def _run(self, options: dict[str, Any]) -> None:
        """Become the sandbox: signals then reach it, and nothing else, directly."""
        if not 0 <= options["lag"] <= MAX_LAG_MS:
            raise UsageError(
                f"--lag is {options['lag']}: write milliseconds from 0 to {MAX_LAG_MS}."
            )
        command = [
            *(sys.executable, "-m", "gtsite.sandbox"),
            *("--regions", ",".join(settings.GT_REGIONS)),
            *("--port", str(settings.SANDBOX_PORT)),
            *("--folder", str(settings.SANDBOX_DIR)),
            *("--lag", str(options["lag"])),
            *(("--engine", options["engine"]) if options["engine"] else ()),
        ]
        os.chdir(settings.BASE_DIR)
        os.execv(sys.executable, command)  # noqa: S606

    def _outage(self, options: dict[str, Any]) -> None:
        mode: Fault = "blackhole" if options["blackhole"] else "refuse"
        self._show(self._client.outage(options["region"], mode))

    def _lag(self, options: dict[str, Any]) -> None:
        self._show(
            self._client.set_lag(
                lag_ms=options["milliseconds"],
                jitter_ms=options["jitter"],
                source=options["source"],
                target=options["target"],
            )
        )

    def _conflicts(self, options: dict[str, Any]) -> None:
        found = self._client.conflicts(limit=options["limit"])
        self.answer([_plain(each) for each in found], lines(_conflict_table(found)))

    def _show(self, status: Status) -> None:
        self.answer(dict(status.raw), lines(_region_table(status), "", _pair_table(status)))


def _region_table(status: Status) -> Table:
    found = table(f"Sandbox on {status.engine}", "region", "state", "engine", "endpoint")
    for each in status.regions:
        endpoint = each.endpoint or f"{status.endpoint} (shared)"
        found.add_row(each.name, FAULTS[each.fault], each.engine, endpoint)
    return found


def _pair_table(status: Status) -> Table:
    numbers = ("lag ms", "backlog", "oldest s", "p50 ms", "p99 ms")
    found = table("Replication", "from → to", *numbers, right=numbers)
    for pair in status.pairs:
        found.add_row(
            f"{pair.source} → {pair.target}",
            f"{pair.lag_ms} ± {pair.jitter_ms}",
            str(pair.backlog),
            f"{pair.oldest_ms / 1000:.1f}" if pair.backlog else "–",
            *(f"{pair.latency_ms[q]:.0f}" if q in pair.latency_ms else "–" for q in ("p50", "p99")),
        )
    return found


def _conflict_table(conflicts: list[Conflict]) -> Table:
    headings = ("table", "key", "won in", "lost in", "apart ms", "what was lost")
    found = table("Conflicts, newest first", *headings, right=["apart ms"])
    for each in conflicts:
        found.add_row(
            each.table,
            " / ".join(str(next(iter(value.values()))) for value in each.key.values()),
            each.winner.region,
            each.loser.region,
            f"{(each.winner.time_us - each.loser.time_us) / 1000:.0f}",
            "a delete" if each.loser.image is None else str(dict(each.loser.image)),
        )
    return found


def _plain(conflict: Conflict) -> dict[str, Any]:
    return {
        "table": conflict.table,
        "key": conflict.key,
        "winner": _side(conflict.winner.region, conflict.winner.time_us, conflict.winner.image),
        "loser": _side(conflict.loser.region, conflict.loser.time_us, conflict.loser.image),
    }


def _side(region: str, time_us: int, image: Any) -> dict[str, Any]:
    return {"region": region, "time_us": time_us, "image": image}
