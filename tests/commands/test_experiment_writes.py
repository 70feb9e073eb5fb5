"""`manage.py experiment stale-read`, `race` and `counters`, on tables that the AWS CLI made."""

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import pytest
from pytest_django import Settings

from gtsite.dynamodb import connection
from gtsite.dynamodb.tables import FLIGHTS, Attribute, TableDefinition
from gtsite.experiments import counters, stale_read, watching, writing
from gtsite.experiments.counters import _Counters
from gtsite.experiments.watching import Watch
from gtsite.experiments.writing import Halt
from gtsite.management.experiments.items import key_document, shown
from gtsite.management.subjects import read_key
from gtsite.wording import NOTHING
from tests.commands.conftest import IRELAND, OHIO, OREGON, SEATS, Ran, flight
from tests.support.cli import bash, commands_of
from tests.support.sandbox import RunningSandbox, text, wait_until

LAG_MS = 400
WIDEST_PIPED = 80
QUATAR = "flight_id=5603280670 airlines_name=Quatar"

FLIGHTS_AT_FIRST: Any = [
    {"PutRequest": {"Item": flight(key[0], key[1], seats) | {"date": text("2/14/19")}}}
    for key, seats in zip(FLIGHTS.sample, SEATS, strict=True)
]

Manage = Callable[..., Ran]


@pytest.fixture(scope="module")
def _joined(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningSandbox]:
    """`flights` by its document's own commands."""
    commands = commands_of("002")
    with RunningSandbox(tmp_path_factory.mktemp("joined"), lag_ms=LAG_MS) as running:
        for command in commands:
            done = bash(running, command, region=OHIO)
            assert done.returncode == 0, done.stderr
            for region in (OHIO, IRELAND):
                if "flights" in running.tables(region):
                    running.wait_active("flights", region)
        yield running
    assert "Traceback" not in running.output(), running.output()


@pytest.fixture
def flights(_joined: RunningSandbox, settings: Settings) -> Iterator[RunningSandbox]:
    """Its ten flights with the seats that the document prints, and 400 ms from region to region."""
    settings.GT_REGIONS = [OREGON, IRELAND, OHIO]
    settings.GT_LOCAL_REGION = OREGON
    own = {region: _joined.endpoint_of(region) for region in _joined.regions}
    settings.GT_ENDPOINTS = {**own, "*": _joined.endpoint}
    connection.reset()
    _joined.control.set_lag(lag_ms=0, jitter_ms=0)
    _joined.client(OHIO).batch_write_item(RequestItems={"flights": FLIGHTS_AT_FIRST})
    _joined.drain()
    _joined.control.set_lag(lag_ms=LAG_MS, jitter_ms=0)
    yield _joined
    connection.reset()
    _joined.control.reset()
    _joined.deliver()


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A region that is away is not waited for, as after ten seconds."""
    monkeypatch.setattr(watching, "AWAY_MS", 300.0)


def seats_in(sandbox: RunningSandbox, region: str) -> list[int]:
    """What the ten flights have in a region, in the document's order."""
    found = sandbox.client(region).scan(TableName="flights")["Items"]
    by_id = {int(item["flight_id"]["N"]): int(item["available_seats"]["N"]) for item in found}
    return [by_id[key[0]] for key in FLIGHTS.sample]


def is_neat(printed: str) -> bool:
    """Nothing is too wide, and no name was folded into a second line."""
    lines = printed.splitlines()
    return max(map(len, lines)) <= WIDEST_PIPED and any("UnitedAirlines" in line for line in lines)


@contextmanager
def beside(work: Callable[[], None]) -> Iterator[None]:
    """Something that goes on in another thread."""
    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield
    finally:
        thread.join()


STALE = ("experiment", "stale-read", "flights", "--set", "available_seats=222")
STALE_PAIR = ("--write", OHIO, "--read", IRELAND)
RACE = ("experiment", "race", "flights", "--set", "available_seats=111", "--in", OHIO)
THEN = ("--then", "000", "--in", IRELAND)


class TestStaleRead:
    def test_the_documents_ten_flights_are_stale_until_they_are_222(
        self, flights: RunningSandbox, manage: Manage
    ) -> None:
        ran = manage(*STALE, *STALE_PAIR, "--json")

        assert ran.code == 0, ran.err
        found = ran.json
        assert [each["before"] for each in found["items"]] == list(SEATS)
        keys = [(each["key"]["flight_id"], each["key"]["airlines_name"]) for each in found["items"]]
        assert keys == list(FLIGHTS.sample)
        for item, before in zip(found["items"], SEATS, strict=True):
            assert item["first"] in (before, 222)
            assert item["stale"] is (item["first"] == before)
            assert item["last"] == 222
            assert item["agreed_after_ms"] > (LAG_MS - found["wrote_ms"]) / 2
        assert found["written"] == 10
        assert found["stale"] == sum(each["stale"] for each in found["items"])
        assert found["longest_ms"] == max(each["agreed_after_ms"] for each in found["items"])
        assert seats_in(flights, OHIO) == seats_in(flights, IRELAND) == [222] * 10

    def test_what_is_printed_says_it_in_one_table_and_a_sentence(
        self, flights: RunningSandbox, manage: Manage, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        flights.control.pause_way(OHIO, IRELAND)
        watch: Callable[..., AbstractContextManager[Watch]] = vars(stale_read)["watching"]

        def watch_what_arrives(*arguments: Any, **more: Any) -> AbstractContextManager[Watch]:
            flights.control.resume()
            return watch(*arguments, **more)

        monkeypatch.setattr(stale_read, "watching", watch_what_arrives)
        ran = manage(*STALE, *STALE_PAIR)

        assert ran.code == 0, ran.err
        assert is_neat(ran.out)
        said = " ".join(ran.out.split())
        assert "5603280670 Quatar 266 266 stale 222" in said
        assert "found 10 of 10 stale" in said
        assert "It came to hold all of them" in said

    def test_a_text_stays_a_text_and_what_was_so_before_is_said(
        self, flights: RunningSandbox, manage: Manage
    ) -> None:
        key = ("--key", QUATAR)
        arguments = ("experiment", "stale-read", "flights", *STALE_PAIR, *key, "--set")
        manage(*arguments, "date=7")
        ran = manage(*arguments, "date=7")

        assert ran.code == 0, ran.err
        assert '1 item held "7" before' in ran.out
        found = flights.client(IRELAND).scan(TableName="flights")["Items"]
        assert sum(each["date"] == text("7") for each in found) == 1

    def test_any_items_of_a_table_may_be_taken(
        self, flights: RunningSandbox, manage: Manage
    ) -> None:
        flights.control.set_lag(lag_ms=0, jitter_ms=0)
        ran = manage(*STALE, *STALE_PAIR, "--first", 3, "--json")

        assert ran.code == 0, ran.err
        assert ran.json["written"] == 3
        assert seats_in(flights, OHIO).count(222) == 3

    @pytest.mark.usefixtures("impatient")
    def test_a_region_that_does_not_answer_reads_exits_3_with_what_was_done(
        self, flights: RunningSandbox, manage: Manage
    ) -> None:
        flights.control.outage(IRELAND)
        ran = manage(*STALE, *STALE_PAIR)

        assert ran.code == 3
        assert "eu-west-1 does not answer (refused)." in ran.err
        assert "So far 10 of 10 items written, 0 of them arrived in eu-west-1." in ran.err
        assert "What went wrong" in ran.out

    def test_what_does_not_arrive_in_time_exits_3(
        self, flights: RunningSandbox, manage: Manage
    ) -> None:
        flights.control.pause_way(OHIO, IRELAND)
        ran = manage(*STALE, *STALE_PAIR, "--patience", 1, "--key", QUATAR)

        assert ran.code == 3
        assert "did not come to hold everything within 1 s: 1 of 1 item written" in ran.err

    def test_ctrl_c_says_what_was_found_so_far(
        self, flights: RunningSandbox, manage: Manage
    ) -> None:
        flights.control.pause_way(OHIO, IRELAND)

        def interrupt() -> None:
            wait_until(lambda: seats_in(flights, OHIO) == [222] * 10)
            os.kill(os.getpid(), signal.SIGINT)

        with beside(interrupt):
            ran = manage(*STALE, *STALE_PAIR, "--json")

        assert ran.code == 130
        assert "Stopped." in ran.err
        assert (ran.json["phase"], ran.json["written"]) == ("stopped", 10)


class TestRace:
    def test_the_documents_race_is_won_by_the_last_writer(
        self, flights: RunningSandbox, manage: Manage
    ) -> None:
        before = max((each.id for each in flights.control.conflicts(limit=1)), default=0)
        ran = manage(*RACE, *THEN, "--json")

        assert ran.code == 0, ran.err
        found = ran.json
        assert found["writes"] == [{"region": OHIO, "value": 111}, {"region": IRELAND, "value": 0}]
        assert [each["winner"] for each in found["items"]] == [IRELAND] * 10
        assert [each["stands"] for each in found["items"]] == [0] * 10
        lost = {each["key"]["flight_id"] for each in found["items"] if each["lost"] == [OHIO]}
        flights.drain()
        met = [each for each in flights.control.conflicts(limit=1000) if each.id > before]
        assert lost == {int(each.key["flight_id"]["N"]) for each in met}
        assert found["lost"] == len(lost)
        assert found["agreed"] == 10
        assert found["agreed_after_ms"] == pytest.approx(
            max(each["agreed_ms"] - max(each["written_ms"].values()) for each in found["items"]),
            abs=0.2,
        )
        assert seats_in(flights, OHIO) == seats_in(flights, IRELAND) == [0] * 10

    def test_what_is_printed_says_who_won_and_what_was_lost(
        self, flights: RunningSandbox, manage: Manage
    ) -> None:
        for source, target in ((OHIO, IRELAND), (IRELAND, OHIO)):
            flights.control.pause_way(source, target)
        with beside(lambda: deliver_when_written(flights, 111, 0)):
            ran = manage(*RACE, *THEN)

        assert ran.code == 0, ran.err
        assert is_neat(ran.out)
        said = " ".join(ran.out.split())
        assert "5603280670 Quatar 266 → 111 lost 266 → 0 stands 0" in said
        assert "eu-west-1 won 10 of 10 items. 10 acknowledged writes are lost" in said

    def test_a_gap_longer_than_the_lag_loses_nothing_and_the_film_is_shown(
        self, flights: RunningSandbox, manage: Manage, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        flights.control.set_lag(lag_ms=0, jitter_ms=0)
        waited: list[float | None] = []

        def until_arrived(halt: Halt, timeout: float | None = None) -> bool:
            waited.append(timeout)
            wait_until(lambda: 111 in seats_in(flights, IRELAND))
            return halt.is_set()

        monkeypatch.setattr(writing.Halt, "wait", until_arrived)
        ran = manage(*RACE, *THEN, "--gap", 1000, "--key", QUATAR)

        assert waited == [1.0]
        assert ran.code == 0, ran.err
        said = " ".join(ran.out.split())
        assert "266 → 111 known 111 → 0 stands 0" in said
        assert "Nothing is lost: who wrote over a value had seen it." in said
        assert "What each region held of 5603280670 Quatar" in said

    def test_simultaneous_writes_are_made_item_by_item(
        self, flights: RunningSandbox, manage: Manage
    ) -> None:
        for source, target in ((OHIO, IRELAND), (IRELAND, OHIO)):
            flights.control.pause_way(source, target)
        with beside(lambda: deliver_when_written(flights, 111, 0)):
            ran = manage(*RACE, *THEN, "--simultaneous", "--json")

        assert ran.code == 0, ran.err
        ends = [max(each["written_ms"].values()) for each in ran.json["items"]]
        begins = [min(each["written_ms"].values()) for each in ran.json["items"]]
        assert all(end < begin for end, begin in zip(ends, begins[1:], strict=False))
        winners = {each["winner"] for each in ran.json["items"]}
        assert winners <= {OHIO, IRELAND}
        assert ran.json["lost"] == 10
        assert seats_in(flights, OHIO) == [each["stands"] for each in ran.json["items"]]

    @pytest.mark.usefixtures("impatient")
    def test_a_region_that_is_away_exits_3_with_what_was_done(
        self, flights: RunningSandbox, manage: Manage
    ) -> None:
        flights.control.outage(OHIO)
        ran = manage(*RACE, *THEN)

        assert ran.code == 3
        assert ran.err.count("us-east-2 does not answer (refused).") == 1
        assert "So far 10 of 20 writes acknowledged" in ran.err
        assert "not written" in ran.out
        assert seats_in(flights, IRELAND) == [0] * 10

    @pytest.mark.usefixtures("impatient")
    def test_a_write_without_an_answer_is_said_to_be_uncertain(
        self, flights: RunningSandbox, manage: Manage
    ) -> None:
        flights.hold()
        flights.control.fail(IRELAND, rate=1, executed_rate=1)
        ran = manage(*RACE, *THEN, "--patience", 20)

        assert ran.code == 3
        assert ran.err.count("eu-west-1 does not answer (error).") == 1
        assert "It may have written 5603280670, Quatar all the same." in ran.err
        assert "266 → 111 open no answer" in " ".join(ran.out.split())
        assert "The regions do not agree yet." in ran.out

    def test_ctrl_c_between_two_regions_says_what_was_done(
        self, flights: RunningSandbox, manage: Manage
    ) -> None:
        def interrupt() -> None:
            wait_until(lambda: seats_in(flights, OHIO) == [111] * 10)
            os.kill(os.getpid(), signal.SIGINT)

        with beside(interrupt):
            ran = manage(*RACE, *THEN, "--gap", 60_000)

        assert ran.code == 130
        assert "Stopped." in ran.err
        assert "266 → 111 open" in " ".join(ran.out.split())


class TestCounters:
    @pytest.fixture(autouse=True)
    def _soon_quiet(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(counters, "LEAST_QUIET_MS", 100.0)

    def test_a_shared_counter_loses_and_a_split_one_does_not(
        self, flights: RunningSandbox, manage: Manage, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        flights.hold()
        follow = _Counters._follow_until_settled

        def follow_what_arrives(run: _Counters, watch: Watch) -> None:
            flights.deliver()
            follow(run, watch)

        monkeypatch.setattr(_Counters, "_follow_until_settled", follow_what_arrives)
        ran = manage("experiment", "counters", "flights", "-n", 5, "--json")

        assert ran.code == 0, ran.err
        shared, split, absolute = ran.json["counted"]
        assert (shared["counting"], shared["expected"]) == ("shared", 10)
        assert shared["lost"] == 5
        assert shared["held"] == dict.fromkeys((OHIO, IRELAND), 5)
        assert (split["expected"], split["lost"]) == (10, 0)
        assert absolute["held"] == dict.fromkeys((OHIO, IRELAND), 10 - absolute["behind"])
        assert (absolute["lost"], shared["behind"]) == (None, None)
        flights.drain()
        for region in (OHIO, IRELAND):
            assert flights.client(region).scan(TableName="flights")["Count"] == 10

    def test_what_is_printed_compares_the_three_ways(
        self, flights: RunningSandbox, manage: Manage
    ) -> None:
        flights.control.set_lag(lag_ms=20, jitter_ms=0)
        ran = manage("experiment", "counters", "flights", "-n", 3, "--regions", f"{OHIO},{IRELAND}")

        assert ran.code == 0, ran.err
        assert max(map(len, ran.out.splitlines())) <= WIDEST_PIPED
        for heading in ("one item for all", "one item per region", "absolute positions", "lost"):
            assert heading in ran.out
        assert NOTHING not in ran.out

    def test_what_does_not_settle_exits_3(self, flights: RunningSandbox, manage: Manage) -> None:
        flights.control.pause_way(OHIO, IRELAND)
        ran = manage("experiment", "counters", "flights", "-n", 2, "--patience", 1)

        assert ran.code == 3
        assert "did not settle within 1 s" in ran.err
        assert "The regions have not settled." in ran.out


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("stale-read", "nowhere", "--set", "a=1", *STALE_PAIR), "Table nowhere is not in"),
        (
            ("stale-read", "flights", "--set", "a=1", "--write", OHIO, "--read", OREGON),
            "Table flights is not in us-west-2: it is in",
        ),
        (
            ("stale-read", "flights", "--set", "a=1", "--write", OHIO, "--read", OHIO),
            "us-east-2 has its own writes at once",
        ),
        (
            ("stale-read", "flights", "--set", "flight_id=1", *STALE_PAIR),
            "flight_id is part of the key",
        ),
        (("stale-read", "flights", "--set", "seats", *STALE_PAIR), "is not NAME=VALUE"),
        ((*STALE[1:4], "available_seats=many", *STALE_PAIR), "'many' is none"),
        ((*STALE[1:], *STALE_PAIR, "--key", "flight_id=1"), "airlines_name is missing"),
        (
            (*STALE[1:], *STALE_PAIR, "--key", "flight_id=1 airlines_name=Delta"),
            "has no item flight_id=1 and airlines_name=Delta",
        ),
        ((*STALE[1:], *STALE_PAIR, "--key", "flight_id='1"), "ends within quotation marks"),
        ((*STALE[1:], *STALE_PAIR, "--first", "0"), "--first is 0: write 1 to 100."),
        ((*STALE[1:], *STALE_PAIR, "--patience", "0"), "--patience is 0"),
        (RACE[1:], "--then"),
        ((*RACE[1:], "--then", "1"), "2 values for 1 region"),
        ((*RACE[1:], "--then", "1", "--in", OHIO), "A region writes once"),
        ((*RACE[1:], *THEN, "--gap", "-1"), "--gap is -1: write 0 to 60,000."),
        ((*RACE[1:], "--then", "x", "--in", IRELAND), "'x' is none"),
        (("counters", "flights", "--regions", OHIO), "Counting in one region loses nothing"),
        (("counters", "flights", "-n", "0"), "-n is 0: write 1 to 1,000."),
        (("counters", "flights", "--at-once", "99"), "--at-once is 99: write 1 to 16."),
        (("counters", "flights", "--regions", OREGON), "Table flights is not in us-west-2"),
    ],
)
def test_what_makes_no_sense_is_refused_and_changes_nothing(
    exercises: RunningSandbox, manage: Manage, arguments: tuple[str, ...], sentence: str
) -> None:
    ran = manage("experiment", *arguments)

    assert ran.code == 2, (ran.out, ran.err)
    assert sentence in ran.err
    assert ran.out == ""
    assert seats_in(exercises, OHIO) == list(SEATS)


def test_keys_and_values_are_shown_as_they_are_typed() -> None:
    """What is printed of a key of bytes can be given to `--key`."""
    table = TableDefinition(name="only", partition_key=Attribute(name="id", type="B"))
    assert read_key(table, [f"id={shown(b'ab')}"]) == (b"ab",)
    assert key_document(table, (b"ab",)) == {"id": "YWI="}
    assert (shown("222"), shown(222), shown(None)) == ('"222"', "222", NOTHING)


def deliver_when_written(sandbox: RunningSandbox, first: int, then: int) -> None:
    """Lets everything go on once all is written."""
    wait_until(lambda: seats_in(sandbox, OHIO) == [first] * 10)
    wait_until(lambda: seats_in(sandbox, IRELAND) == [then] * 10)
    sandbox.control.resume()
