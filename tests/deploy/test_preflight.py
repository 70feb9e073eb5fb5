"""A deployment starts only where it can: the right account, regions that are open and have all."""

import json
from collections.abc import Callable
from dataclasses import replace

import pytest

from gtsite.deploy.aws import Aws
from gtsite.deploy.config import Config
from gtsite.deploy.errors import (
    AccessDenied,
    CredentialsMissing,
    CredentialsRefused,
    Unreachable,
)
from gtsite.deploy.preflight import (
    Identity,
    NoPlatform,
    check_start,
    find_identity,
    find_platform,
)
from gtsite.deploy.steps import Area
from tests.support.answering import FixedAnswer, query_error
from tests.support.cloud import ACCOUNT, CLOSED, Cloud

REGION = "eu-west-1"
SOMEBODY = Identity(account=ACCOUNT, arn=f"arn:aws:iam::{ACCOUNT}:user/somebody")
Answering = Callable[[FixedAnswer], str]


def _sentences(config: Config, aws: Aws) -> list[str]:
    return [each.sentence for each in check_start(config, SOMEBODY, aws).problems]


def test_the_identity_is_whom_sts_names(aws: Aws) -> None:
    identity = find_identity(aws, REGION)
    assert identity.account == ACCOUNT
    assert identity.arn.startswith(f"arn:aws:sts::{ACCOUNT}:")


def test_without_credentials_nobody_is_asked(bare_environment: pytest.MonkeyPatch) -> None:
    """The place to look in last, an instance's own, is a closed port here."""
    bare_environment.setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", CLOSED)
    bare_environment.setenv("AWS_ENDPOINT_URL", CLOSED)
    with pytest.raises(CredentialsMissing, match="No AWS credentials are found: sign in"):
        find_identity(Aws(), REGION)


@pytest.mark.parametrize(
    ("answer", "error", "words"),
    [
        (query_error(403, "ExpiredToken", "The security token is expired"), CredentialsRefused,
         r"STS in us-east-1 does not accept .* \(ExpiredToken: .*\): renew them"),
        (query_error(403, "InvalidClientTokenId", "The token is invalid."), CredentialsRefused,
         "this machine's clock, and that the region is enabled"),
        (query_error(403, "AccessDenied", "User x is not authorized"), AccessDenied,
         "STS in eu-west-1 denies access: User x .* manage.py deploy policy"),
        (query_error(503, "ServiceUnavailable", ""), Unreachable, "STS in eu-west-1 failed"),
    ],
    ids=["expired", "invalid", "denied", "ill"],
)  # fmt: skip
def test_what_sts_says_against_the_credentials_is_one_sentence(
    answering: Answering, operator: pytest.MonkeyPatch,
    answer: FixedAnswer, error: type[Exception], words: str,
) -> None:  # fmt: skip
    operator.setenv("AWS_ENDPOINT_URL_STS", answering(answer))
    with pytest.raises(error, match=words) as raised:
        find_identity(Aws(), REGION)
    assert "\n" not in str(raised.value)


def test_all_is_well_in_an_account_as_aws_hands_it_over(
    aws: Aws, config: Config, cloud: Cloud
) -> None:
    findings = check_start(config, SOMEBODY, aws)
    assert (findings.problems, findings.notes, findings.steps) == ((), (), ())
    assert cloud.beanstalk.changes == []


def test_another_account_is_refused_before_anything_else_is_asked(
    aws: Aws, config: Config, cloud: Cloud
) -> None:
    (sentence,) = _sentences(replace(config, account="111111111111"), aws)
    assert f"are of account {ACCOUNT}" in sentence
    assert "wants 111111111111: sign in to that one" in sentence
    assert cloud.beanstalk.calls == []
    assert _sentences(replace(config, account=ACCOUNT), aws) == []


def test_a_region_that_is_not_enabled_is_named_and_not_asked(
    aws: Aws, config: Config, cloud: Cloud
) -> None:
    wider = replace(config, regions=(*config.regions, "me-south-1"))
    (problem,) = check_start(wider, SOMEBODY, aws).problems
    assert (problem.area, problem.region) == (Area.START, "me-south-1")
    assert "aws account enable-region --region-name me-south-1" in problem.sentence
    assert cloud.beanstalk.operations("me-south-1") == []
    assert cloud.beanstalk.operations(config.home) == ["ListAvailableSolutionStacks"]


def test_a_home_that_is_not_enabled_does_not_make_good_credentials_bad(
    aws: Aws, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Such a region refuses whoever asks, as if the credentials were bad."""
    really_ask = Aws.ask

    def ask(self: Aws, service: str, region: str, operation: str, **request: object) -> object:
        if region == "me-south-1":
            raise CredentialsRefused("The region does not know anybody.")
        return really_ask(self, service, region, operation, **request)

    monkeypatch.setattr(Aws, "ask", ask)
    assert find_identity(aws, "me-south-1").account == ACCOUNT
    (sentence,) = _sentences(Config(regions=("me-south-1",)), aws)
    assert sentence.startswith("me-south-1 is not enabled in this account")


def test_regions_are_found_wanting_side_by_side_and_each_by_its_name(
    aws: Aws, config: Config, cloud: Cloud
) -> None:
    cloud.beanstalk.region("eu-west-1").stacks = ["64bit Amazon Linux 2 v3 running Python 3.8"]
    ec2 = cloud.client("ec2", "us-east-2")
    (vpc,) = ec2.describe_vpcs(Filters=[{"Name": "is-default", "Values": ["true"]}])["Vpcs"]
    for subnet in ec2.describe_subnets()["Subnets"]:
        ec2.delete_subnet(SubnetId=subnet["SubnetId"])
    ec2.delete_vpc(VpcId=vpc["VpcId"])
    problems = check_start(config, SOMEBODY, aws).problems
    assert [each.region for each in problems] == ["eu-west-1", "us-east-2"]
    assert "no Amazon Linux 2023 with Python 3.11 to 3.13" in problems[0].sentence
    assert "aws ec2 create-default-vpc --region us-east-2" in problems[1].sentence


def test_a_region_that_does_not_answer_is_a_problem_of_its_own(
    aws: Aws, config: Config, cloud: Cloud
) -> None:
    cloud.beanstalk.fail("eu-west-1", times=99)
    (problem,) = check_start(config, SOMEBODY, aws).problems
    assert problem.region == "eu-west-1"
    assert "Elastic Beanstalk in eu-west-1 failed (InternalFailure, HTTP 500)" in problem.sentence


@pytest.mark.parametrize(
    ("types", "words"),
    [
        (("t3.smal",), "instance_types has t3.smal, which EC2 in eu-west-1 does not have"),
        (("t3.small", "t4g.small"), "has t4g.small, which cannot run x86_64"),
    ],
    ids=["unknown", "arm"],
)
def test_instances_that_cannot_be_started_are_named(
    aws: Aws, types: tuple[str, ...], words: str
) -> None:
    (sentence,) = _sentences(Config(regions=(REGION,), instance_types=types), aws)
    assert words in sentence


def test_variables_that_elastic_beanstalk_would_not_take_are_a_problem(
    aws: Aws, config: Config
) -> None:
    (sentence,) = _sentences(replace(config, environment={"LONG": "x" * 4096}), aws)
    assert "4,096" in sentence
    (sentence,) = _sentences(replace(config, environment={"SECRET_KEY": "k"}), aws)
    assert "SECRET_KEY" in sentence


def _quota(value: float) -> FixedAnswer:
    body = json.dumps({"Quota": {"QuotaCode": "L-1216C47A", "Value": value}})
    return FixedAnswer(status=200, body=body, kind="application/x-amz-json-1.1")


@pytest.mark.parametrize(
    ("types", "cpus", "notes"),
    [
        (("t3.small",), 5.0, 1),
        (("t3.small",), 8.0, 0),
        (("t3.small", "m5.xlarge"), 8.0, 1),
        (("g4dn.xlarge",), 5.0, 0),
    ],
    ids=["too few", "enough", "the largest type counts", "another quota"],
)
def test_a_quota_too_small_for_all_instances_is_noted(
    answering: Answering, operator: pytest.MonkeyPatch,
    types: tuple[str, ...], cpus: float, notes: int,
) -> None:  # fmt: skip
    operator.setenv("AWS_ENDPOINT_URL_SERVICE_QUOTAS", answering(_quota(cpus)))
    findings = check_start(Config(regions=(REGION,), instance_types=types), SOMEBODY, Aws())
    assert findings.problems == ()
    assert len(findings.notes) == notes
    assert all(f"gives the account {cpus:.0f} virtual CPUs" in each for each in findings.notes)


@pytest.mark.parametrize(
    ("offered", "newest"),
    [
        (["v4.9.1 running Python 3.13", "v4.10.0 running Python 3.13"], 1),
        (["v4.9.1 running Python 3.13", "v4.10.0 running Python 3.12"], 0),
        (["v4.9.1 running Python 3.14", "v4.1.0 running Python 3.11"], 1),
    ],
    ids=["release by number", "Python before release", "not newer than was tried"],
)
def test_the_newest_platform_that_fits_is_taken(
    aws: Aws, cloud: Cloud, offered: list[str], newest: int
) -> None:
    stacks = [f"64bit Amazon Linux 2023 {each}" for each in offered]
    cloud.beanstalk.region(REGION).stacks = [*stacks, "64bit Debian v9.9.9 running Python 3.13"]
    assert find_platform(aws, REGION) == stacks[newest]


def test_a_region_without_a_platform_that_fits_is_told(aws: Aws, cloud: Cloud) -> None:
    cloud.beanstalk.region(REGION).stacks = ["64bit Amazon Linux 2023 v4.9.1 running Python 3.9"]
    with pytest.raises(NoPlatform, match=f"in {REGION} offers no Amazon Linux 2023"):
        find_platform(aws, REGION)
