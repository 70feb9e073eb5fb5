"""The sandbox's memory: versions, intents, outbox, stream records, replicas and conflicts.

One SQLite file, used by one process from one thread. With write-ahead logging a commit is in the
operating system's hands before the call returns, so it outlives a SIGKILL of this process.
"""

import json
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from gtsite.sandbox.versions import Image, Version

ReplicaStatus = Literal["CREATING", "ACTIVE", "UPDATING", "DELETING"]
GlobalTableVersion = Literal["2017.11.29", "2019.11.21"]
Consistency = Literal["EVENTUAL", "STRONG"]

LEDGER_VERSION = 2
"""Counts the changes of the schema below; a folder from before one cannot be read."""

SCHEMA = """
CREATE TABLE IF NOT EXISTS replicas (
    table_name TEXT NOT NULL, region TEXT NOT NULL, body TEXT NOT NULL,
    PRIMARY KEY (table_name, region)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS versions (
    region TEXT NOT NULL, table_name TEXT NOT NULL, item_key TEXT NOT NULL,
    time INTEGER NOT NULL, origin TEXT NOT NULL, seen TEXT NOT NULL, deleted INTEGER NOT NULL,
    PRIMARY KEY (region, table_name, item_key)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS intents (
    id INTEGER PRIMARY KEY AUTOINCREMENT, region TEXT NOT NULL, table_name TEXT NOT NULL,
    item_key TEXT NOT NULL, key TEXT NOT NULL, before TEXT, delivery INTEGER
);
CREATE TABLE IF NOT EXISTS outbox (
    id INTEGER PRIMARY KEY AUTOINCREMENT, source TEXT NOT NULL, target TEXT NOT NULL,
    table_name TEXT NOT NULL, item_key TEXT NOT NULL, key TEXT NOT NULL, image TEXT,
    time INTEGER NOT NULL, origin TEXT NOT NULL, seen TEXT NOT NULL,
    written_at INTEGER NOT NULL, due_at INTEGER NOT NULL
);
CREATE INDEX IF NOT EXISTS outbox_due ON outbox (source, target, due_at, id);
CREATE INDEX IF NOT EXISTS outbox_item ON outbox (source, target, table_name, item_key);
CREATE TABLE IF NOT EXISTS stream_records (
    id INTEGER PRIMARY KEY AUTOINCREMENT, region TEXT NOT NULL, table_name TEXT NOT NULL,
    label TEXT NOT NULL, event TEXT NOT NULL, key TEXT NOT NULL, before TEXT, after TEXT,
    written_at INTEGER NOT NULL
);
CREATE INDEX IF NOT EXISTS stream_position ON stream_records (region, table_name, label, id);
CREATE TABLE IF NOT EXISTS conflicts (
    id INTEGER PRIMARY KEY AUTOINCREMENT, table_name TEXT NOT NULL, item_key TEXT NOT NULL,
    key TEXT NOT NULL, winner_region TEXT NOT NULL, winner_time INTEGER NOT NULL,
    loser_region TEXT NOT NULL, loser_time INTEGER NOT NULL, winner TEXT, loser TEXT,
    seen_at INTEGER NOT NULL,
    UNIQUE (table_name, item_key, winner_region, winner_time, loser_region, loser_time)
);
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Replica:
    """One region's copy of a table. `source` is the region it was back-filled from, or ''.

    `stream_label` and `stream_view` are '' while its stream is off; times are microseconds.
    `witness` is the region of its group's witness, '' where there is none.
    """

    table: str
    region: str
    key_names: tuple[str, ...]
    is_global: bool
    status: ReplicaStatus
    source: str
    created_at: int
    stream_label: str
    stream_view: str
    ttl_attribute: str
    version: GlobalTableVersion = "2019.11.21"
    consistency: Consistency = "EVENTUAL"
    witness: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Intent:
    """A write that an engine may have applied; `delivery` is the outbox row it applies, if any."""

    id: int
    region: str
    table: str
    item_key: str
    key: dict[str, Any]
    before: Image | None
    delivery: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """One item image on its way from one region to another; `image` None is a delete."""

    id: int
    source: str
    target: str
    table: str
    item_key: str
    key: dict[str, Any]
    image: Image | None
    version: Version
    written_at: int
    due_at: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What one write did to one item in one region: images before and after, None for no item."""

    region: str
    table: str
    item_key: str
    key: dict[str, Any]
    before: Image | None
    after: Image | None
    version: Version


@dataclass(frozen=True, slots=True, kw_only=True)
class Conflict:
    """Two writes that did not know each other; the winner stands everywhere, None is a delete."""

    table: str
    item_key: str
    key: dict[str, Any]
    winner: Version
    winner_image: Image | None
    loser: Version
    loser_image: Image | None
    seen_at: int


class LedgerOutdated(Exception):
    """The ledger was written by another version of the sandbox, with other columns."""


class Ledger:
    """Every method is one transaction; `together()` makes several into one.

    Nothing is awaited inside `together()`: another task's writes would become part of it.
    """

    def __init__(self, file: Path | None) -> None:
        self._db = sqlite3.connect(file or ":memory:", isolation_level=None)
        self._db.row_factory = sqlite3.Row
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA synchronous = NORMAL")
        self._check_version()
        self._db.executescript(SCHEMA)
        self._replicas = {
            (replica.region, replica.table): replica for replica in self._stored_replicas()
        }

    def close(self) -> None:
        self._db.close()

    def _check_version(self) -> None:
        """Refuse a ledger of another version of the sandbox; mark a new one."""
        known = self._db.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
        version = self._db.execute("PRAGMA user_version").fetchone()[0]
        if known and version != LEDGER_VERSION:
            raise LedgerOutdated(
                "The data in this folder was kept by another version of the sandbox: "
                "delete the folder, or choose another one."
            )
        self._db.execute(f"PRAGMA user_version = {LEDGER_VERSION}")

    @contextmanager
    def together(self) -> Iterator[None]:
        if self._db.in_transaction:
            yield
            return
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._db.execute("COMMIT")
        except BaseException:
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
            raise

    # Replicas

    def replica(self, region: str, table: str) -> Replica | None:
        return self._replicas.get((region, table))

    def replicas(self, table: str | None = None) -> list[Replica]:
        """Replicas of one table, or of all, oldest first."""
        found = [each for each in self._replicas.values() if table in (None, each.table)]
        return sorted(found, key=lambda each: (each.table, each.created_at))

    def group(self, region: str, table: str) -> list[Replica]:
        """The replicas of the global table this one belongs to; itself where it is regional."""
        own = self.replica(region, table)
        if own is None:
            return []
        return [each for each in self.replicas(table) if each.is_global] if own.is_global else [own]

    def peers(self, region: str, table: str) -> list[str]:
        """The other regions that a write in this one has to reach."""
        members = self.group(region, table)
        return [each.region for each in members if each.region != region]

    def save_replica(self, replica: Replica) -> None:
        self._db.execute(
            "INSERT OR REPLACE INTO replicas VALUES (?, ?, ?)",
            (replica.table, replica.region, json.dumps(asdict(replica))),
        )
        self._replicas[(replica.region, replica.table)] = replica

    def remove_replica(self, region: str, table: str) -> None:
        """Forget a replica and what was meant for it; what it still owes its peers stays."""
        with self.together():
            own = (region, table)
            self._db.execute("DELETE FROM replicas WHERE region = ? AND table_name = ?", own)
            self._db.execute("DELETE FROM versions WHERE region = ? AND table_name = ?", own)
            self._db.execute("DELETE FROM stream_records WHERE region = ? AND table_name = ?", own)
            self._db.execute("DELETE FROM intents WHERE region = ? AND table_name = ?", own)
            self._db.execute("DELETE FROM outbox WHERE target = ? AND table_name = ?", own)
        self._replicas.pop((region, table), None)

    def _stored_replicas(self) -> Iterator[Replica]:
        for row in self._db.execute("SELECT body FROM replicas"):
            body = json.loads(row["body"])
            yield Replica(**{**body, "key_names": tuple(body["key_names"])})

    # Versions and intents

    def version(self, region: str, table: str, item_key: str) -> Version | None:
        """The newest write this replica has of the item, a delete's included."""
        row = self._db.execute(
            "SELECT time, origin, seen FROM versions "
            "WHERE region = ? AND table_name = ? AND item_key = ?",
            (region, table, item_key),
        ).fetchone()
        return None if row is None else _version(row)

    def save_version(self, change: Change) -> None:
        version = change.version
        self._db.execute(
            "INSERT OR REPLACE INTO versions VALUES (?, ?, ?, ?, ?, ?, ?)",
            (
                change.region,
                change.table,
                change.item_key,
                version.time,
                version.region,
                json.dumps(version.seen),
                change.after is None,
            ),
        )

    def copy_tombstones(self, table: str, source: str, target: str) -> None:
        """Let a new replica know the deletes its source knows, or a late put would undo them."""
        self._db.execute(
            "INSERT OR REPLACE INTO versions SELECT ?, table_name, item_key, time, origin, seen, "
            "deleted FROM versions WHERE region = ? AND table_name = ? AND deleted",
            (target, source, table),
        )

    def open_intents(
        self,
        region: str,
        wanted: Iterable[tuple[str, str, dict[str, Any], Image | None]],
        delivery: int | None = None,
    ) -> list[Intent]:
        """Note writes before an engine is asked: (table, item key, key, image before) each."""
        intents = []
        with self.together():
            for table, item_key, key, before in wanted:
                cursor = self._db.execute(
                    "INSERT INTO intents (region, table_name, item_key, key, before, delivery) "
                    "VALUES (?, ?, ?, ?, ?, ?)",
                    (region, table, item_key, json.dumps(key), _text(before), delivery),
                )
                intents.append(
                    Intent(
                        id=cursor.lastrowid or 0,
                        region=region,
                        table=table,
                        item_key=item_key,
                        key=key,
                        before=before,
                        delivery=delivery,
                    )
                )
        return intents

    def close_intents(self, intents: Iterable[Intent]) -> None:
        with self.together():
            self._db.executemany(
                "DELETE FROM intents WHERE id = ?", [(intent.id,) for intent in intents]
            )

    def intents(self) -> list[Intent]:
        """Writes that no commit followed, oldest first: what a restart has to settle."""
        return [
            Intent(
                id=row["id"],
                region=row["region"],
                table=row["table_name"],
                item_key=row["item_key"],
                key=json.loads(row["key"]),
                before=_image(row["before"]),
                delivery=row["delivery"],
            )
            for row in self._db.execute("SELECT * FROM intents ORDER BY id")
        ]

    # Outbox

    def enqueue(self, change: Change, source: str, target: str, *, now: int, due_at: int) -> None:
        """Owe `target` this image: not before `due_at`, nor before an older one of the item."""
        version = change.version
        self._db.execute(
            "INSERT INTO outbox (source, target, table_name, item_key, key, image, time, origin, "
            "seen, written_at, due_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, max(?, coalesce("
            "(SELECT max(due_at) FROM outbox WHERE source = ? AND target = ? AND table_name = ? "
            "AND item_key = ?), 0)))",
            (
                source,
                target,
                change.table,
                change.item_key,
                json.dumps(change.key),
                _text(change.after),
                version.time,
                version.region,
                json.dumps(version.seen),
                now,
                due_at,
                source,
                target,
                change.table,
                change.item_key,
            ),
        )

    def copy_backlog(self, table: str, target: str, *, due_at: int) -> None:
        """Owe a new replica, too, everything that is still on its way between the others."""
        self._db.execute(
            "INSERT INTO outbox (source, target, table_name, item_key, key, image, time, origin, "
            "seen, written_at, due_at) SELECT source, ?, table_name, item_key, key, image, time, "
            "origin, seen, written_at, ? FROM outbox WHERE table_name = ? AND target <> ? "
            "AND source <> ? GROUP BY source, item_key, time, origin ORDER BY id",
            (target, due_at, table, target, target),
        )

    def delivery(self, row_id: int) -> Delivery | None:
        row = self._db.execute("SELECT * FROM outbox WHERE id = ?", (row_id,)).fetchone()
        return None if row is None else _delivery(row)

    def due(self, source: str, target: str, now: int, limit: int) -> list[Delivery]:
        """What is due on one way: the oldest of each item, in the order of writing."""
        rows = self._db.execute(
            "SELECT *, min(id) FROM (SELECT * FROM outbox WHERE source = ? AND target = ? "
            "AND due_at <= ? ORDER BY due_at, id LIMIT ?) "
            "GROUP BY table_name, item_key ORDER BY id",
            (source, target, now, limit),
        )
        return [_delivery(row) for row in rows]

    def next_due(self, source: str, target: str) -> int | None:
        row = self._db.execute(
            "SELECT min(due_at) FROM outbox WHERE source = ? AND target = ?", (source, target)
        ).fetchone()
        due_at: int | None = row[0]
        return due_at

    def hasten(self, source: str, target: str, lag: int) -> None:
        """Let what waits on this way wait no longer than `lag` microseconds after its writing."""
        self._db.execute(
            "UPDATE outbox SET due_at = min(due_at, written_at + ?) "
            "WHERE source = ? AND target = ?",
            (lag, source, target),
        )

    def delivered(self, delivery: Delivery) -> None:
        self._db.execute("DELETE FROM outbox WHERE id = ?", (delivery.id,))

    def pairs(self) -> list[tuple[str, str]]:
        """(source, target) of every way that something is waiting on."""
        rows = self._db.execute("SELECT DISTINCT source, target FROM outbox")
        return [(row["source"], row["target"]) for row in rows]

    def backlog(self) -> dict[tuple[str, str], tuple[int, int]]:
        """(source, target) → (images waiting, when the oldest was written in microseconds)."""
        rows = self._db.execute(
            "SELECT source, target, count(*) AS waiting, min(written_at) AS oldest "
            "FROM outbox GROUP BY source, target"
        )
        return {(row["source"], row["target"]): (row["waiting"], row["oldest"]) for row in rows}

    def last_owed(self) -> int:
        """The newest outbox row: what is owed up to here is what `still_owed` asks about."""
        last: int = self._db.execute("SELECT coalesce(max(id), 0) FROM outbox").fetchone()[0]
        return last

    def still_owed(self, table: str, target: str, up_to: int) -> bool:
        row = self._db.execute(
            "SELECT 1 FROM outbox WHERE table_name = ? AND target = ? AND id <= ? LIMIT 1",
            (table, target, up_to),
        ).fetchone()
        return row is not None

    # Streams

    def record(self, change: Change, label: str, *, now: int) -> None:
        """Append a stream record; a write that changed nothing leaves none."""
        if change.before == change.after:
            return
        event = "INSERT" if change.before is None else "MODIFY"
        self._db.execute(
            "INSERT INTO stream_records (region, table_name, label, event, key, before, after, "
            "written_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (
                change.region,
                change.table,
                label,
                "REMOVE" if change.after is None else event,
                json.dumps(change.key),
                _text(change.before),
                _text(change.after),
                now,
            ),
        )

    def stream(
        self, region: str, table: str, label: str, *, after: int, limit: int
    ) -> list[dict[str, Any]]:
        """Records behind position `after`, in order: id, event, key, before, after, written_at."""
        rows = self._db.execute(
            "SELECT id, event, key, before, after, written_at FROM stream_records "
            "WHERE region = ? AND table_name = ? AND label = ? AND id > ? ORDER BY id LIMIT ?",
            (region, table, label, after, limit),
        )
        return [
            {
                "id": row["id"],
                "event": row["event"],
                "key": json.loads(row["key"]),
                "before": _image(row["before"]),
                "after": _image(row["after"]),
                "written_at": row["written_at"],
            }
            for row in rows
        ]

    def stream_end(self, region: str, table: str, label: str) -> int:
        """The position behind the stream's newest record: where LATEST starts."""
        row = self._db.execute(
            "SELECT coalesce(max(id), 0) FROM stream_records "
            "WHERE region = ? AND table_name = ? AND label = ?",
            (region, table, label),
        ).fetchone()
        end: int = row[0]
        return end

    def trim(self, before: int) -> None:
        """Drop stream records and idle tombstones older than `before` (microseconds)."""
        with self.together():
            self._db.execute("DELETE FROM stream_records WHERE written_at < ?", (before,))
            self._db.execute(
                "DELETE FROM versions WHERE deleted AND time < ? AND NOT EXISTS (SELECT 1 FROM "
                "outbox WHERE outbox.table_name = versions.table_name)",
                (before,),
            )

    # Conflicts

    def report(self, conflict: Conflict) -> None:
        """Keep a conflict once, however many replicas meet it."""
        self._db.execute(
            "INSERT OR IGNORE INTO conflicts (table_name, item_key, key, winner_region, "
            "winner_time, loser_region, loser_time, winner, loser, seen_at) "
            "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                conflict.table,
                conflict.item_key,
                json.dumps(conflict.key),
                conflict.winner.region,
                conflict.winner.time,
                conflict.loser.region,
                conflict.loser.time,
                _text(conflict.winner_image),
                _text(conflict.loser_image),
                conflict.seen_at,
            ),
        )

    def conflicts(self, limit: int) -> list[dict[str, Any]]:
        """Newest first."""
        rows = self._db.execute("SELECT * FROM conflicts ORDER BY id DESC LIMIT ?", (limit,))
        return [
            {
                "table": row["table_name"],
                "key": json.loads(row["key"]),
                "winner": {
                    "region": row["winner_region"],
                    "time_us": row["winner_time"],
                    "image": _image(row["winner"]),
                },
                "loser": {
                    "region": row["loser_region"],
                    "time_us": row["loser_time"],
                    "image": _image(row["loser"]),
                },
                "seen_at_us": row["seen_at"],
            }
            for row in rows
        ]

    def conflict_count(self) -> int:
        count: int = self._db.execute("SELECT count(*) FROM conflicts").fetchone()[0]
        return count


def _text(image: Mapping[str, Any] | None) -> str | None:
    return None if image is None else json.dumps(image, separators=(",", ":"))


def _image(text: str | None) -> Image | None:
    return None if text is None else json.loads(text)


def _version(row: sqlite3.Row) -> Version:
    return Version(time=row["time"], region=row["origin"], seen=json.loads(row["seen"]))


def _delivery(row: sqlite3.Row) -> Delivery:
    return Delivery(
        id=row["id"],
        source=row["source"],
        target=row["target"],
        table=row["table_name"],
        item_key=row["item_key"],
        key=json.loads(row["key"]),
        image=_image(row["image"]),
        version=_version(row),
        written_at=row["written_at"],
        due_at=row["due_at"],
    )


__all__: Sequence[str] = (
    "Change",
    "Conflict",
    "Delivery",
    "Intent",
    "Ledger",
    "LedgerOutdated",
    "Replica",
)
