"""The map and the log: what the sandbox says of regions and ways, and what was done."""

import json
import re
from collections.abc import Iterator

import pytest
from django.test import Client
from pytest_django import Settings

from bookmarks.lab.latency import last_latencies
from bookmarks.lab.map import MapView, show_map
from gtsite.sandbox.client import SandboxClient
from gtsite.status.watch import forget
from tests.lab.visitor import LabBrowser
from tests.support.sandbox import RunningSandbox, wait_until

OREGON, IRELAND, OHIO = REGIONS = ("us-west-2", "eu-west-1", "us-east-2")
NOWHERE = "http://127.0.0.1:9"


@pytest.fixture(autouse=True)
def _turned_back(lab_sandbox: RunningSandbox) -> object:
    yield
    lab_sandbox.control.reset()


def seen(sandbox: RunningSandbox) -> MapView:
    return show_map(REGIONS, local=OREGON, status=sandbox.control.status())


def states(drawn: MapView) -> dict[str, tuple[str, str]]:
    return {spot.region.name: (spot.state, spot.words) for spot in drawn.spots}


def way(drawn: MapView, source: str, target: str) -> object:
    return next(each for each in drawn.ways if each.name == f"{source}-{target}")


class TestStates:
    def test_every_region_is_up(self, lab_sandbox: RunningSandbox) -> None:
        assert states(seen(lab_sandbox)) == dict.fromkeys(REGIONS, ("up", ""))

    @pytest.mark.parametrize(
        ("fault", "words"),
        [("refuse", "refuses"), ("blackhole", "black hole"), ("reset", "resets")],
    )
    def test_away_says_how(self, lab_sandbox: RunningSandbox, fault: str, words: str) -> None:
        lab_sandbox.control.outage(IRELAND, fault)  # type: ignore[arg-type]
        drawn = seen(lab_sandbox)
        assert states(drawn)[IRELAND] == ("away", words)
        assert {each.flow for each in drawn.ways if IRELAND in each.name} == {"held"}
        assert {each.flow for each in drawn.ways if IRELAND not in each.name} == {"flowing"}

    def test_slow_failing_paused_and_wrong_about_the_time(
        self, lab_sandbox: RunningSandbox
    ) -> None:
        control = lab_sandbox.control
        control.slow(OREGON, 1400)
        control.fail(IRELAND, rate=0.3, status=503)
        control.pause(OHIO)
        control.skew(OHIO, -250)
        drawn = seen(lab_sandbox)
        assert states(drawn) == {
            OREGON: ("troubled", "+1,400 ms"),
            IRELAND: ("troubled", "30% fail"),
            OHIO: ("troubled", "paused · 1 more"),
        }
        assert drawn.spots[1].said == "30% of calls get an error 503."


class TestWays:
    def test_what_waits_then_what_was_delivered_and_how_long_it_took(
        self, lab_sandbox: RunningSandbox
    ) -> None:
        before = seen(lab_sandbox)
        lab_sandbox.hold()
        LabBrowser(REGIONS).press(OREGON, "plus")
        held = seen(lab_sandbox)
        assert (held.waiting, held.delivered) == (2, before.delivered)
        assert way(held, OREGON, IRELAND).label == "1 on the way"  # type: ignore[attr-defined]
        lab_sandbox.deliver()
        after = seen(lab_sandbox)
        assert (after.waiting, after.delivered) == (0, before.delivered + 2)
        pair = next(each for each in lab_sandbox.control.status().pairs if each.source == OREGON)
        assert pair.last_ms is not None
        assert pair.last_ms > 0

    def test_a_paused_way_holds_what_waits(self, lab_sandbox: RunningSandbox) -> None:
        lab_sandbox.control.pause_way(OREGON, OHIO)
        LabBrowser(REGIONS).press(OREGON, "plus")
        drawn = seen(lab_sandbox)
        assert drawn.held == 1
        assert way(drawn, OREGON, OHIO).said == "Held, 1 wait"  # type: ignore[attr-defined]
        assert way(drawn, OHIO, OREGON).flow == "flowing"  # type: ignore[attr-defined]


class TestFragment:
    def test_is_no_whole_page_and_not_kept(self) -> None:
        response = Client().get("/lab/map/")
        page = response.content.decode()
        assert "<html" not in page
        assert "data-map-live" in page
        assert "no-cache" in response.headers["Cache-Control"]

    def test_has_every_live_part_once(self) -> None:
        """What is live is replaced by its name: two of one name would take each other's place."""
        names = re.findall(r'data-live="([^"]+)"', Client().get("/lab/map/").content.decode())
        assert len(names) == len(set(names))
        assert f"delivered-{OREGON}-{IRELAND}" in names

    def test_says_in_a_table_what_is_drawn(self, lab_sandbox: RunningSandbox) -> None:
        lab_sandbox.control.slow(IRELAND, 700)
        page = Client().get("/lab/map/").content.decode()
        table = page[page.index("<table") :]
        assert "7,315 km" in table
        assert "24 ms" in table
        assert "Answers come 700 ms late." in table

    def test_asks_no_region(self) -> None:
        timing = Client().get("/lab/map/").headers["Server-Timing"]
        assert timing.startswith("ddb;dur=0.0")

    def test_of_a_sandbox_that_is_away_shows_distances(self, settings: Settings) -> None:
        settings.SANDBOX_CONTROL_URL = NOWHERE
        page = Client().get("/lab/map/").content.decode()
        assert "data-map-live" not in page
        assert 'data-every-ms="1000"' in page
        assert "7,315 km" in page


class TestOnAws:
    @pytest.fixture(autouse=True)
    def _aws(self, settings: Settings) -> Iterator[None]:
        settings.SANDBOX_CONTROL_URL = ""
        forget()
        yield
        forget()

    def test_distances_come_at_once_and_latencies_when_cloudwatch_has_said_them(
        self, lab_sandbox: RunningSandbox
    ) -> None:
        """The sandbox publishes them as AWS does; here it is asked like AWS."""
        LabBrowser(REGIONS).press(OREGON, "plus")
        lab_sandbox.deliver()
        first = Client().get("/lab/map/").content.decode()
        assert "7,315 km" in first
        assert "data-map-live" not in first
        wait_until(lambda: (OREGON, IRELAND) in last_latencies(REGIONS))
        table = Client().get("/lab/map/").content.decode().partition("<table")[2]
        row = table[table.index(f"took-{OREGON}-{IRELAND}") :]
        assert re.match(rf'took-{OREGON}-{IRELAND}">[\d,.]+ ms</td>', row)

    def test_it_is_asked_for_rarely(self) -> None:
        assert 'data-every-ms="15000"' in Client().get("/lab/map/").content.decode()


class TestLog:
    @pytest.fixture
    def scripted(self) -> LabBrowser:
        return LabBrowser(REGIONS, htmx=True)

    def test_a_press_says_what_it_did(self, scripted: LabBrowser) -> None:
        told = json.loads(scripted.press(OREGON, "plus").headers["HX-Trigger"])["lab:did"]
        assert told["what"] == "+1 in Oregon"
        assert told["outcome"] == "Oregon wrote 0 ➜ 1."
        assert (told["kind"], told["regions"], told["tone"]) == ("press", [OREGON], "good")
        assert (told["old"], told["new"], told["step"]) == ("0", "1", 1)

    def test_a_press_that_was_not_answered_says_so(
        self, scripted: LabBrowser, lab_sandbox: RunningSandbox
    ) -> None:
        lab_sandbox.control.outage(IRELAND)
        told = json.loads(scripted.press(IRELAND, "get").headers["HX-Trigger"])["lab:did"]
        assert (told["tone"], told["result"]) == ("bad", "away")

    def test_what_did_nothing_is_not_told(self, scripted: LabBrowser) -> None:
        response = scripted.press(OREGON, "plus", us_west_2_step="0")
        assert response.status_code == 422
        assert "HX-Trigger" not in response.headers

    def test_clear_and_switches_are_told(self, scripted: LabBrowser) -> None:
        told = json.loads(scripted.press(OREGON, "clear").headers["HX-Trigger"])["lab:did"]
        assert told["what"] == "Clear in Oregon"
        response = scripted.post(f"/lab/{IRELAND}/fault/blackhole/")
        told = json.loads(response.headers["HX-Trigger"])["lab:did"]
        assert told["outcome"] == "Ireland is away. Callers are never answered."

    def test_without_scripts_the_panels_answers_are_a_file(self) -> None:
        plain = LabBrowser(REGIONS)
        plain.press(OREGON, "plus")
        plain.press(IRELAND, "get")
        response = plain.client.post("/lab/log/", plain.fields)
        assert response.headers["Content-Disposition"].startswith("attachment")
        assert response.headers["Content-Type"] == "application/json"
        entries = response.json()["entries"]
        assert [each["what"] for each in entries] == ["Get item in Ireland", "+1 in Oregon"]

    def test_an_empty_lab_has_an_empty_log(self) -> None:
        assert Client().post("/lab/log/").json()["entries"] == []


def test_the_sandbox_counts_what_it_delivers_and_names_paused_ways(
    lab_sandbox: RunningSandbox,
) -> None:
    control: SandboxClient = lab_sandbox.control
    control.pause_way(OREGON, OHIO)
    pairs = {(each.source, each.target): each for each in control.status().pairs}
    assert [way for way, pair in pairs.items() if pair.paused] == [(OREGON, OHIO)]
    assert all(pair.delivered >= 0 for pair in pairs.values())
