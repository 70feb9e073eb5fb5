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

from gtsite.sandbox.ledger.ledger import Change, Conflict, Ledger, LedgerOutdated, Replica
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
def test_what_is_due_is_the_newest_of_each_item_and_stands_for_those_before_it(
    written: list[tuple[str, int]], lag: int, limit: int
) -> None:
    """Whatever was due when something of the item arrived is not seen again, in no order at all."""
    ledger = Ledger(None)
    for time, (key, due_at) in enumerate(written):
        ledger.enqueue(change(key, time), "a", "b", now=time, due_at=due_at)
    while ledger.hasten("a", "b", lag, limit) == limit:
        continue
    arrived: list[tuple[str, int]] = []
    for now in range(80):
        while due := ledger.due("a", "b", now, limit):
            assert len({each.item_key for each in due}) == len(due)
            for each in due:
                arrived.append((each.item_key, each.version.time))
                ledger.delivered(each)
                left = ledger.due("a", "b", now, 99)
                assert each.item_key not in [other.item_key for other in left]
    assert ledger.next_due("a", "b") is None
    for key in "xyz":
        times = [time for name, time in arrived if name == key]
        every = [time for time, (name, _) in enumerate(written) if name == key]
        assert times == sorted(set(times))
        assert times[-1:] == every[-1:]
    ledger.close()


def test_images_of_one_item_that_are_due_one_after_the_other_arrive_one_by_one(
    ledger: Ledger,
) -> None:
    for time in (1, 2, 3):
        ledger.enqueue(change("x", time), "a", "b", now=time, due_at=time * 10)
    arrived = []
    for now in (10, 20, 30):
        for each in ledger.due("a", "b", now, 9):
            arrived.append((now, each.version.time))
            ledger.delivered(each)
    assert arrived == [(10, 1), (20, 2), (30, 3)]


def test_an_image_that_is_put_off_waits_and_a_newer_one_of_its_item_stands_for_it(
    ledger: Ledger,
) -> None:
    ledger.enqueue(change("x", 1), "a", "b", now=1, due_at=1)
    (first,) = ledger.due("a", "b", 5, 9)
    ledger.postpone(first, 50)
    assert ledger.due("a", "b", 5, 9) == []
    ledger.enqueue(change("y", 2), "a", "b", now=5, due_at=5)
    assert [each.item_key for each in ledger.due("a", "b", 5, 9)] == ["y"]
    ledger.postpone(first, 5)
    ledger.enqueue(change("x", 3), "a", "b", now=5, due_at=5)
    ledger.postpone(first, 50)
    (newer,) = [each for each in ledger.due("a", "b", 5, 9) if each.item_key == "x"]
    assert newer.version.time == 3
    ledger.delivered(newer)
    assert [each.item_key for each in ledger.due("a", "b", 99, 9)] == ["y"]


def test_an_older_image_that_was_written_down_later_is_not_taken_for_the_newest(
    ledger: Ledger,
) -> None:
    """A back-fill sends what its source has, which may be older than what already is on the way."""
    ledger.enqueue(change("x", 9, region="c"), "a", "b", now=1, due_at=1)
    ledger.enqueue(change("x", 4), "a", "b", now=2, due_at=1)
    (found,) = ledger.due("a", "b", 5, 9)
    assert found.version.time == 9


def test_a_long_row_of_images_of_one_item_is_forgotten_in_small_pieces(ledger: Ledger) -> None:
    for time in range(1, 1202):
        ledger.enqueue(change("x", time), "a", "b", now=time, due_at=1)
    left = []
    while due := ledger.due("a", "b", 9, 9):
        ledger.delivered(due[0])
        left.append(ledger.backlog().get(("a", "b"), (0, 0))[0])
    assert left == [700, 199, 0]


def test_the_next_to_come_and_the_backlog_are_told_by_the_way(ledger: Ledger) -> None:
    ledger.enqueue(change("x", 1), "a", "b", now=3, due_at=20)
    ledger.enqueue(change("y", 2), "a", "b", now=4, due_at=10)
    ledger.enqueue(change("y", 2), "a", "c", now=4, due_at=7)
    assert ledger.next_due("a", "b") == 10
    assert ledger.backlog() == {("a", "b"): (2, 3), ("a", "c"): (1, 4)}
    assert set(ledger.pairs()) == {("a", "b"), ("a", "c")}
    assert ledger.still_owed(TABLE, "b", ledger.last_owed())
    assert not ledger.still_owed("another", "b", ledger.last_owed())


def test_a_new_replica_is_owed_each_image_on_its_way_to_its_peers_once(ledger: Ledger) -> None:
    """From its own region as well: the replica that wrote it there is not the one it is now."""
    for target in ("b", "c"):
        ledger.enqueue(change("x", 1), "a", target, now=1, due_at=LATE)
    ledger.enqueue(change("x", 2, region="b"), "b", "a", now=2, due_at=LATE)
    ledger.enqueue(change("x", 3, region="d"), "d", "a", now=3, due_at=LATE)
    ledger.enqueue(change("x", 4, region="e"), "e", "f", now=4, due_at=LATE)
    ledger.copy_backlog(TABLE, "d", ["a", "b", "c"], due_at=7)
    assert [each.version.time for each in ledger.due("a", "d", 7, 9)] == [1]
    assert [each.version.time for each in ledger.due("b", "d", 7, 9)] == [2]
    assert [each.version.time for each in ledger.due("d", "d", 7, 9)] == [3]
    assert ledger.due("e", "d", 7, 9) == []


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
    ledger.open_intents("a", [(TABLE, "x", {}, None)])
    ledger.enqueue(change("x", 1), "a", "b", now=1, due_at=1)
    ledger.enqueue(change("x", 1, region="b"), "b", "a", now=1, due_at=1)
    ledger.remove_replica("a", TABLE)
    assert ledger.replica("a", TABLE) is None
    assert ledger.version("a", TABLE, "x") is None
    assert ledger.version("b", TABLE, "x") is not None
    assert ledger.intents() == []
    assert ledger.pairs() == [("a", "b")]


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


def test_the_newest_conflicts_are_kept_and_older_ones_make_room(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gtsite.sandbox.ledger.ledger.MOST_CONFLICTS", 5)
    for time in range(1, 9):
        ledger.report(
            Conflict(
                table=TABLE,
                item_key="x",
                key={"PK": {"S": "x"}},
                winner=Version(time=time + 1, region="b"),
                winner_image=None,
                loser=Version(time=time, region="a"),
                loser_image=None,
                seen_at=time,
            )
        )
    assert [each["loser"]["time_us"] for each in ledger.conflicts(100)] == [8, 7, 6, 5, 4]


def test_the_clock_put_ahead_is_kept_and_nothing_on_its_way_arrives_earlier(
    tmp_path: Path,
) -> None:
    first = Ledger(tmp_path / "ledger")
    first.enqueue(change("x", 1), "a", "b", now=100, due_at=150)
    first.put_ahead(1000)
    first.put_ahead(500)
    first.close()
    again = Ledger(tmp_path / "ledger")
    assert again.ahead() == 1500
    assert again.next_due("a", "b") == 150
    assert again.last_moment() == 1600
    again.close()


def test_the_last_moment_of_the_clock_is_known_when_nothing_is_on_its_way(tmp_path: Path) -> None:
    first = Ledger(tmp_path / "ledger")
    assert first.last_moment() == 0
    first.keep_moment(77)
    first.keep_moment(5)
    first.close()
    again = Ledger(tmp_path / "ledger")
    assert again.last_moment() == 77
    again.close()


def test_nothing_is_awaited_inside_a_transaction_of_the_ledger() -> None:
    """Another task would write into it, and be rolled back or committed with it."""
    inside = [
        f"{file.name}:{node.lineno}"
        for file in (PROJECT / "gtsite" / "sandbox").rglob("*.py")
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
