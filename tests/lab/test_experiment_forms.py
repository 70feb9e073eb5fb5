from collections.abc import Mapping

import pytest
from django.http import QueryDict
from pytest_django import Settings

from bookmarks.lab.experiments.catalogue import EXPERIMENTS
from bookmarks.lab.experiments.entities import Plan
from bookmarks.lab.experiments.forms import (
    ConflictsForm,
    CountersForm,
    ExperimentForm,
    LagForm,
    RaceForm,
    StaleForm,
)
from gtsite.experiments.entities import CountersPlan, LagPlan, RacePlan, StalePlan, Way

OREGON, IRELAND, OHIO = "us-west-2", "eu-west-1", "us-east-2"
RACE = {"first": OREGON, "second": IRELAND, "gap_ms": "250"}


@pytest.fixture(autouse=True)
def _three_regions(settings: Settings) -> None:
    settings.GT_REGIONS = [OREGON, IRELAND, OHIO]


def sent(data: Mapping[str, str | list[str]]) -> QueryDict:
    query = QueryDict(mutable=True)
    for name, value in data.items():
        query.setlist(name, value if isinstance(value, list) else [value])
    return query


def plan(form: type[ExperimentForm], data: Mapping[str, str | list[str]]) -> Plan:
    filled = form(sent(data))
    assert filled.is_valid(), filled.errors
    return filled.plan()


class TestPlans:
    def test_lag_to_every_other_region(self) -> None:
        made = plan(LagForm, {"source": IRELAND, "target": "every", "probes": "7"})
        assert isinstance(made, LagPlan)
        assert made.ways == (
            Way(source=IRELAND, target=OREGON),
            Way(source=IRELAND, target=OHIO),
        )
        assert made.probes == 7

    def test_lag_from_every_region_to_every_other_is_all_six_ways(self) -> None:
        made = plan(LagForm, {"source": "every", "target": "every", "probes": "1"})
        assert isinstance(made, LagPlan)
        assert len(set(made.ways)) == 6
        assert all(way.source != way.target for way in made.ways)

    def test_lag_from_every_region_to_one_leaves_that_one_out(self) -> None:
        made = plan(LagForm, {"source": "every", "target": OHIO, "probes": "1"})
        assert isinstance(made, LagPlan)
        assert [way.source for way in made.ways] == [OREGON, IRELAND]

    def test_stale_read_has_items_of_its_own(self) -> None:
        data = {"write": OREGON, "read": OHIO, "items": "3"}
        made, again = plan(StaleForm, data), plan(StaleForm, data)
        assert isinstance(made, StalePlan)
        assert isinstance(again, StalePlan)
        assert [key[1] for key in made.keys] == ["item-01", "item-02", "item-03"]
        assert {str(key[0])[:4] for key in made.keys} == {"lab#"}
        assert not set(made.keys) & set(again.keys)

    def test_race_is_seen_in_every_region(self) -> None:
        made = plan(RaceForm, RACE)
        assert isinstance(made, RacePlan)
        assert [(each.region, each.value) for each in made.writes] == [
            (OREGON, 111),
            (IRELAND, 222),
        ]
        assert made.watch == (OREGON, IRELAND, OHIO)
        assert (made.gap_ms, made.simultaneous) == (250.0, False)

    def test_both_at_once_has_no_gap(self) -> None:
        made = plan(RaceForm, {**RACE, "simultaneous": "on"})
        assert isinstance(made, RacePlan)
        assert (made.gap_ms, made.simultaneous) == (0.0, True)

    def test_conflicts_are_a_race_over_many_items(self) -> None:
        made = plan(ConflictsForm, {"regions": [OHIO, OREGON], "items": "40", "gap_ms": "0"})
        assert isinstance(made, RacePlan)
        assert len(made.keys) == 40
        assert [each.region for each in made.writes] == [OREGON, OHIO]
        assert made.simultaneous

    def test_counters(self) -> None:
        made = plan(CountersForm, {"regions": [OREGON, IRELAND], "increments": "50"})
        assert isinstance(made, CountersPlan)
        assert (made.regions, made.increments) == ((OREGON, IRELAND), 50)


class TestRefusals:
    @pytest.mark.parametrize(
        ("form", "data", "field"),
        [
            (LagForm, {"source": OREGON, "target": OREGON, "probes": "5"}, "target"),
            (LagForm, {"source": "mars-1", "target": "every", "probes": "5"}, "source"),
            (LagForm, {"source": OREGON, "target": "every", "probes": "51"}, "probes"),
            (StaleForm, {"write": OREGON, "read": OREGON, "items": "5"}, "read"),
            (StaleForm, {"write": OREGON, "read": OHIO, "items": "0"}, "items"),
            (StaleForm, {"write": OREGON, "read": OHIO, "items": "41"}, "items"),
            (StaleForm, {"read": OHIO, "items": "4"}, "write"),
            (RaceForm, {**RACE, "second": OREGON}, "second"),
            (RaceForm, {**RACE, "gap_ms": "5001"}, "gap_ms"),
            (RaceForm, {**RACE, "gap_ms": "-1"}, "gap_ms"),
            (RaceForm, {**RACE, "gap_ms": "soon"}, "gap_ms"),
            (RaceForm, {**RACE, "gap_ms": "9" * 5000}, "gap_ms"),
            (ConflictsForm, {"regions": [OREGON], "items": "4", "gap_ms": "0"}, "regions"),
            (ConflictsForm, {"regions": [OREGON, OREGON], "items": "4", "gap_ms": "0"}, "regions"),
            (ConflictsForm, {"items": "4", "gap_ms": "0"}, "regions"),
            (CountersForm, {"regions": [OREGON, OHIO], "increments": "51"}, "increments"),
        ],
    )
    def test_is_about_the_field_that_is_wrong(
        self, form: type[ExperimentForm], data: dict[str, str | list[str]], field: str
    ) -> None:
        assert list(form(sent(data)).errors) == [field]

    def test_six_regions_may_not_count_as_often_as_two(self, settings: Settings) -> None:
        six = [OREGON, IRELAND, OHIO, "us-east-1", "sa-east-1", "ap-south-1"]
        settings.GT_REGIONS = six
        form = CountersForm(sent({"regions": six, "increments": "34"}))
        assert form.errors == {"increments": ["Write 33 at most with 6 regions."]}
        assert CountersForm(sent({"regions": six, "increments": "33"})).is_valid()

    def test_the_gaps_of_all_items_fit_into_a_run(self) -> None:
        three = [OREGON, IRELAND, OHIO]
        form = ConflictsForm(sent({"regions": three, "items": "20", "gap_ms": "501"}))
        assert form.errors == {"gap_ms": ["Write 500 at most with so many items."]}
        form = ConflictsForm(sent({"regions": three, "items": "20", "gap_ms": "500"}))
        assert form.is_valid()

    def test_seven_regions_are_too_many_to_race(self, settings: Settings) -> None:
        seven = [OREGON, IRELAND, OHIO, "us-east-1", "sa-east-1", "ap-south-1", "eu-west-2"]
        settings.GT_REGIONS = seven
        form = ConflictsForm(sent({"regions": seven, "items": "1", "gap_ms": "0"}))
        assert form.errors == {"regions": ["Choose 6 regions at most."]}


class TestFirstShown:
    @pytest.mark.parametrize("name", EXPERIMENTS)
    def test_what_a_form_is_first_shown_with_can_be_run_as_it_is(self, name: str) -> None:
        form = EXPERIMENTS[name].form()
        shown = {field.name: field.initial for field in form}
        data = {
            field: list(value) if isinstance(value, list) else str(value)
            for field, value in shown.items()
            if value is not None and value is not False
        }
        assert plan(EXPERIMENTS[name].form, data)

    def test_an_address_may_say_what_to_show(self) -> None:
        form = RaceForm(asked={"gap_ms": "1500", "second": OHIO, "simultaneous": "on"})
        shown = {field.name: field.initial for field in form}
        assert shown == {"first": OREGON, "second": OHIO, "gap_ms": 1500, "simultaneous": True}

    def test_what_does_not_fit_is_left_as_it_was(self) -> None:
        form = RaceForm(asked={"gap_ms": "-7", "second": "mars-1", "other": "x"})
        assert (form["gap_ms"].initial, form["second"].initial) == (300, IRELAND)

    def test_a_site_with_one_region_can_run_nothing(self, settings: Settings) -> None:
        settings.GT_REGIONS = [OREGON]
        assert not RaceForm(sent(RACE)).is_valid()
        assert RaceForm()["first"].initial is None
