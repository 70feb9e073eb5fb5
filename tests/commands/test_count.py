"""`manage.py count`: every page of every segment, and what the regions do not agree on."""

import json
import os
import signal
import threading
from collections.abc import Callable, Iterator
from types import FrameType

import pytest
from pytest_django import Settings

from gtsite.dynamodb.tables import Attribute, TableDefinition
from gtsite.management.counting import RegionCount, count_regions
from gtsite.management.progress import ProgressLine
from tests.commands.conftest import IRELAND, OHIO, WIDE_ITEMS, Ran
from tests.support.faults import error, faulty_server
from tests.support.patience import Patience
from tests.support.sandbox import BOUND_SECONDS, RunningSandbox, number

Manage = Callable[..., Ran]

WIDE = TableDefinition(
    name="wide",
    partition_key=Attribute(name="id", type="N"),
    default_regions=(OHIO, IRELAND),
)


@pytest.fixture
def two_more(exercises: RunningSandbox) -> Iterator[RunningSandbox]:
    """Two more items in Ohio, which are on their way to Ireland as long as the test goes on."""
    exercises.hold()
    for place in (100, 101):
        exercises.client(OHIO).put_item(TableName="wide", Item={"id": number(place)})
    yield exercises
    for place in (100, 101):
        exercises.client(OHIO).delete_item(TableName="wide", Key={"id": number(place)})


@pytest.mark.usefixtures("exercises")
def test_a_table_s_home_is_counted_unless_a_region_is_named(manage: Manage) -> None:
    ran = manage("count", "flights")
    assert (ran.code, ran.err) == (0, "")
    title, heading, row, *_ = ran.out.splitlines()
    assert title == "Items of flights"
    assert heading.split()[:2] == ["Region", "Items"]
    assert row.split()[:2] == [OHIO, "10"]
    assert manage("count", "flights", "--region", IRELAND).out.splitlines()[2].startswith(IRELAND)


@pytest.mark.parametrize("segments", [1, 4, 20])
@pytest.mark.usefixtures("exercises")
def test_every_page_counts_in_however_many_segments(manage: Manage, segments: int) -> None:
    ran = manage("count", "wide", "--region", OHIO, "--segments", segments, "--json")
    (found,) = ran.json["regions"]
    assert (found["items"], found["items_so_far"]) == (WIDE_ITEMS, WIDE_ITEMS)
    assert found["requests"] >= max(segments, 3)
    assert (found["read_units"], found["error"]) == (pytest.approx(300, abs=25), None)
    assert found["seconds"] > 0
    assert found["items_per_second"] > 0
    assert (ran.json["table"], ran.json["segments"], ran.json["agree"]) == ("wide", segments, None)


@pytest.mark.usefixtures("exercises")
def test_a_consistent_count_takes_twice_the_units(manage: Manage) -> None:
    ran = manage("count", "wide", "--consistent", "--json")
    assert ran.json["consistent"] is True
    assert ran.json["regions"][0]["read_units"] == pytest.approx(600, abs=50)


@pytest.mark.usefixtures("exercises")
def test_all_regions_side_by_side_agree(manage: Manage) -> None:
    ran = manage("count", "wide", "--region", "all")
    assert ran.code == 0
    assert [row.split()[:2] for row in ran.out.splitlines()[2:4]] == [[IRELAND, "12"], [OHIO, "12"]]
    assert "The regions counted agree." in ran.out


@pytest.mark.usefixtures("two_more")
def test_a_region_that_is_behind_says_by_how_much(manage: Manage) -> None:
    ran = manage("count", "wide", "--region", "all")
    assert ran.code == 0
    heading, ireland, ohio = (row.split() for row in ran.out.splitlines()[1:4])
    assert heading[:3] == ["Region", "Items", "Behind"]
    assert ohio[:2] == [OHIO, "14"]
    assert ireland[:3] == [IRELAND, "12", "2"]
    assert "The regions differ" in ran.out
    assert manage("count", "wide", "--region", "all", "--json").json["agree"] is False


class TestFailing:
    def test_a_region_that_is_away_leaves_the_others_their_count(
        self, manage: Manage, exercises: RunningSandbox
    ) -> None:
        exercises.control.outage(OHIO)
        ran = manage("count", "wide", "--region", "all", "--json")
        assert ran.code == 3
        ireland, ohio = ran.json["regions"]
        assert (ohio["items"], ireland["items"]) == (None, WIDE_ITEMS)
        assert "us-east-2 does not answer" in ohio["error"]
        assert ran.json["agree"] is None
        assert ran.err == (
            "count: us-east-2 not counted to the end: count again when all regions answer.\n"
        )

    def test_the_one_region_asked_for_being_away_is_one_sentence(
        self, manage: Manage, exercises: RunningSandbox
    ) -> None:
        exercises.control.outage(OHIO)
        ran = manage("count", "wide", "--region", OHIO)
        assert ran.code == 1
        assert ran.err.startswith("count: us-east-2 does not answer")
        assert ran.err.count("\n") == 1

    def test_without_a_name_another_region_is_counted_and_that_is_said(
        self, manage: Manage, exercises: RunningSandbox
    ) -> None:
        exercises.control.outage(OHIO)
        ran = manage("count", "flights")
        assert ran.code == 0
        assert ran.out.splitlines()[2].split()[:2] == [IRELAND, "10"]
        assert ran.err == "us-east-2 does not answer: eu-west-1 is asked instead.\n"

    def test_a_region_that_goes_away_half_way_says_how_far_it_was(
        self, exercises: RunningSandbox
    ) -> None:
        def cut(count: RegionCount) -> None:
            if count.region == OHIO:
                exercises.control.outage(OHIO)

        ohio, ireland = count_regions(WIDE, (OHIO, IRELAND), segments=1, told=cut)
        assert ohio.trouble.startswith("us-east-2 does not answer")
        assert 0 < ohio.items < WIDE_ITEMS
        assert not ohio.is_whole
        assert (ireland.items, ireland.is_whole, ireland.trouble) == (WIDE_ITEMS, True, "")

    def test_a_table_without_capacity_is_one_sentence(
        self, settings: Settings, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("gtsite.dynamodb.connection.PATIENT_DEADLINE_SECONDS", 1.0)
        monkeypatch.setattr("gtsite.dynamodb.connection.REGIONAL_READ_SECONDS", 0.5)
        with faulty_server(error(400, "ProvisionedThroughputExceededException")) as server:
            settings.GT_ENDPOINTS = {OHIO: server.url}
            (found,) = count_regions(WIDE, (OHIO,), segments=2)
        assert (found.items, found.is_whole) == (0, False)
        assert found.trouble == (
            "us-east-2 has no capacity left for this table: try again in a moment."
        )


def test_ctrl_c_says_what_was_counted_so_far(
    manage: Manage,
    exercises: RunningSandbox,
    monkeypatch: pytest.MonkeyPatch,
    request: pytest.FixtureRequest,
) -> None:
    """The count does not go on before Ctrl-C has been noticed, or it might come to its end."""
    exercises.control.slow(IRELAND, 150)
    shown: list[str] = []
    noticed = threading.Event()

    def stop(number: int, frame: FrameType | None) -> None:
        noticed.set()
        signal.default_int_handler(number, frame)

    def interrupt(_: ProgressLine, text: str) -> None:
        shown.append(text)
        if len(shown) == 1:
            os.kill(os.getpid(), signal.SIGINT)
            assert noticed.wait(BOUND_SECONDS)

    before = signal.signal(signal.SIGINT, stop)
    request.addfinalizer(lambda: signal.signal(signal.SIGINT, before))
    monkeypatch.setattr(ProgressLine, "show", interrupt)
    ran = manage("count", "wide", "--segments", 1)
    assert (ran.code, ran.out) == (130, "")
    stopped, last = ran.err.splitlines()
    assert stopped.startswith("Stopped before the end: ")
    assert stopped.endswith(" in eu-west-1 counted so far.")
    assert last == "Stopped."


def test_a_region_that_hangs_keeps_nobody_for_long(
    manage: Manage, exercises: RunningSandbox, patience: Patience
) -> None:
    patience.hangs(OHIO)
    exercises.control.outage(OHIO, "blackhole")
    ran = manage("count", "wide", "--region", "all", "--json")
    assert ran.code == 3
    assert [each["items"] for each in ran.json["regions"]] == [WIDE_ITEMS, None]
    assert ran.json["regions"][1]["error"] == "us-east-2 does not answer (timeout)."


class TestBadInput:
    @pytest.mark.parametrize(
        ("arguments", "sentence"),
        [
            (["nosuch"], "Table nosuch is not in us-west-2, eu-west-1 or us-east-2: look at"),
            (["flights", "--region", "us-west-2"], "flights is not in us-west-2: it is in us-east"),
            (["flights", "--region", "nowhere"], "'nowhere' is not an AWS region"),
            (["flights", "--region", ","], "No region is named"),
            (["flights", "--segments", "0"], "--segments is 0: write 1 to 32."),
            (["flights", "--segments", "33"], "--segments is 33: write 1 to 32."),
        ],
    )
    @pytest.mark.usefixtures("exercises")
    def test_is_one_clear_sentence(
        self, manage: Manage, arguments: list[str], sentence: str
    ) -> None:
        ran = manage("count", *arguments)
        assert (ran.code, ran.out) == (2, "")
        assert sentence in ran.err
        assert ran.err.count("\n") == 1


@pytest.mark.usefixtures("exercises")
def test_json_is_one_document(manage: Manage) -> None:
    ran = manage("count", "flights", "--region", f"{IRELAND},{OHIO}", "--json")
    found = json.loads(ran.out)
    assert [each["region"] for each in found["regions"]] == [IRELAND, OHIO]
    assert set(found) == {"table", "segments", "consistent", "agree", "regions"}
