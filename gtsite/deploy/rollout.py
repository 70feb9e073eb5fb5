"""Every region in its turn: what would change there, and then the changes, each behind a gate.

No region is touched before the one before it is healthy; one that fails goes back to what it was.
"""

from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from enum import StrEnum

from gtsite.deploy.aws import Aws
from gtsite.deploy.beanstalk import EnvironmentState
from gtsite.deploy.config import Config
from gtsite.deploy.errors import BadConfig, CredentialsMissing, CredentialsRefused, DeployError
from gtsite.deploy.regional_plans import RegionPlan
from gtsite.deploy.steps import Kind, Tell
from gtsite.deploy.turns import Turn, beanstalk_of
from gtsite.deploy.waiting import Clock, Patience, StoppableClock, Stopped, Watch


class Verdict(StrEnum):
    """What became of one region in a run."""

    DEPLOYED = "deployed"
    UNCHANGED = "unchanged"
    ROLLED_BACK = "rolled back"
    FAILED = "failed"
    UNTOUCHED = "untouched"
    INTERRUPTED = "interrupted"


GOOD = frozenset({Verdict.DEPLOYED, Verdict.UNCHANGED})


@dataclass(frozen=True, slots=True, kw_only=True)
class RegionOutcome:
    """What stands in one region after a run; '' for no version or no environment."""

    region: str
    verdict: Verdict
    version: str
    sentence: str
    url: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What a run came to, region by region, in order of the plan."""

    regions: tuple[RegionOutcome, ...]

    @property
    def is_good(self) -> bool:
        """Every region has what was wanted."""
        return all(each.verdict in GOOD for each in self.regions)

    @property
    def is_interrupted(self) -> bool:
        return any(each.verdict is Verdict.INTERRUPTED for each in self.regions)


def roll_out(
    plans: Sequence[RegionPlan],
    *,
    parallel: bool,
    patience: Patience,
    tell: Tell,
    clock: Clock | None = None,
) -> Outcome:
    """Carries the plans out, a region at a time, and stops at the first that fails.

    With `parallel` the first region goes alone, the others side by side after it. Ctrl-C ends the
    run, and is part of the outcome. Raises `BadConfig` for a plan that has problems.
    """
    problems = [each.sentence for plan in plans for each in plan.findings.problems]
    if problems:
        raise BadConfig(" ".join(problems))
    run = _Run(patience=patience, tell=tell, clock=clock or Clock())
    done = [] if parallel else run.one_by_one(plans)
    if parallel:
        done = run.one_by_one(plans[:1])
        if all(each.verdict in GOOD for each in done):
            done += run.side_by_side(plans[1:])
    untouched = [_untouched(plan) for plan in plans[len(done) :]]
    return Outcome(regions=(*done, *untouched))


def restart_regions(
    config: Config,
    regions: Sequence[str],
    aws: Aws,
    *,
    patience: Patience,
    tell: Tell,
    clock: Clock | None = None,
) -> Outcome:
    """Starts the site of each region again, in turn, each healthy before the next is touched."""
    done: list[RegionOutcome] = []
    for region in regions:
        if done and done[-1].verdict is not Verdict.DEPLOYED:
            done.append(_outcome(region, Verdict.UNTOUCHED, None, "It was not restarted."))
            continue
        watch = Watch(
            beanstalk=beanstalk_of(config, region, aws),
            patience=patience,
            clock=clock or Clock(),
            tell=tell,
        )
        done.append(_restarted(watch))
    return Outcome(regions=tuple(done))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Run:
    """What all turns of one run share."""

    patience: Patience
    tell: Tell
    clock: Clock

    def one_by_one(self, plans: Sequence[RegionPlan]) -> list[RegionOutcome]:
        """As far as it goes well."""
        done: list[RegionOutcome] = []
        for plan in plans:
            done.append(self._taken(plan, self.clock))
            if done[-1].verdict not in GOOD:
                break
        return done

    def side_by_side(self, plans: Sequence[RegionPlan]) -> list[RegionOutcome]:
        """All of them, whatever becomes of the others; Ctrl-C ends all at their next look."""
        clock, turns = StoppableClock(self.clock), list[Future[RegionOutcome]]()
        with ThreadPoolExecutor(max_workers=max(1, len(plans))) as pool:
            try:
                turns.extend(pool.submit(self._taken, plan, clock) for plan in plans)
                wait(turns)
            except KeyboardInterrupt:
                clock.stop()
            return [turn.result() for turn in turns]

    def _taken(self, plan: RegionPlan, clock: Clock) -> RegionOutcome:
        watch = Watch(
            beanstalk=plan.place.beanstalk, patience=self.patience, clock=clock, tell=self.tell
        )
        watch.seen = plan.before
        try:
            return _take_turn(plan, watch)
        except (KeyboardInterrupt, Stopped):
            return _interrupted(plan, watch.seen)


def _take_turn(plan: RegionPlan, watch: Watch) -> RegionOutcome:
    label = plan.place.bundle.label
    if not plan.findings.steps:
        return _checked(plan, watch)
    turn = Turn(place=plan.place, watch=watch)
    try:
        turn.run()
    except DeployError as error:
        watch.say(Kind.TROUBLE, str(error))
        return _failed(turn, error)
    sentence = f"It runs {label} and is healthy."
    watch.say(Kind.DONE, sentence)
    return _outcome(plan.region, Verdict.DEPLOYED, watch.seen, sentence)


def _checked(plan: RegionPlan, watch: Watch) -> RegionOutcome:
    """A region with nothing to do: one good look lets the next have its turn."""
    label = plan.place.bundle.label
    try:
        watch.mark()
        watch.pass_gate(label, settled_looks=1)
    except DeployError as error:
        sentence = f"It ran {label} before, is not healthy, and was not changed: {error}"
        watch.say(Kind.TROUBLE, sentence)
        return _outcome(plan.region, Verdict.FAILED, watch.seen, sentence)
    return _outcome(plan.region, Verdict.UNCHANGED, watch.seen, f"It runs {label}, as before.")


def _failed(turn: Turn, error: DeployError) -> RegionOutcome:
    """Takes the turn back as far as there is something to go back to, and says what stands."""
    region, watch = turn.place.region, turn.watch
    if isinstance(error, CredentialsMissing | CredentialsRefused):
        sentence = f"{error} {_going_on(watch.seen)}: the same command goes on from there."
        return _outcome(region, Verdict.FAILED, watch.seen, sentence)
    if not turn.can_go_back:
        return _outcome(region, Verdict.FAILED, watch.seen, _left(turn, error))
    goal = turn.back_to or f"{turn.place.bundle.label} with the options it had"
    try:
        turn.take_back()
    except DeployError as second:
        sentence = f"It failed ({_bare(error)}), and is not back on {goal}: {second}"
        watch.say(Kind.TROUBLE, sentence)
        return _outcome(region, Verdict.FAILED, watch.seen, sentence)
    sentence = f"It is back on {goal} and healthy. What failed: {error}"
    watch.say(Kind.DONE, sentence)
    return _outcome(region, Verdict.ROLLED_BACK, watch.seen, sentence)


def _left(turn: Turn, error: DeployError) -> str:
    if not turn.is_changed:
        return f"Its environment was not changed: {error}"
    region, name = turn.place.region, turn.watch.beanstalk.environment
    return (
        f"{name} has nothing to go back to and is left as it is, for its logs (aws "
        f"elasticbeanstalk request-environment-info --info-type tail --environment-name {name} "
        f"--region {region}): mend the cause and deploy again. What failed: {error}"
    )


def _interrupted(plan: RegionPlan, seen: EnvironmentState | None) -> RegionOutcome:
    sentence = f"{_going_on(seen)}: the same command goes on from there."
    return _outcome(plan.region, Verdict.INTERRUPTED, seen, sentence)


def _going_on(seen: EnvironmentState | None) -> str:
    if seen is None or seen.is_ready:
        return "Elastic Beanstalk finishes by itself what it was last asked for"
    return f"{seen.name} was {seen.status} when last seen, and Elastic Beanstalk goes on by itself"


def _untouched(plan: RegionPlan) -> RegionOutcome:
    version = plan.before.version if plan.before else ""
    stands = f"It still runs {version}" if version else "It has no environment"
    return _outcome(
        plan.region, Verdict.UNTOUCHED, plan.before, f"{stands}: its turn did not come."
    )


def _outcome(
    region: str, verdict: Verdict, state: EnvironmentState | None, sentence: str
) -> RegionOutcome:
    return RegionOutcome(
        region=region,
        verdict=verdict,
        version=state.version if state else "",
        url=state.url if state and state.cname else "",
        sentence=sentence,
    )


def _bare(error: DeployError) -> str:
    return str(error).rstrip(".")


def _restarted(watch: Watch) -> RegionOutcome:
    region, beanstalk = watch.beanstalk.region, watch.beanstalk
    try:
        watch.mark()
        state = watch.settle()
        if state is None:
            return _outcome(region, Verdict.FAILED, None, "It has no environment to restart.")
        watch.mark()
        watch.say(Kind.DOING, f"restarting {state.name}, all of its instances at once")
        watch.insist(beanstalk.restart, lambda: _is_busy(watch))
        watch.pass_gate(state.version)
    except DeployError as error:
        watch.say(Kind.TROUBLE, str(error))
        return _outcome(region, Verdict.FAILED, watch.seen, f"It was not restarted well: {error}")
    except KeyboardInterrupt:
        sentence = "It may be restarting: Elastic Beanstalk goes on by itself."
        return _outcome(region, Verdict.INTERRUPTED, watch.seen, sentence)
    watch.say(Kind.DONE, "It is restarted and healthy.")
    return _outcome(region, Verdict.DEPLOYED, watch.seen, "It is restarted and healthy.")


def _is_busy(watch: Watch) -> bool:
    state = watch.look()
    return state is not None and state.is_under_way
