"""The faults page: what its forms turn in a real sandbox, and what they leave as it is."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from django.test import Client
from pytest_django import Settings

from bookmarks.lab.faults.forms import RegionForm, region_values
from gtsite.sandbox.client import PairStatus, RegionStatus
from tests.support.sandbox import RunningSandbox, wait_until

OREGON, IRELAND, OHIO = "us-west-2", "eu-west-1", "us-east-2"
NOWHERE = "http://127.0.0.1:9"
HTMX = {"HX-Request": "true"}


@pytest.fixture(autouse=True)
def _turned_back(lab_sandbox: RunningSandbox) -> Iterator[None]:
    lab_sandbox.control.reset()
    yield
    lab_sandbox.control.reset()


def fields(prefix: str) -> dict[str, str]:
    """What a browser would send of one form as the page shows it now."""
    page = Client().get("/lab/faults/").content.decode()
    found: dict[str, str] = {}
    for tag in re.findall(rf'<input[^>]*name="(?:initial-)?{prefix}-[^>]*>', page):
        given = dict(re.findall(r'([\w-]+)="([^"]*)"', tag))
        if given["type"] in ("radio", "checkbox") and not tag.rstrip(">").endswith(" checked"):
            continue
        found[given["name"]] = given.get("value", "on")
    chosen = rf'<select[^>]*name="({prefix}-[^"]+)".*?value="([^"]+)" selected'
    return found | dict(re.findall(chosen, page, re.DOTALL))


def turn(region: str, shown: dict[str, str] | None = None, /, **chosen: str) -> Any:
    """Sends a region's form, htmx's way, with some of it chosen anew."""
    sent = (shown or fields(region)) | {f"{region}-{name}": each for name, each in chosen.items()}
    return Client().post(f"/lab/faults/regions/{region}/", sent, headers=HTMX)


def turn_way(source: str, target: str, **chosen: str) -> Any:
    way = f"{source}-{target}"
    sent = fields(way) | {f"{way}-{name}": each for name, each in chosen.items()}
    return Client().post(f"/lab/faults/ways/{source}/{target}/", sent, headers=HTMX)


def region_of(sandbox: RunningSandbox, name: str) -> RegionStatus:
    return next(each for each in sandbox.control.status().regions if each.name == name)


def pair_of(sandbox: RunningSandbox, source: str, target: str) -> PairStatus:
    ends = (source, target)
    return next(e for e in sandbox.control.status().pairs if (e.source, e.target) == ends)


class TestRegion:
    @pytest.mark.parametrize("fault", ["refuse", "blackhole", "reset"])
    def test_goes_away_and_comes_back(self, lab_sandbox: RunningSandbox, fault: str) -> None:
        page = turn(IRELAND, fault=fault).content.decode()
        assert lab_sandbox.control.status().fault_of(IRELAND) == fault
        assert "Something is turned" in page
        assert "Every region is up" in turn(IRELAND, fault="none").content.decode()
        assert lab_sandbox.control.status().fault_of(IRELAND) == "none"

    def test_fails_is_slow_pauses_and_is_wrong_about_the_time(
        self, lab_sandbox: RunningSandbox
    ) -> None:
        response = turn(
            OHIO,
            error_percent="25",
            error_status="503",
            executed_percent="50",
            slow_ms="300",
            skew_ms="-1500",
            paused="on",
        )
        assert response.status_code == 200
        now = region_of(lab_sandbox, OHIO)
        assert (now.error_rate, now.error_status, now.executed_rate) == (0.25, 503, 0.5)
        assert (now.slow_ms, now.skew_ms, now.paused) == (300, -1500, True)
        assert "25% of calls get an error 503." in response.content.decode()

    def test_only_what_was_changed_is_turned(self, lab_sandbox: RunningSandbox) -> None:
        """Somebody else made the region slow after the page was shown: that stays."""
        shown = fields(OREGON)
        lab_sandbox.control.slow(OREGON, 900)
        lab_sandbox.control.skew(OREGON, 200)
        turn(OREGON, shown, error_percent="10")
        now = region_of(lab_sandbox, OREGON)
        assert (now.error_rate, now.slow_ms, now.skew_ms) == (0.1, 900, 200)

    def test_a_fault_that_ends_leaves_delay_and_errors(self, lab_sandbox: RunningSandbox) -> None:
        turn(IRELAND, fault="refuse", slow_ms="400", error_percent="5")
        turn(IRELAND, fault="none")
        now = region_of(lab_sandbox, IRELAND)
        assert (now.fault, now.slow_ms, now.error_rate) == ("none", 400, 0.05)

    def test_a_pause_ends_when_unticked(self, lab_sandbox: RunningSandbox) -> None:
        turn(IRELAND, paused="on")
        shown = fields(IRELAND)
        del shown[f"{IRELAND}-paused"]
        turn(IRELAND, shown)
        assert not region_of(lab_sandbox, IRELAND).paused

    def test_other_regions_stay(self, lab_sandbox: RunningSandbox) -> None:
        turn(IRELAND, slow_ms="400")
        assert region_of(lab_sandbox, OREGON).slow_ms == 0

    def test_the_engine_is_killed_and_comes_back(self, lab_sandbox: RunningSandbox) -> None:
        before = region_of(lab_sandbox, OHIO).pid
        response = Client().post(f"/lab/faults/regions/{OHIO}/engine/", headers=HTMX)
        assert response.status_code == 200
        wait_until(lambda: lab_sandbox.engine_pid(OHIO) not in (None, before))

    def test_one_that_is_not_here_is_not_found(self) -> None:
        assert turn("eu-west-3", {}).status_code == 404
        assert Client().post("/lab/faults/regions/eu-west-3/engine/").status_code == 404


class TestWrongInput:
    @pytest.mark.parametrize(
        ("name", "value", "sentence"),
        [
            ("slow_ms", "60001", "write milliseconds from 0 to 60,000"),
            ("slow_ms", "", "write milliseconds from 0 to 60,000"),
            ("error_percent", "101", "write per cent from 0 to 100"),
            ("skew_ms", "soon", "write milliseconds from −3,600,000 to 3,600,000"),
            ("fault", "sleepy", "choose Up, Refuses, Black hole, Resets"),
        ],
    )
    def test_is_told_kept_and_turns_nothing(
        self, lab_sandbox: RunningSandbox, name: str, value: str, sentence: str
    ) -> None:
        response = turn(IRELAND, **{name: value, "paused": "on"})
        page = response.content.decode()
        assert response.status_code == 422
        assert sentence in page
        assert not region_of(lab_sandbox, IRELAND).paused
        if value.isdigit():
            assert f'value="{value}"' in page
            assert 'aria-invalid="true"' in page
        assert "HX-Trigger" not in response.headers

    def test_without_scripts_it_is_the_whole_page(self) -> None:
        response = Client().post(f"/lab/faults/regions/{IRELAND}/", {f"{IRELAND}-slow_ms": "x"})
        assert response.status_code == 422
        assert "<html" in response.content.decode()

    def test_of_a_way_is_told_beside_it(self, lab_sandbox: RunningSandbox) -> None:
        response = turn_way(OREGON, OHIO, lag_ms="600001")
        assert response.status_code == 422
        assert "from 0 to 600,000" in response.content.decode()
        assert pair_of(lab_sandbox, OREGON, OHIO).lag_ms == lab_sandbox.lag_ms

    def test_of_every_way_is_told(self) -> None:
        sent = {"every-lag_ms": "-1", "every-jitter_ms": "0"}
        assert Client().post("/lab/faults/ways/", sent, headers=HTMX).status_code == 422


class TestWays:
    def test_one_has_a_lag_of_its_own(self, lab_sandbox: RunningSandbox) -> None:
        turn_way(OREGON, IRELAND, lag_ms="700", jitter_ms="30")
        there, back = (
            pair_of(lab_sandbox, OREGON, IRELAND),
            pair_of(lab_sandbox, IRELAND, OREGON),
        )
        assert (there.lag_ms, there.jitter_ms) == (700, 30)
        assert back.lag_ms == lab_sandbox.lag_ms

    def test_one_is_paused_and_goes_on(self, lab_sandbox: RunningSandbox) -> None:
        turn_way(OREGON, IRELAND, paused="on")
        assert pair_of(lab_sandbox, OREGON, IRELAND).paused
        way = f"{OREGON}-{IRELAND}"
        sent = {name: each for name, each in fields(way).items() if name != f"{way}-paused"}
        Client().post(f"/lab/faults/ways/{OREGON}/{IRELAND}/", sent, headers=HTMX)
        assert not pair_of(lab_sandbox, OREGON, IRELAND).paused

    def test_all_at_once(self, lab_sandbox: RunningSandbox) -> None:
        sent = {"every-lag_ms": "250", "every-jitter_ms": "5"}
        assert Client().post("/lab/faults/ways/", sent, headers=HTMX).status_code == 200
        assert {pair.lag_ms for pair in lab_sandbox.control.status().pairs} == {250}

    def test_from_a_region_to_itself_is_none(self) -> None:
        assert Client().post(f"/lab/faults/ways/{OREGON}/{OREGON}/").status_code == 404


class TestEverything:
    def test_distance_on_and_off(self, lab_sandbox: RunningSandbox) -> None:
        for position, on in (("on", True), ("off", False)):
            Client().post(f"/lab/faults/distance/{position}/", headers=HTMX)
            assert lab_sandbox.control.status().wan is on
        assert Client().post("/lab/faults/distance/maybe/").status_code == 404

    def test_reset_turns_everything_back(self, lab_sandbox: RunningSandbox) -> None:
        turn(IRELAND, fault="refuse", slow_ms="100", paused="on")
        turn_way(OREGON, OHIO, lag_ms="9000")
        response = Client().post("/lab/faults/reset/", headers=HTMX)
        assert "Every region is up and every way flows." in response.content.decode()
        now = region_of(lab_sandbox, IRELAND)
        assert (now.fault, now.slow_ms, now.paused) == ("none", 0, False)
        assert pair_of(lab_sandbox, OREGON, OHIO).lag_ms == lab_sandbox.lag_ms


class TestAnswers:
    def test_htmx_gets_the_board_and_an_entry_for_the_log(self) -> None:
        response = turn(IRELAND, fault="refuse")
        assert "<html" not in response.content.decode()
        told = json.loads(response.headers["HX-Trigger"])["lab:did"]
        assert told["kind"] == "fault"
        assert told["regions"] == [IRELAND]
        assert told["outcome"] == "Ireland: Callers meet a closed port."
        assert "lab:switched" in response.headers["HX-Trigger-After-Swap"]

    def test_without_scripts_it_comes_back_to_the_page(self) -> None:
        response = Client().post("/lab/faults/reset/")
        assert (response.status_code, response.headers["Location"]) == (302, "/lab/faults/")

    def test_what_nobody_may_do_by_a_link_is_not_done(self) -> None:
        assert Client().get(f"/lab/faults/regions/{IRELAND}/").status_code == 405
        assert Client(enforce_csrf_checks=True).post("/lab/faults/reset/").status_code == 403

    def test_a_form_shows_a_region_as_it_is(self, lab_sandbox: RunningSandbox) -> None:
        turn(OHIO, slow_ms="120", error_percent="7", error_status="503", paused="on")
        values = region_values(region_of(lab_sandbox, OHIO))
        form = RegionForm(fields(OHIO), prefix=OHIO)
        assert form.is_valid()
        assert form.cleaned_data == values
        assert form.changed_data == []

    def test_a_sandbox_that_is_away_says_so(self, settings: Settings) -> None:
        shown = fields(IRELAND)
        settings.SANDBOX_CONTROL_URL = NOWHERE
        for page in (
            Client().get("/lab/faults/").content.decode(),
            turn(IRELAND, shown, slow_ms="5").content.decode(),
        ):
            assert "No sandbox answers at 127.0.0.1:9" in page
            assert "faults-card" not in page


class TestOnAws:
    @pytest.fixture(autouse=True)
    def _aws(self, settings: Settings) -> None:
        settings.SANDBOX_CONTROL_URL = ""

    def test_it_says_how_it_is_done_there(self) -> None:
        page = Client().get("/lab/faults/").content.decode()
        assert "aws:dynamodb:global-table-pause-replication" in page
        assert "Route 53" in page
        assert "Reset everything" not in page

    def test_nothing_is_not_found(self) -> None:
        for path in ("reset/", "distance/on/", "ways/", f"regions/{IRELAND}/"):
            assert Client().post(f"/lab/faults/{path}").status_code == 200
