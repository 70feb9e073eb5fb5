"""The site's key in Secrets Manager: the same in every region, changed in steps, never shown."""

import json
import traceback
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from gtsite.deploy import secret
from gtsite.deploy.aws import Aws
from gtsite.deploy.config import Config
from gtsite.deploy.errors import OutOfPatience, Refused, Unreachable
from gtsite.deploy.secret import (
    SecretRefused,
    create_secret,
    find_secret_arns,
    introduce_key,
    plan_secret,
    promote_key,
    remove_secret,
    retire_keys,
)
from gtsite.deploy.steps import News, tell_nobody
from gtsite.deploy.waiting import Patience
from tests.support.answering import FixedAnswer
from tests.support.cloud import CLOSED, Cloud

NAME = "meridian/secret-key"
IMPATIENT = Patience(poll_seconds=0, longest_seconds=0)
GOOD = "0123456789abcdefghijklmnopqrstuvwxyz" * 2
STEPS = (introduce_key, promote_key, retire_keys)
Step = Callable[..., None]


def manager(cloud: Cloud, region: str) -> Any:
    return cloud.client("secretsmanager", region)


def value(cloud: Cloud, region: str) -> str:
    found = manager(cloud, region).get_secret_value(SecretId=NAME, VersionStage="AWSCURRENT")
    return str(found["SecretString"])


def keys(cloud: Cloud, config: Config) -> list[str]:
    """What every region's site would get."""
    (found,) = {value(cloud, region) for region in config.regions}
    return found.split()


def put(cloud: Cloud, region: str, text: str) -> None:
    """A secret of its own, as somebody makes one by hand."""
    manager(cloud, region).create_secret(Name=NAME, SecretString=text)


def sentences(config: Config, aws: Aws) -> list[str]:
    return [each.sentence for each in plan_secret(config, aws).problems]


def test_a_plan_without_a_secret_says_how_to_make_one(config: Config, aws: Aws) -> None:
    assert sentences(config, aws) == [
        "There is no secret meridian/secret-key: run manage.py deploy secret create."
    ]
    assert find_secret_arns(config, aws) == {}


def test_the_secret_is_made_in_every_region_and_never_said(
    config: Config, aws: Aws, cloud: Cloud
) -> None:
    told: list[News] = []
    create_secret(config, aws, told.append)
    assert sentences(config, aws) == []
    (key,) = keys(cloud, config)
    assert len(key) > 80
    assert len(set(key)) > 20
    said = f"{told} {plan_secret(config, aws)} {secret._look(config, aws)}"
    assert key not in said
    assert "meridian/secret-key is in every region" in said
    found = find_secret_arns(config, aws)
    assert list(found) == list(config.regions)
    assert all(region in arn for region, arn in found.items())
    tags = manager(cloud, config.home).describe_secret(SecretId=NAME)["Tags"]
    assert tags == config.tags


def test_made_twice_it_stays_as_it_is(config: Config, aws: Aws, cloud: Cloud) -> None:
    create_secret(config, aws, tell_nobody)
    before = keys(cloud, config)
    create_secret(config, aws, tell_nobody)
    assert keys(cloud, config) == before


def test_a_service_that_says_the_key_again_is_not_quoted(
    config: Config, aws: Aws, answering: Callable[[FixedAnswer], str], operator: pytest.MonkeyPatch
) -> None:
    key = "k1." + GOOD
    operator.setattr(secret, "_look", lambda *_: {})
    operator.setattr(secret, "_new_key", lambda _number: key)
    body = json.dumps({"__type": "ValidationException", "message": f"Value '{key}' is bad"})
    url = answering(FixedAnswer(status=400, body=body))
    operator.setenv("AWS_ENDPOINT_URL_SECRETS_MANAGER", url)
    with pytest.raises(Refused, match="ValidationException") as raised:
        create_secret(config, aws, tell_nobody)
    assert key not in "".join(traceback.format_exception(raised.value))


def test_a_secret_that_is_not_shown_after_it_was_made_is_said_to_be_missing(
    config: Config, aws: Aws, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(secret, "_look", lambda *_: {})
    with pytest.raises(SecretRefused, match="There is no secret meridian/secret-key"):
        create_secret(config, aws, tell_nobody, IMPATIENT)


def test_of_two_operators_who_make_it_the_first_ones_stands(
    config: Config, aws: Aws, cloud: Cloud
) -> None:
    put(cloud, config.home, GOOD)
    secret._create(config, aws)
    assert value(cloud, config.home) == GOOD


def test_a_region_more_is_a_problem_until_it_has_its_copy(
    config: Config, aws: Aws, cloud: Cloud
) -> None:
    create_secret(config, aws, tell_nobody)
    wider = replace(config, regions=(*config.regions, "ap-south-1"))
    (said,) = sentences(wider, aws)
    assert said == (
        "The secret meridian/secret-key is not in ap-south-1: run manage.py deploy secret create, "
        "which copies it there."
    )
    create_secret(wider, aws, tell_nobody)
    assert sentences(wider, aws) == []
    assert len(keys(cloud, wider)) == 1


def test_with_another_home_the_secret_is_still_the_same_one(
    config: Config, aws: Aws, cloud: Cloud
) -> None:
    create_secret(config, aws, tell_nobody)
    moved = replace(config, regions=(*config.regions[1:], "ap-south-1"))
    create_secret(moved, aws, tell_nobody)
    introduce_key(moved, aws, tell_nobody)
    assert len(keys(cloud, moved)) == 2


def test_a_region_less_is_noted(config: Config, aws: Aws) -> None:
    create_secret(config, aws, tell_nobody)
    (note,) = plan_secret(replace(config, regions=config.regions[:2]), aws).notes
    assert "is also in us-east-2, no longer among the regions" in note
    assert "--remove-replica-regions us-east-2 --region us-west-2" in note


def test_secrets_that_differ_are_found_and_not_shown(
    config: Config, aws: Aws, cloud: Cloud
) -> None:
    for region in config.regions:
        put(cloud, region, GOOD + region)
    (said,) = sentences(config, aws)
    assert said.startswith("The secret meridian/secret-key in eu-west-1, us-east-2 is not that of")
    assert GOOD not in said


def test_the_same_value_made_by_hand_in_every_region_is_good_but_not_changed(
    config: Config, aws: Aws, cloud: Cloud
) -> None:
    for region in config.regions:
        put(cloud, region, GOOD)
    assert sentences(config, aws) == []
    with pytest.raises(SecretRefused, match="a secret of its own in us-west-2 and in eu-west-1"):
        introduce_key(config, aws, tell_nobody)
    assert keys(cloud, config) == [GOOD]


@pytest.mark.parametrize("text", ["short", f"{GOOD} short"])
def test_a_key_that_the_site_would_not_start_with_is_a_problem(
    config: Config, aws: Aws, cloud: Cloud, text: str
) -> None:
    put(cloud, config.home, text)
    create_secret(config, aws, tell_nobody)
    said = sentences(config, aws)
    assert len(said) == len(config.regions)
    assert all("has a key too short: put one into it of at least 50" in each for each in said)


def test_a_secret_that_is_no_text_is_a_problem(config: Config, aws: Aws, cloud: Cloud) -> None:
    manager(cloud, config.home).create_secret(Name=NAME, SecretBinary=b"x" * 64)
    create_secret(config, aws, tell_nobody)
    assert all("has no key as text" in each for each in sentences(config, aws))


def test_a_secret_about_to_be_deleted_is_a_problem_and_is_not_made_anew(
    config: Config, aws: Aws, cloud: Cloud
) -> None:
    only = replace(config, regions=config.regions[:1])
    create_secret(only, aws, tell_nobody)
    manager(cloud, only.home).delete_secret(SecretId=NAME)
    (said,) = sentences(only, aws)
    assert "is about to be deleted: run aws secretsmanager restore-secret --secret-id" in said
    assert find_secret_arns(only, aws) == {}
    with pytest.raises(SecretRefused, match="about to be deleted"):
        create_secret(only, aws, tell_nobody)


def test_a_replica_that_cannot_be_made_is_said_with_its_reason(
    config: Config, aws: Aws, cloud: Cloud
) -> None:
    place = config.regions[1]
    put(cloud, place, GOOD)
    replicas = [{"Region": region} for region in config.regions[1:]]
    home = manager(cloud, config.home)
    home.create_secret(Name=NAME, SecretString=GOOD, AddReplicaRegions=replicas)
    manager(cloud, place).delete_secret(SecretId=NAME, ForceDeleteWithoutRecovery=True)
    (said,) = sentences(config, aws)
    assert said.startswith(f"The secret {NAME} is not in {place} (Replication failed: Secret name")
    with pytest.raises(SecretRefused, match=f"cannot be copied to {place} [(]Replication failed"):
        secret._wait_for("another", config, aws, tell_nobody, IMPATIENT)
    create_secret(config, aws, tell_nobody)
    assert keys(cloud, config) == [GOOD]


def test_a_key_of_ones_own_is_noted(config: Config, aws: Aws, cloud: Cloud) -> None:
    only = replace(config, regions=config.regions[:1])
    manager(cloud, only.home).create_secret(Name=NAME, SecretString=GOOD, KmsKeyId="alias/ours")
    (note,) = plan_secret(only, aws).notes
    assert "meridian-instance has to be allowed kms:Decrypt" in note


def test_a_key_is_introduced_promoted_and_the_old_one_retired(
    config: Config, aws: Aws, cloud: Cloud
) -> None:
    create_secret(config, aws, tell_nobody)
    (old,) = keys(cloud, config)
    told: list[News] = []

    introduce_key(config, aws, told.append)
    first, new = keys(cloud, config)
    assert first == old != new
    assert "restart every region: manage.py deploy restart" in told[-1].sentence
    assert "does not sign yet" in plan_secret(config, aws).notes[0]

    promote_key(config, aws, told.append)
    assert keys(cloud, config) == [new, old]
    assert "manage.py deploy secret retire ends that" in plan_secret(config, aws).notes[0]

    retire_keys(config, aws, told.append)
    assert keys(cloud, config) == [new]
    assert plan_secret(config, aws).notes == ()
    assert old not in str(told)
    assert new not in str(told)


def test_a_key_made_by_hand_is_changed_like_any_other(
    config: Config, aws: Aws, cloud: Cloud
) -> None:
    put(cloud, config.home, GOOD)
    create_secret(config, aws, tell_nobody)
    introduce_key(config, aws, tell_nobody)
    promote_key(config, aws, tell_nobody)
    assert keys(cloud, config)[1] == GOOD


@pytest.mark.parametrize("done", [1, 2, 3])
def test_each_step_taken_twice_changes_nothing_the_second_time(
    config: Config, aws: Aws, cloud: Cloud, done: int
) -> None:
    create_secret(config, aws, tell_nobody)
    for step in STEPS[:done]:
        step(config, aws, tell_nobody)
    before = keys(cloud, config)
    STEPS[done - 1](config, aws, tell_nobody)
    assert keys(cloud, config) == before


@pytest.mark.parametrize(
    ("done", "step", "said"),
    [
        (0, promote_key, "has no new key to promote: run manage.py deploy secret introduce"),
        (1, retire_keys, "a new key that does not sign yet: run manage.py deploy secret promote"),
        (2, introduce_key, "run manage.py deploy secret retire first"),
    ],
    ids=["promote", "retire", "introduce"],
)
def test_a_step_out_of_order_is_refused_and_changes_nothing(
    config: Config, aws: Aws, cloud: Cloud, done: int, step: Step, said: str
) -> None:
    create_secret(config, aws, tell_nobody)
    for each in STEPS[:done]:
        each(config, aws, tell_nobody)
    before = keys(cloud, config)
    with pytest.raises(SecretRefused, match=said):
        step(config, aws, tell_nobody)
    assert keys(cloud, config) == before


@pytest.mark.parametrize("step", STEPS, ids=["introduce", "promote", "retire"])
def test_without_a_secret_there_is_no_step(config: Config, aws: Aws, step: Step) -> None:
    with pytest.raises(SecretRefused, match="There is no secret meridian/secret-key"):
        step(config, aws, tell_nobody)


def test_two_keys_of_unknown_age_are_left_alone(config: Config, aws: Aws, cloud: Cloud) -> None:
    put(cloud, config.home, f"{GOOD} {GOOD[::-1]}")
    create_secret(config, aws, tell_nobody)
    with pytest.raises(SecretRefused, match="which is the newest cannot be told"):
        introduce_key(config, aws, tell_nobody)


class Interrupted(Exception):
    """Somebody pulls the plug."""


@pytest.mark.parametrize("operation", ["put_secret_value", "update_secret_version_stage"])
@pytest.mark.parametrize("done", [0, 1, 2])
def test_interrupted_before_or_after_any_call_a_step_goes_on(
    config: Config,
    aws: Aws,
    cloud: Cloud,
    monkeypatch: pytest.MonkeyPatch,
    operation: str,
    done: int,
) -> None:
    create_secret(config, aws, tell_nobody)
    for each in STEPS[:done]:
        each(config, aws, tell_nobody)
    ask = aws.ask

    def interrupted(service: str, region: str, asked: str, **request: Any) -> dict[str, Any]:
        answer = ask(service, region, asked, **request)
        if asked == operation:
            raise Interrupted
        return answer

    monkeypatch.setattr(aws, "ask", interrupted)
    with pytest.raises(Interrupted):
        STEPS[done](config, aws, tell_nobody)
    monkeypatch.undo()
    monkeypatch.setattr(aws, "ask", ask)
    STEPS[done](config, aws, tell_nobody)
    assert len(keys(cloud, config)) == (2, 2, 1)[done]


def test_two_operators_who_introduce_a_key_at_once_introduce_one(
    config: Config, aws: Aws, cloud: Cloud
) -> None:
    create_secret(config, aws, tell_nobody)
    first = secret._look(config, aws)[config.home]
    secret._change(config, aws, first, "introduce", [*first.keys, "k2." + GOOD])
    secret._change(config, aws, first, "introduce", [*first.keys, "k2." + GOOD[::-1]])
    assert keys(cloud, config) == [*first.keys, "k2." + GOOD]


def test_a_change_by_somebody_else_in_between_is_kept(
    config: Config, aws: Aws, cloud: Cloud
) -> None:
    create_secret(config, aws, tell_nobody)
    seen = secret._look(config, aws)[config.home]
    manager(cloud, config.home).put_secret_value(SecretId=NAME, SecretString=GOOD)
    with pytest.raises(SecretRefused, match="changed by somebody else"):
        secret._change(config, aws, seen, "introduce", [*seen.keys, "k2." + GOOD])
    assert keys(cloud, config) == [GOOD]


def test_a_replica_that_lags_is_waited_for_and_then_given_up(
    config: Config, aws: Aws, cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    create_secret(config, aws, tell_nobody)
    looked = secret._look(config, aws)
    late = {**looked, "eu-west-1": replace(looked["eu-west-1"], version="before", value=GOOD)}
    looks = iter([late, late])
    look = secret._look
    monkeypatch.setattr(secret, "_look", lambda *_: next(looks, None) or look(config, aws))
    told: list[News] = []
    introduce_key(config, aws, told.append, Patience(poll_seconds=0))
    assert "waiting for meridian/secret-key in eu-west-1" in [each.sentence for each in told]
    assert len(keys(cloud, config)) == 2

    monkeypatch.setattr(secret, "_look", lambda *_: late)
    with pytest.raises(OutOfPatience, match="not yet the same in eu-west-1"):
        promote_key(config, aws, tell_nobody, IMPATIENT)


def test_the_secret_is_removed_with_thirty_days_to_think_again(
    config: Config, aws: Aws, cloud: Cloud
) -> None:
    create_secret(config, aws, tell_nobody)
    told: list[News] = []
    remove_secret(config, aws, told.append)
    assert "restore-secret --secret-id meridian/secret-key" in told[-1].sentence
    assert "DeletedDate" in manager(cloud, config.home).describe_secret(SecretId=NAME)
    assert find_secret_arns(config, aws) == {}
    remove_secret(config, aws, tell_nobody)


def test_a_secret_that_was_not_made_here_is_not_removed(
    config: Config, aws: Aws, cloud: Cloud
) -> None:
    put(cloud, config.home, GOOD)
    remove_secret(config, aws, tell_nobody)
    assert value(cloud, config.home) == GOOD


def test_a_region_that_does_not_answer_is_no_missing_secret(
    config: Config, cloud: Cloud, bare_environment: pytest.MonkeyPatch
) -> None:
    for name, text in cloud.environment.items():
        bare_environment.setenv(name, text)
    bare_environment.setenv("AWS_ENDPOINT_URL_SECRETS_MANAGER", CLOSED)
    with pytest.raises(Unreachable, match="Secrets Manager in"):
        plan_secret(config, Aws())


def test_what_secrets_manager_refuses_passes_up(
    config: Config, aws: Aws, monkeypatch: pytest.MonkeyPatch
) -> None:
    create_secret(config, aws, tell_nobody)
    ask = aws.ask

    def refused(service: str, region: str, asked: str, **request: Any) -> dict[str, Any]:
        if asked == "get_secret_value" and region == "eu-west-1":
            raise Refused(service=service, region=region, code="DecryptionFailure", reason="No.")
        return ask(service, region, asked, **request)

    monkeypatch.setattr(aws, "ask", refused)
    with pytest.raises(Refused, match="eu-west-1 refuses: No"):
        plan_secret(config, aws)
