"""Who is asking, and do account and regions have what a deployment starts from?"""

import re
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from gtsite.deploy.aws import GLOBAL_REGION, Aws
from gtsite.deploy.config import Config
from gtsite.deploy.errors import (
    AccessDenied,
    CredentialsRefused,
    DeployError,
    Refused,
    Throttled,
    Unreachable,
)
from gtsite.deploy.options import environment_variables
from gtsite.deploy.steps import Area, Findings, Problem

PLATFORM = re.compile(
    r"64bit Amazon Linux 2023 v(?P<release>\d+(?:\.\d+)+) running Python 3\.(?P<minor>\d+)"
)
OLDEST_MINOR, NEWEST_MINOR = 11, 13
"""Of Python 3: what the site is written for, and the newest it has been tried with."""
NOT_ENABLED = "not-opted-in"
ARCHITECTURE = "x86_64"
"""What Elastic Beanstalk starts unless it is told otherwise."""
STANDARD_FAMILIES = tuple("acdhimrtz")
STANDARD_QUOTA = {"ServiceCode": "ec2", "QuotaCode": "L-1216C47A"}
"""How many virtual CPUs of these families' on-demand instances a region gives the account."""

Check = Callable[[Config, Aws, str], Findings]
"""One look at one region; raises a `DeployError` for what cannot be looked at."""


class NoPlatform(DeployError):
    """Elastic Beanstalk has no Python that the site runs on in a region."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """Whose credentials these are: twelve digits, and the ARN of a user or role."""

    account: str
    arn: str


def find_identity(aws: Aws, region: str) -> Identity:
    """Whom STS takes the credentials for; raises `CredentialsMissing`, `CredentialsRefused`.

    A region that the account has not enabled refuses good credentials, so the one that is always
    enabled is asked before they are called bad.
    """
    told = _asked_anywhere(aws, region, "sts", "get_caller_identity")
    return Identity(account=told["Account"], arn=told["Arn"])


def find_platform(aws: Aws, region: str) -> str:
    """The newest release for the newest Python the site runs on; raises `NoPlatform`."""
    told = aws.ask("elasticbeanstalk", region, "list_available_solution_stacks")
    ranked = [(_rank(name), str(name)) for name in told.get("SolutionStacks", [])]
    fitting = [each for each in ranked if OLDEST_MINOR <= each[0][0] <= NEWEST_MINOR]
    if not fitting:
        raise NoPlatform(
            f"Elastic Beanstalk in {region} offers no Amazon Linux 2023 with Python "
            f"3.{OLDEST_MINOR} to 3.{NEWEST_MINOR}: leave the region out."
        )
    return max(fitting)[1]


def check_start(config: Config, identity: Identity, aws: Aws) -> Findings:
    """What is in the way of any deployment; the regions are asked side by side."""
    if config.account not in ("", identity.account):
        return _finding(
            f"The credentials are of account {identity.account} ({identity.arn}), and deploy.toml "
            f"wants {config.account}: sign in to that one."
        )
    try:
        environment_variables(config, config.home, account=identity.account)
        disabled = _disabled_regions(config, aws)
    except DeployError as error:
        return _finding(str(error))

    def check(region: str) -> Findings:
        if region in disabled:
            return _finding(_enable(region), region)
        return _check_region(config, aws, region)

    with ThreadPoolExecutor(max_workers=len(config.regions)) as pool:
        return sum(pool.map(check, config.regions), Findings())


def _asked_anywhere(
    aws: Aws, region: str, service: str, operation: str, **request: Any
) -> dict[str, Any]:
    try:
        return aws.ask(service, region, operation, **request)
    except CredentialsRefused:
        return aws.ask(service, GLOBAL_REGION, operation, **request)


def _disabled_regions(config: Config, aws: Aws) -> tuple[str, ...]:
    """Those of the config that the account cannot use, or that AWS does not know."""
    told = _asked_anywhere(aws, config.home, "ec2", "describe_regions", AllRegions=True)
    status = {each["RegionName"]: each.get("OptInStatus") for each in told["Regions"]}
    return tuple(name for name in config.regions if status.get(name, NOT_ENABLED) == NOT_ENABLED)


def _check_region(config: Config, aws: Aws, region: str) -> Findings:
    checks: tuple[Check, ...] = (_check_platform, _check_network, _check_instances)
    findings = Findings()
    for check in checks:
        try:
            findings += check(config, aws, region)
        except DeployError as error:
            findings += _finding(str(error), region)
    return findings


def _check_platform(_config: Config, aws: Aws, region: str) -> Findings:
    find_platform(aws, region)
    return Findings()


def _check_network(_config: Config, aws: Aws, region: str) -> Findings:
    only_default = [{"Name": "is-default", "Values": ["true"]}]
    if aws.ask("ec2", region, "describe_vpcs", Filters=only_default)["Vpcs"]:
        return Findings()
    return _finding(
        f"The account has no default VPC in {region}, where Elastic Beanstalk would put the "
        f"instances: make one (aws ec2 create-default-vpc --region {region}).",
        region,
    )


def _check_instances(config: Config, aws: Aws, region: str) -> Findings:
    wanted = sorted(set(config.instance_types))
    filters = [{"Name": "instance-type", "Values": wanted}]
    found = list(
        aws.pages("ec2", region, "describe_instance_types", "InstanceTypes", Filters=filters)
    )
    if missing := sorted(set(wanted) - {each["InstanceType"] for each in found}):
        return _finding(
            f"instance_types has {', '.join(missing)}, which EC2 in {region} does not have: name "
            f"others (aws ec2 describe-instance-types --region {region}).",
            region,
        )
    foreign = [each["InstanceType"] for each in found if not _runs(each)]
    if foreign:
        return _finding(
            f"instance_types has {', '.join(foreign)}, which cannot run {ARCHITECTURE}: name "
            "others, such as t3.small.",
            region,
        )
    return Findings(notes=_quota_notes(config, aws, region, found))


def _runs(instance_type: Mapping[str, Any]) -> bool:
    return ARCHITECTURE in instance_type["ProcessorInfo"]["SupportedArchitectures"]


def _quota_notes(
    config: Config, aws: Aws, region: str, types: Sequence[Mapping[str, Any]]
) -> tuple[str, ...]:
    allowed = _allowed_cpus(aws, region)
    standard = [each for each in types if each["InstanceType"].startswith(STANDARD_FAMILIES)]
    largest = max((each["VCpuInfo"]["DefaultVCpus"] for each in standard), default=0)
    needed = config.most_instances * int(largest)
    if allowed is None or needed <= allowed:
        return ()
    sentence = (
        f"{region} gives the account {allowed} virtual CPUs, and {config.most_instances} instances "
        f"have up to {needed}: ask for more (aws service-quotas request-service-quota-increase "
        f"--service-code ec2 --quota-code {STANDARD_QUOTA['QuotaCode']} --desired-value {needed} "
        f"--region {region})."
    )
    return (sentence,)


def _allowed_cpus(aws: Aws, region: str) -> int | None:
    """None where that cannot be found out, which is no reason not to deploy."""
    try:
        told = aws.ask("service-quotas", region, "get_service_quota", **STANDARD_QUOTA)
    except (AccessDenied, Refused, Throttled, Unreachable):
        return None
    return int(told["Quota"]["Value"])


def _rank(name: str) -> tuple[int, list[int]]:
    """The newest Python counts first, then the newest release of its platform; (0, []) for others.

    Releases are compared as numbers: 4.10.0 is newer than 4.9.1.
    """
    found = PLATFORM.fullmatch(name)
    if found is None:
        return 0, []
    return int(found["minor"]), [int(part) for part in found["release"].split(".")]


def _enable(region: str) -> str:
    return (
        f"{region} is not enabled in this account: enable it (aws account enable-region "
        f"--region-name {region}) and wait until it is, or leave it out."
    )


def _finding(problem: str, region: str = "") -> Findings:
    return Findings(problems=(Problem(area=Area.START, sentence=problem, region=region),))
