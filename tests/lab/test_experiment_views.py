"""The experiments on a sandbox that really replicates: runs, frames, and what is left of them."""

import json
import logging
import re
import threading
from collections.abc import Callable, Iterator
from html.parser import HTMLParser
from typing import Any

import pytest
from django.test import Client

from bookmarks.lab.experiments import items
from bookmarks.lab.experiments.catalogue import EXPERIMENTS
from bookmarks.lab.experiments.entities import Picture
from bookmarks.lab.experiments.frames import CONTENT_TYPE, SEPARATOR
from bookmarks.lab.experiments.running import AT_ONCE, Running
from gtsite.dynamodb.connection import router
from gtsite.dynamodb.router import BreakerState
from gtsite.experiments.entities import Phase
from tests.support.sandbox import BOUND_SECONDS, RunningSandbox

OREGON, IRELAND, OHIO = "us-west-2", "eu-west-1", "us-east-2"
REGIONS = [OREGON, IRELAND, OHIO]
LAG_MS = 250
FORMS: dict[str, dict[str, Any]] = {
    "lag": {"source": OREGON, "target": "every", "probes": 3},
    "stale-read": {"write": OREGON, "read": IRELAND, "items": 4},
    "race": {"first": OREGON, "second": IRELAND, "gap_ms": 50},
    "conflicts": {"regions": REGIONS, "items": 4, "gap_ms": 0},
    "counters": {"regions": [OREGON, IRELAND], "increments": 4},
}
HEADLINES = {
    "lag": r"Half of the probes were there after [\d,]+ ms\.",
    "stale-read": r"4 of 4 items were stale at the first look\.",
    "race": r"Ireland’s 222 stands; Oregon’s 111 is lost\.",
    "conflicts": r"8 of 12 acknowledged writes are lost\.",
    "counters": r"The shared item lost 4 of 8 increments\.",
}
Ask = Callable[..., Any]
VOID = frozenset({"input", "meta", "link", "br", "img"})


@pytest.fixture
def sandbox(lab_sandbox: RunningSandbox) -> Iterator[RunningSandbox]:
    """Three regions, a quarter of a second apart; the site's home is Oregon."""
    lab_sandbox.control.set_lag(lag_ms=LAG_MS, jitter_ms=0)
    yield lab_sandbox
    lab_sandbox.control.heal()
    lab_sandbox.deliver()


def is_written(picture: Picture) -> bool:
    """Whether a run waits for what it wrote; one that reads has read before."""
    run = picture.run
    return (
        run is not None and run.phase is Phase.WATCHING and getattr(run, "read_ms", 0) is not None
    )


@pytest.fixture
def crossing(sandbox: RunningSandbox, monkeypatch: pytest.MonkeyPatch) -> threading.Event:
    """What a run writes crosses on its way, however slowly it writes.

    Nothing arrives from when its own items are everywhere until all is written, and then not
    before this is set.
    """
    told, may_arrive, held = Running._tell, threading.Event(), threading.Event()

    def tell(running: Running, picture: Picture) -> None:
        prepared = picture.preparation
        if not held.is_set() and (prepared is None or not prepared.waiting):
            held.set()
            sandbox.hold()
        told(running, picture)
        if is_written(picture):
            assert may_arrive.wait(BOUND_SECONDS)
            sandbox.deliver()

    monkeypatch.setattr(Running, "_tell", tell)
    return may_arrive


class Balanced(HTMLParser):
    """Fails on a piece of HTML that closes what it has not opened, or leaves something open."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.feed(html)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, _attrs: Any) -> None:
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, _attrs: Any) -> None:
        """An SVG's shape."""

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def path(name: str) -> str:
    return f"/lab/experiments/{name}/"


@pytest.fixture
def ask() -> Iterator[Ask]:
    """As the page's script asks; nothing is read of the answer, and in the end it is hung up."""
    answers: list[Any] = []

    def post(name: str, *, zipped: bool = False, **changed: Any) -> Any:
        headers = {"Accept": CONTENT_TYPE, **({"Accept-Encoding": "gzip"} if zipped else {})}
        answers.append(Client().post(path(name), {**FORMS[name], **changed}, headers=headers))
        return answers[-1]

    yield post
    for each in answers:
        each.close()


def frames(response: Any, seen: threading.Event | None = None) -> list[str]:
    """All of them; `seen` is set when the first one has come."""
    came = []
    for frame in response.streaming_content:
        came.append(frame)
        if seen is not None and len(frame) > 1:
            seen.set()
    whole = b"".join(came).decode()
    assert whole.endswith(SEPARATOR)
    return [frame for frame in whole.split(SEPARATOR) if frame]


def headline(html: str) -> str:
    (found,) = re.findall(r"data-headline>(.*?)</h2>", html)
    return str(found)


def left_in(sandbox: RunningSandbox) -> list[str]:
    """What is left of any run, in any region, once everything has arrived."""
    sandbox.deliver()
    return [
        key
        for region in REGIONS
        for key in sandbox.scan("global-serverless", region)
        if "lab#" in key
    ]


def threads_of_runs() -> list[str]:
    names = ("experiment", "watch", "race")
    return [each.name for each in threading.enumerate() if each.name.startswith(names)]


class TestPage:
    def test_the_first_one_is_the_lag(self) -> None:
        assert Client().get("/lab/experiments/").headers["Location"] == path("lag")

    @pytest.mark.parametrize("name", EXPERIMENTS)
    def test_says_what_goes_on_and_asks_no_region(self, name: str) -> None:
        response = Client().get(path(name))
        html = response.content.decode()
        assert EXPERIMENTS[name].shows in html
        assert EXPERIMENTS[name].advice in html
        assert response.headers["Server-Timing"].startswith("ddb;dur=0.0")
        assert not re.search(r"<style|\sstyle=|\son[a-z]+=|<script(?![^>]*src=)", html)

    def test_every_field_has_a_label(self) -> None:
        html = Client().get(path("race")).content.decode()
        named = re.findall(r'name="(?:first|second|gap_ms|simultaneous)"[^>]* id="([^"]+)"', html)
        assert len(named) == 4
        assert all(f'for="{each}"' in html for each in named)

    def test_there_is_no_other(self) -> None:
        assert Client().get(path("nothing")).status_code == 404
        assert Client().post(path("nothing")).status_code == 404

    def test_a_run_needs_the_form_s_token(self) -> None:
        strict = Client(enforce_csrf_checks=True)
        assert strict.post(path("race"), FORMS["race"]).status_code == 403


class TestRefused:
    def test_keeps_what_was_typed_and_says_what_is_wrong(self) -> None:
        response = Client().post(path("race"), {**FORMS["race"], "gap_ms": "99999"})
        html = response.content.decode()
        assert response.status_code == 422
        assert "Write a whole number from 0 to 5,000." in html
        field = re.search(r'<input[^>]*name="gap_ms"[^>]*>', html)
        assert field is not None
        assert 'value="99999"' in field[0]
        assert 'aria-invalid="true"' in field[0]
        assert "</html>" in html

    def test_the_script_gets_the_desk_alone(self, ask: Ask) -> None:
        response = ask("race", second=OREGON)
        html = response.content.decode()
        assert response.status_code == 422
        assert "Choose another region than the first." in html
        assert "<html" not in html
        assert "Accept" in response.headers["Vary"]


@pytest.mark.parametrize("name", FORMS)
class TestRun:
    def test_without_a_script_it_is_the_whole_page(
        self, name: str, sandbox: RunningSandbox, crossing: threading.Event
    ) -> None:
        crossing.set()
        response = Client().post(path(name), FORMS[name])
        html = response.content.decode()
        assert response.status_code == 200
        assert re.fullmatch(HEADLINES[name], headline(html))
        assert "</html>" in html
        assert re.search(r"DynamoDB [\d,]+ ms · [\d,]+ calls</p>", html)
        assert len(response.headers["Server-Timing"]) < 1000
        assert left_in(sandbox) == []

    def test_with_the_script_it_comes_in_frames(
        self, name: str, ask: Ask, sandbox: RunningSandbox, crossing: threading.Event
    ) -> None:
        response = ask(name, zipped=True)
        assert response.headers["Content-Type"].startswith(CONTENT_TYPE)
        assert response.headers["X-Accel-Buffering"] == "no"
        assert response.headers["Cache-Control"] == "no-store"
        came = frames(response, crossing)
        assert len(came) > 1
        for frame in came:
            Balanced(frame)
        assert re.fullmatch(HEADLINES[name], headline(came[-1]))
        assert ["data-ended" in frame for frame in came] == [False] * (len(came) - 1) + [True]
        (log,) = re.findall(r"data-lab-log>(.*?)</script>", came[-1])
        assert json.loads(log)["experiment"] == name
        assert left_in(sandbox) == []
        assert threads_of_runs() == []


@pytest.mark.usefixtures("sandbox")
def test_the_log_says_at_its_end_what_a_run_in_frames_cost(
    ask: Ask, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "gtsite.access")
    response = ask("race")
    assert not caplog.records
    assert frames(response)
    (line,) = caplog.records
    assert (line.name, line.__dict__["complete"]) == ("gtsite.access", True)
    assert line.__dict__["dynamodb_calls"] > 2


class TestEndedEarly:
    def test_hanging_up_ends_the_run_and_removes_its_items(
        self, ask: Ask, sandbox: RunningSandbox
    ) -> None:
        sandbox.hold()
        response = ask("conflicts")
        came = (frame for frame in response.streaming_content if len(frame) > 1)
        while b"Preparing" not in next(came):
            pass
        response.close()
        assert threads_of_runs() == []
        assert left_in(sandbox) == []

    def test_so_many_at_once_and_no_more(self, ask: Ask, sandbox: RunningSandbox) -> None:
        sandbox.hold()
        going_on = [ask("race") for _ in range(AT_ONCE)]
        refused = ask("race")
        assert refused.status_code == 429
        assert "Wait until one has ended" in refused.content.decode()
        assert Client().post(path("race"), FORMS["race"]).status_code == 429
        for each in going_on:
            each.close()
        sandbox.control.set_lag(lag_ms=0, jitter_ms=0)
        assert frames(ask("race"))


class TestAway:
    def test_a_region_that_is_too_far_behind_is_not_waited_for(
        self, ask: Ask, sandbox: RunningSandbox, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(items, "PATIENCE_SECONDS", 0.3)
        sandbox.hold()
        response = ask("race")
        late = b"Ohio did not have the items"
        assert any(late in frame for frame in response.streaming_content)
        response.close()
        assert left_in(sandbox) == []

    def test_a_region_that_does_not_answer_is_a_trouble_and_the_others_go_on(
        self, ask: Ask, sandbox: RunningSandbox
    ) -> None:
        sandbox.control.outage(OHIO)
        response = ask("race")
        seen = ""
        for frame in response.streaming_content:
            seen = frame.decode() if len(frame) > 1 else seen
            if "after the first" in seen:
                break
        assert "Ohio does not answer" in seen
        response.close()
        assert {each.breaker for each in router().states()} == {BreakerState.CLOSED}
        sandbox.control.heal()
        assert left_in(sandbox) == []

    def test_no_region_at_all_is_one_sentence(self, sandbox: RunningSandbox) -> None:
        for region in REGIONS:
            sandbox.control.outage(region)
        html = Client().post(path("stale-read"), FORMS["stale-read"]).content.decode()
        assert headline(html) == "It came to nothing."
        assert "does not answer" in html
