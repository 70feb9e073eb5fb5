"""Engines as processes: what is left of an earlier run is ended, and nobody else is."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from gtsite.sandbox.storage.engines import find_engine
from gtsite.sandbox.storage.processes import EngineGone, EngineProcess, Port
from tests.support.sandbox import (
    BOUND_SECONDS,
    RunningSandbox,
    alive,
    error_of,
    frozen,
    text,
    wait_until,
)

Start = Callable[..., RunningSandbox]
HOME = "us-west-2"
LIST = "DynamoDB_20120810.ListTables"


@pytest.fixture
def orphans() -> Iterator[list[subprocess.Popen[bytes]]]:
    """Processes that the test starts; they are ended with it."""
    started: list[subprocess.Popen[bytes]] = []
    yield started
    for process in started:
        process.kill()
        process.wait()


def test_an_engine_that_outlived_its_sandbox_is_ended_before_another_takes_its_file(
    start: Start, orphans: list[subprocess.Popen[bytes]]
) -> None:
    own = start()
    own.create_table("kept", HOME)
    own.client(HOME).put_item(TableName="kept", Item={"PK": text("a")})
    own.kill()
    folder = own.folder / "data" / "engines"
    command = find_engine("dynoxide").command(port=own.port, file=folder / f"{HOME}.db")
    orphans.append(subprocess.Popen(command, stderr=subprocess.DEVNULL))
    _write_pid(folder, orphans[0].pid)
    own.restart()
    assert alive([orphans[0].pid]) == []
    assert set(own.scan("kept", HOME)) == {"a"}


def test_another_program_that_got_the_old_number_is_left_alone(
    start: Start, orphans: list[subprocess.Popen[bytes]]
) -> None:
    own = start()
    own.kill()
    sleeper = [sys.executable, "-c", "input()"]
    orphans.append(subprocess.Popen(sleeper, stdin=subprocess.PIPE))
    _write_pid(own.folder / "data" / "engines", orphans[0].pid)
    own.restart()
    assert alive([orphans[0].pid]) == [orphans[0].pid]
    assert orphans[0].stdin
    orphans[0].stdin.close()


@pytest.mark.parametrize("written", ["", "what?", "99999999", "-1"])
def test_a_pid_file_that_makes_no_sense_is_none(start: Start, written: str) -> None:
    own = start()
    own.kill()
    (own.folder / "data" / "engines" / f"{HOME}.pid").write_text(written)
    own.restart()
    assert own.client(HOME).list_tables()["TableNames"] == []


def test_an_engine_in_memory_takes_its_regions_tables_with_it(start: Start) -> None:
    """The other replicas stay, and know that they have lost a member."""
    own = start(in_memory=True)
    own.create_table("brief")
    own.client(HOME).put_item(TableName="brief", Item={"PK": text("a")})
    own.drain()
    own.kill_engine(HOME)
    wait_until(lambda: error_of(lambda: own.scan("brief", HOME))[0] == "ResourceNotFoundException")
    own.wait_active("brief", "eu-west-1", "us-east-2")
    assert set(own.scan("brief", "eu-west-1")) == {"a"}
    own.client("eu-west-1").put_item(TableName="brief", Item={"PK": text("b")})
    own.drain()
    own.add_replica("brief", "eu-west-1", HOME)
    own.wait_active("brief", "eu-west-1", HOME)
    assert set(own.scan("brief", HOME)) == {"a", "b"}


def test_without_a_folder_nothing_is_written(start: Start) -> None:
    own = start(in_memory=True)
    own.create_table("brief")
    own.stop()
    assert [each.name for each in own.folder.iterdir()] == ["sandbox.log"]
    assert "in memory" in own.output()


def _write_pid(folder: Path, pid: int) -> None:
    (folder / f"{HOME}.pid").write_text(str(pid))


@pytest.mark.usefixtures("dynoxide")
def test_an_engine_that_does_not_answer_is_ended_so_that_nothing_is_done_late(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What it was asked before would otherwise be done after what was asked since."""

    async def hangs() -> None:
        async with _engine(tmp_path) as engine:
            hanging = engine.pid
            assert hanging
            with frozen(hanging), monkeypatch.context() as impatient:
                impatient.setattr("gtsite.sandbox.storage.links.ANSWER_SECONDS", 0.5)
                with pytest.raises(EngineGone):
                    await engine.ask(LIST, b"{}")
            await engine.ready()
            assert engine.pid != hanging
            assert (await engine.ask(LIST, b"{}")).ok

    asyncio.run(hangs())


@pytest.mark.usefixtures("dynoxide")
def test_an_engine_that_cannot_be_started_is_started_as_soon_as_it_can(tmp_path: Path) -> None:
    """As on a full disk."""

    async def is_ended() -> None:
        async with _engine(tmp_path) as engine:
            pid_file = tmp_path / f"{HOME}.pid"
            pid_file.unlink()
            pid_file.mkdir()
            first = engine.pid
            assert first
            os.kill(first, signal.SIGKILL)
            while engine.running:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
            await asyncio.sleep(0.5)
            pid_file.rmdir()
            await engine.ready()
            assert (await engine.ask(LIST, b"{}")).ok

    asyncio.run(is_ended())


@pytest.mark.skipif(sys.platform != "linux", reason="Elsewhere a port cannot be kept.")
def test_a_port_that_was_chosen_for_an_engine_is_nobody_elses() -> None:
    port = Port.chosen()
    with socket.socket() as other:
        with pytest.raises(OSError, match="in use"):
            other.bind(("127.0.0.1", port.number))
        port.free()
        other.bind(("127.0.0.1", port.number))


@asynccontextmanager
async def _engine(folder: Path) -> AsyncIterator[EngineProcess]:
    engine = EngineProcess(HOME, find_engine("dynoxide"), folder)
    await engine.start()
    try:
        async with asyncio.timeout(BOUND_SECONDS):
            yield engine
    finally:
        await engine.stop()
