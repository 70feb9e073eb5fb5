import importlib
import re
from collections.abc import Iterator

import pytest
from django.test import Client
from django.urls import clear_url_caches
from pytest_django import Settings

import gtsite.urls
from bookmarks.lab.forms import BOUNDS
from tests.lab.rig import bookmark_in, put_bookmark
from tests.lab.visitor import LabBrowser
from tests.support.engines import ThreeRegions
from tests.support.patience import Patience

OREGON, IRELAND, OHIO = "us-west-2", "eu-west-1", "us-east-2"
ACTIONS = ("ping", "get", "plus", "minus", "clear")


@pytest.fixture(params=[False, True], ids=["no script", "htmx"])
def browser(request: pytest.FixtureRequest, lab_regions: ThreeRegions) -> LabBrowser:
    return LabBrowser(lab_regions.names, htmx=request.param)


@pytest.fixture
def plain(lab_regions: ThreeRegions) -> LabBrowser:
    return LabBrowser(lab_regions.names)


@pytest.fixture
def scripted(lab_regions: ThreeRegions) -> LabBrowser:
    return LabBrowser(lab_regions.names, htmx=True)


class TestPage:
    def test_has_a_panel_for_every_region(self, plain: LabBrowser) -> None:
        page = plain.response.content.decode()
        assert [page.count(f'id="panel-{region}"') for region in (OREGON, IRELAND, OHIO)] == [1] * 3
        assert "Oregon" in plain.texts[f"panel-{OREGON}"]
        assert "This site’s own region" in plain.texts[f"panel-{OREGON}"]
        assert "7,315 km away, light takes 24 ms" in plain.texts[f"panel-{IRELAND}"]

    def test_asks_no_region_by_itself(self, plain: LabBrowser, lab_regions: ThreeRegions) -> None:
        for region in lab_regions.names:
            lab_regions.refuse(region)
        assert plain.reload().headers["Server-Timing"].startswith("ddb;dur=0.0")

    def test_says_nothing_is_known(self, plain: LabBrowser) -> None:
        assert plain.texts["verdict"].startswith("Not known")

    def test_has_no_switch_without_a_sandbox(self, plain: LabBrowser) -> None:
        assert "lab-switch" not in plain.response.content.decode()
        assert 'id="sandbox"' not in plain.response.content.decode()

    def test_keeps_to_the_policy_on_scripts_and_styles(self, plain: LabBrowser) -> None:
        page = plain.response.content.decode()
        assert not re.search(r"<style|\sstyle=|\son[a-z]+=|<script(?![^>]*src=)|js:|hx-on", page)

    def test_every_button_has_a_name_and_an_address(self, plain: LabBrowser) -> None:
        page = plain.response.content.decode().partition("<main")[2]
        buttons = re.findall(r"<button[^>]*>(.*?)</button>", page, re.DOTALL)
        assert len(buttons) == 5 + 3 * 5 + 3
        assert page.count('formaction="/lab/') == len(buttons) - 2
        assert len(re.findall(r'<button[^>]* type="button" data-log-[^>]* hidden>', page)) == 2
        assert all(button.strip() for button in buttons)


class TestOneRegion:
    @pytest.mark.parametrize("action", ACTIONS)
    def test_every_action_answers(self, browser: LabBrowser, action: str) -> None:
        assert browser.press(IRELAND, action).status_code == 200
        assert len(browser.entries(IRELAND)) == (action != "clear")

    def test_an_answer_to_htmx_is_the_panel_alone(self, scripted: LabBrowser) -> None:
        response = scripted.press(IRELAND, "get")
        assert "<html" not in response.content.decode()
        assert response.headers["HX-Trigger-After-Swap"] == '{"lab:answered": {}}'
        assert "HX-Request" in response.headers["Vary"]

    def test_an_answer_without_script_is_the_page(self, plain: LabBrowser) -> None:
        assert "</html>" in plain.press(IRELAND, "get").content.decode()

    def test_get_shows_the_item(self, browser: LabBrowser) -> None:
        browser.press(OREGON, "get")
        assert browser.said(OREGON) == "Oregon holds 0."
        assert "AshlandValley" in browser.texts[f"record-{OREGON}"]

    def test_plus_and_minus_go_by_the_panel_s_own_step(
        self, browser: LabBrowser, lab_regions: ThreeRegions
    ) -> None:
        browser.press(OREGON, "plus", us_west_2_step="10")
        assert browser.said(OREGON) == "Oregon wrote 0 ➜ 10."
        browser.press(OREGON, "minus", us_west_2_step="3")
        assert browser.said(OREGON) == "Oregon wrote 10 ➜ 7."
        assert [bookmark_in(lab_regions, region) for region in (OREGON, IRELAND)] == [7, 0]

    def test_the_history_is_carried_along_newest_first(self, browser: LabBrowser) -> None:
        for action in ("get", "plus", "ping"):
            browser.press(OREGON, action)
        assert [entry.action for entry in browser.entries(OREGON)] == ["ping", "plus", "get"]

    def test_clear_forgets_one_panel_only(self, browser: LabBrowser) -> None:
        browser.press(OREGON, "get")
        browser.press(IRELAND, "get")
        browser.press(OREGON, "clear")
        assert browser.entries(OREGON) == ()
        assert len(browser.entries(IRELAND)) == 1
        assert browser.said(OREGON) == "Not asked yet."

    def test_a_refused_region_says_so(self, browser: LabBrowser, lab_regions: ThreeRegions) -> None:
        browser.press(IRELAND, "get")
        lab_regions.refuse(IRELAND)
        response = browser.press(IRELAND, "plus")
        assert response.status_code == 200
        assert browser.said(IRELAND) == "Ireland does not answer. Nothing was written."
        assert response.content.decode().count("lab-value__now--dated") == 1
        assert "AshlandValley" in browser.texts[f"record-{IRELAND}"]

    def test_a_hung_region_does_not_claim_that_nothing_was_written(
        self, browser: LabBrowser, lab_regions: ThreeRegions, patience: Patience
    ) -> None:
        lab_regions.blackhole(IRELAND)
        patience.hangs(IRELAND)
        browser.press(IRELAND, "plus")
        assert "may have been written or not" in browser.said(IRELAND)
        lab_regions.heal(IRELAND)
        patience.answers(IRELAND)
        browser.press(IRELAND, "get")
        assert browser.said(IRELAND).startswith("Ireland holds")

    def test_another_region_answers_while_one_is_hung(
        self, browser: LabBrowser, lab_regions: ThreeRegions
    ) -> None:
        lab_regions.blackhole(OREGON)
        browser.press(IRELAND, "plus")
        assert browser.said(IRELAND) == "Ireland wrote 0 ➜ 1."

    def test_what_is_stored_is_escaped(
        self, browser: LabBrowser, lab_regions: ThreeRegions
    ) -> None:
        lab_regions.client(OREGON).put_item(
            TableName="global-serverless",
            Item={
                "PK": {"S": "user100"},
                "SK": {"S": "AshlandValley"},
                "<img src=x>": {"S": "<script>alert(1)</script>"},
            },
        )
        page = browser.press(OREGON, "get").content.decode()
        assert "<img src=x>" not in page
        assert "<script>alert" not in page
        assert "&lt;script&gt;" in page


class TestAllRegions:
    @pytest.mark.parametrize("action", ACTIONS)
    def test_every_action_asks_every_region(self, plain: LabBrowser, action: str) -> None:
        assert plain.press("all", action).status_code == 200
        for region in (OREGON, IRELAND, OHIO):
            assert len(plain.entries(region)) == (action != "clear")

    def test_each_counts_by_its_own_step(
        self, plain: LabBrowser, lab_regions: ThreeRegions
    ) -> None:
        plain.press("all", "plus", us_west_2_step="1", eu_west_1_step="2", us_east_2_step="3")
        assert [bookmark_in(lab_regions, region) for region in (OREGON, IRELAND, OHIO)] == [1, 2, 3]

    def test_one_away_and_one_hung_leave_the_third(
        self, plain: LabBrowser, lab_regions: ThreeRegions, patience: Patience
    ) -> None:
        lab_regions.refuse(OREGON)
        lab_regions.blackhole(IRELAND)
        patience.hangs(IRELAND)
        assert plain.press("all", "get").status_code == 200
        assert plain.said(OREGON) == "Oregon does not answer."
        assert plain.said(IRELAND) == "Ireland does not answer."
        assert plain.said(OHIO) == "Ohio holds 0."
        assert plain.texts["verdict"].startswith("Not known: Oregon and Ireland do not answer")

    def test_clear_forgets_every_panel(self, plain: LabBrowser) -> None:
        plain.press("all", "get")
        plain.press("all", "clear")
        assert [plain.entries(region) for region in (OREGON, IRELAND, OHIO)] == [()] * 3

    def test_a_wrong_step_in_one_panel_writes_nowhere(
        self, plain: LabBrowser, lab_regions: ThreeRegions
    ) -> None:
        assert plain.press("all", "plus", eu_west_1_step="0").status_code == 422
        assert BOUNDS in plain.said(IRELAND)
        assert {bookmark_in(lab_regions, region) for region in lab_regions.names} == {0}


class TestVerdict:
    def test_is_worked_out_from_all_panels(self, scripted: LabBrowser) -> None:
        scripted.get_everywhere()
        assert scripted.verdict().startswith("In sync")

    def test_regions_that_never_hear_of_each_other_are_stale(self, browser: LabBrowser) -> None:
        browser.press(OREGON, "get")
        browser.press(OREGON, "plus")
        browser.press(IRELAND, "get")
        assert "Stale in Ireland" in browser.verdict()

    def test_updates_that_do_not_know_each_other_are_a_conflict(self, browser: LabBrowser) -> None:
        browser.press(OREGON, "plus")
        browser.press(IRELAND, "minus")
        verdict = browser.verdict()
        assert verdict.startswith("Conflict")
        assert "Oregon’s 1 is lost" in verdict

    def test_an_update_built_on_the_other_is_none(
        self, browser: LabBrowser, lab_regions: ThreeRegions
    ) -> None:
        """What replication does, done by hand: Oregon's item, put into Ireland."""
        browser.press(OREGON, "plus")
        item = lab_regions.client(OREGON).scan(TableName="global-serverless")["Items"][0]
        lab_regions.client(IRELAND).put_item(TableName="global-serverless", Item=item)
        browser.press(IRELAND, "minus")
        assert "Conflict" not in browser.verdict()
        assert browser.said(IRELAND) == "Ireland wrote 1 ➜ 0."

    def test_says_how_long_ago_the_last_update_was(self, scripted: LabBrowser) -> None:
        assert "data-age-ms" not in _verdict_html(scripted)
        scripted.press(OREGON, "plus")
        assert re.search(r'data-age-ms="\d+"', _verdict_html(scripted))

    def test_asks_no_region(self, scripted: LabBrowser, lab_regions: ThreeRegions) -> None:
        scripted.press(OREGON, "get")
        for region in lab_regions.names:
            lab_regions.refuse(region)
        response = scripted.client.post("/lab/verdict/", scripted.fields)
        assert response.headers["Server-Timing"].startswith("ddb;dur=0.0")


class TestBadInput:
    @pytest.mark.parametrize(
        "path",
        [
            "/lab/us-west-9/get/",
            "/lab/eu-central-1/get/",
            "/lab/%3Cb%3E/get/",
            "/lab/us-west-2/drop/",
            "/lab/us-west-2/PLUS/",
            "/lab/all/drop/",
            "/lab/us-west-2/fault/refuse/",
            "/lab/nowhere/",
        ],
    )
    def test_what_is_not_there_is_404(self, browser: LabBrowser, path: str) -> None:
        assert browser.post(path).status_code == 404

    @pytest.mark.parametrize(
        "step", ["0", "-1", "1001", "NaN", "1e3", "", " ", "1.5", "９" * 400, "1\x00", "<b>"]
    )
    @pytest.mark.parametrize("action", ["plus", "minus"])
    def test_a_wrong_step_is_422_and_nothing_is_written(
        self, browser: LabBrowser, lab_regions: ThreeRegions, action: str, step: str
    ) -> None:
        response = browser.press(OREGON, action, us_west_2_step=step)
        assert response.status_code == 422
        assert browser.said(OREGON) == f"{BOUNDS} Nothing was written."
        assert browser.entries(OREGON) == ()
        assert bookmark_in(lab_regions, OREGON) == 0

    def test_a_missing_step_is_422(self, browser: LabBrowser) -> None:
        browser.fields.pop(f"{OREGON}-step")
        assert browser.press(OREGON, "plus").status_code == 422

    def test_a_wrong_step_does_not_matter_to_a_read(self, browser: LabBrowser) -> None:
        assert browser.press(OREGON, "get", us_west_2_step="x").status_code == 200

    @pytest.mark.parametrize(
        "state", ["x", "[" * 7_999, "{}", "[[],[]", "[[[1]],[]]", "\x00", "a" * 9_000, "\ud800"]
    )
    def test_a_memory_that_cannot_be_read_is_an_empty_one(
        self, browser: LabBrowser, state: str
    ) -> None:
        text = state.encode("utf-8", "surrogatepass").decode("utf-8", "replace")
        assert browser.press(OREGON, "get", us_west_2_state=text).status_code == 200
        assert len(browser.entries(OREGON)) == 1

    def test_a_memory_of_a_region_that_is_not_here_is_dropped(self, plain: LabBrowser) -> None:
        response = plain.press(OREGON, "get", ap_south_1_state="[[],[]]")
        assert "ap-south-1" not in response.content.decode()

    def test_a_body_beyond_all_bounds_is_400(self, plain: LabBrowser) -> None:
        plain.fields["more"] = "x" * 70_000
        assert plain.press(OREGON, "plus").status_code == 400

    def test_a_body_that_is_no_form_writes_nothing(
        self, plain: LabBrowser, lab_regions: ThreeRegions
    ) -> None:
        response = plain.client.post(
            f"/lab/{OREGON}/plus/", b"\xff\xfe{", content_type="application/json"
        )
        assert response.status_code == 422
        assert bookmark_in(lab_regions, OREGON) == 0

    @pytest.mark.parametrize("path", ["/lab/us-west-2/plus/", "/lab/all/plus/", "/lab/verdict/"])
    def test_a_get_where_a_post_belongs_is_405(
        self, plain: LabBrowser, lab_regions: ThreeRegions, path: str
    ) -> None:
        assert plain.client.get(path).status_code == 405
        assert bookmark_in(lab_regions, OREGON) == 0

    def test_a_post_without_a_token_is_403(self, lab_regions: ThreeRegions) -> None:
        client = Client(enforce_csrf_checks=True)
        client.get("/lab/")
        response = client.post(f"/lab/{OREGON}/plus/", {f"{OREGON}-step": "1"})
        assert response.status_code == 403
        assert bookmark_in(lab_regions, OREGON) == 0


class TestMemoryIsBounded:
    def test_a_long_session_stays_within_the_limits_of_a_form(
        self, plain: LabBrowser, lab_regions: ThreeRegions
    ) -> None:
        put_bookmark(lab_regions, OREGON, 10**9)
        for _ in range(25):
            assert plain.press("all", "plus", us_west_2_step="1000").status_code == 200
        assert [len(plain.entries(region)) for region in (OREGON, IRELAND)] == [20, 20]


@pytest.fixture
def lab_off(settings: Settings) -> Iterator[None]:
    settings.LAB_ENABLED = False
    importlib.reload(gtsite.urls)
    clear_url_caches()
    yield
    settings.LAB_ENABLED = True
    importlib.reload(gtsite.urls)
    clear_url_caches()


@pytest.mark.usefixtures("lab_off", "lab_regions")
@pytest.mark.parametrize("path", ["/lab/", "/lab/us-west-2/get/", "/api/us-west-2/"])
def test_without_lab_enabled_there_is_nothing(path: str) -> None:
    assert Client().get(path).status_code == 404


def _verdict_html(browser: LabBrowser) -> str:
    response = browser.client.post("/lab/verdict/", browser.fields, headers={"HX-Request": "true"})
    return response.content.decode()
