"""What cannot be deployed is found by `plan`, said in one sentence each, and nothing is changed."""

from collections.abc import Callable

import pytest

from gtsite.deploy import bundle
from tests.support.answering import answering_service, query_error
from tests.support.cloud import CLOSED
from tests.support.deployment import IRELAND, OHIO, OREGON, Site

Arrange = Callable[[Site, pytest.MonkeyPatch], None]


def another_account(site: Site, _: pytest.MonkeyPatch) -> None:
    site.project.commit(**{"deploy.toml": 'account = "210987654321"\n'})


def closed_region(site: Site, _: pytest.MonkeyPatch) -> None:
    site.project.commit(**{"deploy.toml": 'regions = ["us-west-2", "me-south-1"]\n'})


def unknown_domain(site: Site, _: pytest.MonkeyPatch) -> None:
    site.project.commit(**{"deploy.toml": 'domain = "www.example.org"\n'})


def no_secret(site: Site, _: pytest.MonkeyPatch) -> None:
    client = site.cloud.client("secretsmanager", OREGON)
    name = {"SecretId": "meridian/secret-key"}
    client.remove_regions_from_replication(**name, RemoveReplicaRegions=[IRELAND, OHIO])
    client.delete_secret(**name, ForceDeleteWithoutRecovery=True)


def unsaved(site: Site, _: pytest.MonkeyPatch) -> None:
    site.project.write("Procfile", "web: something else\n")


def large(_site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bundle, "MOST_BYTES", 100)


def other_content(site: Site, _: pytest.MonkeyPatch) -> None:
    client = site.cloud.client("elasticbeanstalk", IRELAND)
    bucket = client.create_storage_location()["S3Bucket"]
    site.cloud.client("s3", IRELAND).put_object(Bucket=bucket, Key="other.zip", Body=b"other")
    tags = site.config.tags
    client.create_application(ApplicationName="meridian", Tags=tags)
    client.create_application_version(
        ApplicationName="meridian",
        VersionLabel=site.project.label(),
        SourceBundle={"S3Bucket": bucket, "S3Key": "other.zip"},
    )


def lone_table(site: Site, _: pytest.MonkeyPatch) -> None:
    """Two ordinary tables of the name, and no group."""
    for region in (OREGON, IRELAND):
        site.tables.state.answer(region, "CreateTable", KEYS)


KEYS = {
    "TableName": "global-serverless",
    "BillingMode": "PAY_PER_REQUEST",
    "AttributeDefinitions": [
        {"AttributeName": name, "AttributeType": "S"} for name in ("PK", "SK")
    ],
    "KeySchema": [
        {"AttributeName": "PK", "KeyType": "HASH"},
        {"AttributeName": "SK", "KeyType": "RANGE"},
    ],
}


@pytest.mark.parametrize(
    ("arrange", "sentence"),
    [
        (another_account, "are of account 123456789012 (arn:aws:sts::123456789012:user/moto), and"),
        (closed_region, "me-south-1 is not enabled in this account: enable it"),
        (unknown_domain, "Route 53 has no public hosted zone for www.example.org"),
        (no_secret, "There is no secret meridian/secret-key: run manage.py deploy secret create."),
        (unsaved, "Procfile is changed since the commit"),
        (large, "The bundle has 1 MB, and Elastic Beanstalk takes"),
        (other_content, "exists in eu-west-1 with other content (other.zip)"),
        (lone_table, "Table global-serverless in eu-west-1 is not a replica of the one in us-west"),
    ],
    ids=lambda given: getattr(given, "__name__", ""),
)
def test_it_is_a_problem_of_the_plan(
    ready: Site, monkeypatch: pytest.MonkeyPatch, arrange: Arrange, sentence: str
) -> None:
    arrange(ready, monkeypatch)
    before = ready.changes()
    planned = ready.deploy("plan", "--no-load", "--json")
    assert planned.code == 1
    found = [each["sentence"] for each in planned.json["problems"]]
    assert len([each for each in found if sentence in each]) == 1, found
    assert len(found) == 1, found
    assert planned.err == "deploy: 1 problem in the way. Nothing was changed.\n"
    assert ready.changes() == before


def test_all_problems_are_listed_at_once_and_stop_a_deployment(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    unsaved(site, monkeypatch)
    lone_table(site, monkeypatch)
    ran = site.deploy("plan", "--no-load")
    assert ran.code == 1
    assert "3 problems in the way" in ran.err
    assert ran.out.count("\n! ") == 3
    before = site.changes()
    stopped = site.up()
    assert (stopped.code, stopped.out, stopped.err) == (ran.code, ran.out, ran.err)
    assert site.changes() == before


def test_without_credentials_nothing_is_asked(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    ran = site.deploy("plan")
    assert (ran.code, ran.out) == (1, "")
    assert "deploy: No AWS credentials are found: sign in" in ran.err
    assert (site.cloud.beanstalk.calls, site.tables.state.calls) == ([], [])


def test_expired_credentials(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    with answering_service(query_error(403, "ExpiredToken", "It is expired")) as sts:
        monkeypatch.setenv("AWS_ENDPOINT_URL_STS", sts)
        for action in ("plan", "status", "down", "restart"):
            ran = site.deploy(action)
            assert (ran.code, ran.out) == (1, "")
            assert "does not accept the AWS credentials (ExpiredToken: It is expired)" in ran.err
            assert len(ran.err.splitlines()) == 1
    assert (site.cloud.beanstalk.calls, site.tables.state.calls) == ([], [])


def test_aws_away(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", CLOSED)
    ran = site.deploy("plan")
    assert (ran.code, ran.out) == (1, "")
    assert "STS in us-west-2 does not answer" in ran.err


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["plan", "--regions", "us-west-9"], "'us-west-9' is not an AWS region"),
        (["plan", "--regions", ""], "regions is empty"),
        (["plan", "--domain", "example"], "domain is 'example'"),
        (["plan", "--account", "12"], "account is '12'"),
        (["plan", "--config", "nowhere.toml"], "--config nowhere.toml is not a file."),
        (["plan", "--only", "sa-east-1"], "sa-east-1 is not a region of this deployment"),
        (["up", "--poll", "soon"], "'soon' is no time"),
        (["up", "--patience", "-1"], "'-1' is no time"),
        (["secret", "whisper"], "invalid choice: 'whisper'"),
        (["return"], "the following arguments are required: region"),
    ],
)
def test_what_makes_no_sense_is_2(site: Site, arguments: list[str], sentence: str) -> None:
    ran = site.deploy(*arguments)
    assert (ran.code, ran.out) == (2, "")
    assert sentence in ran.err
    assert "Traceback" not in ran.err
    assert (site.cloud.beanstalk.calls, site.tables.state.calls) == ([], [])


def test_a_name_too_long_and_a_commit_that_is_not_there(ready: Site) -> None:
    long = "a-name-that-is-much-too-long-for-elastic"
    ready.project.commit(**{"deploy.toml": f'application = "{long}"\n'})
    ran = ready.deploy("plan")
    assert (ran.code, ran.out) == (2, "")
    assert "Elastic Beanstalk takes 40: shorten it by 10." in ran.err
    ready.project.commit(**{"deploy.toml": ""})
    lost = ready.deploy("plan", "--commit", "v9")
    assert lost.code == 1
    assert "v9 names no commit of the repository" in " ".join(lost.out.split())
