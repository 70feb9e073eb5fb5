"""The sandbox's memory: versions, intents, outbox, stream records, replicas and conflicts.

One SQLite file, used by one process from one thread. With write-ahead logging a commit is in the
operating system's hands before the call returns, so it outlives a SIGKILL of this process.
"""

import json
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from gtsite.sandbox.ledger.deadlines import Deadlines
from gtsite.sandbox.ledger.records import (
    Change,
    Conflict,
    Consistency,
    Delivery,
    GlobalTableVersion,
    Intent,
    Phase,
    Replica,
    ReplicaStatus,
)
from gtsite.sandbox.ledger.stream_log import StreamLog
from gtsite.sandbox.versions import Image, Version

LEDGER_VERSION = 3
"""Counts the changes of the schema below; a folder from before one cannot be read."""

SCHEMA = """
CREATE TABLE IF NOT EXISTS settings (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS replicas (
    table_name TEXT NOT NULL, region TEXT NOT NULL, body TEXT NOT NULL,
    PRIMARY KEY (table_name, region)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS versions (
    region TEXT NOT NULL, table_name TEXT NOT NULL, item_key TEXT NOT NULL,
    time INTEGER NOT NULL, origin TEXT NOT NULL, seen TEXT NOT NULL, deleted INTEGER NOT NULL,
    image TEXT, PRIMARY KEY (region, table_name, item_key)
);
CREATE INDEX IF NOT EXISTS tombstones ON versions (time) WHERE deleted;
CREATE TABLE IF NOT EXISTS intents (
    id INTEGER PRIMARY KEY AUTOINCREMENT, region TEXT NOT NULL, table_name TEXT NOT NULL,
    item_key TEXT NOT NULL, key TEXT NOT NULL, delivery INTEGER,
    expired INTEGER NOT NULL
);
CREATE TABLE IF NOT EXISTS outbox (
    id INTEGER PRIMARY KEY AUTOINCREMENT, source TEXT NOT NULL, target TEXT NOT NULL,
    table_name TEXT NOT NULL, item_key TEXT NOT NULL, key TEXT NOT NULL, image TEXT,
    time INTEGER NOT NULL, origin TEXT NOT NULL, seen TEXT NOT NULL,
    written_at INTEGER NOT NULL, due_at INTEGER NOT NULL
);
CREATE INDEX IF NOT EXISTS outbox_due ON outbox (source, target, due_at, written_at);
CREATE INDEX IF NOT EXISTS outbox_item
    ON outbox (target, table_name, source, item_key, time, origin, due_at);
CREATE TABLE IF NOT EXISTS conflicts (
    id INTEGER PRIMARY KEY AUTOINCREMENT, table_name TEXT NOT NULL, item_key TEXT NOT NULL,
    key TEXT NOT NULL, winner_region TEXT NOT NULL, winner_time INTEGER NOT NULL,
    loser_region TEXT NOT NULL, loser_time INTEGER NOT NULL, winner TEXT, loser TEXT,
    seen_at INTEGER NOT NULL,
    UNIQUE (table_name, item_key, winner_region, winner_time, loser_region, loser_time)
);
"""


LARGEST_LOG = 16 * 1024 * 1024
"""Bytes that the write-ahead log may keep on disk when all of it has gone into the file."""
CACHE_KB = 32_000
MOST_CONFLICTS = 10_000
MOST_AT_ONCE = 500
"""Rows deleted in one go, so that nobody waits for it: what is left has its turn later."""


def witness_holder(region: str) -> str:
    """The name that a witness's versions are kept under: its region may have a table as well."""
    return f"witness {region}"


class LedgerOutdated(Exception):
    """The ledger was written by another version of the sandbox, with other columns."""


class Ledger:
    """Every method is one transaction; `together()` makes several into one.

    Nothing is awaited inside `together()`: another task's writes would become part of it.
    """

    def __init__(self, file: Path | None) -> None:
        self._db = sqlite3.connect(file or ":memory:", isolation_level=None)
        self._db.row_factory = sqlite3.Row
        self._db.execute("PRAGMA auto_vacuum = INCREMENTAL")
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute(f"PRAGMA journal_size_limit = {LARGEST_LOG}")
        self._db.execute(f"PRAGMA cache_size = -{CACHE_KB}")
        self._db.execute("PRAGMA synchronous = NORMAL")
        self._check_version()
        self._db.executescript(SCHEMA)
        self.streams = StreamLog(self._db)
        self.deadlines = Deadlines(self._db)
        self._replicas = self._stored_replicas()

    @property
    def database(self) -> sqlite3.Connection:
        """For questions that a module of their own asks."""
        return self._db

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
            self.streams.reload()
            self._replicas = self._stored_replicas()
            raise

    # The clock

    def ahead(self) -> int:
        """By how many microseconds the sandbox's clock was put ahead so far."""
        return self._setting("ahead")

    def put_ahead(self, leap: int) -> None:
        """Keep that the clock was put ahead; what is on its way does not arrive any earlier."""
        self._save_setting("ahead", self.ahead() + leap)

    def keep_moment(self, moment: int) -> None:
        """Note what the clock says, so that it is never told less after a restart."""
        if moment > self._setting("moment"):
            self._save_setting("moment", moment)

    def last_moment(self) -> int:
        """The latest moment of the clock that anything here knows of; 0 for none."""
        row = self._db.execute(
            "SELECT max(written_at) + ? FROM outbox HAVING count(*) UNION ALL "
            "SELECT * FROM (SELECT written_at FROM stream_records ORDER BY id DESC LIMIT 1)",
            (self.ahead(),),
        )
        return max([self._setting("moment"), *(int(found[0]) for found in row)])

    def _setting(self, name: str) -> int:
        row = self._db.execute("SELECT value FROM settings WHERE name = ?", (name,)).fetchone()
        return 0 if row is None else int(row["value"])

    def _save_setting(self, name: str, value: int) -> None:
        self._db.execute("INSERT OR REPLACE INTO settings VALUES (?, ?)", (name, value))

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
        if not own.is_global:
            return [own]
        return [
            each
            for each in self.replicas(table)
            if each.is_global and each.group_id == own.group_id
        ]

    def peers(self, region: str, table: str) -> list[str]:
        """The other regions that a write in this one has to reach."""
        members = self.group(region, table)
        return [each.region for each in members if each.region != region and each.has_joined]

    def save_replica(self, replica: Replica) -> None:
        """Keep a replica as it now is; its stream and its deadlines follow."""
        with self.together():
            self._db.execute(
                "INSERT OR REPLACE INTO replicas VALUES (?, ?, ?)",
                (replica.table, replica.region, json.dumps(asdict(replica))),
            )
            self._followed_by(self.replica(replica.region, replica.table), replica)
        self._replicas[(replica.region, replica.table)] = replica

    def _followed_by(self, before: Replica | None, after: Replica | None) -> None:
        self.streams.follow(before, after)
        self.deadlines.follow(before, after)

    def remove_replica(self, region: str, table: str) -> None:
        """Forget a replica and what was meant for it; what it still owes its peers stays.

        Its stream is turned off, and can be read for another day.
        """
        with self.together():
            own = (region, table)
            self._db.execute("DELETE FROM replicas WHERE region = ? AND table_name = ?", own)
            self._db.execute("DELETE FROM versions WHERE region = ? AND table_name = ?", own)
            leaving = self.replica(region, table)
            if leaving and leaving.witness:
                noted = (witness_holder(leaving.witness), table)
                self._db.execute("DELETE FROM versions WHERE region = ? AND table_name = ?", noted)
            self._followed_by(leaving, None)
            self._db.execute("DELETE FROM intents WHERE region = ? AND table_name = ?", own)
            self._db.execute("DELETE FROM outbox WHERE target = ? AND table_name = ?", own)
        self._replicas.pop((region, table), None)

    def _stored_replicas(self) -> dict[tuple[str, str], Replica]:
        bodies = [json.loads(row["body"]) for row in self._db.execute("SELECT body FROM replicas")]
        found = (Replica(**{**body, "key_names": tuple(body["key_names"])}) for body in bodies)
        return {(each.region, each.table): each for each in found}

    # Versions and intents

    def version(self, region: str, table: str, item_key: str) -> Version | None:
        """The newest write this replica has of the item, a delete's included."""
        row = self._db.execute(
            "SELECT time, origin, seen FROM versions "
            "WHERE region = ? AND table_name = ? AND item_key = ?",
            (region, table, item_key),
        ).fetchone()
        return None if row is None else _version(row)

    def image(self, region: str, table: str, item_key: str) -> Image | None:
        """The item as the last committed write left it, None where it is deleted or unheard of."""
        row = self._db.execute(
            "SELECT image FROM versions WHERE region = ? AND table_name = ? AND item_key = ?",
            (region, table, item_key),
        ).fetchone()
        return None if row is None else _image(row["image"])

    def save_version(self, change: Change) -> None:
        """Keep what an item is after a write, and which write that was."""
        version = change.version
        self._db.execute(
            "INSERT INTO versions VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET "
            "time = excluded.time, origin = excluded.origin, seen = excluded.seen, "
            "deleted = excluded.deleted, image = excluded.image",
            (
                change.region,
                change.table,
                change.item_key,
                version.time,
                version.region,
                json.dumps(version.seen),
                change.after is None,
                _text(change.after),
            ),
        )
        replica = self.replica(change.region, change.table)
        if replica and replica.ttl_attribute:
            self.deadlines.keep(change, replica.ttl_attribute)

    def copy_tombstones(self, table: str, source: str, target: str) -> None:
        """Let a new replica know the deletes its source knows, or a late put would undo them."""
        self._db.execute(
            "INSERT OR REPLACE INTO versions SELECT ?, table_name, item_key, time, origin, seen, "
            "deleted, NULL FROM versions WHERE region = ? AND table_name = ? AND deleted",
            (target, source, table),
        )

    def open_intents(
        self,
        region: str,
        wanted: Iterable[tuple[str, str, dict[str, Any], Image | None]],
        delivery: int | None = None,
        *,
        expired: bool = False,
    ) -> list[Intent]:
        """Note writes before an engine is asked: (table, item key, key, image before) each."""
        intents = []
        with self.together():
            for table, item_key, key, before in wanted:
                cursor = self._db.execute(
                    "INSERT INTO intents (region, table_name, item_key, key, delivery, expired) "
                    "VALUES (?, ?, ?, ?, ?, ?)",
                    (region, table, item_key, json.dumps(key), delivery, expired),
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
                        expired=expired,
                    )
                )
        return intents

    def close_intents(self, intents: Iterable[Intent]) -> set[int]:
        """Forget intents; the ids of those that were there, as they are until their table goes."""
        with self.together():
            return {
                intent.id
                for intent in intents
                if self._db.execute("DELETE FROM intents WHERE id = ?", (intent.id,)).rowcount
            }

    def intents(self) -> list[Intent]:
        """Writes that no commit followed, oldest first: what a restart has to settle."""
        return [
            Intent(
                id=row["id"],
                region=row["region"],
                table=row["table_name"],
                item_key=row["item_key"],
                key=json.loads(row["key"]),
                before=self.image(row["region"], row["table_name"], row["item_key"]),
                delivery=row["delivery"],
                expired=bool(row["expired"]),
            )
            for row in self._db.execute("SELECT * FROM intents ORDER BY id").fetchall()
        ]

    # Outbox

    def enqueue(self, change: Change, source: str, target: str, *, now: int, due_at: int) -> None:
        """Owe `target` this image: not before `due_at`, nor before an older one of the item."""
        version = change.version
        self._db.execute(
            "INSERT INTO outbox (source, target, table_name, item_key, key, image, time, origin, "
            "seen, written_at, due_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, max(?, coalesce("
            "(SELECT due_at FROM outbox WHERE source = ? AND target = ? AND table_name = ? "
            "AND item_key = ? ORDER BY time DESC, origin DESC LIMIT 1), 0)))",
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

    def copy_backlog(self, table: str, target: str, peers: Sequence[str], *, due_at: int) -> None:
        """Owe a new replica, too, everything that is still on its way to one of its peers.

        That may be from the region itself, where it had a replica before that wrote and went.
        """
        self._db.execute(
            "INSERT INTO outbox (source, target, table_name, item_key, key, image, time, origin, "
            "seen, written_at, due_at) SELECT source, ?, table_name, item_key, key, image, time, "
            "origin, seen, written_at, ? FROM outbox WHERE table_name = ? AND target IN "
            "(SELECT value FROM json_each(?)) GROUP BY source, item_key, time, origin ORDER BY id",
            (target, due_at, table, json.dumps(peers)),
        )

    def delivery(self, row_id: int) -> Delivery | None:
        row = self._db.execute("SELECT * FROM outbox WHERE id = ?", (row_id,)).fetchone()
        return None if row is None else _delivery(row)

    def waits(self, row_id: int) -> bool:
        """Whether an image still waits: it may have gone with a newer one, or with its table."""
        found = self._db.execute("SELECT 1 FROM outbox WHERE id = ?", (row_id,)).fetchone()
        return found is not None

    def due(self, source: str, target: str, now: int, limit: int) -> list[Delivery]:
        """What is due on one way: the newest of each item, which stands for all before it.

        `limit` is how many waiting images are looked at; those due first come first.
        """
        items = self._db.execute(
            "SELECT DISTINCT table_name, item_key FROM (SELECT table_name, item_key FROM outbox "
            "WHERE source = ? AND target = ? AND due_at <= ? ORDER BY due_at, written_at LIMIT ?)",
            (source, target, now, limit),
        ).fetchall()
        return [self._newest_due(source, target, now, *item) for item in items]

    def _newest_due(
        self, source: str, target: str, now: int, table: str, item_key: str
    ) -> Delivery:
        row = self._db.execute(
            "SELECT * FROM outbox WHERE target = ? AND table_name = ? AND source = ? "
            "AND item_key = ? AND +due_at <= ? ORDER BY time DESC, origin DESC LIMIT 1",
            (target, table, source, item_key, now),
        ).fetchone()
        return _delivery(row)

    def next_due(self, source: str, target: str) -> int | None:
        row = self._db.execute(
            "SELECT min(due_at) FROM outbox WHERE source = ? AND target = ?", (source, target)
        ).fetchone()
        due_at: int | None = row[0]
        return due_at

    def hasten(self, source: str, target: str, lag: int, limit: int) -> int:
        """Let what waits on this way wait no longer than `lag` microseconds after its writing.

        Those due first come first, so many at a time; returns how many.
        """
        return self._db.execute(
            "UPDATE outbox SET due_at = written_at + ? WHERE id IN (SELECT id FROM outbox "
            "WHERE source = ? AND target = ? AND due_at > written_at + ? "
            "ORDER BY due_at, written_at LIMIT ?)",
            (lag, source, target, lag, limit),
        ).rowcount

    def delivered(self, delivery: Delivery) -> None:
        """Forget an image that arrived, and with it what it stands for: older ones of its item."""
        self._db.execute(
            "DELETE FROM outbox WHERE id = ? OR id IN (SELECT id FROM outbox WHERE target = ? "
            "AND table_name = ? AND source = ? AND item_key = ? AND (time, origin) <= (?, ?) "
            "ORDER BY time LIMIT ?)",
            (
                delivery.id,
                delivery.target,
                delivery.table,
                delivery.source,
                delivery.item_key,
                delivery.version.time,
                delivery.version.region,
                MOST_AT_ONCE,
            ),
        )

    def postpone(self, delivery: Delivery, due_at: int) -> None:
        """Let one image wait for longer; a newer one of its item may come before it, and for it."""
        self._db.execute("UPDATE outbox SET due_at = ? WHERE id = ?", (due_at, delivery.id))

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

    def oldest_waiting(self, limit: int) -> list[dict[str, Any]]:
        """The images that wait for longest, in the order in which they were owed; microseconds."""
        rows = self._db.execute(
            "SELECT source, target, table_name, key, image IS NULL AS deleted, written_at, due_at "
            "FROM outbox ORDER BY id LIMIT ?",
            (limit,),
        )
        return [
            {
                "source": row["source"],
                "target": row["target"],
                "table": row["table_name"],
                "key": json.loads(row["key"]),
                "delete": bool(row["deleted"]),
                "written_at_us": row["written_at"],
                "due_at_us": row["due_at"],
            }
            for row in rows
        ]

    def waiting(self, source: str, target: str, table: str) -> int:
        """How many images of one table wait on one way."""
        row = self._db.execute(
            "SELECT count(*) FROM outbox WHERE source = ? AND target = ? AND table_name = ?",
            (source, target, table),
        ).fetchone()
        count: int = row[0]
        return count

    def expects(self, region: str, table: str, item_key: str) -> bool:
        """Whether an image of the item is on its way to this region."""
        return any(
            self._db.execute(
                "SELECT 1 FROM outbox WHERE source = ? AND target = ? AND table_name = ? "
                "AND item_key = ? LIMIT 1",
                (peer, region, table, item_key),
            ).fetchone()
            for peer in self.peers(region, table)
        )

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

    def owes(self, table: str, source: str, up_to: int) -> bool:
        """Whether a region still owes its peers something of what it owed at row `up_to`."""
        row = self._db.execute(
            "SELECT 1 FROM outbox WHERE table_name = ? AND source = ? AND id <= ? LIMIT 1",
            (table, source, up_to),
        ).fetchone()
        return row is not None

    def drop_owed(self, table: str, target: str) -> None:
        """Owe a region nothing more of a table: it is none of its group's any longer."""
        self._db.execute("DELETE FROM outbox WHERE table_name = ? AND target = ?", (table, target))

    def holds_items(self, region: str, table: str) -> bool:
        """Whether a replica has an item, or is being given one, as far as the ledger knows."""
        row = self._db.execute(
            "SELECT EXISTS (SELECT 1 FROM versions WHERE region = ? AND table_name = ? "
            "AND NOT deleted) OR EXISTS (SELECT 1 FROM intents WHERE region = ? "
            "AND table_name = ?)",
            (region, table, region, table),
        ).fetchone()
        return bool(row[0])

    # Conflicts

    def report(self, conflict: Conflict) -> None:
        """Keep a conflict once, however many replicas meet it; old ones make room for it."""
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
        self._db.execute(
            "DELETE FROM conflicts WHERE id <= (SELECT max(id) FROM conflicts) - ?",
            (MOST_CONFLICTS,),
        )

    def conflicts(self, limit: int, *, after: int | None = None) -> list[dict[str, Any]]:
        """Newest first; `after` the one with this id, those that are older than it."""
        rows = self._db.execute(
            "SELECT * FROM conflicts WHERE ? IS NULL OR id < ? ORDER BY id DESC LIMIT ?",
            (after, after, limit),
        )
        return [
            {
                "id": row["id"],
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
    "Consistency",
    "Delivery",
    "GlobalTableVersion",
    "Intent",
    "Ledger",
    "LedgerOutdated",
    "Phase",
    "Replica",
    "ReplicaStatus",
    "witness_holder",
)
