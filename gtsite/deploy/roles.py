"""The roles of a deployment: the instances' own, in a profile, and Elastic Beanstalk's.

Both are made once for all regions. What carries a name of ours without our tag is somebody
else's and is left alone.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from gtsite.deploy.aws import Aws
from gtsite.deploy.config import Config
from gtsite.deploy.errors import DeployError, OutOfPatience, Refused
from gtsite.deploy.policies import (
    SERVICE_POLICIES,
    Document,
    instance_policy,
    instance_trust,
    service_trust,
)
from gtsite.deploy.preflight import Identity
from gtsite.deploy.steps import Area, Findings, Kind, News, Problem, Step, Tell
from gtsite.deploy.waiting import Patience, wait_until

MISSING = "NoSuchEntity"
EXISTS = "EntityAlreadyExists"
FULL = "LimitExceeded"
PATIENCE = Patience(poll_seconds=2, longest_seconds=60)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Role:
    """One role as it should be. `inline` is its own document, `attached` are AWS's."""

    name: str
    purpose: str
    trust: Document
    inline: Document | None = None
    attached: tuple[str, ...] = ()


def plan_roles(config: Config, identity: Identity, aws: Aws) -> Findings:
    """What has to be made or mended before an environment can start."""
    instance, service = _roles(config, identity.account)
    return sum(
        (
            _plan_role(config, aws, instance),
            _plan_profile(config, aws),
            _plan_role(config, aws, service),
        ),
        start=Findings(),
    )


def find_own_roles(config: Config, aws: Aws) -> tuple[str, ...]:
    """What `remove_roles` would remove, as sentences call it."""
    profile = _find(aws, "get_instance_profile", InstanceProfileName=config.instance_role)
    has_profile = profile is not None and _is_ours(config, profile["InstanceProfile"])
    roles = []
    for name in (config.instance_role, config.service_role):
        found = _find(aws, "get_role", RoleName=name)
        if found is not None and _is_ours(config, found["Role"]):
            roles.append(f"the role {name}")
    return (*roles, *([f"the instance profile {config.instance_role}"] if has_profile else []))


def remove_roles(config: Config, aws: Aws, tell: Tell) -> None:
    """Both roles and the profile, as far as they carry this deployment's tag.

    Environments have to be gone. Going on after an interruption removes what is left.
    """
    _remove_profile(config, aws, tell)
    for name in (config.instance_role, config.service_role):
        _remove_role(config, aws, name, tell)


def _roles(config: Config, account: str) -> tuple[_Role, _Role]:
    instance = _Role(
        name=config.instance_role,
        purpose=f"The instances of {config.application}: table, secret, logs",
        trust=instance_trust(),
        inline=instance_policy(config, account),
    )
    service = _Role(
        name=config.service_role,
        purpose=f"Elastic Beanstalk, for {config.application}: health and platform updates",
        trust=service_trust(),
        attached=SERVICE_POLICIES,
    )
    return instance, service


# Roles


def _plan_role(config: Config, aws: Aws, role: _Role) -> Findings:
    found = _find(aws, "get_role", RoleName=role.name)
    if found is None:
        making = f"create the role {role.name}"
        return Findings(steps=(_step(making, partial(_make_role, config, aws, role)),))
    if not _is_ours(config, found["Role"]):
        return _stranger("role", role.name, config)
    due = {
        f"mend who may take the role {role.name}": (
            found["Role"]["AssumeRolePolicyDocument"] != role.trust
        ),
        f"update what {role.name} may do": not _has_inline(config, aws, role),
        f"attach the policies of Elastic Beanstalk to {role.name}": bool(_unattached(aws, role)),
    }
    make = partial(_make_role, config, aws, role)
    return Findings(steps=tuple(_step(order, make) for order, is_due in due.items() if is_due))


def _make_role(config: Config, aws: Aws, role: _Role, tell: Tell) -> None:
    """The whole role, whatever there is of it already."""
    _unless_there(
        aws,
        "create_role",
        RoleName=role.name,
        Description=role.purpose,
        AssumeRolePolicyDocument=json.dumps(role.trust),
        Tags=config.tags,
    )
    found = _wait_for(aws, "get_role", RoleName=role.name)["Role"]
    _check_ours(config, "role", role.name, found)
    if found["AssumeRolePolicyDocument"] != role.trust:
        trust = json.dumps(role.trust)
        _ask(aws, "update_assume_role_policy", RoleName=role.name, PolicyDocument=trust)
    if not _has_inline(config, aws, role):
        _ask(
            aws,
            "put_role_policy",
            RoleName=role.name,
            PolicyName=config.application,
            PolicyDocument=json.dumps(role.inline, separators=(",", ":")),
        )
    for arn in _unattached(aws, role):
        _ask(aws, "attach_role_policy", RoleName=role.name, PolicyArn=arn)
    tell(News(kind=Kind.DONE, sentence=f"The role {role.name} is as it should be."))


def _has_inline(config: Config, aws: Aws, role: _Role) -> bool:
    """Compared as documents: blanks and the order of keys mean nothing."""
    if role.inline is None:
        return True
    found = _find(aws, "get_role_policy", RoleName=role.name, PolicyName=config.application)
    return found is not None and found["PolicyDocument"] == role.inline


def _unattached(aws: Aws, role: _Role) -> list[str]:
    if not role.attached:
        return []
    listed = aws.pages(
        "iam", "", "list_attached_role_policies", "AttachedPolicies", RoleName=role.name
    )
    there = {each["PolicyArn"] for each in listed}
    return [arn for arn in role.attached if arn not in there]


def _remove_role(config: Config, aws: Aws, name: str, tell: Tell) -> None:
    found = _find(aws, "get_role", RoleName=name)
    if found is None:
        return
    if not _is_ours(config, found["Role"]):
        tell(_left_alone("role", name))
        return
    attached = aws.pages(
        "iam", "", "list_attached_role_policies", "AttachedPolicies", RoleName=name
    )
    for each in list(attached):
        arn = each["PolicyArn"]
        _unless_missing(aws, "detach_role_policy", RoleName=name, PolicyArn=arn)
    for policy in list(aws.pages("iam", "", "list_role_policies", "PolicyNames", RoleName=name)):
        _unless_missing(aws, "delete_role_policy", RoleName=name, PolicyName=policy)
    _unless_missing(aws, "delete_role", RoleName=name)
    tell(News(kind=Kind.DONE, sentence=f"The role {name} is gone."))


# The instance profile


def _plan_profile(config: Config, aws: Aws) -> Findings:
    name = config.instance_role
    make = partial(_make_profile, config, aws)
    found = _find(aws, "get_instance_profile", InstanceProfileName=name)
    if found is None:
        return Findings(steps=(_step(f"create the instance profile {name}", make),))
    profile = found["InstanceProfile"]
    if not _is_ours(config, profile):
        return _stranger("instance profile", name, config)
    held = [each["RoleName"] for each in profile["Roles"]]
    if held == [name]:
        return Findings()
    if held:
        return _problem(_holds_another(name, held[0]))
    return Findings(steps=(_step(f"put the role {name} into its instance profile", make),))


def _make_profile(config: Config, aws: Aws, tell: Tell) -> None:
    name = config.instance_role
    _unless_there(aws, "create_instance_profile", InstanceProfileName=name, Tags=config.tags)
    found = _wait_for(aws, "get_instance_profile", InstanceProfileName=name)["InstanceProfile"]
    _check_ours(config, "instance profile", name, found)
    held = [each["RoleName"] for each in found["Roles"]]
    if held not in ([], [name]):
        raise DeployError(_holds_another(name, held[0]))
    if not held:
        # It has room for one role: full is what it is when an earlier answer was lost.
        _unless(FULL, aws, "add_role_to_instance_profile", InstanceProfileName=name, RoleName=name)
    _wait_for(aws, "get_instance_profile", _holds(name), InstanceProfileName=name)
    tell(News(kind=Kind.DONE, sentence=f"The instance profile {name} holds its role."))


def _holds(name: str) -> Callable[[Mapping[str, Any]], bool]:
    return lambda found: [each["RoleName"] for each in found["InstanceProfile"]["Roles"]] == [name]


def _remove_profile(config: Config, aws: Aws, tell: Tell) -> None:
    name = config.instance_role
    found = _find(aws, "get_instance_profile", InstanceProfileName=name)
    if found is None:
        return
    if not _is_ours(config, found["InstanceProfile"]):
        tell(_left_alone("instance profile", name))
        return
    for role in found["InstanceProfile"]["Roles"]:
        _unless_missing(
            aws,
            "remove_role_from_instance_profile",
            InstanceProfileName=name,
            RoleName=role["RoleName"],
        )
    _unless_missing(aws, "delete_instance_profile", InstanceProfileName=name)
    tell(News(kind=Kind.DONE, sentence=f"The instance profile {name} is gone."))


# Both


def _ask(aws: Aws, operation: str, **request: Any) -> dict[str, Any]:
    return aws.ask("iam", "", operation, **request)


def _unless(code: str, aws: Aws, operation: str, **request: Any) -> dict[str, Any] | None:
    """The answer; None where IAM refuses for that reason."""
    try:
        return _ask(aws, operation, **request)
    except Refused as error:
        if error.code != code:
            raise
        return None


_find = partial(_unless, MISSING)
_unless_missing = partial(_unless, MISSING)
_unless_there = partial(_unless, EXISTS)


def _wait_for(
    aws: Aws,
    operation: str,
    holds: Callable[[Mapping[str, Any]], bool] = lambda _: True,
    **request: str,
) -> dict[str, Any]:
    """What was asked for a moment ago: IAM shows it when it has told all its servers."""
    seen: dict[str, Any] = {}

    def is_shown() -> bool:
        found = _find(aws, operation, **request)
        seen.update(found or {})
        return found is not None and holds(found)

    if not wait_until(is_shown, PATIENCE):
        raise OutOfPatience(
            f"IAM does not show {', '.join(request.values())} after "
            f"{PATIENCE.longest_seconds:g} s: run the command again to go on waiting."
        )
    return seen


def _is_ours(config: Config, found: Mapping[str, Any]) -> bool:
    tags = found.get("Tags", [])
    return all(tag in tags for tag in config.tags)


def _check_ours(config: Config, kind: str, name: str, found: Mapping[str, Any]) -> None:
    """Somebody may have been quicker than this command."""
    if not _is_ours(config, found):
        raise DeployError(_not_ours(kind, name, config))


def _stranger(kind: str, name: str, config: Config) -> Findings:
    return _problem(_not_ours(kind, name, config))


def _not_ours(kind: str, name: str, config: Config) -> str:
    (tag,) = config.tags
    return (
        f"The {kind} {name} exists and was not made by this command: tag it "
        f"{tag['Key']}={tag['Value']} to hand it over, or write another application into "
        "deploy.toml."
    )


def _holds_another(name: str, other: str) -> str:
    return (
        f"The instance profile {name} holds the role {other}: "
        f"aws iam remove-role-from-instance-profile --instance-profile-name {name} "
        f"--role-name {other}, then run the command again."
    )


def _left_alone(kind: str, name: str) -> News:
    sentence = f"The {kind} {name} does not carry this deployment's tag and is left alone."
    return News(kind=Kind.DONE, sentence=sentence)


def _problem(sentence: str) -> Findings:
    return Findings(problems=(Problem(area=Area.ROLES, sentence=sentence),))


def _step(sentence: str, carry_out: Callable[[Tell], None]) -> Step:
    return Step(area=Area.ROLES, sentence=sentence, carry_out=carry_out)
