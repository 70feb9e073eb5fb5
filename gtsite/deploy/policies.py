"""What the site's instances, Elastic Beanstalk and the deployer may do: documents for IAM.

Nothing is asked of AWS here. A test compares them with the calls that are really made.
"""

import re
from collections.abc import Iterable, Sequence
from typing import Any

from gtsite.deploy.aws import GLOBAL_REGION
from gtsite.deploy.config import Config
from gtsite.deploy.errors import BadConfig

Document = dict[str, Any]
Statement = dict[str, Any]

VERSION = "2012-10-17"
GITHUB = "token.actions.githubusercontent.com"
REPOSITORY = re.compile(r"[A-Za-z0-9-]+(@\d+)?/[A-Za-z0-9._-]+(@\d+)?")
RANDOM = "??????"
"""Secrets Manager ends the ARN of a secret with six characters of its own."""

SITE_ACTIONS = (
    "dynamodb:BatchGetItem",
    "dynamodb:BatchWriteItem",
    "dynamodb:DeleteItem",
    "dynamodb:DescribeTable",
    "dynamodb:GetItem",
    "dynamodb:PutItem",
    "dynamodb:Query",
    "dynamodb:UpdateItem",
)
START_ACTIONS = (
    "ec2:DescribeInstanceTypes",
    "ec2:DescribeRegions",
    "ec2:DescribeVpcs",
    "servicequotas:GetServiceQuota",
)
BEANSTALK_LOOKS = (
    "CheckDNSAvailability",
    "CreateStorageLocation",
    "DescribeApplicationVersions",
    "DescribeApplications",
    "DescribeEnvironmentHealth",
    "DescribeEnvironments",
    "DescribeEvents",
    "DescribeInstancesHealth",
    "ListAvailableSolutionStacks",
)
BEANSTALK_CHANGES = (
    "AbortEnvironmentUpdate",
    "AddTags",
    "CreateApplication",
    "CreateApplicationVersion",
    "CreateEnvironment",
    "DeleteApplication",
    "DeleteApplicationVersion",
    "DescribeConfigurationSettings",
    "ListTagsForResource",
    "RestartAppServer",
    "TerminateEnvironment",
    "UpdateApplicationVersion",
    "UpdateEnvironment",
    "ValidateConfigurationSettings",
)
SECRET_ACTIONS = (
    "CreateSecret",
    "DeleteSecret",
    "DescribeSecret",
    "GetSecretValue",
    "PutSecretValue",
    "RemoveRegionsFromReplication",
    "ReplicateSecretToRegions",
    "TagResource",
    "UpdateSecretVersionStage",
)
TABLE_ACTIONS = (
    "BatchGetItem",
    "BatchWriteItem",
    "CreateTable",
    "CreateTableReplica",
    "DeleteItem",
    "DeleteTable",
    "DeleteTableReplica",
    "DescribeContinuousBackups",
    "DescribeTable",
    "DescribeTimeToLive",
    "GetItem",
    "PutItem",
    "Query",
    "Scan",
    "UpdateContinuousBackups",
    "UpdateItem",
    "UpdateTable",
    "UpdateTimeToLive",
)
"""The provisioner's and the loader's own, and what AWS asks of whoever makes a replica."""

ROLE_LOOKS = ("GetRole", "GetRolePolicy", "ListAttachedRolePolicies", "ListRolePolicies")
ROLE_CHANGES = ("CreateRole", "DeleteRole", "TagRole", "UpdateAssumeRolePolicy")
INLINE_CHANGES = ("DeleteRolePolicy", "PutRolePolicy")
PROFILE_CHANGES = (
    "AddRoleToInstanceProfile",
    "CreateInstanceProfile",
    "DeleteInstanceProfile",
    "RemoveRoleFromInstanceProfile",
    "TagInstanceProfile",
)
TAKERS = ("autoscaling", "cloudformation", "ec2", "elasticbeanstalk", "elasticloadbalancing")
"""Services that the roles are handed to on the way to an instance."""

LINKED = (
    "autoscaling",
    "elasticbeanstalk",
    "elasticloadbalancing",
    "maintenance.elasticbeanstalk",
    "managedupdates.elasticbeanstalk",
    "replication.dynamodb",
)
"""Services that make a role of their own in an account when they first need it."""

ROUTE53_LOOKS = ("ListHealthChecks", "ListHostedZones")
HEALTH_CHECK_ACTIONS = (
    "ChangeTagsForResource",
    "CreateHealthCheck",
    "DeleteHealthCheck",
    "GetHealthCheckStatus",
    "ListTagsForResources",
    "UpdateHealthCheck",
)
OWNED = "awseb-*"
"""How Elastic Beanstalk begins the names of all that it makes."""

BALANCING = ("loadbalancer", "listener", "listener-rule")
LOOKS = (
    "acm:DescribeCertificate",
    "autoscaling:Describe*",
    "cloudformation:Describe*",
    "cloudformation:GetTemplate",
    "cloudformation:List*",
    "cloudformation:ValidateTemplate",
    "cloudwatch:DescribeAlarms",
    "ec2:Describe*",
    "elasticloadbalancing:Describe*",
    "logs:DescribeLogGroups",
)
NETWORK_ACTIONS = (
    "AuthorizeSecurityGroupEgress",
    "AuthorizeSecurityGroupIngress",
    "CreateLaunchTemplate",
    "CreateLaunchTemplateVersion",
    "CreateSecurityGroup",
    "CreateTags",
    "DeleteLaunchTemplate",
    "DeleteLaunchTemplateVersions",
    "DeleteSecurityGroup",
    "DeleteTags",
    "RevokeSecurityGroupEgress",
    "RevokeSecurityGroupIngress",
)
STACK_ACTIONS = (
    "CancelUpdateStack",
    "ContinueUpdateRollback",
    "CreateStack",
    "DeleteStack",
    "SignalResource",
    "TagResource",
    "UntagResource",
    "UpdateStack",
)
BUCKET_ACTIONS = (
    "CreateBucket",
    "GetBucket*",
    "ListBucket",
    "PutBucketOwnershipControls",
    "PutBucketPolicy",
    "PutBucketPublicAccessBlock",
)
FILE_ACTIONS = (
    "DeleteObject",
    "GetObject",
    "GetObjectAcl",
    "GetObjectVersion",
    "PutObject",
    "PutObjectAcl",
)
PLATFORM_BUCKETS = ("env-resources", "platform-assets")
"""AWS's own, one of each kind in a region: Elastic Beanstalk reads them as its caller."""

SERVICE_POLICIES = (
    "arn:aws:iam::aws:policy/service-role/AWSElasticBeanstalkEnhancedHealth",
    "arn:aws:iam::aws:policy/AWSElasticBeanstalkManagedUpdatesCustomerRolePolicy",
)
"""AWS keeps these two in step with what its service role has to do."""


def instance_policy(config: Config, account: str) -> Document:
    """For the site's instances in every region: its table, its secret, and their own reports.

    Every region's table, because calls fall back to the others and names are given out at home.
    """
    return _document(
        _allow(
            "Table",
            SITE_ACTIONS,
            _everywhere(config, f"dynamodb:{{region}}:{account}:table/{config.table}"),
        ),
        # CloudWatch cannot be limited to metrics: only to where it is asked.
        _allow("Replication", ["cloudwatch:GetMetricData"], ["*"], _within(config)),
        _allow(
            "Secret",
            ["secretsmanager:GetSecretValue"],
            _everywhere(
                config, f"secretsmanager:{{region}}:{account}:secret:{config.secret}-{RANDOM}"
            ),
        ),
        *_platform(config, account),
    )


def _platform(config: Config, account: str) -> list[Statement]:
    """What Elastic Beanstalk's own programs do on an instance."""
    buckets = _buckets(config, account)
    return [
        _allow(
            "Health",
            ["elasticbeanstalk:PutInstanceStatistics"],
            [
                *_everywhere(
                    config,
                    f"elasticbeanstalk:{{region}}:{account}:application/{config.application}",
                ),
                *_everywhere(config, _environment(config, account)),
            ],
        ),
        _allow(
            "Bundles",
            ["s3:GetObject", "s3:GetObjectVersion"],
            [
                f"{bucket}/{folder}/*"
                for bucket in buckets
                for folder in (config.application, "resources/environments")
            ],
        ),
        _allow("Bucket", ["s3:ListBucket", "s3:ListBucketVersions"], buckets),
        _allow(
            "LogFiles",
            ["s3:PutObject"],
            [f"{bucket}/resources/environments/logs/*" for bucket in buckets],
        ),
        _allow(
            "Logs",
            ["logs:CreateLogStream", "logs:DescribeLogStreams", "logs:PutLogEvents"],
            _everywhere(
                config,
                f"logs:{{region}}:{account}:log-group:/aws/elasticbeanstalk/"
                f"{config.application}-{{region}}/*",
            ),
        ),
        _allow(
            "LogGroups",
            ["logs:DescribeLogGroups"],
            _everywhere(config, f"logs:{{region}}:{account}:log-group:*"),
        ),
    ]


def deployer_policies(config: Config, account: str) -> dict[str, Document]:
    """For whoever runs `manage.py deploy`, by name: IAM has no room for all of it in one document.

    `-command` is what the command asks by itself, `-names` Route 53, certificates and the use of
    roles, and `-environments` what Elastic Beanstalk asks on its caller's behalf. `-roles` is for
    whoever deploys first or changes regions: who may write a role can give it any right there is,
    so a pipeline goes without.
    """
    name = f"{config.application}-deployer"
    return {
        f"{name}-command": _command(config, account),
        f"{name}-names": _names(config, account),
        f"{name}-environments": _environments(config, account),
        f"{name}-roles": _role_changes(config, account),
    }


def instance_trust() -> Document:
    """EC2 hands the role to the instances."""
    return _trust({"Service": "ec2.amazonaws.com"}, "sts:AssumeRole")


def service_trust() -> Document:
    """Elastic Beanstalk takes the role, under the name that it gives itself."""
    return _trust(
        {"Service": "elasticbeanstalk.amazonaws.com"},
        "sts:AssumeRole",
        {"StringEquals": {"sts:ExternalId": "elasticbeanstalk"}},
    )


def trust_policy(account: str, repository: str) -> Document:
    """GitHub Actions takes the deployer's role, in runs for tags of that repository alone.

    `repository` is owner/name, or owner@id/name@id where GitHub's tokens say it so. Raises
    `BadConfig`.
    """
    if not REPOSITORY.fullmatch(repository):
        raise BadConfig(f"repository is {repository!r}: write owner/name, as GitHub has it.")
    return _trust(
        {"Federated": f"arn:aws:iam::{account}:oidc-provider/{GITHUB}"},
        "sts:AssumeRoleWithWebIdentity",
        {
            "StringEquals": {f"{GITHUB}:aud": "sts.amazonaws.com"},
            "StringLike": {f"{GITHUB}:sub": f"repo:{repository}:ref:refs/tags/*"},
        },
    )


def _command(config: Config, account: str) -> Document:
    """Elastic Beanstalk, bundles, the secret and the table, by their names."""
    name = config.application
    buckets = _buckets(config, account)
    # Credentials are looked at where every account may ask, too.
    start = {"StringEquals": {"aws:RequestedRegion": sorted({*config.regions, GLOBAL_REGION})}}
    return _document(
        _allow("Start", START_ACTIONS, ["*"], start),
        # These cannot be limited to resources, or name an environment without its application.
        _allow("Look", _actions("elasticbeanstalk", BEANSTALK_LOOKS), ["*"], _within(config)),
        _allow(
            "Application",
            _actions("elasticbeanstalk", BEANSTALK_CHANGES),
            [
                f"arn:aws:elasticbeanstalk:*:{account}:{kind}"
                for kind in (
                    f"application/{name}",
                    f"applicationversion/{name}/*",
                    f"environment/{name}/*",
                )
            ],
            _within(config),
        ),
        _allow(
            "Bundles",
            ["s3:DeleteObject", "s3:GetObject", "s3:PutObject"],
            [f"{bucket}/{name}/*" for bucket in buckets],
        ),
        # Who may not list a bucket is told "forbidden" of what is not there.
        _allow("Bucket", ["s3:ListBucket"], buckets),
        _allow(
            "Secret",
            _actions("secretsmanager", SECRET_ACTIONS),
            # One that is not there yet is known by its name alone.
            [
                f"arn:aws:secretsmanager:*:{account}:secret:{config.secret}{end}"
                for end in ("", f"-{RANDOM}")
            ],
            _within(config),
        ),
        _allow(
            "Table",
            _actions("dynamodb", TABLE_ACTIONS),
            [f"arn:aws:dynamodb:*:{account}:table/{config.table}"],
            _within(config),
        ),
        _allow(
            "OldGlobalTable",
            ["dynamodb:DescribeGlobalTable"],
            [f"arn:aws:dynamodb::{account}:global-table/{config.table}"],
        ),
    )


def _names(config: Config, account: str) -> Document:
    """The use of the roles; with a domain its certificates, records and health checks as well."""
    roles = _role_arns(config, account)
    passing = {"StringEquals": {"iam:PassedToService": _principals(TAKERS)}}
    return _document(
        _allow("LookAtRoles", _actions("iam", ROLE_LOOKS), roles),
        _allow("LookAtProfile", ["iam:GetInstanceProfile"], [_profile_arn(config, account)]),
        _allow("GiveRoles", ["iam:PassRole"], roles, passing),
        _allow(
            "ServiceLinkedRoles",
            ["iam:CreateServiceLinkedRole"],
            [f"arn:aws:iam::{account}:role/aws-service-role/*"],
            {"StringEquals": {"iam:AWSServiceName": _principals(LINKED)}},
        ),
        *(_domain(config, account) if config.domain else ()),
    )


def _role_changes(config: Config, account: str) -> Document:
    """To make the roles, to keep them up to date, and to remove them."""
    instance, service = _role_arns(config, account)
    return _document(
        _allow("Roles", _actions("iam", ROLE_CHANGES), [instance, service]),
        _allow("InstancePolicy", _actions("iam", INLINE_CHANGES), [instance]),
        _allow(
            "ServicePolicies",
            ["iam:AttachRolePolicy", "iam:DetachRolePolicy"],
            [service],
            {"ArnLike": {"iam:PolicyARN": list(SERVICE_POLICIES)}},
        ),
        _allow("Profile", _actions("iam", PROFILE_CHANGES), [_profile_arn(config, account)]),
    )


def _role_arns(config: Config, account: str) -> list[str]:
    names = (config.instance_role, config.service_role)
    return [f"arn:aws:iam::{account}:role/{name}" for name in names]


def _profile_arn(config: Config, account: str) -> str:
    return f"arn:aws:iam::{account}:instance-profile/{config.instance_role}"


def _domain(config: Config, account: str) -> list[Statement]:
    """Certificates by their tag, records by their name; health checks can be told by neither."""
    tag, name = "meridian:application", config.application
    certificates = [f"arn:aws:acm:*:{account}:certificate/*"]
    records = [config.domain, f"_*.{config.domain}"]
    return [
        _allow("FindCertificates", ["acm:ListCertificates"], ["*"], _within(config)),
        _allow(
            "LookAtCertificates",
            ["acm:DescribeCertificate", "acm:ListTagsForCertificate"],
            certificates,
            _within(config),
        ),
        _allow(
            "RequestCertificates",
            ["acm:AddTagsToCertificate", "acm:RequestCertificate"],
            ["*"],
            _within(config, **{f"aws:RequestTag/{tag}": [name]}),
        ),
        _allow(
            "RemoveCertificates",
            ["acm:DeleteCertificate"],
            certificates,
            _within(config, **{f"aws:ResourceTag/{tag}": [name]}),
        ),
        _allow("FindZones", _actions("route53", ROUTE53_LOOKS), ["*"]),
        _allow("Changes", ["route53:GetChange"], ["arn:aws:route53:::change/*"]),
        _allow(
            "LookAtRecords",
            ["route53:ListResourceRecordSets"],
            ["arn:aws:route53:::hostedzone/*"],
        ),
        _allow(
            "ChangeRecords",
            ["route53:ChangeResourceRecordSets"],
            ["arn:aws:route53:::hostedzone/*"],
            {
                "ForAllValues:StringLike": {
                    "route53:ChangeResourceRecordSetsNormalizedRecordNames": records,
                    "route53:ChangeResourceRecordSetsRecordTypes": ["A", "CNAME"],
                }
            },
        ),
        _allow(
            "HealthChecks",
            _actions("route53", HEALTH_CHECK_ACTIONS),
            ["arn:aws:route53:::healthcheck/*"],
        ),
    ]


def _environments(config: Config, account: str) -> Document:
    """What Elastic Beanstalk and CloudFormation do with their caller's permissions.

    After AWS's own AdministratorAccess-AWSElasticBeanstalk, in these regions only and without
    databases, queues, containers and builds. Elastic Beanstalk is not among the services that set
    aws:CalledVia, so the deployer could ask for all of this directly as well.
    """
    here = _within(config)
    stacks = f"arn:aws:cloudformation:*:{account}:stack/{OWNED}"
    groups = f"arn:aws:autoscaling:*:{account}"
    balancing = f"arn:aws:elasticloadbalancing:*:{account}"
    buckets = _buckets(config, account)
    template = {"ArnLike": {"ec2:LaunchTemplate": f"arn:aws:ec2:*:{account}:launch-template/*"}}
    own_stack = {"StringLike": {"ec2:ResourceTag/aws:cloudformation:stack-id": stacks}}
    return _document(
        _allow("LookAround", LOOKS, ["*"], here),
        _allow("Network", _actions("ec2", NETWORK_ACTIONS), ["*"], here),
        _allow("StartInstances", ["ec2:RunInstances"], ["*"], {**here, **template}),
        _allow(
            "EndInstances",
            ["ec2:RebootInstances", "ec2:TerminateInstances"],
            [f"arn:aws:ec2:*:{account}:instance/*"],
            {**here, **own_stack},
        ),
        _allow("Stacks", _actions("cloudformation", STACK_ACTIONS), [stacks], here),
        _allow(
            "Groups",
            ["autoscaling:*"],
            [
                f"{groups}:launchConfiguration:*:launchConfigurationName/{OWNED}",
                f"{groups}:autoScalingGroup:*:autoScalingGroupName/{OWNED}",
            ],
            here,
        ),
        _allow(
            "Balancers",
            ["elasticloadbalancing:*"],
            [
                f"{balancing}:targetgroup/{OWNED}",
                *(f"{balancing}:{kind}/app/{OWNED}" for kind in BALANCING),
            ],
            here,
        ),
        _allow(
            "Alarms",
            ["cloudwatch:DeleteAlarms", "cloudwatch:PutMetricAlarm"],
            [f"arn:aws:cloudwatch:*:{account}:alarm:{OWNED}"],
            here,
        ),
        _allow(
            "LogGroups",
            ["logs:CreateLogGroup", "logs:DeleteLogGroup", "logs:PutRetentionPolicy"],
            [f"arn:aws:logs:*:{account}:log-group:/aws/elasticbeanstalk/{config.application}-*"],
            here,
        ),
        _allow("Buckets", _actions("s3", BUCKET_ACTIONS), buckets),
        _allow("Files", _actions("s3", FILE_ACTIONS), [f"{bucket}/*" for bucket in buckets]),
        # In some regions their names go on behind the region's.
        _allow(
            "PlatformFiles",
            ["s3:GetObject"],
            [
                f"arn:aws:s3:::elasticbeanstalk-{kind}-{region}*/*"
                for kind in PLATFORM_BUCKETS
                for region in config.regions
            ],
        ),
    )


def _environment(config: Config, account: str) -> str:
    """The environments' ARN from the service on, the region left open."""
    name = config.application
    return f"elasticbeanstalk:{{region}}:{account}:environment/{name}/{name}-{{region}}"


def _buckets(config: Config, account: str) -> list[str]:
    """Elastic Beanstalk's own: one in each region for all of an account's applications."""
    return [f"arn:aws:s3:::elasticbeanstalk-{region}-{account}" for region in config.regions]


def _everywhere(config: Config, resource: str) -> list[str]:
    """One ARN for each region."""
    return [f"arn:aws:{resource.replace('{region}', region)}" for region in config.regions]


def _within(config: Config, **more: list[str]) -> dict[str, Any]:
    """The condition that holds in these regions only, and for what else has to be equal."""
    return {"StringEquals": {"aws:RequestedRegion": list(config.regions), **more}}


def _principals(services: Iterable[str]) -> list[str]:
    return [f"{each}.amazonaws.com" for each in services]


def _actions(service: str, names: Iterable[str]) -> list[str]:
    return [f"{service}:{name}" for name in names]


def _allow(
    name: str,
    actions: Sequence[str],
    resources: Iterable[str],
    condition: dict[str, Any] | None = None,
) -> Statement:
    limited = {"Condition": condition} if condition else {}
    return {
        "Sid": name,
        "Effect": "Allow",
        "Action": list(actions),
        "Resource": list(resources),
        **limited,
    }


def _trust(
    principal: dict[str, str], action: str, condition: dict[str, Any] | None = None
) -> Document:
    limited = {"Condition": condition} if condition else {}
    return _document({"Effect": "Allow", "Principal": principal, "Action": action, **limited})


def _document(*statements: Statement) -> Document:
    return {"Version": VERSION, "Statement": list(statements)}
