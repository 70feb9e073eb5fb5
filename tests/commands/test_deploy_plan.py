"""`manage.py deploy plan`: everything is looked at, and nothing is changed."""

from tests.support.cloud import ACCOUNT
from tests.support.deployment import DOMAIN, IRELAND, OHIO, OREGON, Site

STEPS_OF_A_REGION = ("create the application meridian", "upload the bundle", "create meridian-")


def test_on_an_empty_account_it_shows_everything_and_changes_nothing(ready: Site) -> None:
    before = ready.changes()
    shown = ready.deploy("plan", "--no-load")
    assert (shown.code, shown.err) == (0, "")
    label = ready.project.label()
    for words in (label, ACCOUNT, f"https://{DOMAIN}", "us-west-2 (home), eu-west-1, us-east-2"):
        assert words in shown.out
    assert "As it should be: secret." in shown.out
    assert "6 to 12  instances, t3.small" in shown.out
    assert "· GT_ENDPOINTS is set: the table is where it leads, and not at AWS." in shown.out
    assert max(map(len, shown.out.splitlines())) <= 80
    as_data = ready.deploy("plan", "--no-load", "--json").json
    assert (as_data["changed"], as_data["problems"]) == (False, [])
    assert as_data["release"]["label"] == label
    steps = [(each["area"], each["region"], each["sentence"]) for each in as_data["steps"]]
    areas = [area for area, _, _ in steps]
    assert list(dict.fromkeys(areas)) == [
        *("table", "roles", "certificate", "version", "environment", "routing")
    ]
    for region in (OREGON, IRELAND, OHIO):
        own = [text for area, name, text in steps if name == region and area in areas[-9:-4]]
        assert len([text for text in own if text.startswith(STEPS_OF_A_REGION)]) == 3
    assert ready.changes() == before


def test_a_dry_run_is_a_plan(ready: Site) -> None:
    before = ready.changes()
    planned = ready.deploy("plan", "--no-load", "--only", IRELAND)
    tried = ready.up("--dry-run", "--only", IRELAND)
    assert (tried.code, tried.out, tried.err) == (0, planned.out, "")
    assert "eu-west-1; not us-west-2 nor us-east-2 this time" in planned.out
    assert "create meridian-us-west-2" not in planned.out
    assert ready.changes() == before


def test_alone_or_with_a_wrong_word_it_names_its_actions(site: Site) -> None:
    actions = ("plan", "up", "status", "down", "policy", "template", "secret", "evacuate")
    for arguments in ((), ("fly",)):
        ran = site.deploy(*arguments)
        assert (ran.code, ran.out) == (2, "")
        assert all(action in ran.err for action in actions)
