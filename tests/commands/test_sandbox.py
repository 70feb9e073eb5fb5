"""`manage.py sandbox`: what it shows, what it turns, and what it says to what cannot be meant."""

import http.client
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from pytest_django import Settings

from gtsite.sandbox.client import SandboxClient, SandboxUnreachable
from tests.commands.conftest import Ran
from tests.support.sandbox import (
    PROJECT,
    REGIONS,
    RunningSandbox,
    free_ports,
    number,
    text,
    wait_until,
)

HOME, SECOND, THIRD = REGIONS
Manage = Callable[..., Ran]


@pytest.fixture(scope="module")
def _running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningSandbox]:
    with RunningSandbox(tmp_path_factory.mktemp("sandbox"), lag_ms=60_000) as running:
        running.create_table("seen", HOME, SECOND)
        yield running


@pytest.fixture
def sandbox(_running: RunningSandbox, settings: Settings) -> Iterator[RunningSandbox]:
    settings.SANDBOX_PORT = int(_running.endpoint.rpartition(":")[2])
    yield _running
    _running.control.heal()


@pytest.mark.usefixtures("sandbox")
def test_status_shows_every_region_and_pair(manage: Manage) -> None:
    shown = manage("sandbox", "status")
    assert shown.code == 0
    assert all(region in shown.out for region in REGIONS)
    assert f"{HOME} → {SECOND}" in shown.out
    assert manage("sandbox", "status", "--json").json["regions"][0]["name"] == HOME


@pytest.mark.parametrize(
    ("flags", "fault"), [((), "refuse"), (("--blackhole",), "blackhole")], ids=["refuse", "hole"]
)
def test_an_outage_takes_a_region_away_until_it_is_healed(
    sandbox: RunningSandbox, manage: Manage, flags: tuple[str, ...], fault: str
) -> None:
    shown = manage("sandbox", "outage", SECOND, *flags)
    assert "away" in shown.out
    assert sandbox.control.status().fault_of(SECOND) == fault
    assert sandbox.control.status().fault_of(HOME) == "none"
    assert manage("sandbox", "heal", SECOND).code == 0
    assert sandbox.control.status().fault_of(SECOND) == "none"


def test_heal_without_a_region_heals_all(sandbox: RunningSandbox, manage: Manage) -> None:
    manage("sandbox", "outage", SECOND)
    manage("sandbox", "outage", THIRD, "--blackhole")
    manage("sandbox", "heal")
    assert {each.fault for each in sandbox.control.status().regions} == {"none"}


def test_lag_is_set_for_the_pair_that_is_named(sandbox: RunningSandbox, manage: Manage) -> None:
    arguments = ("61000", "--jitter", "5", "--from", HOME, "--to", SECOND)
    assert manage("sandbox", "lag", *arguments).code == 0
    lags = {(each.source, each.target): each.lag_ms for each in sandbox.control.status().pairs}
    assert lags[(HOME, SECOND)] == 61_000
    assert lags[(SECOND, HOME)] == 60_000


def test_conflicts_name_the_winner_and_what_was_lost(
    sandbox: RunningSandbox, manage: Manage
) -> None:
    for region, value in ((HOME, 111), (SECOND, 222)):
        sandbox.client(region).put_item(
            TableName="seen", Item={"PK": text("flight"), "seats": number(value)}
        )
    sandbox.control.set_lag(lag_ms=0)
    sandbox.drain()
    shown = manage("sandbox", "conflicts")
    assert "flight" in shown.out
    assert "111" in shown.out
    (conflict,) = manage("sandbox", "conflicts", "--json").json
    assert conflict["winner"]["region"] == SECOND
    assert conflict["loser"]["image"]["seats"] == {"N": "111"}


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("explode",),
        ("outage",),
        ("outage", "mars-north-1"),
        ("heal", "mars-north-1"),
        ("lag", "-1"),
        ("lag", "NaN"),
        ("lag", "600001"),
        ("lag", "5", "--from", "mars-north-1"),
        ("conflicts", "--limit", "0"),
        ("run", "--lag", "-5"),
        ("run", "--lag", "soon"),
        ("run", "--engine", "abacus"),
    ],
)
def test_what_cannot_be_meant_exits_2_in_one_sentence(
    sandbox: RunningSandbox, manage: Manage, arguments: tuple[str, ...]
) -> None:
    before = sandbox.control.status().raw["regions"]
    ended = manage("sandbox", *arguments)
    assert ended.code == 2
    assert ended.err.strip()
    assert "Traceback" not in ended.err
    assert sandbox.control.status().raw["regions"] == before


def test_where_no_sandbox_runs_it_says_how_to_start_one(settings: Settings, manage: Manage) -> None:
    settings.SANDBOX_PORT = free_ports(3)
    ended = manage("sandbox", "status")
    assert ended.code == 1
    assert "sandbox run" in ended.err


def test_run_becomes_a_sandbox_and_ends_on_ctrl_c(tmp_path: Path) -> None:
    port = free_ports(3)
    with (tmp_path / "log").open("w") as log:
        process = subprocess.Popen(
            [sys.executable, "manage.py", "sandbox", "run", "--lag", "70"],
            cwd=PROJECT,
            env={
                **os.environ,
                "DJANGO_SETTINGS_MODULE": "gtsite.settings.local",
                "SANDBOX_PORT": str(port),
                "SANDBOX_DIR": str(tmp_path / "data"),
            },
            stdout=log,
            stderr=log,
        )
    control = SandboxClient(f"http://127.0.0.1:{port - 1}", timeout_seconds=10)
    wait_until(lambda: _answers(control))
    assert control.status().raw["lag_ms"] == 70
    process.send_signal(signal.SIGINT)
    assert process.wait(30) == 0


def _answers(control: SandboxClient) -> bool:
    try:
        return bool(control.status().regions)
    except (SandboxUnreachable, http.client.HTTPException):
        return False
