"""Items that an experiment writes for itself: told from a table's own at a glance, soon gone."""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from gtsite.dynamodb.errors import DataError
from gtsite.dynamodb.items import Item, Value
from gtsite.dynamodb.repository import Table
from gtsite.dynamodb.tables import Key, KeyType, TableDefinition

BELOW = -(10**36)
"""Numbers of probes are less than this, far from what anybody counts."""

RUNS = 10**12
MOST_PROBES = 10**6
MOST_SOURCES = 10**3
KEPT_FOR = timedelta(days=7)
"""After that a probe that could not be deleted expires, where its table has an expiry.

Longer than a sandbox's clock is put ahead: else a probe would be gone before it arrives.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbeItems:
    """One run's own items in one table: no two runs have a key in common, or hardly ever."""

    definition: TableDefinition
    name: str = "lag"
    run: int = field(default_factory=lambda: secrets.randbelow(RUNS))

    def key(self, source: int, number: int) -> Key:
        """The key of a probe from the region with this place in the plan, counted from 0."""
        partition = self._value(self.definition.partition_key.type, source, number)
        if self.definition.sort_key is None:
            return (partition,)
        return (partition, self._value(self.definition.sort_key.type, source, number))

    def item(self, key: Key, *, now: datetime) -> Item:
        """What is written under such a key."""
        names = self.definition.key_names
        item: dict[str, Value] = {"experiment": self.name, "written_at": now.isoformat()}
        if self.definition.ttl_attribute:
            item[self.definition.ttl_attribute] = int((now + KEPT_FOR).timestamp())
        return item | dict(zip(names, key, strict=True))

    def _value(self, kind: KeyType, source: int, number: int) -> Value:
        if kind == "N":
            return BELOW - (self.run * MOST_SOURCES + source) * MOST_PROBES - number
        text = f"lab#{self.name}#{self.run:012}#{source}#{number}"
        return text.encode() if kind == "B" else text


def clear_away(
    table: Table, items: ProbeItems, keys: Sequence[Key], regions: Sequence[str]
) -> str | None:
    """Deletes a run's own items; the first of these regions that took the deletes, None for none.

    The first is where they were written. Deleting what has not arrived yet does nothing, and it
    would arrive later: anywhere else each is written first, so that its delete is news to every
    region.
    """
    now = datetime.now(UTC)
    for region in regions:
        at = table.at(region)
        try:
            if region != regions[0]:
                at.batch_put(items.item(key, now=now) for key in keys)
            at.batch_delete(keys)
        except DataError:
            continue
        return region
    return None
