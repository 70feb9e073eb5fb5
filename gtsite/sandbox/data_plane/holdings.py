"""Which region of a strong table has which write: what can reach a region, and what only its
author has. Read from the versions that each region keeps, and from what waits between them.
"""

import json
import sqlite3
from collections.abc import Iterable

from gtsite.sandbox.ledger.ledger import Delivery, Ledger

HELD = """EXISTS (
    SELECT 1 FROM versions AS held
    WHERE held.region IN (SELECT value FROM json_each(:holders))
    AND held.table_name = outbox.table_name AND held.item_key = outbox.item_key
    AND (held.time, held.origin) >= (outbox.time, outbox.origin)
)"""
"""One of the holders has this write, or a newer one of the item, which replaces it anyway."""

COMING = f"""
    FROM outbox WHERE source IN (SELECT value FROM json_each(:sources)) AND target = :target
    AND table_name = :table
    AND (source IN (SELECT value FROM json_each(:near)) OR {HELD})
"""  # noqa: S608
UNSECURED = f"""
    FROM outbox WHERE source = :source AND target IN (SELECT value FROM json_each(:targets))
    AND table_name = :table AND NOT {HELD}
"""  # noqa: S608
REROUTE = f"""
    UPDATE outbox SET source = :via
    WHERE source = :source AND target = :target AND table_name = :table AND {HELD}
"""  # noqa: S608
OF_ITEM = "AND item_key = :item_key ORDER BY time, origin, id"


class Holdings:
    """Questions about strong tables. `holders` are the names that versions are kept under."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._db = ledger.database

    def coming(
        self,
        table: str,
        item_key: str,
        target: str,
        *,
        sources: Iterable[str],
        near: Iterable[str],
        holders: Iterable[str],
    ) -> list[Delivery]:
        """Images of an item that wait for `target` and that a near region has; oldest first."""
        rows = self._db.execute(
            f"SELECT id {COMING} {OF_ITEM}",
            {
                "table": table,
                "item_key": item_key,
                "target": target,
                **_lists(sources=sources, near=near, holders=holders),
            },
        )
        return self._deliveries(rows.fetchall())

    def items_coming(
        self,
        table: str,
        target: str,
        *,
        sources: Iterable[str],
        near: Iterable[str],
        holders: Iterable[str],
    ) -> dict[str, int]:
        """Every item that something waits for `target` of: its key → the oldest outbox row."""
        rows = self._db.execute(
            f"SELECT item_key, min(id) AS first {COMING} GROUP BY item_key",
            {
                "table": table,
                "target": target,
                **_lists(sources=sources, near=near, holders=holders),
            },
        )
        return {row["item_key"]: row["first"] for row in rows}

    def unsecured(
        self,
        table: str,
        item_key: str,
        source: str,
        *,
        targets: Iterable[str],
        holders: Iterable[str],
    ) -> list[Delivery]:
        """What `source` wrote of an item and no holder has, once per target; oldest first."""
        rows = self._db.execute(
            f"SELECT id {UNSECURED} {OF_ITEM}",
            {
                "table": table,
                "item_key": item_key,
                "source": source,
                **_lists(targets=targets, holders=holders),
            },
        )
        return self._deliveries(rows.fetchall())

    def items_unsecured(
        self, table: str, source: str, *, targets: Iterable[str], holders: Iterable[str]
    ) -> set[str]:
        """The keys of all items of which `source` has something that no holder has."""
        rows = self._db.execute(
            f"SELECT DISTINCT item_key {UNSECURED}",
            {"table": table, "source": source, **_lists(targets=targets, holders=holders)},
        )
        return {row["item_key"] for row in rows}

    def reroute(self, table: str, source: str, target: str, *, via: str, holder: str) -> bool:
        """Let `via` send what it has of what waits on a way; whether there was any."""
        cursor = self._db.execute(
            REROUTE,
            {
                "table": table,
                "source": source,
                "target": target,
                "via": via,
                **_lists(holders=[holder]),
            },
        )
        return cursor.rowcount > 0

    def _deliveries(self, rows: Iterable[sqlite3.Row]) -> list[Delivery]:
        found = (self._ledger.delivery(row["id"]) for row in rows)
        return [delivery for delivery in found if delivery is not None]


def _lists(**values: Iterable[str]) -> dict[str, str]:
    """SQLite takes no lists but as JSON."""
    return {name: json.dumps(list(names)) for name, names in values.items()}
