"""The same deployment as one CloudFormation template, for those who prefer that.

A stack in each region, the home region's first: that one has the table and the roles. Values that
differ from region to region are looked up in the template's own mapping.
"""

import re
from collections.abc import Mapping
from typing import Any

from gtsite.deploy.checks import check_settings
from gtsite.deploy.config import Config
from gtsite.deploy.errors import BadConfig
from gtsite.deploy.options import ROLES, VARIABLES, Option, option_settings
from gtsite.deploy.policies import (
    SERVICE_POLICIES,
    instance_policy,
    instance_trust,
    service_trust,
)
from gtsite.deploy.zones import ALIAS_ZONES
from gtsite.dynamodb.tables import GLOBAL_SERVERLESS

Part = dict[str, Any]

ACCOUNT, REGION = "${AWS::AccountId}", "${AWS::Region}"
ANY_ACCOUNT = "0" * 12
ALONE = re.compile(r"\$\{([A-Za-z:]+)\}")
REGION_NOW: Part = {"Ref": "AWS::Region"}
REGIONS = "Regions"
HOME = "IsHome"
PARAMETERS = ("CertificateArn", "SecretArn")


def template(config: Config) -> Part:
    """One template for every region, as JSON takes it.

    An environment's host name holds the account's whole number here: a template cannot digest it.
    Raises `BadConfig`.
    """
    mapping = _mapping(config)
    return {
        "AWSTemplateFormatVersion": "2010-09-09",
        "Description": (
            f"{config.application}: one stack in each of {', '.join(config.regions)}, the first of "
            "them first, each when the one before it is healthy. Needs CAPABILITY_NAMED_IAM."
        ),
        "Parameters": _parameters(config),
        **({"Mappings": {REGIONS: mapping}} if all(mapping.values()) else {}),
        "Conditions": {HOME: {"Fn::Equals": [REGION_NOW, config.home]}},
        "Resources": {
            **{name: _at_home(each) for name, each in _home_resources(config).items()},
            **_regional_resources(config),
            **(_names(config) if config.domain else {}),
        },
        "Outputs": {
            "Address": {
                "Description": "Where the site of this region answers",
                "Value": _substituted(f"{config.scheme}://{config.domain or _cname(config)}/"),
            },
            "HostName": {
                "Description": "The region's own name, whatever Route 53 says",
                "Value": {"Fn::Sub": _cname(config)},
            },
        },
    }


def _parameters(config: Config) -> Part:
    wanted = {
        "BundleBucket": "The bucket in this region that has the bundle",
        "BundleKey": "Where the bundle lies in it, as a zip",
        "Platform": "A solution stack of Elastic Beanstalk: 64bit Amazon Linux 2023 … Python 3.…",
        "SecretArn": f"The secret {config.secret} in this region",
    }
    if config.domain:
        wanted["CertificateArn"] = f"An issued certificate for {config.domain} in this region"
    parameters: Part = {
        name: {"Type": "String", "Description": text, "MinLength": 1}
        for name, text in wanted.items()
    }
    if config.domain:
        text = f"The public zone of Route 53 that {config.domain} is in"
        parameters["Zone"] = {"Type": "AWS::Route53::HostedZone::Id", "Description": text}
    return parameters


# What there is once: the table and the roles


def _home_resources(config: Config) -> Part:
    return {
        "Table": _table(config),
        "InstanceRole": _resource(
            "AWS::IAM::Role",
            RoleName=config.instance_role,
            AssumeRolePolicyDocument=instance_trust(),
            Policies=[
                {
                    "PolicyName": config.application,
                    "PolicyDocument": _substituted(instance_policy(config, ACCOUNT)),
                }
            ],
            Tags=config.tags,
        ),
        "InstanceProfile": _resource(
            "AWS::IAM::InstanceProfile",
            InstanceProfileName=config.instance_role,
            Roles=[{"Ref": "InstanceRole"}],
        ),
        "ServiceRole": _resource(
            "AWS::IAM::Role",
            RoleName=config.service_role,
            AssumeRolePolicyDocument=service_trust(),
            ManagedPolicyArns=list(SERVICE_POLICIES),
            Tags=config.tags,
        ),
    }


def _table(config: Config) -> Part:
    """The global table, kept when the stack goes."""
    definition = GLOBAL_SERVERLESS
    kinds = zip(definition.key_names, ("HASH", "RANGE"), strict=True)
    table = _resource(
        "AWS::DynamoDB::GlobalTable",
        TableName=config.table,
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[
            {"AttributeName": each.name, "AttributeType": each.type}
            for each in definition.key_attributes
        ],
        KeySchema=[{"AttributeName": name, "KeyType": kind} for name, kind in kinds],
        StreamSpecification={"StreamViewType": definition.stream},
        TimeToLiveSpecification={"AttributeName": definition.ttl_attribute, "Enabled": True},
        Replicas=[_replica(config, region) for region in config.regions],
    )
    return {**table, "DeletionPolicy": "Retain", "UpdateReplacePolicy": "Retain"}


def _replica(config: Config, region: str) -> Part:
    return {
        "Region": region,
        "DeletionProtectionEnabled": True,
        "PointInTimeRecoverySpecification": {"PointInTimeRecoveryEnabled": region == config.home},
        "Tags": config.tags,
    }


# What there is in every region


def _regional_resources(config: Config) -> Part:
    return {
        "Application": _resource(
            "AWS::ElasticBeanstalk::Application", ApplicationName=config.application
        ),
        "Version": _resource(
            "AWS::ElasticBeanstalk::ApplicationVersion",
            ApplicationName={"Ref": "Application"},
            SourceBundle={"S3Bucket": {"Ref": "BundleBucket"}, "S3Key": {"Ref": "BundleKey"}},
        ),
        "Environment": _resource(
            "AWS::ElasticBeanstalk::Environment",
            ApplicationName={"Ref": "Application"},
            EnvironmentName={"Fn::Sub": f"{config.application}-{REGION}"},
            CNAMEPrefix={"Fn::Sub": f"{config.application}-{ACCOUNT}"},
            SolutionStackName={"Ref": "Platform"},
            VersionLabel={"Ref": "Version"},
            OptionSettings=_option_settings(config),
            Tags=config.tags,
        ),
    }


def _names(config: Config) -> Part:
    """The way in, by latency, for as long as the region says that it is ready."""
    settings = check_settings(_cname(config))
    return {
        "HealthCheck": _resource(
            "AWS::Route53::HealthCheck",
            HealthCheckConfig=_substituted(settings),
            HealthCheckTags=config.tags,
        ),
        "Record": {
            "DependsOn": ["Environment"],
            **_resource(
                "AWS::Route53::RecordSet",
                HostedZoneId={"Ref": "Zone"},
                Name=f"{config.domain}.",
                Type="A",
                SetIdentifier=REGION_NOW,
                Region=REGION_NOW,
                AliasTarget={
                    "DNSName": {"Fn::Sub": _cname(config)},
                    "HostedZoneId": _looked_up("AliasZone"),
                    "EvaluateTargetHealth": True,
                },
                HealthCheckId={"Ref": "HealthCheck"},
            ),
        },
    }


# Options: the same as `deploy up` sets


def _option_settings(config: Config) -> list[Part]:
    """Every option once: its value if all regions have the same, looked up otherwise."""
    by_region = _options(config)
    return [
        {"Namespace": space, "OptionName": name, "Value": _value(config, by_region, (space, name))}
        for space, name in sorted(by_region[config.home])
    ]


def _value(config: Config, by_region: Mapping[str, Mapping[Option, str]], option: Option) -> Any:
    values = {region: options[option] for region, options in by_region.items()}
    if option[0] == VARIABLES and option[1] in config.environment:
        return values[config.home]
    if all(value == region for region, value in values.items()):
        return REGION_NOW
    if len(set(values.values())) > 1:
        return _looked_up(_key(option))
    made = {config.instance_role: "InstanceProfile", config.service_role: "ServiceRole"}
    value = values[config.home]
    if option in ROLES:
        # By reference at home, so that the role is there first; elsewhere it is already.
        return {"Fn::If": [HOME, {"Ref": made[value]}, value]}
    return _substituted(value)


def _mapping(config: Config) -> Part:
    """Region → name → value, of all that differs."""
    by_region = _options(config)
    looked_up = {
        option: _key(option)
        for option in by_region[config.home]
        if _value(config, by_region, option) == _looked_up(_key(option))
    }
    return {
        region: {
            **({"AliasZone": _alias_zone(region)} if config.domain else {}),
            **{name: options[option] for option, name in looked_up.items()},
        }
        for region, options in by_region.items()
    }


def _alias_zone(region: str) -> str:
    if region not in ALIAS_ZONES:
        raise BadConfig(
            f"Route 53 cannot point at Elastic Beanstalk in {region}: leave the region or the "
            "domain out."
        )
    return ALIAS_ZONES[region]


def _options(config: Config) -> dict[str, dict[Option, str]]:
    """Each region's options, with what only the stack knows written as Fn::Sub takes it."""
    certificate, secret = (f"${{{name}}}" for name in PARAMETERS)
    found = {}
    for region in config.regions:
        options = option_settings(
            config,
            region,
            account=ANY_ACCOUNT,
            certificate_arn=certificate if config.domain else "",
            secret_arn=secret,
        )
        cname = config.cname(region, ANY_ACCOUNT)
        found[region] = {
            option: value.replace(cname, _cname(config)) for option, value in options.items()
        }
    return found


def _key(option: Option) -> str:
    """A name as mappings take it: letters and digits."""
    return "".join(each for each in option[1] if each.isalnum())


def _looked_up(name: str) -> Part:
    return {"Fn::FindInMap": [REGIONS, REGION_NOW, name]}


def _substituted(value: Any) -> Any:
    """The value with Ref or Fn::Sub for every text that has something to put in."""
    if isinstance(value, dict):
        return {name: _substituted(each) for name, each in value.items()}
    if isinstance(value, list):
        return [_substituted(each) for each in value]
    if not isinstance(value, str) or "${" not in value:
        return value
    alone = ALONE.fullmatch(value)
    return {"Ref": alone[1]} if alone else {"Fn::Sub": value}


def _cname(config: Config) -> str:
    return f"{config.application}-{ACCOUNT}.{REGION}.elasticbeanstalk.com"


def _at_home(resource: Part) -> Part:
    return {"Condition": HOME, **resource}


def _resource(kind: str, **properties: Any) -> Part:
    return {"Type": kind, "Properties": properties}
