"""Which settings a region's environment gets from here, and which of them stand otherwise.

What is the same in every region lies in the bundle, under .ebextensions.
"""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from gtsite.deploy.config import Config
from gtsite.deploy.errors import BadConfig
from gtsite.dynamodb.regions import region as known_region

Option = tuple[str, str]
"""A namespace, and a name in it."""

VARIABLES = "aws:elasticbeanstalk:application:environment"
SECRETS = "aws:elasticbeanstalk:application:environmentsecrets"
HTTPS_LISTENER = "aws:elbv2:listener:443"
MANAGED = "aws:elasticbeanstalk:managedactions"

MOST_VARIABLE_BYTES = 4096
"""What Elastic Beanstalk takes for all variables of an environment, written NAME=value."""

TLS_POLICY = "ELBSecurityPolicy-TLS13-1-2-2021-06"
WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
NIGHT_HOUR = 3
DEGREES_PER_HOUR = 15

ROLES = frozenset(
    {
        ("aws:elasticbeanstalk:environment", "ServiceRole"),
        ("aws:autoscaling:launchconfiguration", "IamInstanceProfile"),
        (MANAGED, "ServiceRoleForManagedUpdates"),
    }
)
"""Elastic Beanstalk may answer with the ARN of what it was given by name."""

UNORDERED = frozenset({(HTTPS_LISTENER, "SSLCertificateArns")})
EXACT = frozenset({VARIABLES, SECRETS})
"""Namespaces whose values are the site's own, to the letter."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One option that does not stand as wanted; `standing` is None when it is not set at all."""

    option: Option
    wanted: str
    standing: str | None

    @property
    def sentence(self) -> str:
        """Names the option only: a value may be somebody's password."""
        namespace, name = self.option
        if namespace in EXACT:
            return f"the variable {name}"
        return f"{name} ({namespace})"


def option_settings(
    config: Config, region: str, *, account: str, certificate_arn: str, secret_arn: str
) -> dict[Option, str]:
    """Every option that depends on the region or on deploy.toml.

    '' for an ARN that does not exist (yet): its options are left out. Raises `BadConfig`.
    """
    variables = environment_variables(config, region, account=account)
    return {
        ("aws:autoscaling:launchconfiguration", "IamInstanceProfile"): config.instance_role,
        ("aws:elasticbeanstalk:environment", "ServiceRole"): config.service_role,
        ("aws:ec2:instances", "InstanceTypes"): ",".join(config.instance_types),
        ("aws:autoscaling:asg", "MinSize"): str(config.least_instances),
        ("aws:autoscaling:asg", "MaxSize"): str(config.most_instances),
        (MANAGED, "ManagedActionsEnabled"): "true",
        (MANAGED, "PreferredStartTime"): update_window(config.regions, region),
        (MANAGED, "ServiceRoleForManagedUpdates"): config.service_role,
        (f"{MANAGED}:platformupdate", "UpdateLevel"): "minor",
        **_listener(config, certificate_arn),
        **({(SECRETS, "SECRET_KEY"): secret_arn} if secret_arn else {}),
        **{(VARIABLES, name): value for name, value in variables.items()},
    }


def environment_variables(config: Config, region: str, *, account: str) -> dict[str, str]:
    """What the site of one region finds in its environment, but for its secret.

    A variable without a value is left out: to Elastic Beanstalk that is the same. Raises
    `BadConfig` when `config.environment` sets what the deployment sets.
    """
    cname = config.cname(region, account)
    given = {
        "ALLOWED_HOSTS": f"{config.domain},{cname}" if config.domain else cname,
        "AWS_REGION": region,
        "DJANGO_SETTINGS_MODULE": "gtsite.settings.production",
        "GT_REGIONS": ",".join([config.home, *sorted(config.regions[1:])]),
        "GT_TABLE": config.table,
        "HTTPS": "on" if config.domain else "off",
    }
    taken = sorted({"SECRET_KEY", *given} & set(config.environment))
    if taken:
        raise BadConfig(
            f"environment in deploy.toml sets {', '.join(taken)}, which the deployment sets "
            "itself: take it out."
        )
    variables = given | dict(config.environment)
    _check_size(variables)
    return {name: value for name, value in sorted(variables.items()) if value}


def update_window(regions: Iterable[str], region: str) -> str:
    """When managed updates may run: at night where the region is, `Tue:11:00` in UTC.

    Up to seven regions have a weekday each. A region's day comes from its own name; where two
    would have the same, the later of them in the alphabet takes the next free one.
    """
    taken: dict[str, int] = {}
    for name in sorted(regions):
        day = hashlib.sha256(name.encode()).digest()[0] % len(WEEKDAYS)
        while day in taken.values() and len(taken) < len(WEEKDAYS):
            day = (day + 1) % len(WEEKDAYS)
        taken[name] = day
    hour = round(NIGHT_HOUR - known_region(region).longitude / DEGREES_PER_HOUR) % 24
    return f"{WEEKDAYS[taken[region]]}:{hour:02}:00"


def differences(
    wanted: Mapping[Option, str], standing: Mapping[Option, str]
) -> tuple[Difference, ...]:
    """What is wanted and stands otherwise, in order of the options; others are not looked at."""
    return tuple(
        Difference(option=option, wanted=value, standing=standing.get(option))
        for option, value in sorted(wanted.items())
        if not _means_the_same(option, value, standing.get(option))
    )


def as_request(options: Mapping[Option, str]) -> list[dict[str, str]]:
    """As Elastic Beanstalk takes them, in order."""
    return [
        {"Namespace": namespace, "OptionName": name, "Value": value}
        for (namespace, name), value in sorted(options.items())
    ]


def from_answer(settings: Iterable[Mapping[str, Any]]) -> dict[Option, str]:
    """As Elastic Beanstalk gives them, without those that have no value."""
    return {
        (each["Namespace"], each["OptionName"]): each["Value"]
        for each in settings
        if each.get("Value")
    }


def _listener(config: Config, certificate_arn: str) -> dict[Option, str]:
    if not config.domain or not certificate_arn:
        return {}
    return {
        (HTTPS_LISTENER, "ListenerEnabled"): "true",
        (HTTPS_LISTENER, "Protocol"): "HTTPS",
        (HTTPS_LISTENER, "SSLCertificateArns"): certificate_arn,
        (HTTPS_LISTENER, "SSLPolicy"): TLS_POLICY,
    }


def _check_size(variables: Mapping[str, str]) -> None:
    size = len(",".join(f"{name}={value}" for name, value in variables.items()).encode())
    if size > MOST_VARIABLE_BYTES:
        raise BadConfig(
            f"The environment variables have {size:,} bytes together, and Elastic Beanstalk takes "
            f"{MOST_VARIABLE_BYTES:,}: shorten environment in deploy.toml."
        )


def _means_the_same(option: Option, wanted: str, standing: str | None) -> bool:
    return standing is not None and _canonical(option, wanted) == _canonical(option, standing)


def _canonical(option: Option, value: str) -> object:
    if option[0] in EXACT:
        return value
    if option in ROLES:
        return value.rpartition("/")[2]
    parts = [part.strip().lower() for part in value.split(",")]
    return sorted(parts) if option in UNORDERED else parts
