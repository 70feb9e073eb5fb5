"""What an idle sandbox takes, and how well a lag that was set is kept."""

import os
import subprocess
import threading
import time
from itertools import count
from pathlib import Path
from statistics import median

from benchmarks.calls import AWAY, HOME, TABLE, Caller, Figure, Pace, Report, percentile, sandbox

WARM_UP = 500
IDLE_SECONDS = 30.0
MEMORY_MB = 250
IDLE_PERCENT = 2.0
LAG_MS = 1000
LAG_SECONDS = 30.0
WRITES_PER_SECOND = 100.0
LOOK_SECONDS = 0.004
MEDIAN_OFF = 0.05
P99_OFF = 0.15


def idle() -> Report:
    """Memory and processor of all its processes, after some use, with three regions."""
    with sandbox(lag_ms=0) as own:
        own.create_table(TABLE)
        caller = Caller(own.port_of(HOME))
        for turn in range(WARM_UP):
            caller.put(f"k{turn}", turn)
        own.drain()
        family = _family(own.pid)
        before = sum(_processor_seconds(pid) for pid in family)
        time.sleep(IDLE_SECONDS)
        busy = 100 * (sum(_processor_seconds(pid) for pid in family) - before) / IDLE_SECONDS
        memory = sum(_memory_mb(pid) for pid in family)
    return Report(
        title="A sandbox with three regions that nobody asks anything",
        figures=[
            Figure(
                what=f"memory of its {len(family)} processes",
                measured=f"{memory:.0f} MB",
                target=f"under {MEMORY_MB} MB",
                kept=memory < MEMORY_MB,
            ),
            Figure(
                what="processor",
                measured=f"{busy:.2f} % of a core",
                target=f"under {IDLE_PERCENT:.0f} %",
                kept=busy < IDLE_PERCENT,
            ),
        ],
    )


def lag() -> Report:
    """From a write's answer to its record in the other region's stream, at 100 writes a second."""
    with sandbox(lag_ms=LAG_MS, jitter_ms=0) as own:
        own.create_table(TABLE)
        answered: dict[str, float] = {}
        seen: dict[str, float] = {}
        stopped = threading.Event()
        watcher = threading.Thread(
            target=_watch, args=(Caller(own.port_of(AWAY), AWAY), seen, stopped)
        )
        watcher.start()
        caller, pace = Caller(own.port_of(HOME)), Pace(WRITES_PER_SECOND)
        end = time.perf_counter() + LAG_SECONDS
        for turn in count():
            if time.perf_counter() > end:
                break
            pace.wait()
            caller.put(f"k{turn}", turn)
            answered[f"k{turn}"] = time.perf_counter()
        time.sleep(3 * LAG_MS / 1000)
        stopped.set()
        watcher.join()
    delays = [1000 * (seen[key] - at) for key, at in answered.items() if key in seen]
    return Report(
        title=f"A lag of {LAG_MS:,} ms at {WRITES_PER_SECOND:.0f} writes a second",
        figures=[
            Figure(
                what="writes seen",
                measured=f"{len(delays):,}",
                target=f"{len(answered):,}",
                kept=len(delays) == len(answered),
            ),
            _off("median of the visible delay", median(delays), MEDIAN_OFF),
            _off("p99", percentile(delays, 99), P99_OFF),
        ],
    )


def _off(what: str, delay_ms: float, allowed: float) -> Figure:
    off = abs(delay_ms / LAG_MS - 1)
    return Figure(
        what=what,
        measured=f"{delay_ms:.0f} ms ({100 * off:.1f} % off)",
        target=f"within {100 * allowed:.0f} %",
        kept=off <= allowed,
    )


def _watch(caller: Caller, seen: dict[str, float], stopped: threading.Event) -> None:
    """Note when each key's first record can be read; that is after its item can be."""
    service = "DynamoDBStreams"
    (listed,) = caller.ask("ListStreams", {"TableName": TABLE}, service)["Streams"]
    arn = listed["StreamArn"]
    shards = caller.ask("DescribeStream", {"StreamArn": arn}, service)["StreamDescription"]
    wanted = {"StreamArn": arn, "ShardId": shards["Shards"][-1]["ShardId"]}
    wanted["ShardIteratorType"] = "TRIM_HORIZON"
    iterator = caller.ask("GetShardIterator", wanted, service)["ShardIterator"]
    while not stopped.is_set():
        page = caller.ask("GetRecords", {"ShardIterator": iterator}, service)
        iterator = page["NextShardIterator"]
        now = time.perf_counter()
        for record in page["Records"]:
            seen.setdefault(record["dynamodb"]["Keys"]["PK"]["S"], now)
        time.sleep(LOOK_SECONDS)


def _family(pid: int) -> list[int]:
    """A process and all those under it."""
    shown = subprocess.run(
        ["ps", "-A", "-o", "pid=,ppid="], capture_output=True, text=True, check=True
    )
    parents = {
        int(child): int(parent) for child, parent in map(str.split, shown.stdout.splitlines())
    }
    found = [pid]
    for member in found:
        found += [child for child, parent in parents.items() if parent == member]
    return found


def _memory_mb(pid: int) -> float:
    shown = subprocess.run(
        ["ps", "-o", "rss=", "-p", str(pid)], capture_output=True, text=True, check=True
    )
    return int(shown.stdout) / 1024


def _processor_seconds(pid: int) -> float:
    """User and system time; Linux only."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
