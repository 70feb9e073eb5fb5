"""What stands in every region, side by side, and where it is otherwise than it should be."""

import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from rich.console import RenderableType

from gtsite.deploy.aws import Aws
from gtsite.deploy.beanstalk import EnvironmentState
from gtsite.deploy.bundle import LABEL
from gtsite.deploy.config import Config
from gtsite.deploy.errors import DeployError
from gtsite.deploy.options import Difference
from gtsite.deploy.preflight import Identity, find_platform
from gtsite.deploy.regional_plans import find_differences, find_environment
from gtsite.deploy.routing import Route, find_routes
from gtsite.deploy.steps import Area
from gtsite.deploy.turns import named
from gtsite.deploy.waiting import Patience
from gtsite.management.deploying.acting import right_account
from gtsite.management.deploying.planning import (
    NOBODY,
    DeploymentPlan,
    Request,
    plan_as,
)
from gtsite.management.deploying.reports import (
    SHARED,
    address_table,
    bulleted,
    step_sentence,
)
from gtsite.management.deploying.side_by_side import begin, side_by_side
from gtsite.management.deploying.tables import TableHome, find_replica
from gtsite.management.rendering import lines, table
from gtsite.wording import NOTHING, listed

GIT_SECONDS = 10
NO_WAITING = Patience(poll_seconds=0, longest_seconds=0)


@dataclass(frozen=True, slots=True, kw_only=True)
class RegionLook:
    """One region as it stood a moment ago. `silence` says why Elastic Beanstalk did not answer.

    `ahead` is how many commits HEAD has that it has not, None where git does not know its commit.
    `newer_platform` is '' where there is none.
    """

    region: str
    environment: EnvironmentState | None = None
    silence: str = ""
    newer_platform: str = ""
    replica: str = ""
    route: Route | None = None
    ahead: int | None = None
    different: tuple[Difference, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """All regions, and in sentences what is otherwise than it should be."""

    config: Config
    identity: Identity
    regions: tuple[RegionLook, ...]
    drift: tuple[str, ...]
    notes: tuple[str, ...]


def look(request: Request, aws: Aws, home: TableHome) -> Look:
    """Asks everybody; who does not answer is a gap and not a failure.

    Raises `WrongAccount`, `CredentialsMissing` and `CredentialsRefused`, and what keeps the account
    unknown.
    """
    config = request.config
    identity = right_account(config, aws)
    planned = begin(partial(plan_as, identity, request, aws, home, NO_WAITING))
    routed = begin(partial(_routes, config, aws))
    looks = side_by_side(
        {
            region: partial(_look_at, request, identity, region, aws, home)
            for region in config.regions
        }
    )
    (routes, silence), plan = routed.result(), planned.result()
    regions = tuple(replace(each, route=routes.get(each.region)) for each in looks.values())
    return Look(
        config=config,
        identity=identity,
        regions=regions,
        drift=tuple(dict.fromkeys(_drift(plan, regions))),
        notes=tuple(each for each in (silence, *plan.notes) if each),
    )


def as_lines(found: Look) -> list[str]:
    shown = table(
        f"{found.config.application} in account {found.identity.account}",
        *("Region", "Version", "Behind", "Status", "Health", "Replica", "Route 53"),
        right=("Behind",),
    )
    for each in found.regions:
        shown.add_row(*_row(found.config, each))
    parts: list[RenderableType] = [shown, *_places(found)]
    if any(each.ahead for each in found.regions):
        parts += ["", "Behind: commits that HEAD has and the version has not."]
    parts += bulleted("Otherwise than it should be", "!", found.drift)
    parts += bulleted("Good to know", "·", found.notes)
    return lines(*parts)


def as_data(found: Look) -> dict[str, Any]:
    return {
        "account": found.identity.account,
        "application": found.config.application,
        "domain": found.config.domain,
        "regions": [_region_data(each) for each in found.regions],
        "drift": list(found.drift),
        "notes": list(found.notes),
    }


def _look_at(
    request: Request, identity: Identity, region: str, aws: Aws, home: TableHome
) -> RegionLook:
    replica = find_replica(request.config, region, home.control)
    seen = RegionLook(region=region, replica=replica)
    try:
        environment = find_environment(request.config, region, aws)
        if environment is None:
            return seen
        platform = find_platform(aws, region)
        different = find_differences(request.config, identity, region, aws)
    except NOBODY:
        raise
    except DeployError as error:
        return replace(seen, silence=str(error))
    return replace(
        seen,
        environment=environment,
        different=different,
        newer_platform=platform if platform != environment.platform else "",
        ahead=commits_ahead(request.project, environment.version),
    )


def commits_ahead(project: Path, label: str) -> int | None:
    """How many commits HEAD has that the version of that label has not."""
    if not label.startswith(LABEL):
        return None
    try:
        done = subprocess.run(
            ["git", "-C", project, "rev-list", "--count", f"{label.removeprefix(LABEL)}..HEAD"],
            capture_output=True,
            check=False,
            stdin=subprocess.DEVNULL,
            timeout=GIT_SECONDS,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return int(done.stdout) if done.returncode == 0 else None


def _routes(config: Config, aws: Aws) -> tuple[dict[str, Route], str]:
    """By region; and why they are not known."""
    try:
        return {each.region: each for each in find_routes(config, aws)}, ""
    except NOBODY:
        raise
    except DeployError as error:
        return {}, str(error)


def _drift(plan: DeploymentPlan, regions: Sequence[RegionLook]) -> Iterator[str]:
    """Who is silent, what another deployment of what runs would change, and what is in its way.

    No more than the silent ones where nothing stands.
    """
    yield from (each.silence for each in regions if each.silence)
    there = {each.region: each.environment for each in regions if each.environment}
    if not there:
        return
    yield from _versions(there)
    for step in plan.steps:
        if step.area in SHARED:
            yield step_sentence(step)
    for each in regions:
        if each.different:
            yield f"{each.region}: {named(each.different)} stands otherwise"
    yield from (each.said for each in plan.problems if each.area is not Area.VERSION)


def _versions(there: Mapping[str, EnvironmentState]) -> Iterator[str]:
    where: dict[str, list[str]] = {}
    for region, environment in there.items():
        where.setdefault(environment.version or NOTHING, []).append(region)
    if len(where) > 1:
        said = (f"{version} in {listed(regions)}" for version, regions in where.items())
        yield f"the versions differ: {'; '.join(said)}"


def _row(config: Config, each: RegionLook) -> tuple[str, ...]:
    environment = each.environment
    ends = (each.replica, _way(config, each))
    if environment is None:
        status = "silent" if each.silence else "none"
        return (each.region, NOTHING, NOTHING, status, NOTHING, *ends)
    behind = NOTHING if each.ahead is None else str(each.ahead)
    health = f"{environment.health} {environment.health_status}".strip()
    return (each.region, environment.version, behind, environment.status, health, *ends)


def _way(config: Config, each: RegionLook) -> str:
    """What Route 53 does with visitors who are near the region."""
    if not config.domain:
        return "no domain"
    route = each.route
    if route is None:
        return "no record"
    if route.is_evacuated:
        return "evacuated"
    said: Mapping[bool | None, str] = {True: "healthy", False: "unhealthy", None: "unknown"}
    return said[route.is_healthy]


def _places(found: Look) -> list[RenderableType]:
    there = [each for each in found.regions if each.environment]
    if not there:
        answered = not any(each.silence for each in found.regions)
        return ["", "No environment stands: manage.py deploy up makes them."] if answered else []
    addresses = {each.region: each.environment.url for each in there if each.environment}
    where: dict[str, list[str]] = {}
    for each in there:
        if each.environment:
            where.setdefault(_release(each.environment.platform), []).append(each.region)
    said = "; ".join(f"{platform} in {listed(regions)}" for platform, regions in where.items())
    return ["", address_table(addresses), "", f"Platform: {said}"]


def _release(platform: str) -> str:
    """`v4.10.0 Python 3.13` of a solution stack's long name."""
    return platform.replace("64bit Amazon Linux 2023 ", "").replace(" running ", " ")


def _region_data(each: RegionLook) -> dict[str, Any]:
    environment, route = each.environment, each.route
    return {
        "region": each.region,
        "silence": each.silence,
        "version": environment.version if environment else None,
        "commits_behind": each.ahead,
        "status": environment.status if environment else None,
        "health": environment.health if environment else None,
        "health_status": environment.health_status if environment else None,
        "platform": environment.platform if environment else None,
        "newer_platform": each.newer_platform,
        "url": environment.url if environment else None,
        "replica": each.replica,
        "route": {
            "target": route.target,
            "is_evacuated": route.is_evacuated,
            "is_healthy": route.is_healthy,
        }
        if route
        else None,
    }
