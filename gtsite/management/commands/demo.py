"""`manage.py demo`: the whole product on this machine, until Ctrl-C."""

from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import CommandError, CommandParser

from gtsite.dynamodb.regions import region
from gtsite.management.base import SiteCommand, UsageError
from gtsite.management.demo import DemoFailed, DemoPlan, run_demo
from gtsite.management.processes import ChildGaveUp, Stopped
from gtsite.management.rendering import lines, table
from gtsite.sandbox.client import SandboxClient

IN_MEMORY = "the data goes with it, since moto keeps it in memory"


class Command(SiteCommand):
    _fate = "the data stays"
    help = "Run the sandbox, the tables with their data, and one site per region, until Ctrl-C."

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument(
            "--lag", type=int, default=1000, metavar="MS", help="replication lag, 0 to 600000"
        )
        parser.add_argument(
            "--no-wan",
            dest="wan",
            action="store_false",
            help="let other regions answer as fast as the own one",
        )

    def handle(self, *, lag: int, wan: bool, **_options: Any) -> None:
        if not settings.SANDBOX_CONTROL_URL:
            raise CommandError(
                "The demo runs on the sandbox: unset GT_ENDPOINTS and use the local settings."
            )
        if not 0 <= lag <= 600_000:
            raise UsageError(f"--lag is {lag}: write milliseconds from 0 to 600000.")
        plan = DemoPlan(
            project=settings.BASE_DIR,
            folder=settings.SANDBOX_DIR.resolve(),
            regions=tuple(settings.GT_REGIONS),
            sandbox_port=settings.SANDBOX_PORT,
            site_port=settings.SITE_PORT,
            lag_ms=lag,
            wan=wan,
        )
        self.say("Starting three regions on this machine …")
        try:
            run_demo(
                plan,
                prepare=lambda: call_command("collectstatic", interactive=False, verbosity=0),
                provision=lambda: call_command("provision", stdout=self.stderr),
                ready=lambda: self._greet(plan),
                say=self.say,
            )
        except (DemoFailed, ChildGaveUp) as error:
            raise CommandError(str(error)) from error
        except Stopped:
            self.say(f"Stopped; {self._fate}.")

    def _greet(self, plan: DemoPlan) -> None:
        if not SandboxClient(settings.SANDBOX_CONTROL_URL, timeout_seconds=10).status().durable:
            self._fate = IN_MEMORY
        sites = table("Meridian is running", "region", "site")
        for name in plan.regions:
            sites.add_row(f"{region(name).place}, {name}", f"{plan.site_url(name)}/")
        lab = f"{plan.site_url(plan.regions[0])}/lab/"
        endpoint = f"http://127.0.0.1:{plan.sandbox_port}"
        data = {
            "sites": {name: f"{plan.site_url(name)}/" for name in plan.regions},
            "lab": lab,
            "endpoint": endpoint,
            "folder": str(plan.folder),
        }
        more = [
            "",
            f"Region lab     {lab}",
            f"Any AWS SDK    AWS_ENDPOINT_URL={endpoint}",
            f"Data and logs  {plan.folder}",
            "",
            f"Ctrl-C stops everything; {self._fate}.",
        ]
        self.answer(data, [*lines(sites), *more])
        self.stdout.flush()
