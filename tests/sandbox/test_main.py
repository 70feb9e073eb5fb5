"""What the command line is told, and what it says when it cannot start."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from gtsite.sandbox.client import SandboxClient, SandboxUnreachable
from tests.support.sandbox import (
    BOUND_SECONDS,
    HOST,
    PROJECT,
    RunningSandbox,
    free_ports,
    wait_until,
)

Start = Callable[..., RunningSandbox]


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    """The sandbox's command line, of which it is expected that it ends by itself."""
    return subprocess.run(
        [sys.executable, "-m", "gtsite.sandbox", *arguments],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def only_sentence(done: subprocess.CompletedProcess[str]) -> str:
    assert "Traceback" not in done.stderr
    assert done.stdout == ""
    (line,) = done.stderr.splitlines()
    return line


@pytest.mark.parametrize(
    ("arguments", "about"),
    [
        (["--regions", "us-west-2,eu-nowhere-1"], "eu-nowhere-1: no such region"),
        (["--regions", "us-west-2,us-west-2"], "write region names, each once"),
        (["--regions", ","], "write region names, each once"),
        (["--port", "80"], "--port is 1025 to 65000"),
        (["--port", "70000"], "--port is 1025 to 65000"),
        (["--port", "x"], "invalid int value: 'x'"),
        (["--lag", "-1"], "--lag and --jitter are 0 to 600000 ms"),
        (["--lag", "600001"], "--lag and --jitter are 0 to 600000 ms"),
        (["--jitter", "-1"], "--lag and --jitter are 0 to 600000 ms"),
        (["--pace", "-0.1"], "--pace is 0 to 600 s"),
        (["--pace", "nan"], "--pace is 0 to 600 s"),
        (["--patience", "0"], "--patience is 0.1 to 600 s"),
        (["--patience", "nan"], "--patience is 0.1 to 600 s"),
        (["--folder", "x"], "unrecognized arguments: --folder x"),
        (["--engine", "sqlite"], "invalid choice: 'sqlite'"),
        (["--nonsense"], "unrecognized arguments: --nonsense"),
    ],
)
def test_arguments_that_make_no_sense_end_it_with_2_and_a_sentence(
    arguments: list[str], about: str
) -> None:
    done = run(*arguments)
    assert done.returncode == 2
    assert about in only_sentence(done)


@pytest.mark.parametrize("place", [-1, 0, 2], ids=["control", "shared", "region"])
def test_a_port_that_is_taken_ends_it_with_1_and_its_number(tmp_path: Path, place: int) -> None:
    port = free_ports(3)
    with socket.create_server((HOST, port + place)):
        done = run("--port", str(port), "--dir", str(tmp_path / "data"))
    assert done.returncode == 1
    sentence = only_sentence(done)
    assert sentence.startswith(f"The sandbox cannot listen on port {port + place} (")
    assert sentence.endswith("): choose another one with --port.")


def test_a_second_sandbox_in_a_folder_ends_with_1_and_the_first_goes_on(start: Start) -> None:
    own = start()
    folder = own.folder / "data"
    done = run("--port", str(free_ports(3)), "--dir", str(folder))
    assert done.returncode == 1
    assert only_sentence(done) == f"A sandbox is running in {folder} already."
    assert own.control.status().engine == "dynoxide"


def test_a_folder_that_cannot_be_one_ends_it_with_1(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("not a folder")
    done = run("--port", str(free_ports(3)), "--dir", str(file))
    assert done.returncode == 1
    assert only_sentence(done).startswith(f"The sandbox cannot keep its data in {file}: ")


@pytest.mark.usefixtures("dynoxide")
def test_a_ledger_that_is_none_ends_it_with_1(tmp_path: Path) -> None:
    (tmp_path / "ledger.sqlite3").write_bytes(b"something else" * 1000)
    done = run("--port", str(free_ports(3)), "--dir", str(tmp_path), "--engine", "dynoxide")
    assert done.returncode == 1
    assert only_sentence(done).startswith(f"The sandbox cannot keep its data in {tmp_path}: ")


@pytest.mark.usefixtures("dynoxide")
def test_an_engine_that_does_not_start_ends_it_with_1(tmp_path: Path) -> None:
    (tmp_path / "engines").mkdir()
    (tmp_path / "engines" / "us-west-2.db").write_bytes(b"something else" * 1000)
    done = run("--port", str(free_ports(3)), "--dir", str(tmp_path), "--engine", "dynoxide")
    assert done.returncode == 1
    assert done.stderr.splitlines() == ["dynoxide does not start for us-west-2."]


def test_it_greets_with_every_address_and_ends_quietly(start: Start) -> None:
    own = start()
    own.stop()
    assert own.output().splitlines() == [
        f"Sandbox ready: dynoxide, items kept in {own.folder / 'data'}.",
        f"  any region     {own.endpoint}",
        *(f"  {region:<14} {own.endpoint_of(region)}" for region in own.regions),
        f"  control        {own.control_url}",
    ]


def test_help_names_every_option_and_what_it_is_without_one() -> None:
    done = run("--help")
    assert done.returncode == 0
    for word in ("--regions", "--port", "--dir", "--lag", "--jitter", "--wan", "AWS_ENDPOINT_URL"):
        assert word in done.stdout
    assert "a tenth of the lag" in " ".join(done.stdout.split())


def test_it_needs_no_settings_no_django_and_starts_empty_and_in_memory(tmp_path: Path) -> None:
    """As somebody runs it who wants nothing else of this project."""
    port = free_ports(1)
    program = (
        "import sys; sys.modules['django'] = sys.modules['boto3'] = None; "
        "from gtsite.sandbox.__main__ import main; sys.exit(main())"
    )
    settings = {name: value for name, value in os.environ.items() if "DJANGO" not in name}
    arguments = ("--regions", "eu-north-1", "--port", str(port), "--lag", "500")
    with (tmp_path / "log").open("w") as log:
        process = subprocess.Popen(
            [sys.executable, "-c", program, *arguments],
            cwd=tmp_path,
            env={**settings, "PYTHONPATH": str(PROJECT)},
            stdout=log,
            stderr=log,
        )
    control = SandboxClient(f"http://{HOST}:{port - 1}", timeout_seconds=BOUND_SECONDS)
    try:
        wait_until(lambda: _answers(control, process), "the sandbox to start")
        status = control.status()
        assert [each.name for each in status.regions] == ["eu-north-1"]
        assert (status.replicas, status.raw["lag_ms"], status.wan) == ((), 500, False)
    finally:
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 0
    assert [each.name for each in tmp_path.iterdir()] == ["log"]


def test_jitter_is_a_tenth_of_the_lag_unless_it_is_said(start: Start) -> None:
    own = start(lag_ms=300, jitter_ms=None)
    assert {(each.lag_ms, each.jitter_ms) for each in own.control.status().pairs} == {(300, 30)}


def _answers(control: SandboxClient, process: subprocess.Popen[bytes]) -> bool:
    assert process.poll() is None
    try:
        return bool(control.status().regions)
    except SandboxUnreachable:
        return False
