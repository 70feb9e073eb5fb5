"""`manage.py sandbox`: run the stand-in for global tables, and turn its faults."""

import os
import re
import sys
from argparse import SUPPRESS, ArgumentTypeError
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from django.conf import settings
from django.core.management.base import CommandError, CommandParser
from rich.console import RenderableType

from gtsite.management.base import SiteCommand, UsageError
from gtsite.management.rendering import lines
from gtsite.management.sandbox_tables import (
    backlog_table,
    conflict_table,
    dials,
    pair_table,
    region_table,
    replica_table,
)
from gtsite.sandbox.client import Fault, SandboxClient, SandboxRefused, SandboxUnreachable, Status

MAX_LAG_MS = 600_000
SPAN = re.compile(r"(?P<count>[0-9]{1,9})(?P<unit>[smhd]?)")
SECONDS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86_400}

Action = Callable[[SandboxClient, dict[str, Any]], Status]


class Command(SiteCommand):
    help = "Run the local stand-in for global tables, and turn its faults while it runs."

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
        for declare in (_declare_run, _declare_faults, _declare_time, _declare_reports):
            declare(actions)
        for action in actions.choices.values():
            action.add_argument(
                "--json", action="store_true", default=SUPPRESS, help="print the result as JSON"
            )

    def handle(self, *, action: str, **options: Any) -> None:
        reports = {"run": self._run, "conflicts": self._conflicts, "backlog": self._backlog}
        try:
            if action in reports:
                reports[action](options)
            else:
                self._show(ACTIONS[action](self._client, options))
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
            *("--dir", str(settings.SANDBOX_DIR)),
            *("--lag", str(options["lag"])),
            *(("--engine", options["engine"]) if options["engine"] else ()),
            *(("--wan",) if options["wan"] else ()),
            *(("--strict",) if options["strict"] else ()),
        ]
        os.chdir(settings.BASE_DIR)
        os.execv(sys.executable, command)  # noqa: S606

    def _conflicts(self, options: dict[str, Any]) -> None:
        found = self._client.conflicts(limit=options["limit"], after=options["after"])
        shown = lines(conflict_table(found)) if found else ["No conflict is known."]
        self.answer([asdict(each) for each in found], shown)

    def _backlog(self, options: dict[str, Any]) -> None:
        found = self._client.backlog(limit=options["limit"])
        shown = lines(backlog_table(found)) if found else ["Nothing is on its way."]
        self.answer([asdict(each) for each in found], shown)

    def _show(self, status: Status) -> None:
        parts: list[RenderableType] = [region_table(status), "", pair_table(status)]
        if status.replicas:
            parts += ["", replica_table(status)]
        self.answer(dict(status.raw), lines(*parts, "", dials(status)))


def _declare_run(actions: Any) -> None:
    run = actions.add_parser("run", help="run it until Ctrl-C")
    run.add_argument("--lag", type=int, default=1000, metavar="MS", help="replication lag")
    run.add_argument("--engine", choices=("dynoxide", "moto"))
    run.add_argument("--strict", action="store_true", help="refuse what AWS takes no longer")
    run.add_argument(
        "--wan", action="store_true", help="callers that name their region pay for the distance"
    )


def _declare_faults(actions: Any) -> None:
    outage = actions.add_parser("outage", help="take a region away, or let it fail or be slow")
    outage.add_argument("region")
    manner = outage.add_mutually_exclusive_group()
    manner.add_argument("--blackhole", action="store_true", help="accept and never answer")
    manner.add_argument("--reset", action="store_true", help="answer with a reset connection")
    outage.add_argument("--errors", type=float, metavar="RATE", help="share of calls that fail")
    outage.add_argument("--status", type=int, choices=(500, 503), help="of the errors; 500")
    outage.add_argument(
        "--executed", type=float, metavar="RATE", help="share of the errors carried out; 0"
    )
    outage.add_argument("--slow", type=int, metavar="MS", help="what each answer waits")
    heal = actions.add_parser("heal", help="bring a region back, or all of them")
    heal.add_argument("region", nargs="?")
    lag = actions.add_parser("lag", help="set the replication lag")
    lag.add_argument("milliseconds", type=int)
    lag.add_argument("--jitter", type=int, metavar="MS", help="give or take; a tenth of it")
    pause = actions.add_parser("pause", help="hold a region's replication, or one way's")
    resume = actions.add_parser("resume", help="let replication go on")
    for each in (pause, resume):
        each.add_argument("region", nargs="?")
    for each in (lag, pause, resume):
        each.add_argument("--from", dest="source", metavar="REGION")
        each.add_argument("--to", dest="target", metavar="REGION")
    kill = actions.add_parser("kill", help="end a region's engine with SIGKILL; it comes back")
    kill.add_argument("region")
    kill.add_argument("--restart", action="store_true", help="with SIGTERM instead")
    wan = actions.add_parser("wan", help="whether distance costs callers time")
    wan.add_argument("on", choices=("on", "off"))
    actions.add_parser("reset", help="turn everything back, but for data and clock")


def _declare_time(actions: Any) -> None:
    skew = actions.add_parser("skew", help="set how far a region's timestamps are off")
    skew.add_argument("region")
    skew.add_argument("milliseconds", type=int)
    clock = actions.add_parser("clock", help="put the sandbox's clock ahead")
    clock.add_argument("span", type=_span, metavar="TIME", help="such as 90, 15m, 25h, 2d")


def _declare_reports(actions: Any) -> None:
    actions.add_parser("status", help="regions, replication pairs, tables")
    conflicts = actions.add_parser("conflicts", help="writes that lost, with both images")
    conflicts.add_argument("--limit", type=int, default=20)
    conflicts.add_argument(
        "--after", type=int, metavar="ID", help="those before the one of this id"
    )
    backlog = actions.add_parser("backlog", help="what is on its way for longest")
    backlog.add_argument("--limit", type=int, default=20)


def _span(text: str) -> int:
    """Seconds of `90`, `15m`, `25h` or `2d`."""
    found = SPAN.fullmatch(text)
    if found is None:
        raise ArgumentTypeError(f"{text!r} is no time: write such as 90, 15m, 25h or 2d")
    return int(found["count"]) * SECONDS[found["unit"]]


def _outage(client: SandboxClient, told: dict[str, Any]) -> Status:
    """Take a region away, unless it is only to fail or to be slow."""
    errors, slow = told["errors"], told["slow"]
    if errors is None and (told["status"] is not None or told["executed"] is not None):
        raise UsageError("--status and --executed are about errors: write --errors RATE as well.")
    away = told["blackhole"] or told["reset"] or (errors is None and slow is None)
    return client.set_fault(
        told["region"],
        fault=_manner(told) if away else None,
        error_rate=errors,
        error_status=told["status"],
        executed_rate=told["executed"],
        slow_ms=slow,
    )


def _manner(told: dict[str, Any]) -> Fault:
    if told["blackhole"]:
        return "blackhole"
    return "reset" if told["reset"] else "refuse"


def _lag(client: SandboxClient, told: dict[str, Any]) -> Status:
    return client.set_lag(
        lag_ms=told["milliseconds"],
        jitter_ms=told["jitter"],
        source=told["source"],
        target=told["target"],
    )


def _pause(client: SandboxClient, told: dict[str, Any]) -> Status:
    if way := _way(told):
        return client.pause_way(*way)
    if not told["region"]:
        raise UsageError("Write the region to pause, or --from and --to for one way.")
    return client.pause(told["region"])


def _resume(client: SandboxClient, told: dict[str, Any]) -> Status:
    way = _way(told)
    return client.resume_way(*way) if way else client.resume(told["region"])


def _way(told: dict[str, Any]) -> tuple[str, str] | None:
    region, source, target = told["region"], told["source"], told["target"]
    if not source and not target:
        return None
    if region or not source or not target:
        raise UsageError("Write a region, or both --from and --to for one way.")
    return source, target


ACTIONS: dict[str, Action] = {
    "status": lambda client, _: client.status(),
    "outage": _outage,
    "heal": lambda client, told: client.heal(told["region"]),
    "lag": _lag,
    "pause": _pause,
    "resume": _resume,
    "skew": lambda client, told: client.skew(told["region"], told["milliseconds"]),
    "clock": lambda client, told: client.put_clock_ahead(told["span"]),
    "kill": lambda client, told: client.engine(
        told["region"], "restart" if told["restart"] else "kill"
    ),
    "wan": lambda client, told: client.set_wan(on=told["on"] == "on"),
    "reset": lambda client, _: client.reset(),
}
