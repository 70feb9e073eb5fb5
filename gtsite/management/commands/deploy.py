"""`manage.py deploy`: one commit to Elastic Beanstalk in every region, Route 53 in front."""

import json
import os
import sys
from argparse import SUPPRESS, ArgumentTypeError
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import CommandError, CommandParser

from gtsite.deploy.aws import Aws
from gtsite.deploy.config import Config, checked, read_config
from gtsite.deploy.errors import BadConfig, DeployError
from gtsite.deploy.preflight import find_identity
from gtsite.deploy.rollout import restart_regions
from gtsite.deploy.template import template
from gtsite.deploy.waiting import Patience
from gtsite.dynamodb import connection
from gtsite.management.base import STOPPED, SiteCommand, UsageError
from gtsite.management.deploying import acting, documents, removing, reports, running, standing
from gtsite.management.deploying.narrating import Narrator
from gtsite.management.deploying.planning import DeploymentPlan, Request, make_plan
from gtsite.management.deploying.tables import TableHome
from gtsite.management.progress import progress_line
from gtsite.wording import counted

CATALOGUE = Path("catalog", "data", "catalogue.jsonl")
LONGEST_SECONDS = 86_400.0

Options = dict[str, Any]


class Command(SiteCommand):
    help = "Deploy one commit to Elastic Beanstalk in every region, with Route 53 in front."

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.epilog = "manage.py deploy ACTION --help says more about each."
        actions = parser.add_subparsers(dest="action", required=True, title="actions")
        for declare in (_declare_deployment, _declare_standing, _declare_documents, _declare_end):
            declare(actions)
        for name, action in actions.choices.items():
            _declare_common(action)
            if name != "down":
                action.add_argument(
                    "--regions", type=_regions, metavar="REGION,…", help="all of them, home first"
                )

    def execute(self, *args: Any, **options: Any) -> str | None:
        """After Ctrl-C nothing is waited for: a service that hangs has threads that do."""
        try:
            return super().execute(*args, **options)
        except SystemExit as ended:
            if ended.code != STOPPED:
                raise
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(STOPPED)

    def handle(self, *, action: str, **options: Any) -> None:
        acts: dict[str, Callable[[Config, Options], None]] = {
            "plan": self._plan,
            "up": self._up,
            "status": self._status,
            "down": self._down,
            "policy": self._policy,
            "template": self._template,
            "secret": self._secret,
            "restart": self._restart,
            "evacuate": self._evacuate,
            "return": self._return,
        }
        try:
            acts[action](_config(options), options)
        except BadConfig as error:
            raise UsageError(str(error)) from error
        except DeployError as error:
            raise CommandError(str(error)) from error

    def _plan(self, config: Config, options: Options) -> None:
        with _aws() as aws, _table(options) as table, self._asking():
            plan = make_plan(_request(config, options), aws, table, _patience(options))
        self._report_plan(plan)

    def _up(self, config: Config, options: Options) -> None:
        with _aws() as aws, _table(options) as table:
            with self._asking():
                plan = make_plan(_request(config, options), aws, table, _patience(options))
            if plan.problems or options["dry_run"]:
                self._report_plan(plan)
                return
            if not plan.is_empty:
                for line in (*reports.plan_lines(plan, costs=False), ""):
                    self.say(line)
            with self._narrator(plan.request.regions) as tell:
                ran = running.carry_out(
                    plan, parallel=options["parallel"], patience=_patience(options), tell=tell
                )
        self.answer(reports.ran_data(ran), reports.ran_lines(ran))
        self._end(ran.code, reports.what_next(ran))

    def _report_plan(self, plan: DeploymentPlan) -> None:
        self.answer(reports.plan_data(plan), reports.plan_lines(plan, costs=True))
        if plan.problems:
            found = counted(len(plan.problems), "problem")
            raise CommandError(f"{found} in the way. Nothing was changed.")

    def _status(self, config: Config, options: Options) -> None:
        with _aws() as aws, connection.inspection() as control, self._asking():
            found = standing.look(_request(config, options), aws, TableHome(control=control))
        self.answer(standing.as_data(found), standing.as_lines(found))

    def _down(self, config: Config, options: Options) -> None:
        wanted = removing.Wanted(
            table_name=self._typed(config, options["with_data"]),
            with_secret=options["with_secret"],
            only=_request(config, options).only,
        )
        if wanted.only and (wanted.table_name or wanted.with_secret):
            raise UsageError("--only leaves what the regions share: table and secret stay.")
        with _aws() as aws, _table({**options, "no_load": True}) as table:
            with self._asking():
                plan = removing.plan_removal(config, wanted, aws, table, _patience(options))
            if plan.findings.problems or not plan.steps or not options["yes"]:
                self._report_removal(plan, options)
                return
            with self._narrator(config.regions) as tell:
                removed = removing.carry_out(plan, tell)
        self.answer(removing.removed_data(removed), removing.removed_lines(removed))
        self._end(removed.code, removing.what_next(removed))

    def _typed(self, config: Config, name: str | None) -> str:
        """The table's name, as somebody wrote it who wants its items gone; '' keeps them."""
        if name == "" and sys.stdin.isatty():
            self.stderr.write(
                f"Every item of {config.table} will be gone. Type its name: ",
                style_func=str,
                ending="",
            )
            name = sys.stdin.readline().strip() or "nothing"
        if name is not None and name != config.table:
            raise UsageError(
                f"--with-data needs the table's name, which is {config.table}: nothing was removed."
            )
        return name or ""

    def _report_removal(self, plan: removing.RemovalPlan, options: Options) -> None:
        self.answer(removing.plan_data(plan), removing.plan_lines(plan))
        if plan.findings.problems:
            found = counted(len(plan.findings.problems), "problem")
            raise CommandError(f"{found} in the way. Nothing was removed.")
        if plan.steps and not options["yes"] and not options["dry_run"]:
            raise UsageError("Nothing was removed: add --yes to carry out this plan.")

    def _policy(self, config: Config, options: Options) -> None:
        self._print(
            documents.policy(
                config,
                _account(config),
                reader=options["reader"],
                name=options["name"],
                repository=options["repository"],
            )
        )

    def _template(self, config: Config, _options: Options) -> None:
        self._print(template(config))

    def _print(self, document: object) -> None:
        """JSON either way: it is there to be handed to AWS."""
        self.stdout.write(json.dumps(document, indent=2, ensure_ascii=False))

    def _secret(self, config: Config, options: Options) -> None:
        self._act(config, acting.secret_act(config, options["act"]))

    def _restart(self, config: Config, options: Options) -> None:
        regions = _request(config, options).regions
        with _aws() as aws, self._narrator(regions) as tell:
            acting.right_account(config, aws)
            outcome = restart_regions(config, regions, aws, patience=_patience(options), tell=tell)
        self.answer(
            {"outcomes": reports.outcome_data(outcome.regions)},
            reports.restart_lines(outcome),
        )
        self._end(running.restart_code(outcome), reports.after_restart(outcome))

    def _evacuate(self, config: Config, options: Options) -> None:
        region = _known(config, options["region"])
        self._act(config, acting.evacuation(config, region, force=options["force"]))

    def _return(self, config: Config, options: Options) -> None:
        self._act(config, acting.homecoming(config, _known(config, options["region"])))

    def _act(self, config: Config, act: acting.Act) -> None:
        """One small change; what it did is the answer."""
        with _aws() as aws, self._narrator(config.regions) as tell:
            acting.right_account(config, aws)
            done = acting.carried_out(act, aws, tell)
        self.answer({"done": done}, done)

    def _end(self, code: int, sentence: str) -> None:
        if code:
            raise CommandError(sentence, returncode=code)
        if sentence:
            self.say(sentence)

    @contextmanager
    def _asking(self) -> Iterator[None]:
        """A service that hangs takes a minute: a terminal shows that something is going on."""
        with progress_line(sys.stderr, self.say, "asking AWS …"):
            yield

    @contextmanager
    def _narrator(self, regions: Sequence[str]) -> Iterator[Narrator]:
        with progress_line(sys.stderr, self.say) as line:
            yield Narrator(line, regions, is_live=sys.stderr.isatty())


@contextmanager
def _aws() -> Iterator[Aws]:
    with closing(Aws()) as aws:
        yield aws


@contextmanager
def _table(options: Options) -> Iterator[TableHome]:
    data = None if options["no_load"] else Path(settings.BASE_DIR) / CATALOGUE
    with connection.control_plane() as control:
        yield TableHome(
            control=control,
            data=data,
            step_seconds=options["patience"],
            is_elsewhere=bool(settings.GT_ENDPOINTS),
        )


def _config(options: Options) -> Config:
    """The file, and what the options say instead; raises `BadConfig`, `UsageError`."""
    named = options["config"]
    path = Path(named) if named else Path(settings.BASE_DIR) / "deploy.toml"
    if named and not path.is_file():
        raise UsageError(f"--config {named} is not a file.")
    config = read_config(path, regions=settings.GT_REGIONS, table=settings.GT_TABLE)
    said = {name: options.get(name) for name in ("regions", "domain", "account")}
    return checked(
        replace(config, **{name: value for name, value in said.items() if value is not None})
    )


def _request(config: Config, options: Options) -> Request:
    return Request(
        config=config,
        project=Path(options.get("project") or settings.BASE_DIR),
        revision=options.get("commit") or "HEAD",
        only=tuple(_known(config, each) for each in options.get("only") or ()),
    )


def _known(config: Config, region: str) -> str:
    if region not in config.regions:
        raise UsageError(
            f"{region} is not a region of this deployment: it has {', '.join(config.regions)}."
        )
    return region


def _account(config: Config) -> str:
    """The one in the config, or whose credentials these are."""
    if config.account:
        return config.account
    with _aws() as aws:
        return find_identity(aws, config.home).account


def _patience(options: Options) -> Patience:
    return Patience(poll_seconds=options["poll"], longest_seconds=options["patience"])


def _regions(text: str) -> tuple[str, ...]:
    return tuple(word.strip() for word in text.split(",") if word.strip())


def _seconds(text: str) -> float:
    try:
        found = float(text)
    except ValueError:
        found = -1
    if not 0 <= found <= LONGEST_SECONDS:
        raise ArgumentTypeError(f"{text!r} is no time: write seconds from 0 to 86400")
    return found


def _declare_common(parser: CommandParser) -> None:
    """What every action takes."""
    parser.add_argument("--json", action="store_true", default=SUPPRESS, help="answer as JSON")
    parser.add_argument("--config", metavar="FILE", help="by default deploy.toml")
    parser.add_argument("--domain", help="the name visitors use; '' for none")
    parser.add_argument("--account", help="the only account to touch")


def _declare_deployment(actions: Any) -> None:
    plan = _action(
        actions, "plan", "what up would do, what is billed, what is in the way; changes nothing"
    )
    up = _action(
        actions, "up", "the table, roles and certificates; then region by region; then Route 53"
    )
    for each in (plan, up):
        _declare_only(each)
        each.add_argument("--commit", metavar="REVISION", help="by default HEAD")
        each.add_argument("--no-load", action="store_true", help="leave the table's items alone")
    plan.set_defaults(poll=0.0, patience=0.0)
    up.add_argument("--dry-run", action="store_true", help="the same as plan")
    up.add_argument(
        "--parallel", action="store_true", help="the first region alone, the others side by side"
    )
    _declare_patience(up)


def _declare_standing(actions: Any) -> None:
    _action(actions, "status", "each region's version, health, replica, Route 53, and drift")
    restart = _action(actions, "restart", "start the site's processes again, region by region")
    _declare_only(restart)
    _declare_patience(restart)
    evacuate = _action(actions, "evacuate", "have Route 53 send nobody to a region")
    evacuate.add_argument("region")
    evacuate.add_argument("--force", action="store_true", help="even the last one with visitors")
    back = _action(actions, "return", "have Route 53 send visitors to a region again")
    back.add_argument("region")
    secret = _action(actions, "secret", "make the site's secret, or change its key step by step")
    secret.add_argument("act", choices=tuple(acting.SECRET_ACTS))


def _declare_documents(actions: Any) -> None:
    policy = _action(actions, "policy", "print what IAM has to allow, as JSON")
    policy.add_argument(
        "--for", dest="reader", choices=documents.READERS, help="whose: by default all of them"
    )
    policy.add_argument("--name", help="one document of several, as aws iam takes it")
    policy.add_argument("--repository", metavar="OWNER/NAME", help="on GitHub, for its actions")
    _action(actions, "template", "print the same deployment as a CloudFormation template")


def _declare_end(actions: Any) -> None:
    down = _action(actions, "down", "remove what this command made; shows its plan without --yes")
    down.add_argument("--yes", action="store_true", help="do it, instead of showing the plan")
    down.add_argument("--dry-run", action="store_true", help="show the plan, change nothing")
    _declare_only(down)
    down.add_argument(
        "--with-data",
        nargs="?",
        const="",
        metavar="TABLE",
        help="the table and all its items as well: write its name, or be asked for it",
    )
    down.add_argument("--with-secret", action="store_true", help="the secret as well, in 30 days")
    _declare_patience(down)


def _action(actions: Any, name: str, purpose: str) -> CommandParser:
    made: CommandParser = actions.add_parser(
        name, help=purpose, description=f"{purpose[0].upper()}{purpose[1:]}."
    )
    return made


def _declare_only(parser: CommandParser) -> None:
    parser.add_argument("--only", nargs="+", metavar="REGION", help="leave the others as they are")


def _declare_patience(parser: CommandParser) -> None:
    parser.add_argument(
        "--poll", type=_seconds, default=5.0, metavar="SECONDS", help="between two looks; 5"
    )
    parser.add_argument(
        "--patience", type=_seconds, default=1800.0, metavar="SECONDS", help="for each wait; 1800"
    )
