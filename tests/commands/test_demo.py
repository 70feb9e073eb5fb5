"""`manage.py demo`: what it starts it ends, and what was saved is there the next time."""

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.demo import RunningDemo
from tests.support.sandbox import HOST, PROJECT, REGIONS, wait_until

HOME = REGIONS[0]


@pytest.fixture
def demo(tmp_path: Path) -> Iterator[RunningDemo]:
    demo = RunningDemo(tmp_path / "sandbox", lag_ms=50, wan=True)
    try:
        yield demo
    finally:
        demo.stop()


def pids(demo: RunningDemo) -> dict[str, int]:
    """Every process the demo stands on: its children and the engines, by name."""
    children = {file.stem: int(file.read_text()) for file in (demo.folder / "run").glob("*.pid")}
    engines = {each.name: each.pid or 0 for each in demo.control.status().regions}
    return {**children, **engines}


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return "Z" not in Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]


def lab_item(demo: RunningDemo, path: str) -> dict[str, object]:
    connection = http.client.HTTPConnection(demo.site(HOME).removeprefix("http://"), timeout=10)
    connection.request("GET", f"/api/{HOME}/{path}")
    answered: dict[str, object] = json.loads(connection.getresponse().read())
    connection.close()
    return answered


def wait_for_bookmark(demo: RunningDemo, value: int) -> None:
    """Reads again where the site gave its region up: on a slow machine that is soon."""

    def is_there() -> bool:
        item = lab_item(demo, "get/user100/AshlandValley").get("Item")
        return isinstance(item, dict) and item["Bookmark"] == {"N": str(value)}

    wait_until(is_there, "the bookmark")


def test_ctrl_c_ends_every_process_and_the_data_is_there_the_next_time(demo: RunningDemo) -> None:
    demo.start()
    assert demo.control.status().wan
    started = pids(demo)
    assert len(started) == 1 + 2 * len(REGIONS)
    lab_item(demo, "update/user100/AshlandValley/41")
    assert demo.stop() == 0
    assert [name for name, pid in started.items() if alive(pid)] == []
    assert "the data stays" in demo.output()
    demo.start()
    wait_for_bookmark(demo, 41)


def test_what_is_killed_is_started_again_and_nothing_acknowledged_is_lost(
    demo: RunningDemo,
) -> None:
    demo.start()
    before = pids(demo)
    lab_item(demo, "update/user100/AshlandValley/7")
    os.kill(before["sandbox"], signal.SIGKILL)
    os.kill(before[f"site-{HOME}"], signal.SIGKILL)
    wait_until(lambda: "site-us-west-2 ended (SIGKILL); starting it again" in demo.output())
    demo.wait_until_ready()
    wait_for_bookmark(demo, 7)
    assert pids(demo)["sandbox"] != before["sandbox"]


def test_a_demo_that_was_killed_leaves_nothing_in_the_way_of_the_next(demo: RunningDemo) -> None:
    demo.start()
    orphans = pids(demo)
    demo.kill()
    demo.start()
    assert [name for name, pid in orphans.items() if alive(pid)] == []


def test_a_port_that_is_taken_is_one_sentence(demo: RunningDemo) -> None:
    with socket.create_server((HOST, demo.site_port)):
        done = run_demo(demo)
    assert done.returncode == 1
    assert f"Port {demo.site_port} is taken" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_second_demo_in_the_same_folder_is_refused_and_the_first_goes_on(
    demo: RunningDemo,
) -> None:
    demo.start()
    started = pids(demo)
    done = run_demo(demo)
    assert done.returncode == 1
    assert "A demo is running in" in done.stderr
    assert "Traceback" not in done.stderr
    assert pids(demo) == started
    assert all(map(alive, started.values()))
    assert "ended" not in demo.output()


@pytest.mark.parametrize("lag", ["-1", "600001", "soon"])
def test_a_lag_that_cannot_be_meant_exits_2(demo: RunningDemo, lag: str) -> None:
    done = run_demo(demo, "--lag", lag)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr


def run_demo(demo: RunningDemo, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "manage.py", "demo", *arguments],
        cwd=PROJECT,
        env=demo.environment(),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
