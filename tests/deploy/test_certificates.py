"""A certificate for every region, against moto's Certificate Manager and Route 53.

It issues once the proof stands in a zone, as AWS does; see `tests/support/moto_server.py`.
"""

from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from gtsite.deploy.aws import Aws
from gtsite.deploy.certificates import (
    NotIssued,
    find_certificates,
    find_own_certificates,
    plan_certificates,
    remove_certificates,
)
from gtsite.deploy.config import Config
from gtsite.deploy.errors import AccessDenied, OutOfPatience
from gtsite.deploy.steps import Findings, tell_nobody
from gtsite.deploy.waiting import Patience
from gtsite.deploy.zones import ZoneUnclear
from tests.deploy.test_routing import carry_out, make_zone, put_record, records, sentences
from tests.support.calls import answering, changing, denied, interrupted_after, recorded
from tests.support.cloud import Cloud

SHORT = Patience(poll_seconds=0, longest_seconds=60)
NONE_LEFT = Patience(poll_seconds=0, longest_seconds=0)
DOMAIN = "www.example.com"
PROOF_VALUE = "_c9edd76ee4a0e2a74388032f3861cc50.ykybfrwcxw.acm-validations.aws."


@pytest.fixture
def zone(cloud: Cloud) -> str:
    return make_zone(cloud, "example.com")


def rewritten(
    config: Config, aws: Aws, change: Any, operation: str = "ListCertificates"
) -> ExitStack:
    """`answering` in every region."""
    stack = ExitStack()
    for region in config.regions:
        stack.enter_context(answering(aws, "acm", operation, change, region))
    return stack


def proof_name(domain: str) -> str:
    """Where moto wants to see the proof."""
    return f"_d930b28be6c5927595552b219965053e.{domain}"


def plan(
    config: Config, aws: Aws, *, patience: Patience = SHORT, now: datetime | None = None
) -> Findings:
    return plan_certificates(config, aws, patience=patience, now=now)


def request(cloud: Cloud, region: str, domain: str, **more: Any) -> str:
    """A certificate that somebody else asks for."""
    answer = cloud.client("acm", region).request_certificate(
        DomainName=domain, ValidationMethod="DNS", **more
    )
    return str(answer["CertificateArn"])


def certificates(cloud: Cloud, config: Config) -> dict[str, list[str]]:
    return {
        region: [
            each["CertificateArn"]
            for each in cloud.client("acm", region).list_certificates()["CertificateSummaryList"]
        ]
        for region in config.regions
    }


def issued(answer: dict[str, Any]) -> None:
    for each in answer["CertificateSummaryList"]:
        each["Status"] = "ISSUED"


def test_every_region_requests_one_and_one_proof_serves_them_all(
    zone: str, config: Config, aws: Aws, cloud: Cloud
) -> None:
    findings = plan(config, aws)
    with recorded(aws, "route53") as calls:
        carry_out(findings)

    assert sentences(findings) == [
        *["request a certificate for www.example.com"] * 3,
        "prove in Route 53 that www.example.com is yours, and wait for its certificates",
    ]
    assert changing(calls) == ["ChangeResourceRecordSets"]
    assert records(cloud, zone, proof_name(DOMAIN))["CNAME"]["ResourceRecords"] == [
        {"Value": PROOF_VALUE}
    ]
    assert {region: [arn] for region, arn in find_certificates(config, aws).items()} == (
        certificates(cloud, config)
    )
    assert plan(config, aws) == Findings()


def test_without_a_domain_there_are_no_certificates(config: Config, aws: Aws) -> None:
    assert plan(replace(config, domain=""), aws) == Findings()
    assert find_certificates(replace(config, domain=""), aws) == {}


@pytest.mark.parametrize("name", [DOMAIN, "*.example.com"])
def test_one_that_is_there_already_is_used(
    name: str, config: Config, aws: Aws, cloud: Cloud
) -> None:
    there = {region: request(cloud, region, name) for region in config.regions}

    with rewritten(config, aws, issued):
        assert plan(config, aws) == Findings()
        assert find_certificates(config, aws) == there


@pytest.mark.parametrize("name", ["example.com", "*.www.example.com", "*.com", "ww.example.com"])
def test_one_for_another_name_is_not(name: str, config: Config, aws: Aws, cloud: Cloud) -> None:
    one = replace(config, regions=config.regions[:1])
    request(cloud, one.home, name)

    with rewritten(one, aws, issued):
        assert len(plan(one, aws).steps) == 1 + 1
        assert find_certificates(one, aws) == {}


def test_one_that_browsers_do_not_trust_is_not(config: Config, aws: Aws, cloud: Cloud) -> None:
    one = replace(config, regions=config.regions[:1])
    request(cloud, one.home, DOMAIN)

    def issue_privately(answer: dict[str, Any]) -> None:
        issued(answer)
        answer["CertificateSummaryList"][0]["Type"] = "PRIVATE"

    with rewritten(one, aws, issue_privately):
        assert find_certificates(one, aws) == {}


@pytest.mark.usefixtures("zone")
def test_a_pending_one_of_somebody_else_is_not_waited_for(
    config: Config, aws: Aws, cloud: Cloud
) -> None:
    one = replace(config, regions=config.regions[:1])
    other = [{"Key": "meridian:application", "Value": "other"}]
    request(cloud, one.home, DOMAIN, Tags=other)

    assert len(plan(one, aws).steps) == 1 + 1


def test_of_several_the_one_by_name_is_taken_and_always_the_same(
    config: Config, aws: Aws, cloud: Cloud
) -> None:
    one = replace(config, regions=config.regions[:1])
    arns = sorted(request(cloud, one.home, DOMAIN) for _ in range(3))

    def issue_with_a_wildcard(answer: dict[str, Any]) -> None:
        issued(answer)
        for each in answer["CertificateSummaryList"]:
            if each["CertificateArn"] == arns[0]:
                each["DomainName"] = "*.example.com"

    with rewritten(one, aws, issue_with_a_wildcard):
        assert find_certificates(one, aws) == {one.home: arns[1]}


@pytest.mark.usefixtures("zone")
def test_one_under_way_is_gone_on_with_and_not_requested_again(
    config: Config, aws: Aws, cloud: Cloud
) -> None:
    two = replace(config, regions=config.regions[:2])
    first = plan(two, aws).steps[0]
    first.carry_out(tell_nobody)
    first.carry_out(tell_nobody)

    assert [len(each) for each in certificates(cloud, two).values()] == [1, 0]
    assert [each.region for each in plan(two, aws).steps] == ["eu-west-1", ""]


def test_one_that_ends_soon_is_noted_and_gives_way_to_one_that_does_not(
    config: Config, aws: Aws, cloud: Cloud
) -> None:
    one = replace(config, regions=config.regions[:1])
    ending = request(cloud, one.home, DOMAIN)
    in_364_days = datetime.now(UTC) + timedelta(days=364)

    with rewritten(one, aws, issued):
        (note,) = plan(one, aws, now=in_364_days).notes
        assert plan(one, aws).notes == ()
        lasting = request(cloud, one.home, "*.example.com")

        def end_soon(answer: dict[str, Any]) -> None:
            for each in answer["CertificateSummaryList"]:
                if each["CertificateArn"] == ending:
                    each["NotAfter"] = datetime.now(UTC) + timedelta(days=29)

        with rewritten(one, aws, end_soon):
            found = find_certificates(one, aws)

    assert note.startswith("the certificate of www.example.com in us-west-2 ends on ")
    assert found == {one.home: lasting}


def test_a_failed_one_is_deleted_and_requested_anew(
    zone: str, config: Config, aws: Aws, cloud: Cloud
) -> None:
    one = replace(config, regions=config.regions[:1])
    first = plan(one, aws).steps[0]
    first.carry_out(tell_nobody)
    (failed,) = certificates(cloud, one)[one.home]

    def fail(answer: dict[str, Any]) -> None:
        for each in answer["CertificateSummaryList"]:
            if each["CertificateArn"] == failed:
                each["Status"] = "FAILED"

    with rewritten(one, aws, fail):
        with pytest.raises(NotIssued, match="in us-west-2 will not issue"):
            plan(one, aws).steps[-1].carry_out(tell_nobody)
        carry_out(plan(one, aws))

    assert records(cloud, zone, proof_name(DOMAIN)) != {}
    assert failed not in certificates(cloud, one)[one.home]
    assert len(certificates(cloud, one)[one.home]) == 1


def test_a_proof_that_leads_elsewhere_is_not_overwritten(
    zone: str, config: Config, aws: Aws, cloud: Cloud
) -> None:
    theirs = {"Type": "CNAME", "TTL": 60, "ResourceRecords": [{"Value": "elsewhere.example."}]}
    put_record(cloud, zone, {"Name": f"{proof_name(DOMAIN)}.", **theirs})

    with pytest.raises(NotIssued, match="leads elsewhere"):
        carry_out(plan(config, aws))

    assert (
        records(cloud, zone, proof_name(DOMAIN))["CNAME"]["ResourceRecords"]
        == (theirs["ResourceRecords"])
    )


@pytest.mark.usefixtures("zone")
def test_patience_that_ends_says_what_the_registrar_has_to_name(config: Config, aws: Aws) -> None:
    findings = plan(config, aws, patience=NONE_LEFT)

    with pytest.raises(OutOfPatience, match=r"example\.com \(.*ns-2048\.awsdns-64\.com"):
        carry_out(findings)


def test_a_domain_too_long_for_a_certificate_is_a_problem(config: Config, aws: Aws) -> None:
    long = replace(config, domain=f"{'a' * 63}.example.com")

    (problem,) = plan(long, aws).problems

    assert "has 75 characters, and Certificate Manager takes 64" in problem.sentence


@pytest.mark.parametrize(
    ("name", "values", "is_in_the_way"),
    [
        ("example.com", ['0 issue "letsencrypt.org"'], True),
        ("www.example.com", ['0 issue ";"'], True),
        ("example.com", ['0 issue "letsencrypt.org"', '0 issue "amazon.com"'], False),
        ("example.com", ['0 iodef "mailto:ada@example.com"'], False),
        ("other.example.com", ['0 issue "letsencrypt.org"'], False),
    ],
)
def test_a_caa_record_that_leaves_amazon_out_is_a_problem(
    name: str,
    values: list[str],
    is_in_the_way: bool,
    zone: str,
    config: Config,
    aws: Aws,
    cloud: Cloud,
) -> None:
    record = {"Type": "CAA", "TTL": 60, "ResourceRecords": [{"Value": each} for each in values]}
    put_record(cloud, zone, {"Name": f"{name}.", **record})

    problems = plan(config, aws).problems

    assert [values[0] in each.sentence for each in problems] == [True] * is_in_the_way


def test_wherever_it_is_interrupted_the_next_run_does_the_rest_and_nothing_twice(
    zone: str, config: Config, aws: Aws, cloud: Cloud
) -> None:
    """In the first region, which is the one to write the proof."""
    one, calls = replace(config, regions=config.regions[:1]), 0
    while True:
        findings, calls = plan(one, aws), calls + 1
        try:
            with interrupted_after(aws, "acm", calls - 1, one.home):
                carry_out(findings)
            break
        except KeyboardInterrupt:
            carry_out(plan(one, aws))
        assert plan(one, aws) == Findings()
        assert [len(each) for each in certificates(cloud, one).values()] == [1]
        remove_certificates(one, aws, tell_nobody, patience=SHORT)
        assert records(cloud, zone, proof_name(DOMAIN)) == {}
    assert calls > 6  # it lists, requests, lists, reads tags, describes, tags and lists again


def test_what_was_requested_here_is_removed_with_its_proof_and_nothing_else(
    zone: str, config: Config, aws: Aws, cloud: Cloud
) -> None:
    carry_out(plan(config, aws))
    theirs = request(cloud, config.home, "other.example.com")

    remove_certificates(config, aws, tell_nobody, patience=SHORT)
    remove_certificates(config, aws, tell_nobody, patience=SHORT)

    assert certificates(cloud, config) == {config.home: [theirs], "eu-west-1": [], "us-east-2": []}
    assert records(cloud, zone, proof_name(DOMAIN)) == {}


def test_with_two_zones_of_one_name_nothing_is_removed(
    zone: str, config: Config, aws: Aws, cloud: Cloud
) -> None:
    one = replace(config, regions=config.regions[:1])
    carry_out(plan(one, aws))
    make_zone(cloud, "example.com")

    with pytest.raises(ZoneUnclear, match="has 2 public hosted zones"):
        remove_certificates(one, aws, tell_nobody, patience=SHORT)

    assert records(cloud, zone, proof_name(DOMAIN)) != {}
    assert len(certificates(cloud, one)[one.home]) == 1


def test_a_proof_that_another_certificate_is_renewed_by_stays(
    zone: str, config: Config, aws: Aws, cloud: Cloud
) -> None:
    carry_out(plan(config, aws))
    theirs = request(cloud, "eu-west-1", DOMAIN)

    remove_certificates(config, aws, tell_nobody, patience=SHORT)

    assert certificates(cloud, config)["eu-west-1"] == [theirs]
    assert records(cloud, zone, proof_name(DOMAIN)) != {}


def test_a_proof_that_was_there_before_stays(
    zone: str, config: Config, aws: Aws, cloud: Cloud
) -> None:
    carry_out(Findings(steps=plan(config, aws).steps[:-1]))
    proof = {"Type": "CNAME", "TTL": 60, "ResourceRecords": [{"Value": PROOF_VALUE}]}
    put_record(cloud, zone, {"Name": f"{proof_name(DOMAIN)}.", **proof})
    before = records(cloud, zone, proof_name(DOMAIN))

    described: list[Any] = []

    def issue_later(answer: dict[str, Any]) -> None:
        for each in answer["CertificateSummaryList"]:
            each["Status"] = "ISSUED" if len(described) == 3 else "PENDING_VALIDATION"

    with (
        rewritten(config, aws, issue_later),
        rewritten(config, aws, described.append, "DescribeCertificate"),
    ):
        carry_out(plan(config, aws))
        remove_certificates(config, aws, tell_nobody, patience=SHORT)

    assert certificates(cloud, config) == {region: [] for region in config.regions}
    assert records(cloud, zone, proof_name(DOMAIN)) == before


def test_one_in_use_is_waited_for_and_then_kept(
    zone: str, config: Config, aws: Aws, cloud: Cloud
) -> None:
    carry_out(plan(config, aws))
    before = certificates(cloud, config)

    def use(answer: dict[str, Any]) -> None:
        for each in answer["CertificateSummaryList"]:
            each["InUse"] = True

    with (
        answering(aws, "acm", "ListCertificates", use, "eu-west-1"),
        pytest.raises(OutOfPatience, match="still in use in eu-west-1"),
    ):
        remove_certificates(config, aws, tell_nobody, patience=NONE_LEFT)

    assert certificates(cloud, config) == before
    assert records(cloud, zone, proof_name(DOMAIN)) != {}


def test_a_deployer_who_may_not_look_at_certificates_needs_not_without_a_domain(
    config: Config, aws: Aws
) -> None:
    with denied(aws, "acm", "ListCertificates", "eu-west-1"):
        assert find_own_certificates(replace(config, domain=""), aws) == []
        with pytest.raises(AccessDenied):
            find_own_certificates(config, aws)
