"""A plan, and how far it was carried out, as lines for people and as data for programs."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from rich.console import RenderableType
from rich.table import Table

from gtsite.deploy.bundle import Bundle
from gtsite.deploy.config import Config
from gtsite.deploy.preflight import Identity
from gtsite.deploy.rollout import Outcome, RegionOutcome, Verdict
from gtsite.deploy.steps import Area, Problem, Step
from gtsite.management.deploying.costs import Cost, cost_drivers
from gtsite.management.deploying.planning import DeploymentPlan
from gtsite.management.deploying.running import Ran
from gtsite.management.rendering import lines, table
from gtsite.wording import NOTHING, counted, listed

SHARED = (Area.TABLE, Area.SECRET, Area.ROLES, Area.CERTIFICATE, Area.ROUTING)
NOT_DEPLOYED = (Verdict.FAILED, Verdict.ROLLED_BACK)
MEGABYTE = 1_000_000

WORDS = {
    Verdict.DEPLOYED: "deployed",
    Verdict.UNCHANGED: "was there already",
    Verdict.ROLLED_BACK: "rolled back",
    Verdict.FAILED: "failed",
    Verdict.UNTOUCHED: "not touched",
    Verdict.INTERRUPTED: "interrupted",
}


def plan_lines(plan: DeploymentPlan, *, costs: bool) -> list[str]:
    """What, where, the steps, what stands, what is billed if asked for, notes, and problems."""
    parts: list[RenderableType] = [
        about(plan.request.config, plan.identity, plan.bundle, plan.request.regions)
    ]
    if plan.bundle is not None and not plan.start.problems:
        if plan.steps or not plan.problems:
            parts += ["", steps_table(plan.steps, "To do") if plan.steps else _nothing(plan)]
        parts += standing(plan)
        parts += ["", _cost_table(_costs(plan))] if costs else []
    parts += bulleted("Good to know", "·", plan.notes)
    parts += bulleted("In the way", "!", [each.said for each in plan.problems])
    return lines(*parts)


def plan_data(plan: DeploymentPlan) -> dict[str, Any]:
    return {
        "changed": False,
        **_about_data(plan),
        "steps": [step_data(each) for each in plan.steps],
        "problems": [
            {"area": each.area, "region": each.region, "sentence": each.sentence}
            for each in plan.problems
        ],
        "notes": list(plan.notes),
        "costs": [
            {"thing": each.thing, "least": each.least, "most": each.most, "billed_by": each.unit}
            for each in _costs(plan)
        ],
    }


def ran_lines(ran: Ran) -> list[str]:
    """What stands where, and where it can be seen."""
    plan = ran.plan
    if ran.passed and plan.is_empty:
        return lines(_nothing(plan))
    parts: list[RenderableType] = []
    if ran.regions:
        addresses = {each.region: each.url for each in ran.regions}
        parts += [outcome_table(ran.regions), "", address_table(addresses)]
    if not ran.passed and not ran.regions:
        parts.append(f"No region was touched; {counted(len(ran.taken.done), 'step')} done before.")
    if not ran.passed:
        parts += outcome_sentences(ran.regions)
    elif plan.request.config.domain:
        parts += ["", f"Visitors come by https://{plan.request.config.domain}"]
    return lines(*parts)


def restart_lines(outcome: Outcome) -> list[str]:
    sentences = [] if outcome.is_good else outcome_sentences(outcome.regions)
    return lines(outcome_table(outcome.regions, restarted=True), *sentences)


def after_restart(outcome: Outcome) -> str:
    """One sentence for whoever has to go on; '' when all is done."""
    if outcome.is_good:
        return ""
    left = [each.region for each in outcome.regions if each.verdict is not Verdict.DEPLOYED]
    stopped = "Stopped. " if outcome.is_interrupted else ""
    return (
        f"{stopped}Not restarted, or not known to be well: {listed(left)}. Go on with manage.py "
        f"deploy restart --only {' '.join(left)}."
    )


def outcome_table(regions: Sequence[RegionOutcome], *, restarted: bool = False) -> Table:
    """What became of each region."""
    shown = table("", "Region", "Outcome", "Version")
    words = WORDS | ({Verdict.DEPLOYED: "restarted"} if restarted else {})
    for each in regions:
        shown.add_row(each.region, words[each.verdict], each.version or NOTHING)
    return shown


def address_table(addresses: Mapping[str, str]) -> Table:
    """Where each region answers by itself, whatever Route 53 says."""
    shown = table("", "Region", "Own address")
    for region, address in addresses.items():
        shown.add_row(region, address or NOTHING)
    return shown


def outcome_sentences(regions: Sequence[RegionOutcome]) -> list[RenderableType]:
    """What stands where, and why."""
    return bulleted("", "·", [f"{each.region}: {each.sentence}" for each in regions])


def outcome_data(regions: Sequence[RegionOutcome]) -> list[dict[str, str]]:
    return [
        {
            "region": each.region,
            "verdict": each.verdict,
            "version": each.version,
            "sentence": each.sentence,
            "url": each.url,
        }
        for each in regions
    ]


def what_next(ran: Ran) -> str:
    """One sentence or two for whoever has to go on; '' when all is done."""
    if ran.passed:
        return ""
    if ran.taken.interrupted:
        return (
            "Stopped. What AWS was asked for goes on by itself; run the same command again, and "
            "it goes on from there."
        )
    ill = [each.region for each in ran.regions if each.verdict in NOT_DEPLOYED]
    trouble = f"{listed(ill)} could not be deployed." if ill else ran.taken.failure
    if not ran.changed:
        return f"{trouble} Nothing was changed."
    return f"{trouble} What is done stands; the same command goes on from there."


def ran_data(ran: Ran) -> dict[str, Any]:
    return {
        "changed": ran.changed,
        **_about_data(ran.plan),
        "interrupted": ran.taken.interrupted,
        "failure": ran.taken.failure,
        "steps_done": [step_data(each) for each in ran.taken.done],
        "outcomes": outcome_data(ran.regions),
    }


def about(
    config: Config, identity: Identity, bundle: Bundle | None, regions: Sequence[str]
) -> Table:
    """What is deployed, for whom and where."""
    shown = Table.grid(padding=(0, 2))
    if bundle is not None:
        shown.add_row("Release", f"{bundle.label}, {bundle.size_bytes / MEGABYTE:,.1f} MB")
    shown.add_row("Account", f"{identity.account}, as {identity.arn}")
    shown.add_row("Regions", region_words(config, regions))
    shown.add_row("Table", config.table)
    where = f"https://{config.domain}" if config.domain else "each region's own, by HTTP: no domain"
    shown.add_row("Address", where)
    return shown


def region_words(config: Config, regions: Sequence[str]) -> str:
    """`us-west-2 (home), eu-west-1`, and those left out."""
    named = [f"{each} (home)" if each == config.home else each for each in regions]
    others = [each for each in config.regions if each not in regions]
    return ", ".join(named) + (f"; not {listed(others, 'nor')} this time" if others else "")


def steps_table(steps: Sequence[Step], title: str) -> Table:
    """Numbered; the part that they belong to is said where it changes."""
    shown = table(title, "", "Part", "Step", right=("",))
    before = ""
    for place, each in enumerate(steps, start=1):
        part = str(each.area) if each.area in SHARED else each.region
        shown.add_row(str(place), part if part != before else "", step_sentence(each))
        before = part
    return shown


def step_sentence(step: Step) -> str:
    """With its region, where it is one of several in a part that all regions share."""
    if step.area not in SHARED or not step.region or step.region in step.sentence:
        return step.sentence
    return f"{step.region}: {step.sentence}"


def bulleted(title: str, mark: str, sentences: Iterable[str]) -> list[RenderableType]:
    """The sentences, each behind its mark; nothing at all for none."""
    shown = Table.grid(padding=(0, 1))
    for sentence in sentences:
        shown.add_row(mark, sentence)
    if not shown.row_count:
        return []
    return ["", *([title] if title else []), shown]


def standing(plan: DeploymentPlan) -> list[RenderableType]:
    """What needs nothing done."""
    found: list[Step | Problem] = [*plan.steps, *plan.problems]
    busy = {str(each.area) for each in found if each.area in SHARED}
    busy |= {each.region for each in found if each.area not in SHARED}
    areas = [str(each) for each in SHARED if each not in busy and _is_wanted(plan, each)]
    regions = [each for each in plan.request.regions if each not in busy]
    there = [*areas, *regions]
    return ["", f"As it should be: {listed(there)}."] if there and plan.steps else []


def step_data(step: Step) -> dict[str, str]:
    return {"area": step.area, "region": step.region, "sentence": step.sentence}


def _is_wanted(plan: DeploymentPlan, area: Area) -> bool:
    needs_domain = area in (Area.CERTIFICATE, Area.ROUTING)
    return bool(plan.request.config.domain) or not needs_domain


def _nothing(plan: DeploymentPlan) -> str:
    label = plan.bundle.label if plan.bundle else "the release"
    return f"Nothing to do: {label} is in {listed(plan.request.regions)}."


def _about_data(plan: DeploymentPlan) -> dict[str, Any]:
    config, bundle = plan.request.config, plan.bundle
    return {
        "account": plan.identity.account,
        "arn": plan.identity.arn,
        "application": config.application,
        "domain": config.domain,
        "table": config.table,
        "regions": list(plan.request.regions),
        "release": {
            "label": bundle.label,
            "commit": bundle.commit,
            "sha256": bundle.sha256,
            "size_bytes": bundle.size_bytes,
        }
        if bundle
        else None,
    }


def _costs(plan: DeploymentPlan) -> list[Cost]:
    return cost_drivers(plan.request.config, plan.request.project)


def _cost_table(costs: Sequence[Cost]) -> Table:
    shown = table("On the bill", "How many", "What", "Billed by", right=("How many",))
    for each in costs:
        shown.add_row(each.amount, each.thing, each.unit)
    return shown
