"""What the sandbox says of itself: its regions, the ways between them, its tables, its dials."""

import os
import time
from pathlib import Path
from statistics import quantiles
from typing import Any

from gtsite.sandbox.data_plane.replication import Pair
from gtsite.sandbox.endpoints.listeners import HOST
from gtsite.sandbox.ledger.ledger import Replica
from gtsite.sandbox.sandbox import Sandbox

STARTED_AT = time.monotonic()
KB_PER_MB = 1024


def status(sandbox: Sandbox) -> dict[str, Any]:
    """Everything as JSON; times in milliseconds unless they are named otherwise.

    Configured regions come first, in their order, then those that were started when asked for.
    """
    configured = [name for name in sandbox.config.regions if name in sandbox.gateways]
    started = sorted(set(sandbox.gateways) - set(configured))
    return {
        "engine": sandbox.engine.name,
        "durable": sandbox.engine.durable,
        "endpoint": f"http://{HOST}:{sandbox.config.port}",
        "lag_ms": sandbox.replication.lag_ms,
        "wan": sandbox.wan,
        "strict": sandbox.config.strict,
        "clock_ahead_seconds": sandbox.clock.ahead // 1_000_000,
        "regions": [_region_status(sandbox, name) for name in (*configured, *started)],
        "pairs": _pairs(sandbox),
        "tables": [_table_status(replica) for replica in sandbox.ledger.replicas()],
        "conflicts": sandbox.ledger.conflict_count(),
        **_process_status(sandbox),
    }


def _region_status(sandbox: Sandbox, name: str) -> dict[str, Any]:
    config, engine, faults = sandbox.config, sandbox.gateways[name].engine, sandbox.faults
    own = name in config.regions
    trouble = faults.trouble(name)
    return {
        "name": name,
        "endpoint": f"http://{HOST}:{config.region_port(name)}" if own else "",
        "fault": faults.of(name),
        "error_rate": trouble.error_rate,
        "error_status": trouble.error_status,
        "executed_rate": trouble.executed_rate,
        "slow_ms": trouble.slow_ms,
        "paused": faults.paused(name),
        "skew_ms": sandbox.clock.skew_of(name) // 1000,
        "engine": "running" if engine.running else "starting",
        "pid": engine.pid,
        "refused": sandbox.gateways[name].refused(),
    }


def _pairs(sandbox: Sandbox) -> list[dict[str, Any]]:
    backlog, now = sandbox.ledger.backlog(), sandbox.clock.travelled()
    paused = sandbox.faults.paused_ways()
    return [
        _pair_status(pair, backlog.get((pair.source, pair.target)), now)
        | {
            "flowing": sandbox.faults.reachable(pair.source, pair.target),
            "paused": (pair.source, pair.target) in paused,
        }
        for pair in sandbox.replication.pairs()
    ]


def _pair_status(pair: Pair, waiting: tuple[int, int] | None, now: int) -> dict[str, Any]:
    """`waiting`: how many images, and when the oldest was written (microseconds, like `now`)."""
    count, oldest = waiting or (0, now)
    return {
        "source": pair.source,
        "target": pair.target,
        "lag_ms": pair.lag_ms,
        "jitter_ms": pair.jitter_ms,
        "backlog": count,
        "oldest_ms": max(0, now - oldest) // 1000,
        "delivered": pair.delivered,
        "last_ms": round(pair.latencies_ms[-1], 1) if pair.latencies_ms else None,
        "latency_ms": _percentiles(list(pair.latencies_ms)),
    }


def _table_status(replica: Replica) -> dict[str, Any]:
    """`version` and `consistency` are those of the group, '' where the table is in none."""
    return {
        "table": replica.table,
        "region": replica.region,
        "status": replica.status,
        "global": replica.is_global,
        "version": replica.version if replica.is_global else "",
        "consistency": replica.consistency if replica.is_global else "",
        "witness": replica.witness,
    }


def _process_status(sandbox: Sandbox) -> dict[str, Any]:
    engines = [gateway.engine.pid for gateway in sandbox.gateways.values()]
    sizes = [_memory_kb(pid) for pid in (os.getpid(), *filter(None, engines))]
    known = [size for size in sizes if size is not None]
    return {
        "pid": os.getpid(),
        "uptime_seconds": round(time.monotonic() - STARTED_AT, 1),
        "memory_mb": round(sum(known) / KB_PER_MB, 1) if known else None,
    }


def _memory_kb(pid: int) -> int | None:
    """What a process holds in memory (Linux); None where nobody can tell."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return None
    return next((int(line.split()[1]) for line in lines if line.startswith("VmRSS:")), None)


def _percentiles(latencies_ms: list[float]) -> dict[str, float]:
    """p50, p90 and p99 of the last deliveries; empty where there were fewer than two."""
    if len(latencies_ms) < 2:
        return {}
    cuts = quantiles(latencies_ms, n=100, method="inclusive")
    return {"p50": round(cuts[49], 1), "p90": round(cuts[89], 1), "p99": round(cuts[98], 1)}
