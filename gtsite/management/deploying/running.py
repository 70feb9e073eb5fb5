"""Carries a plan out: what every region shares, then region by region, then Route 53."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial

from gtsite.deploy.errors import DeployError
from gtsite.deploy.rollout import Outcome, RegionOutcome, Verdict, roll_out
from gtsite.deploy.steps import Kind, News, Step, Tell
from gtsite.deploy.waiting import Patience
from gtsite.management.base import FAILED, PARTLY_DONE, STOPPED
from gtsite.management.deploying.narrating import lasted
from gtsite.management.deploying.planning import DeploymentPlan

AS_BEFORE = frozenset({Verdict.UNCHANGED, Verdict.ROLLED_BACK, Verdict.UNTOUCHED})
"""What leaves a region's visitors with what they had."""

WORTH_SAYING_SECONDS = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """How far a row of steps went. `failure` is one sentence, '' where nothing failed."""

    done: tuple[Step, ...] = ()
    failure: str = ""
    interrupted: bool = False

    @property
    def passed(self) -> bool:
        return not self.failure and not self.interrupted


@dataclass(frozen=True, slots=True, kw_only=True)
class Ran:
    """How far a plan was carried out."""

    plan: DeploymentPlan
    taken: Taken
    regions: tuple[RegionOutcome, ...] = ()

    @property
    def passed(self) -> bool:
        return self.taken.passed

    @property
    def changed(self) -> bool:
        """Whether something is otherwise than before; unclear counts as changed."""
        return bool(self.taken.done) or any(each.verdict not in AS_BEFORE for each in self.regions)

    @property
    def code(self) -> int:
        return exit_code(self.taken, changed=self.changed)


def exit_code(taken: Taken, *, changed: bool) -> int:
    """0 all of it, 1 failed with nothing changed, 3 partly, 130 stopped by Ctrl-C."""
    if taken.interrupted:
        return STOPPED
    if not taken.failure:
        return 0
    return PARTLY_DONE if changed else FAILED


def restart_code(outcome: Outcome) -> int:
    """The same, for a run that restarts regions and changes nothing else."""
    done = any(each.verdict is Verdict.DEPLOYED for each in outcome.regions)
    failure = "" if outcome.is_good else "Not every region was restarted."
    return exit_code(Taken(failure=failure, interrupted=outcome.is_interrupted), changed=done)


def carry_out(plan: DeploymentPlan, *, parallel: bool, patience: Patience, tell: Tell) -> Ran:
    """Everything in order, as far as it goes; what fails or is interrupted is in the answer."""
    ran = Ran(plan=plan, taken=take(plan.before.steps, partial(_timed, tell=tell)))
    if ran.passed:
        ran = _regions(ran, parallel=parallel, patience=patience, tell=tell)
    if ran.passed:
        routed = take(plan.routing.steps, partial(_timed, tell=tell))
        ran = replace(ran, taken=replace(routed, done=ran.taken.done + routed.done))
    return ran


def take(steps: Sequence[Step], carry_out: Callable[[Step], None]) -> Taken:
    """One step after the other, until one fails or somebody presses Ctrl-C."""
    done: list[Step] = []
    for step in steps:
        try:
            carry_out(step)
        except DeployError as error:
            return Taken(done=tuple(done), failure=str(error))
        except KeyboardInterrupt:
            return Taken(done=tuple(done), interrupted=True)
        done.append(step)
    return Taken(done=tuple(done))


def _timed(step: Step, *, tell: Tell, clock: Callable[[], float] = time.monotonic) -> None:
    """Carries the step out, and says how long that took instead of what it says itself."""

    def in_passing(news: News) -> None:
        tell(replace(news, kind=Kind.WAITING) if news.kind is Kind.DONE else news)

    began = clock()
    tell(News(kind=Kind.WAITING, sentence=step.sentence, region=step.region))
    step.carry_out(in_passing)
    seconds = clock() - began
    took = f" ({lasted(seconds)})" if seconds >= WORTH_SAYING_SECONDS else ""
    tell(News(kind=Kind.DONE, sentence=f"{step.sentence}{took}", region=step.region))


def _regions(ran: Ran, *, parallel: bool, patience: Patience, tell: Tell) -> Ran:
    try:
        outcome = roll_out(ran.plan.regions, parallel=parallel, patience=patience, tell=tell)
    except DeployError as error:
        return replace(ran, taken=replace(ran.taken, failure=str(error)))
    except KeyboardInterrupt:
        return replace(ran, taken=replace(ran.taken, interrupted=True))
    interrupted = any(each.verdict is Verdict.INTERRUPTED for each in outcome.regions)
    taken = replace(ran.taken, failure=_failure(outcome), interrupted=interrupted)
    return replace(ran, regions=outcome.regions, taken=taken)


def _failure(outcome: Outcome) -> str:
    """The first region's that did not pass; the others are in the report."""
    failed = (Verdict.FAILED, Verdict.ROLLED_BACK)
    found = [each for each in outcome.regions if each.verdict in failed]
    return f"{found[0].region}: {found[0].sentence}" if found else ""
