"""The flights of the exercises: always the same ones, with the document's ten among them."""

import io
import re
from itertools import islice

from gtsite.dynamodb.rows import Row, read_rows
from gtsite.dynamodb.tables import FLIGHTS
from gtsite.experiments.flights import FLIGHTS_IN_THE_DATA, flights, write_flights
from tests.support.sandbox import PROJECT

DATA = PROJECT / FLIGHTS.data
SEATS = {
    (5603280670, "Quatar"): 266,
    (26806130, "British"): 828,
    (9902917690, "Emirates"): 491,
    (1079996, "JetBlue"): 978,
    (2907581914, "Delta"): 277,
    (53600600, "UnitedAirlines"): 623,
    (282027328, "Alaska"): 677,
    (421920151, "spirit"): 304,
    (534890387, "Republic"): 944,
    (658410767, "southwest"): 580,
}


def rows() -> list[Row]:
    found = read_rows(DATA, table="flights", columns=FLIGHTS.columns, headed_by=FLIGHTS.key_names)
    return list(found)


def test_the_file_is_what_the_generator_makes() -> None:
    made = io.StringIO()
    write_flights(made, FLIGHTS_IN_THE_DATA)
    assert DATA.read_text(encoding="utf-8") == made.getvalue()


def test_asked_for_more_the_first_ones_stay_the_same() -> None:
    assert list(islice(flights(10_000), 300)) == list(flights(300))


def test_the_document_s_ten_flights_have_the_seats_it_prints() -> None:
    seats = {
        (row.item["flight_id"], row.item["airlines_name"]): row.item["available_seats"]
        for row in rows()
    }
    assert tuple(SEATS) == FLIGHTS.sample
    assert {key: seats[key] for key in FLIGHTS.sample} == SEATS


def test_every_row_can_be_read_and_has_a_key_of_its_own() -> None:
    found = rows()
    assert len(found) == 2_500
    assert [row.reason for row in found if row.reason] == []
    keys = {tuple(row.item[name] for name in FLIGHTS.key_names) for row in found}
    assert len(keys) == len({flight_id for flight_id, _ in keys}) == 2_500
    assert all(len(row.item) == len(FLIGHTS.columns) for row in found)


def test_the_rows_are_plausible_and_reach_nobody() -> None:
    found = [row.item for row in rows()]
    assert all(0 <= each["available_seats"] <= 999 for each in found)
    assert all(each["from"] != each["to"] for each in found)
    assert all(re.fullmatch(r"\w+@example\.(com|net|org)", each["support"]) for each in found)
    assert all(re.fullmatch(r"\(\d{3}\) 555-01\d\d", each["phone"]) for each in found)
    assert all(re.fullmatch(r"\d{1,2}/\d{1,2}/19", each["date"]) for each in found)
    assert all(re.fullmatch(r"\d{1,2}:\d\d", each["time"]) for each in found)
    assert len({each["airlines_name"] for each in found}) > 30
    assert len({each["from"] for each in found}) > 40
