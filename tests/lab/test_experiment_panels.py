import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from django.template.loader import render_to_string
from pytest_django import Settings

from bookmarks.lab.experiments.catalogue import EXPERIMENTS
from bookmarks.lab.experiments.entities import Picture, Preparation, Run
from bookmarks.lab.experiments.panels import Result, show
from bookmarks.lab.experiments.panels.parts import Axis, round_up, time_label
from gtsite.experiments.entities import (
    Counted,
    CountersPlan,
    CountersRun,
    Counting,
    LagPlan,
    LagRun,
    Phase,
    Probe,
    RaceItem,
    RacePlan,
    RaceRun,
    RaceWrite,
    Sighting,
    StaleItem,
    StalePlan,
    StaleRun,
    Trouble,
    Way,
    WayLag,
)

OREGON, IRELAND, OHIO = "us-west-2", "eu-west-1", "us-east-2"
KEY = ("lab#1", "item-01")
BEGAN = datetime(2026, 11, 21, tzinfo=UTC)
PLAN = RacePlan(
    keys=(KEY,),
    attribute="value",
    writes=(RaceWrite(region=OREGON, value=111), RaceWrite(region=IRELAND, value=222)),
    watch=(OREGON, IRELAND, OHIO),
    gap_ms=300,
)
RACED = RaceItem(
    key=KEY,
    written_ms={OREGON: 100.0, IRELAND: 400.0},
    replaced={OREGON: 0, IRELAND: 0},
    film=(
        Sighting(region=OREGON, at_ms=10, value=0),
        Sighting(region=IRELAND, at_ms=10, value=0),
        Sighting(region=OHIO, at_ms=10, value=0),
        Sighting(region=OREGON, at_ms=104, value=111),
        Sighting(region=IRELAND, at_ms=404, value=222),
        Sighting(region=OHIO, at_ms=1100, value=111),
        Sighting(region=OREGON, at_ms=1400, value=222),
        Sighting(region=OHIO, at_ms=1410, value=222),
    ),
    winner=IRELAND,
    lost=(OREGON,),
    agreed_ms=1410,
    stands=222,
)
LAG = LagRun(
    plan=LagPlan(ways=(Way(source=OREGON, target=IRELAND),), probes=3),
    began_at=BEGAN,
    phase=Phase.DONE,
    ways=(
        WayLag(
            way=Way(source=OREGON, target=IRELAND),
            probes=(
                Probe(number=1, written_ms=0, lag_ms=900, give_or_take_ms=3),
                Probe(number=2, written_ms=100, lag_ms=1100, give_or_take_ms=4),
                Probe(number=3, written_ms=200),
            ),
        ),
    ),
)
STALE = StaleRun(
    plan=StalePlan(keys=(KEY, KEY, KEY), attribute="value", value=111, write=OREGON, read=IRELAND),
    began_at=BEGAN,
    phase=Phase.DONE,
    items=(
        StaleItem(key=KEY, before=0, written_ms=1, first=0, stale=True, agreed_after_ms=800),
        StaleItem(key=KEY, before=0, written_ms=2, first=111, stale=False, agreed_after_ms=4),
        StaleItem(key=KEY, before=0),
    ),
    wrote_ms=12,
)
COUNTERS = CountersRun(
    plan=CountersPlan(regions=(OREGON, IRELAND), increments=10),
    began_at=BEGAN,
    phase=Phase.DONE,
    counted=(
        Counted(
            counting=Counting.SHARED,
            acknowledged=20,
            expected=20,
            held={OREGON: 10, IRELAND: 10},
            settled=True,
        ),
        Counted(
            counting=Counting.SPLIT,
            acknowledged=20,
            expected=20,
            held={OREGON: 20, IRELAND: 20},
            settled=True,
        ),
        Counted(
            counting=Counting.ABSOLUTE,
            acknowledged=18,
            expected=20,
            held={OREGON: 19, IRELAND: 19},
            settled=True,
            refused=2,
        ),
    ),
)
RACE = RaceRun(plan=PLAN, began_at=BEGAN, phase=Phase.DONE, items=(RACED,))
RUNS: dict[str, Run] = {
    "lag": LAG,
    "stale-read": STALE,
    "race": RACE,
    "conflicts": RACE,
    "counters": COUNTERS,
}


@pytest.fixture(autouse=True)
def _three_regions(settings: Settings) -> None:
    settings.GT_REGIONS = [OREGON, IRELAND, OHIO]


def shown(name: str, run: Run, *, ended: bool = True, conflicts: int | None = None) -> Result:
    return show(name, {}, Picture(run=run, ended=ended, conflicts=conflicts))


def page(name: str, result: Result) -> str:
    context = {"experiment": EXPERIMENTS[name], "result": result}
    return render_to_string("lab/experiments/page.html#results", context)


class TestLag:
    def test_says_the_median_and_what_is_missing(self) -> None:
        result = shown("lag", LAG)
        assert result.headline == "Half of the probes were there after 1,000 ms."
        assert "1 probe did not arrive." in result.facts
        assert result.tone == "warn"

    def test_has_figures_for_each_way_beside_distance_and_light(self) -> None:
        (line,) = shown("lag", LAG).shown.lines
        assert (line.arrived, line.p50, line.longest) == ("2 of 3", "1,000 ms", "1,100 ms")
        assert (line.distance, line.light) == ("7,315 km", "24 ms")

    def test_a_dot_is_the_higher_the_longer_it_took_and_what_is_missing_is_at_the_top(self) -> None:
        (plot,) = shown("lag", LAG).shown.plots
        first, second, missing = plot.dots
        assert float(first.y[:-1]) > float(second.y[:-1]) > float(missing.y[:-1]) == 0
        assert missing.under_way
        assert missing.said == "Probe 3 to Ireland: did not arrive"

    def test_one_under_way_is_as_high_as_it_is_old(self) -> None:
        run = replace(LAG, began_at=datetime.now(UTC), phase=Phase.WATCHING)
        (plot,) = shown("lag", run, ended=False).shown.plots
        assert plot.dots[2].said == "Probe 3 to Ireland: on its way"
        assert float(plot.dots[2].y[:-1]) > 80

    def test_nothing_arrived(self) -> None:
        way = replace(LAG.ways[0], probes=(Probe(number=1, written_ms=0),))
        result = shown("lag", replace(LAG, ways=(way,)))
        assert (result.headline, result.tone) == ("No probe arrived.", "bad")
        assert result.shown.spread is None


class TestStaleRead:
    def test_counts_what_was_stale(self) -> None:
        result = shown("stale-read", STALE)
        assert result.headline == "1 of 3 items was stale at the first look."
        assert "Ireland was behind for 800 ms at the longest." in result.facts

    def test_goes_item_by_item(self) -> None:
        lines = shown("stale-read", STALE).shown.lines
        assert [(each.first, each.label, each.agreed) for each in lines] == [
            ("0", "stale", "800 ms"),
            ("111", "fresh", "4.0 ms"),
            ("–", "not asked", "–"),
        ]

    def test_a_region_that_could_not_be_asked(self) -> None:
        run = replace(STALE, items=(StaleItem(key=KEY, before=0, written_ms=1),))
        result = shown("stale-read", run)
        assert (result.headline, result.tone) == ("Ireland could not be asked.", "bad")
        assert "1 item never agreed while we looked." in result.facts


class TestRace:
    def test_says_who_won_what_is_lost_and_why(self) -> None:
        result = shown("race", RACE, conflicts=1)
        assert result.headline == "Ireland’s 222 stands; Oregon’s 111 is lost."
        assert result.facts == (
            "Ireland wrote 300 ms after Oregon and still held 0: it could not know.",
            "Every region agreed 1,010 ms after the last write.",
            "The sandbox met 1 conflict on this item.",
        )

    def test_a_later_write_that_knew_the_earlier_loses_nothing(self) -> None:
        item = replace(RACED, replaced={OREGON: 0, IRELAND: 111}, lost=())
        result = shown("race", replace(RACE, items=(item,)))
        assert result.headline == "Ireland’s 222 stands, and nothing was lost."
        assert result.facts[0] == "Ireland wrote 300 ms after Oregon and had its 111 by then."
        assert result.shown.film.losses == ()

    def test_the_film_has_a_lane_for_each_region_and_a_segment_for_each_sighting(self) -> None:
        film = shown("race", RACE).shown.film
        assert [lane.place for lane in film.lanes] == ["Oregon", "Ireland", "Ohio"]
        assert [(each.y, each.label) for each in film.segments] == [
            (17, "0"),
            (17, "111"),
            (17, "222"),
            (85, "0"),
            (85, "222"),
            (153, "0"),
            (153, "111"),
            (153, "222"),
        ]

    def test_segments_of_a_lane_join_and_reach_the_end(self) -> None:
        lane = [each for each in shown("race", RACE).shown.film.segments if each.y == 153]
        ends = [float(each.x[:-1]) + float(each.width[:-1]) for each in lane]
        starts = [float(each.x[:-1]) for each in lane]
        assert ends[:-1] == pytest.approx(starts[1:], abs=0.01)
        assert ends[-1] == pytest.approx(100, abs=0.01)

    def test_segments_have_the_colour_of_who_wrote_their_value(self) -> None:
        film = shown("race", RACE).shown.film
        assert [each.hue for each in film.segments if each.y == 153] == [0, 1, 2]

    def test_a_write_travels_to_where_it_was_seen(self) -> None:
        film = shown("race", RACE).shown.film
        assert [(each.hue, each.y1, each.y2) for each in film.travels] == [
            (1, 51, 153),
            (2, 85, 51),
            (2, 119, 153),
        ]

    def test_the_loss_is_where_the_writer_itself_lost_its_value(self) -> None:
        (loss,) = shown("race", RACE).shown.film.losses
        assert loss.said == "Oregon lost its 111 at 1,300 ms"

    def test_the_table_says_the_same(self) -> None:
        rows = shown("race", RACE).shown.film.rows
        assert [(each.at, each.value) for each in rows][-2:] == [
            ("1,300 ms", "222"),
            ("1,310 ms", "222"),
        ]
        assert rows[0].at == "before"
        assert rows[0].writer == "what was there before"

    def test_a_verdict_that_cannot_be_told_is_not_told(self) -> None:
        item = replace(RACED, winner=None, lost=(), unclear=True, stands=5, uncertain=(OREGON,))
        result = shown("race", replace(RACE, items=(item,)))
        assert result.headline == "5 stands everywhere; whose it is cannot be told."
        assert result.shown.writers[0].fate == "no answer: written or not"

    def test_a_winner_whose_losers_are_not_known_is_not_said_to_have_lost_nothing(self) -> None:
        item = replace(RACED, lost=(), unclear=True)
        result = shown("race", replace(RACE, items=(item,)))
        assert result.headline == "Ireland’s 222 stands; whether anything was lost cannot be told."

    def test_nobody_wrote(self) -> None:
        result = shown("race", replace(RACE, items=(RaceItem(key=KEY, film=RACED.film[:3]),)))
        assert (result.headline, result.tone) == ("No region took its write.", "bad")

    def test_no_agreement(self) -> None:
        item = replace(RACED, winner=None, lost=(), agreed_ms=None)
        result = shown("race", replace(RACE, items=(item,), phase=Phase.GAVE_UP))
        assert result.headline == "The regions did not agree while we looked."
        assert result.shown.film.agreed == ""


class TestConflicts:
    def test_counts_what_each_region_lost(self) -> None:
        result = shown("conflicts", RACE, conflicts=2)
        assert result.headline == "1 of 2 acknowledged writes is lost."
        lines = result.shown.lines
        assert [(each.region.place, each.written, each.stands, each.lost) for each in lines] == [
            ("Oregon", 1, 0, 1),
            ("Ireland", 1, 1, 0),
        ]
        assert result.shown.conflicts == 2

    def test_nothing_is_said_to_be_safe_that_is_not_known(self) -> None:
        for item in (
            replace(RACED, lost=(), unclear=True),
            replace(RACED, winner=None, lost=(), agreed_ms=None),
        ):
            result = shown("conflicts", replace(RACE, items=(item,)))
            assert result.headline == "How many writes are lost cannot be told."
            assert result.tone == "warn"

    def test_has_a_square_for_each_item(self) -> None:
        open_item = RaceItem(key=KEY, written_ms={OREGON: 1.0})
        result = shown("conflicts", replace(RACE, items=(RACED, open_item)), ended=False)
        assert [each.said for each in result.shown.cells] == [
            "Item 1: Ireland stands, lost 1",
            "Item 2: not decided",
        ]

    def test_does_not_speak_of_a_sandbox_where_there_is_none(self) -> None:
        assert "sandbox’s" not in page("conflicts", shown("conflicts", RACE))


class TestCounters:
    def test_says_what_the_shared_item_lost(self) -> None:
        result = shown("counters", COUNTERS)
        assert result.headline == "The shared item lost 10 of 20 increments."
        assert [each.verdict for each in result.shown.ways] == [
            "10 lost",
            "nothing lost",
            "1 behind",
        ]

    def test_what_has_not_settled_has_lost_nothing_yet(self) -> None:
        counted = replace(COUNTERS.counted[0], settled=False)
        result = shown("counters", replace(COUNTERS, counted=(counted,)))
        assert result.headline == "The regions did not settle while we looked."
        assert result.shown.ways[0].verdict == "did not settle"


@pytest.mark.parametrize("name", RUNS)
class TestEvery:
    def test_the_last_frame_has_the_run_for_the_log(self, name: str) -> None:
        kept = json.loads(shown(name, RUNS[name]).log)
        assert kept["kind"] == "experiment"
        assert kept["experiment"] == name
        assert kept["run"]["phase"] == "done"
        assert kept["regions"][:2] == [OREGON, IRELAND]

    def test_no_other_frame_has(self, name: str) -> None:
        result = shown(name, RUNS[name], ended=False)
        assert result.log == ""
        assert "<script" not in page(name, result)

    def test_keeps_to_the_policy_on_scripts_and_styles(self, name: str) -> None:
        html = page(name, shown(name, RUNS[name]))
        assert " style=" not in html
        assert html.count("<script") == html.count('<script type="application/json"') == 1

    def test_stopped_says_so(self, name: str) -> None:
        result = shown(name, replace(RUNS[name], phase=Phase.STOPPED))
        assert result.headline == "Stopped before its end."

    def test_a_trouble_names_the_place(self, name: str) -> None:
        trouble = Trouble(region=OHIO, sentence="us-east-2 does not answer (away).")
        html = page(name, shown(name, replace(RUNS[name], troubles=(trouble,))))
        assert "Ohio does not answer (away)." in html

    def test_before_the_run_it_says_what_is_prepared(self, name: str) -> None:
        waiting = Preparation(items=2, region=OREGON, waiting=(IRELAND, OHIO))
        result = show(name, {}, Picture(preparation=waiting))
        assert result.headline == "Preparing: 2 items written in Oregon."
        assert result.facts == ("Waiting until Ireland and Ohio have them too.",)

    def test_stopped_before_the_run_says_so_too(self, name: str) -> None:
        waiting = Preparation(items=2, region=OREGON, waiting=(IRELAND,))
        result = show(name, {}, Picture(preparation=waiting, ended=True))
        assert result.headline == "Stopped before its end."
        assert json.loads(result.log)["run"] is None

    def test_what_no_region_could_do_is_said(self, name: str) -> None:
        result = show(name, {}, Picture(problem="us-west-2 does not answer.", ended=True))
        assert result.facts == ("us-west-2 does not answer.",)
        assert json.loads(result.log)["tone"] == "bad"


def test_nothing_in_the_log_ends_its_script() -> None:
    run: Any = replace(STALE, plan=replace(STALE.plan, value="</script><b>&"))
    result = shown("stale-read", run)
    assert "<" not in result.log
    assert json.loads(result.log)["run"]["plan"]["value"] == "</script><b>&"


@pytest.mark.parametrize(
    ("value", "rounded"), [(0, 0), (1, 1), (1.1, 2), (2.2, 2.5), (7, 10), (260, 500), (0.03, 0.05)]
)
def test_an_axis_goes_in_round_steps(value: float, rounded: float) -> None:
    assert round_up(value) == pytest.approx(rounded)


def test_what_is_outside_an_axis_is_at_its_end() -> None:
    axis = Axis(10, -10)
    assert [axis.at(each) for each in (-20, -10, 0, 10, 20)] == [
        "0.000%",
        "0.000%",
        "50.000%",
        "100.000%",
        "100.000%",
    ]
    assert Axis(0).at(5) == "0.000%"


@pytest.mark.parametrize(
    ("at_ms", "label"), [(0, "0 ms"), (500, "500 ms"), (1000, "1 s"), (2500, "2.5 s")]
)
def test_ticks_are_in_seconds_where_they_can_be(at_ms: float, label: str) -> None:
    assert time_label(at_ms) == label
