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

from gtsite.management.sandbox_tables import state
from gtsite.sandbox.client import RegionStatus, SandboxClient, SandboxUnreachable
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
    _running.control.reset()


@pytest.mark.usefixtures("sandbox")
def test_status_shows_every_region_and_pair(manage: Manage) -> None:
    shown = manage("sandbox", "status")
    assert shown.code == 0
    assert all(region in shown.out for region in REGIONS)
    assert f"{HOME} → {SECOND}" in shown.out
    assert manage("sandbox", "status", "--json").json["regions"][0]["name"] == HOME


@pytest.mark.parametrize(
    ("flags", "fault"), [((), "refuse"), (("--blackhole",), "blackhole"), (("--reset",), "reset")]
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


def test_a_region_can_fail_and_be_slow_without_being_away(
    sandbox: RunningSandbox, manage: Manage
) -> None:
    flags = ("--errors", "0.25", "--status", "503", "--executed", "0.5", "--slow", "300")
    shown = manage("sandbox", "outage", SECOND, *flags)
    assert "25% errors (503), 300 ms slow" in shown.out
    assert "away" not in shown.out
    region = _region(sandbox, SECOND)
    assert (region.fault, region.error_rate, region.error_status) == ("none", 0.25, 503)
    assert (region.executed_rate, region.slow_ms) == (0.5, 300)
    shown = manage("sandbox", "outage", SECOND, "--blackhole", "--slow", "20")
    assert "away (black hole), 25% errors" in shown.out
    assert "20 ms slow" in shown.out
    assert "errors" not in manage("sandbox", "heal", SECOND).out


def test_what_is_half_wrong_turns_nothing(sandbox: RunningSandbox, manage: Manage) -> None:
    assert manage("sandbox", "outage", SECOND, "--errors", "0.5", "--slow", "-1").code == 2
    assert _region(sandbox, SECOND).error_rate == 0


@pytest.mark.usefixtures("sandbox")
def test_a_region_is_paused_until_it_is_resumed(manage: Manage) -> None:
    shown = manage("sandbox", "pause", SECOND)
    assert "replication paused" in shown.out
    assert shown.out.count("held") == 4
    assert "held" not in manage("sandbox", "resume", SECOND).out
    assert manage("sandbox", "pause", "--from", HOME, "--to", SECOND).out.count("held") == 1
    assert "held" in manage("sandbox", "resume", "--from", SECOND, "--to", HOME).out
    assert "held" not in manage("sandbox", "resume").out


def test_a_region_is_skewed_and_the_clock_put_ahead(
    sandbox: RunningSandbox, manage: Manage
) -> None:
    assert "clock -250 ms" in manage("sandbox", "skew", SECOND, "-250").out
    before = sandbox.control.status().clock_ahead_seconds
    shown = manage("sandbox", "clock", "25h")
    assert "1 d 1 h ahead" in shown.out
    assert sandbox.control.status().clock_ahead_seconds == before + 25 * 3600


@pytest.mark.parametrize("flags", [(), ("--restart",)])
def test_an_engine_is_killed_and_comes_back(
    sandbox: RunningSandbox, manage: Manage, flags: tuple[str, ...]
) -> None:
    wait_until(lambda: sandbox.engine_pid(SECOND) is not None)
    old = sandbox.engine_pid(SECOND)
    assert "starting" in manage("sandbox", "kill", SECOND, *flags).out
    wait_until(lambda: sandbox.engine_pid(SECOND) not in (old, None))


def test_distance_is_turned_on_and_off(sandbox: RunningSandbox, manage: Manage) -> None:
    assert "distance counts" in manage("sandbox", "wan", "on").out
    assert sandbox.control.status().wan
    assert "distance costs nothing" in manage("sandbox", "wan", "off").out
    assert not sandbox.control.status().wan


def test_a_reset_turns_everything_back(sandbox: RunningSandbox, manage: Manage) -> None:
    manage("sandbox", "outage", SECOND)
    manage("sandbox", "pause", THIRD)
    manage("sandbox", "lag", "5")
    shown = manage("sandbox", "reset")
    assert "away" not in shown.out
    assert "held" not in shown.out
    assert {each.lag_ms for each in sandbox.control.status().pairs} == {60_000}
    assert _region(sandbox, SECOND).fault == "none"


def test_the_backlog_shows_what_waits(sandbox: RunningSandbox, manage: Manage) -> None:
    sandbox.client(HOME).put_item(TableName="seen", Item={"PK": text("waiting")})
    shown = manage("sandbox", "backlog", "--limit", "1000")
    assert f"{HOME} → {SECOND}" in shown.out
    assert "waiting" in shown.out
    waiting = manage("sandbox", "backlog", "--json").json
    assert {"S": "waiting"} in [each["key"]["PK"] for each in waiting]
    sandbox.control.set_lag(lag_ms=0)
    sandbox.drain()
    assert manage("sandbox", "backlog", "--json").json == []
    assert manage("sandbox", "backlog").out == "Nothing is on its way.\n"


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
    assert "222" in shown.out
    (conflict,) = manage("sandbox", "conflicts", "--json").json
    assert manage("sandbox", "conflicts", "--json", "--after", str(conflict["id"])).json == []
    assert conflict["winner"]["region"] == SECOND
    assert conflict["loser"]["image"]["seats"] == {"N": "111"}
    assert shown.out.splitlines()[2].split()[0] == str(conflict["id"])


def test_what_an_item_holds_is_shown_as_it_is(sandbox: RunningSandbox, manage: Manage) -> None:
    """No key or attribute is read as the terminal's markup, or does something to the terminal."""
    key, note = "[/bold] :smile: \x1b[31m\x9b", "x" * 1000
    for region in (HOME, SECOND):
        item = {"PK": text(key), "note": text(note)}
        sandbox.client(region).put_item(TableName="seen", Item=item)
    waiting = manage("sandbox", "backlog", "--limit", "1000")
    assert (waiting.code, waiting.out.count("[/bold] :smile:")) == (0, 2)
    sandbox.control.set_lag(lag_ms=0)
    sandbox.drain()
    shown = manage("sandbox", "conflicts", "--limit", "1")
    assert shown.code == 0
    assert "[/bold]" in shown.out
    assert "\\u001b" in shown.out
    assert shown.out.count("…") == 2
    assert not {"\x1b", "\x9b"} & {*shown.out, *waiting.out}


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
        ("conflicts", "--after", "-1"),
        ("backlog", "--limit", "1001"),
        ("outage", SECOND, "--blackhole", "--reset"),
        ("outage", SECOND, "--errors", "2"),
        ("outage", SECOND, "--errors", "nan"),
        ("outage", SECOND, "--errors", "1", "--status", "404"),
        ("outage", SECOND, "--status", "503"),
        ("outage", SECOND, "--slow", "60001"),
        ("pause",),
        ("pause", "mars-north-1"),
        ("pause", "--from", HOME),
        ("pause", SECOND, "--from", HOME, "--to", SECOND),
        ("resume", "--to", HOME),
        ("skew", SECOND, "3600001"),
        ("skew", SECOND),
        ("clock", "-1"),
        ("clock", "soon"),
        ("clock", "9999d"),
        ("kill",),
        ("kill", "mars-north-1"),
        ("wan", "maybe"),
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


def test_without_the_sites_packages_it_says_how_to_get_them() -> None:
    done = subprocess.run(
        [sys.executable, "-S", "manage.py", "sandbox", "status"],
        cwd=PROJECT,
        env={},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("manage.py: django is not installed for ")
    assert done.stderr.count("\n") == 1


def test_a_fault_that_is_not_known_here_is_shown_by_its_name() -> None:
    region = RegionStatus(name="x", endpoint="", fault="melted", engine="running", pid=1)  # type: ignore[arg-type]
    assert state(region) == "away (melted)"


def _region(sandbox: RunningSandbox, name: str) -> RegionStatus:
    (found,) = [each for each in sandbox.control.status().regions if each.name == name]
    return found


def _answers(control: SandboxClient) -> bool:
    try:
        return bool(control.status().regions)
    except (SandboxUnreachable, http.client.HTTPException):
        return False
