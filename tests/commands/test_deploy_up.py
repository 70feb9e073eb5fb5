"""`manage.py deploy up`: from nothing to three regions, again, and on after what stops it."""

import signal

from gtsite.deploy.aws import ATTEMPTS, READ_SECONDS
from tests.support.beanstalk import NEVER_ENDS, RED, SUCCESS
from tests.support.beanstalk.plays import Change
from tests.support.deployment import DOMAIN, IRELAND, OHIO, OREGON, QUICK, Site
from tests.support.engines import REGIONS

CREATE, UPDATE = "CreateEnvironment", "UpdateEnvironment"
SOONER_THAN_GIVEN_UP_SECONDS = 0.75 * READ_SECONDS * ATTEMPTS
"""Whoever waits for a service that hangs waits until the SDK gives it up."""


def test_the_first_time_the_second_time_and_the_next_commit(ready: Site) -> None:
    first = ready.up()
    label = ready.project.label()
    assert first.code == 0, first.err
    assert ready.versions() == dict.fromkeys(REGIONS, label)
    assert ready.records() == sorted(REGIONS)
    assert ready.tables.state.regions_of("global-serverless") == dict.fromkeys(REGIONS, "ACTIVE")
    assert f"us-west-2  deployed  {label}" in first.out
    assert "Visitors come by https://www.example.com" in first.out
    assert "· us-west-2  The environment has been launched." in first.err
    assert [each.region for each in ready.cloud.beanstalk.changes if each.operation == CREATE] == [
        *REGIONS
    ]
    before = ready.changes()
    again = ready.up()
    assert (again.code, again.err) == (0, "")
    assert again.out == (f"Nothing to do: {label} is in us-west-2, eu-west-1 and us-east-2.\n")
    assert ready.changes() == before
    newer = ready.project.commit(news="One line more\n")
    assert ready.up("--json").json["outcomes"][2] == {
        "region": OHIO,
        "verdict": "deployed",
        "version": newer,
        "sentence": f"It runs {newer} and is healthy.",
        "url": f"http://{ready.config.cname(OHIO, '123456789012')}/",
    }
    assert ready.versions() == dict.fromkeys(REGIONS, newer)


def test_a_second_region_that_fails_leaves_the_first_new_and_the_third_untouched(
    deployed: Site,
) -> None:
    old, new = deployed.project.label(), deployed.project.commit(news="Ill\n")
    asked = len(deployed.cloud.beanstalk.changes)
    deployed.cloud.beanstalk.play(IRELAND, RED)
    ran = deployed.up()
    assert ran.code == 3
    assert deployed.versions() == {OREGON: new, IRELAND: old, OHIO: old}
    assert OHIO not in {each.region for each in deployed.cloud.beanstalk.changes[asked:]}
    words = " ".join(ran.out.split())
    rows = [" ".join(line.split()) for line in ran.out.splitlines()]
    assert f"us-west-2 deployed {new}" in rows
    assert f"eu-west-1 rolled back {old}" in rows
    assert f"us-east-2 not touched {old}" in rows
    assert f"· eu-west-1: It is back on {old} and healthy. What failed: Its health is" in words
    assert f"· us-east-2: It still runs {old}: its turn did not come." in words
    assert ran.err.splitlines()[-1] == (
        "deploy: eu-west-1 could not be deployed. What is done stands; the same command goes on "
        "from there."
    )
    assert deployed.up().code == 0
    assert deployed.versions() == dict.fromkeys(REGIONS, new)


def test_only_some_regions(ready: Site) -> None:
    ran = ready.up("--only", OREGON, OHIO)
    assert ran.code == 0, ran.err
    label = ready.project.label()
    assert ready.versions() == {OREGON: label, IRELAND: "", OHIO: label}
    assert ready.records() == sorted([OREGON, OHIO])
    newer = ready.project.commit(news="More\n")
    assert ready.up("--only", IRELAND).code == 0
    assert ready.versions() == {OREGON: label, IRELAND: newer, OHIO: label}
    assert ready.records() == sorted(REGIONS)


def test_a_region_with_visitors_is_not_left_out_by_a_slip(deployed: Site) -> None:
    """`--regions` where `--only` was meant."""
    deployed.project.commit(news="More\n")
    before = deployed.changes()
    two = deployed.project.folder.parent / "two.toml"
    two.write_text(f'domain = "{DOMAIN}"\nregions = ["{OREGON}", "{IRELAND}"]\n')
    for slip in (deployed.up("--regions", OREGON), deployed.down("--yes", "--config", two)):
        assert slip.code == 1
        words = " ".join(slip.out.split())
        assert "us-east-2 has visitors and is not among the regions: put it back" in words
    assert deployed.changes() == before


def test_killed_or_stopped_in_the_middle_the_same_command_goes_on(ready: Site) -> None:
    """First with SIGKILL while Ireland is launched, then with Ctrl-C while Ohio is."""
    label = ready.project.label()
    arguments = ("up", "--no-load", "--poll", "0.1", "--patience", "600")
    for region, how in ((IRELAND, signal.SIGKILL), (OHIO, signal.SIGINT)):
        ready.cloud.beanstalk.play(region, NEVER_ENDS)
        with ready.running(*arguments) as running:
            ready.wait_for(region, CREATE)
            running.send_signal(how)
            out, err = running.communicate(timeout=60)
        assert running.returncode == (130 if how is signal.SIGINT else -how)
        _launch_goes_on(ready, region)
    assert f"us-west-2  was there already  {label}" in out
    assert "us-east-2  interrupted" in out
    assert "deploy: Stopped. What AWS was asked for goes on by itself" in err
    assert ready.records() == []
    finished = ready.up()
    assert finished.code == 0, finished.err
    assert ready.versions() == dict.fromkeys(REGIONS, label)
    assert ready.records() == sorted(REGIONS)
    for region in REGIONS:
        assert ready.cloud.beanstalk.operations(region).count(CREATE) == 1


def _launch_goes_on(site: Site, region: str) -> None:
    """Of an environment that would not have been there before the operator's command had ended."""
    environment = site.cloud.beanstalk.environment(region, site.config.environment_name(region))
    environment.begin(Change.LAUNCH, environment.content, SUCCESS)


def test_ctrl_c_waits_for_no_service_that_hangs(ready: Site) -> None:
    ready.cloud.beanstalk.hang(IRELAND, times=100)
    with ready.running("plan", "--no-load") as running:
        ready.wait_for(IRELAND, "ListAvailableSolutionStacks")
        running.send_signal(signal.SIGINT)
        _, err = running.communicate(timeout=SOONER_THAN_GIVEN_UP_SECONDS)
    assert (running.returncode, err) == (130, "Stopped.\n")


def test_without_a_domain_by_http_and_without_route_53(ready: Site) -> None:
    ran = ready.deploy("up", "--no-load", *QUICK, "--domain", "", "--only", OREGON)
    assert ran.code == 0, ran.err
    assert ready.records() == []
    options = ready.cloud.beanstalk.environment(OREGON, "meridian-us-west-2").options
    assert options["aws:elasticbeanstalk:application:environment", "HTTPS"] == "off"
    assert UPDATE not in ready.cloud.beanstalk.operations(OREGON)
