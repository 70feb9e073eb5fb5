"""How visitors come to the nearest region that is well: latency records of Route 53.

A record of type A is ours if it points at an environment of this application; every other one
of the domain's name is somebody else's, and never overwritten.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from gtsite.deploy.aws import Aws
from gtsite.deploy.checks import (
    CHECK_INTERVAL_SECONDS,
    DOMAIN_TAG,
    Check,
    changed_settings,
    check_tags,
    create_check,
    delete_check,
    find_checks,
    is_healthy,
    tag_check,
    update_check,
)
from gtsite.deploy.config import Config
from gtsite.deploy.errors import AccessDenied, DeployError, OutOfPatience
from gtsite.deploy.preflight import Identity
from gtsite.deploy.steps import Area, Findings, Kind, News, Problem, Step, Tell
from gtsite.deploy.waiting import READY_PATH, Patience, find_ailment, wait_until
from gtsite.deploy.zones import (
    ALIAS_ZONES,
    Record,
    Zone,
    ZoneMissing,
    ZoneUnclear,
    change_records,
    find_zone,
    plain,
    records_named,
)
from gtsite.wording import listed

ADDRESS_TYPES = frozenset({"A", "AAAA", "CNAME", "HTTPS"})
"""Records that lead a visitor somewhere."""
PATIENCE = Patience()


class CannotRoute(DeployError):
    """Visitors cannot be sent as they should be, for a reason that the operator can mend."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """One region's way in. `is_healthy` is None where Route 53 does not look, or not yet."""

    region: str
    target: str
    health_check_id: str
    is_evacuated: bool
    is_healthy: bool | None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Records:
    """What bears the domain's name: our records by region, and what leads elsewhere."""

    ours: Mapping[str, Record]
    foreign: tuple[Record, ...]


def latency_record(domain: str, region: str, target: str, health_check_id: str) -> Record:
    """The alias of one region, of type A: the names of Elastic Beanstalk have no other."""
    return {
        "Name": f"{domain}.",
        "Type": "A",
        "SetIdentifier": region,
        "Region": region,
        "AliasTarget": {
            "HostedZoneId": ALIAS_ZONES[region],
            "DNSName": f"{target}.",
            "EvaluateTargetHealth": True,
        },
        "HealthCheckId": health_check_id,
    }


def plan_routing(
    config: Config,
    identity: Identity,
    aws: Aws,
    *,
    only: Sequence[str] = (),
    may_leave: bool = False,
    patience: Patience = PATIENCE,
) -> Findings:
    """What is to be done so that visitors of the domain come to every region of the config.

    With `only` the ways into all other regions stay as they are. An evacuation is never undone.
    Visitors of a region that the config does not name are led away if they `may_leave`; else it
    is a problem: somebody may have forgotten it.
    """
    checks = find_checks(config, aws)
    findings = _plan_leaving(config, checks, aws, patience)
    if not config.domain:
        return findings + _plan_deleting(checks, (), aws)
    problems = _unknown_alias_zones(only or config.regions)
    problems += () if may_leave else left_out(checks, config.regions)
    try:
        zone = find_zone(config.domain, aws)
    except ZoneUnclear as error:
        return Findings(problems=(*problems, _problem(str(error))))
    records = _find_records(config, config.domain, zone, aws)
    problems += tuple(_problem(_in_the_way(config, each, zone)) for each in records.foreign)
    if problems:
        return Findings(problems=problems)
    run = _Run(config=config, account=identity.account, aws=aws, only=tuple(only))
    concerned = [each for each in checks if not only or each.region in only]
    return (
        _plan_checks(run, checks)
        + _plan_records(run, checks, records, patience)
        + findings
        + _plan_deleting(concerned, run.regions, aws)
        + Findings(notes=_notes(checks, config.regions))
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Run:
    """What every part of one plan needs."""

    config: Config
    account: str
    aws: Aws
    only: tuple[str, ...]

    @property
    def regions(self) -> tuple[str, ...]:
        """Where visitors are to be sent."""
        return self.only or self.config.regions

    def target(self, region: str) -> str:
        return self.config.cname(region, self.account)


def _plan_checks(run: _Run, checks: Sequence[Check]) -> Findings:
    found = _first_of_each(checks)
    return Findings(
        steps=tuple(
            Step(
                area=Area.ROUTING,
                region=region,
                sentence=f"{verb} the health check of {run.target(region)}{READY_PATH}",
                carry_out=partial(_settle_check, run, region),
            )
            for region in run.regions
            if (verb := _lacking(run, region, found.get(region)))
        )
    )


def _lacking(run: _Run, region: str, check: Check | None) -> str:
    """What a region's check needs; '' for nothing."""
    if check is None:
        return "create"
    if changed_settings(check, run.target(region)):
        return "change"
    return "" if _has_tags(run.config, check) else "mark"


def _has_tags(config: Config, check: Check) -> bool:
    """A former domain may still be written there: `_leave` writes the new one."""
    wanted = check_tags(config, check.region)
    return all(check.tags.get(key) == wanted[key] for key in wanted if key != DOMAIN_TAG) and bool(
        check.domain
    )


def _settle_check(run: _Run, region: str, tell: Tell) -> None:
    check = _first_of_each(find_checks(run.config, run.aws)).get(region)
    target = run.target(region)
    if check is None:
        create_check(run.config, region, target, run.aws)
    else:
        changes = changed_settings(check, target)
        if changes:
            update_check(check, changes, run.aws)
        if not _has_tags(run.config, check):
            tags = check_tags(run.config, region)
            tag_check(
                check.id, tags | ({DOMAIN_TAG: check.domain} if check.domain else {}), run.aws
            )
    tell(
        News(
            kind=Kind.DONE,
            region=region,
            sentence=f"Route 53 asks https://{target}{READY_PATH} every "
            f"{CHECK_INTERVAL_SECONDS} seconds",
        )
    )


def _plan_records(
    run: _Run, checks: Sequence[Check], records: _Records, patience: Patience
) -> Findings:
    put, gone = _differences(run, _first_of_each(checks), records)
    sentences = []
    if put:
        sentences.append(f"point {run.config.domain} at {listed(put)}")
    if gone:
        sentences.append(f"take {listed(gone)} out of {run.config.domain}")
    if not sentences:
        return Findings()
    return Findings(
        steps=(
            Step(
                area=Area.ROUTING,
                sentence=" and ".join(sentences),
                carry_out=partial(_point, run, patience),
            ),
        )
    )


def _differences(
    run: _Run, checks: Mapping[str, Check], records: _Records
) -> tuple[list[str], list[str]]:
    """The regions whose record is to be written, and those whose record is to go."""
    put = [
        region
        for region in run.regions
        if region not in checks
        or not _same(records.ours.get(region), _wanted(run, region, checks[region]))
    ]
    gone = [] if run.only else sorted(set(records.ours) - set(run.regions))
    return put, gone


def _wanted(run: _Run, region: str, check: Check) -> Record:
    return latency_record(run.config.domain, region, run.target(region), check.id)


def _same(record: Record | None, wanted: Record) -> bool:
    """Whether Route 53's own writing of a record says the same."""
    if record is None:
        return False
    alias, other = record["AliasTarget"], wanted["AliasTarget"]
    return (
        record.get("HealthCheckId") == wanted["HealthCheckId"]
        and plain(alias["DNSName"]) == plain(other["DNSName"])
        and alias["HostedZoneId"] == other["HostedZoneId"]
        and alias["EvaluateTargetHealth"] == other["EvaluateTargetHealth"]
    )


def _point(run: _Run, patience: Patience, tell: Tell) -> None:
    """Writes and removes records in one change, after another look."""
    config, aws = run.config, run.aws
    checks = _wait_for_checks(run, patience)
    zone = find_zone(config.domain, aws)
    records = _find_records(config, config.domain, zone, aws)
    for each in records.foreign:
        raise CannotRoute(_in_the_way(config, each, zone))
    put, gone = _differences(run, checks, records)
    changes = [("UPSERT", _wanted(run, region, checks[region])) for region in put]
    changes += [("DELETE", records.ours[region]) for region in gone]
    if changes:
        tell(News(kind=Kind.WAITING, sentence=f"Route 53 spreads {config.domain} to its servers"))
        change_records(zone, changes, aws, patience)
    now = sorted((set(records.ours) | set(put)) - set(gone))
    tell(News(kind=Kind.DONE, sentence=f"{config.domain} leads to {listed(now)}"))


def _wait_for_checks(run: _Run, patience: Patience) -> dict[str, Check]:
    """Checks that were made a moment ago may not be listed at once."""
    found: dict[str, Check] = {}

    def are_all_there() -> bool:
        found.update(_first_of_each(find_checks(run.config, run.aws)))
        return set(run.regions) <= set(found)

    if not wait_until(are_all_there, patience):
        missing = [region for region in run.regions if region not in found]
        raise OutOfPatience(
            f"Route 53 does not list the health checks of {listed(missing)}: run the command again."
        )
    return found


def _plan_deleting(checks: Sequence[Check], kept: Sequence[str], aws: Aws) -> Findings:
    """Checks of regions that are no longer wanted, and second ones of those that are."""
    first = _first_of_each(checks)
    spare = [each for each in checks if each.region not in kept or each != first[each.region]]
    return Findings(
        steps=tuple(
            Step(
                area=Area.ROUTING,
                region=each.region,
                sentence=f"delete the health check {each.id} of {each.target}",
                carry_out=partial(_delete_check, each, aws),
            )
            for each in spare
        )
    )


def _delete_check(check: Check, aws: Aws, tell: Tell) -> None:
    delete_check(check, aws)
    sentence = f"The health check {check.id} of {check.target} is deleted"
    tell(News(kind=Kind.DONE, region=check.region, sentence=sentence))


def _plan_leaving(
    config: Config, checks: Sequence[Check], aws: Aws, patience: Patience
) -> Findings:
    """Records of a domain that the config no longer names lead to a site that refuses it."""
    former = sorted({each.domain for each in checks} - {"", config.domain})
    return Findings(
        steps=tuple(
            Step(
                area=Area.ROUTING,
                sentence=f"take every region out of {domain}, the former domain",
                carry_out=partial(_leave_for_good, config, domain, aws, patience),
            )
            for domain in former
        )
    )


def _leave_for_good(config: Config, domain: str, aws: Aws, patience: Patience, tell: Tell) -> None:
    """Said once if it cannot be: the deployer's policy may not allow the former domain."""
    try:
        _leave(config, domain, aws, patience, tell)
    except AccessDenied as error:
        sentence = f"{error} Delete the records of {domain} in Route 53 yourself."
        tell(News(kind=Kind.TROUBLE, sentence=sentence))
    for check in find_checks(config, aws):
        if check.domain == domain:
            tag_check(check.id, {DOMAIN_TAG: config.domain}, aws)


def _leave(config: Config, domain: str, aws: Aws, patience: Patience, tell: Tell) -> None:
    """Removes our records of a domain; a zone that is gone has taken them along."""
    try:
        zone = find_zone(domain, aws)
    except ZoneMissing as error:
        tell(News(kind=Kind.TROUBLE, sentence=f"{error} No record of {domain} is removed."))
        return
    records = _find_records(config, domain, zone, aws)
    if records.ours:
        tell(News(kind=Kind.WAITING, sentence=f"Route 53 forgets the records of {domain}"))
        change_records(zone, [("DELETE", each) for each in records.ours.values()], aws, patience)
        regions = listed(sorted(records.ours))
        tell(News(kind=Kind.DONE, sentence=f"{domain} no longer leads to {regions}"))


def find_routes(config: Config, aws: Aws) -> tuple[Route, ...]:
    """Every region that the domain leads to, in the config's order; () without a domain.

    Raises `ZoneUnclear` where the domain is not, or no longer, in Route 53.
    """
    if not config.domain:
        return ()
    records = _find_records(config, config.domain, find_zone(config.domain, aws), aws)
    checks = {each.id: each for each in find_checks(config, aws)}
    routes = [
        _route(region, record, checks.get(str(record.get("HealthCheckId"))), aws)
        for region, record in records.ours.items()
    ]
    order = {region: place for place, region in enumerate(config.regions)}
    return tuple(sorted(routes, key=lambda each: (order.get(each.region, len(order)), each.region)))


def _route(region: str, record: Record, check: Check | None, aws: Aws) -> Route:
    return Route(
        region=region,
        target=plain(record["AliasTarget"]["DNSName"]),
        health_check_id=check.id if check else "",
        is_evacuated=check is not None and check.is_evacuated,
        is_healthy=is_healthy(check, aws) if check else None,
    )


def evacuate(config: Config, region: str, aws: Aws, tell: Tell, *, force: bool = False) -> None:
    """Sends no further visitor to a region, however well it is; done twice it changes nothing.

    Raises `CannotRoute` when it would be in vain, as when no other region takes visitors: Route 53
    treats a domain all of whose regions are unhealthy as if all were healthy. `force` asks nobody.
    """
    checks = _checks_of(config, region, aws)
    if not force:
        _refuse_in_vain(config, region, aws)
    for check in checks:
        update_check(check, {"Disabled": True, "Inverted": True}, aws)
    sentence = (
        f"Route 53 sends nobody to {region}: visitors on their way leave it as resolvers forget "
        f"the old answer, mostly within a minute, until manage.py deploy return {region}"
    )
    tell(News(kind=Kind.DONE, region=region, sentence=sentence))


def _refuse_in_vain(config: Config, region: str, aws: Aws) -> None:
    """Where visitors would come to the region all the same."""
    others = {each.region: each for each in find_routes(config, aws)}
    own = others.pop(region, None)
    if own is not None and not own.health_check_id:
        raise CannotRoute(
            f"The record of {region} does not go by its health check, so nothing would change: "
            "manage.py deploy up puts that right."
        )
    if not any(not each.is_evacuated and each.is_healthy is not False for each in others.values()):
        raise CannotRoute(
            f"No region but {region} takes visitors, and with all regions away Route 53 would send "
            "them to every one: bring another back first."
        )


def come_back(
    config: Config,
    region: str,
    aws: Aws,
    tell: Tell,
    *,
    ailment_of: Callable[[str], str] = find_ailment,
) -> None:
    """Lets Route 53 judge a region again, once its own site answers.

    `ailment_of` takes a host and says why its site is not ready, without a stop, or ''.
    """
    checks = _checks_of(config, region, aws)
    ailment = ailment_of(checks[0].target)
    if ailment:
        raise CannotRoute(
            f"Nobody is sent to {region} yet: {ailment}. See manage.py deploy status, mend it and "
            "run the command again."
        )
    for check in checks:
        update_check(check, {"Disabled": False, "Inverted": False}, aws)
    sentence = f"Route 53 sends visitors to {region} again, as long as its health check is content"
    tell(News(kind=Kind.DONE, region=region, sentence=sentence))


def _checks_of(config: Config, region: str, aws: Aws) -> list[Check]:
    """One, mostly. Of two that were made at once, the record may go by either."""
    checks = [each for each in find_checks(config, aws) if each.region == region]
    if not checks:
        raise CannotRoute(
            f"{region} has no health check in Route 53: write a domain into deploy.toml and run "
            "manage.py deploy up first."
        )
    return checks


def remove_routing(config: Config, aws: Aws, tell: Tell, *, patience: Patience = PATIENCE) -> None:
    """Removes our records of every domain they were made for, and then the health checks."""
    checks = find_checks(config, aws)
    for domain in sorted({config.domain, *(each.domain for each in checks)} - {""}):
        _leave(config, domain, aws, patience, tell)
    for check in checks:
        _delete_check(check, aws, tell)


def _find_records(config: Config, domain: str, zone: Zone, aws: Aws) -> _Records:
    # Below its own zone's name, NS says that other servers are asked instead.
    kinds = ADDRESS_TYPES if zone.name == domain else ADDRESS_TYPES | {"NS"}
    leading = [each for each in records_named(domain, zone, aws) if each["Type"] in kinds]
    ours = {each["SetIdentifier"]: each for each in leading if _is_ours(config, each)}
    return _Records(
        ours=ours, foreign=tuple(each for each in leading if not _is_ours(config, each))
    )


def _is_ours(config: Config, record: Record) -> bool:
    region = record.get("Region", "")
    target = plain(record.get("AliasTarget", {}).get("DNSName", ""))
    pattern = rf"{config.application}-[0-9a-f]{{8}}\.{re.escape(region)}\.elasticbeanstalk\.com"
    return (
        bool(region)
        and record["Type"] == "A"
        and record.get("SetIdentifier") == region
        and bool(re.fullmatch(pattern, target))
    )


def _in_the_way(config: Config, record: Record, zone: Zone) -> str:
    called = f" ({record['SetIdentifier']})" if "SetIdentifier" in record else ""
    return (
        f"{config.domain} has a record of type {record['Type']}{called} in the zone {zone.name} "
        "that this deployment did not make: delete it there, or write another domain into "
        "deploy.toml."
    )


def _unknown_alias_zones(regions: Iterable[str]) -> tuple[Problem, ...]:
    return tuple(
        _problem(
            f"Route 53 cannot point at Elastic Beanstalk in {region}, as far as AWS tells: leave "
            "the region out, or the domain.",
            region,
        )
        for region in regions
        if region not in ALIAS_ZONES
    )


def left_out(checks: Iterable[Check], regions: Sequence[str]) -> tuple[Problem, ...]:
    """A region that visitors are led to is taken down before it is forgotten."""
    return tuple(
        _problem(
            f"{region} has visitors and is not among the regions: put it back, and give it up with "
            f"manage.py deploy down --only {region} before you leave it out.",
            region,
        )
        for region in sorted({each.region for each in checks} - set(regions))
    )


def _problem(sentence: str, region: str = "") -> Problem:
    return Problem(area=Area.ROUTING, sentence=sentence, region=region)


def _first_of_each(checks: Iterable[Check]) -> dict[str, Check]:
    found: dict[str, Check] = {}
    for each in checks:
        found.setdefault(each.region, each)
    return found


def _notes(checks: Iterable[Check], regions: Sequence[str]) -> tuple[str, ...]:
    standing = [each for each in _first_of_each(checks).values() if each.region in regions]
    evacuated = tuple(
        f"{each.region} is evacuated and stays so: manage.py deploy return {each.region} brings "
        "visitors back"
        for each in standing
        if each.is_evacuated
    )
    unwatched = tuple(
        f"the health check of {each.region} is disabled, so visitors are sent there however it is: "
        f"manage.py deploy return {each.region} enables it"
        for each in standing
        if each.is_disabled and not each.is_evacuated
    )
    return evacuated + unwatched
