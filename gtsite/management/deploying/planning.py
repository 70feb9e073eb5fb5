"""What a deployment would do: every part asked side by side, and all that it found in one plan."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from gtsite.deploy.aws import Aws
from gtsite.deploy.bundle import Bundle, BundleError, make_bundle, plan_bundle
from gtsite.deploy.certificates import plan_certificates
from gtsite.deploy.config import Config
from gtsite.deploy.errors import CredentialsMissing, CredentialsRefused, DeployError
from gtsite.deploy.preflight import Identity, check_start, find_identity
from gtsite.deploy.regional_plans import RegionPlan, plan_regions
from gtsite.deploy.roles import plan_roles
from gtsite.deploy.routing import plan_routing
from gtsite.deploy.secret import plan_secret
from gtsite.deploy.steps import Area, Findings, Problem, Step
from gtsite.deploy.waiting import Patience
from gtsite.management.deploying.side_by_side import side_by_side
from gtsite.management.deploying.tables import TableHome, plan_tables

NOBODY = (CredentialsMissing, CredentialsRefused)
Part = Callable[[], Findings]


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What is to be deployed: a commit of the project, to all regions or to `only` some."""

    config: Config
    project: Path
    revision: str = "HEAD"
    only: tuple[str, ...] = ()

    @property
    def regions(self) -> tuple[str, ...]:
        """Those of this run, in the config's order."""
        return tuple(each for each in self.config.regions if not self.only or each in self.only)


@dataclass(frozen=True, slots=True, kw_only=True)
class DeploymentPlan:
    """All that was found, in the order it is carried out: `before`, the regions, `routing`.

    `bundle` is None where there is no commit to deploy; then, or where `start` has problems,
    nothing else was asked.
    """

    request: Request
    identity: Identity
    bundle: Bundle | None
    start: Findings
    before: Findings = field(default_factory=Findings)
    regions: tuple[RegionPlan, ...] = ()
    routing: Findings = field(default_factory=Findings)

    @property
    def findings(self) -> Findings:
        """Every part's, in order."""
        total = self.start + self.before
        for each in self.regions:
            total += each.findings
        return total + self.routing

    @property
    def problems(self) -> tuple[Problem, ...]:
        """Each sentence once, though several parts may have met the same trouble."""
        said = {each.said: each for each in reversed(self.findings.problems)}
        return tuple(reversed(said.values()))

    @property
    def notes(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(self.findings.notes))

    @property
    def steps(self) -> tuple[Step, ...]:
        return self.findings.steps

    @property
    def is_empty(self) -> bool:
        return not self.steps


def make_plan(request: Request, aws: Aws, table: TableHome, patience: Patience) -> DeploymentPlan:
    """Looks everywhere and changes nothing.

    Raises `CredentialsMissing` and `CredentialsRefused`, and what keeps the account's name from
    being found out; what else goes wrong is a problem of the plan.
    """
    identity = find_identity(aws, request.config.home)
    return plan_as(identity, request, aws, table, patience)


def plan_as(
    identity: Identity, request: Request, aws: Aws, table: TableHome, patience: Patience
) -> DeploymentPlan:
    """The same for whoever knows whose credentials these are."""
    check = partial(check_start, request.config, identity, aws)
    start = side_by_side({Area.START: partial(guarded, Area.START, check)})[Area.START]
    start += Findings(notes=_notes(request.config))
    bundle, found = _bundle(request)
    plan = DeploymentPlan(request=request, identity=identity, bundle=bundle, start=start + found)
    if bundle is None or start.problems:
        return plan
    return _asked(plan, bundle, aws, table, patience)


def guarded(area: Area, part: Part) -> Findings:
    """The part's findings; what goes wrong in it is a problem, but for the credentials."""
    try:
        return part()
    except NOBODY:
        raise
    except DeployError as error:
        return Findings(problems=(Problem(area=area, sentence=str(error)),))


def _asked(
    plan: DeploymentPlan, bundle: Bundle, aws: Aws, table: TableHome, patience: Patience
) -> DeploymentPlan:
    """The plan with what AWS says of each part, all asked at once."""
    request, identity = plan.request, plan.identity
    config = request.config
    regions: list[RegionPlan] = []

    def ask_regions() -> Findings:
        regions.extend(plan_regions(config, identity, bundle, aws, only=request.only))
        return Findings()

    parts: dict[Area, Part] = {
        Area.TABLE: partial(plan_tables, config, table),
        Area.SECRET: partial(plan_secret, config, aws),
        Area.ROLES: partial(plan_roles, config, identity, aws),
        Area.CERTIFICATE: partial(plan_certificates, config, aws, patience=patience),
        Area.ENVIRONMENT: ask_regions,
        Area.ROUTING: partial(
            plan_routing, config, identity, aws, only=request.only, patience=patience
        ),
    }
    found = side_by_side({area: partial(guarded, area, part) for area, part in parts.items()})
    routing = found.pop(Area.ROUTING)
    before = Findings()
    for each in found.values():
        before += each
    return DeploymentPlan(
        request=request,
        identity=identity,
        bundle=bundle,
        start=plan.start,
        before=before,
        regions=tuple(regions),
        routing=routing,
    )


def _bundle(request: Request) -> tuple[Bundle | None, Findings]:
    try:
        bundle = make_bundle(request.project, request.revision)
        return bundle, plan_bundle(request.project, bundle)
    except BundleError as error:
        return None, Findings(problems=(Problem(area=Area.VERSION, sentence=str(error)),))


def _notes(config: Config) -> tuple[str, ...]:
    if config.domain:
        return ()
    note = (
        "There is no domain: each region serves at its own address by plain HTTP, and visitors of "
        "a region that is lost are not sent elsewhere."
    )
    return (note,)
