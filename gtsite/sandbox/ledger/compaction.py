"""What keeps the ledger small: what nobody needs any more goes, a little at a time.

Stream records and the memory of deleted items are kept for a day of the sandbox's clock, the latter
for longer while an older image of anything is still on its way and could bring an item back.
"""

from gtsite.sandbox.ledger.ledger import Ledger

DAY_US = 24 * 60 * 60 * 1_000_000
STEP_ROWS = 200
STEP_PAGES = 50
SPARE_PAGES = 500
"""Free pages of 4 KB that are left to what is written next."""


class Compaction:
    """Takes steps of a few milliseconds each, so that no caller waits for them."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._db = ledger.database

    def step(self, now: int) -> bool:
        """Forget a little of what is older than a day; whether there is more to do."""
        before = now - DAY_US
        with self._ledger.together():
            self._ledger.keep_moment(now)
            gone = self._ledger.streams.trim(before, limit=STEP_ROWS) or self._bury(before)
        return gone == STEP_ROWS or self._give_back()

    def _bury(self, before: int) -> int:
        """Forget deletes that no image on its way is older than; how many."""
        oldest = self._db.execute("SELECT min(time) FROM versions WHERE deleted").fetchone()[0]
        if oldest is None or oldest >= before:
            return 0
        waiting = self._db.execute("SELECT min(time) FROM outbox").fetchone()[0]
        found = self._db.execute(
            "SELECT region, table_name, item_key FROM versions WHERE deleted AND time < ? "
            "ORDER BY time LIMIT ?",
            (before if waiting is None else min(before, waiting), STEP_ROWS),
        ).fetchall()
        self._db.executemany(
            "DELETE FROM versions WHERE region = ? AND table_name = ? AND item_key = ?", found
        )
        return len(found)

    def _give_back(self) -> bool:
        """Make the file smaller by some of its free pages; whether there are more.

        As a script, because a mere `execute` gives back one page and no more.
        """
        free = self._db.execute("PRAGMA freelist_count").fetchone()[0]
        if free <= SPARE_PAGES:
            return False
        self._db.executescript(f"PRAGMA incremental_vacuum({STEP_PAGES})")
        return True
