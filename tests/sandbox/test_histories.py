"""Any history of writes, delays, faults and kills ends with regions that agree on the right items.

`HISTORIES` says how many there are. `HISTORY_SEED` repeats a run: a failure prints its seed.
"""

import os
import random
import signal
import sys
import threading
import time
from collections.abc import Callable
from functools import partial
from typing import Any

from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    precondition,
    rule,
    run_state_machine_as_test,
)

from tests.support.histories import HOLD, History, Way, World, ways
from tests.support.sandbox import REGIONS, RunningSandbox, wait_until
from tests.support.steps import Kind

HISTORIES = int(os.environ.get("HISTORIES", "1000"))
KILLED_HISTORIES = max(1, HISTORIES // 40)
ITEMS = ("a", "b", "c")
SINGLE: tuple[Kind, ...] = ("put", "new", "change", "add", "remove", "delete", "drop")
STATED: tuple[Kind, ...] = ("new", "change", "delete")
BATCH: tuple[Kind, ...] = ("put", "delete")
Start = Callable[..., RunningSandbox]

delays = st.floats(0, 0.004)
regions = st.sampled_from(REGIONS)
single = st.tuples(st.sampled_from(SINGLE), st.sampled_from(ITEMS))
several = partial(st.lists, min_size=2, max_size=3, unique_by=lambda part: part[1])


class Histories(RuleBasedStateMachine):
    """One history: the caller knows after every step what each region has to show."""

    def __init__(self, world: World) -> None:
        super().__init__()
        self.history = History(world)
        self.away: set[str] = set()

    def there(self, region: str) -> bool:
        return region not in self.away

    # Writes

    @rule(region=regions, part=single)
    def write(self, region: str, part: tuple[Kind, str]) -> None:
        if self.there(region):
            self.history.write(region, self.history.step(*part))

    @rule(region=regions, kind=st.sampled_from(STATED), item=st.sampled_from(ITEMS))
    def state(self, region: str, kind: Kind, item: str) -> None:
        if self.there(region):
            self.history.state(region, self.history.step(kind, item))

    @rule(
        region=regions,
        parts=several(st.tuples(st.sampled_from(BATCH), st.sampled_from(ITEMS))),
    )
    def batch(self, region: str, parts: list[tuple[Kind, str]]) -> None:
        if self.there(region):
            self.history.batch(region, [self.history.step(*part) for part in parts])

    @rule(region=regions, parts=several(single))
    def transact(self, region: str, parts: list[tuple[Kind, str]]) -> None:
        if self.there(region):
            self.history.transact(region, [self.history.step(*part) for part in parts])

    @rule(item=st.sampled_from(ITEMS))
    def write_everywhere(self, item: str) -> None:
        """As much conflict as there can be."""
        for region in REGIONS:
            if self.there(region):
                self.history.write(region, self.history.step("add", item))

    # Lags and faults

    @rule(way=st.sampled_from(list(ways(REGIONS))))
    def deliver(self, way: Way) -> None:
        self.history.deliver(way)

    @rule(region=regions)
    def pause(self, region: str) -> None:
        self.history.world.control("/pause", {"region": region})
        self.history.cut.add(region)

    @rule(region=regions, fault=st.sampled_from(("refuse", "blackhole", "reset")))
    def take_away(self, region: str, fault: str) -> None:
        self.history.world.control("/fault", {"region": region, "fault": fault})
        self.history.world.hang_up(region)
        self.history.cut.add(region)
        self.away.add(region)

    @precondition(lambda self: self.history.cut)
    @rule()
    def bring_back(self) -> None:
        self.history.world.control("/fault", {"fault": "none"})
        self.history.world.control("/resume", {"region": None})
        for region in self.away:
            self.history.world.hang_up(region)
        self.away.clear()
        self.history.cut.clear()
        self.history.settle()

    @rule(region=regions, milliseconds=st.sampled_from((-5000, -20, 20, 5000)))
    def skew(self, region: str, milliseconds: int) -> None:
        self.history.skewed = True
        self.history.world.control("/skew", {"region": region, "skew_ms": milliseconds})

    @rule(region=regions)
    def look(self, region: str) -> None:
        if self.there(region):
            self.history.check_region(region)

    def teardown(self) -> None:
        for region in self.away:
            self.history.world.hang_up(region)
        self.history.heal()
        if sys.exc_info()[0] is None:
            self.history.check_end()


class KilledHistories(Histories):
    """The same where processes are killed in the middle of what they do."""

    @rule(region=regions, parts=several(single), delay=delays)
    def kill_engine(self, region: str, parts: list[tuple[Kind, str]], delay: float) -> None:
        """SIGKILL of a region's engine at work; its region answers again when it is back."""
        if not self.there(region):
            return
        pid = self.history.world.sandbox.engine_pid(region)
        assert pid is not None

        def kill() -> None:
            time.sleep(delay)
            os.kill(pid, signal.SIGKILL)

        self.interrupted(region, parts, kill)
        wait_until(lambda: self.history.world.sandbox.engine_pid(region) not in (pid, None))

    @rule(
        region=regions,
        parts=several(single),
        delay=delays,
        way=st.none() | st.sampled_from(list(ways(REGIONS))),
    )
    def kill_sandbox(
        self, region: str, parts: list[tuple[Kind, str]], delay: float, way: Way | None
    ) -> None:
        """SIGKILL of the sandbox while it writes and delivers; it is started again at once.

        Nobody can tell what a way that was hastened before has taken along, so all that waits
        there arrives before the history goes on.
        """
        world = self.history.world
        alone = [part for part in parts if not self.history.may_arrive(region, part[1], way)]

        def kill() -> None:
            if way is not None:
                self.history.hasten(way)
            time.sleep(delay)
            world.sandbox.kill()
            world.sandbox.start()

        if alone and self.there(region):
            self.interrupted(region, alone, kill)
        else:
            kill()
            world.hang_up()
        self.away.clear()
        self.history.cut.clear()
        self.history.deliver(*self.history.due)

    def interrupted(
        self, region: str, parts: list[tuple[Kind, str]], interrupt: Callable[[], object]
    ) -> None:
        """A transaction during which something happens: done, refused, or one does not know.

        Connections are given up when it has ended: it may have been sent to what was started again.
        """
        steps = [self.history.step(*part) for part in parts]
        answers: list[bool | None] = []
        sender = threading.Thread(
            target=lambda: answers.append(self.history.try_to_transact(region, steps))
        )
        sender.start()
        interrupt()
        sender.join()
        self.history.world.hang_up()
        self.history.note(region, steps, done=answers[0])


def test_every_history_ends_well(start: Start) -> None:
    world = World(start(lag_ms=HOLD["lag_ms"]), "histories")
    run(Histories, world, HISTORIES, steps=8)


def test_every_history_with_kills_ends_well(start: Start) -> None:
    world = World(start(lag_ms=HOLD["lag_ms"]), "histories")
    run(KilledHistories, world, KILLED_HISTORIES, steps=10)


def run(machine: type[Histories], world: World, examples: int, *, steps: int) -> None:
    """So many histories, by a seed that a failure shows."""
    chosen = int(os.environ.get("HISTORY_SEED") or random.randrange(2**32))
    sys.stdout.write(f"HISTORY_SEED={chosen}\n")
    wanted = settings(
        max_examples=examples,
        stateful_step_count=steps,
        deadline=None,
        database=None,
        derandomize=False,
        print_blob=True,
        suppress_health_check=list(HealthCheck),
        phases=(Phase.generate, Phase.shrink),
    )
    history: Any = seed(chosen)(partial(machine, world))
    try:
        run_state_machine_as_test(history, settings=wanted)
    finally:
        world.close()
    assert next(world.histories) > examples, "fewer histories than there should be"
