"""`manage.py load` as a shell sees it."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gtsite.dynamodb.loader import Loaded
from gtsite.dynamodb.tables import FLIGHTS
from gtsite.management.loading import LoadReport
from gtsite.management.progress import ProgressLine
from tests.commands.conftest import Ran
from tests.commands.valve import Valve, loading_from
from tests.support.engines import ThreeRegions, create_table
from tests.support.faults import faulty_server
from tests.support.faults import request as read_request
from tests.support.sandbox import BOUND_SECONDS

PROJECT = Path(__file__).resolve().parent.parent.parent
WORKSHOP = PROJECT.parent / "shared" / "data" / "workshop-sample-data.json"
OREGON, IRELAND, OHIO = "us-west-2", "eu-west-1", "us-east-2"

Manage = Callable[..., Ran]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "data"


def stored(regions: ThreeRegions, region: str, name: str = "global-serverless") -> list[Any]:
    return regions.client(region).scan(TableName=name)["Items"]


def lines(count: int) -> str:
    items = ({"PK": "library", "SK": f"{n:05}", "n": n} for n in range(count))
    return "".join(json.dumps(item) + "\n" for item in items)


class TestLoading:
    def test_the_items_are_in_the_home_region(
        self, manage: Manage, site_regions: ThreeRegions, file: Path
    ) -> None:
        file.write_text(lines(60))
        ran = manage("load", "global-serverless", file)
        assert (ran.code, ran.err) == (0, "")
        assert re.fullmatch(
            r"60 items written to global-serverless in us-west-2 in \d+\.\d\d s, [\d,]+ a second\n",
            ran.out,
        )
        assert len(stored(site_regions, OREGON)) == 60
        assert stored(site_regions, OHIO) == []

    def test_or_in_the_region_named(
        self, manage: Manage, site_regions: ThreeRegions, file: Path
    ) -> None:
        file.write_text(lines(3))
        assert manage("load", "global-serverless", file, "--region", IRELAND).code == 0
        assert len(stored(site_regions, IRELAND)) == 3
        assert stored(site_regions, OREGON) == []

    @pytest.mark.usefixtures("site_regions")
    def test_json_says_all_there_is_to_say(self, manage: Manage, file: Path) -> None:
        file.write_text(lines(3) + lines(1))
        result = manage("load", "global-serverless", file, "--json").json
        seconds, pace = result.pop("seconds"), result.pop("items_per_second")
        assert pace * seconds == pytest.approx(3, rel=0.1)
        assert result == {
            "table": "global-serverless",
            "region": OREGON,
            "file": str(file),
            "dry_run": False,
            "read": 4,
            "written": 3,
            "replaced": 1,
            "rejected": 0,
            "failure": None,
        }

    def test_flights_from_csv_without_a_heading(
        self, manage: Manage, site_regions: ThreeRegions, file: Path
    ) -> None:
        create_table(site_regions.client(OHIO), FLIGHTS)
        file.write_text(
            "2452052965,American,502,FirstClass,(943) 8641482,2/14/19\n26806130,British,+828,,,\n"
        )
        columns = "flight_id:N,airlines_name,available_seats:N,seat_type,phone,date"
        ran = manage("load", "flights", file, "--map", columns)
        assert (ran.code, ran.err) == (0, "")
        by_id = {item["flight_id"]["N"]: item for item in stored(site_regions, OHIO, "flights")}
        assert by_id["2452052965"]["available_seats"] == {"N": "502"}
        assert by_id["2452052965"]["phone"] == {"S": "(943) 8641482"}
        assert set(by_id["26806130"]) == {"flight_id", "airlines_name", "available_seats"}

    def test_flights_from_csv_with_a_heading_go_by_its_names(
        self, manage: Manage, site_regions: ThreeRegions, file: Path
    ) -> None:
        create_table(site_regions.client(OHIO), FLIGHTS)
        file.write_text("airlines_name,gate,available_seats,flight_id\nDelta,7,12,34\n")
        assert manage("load", "flights", file).code == 0
        assert stored(site_regions, OHIO, "flights") == [
            {
                "flight_id": {"N": "34"},
                "airlines_name": {"S": "Delta"},
                "available_seats": {"N": "12"},
                "gate": {"S": "7"},
            }
        ]

    def test_a_region_named_comes_before_the_table_s_own(
        self, manage: Manage, site_regions: ThreeRegions
    ) -> None:
        create_table(site_regions.client(IRELAND), FLIGHTS)
        ran = manage("load", "flights", "--region", IRELAND, "--json")
        assert (ran.json["written"], ran.json["file"]) == (2_500, FLIGHTS.data)
        assert site_regions.client(IRELAND).scan(TableName="flights", Select="COUNT")["Count"] > 0

    def test_a_table_that_is_not_the_project_s(
        self, manage: Manage, site_regions: ThreeRegions, file: Path
    ) -> None:
        create_table(site_regions.client(OREGON), FLIGHTS.named("mine"))
        file.write_text("flight_id,airlines_name\n7,Delta\n")
        assert manage("load", "mine", file).code == 0
        assert stored(site_regions, OREGON, "mine") == [
            {"flight_id": {"N": "7"}, "airlines_name": {"S": "Delta"}}
        ]

    def test_the_workshop_s_own_data(self, manage: Manage, site_regions: ThreeRegions) -> None:
        if not WORKSHOP.is_file():
            assert os.environ.get("CI") != "true" or not WORKSHOP.parent.parent.is_dir()
            pytest.skip("the workshop's sample data is not on this machine")
        ran = manage("load", "global-serverless", WORKSHOP)
        assert (ran.code, ran.err) == (0, "")
        requests = json.loads(WORKSHOP.read_text())["global-serverless"]
        written = [request["PutRequest"]["Item"] for request in requests]
        found = stored(site_regions, OREGON)
        assert sorted(found, key=_key) == sorted(written, key=_key)


def test_progress_is_how_many_items_in_what_time() -> None:
    shown: list[str] = []
    report = LoadReport(ProgressLine(show=shown.append, say=shown.append, every_seconds=0))
    report.progressed(Loaded(read=1_300, written=1_200, kept=50, rejected=50))
    (line,) = shown
    paced = r"Processed 1,250 items in \d+\.\d\d s, [\d,]+ a second, 50 rejected"
    assert re.fullmatch(paced, line)


def _key(item: dict[str, Any]) -> tuple[str, str]:
    return item["PK"]["S"], item["SK"]["S"]


class TestBadRows:
    BAD = lines(30) + '{"PK": "library"}\nnonsense\n' + lines(1)

    def test_they_are_listed_and_the_good_ones_written(
        self, manage: Manage, site_regions: ThreeRegions, file: Path
    ) -> None:
        file.write_text(self.BAD)
        ran = manage("load", "global-serverless", file)
        assert ran.code == 3
        assert ran.out.startswith("30 items written to global-serverless in us-west-2 in ")
        assert ran.out.splitlines()[1:] == [
            "1 row replaced by a later one with the same key",
            "2 rows rejected",
        ]
        assert ran.err == (
            "row 31: it has no SK, which is part of the key\n"
            "row 32: it is not JSON\n"
            "row 1: row 33 has the same key and replaces it\n"
            f"load: 2 rows of {file} rejected: mend and load again.\n"
        )
        assert len(stored(site_regions, OREGON)) == 30

    @pytest.mark.usefixtures("site_regions")
    def test_all_of_them_are_in_the_file_of_rejects(
        self, manage: Manage, file: Path, tmp_path: Path
    ) -> None:
        rejects = tmp_path / "rejects.jsonl"
        rejects.write_text("from an earlier run\n")
        file.write_text(self.BAD)
        manage("load", "global-serverless", file, "--rejects", rejects)
        assert [json.loads(line) for line in rejects.read_text().splitlines()] == [
            {
                "row": 31,
                "reason": "it has no SK, which is part of the key",
                "data": {"PK": "library"},
            },
            {"row": 32, "reason": "it is not JSON", "data": "nonsense"},
        ]

    @pytest.mark.usefixtures("site_regions")
    def test_only_the_first_twenty_are_shown(self, manage: Manage, file: Path) -> None:
        file.write_text(lines(1) + "nonsense\n" * 100)
        err = manage("load", "global-serverless", file).err.splitlines()
        assert err[19] == "row 21: it is not JSON"
        assert err[20] == "… and 80 more rows rejected"
        assert len(err) == 22

    @pytest.mark.usefixtures("site_regions")
    def test_nothing_but_bad_rows_is_a_failure(self, manage: Manage, file: Path) -> None:
        file.write_text("PK,title\na,b\n")
        assert manage("load", "global-serverless", file).code == 1


class TestDryRun:
    def test_nothing_is_written(
        self, manage: Manage, site_regions: ThreeRegions, file: Path
    ) -> None:
        file.write_text(lines(3))
        ran = manage("load", "global-serverless", file, "--dry-run")
        assert (ran.code, ran.err) == (0, "")
        assert ran.out == "3 items would be written to global-serverless in us-west-2\n"
        assert stored(site_regions, OREGON) == []

    def test_a_known_table_need_not_be_reachable(self, manage: Manage, file: Path) -> None:
        file.write_text(lines(3) + "nonsense\n")
        ran = manage("load", "global-serverless", file, "--dry-run")
        assert ran.code == 3
        assert "row 4: it is not JSON" in ran.err


class TestUsage:
    @pytest.mark.parametrize(
        ("options", "sentence"),
        [
            (["--workers", "0"], "--workers is 0: write 1 to 32."),
            (["--workers", "33"], "--workers is 33: write 1 to 32."),
            (["--region", "us-west-9"], "'us-west-9' is not an AWS region"),
            (["--region", "sa-east-1"], "No endpoint is known for sa-east-1: add it to GT_END"),
            (["--map", "a:X"], "--map: 'a:X' is no column: write NAME or NAME:TYPE"),
            (["--format", "xml"], "invalid choice"),
            (["--workers", "many"], "invalid int value"),
        ],
    )
    def test_options_that_make_no_sense(
        self, manage: Manage, file: Path, options: list[str], sentence: str
    ) -> None:
        file.write_text(lines(1))
        ran = manage("load", "global-serverless", file, *options)
        assert (ran.code, ran.out) == (2, "")
        assert sentence in ran.err
        assert "Traceback" not in ran.err

    def test_a_file_that_is_not_there(self, manage: Manage, tmp_path: Path) -> None:
        ran = manage("load", "global-serverless", tmp_path / "nosuch")
        assert ran.code == 2
        assert ran.err.endswith("nosuch is no file: name the file to load.\n")

    def test_the_rejects_must_not_overwrite_the_data(self, manage: Manage, file: Path) -> None:
        file.write_text(lines(1))
        ran = manage("load", "global-serverless", file, "--rejects", file)
        assert ran.code == 2
        assert file.read_text() == lines(1)

    def test_rejects_that_cannot_be_written(self, manage: Manage, file: Path) -> None:
        file.write_text(lines(1))
        ran = manage("load", "global-serverless", file, "--rejects", file / "below")
        assert ran.code == 2
        assert "cannot be written" in ran.err

    @pytest.mark.parametrize("content", ["", "[1,", '{\n"a":\n1}'])
    def test_a_file_that_cannot_be_read(self, manage: Manage, file: Path, content: str) -> None:
        file.write_text(content)
        ran = manage("load", "global-serverless", file)
        assert (ran.code, ran.out) == (1, "")
        assert ran.err.startswith(f"load: {file} is ")

    def test_a_region_that_is_away(self, manage: Manage, file: Path) -> None:
        """The test settings point nowhere."""
        file.write_text(lines(1))
        ran = manage("load", "global-serverless", file)
        assert ran.code == 1
        assert "us-west-2 does not answer (refused)" in ran.err
        assert "Traceback" not in ran.err

    @pytest.mark.usefixtures("site_regions")
    def test_a_table_that_is_nowhere(self, manage: Manage, file: Path) -> None:
        file.write_text(lines(1))
        ran = manage("load", "flights")
        assert ran.code == 1
        assert "Table flights is not in us-east-2: run manage.py provision." in ran.err
        ran = manage("load", "nosuch", file)
        assert (ran.code, ran.out) == (2, "")
        assert "Table nosuch is not in us-west-2, eu-west-1 or us-east-2" in ran.err


def test_stopped_by_ctrl_c_and_run_again_it_ends_with_the_same_items(
    site_regions: ThreeRegions, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """A real process, a real SIGINT in the middle of it.

    A test run in the background of a shell ignores SIGINT, and its children would, too. Once some
    items are in, the region becomes slow: the load cannot end before it has noticed.
    """
    file = tmp_path / "data.jsonl"
    file.write_text(lines(8_000))
    half_way = threading.Event()

    def slowly(caller: socket.socket) -> None:
        half_way.set()
        while asked := read_request(caller):
            time.sleep(0.3)
            caller.sendall(valve.answered(asked))

    valve = Valve(int(site_regions.endpoints[OREGON].rpartition(":")[2]), lets=8, then=slowly)
    heeded_before = signal.signal(signal.SIGINT, signal.default_int_handler)
    request.addfinalizer(lambda: signal.signal(signal.SIGINT, heeded_before))
    command = [sys.executable, "manage.py", "load", "global-serverless", str(file)]
    with faulty_server(valve) as server:
        through = loading_from({**site_regions.endpoints, OREGON: server.url}, tmp_path)
        with subprocess.Popen(
            command, cwd=PROJECT, env=through, stderr=subprocess.PIPE, text=True
        ) as process:
            assert half_way.wait(BOUND_SECONDS)
            assert stored(site_regions, OREGON)
            process.send_signal(signal.SIGINT)
            _, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert "items written: load the file again to finish.\nStopped.\n" in err
    assert "Traceback" not in err
    straight = loading_from(site_regions.endpoints, tmp_path)
    done = subprocess.run(command, cwd=PROJECT, env=straight, check=False, capture_output=True)
    assert done.returncode == 0
    counted = sum(
        page["Count"]
        for page in site_regions.client(OREGON)
        .get_paginator("scan")
        .paginate(TableName="global-serverless", Select="COUNT")
    )
    assert counted == 8_000


class TestSynthetic:
    def test_invented_titles_go_into_the_site_s_table_and_out_again(
        self, manage: Manage, site_regions: ThreeRegions
    ) -> None:
        ran = manage("load", "--synthetic", "40")
        items = stored(site_regions, OREGON)
        assert (ran.code, ran.err) == (0, "")
        assert ran.out.startswith(f"{len(items)} items written to global-serverless in us-west-2 ")
        assert sum(item["PK"]["S"] == "library" for item in items) == 40
        assert any(item["PK"]["S"] == "show#syn-000019" for item in items)
        site_regions.client(OREGON).put_item(
            TableName="global-serverless", Item={"PK": {"S": "library"}, "SK": {"S": "mine"}}
        )
        ran = manage("load", "--synthetic", "40", "--remove")
        assert ran.out == f"{len(items)} items removed from global-serverless in us-west-2\n"
        assert [item["SK"]["S"] for item in stored(site_regions, OREGON)] == ["mine"]

    def test_dry_runs_write_and_remove_nothing(
        self, manage: Manage, site_regions: ThreeRegions
    ) -> None:
        result = manage("load", "--synthetic", "20", "--seed", "7", "--dry-run", "--json").json
        assert (result["synthetic"], result["seed"], result["dry_run"]) == (20, 7, True)
        assert result["written"] > 20
        assert stored(site_regions, OREGON) == []
        removed = manage(
            "load", "--synthetic", "20", "--seed", "7", "--remove", "--dry-run", "--json"
        )
        assert removed.json["removed"] == result["written"]

    @pytest.mark.usefixtures("site_regions")
    @pytest.mark.parametrize(
        ("arguments", "said"),
        [
            (["--synthetic", "0"], "--synthetic is 0: write 1 to 1,000,000."),
            (["--synthetic", "1000001"], "--synthetic is 1000001: write 1 to 1,000,000."),
            (["global-serverless", "x.csv", "--synthetic", "3"], "one at a time."),
            (["--synthetic", "3", "--map", "PK"], "--synthetic reads none."),
            ([], "Name a table and the file to load, or how many with --synthetic N."),
            (["global-serverless"], "Name the file to load: global-serverless has no data of its"),
            (["global-serverless", __file__, "--remove"], "--remove goes with --synthetic"),
        ],
    )
    def test_what_makes_no_sense_is_said_in_one_sentence(
        self, manage: Manage, arguments: list[str], said: str
    ) -> None:
        ran = manage("load", *arguments)
        assert (ran.code, ran.out) == (2, "")
        assert said in ran.err
