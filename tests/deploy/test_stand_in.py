"""The stand-in for Elastic Beanstalk refuses what AWS refuses, and counts time in polls."""

import http.client
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import pytest
from botocore.exceptions import ClientError, ConnectionClosedError, ReadTimeoutError

from tests.support.beanstalk import LAUNCH_FAILED, RED, ROLLED_BACK, SLOW, Ending, Play
from tests.support.cloud import Cloud

REGION = "eu-west-1"
NAME = "meridian-eu-west-1"
BUCKET = f"elasticbeanstalk-{REGION}-123456789012"
STACK = "64bit Amazon Linux 2023 v4.10.0 running Python 3.13"
PROFILE = "aws:autoscaling:launchconfiguration", "IamInstanceProfile"


@pytest.fixture
def eb(cloud: Cloud) -> Any:
    """A client with an application, and one processed version of it."""
    client = cloud.client("elasticbeanstalk", REGION)
    client.create_application(ApplicationName="meridian")
    client.create_storage_location()
    cloud.client("iam", "us-east-1").create_instance_profile(InstanceProfileName="known")
    _make_version(cloud, client, "git-1")
    return client


def _make_version(cloud: Cloud, client: Any, label: str, **more: Any) -> None:
    cloud.client("s3", REGION).put_object(Bucket=BUCKET, Key=f"{label}.zip", Body=b"zip")
    client.create_application_version(
        ApplicationName="meridian",
        VersionLabel=label,
        SourceBundle={"S3Bucket": BUCKET, "S3Key": f"{label}.zip"},
        **more,
    )


def _create(client: Any, **more: Any) -> Any:
    request = {
        "ApplicationName": "meridian",
        "EnvironmentName": NAME,
        "CNAMEPrefix": "meridian-1234",
        "VersionLabel": "git-1",
        "SolutionStackName": STACK,
        "OptionSettings": [_set(*PROFILE, "known")],
    }
    return client.create_environment(**(request | more))


def _poll(client: Any) -> tuple[str, str, str]:
    (found,) = client.describe_environments(EnvironmentNames=[NAME])["Environments"]
    return found["Status"], found["Health"], found["VersionLabel"]


def _polled(client: Any, times: int) -> tuple[str, str, str]:
    for _ in range(times - 1):
        _poll(client)
    return _poll(client)


def _set(namespace: str, name: str, value: str) -> dict[str, str]:
    return {"Namespace": namespace, "OptionName": name, "Value": value}


def _code(refused: pytest.ExceptionInfo[ClientError]) -> str:
    return str(refused.value.response["Error"]["Code"])


def _visit(cloud: Cloud, host: str) -> int:
    proxy = urlsplit(cloud.beanstalk.endpoint)
    connection = http.client.HTTPConnection(str(proxy.hostname), proxy.port, timeout=60)
    connection.request("GET", f"http://{host}/healthz/ready")
    status = connection.getresponse().status
    connection.close()
    return status


def test_an_environment_is_launched_within_some_polls(cloud: Cloud, eb: Any) -> None:
    told = _create(eb)
    assert (told["Status"], told["VersionLabel"]) == ("Launching", "git-1")
    assert told["CNAME"] == f"meridian-1234.{REGION}.elasticbeanstalk.com"
    assert [_poll(eb)[0] for _ in range(4)] == ["Launching", "Launching", "Ready", "Ready"]
    assert _visit(cloud, told["CNAME"]) == 200
    assert _visit(cloud, "nobody.example.com") == 502


def test_a_launch_that_fails_leaves_a_terminated_environment_that_is_still_shown(
    cloud: Cloud, eb: Any
) -> None:
    cloud.beanstalk.play(REGION, LAUNCH_FAILED)
    _create(eb)
    assert _polled(eb, 3)[0] == "Terminated"
    assert eb.describe_environments(IncludeDeleted=False)["Environments"] == []
    worst = eb.describe_events(EnvironmentName=NAME, Severity="ERROR")["Events"]
    assert [each["Severity"] for each in worst] == ["ERROR", "ERROR"]
    assert _create(eb)["Status"] == "Launching"


def test_a_deployment_shows_the_new_version_at_once_and_the_old_after_it_was_rolled_back(
    cloud: Cloud, eb: Any
) -> None:
    _create(eb)
    _polled(eb, 3)
    _make_version(cloud, eb, "git-2")
    cloud.beanstalk.play(REGION, ROLLED_BACK)
    eb.update_environment(EnvironmentName=NAME, VersionLabel="git-2")
    assert _poll(eb) == ("Updating", "Green", "git-2")
    assert _polled(eb, 2) == ("Ready", "Green", "git-1")


def test_a_red_environment_runs_the_new_version_and_its_site_does_not_answer(
    cloud: Cloud, eb: Any
) -> None:
    cname = _create(eb)["CNAME"]
    _polled(eb, 3)
    _make_version(cloud, eb, "git-2")
    cloud.beanstalk.play(REGION, RED)
    eb.update_environment(EnvironmentName=NAME, VersionLabel="git-2")
    assert _visit(cloud, cname) == 200
    assert _polled(eb, 3) == ("Ready", "Red", "git-2")
    assert _visit(cloud, cname) == 503
    health = eb.describe_environment_health(EnvironmentName=NAME, AttributeNames=["All"])
    assert health["HealthStatus"] == "Severe"
    assert health["Causes"]


def test_green_then_red_is_green_for_as_long_as_was_asked(cloud: Cloud, eb: Any) -> None:
    cloud.beanstalk.play(REGION, Play(ending=Ending.GREEN_THEN_RED, polls=0, polls_of_peace=2))
    _create(eb)
    assert [_poll(eb)[1] for _ in range(4)] == ["Green", "Green", "Red", "Red"]


def test_an_aborted_deployment_ends_with_the_old_version(cloud: Cloud, eb: Any) -> None:
    _create(eb)
    _polled(eb, 3)
    _make_version(cloud, eb, "git-2")
    cloud.beanstalk.play(REGION, SLOW)
    eb.update_environment(EnvironmentName=NAME, VersionLabel="git-2")
    eb.abort_environment_update(EnvironmentName=NAME)
    assert _poll(eb)[0] == "Aborting"
    assert _poll(eb) == ("Ready", "Green", "git-1")
    with pytest.raises(ClientError, match="no update that could be aborted"):
        eb.abort_environment_update(EnvironmentName=NAME)


def test_an_environment_that_is_not_ready_takes_no_change(cloud: Cloud, eb: Any) -> None:
    _create(eb)
    _polled(eb, 3)
    cloud.beanstalk.keep_busy(REGION, NAME, polls=1)
    for change in (eb.restart_app_server, eb.terminate_environment, eb.update_environment):
        with pytest.raises(ClientError, match="Must be Ready") as refused:
            change(EnvironmentName=NAME)
        assert _code(refused) == "InvalidParameterValue"
    assert _polled(eb, 2)[0] == "Ready"
    eb.restart_app_server(EnvironmentName=NAME)
    assert _poll(eb)[0] == "Updating"


def test_version_and_options_are_not_taken_in_one_call(eb: Any) -> None:
    _create(eb)
    _polled(eb, 3)
    with pytest.raises(ClientError) as refused:
        eb.update_environment(
            EnvironmentName=NAME,
            VersionLabel="git-1",
            OptionSettings=[_set("aws:autoscaling:asg", "MinSize", "2")],
        )
    assert _code(refused) == "InvalidParameterCombination"


@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        ({"ApplicationName": "other"}, "No Application named"),
        ({"VersionLabel": "git-9"}, "No Application Version named"),
        ({"SolutionStackName": "64bit Amazon Linux 2023"}, "No Solution Stack named"),
        ({"CNAMEPrefix": "taken"}, "is not available"),
        ({"OptionSettings": [_set("aws:no", "Such", "1")]}, "Unknown configuration setting"),
        ({"OptionSettings": [_set("aws:autoscaling:asg", "MinSize", "9")]}, "more than MaxSize"),
        ({"OptionSettings": [_set("aws:autoscaling:asg", "MinSize", "two")]}, "does not satisfy"),
        (
            {
                "OptionSettings": [
                    _set("aws:elasticbeanstalk:application:environment", "LONG", "x" * 4096)
                ]
            },
            "4096 bytes",
        ),
    ],
    ids=[
        "application", "version", "platform", "cname", "option", "sizes", "number", "variables",
    ],
)  # fmt: skip
def test_an_environment_that_cannot_be_is_refused(
    cloud: Cloud, eb: Any, more: dict[str, Any], sentence: str
) -> None:
    cloud.beanstalk.take_prefix(REGION, "taken")
    with pytest.raises(ClientError, match=sentence):
        _create(eb, **more)
    assert eb.describe_environments()["Environments"] == []


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ([], "An environment has to have an instance profile."),
        (
            [_set(*PROFILE, "nobody")],
            "The instance profile nobody associated with the environment does not exist.",
        ),
    ],
    ids=["none", "unknown"],
)
def test_a_launch_without_an_instance_profile_fails(
    eb: Any, options: list[dict[str, str]], sentence: str
) -> None:
    _create(eb, OptionSettings=options)
    assert _polled(eb, 3)[0] == "Terminated"
    worst = eb.describe_events(EnvironmentName=NAME, Severity="ERROR")["Events"]
    assert worst[-1]["Message"] == sentence


def test_a_new_configuration_is_pending_until_it_is_in_place(eb: Any) -> None:
    def settings() -> list[tuple[str, str]]:
        told = eb.describe_configuration_settings(ApplicationName="meridian", EnvironmentName=NAME)
        return [
            (each["DeploymentStatus"], option["Value"])
            for each in told["ConfigurationSettings"]
            for option in each["OptionSettings"]
            if option["OptionName"] == "MinSize"
        ]

    _create(eb)
    _polled(eb, 3)
    wanted = [_set("aws:autoscaling:asg", "MinSize", "2")]
    eb.update_environment(EnvironmentName=NAME, OptionSettings=wanted)
    assert settings() == [("deployed", "1"), ("pending", "2")]
    _polled(eb, 3)
    assert settings() == [("deployed", "2")]


def test_options_are_checked_before_and_kept_afterwards(eb: Any) -> None:
    wanted = [_set(*PROFILE, "known"), _set("aws:autoscaling:asg", "MinSize", "2")]
    wrong = _set("aws:elasticbeanstalk:command", "DeploymentPolicy", "Sometimes")
    checked = eb.validate_configuration_settings(
        ApplicationName="meridian", OptionSettings=[*wanted, wrong]
    )
    assert [each["OptionName"] for each in checked["Messages"]] == ["DeploymentPolicy"]
    _create(eb, OptionSettings=wanted)
    (told,) = eb.describe_configuration_settings(ApplicationName="meridian", EnvironmentName=NAME)[
        "ConfigurationSettings"
    ]
    values = {each["OptionName"]: each["Value"] for each in told["OptionSettings"]}
    assert (values["MinSize"], values["MaxSize"]) == ("2", "4")
    assert values["IamInstanceProfile"] == "known"


def test_a_version_needs_its_bundle_in_the_same_region(cloud: Cloud, eb: Any) -> None:
    place = {"S3Bucket": BUCKET, "S3Key": "nothing.zip"}
    request = {"ApplicationName": "meridian", "VersionLabel": "git-2"}
    with pytest.raises(ClientError, match="Unable to download") as refused:
        eb.create_application_version(**request, SourceBundle=place)
    assert _code(refused) == "InvalidParameterCombination"
    cloud.client("s3", "us-east-1").create_bucket(Bucket="elsewhere")
    cloud.client("s3", "us-east-1").put_object(Bucket="elsewhere", Key="a.zip", Body=b"zip")
    with pytest.raises(ClientError) as refused:
        eb.create_application_version(
            **request, SourceBundle={"S3Bucket": "elsewhere", "S3Key": "a.zip"}
        )
    assert _code(refused) == "S3LocationNotInServiceRegionException"
    with pytest.raises(ClientError, match="already exists"):
        _make_version(cloud, eb, "git-1")


@pytest.mark.parametrize("ending", ["Processed", "Failed"])
def test_a_version_is_processed_after_some_polls(cloud: Cloud, eb: Any, ending: str) -> None:
    if ending == "Failed":
        cloud.beanstalk.fail_version(REGION, "git-2")
    _make_version(cloud, eb, "git-2", Process=True)
    asked = {"ApplicationName": "meridian", "VersionLabels": ["git-2"]}
    told = [eb.describe_application_versions(**asked)["ApplicationVersions"] for _ in range(2)]
    assert [each[0]["Status"] for each in told] == ["Processing", ending]


def test_events_come_newest_first_from_a_moment_on_page_by_page(eb: Any) -> None:
    start = datetime.now(UTC) - timedelta(minutes=1)
    _create(eb)
    _polled(eb, 3)
    told = eb.describe_events(EnvironmentName=NAME, StartTime=start)["Events"]
    dates = [each["EventDate"] for each in told]
    assert dates == sorted(dates, reverse=True)
    assert told[-1]["Message"].startswith("createEnvironment")
    assert eb.describe_events(EnvironmentName=NAME, StartTime=dates[0])["Events"] == told[:1]
    pages = eb.get_paginator("describe_events").paginate(
        EnvironmentName=NAME, PaginationConfig={"PageSize": 2}
    )
    assert [each for page in pages for each in page["Events"]] == told


def test_an_application_with_environments_goes_only_by_force(eb: Any) -> None:
    _create(eb)
    with pytest.raises(ClientError, match="running environments"):
        eb.delete_application(ApplicationName="meridian")
    eb.delete_application(ApplicationName="meridian", TerminateEnvByForce=True)
    assert _poll(eb)[0] == "Terminated"
    assert eb.describe_applications()["Applications"] == []


def test_tags_are_those_of_one_resource(eb: Any) -> None:
    arn = _create(eb, Tags=[{"Key": "a", "Value": "1"}])["EnvironmentArn"]
    eb.update_tags_for_resource(ResourceArn=arn, TagsToAdd=[{"Key": "b", "Value": "2"}])
    told = eb.list_tags_for_resource(ResourceArn=arn)["ResourceTags"]
    assert {each["Key"]: each["Value"] for each in told} == {"a": "1", "b": "2"}
    with pytest.raises(ClientError, match="not found"):
        eb.list_tags_for_resource(ResourceArn=f"{arn}-other")


def test_what_no_client_may_send_is_refused_and_remembered(cloud: Cloud, eb: Any) -> None:
    with pytest.raises(ClientError) as refused:
        eb.create_application(ApplicationName="x" * 101)
    assert _code(refused) == "ValidationError"
    with pytest.raises(ClientError, match="not one of"):
        eb.describe_events(Severity="LOUD")
    eb.meta.events.register(
        "before-call.elasticbeanstalk.DescribeEvents",
        lambda params, **_: params["body"].update({"Surprise.member.1": "1"}),
    )
    with pytest.raises(ClientError, match=r"takes no Surprise\.member\.1"):
        eb.describe_events()
    assert len(cloud.beanstalk.violations) == 3
    cloud.beanstalk.violations.clear()


@pytest.mark.usefixtures("eb")
def test_regions_know_nothing_of_each_other_and_calls_are_kept_in_order(cloud: Cloud) -> None:
    other = cloud.client("elasticbeanstalk", "us-west-2")
    assert other.describe_applications()["Applications"] == []
    assert cloud.beanstalk.operations("us-west-2") == ["DescribeApplications"]
    assert [each.operation for each in cloud.beanstalk.changes] == [
        "CreateApplication",
        "CreateStorageLocation",
        "CreateApplicationVersion",
    ]


def test_faults_befall_as_many_requests_as_were_asked_for(cloud: Cloud, eb: Any) -> None:
    cloud.beanstalk.throttle(REGION, operation="DescribeEvents")
    cloud.beanstalk.fail(REGION, operation="DescribeEvents")
    eb.describe_environments()
    for code in ("Throttling", "InternalFailure"):
        with pytest.raises(ClientError) as refused:
            eb.describe_events()
        assert _code(refused) == code
    assert eb.describe_events()["Events"] == []


def test_an_answer_that_is_lost_was_still_carried_out(cloud: Cloud, eb: Any) -> None:
    cloud.beanstalk.lose_answers(REGION, operation="CreateEnvironment")
    with pytest.raises(ConnectionClosedError):
        _create(eb)
    assert _poll(eb)[0] == "Launching"


def test_a_request_that_hangs_has_done_nothing(cloud: Cloud, eb: Any) -> None:
    impatient = cloud.client("elasticbeanstalk", REGION, read_seconds=0.2)
    cloud.beanstalk.hang(REGION, operation="CreateEnvironment")
    with pytest.raises(ReadTimeoutError):
        _create(impatient)
    assert eb.describe_environments()["Environments"] == []
