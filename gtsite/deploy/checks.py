"""The health checks of Route 53, one a region: which are ours, what they ask, what they found.

A check is known by its caller reference, `<application>/<region>/<random>`: it is given in the
call that makes the check, so one that was interrupted before its tags were put on is found too.
"""

import re
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gtsite.deploy.aws import Aws
from gtsite.deploy.config import Config
from gtsite.deploy.errors import AccessDenied, Refused
from gtsite.deploy.waiting import READY_PATH

CHECK_INTERVAL_SECONDS = 10
CHECK_FAILURES = 3
HEALTHY_SHARE = 0.18
"""Route 53 takes a target for healthy while more than this share of its checkers says so."""
FIXED = frozenset({"Type", "RequestInterval"})
"""Settings that a check keeps for life."""
DOMAIN_TAG = "meridian:domain"
TAGS_AT_ONCE = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One health check of ours. `settings` is what Route 53 calls its config."""

    id: str
    region: str
    settings: Mapping[str, Any]
    tags: Mapping[str, str]

    @property
    def target(self) -> str:
        """The host that is asked."""
        return str(self.settings.get("FullyQualifiedDomainName", ""))

    @property
    def domain(self) -> str:
        """Whose records it was last made for; '' if that was never written down."""
        return self.tags.get(DOMAIN_TAG, "")

    @property
    def is_evacuated(self) -> bool:
        """Whether its finding is turned round, so that a healthy region counts as unhealthy."""
        return bool(self.settings.get("Inverted"))

    @property
    def is_disabled(self) -> bool:
        """Whether nobody looks: Route 53 then assumes healthy, and turns round even that."""
        return bool(self.settings.get("Disabled"))


def check_settings(target: str) -> dict[str, Any]:
    """What a check of that host asks, and how often.

    Route 53 does not mind which certificate it is shown. The load balancer has one for the
    domain only, so naming the host in the handshake would but cost a second handshake.
    """
    return {
        "Type": "HTTPS",
        "FullyQualifiedDomainName": target,
        "Port": 443,
        "ResourcePath": READY_PATH,
        "RequestInterval": CHECK_INTERVAL_SECONDS,
        "FailureThreshold": CHECK_FAILURES,
        "EnableSNI": False,
    }


def check_tags(config: Config, region: str) -> dict[str, str]:
    """What marks a check, for people and policies; `Name` is what the console shows."""
    ours = {each["Key"]: each["Value"] for each in config.tags}
    return {**ours, "Name": config.environment_name(region), DOMAIN_TAG: config.domain}


def find_checks(config: Config, aws: Aws) -> list[Check]:
    """Every check of this application, by region; of several in one region the evacuated first.

    Without a domain the deployer may not be allowed to look, and then there is nothing to find.
    """
    try:
        ours = _listed(config, aws)
    except AccessDenied:
        if config.domain:
            raise
        return []
    tags = _tags_of([each["Id"] for each in ours], aws)
    checks = [
        Check(
            id=each["Id"],
            region=each["CallerReference"].split("/")[1],
            settings=each["HealthCheckConfig"],
            tags=tags[each["Id"]],
        )
        for each in ours
    ]
    return sorted(checks, key=lambda check: (check.region, not check.is_evacuated, check.id))


def _listed(config: Config, aws: Aws) -> list[dict[str, Any]]:
    pattern = re.compile(rf"{config.application}/[^/]+/[^/]+")
    return [
        each
        for each in aws.pages("route53", "", "list_health_checks", "HealthChecks")
        if pattern.fullmatch(each["CallerReference"])
    ]


def _tags_of(numbers: Sequence[str], aws: Aws) -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = {number: {} for number in numbers}
    for start in range(0, len(numbers), TAGS_AT_ONCE):
        answer = aws.ask(
            "route53",
            "",
            "list_tags_for_resources",
            ResourceType="healthcheck",
            ResourceIds=numbers[start : start + TAGS_AT_ONCE],
        )
        for each in answer["ResourceTagSets"]:
            pairs = {tag["Key"]: tag.get("Value", "") for tag in each.get("Tags", ())}
            found[each["ResourceId"]] = pairs
    return found


def changed_settings(check: Check, target: str) -> dict[str, Any]:
    """What a check asks otherwise than it should, as it should be; fixed settings left out."""
    wanted = check_settings(target)
    return {
        name: value
        for name, value in wanted.items()
        if name not in FIXED and check.settings.get(name) != value
    }


def create_check(config: Config, region: str, target: str, aws: Aws) -> None:
    """A new check with a reference of its own: Route 53 refuses that of a deleted one for days.

    The SDK repeats the reference when it tries again, so a lost answer makes no second check.
    """
    answer = aws.ask(
        "route53",
        "",
        "create_health_check",
        CallerReference=f"{config.application}/{region}/{secrets.token_hex(8)}",
        HealthCheckConfig=check_settings(target),
    )
    tag_check(answer["HealthCheck"]["Id"], check_tags(config, region), aws)


def update_check(check: Check, changes: Mapping[str, Any], aws: Aws) -> None:
    """Changes some settings of a check and leaves all others as they are."""
    aws.ask("route53", "", "update_health_check", HealthCheckId=check.id, **changes)


def tag_check(number: str, tags: Mapping[str, str], aws: Aws) -> None:
    aws.ask(
        "route53",
        "",
        "change_tags_for_resource",
        ResourceType="healthcheck",
        ResourceId=number,
        AddTags=[{"Key": key, "Value": value} for key, value in tags.items()],
    )


def delete_check(check: Check, aws: Aws) -> None:
    """Removes a check, which no record may need any more: Route 53 does not look."""
    try:
        aws.ask("route53", "", "delete_health_check", HealthCheckId=check.id)
    except Refused as refusal:
        if refusal.code != "NoSuchHealthCheck":
            raise


def is_healthy(check: Check, aws: Aws) -> bool | None:
    """What Route 53 makes of its checkers' findings; None where there are none."""
    if check.is_disabled or check.is_evacuated:
        return None
    answer = aws.ask("route53", "", "get_health_check_status", HealthCheckId=check.id)
    return judged([each["StatusReport"]["Status"] for each in answer["HealthCheckObservations"]])


def judged(statuses: Sequence[str]) -> bool | None:
    """`Success: …` or `Failure: …` of every checker, as Route 53 puts them together."""
    good = sum(each.startswith("Success") for each in statuses)
    bad = sum(each.startswith("Failure") for each in statuses)
    return good / (good + bad) > HEALTHY_SHARE if good + bad else None
