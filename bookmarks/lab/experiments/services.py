"""Carries an experiment out on items of its own, and asks the sandbox what it saw of it."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

from bookmarks.lab import sandbox
from bookmarks.lab.experiments.entities import Picture, Plan, Preparation, Run
from bookmarks.lab.experiments.items import items_of_its_own
from gtsite.dynamodb.connection import lab_table
from gtsite.dynamodb.errors import DataError
from gtsite.dynamodb.meter import Meter
from gtsite.dynamodb.repository import Table
from gtsite.dynamodb.tables import Key
from gtsite.experiments.counters import run_counters
from gtsite.experiments.entities import (
    CountersPlan,
    LagPlan,
    RacePlan,
    StalePlan,
    Stop,
    Tell,
)
from gtsite.experiments.lag import run_lag
from gtsite.experiments.race import run_race
from gtsite.experiments.stale_read import run_stale_read
from gtsite.sandbox.client import SandboxRefused, SandboxUnreachable

MOST_CONFLICTS = 1000


def carry_out(
    plan: Plan, tell: Tell[Picture], stop: Stop, *, calls: Meter | None = None
) -> Picture:
    """Tells how far it is and returns how it ended; what no region could do is its problem.

    `calls` counts what it asked of DynamoDB.
    """
    told = _Told(tell)
    try:
        with lab_table(calls) as table:
            run = _run(plan, table, told, stop)
    except DataError as error:
        return replace(told.latest, ended=True, problem=str(error))
    return replace(told.latest, run=run, ended=True, conflicts=_conflicts(plan) if run else None)


class _Told:
    """What has been told so far, so that a run keeps what was said of its preparation."""

    def __init__(self, tell: Tell[Picture]) -> None:
        self._tell = tell
        self.latest = Picture()

    def preparation(self, preparation: Preparation) -> None:
        self._told(replace(self.latest, preparation=preparation))

    def run(self, run: Run) -> None:
        self._told(replace(self.latest, run=run))

    def _told(self, picture: Picture) -> None:
        self.latest = picture
        self._tell(picture)


def _run(plan: Plan, table: Table, told: _Told, stop: Stop) -> Run | None:
    match plan:
        case LagPlan():
            return run_lag(plan, table, tell=told.run, stop=stop)
        case CountersPlan():
            return run_counters(plan, table, tell=told.run, stop=stop)
        case StalePlan():
            run = partial(run_stale_read, plan, table, tell=told.run, stop=stop)
            return _on_items(plan.keys, (plan.write, plan.read), run, table, told, stop)
        case RacePlan():
            race = partial(run_race, plan, table, tell=told.run, stop=stop)
            return _on_items(plan.keys, plan.watch, race, table, told, stop)


def _on_items(
    keys: Sequence[Key],
    regions: Sequence[str],
    run: Callable[[], Run],
    table: Table,
    told: _Told,
    stop: Stop,
) -> Run | None:
    """None for a run that was stopped before its items were there."""
    with items_of_its_own(table, keys, regions, tell=told.preparation, stop=stop) as prepared:
        told.preparation(prepared)
        return None if stop.is_set() else run()


def _conflicts(plan: Plan) -> int | None:
    """How many conflicts the sandbox met on the items of a race; None where there is none to ask.

    It is asked once, for the newest: another run's may have pushed some of them out.
    """
    control = sandbox.client()
    if control is None or not isinstance(plan, RacePlan):
        return None
    partition = plan.keys[0][0]
    try:
        found = control.conflicts(limit=MOST_CONFLICTS)
    except (SandboxUnreachable, SandboxRefused):
        return None
    return sum({"S": partition} in each.key.values() for each in found)
