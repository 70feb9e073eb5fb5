"""Route 53 in front: records and health checks, against moto's own Route 53."""

from dataclasses import replace
from typing import Any

import pytest

from gtsite.deploy.aws import Aws
from gtsite.deploy.checks import judged
from gtsite.deploy.config import Config
from gtsite.deploy.errors import AccessDenied, OutOfPatience
from gtsite.deploy.preflight import Identity
from gtsite.deploy.routing import (
    CannotRoute,
    come_back,
    evacuate,
    find_routes,
    plan_routing,
    remove_routing,
)
from gtsite.deploy.steps import Findings, Kind, News, Tell, tell_nobody
from gtsite.deploy.waiting import Patience
from gtsite.deploy.zones import ZoneUnclear
from tests.support.calls import answering, changing, denied, interrupted_after, recorded
from tests.support.cloud import ACCOUNT, Cloud

IDENTITY = Identity(account=ACCOUNT, arn=f"arn:aws:iam::{ACCOUNT}:user/ada")
SHORT = Patience(poll_seconds=0, longest_seconds=60)
NONE_LEFT = Patience(poll_seconds=0, longest_seconds=0)
DOMAIN = "www.example.com"
DNS = "route53"


@pytest.fixture
def zone(cloud: Cloud) -> str:
    return make_zone(cloud, "example.com")


@pytest.fixture
def routed(zone: str, config: Config, aws: Aws) -> str:
    """The zone, once the domain leads to all three regions."""
    carry_out(plan(config, aws))
    return zone


def make_zone(cloud: Cloud, name: str, *, private: bool = False) -> str:
    vpc = {"VPC": {"VPCId": "vpc-1", "VPCRegion": "us-east-1"}} if private else {}
    answer = cloud.client(DNS, "us-east-1").create_hosted_zone(
        Name=name,
        CallerReference=f"{name} {private} {len(zones(cloud))}",
        HostedZoneConfig={"PrivateZone": private},
        **vpc,
    )
    return str(answer["HostedZone"]["Id"].rpartition("/")[2])


def zones(cloud: Cloud) -> list[Any]:
    return list(cloud.client(DNS, "us-east-1").list_hosted_zones()["HostedZones"])


def plan(config: Config, aws: Aws, *only: str, patience: Patience = SHORT) -> Findings:
    return plan_routing(config, IDENTITY, aws, only=only, patience=patience)


def carry_out(findings: Findings, tell: Tell = tell_nobody) -> None:
    assert findings.problems == ()
    for step in findings.steps:
        step.carry_out(tell)


def sentences(findings: Findings) -> list[str]:
    return [each.sentence for each in findings.steps]


def records(cloud: Cloud, zone: str, name: str = DOMAIN) -> dict[str, Any]:
    """By the region they are for; those without one by their type."""
    found = cloud.client(DNS, "us-east-1").list_resource_record_sets(HostedZoneId=zone)
    return {
        each.get("Region", each["Type"]): each
        for each in found["ResourceRecordSets"]
        if each["Name"] == f"{name}."
    }


def checks(cloud: Cloud) -> dict[str, Any]:
    """By the host they ask."""
    found = cloud.client(DNS, "us-east-1").list_health_checks()["HealthChecks"]
    return {each["HealthCheckConfig"]["FullyQualifiedDomainName"]: each for each in found}


def of_one_region(cloud: Cloud, config: Config, region: str) -> list[str]:
    """The ids of its checks, once two more operators have made one at the same time."""
    client, host = cloud.client(DNS, "us-east-1"), config.cname(region, ACCOUNT)
    settings = checks(cloud)[host]["HealthCheckConfig"]
    for number in range(2):
        client.create_health_check(
            CallerReference=f"meridian/{region}/{number}", HealthCheckConfig=settings
        )
    listed = client.list_health_checks()["HealthChecks"]
    return [each["Id"] for each in listed if each["HealthCheckConfig"] == settings]


def put_record(cloud: Cloud, zone: str, record: dict[str, Any]) -> None:
    cloud.client(DNS, "us-east-1").change_resource_record_sets(
        HostedZoneId=zone,
        ChangeBatch={"Changes": [{"Action": "UPSERT", "ResourceRecordSet": record}]},
    )


def test_every_region_gets_a_health_check_and_then_all_records_come_at_once(
    zone: str, config: Config, aws: Aws, cloud: Cloud
) -> None:
    findings = plan(config, aws)
    with recorded(aws, DNS) as calls:
        carry_out(findings)

    host = config.cname("eu-west-1", ACCOUNT)
    assert sentences(findings) == [
        *(
            f"create the health check of {config.cname(each, ACCOUNT)}/healthz/ready"
            for each in config.regions
        ),
        "point www.example.com at us-west-2, eu-west-1 and us-east-2",
    ]
    assert changing(calls) == [
        *["CreateHealthCheck", "ChangeTagsForResource"] * 3,
        "ChangeResourceRecordSets",
    ]
    check = checks(cloud)[host]
    assert check["HealthCheckConfig"] | {"Inverted": False, "Disabled": False} == {
        "Type": "HTTPS",
        "FullyQualifiedDomainName": host,
        "Port": 443,
        "ResourcePath": "/healthz/ready",
        "RequestInterval": 10,
        "FailureThreshold": 3,
        "EnableSNI": False,
        "MeasureLatency": False,
        "Inverted": False,
        "Disabled": False,
    }
    assert records(cloud, zone)["eu-west-1"] == {
        "Name": "www.example.com.",
        "Type": "A",
        "SetIdentifier": "eu-west-1",
        "Region": "eu-west-1",
        "AliasTarget": {
            "HostedZoneId": "Z2NYPWQ7DFZAZH",
            "DNSName": f"{host}.",
            "EvaluateTargetHealth": True,
        },
        "HealthCheckId": check["Id"],
    }


def test_what_stands_is_left_alone(routed: str, config: Config, aws: Aws, cloud: Cloud) -> None:
    before = records(cloud, routed), checks(cloud)

    findings = plan(config, aws)

    assert findings == Findings()
    assert (records(cloud, routed), checks(cloud)) == before


def test_without_a_domain_there_is_no_routing(config: Config, aws: Aws) -> None:
    assert plan(replace(config, domain=""), aws) == Findings()
    assert find_routes(replace(config, domain=""), aws) == ()


@pytest.mark.parametrize("private", [False, True], ids=["no zone", "a private one only"])
def test_a_domain_that_is_not_in_route_53_is_a_problem_and_nothing_changes(
    private: bool, config: Config, aws: Aws, cloud: Cloud
) -> None:
    make_zone(cloud, "ample.com")  # the end of the name, and none of its parts
    if private:
        make_zone(cloud, "example.com", private=True)

    with recorded(aws, DNS) as calls:
        findings = plan(config, aws)

    (problem,) = findings.problems
    assert problem.sentence == (
        "Route 53 has no public hosted zone for www.example.com: make one and name its servers at "
        "the registrar, or write another domain into deploy.toml."
    )
    assert findings.steps == ()
    assert calls
    assert changing(calls) == []


def test_two_zones_of_one_name_are_a_problem_that_names_them(
    zone: str, config: Config, aws: Aws, cloud: Cloud
) -> None:
    other = make_zone(cloud, "example.com")

    (problem,) = plan(config, aws).problems

    assert all(each in problem.sentence for each in (zone, other))


def test_the_zone_nearest_to_the_domain_is_taken(
    zone: str, config: Config, aws: Aws, cloud: Cloud
) -> None:
    nearest = make_zone(cloud, "www.example.com")

    carry_out(plan(config, aws))

    assert set(records(cloud, nearest)) >= set(config.regions)
    assert records(cloud, zone) == {}


ELSEWHERE = {
    "simple": {"Type": "A", "TTL": 60, "ResourceRecords": [{"Value": "192.0.2.1"}]},
    "IPv6": {"Type": "AAAA", "TTL": 60, "ResourceRecords": [{"Value": "2001:db8::1"}]},
    "CNAME": {"Type": "CNAME", "TTL": 60, "ResourceRecords": [{"Value": "example.net"}]},
    "weighted": {
        "Type": "A",
        "TTL": 60,
        "SetIdentifier": "blue",
        "Weight": 1,
        "ResourceRecords": [{"Value": "192.0.2.1"}],
    },
    "HTTPS": {"Type": "HTTPS", "TTL": 60, "ResourceRecords": [{"Value": "0 example.net"}]},
    "other servers": {"Type": "NS", "TTL": 60, "ResourceRecords": [{"Value": "ns.example.net"}]},
    "latency": {
        "Type": "A",
        "TTL": 60,
        "SetIdentifier": "eu-west-1",
        "Region": "eu-west-1",
        "ResourceRecords": [{"Value": "192.0.2.1"}],
    },
}


@pytest.mark.parametrize("kind", ELSEWHERE)
def test_a_record_that_somebody_else_made_is_a_problem_and_stays(
    kind: str, zone: str, config: Config, aws: Aws, cloud: Cloud
) -> None:
    put_record(cloud, zone, {"Name": f"{DOMAIN}.", **ELSEWHERE[kind]})
    before = records(cloud, zone)

    findings = plan(config, aws)

    (problem,) = findings.problems
    kind_of_record = f"www.example.com has a record of type {ELSEWHERE[kind]['Type']} "
    assert problem.sentence.startswith(kind_of_record)
    assert findings.steps == ()
    assert records(cloud, zone) == before


def test_a_record_that_appears_after_the_plan_is_not_overwritten(
    zone: str, config: Config, aws: Aws, cloud: Cloud
) -> None:
    findings = plan(config, aws)
    put_record(cloud, zone, {"Name": f"{DOMAIN}.", **ELSEWHERE["simple"]})
    before = records(cloud, zone)

    with pytest.raises(CannotRoute, match="did not make"):
        carry_out(findings)

    assert records(cloud, zone) == before


def test_records_that_lead_nowhere_are_not_in_the_way(
    zone: str, config: Config, aws: Aws, cloud: Cloud
) -> None:
    text = {"Type": "TXT", "TTL": 60, "ResourceRecords": [{"Value": '"v=spf1 -all"'}]}
    put_record(cloud, zone, {"Name": f"{DOMAIN}.", **text})
    put_record(cloud, zone, {"Name": "wwww.example.com.", **ELSEWHERE["simple"]})

    carry_out(plan(config, aws))

    assert set(records(cloud, zone)) == {*config.regions, "TXT"}


@pytest.mark.usefixtures("zone")
def test_a_region_that_an_alias_cannot_point_at_is_a_problem_that_names_it(
    config: Config, aws: Aws
) -> None:
    findings = plan(replace(config, regions=("us-west-2", "mx-central-1")), aws)

    assert [each.region for each in findings.problems] == ["mx-central-1"]
    assert findings.steps == ()


def test_a_region_no_longer_wanted_loses_its_record_and_then_its_check(
    routed: str, config: Config, aws: Aws, cloud: Cloud
) -> None:
    two = replace(config, regions=config.regions[:2])
    (problem,) = plan(two, aws).problems
    assert "manage.py deploy down --only us-east-2" in problem.sentence
    findings = plan_routing(two, IDENTITY, aws, may_leave=True, patience=SHORT)

    with recorded(aws, DNS) as calls:
        carry_out(findings)

    assert sentences(findings)[0] == "take us-east-2 out of www.example.com"
    assert changing(calls) == ["ChangeResourceRecordSets", "DeleteHealthCheck"]
    assert set(records(cloud, routed)) == {"us-west-2", "eu-west-1"}
    assert set(checks(cloud)) == {two.cname(each, ACCOUNT) for each in two.regions}


def test_only_the_region_asked_for_is_routed_and_the_others_stay_as_they_are(
    zone: str, config: Config, aws: Aws, cloud: Cloud
) -> None:
    carry_out(plan(config, aws, "us-east-2"))
    first = records(cloud, zone)

    carry_out(plan(config, aws, "us-west-2"))

    assert set(first) == {"us-east-2"}
    assert records(cloud, zone) == first | {"us-west-2": records(cloud, zone)["us-west-2"]}


def test_a_record_and_a_check_that_were_changed_by_hand_are_put_right(
    routed: str, config: Config, aws: Aws, cloud: Cloud
) -> None:
    before = records(cloud, routed)
    good = before["eu-west-1"]
    host = config.cname("eu-west-1", ACCOUNT)
    check = checks(cloud)[host]
    put_record(
        cloud,
        routed,
        good | {"AliasTarget": good["AliasTarget"] | {"EvaluateTargetHealth": False}},
    )
    put_record(cloud, routed, before["us-east-2"] | {"HealthCheckId": check["Id"]})
    cloud.client(DNS, "us-east-1").update_health_check(
        HealthCheckId=check["Id"], ResourcePath="/", FailureThreshold=10
    )
    findings = plan(config, aws)

    carry_out(findings)

    assert sentences(findings) == [
        f"change the health check of {host}/healthz/ready",
        "point www.example.com at eu-west-1 and us-east-2",
    ]
    assert records(cloud, routed) == before
    assert checks(cloud)[host]["HealthCheckConfig"] == check["HealthCheckConfig"]


def test_wherever_it_is_interrupted_the_next_run_does_the_rest_and_nothing_twice(
    config: Config, aws: Aws, cloud: Cloud
) -> None:
    calls = 0
    while True:
        cloud.reset()
        zone = make_zone(cloud, "example.com")
        findings = plan(config, aws)
        try:
            with interrupted_after(aws, DNS, calls):
                carry_out(findings)
            break
        except KeyboardInterrupt:
            carry_out(plan(config, aws))
        assert plan(config, aws) == Findings()
        assert set(records(cloud, zone)) == set(config.regions)
        assert len(cloud.client(DNS, "us-east-1").list_health_checks()["HealthChecks"]) == 3
        calls += 3  # regions make four calls each, but for the first: a sample of every kind
    assert calls > 3 * 3


def test_of_several_checks_of_a_region_the_evacuated_one_stays(
    routed: str, config: Config, aws: Aws, cloud: Cloud
) -> None:
    client = cloud.client(DNS, "us-east-1")
    host = config.cname("eu-west-1", ACCOUNT)
    last = max(of_one_region(cloud, config, "eu-west-1"))
    client.update_health_check(HealthCheckId=last, Disabled=True, Inverted=True)

    carry_out(plan(config, aws))

    assert len(client.list_health_checks()["HealthChecks"]) == 3
    assert checks(cloud)[host]["Id"] == last
    assert records(cloud, routed)["eu-west-1"]["HealthCheckId"] == last


def test_an_evacuation_holds_whichever_of_two_checks_the_record_goes_by(
    routed: str, config: Config, aws: Aws, cloud: Cloud
) -> None:
    last = max(of_one_region(cloud, config, "eu-west-1"))
    put_record(cloud, routed, records(cloud, routed)["eu-west-1"] | {"HealthCheckId": last})

    evacuate(config, "eu-west-1", aws, tell_nobody)

    assert [each.is_evacuated for each in find_routes(config, aws)] == [False, True, False]


def test_the_check_of_a_region_that_was_not_asked_for_is_not_deleted(
    routed: str, config: Config, aws: Aws, cloud: Cloud
) -> None:
    last = max(of_one_region(cloud, config, "eu-west-1"))
    put_record(cloud, routed, records(cloud, routed)["eu-west-1"] | {"HealthCheckId": last})

    assert plan(config, aws, "us-west-2").steps == ()


@pytest.mark.usefixtures("zone")
def test_a_change_is_waited_for_until_every_name_server_has_it(config: Config, aws: Aws) -> None:
    left = [3]

    def spread(answer: dict[str, Any]) -> None:
        left[0] -= 1
        answer["ChangeInfo"]["Status"] = "PENDING" if left[0] else "INSYNC"

    with answering(aws, DNS, "GetChange", spread):
        carry_out(plan(config, aws))
    assert left == [0]


@pytest.mark.usefixtures("zone")
def test_a_change_that_does_not_spread_ends_patience_and_says_that_it_goes_on(
    config: Config, aws: Aws
) -> None:
    def stay(answer: dict[str, Any]) -> None:
        answer["ChangeInfo"]["Status"] = "PENDING"

    findings = plan(config, aws, patience=NONE_LEFT)
    with answering(aws, DNS, "GetChange", stay), pytest.raises(OutOfPatience, match="goes on"):
        carry_out(findings)


@pytest.mark.usefixtures("routed")
def test_an_evacuated_region_is_one_whose_check_is_disabled_and_inverted(
    config: Config, aws: Aws, cloud: Cloud
) -> None:
    evacuate(config, "eu-west-1", aws, tell_nobody)
    evacuate(config, "eu-west-1", aws, tell_nobody)

    found = checks(cloud)[config.cname("eu-west-1", ACCOUNT)]["HealthCheckConfig"]
    assert (found["Disabled"], found["Inverted"]) == (True, True)
    assert [
        (each.region, each.is_evacuated, each.is_healthy) for each in find_routes(config, aws)
    ] == [
        ("us-west-2", False, True),
        ("eu-west-1", True, None),
        ("us-east-2", False, True),
    ]


@pytest.mark.usefixtures("routed")
def test_a_deployment_does_not_undo_an_evacuation_and_says_so(config: Config, aws: Aws) -> None:
    evacuate(config, "eu-west-1", aws, tell_nobody)

    findings = plan(config, aws)

    assert findings.steps == ()
    (note,) = findings.notes
    assert note == (
        "eu-west-1 is evacuated and stays so: manage.py deploy return eu-west-1 brings visitors "
        "back"
    )


@pytest.mark.usefixtures("routed")
def test_the_last_region_that_takes_visitors_is_evacuated_by_force_only(
    config: Config, aws: Aws
) -> None:
    evacuate(config, "eu-west-1", aws, tell_nobody)
    unwell = {"StatusReport": {"Status": "Failure: HTTP Status Code 503"}}

    def fail(answer: dict[str, Any]) -> None:
        answer["HealthCheckObservations"] = [unwell]

    with answering(aws, DNS, "GetHealthCheckStatus", fail):
        with pytest.raises(CannotRoute, match="No region but us-west-2 takes visitors"):
            evacuate(config, "us-west-2", aws, tell_nobody)
        still = [each.region for each in find_routes(config, aws) if each.is_evacuated]
        evacuate(config, "us-west-2", aws, tell_nobody, force=True)

    now = [each.region for each in find_routes(config, aws) if each.is_evacuated]
    assert (still, now) == (["eu-west-1"], ["us-west-2", "eu-west-1"])


def test_a_region_whose_record_minds_no_health_check_is_not_said_to_be_evacuated(
    routed: str, config: Config, aws: Aws, cloud: Cloud
) -> None:
    record = records(cloud, routed)["eu-west-1"]
    del record["HealthCheckId"]
    put_record(cloud, routed, record)

    with pytest.raises(CannotRoute, match="does not go by its health check"):
        evacuate(config, "eu-west-1", aws, tell_nobody)


@pytest.mark.usefixtures("routed")
def test_a_region_without_a_health_check_cannot_be_evacuated(config: Config, aws: Aws) -> None:
    with pytest.raises(CannotRoute, match="us-east-1 has no health check"):
        evacuate(config, "us-east-1", aws, tell_nobody)


@pytest.mark.usefixtures("routed")
def test_a_region_comes_back_once_its_site_answers(config: Config, aws: Aws, cloud: Cloud) -> None:
    host = config.cname("eu-west-1", ACCOUNT)
    before = checks(cloud)[host]["HealthCheckConfig"]
    evacuate(config, "eu-west-1", aws, tell_nobody)
    with pytest.raises(CannotRoute, match=f"Nobody is sent to eu-west-1 yet: .*{host}"):
        come_back(config, "eu-west-1", aws, tell_nobody)  # there is no environment
    refused = checks(cloud)[host]["HealthCheckConfig"]["Inverted"]

    come_back(config, "eu-west-1", aws, tell_nobody, ailment_of={host: ""}.__getitem__)

    assert refused
    assert checks(cloud)[host]["HealthCheckConfig"] == before


@pytest.mark.usefixtures("routed")
def test_a_check_that_is_only_disabled_is_noted_and_enabled_by_return(
    config: Config, aws: Aws, cloud: Cloud
) -> None:
    found = checks(cloud)[config.cname("us-east-2", ACCOUNT)]
    cloud.client(DNS, "us-east-1").update_health_check(HealthCheckId=found["Id"], Disabled=True)

    (note,) = plan(config, aws).notes
    come_back(config, "us-east-2", aws, tell_nobody, ailment_of=lambda _host: "")

    assert note.startswith("the health check of us-east-2 is disabled")
    assert plan(config, aws) == Findings()


@pytest.mark.parametrize(
    ("good", "bad", "verdict"),
    [(0, 0, None), (0, 16, False), (2, 14, False), (3, 13, True), (16, 0, True)],
)
def test_a_region_is_healthy_while_more_than_18_percent_of_the_checkers_say_so(
    good: int, bad: int, verdict: bool | None
) -> None:
    statuses = ["Success: HTTP Status Code 200, OK"] * good + ["Failure: timed out"] * bad

    assert judged([*statuses, "Unknown"]) is verdict


def test_records_are_removed_before_checks_and_nobody_elses(
    routed: str, config: Config, aws: Aws, cloud: Cloud
) -> None:
    other = replace(config, application="other", domain="other.example.com")
    carry_out(plan(other, aws))
    news: list[News] = []

    with recorded(aws, DNS) as calls:
        remove_routing(config, aws, news.append, patience=SHORT)
    remove_routing(config, aws, tell_nobody, patience=SHORT)

    assert changing(calls) == ["ChangeResourceRecordSets", *["DeleteHealthCheck"] * 3]
    assert records(cloud, routed) == {}
    assert set(checks(cloud)) == {other.cname(each, ACCOUNT) for each in other.regions}
    assert "www.example.com no longer leads to eu-west-1, us-east-2 and us-west-2" in [
        each.sentence for each in news if each.kind is Kind.DONE
    ]


def test_with_two_zones_of_one_name_nothing_is_removed(
    routed: str, config: Config, aws: Aws, cloud: Cloud
) -> None:
    make_zone(cloud, "example.com")

    with pytest.raises(ZoneUnclear, match="has 2 public hosted zones"):
        remove_routing(config, aws, tell_nobody, patience=SHORT)

    assert set(records(cloud, routed)) == set(config.regions)
    assert len(checks(cloud)) == len(config.regions)


def test_a_former_domain_no_longer_leads_anywhere(
    routed: str, config: Config, aws: Aws, cloud: Cloud
) -> None:
    other = make_zone(cloud, "example.org")
    moved = replace(config, domain="films.example.org")
    findings = plan(moved, aws)

    carry_out(findings)

    assert sentences(findings) == [
        "point films.example.org at us-west-2, eu-west-1 and us-east-2",
        "take every region out of www.example.com, the former domain",
    ]
    assert records(cloud, routed) == {}
    assert set(records(cloud, other, "films.example.org")) == set(config.regions)
    assert plan(moved, aws) == Findings()


def test_giving_up_the_domain_removes_records_and_checks(
    routed: str, config: Config, aws: Aws, cloud: Cloud
) -> None:
    carry_out(plan(replace(config, domain=""), aws))

    assert records(cloud, routed) == {}
    assert checks(cloud) == {}


def test_a_deployer_who_may_not_look_at_route_53_needs_not_without_a_domain(
    config: Config, aws: Aws
) -> None:
    with denied(aws, DNS, "ListHealthChecks"):
        assert plan(replace(config, domain=""), aws) == Findings()
        with pytest.raises(AccessDenied):
            plan(config, aws)


def test_a_former_domain_that_is_out_of_reach_is_said_once(
    routed: str, config: Config, aws: Aws, cloud: Cloud
) -> None:
    make_zone(cloud, "example.org")
    moved = replace(config, domain="films.example.org")
    (*_, leaving) = plan(moved, aws).steps
    news: list[News] = []

    with denied(aws, DNS, "ListResourceRecordSets"):
        leaving.carry_out(news.append)

    (trouble,) = news
    assert trouble.kind is Kind.TROUBLE
    assert trouble.sentence.endswith("Delete the records of www.example.com in Route 53 yourself.")
    assert set(records(cloud, routed)) == set(config.regions)
    assert "former" not in " ".join(sentences(plan(moved, aws)))
