"""Strong tables under fire: whatever is cut off or killed, clients see one order of calls."""

import random
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import permutations
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError, EndpointConnectionError
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.linearizability import UNKNOWN, Operation, linearizable
from tests.support.sandbox import (
    LONG_LAG_MS,
    REGIONS,
    RunningSandbox,
    number,
    side_by_side,
    text,
    wait_until,
)

Start = Callable[..., RunningSandbox]
TABLE = "registers"
KEYS = 10
CALLS = 100
CALLS_AMID_KILLS = 30
"""Fewer: most of the time nobody listens."""
UNANSWERED_SECONDS = 0.02
NOT_DONE = "ReplicatedWriteConflictException"
REFUSED = "ConditionalCheckFailedException"


@dataclass
class Caller:
    """One thread in one region: puts, swaps and strong reads of random keys, each noted down.

    Values are its own and used once. It swaps on what it saw last. Where nobody listens no call was
    made: `EndpointConnectionError` passes, and `run` makes the call when somebody does.
    """

    client: Any
    number: int
    random: random.Random
    calls: int = CALLS
    history: dict[str, list[Operation]] = field(default_factory=dict)
    last_seen: dict[str, int | None] = field(default_factory=dict)

    def run(self) -> None:
        for turn in range(self.calls):
            key = f"key-{self.random.randrange(KEYS)}"
            kind = self.random.choice(("read", "read", "put", "swap"))
            value = self.number * CALLS + turn
            call = (
                partial(self.read, key)
                if kind == "read"
                else partial(self.write, key, value, swap=kind == "swap")
            )
            wait_until(partial(_was_sent, call), "somebody to listen")

    def read(self, key: str) -> bool:
        """Whether there was an answer."""
        start = time.monotonic()
        try:
            answer = self.client.get_item(
                TableName=TABLE, Key={"PK": text(key)}, ConsistentRead=True
            )
        except EndpointConnectionError:
            raise
        except (BotoCoreError, ClientError):
            time.sleep(UNANSWERED_SECONDS)
            return False
        value = int(answer["Item"]["v"]["N"]) if "Item" in answer else None
        self.last_seen[key] = value
        self.note(key, Operation(kind="read", value=value, start=start, end=time.monotonic()))
        return True

    def write(self, key: str, value: int, *, swap: bool) -> None:
        expected = self.last_seen.get(key) if swap else None
        start, end, done = time.monotonic(), UNKNOWN, True
        try:
            self.put(key, value, expected, swap=swap)
            end = time.monotonic()
        except ClientError as error:
            code = error.response["Error"]["Code"]
            if code == NOT_DONE:
                return
            if code == REFUSED:
                end, done = time.monotonic(), False
            else:
                time.sleep(UNANSWERED_SECONDS)
        except EndpointConnectionError:
            raise
        except BotoCoreError:
            time.sleep(UNANSWERED_SECONDS)
        self.note(
            key,
            Operation(
                kind="swap" if swap else "put",
                value=value,
                expected=expected,
                done=done,
                start=start,
                end=end,
            ),
        )

    def put(self, key: str, value: int, expected: int | None, *, swap: bool) -> None:
        condition: dict[str, Any] = {}
        if swap and expected is None:
            condition = {"ConditionExpression": "attribute_not_exists(PK)"}
        elif swap:
            condition = {
                "ConditionExpression": "v = :expected",
                "ExpressionAttributeValues": {":expected": number(expected or 0)},
            }
        self.client.put_item(
            TableName=TABLE, Item={"PK": text(key), "v": number(value)}, **condition
        )

    def note(self, key: str, operation: Operation) -> None:
        self.history.setdefault(key, []).append(operation)


def _was_sent(call: Callable[[], object]) -> bool:
    try:
        call()
    except EndpointConnectionError:
        return False
    return True


def test_what_clients_see_of_an_item_is_one_order_of_calls_whatever_fails(start: Start) -> None:
    own = start(lag_ms=300, jitter_ms=200)
    own.create_strong_table(TABLE)
    kinds = ("pause", "way", "engine", "sandbox")
    _check_history(own, kinds=kinds, calls=CALLS_AMID_KILLS)


def test_with_a_witness_it_is_one_order_of_calls_as_well(start: Start) -> None:
    own = start(lag_ms=300, jitter_ms=200)
    own.create_strong_table(TABLE, witness=REGIONS[2])
    _check_history(own, kinds=("pause", "way", "engine"), regions=REGIONS[:2])


def _check_history(
    own: RunningSandbox,
    *,
    kinds: tuple[str, ...],
    regions: tuple[str, ...] = REGIONS,
    calls: int = CALLS,
) -> None:
    seed = random.randrange(10**6)
    chance = random.Random(seed)
    callers = [
        Caller(
            client=own.client(region),
            number=place,
            random=random.Random(chance.random()),
            calls=calls,
        )
        for place, region in enumerate(regions * 2)
    ]
    with ThreadPoolExecutor(1) as pool:
        working = pool.submit(side_by_side, [caller.run for caller in callers])
        while not working.done():
            _break_something(own, chance, kinds)
        working.result()
    own.control.resume()
    _read_all(own, callers, regions)
    for key in {key for caller in callers for key in caller.history}:
        history = [each for caller in callers for each in caller.history.get(key, ())]
        in_order = sorted(history, key=lambda each: each.start)
        assert linearizable(history), f"seed {seed}, {key}: {in_order}"
    assert own.control.conflicts() == []


def _break_something(own: RunningSandbox, chance: random.Random, kinds: tuple[str, ...]) -> None:
    region = chance.choice(REGIONS)
    match chance.choice(kinds):
        case "pause":
            own.control.pause(region)
            time.sleep(chance.random() / 5)
            own.control.resume(region)
        case "way":
            source, target = chance.sample(REGIONS, 2)
            own.control.pause_way(source, target)
            time.sleep(chance.random() / 5)
            own.control.resume_way(source, target)
        case "engine":
            own.kill_engine(region)
        case "sandbox":
            own.kill()
            own.restart()
    time.sleep(chance.random() / 5)


def _read_all(own: RunningSandbox, callers: list[Caller], regions: tuple[str, ...]) -> None:
    """Every item once more in every region, when nothing is broken any more."""
    for caller in callers[: len(regions)]:
        for place in range(KEYS):
            wait_until(partial(caller.read, f"key-{place}"), "a strong read")
    own.drain()
    for region in regions[1:]:
        assert own.scan(TABLE, region) == own.scan(TABLE, regions[0])


@dataclass
class Counter:
    """Writes 1, 2, 3 … into one item until the sandbox is killed.

    What is answered with an error is written once more: the regions may be slow to hear of it.
    """

    client: Any
    region: str
    acknowledged: int = 0

    def run(self) -> None:
        with suppress(BotoCoreError):
            while True:
                with suppress(ClientError):
                    self._write(self.acknowledged + 1)
                    self.acknowledged += 1

    def _write(self, value: int) -> None:
        self.client.put_item(TableName=TABLE, Item={"PK": text(self.region), "v": number(value)})

    def check(self, client: Any) -> None:
        """The item is what was acknowledged last, or what was under way then."""
        answer = client.get_item(
            TableName=TABLE, Key={"PK": text(self.region)}, ConsistentRead=True
        )
        stored = int(answer["Item"]["v"]["N"])
        assert stored in (self.acknowledged, self.acknowledged + 1)
        self.acknowledged = stored


def test_an_acknowledged_write_is_read_in_every_region_at_once_after_a_kill(start: Start) -> None:
    own = start(lag_ms=LONG_LAG_MS)
    own.create_strong_table(TABLE)
    counters = [Counter(client=own.client(region), region=region) for region in REGIONS]
    for enough in (5, 20):
        writing = [threading.Thread(target=counter.run) for counter in counters]
        for thread in writing:
            thread.start()
        wait_until(partial(_all_reached, counters, enough), "the counters")
        own.kill()
        for thread in writing:
            thread.join()
        own.start()
        for region in REGIONS:
            for counter in counters:
                counter.check(own.client(region))
    own.deliver()
    assert own.scan(TABLE, REGIONS[0]) == own.scan(TABLE, REGIONS[1]) == own.scan(TABLE, REGIONS[2])
    assert own.control.conflicts() == []


def _all_reached(counters: list[Counter], value: int) -> bool:
    return all(counter.acknowledged >= value for counter in counters)


# The checker itself


def put(value: int, start: float, end: float) -> Operation:
    return Operation(kind="put", value=value, start=start, end=end)


def seen(value: int | None, start: float, end: float) -> Operation:
    return Operation(kind="read", value=value, start=start, end=end)


def test_the_checker_takes_a_read_during_a_write_for_either_value() -> None:
    assert linearizable([put(1, 0, 9), seen(None, 1, 2), seen(1, 3, 4)])


def test_the_checker_rejects_a_value_that_goes_away_again() -> None:
    assert not linearizable([put(1, 0, 9), seen(1, 1, 2), seen(None, 3, 4)])


def test_the_checker_rejects_a_read_that_misses_an_acknowledged_write() -> None:
    assert not linearizable([put(1, 0, 1), seen(None, 2, 3)])


def test_the_checker_lets_a_write_of_unknown_outcome_happen_late_or_never() -> None:
    unknown = put(1, 0, UNKNOWN)
    assert linearizable([unknown, seen(None, 1, 2)])
    assert linearizable([unknown, seen(None, 1, 2), put(2, 3, 4), seen(1, 5, 6)])
    assert not linearizable([unknown, seen(1, 1, 2), seen(None, 3, 4)])


def test_the_checker_rejects_two_swaps_of_one_value() -> None:
    first = Operation(kind="swap", value=1, expected=None, start=0, end=5)
    second = Operation(kind="swap", value=2, expected=None, start=1, end=5)
    assert not linearizable([first, second])
    refused = Operation(kind="swap", value=2, expected=None, done=False, start=1, end=5)
    assert linearizable([first, refused])


def test_the_checker_is_quick_though_the_outcome_of_most_writes_is_unknown() -> None:
    """As when a sandbox is killed again and again: each of them may be done at any time."""
    unknown = [put(value, value / 100, UNKNOWN) for value in range(40)]
    expected = Operation(kind="swap", value=99, expected=7, done=False, start=4, end=5)
    assert linearizable([*unknown, seen(7, 1, 2), expected, seen(3, 6, 7)])
    assert not linearizable([*unknown, seen(7, 1, 2), seen(3, 3, 4), expected, seen(7, 6, 7)])


kinds = st.sampled_from(("read", "put", "swap", "refused"))
operations = st.builds(
    lambda kind, value, expected, start, length: Operation(
        kind="swap" if kind == "refused" else kind,
        value=value,
        expected=expected if kind in ("swap", "refused") else None,
        done=kind != "refused",
        start=start,
        end=start + length if length or kind in ("read", "refused") else UNKNOWN,
    ),
    kinds,
    st.one_of(st.none(), st.integers(1, 5)),
    st.one_of(st.none(), st.integers(1, 5)),
    st.integers(0, 9),
    st.integers(0, 6),
)


@settings(deadline=None)
@given(st.lists(operations, max_size=5))
def test_the_checker_says_what_trying_every_order_says(history: list[Operation]) -> None:
    """Values written are each write's own, as they are where it is used."""
    own = [
        each if each.kind == "read" else replace(each, value=place)
        for place, each in enumerate(history, 1)
    ]
    assert linearizable(own) == any(_holds(order) for order in permutations(own))


def _holds(order: tuple[Operation, ...]) -> bool:
    """Whether calls can have happened in this order, each write of unknown outcome or not."""
    if any(
        later.end < earlier.start
        for place, earlier in enumerate(order)
        for later in order[place + 1 :]
    ):
        return False
    states: set[int | None] = {None}
    for each in order:
        done = {left for state in states for possible, left in [each.after(state)] if possible}
        states = done | states if each.end == UNKNOWN else done
    return bool(states)
