"""`manage.py monitor`: replicas and metrics of any table, once or until Ctrl-C."""

import json
import os
import pty
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from pytest_django import Settings

from gtsite.dynamodb.tables import GLOBAL_SERVERLESS
from tests.commands.conftest import Ran
from tests.support.cli import bash
from tests.support.engines import ThreeRegions
from tests.support.sandbox import (
    BOUND_SECONDS,
    PROJECT,
    REGIONS,
    RunningSandbox,
    text,
    wait_until,
)

HOME, AWAY, THIRD = REGIONS
Manage = Callable[..., Ran]

BY_THE_CLI = """
aws dynamodb create-table --table-name Songs --billing-mode PAY_PER_REQUEST \
    --attribute-definitions AttributeName=PK,AttributeType=S \
    --key-schema AttributeName=PK,KeyType=HASH &&
aws dynamodb update-table --table-name Songs \
    --replica-updates '[{"Create": {"RegionName": "eu-west-1"}}]'
"""


@pytest.fixture
def songs(site_sandbox: RunningSandbox, settings: Settings) -> RunningSandbox:
    """A table in two regions that is none of the project's."""
    settings.SANDBOX_CONTROL_URL = site_sandbox.control_url
    site_sandbox.create_table("Songs", HOME, AWAY)
    return site_sandbox


def test_a_table_made_by_the_aws_cli_is_told_whole(
    manage: Manage, site_sandbox: RunningSandbox
) -> None:
    made = bash(site_sandbox, BY_THE_CLI, region=HOME)
    assert made.returncode == 0, made.stderr
    site_sandbox.wait_active("Songs", HOME, AWAY)
    site_sandbox.control.set_lag(lag_ms=200, jitter_ms=0)
    site_sandbox.client(HOME).put_item(TableName="Songs", Item={"PK": text("one")})
    site_sandbox.drain()
    ran = manage("monitor", "Songs", "--json")
    assert (ran.code, ran.json["table"], ran.json["problems"]) == (0, "Songs", [])
    home, away = ran.json["replicas"]
    assert home == {
        "region": HOME,
        "status": "ACTIVE",
        "home": True,
        "items": 1,
        "reads_throttled": 0,
        "writes_throttled": 0,
    }
    assert (away["region"], away["home"], away["items"]) == (AWAY, False, 1)
    there, back = ran.json["ways"]
    assert (there["from"], there["to"], there["pending"]) == (HOME, AWAY, None)
    assert 200 <= there["latest_ms"] <= there["highest_ms"] < 60_000
    assert (back["from"], back["latest_ms"], back["latest_at"]) == (AWAY, None, None)


def test_a_region_that_is_away_is_told_and_so_is_the_rest(
    manage: Manage, songs: RunningSandbox
) -> None:
    songs.control.outage(AWAY)
    ran = manage("monitor", "Songs")
    assert ran.code == 0
    assert f"{HOME} (home)  ACTIVE               0" in ran.out
    assert f"{AWAY}         does not answer      –" in ran.out
    assert f"CloudWatch in {AWAY} does not answer (refused)." in ran.out
    assert ran.out.count(f"{HOME}  {AWAY}") == 1
    assert max(map(len, ran.out.splitlines())) <= 120


def test_without_cloudwatch_the_replicas_are_told(
    manage: Manage, site_regions: ThreeRegions
) -> None:
    ran = manage("monitor", GLOBAL_SERVERLESS.name)
    assert ran.code == 0
    for region in site_regions.names:
        assert f"CloudWatch in {region} does not answer" in ran.out
    assert ran.out.count("ACTIVE") == 3
    assert "Replication in the last hour" not in ran.out


@pytest.mark.usefixtures("site_regions")
@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("nosuch",), "Table nosuch is not in"),
        ((), "table"),
        ((GLOBAL_SERVERLESS.name, "--watch", "0"), "--watch is 0: write 1 to 3600 seconds."),
        ((GLOBAL_SERVERLESS.name, "--watch", "nan"), "--watch is nan: write 1 to 3600 seconds."),
        ((GLOBAL_SERVERLESS.name, "--region", "nowhere-1"), "nowhere-1"),
    ],
)
def test_bad_input_is_one_sentence(
    manage: Manage, arguments: tuple[str, ...], sentence: str
) -> None:
    ran = manage("monitor", *arguments)
    assert (ran.code, ran.out) == (2, "")
    assert sentence in ran.err


def test_when_no_region_answers_that_is_all_there_is_to_say(
    manage: Manage, site_regions: ThreeRegions
) -> None:
    for region in site_regions.names:
        site_regions.refuse(region)
    ran = manage("monitor", GLOBAL_SERVERLESS.name)
    assert (ran.code, ran.out) == (1, "")
    assert "No region answers" in ran.err


@contextmanager
def watching(
    sandbox: RunningSandbox, *arguments: str, out: int = subprocess.PIPE
) -> Iterator[subprocess.Popen[str]]:
    """`manage.py monitor Songs --watch 1` as a process; whatever happens, it is ended."""
    ours = {name: value for name, value in os.environ.items() if not name.startswith("GT_")}
    started = subprocess.Popen(
        [sys.executable, "manage.py", "monitor", "Songs", "--watch", "1", *arguments],
        cwd=PROJECT,
        env={
            **ours,
            "DJANGO_SETTINGS_MODULE": "gtsite.settings.local",
            "SANDBOX_PORT": str(sandbox.port),
            "SANDBOX_DIR": str(sandbox.folder),
            "TERM": "xterm",
        },
        stdout=out,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield started
    finally:
        started.kill()
        started.communicate()


def test_watching_writes_one_document_a_line_until_ctrl_c(songs: RunningSandbox) -> None:
    with watching(songs, "--json") as process:
        assert process.stdout is not None
        looks = [json.loads(process.stdout.readline()) for _ in range(2)]
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=BOUND_SECONDS)
    assert [each["table"] for each in looks] == ["Songs", "Songs"]
    assert looks[0]["at"] < looks[1]["at"]
    assert (process.returncode, said) == (130, "Stopped.\n")


def test_on_a_terminal_each_look_takes_the_place_of_the_one_before(songs: RunningSandbox) -> None:
    ours, theirs = pty.openpty()
    shown = b""
    with watching(songs, out=theirs) as process:
        os.close(theirs)

        def looked_twice() -> bool:
            nonlocal shown
            shown += os.read(ours, 65_536)
            return shown.count(b"As of ") >= 2

        wait_until(looked_twice, "two looks")
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=BOUND_SECONDS)
    os.close(ours)
    assert b"\x1b[1A" in shown
    assert (process.returncode, said) == (130, "Stopped.\n")
