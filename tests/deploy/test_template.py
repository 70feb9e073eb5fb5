"""The CloudFormation template: it lints, and means in every region what `deploy up` does."""

import json
import re
from dataclasses import replace
from typing import Any

import pytest
from cfnlint.api import ManualArgs, lint

from gtsite.deploy.config import Config
from gtsite.deploy.errors import BadConfig
from gtsite.deploy.options import option_settings
from gtsite.deploy.policies import instance_policy
from gtsite.deploy.template import template
from tests.support.sandbox import REGIONS

ACCOUNT = "123456789012"
CERTIFICATE, SECRET = "arn:aws:acm:x:1:certificate/1", "arn:aws:secretsmanager:x:1:secret:s-abcdef"
SIX = (*REGIONS, "ap-southeast-1", "eu-central-1", "sa-east-1")
LARGEST_BODY = 51_200
"""Bytes of a template that is sent along rather than fetched from S3."""

WIDTHS = {"one-region": REGIONS[:1], "three-regions": REGIONS, "six-regions": SIX}
DOMAINS = {"a-domain": "www.example.com", "no-domain": ""}


@pytest.fixture(params=WIDTHS)
def some_config(request: pytest.FixtureRequest) -> Config:
    return Config(regions=WIDTHS[request.param], environment={"GREETING": "costs ${5}"})


@pytest.fixture(params=DOMAINS)
def any_config(request: pytest.FixtureRequest, some_config: Config) -> Config:
    return replace(some_config, domain=DOMAINS[request.param])


def complaints(made: dict[str, Any], config: Config) -> list[str]:
    """What cfn-lint says, hints included. The regions are all of the partition `aws`."""
    arguments = ManualArgs(
        include_checks=["I"], ignore_checks=["I3042"], regions=list(config.regions)
    )
    return [str(each) for each in lint(json.dumps(made), config=arguments)]


class Stack:
    """The template as CloudFormation reads it in one region."""

    def __init__(self, made: dict[str, Any], region: str) -> None:
        self.made = made
        self.values = {
            "AWS::Region": region,
            "AWS::AccountId": ACCOUNT,
            "CertificateArn": CERTIFICATE,
            "SecretArn": SECRET,
        }
        (wanted,) = made["Conditions"].values()
        self.is_home = len({self.read(each) for each in wanted["Fn::Equals"]}) == 1

    def resources(self) -> dict[str, Any]:
        """Those that the stack makes, as they are."""
        made = self.made["Resources"].items()
        return {
            name: self.read(each["Properties"])
            for name, each in made
            if self.is_home or "Condition" not in each
        }

    def read(self, value: Any) -> Any:
        if isinstance(value, list):
            return [self.read(each) for each in value]
        if not isinstance(value, dict):
            return value
        match list(value.items()):
            case [("Ref", name)]:
                return self.values.get(name) or self._name_of(name)
            case [("Fn::Sub", text)]:
                return re.sub(r"\$\{([^}]+)\}", lambda found: self.values[found[1]], text)
            case [("Fn::FindInMap", [table, first, second])]:
                return self.made["Mappings"][table][self.read(first)][second]
            case [("Fn::If", [_, there, elsewhere])]:
                return self.read(there if self.is_home else elsewhere)
            case _:
                return {name: self.read(each) for name, each in value.items()}

    def _name_of(self, name: str) -> str:
        """Of a resource: what its reference stands for; of a parameter: itself."""
        if name not in self.made["Resources"]:
            assert name in self.made["Parameters"], name
            return name
        properties = self.made["Resources"][name]["Properties"]
        return str(properties.get("RoleName") or properties.get("InstanceProfileName") or name)


@pytest.mark.parametrize("domain", DOMAINS.values(), ids=DOMAINS)
@pytest.mark.parametrize("regions", [REGIONS, SIX], ids=["three-regions", "six-regions"])
def test_it_lints(regions: tuple[str, ...], domain: str) -> None:
    config = Config(regions=regions, domain=domain, environment={"GREETING": "costs ${5}"})
    made = template(config)
    assert complaints(made, config) == []
    assert len(json.dumps(made, indent=2)) <= LARGEST_BODY


def test_the_linter_would_say_so(config: Config) -> None:
    made = template(config)
    del made["Resources"]["Table"]["Properties"]["Replicas"]
    assert "'Replicas' is a required property" in " ".join(complaints(made, config))


def test_an_environment_has_the_options_of_deploy_up(any_config: Config) -> None:
    made = template(any_config)
    for region in any_config.regions:
        environment = Stack(made, region).resources()["Environment"]
        found = {
            (each["Namespace"], each["OptionName"]): each["Value"]
            for each in environment["OptionSettings"]
        }
        wanted = option_settings(
            any_config, region, account=ACCOUNT, certificate_arn=CERTIFICATE, secret_arn=SECRET
        )
        cname = f"meridian-{ACCOUNT}.{region}.elasticbeanstalk.com"
        assert found == {
            option: value.replace(any_config.cname(region, ACCOUNT), cname)
            for option, value in wanted.items()
        }
        assert environment["EnvironmentName"] == any_config.environment_name(region)
        assert f"{environment['CNAMEPrefix']}.{region}.elasticbeanstalk.com" == cname


def test_home_alone_has_the_table_and_the_roles(config: Config) -> None:
    made = template(config)
    home, *others = (Stack(made, region).resources() for region in config.regions)
    shared = {"Table", "InstanceRole", "InstanceProfile", "ServiceRole"}
    for other in others:
        assert set(home) - set(other) == shared
    (policy,) = home["InstanceRole"]["Policies"]
    assert policy["PolicyDocument"] == instance_policy(config, ACCOUNT)
    table = home["Table"]
    assert table["TableName"] == "global-serverless"
    assert [each["Region"] for each in table["Replicas"]] == list(config.regions)
    assert [each["KeyType"] for each in table["KeySchema"]] == ["HASH", "RANGE"]
    assert table["TimeToLiveSpecification"] == {"AttributeName": "expires_at", "Enabled": True}
    assert made["Resources"]["Table"]["DeletionPolicy"] == "Retain"


def test_every_region_has_a_record_of_its_own(config: Config) -> None:
    made = template(config)
    for region in config.regions:
        resources = Stack(made, region).resources()
        record, check = resources["Record"], resources["HealthCheck"]["HealthCheckConfig"]
        target = f"meridian-{ACCOUNT}.{region}.elasticbeanstalk.com"
        assert (record["SetIdentifier"], record["Region"]) == (region, region)
        assert record["AliasTarget"]["DNSName"] == check["FullyQualifiedDomainName"] == target
        assert (check["Type"], check["ResourcePath"]) == ("HTTPS", "/healthz/ready")
    zones = {
        Stack(made, each).resources()["Record"]["AliasTarget"]["HostedZoneId"] for each in REGIONS
    }
    assert len(zones) == len(REGIONS)


def test_without_a_domain_there_is_no_certificate_and_no_record() -> None:
    made = template(Config(regions=REGIONS))
    assert not {"CertificateArn", "Zone"} & set(made["Parameters"])
    assert not {"Record", "HealthCheck"} & set(made["Resources"])


def test_a_region_that_route_53_cannot_point_at_is_refused() -> None:
    config = Config(regions=("us-west-2", "mx-central-1"), domain="www.example.com")
    with pytest.raises(BadConfig, match="cannot point at Elastic Beanstalk in mx-central-1"):
        template(config)
