"""How a sandbox's state is shown on a terminal."""

import json
from collections.abc import Iterable

from rich.table import Table

from gtsite.management.rendering import table
from gtsite.sandbox.client import Conflict, RegionStatus, Status, Waiting, Write

MOST_SHOWN = 500
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
    """Two lines for each: what won, how much later it was written, and what was lost."""
    headings = ("id", "table", "key", "", "region", "ms later", "image")
    found = table("Conflicts, newest first", *headings, right=["id", "ms later"])
    for each in conflicts:
        later = f"{(each.winner.time_us - each.loser.time_us) / 1000:.0f}"
        won, lost = each.winner, each.loser
        key = _key(each.key)
        found.add_row(str(each.id), each.table, key, "won", won.region, later, _what(won))
        found.add_row("", "", "", "lost", lost.region, "", _what(lost))
    return found


def _what(write: Write) -> str:
    return "a delete" if write.image is None else _shown(_json(dict(write.image)))


def _key(key: object) -> str:
    """The key's values, partition key first."""
    values = key.values() if isinstance(key, dict) else ()
    return " / ".join(_shown(_json(next(iter(value.values())))[1:-1]) for value in values)


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)


def _shown(text: str) -> str:
    """Not without end, and without what would do something to the terminal."""
    safe = "".join(sign if sign.isprintable() else f"\\u{ord(sign):04x}" for sign in text)
    return safe if len(safe) <= MOST_SHOWN else f"{safe[:MOST_SHOWN]}…"


def _span(seconds: float) -> str:
    """The two largest units of a time: `1 d 2 h`, `3 min 20 s`."""
    parts = []
    rest = round(seconds)
    for size, unit in ((86_400, "d"), (3600, "h"), (60, "min"), (1, "s")):
        count, rest = divmod(rest, size)
        if count:
            parts.append(f"{count} {unit}")
    return " ".join(parts[:2]) or "0 s"
