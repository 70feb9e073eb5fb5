"""Takes down what this command made, in the order in which nothing is left hanging."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from rich.console import RenderableType

from gtsite.deploy.aws import Aws
from gtsite.deploy.certificates import find_own_certificates, remove_certificates
from gtsite.deploy.checks import find_checks
from gtsite.deploy.config import Config
from gtsite.deploy.preflight import Identity
from gtsite.deploy.roles import find_own_roles, remove_roles
from gtsite.deploy.routing import left_out, plan_routing, remove_routing
from gtsite.deploy.secret import find_secret_arns, remove_secret
from gtsite.deploy.steps import Area, Findings, Step, Tell
from gtsite.deploy.teardown import plan_removal as plan_environment_removal
from gtsite.deploy.teardown import remove_environments
from gtsite.deploy.waiting import Patience
from gtsite.management.deploying.acting import right_account
from gtsite.management.deploying.planning import guarded
from gtsite.management.deploying.reports import (
    about,
    bulleted,
    step_data,
    steps_table,
)
from gtsite.management.deploying.running import Taken, exit_code, take
from gtsite.management.deploying.side_by_side import side_by_side
from gtsite.management.deploying.tables import TableHome, plan_table_removal
from gtsite.management.rendering import lines
from gtsite.wording import counted, listed


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What is to go: all of it, or `only` some regions and nothing that the others share.

    `table_name` is '' to keep the table.
    """

    table_name: str = ""
    with_secret: bool = False
    only: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """What is to be removed of one part: `findings` say it, `acts` do it, maybe all at once."""

    findings: Findings
    acts: tuple[Step, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class RemovalPlan:
    """Whose, what, and in which order; `kept` is what stays and why, in sentences."""

    config: Config
    identity: Identity
    parts: tuple[Part, ...]
    kept: tuple[str, ...]

    @property
    def findings(self) -> Findings:
        return sum((each.findings for each in self.parts), start=Findings())

    @property
    def steps(self) -> tuple[Step, ...]:
        """As a plan shows them."""
        return self.findings.steps

    @property
    def acts(self) -> tuple[Step, ...]:
        """As they are carried out."""
        return tuple(act for part in self.parts for act in part.acts)


@dataclass(frozen=True, slots=True, kw_only=True)
class Removed:
    """How far a plan went."""

    plan: RemovalPlan
    taken: Taken

    @property
    def code(self) -> int:
        return exit_code(self.taken, changed=bool(self.taken.done))


def plan_removal(
    config: Config, wanted: Wanted, aws: Aws, table: TableHome, patience: Patience
) -> RemovalPlan:
    """Looks for what is there, and changes nothing. Raises `CredentialsMissing` and its like.

    Visitors are led away first; what a running environment uses goes after it.
    """
    identity = right_account(config, aws)
    parts: dict[Area, Callable[[], Part]]
    if wanted.only:
        parts = {
            Area.ROUTING: partial(_ways_into, wanted.only, config, identity, aws, patience),
            Area.ENVIRONMENT: partial(_environments, wanted.only, config, aws, patience),
        }
    else:
        parts = {
            Area.ROUTING: partial(_routing, config, aws, patience),
            Area.ENVIRONMENT: partial(_environments, config.regions, config, aws, patience),
            Area.CERTIFICATE: partial(_certificates, config, aws, patience),
            Area.ROLES: partial(_roles, config, aws),
            Area.TABLE: partial(_table, config, wanted, table),
            Area.SECRET: partial(_secret, config, wanted, aws, patience),
        }
    found = side_by_side({area: partial(_guarded, area, part) for area, part in parts.items()})
    return RemovalPlan(
        config=config,
        identity=identity,
        parts=tuple(found.values()),
        kept=tuple(_kept(config, wanted)),
    )


def carry_out(plan: RemovalPlan, tell: Tell) -> Removed:
    """Part by part; what is done stands, and another run goes on from there."""
    return Removed(plan=plan, taken=take(plan.acts, lambda act: act.carry_out(tell)))


def _guarded(area: Area, part: Callable[[], Part]) -> Part:
    found: list[Part] = []

    def ask() -> Findings:
        found.append(part())
        return found[0].findings

    findings = guarded(area, ask)
    return found[0] if found else Part(findings=findings, acts=())


def plan_lines(plan: RemovalPlan) -> list[str]:
    parts: list[RenderableType] = [about(plan.config, plan.identity, None, plan.config.regions)]
    nothing = "Nothing to remove: nothing of this deployment is there."
    parts += ["", steps_table(plan.steps, "To be removed") if plan.steps else nothing]
    parts += bulleted("Good to know", "·", plan.findings.notes)
    parts += bulleted("What stays", "·", plan.kept)
    parts += bulleted("In the way", "!", [each.said for each in plan.findings.problems])
    return lines(*parts)


def plan_data(plan: RemovalPlan) -> dict[str, Any]:
    return {
        "changed": False,
        "account": plan.identity.account,
        "application": plan.config.application,
        "steps": [step_data(each) for each in plan.steps],
        "problems": [each.said for each in plan.findings.problems],
        "kept": list(plan.kept),
    }


def removed_lines(removed: Removed) -> list[str]:
    done = removed.taken.done
    parts: list[RenderableType] = [steps_table(done, "Removed")] if done else []
    parts += bulleted("What stays", "·", removed.plan.kept) if removed.taken.passed else []
    return lines(*parts)


def removed_data(removed: Removed) -> dict[str, Any]:
    return {
        **plan_data(removed.plan),
        "changed": bool(removed.taken.done),
        "failure": removed.taken.failure,
        "interrupted": removed.taken.interrupted,
        "steps_done": [step_data(each) for each in removed.taken.done],
    }


def what_next(removed: Removed) -> str:
    """One sentence for whoever has to go on; '' when nothing is left to do."""
    if removed.taken.passed:
        return ""
    again = "Run the same command again: it goes on from there."
    if removed.taken.interrupted:
        return f"Stopped; what AWS was asked for goes on by itself. {again}"
    return f"{removed.taken.failure} {again}"


def _routing(config: Config, aws: Aws, patience: Patience) -> Part:
    checks = find_checks(config, aws)
    domains = sorted({config.domain, *(each.domain for each in checks)} - {""})
    names = f"take every region out of {listed(domains)} and " if domains else ""
    part = _part(
        Area.ROUTING,
        f"{names}delete {counted(len(checks), 'health check')}" if checks else "",
        lambda tell: remove_routing(config, aws, tell, patience=patience),
    )
    forgotten = Findings(problems=left_out(checks, config.regions))
    return replace(part, findings=part.findings + forgotten)


def _ways_into(
    leaving: Sequence[str], config: Config, identity: Identity, aws: Aws, patience: Patience
) -> Part:
    """The records and checks of some regions; those of the others stay."""
    led_to = {each.region for each in find_checks(config, aws)}
    if not led_to & set(leaving):
        return Part(findings=Findings(), acts=())
    staying = tuple(each for each in config.regions if each in led_to - set(leaving))
    if not staying:
        return _routing(config, aws, patience)
    left = replace(config, regions=staying)
    found = plan_routing(left, identity, aws, may_leave=True, patience=patience)
    found = replace(found, notes=())
    return Part(findings=found, acts=found.steps)


def _environments(asked: Sequence[str], config: Config, aws: Aws, patience: Patience) -> Part:
    """All regions at once: they take many minutes each, and nobody waits for another."""
    findings = plan_environment_removal(config, asked, aws)
    regions = tuple(dict.fromkeys(each.region for each in findings.steps))
    act = _part(
        Area.ENVIRONMENT,
        f"end {config.application} in {listed(regions)}" if regions else "",
        lambda tell: remove_environments(config, regions, aws, patience, tell),
    )
    return replace(act, findings=findings)


def _certificates(config: Config, aws: Aws, patience: Patience) -> Part:
    where = listed([each.region for each in find_own_certificates(config, aws)])
    return _part(
        Area.CERTIFICATE,
        f"delete the certificates in {where}, and their proof in Route 53" if where else "",
        lambda tell: remove_certificates(config, aws, tell, patience=patience),
    )


def _roles(config: Config, aws: Aws) -> Part:
    found = listed(find_own_roles(config, aws))
    return _part(
        Area.ROLES, f"delete {found}" if found else "", lambda tell: remove_roles(config, aws, tell)
    )


def _table(config: Config, wanted: Wanted, table: TableHome) -> Part:
    found = plan_table_removal(config, table) if wanted.table_name else Findings()
    return Part(findings=found, acts=found.steps)


def _secret(config: Config, wanted: Wanted, aws: Aws, patience: Patience) -> Part:
    is_there = wanted.with_secret and bool(find_secret_arns(config, aws))
    return _part(
        Area.SECRET,
        f"have {config.secret} deleted in 30 days" if is_there else "",
        lambda tell: remove_secret(config, aws, tell, patience),
    )


def _kept(config: Config, wanted: Wanted) -> Iterator[str]:
    if wanted.only:
        yield "What the other regions share: certificates, roles, the table and the secret."
    elif not wanted.table_name:
        yield (
            f"The table {config.table} and its items: manage.py deploy down --with-data "
            f"{config.table} deletes them."
        )
    if not wanted.only and not wanted.with_secret:
        yield f"The secret {config.secret}: --with-secret has it deleted in 30 days."
    yield "Elastic Beanstalk's own bucket in each region, and the logs in CloudWatch."


def _part(area: Area, sentence: str, carry_out: Callable[[Tell], None]) -> Part:
    """One step; nothing to do without a sentence."""
    step = Step(area=area, sentence=sentence, carry_out=carry_out)
    steps = (step,) if sentence else ()
    return Part(findings=Findings(steps=steps), acts=steps)
