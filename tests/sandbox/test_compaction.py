"""What is old goes, little by little, and the ledger's file becomes small again."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gtsite.sandbox.ledger.compaction import DAY_US, STEP_PAGES, STEP_ROWS, Compaction
from gtsite.sandbox.ledger.ledger import Change, Ledger, Replica
from gtsite.sandbox.versions import Version

TABLE = "films"
NOW = 100 * DAY_US
OLD, YOUNG = NOW - DAY_US - 1, NOW - DAY_US
RECORDS = 200_000
MOST_STEPS = 20_000


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    opened = Ledger(tmp_path / "ledger.sqlite3")
    opened.save_replica(
        Replica(
            table=TABLE,
            region="a",
            key_names=("PK",),
            is_global=True,
            status="ACTIVE",
            source="",
            created_at=5,
            stream_label="label",
            stream_view="NEW_IMAGE",
            ttl_attribute="",
        )
    )
    yield opened
    opened.close()


def change(key: str, time: int, image: Any = None, *, region: str = "a") -> Change:
    return Change(
        region=region,
        table=TABLE,
        item_key=key,
        key={"PK": {"S": key}},
        before={"PK": {"S": key}, "old": {"S": "image"}},
        after=image,
        version=Version(time=time, region=region, seen={region: time}),
    )


def compact(ledger: Ledger) -> int:
    """Step until there is no more to do; how many steps it took."""
    compaction = Compaction(ledger)
    for steps in range(1, MOST_STEPS):
        if not compaction.step(NOW):
            return steps
    raise AssertionError("There is no end to it.")


def count(ledger: Ledger, what: str) -> int:
    found: int = ledger.database.execute(f"SELECT count(*) FROM {what}").fetchone()[0]  # noqa: S608
    return found


def test_old_records_go_and_those_of_the_last_day_stay(ledger: Ledger) -> None:
    for key, time in (("old", OLD), ("older", OLD), ("young", YOUNG), ("new", NOW)):
        ledger.streams.append(change(key, time), now=time)
    compact(ledger)
    kept = ledger.database.execute("SELECT key FROM stream_records ORDER BY id").fetchall()
    assert [row["key"] for row in kept] == ['{"PK": {"S": "young"}}', '{"PK": {"S": "new"}}']


def test_old_deletes_are_forgotten_and_young_ones_and_items_are_not(ledger: Ledger) -> None:
    ledger.save_version(change("gone", OLD))
    ledger.save_version(change("there", OLD, {"PK": {"S": "there"}}))
    ledger.save_version(change("new", YOUNG))
    compact(ledger)
    known = [ledger.version("a", TABLE, key) is not None for key in ("gone", "there", "new")]
    assert known == [False, True, True]


def test_a_delete_is_remembered_while_an_older_image_of_any_item_is_on_its_way(
    ledger: Ledger,
) -> None:
    """As long as a pair is paused: what is held there would bring the item back."""
    ledger.save_version(change("gone", OLD - 5))
    ledger.save_version(change("earlier", OLD - 50))
    ledger.enqueue(change("gone", OLD - 10, region="b"), "b", "a", now=OLD - 10, due_at=OLD)
    compact(ledger)
    assert ledger.version("a", TABLE, "gone") is not None
    assert ledger.version("a", TABLE, "earlier") is None
    ledger.delivered(ledger.due("b", "a", NOW, 1)[0])
    compact(ledger)
    assert ledger.version("a", TABLE, "gone") is None


def test_a_large_ledger_becomes_small_in_small_steps(ledger: Ledger, tmp_path: Path) -> None:
    ledger.streams.append(change("first", OLD), now=OLD)
    with ledger.together():
        ledger.database.execute(
            "WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers "
            "WHERE n < ?) INSERT INTO stream_records (stream, event, key, after, written_at, "
            "expired) SELECT stream, 'INSERT', n, hex(zeroblob(100)), ?, 0 FROM numbers, "
            "(SELECT stream FROM stream_records LIMIT 1)",
            (RECORDS, OLD),
        )
        ledger.database.execute(
            "WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers "
            "WHERE n < ?) INSERT INTO versions SELECT 'a', 'films', n, ?, 'a', '{}', 1, NULL "
            "FROM numbers",
            (RECORDS // 10, OLD),
        )
    compaction = Compaction(ledger)
    pages = _pages(ledger)
    assert pages > 10_000
    for _ in range(MOST_STEPS):
        before = (count(ledger, "stream_records"), count(ledger, "versions"), _pages(ledger))
        more = compaction.step(NOW)
        after = (count(ledger, "stream_records"), count(ledger, "versions"), _pages(ledger))
        done = [old - new for old, new in zip(before, after, strict=True)]
        assert done[0] + done[1] <= STEP_ROWS
        assert done[2] <= STEP_PAGES + 1
        if not more:
            break
    assert (count(ledger, "stream_records"), count(ledger, "versions")) == (0, 0)
    assert _pages(ledger) < pages / 10
    ledger.close()
    assert (tmp_path / "ledger.sqlite3").stat().st_size < pages * 4096 / 10


def _pages(ledger: Ledger) -> int:
    found: int = ledger.database.execute("PRAGMA page_count").fetchone()[0]
    return found
