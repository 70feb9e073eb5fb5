"""The ledger: one transaction at a time, and per item the order of writing."""

import ast
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gtsite.sandbox.ledger import Change, Conflict, Ledger, LedgerOutdated, Replica
from gtsite.sandbox.versions import Version
from tests.support.sandbox import PROJECT

TABLE = "films"
LATE = 10**9


@pytest.fixture
def ledger() -> Iterator[Ledger]:
    opened = Ledger(None)
    yield opened
    opened.close()


def change(key: str, time: int, *, region: str = "a", image: Any = None) -> Change:
    return Change(
        region=region,
        table=TABLE,
        item_key=key,
        key={"PK": {"S": key}},
        before=None,
        after=image,
        version=Version(time=time, region=region, seen={region: time}),
    )


def replica(region: str, **more: Any) -> Replica:
    settings: dict[str, Any] = {
        "table": TABLE,
        "region": region,
        "key_names": ("PK", "SK"),
        "is_global": True,
        "status": "ACTIVE",
        "source": "",
        "created_at": 5,
        "stream_label": "label",
        "stream_view": "NEW_IMAGE",
        "ttl_attribute": "expires_at",
    }
    return Replica(**{**settings, **more})


@given(
    st.lists(st.tuples(st.sampled_from("xyz"), st.integers(0, 30)), max_size=12),
    st.integers(0, 40),
    st.integers(1, 5),
)
def test_what_is_due_is_the_oldest_of_each_item_and_none_overtakes_another(
    written: list[tuple[str, int]], lag: int, limit: int
) -> None:
    ledger = Ledger(None)
    for time, (key, due_at) in enumerate(written):
        ledger.enqueue(change(key, time), "a", "b", now=time, due_at=due_at)
    ledger.hasten("a", "b", lag)
    arrived: list[tuple[str, int]] = []
    for now in range(80):
        while due := ledger.due("a", "b", now, limit):
            assert len({each.item_key for each in due}) == len(due)
            for each in due:
                assert each.due_at <= now
                arrived.append((each.item_key, each.version.time))
                ledger.delivered(each)
    assert ledger.next_due("a", "b") is None
    for key in "xyz":
        times = [time for name, time in arrived if name == key]
        assert times == [time for time, (name, _) in enumerate(written) if name == key]
    ledger.close()


def test_the_next_to_come_and_the_backlog_are_told_by_the_way(ledger: Ledger) -> None:
    ledger.enqueue(change("x", 1), "a", "b", now=3, due_at=20)
    ledger.enqueue(change("y", 2), "a", "b", now=4, due_at=10)
    ledger.enqueue(change("y", 2), "a", "c", now=4, due_at=7)
    assert ledger.next_due("a", "b") == 10
    assert ledger.backlog() == {("a", "b"): (2, 3), ("a", "c"): (1, 4)}
    assert set(ledger.pairs()) == {("a", "b"), ("a", "c")}
    assert ledger.still_owed(TABLE, "b", ledger.last_owed())
    assert not ledger.still_owed("another", "b", ledger.last_owed())


def test_a_new_replica_is_owed_each_image_under_way_once_and_none_of_its_own(
    ledger: Ledger,
) -> None:
    for target in ("b", "c"):
        ledger.enqueue(change("x", 1), "a", target, now=1, due_at=LATE)
    ledger.enqueue(change("x", 2, region="b"), "b", "a", now=2, due_at=LATE)
    ledger.enqueue(change("x", 3, region="d"), "d", "a", now=3, due_at=LATE)
    ledger.copy_backlog(TABLE, "d", due_at=7)
    assert [each.version.time for each in ledger.due("a", "d", 7, 9)] == [1]
    assert [each.version.time for each in ledger.due("b", "d", 7, 9)] == [2]
    assert ledger.backlog().keys() == {
        ("a", "b"),
        ("a", "c"),
        ("b", "a"),
        ("d", "a"),
        ("a", "d"),
        ("b", "d"),
    }


def test_several_changes_are_one_transaction_or_none(ledger: Ledger) -> None:

    def half() -> None:
        with ledger.together():
            ledger.save_version(change("x", 1))
            with ledger.together():
                ledger.save_version(change("y", 1))
            raise RuntimeError

    with pytest.raises(RuntimeError):
        half()
    assert ledger.version("a", TABLE, "x") is None
    assert ledger.version("a", TABLE, "y") is None
    with ledger.together():
        ledger.save_version(change("x", 2))
    found = ledger.version("a", TABLE, "x")
    assert found is not None
    assert (found.time, found.seen) == (2, {"a": 2})


def test_everything_is_there_when_it_is_opened_again(tmp_path: Path) -> None:
    file = tmp_path / "ledger"
    first = Ledger(file)
    first.save_replica(replica("a"))
    image = {"PK": {"S": "x"}}
    first.save_version(change("x", 1, image=image))
    intents = first.open_intents("a", [(TABLE, "x", {"PK": {"S": "x"}}, image)], delivery=7)
    first.enqueue(change("x", 1, image=image), "a", "b", now=1, due_at=2)
    first.close()
    again = Ledger(file)
    assert again.replicas() == [replica("a")]
    assert again.version("a", TABLE, "x") == change("x", 1).version
    assert again.intents() == intents
    (delivery,) = again.due("a", "b", 2, 5)
    assert again.delivery(delivery.id) == delivery
    assert (delivery.image, delivery.written_at) == (image, 1)
    again.close_intents(intents)
    again.delivered(delivery)
    assert (again.intents(), again.backlog(), again.delivery(delivery.id)) == ([], {}, None)
    again.close()


def test_a_replica_that_goes_takes_along_all_but_what_it_owes(ledger: Ledger) -> None:
    for region in ("a", "b"):
        ledger.save_replica(replica(region))
        ledger.save_version(change("x", 1, region=region))
    ledger.record(change("x", 1, image={"PK": {"S": "x"}}), "label", now=1)
    ledger.open_intents("a", [(TABLE, "x", {}, None)])
    ledger.enqueue(change("x", 1), "a", "b", now=1, due_at=1)
    ledger.enqueue(change("x", 1, region="b"), "b", "a", now=1, due_at=1)
    ledger.remove_replica("a", TABLE)
    assert ledger.replica("a", TABLE) is None
    assert ledger.version("a", TABLE, "x") is None
    assert ledger.version("b", TABLE, "x") is not None
    assert ledger.stream("a", TABLE, "label", after=0, limit=9) == []
    assert ledger.intents() == []
    assert ledger.pairs() == [("a", "b")]


def test_old_tombstones_and_records_go_and_young_or_needed_ones_stay(ledger: Ledger) -> None:
    for key, time, image in (("old", 1, None), ("item", 1, {"PK": {"S": "x"}}), ("new", 9, None)):
        ledger.save_version(change(key, time, image=image))
        ledger.record(change(key, time, image={"PK": {"S": key}}), "label", now=time)
    ledger.enqueue(change("x", 1), "a", "b", now=1, due_at=LATE)
    ledger.trim(5)
    assert ledger.version("a", TABLE, "old") is not None, "something may still arrive"
    ledger.delivered(ledger.due("a", "b", LATE, 1)[0])
    ledger.trim(5)
    there = [ledger.version("a", TABLE, key) is not None for key in ("old", "item", "new")]
    assert there == [False, True, True]
    (record,) = ledger.stream("a", TABLE, "label", after=0, limit=9)
    assert record["key"] == {"PK": {"S": "new"}}


def test_a_conflict_is_kept_once_however_often_it_is_reported(ledger: Ledger) -> None:
    conflict = Conflict(
        table=TABLE,
        item_key="x",
        key={"PK": {"S": "x"}},
        winner=Version(time=2, region="b"),
        winner_image=None,
        loser=Version(time=1, region="a"),
        loser_image={"PK": {"S": "x"}},
        seen_at=3,
    )
    for _ in range(3):
        ledger.report(conflict)
    assert ledger.conflict_count() == 1
    (found,) = ledger.conflicts(10)
    assert (found["winner"]["image"], found["loser"]["region"]) == (None, "a")


def test_nothing_is_awaited_inside_a_transaction_of_the_ledger() -> None:
    """Another task would write into it, and be rolled back or committed with it."""
    inside = [
        f"{file.name}:{node.lineno}"
        for file in (PROJECT / "gtsite" / "sandbox").glob("*.py")
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.With) and "together()" in ast.unparse(node.items[0])
        for part in ast.walk(node)
        if isinstance(part, ast.Await | ast.AsyncFor | ast.AsyncWith | ast.Yield)
    ]
    assert inside == []


def test_a_ledger_of_another_version_is_refused_in_words(tmp_path: Path) -> None:
    place = tmp_path / "ledger.sqlite3"
    Ledger(place).close()
    with closing(sqlite3.connect(place)) as database:
        database.execute("PRAGMA user_version = 1")
    with pytest.raises(LedgerOutdated, match="another version"):
        Ledger(place)
