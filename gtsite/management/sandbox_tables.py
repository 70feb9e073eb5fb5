"""How a sandbox's state is shown on a terminal."""

from collections.abc import Iterable

from rich.table import Table

from gtsite.management.rendering import table
from gtsite.sandbox.client import Conflict, RegionStatus, Status, Waiting, Write

AWAY = {"refuse": "refuses", "blackhole": "black hole", "reset": "resets"}


def region_table(status: Status) -> Table:
    found = table(f"Sandbox on {status.engine}", "region", "state", "engine", "endpoint")
    for each in status.regions:
        endpoint = each.endpoint or f"{status.endpoint} (shared)"
        found.add_row(each.name, state(each), each.engine, endpoint)
    return found


def state(region: RegionStatus) -> str:
    """Everything that is not as usual in a region, `up` where nothing is."""
    found = []
    if region.fault != "none":
        found.append(f"away ({AWAY.get(region.fault, region.fault)})")
    if region.error_rate:
        found.append(f"{region.error_rate:.0%} errors ({region.error_status})")
    if region.slow_ms:
        found.append(f"{region.slow_ms} ms slow")
    if region.paused:
        found.append("replication paused")
    if region.skew_ms:
        found.append(f"clock {region.skew_ms:+} ms")
    return ", ".join(found) or "up"


def pair_table(status: Status) -> Table:
    numbers = ("lag ms", "backlog", "oldest s", "p50 ms", "p99 ms")
    found = table("Replication", "from → to", *numbers, "", right=numbers)
    for pair in status.pairs:
        found.add_row(
            f"{pair.source} → {pair.target}",
            f"{pair.lag_ms} ± {pair.jitter_ms}",
            f"{pair.backlog:,}",
            f"{pair.oldest_ms / 1000:.1f}" if pair.backlog else "–",
            *(f"{pair.latency_ms[q]:.0f}" if q in pair.latency_ms else "–" for q in ("p50", "p99")),
            "" if pair.flowing else "held",
        )
    return found


def replica_table(status: Status) -> Table:
    found = table("Tables", "table", "region", "status", "version", "consistency", "witness")
    for each in status.replicas:
        found.add_row(
            each.table,
            each.region,
            each.status,
            each.version or "regional",
            each.consistency.lower() or "–",
            each.witness or "–",
        )
    return found


def dials(status: Status) -> str:
    """What is turned for the whole sandbox, in one line."""
    parts = [f"Up for {_span(status.uptime_seconds)}"]
    if status.memory_mb is not None:
        parts.append(f"{status.memory_mb:.0f} MB with its engines")
    if status.clock_ahead_seconds:
        parts.append(f"clock {_span(status.clock_ahead_seconds)} ahead")
    parts.append("distance counts" if status.wan else "distance costs nothing")
    if status.strict:
        parts.append("strict")
    parts.append(f"{status.conflicts:,} conflict{'' if status.conflicts == 1 else 's'}")
    return f"{', '.join(parts)}."


def backlog_table(waiting: Iterable[Waiting]) -> Table:
    found = table(
        "On their way, oldest first", "from → to", "table", "key", "what", "age s", right=["age s"]
    )
    for each in waiting:
        found.add_row(
            f"{each.source} → {each.target}",
            each.table,
            _key(each.key),
            "a delete" if each.delete else "an item",
            f"{each.age_ms / 1000:.1f}",
        )
    return found


def conflict_table(conflicts: Iterable[Conflict]) -> Table:
    headings = ("table", "key", "won in", "lost in", "apart ms", "what won", "what was lost")
    found = table("Conflicts, newest first", *headings, right=["apart ms"])
    for each in conflicts:
        found.add_row(
            each.table,
            _key(each.key),
            each.winner.region,
            each.loser.region,
            f"{(each.winner.time_us - each.loser.time_us) / 1000:.0f}",
            _what(each.winner),
            _what(each.loser),
        )
    return found


def _what(write: Write) -> str:
    return "a delete" if write.image is None else str(dict(write.image))


def _key(key: object) -> str:
    values = key.values() if isinstance(key, dict) else ()
    return " / ".join(str(next(iter(value.values()))) for value in values)


def _span(seconds: float) -> str:
    """The two largest units of a time: `1 d 2 h`, `3 min 20 s`."""
    parts = []
    rest = round(seconds)
    for size, unit in ((86_400, "d"), (3600, "h"), (60, "min"), (1, "s")):
        count, rest = divmod(rest, size)
        if count:
            parts.append(f"{count} {unit}")
    return " ".join(parts[:2]) or "0 s"
