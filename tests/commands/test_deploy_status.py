"""`manage.py deploy status`, and the small changes between deployments."""

import json

from tests.support.deployment import IRELAND, OHIO, OREGON, Site
from tests.support.engines import REGIONS

RESTART = "RestartAppServer"
SIZE = ("aws:autoscaling:asg", "MaxSize")


def test_each_region_what_is_otherwise_than_it_should_be_and_one_that_is_silent(
    deployed: Site,
) -> None:
    old = deployed.project.label()
    as_it_should_be = deployed.deploy("status").out
    assert "Otherwise than it should be" not in as_it_should_be
    assert _row(as_it_should_be, OHIO) == f"{old} 0 Ready Green Ok active healthy"
    new = deployed.project.commit(news="More\n")
    assert deployed.up("--only", IRELAND).code == 0
    deployed.cloud.beanstalk.environment(OHIO, "meridian-us-east-2").options[SIZE] = "9"
    deployed.cloud.client("iam", OREGON).delete_role_policy(
        RoleName="meridian-instance", PolicyName="meridian"
    )
    assert deployed.deploy("evacuate", OREGON).code == 0
    ran = deployed.deploy("status")
    assert (ran.code, ran.err) == (0, "")
    assert _row(ran.out, OREGON) == f"{old} 1 Ready Green Ok active evacuated"
    assert _row(ran.out, IRELAND) == f"{new} 0 Ready Green Ok active healthy"
    words = " ".join(ran.out.split())
    assert f"the versions differ: {old} in us-west-2 and us-east-2; {new} in eu-west-1" in words
    assert "us-east-2: MaxSize (aws:autoscaling:asg) stands otherwise" in words
    assert "update what meridian-instance may do" in words
    assert "us-west-2 is evacuated and stays so" in words
    assert max(map(len, ran.out.splitlines())) <= 80
    deployed.cloud.beanstalk.refuse(OHIO, "AccessDenied", "No.", times=1000)
    partly = deployed.deploy("status", "--json")
    assert (partly.code, partly.err) == (0, "")
    silent = partly.json["regions"][2]
    assert (silent["region"], silent["version"], silent["replica"]) == (OHIO, None, "active")
    assert silent["silence"].startswith("Elastic Beanstalk in us-east-2 denies access: No.")
    assert partly.json["drift"].count(silent["silence"]) == 1
    assert _row(deployed.deploy("status").out, OHIO) == "– – silent – active healthy"


def test_before_the_first_deployment(site: Site) -> None:
    ran = site.deploy("status")
    assert ran.code == 0
    assert _row(ran.out, OREGON) == "– – none – missing no record"
    assert "No environment stands: manage.py deploy up makes them." in ran.out
    for region in REGIONS:
        site.cloud.beanstalk.refuse(region, "AccessDenied", "No.", times=1000)
    unknown = site.deploy("status")
    assert "No environment stands" not in unknown.out
    assert "! Elastic Beanstalk in us-west-2 denies access: No." in unknown.out
    elsewhere = site.deploy("status", "--account", "210987654321")
    assert (elsewhere.code, elsewhere.out) == (1, "")
    assert "210987654321 is the only one to touch" in elsewhere.err


def test_a_region_is_evacuated_comes_back_and_the_last_one_stays(deployed: Site) -> None:
    gone = deployed.deploy("evacuate", OREGON, "--json")
    assert gone.json["done"][0].startswith("Route 53 sends nobody to us-west-2")
    assert deployed.deploy("evacuate", IRELAND).code == 0
    last = deployed.deploy("evacuate", OHIO)
    assert (last.code, last.out) == (1, "")
    assert "No region but us-east-2 takes visitors" in last.err
    deployed.cloud.beanstalk.serve(OREGON, 503)
    ill = deployed.deploy("return", OREGON)
    assert ill.code == 1
    assert "503" in ill.err
    deployed.cloud.beanstalk.serve(OREGON, None)
    back = deployed.deploy("return", OREGON)
    assert (back.code, back.err) == (0, "")
    assert back.out.startswith("Route 53 sends visitors to us-west-2 again")
    unknown = deployed.deploy("evacuate", "sa-east-1")
    assert unknown.code == 2
    assert "sa-east-1 is not a region of this deployment" in unknown.err


def test_keys_are_rotated_with_a_restart_of_every_region_in_between(ready: Site) -> None:
    for region in REGIONS:
        name, tags = ready.config.environment_name(region), ready.config.tags
        ready.cloud.beanstalk.stand(
            region, application="meridian", name=name, version="git-1", tags=tags
        )
    for act, restarts in (("introduce", True), ("promote", True), ("retire", False)):
        done = ready.deploy("secret", act)
        assert (done.code, done.err) == (0, "")
        assert "manage.py deploy restart" in done.out
        if restarts:
            ran = ready.deploy("restart", "--poll", "0")
            assert ran.code == 0, ran.err
            assert [_row(ran.out, each) for each in REGIONS] == ["restarted git-1"] * 3
    assert ready.cloud.beanstalk.operations(OHIO).count(RESTART) == 2
    ready.cloud.beanstalk.refuse(IRELAND, "InvalidParameterValue", "No.", operation=RESTART)
    ran = ready.deploy("restart", "--poll", "0")
    assert ran.code == 3
    assert "manage.py deploy restart --only eu-west-1 us-east-2" in ran.err
    early = ready.deploy("secret", "promote")
    assert early.code == 1
    assert "has no new key to promote" in early.err


def test_documents_are_printed_as_aws_takes_them(site: Site) -> None:
    everything = site.deploy("policy", "--account", "123456789012").json
    assert {"meridian-instance", "meridian-instance-trust", "meridian-service-trust"} < set(
        everything
    )
    instance = site.deploy("policy", "--for", "instance", "--name", "meridian-instance").json
    assert instance == everything["meridian-instance"]
    assert instance["Version"] == "2012-10-17"
    github = site.deploy("policy", "--for", "github", "--repository", "owner/site")
    assert github.json["Version"] == "2012-10-17"
    assert "repo:owner/site:" in json.dumps(github.json)
    nobody = site.deploy("policy", "--for", "github")
    assert (nobody.code, nobody.out) == (2, "")
    assert "Whose actions? Add --repository owner/name." in nobody.err
    assert "AWSTemplateFormatVersion" in site.deploy("template").json


def _row(out: str, region: str) -> str:
    """What the first table says of a region, with single blanks."""
    found = next(line for line in out.splitlines() if line.startswith(region))
    return " ".join(found.split()[1:])
