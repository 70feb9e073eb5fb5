"""`manage.py experiment`: what replication does to what is written, shown on a real table."""

from argparse import SUPPRESS
from typing import Any

from django.core.management.base import CommandParser

from gtsite.management.base import SiteCommand
from gtsite.management.experiments import counters, lag, race, stale_read

EXPERIMENTS = {"lag": lag, "stale-read": stale_read, "race": race, "counters": counters}


class Command(SiteCommand):
    help = "Watch replication at work: how long it takes, and what it does to concurrent writes."

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        actions = parser.add_subparsers(dest="experiment", required=True, metavar="EXPERIMENT")
        for experiment in EXPERIMENTS.values():
            experiment.declare(actions)
        for action in actions.choices.values():
            action.add_argument(
                "--json", action="store_true", default=SUPPRESS, help="print the result as JSON"
            )

    def handle(self, *, experiment: str, **options: Any) -> None:
        EXPERIMENTS[experiment].run(self, options)
