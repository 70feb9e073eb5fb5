"""The lab on a sandbox that really replicates: lags, conflicts, outages by the panels' switches."""

import pytest
from pytest_django import Settings

from bookmarks.lab.sandbox import look
from gtsite.sandbox.client import SandboxRefused, Status
from tests.lab.visitor import LabBrowser
from tests.support.patience import Patience
from tests.support.sandbox import RunningSandbox

OREGON, IRELAND, OHIO = "us-west-2", "eu-west-1", "us-east-2"
REGIONS = (OREGON, IRELAND, OHIO)
NOWHERE = "http://127.0.0.1:9"


@pytest.fixture(params=[False, True], ids=["no script", "htmx"])
def browser(request: pytest.FixtureRequest, lab_sandbox: RunningSandbox) -> LabBrowser:
    return LabBrowser(lab_sandbox.regions, htmx=request.param)


@pytest.fixture
def plain(lab_sandbox: RunningSandbox) -> LabBrowser:
    return LabBrowser(lab_sandbox.regions)


class TestReplication:
    def test_a_region_is_stale_until_the_write_arrives(
        self, browser: LabBrowser, lab_sandbox: RunningSandbox
    ) -> None:
        lab_sandbox.hold()
        browser.get_everywhere()
        browser.press(OREGON, "plus")
        browser.get_everywhere()
        assert browser.verdict().startswith("Stale in Ireland and Ohio")
        lab_sandbox.deliver()
        browser.get_everywhere()
        assert browser.verdict().startswith("In sync Every region holds 1, written in Oregon.")

    def test_plus_here_and_minus_there_within_the_lag_is_a_conflict(
        self, browser: LabBrowser, lab_sandbox: RunningSandbox
    ) -> None:
        lab_sandbox.hold()
        browser.press(OREGON, "plus")
        browser.press(IRELAND, "minus")
        assert browser.verdict().startswith("Conflict")
        lab_sandbox.deliver()
        browser.get_everywhere()
        assert [browser.entries(region)[0].value for region in REGIONS] == [-1, -1, -1]
        verdict = browser.verdict()
        assert verdict.startswith("In sync, after a conflict")
        assert "Oregon’s 1 was lost" in verdict

    def test_it_is_told_until_clear(self, browser: LabBrowser, lab_sandbox: RunningSandbox) -> None:
        lab_sandbox.hold()
        browser.press(OREGON, "plus")
        browser.press(IRELAND, "minus")
        lab_sandbox.deliver()
        for _ in range(3):
            browser.get_everywhere()
        assert "after a conflict" in browser.verdict()
        for region in REGIONS:
            browser.press(region, "clear")
        browser.get_everywhere()
        assert browser.verdict().startswith("In sync Every")

    def test_apart_by_more_than_the_lag_is_none(
        self, browser: LabBrowser, lab_sandbox: RunningSandbox
    ) -> None:
        browser.press(OREGON, "plus")
        lab_sandbox.deliver()
        browser.press(IRELAND, "minus")
        lab_sandbox.deliver()
        browser.get_everywhere()
        assert browser.verdict().startswith("In sync Every region holds 0, written in Ireland.")

    def test_what_the_lab_infers_is_what_the_sandbox_saw(
        self, browser: LabBrowser, lab_sandbox: RunningSandbox
    ) -> None:
        before = lab_sandbox.control.status().conflicts
        lab_sandbox.hold()
        browser.press(OREGON, "plus", us_west_2_step="5")
        browser.press(IRELAND, "minus", eu_west_1_step="7")
        lab_sandbox.deliver()
        assert lab_sandbox.control.status().conflicts > before
        newest = lab_sandbox.control.conflicts(limit=1)[0]
        assert newest.winner.region == IRELAND
        assert newest.loser.region == OREGON
        assert "Oregon’s 5 is lost" in browser.verdict()


class TestSwitch:
    @pytest.mark.parametrize("fault", ["refuse", "blackhole"])
    def test_takes_a_region_away_and_brings_it_back(
        self, browser: LabBrowser, lab_sandbox: RunningSandbox, patience: Patience, fault: str
    ) -> None:
        assert browser.post(f"/lab/{IRELAND}/fault/{fault}/").status_code == 200
        assert lab_sandbox.control.status().fault_of(IRELAND) == fault
        assert f"fault-{IRELAND}-{fault}" in browser.pressed
        patience.hangs(IRELAND)
        browser.press(IRELAND, "get")
        assert browser.said(IRELAND) == "Ireland does not answer."
        patience.answers(IRELAND)
        browser.press(OREGON, "get")
        assert browser.said(OREGON) == "Oregon holds 0."
        browser.post(f"/lab/{IRELAND}/fault/none/")
        assert f"fault-{IRELAND}-none" in browser.pressed
        browser.press(IRELAND, "get")
        assert browser.said(IRELAND) == "Ireland holds 0."

    def test_what_was_written_elsewhere_arrives_when_it_is_back(
        self, browser: LabBrowser, lab_sandbox: RunningSandbox
    ) -> None:
        browser.post(f"/lab/{IRELAND}/fault/refuse/")
        browser.press(OREGON, "plus")
        browser.press(IRELAND, "get")
        assert browser.verdict().startswith("Not known: Ireland does not answer")
        browser.post(f"/lab/{IRELAND}/fault/none/")
        lab_sandbox.deliver()
        browser.get_everywhere()
        assert browser.verdict().startswith("In sync Every region holds 1")

    def test_the_page_shows_the_present_state(
        self, plain: LabBrowser, lab_sandbox: RunningSandbox
    ) -> None:
        lab_sandbox.control.outage(OHIO, "blackhole")
        plain.reload()
        assert plain.pressed == {
            f"fault-{OREGON}-none",
            f"fault-{IRELAND}-none",
            f"fault-{OHIO}-blackhole",
        }

    def test_a_fault_that_the_page_has_no_switch_for_is_no_accident(
        self, plain: LabBrowser, lab_sandbox: RunningSandbox
    ) -> None:
        lab_sandbox.control.outage(OHIO, "reset")
        plain.reload()
        assert plain.pressed == {f"fault-{OREGON}-none", f"fault-{IRELAND}-none"}

    def test_the_answers_are_kept(self, plain: LabBrowser) -> None:
        plain.press(OREGON, "get")
        plain.post(f"/lab/{IRELAND}/fault/refuse/")
        assert len(plain.entries(OREGON)) == 1

    @pytest.mark.parametrize(
        "path", ["/lab/us-west-2/fault/explode/", "/lab/eu-central-1/fault/refuse/"]
    )
    def test_what_is_not_there_is_404_and_nothing_changes(
        self, browser: LabBrowser, lab_sandbox: RunningSandbox, path: str
    ) -> None:
        assert browser.post(path).status_code == 404
        assert {each.fault for each in lab_sandbox.control.status().regions} == {"none"}

    def test_a_get_changes_nothing(self, plain: LabBrowser, lab_sandbox: RunningSandbox) -> None:
        assert plain.client.get(f"/lab/{OREGON}/fault/refuse/").status_code == 405
        assert lab_sandbox.control.status().fault_of(OREGON) == "none"


class TestWhatTheSandboxSays:
    def test_writes_on_their_way_are_counted(
        self, plain: LabBrowser, lab_sandbox: RunningSandbox
    ) -> None:
        lab_sandbox.hold()
        plain.press(OREGON, "plus")
        response = plain.client.get("/lab/sandbox/", headers={"HX-Request": "true"})
        page = response.content.decode()
        assert "On its way: Oregon to Ireland 1 and Oregon to Ohio 1." in page
        lab_sandbox.deliver()
        page = plain.client.get("/lab/sandbox/").content.decode()
        assert "Nothing is on its way" in page

    def test_faults_without_a_switch_are_told(
        self, plain: LabBrowser, lab_sandbox: RunningSandbox
    ) -> None:
        control = lab_sandbox.control
        control.outage(OREGON, "reset")
        control.set_fault(IRELAND, error_rate=0.25, slow_ms=1400)
        control.pause(OHIO)
        control.skew(OHIO, -250)
        plain.reload()
        told = plain.texts["sandbox"]
        assert "Oregon resets its connections." in told
        assert "Ireland fails 25% of its calls and answers 1,400 ms late." in told
        assert "Ohio has its replication paused and has its clock 250 ms behind." in told
        control.reset()
        plain.reload()
        assert plain.texts["sandbox"].startswith("Nothing is on its way between the regions.")

    def test_what_a_pause_holds_is_not_on_its_way(
        self, plain: LabBrowser, lab_sandbox: RunningSandbox
    ) -> None:
        lab_sandbox.hold()
        lab_sandbox.control.pause(IRELAND)
        plain.press(OREGON, "plus")
        page = plain.client.get("/lab/sandbox/").content.decode()
        assert "On its way: Oregon to Ohio 1. Held back: Oregon to Ireland 1." in page
        lab_sandbox.control.resume(IRELAND)

    def test_every_switch_comes_with_the_line(self, plain: LabBrowser) -> None:
        whole = plain.client.get("/lab/sandbox/").content.decode()
        assert [f'id="switch-{region}"' in whole for region in REGIONS] == [True] * 3

    def test_one_that_does_not_answer_is_one_sentence(
        self, plain: LabBrowser, settings: Settings
    ) -> None:
        settings.SANDBOX_CONTROL_URL = NOWHERE
        assert plain.reload().status_code == 200
        assert plain.texts["sandbox"].startswith("No sandbox answers at 127.0.0.1:9")
        assert plain.pressed == set()
        plain.press(OREGON, "get")
        assert plain.said(OREGON) == "Oregon holds 0."

    def test_a_switch_without_a_sandbox_says_so(
        self, browser: LabBrowser, settings: Settings
    ) -> None:
        settings.SANDBOX_CONTROL_URL = NOWHERE
        response = browser.post(f"/lab/{OREGON}/fault/refuse/")
        assert response.status_code == 200
        assert response.headers.get("HX-Retarget") == ("#sandbox" if browser.htmx else None)
        assert "No sandbox answers" in response.content.decode()

    def test_one_that_refuses_is_one_sentence(self) -> None:
        def refuse() -> Status:
            raise SandboxRefused("No such region.")

        seen = look(refuse, regions=REGIONS, places=str)
        assert (seen.problem, seen.sentence) == ("No such region.", "")


def test_on_aws_there_is_no_sandbox_to_ask(
    plain: LabBrowser, lab_sandbox: RunningSandbox, settings: Settings
) -> None:
    settings.SANDBOX_CONTROL_URL = ""
    assert plain.client.get("/lab/sandbox/").status_code == 404
    assert plain.post(f"/lab/{OREGON}/fault/refuse/").status_code == 404
    assert lab_sandbox.control.status().fault_of(OREGON) == "none"
