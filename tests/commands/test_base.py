"""What every command does when it fails, is stopped, or is asked for JSON."""

import json
import logging
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.core.management import call_command
from django.core.management.base import CommandError

from gtsite.dynamodb.errors import (
    NoRegionAvailable,
    RegionUnavailable,
    TableMissing,
    UnknownRegion,
    UnknownTable,
)
from gtsite.management.base import PartlyDone, SiteCommand, UsageError
from tests.support.sandbox import PROJECT


class Greeting(SiteCommand):
    """Says what it is told, or fails as it is told."""

    def __init__(self, fail: BaseException | None = None) -> None:
        super().__init__()
        self._fail = fail

    def handle(self, **_options: Any) -> None:
        self.say("working")
        if self._fail is not None:
            raise self._fail
        self.answer({"greeting": "héllo"}, ["hello", "again"])


Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    """(exit code, stdout, stderr) of a command called from the command line."""

    def call(command: SiteCommand, *arguments: str) -> tuple[int, str, str]:
        code = 0
        try:
            command.run_from_argv(["manage.py", "greeting", *arguments])
        except SystemExit as ended:
            code = int(ended.code or 0)
        out, err = capsys.readouterr()
        return code, out, err

    return call


def test_data_goes_to_stdout_and_progress_to_stderr(run: Run) -> None:
    assert run(Greeting()) == (0, "hello\nagain\n", "working\n")


def test_json_is_one_document(run: Run) -> None:
    code, out, _ = run(Greeting(), "--json")
    assert (code, json.loads(out)) == (0, {"greeting": "héllo"})
    assert "héllo" in out


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (CommandError("It broke: mend it."), 1),
        (PartlyDone("It broke: mend it."), 3),
        (UsageError("It broke: mend it."), 2),
        (ImproperlyConfigured("It broke: mend it."), 1),
    ],
)
def test_a_failure_is_one_sentence_and_an_exit_code(run: Run, error: Exception, code: int) -> None:
    ended, out, err = run(Greeting(error))
    assert (ended, out) == (code, "")
    assert err == "working\ntest_base: It broke: mend it.\n"


@pytest.mark.parametrize(
    ("error", "code", "sentence"),
    [
        (UnknownRegion("us-west-9"), 2, "'us-west-9' is not an AWS region: write a name such as"),
        (UnknownTable("x", {"y": 1}), 2, "'x' is not a table of this project: it has y."),
        (TableMissing("t", "us-west-2"), 1, "Table t is not in us-west-2: run manage.py provis"),
        (RegionUnavailable("us-west-2"), 1, "us-west-2 does not answer (away). Check the network"),
        (NoRegionAvailable(["a", "b"]), 1, "No region answers; tried a, b. Check the network and"),
    ],
)
def test_what_lies_below_is_translated(
    run: Run, error: Exception, code: int, sentence: str
) -> None:
    ended, _, err = run(Greeting(error))
    assert ended == code
    assert f"test_base: {sentence}" in err
    assert len(err.splitlines()) == 2
    assert "Traceback" not in err


def test_on_the_sandbox_the_advice_is_to_start_it(run: Run, settings: Any) -> None:
    settings.SANDBOX_CONTROL_URL = "http://127.0.0.1:8099"
    _, _, err = run(Greeting(RegionUnavailable("us-west-2")))
    assert "Start the sandbox (manage.py demo, or manage.py sandbox run)" in err


def test_the_comings_and_goings_of_regions_are_not_logged_besides(
    run: Run, caplog: pytest.LogCaptureFixture
) -> None:
    class Gossip(Greeting):
        def handle(self, **_options: Any) -> None:
            for module in ("router", "probing"):
                logging.getLogger(f"gtsite.dynamodb.{module}").warning("us-west-2 answers again")

    run(Gossip())
    assert not caplog.records


def test_ctrl_c_is_130_and_a_word(run: Run) -> None:
    assert run(Greeting(KeyboardInterrupt())) == (130, "", "working\nStopped.\n")


def test_streams_that_the_shell_has_closed_do_not_end_a_command() -> None:
    command = f"exec {sys.executable} manage.py cost global-serverless --writes 1 <&- >&-"
    ran = subprocess.run(["sh", "-c", command], cwd=PROJECT, capture_output=True, check=False)
    assert ran.returncode == 0, ran.stderr


def test_an_option_that_does_not_exist_is_2(run: Run) -> None:
    code, _, err = run(Greeting(), "--nosuch")
    assert code == 2
    assert "--nosuch" in err


def test_with_traceback_the_error_itself_comes_through() -> None:
    error = TableMissing("t", "us-west-2")
    with pytest.raises(CommandError) as caught:
        Greeting(error).run_from_argv(["manage.py", "greeting", "--traceback"])
    assert caught.value.__cause__ is error


def test_a_bug_is_not_hidden_behind_a_sentence() -> None:
    with pytest.raises(ZeroDivisionError):
        Greeting(ZeroDivisionError()).run_from_argv(["manage.py", "greeting"])


def test_called_from_python_it_raises_instead_of_exiting() -> None:
    with pytest.raises(UsageError):
        call_command(Greeting(UnknownRegion("x")))
    with pytest.raises(KeyboardInterrupt):
        call_command(Greeting(KeyboardInterrupt()))
