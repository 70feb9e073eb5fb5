"""One sandbox for most tests, brought back to its settings after each, and others to be killed."""

import os
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from gtsite.sandbox.storage.engines import EngineMissing, find_engine
from tests.support.sandbox import RunningSandbox

NUMBERS = count(1)


@pytest.fixture(scope="session")
def _lasting(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningSandbox]:
    _need_dynoxide()
    with RunningSandbox(tmp_path_factory.mktemp("sandbox"), engine="dynoxide") as running:
        yield running
    assert "Traceback" not in running.output(), running.output()


@pytest.fixture
def sandbox(_lasting: RunningSandbox) -> Iterator[RunningSandbox]:
    """The sandbox that tests share: three regions, 40 ms of lag, no fault, nothing under way."""
    yield _lasting
    _lasting.control.reset()
    _lasting.control.set_lag(lag_ms=0)
    _lasting.drain()
    _lasting.control.reset()


@pytest.fixture(scope="session")
def dynoxide() -> None:
    """For tests that are about this engine; they are skipped where a machine cannot have it."""
    _need_dynoxide()


@pytest.fixture
def table() -> str:
    """A table's name that no other test has."""
    return f"table-{next(NUMBERS)}"


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., RunningSandbox]]:
    """Start a sandbox of the test's own, on durable engines; it is ended with the test."""
    _need_dynoxide()
    started: list[RunningSandbox] = []

    def start(**settings: Any) -> RunningSandbox:
        own = RunningSandbox(tmp_path / f"sandbox-{len(started)}", **settings)
        started.append(own)
        own.start()
        return own

    yield start
    for own in started:
        own.stop()
    for own in started:
        assert "Traceback" not in own.output(), own.output()


def _need_dynoxide() -> None:
    """Skip where a machine cannot have it; `test_engines` shows what moto does in its place."""
    try:
        find_engine("dynoxide")
    except EngineMissing as error:
        if os.environ.get("CI") == "true":
            raise
        pytest.skip(f"moto forgets, and knows less of DynamoDB: {error}")
