"""`manage.py get`: what each region holds of an item, and where they differ."""

from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

import pytest
from pytest_django import Settings

from gtsite.dynamodb.tables import FLIGHTS
from gtsite.management.looking import FoundItem, find_partition, plain, shown
from tests.commands.conftest import IRELAND, OHIO, SEATS, Ran, flight
from tests.support.faults import error, faulty_server
from tests.support.sandbox import RunningSandbox, number, text

Manage = Callable[..., Ran]

QUATAR = ("flight_id=5603280670", "airlines_name=Quatar")


@pytest.fixture
def sold(exercises: RunningSandbox) -> Iterator[RunningSandbox]:
    """One flight has 222 seats in Ohio and another is only there, while nothing arrives."""
    exercises.hold()
    put(exercises, flight(5603280670, "Quatar", 222) | {"gate": text("B7")})
    put(exercises, flight(7, "Delta", 1))
    yield exercises
    put(exercises, flight(5603280670, "Quatar", 266))
    key = {"flight_id": number(7), "airlines_name": text("Delta")}
    exercises.client(OHIO).delete_item(TableName="flights", Key=key)


@pytest.fixture
def crowded(exercises: RunningSandbox) -> Iterator[list[dict[str, Any]]]:
    """A partition of five airlines; the third is in Ohio only, the fourth in Ireland only."""
    items = [flight(8, name, place) for place, name in enumerate(["A", "B", "C", "D", "É"])]
    for item in (items[0], items[1], items[4]):
        put(exercises, item)
    exercises.drain()
    exercises.hold()
    put(exercises, items[2])
    put(exercises, items[3], IRELAND)
    yield items
    exercises.deliver()
    for item in items:
        key = {name: item[name] for name in FLIGHTS.key_names}
        exercises.client(OHIO).delete_item(TableName="flights", Key=key)
    exercises.drain()


def put(sandbox: RunningSandbox, item: dict[str, Any], region: str = OHIO) -> None:
    sandbox.client(region).put_item(TableName="flights", Item=item)


def rows(ran: Ran) -> list[list[str]]:
    """The words of each line."""
    return [line.split() for line in ran.out.splitlines()]


class TestOneItem:
    @pytest.mark.usefixtures("exercises")
    def test_its_attributes_are_listed(self, manage: Manage) -> None:
        ran = manage("get", "flights", *QUATAR)
        assert (ran.code, ran.err) == (0, "")
        assert ran.out.splitlines()[0] == "flight_id=5603280670, airlines_name=Quatar"
        assert ["available_seats", "266"] in rows(ran)
        assert "Regions" not in ran.out

    @pytest.mark.usefixtures("sold")
    def test_where_regions_differ_each_value_says_where_it_is(self, manage: Manage) -> None:
        ran = manage("get", "flights", *QUATAR, "--region", "all")
        assert ran.code == 0
        assert ["airlines_name", "Quatar", "all"] in rows(ran)
        assert ["available_seats", "222", OHIO] in rows(ran)
        assert ["266", IRELAND] in rows(ran)
        assert ["gate", "B7", OHIO] in rows(ran)
        assert ["—", IRELAND] in rows(ran)
        assert "The regions differ on 1 of 1 item." in ran.out

    @pytest.mark.usefixtures("sold")
    def test_json_names_the_attributes_that_differ(self, manage: Manage) -> None:
        found = manage("get", "flights", *QUATAR, "--region", "all", "--json").json
        (item,) = found["items"]
        assert item["key"] == {"flight_id": 5603280670, "airlines_name": "Quatar"}
        assert (found["agree"], item["agree"]) == (False, False)
        assert item["differs"] == ["available_seats", "gate"]
        assert item["in"][OHIO]["available_seats"] == 222
        assert item["in"][IRELAND]["available_seats"] == 266
        assert [each["region"] for each in found["regions"]] == [OHIO, IRELAND]
        assert all(each["milliseconds"] > 0 for each in found["regions"])

    @pytest.mark.usefixtures("sold")
    def test_an_item_that_has_not_arrived_says_where_it_is_missing(self, manage: Manage) -> None:
        ran = manage("get", "flights", "flight_id=7", "airlines_name=Delta", "--region", "all")
        assert ran.code == 0
        assert ["no", "such", "item", IRELAND] in rows(ran)
        assert "The regions differ on 1 of 1 item." in ran.out

    @pytest.mark.usefixtures("exercises")
    def test_one_that_is_nowhere_exits_1_and_says_where_it_was_looked_for(
        self, manage: Manage
    ) -> None:
        ran = manage("get", "flights", "flight_id=6", "airlines_name=A", "--region", "all")
        assert (ran.code, ran.out) == (1, "")
        assert ran.err == (
            "get: flights has no item flight_id=6, airlines_name=A in us-east-2 and eu-west-1.\n"
        )

    @pytest.mark.usefixtures("exercises")
    def test_a_consistent_read_is_asked_for(self, manage: Manage) -> None:
        found = manage("get", "flights", *QUATAR, "--consistent", "--json").json
        assert found["consistent"] is True
        assert found["items"][0]["in"][OHIO]["available_seats"] == 266


class TestPartition:
    @pytest.mark.usefixtures("crowded")
    def test_all_its_items_are_shown_in_the_order_of_their_sort_keys(self, manage: Manage) -> None:
        found = manage("get", "flights", "flight_id=8", "--region", "all", "--json").json
        assert [each["key"]["airlines_name"] for each in found["items"]] == list("ABCDÉ")
        assert [each["agree"] for each in found["items"]] == [True, True, False, False, True]
        assert found["more"] is False

    @pytest.mark.usefixtures("crowded")
    def test_beyond_the_limit_nothing_counts_as_missing(self) -> None:
        found = find_partition(FLIGHTS, (OHIO, IRELAND), 8, limit=3, consistent=False)
        assert [each.key[1] for each in found.items] == ["A", "B", "C"]
        assert found.items[2].missing_in == (IRELAND,)
        assert found.more
        found = find_partition(FLIGHTS, (OHIO, IRELAND), 8, limit=4, consistent=False)
        assert [each.key[1] for each in found.items] == ["A", "B", "C", "D"]
        found = find_partition(FLIGHTS, (OHIO,), 8, limit=4, consistent=False)
        assert ([each.key[1] for each in found.items], found.more) == (["A", "B", "C", "É"], False)

    @pytest.mark.usefixtures("crowded")
    def test_what_was_left_out_is_said(self, manage: Manage) -> None:
        ran = manage("get", "flights", "flight_id=8", "--limit", 2)
        assert "More items follow these 2: see --limit." in ran.out

    @pytest.mark.usefixtures("exercises")
    def test_an_empty_one_exits_1(self, manage: Manage) -> None:
        ran = manage("get", "flights", "flight_id=9")
        assert (ran.code, ran.err) == (1, "get: flights has no item flight_id=9 in us-east-2.\n")


class TestSample:
    @pytest.mark.usefixtures("exercises")
    def test_the_documents_ten_flights_have_the_seats_it_prints(self, manage: Manage) -> None:
        ran = manage("get", "flights", "--sample", "--region", IRELAND)
        assert ran.code == 0
        title, heading, *printed = ran.out.splitlines()[:12]
        assert title == "available_seats of flights"
        assert heading.split() == ["flight_id", "airlines_name", IRELAND]
        wanted = zip(FLIGHTS.sample, SEATS, strict=True)
        assert [row.split() for row in printed] == [[str(k), n, str(s)] for (k, n), s in wanted]

    @pytest.mark.usefixtures("sold")
    def test_regions_stand_side_by_side(
        self, manage: Manage, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("COLUMNS", "120")
        ran = manage("get", "flights", "--sample", "--region", "all")
        heading, quatar, british = rows(ran)[1:4]
        assert heading == ["flight_id", "airlines_name", OHIO, IRELAND, "Regions"]
        assert quatar[:4] == ["5603280670", "Quatar", "222", "266"]
        assert " ".join(quatar[4:]) == "differ in available_seats and gate"
        assert british == ["26806130", "British", "828", "828", "agree"]
        assert "The regions differ on 1 of 10 items." in ran.out

    @pytest.mark.usefixtures("exercises")
    def test_a_table_without_one_says_so(self, manage: Manage) -> None:
        ran = manage("get", "wide", "--sample")
        assert (ran.code, ran.err) == (2, "get: wide has no sample: name a key.\n")


class TestFailing:
    def test_a_region_that_is_away_is_said_beside_what_the_others_hold(
        self, manage: Manage, exercises: RunningSandbox
    ) -> None:
        exercises.control.outage(OHIO)
        ran = manage("get", "flights", "--sample", "--region", "all")
        assert ran.code == 3
        assert rows(ran)[1] == ["flight_id", "airlines_name", IRELAND]
        assert rows(ran)[2] == ["5603280670", "Quatar", "266"]
        assert ran.err.startswith("get: us-east-2 does not answer")
        assert ran.err.count("\n") == 1

    def test_where_none_answers_that_is_the_answer(
        self, manage: Manage, exercises: RunningSandbox
    ) -> None:
        exercises.control.outage(OHIO)
        ran = manage("get", "flights", *QUATAR, "--region", OHIO)
        assert (ran.code, ran.out) == (1, "")
        assert ran.err.startswith("get: us-east-2 does not answer")

    def test_an_item_missing_where_somebody_answers_may_be_where_nobody_does(
        self, manage: Manage, exercises: RunningSandbox
    ) -> None:
        exercises.control.outage(OHIO)
        ran = manage("get", "flights", "flight_id=6", "airlines_name=Delta", "--region", "all")
        assert ran.code == 1
        assert "airlines_name=Delta in eu-west-1. us-east-2 does not answer" in ran.err

    def test_a_table_without_capacity_is_one_sentence(
        self, settings: Settings, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("gtsite.dynamodb.connection.REGIONAL_READ_SECONDS", 5.8)
        with faulty_server(error(400, "ThrottlingException")) as server:
            settings.GT_ENDPOINTS = {OHIO: server.url}
            found = find_partition(FLIGHTS, (OHIO,), 8, limit=1, consistent=False)
        assert [each.trouble for each in found.regions] == [
            "us-east-2 has no capacity left for this table: try again in a moment."
        ]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["nosuch", "id=1"], "Table nosuch is not in us-west-2, eu-west-1 or us-east-2"),
        (["flights"], "flight_id is missing: a key of flights is flight_id (number) and"),
        (["flights", "flight_id=abc"], "flight_id='abc' is no number"),
        (["flights", "flight_id=1", "seat=2"], "'seat' is no part of the key"),
        (["flights", "airlines_name=Delta"], "flight_id is missing"),
        (["flights", *QUATAR, "--sample"], "Name a key or take the --sample"),
        (["flights", *QUATAR, "--region", "us-west-2"], "flights is not in us-west-2: it is in"),
        (["flights", *QUATAR, "--limit", "0"], "--limit is 0: write 1 to 1,000."),
    ],
)
@pytest.mark.usefixtures("exercises")
def test_bad_input_is_one_clear_sentence(
    manage: Manage, arguments: list[str], sentence: str
) -> None:
    ran = manage("get", *arguments)
    assert (ran.code, ran.out) == (2, "")
    assert sentence in ran.err
    assert ran.err.count("\n") == 1


class TestComparing:
    def test_the_same_number_written_differently_is_the_same(self) -> None:
        item = FoundItem(key=(1,), held={OHIO: {"n": Decimal("1.0")}, IRELAND: {"n": 1}})
        assert item.agrees

    def test_nothing_is_not_the_same_as_null(self) -> None:
        item = FoundItem(key=(1,), held={OHIO: {"n": None}, IRELAND: {}})
        assert item.differs == ("n",)

    def test_true_is_not_one(self) -> None:
        item = FoundItem(key=(1,), held={OHIO: {"n": True}, IRELAND: {"n": 1}})
        assert item.differs == ("n",)

    @pytest.mark.parametrize(
        ("value", "line"),
        [
            ("Delta", "Delta"),
            ("222", '"222"'),
            ("", '""'),
            ("true", '"true"'),
            (222, "222"),
            (Decimal("1.5"), "1.5"),
            (True, "true"),
            (None, "null"),
            (b"\x00", "AA=="),
            ({"a", "b"}, '["a", "b"]'),
            ({"a": [Decimal("1.5")]}, '{"a": [1.5]}'),
            ("red\x1b[31m\n", "red\\x1b[31m\\n"),
            ("[bold]x", '"[bold]x"'),
        ],
    )
    def test_a_value_shows_what_it_is(self, value: object, line: str) -> None:
        assert shown(value) == line

    def test_json_keeps_numbers_exact(self) -> None:
        assert plain(Decimal("1.5")) == 1.5
        assert plain(Decimal("0.12345678901234567890")) == "0.12345678901234567890"
