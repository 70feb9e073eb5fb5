"""Tables, regions, keys and values as people name them on the command line."""

from decimal import Decimal

import pytest
from pytest_django import Settings

from gtsite.dynamodb import connection
from gtsite.dynamodb.errors import DataError
from gtsite.dynamodb.replicas import AWAY, find_replicas
from gtsite.dynamodb.tables import FLIGHTS, Attribute, TableDefinition
from gtsite.management.base import UsageError
from gtsite.management.subjects import (
    check_regions,
    chosen_regions,
    find_table,
    read_key,
    read_value,
    table_regions,
)
from tests.commands.conftest import IRELAND, OHIO, OREGON
from tests.support.sandbox import RunningSandbox

SAO_PAULO = "sa-east-1"
ONE_KEY = TableDefinition(name="only", partition_key=Attribute(name="id", type="B"))


class TestReplicas:
    @pytest.mark.parametrize("candidates", [(OHIO, IRELAND), (OHIO,), (OREGON, OHIO)])
    @pytest.mark.usefixtures("exercises")
    def test_all_are_found_from_any_candidate_that_has_the_table(
        self, candidates: tuple[str, ...]
    ) -> None:
        with connection.inspection() as control:
            found = find_replicas(control, "flights", candidates)
        assert [(each.region, each.status, each.is_home) for each in found] == [
            (OHIO, "ACTIVE", True),
            (IRELAND, "ACTIVE", False),
        ]
        assert all(each.item_count is not None for each in found)

    def test_one_that_does_not_answer_is_away(self, exercises: RunningSandbox) -> None:
        exercises.control.outage(OHIO)
        with connection.inspection() as control:
            home, other = find_replicas(control, "flights", (OHIO, IRELAND))
        assert (home.status, home.item_count, home.is_home) == (AWAY, None, True)
        assert (other.region, other.status) == (IRELAND, "ACTIVE")

    def test_a_region_away_that_nobody_names_has_no_part_in_it(
        self, exercises: RunningSandbox
    ) -> None:
        exercises.control.outage(OREGON)
        with connection.inspection() as control:
            found = find_replicas(control, "flights", (OREGON, OHIO))
        assert [each.region for each in found] == [OHIO, IRELAND]

    def test_where_no_region_answers_that_is_said(self, exercises: RunningSandbox) -> None:
        exercises.control.outage(OHIO)
        exercises.control.outage(IRELAND)
        with connection.inspection() as control:
            with pytest.raises(DataError, match=r"^No region answers; tried us-east-2, eu-west-1"):
                find_replicas(control, "flights", (OHIO, IRELAND))
            with pytest.raises(DataError, match=r"^us-east-2 does not answer"):
                find_replicas(control, "flights", (OHIO,))
            with pytest.raises(DataError, match=r"^Table flights is not in us-west-2"):
                find_replicas(control, "flights", (OREGON, OHIO))


class TestTables:
    def test_the_project_s_own_needs_no_region_to_answer(self) -> None:
        assert find_table("flights", region=None) is FLIGHTS

    @pytest.mark.usefixtures("exercises")
    def test_another_is_as_its_region_describes_it(self) -> None:
        found = find_table("only", region=None)
        assert found.key_attributes == (Attribute(name="id", type="B"),)
        assert table_regions(found) == (IRELAND,)

    @pytest.mark.usefixtures("exercises")
    def test_another_outside_the_site_s_regions_is_found_where_it_is_said_to_be(self) -> None:
        assert table_regions(find_table("elsewhere", region=SAO_PAULO)) == (SAO_PAULO,)
        with pytest.raises(
            UsageError, match=r"us-west-2, eu-west-1 or us-east-2: look at its name"
        ):
            find_table("elsewhere", region=None)

    def test_what_is_away_is_told_from_what_is_missing(self, exercises: RunningSandbox) -> None:
        exercises.control.outage(IRELAND)
        with pytest.raises(
            UsageError, match=r"^Table only is not in us-west-2 or us-east-2.*eu-west-1 does not"
        ):
            find_table("only", region=None)
        with pytest.raises(DataError, match=r"^eu-west-1 does not answer"):
            find_table("only", region=IRELAND)

    def test_where_no_endpoint_is_known_nobody_is_asked(
        self, exercises: RunningSandbox, settings: Settings
    ) -> None:
        settings.GT_ENDPOINTS = {OHIO: exercises.endpoint_of(OHIO)}
        with pytest.raises(UsageError, match="No endpoint is known for sa-east-1"):
            find_table("mine", region=SAO_PAULO)
        assert table_regions(FLIGHTS) == (OHIO,)


class TestRegions:
    @pytest.mark.usefixtures("exercises")
    def test_those_of_the_table_pass_in_the_order_named(self) -> None:
        assert check_regions(FLIGHTS, [IRELAND, OHIO, IRELAND]) == (IRELAND, OHIO)
        said: list[str] = []
        assert chosen_regions(FLIGHTS, None, say=said.append) == (OHIO,)
        assert chosen_regions(FLIGHTS, "all", say=said.append) == (OHIO, IRELAND)
        words = "eu-west-1, us-east-2"
        assert chosen_regions(FLIGHTS, words, say=said.append) == (IRELAND, OHIO)
        assert said == []

    @pytest.mark.usefixtures("exercises")
    def test_another_is_refused_with_those_there_are(self) -> None:
        with pytest.raises(UsageError) as refused:
            check_regions(FLIGHTS, [OHIO, OREGON])
        assert str(refused.value) == (
            "Table flights is not in us-west-2: it is in us-east-2 and eu-west-1."
        )
        with pytest.raises(UsageError, match="'nowhere-1' is not an AWS region"):
            check_regions(FLIGHTS, ["nowhere-1"])
        with pytest.raises(UsageError, match="No region is named"):
            chosen_regions(FLIGHTS, " , ", say=print)

    def test_one_that_is_away_still_has_its_replica(self, exercises: RunningSandbox) -> None:
        exercises.control.outage(OHIO)
        assert check_regions(FLIGHTS, [OHIO]) == (OHIO,)
        said: list[str] = []
        assert chosen_regions(FLIGHTS, None, say=said.append) == (IRELAND,)
        assert said == ["us-east-2 does not answer: eu-west-1 is asked instead."]

    @pytest.mark.usefixtures("exercises")
    def test_a_table_of_the_project_that_nobody_provisioned(self) -> None:
        with pytest.raises(UsageError, match=r"run manage.py provision Orders\.$"):
            table_regions(connection.definition("Orders"))


class TestKeys:
    def test_they_have_the_types_of_the_table_in_any_order(self) -> None:
        words = ["airlines_name=Qua=tar", "flight_id=0056"]
        assert read_key(FLIGHTS, words) == (56, "Qua=tar")
        assert read_key(FLIGHTS, ["flight_id=5.50", "airlines_name=7"]) == (Decimal("5.5"), "7")
        assert read_key(ONE_KEY, ["id=AAE="]) == (b"\x00\x01",)

    def test_the_partition_key_alone_where_that_will_do(self) -> None:
        assert read_key(FLIGHTS, ["flight_id=56"], partial=True) == (56,)
        with pytest.raises(UsageError, match=r"^airlines_name is missing: a key of flights is"):
            read_key(FLIGHTS, ["flight_id=56"])
        with pytest.raises(UsageError, match=r"^flight_id is missing"):
            read_key(FLIGHTS, ["airlines_name=Delta"], partial=True)

    @pytest.mark.parametrize(
        ("words", "sentence"),
        [
            ([], "flight_id is missing"),
            (["56"], "'56' is not NAME=VALUE"),
            (["flight_id=abc", "airlines_name=x"], "flight_id='abc' is no number"),
            (["flight_id=", "airlines_name=x"], "flight_id is empty"),
            (["flight_id=nan", "airlines_name=x"], "flight_id='nan' is no number"),
            (["flight_id=1e999", "airlines_name=x"], "flight_id='1e999' is no number"),
            (["flight_id=1e99999999999999999999", "airlines_name=x"], "is no number"),
            (["flight_id=" + "9" * 500, "airlines_name=x"], "is no number"),
            (["flight_id=1", "flight_id=2"], "flight_id is given twice"),
            (["flight_id=1", "seat=2"], "'seat' is no part of the key"),
            (["flight_id=1", "airlines_name="], "airlines_name is empty"),
        ],
    )
    def test_what_does_not_fit_is_one_sentence_that_names_the_key(
        self, words: list[str], sentence: str
    ) -> None:
        with pytest.raises(UsageError) as refused:
            read_key(FLIGHTS, words)
        said = str(refused.value)
        assert sentence in said
        assert said.endswith(": a key of flights is flight_id (number) and airlines_name (text).")
        assert len(said) < 160

    def test_bytes_are_base64(self) -> None:
        with pytest.raises(UsageError, match=r"id='%' is no bytes in Base64: a key of only is id"):
            read_key(ONE_KEY, ["id=%"])


class TestValues:
    @pytest.mark.parametrize(
        ("text", "value"),
        [
            ("222", 222),
            ("000", 0),
            ("-1.50", Decimal("-1.5")),
            ("1e3", 1000),
            ("Delivered", "Delivered"),
            ("", ""),
            ("12:30", "12:30"),
            ("nan", "nan"),
            ("٣", "٣"),
            ('"222"', "222"),
            ("true", True),
            ("null", None),
            ('{"a": [1, 2.5]}', {"a": [1, Decimal("2.5")]}),
        ],
    )
    def test_a_number_json_or_a_text(self, text: str, value: object) -> None:
        found = read_value(text)
        assert (found, type(found)) == (value, type(value))

    @pytest.mark.parametrize(
        "text", ["1e999", "9" * 39, "1" * 5000, '{"a"', "[NaN]", "[1e99999999999999999999]"]
    )
    def test_what_dynamodb_cannot_hold_is_refused(self, text: str) -> None:
        with pytest.raises(UsageError):
            read_value(text)
