"""The roles of a deployment, on a server that keeps them."""

import json
from typing import Any

import pytest

from gtsite.deploy import roles
from gtsite.deploy.aws import Aws
from gtsite.deploy.config import Config
from gtsite.deploy.errors import DeployError, OutOfPatience
from gtsite.deploy.policies import SERVICE_POLICIES, instance_policy, instance_trust, service_trust
from gtsite.deploy.preflight import Identity
from gtsite.deploy.roles import plan_roles, remove_roles
from gtsite.deploy.steps import Findings, News, tell_nobody
from gtsite.deploy.waiting import Patience
from tests.support.cloud import Cloud

ACCOUNT = "123456789012"
IDENTITY = Identity(account=ACCOUNT, arn=f"arn:aws:iam::{ACCOUNT}:user/ada")
INSTANCE, SERVICE = "meridian-instance", "meridian-service"
EVERYTHING = (
    "create the role meridian-instance",
    "create the instance profile meridian-instance",
    "create the role meridian-service",
)
OTHER_TRUST = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Effect": "Allow",
            "Principal": {"Service": "lambda.amazonaws.com"},
            "Action": "sts:AssumeRole",
        }
    ],
}


@pytest.fixture
def iam(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(roles, "PATIENCE", Patience(poll_seconds=0, longest_seconds=60))
    return cloud.client("iam", "us-east-1")


@pytest.fixture
def made(iam: Any, aws: Aws, config: Config) -> Any:
    """IAM with everything in it."""
    carry_out(plan(config, aws))
    return iam


def plan(config: Config, aws: Aws) -> Findings:
    return plan_roles(config, IDENTITY, aws)


def sentences(found: Findings) -> tuple[str, ...]:
    return tuple(step.sentence for step in found.steps)


def carry_out(found: Findings) -> None:
    assert found.problems == ()
    for step in found.steps:
        step.carry_out(tell_nobody)


def attached(iam: Any) -> set[str]:
    found = iam.list_attached_role_policies(RoleName=SERVICE)["AttachedPolicies"]
    return {each["PolicyArn"] for each in found}


def names(iam: Any) -> tuple[list[str], list[str]]:
    """Of all roles and profiles."""
    return (
        sorted(each["RoleName"] for each in iam.list_roles()["Roles"]),
        [each["InstanceProfileName"] for each in iam.list_instance_profiles()["InstanceProfiles"]],
    )


class TestMaking:
    def test_an_account_without_them_gets_all_of_them(
        self, iam: Any, aws: Aws, config: Config
    ) -> None:
        found = plan(config, aws)
        assert sentences(found) == EVERYTHING
        assert names(iam) == ([], [])
        carry_out(found)
        instance = iam.get_role(RoleName=INSTANCE)["Role"]
        written = iam.get_role_policy(RoleName=INSTANCE, PolicyName="meridian")
        assert written["PolicyDocument"] == instance_policy(config, ACCOUNT)
        assert instance["AssumeRolePolicyDocument"] == instance_trust()
        service = iam.get_role(RoleName=SERVICE)["Role"]
        assert service["AssumeRolePolicyDocument"] == service_trust()
        assert attached(iam) == set(SERVICE_POLICIES)
        profile = iam.get_instance_profile(InstanceProfileName=INSTANCE)["InstanceProfile"]
        assert [each["RoleName"] for each in profile["Roles"]] == [INSTANCE]
        assert [each["Tags"] for each in (instance, service, profile)] == [config.tags] * 3

    @pytest.mark.usefixtures("made")
    def test_nothing_is_left_to_do(self, aws: Aws, config: Config) -> None:
        assert plan(config, aws) == Findings()

    def test_steps_taken_twice_change_nothing(self, iam: Any, aws: Aws, config: Config) -> None:
        found = plan(config, aws)
        carry_out(found)
        before = iam.get_account_authorization_details()["RoleDetailList"]
        carry_out(found)
        assert iam.get_account_authorization_details()["RoleDetailList"] == before

    @pytest.mark.parametrize("taken", [1, 2])
    def test_what_an_interrupted_run_left_is_done_by_the_next(
        self, iam: Any, aws: Aws, config: Config, taken: int
    ) -> None:
        for step in plan(config, aws).steps[:taken]:
            step.carry_out(tell_nobody)
        assert sentences(plan(config, aws)) == EVERYTHING[taken:]
        carry_out(plan(config, aws))
        assert plan(config, aws) == Findings()
        assert names(iam) == ([INSTANCE, SERVICE], [INSTANCE])

    def test_a_role_that_was_made_and_no_more_is_finished(
        self, iam: Any, aws: Aws, config: Config
    ) -> None:
        for name, trust in ((INSTANCE, instance_trust()), (SERVICE, service_trust())):
            document = json.dumps(trust)
            iam.create_role(RoleName=name, AssumeRolePolicyDocument=document, Tags=config.tags)
        iam.create_instance_profile(InstanceProfileName=INSTANCE, Tags=config.tags)
        found = plan(config, aws)
        assert sentences(found) == (
            "update what meridian-instance may do",
            "put the role meridian-instance into its instance profile",
            "attach the policies of Elastic Beanstalk to meridian-service",
        )
        carry_out(found)
        assert plan(config, aws) == Findings()

    def test_a_region_more_is_one_step(self, made: Any, aws: Aws, config: Config) -> None:
        more = Config(regions=(*config.regions, "ap-southeast-1"), domain=config.domain)
        assert sentences(plan(more, aws)) == ("update what meridian-instance may do",)
        carry_out(plan(more, aws))
        written = made.get_role_policy(RoleName=INSTANCE, PolicyName="meridian")
        assert written["PolicyDocument"] == instance_policy(more, ACCOUNT)

    def test_a_role_that_another_may_take_is_mended(
        self, made: Any, aws: Aws, config: Config
    ) -> None:
        made.update_assume_role_policy(RoleName=SERVICE, PolicyDocument=json.dumps(OTHER_TRUST))
        assert sentences(plan(config, aws)) == ("mend who may take the role meridian-service",)
        carry_out(plan(config, aws))
        found = made.get_role(RoleName=SERVICE)["Role"]["AssumeRolePolicyDocument"]
        assert found == service_trust()


class TestStrangers:
    @pytest.mark.parametrize("name", [INSTANCE, SERVICE])
    def test_a_role_without_our_tag_is_a_problem(
        self, iam: Any, aws: Aws, config: Config, name: str
    ) -> None:
        iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(OTHER_TRUST))
        (problem,) = plan(config, aws).problems
        assert problem.sentence == (
            f"The role {name} exists and was not made by this command: tag it "
            "meridian:application=meridian to hand it over, or write another application into "
            "deploy.toml."
        )

    def test_a_role_that_appears_after_the_plan_is_not_touched(
        self, iam: Any, aws: Aws, config: Config
    ) -> None:
        found = plan(config, aws)
        iam.create_role(RoleName=INSTANCE, AssumeRolePolicyDocument=json.dumps(OTHER_TRUST))
        with pytest.raises(DeployError, match="was not made by this command"):
            found.steps[0].carry_out(tell_nobody)
        role = iam.get_role(RoleName=INSTANCE)["Role"]
        assert role["AssumeRolePolicyDocument"] == OTHER_TRUST
        assert iam.list_role_policies(RoleName=INSTANCE)["PolicyNames"] == []

    def test_a_profile_without_our_tag_is_a_problem(
        self, iam: Any, aws: Aws, config: Config
    ) -> None:
        iam.create_instance_profile(InstanceProfileName=INSTANCE)
        (problem,) = plan(config, aws).problems
        assert "instance profile meridian-instance exists" in problem.sentence

    def test_a_profile_that_holds_another_role_is_a_problem(
        self, made: Any, aws: Aws, config: Config
    ) -> None:
        made.remove_role_from_instance_profile(InstanceProfileName=INSTANCE, RoleName=INSTANCE)
        made.add_role_to_instance_profile(InstanceProfileName=INSTANCE, RoleName=SERVICE)
        (problem,) = plan(config, aws).problems
        assert "holds the role meridian-service" in problem.sentence


def test_what_iam_does_not_show_in_time_ends_with_what_to_do(
    iam: Any, aws: Aws, config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(roles, "PATIENCE", Patience(longest_seconds=0))
    steps = plan(config, aws).steps
    ask = aws.ask

    def unaware(service: str, region: str, operation: str, **request: Any) -> dict[str, Any]:
        answer = ask(service, region, operation, **request)
        if operation == "create_role":
            iam.delete_role(RoleName=request["RoleName"])
        return answer

    monkeypatch.setattr(aws, "ask", unaware)
    with pytest.raises(OutOfPatience, match="meridian-instance after 0 s: run the command again"):
        steps[0].carry_out(tell_nobody)


class TestRemoving:
    def test_all_that_was_made_goes(self, made: Any, aws: Aws, config: Config) -> None:
        told: list[News] = []
        remove_roles(config, aws, told.append)
        assert names(made) == ([], [])
        assert [each.sentence for each in told] == [
            "The instance profile meridian-instance is gone.",
            "The role meridian-instance is gone.",
            "The role meridian-service is gone.",
        ]
        remove_roles(config, aws, told.append)
        assert len(told) == 3

    def test_what_somebody_added_to_our_role_goes_with_it(
        self, made: Any, aws: Aws, config: Config
    ) -> None:
        document = json.dumps(instance_policy(config, ACCOUNT))
        made.put_role_policy(RoleName=INSTANCE, PolicyName="more", PolicyDocument=document)
        remove_roles(config, aws, tell_nobody)
        assert names(made) == ([], [])

    def test_what_does_not_carry_our_tag_stays(self, iam: Any, aws: Aws, config: Config) -> None:
        trust = json.dumps(OTHER_TRUST)
        iam.create_role(RoleName=INSTANCE, AssumeRolePolicyDocument=trust)
        iam.create_role(RoleName=SERVICE, AssumeRolePolicyDocument=trust, Tags=config.tags)
        iam.create_instance_profile(InstanceProfileName=INSTANCE)
        told: list[News] = []
        remove_roles(config, aws, told.append)
        assert names(iam) == ([INSTANCE], [INSTANCE])
        assert sum("is left alone" in each.sentence for each in told) == 2

    def test_removing_goes_on_where_it_was_interrupted(
        self, made: Any, aws: Aws, config: Config
    ) -> None:
        made.remove_role_from_instance_profile(InstanceProfileName=INSTANCE, RoleName=INSTANCE)
        made.delete_role_policy(RoleName=INSTANCE, PolicyName="meridian")
        remove_roles(config, aws, tell_nobody)
        assert names(made) == ([], [])
