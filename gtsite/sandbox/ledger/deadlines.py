"""When items expire: a moment per item that has one, kept with its version, so nothing is searched.

Moments are whole seconds since 1970, as TTL attributes are.
"""

import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import ROUND_CEILING, Decimal
from typing import TYPE_CHECKING

from gtsite.sandbox.versions import EXACT, Image

if TYPE_CHECKING:
    from gtsite.sandbox.ledger.ledger import Change, Replica

LAST_SECOND = 253_402_300_799
"""The end of the year 9999: what lies behind it is no time, milliseconds for instance."""

SCHEMA = """
CREATE TABLE IF NOT EXISTS deadlines (
    region TEXT NOT NULL, table_name TEXT NOT NULL, item_key TEXT NOT NULL,
    expires_at INTEGER NOT NULL, PRIMARY KEY (region, table_name, item_key)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS deadline_due ON deadlines (region, table_name, expires_at, item_key);
CREATE TABLE IF NOT EXISTS unread_deadlines (
    region TEXT NOT NULL, table_name TEXT NOT NULL, PRIMARY KEY (region, table_name)
) WITHOUT ROWID;
"""


@dataclass(frozen=True, slots=True, order=True)
class Deadline:
    """An item and when it expires; in the order of expiry."""

    expires_at: int
    item_key: str


NO_DEADLINE = Deadline(0, "")


class Deadlines:
    """The deadlines' part of the ledger, in its file and in whatever transaction is open there."""

    def __init__(self, database: sqlite3.Connection) -> None:
        self._db = database
        self._db.executescript(SCHEMA)

    def follow(self, before: "Replica | None", after: "Replica | None") -> None:
        """Forget the deadlines of an attribute that no longer counts; note one to be read."""
        old = before.ttl_attribute if before else ""
        new = after.ttl_attribute if after else ""
        known = after or before
        if known is None or old == new:
            return
        place = (known.region, known.table)
        for name in ("deadlines", "unread_deadlines"):
            self._db.execute(f"DELETE FROM {name} WHERE region = ? AND table_name = ?", place)  # noqa: S608
        if new:
            self._db.execute("INSERT INTO unread_deadlines VALUES (?, ?)", place)

    def unread(self) -> list[tuple[str, str]]:
        """(region, table) of replicas whose items have to be read once for their deadlines."""
        rows = self._db.execute("SELECT region, table_name FROM unread_deadlines")
        return [(row["region"], row["table_name"]) for row in rows]

    def all_read(self, region: str, table: str) -> None:
        self._db.execute(
            "DELETE FROM unread_deadlines WHERE region = ? AND table_name = ?", (region, table)
        )

    def keep(self, change: "Change", attribute: str) -> None:
        """Keep an item's deadline as a write left it; part of the write's commit."""
        place = (change.region, change.table, change.item_key)
        expires_at = expiry_of(change.after, attribute)
        if expires_at is None:
            self._db.execute(
                "DELETE FROM deadlines WHERE region = ? AND table_name = ? AND item_key = ?", place
            )
            return
        self._db.execute(
            "INSERT OR REPLACE INTO deadlines VALUES (?, ?, ?, ?)", (*place, expires_at)
        )

    def keep_read(self, region: str, table: str, found: Iterable[Deadline]) -> None:
        """Keep deadlines that were read a moment ago; what a write kept meanwhile stands.

        Where a write took an item's deadline away meanwhile, one is left that `drop` will end.
        """
        self._db.executemany(
            "INSERT OR IGNORE INTO deadlines VALUES (?, ?, ?, ?)",
            [(region, table, each.item_key, each.expires_at) for each in found],
        )

    def due(
        self, region: str, table: str, *, since: int, until: int, after: Deadline, limit: int
    ) -> list[Deadline]:
        """Deadlines behind `since`, up to `until`, and behind `after`, in order."""
        rows = self._db.execute(
            "SELECT expires_at, item_key FROM deadlines WHERE region = ? AND table_name = ? "
            "AND expires_at > ? AND expires_at <= ? AND (expires_at, item_key) > (?, ?) "
            "ORDER BY expires_at, item_key LIMIT ?",
            (region, table, since, until, after.expires_at, after.item_key, limit),
        )
        return [Deadline(row["expires_at"], row["item_key"]) for row in rows]

    def drop(self, region: str, table: str, deadline: Deadline) -> None:
        """Forget a deadline that turned out wrong, unless a write has set another one since."""
        self._db.execute(
            "DELETE FROM deadlines WHERE region = ? AND table_name = ? AND item_key = ? "
            "AND expires_at = ?",
            (region, table, deadline.item_key, deadline.expires_at),
        )


def expiry_of(image: Image | None, attribute: str) -> int | None:
    """The first whole second in which the item is expired; None if it never is.

    Only a Number is a deadline, and only one that is a time after 1970.
    """
    raw = (image or {}).get(attribute, {}).get("N")
    if not isinstance(raw, str):
        return None
    try:
        seconds = Decimal(raw)
        is_time = 0 < seconds <= LAST_SECOND
    except ArithmeticError:
        return None
    return int(seconds.to_integral_value(ROUND_CEILING, EXACT)) if is_time else None
