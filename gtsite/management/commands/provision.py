"""`manage.py provision`: tables, their replicas, and their data; or the end of them."""

import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import CommandError, CommandParser

from gtsite.dynamodb import connection
from gtsite.dynamodb.control import ControlPlane
from gtsite.dynamodb.regions import region as known_region
from gtsite.dynamodb.rows import UnreadableFile
from gtsite.dynamodb.tables import Billing, Consistency, TableDefinition
from gtsite.management.base import PartlyDone, SiteCommand, UsageError
from gtsite.management.progress import progress_line
from gtsite.management.provisioning import (
    ProvisioningFailed,
    TablePlan,
    Wanted,
    carry_out,
    make_plans,
    make_removal_plans,
)

CATALOGUE = Path("catalog", "data", "catalogue.jsonl")


class Command(SiteCommand):
    help = "Create tables, their replicas and their data where they are missing; or destroy them."

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("tables", nargs="*", metavar="TABLE", help="by default the site's own")
        parser.add_argument("--regions", metavar="REGION,…", help="where, home first")
        parser.add_argument("--consistency", choices=[each.value for each in Consistency])
        parser.add_argument("--billing", choices=[each.value for each in Billing])
        parser.add_argument("--protect", action="store_true", help="against deletion")
        parser.add_argument(
            "--backups", action="store_true", help="keep 35 days in the home region to restore from"
        )
        parser.add_argument("--no-load", action="store_true", help="leave the data alone")
        parser.add_argument("--destroy", action="store_true", help="delete tables and items")
        parser.add_argument("--yes", action="store_true", help="do destroy, instead of asking")
        parser.add_argument("--dry-run", action="store_true", help="show the plan, change nothing")
        parser.add_argument(
            "--timeout", type=float, default=1800.0, metavar="SECONDS", help="for each step"
        )

    def handle(self, **options: Any) -> None:
        if not options["timeout"] > 0:
            raise UsageError(
                f"--timeout is {options['timeout']}: write a number of seconds above 0."
            )
        wanted = [_wanted(name, options) for name in options["tables"] or [settings.GT_TABLE]]
        with connection.control_plane() as control:
            plans = self._plan(wanted, control, options)
            if options["dry_run"]:
                self._answer(plans, carried_out=False)
                return
            if options["destroy"] and not options["yes"] and not _nothing(plans):
                self._answer(plans, carried_out=False)
                raise UsageError("Nothing was deleted: add --yes to carry out this plan.")
            self._carry_out(plans, control, options)
        self._answer(plans, carried_out=True)

    def _plan(
        self, wanted: Sequence[Wanted], control: ControlPlane, options: dict[str, Any]
    ) -> list[TablePlan]:
        try:
            if options["destroy"]:
                everywhere = not options["regions"]
                return make_removal_plans(wanted, control, everywhere=everywhere)
            return make_plans(wanted, control)
        except UnreadableFile as error:
            raise CommandError(str(error)) from error

    def _carry_out(
        self, plans: Sequence[TablePlan], control: ControlPlane, options: dict[str, Any]
    ) -> None:
        for plan in plans:
            for note in plan.plan.notes:
                self.say(f"note: {note}")
        try:
            with progress_line(sys.stderr, self.say) as line:
                carry_out(
                    plans,
                    control,
                    timeout_seconds=options["timeout"],
                    line=line,
                )
        except ProvisioningFailed as error:
            if error.changed:
                raise PartlyDone(f"{error} What is done stands; run the command again.") from error
            raise CommandError(str(error)) from error

    def _answer(self, plans: Sequence[TablePlan], *, carried_out: bool) -> None:
        changed = carried_out and not _nothing(plans)
        data = {"changed": changed, "tables": [plan.as_data() for plan in plans]}
        lines = [plan.outcome for plan in plans] if carried_out else _all_lines(plans)
        self.answer(data, lines)


def _all_lines(plans: Sequence[TablePlan]) -> list[str]:
    return [line for plan in plans for line in plan.lines()]


def _nothing(plans: Sequence[TablePlan]) -> bool:
    return all(plan.is_empty for plan in plans)


def _wanted(name: str, options: dict[str, Any]) -> Wanted:
    """One table with the command's options; raises `UsageError`, `UnknownTable`."""
    table = connection.definition(name)
    if options["billing"]:
        table = replace(table, billing=Billing(options["billing"]))
    if options["consistency"]:
        table = replace(table, consistency=Consistency(options["consistency"]))
    loads = name == settings.GT_TABLE and not (options["no_load"] or options["destroy"])
    return Wanted(
        table=table,
        regions=_regions(table, options["regions"]),
        data=Path(settings.BASE_DIR) / CATALOGUE if loads else None,
        protect=options["protect"],
        backups=options["backups"],
    )


def _regions(table: TableDefinition, text: str | None) -> tuple[str, ...]:
    """The regions asked for; else the table's own, where they can be reached; else the site's."""
    if text is None:
        own = table.default_regions
        reachable = own and all(connection.is_reachable(each) for each in own)
        return own if reachable else connection.site_regions()
    names = tuple(known_region(word.strip()).name for word in text.split(","))
    if len(set(names)) != len(names):
        raise UsageError(f"--regions {text} names a region twice: name each once.")
    for name in names:
        if not connection.is_reachable(name):
            raise UsageError(f"No endpoint is known for {name}: add it to GT_ENDPOINTS.")
    return names
