"""What many items cost: a back-fill under load, and the hundred-thousandth write."""

import os
import threading
import time
from collections.abc import Callable
from itertools import count
from statistics import median
from typing import Any

from benchmarks.calls import (
    AWAY,
    HOME,
    PAYLOAD,
    TABLE,
    Caller,
    Figure,
    Pace,
    Report,
    alternating,
    bare_engine,
    middle,
    sandbox,
    timed,
)
from tests.support.sandbox import RunningSandbox, wait_until

ITEMS = int(os.environ.get("BENCH_ITEMS", "100000"))
WRITERS = 8
BATCH = 25
WRITES_PER_SECOND = 50.0
BEFORE_SECONDS = 15.0
BACKFILL_SECONDS = 600.0
WINDOW = 1000
DECAY = 1.2


def backfill() -> Report:
    """A replica of a table with many items is made while 50 writes a second go on."""
    with sandbox(lag_ms=1000) as own:
        own.create_table(TABLE, HOME)
        filled = timed(lambda: _in_threads(lambda share: _fill(own, share)))
        stopped = threading.Event()
        latencies: list[tuple[float, float]] = []
        writer = threading.Thread(target=_write_steadily, args=(own, stopped, latencies))
        writer.start()
        time.sleep(BEFORE_SECONDS)
        began = time.perf_counter()
        own.add_replica(TABLE, HOME, AWAY)
        wait_until(lambda: _active(own, AWAY), "the back-fill", BACKFILL_SECONDS)
        ended = time.perf_counter()
        stopped.set()
        writer.join()
        own.drain()
        counts = [_count(own, region) for region in (HOME, AWAY)]
    before = [taken for at, taken in latencies if at < began]
    during = [taken for at, taken in latencies if began <= at <= ended]
    return Report(
        title=f"{ITEMS:,} items back-filled while {WRITES_PER_SECOND:.0f} writes a second go on",
        figures=[
            Figure(what="filling the table first", measured=f"{filled / 1000:.0f} s"),
            Figure(
                what="the back-fill",
                measured=f"{ended - began:.1f} s",
                target="all items in both",
                kept=counts[0] == counts[1],
            ),
            Figure(what="items", measured=f"{counts[0]:,} and {counts[1]:,}"),
            Figure(what="a write before it", measured=middle(before)),
            Figure(what="a write during it", measured=middle(during)),
            Figure(
                what="writes during it",
                measured=f"{len(during) / (ended - began):.1f} a second",
                target=f"{WRITES_PER_SECOND:.0f} a second",
                kept=len(during) / (ended - began) >= 0.95 * WRITES_PER_SECOND,
            ),
        ],
    )


def decay() -> Report:
    """One caller's writes after the first thousand and after all, each into three regions.

    A small engine by itself is written to by turns with them: whatever else this machine did in
    the minutes between slows both, and their ratio is what the many writes have cost.
    """
    with bare_engine() as engine, sandbox(lag_ms=200) as own:
        own.create_table(TABLE)
        _in_threads(lambda share: _put_share(own, share, 0, WINDOW))
        first, first_alone = _window(own, engine.port, "first")
        began = time.perf_counter()
        _in_threads(lambda share: _put_share(own, share, WINDOW, ITEMS))
        rate = ITEMS / (time.perf_counter() - began)
        wait_until(lambda: own.control.status().backlog == 0, "the backlog", BACKFILL_SECONDS)
        last, last_alone = _window(own, engine.port, "last")
    ratio = median(last) / median(first)
    machine = median(last_alone) / median(first_alone)
    return Report(
        title=f"The {ITEMS:,}th write beside the {WINDOW:,}th",
        figures=[
            Figure(what=f"a write after {WINDOW:,}", measured=middle(first)),
            Figure(what=f"a write after {ITEMS:,}", measured=middle(last)),
            Figure(what="the later over the earlier", measured=f"{ratio:.2f} ×"),
            Figure(what="the same of a small bare engine", measured=f"{machine:.2f} ×"),
            Figure(
                what="one over the other",
                measured=f"{ratio / machine:.2f} ×",
                target=f"at most {DECAY:.1f} ×",
                kept=ratio / machine <= DECAY,
            ),
            Figure(what=f"{WRITERS} writers in between", measured=f"{rate:.0f} writes/s"),
        ],
    )


def _window(own: RunningSandbox, engine_port: int, name: str) -> tuple[list[float], list[float]]:
    behind, alone = Caller(own.port_of(HOME)), Caller(engine_port)
    times, times_alone = alternating(
        WINDOW,
        lambda turn: behind.put(f"{name}-{turn}", turn),
        lambda turn: alone.put(f"k{turn % 100}", turn),
    )
    own.drain()
    return times, times_alone


def _in_threads(work: Callable[[int], object]) -> None:
    threads = [threading.Thread(target=work, args=(share,)) for share in range(WRITERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def _put_share(own: RunningSandbox, share: int, first: int, last: int) -> None:
    caller = Caller(own.port_of(HOME))
    for place in range(first + share, last, WRITERS):
        caller.put(f"k{place}", place)


def _fill(own: RunningSandbox, share: int) -> None:
    caller = Caller(own.port_of(HOME))
    for first in range(share * BATCH, ITEMS, WRITERS * BATCH):
        puts = [
            {"PutRequest": {"Item": {"PK": {"S": f"k{place}"}, "payload": PAYLOAD}}}
            for place in range(first, min(first + BATCH, ITEMS))
        ]
        caller.ask("BatchWriteItem", {"RequestItems": {TABLE: puts}})


def _write_steadily(
    own: RunningSandbox, stopped: threading.Event, latencies: list[tuple[float, float]]
) -> None:
    """Every write's moment and milliseconds."""
    caller = Caller(own.port_of(HOME))
    pace = Pace(WRITES_PER_SECOND)
    for turn in count():
        if stopped.is_set():
            return
        pace.wait()
        at = time.perf_counter()
        caller.put(f"k{turn * 37 % ITEMS}", turn)
        latencies.append((at, 1000 * (time.perf_counter() - at)))


def _active(own: RunningSandbox, region: str) -> bool:
    replicas = own.control.status().raw["tables"]
    return any(each["region"] == region and each["status"] == "ACTIVE" for each in replicas)


def _count(own: RunningSandbox, region: str) -> int:
    caller = Caller(own.port_of(region), region)
    total = 0
    start: dict[str, Any] = {}
    while True:
        page = caller.ask("Scan", {"TableName": TABLE, "Select": "COUNT", **start})
        total += int(page["Count"])
        if "LastEvaluatedKey" not in page:
            return total
        start = {"ExclusiveStartKey": page["LastEvaluatedKey"]}
