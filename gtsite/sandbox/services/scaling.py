"""Which scalable targets and policies there are, kept in the ledger's file."""

import json
import sqlite3
from dataclasses import dataclass
from typing import Any

SCHEMA = """
CREATE TABLE IF NOT EXISTS scaling (
    region TEXT NOT NULL, resource TEXT NOT NULL, dimension TEXT NOT NULL, policy TEXT NOT NULL,
    body TEXT NOT NULL, PRIMARY KEY (region, resource, dimension, policy)
);
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scaled:
    """What can be scaled: `table/flights`, `dynamodb:table:WriteCapacityUnits` in one region."""

    region: str
    resource: str
    dimension: str


class ScalingLog:
    """A target has the policy name ''. A body is what the API says of a target or a policy."""

    def __init__(self, database: sqlite3.Connection) -> None:
        self._db = database
        self._db.executescript(SCHEMA)

    def save(self, scaled: Scaled, policy: str, body: dict[str, Any]) -> None:
        self._db.execute(
            "INSERT OR REPLACE INTO scaling VALUES (?, ?, ?, ?, ?)",
            (*_place(scaled), policy, json.dumps(body)),
        )

    def find(self, scaled: Scaled, policy: str = "") -> dict[str, Any] | None:
        row = self._db.execute(
            "SELECT body FROM scaling "
            "WHERE region = ? AND resource = ? AND dimension = ? AND policy = ?",
            (*_place(scaled), policy),
        ).fetchone()
        return None if row is None else json.loads(row["body"])

    def targets(self, region: str) -> list[dict[str, Any]]:
        """By resource and dimension, as `policies` are."""
        return self._bodies("SELECT body FROM scaling WHERE region = ? AND policy = ''", region)

    def policies(self, region: str) -> list[dict[str, Any]]:
        return self._bodies("SELECT body FROM scaling WHERE region = ? AND policy <> ''", region)

    def remove_target(self, scaled: Scaled) -> bool:
        """Forget a target with its policies; whether there was one."""
        return (
            self._db.execute(
                "DELETE FROM scaling WHERE region = ? AND resource = ? AND dimension = ?",
                _place(scaled),
            ).rowcount
            > 0
        )

    def remove_policy(self, scaled: Scaled, policy: str) -> bool:
        return (
            self._db.execute(
                "DELETE FROM scaling "
                "WHERE region = ? AND resource = ? AND dimension = ? AND policy = ?",
                (*_place(scaled), policy),
            ).rowcount
            > 0
        )

    def _bodies(self, query: str, region: str) -> list[dict[str, Any]]:
        rows = self._db.execute(f"{query} ORDER BY resource, dimension, policy", (region,))
        return [json.loads(row["body"]) for row in rows]


def _place(scaled: Scaled) -> tuple[str, str, str]:
    return scaled.region, scaled.resource, scaled.dimension
