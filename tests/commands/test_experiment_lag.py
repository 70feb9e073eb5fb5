"""`manage.py experiment lag`, on tables that the AWS CLI and boto3 made."""

import os
import signal
import threading
from collections.abc import Callable
from contextlib import contextmanager
from typing import Any

import pytest

from gtsite.dynamodb.tables import FLIGHTS
from gtsite.management.experiments.bars import WIDTH, bar
from gtsite.management.experiments.lag import expiring
from tests.commands.conftest import IRELAND, OHIO, Ran
from tests.support.cli import bash, commands_of
from tests.support.sandbox import RunningSandbox, wait_until

SINGAPORE, VIRGINIA = "ap-southeast-1", "us-east-1"
MUSIC = (SINGAPORE, VIRGINIA, IRELAND)
LAG_MS = 150
WIDEST_PIPED = 80

Manage = Callable[..., Ran]


@pytest.fixture
def music(exercises: RunningSandbox) -> RunningSandbox:
    """`Music` as its document's own commands make it, and what replicates takes 150 ms."""
    if "Music" not in exercises.tables(SINGAPORE):
        singapore, virginia, join, ireland, widen, *_ = commands_of("003")
        for command in (singapore, virginia, join, ireland, widen):
            done = bash(exercises, command, region=SINGAPORE)
            assert done.returncode == 0, done.stderr
            for region in MUSIC:
                if "Music" in exercises.tables(region):
                    exercises.wait_active("Music", region)
    exercises.control.set_lag(lag_ms=LAG_MS, jitter_ms=0)
    return exercises


def count(sandbox: RunningSandbox, table: str, region: str) -> int:
    return sandbox.client(region).scan(TableName=table, Select="COUNT")["Count"]


def test_the_documents_loop_is_one_command(music: RunningSandbox, manage: Manage) -> None:
    ran = manage(
        *("experiment", "lag", "Music", "--from", SINGAPORE, "--to", IRELAND),
        *("-n", 10, "--every", 20, "--json"),
    )
    assert ran.code == 0, ran.err
    (way,) = ran.json["ways"]
    assert (way["from"], way["to"]) == (SINGAPORE, IRELAND)
    assert (way["written"], way["arrived"], way["missing"]) == (10, 10, 0)
    assert all(each["lag_ms"] + each["give_or_take_ms"] > 0.9 * LAG_MS for each in way["probes"])
    assert 0 < way["p50_ms"] <= way["p90_ms"] <= way["p99_ms"] <= way["max_ms"]
    assert [each["number"] for each in way["probes"]] == list(range(1, 11))
    assert (way["distance_km"], way["light_ms"]) == (11_199, 37.4)
    assert way["cloudwatch"]["average_ms"] > 0
    assert ran.json["table"] == "Music"
    assert ran.json["troubles"] == []
    music.drain()
    assert [count(music, "Music", region) for region in MUSIC] == [0, 0, 0]


@pytest.mark.usefixtures("music")
def test_without_regions_every_way_is_measured(manage: Manage) -> None:
    ran = manage("experiment", "lag", "Music", "-n", 3, "--every", 10)
    assert ran.code == 0, ran.err
    assert ran.out.startswith("Music: 3 probes on each of 6 ways, one every 10 ms\n")
    for heading in ("Median lag in ms", "p50  p90  p99  max", "light ms", "How they are spread"):
        assert heading in ran.out
    assert ran.out.count("15,532") == 2, "kilometres between Singapore and Virginia"
    assert max(map(len, ran.out.splitlines())) <= WIDEST_PIPED
    assert not any(line.startswith("1") for line in ran.out.splitlines()), "a name was folded"


def test_what_does_not_arrive_is_said_and_exits_3(music: RunningSandbox, manage: Manage) -> None:
    music.control.pause_way(OHIO, IRELAND)
    ran = manage("experiment", "lag", "flights", "--from", OHIO, "-n", 2, "--patience", 1)
    assert ran.code == 3
    assert "2 of 2 probes did not arrive: see" in ran.err
    music.control.resume()
    music.drain()
    assert count(music, "flights", IRELAND) == len(FLIGHTS.sample)


def test_a_source_that_is_away_is_one_sentence(exercises: RunningSandbox, manage: Manage) -> None:
    exercises.control.outage(OHIO, "refuse")
    ran = manage("experiment", "lag", "flights", "--from", OHIO, "--to", IRELAND, "-n", 5)
    assert ran.code == 1
    assert ran.err.count("\n") == 1
    assert "No probe could be written. us-east-2 does not answer (refused)." in ran.err
    assert ran.out == ""


def test_ctrl_c_prints_what_there_is_and_leaves_no_probe(
    exercises: RunningSandbox, manage: Manage
) -> None:
    def interrupt() -> None:
        wait_until(lambda: count(exercises, "flights", IRELAND) >= len(FLIGHTS.sample) + 10)
        os.kill(os.getpid(), signal.SIGINT)

    with beside(interrupt):
        ran = manage("experiment", "lag", "flights", "--from", OHIO, "-n", 1000, "--every", 50)
    assert ran.code == 130
    assert "Stopped." in ran.err
    assert "Stopped early" in ran.out
    assert "How they are spread" in ran.out
    exercises.drain()
    for region in (OHIO, IRELAND):
        assert count(exercises, "flights", region) == len(FLIGHTS.sample)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("nowhere",), "Table nowhere is not in"),
        (("flights", "--from", "us-west-2"), "Table flights is not in us-west-2: it is in"),
        (("flights", "--from", "us-wset-2"), "'us-wset-2' is not an AWS region"),
        (("flights", "--from", OHIO, "--to", OHIO), "name two of its regions"),
        (("only",), "only has nowhere else to replicate to"),
        (("flights", "-n", "0"), "-n is 0: write 1 to 1,000."),
        (("flights", "--every", "60001"), "--every is 60001: write 1 to 60,000."),
        (("flights", "--poll", "0"), "--poll is 0: write 1 to 60,000."),
        (("flights", "--patience", "0"), "--patience is 0: write 1 to 3,600."),
    ],
)
@pytest.mark.usefixtures("exercises")
def test_what_makes_no_sense_is_refused(
    manage: Manage, arguments: tuple[str, ...], sentence: str
) -> None:
    ran = manage("experiment", "lag", *arguments)
    assert ran.code == 2
    assert sentence in ran.err
    assert ran.out == ""


def test_probes_expire_where_the_table_has_an_expiry(exercises: RunningSandbox) -> None:
    client = exercises.client(OHIO)
    assert expiring(FLIGHTS, OHIO).ttl_attribute == ""
    exercises.create_table("expiring", OHIO)
    specification: Any = {"Enabled": True, "AttributeName": "gone_at"}
    client.update_time_to_live(TableName="expiring", TimeToLiveSpecification=specification)
    assert expiring(FLIGHTS.named("expiring"), OHIO).ttl_attribute == "gone_at"


def test_a_bar_is_as_long_as_its_share() -> None:
    assert len(bar(10, 10)) == WIDTH
    assert bar(5, 10) == "█" * (WIDTH // 2)
    assert bar(1, 100_000) == "▏", "something is not nothing"
    assert bar(0, 10) == bar(0, 0) == ""


@contextmanager
def beside(work: Callable[[], None]) -> Any:
    """Something that goes on in another thread."""
    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield
    finally:
        thread.join()
