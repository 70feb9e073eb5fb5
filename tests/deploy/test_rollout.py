"""One commit to every region: in order, behind a gate, back on failure, and on after any break."""

import signal
import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from gtsite.deploy.aws import Aws
from gtsite.deploy.bundle import Bundle
from gtsite.deploy.config import Config
from gtsite.deploy.errors import BadConfig, Unreachable
from gtsite.deploy.regional_plans import RegionPlan
from gtsite.deploy.rollout import Outcome, Verdict, roll_out
from gtsite.deploy.steps import Kind, News, Tell
from gtsite.deploy.teardown import NotRemoved, plan_removal, remove_environments
from gtsite.deploy.waiting import Clock, Patience
from tests.support.beanstalk import (
    GREEN_THEN_RED,
    HALF_WAY,
    LAUNCH_FAILED,
    NEVER_ENDS,
    RED,
    ROLLED_BACK,
    SLOW,
    WITH_ERRORS,
    Play,
)
from tests.support.cloud import Cloud
from tests.support.rollouts import A, B, PassingClock, Stage, bundle

FIRST, SECOND, THIRD = "us-west-2", "eu-west-1", "us-east-2"
CREATION = [
    "CreateApplication",
    "CreateStorageLocation",
    "CreateApplicationVersion",
    "CreateEnvironment",
    "UpdateApplicationVersion",
]
REAL_MINUTE = Patience(poll_seconds=0.05, longest_seconds=60)
"""Of seconds that really pass: who is not stopped gives up after them, and says so."""

YOUNG = "waiting for Elastic Beanstalk to know the new roles"
FEWEST_STEPS, MOST_STEPS = 6, 40
"""Of one region's turn, each of which a run is broken off at."""


@pytest.fixture(scope="module")
def clients() -> Iterator[list[Aws]]:
    """One Aws for all tests here: its clients take longer to build than most of them to run."""
    built: list[Aws] = []
    yield built
    for each in built:
        each.close()


@pytest.fixture
def shared_aws(operator: pytest.MonkeyPatch, clients: list[Aws]) -> Aws:
    del operator
    if not clients:
        clients.append(Aws())
    return clients[0]


@pytest.fixture
def stage(config: Config, shared_aws: Aws, cloud: Cloud) -> Stage:
    stage = Stage(config=replace(config, domain=""), aws=shared_aws, cloud=cloud)
    stage.prepare()
    return stage


@pytest.fixture
def standing(stage: Stage) -> Stage:
    """Every region runs A, and nothing that led there counts."""
    stage.stand(A)
    return stage


def _verdicts(outcome: Outcome) -> list[tuple[str, Verdict, str]]:
    return [(each.region, each.verdict, each.version) for each in outcome.regions]


def _roll(stage: Stage, plans: Sequence[RegionPlan], *, parallel: bool = False) -> Outcome:
    return roll_out(
        plans,
        parallel=parallel,
        patience=stage.patience,
        tell=stage.news.append,
        clock=PassingClock(),
    )


def _updates(stage: Stage, region: str = "") -> list[str]:
    """The regions in which a version or options were asked for, and taken."""
    return [where for where, name in stage.changes(region) if name == "UpdateEnvironment"]


def _blocks(regions: list[str]) -> list[str]:
    """Regions in the order they come, each once as long as it stays the same."""
    return [each for i, each in enumerate(regions) if i == 0 or regions[i - 1] != each]


def _ctrl_c_once_all_say(words: str, regions: Sequence[str]) -> Tell:
    """Presses Ctrl-C, once, when every one of the regions has said so at least once."""
    silent, lock = set(regions), threading.Lock()

    def tell(news: News) -> None:
        if words not in news.sentence:
            return
        with lock:
            is_last = silent == {news.region}
            silent.discard(news.region)
        if is_last:
            signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)

    return tell


# It goes well


def test_an_empty_account_has_every_region_created_in_order_each_healthy_before_the_next(
    stage: Stage,
) -> None:
    outcome = stage.up(A)

    assert _verdicts(outcome) == [
        (each, Verdict.DEPLOYED, A.label) for each in (FIRST, SECOND, THIRD)
    ]
    assert _blocks([region for region, _ in stage.changes()]) == [FIRST, SECOND, THIRD]
    assert list(dict.fromkeys(name for _, name in stage.changes(SECOND))) == CREATION
    assert [each.status for each in stage.cloud.beanstalk.visits] == [200] * 9


def test_every_environment_is_what_was_wanted(stage: Stage) -> None:
    stage.up(A)

    environment = stage.environment(SECOND)
    variables = "aws:elasticbeanstalk:application:environment"
    assert environment.options[variables, "AWS_REGION"] == SECOND
    assert environment.options[variables, "HTTPS"] == "off"
    assert environment.tags == {"meridian:application": "meridian"}
    assert environment.cname == stage.config.cname(SECOND, "123456789012")
    assert environment.content.stack.endswith("v4.10.0 running Python 3.13")


def test_a_plan_changes_nothing_and_names_each_step(stage: Stage) -> None:
    plans = stage.plan(A)

    assert stage.changes() == []
    areas = [step.area.value for step in plans[0].findings.steps]
    assert areas == ["version", "version", "environment"]
    creation = plans[0].findings.steps[-1].sentence
    assert creation == (
        "create meridian-us-west-2 with git-aaaaaaaaaaaa: 2 to 4 × t3.small, "
        "64bit Amazon Linux 2023 v4.10.0 running Python 3.13"
    )


def test_the_steps_of_a_plan_do_what_they_say_and_nothing_twice(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Clock, "sleep", lambda _self, _seconds: None)
    steps = stage.plan(A, [FIRST])[0].findings.steps[:2]
    for step in (*steps, *steps):
        step.carry_out(stage.news.append)

    counted = Counter(name for _, name in stage.changes(FIRST))
    assert counted["CreateApplication"] == counted["CreateApplicationVersion"] == 1
    bucket = f"elasticbeanstalk-{FIRST}-123456789012"
    (found,) = stage.cloud.client("s3", FIRST).list_objects_v2(Bucket=bucket)["Contents"]
    assert found["Key"] == f"meridian/{A.label}-{A.sha256[:12]}.zip"


def test_a_second_run_plans_nothing_and_changes_nothing(standing: Stage) -> None:
    assert all(not plan.findings.steps for plan in standing.plan(A))
    assert _verdicts(standing.up(A)) == [
        (each, Verdict.UNCHANGED, A.label) for each in (FIRST, SECOND, THIRD)
    ]
    assert standing.changes() == []


def test_a_new_commit_is_deployed_in_place_of_the_old_in_order(standing: Stage) -> None:
    outcome = standing.up(B)

    assert _verdicts(outcome) == [
        (each, Verdict.DEPLOYED, B.label) for each in (FIRST, SECOND, THIRD)
    ]
    assert _updates(standing) == [FIRST, SECOND, THIRD]
    assert _blocks([region for region, _ in standing.changes()]) == [FIRST, SECOND, THIRD]


def test_events_are_told_once_each_in_order_and_none_of_an_earlier_deployment(
    standing: Stage,
) -> None:
    standing.up(B, only=[FIRST])

    told = standing.said(Kind.EVENT)
    assert len(told) == len(set(told))
    assert told[0] == "The environment's update has started."
    assert "createEnvironment is starting for meridian-us-west-2." not in told


def test_options_and_version_are_two_changes_options_first(standing: Stage) -> None:
    standing.config = replace(standing.config, environment={"REGION_FALLBACK": "on"})

    outcome = standing.up(B, only=[FIRST])

    updates = [
        each.request
        for each in standing.cloud.beanstalk.changes
        if each.operation == "UpdateEnvironment"
    ]
    assert outcome.is_good
    assert [sorted(each) for each in updates] == [
        ["EnvironmentName", "OptionSettings"],
        ["EnvironmentName", "VersionLabel"],
    ]
    assert [each["OptionName"] for each in updates[0]["OptionSettings"]] == ["REGION_FALLBACK"]


def test_only_the_regions_asked_for_are_looked_at(standing: Stage) -> None:
    standing.up(B, only=[THIRD])

    assert {each.region for each in standing.cloud.beanstalk.calls} == {THIRD}


def test_a_region_that_is_not_among_the_configs_is_refused(stage: Stage) -> None:
    with pytest.raises(BadConfig, match="eu-west-9 is not among the regions of this deployment"):
        stage.plan(A, ["eu-west-9"])


def test_a_variable_taken_out_of_the_file_is_noted_by_its_name(standing: Stage) -> None:
    before = standing.config
    standing.config = replace(before, environment={"COLOUR": "teal"})
    standing.up(A)
    standing.config = before

    notes = [note for plan in standing.plan(A) for note in plan.findings.notes]

    assert len(notes) == 3
    assert all("COLOUR" in note and "teal" not in note for note in notes)


# It fails


def test_a_failing_second_region_goes_back_and_the_third_is_not_even_asked(
    standing: Stage,
) -> None:
    standing.cloud.beanstalk.play(SECOND, RED)

    outcome = standing.up(B)

    assert _verdicts(outcome) == [
        (FIRST, Verdict.DEPLOYED, B.label),
        (SECOND, Verdict.ROLLED_BACK, A.label),
        (THIRD, Verdict.UNTOUCHED, A.label),
    ]
    assert standing.changes(THIRD) == []
    assert "Red (Severe)" in outcome.regions[1].sentence
    assert [standing.environment(each).version for each in (FIRST, SECOND, THIRD)] == [
        B.label,
        A.label,
        A.label,
    ]


def test_after_a_failed_region_nothing_of_the_next_is_looked_at_during_the_run(
    standing: Stage,
) -> None:
    plans = standing.plan(B)
    standing.cloud.beanstalk.calls.clear()
    standing.cloud.beanstalk.play(SECOND, RED)
    _roll(standing, plans)

    assert standing.cloud.beanstalk.operations(THIRD) == []


@pytest.mark.parametrize(
    "play",
    [RED, ROLLED_BACK, HALF_WAY, WITH_ERRORS, GREEN_THEN_RED, NEVER_ENDS],
    ids=lambda each: each.ending,
)
def test_however_a_deployment_fails_the_region_is_back_on_what_it_ran(
    standing: Stage, play: Play
) -> None:
    standing.cloud.beanstalk.play(FIRST, play)

    outcome = standing.up(B, only=[FIRST])

    assert _verdicts(outcome) == [(FIRST, Verdict.ROLLED_BACK, A.label)]
    assert standing.environment(FIRST).version == A.label
    assert standing.environment(FIRST).strays == set()
    assert standing.environment(FIRST).is_ready


def test_an_update_that_never_ends_is_called_off_when_patience_does(standing: Stage) -> None:
    standing.cloud.beanstalk.play(FIRST, NEVER_ENDS)

    standing.up(B, only=[FIRST])

    asked = [name for _, name in standing.changes(FIRST) if name.startswith(("Abort", "UpdateE"))]
    assert asked == ["UpdateEnvironment", "AbortEnvironmentUpdate"]
    assert len(standing.said(Kind.WAITING)) < 1.1 * 600 / 5


def test_what_the_platform_rolled_back_itself_is_not_deployed_again(standing: Stage) -> None:
    standing.cloud.beanstalk.play(FIRST, ROLLED_BACK)

    outcome = standing.up(B, only=[FIRST])

    assert _updates(standing) == [FIRST]
    assert "Engine execution has encountered an error" in outcome.regions[0].sentence


def test_what_the_platform_rolled_back_and_left_ill_is_deployed_once_more(standing: Stage) -> None:
    standing.cloud.beanstalk.play(FIRST, ROLLED_BACK)
    standing.cloud.beanstalk.serve(FIRST, 503)

    def tell(news: News) -> None:
        if news.sentence == f"deploying {A.label} again":
            standing.cloud.beanstalk.serve(FIRST, None)

    outcome = roll_out(
        standing.plan(B, [FIRST]),
        parallel=False,
        patience=standing.patience,
        tell=tell,
        clock=PassingClock(),
    )

    assert _verdicts(outcome) == [(FIRST, Verdict.ROLLED_BACK, A.label)]
    assert _updates(standing) == [FIRST, FIRST]


def test_a_site_that_does_not_answer_is_not_healthy_whatever_elastic_beanstalk_says(
    standing: Stage,
) -> None:
    standing.cloud.beanstalk.serve(FIRST, 503)

    outcome = standing.up(B)

    assert outcome.regions[0].verdict is Verdict.FAILED
    assert "/healthz/ready answers 503" in outcome.regions[0].sentence
    assert outcome.regions[0].version == A.label
    assert standing.changes(SECOND) == []


def test_a_new_environment_that_fails_is_left_for_its_logs(stage: Stage) -> None:
    stage.cloud.beanstalk.play(FIRST, RED)

    outcome = stage.up(A, only=[FIRST])

    (first,) = outcome.regions
    assert first.verdict is Verdict.FAILED
    assert "left as it is, for its logs" in first.sentence
    assert stage.environment(FIRST).exists


def test_a_launch_of_which_nothing_stays_says_what_elastic_beanstalk_says(stage: Stage) -> None:
    stage.cloud.beanstalk.play(FIRST, LAUNCH_FAILED)

    outcome = stage.up(A, only=[FIRST])

    assert outcome.regions[0].verdict is Verdict.FAILED
    assert "CREATE_FAILED" in outcome.regions[0].sentence
    assert stage.up(A, only=[FIRST]).is_good


def test_a_change_that_is_refused_changes_nothing_anywhere(standing: Stage) -> None:
    standing.cloud.beanstalk.refuse(
        FIRST,
        "InvalidParameterCombination",
        "That does not go together.",
        operation="UpdateEnvironment",
    )

    outcome = standing.up(B)

    assert _verdicts(outcome) == [
        (FIRST, Verdict.FAILED, A.label),
        (SECOND, Verdict.UNTOUCHED, A.label),
        (THIRD, Verdict.UNTOUCHED, A.label),
    ]
    assert "not changed" in outcome.regions[0].sentence
    assert "That does not go together" in outcome.regions[0].sentence
    assert _updates(standing) == []


def test_options_that_fail_are_set_back_and_new_ones_taken_out(standing: Stage) -> None:
    before = dict(standing.environment(FIRST).options)
    standing.config = replace(standing.config, environment={"COLOUR": "teal"}, most_instances=6)
    standing.cloud.beanstalk.play(FIRST, RED)

    outcome = standing.up(A, only=[FIRST])

    assert _verdicts(outcome)[0] == (FIRST, Verdict.ROLLED_BACK, A.label)
    assert standing.environment(FIRST).options == before
    assert standing.changes(SECOND) == []


def test_options_that_fail_are_set_back_before_any_version_has_to_live_with_them(
    standing: Stage,
) -> None:
    before = dict(standing.environment(FIRST).options)
    standing.config = replace(standing.config, environment={"COLOUR": "teal"})
    standing.cloud.beanstalk.play(FIRST, RED)

    outcome = standing.up(B, only=[FIRST])

    asked = [each.request for each in standing.cloud.beanstalk.changes]
    assert _verdicts(outcome)[0] == (FIRST, Verdict.ROLLED_BACK, A.label)
    assert standing.environment(FIRST).options == before
    assert not any("EnvironmentName" in each and "VersionLabel" in each for each in asked)


def test_options_that_the_platform_did_not_take_are_still_wanted(standing: Stage) -> None:
    standing.config = replace(standing.config, environment={"COLOUR": "teal"})
    standing.cloud.beanstalk.play(FIRST, ROLLED_BACK)
    standing.up(A, only=[FIRST])
    assert _updates(standing) == [FIRST]

    (step,) = standing.plan(A, [FIRST])[0].findings.steps

    assert step.sentence == "set the variable COLOUR in meridian-us-west-2"


def test_what_somebody_else_deployed_meanwhile_stays(standing: Stage) -> None:
    def tell(news: News) -> None:
        if "update is complete" in news.sentence:
            there = standing.environment(FIRST)
            there.content = replace(there.content, version="git-theirs")

    outcome = roll_out(
        standing.plan(B, [FIRST]),
        parallel=False,
        patience=standing.patience,
        tell=tell,
        clock=PassingClock(),
    )

    assert _verdicts(outcome) == [(FIRST, Verdict.FAILED, "git-theirs")]
    assert "Somebody else has deployed git-theirs" in outcome.regions[0].sentence
    assert _updates(standing) == [FIRST]


def test_version_and_options_both_go_back(standing: Stage) -> None:
    before = dict(standing.environment(FIRST).options)
    standing.config = replace(standing.config, most_instances=6)
    standing.cloud.beanstalk.play(FIRST, Play(), RED)

    outcome = standing.up(B, only=[FIRST])

    assert _verdicts(outcome)[0] == (FIRST, Verdict.ROLLED_BACK, A.label)
    assert standing.environment(FIRST).options == before


def test_a_region_that_cannot_go_back_either_is_said_to_stand_badly(standing: Stage) -> None:
    standing.cloud.beanstalk.play(FIRST, RED, RED)

    outcome = standing.up(B, only=[FIRST])

    assert outcome.regions[0].verdict is Verdict.FAILED
    assert "is not back on git-aaaaaaaaaaaa" in outcome.regions[0].sentence


def test_an_ill_region_with_nothing_to_do_stops_the_run_unchanged(standing: Stage) -> None:
    standing.up(B, only=[FIRST])
    standing.cloud.beanstalk.serve(FIRST, 503)
    standing.cloud.beanstalk.calls.clear()

    outcome = standing.up(B, only=[FIRST])

    assert outcome.regions[0].verdict is Verdict.FAILED
    assert "was not changed" in outcome.regions[0].sentence
    assert standing.changes() == []


# Trouble on the way


@pytest.mark.parametrize("operation", ["ValidateConfigurationSettings", "CreateEnvironment"])
def test_a_role_that_is_too_young_is_waited_for(stage: Stage, operation: str) -> None:
    stage.cloud.beanstalk.region(FIRST).profile_unknown_to[operation] = 2

    assert stage.up(A, only=[FIRST]).is_good
    assert stage.said(Kind.WAITING).count(YOUNG) == 2


def test_a_role_that_stays_unknown_fails_after_a_minute(stage: Stage) -> None:
    stage.cloud.beanstalk.region(FIRST).profile_unknown_to["CreateEnvironment"] = 1000

    outcome = stage.up(A, only=[FIRST])

    assert outcome.regions[0].verdict is Verdict.FAILED
    assert "instance profile meridian-instance" in outcome.regions[0].sentence
    assert 1 < stage.said(Kind.WAITING).count(YOUNG) <= 60 / stage.patience.poll_seconds


def test_a_region_that_is_down_stops_no_other(
    standing: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    ask = Aws.ask

    def without_the_third(aws: Aws, service: str, region: str, *rest: str, **request: Any) -> Any:
        if region == THIRD:
            raise Unreachable(f"{region} is down.")
        return ask(aws, service, region, *rest, **request)

    monkeypatch.setattr(Aws, "ask", without_the_third)

    assert [len(plan.findings.problems) for plan in standing.plan(B)] == [0, 0, 1]
    assert standing.up(B, only=[FIRST, SECOND]).is_good


def test_somebody_elses_update_is_waited_for(standing: Stage) -> None:
    standing.cloud.beanstalk.keep_busy(FIRST, standing.config.environment_name(FIRST), polls=6)

    notes = standing.plan(B, [FIRST])[0].findings.notes
    outcome = standing.up(B, only=[FIRST])

    assert notes[0].startswith("meridian-us-west-2 is Updating")
    assert outcome.is_good
    assert all(each.outcome == "" for each in standing.cloud.beanstalk.changes)


def test_a_slow_region_is_waited_for(standing: Stage) -> None:
    standing.cloud.beanstalk.play(FIRST, SLOW)

    assert standing.up(B, only=[FIRST]).is_good
    assert any("waiting for git-bbbbbbbbbbbb" in each for each in standing.said(Kind.WAITING))


@pytest.mark.parametrize("fault", ["throttle", "fail"])
def test_a_service_that_is_busy_or_ill_while_it_is_waited_for_is_asked_again(
    standing: Stage, fault: str
) -> None:
    plans = standing.plan(B, [FIRST])
    getattr(standing.cloud.beanstalk, fault)(FIRST, times=11, operation="DescribeEvents")

    assert _roll(standing, plans).is_good


def test_a_call_that_hangs_is_given_up_and_asked_again(
    stage: Stage, aws: Aws, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr("gtsite.deploy.aws.READ_SECONDS", 1)
        aws.client("elasticbeanstalk", FIRST)  # the others, which do not hang, have their time
    stage.aws = aws
    stage.cloud.beanstalk.hang(FIRST, operation="DescribeEvents")

    assert stage.up(A, only=[FIRST]).is_good


@pytest.mark.parametrize("times", [1, 5])
def test_answers_that_are_lost_have_nothing_created_twice(stage: Stage, times: int) -> None:
    created = ("CreateApplication", "CreateApplicationVersion", "CreateEnvironment")
    for operation in created:
        stage.cloud.beanstalk.lose_answers(FIRST, operation=operation, times=times)

    assert stage.up(A, only=[FIRST]).is_good
    counted = Counter(name for _, name in stage.changes(FIRST))
    assert [counted[each] for each in created] == [1, 1, 1]


@pytest.mark.parametrize("times", [1, 5])
def test_a_deployment_whose_answer_is_lost_is_not_asked_for_again(
    standing: Stage, times: int
) -> None:
    standing.cloud.beanstalk.lose_answers(FIRST, operation="UpdateEnvironment", times=times)

    assert standing.up(B, only=[FIRST]).is_good
    taken = [each for each in standing.said(Kind.EVENT) if "update has started" in each]
    assert len(taken) == 1


def test_a_lost_answer_of_a_deployment_that_fails_is_a_failure_and_not_tried_again(
    standing: Stage,
) -> None:
    standing.cloud.beanstalk.lose_answers(FIRST, operation="UpdateEnvironment")
    standing.cloud.beanstalk.play(FIRST, ROLLED_BACK)

    outcome = standing.up(B, only=[FIRST])

    assert _verdicts(outcome)[0] == (FIRST, Verdict.ROLLED_BACK, A.label)
    taken = [each for each in standing.said(Kind.EVENT) if "update has started" in each]
    assert len(taken) == 1


def test_a_service_that_stays_away_from_a_change_changes_nothing(standing: Stage) -> None:
    standing.cloud.beanstalk.fail(FIRST, operation="UpdateEnvironment", times=100)

    outcome = standing.up(B, only=[FIRST])

    assert outcome.regions[0].verdict is Verdict.FAILED
    assert "was not changed" in outcome.regions[0].sentence
    assert standing.environment(FIRST).version == A.label


# Interrupted


class _CtrlC:
    """The operator's Ctrl-C at a certain step: AWS has done what it was asked, and nobody hears.

    A step is an operation that was not asked for before.
    """

    def __init__(self, aws: Aws, step: int) -> None:
        self._ask, self._step = aws.ask, step
        self._asked: set[str] = set()

    def __call__(self, service: str, region: str, operation: str, **request: object) -> object:
        answer = self._ask(service, region, operation, **request)
        if operation not in self._asked:
            self._asked.add(operation)
            if len(self._asked) == self._step:
                raise KeyboardInterrupt
        return answer


def _every_break(stage: Stage, wanted: Bundle) -> Iterator[int]:
    """Breaks a run off at its first step, then another at its second, and so on to its last."""
    for step in range(1, MOST_STEPS):
        plans = stage.plan(wanted, [FIRST])
        ctrl_c = _CtrlC(stage.aws, step)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(
                Aws, "ask", lambda _self, *place, _c=ctrl_c, **request: _c(*place, **request)
            )
            outcome = _roll(stage, plans)
        if not outcome.is_interrupted:
            assert step > FEWEST_STEPS
            return
        yield step
    raise AssertionError("the run does not end")


def test_a_first_deployment_broken_off_at_any_step_goes_on_and_makes_nothing_twice(
    stage: Stage,
) -> None:
    for step in _every_break(stage, A):
        assert stage.up(A, only=[FIRST]).is_good, step
        assert not stage.plan(A, [FIRST])[0].findings.steps, step
        counted = Counter(name for _, name in stage.changes(FIRST))
        once = ("CreateApplication", "CreateApplicationVersion", "CreateEnvironment")
        assert [counted[each] for each in once] == [1, 1, 1], step
        assert counted["UpdateEnvironment"] == 0, step
        stage.cloud.reset()
        stage.prepare()


def test_a_deployment_broken_off_at_any_step_goes_on_and_is_asked_for_once(
    standing: Stage,
) -> None:
    for step in _every_break(standing, B):
        assert standing.up(B, only=[FIRST]).is_good, step
        assert not standing.plan(B, [FIRST])[0].findings.steps, step
        assert _updates(standing) == [FIRST], step
        standing.stand(A)


def test_a_failing_deployment_broken_off_at_any_step_ends_healthy_on_one_of_the_two(
    standing: Stage,
) -> None:
    verdicts = set()
    standing.cloud.beanstalk.play(FIRST, RED)
    for step in _every_break(standing, B):
        (done,) = standing.up(B, only=[FIRST]).regions
        assert done.verdict in (Verdict.ROLLED_BACK, Verdict.DEPLOYED), (step, done.sentence)
        assert standing.environment(FIRST).version == done.version
        assert standing.environment(FIRST).frame.serves
        verdicts.add(done.verdict)
        standing.stand(A)
        standing.cloud.beanstalk.region(FIRST).plays.clear()
        standing.cloud.beanstalk.play(FIRST, RED)
    assert verdicts == {Verdict.ROLLED_BACK}


def test_an_interrupted_run_says_what_goes_on_and_leaves_the_others_alone(standing: Stage) -> None:
    plans = standing.plan(B)
    standing.cloud.beanstalk.calls.clear()

    def tell(news: News) -> None:
        if news.kind is Kind.EVENT:
            raise KeyboardInterrupt

    outcome = roll_out(
        plans, parallel=False, patience=standing.patience, tell=tell, clock=PassingClock()
    )

    (first, *others) = outcome.regions
    assert outcome.is_interrupted
    assert "meridian-us-west-2 was Updating when last seen" in first.sentence
    assert [each.verdict for each in others] == [Verdict.UNTOUCHED] * 2
    assert {each.region for each in standing.cloud.beanstalk.calls} == {FIRST}


# Side by side


def test_side_by_side_the_first_goes_alone_and_the_others_overlap(standing: Stage) -> None:
    """Neither goes on before both are busy: of two that take turns the first would wait in vain."""
    both, met = threading.Barrier(2), set[str]()

    def tell(news: News) -> None:
        is_busy = news.kind is Kind.WAITING and "it is Updating" in news.sentence
        if is_busy and news.region != FIRST and news.region not in met:
            met.add(news.region)
            both.wait(timeout=60)

    outcome = roll_out(
        standing.plan(B),
        parallel=True,
        patience=standing.patience,
        tell=tell,
        clock=PassingClock(),
    )

    assert outcome.is_good
    assert met == {SECOND, THIRD}
    regions = [region for region, _ in standing.changes()]
    assert set(regions[: regions.count(FIRST)]) == {FIRST}


def test_side_by_side_a_first_that_fails_spares_the_others(standing: Stage) -> None:
    standing.cloud.beanstalk.play(FIRST, RED)

    outcome = standing.up(B, parallel=True)

    verdicts = [each.verdict for each in outcome.regions]
    assert verdicts == [Verdict.ROLLED_BACK, Verdict.UNTOUCHED, Verdict.UNTOUCHED]
    assert {region for region, _ in standing.changes()} == {FIRST}


def test_side_by_side_a_region_that_fails_goes_back_and_the_other_goes_on(standing: Stage) -> None:
    standing.cloud.beanstalk.play(SECOND, RED)

    outcome = standing.up(B, parallel=True)

    assert _verdicts(outcome) == [
        (FIRST, Verdict.DEPLOYED, B.label),
        (SECOND, Verdict.ROLLED_BACK, A.label),
        (THIRD, Verdict.DEPLOYED, B.label),
    ]


def test_side_by_side_ctrl_c_ends_all_of_them_and_says_what_goes_on(standing: Stage) -> None:
    plans = standing.plan(B)
    for region in (SECOND, THIRD):
        standing.cloud.beanstalk.play(region, NEVER_ENDS)
    tell = _ctrl_c_once_all_say("it is Updating", (SECOND, THIRD))

    outcome = roll_out(
        plans,
        parallel=True,
        patience=replace(standing.patience, longest_seconds=1e9, poll_seconds=0.01),
        tell=tell,
    )

    assert [each.verdict for each in outcome.regions] == [
        Verdict.DEPLOYED,
        Verdict.INTERRUPTED,
        Verdict.INTERRUPTED,
    ]
    assert "was Updating when last seen" in outcome.regions[1].sentence


def test_credentials_that_end_on_the_way_are_said_and_nothing_is_taken_back(
    standing: Stage,
) -> None:
    plans = standing.plan(B)

    def tell(news: News) -> None:
        if news.kind is Kind.EVENT:
            standing.cloud.beanstalk.refuse(FIRST, "ExpiredToken", "It has expired", times=100)

    outcome = roll_out(
        plans, parallel=False, patience=standing.patience, tell=tell, clock=PassingClock()
    )

    assert outcome.regions[0].verdict is Verdict.FAILED
    assert "renew them" in outcome.regions[0].sentence
    assert "Updating when last seen" in outcome.regions[0].sentence
    assert _updates(standing) == [FIRST]


def test_https_is_planned_for_once_the_certificate_is_there(standing: Stage) -> None:
    standing.config = replace(standing.config, domain="www.example.com")

    sentences = [step.sentence for step in standing.plan(A, [FIRST])[0].findings.steps]

    assert "have meridian-us-west-2 listen for HTTPS once its certificate is issued" in sentences


def test_versions_are_deleted_but_for_the_newest_those_in_use_and_others(
    standing: Stage,
) -> None:
    there, key = standing.cloud.beanstalk.region(FIRST), "meridian/git-old-{}.zip"
    (newest,) = there.versions
    old = [
        replace(
            newest,
            label=f"git-old-{age}",
            key=key.format(age),
            created=newest.created - timedelta(days=age),
        )
        for age in range(1, 31)
    ]
    others = replace(old[-1], label="theirs"), replace(old[-1], label="git-theirs", key="their.zip")
    there.versions += [*old, *others]
    standing.cloud.beanstalk.stand(
        FIRST, application="meridian", name="theirs", version="git-old-29"
    )
    place = {"Bucket": newest.bucket, "Key": key.format(30)}
    standing.cloud.client("s3", FIRST).put_object(Body=b"zip", **place)

    standing.up(B, only=[FIRST])

    newest_twenty = {A.label, B.label, *(each.label for each in old[:18])}
    kept = {each.label for each in there.versions}
    assert kept == newest_twenty | {"git-old-29", "theirs", "git-theirs"}
    found = standing.cloud.client("s3", FIRST).list_objects_v2(Bucket=newest.bucket)["Contents"]
    assert place["Key"] not in [each["Key"] for each in found]


def test_old_versions_that_cannot_be_deleted_fail_no_deployment(
    standing: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gtsite.deploy.versions.KEPT", 1)
    standing.cloud.beanstalk.refuse(
        FIRST, "SourceBundleDeletionException", "Not now.", operation="DeleteApplicationVersion"
    )

    assert standing.up(B, only=[FIRST]).is_good
    assert "older versions are still there" in standing.said(Kind.TROUBLE)[0]


# What is not ours, or cannot be


def test_a_version_with_other_content_is_a_problem_and_nothing_is_changed(standing: Stage) -> None:
    other = bundle("a", b"the same commit, built otherwise")

    plans = standing.plan(other)

    for plan in plans:
        (problem,) = plan.findings.problems
        assert "git-aaaaaaaaaaaa exists in" in problem.sentence
        assert "with other content" in problem.sentence
        assert not plan.findings.steps
    with pytest.raises(BadConfig):
        _roll(standing, plans)
    assert standing.changes() == []


def test_a_healthy_region_that_the_gate_could_not_reach_is_a_problem_of_the_plan(
    standing: Stage, operator: pytest.MonkeyPatch
) -> None:
    assert not any(plan.findings.problems for plan in standing.plan(B))
    operator.setenv("http_proxy", "http://127.0.0.1:9")

    for plan in standing.plan(B):
        (problem,) = plan.findings.problems
        assert "is healthy, and seen from this machine http://" in problem.sentence
        assert "the gate has to reach it, by port 80 or through http_proxy" in problem.sentence


@pytest.mark.parametrize("tags", [(), ({"Key": "meridian:application", "Value": "another"},)])
def test_what_does_not_carry_our_tag_is_a_problem_and_is_not_touched(
    stage: Stage, tags: tuple[dict[str, str], ...]
) -> None:
    name = stage.config.environment_name(FIRST)
    stage.cloud.beanstalk.stand(FIRST, application="meridian", name=name, version="old", tags=tags)

    problems = [each.sentence for each in stage.plan(A)[0].findings.problems]
    stage.remove()

    assert len(problems) == 2
    assert all("was not made by this tool" in each for each in problems)
    assert stage.changes() == []


def test_an_application_of_somebody_else_without_environments_stays(stage: Stage) -> None:
    client = stage.cloud.client("elasticbeanstalk", FIRST)
    client.create_application(ApplicationName="meridian")
    stage.cloud.beanstalk.calls.clear()

    planned = plan_removal(stage.config, [FIRST], stage.aws)
    stage.remove()

    assert planned.steps == ()
    assert "not ours" in planned.notes[0]
    assert stage.changes() == []


def test_a_host_name_somebody_else_has_is_a_problem(stage: Stage) -> None:
    stage.cloud.beanstalk.take_prefix(SECOND, stage.config.cname_prefix("123456789012"))

    (problem,) = stage.plan(A)[1].findings.problems

    assert "is taken" in problem.sentence


def test_a_region_that_does_not_answer_is_its_own_problem(stage: Stage) -> None:
    stage.cloud.beanstalk.fail(SECOND, times=100)

    plans = stage.plan(A)

    assert [bool(plan.findings.problems) for plan in plans] == [False, True, False]
    assert "Elastic Beanstalk in eu-west-1 failed" in plans[1].findings.problems[0].sentence


def test_a_secret_that_is_not_there_stops_the_region_before_its_environment(stage: Stage) -> None:
    plans = stage.plan(A)
    secrets = stage.cloud.client("secretsmanager", FIRST)
    secrets.delete_secret(SecretId=stage.config.secret, ForceDeleteWithoutRecovery=True)

    outcome = _roll(stage, plans)

    assert outcome.regions[0].verdict is Verdict.FAILED
    assert "manage.py deploy secret create" in outcome.regions[0].sentence
    assert ("us-west-2", "CreateEnvironment") not in stage.changes()


# Restarting, and the end


def test_every_region_is_restarted_in_its_turn(standing: Stage) -> None:
    assert standing.restart().is_good

    assert standing.changes() == [(each, "RestartAppServer") for each in (FIRST, SECOND, THIRD)]


def test_a_region_that_does_not_come_back_from_its_restart_stops_the_others(
    standing: Stage,
) -> None:
    standing.cloud.beanstalk.play(SECOND, RED)

    outcome = standing.restart()

    assert [each.verdict for each in outcome.regions] == [
        Verdict.DEPLOYED,
        Verdict.FAILED,
        Verdict.UNTOUCHED,
    ]
    assert standing.changes(THIRD) == []


def test_the_end_takes_environments_versions_bundles_and_applications(standing: Stage) -> None:
    planned = plan_removal(standing.config, standing.config.regions, standing.aws)

    standing.remove()

    assert len(planned.steps) == 9
    for region in standing.config.regions:
        there = standing.cloud.beanstalk.region(region)
        assert (there.applications, there.versions) == ({}, [])
        bucket = f"elasticbeanstalk-{region}-123456789012"
        assert "Contents" not in standing.cloud.client("s3", region).list_objects_v2(Bucket=bucket)
    standing.cloud.beanstalk.calls.clear()
    standing.remove()
    assert standing.changes() == []


def test_a_bundle_whose_version_was_never_made_goes_too(standing: Stage) -> None:
    place = {"Bucket": f"elasticbeanstalk-{FIRST}-123456789012", "Body": b"zip"}
    s3 = standing.cloud.client("s3", FIRST)
    s3.put_object(Key="meridian/git-cccccccccccc-123456789abc.zip", **place)
    s3.put_object(Key="meridian/notes.txt", **place)

    standing.remove()

    found = s3.list_objects_v2(Bucket=place["Bucket"])["Contents"]
    assert [each["Key"] for each in found] == ["meridian/notes.txt"]


def test_an_environment_of_somebody_else_keeps_the_application(standing: Stage) -> None:
    standing.cloud.beanstalk.stand(
        FIRST, application="meridian", name="theirs", version=A.label, prefix="theirs"
    )

    standing.remove()

    there = standing.cloud.beanstalk.region(FIRST)
    assert [each.name for each in there.environments if each.exists] == ["theirs"]
    assert list(there.applications) == ["meridian"]
    assert [each.label for each in there.versions] == [A.label]


def test_an_end_in_one_region_that_fails_is_said_and_the_others_are_ended(standing: Stage) -> None:
    standing.cloud.beanstalk.refuse(
        SECOND, "InsufficientPrivilegesException", "You may not.", operation="TerminateEnvironment"
    )

    with pytest.raises(NotRemoved, match="eu-west-1 is not empty yet"):
        standing.remove()

    assert standing.cloud.beanstalk.region(THIRD).applications == {}
    assert standing.environment(SECOND).exists
    standing.remove()
    assert standing.cloud.beanstalk.region(SECOND).applications == {}


def test_ctrl_c_ends_an_end_in_every_region_without_waiting_for_it(standing: Stage) -> None:
    for region in standing.config.regions:
        standing.cloud.beanstalk.play(region, NEVER_ENDS)
    press = _ctrl_c_once_all_say("to be gone", standing.config.regions)

    def tell(news: News) -> None:
        standing.news.append(news)
        press(news)

    with pytest.raises(KeyboardInterrupt):
        remove_environments(
            standing.config, standing.config.regions, standing.aws, REAL_MINUTE, tell
        )

    assert standing.said(Kind.TROUBLE) == []


def test_ctrl_c_before_every_region_has_begun_ends_those_that_have(
    standing: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    standing.cloud.beanstalk.play(FIRST, NEVER_ENDS)
    really_submit, left = ThreadPoolExecutor.submit, [1]

    def submit(pool: ThreadPoolExecutor, *work: Any) -> Any:
        left[0] -= 1
        if left[0] < 0:
            raise KeyboardInterrupt
        return really_submit(pool, *work)

    monkeypatch.setattr(ThreadPoolExecutor, "submit", submit)

    with pytest.raises(KeyboardInterrupt):
        remove_environments(
            standing.config, (FIRST, SECOND), standing.aws, REAL_MINUTE, standing.news.append
        )

    assert standing.said(Kind.TROUBLE) == []


def test_an_end_that_another_operation_is_in_the_way_of_is_tried_again(standing: Stage) -> None:
    code, told = "OperationInProgressFailure", "Another operation is under way."
    standing.cloud.beanstalk.refuse(FIRST, code, told, operation="DeleteApplication", times=2)

    standing.remove()

    assert standing.cloud.beanstalk.region(FIRST).applications == {}


def test_an_end_whose_answers_are_lost_is_an_end(standing: Stage) -> None:
    for operation in ("TerminateEnvironment", "DeleteApplicationVersion", "DeleteApplication"):
        standing.cloud.beanstalk.lose_answers(FIRST, operation=operation, times=5)

    standing.remove()

    assert standing.cloud.beanstalk.region(FIRST).applications == {}
