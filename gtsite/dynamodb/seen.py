"""Which row of a file had a key last: kept on disk, so that memory does not grow with the rows."""

import sqlite3
from collections.abc import Mapping, Sequence
from hashlib import blake2b
from typing import Any

from gtsite.dynamodb.errors import DataError
from gtsite.dynamodb.tables import Key

DIGEST_BYTES = 16
CACHE_KIB = 2048


class NoScratchSpace(DataError):
    """The disk has no room for what a loading must remember."""

    def __init__(self, reason: object) -> None:
        super().__init__(f"There is no room for temporary files: {reason}.")


class SeenKeys:
    """The keys of all rows so far, in a temporary file that is gone however the process ends.

    Keys are told apart by a digest of 128 bits. Used by one thread.
    """

    def __init__(self) -> None:
        self._database = sqlite3.connect("", isolation_level=None)
        for pragma in ("temp_store = FILE", "journal_mode = OFF", f"cache_size = -{CACHE_KIB}"):
            self._database.execute(f"PRAGMA {pragma}")
        self._database.execute(
            "CREATE TABLE seen (key BLOB PRIMARY KEY, row INTEGER) WITHOUT ROWID"
        )

    def remember(self, rows: Mapping[Key, int]) -> dict[Key, int]:
        """The rows that had these keys before, in their order; from now on these are they.

        A few hundred keys at most. Raises `NoScratchSpace`.
        """
        digests = {_digest(key): key for key in rows}
        marks = ", ".join("?" * len(rows))
        pairs = [part for digest, key in digests.items() for part in (digest, rows[key])]
        values = ", ".join(["(?, ?)"] * len(rows))
        found = self._execute(
            f"SELECT key, row FROM seen WHERE key IN ({marks}) ORDER BY row",  # noqa: S608
            list(digests),
        )
        self._execute(f"REPLACE INTO seen VALUES {values}", pairs)  # noqa: S608
        return {digests[digest]: row for digest, row in found}

    def forget(self, key: Key) -> None:
        """As if no row had had the key. Raises `NoScratchSpace`."""
        self._execute("DELETE FROM seen WHERE key = ?", [_digest(key)])

    def close(self) -> None:
        """Gives the disk its room back."""
        self._database.close()

    def _execute(self, statement: str, values: Sequence[object]) -> list[Any]:
        try:
            return self._database.execute(statement, values).fetchall()
        except sqlite3.Error as error:
            raise NoScratchSpace(error) from error


def _digest(key: Key) -> bytes:
    return blake2b(repr(key).encode(), digest_size=DIGEST_BYTES).digest()
