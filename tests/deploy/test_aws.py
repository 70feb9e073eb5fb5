"""Whatever goes wrong between the operator and AWS is said in our words, and in one sentence."""

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from gtsite.deploy import aws as module
from gtsite.deploy.aws import Aws
from gtsite.deploy.errors import (
    AccessDenied,
    CredentialsMissing,
    CredentialsRefused,
    DeployError,
    Refused,
    Throttled,
    Unreachable,
)
from tests.support.answering import FixedAnswer
from tests.support.cloud import CLOSED, KEY, SECRET, Cloud

REGION = "eu-west-1"
Answering = Callable[[FixedAnswer], str]


def _events(aws: Aws) -> object:
    return aws.ask("elasticbeanstalk", REGION, "describe_events")


def test_an_operation_is_asked_in_its_region(aws: Aws, cloud: Cloud) -> None:
    aws.ask("elasticbeanstalk", REGION, "create_application", ApplicationName="meridian")
    assert cloud.beanstalk.operations(REGION) == ["CreateApplication"]


@pytest.mark.parametrize(
    ("code", "status", "error", "words"),
    [
        ("ExpiredToken", 403, CredentialsRefused, "does not accept the AWS credentials"),
        ("InvalidClientTokenId", 403, CredentialsRefused, "renew them"),
        ("AccessDenied", 403, AccessDenied, "denies access: Because"),
        ("InsufficientPrivilegesException", 403, AccessDenied, "manage.py deploy policy prints"),
        ("Throttling", 400, Throttled, "run the command again in a minute"),
        ("InternalFailure", 500, Unreachable, r"failed \(InternalFailure, HTTP 500\)"),
        ("ServiceUnavailable", 503, Unreachable, "try again"),
    ],
)
def test_an_error_that_comes_from_anywhere_says_what_to_do(
    aws: Aws, cloud: Cloud, code: str, status: int, error: type[DeployError], words: str
) -> None:
    cloud.beanstalk.refuse(REGION, code, "Because.\n It is so.", status=status, times=99)
    with pytest.raises(error, match=words) as raised:
        _events(aws)
    assert str(raised.value).startswith(f"Elastic Beanstalk in {REGION}")
    assert "\n" not in str(raised.value)


def test_any_other_refusal_keeps_the_services_own_words(aws: Aws, cloud: Cloud) -> None:
    cloud.beanstalk.refuse(REGION, "InvalidParameterValue", "No such thing.")
    with pytest.raises(Refused) as raised:
        _events(aws)
    error = raised.value
    assert str(error) == f"Elastic Beanstalk in {REGION} refuses: No such thing."
    assert (error.code, error.reason) == ("InvalidParameterValue", "No such thing")
    assert len(cloud.beanstalk.calls) == 1


def test_a_reason_that_only_administrators_can_read_is_left_out(aws: Aws, cloud: Cloud) -> None:
    cloud.beanstalk.refuse(
        REGION,
        "UnauthorizedOperation",
        "You may not. Encoded authorization failure message: 4a6f",
        status=403,
    )
    with pytest.raises(AccessDenied, match=r"denies access: You may not\. manage\.py") as raised:
        _events(aws)
    assert "4a6f" not in str(raised.value)


def test_what_passes_is_tried_again_and_what_stays_is_given_up(aws: Aws, cloud: Cloud) -> None:
    cloud.beanstalk.throttle(REGION, times=module.ATTEMPTS - 1)
    _events(aws)
    assert len(cloud.beanstalk.calls) == module.ATTEMPTS
    cloud.beanstalk.throttle(REGION, times=99)
    with pytest.raises(Throttled):
        _events(aws)
    assert len(cloud.beanstalk.calls) == 2 * module.ATTEMPTS


def test_an_answer_that_got_lost_is_asked_for_again(aws: Aws, cloud: Cloud) -> None:
    cloud.beanstalk.lose_answers(REGION)
    _events(aws)
    assert len(cloud.beanstalk.calls) == 2
    cloud.beanstalk.lose_answers(REGION, times=99)
    with pytest.raises(Unreachable, match="does not answer"):
        _events(aws)


def test_a_silent_service_is_given_up(
    aws: Aws, cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "READ_SECONDS", 0.1)
    cloud.beanstalk.hang(REGION, times=99)
    with pytest.raises(Unreachable, match="does not answer"):
        _events(aws)


def test_s3_has_longer_to_answer_what_goes_there_on_a_slow_line(aws: Aws) -> None:
    waits = {name: aws.client(name, REGION).meta.config.read_timeout for name in ("s3", "acm")}
    assert waits == {"s3": 60, "acm": 15}


def test_a_service_that_cannot_be_reached_is_told(operator: pytest.MonkeyPatch) -> None:
    operator.setenv("AWS_ENDPOINT_URL_ELASTIC_BEANSTALK", CLOSED)
    with pytest.raises(Unreachable, match=r"does not answer .* check the network"):
        _events(Aws())


def test_an_answer_that_is_not_the_services_own_is_told(
    answering: Answering, operator: pytest.MonkeyPatch
) -> None:
    page = FixedAnswer(status=200, body="<html><p>Sign in to this network", kind="text/html")
    operator.setenv("AWS_ENDPOINT_URL_ELASTIC_BEANSTALK", answering(page))
    with pytest.raises(Unreachable, match="is not AWS: check the network"):
        _events(Aws())


def test_a_request_that_cannot_be_sent_is_refused_here(aws: Aws, cloud: Cloud) -> None:
    with pytest.raises(Refused, match="Missing required parameter") as raised:
        aws.ask("elasticbeanstalk", REGION, "create_application")
    assert "\n" not in str(raised.value)
    assert cloud.beanstalk.calls == []


def test_a_head_that_s3_forbids_is_access_denied(
    answering: Answering, operator: pytest.MonkeyPatch
) -> None:
    operator.setenv("AWS_ENDPOINT_URL_S3", answering(FixedAnswer(status=403, body="")))
    with pytest.raises(AccessDenied, match="S3 in eu-west-1 denies access"):
        Aws().ask("s3", REGION, "head_object", Bucket="somebodys", Key="a.zip")


def test_services_without_regions_are_asked_where_they_are(aws: Aws) -> None:
    assert aws.client("iam", "") is aws.client("iam", REGION)
    assert aws.client("route53", "").meta.region_name == "us-east-1"
    assert aws.ask("iam", "", "list_roles")["Roles"] == []
    with pytest.raises(Refused, match=r"^IAM refuses: ") as raised:
        aws.ask("iam", "", "get_role", RoleName="nobody")
    assert raised.value.code == "NoSuchEntity"


def test_a_list_is_read_to_its_last_page(aws: Aws, cloud: Cloud) -> None:
    cloud.beanstalk.stand(REGION, application="a", name="meridian", version="1")
    environment = cloud.beanstalk.environment(REGION, "meridian")
    said = [("INFO", str(number)) for number in range(150)]
    cloud.beanstalk.region(REGION).tell(environment, said, "1")
    found = aws.pages("elasticbeanstalk", REGION, "describe_events", "Events")
    assert [int(each["Message"]) for each in found] == list(reversed(range(150)))
    assert len(cloud.beanstalk.calls) == 2


def test_a_page_that_fails_is_an_error_of_ours(aws: Aws, cloud: Cloud) -> None:
    cloud.beanstalk.refuse(REGION, "AccessDenied", "No", status=403)
    with pytest.raises(AccessDenied):
        list(aws.pages("elasticbeanstalk", REGION, "describe_events", "Events"))


def test_a_proxy_is_not_asked_for_what_is_on_this_machine(operator: pytest.MonkeyPatch) -> None:
    operator.setenv("http_proxy", CLOSED)
    operator.delenv("no_proxy")
    _events(Aws())


def test_threads_share_one_client_of_a_service_and_region(aws: Aws) -> None:
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda _: aws.client("ec2", REGION), range(16)))
    assert len({id(each) for each in found}) == 1
    assert aws.client("ec2", "us-east-2") is not found[0]


def test_half_of_the_credentials_is_none(operator: pytest.MonkeyPatch) -> None:
    operator.delenv("AWS_SECRET_ACCESS_KEY")
    with pytest.raises(CredentialsMissing, match="No AWS credentials are found"):
        _events(Aws())


def test_a_profile_that_does_not_exist_is_named(bare_environment: pytest.MonkeyPatch) -> None:
    bare_environment.setenv("AWS_PROFILE", "nobody")
    with pytest.raises(CredentialsMissing, match=r"profile \(nobody\) could not be found\): set"):
        Aws()


def test_a_sign_in_that_has_ended_is_told(
    bare_environment: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    file = tmp_path / "config"
    file.write_text(
        "[profile work]\nsso_session = work\nsso_account_id = 123456789012\nsso_role_name = x\n"
        "[sso-session work]\nsso_start_url = http://127.0.0.1\nsso_region = us-east-1\n"
    )
    bare_environment.setenv("AWS_CONFIG_FILE", str(file))
    bare_environment.setenv("AWS_PROFILE", "work")
    bare_environment.setenv("HOME", str(tmp_path))
    with pytest.raises(CredentialsMissing, match="sign in") as raised:
        Aws().ask("sts", REGION, "get_caller_identity")
    assert "\n" not in str(raised.value)


def test_a_profile_that_leads_nowhere_is_told(
    bare_environment: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    file = tmp_path / "config"
    file.write_text("[profile work]\nrole_arn = arn:aws:iam::123456789012:role/x\n")
    bare_environment.setenv("AWS_CONFIG_FILE", str(file))
    bare_environment.setenv("AWS_PROFILE", "work")
    with pytest.raises(CredentialsMissing, match="source_profile"):
        Aws().ask("sts", REGION, "get_caller_identity")


def test_no_error_shows_the_secret(aws: Aws, cloud: Cloud) -> None:
    cloud.beanstalk.refuse(REGION, "SignatureDoesNotMatch", f"Signed by {KEY}", status=403)
    with pytest.raises(CredentialsRefused) as raised:
        _events(aws)
    assert SECRET not in str(raised.value) + repr(raised.value)
    assert os.environ["AWS_SECRET_ACCESS_KEY"] == SECRET
