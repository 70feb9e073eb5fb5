"""One sandbox with real lag for all experiments, and tables on it as experiments take them."""

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from typing import Protocol

import pytest

from gtsite.dynamodb.clients import Clients
from gtsite.dynamodb.repository import Table
from gtsite.dynamodb.router import Router
from gtsite.dynamodb.tables import TableDefinition
from gtsite.experiments import counters, lag, watching
from gtsite.experiments.watching import RunClock
from tests.support.patience import Patience
from tests.support.sandbox import RunningSandbox, wait_until

LAG_MS = 120
THROTTLED_SECONDS = 2.5
LONG_AWAY_MS = 300_000.0


class OpenTable(Protocol):
    """Opens a table; `elsewhere` are regions that answer at another address than the sandbox's."""

    def __call__(
        self,
        definition: TableDefinition,
        elsewhere: Mapping[str, str] | None = None,
        /,
        *,
        throttled_seconds: float = THROTTLED_SECONDS,
    ) -> Table: ...


@pytest.fixture(scope="session")
def _laboratory(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningSandbox]:
    with RunningSandbox(tmp_path_factory.mktemp("laboratory"), lag_ms=LAG_MS) as running:
        yield running
    assert "Traceback" not in running.output(), running.output()


@pytest.fixture
def laboratory(_laboratory: RunningSandbox) -> Iterator[RunningSandbox]:
    """Three regions without tables of their own, 120 ms apart; no fault, nothing under way."""
    yield _laboratory
    _laboratory.control.reset()
    _laboratory.control.set_lag(lag_ms=0, jitter_ms=0)
    _laboratory.drain()
    _laboratory.control.reset()


@pytest.fixture(autouse=True)
def patience(monkeypatch: pytest.MonkeyPatch) -> Patience:
    """Regions are waited for, but for those that are said to hang."""
    return Patience(monkeypatch)


@pytest.fixture(autouse=True)
def _away_is_meant(monkeypatch: pytest.MonkeyPatch) -> None:
    """No region counts as away for good only because the machine was slow to bring it back."""
    monkeypatch.setattr(watching, "AWAY_MS", LONG_AWAY_MS)
    monkeypatch.setattr(lag, "AWAY_MS", LONG_AWAY_MS)


@dataclass(frozen=True, slots=True, kw_only=True)
class LeapingClock(RunClock):
    """A run's clock that can be put ahead: what waits for time need not be raced with."""

    leaps: list[float] = field(default_factory=list)

    def ms(self) -> float:
        return RunClock.ms(self) + sum(self.leaps)


@pytest.fixture
def leap(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Puts the clock of the test's run ahead by so many milliseconds."""
    leaps: list[float] = []
    for module in (counters, lag):
        monkeypatch.setattr(module, "RunClock", lambda: LeapingClock(leaps=leaps))
    return leaps.append


@pytest.fixture
def open_table(laboratory: RunningSandbox) -> Iterator[OpenTable]:
    """A table as the site has it, unpinned; `patience` says which regions hang.

    A region without capacity keeps a call for `throttled_seconds`. After the test no thread may be
    left that it has started.
    """
    before = set(threading.enumerate())
    with ExitStack() as closed_at_the_end:

        def opened(
            definition: TableDefinition,
            elsewhere: Mapping[str, str] | None = None,
            /,
            *,
            throttled_seconds: float = THROTTLED_SECONDS,
        ) -> Table:
            own = {each: laboratory.endpoint_of(each) for each in laboratory.regions}
            router = Router(
                clients=Clients(endpoints={**own, **(elsewhere or {})}),
                regions=laboratory.regions,
                local="us-west-2",
                deadline_seconds=throttled_seconds,
            )
            closed_at_the_end.enter_context(closing(router))
            return Table(definition, router)

        yield opened
    wait_until(lambda: set(threading.enumerate()) <= before, "every thread to end")
