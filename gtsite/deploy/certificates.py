"""Does every region have a certificate for the domain, and how does it get one?

A certificate serves in its own region only. The proof that the domain is ours, a record in its
zone, is the same for all of them and stays there: Certificate Manager renews as long as it does.
"""

import secrets
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

from gtsite.deploy.aws import Aws
from gtsite.deploy.config import Config
from gtsite.deploy.errors import AccessDenied, DeployError, OutOfPatience, Refused
from gtsite.deploy.steps import Area, Findings, Kind, News, Problem, Step, Tell
from gtsite.deploy.waiting import Patience, wait_until
from gtsite.deploy.zones import (
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

ISSUED, PENDING = "ISSUED", "PENDING_VALIDATION"
PRIVATE = "PRIVATE"
"""The type of those that no visitor's browser trusts."""

DEAD = frozenset({"FAILED", "VALIDATION_TIMED_OUT"})
KEY_TYPES = (
    "RSA_1024",
    "RSA_2048",
    "RSA_3072",
    "RSA_4096",
    "EC_prime256v1",
    "EC_secp384r1",
    "EC_secp521r1",
)
"""All that a load balancer takes; unless they are named, only some are listed."""
AMAZON = ("amazon.com", "amazontrust.com", "awstrust.com", "amazonaws.com")
"""What Certificate Manager is called in a CAA record."""

LONGEST_DOMAIN = 64
"""What fits into a certificate as the name it is for."""
SOON = timedelta(days=30)
PROOF_SECONDS = 300
PROOF_TAG = "meridian:proof"
"""On a certificate whose proof this deployment wrote: nobody else's is ever removed."""
PATIENCE = Patience()


class NotIssued(DeployError):
    """Certificate Manager will not issue, for a reason that the operator can mend."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Certificate:
    """One certificate of one region. `not_after` is None before it is issued.

    `tags` are known of those that are not issued yet, or are to be removed.
    """

    arn: str
    region: str
    domain: str
    names: frozenset[str]
    status: str
    is_in_use: bool = False
    not_after: datetime | None = None
    tags: Mapping[str, str] = field(default_factory=dict)

    def covers(self, domain: str) -> bool:
        """By name, or by a wildcard in place of its first label."""
        return bool(self.names & {domain, f"*.{domain.partition('.')[2]}"})


def plan_certificates(
    config: Config, aws: Aws, *, patience: Patience = PATIENCE, now: datetime | None = None
) -> Findings:
    """What is to be done so that every region has a certificate of the domain.

    Regions are asked side by side; all certificates are requested before any is waited for.
    """
    if not config.domain:
        return Findings()
    now = now or datetime.now(UTC)
    found = _find_by_region(config, aws)
    chosen = {region: _best(each, config.domain, now) for region, each in found.items()}
    lacking = [region for region in config.regions if chosen[region] is None]
    notes = _expiring([each for each in chosen.values() if each], config.domain, now)
    if lacking and (sentence := _hindrance(config.domain, aws)):
        return Findings(problems=(Problem(area=Area.CERTIFICATE, sentence=sentence),))
    steps = [
        _request_step(config, region, aws)
        for region in lacking
        if not _pending(config, found[region])
    ]
    if lacking:
        steps.append(_prove_step(config, aws, patience))
    return Findings(steps=tuple(steps), notes=notes)


def find_certificates(config: Config, aws: Aws) -> dict[str, str]:
    """The ARN of the issued certificate that each region serves the domain with, if it has one.

    Of several the same is always found: one that is valid for long, by name rather than by
    wildcard, and then the first by ARN.
    """
    if not config.domain:
        return {}
    now = datetime.now(UTC)
    found = _find_by_region(config, aws)
    chosen = {region: _best(each, config.domain, now) for region, each in found.items()}
    return {region: each.arn for region, each in chosen.items() if each is not None}


def _find_by_region(config: Config, aws: Aws) -> dict[str, list[Certificate]]:
    """What each region has for the domain."""
    return _everywhere(config, partial(_covering, config, aws))


def _everywhere(
    config: Config, look: Callable[[str], list[Certificate]]
) -> dict[str, list[Certificate]]:
    """What is found in every region; they are asked side by side."""
    with ThreadPoolExecutor(max_workers=len(config.regions)) as pool:
        return dict(zip(config.regions, pool.map(look, config.regions), strict=True))


def _covering(config: Config, aws: Aws, region: str) -> list[Certificate]:
    """Issued ones of the domain; and of those that are not, the ones requested for just that."""
    found = _listed(region, aws, CertificateStatuses=[ISSUED, PENDING, *sorted(DEAD)])
    issued = [each for each in found if each.status == ISSUED and each.covers(config.domain)]
    others = [each for each in found if each.status != ISSUED and each.domain == config.domain]
    return [*issued, *(_with_tags(each, aws) for each in others)]


def _listed(region: str, aws: Aws, **request: Any) -> list[Certificate]:
    pages = aws.pages(
        "acm",
        region,
        "list_certificates",
        "CertificateSummaryList",
        Includes={"keyTypes": list(KEY_TYPES)},
        **request,
    )
    return [
        Certificate(
            arn=each["CertificateArn"],
            region=region,
            domain=each["DomainName"],
            names=frozenset([each["DomainName"], *each.get("SubjectAlternativeNameSummaries", ())]),
            status=each["Status"],
            is_in_use=bool(each.get("InUse")),
            not_after=each.get("NotAfter"),
        )
        for each in pages
        if each.get("Type") != PRIVATE
    ]


def _with_tags(certificate: Certificate, aws: Aws) -> Certificate:
    answer = aws.ask(
        "acm",
        certificate.region,
        "list_tags_for_certificate",
        CertificateArn=certificate.arn,
    )
    tags = {each["Key"]: each.get("Value", "") for each in answer.get("Tags", ())}
    return replace(certificate, tags=tags)


def _is_ours(config: Config, certificate: Certificate) -> bool:
    return all(certificate.tags.get(each["Key"]) == each["Value"] for each in config.tags)


def _pending(config: Config, found: Iterable[Certificate]) -> list[Certificate]:
    """Those that an earlier run requested, maybe one that was interrupted."""
    return [each for each in found if each.status == PENDING and _is_ours(config, each)]


def _best(found: Iterable[Certificate], domain: str, now: datetime) -> Certificate | None:
    def rank(each: Certificate) -> tuple[bool, bool, str]:
        return (_ends_soon(each, now), domain not in each.names, each.arn)

    return min((each for each in found if each.status == ISSUED), key=rank, default=None)


def _ends_soon(certificate: Certificate, now: datetime) -> bool:
    return certificate.not_after is not None and certificate.not_after - now < SOON


def _expiring(chosen: Iterable[Certificate], domain: str, now: datetime) -> tuple[str, ...]:
    return tuple(
        f"the certificate of {domain} in {each.region} ends on {each.not_after:%d %B %Y} and is "
        "not renewed: import its successor, or see that its proof still stands in the zone"
        for each in chosen
        if _ends_soon(each, now)
    )


def _hindrance(domain: str, aws: Aws) -> str:
    """Why Certificate Manager would not issue, as far as that can be known beforehand; or ''."""
    if len(domain) > LONGEST_DOMAIN:
        return (
            f"{domain} has {len(domain)} characters, and Certificate Manager takes "
            f"{LONGEST_DOMAIN}: write a shorter domain into deploy.toml, or import a certificate."
        )
    issuers = _issuers(domain, aws)
    if issuers and not any(name in value for name in AMAZON for value in issuers):
        return (
            f"The CAA record of {domain} lets only others issue certificates ({listed(issuers)}): "
            'add 0 issue "amazon.com" to it, or import a certificate.'
        )
    return ""


def _issuers(domain: str, aws: Aws) -> list[str]:
    """Who may issue, as the nearest CAA record says, the domain's own or above; [] for anybody."""
    try:
        zone = find_zone(domain, aws)
    except ZoneUnclear:
        return []  # a problem of routing
    name = domain
    while name.endswith(zone.name):
        found = [each for each in records_named(name, zone, aws) if each["Type"] == "CAA"]
        if found:
            values = [each["Value"] for each in found[0]["ResourceRecords"]]
            return [value for value in values if value.split()[1] == "issue"]
        name = name.partition(".")[2]
    return []


def _request_step(config: Config, region: str, aws: Aws) -> Step:
    return Step(
        area=Area.CERTIFICATE,
        region=region,
        sentence=f"request a certificate for {config.domain}",
        carry_out=partial(_request, config, region, aws),
    )


def _prove_step(config: Config, aws: Aws, patience: Patience) -> Step:
    return Step(
        area=Area.CERTIFICATE,
        sentence=f"prove in Route 53 that {config.domain} is yours, and wait for its certificates",
        carry_out=partial(_prove, config, aws, patience),
    )


def _request(config: Config, region: str, aws: Aws, tell: Tell) -> None:
    """Requests one unless there is one, or one under way; those that failed are cleared away.

    The token is for the SDK, which repeats it when an answer is lost. It is new each time, since
    for an hour an old one stands for the old certificate, deleted or not.
    """
    found = _covering(config, aws, region)
    if _pending(config, found) or any(each.status == ISSUED for each in found):
        return
    for each in found:
        if each.status in DEAD and _is_ours(config, each):
            _delete(each, aws)
    aws.ask(
        "acm",
        region,
        "request_certificate",
        DomainName=config.domain,
        ValidationMethod="DNS",
        IdempotencyToken=secrets.token_hex(16),
        Tags=config.tags,
    )
    sentence = f"A certificate for {config.domain} is requested"
    tell(News(kind=Kind.DONE, region=region, sentence=sentence))


def _prove(config: Config, aws: Aws, patience: Patience, tell: Tell) -> None:
    """Writes the proof as soon as it is known, and returns when every region has a certificate."""
    zone = find_zone(config.domain, aws)
    waiting = list(config.regions)

    def are_all_issued() -> bool:
        for region in tuple(waiting):
            if _is_issued(config, region, zone, aws, patience):
                waiting.remove(region)
                sentence = f"{config.domain} has a certificate"
                tell(News(kind=Kind.DONE, region=region, sentence=sentence))
        if waiting:
            sentence = f"Certificate Manager looks for the proof in {listed(waiting)}"
            tell(News(kind=Kind.WAITING, sentence=sentence))
        return not waiting

    if not wait_until(are_all_issued, patience):
        raise OutOfPatience(
            f"The certificate of {config.domain} is not issued yet in {listed(waiting)}: see that "
            f"the registrar names the servers of the zone {zone.name} ({_servers(zone, aws)}), "
            "then run the command again, which goes on from here."
        )


def _servers(zone: Zone, aws: Aws) -> str:
    """The zone's own name servers, as it tells everybody who asks it."""
    found = [each for each in records_named(zone.name, zone, aws) if each["Type"] == "NS"]
    return listed([plain(each["Value"]) for record in found for each in record["ResourceRecords"]])


def _is_issued(config: Config, region: str, zone: Zone, aws: Aws, patience: Patience) -> bool:
    """Looks once, and writes the proof if it is missing; raises `NotIssued`."""
    found = _covering(config, aws, region)
    if any(each.status == ISSUED for each in found):
        return True
    for each in _pending(config, found):
        proof = _proof_of(_described(each, aws))
        if proof is not None:
            _write_proof(config, each, proof, zone, aws, patience)
        return False
    for each in found:
        if each.status in DEAD and _is_ours(config, each):
            reason = _described(each, aws).get("FailureReason", each.status)
            raise NotIssued(
                f"Certificate Manager in {region} will not issue for {config.domain} ({reason}): "
                "see its troubleshooting page, then run the command again."
            )
    return False


def _described(certificate: Certificate, aws: Aws) -> dict[str, Any]:
    answer = aws.ask(
        "acm", certificate.region, "describe_certificate", CertificateArn=certificate.arn
    )
    description: dict[str, Any] = answer["Certificate"]
    return description


def _proof_of(description: Mapping[str, Any]) -> Record | None:
    """The record that Certificate Manager looks for; it takes some seconds to name it."""
    for each in description.get("DomainValidationOptions", ()):
        wanted = each.get("ResourceRecord")
        if wanted:
            return {
                "Name": wanted["Name"],
                "Type": wanted["Type"],
                "TTL": PROOF_SECONDS,
                "ResourceRecords": [{"Value": wanted["Value"]}],
            }
    return None


def _standing_proofs(proof: Record, zone: Zone, aws: Aws) -> list[Record]:
    found = records_named(plain(proof["Name"]), zone, aws)
    return [each for each in found if each["Type"] == proof["Type"]]


def _value(record: Record) -> str:
    return plain(record["ResourceRecords"][0]["Value"])


def _write_proof(
    config: Config,
    certificate: Certificate,
    proof: Record,
    zone: Zone,
    aws: Aws,
    patience: Patience,
) -> None:
    """Tagged first: a tag too many does no harm, and a proof that nobody removes would stay.

    With the tags it has already, by which the deployer's policy allows tagging at all.
    """
    standing = _standing_proofs(proof, zone, aws)
    if not standing:
        aws.ask(
            "acm",
            certificate.region,
            "add_tags_to_certificate",
            CertificateArn=certificate.arn,
            Tags=[*config.tags, {"Key": PROOF_TAG, "Value": zone.id}],
        )
        change_records(zone, [("UPSERT", proof)], aws, patience)
    elif _value(standing[0]) != _value(proof):
        raise NotIssued(
            f"{plain(proof['Name'])} in the zone {zone.name} leads elsewhere than Certificate "
            "Manager wants: delete that record and run the command again."
        )


def remove_certificates(
    config: Config, aws: Aws, tell: Tell, *, patience: Patience = PATIENCE
) -> None:
    """Deletes what this deployment requested, and the proofs it wrote that nobody else needs.

    Load balancers let go of a certificate some minutes after they are gone themselves.
    """
    ours: list[Certificate] = []

    def are_all_free() -> bool:
        ours[:] = find_own_certificates(config, aws)
        used = sorted({each.region for each in ours if each.is_in_use})
        if used:
            sentence = f"The certificate is still in use in {listed(used)}"
            tell(News(kind=Kind.WAITING, sentence=sentence))
        return not used

    if not wait_until(are_all_free, patience):
        used = sorted({each.region for each in ours if each.is_in_use})
        raise OutOfPatience(
            f"The certificate of {config.domain or 'this deployment'} is still in use in "
            f"{listed(used)}, and nothing of it is removed: run the command again later."
        )
    for each in ours:
        if PROOF_TAG in each.tags:
            _remove_proof(config, each, aws, patience, tell)
    for each in ours:
        _delete(each, aws)
        sentence = f"The certificate of {each.domain} is deleted"
        tell(News(kind=Kind.DONE, region=each.region, sentence=sentence))


def find_own_certificates(config: Config, aws: Aws) -> list[Certificate]:
    """Those that this deployment requested, for whichever domain.

    Without a domain the deployer may not be allowed to look, and then there is nothing to find.
    """

    def look(region: str) -> list[Certificate]:
        tagged = [_with_tags(each, aws) for each in _listed(region, aws)]
        return [each for each in tagged if _is_ours(config, each)]

    try:
        found = _everywhere(config, look)
    except AccessDenied:
        if config.domain:
            raise
        return []
    return [each for region in config.regions for each in found[region]]


def _remove_proof(
    config: Config, certificate: Certificate, aws: Aws, patience: Patience, tell: Tell
) -> None:
    proof = _proof_of(_described(certificate, aws))
    try:
        zone = find_zone(certificate.domain, aws)
    except ZoneMissing:
        return
    standing = [] if proof is None else _standing_proofs(proof, zone, aws)
    if not standing:
        return
    if _is_needed(config, certificate.domain, aws):
        sentence = f"{plain(standing[0]['Name'])} stays: another certificate is renewed by it"
    else:
        change_records(zone, [("DELETE", each) for each in standing], aws, patience)
        sentence = f"{plain(standing[0]['Name'])} is deleted"
    tell(News(kind=Kind.DONE, sentence=sentence))


def _is_needed(config: Config, domain: str, aws: Aws) -> bool:
    """Whether somebody else's certificate of that name is proved by the same record."""
    return any(
        not _is_ours(config, _with_tags(each, aws))
        for region in config.regions
        for each in _listed(region, aws)
        if domain in each.names
    )


def _delete(certificate: Certificate, aws: Aws) -> None:
    try:
        aws.ask("acm", certificate.region, "delete_certificate", CertificateArn=certificate.arn)
    except Refused as refusal:
        if refusal.code != "ResourceNotFoundException":
            raise
