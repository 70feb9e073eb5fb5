"""The global table as a part of a deployment: the provisioner's plan in a deployment's words."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from gtsite.deploy.config import Config
from gtsite.deploy.errors import DeployError
from gtsite.deploy.steps import Area, Findings, Kind, News, Problem, Step, Tell
from gtsite.dynamodb.control import ControlPlane
from gtsite.dynamodb.errors import DataError, RegionUnavailable
from gtsite.dynamodb.rows import UnreadableFile
from gtsite.dynamodb.tables import GLOBAL_SERVERLESS
from gtsite.management.progress import ProgressLine
from gtsite.management.provisioning import (
    ProvisioningFailed,
    TablePlan,
    Wanted,
    carry_out,
    make_plans,
    make_removal_plans,
)
from gtsite.wording import counted

STEP_SECONDS = 1800.0
BETWEEN_NEWS_SECONDS = 0.1


class TableTrouble(DeployError):
    """The table cannot be brought to where it should be."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TableHome:
    """Where the table is asked about, and the file of the items it begins with, if any.

    `is_elsewhere` says that the settings lead to other endpoints than AWS's own.
    """

    control: ControlPlane
    data: Path | None = None
    step_seconds: float = STEP_SECONDS
    is_elsewhere: bool = False


def plan_tables(config: Config, home: TableHome) -> Findings:
    """What it takes for the table to be in every region, guarded, and its items in it."""
    wanted = _wanted(config, home.data)
    try:
        (plan,) = make_plans([wanted], home.control)
    except (DataError, UnreadableFile) as error:
        return _in_the_way(error)
    elsewhere = ("GT_ENDPOINTS is set: the table is where it leads, and not at AWS.",)
    notes = plan.plan.notes + (elsewhere if home.is_elsewhere else ())
    return Findings(steps=tuple(_steps(plan, home)), notes=notes)


def plan_table_removal(config: Config, home: TableHome) -> Findings:
    """What it takes for the table to be gone from every region of its group."""
    try:
        (plan,) = make_removal_plans(
            [_wanted(config, None)], home.control, everywhere=True, unprotect=True
        )
    except DataError as error:
        return _in_the_way(error)
    return Findings(steps=tuple(_steps(plan, home)))


def find_replica(config: Config, region: str, control: ControlPlane) -> str:
    """The table's status as that region says it; "missing", or "silent" where it does not."""
    try:
        state = control.describe(region, config.table)
    except DataError:
        return "silent"
    return state.status.lower() if state else "missing"


def _in_the_way(error: Exception) -> Findings:
    sentence = str(error)
    if isinstance(error, RegionUnavailable):
        sentence = (
            f"DynamoDB in {error.region} does not answer ({error.trouble}): check the network."
        )
    return Findings(problems=(Problem(area=Area.TABLE, sentence=sentence),))


def _wanted(config: Config, data: Path | None) -> Wanted:
    table = GLOBAL_SERVERLESS.named(config.table)
    return Wanted(table=table, regions=config.regions, data=data, protect=True, backups=True)


def _steps(plan: TablePlan, home: TableHome) -> Sequence[Step]:
    """One for each of the provisioner's, and one for the items."""
    none = replace(plan, plan=replace(plan.plan, steps=()), missing_items=0)
    steps = [
        _step(each.sentence, replace(none, plan=replace(plan.plan, steps=(each,))), home)
        for each in plan.plan.steps
    ]
    if plan.missing_items:
        sentence = f"load {counted(plan.missing_items, 'item')} into {plan.plan.table.name}"
        steps.append(_step(sentence, replace(none, missing_items=plan.missing_items), home))
    return steps


def _step(sentence: str, part: TablePlan, home: TableHome) -> Step:
    def take(tell: Tell) -> None:
        line = ProgressLine(
            show=lambda text: tell(News(kind=Kind.WAITING, sentence=text.partition(" … ")[0])),
            say=lambda text: tell(News(kind=Kind.DONE, sentence=text.removeprefix("done: "))),
            every_seconds=BETWEEN_NEWS_SECONDS,
        )
        try:
            carry_out([part], home.control, timeout_seconds=home.step_seconds, line=line)
        except ProvisioningFailed as error:
            raise TableTrouble(str(error)) from error

    return Step(area=Area.TABLE, sentence=sentence, carry_out=take)
