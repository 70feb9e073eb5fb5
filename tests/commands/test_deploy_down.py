"""`manage.py deploy down`: everything that was made goes, and nothing else."""

import pytest

from tests.support.beanstalk import NEVER_ENDS
from tests.support.deployment import IRELAND, OHIO, OREGON, Site
from tests.support.engines import REGIONS

TABLE, SECRET = "global-serverless", "meridian/secret-key"


def test_it_shows_its_plan_goes_on_with_yes_and_says_when_nothing_is_left(deployed: Site) -> None:
    before = deployed.changes()
    shown = deployed.down()
    assert shown.code == 2
    assert "Nothing was removed: add --yes to carry out this plan." in shown.err
    for words in (
        "take every region out of www.example.com and delete 3 health checks",
        "terminate the environment meridian-us-west-2",
        "delete the application meridian",
        "delete the certificates in us-west-2, eu-west-1 and us-east-2",
        "delete the role meridian-instance, the role meridian-service and the instance profile",
        "The table global-serverless and its items: manage.py deploy down --with-data",
        "The secret meridian/secret-key: --with-secret",
    ):
        assert words in " ".join(shown.out.split())
    assert deployed.changes() == before
    gone = deployed.down("--yes")
    assert gone.code == 0, gone.err
    assert deployed.versions() == dict.fromkeys(REGIONS, "")
    assert deployed.records() == []
    assert all(not deployed.cloud.beanstalk.region(each).applications for each in REGIONS)
    assert deployed.made() == []
    assert deployed.tables.state.regions_of(TABLE) == dict.fromkeys(REGIONS, "ACTIVE")
    assert not _secret(deployed).get("DeletedDate")
    again = deployed.down("--yes")
    assert (again.code, again.err) == (0, "")
    assert "Nothing to remove" in again.out


@pytest.mark.parametrize("written", [("nothing-like-it",), ()], ids=["another", "none"])
def test_the_table_goes_by_its_own_name_only(site: Site, written: tuple[str, ...]) -> None:
    """Where nobody can be asked, as here, none is a wrong one; nothing else goes either."""
    ran = site.down("--yes", "--with-data", *written)
    assert (ran.code, ran.out) == (2, "")
    assert "--with-data needs the table's name, which is global-serverless" in ran.err
    assert (site.cloud.beanstalk.calls, site.tables.state.calls) == ([], [])


def test_with_its_name_the_table_goes_and_on_demand_the_secret(ready: Site) -> None:
    assert ready.up("--only", OREGON, "--domain", "").code == 0
    ran = ready.down("--yes", "--with-data", TABLE, "--with-secret", "--json")
    assert ran.code == 0, ran.err
    assert ran.json["changed"] is True
    assert ran.json["steps_done"][-1]["sentence"] == f"have {SECRET} deleted in 30 days"
    assert ready.tables.state.regions_of(TABLE) == {}
    assert _secret(ready)["DeletedDate"]


def test_one_region_goes_with_its_way_and_the_others_keep_what_they_share(deployed: Site) -> None:
    ran = deployed.down("--yes", "--only", IRELAND)
    assert ran.code == 0, ran.err
    label = deployed.project.label()
    assert deployed.versions() == {OREGON: label, IRELAND: "", OHIO: label}
    assert deployed.records() == sorted([OREGON, OHIO])
    assert len(deployed.made()) == 4
    refused = deployed.down("--yes", "--only", OREGON, "--with-secret")
    assert (refused.code, refused.out) == (2, "")
    assert "--only leaves what the regions share" in refused.err


def test_what_is_not_ours_stays(site: Site) -> None:
    site.cloud.beanstalk.stand(
        IRELAND, application="meridian", name="meridian-eu-west-1", version="theirs"
    )
    site.cloud.client("iam", OREGON).create_role(
        RoleName="meridian-instance", AssumeRolePolicyDocument="{}"
    )
    ran = site.down("--yes")
    assert ran.code == 0, ran.err
    assert "Nothing to remove" in ran.out
    assert "eu-west-1 is not ours, and stays" in ran.out
    assert site.versions()[IRELAND] == "theirs"
    assert site.made() == ["meridian-instance"]


def test_a_region_that_does_not_end_leaves_what_it_uses_and_the_command_goes_on(
    ready: Site,
) -> None:
    assert ready.up("--domain", "", "--only", OREGON).code == 0
    ready.cloud.beanstalk.play(OREGON, NEVER_ENDS)
    ran = ready.deploy("down", "--yes", "--poll", "0", "--patience", "0.2")
    assert ran.code == 1
    assert "us-west-2 is not empty yet" in ran.err
    assert "Run the same command again: it goes on from there." in ran.err
    assert "meridian-instance" in ready.made()


def _secret(site: Site) -> dict[str, object]:
    found: dict[str, object] = site.cloud.client("secretsmanager", OREGON).describe_secret(
        SecretId=SECRET
    )
    return found
