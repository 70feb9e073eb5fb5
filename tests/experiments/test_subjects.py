"""The items that a lag probe writes."""

from datetime import UTC, datetime
from itertools import product

import pytest

from gtsite.dynamodb.items import from_item, to_item
from gtsite.dynamodb.tables import GLOBAL_SERVERLESS, Attribute, KeyType, TableDefinition
from gtsite.experiments.subjects import BELOW, KEPT_FOR, MOST_PROBES, RUNS, ProbeItems

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
KINDS: tuple[KeyType, ...] = ("S", "N", "B")


def definition(kind: KeyType, sort: KeyType | None) -> TableDefinition:
    sort_key = Attribute(name="when", type=sort) if sort else None
    partition_key = Attribute(name="id", type=kind)
    return TableDefinition(name="any", partition_key=partition_key, sort_key=sort_key)


@pytest.mark.parametrize(("kind", "sort"), list(product(KINDS, (None, *KINDS))))
def test_a_probe_fits_any_key_and_survives_the_way_there_and_back(
    kind: KeyType, sort: KeyType | None
) -> None:
    items = ProbeItems(definition=definition(kind, sort), run=RUNS - 1)
    key = items.key(34, MOST_PROBES - 1)
    wire = to_item(items.item(key, now=NOW))
    assert set(wire["id"]) == {kind}
    assert set(wire.get("when", {})) == ({sort} if sort else set())
    stored = from_item(wire)
    assert tuple(stored[name] for name in items.definition.key_names) == key


@pytest.mark.parametrize("kind", KINDS)
def test_no_two_probes_of_a_run_or_of_two_runs_have_one_key(kind: KeyType) -> None:
    runs = (0, 1, RUNS - 1)
    keys = [
        ProbeItems(definition=definition(kind, None), run=run).key(source, number)
        for run in runs
        for source in (0, 1, 34)
        for number in (1, 2, MOST_PROBES - 1)
    ]
    assert len(set(keys)) == len(keys)


def test_a_probe_is_told_from_what_a_table_has_of_its_own() -> None:
    assert ProbeItems(definition=definition("S", None)).key(0, 1)[0].startswith("lab#lag#")
    assert ProbeItems(definition=definition("B", None)).key(0, 1)[0].startswith(b"lab#lag#")
    assert ProbeItems(definition=definition("N", None)).key(0, 1)[0] < BELOW


def test_a_probe_expires_where_the_table_has_an_expiry_and_only_there() -> None:
    own = ProbeItems(definition=GLOBAL_SERVERLESS)
    assert own.item(own.key(0, 1), now=NOW)["expires_at"] == (NOW + KEPT_FOR).timestamp()
    other = ProbeItems(definition=definition("S", None))
    assert set(other.item(other.key(0, 1), now=NOW)) == {"id", "experiment", "written_at"}
