"""`manage.py load` and files, and regions, as they should not be: real command, real engine."""

import gzip
import json
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pytest_django import Settings

from gtsite.dynamodb import connection
from gtsite.dynamodb.rows import read_rows
from gtsite.dynamodb.tables import FLIGHTS
from gtsite.experiments.flights import write_flights
from tests.commands.conftest import Ran
from tests.commands.valve import Valve, loading_from
from tests.support.engines import ThreeRegions, create_table
from tests.support.faults import error, faulty_server, never_answer
from tests.support.sandbox import BOUND_SECONDS

PROJECT = Path(__file__).resolve().parent.parent.parent
OHIO = "us-east-2"
NINES = "9" * 20
REST = "Economy,help@example.com,(201) 555-0100,Peru,Chile,1/2/19,3:04"
MARK = "\ufeff"

Manage = Callable[..., Ran]


@pytest.fixture
def ohio(site_regions: ThreeRegions) -> ThreeRegions:
    """The regions, with an empty `flights` in Ohio."""
    create_table(site_regions.client(OHIO), FLIGHTS)
    return site_regions


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "flights.csv"


def flight(flight_id: object, airline: str = "Delta", seats: object = 5, rest: str = REST) -> str:
    return f"{flight_id},{airline},{seats},{rest}\n"


def stored(regions: ThreeRegions) -> dict[int, Any]:
    """Every flight by its id."""
    pages = regions.client(OHIO).get_paginator("scan").paginate(TableName="flights")
    items = [item for page in pages for item in page["Items"]]
    return {int(item["flight_id"]["N"]): item for item in items}


GOOD = flight(1) + flight(2)
ROWS: dict[str, tuple[str, list[int], list[tuple[int, str]]]] = {
    "missing columns": (
        GOOD + "3,Delta\n" + flight(4),
        [1, 2, 4],
        [(3, "it has 2 cells where 10 are named")],
    ),
    "wrong types": (
        GOOD + flight("three") + flight(4, seats="many") + flight(5),
        [1, 2, 5],
        [
            (3, "flight_id is 'three', which is not N"),
            (4, "available_seats is 'many', which is not N"),
        ],
    ),
    "no key": (
        GOOD + flight("") + flight(4, airline=""),
        [1, 2],
        [
            (3, "it has no flight_id, which is part of the key"),
            (4, "it has no airlines_name, which is part of the key"),
        ],
    ),
    "an oversized item": (
        GOOD + flight(3, rest="x" * 410_000 + ",,,,,,") + flight(4),
        [1, 2, 4],
        [(3, "it has 410055 bytes, and an item at most 409600")],
    ),
    "a byte-order mark where another file was appended": (
        MARK + GOOD + MARK + flight(3) + flight(4),
        [1, 2, 4],
        [(3, "it begins with a byte-order mark, as if another file began here")],
    ),
    "a heading, a byte-order mark and a bad row": (
        MARK + "flight_id,airlines_name,available_seats\n1,Delta,5\n2,Delta,x\n",
        [1],
        [(3, "available_seats is 'x', which is not N")],
    ),
    "a number that DynamoDB cannot hold": (
        GOOD + "".join(flight(3, seats=seats) for seats in ("1" * 39, "1e999999999", "1e" + NINES)),
        [1, 2],
        [(line, "available_seats is not a number DynamoDB can hold") for line in (3, 4, 5)],
    ),
    "quotation marks that are never closed": (
        GOOD + flight(3, airline='"Delta') + flight(4, airline='"Air\nCanada"') + flight("six"),
        [1, 2, 4],
        [(3, "its quotation marks do not pair up"), (6, "flight_id is 'six', which is not N")],
    ),
}


@pytest.mark.parametrize("case", ROWS)
def test_good_rows_are_in_and_bad_ones_reported(
    manage: Manage, ohio: ThreeRegions, file: Path, tmp_path: Path, case: str
) -> None:
    content, good, bad = ROWS[case]
    file.write_text(content)
    rejects = tmp_path / "rejects.jsonl"
    ran = manage("load", "flights", file, "--rejects", rejects)
    assert ran.code == 3
    assert sorted(stored(ohio)) == good
    kept = [json.loads(line) for line in rejects.read_text().splitlines()]
    assert [each["row"] for each in kept] == [row for row, _ in bad]
    for each, (row, reason) in zip(kept, bad, strict=True):
        assert each["reason"].startswith(reason)
        assert f"row {row}: {reason}" in ran.err
        assert each["data"]


def test_text_that_is_not_utf_8_is_one_bad_row(
    manage: Manage, ohio: ThreeRegions, file: Path
) -> None:
    file.write_bytes(GOOD.encode() + flight(3, airline="Ibéria").encode("latin-1"))
    ran = manage("load", "flights", file)
    assert ran.code == 3
    assert "row 3: it has text that is not UTF-8" in ran.err
    assert sorted(stored(ohio)) == [1, 2]


@pytest.mark.parametrize("begins", ["", MARK])
def test_windows_line_ends_and_a_mark_at_the_beginning_do_no_harm(
    manage: Manage, ohio: ThreeRegions, file: Path, begins: str
) -> None:
    file.write_bytes((begins + GOOD).replace("\n", "\r\n").encode())
    ran = manage("load", "flights", file)
    assert (ran.code, ran.err) == (0, "")
    assert stored(ohio)[1]["time"] == {"S": "3:04"}
    assert sorted(stored(ohio)) == [1, 2]


def test_of_duplicate_keys_the_later_row_wins_however_far_apart(
    manage: Manage, ohio: ThreeRegions, file: Path
) -> None:
    many = "".join(flight(number) for number in range(2, 1_000))
    file.write_text(flight(1, seats=1) + flight("1.0", seats=2) + many + flight(1, seats=3))
    ran = manage("load", "flights", file)
    assert ran.code == 0
    assert ran.out.startswith(f"999 items written to flights in {OHIO} in ")
    assert ran.out.endswith("2 rows replaced by a later one with the same key\n")
    assert ran.err == (
        "row 1: row 2 has the same key and replaces it\n"
        "row 2: row 1001 has the same key and replaces it\n"
    )
    assert stored(ohio)[1]["available_seats"] == {"N": "3"}
    assert len(stored(ohio)) == 999


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "is empty."),
        (b"\xef\xbb\xbf\r\n\r\n", "is empty."),
        (gzip.compress(GOOD.encode(), mtime=0), "is compressed with gzip: unpack it with gunzip"),
        (GOOD.encode("utf-16"), "is in UTF-16: save it as UTF-8."),
        (b"Flight_ID,airlines_name,to,from\n1,Delta,Chile,Peru\n", "has a heading that writes"),
    ],
    ids=("empty", "blank", "gzip", "utf-16", "heading"),
)
def test_what_is_no_table_of_text_is_said_in_one_sentence(
    manage: Manage, ohio: ThreeRegions, file: Path, content: bytes, said: str
) -> None:
    file.write_bytes(content)
    ran = manage("load", "flights", file)
    assert (ran.code, ran.out) == (1, "")
    assert ran.err.startswith(f"load: {file} {said}")
    assert ran.err.count("\n") == 1
    assert stored(ohio) == {}


def test_rejects_that_find_a_full_disk_are_one_sentence(
    manage: Manage, ohio: ThreeRegions, file: Path
) -> None:
    full = Path("/dev/full")
    if not full.exists():
        pytest.skip("this machine has no disk that is always full")
    file.write_text(GOOD + "3,Delta\n")
    ran = manage("load", "flights", file, "--rejects", full)
    assert ran.code == 3
    assert ran.err.endswith(
        "load: /dev/full is not whole: No space left on device. "
        "2 items are known to be written: load again to finish.\n"
    )
    assert sorted(stored(ohio)) == [1, 2]


@pytest.mark.usefixtures("ohio")
def test_the_rejects_never_overwrite_the_table_s_own_data(manage: Manage) -> None:
    own = PROJECT / FLIGHTS.data
    before = own.read_bytes()
    ran = manage("load", "flights", "--rejects", own)
    after = own.read_bytes()
    own.write_bytes(before)
    assert ran.code == 2
    assert ran.err == f"load: {own} is the file to load: name another one for the rejects.\n"
    assert after == before


@pytest.mark.usefixtures("ohio")
def test_a_directory_is_no_file(manage: Manage, tmp_path: Path) -> None:
    ran = manage("load", "flights", tmp_path)
    assert (ran.code, ran.out) == (2, "")
    assert ran.err == f"load: {tmp_path} is a directory: name the file to load.\n"


@pytest.mark.usefixtures("ohio")
def test_a_file_that_vanishes_before_it_is_read(
    manage: Manage, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file.write_text(GOOD)
    found = connection.is_reachable

    def vanish_meanwhile(region: str) -> bool:
        file.unlink(missing_ok=True)
        return found(region)

    monkeypatch.setattr(connection, "is_reachable", vanish_meanwhile)
    ran = manage("load", "flights", file)
    assert (ran.code, ran.out) == (1, "")
    assert ran.err == f"load: {file} cannot be read: No such file or directory.\n"


def test_a_table_without_capacity_left_says_how_much_is_written(
    manage: Manage, ohio: ThreeRegions, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "PATIENT_DEADLINE_SECONDS", 0.3)
    throttle = error(400, "ProvisionedThroughputExceededException")
    port = int(ohio.endpoints[OHIO].rpartition(":")[2])
    with faulty_server(Valve(port, lets=8, then=throttle)) as server:
        settings.GT_ENDPOINTS = {OHIO: server.url}
        ran = manage("load", "flights", "--workers", "2")
    assert ran.code == 3
    assert "Traceback" not in ran.err
    written = len(stored(ohio))
    assert 0 < written <= 200
    assert ran.out.startswith(f"{written} items written to flights")
    assert ran.err == (
        f"load: Not all of {FLIGHTS.data} is loaded: {OHIO} has no capacity left for this table: "
        f"try again in a moment. {written} items are known to be written: load again to finish.\n"
    )


def test_a_region_that_goes_away_in_the_middle_and_comes_back(
    manage: Manage, ohio: ThreeRegions, settings: Settings
) -> None:
    def go_away(_: socket.socket) -> None:
        ohio.refuse(OHIO)

    endpoints = dict(settings.GT_ENDPOINTS)
    port = int(ohio.endpoints[OHIO].rpartition(":")[2])
    with faulty_server(Valve(port, lets=12, then=go_away)) as server:
        settings.GT_ENDPOINTS = endpoints | {OHIO: server.url}
        ran = manage("load", "flights")
    settings.GT_ENDPOINTS = endpoints
    assert ran.code == 3
    assert f"{OHIO} does not answer" in ran.err
    assert "items are known to be written: load again to finish.\n" in ran.err
    said = int(ran.out.split()[0].replace(",", ""))
    ohio.heal(OHIO)
    assert 50 <= said <= len(stored(ohio)) < 2_500
    assert manage("load", "flights").code == 0
    assert len(stored(ohio)) == 2_500


def test_killed_half_way_and_run_again_it_ends_with_exactly_the_rows_of_the_file(
    ohio: ThreeRegions, file: Path, tmp_path: Path
) -> None:
    """SIGKILL: nothing is put in order. A real process, a real engine."""
    with file.open("w") as text:
        write_flights(text, 5_000)
        text.write(flight(5603280670, airline="Quatar", seats=1))
    command = [sys.executable, "manage.py", "load", "flights", str(file)]
    half_way = threading.Event()

    def wait_to_be_killed(caller: socket.socket) -> None:
        half_way.set()
        never_answer(caller)

    port = int(ohio.endpoints[OHIO].rpartition(":")[2])
    with faulty_server(Valve(port, lets=30, then=wait_to_be_killed)) as server:
        through = loading_from({**ohio.endpoints, OHIO: server.url}, tmp_path)
        with subprocess.Popen(command, cwd=PROJECT, env=through) as process:
            assert half_way.wait(BOUND_SECONDS)
            process.send_signal(signal.SIGKILL)
    assert process.returncode == -signal.SIGKILL
    assert 500 <= len(stored(ohio)) < 5_000
    straight = loading_from(ohio.endpoints, tmp_path)
    done = subprocess.run(command, cwd=PROJECT, env=straight, check=False, capture_output=True)
    assert done.returncode == 0, done.stderr
    rows = read_rows(file, table="flights", columns=FLIGHTS.columns, headed_by=FLIGHTS.key_names)
    expected = {row.item["flight_id"]: row.item["available_seats"] for row in rows}
    assert len(expected) == 5_000
    assert expected[5603280670] == 1
    found = {key: int(item["available_seats"]["N"]) for key, item in stored(ohio).items()}
    assert found == expected
