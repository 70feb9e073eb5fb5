"""The deployer's policies against the calls that `manage.py deploy` makes, from first to last."""

import json
from collections.abc import Iterator

import pytest
from pytest_django import Settings

from gtsite.deploy.config import Config
from gtsite.deploy.policies import deployer_policies, trust_policy
from gtsite.dynamodb import connection
from tests.support.cloud import ACCOUNT
from tests.support.deployment import QUICK, Site
from tests.support.iam.calls import Call, recorded_calls
from tests.support.iam.evaluation import denied, is_allowed, unused, without
from tests.support.iam.needs import all_needs
from tests.support.sandbox import REGIONS, RunningSandbox

HOME, AWAY, _ = REGIONS
SIX = (*REGIONS, "ap-southeast-1", "eu-central-1", "sa-east-1")
LONGEST_MANAGED = 6_144
"""Of one managed policy, without blanks: IAM's own limit."""

SELDOM = {
    ("Application", "elasticbeanstalk:AbortEnvironmentUpdate"): "an update that does not end",
    ("Look", "elasticbeanstalk:DescribeEnvironmentHealth"): "why a region is not well",
    ("Look", "elasticbeanstalk:DescribeInstancesHealth"): "what a failed deployment left behind",
    ("Bundles", "s3:DeleteObject"): "a bundle that its version left behind",
    ("OldGlobalTable", "dynamodb:DescribeGlobalTable"): "a global table of version 2017.11.29",
}
"""What no command above comes by, and who does."""


@pytest.fixture
def recorded(
    site: Site,  # noqa: ARG001 - first: it turns the settings to tables of its own
    tmp_path_factory: pytest.TempPathFactory,
    settings: Settings,
) -> Iterator[list[Call]]:
    """What the operator's commands ask of AWS, with tables that hold items."""
    with RunningSandbox(tmp_path_factory.mktemp("deployer"), lag_ms=0) as sandbox:
        settings.GT_ENDPOINTS = {name: sandbox.endpoint_of(name) for name in REGIONS}
        connection.reset()
        with recorded_calls() as calls:
            yield calls
        connection.reset()


def run(site: Site, *arguments: str) -> None:
    ran = site.deploy(*arguments)
    assert ran.code == 0, (arguments, ran.out, ran.err)


def let_another_take(site: Site, role: str) -> None:
    """Somebody has changed who may take a role."""
    trust = json.dumps(trust_policy(ACCOUNT, "owner/name"))
    client = site.cloud.client("iam", HOME)
    client.update_assume_role_policy(RoleName=role, PolicyDocument=trust)


def test_the_deployer_may_do_what_the_command_does_and_the_command_does_what_it_may(
    site: Site, recorded: list[Call]
) -> None:
    run(site, "secret", "create")
    run(site, "up", *QUICK)
    let_another_take(site, "meridian-service")
    site.project.commit()
    run(site, "up", *QUICK)
    run(site, "status")
    run(site, "evacuate", AWAY)
    run(site, "return", AWAY)
    for act in ("introduce", "promote", "retire"):
        run(site, "secret", act)
    run(site, "restart", *QUICK)
    run(site, "down", "--with-data", "global-serverless", "--with-secret", "--yes", *QUICK)
    command, names, environments, roles = deployer_policies(site.config, ACCOUNT).values()
    asked = all_needs(recorded, ACCOUNT)
    assert denied(asked, command, names, environments, roles) == []
    assert unused(asked, command, names, roles) == set(SELDOM)
    for each in asked:
        left = [without(each.action, document) for document in (command, names, roles)]
        assert not is_allowed(each, *left), each


def test_every_document_has_room_as_a_policy_of_its_own() -> None:
    for domain in ("", "www.example.com"):
        config = Config(regions=SIX, domain=domain)
        for name, document in deployer_policies(config, ACCOUNT).items():
            assert len(json.dumps(document, separators=(",", ":"))) <= LONGEST_MANAGED, name


def test_without_a_domain_there_is_nothing_about_names() -> None:
    documents = json.dumps(deployer_policies(Config(regions=REGIONS), ACCOUNT))
    assert "route53:" not in documents
    assert "acm:RequestCertificate" not in documents
