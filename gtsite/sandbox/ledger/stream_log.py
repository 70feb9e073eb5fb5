"""What each stream holds: its shards, and a record of every change, kept for a day.

Positions count all records of the sandbox, so each stream's own rise but have gaps. A position is
never given twice, whatever is trimmed in between.
"""

import json
import sqlite3
from bisect import bisect_left
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from gtsite.sandbox.versions import Image

if TYPE_CHECKING:
    from gtsite.sandbox.ledger.ledger import Change, Replica

HOUR_US = 60 * 60 * 1_000_000
RETENTION_US = 24 * HOUR_US
"""How long AWS keeps a record, and a whole stream that was turned off."""
SHARD_US = 4 * HOUR_US
"""How long AWS writes to one shard before it opens the next."""

SCHEMA = """
CREATE TABLE IF NOT EXISTS streams (
    id INTEGER PRIMARY KEY AUTOINCREMENT, region TEXT NOT NULL, table_name TEXT NOT NULL,
    label TEXT NOT NULL, view TEXT NOT NULL, key_names TEXT NOT NULL, is_on INTEGER NOT NULL,
    created_at INTEGER, closed_at INTEGER
);
CREATE TABLE IF NOT EXISTS shards (
    first INTEGER PRIMARY KEY, stream INTEGER NOT NULL, name TEXT NOT NULL, parent TEXT NOT NULL,
    opened_at INTEGER NOT NULL, last INTEGER, closed_at INTEGER,
    trimmed INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX IF NOT EXISTS shard_stream ON shards (stream, first);
CREATE TABLE IF NOT EXISTS stream_records (
    id INTEGER PRIMARY KEY AUTOINCREMENT, stream INTEGER NOT NULL, event TEXT NOT NULL,
    key TEXT NOT NULL, before TEXT, after TEXT, written_at INTEGER NOT NULL,
    expired INTEGER NOT NULL
);
CREATE INDEX IF NOT EXISTS stream_position ON stream_records (stream, id);
INSERT INTO sqlite_sequence SELECT 'stream_records', 0
    WHERE NOT EXISTS (SELECT 1 FROM sqlite_sequence WHERE name = 'stream_records');
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stream:
    """One stream of one replica; times are microseconds, `closed_at` None while it is on."""

    id: int
    region: str
    table: str
    label: str
    view: str
    key_names: tuple[str, ...]
    created_at: int
    closed_at: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Shard:
    """The records of a stream between two positions, both exclusive; `last` None while open."""

    name: str
    parent: str
    first: int
    last: int | None
    opened_at: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One change. `expired` says that TTL deleted the item, here and not in a peer."""

    position: int
    event: str
    key: Mapping[str, Any]
    before: Image | None
    after: Image | None
    written_at: int
    expired: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """Records in order, and the position to go on from; None behind a closed shard's end."""

    records: tuple[Record, ...]
    position: int | None


class StreamLog:
    """The streams' part of the ledger, in its file and in whatever transaction is open there.

    Times are microseconds of the sandbox's clock, which every caller passes as `now`. A stream
    that was turned on or off takes the time of the call that first looks at it afterwards.
    """

    def __init__(self, database: sqlite3.Connection) -> None:
        self._db = database
        self._db.executescript(SCHEMA)
        self._on: dict[tuple[str, str], int] = {}
        self._next_turn = 0
        self.reload()

    def reload(self) -> None:
        """Believe the file: at the start, and when a transaction was rolled back."""
        self._on = {
            (row["region"], row["table_name"]): row["id"]
            for row in self._db.execute("SELECT * FROM streams WHERE is_on")
        }
        self._next_turn = 0

    # Streams that come and go

    def follow(self, before: "Replica | None", after: "Replica | None") -> None:
        """Turn streams on and off as a replica's label says; part of the caller's transaction."""
        old = before.stream_label if before else ""
        new = after.stream_label if after else ""
        if old == new:
            return
        if before and old:
            self._turn_off(before)
        if after and new:
            self._turn_on(after)
        self._next_turn = 0

    def _turn_on(self, replica: "Replica") -> None:
        cursor = self._db.execute(
            "INSERT INTO streams (region, table_name, label, view, key_names, is_on) "
            "VALUES (?, ?, ?, ?, ?, 1)",
            (
                replica.region,
                replica.table,
                replica.stream_label,
                replica.stream_view,
                json.dumps(replica.key_names),
            ),
        )
        self._on[(replica.region, replica.table)] = cursor.lastrowid or 0

    def _turn_off(self, replica: "Replica") -> None:
        stream = self._on.pop((replica.region, replica.table), 0)
        self._db.execute("UPDATE streams SET is_on = 0 WHERE id = ?", (stream,))

    def _turn_shards(self, now: int) -> None:
        """Give every stream that is on a shard no older than four hours, and the others none."""
        if now < self._next_turn:
            return
        self._db.execute(
            "UPDATE streams SET created_at = coalesce(created_at, ?), "
            "closed_at = CASE WHEN is_on THEN NULL ELSE coalesce(closed_at, ?) END "
            "WHERE created_at IS NULL OR (NOT is_on AND closed_at IS NULL)",
            (now, now),
        )
        outdated = self._db.execute(
            "SELECT first FROM shards JOIN streams ON streams.id = stream "
            "WHERE last IS NULL AND (NOT is_on OR opened_at <= ?)",
            (now - SHARD_US,),
        ).fetchall()
        for row in outdated:
            self._db.execute(
                "UPDATE shards SET last = ?, closed_at = ? WHERE first = ?",
                (self._take_position(), now, row["first"]),
            )
        self._open_shards(now)
        oldest = self._db.execute("SELECT min(opened_at) FROM shards WHERE last IS NULL")
        self._next_turn = (oldest.fetchone()[0] or now) + SHARD_US

    def _open_shards(self, now: int) -> None:
        wanted = self._db.execute(
            "SELECT id, coalesce((SELECT name FROM shards WHERE stream = streams.id "
            "ORDER BY first DESC LIMIT 1), '') AS parent FROM streams WHERE is_on "
            "AND NOT EXISTS (SELECT 1 FROM shards WHERE stream = streams.id AND last IS NULL)"
        ).fetchall()
        for row in wanted:
            first = self._take_position()
            self._db.execute(
                "INSERT INTO shards (first, stream, name, parent, opened_at) "
                "VALUES (?, ?, ?, ?, ?)",
                (first, row["id"], _shard_name(now, first), row["parent"], now),
            )

    def _take_position(self) -> int:
        """A position that no record gets: where a shard begins or ends."""
        self._db.execute("UPDATE sqlite_sequence SET seq = seq + 1 WHERE name = 'stream_records'")
        return self.end()

    # Writing

    def append(self, change: "Change", *, now: int) -> None:
        """Append a record if the replica's stream is on; a write that changed nothing has none."""
        stream = self._on.get((change.region, change.table))
        if stream is None or change.before == change.after:
            return
        self._turn_shards(now)
        event = "INSERT" if change.before is None else "MODIFY"
        self._db.execute(
            "INSERT INTO stream_records (stream, event, key, before, after, written_at, expired) "
            "VALUES (?, ?, ?, ?, ?, ?, ?)",
            (
                stream,
                "REMOVE" if change.after is None else event,
                json.dumps(change.key),
                _text(change.before),
                _text(change.after),
                now,
                change.expired,
            ),
        )

    # Reading

    def streams(self, region: str, table: str = "", *, now: int) -> list[Stream]:
        """A region's streams, or one table's, by table and age; those long turned off are gone."""
        self._turn_shards(now)
        rows = self._db.execute(
            "SELECT * FROM streams WHERE region = ? AND ? IN ('', table_name) "
            "AND coalesce(closed_at, ?) > ? ORDER BY table_name, label",
            (region, table, now, now - RETENTION_US),
        )
        return [_stream(row) for row in rows]

    def shards(self, stream: Stream, *, now: int) -> list[Shard]:
        """A stream's shards, oldest first, without those whose every record is trimmed."""
        self._turn_shards(now)
        rows = self._db.execute(
            "SELECT * FROM shards WHERE stream = ? AND coalesce(closed_at, ?) > ? ORDER BY first",
            (stream.id, now, now - RETENTION_US),
        )
        return [_shard(row) for row in rows]

    def read(
        self, stream: Stream, shard: Shard, after: int, *, limit: int, most_bytes: int
    ) -> Page:
        """Records of a shard behind a position, at least one if there is any, until a limit."""
        behind = self.end() + 1 if shard.last is None else shard.last
        rows = self._db.execute(
            "SELECT *, length(key) + coalesce(length(before), 0) + coalesce(length(after), 0) "
            "AS size FROM stream_records WHERE stream = ? AND id > ? AND id < ? ORDER BY id",
            (stream.id, max(after, shard.first), behind),
        )
        records: list[Record] = []
        for row in rows:
            most_bytes -= row["size"]
            if records and (most_bytes < 0 or len(records) == limit):
                return Page(records=tuple(records), position=after)
            records.append(_record(row))
            after = row["id"]
        return Page(records=tuple(records), position=after if shard.last is None else None)

    def end(self) -> int:
        """The newest position there is: what comes next is behind it."""
        row = self._db.execute("SELECT seq FROM sqlite_sequence WHERE name = 'stream_records'")
        end: int = row.fetchone()[0]
        return end

    def trimmed(self, stream: Stream, shard: Shard, *, now: int) -> int:
        """The position of a shard's newest record that is older than a day; 0 for none."""
        row = self._db.execute(
            "SELECT max(trimmed, coalesce((SELECT max(id) FROM stream_records "
            "WHERE stream = ? AND id > first AND id <= ? AND id < coalesce(last, id + 1)), 0)) "
            "FROM shards WHERE first = ?",
            (stream.id, self.before(now - RETENTION_US), shard.first),
        ).fetchone()
        position: int = row[0]
        return position

    def before(self, moment: int) -> int:
        """The last position before that of the first record written at the moment or later."""
        oldest, newest = self._db.execute(
            "SELECT (SELECT min(id) FROM stream_records), (SELECT max(id) FROM stream_records)"
        ).fetchone()
        if oldest is None:
            return self.end()
        positions = range(oldest, newest + 1)
        last: int = oldest - 1 + bisect_left(positions, moment, key=self._written_at)
        return last

    def _written_at(self, position: int) -> int:
        """When the record there, or the next one, was written: this rises with the position."""
        row = self._db.execute(
            "SELECT written_at FROM stream_records WHERE id >= ? ORDER BY id LIMIT 1", (position,)
        ).fetchone()
        moment: int = row[0]
        return moment

    def trim(self, before: int, *, limit: int = -1) -> int:
        """Delete what is older than `before`, a day ago: so many records at most; how many."""
        self._turn_shards(before + RETENTION_US)
        self._db.execute("DELETE FROM shards WHERE closed_at <= ?", (before,))
        self._db.execute("DELETE FROM streams WHERE closed_at <= ?", (before,))
        last = self._db.execute(
            "SELECT max(id) FROM (SELECT id FROM stream_records WHERE id <= ? ORDER BY id LIMIT ?)",
            (self.before(before), limit),
        ).fetchone()[0]
        if last is None:
            return 0
        self._db.execute(
            "UPDATE shards SET trimmed = coalesce((SELECT max(id) FROM stream_records AS record "
            "WHERE record.stream = shards.stream AND id > first AND id <= ? "
            "AND id < coalesce(shards.last, id + 1)), trimmed) WHERE first < ?",
            (last, last),
        )
        return self._db.execute("DELETE FROM stream_records WHERE id <= ?", (last,)).rowcount


def _shard_name(opened_at: int, first: int) -> str:
    """Like AWS's; botocore sends none of fewer than 28 characters."""
    return f"shardId-{opened_at // 1000:020d}-{first % 2**32:08x}"


def _stream(row: sqlite3.Row) -> Stream:
    return Stream(
        id=row["id"],
        region=row["region"],
        table=row["table_name"],
        label=row["label"],
        view=row["view"],
        key_names=tuple(json.loads(row["key_names"])),
        created_at=row["created_at"],
        closed_at=row["closed_at"],
    )


def _shard(row: sqlite3.Row) -> Shard:
    return Shard(
        name=row["name"],
        parent=row["parent"],
        first=row["first"],
        last=row["last"],
        opened_at=row["opened_at"],
    )


def _record(row: sqlite3.Row) -> Record:
    return Record(
        position=row["id"],
        event=row["event"],
        key=json.loads(row["key"]),
        before=_image(row["before"]),
        after=_image(row["after"]),
        written_at=row["written_at"],
        expired=bool(row["expired"]),
    )


def _text(image: Image | None) -> str | None:
    return None if image is None else json.dumps(image, separators=(",", ":"))


def _image(text: str | None) -> Image | None:
    return None if text is None else json.loads(text)
