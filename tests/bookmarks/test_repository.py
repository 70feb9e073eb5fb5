"""The stored form of positions and lists, and the repositories' contract on every engine."""

import threading
import uuid
from collections.abc import Callable, Iterator
from dataclasses import replace
from decimal import Decimal
from functools import partial
from typing import Any

import pytest

from bookmarks.entities import Bookmark, ListEntry, Place
from bookmarks.errors import MalformedBookmark, MalformedEntry
from bookmarks.repository import (
    LIST_LENGTH,
    Bookmarks,
    MyList,
    bookmark_from_item,
    bookmark_to_item,
    entry_from_item,
    entry_to_item,
)
from gtsite.dynamodb.clients import Clients
from gtsite.dynamodb.errors import RegionUnavailable
from gtsite.dynamodb.meter import meter
from gtsite.dynamodb.repository import Table
from gtsite.dynamodb.router import Router
from gtsite.dynamodb.tables import GLOBAL_SERVERLESS
from gtsite.viewers.sessions import SESSIONS_KEY
from tests.support.engines import EngineProcess, create_table

BOOKMARK = Bookmark(
    viewer_id="anon-a",
    content_id="sintel",
    position_seconds=754,
    duration_seconds=888,
    updated_at_ms=1_700_000_000_000,
    region="us-west-2",
    finished=False,
)
STORED: dict[str, Any] = {
    "PK": "anon-a",
    "SK": "sintel",
    "Bookmark": 754,
    "duration": 888,
    "updated_at": 1_700_000_000_000,
    "region": "us-west-2",
    "finished": False,
}

LONG_SECONDS = 30.0


def test_a_bookmark_is_stored_like_this_and_comes_back_the_same() -> None:
    assert bookmark_to_item(BOOKMARK) == STORED
    assert bookmark_from_item(STORED) == BOOKMARK


def test_an_item_of_the_workshop_is_a_bookmark_without_a_moment() -> None:
    item = {"PK": "user100", "SK": "AshlandValley", "Bookmark": 0}
    assert bookmark_from_item(item) == Bookmark(
        viewer_id="user100", content_id="AshlandValley", position_seconds=0
    )


def test_a_fraction_of_a_second_is_cut_off() -> None:
    assert bookmark_from_item(STORED | {"Bookmark": Decimal("754.9")}).position_seconds == 754


def test_one_taken_off_says_when_and_is_hidden_until_something_newer() -> None:
    hidden = replace(BOOKMARK, hidden_at_ms=BOOKMARK.updated_at_ms)
    assert bookmark_to_item(hidden) == STORED | {"hidden_at": 1_700_000_000_000}
    assert bookmark_from_item(bookmark_to_item(hidden)) == hidden
    assert hidden.hidden
    assert not BOOKMARK.hidden
    assert not replace(hidden, updated_at_ms=hidden.updated_at_ms + 1).hidden


def test_an_entry_is_stored_like_this_and_comes_back_the_same() -> None:
    item = {"PK": "anon-a#list", "SK": "sintel", "added_at": 7}
    assert entry_to_item(entry("sintel", 7)) == item
    assert entry_from_item(item) == entry("sintel", 7)


def test_an_entry_without_a_moment_is_the_oldest_and_one_with_a_bad_one_is_refused() -> None:
    bare = {"PK": "anon-a#list", "SK": "sintel"}
    assert entry_from_item(bare) == entry("sintel", 0)
    with pytest.raises(MalformedEntry, match="added_at"):
        entry_from_item(bare | {"added_at": "soon"})


@pytest.mark.parametrize("wrong", [None, "754", -1, True, [754]])
def test_an_item_without_a_position_is_refused(wrong: object) -> None:
    with pytest.raises(MalformedBookmark, match="Bookmark"):
        bookmark_from_item(STORED | {"Bookmark": wrong})


@pytest.fixture
def table(engine: EngineProcess) -> Iterator[Table]:
    """An empty table of this test's own, on each engine, which may be as slow as it likes."""
    clients = Clients(
        endpoints={"us-west-2": engine.url},
        connect_seconds=LONG_SECONDS,
        read_seconds=LONG_SECONDS,
    )
    definition = GLOBAL_SERVERLESS.named(f"site-{uuid.uuid4().hex}")
    create_table(clients.control("us-west-2"), definition)
    router = Router(
        clients=clients,
        regions=["us-west-2"],
        local="us-west-2",
        deadline_seconds=2 * LONG_SECONDS,
    )
    yield Table(definition, router, cursor_keys=["key"])
    clients.control("us-west-2").delete_table(TableName=definition.name)
    router.close()


def at(position: int, moment: int, content_id: str = "sintel", viewer: str = "anon-a") -> Bookmark:
    return Bookmark(
        viewer_id=viewer,
        content_id=content_id,
        position_seconds=position,
        duration_seconds=888,
        updated_at_ms=moment,
        region="us-west-2",
    )


def entry(title_id: str, moment: int, viewer: str = "anon-a") -> ListEntry:
    return ListEntry(viewer_id=viewer, title_id=title_id, added_at_ms=moment)


def find(table: Table, content_id: str = "sintel", viewer: str = "anon-a") -> Bookmark | None:
    return next(iter(Bookmarks(table).find_place(viewer, [content_id]).bookmarks), None)


racing = pytest.mark.parametrize("engine", ["dynoxide"], indirect=True)
"""Not on moto, which checks a condition and writes in two steps, so that both may win."""


def race(*works: Callable[[], object]) -> None:
    """All of them at once, each in a thread of its own, to their end."""
    start = threading.Barrier(len(works))

    def run(work: Callable[[], object]) -> None:
        start.wait()
        work()

    threads = [threading.Thread(target=run, args=(work,)) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


class TestBookmarks:
    """What every engine must keep of the promises about positions."""

    def test_what_was_saved_is_found(self, table: Table) -> None:
        assert Bookmarks(table).save(BOOKMARK) is True
        assert find(table) == BOOKMARK

    def test_of_what_was_never_saved_there_is_nothing(self, table: Table) -> None:
        assert Bookmarks(table).find_place("anon-a", ["sintel"], title_id="sintel") == Place()

    def test_an_item_that_holds_no_position_is_none(self, table: Table) -> None:
        table.put({"PK": "anon-a", "SK": "sintel", "added_at": 1})
        assert find(table) is None

    def test_a_newer_position_replaces_an_older_one(self, table: Table) -> None:
        bookmarks = Bookmarks(table)
        bookmarks.save(at(10, 1))
        assert bookmarks.save(at(5, 2)) is True
        assert find(table) == at(5, 2)

    @pytest.mark.parametrize("moment", [1, 2])
    def test_an_older_or_equal_moment_never_rewinds(self, table: Table, moment: int) -> None:
        bookmarks = Bookmarks(table)
        bookmarks.save(at(10, 2))
        assert bookmarks.save(at(5, moment)) is False
        assert find(table) == at(10, 2)

    def test_a_position_without_a_moment_is_older_than_any(self, table: Table) -> None:
        table.put({"PK": "anon-a", "SK": "sintel", "Bookmark": 99})
        assert Bookmarks(table).save(at(5, 0)) is True

    def test_other_attributes_of_the_item_stay(self, table: Table) -> None:
        table.put({"PK": "anon-a", "SK": "sintel", "Bookmark": 1, "note": "kept"})
        Bookmarks(table).save(at(5, 2))
        item = table.get("anon-a", "sintel").value
        assert item is not None
        assert item["note"] == "kept"

    @pytest.mark.parametrize("count", [1, 60])
    def test_the_newest_come_first_in_one_request(self, table: Table, count: int) -> None:
        table.batch_put(
            bookmark_to_item(at(number, number, content_id=f"title-{number}"))
            for number in range(count)
        )
        with meter() as calls:
            found = Bookmarks(table).list_newest("anon-a").bookmarks
        assert [each.position_seconds for each in found] == list(range(count - 1, -1, -1))
        assert len(calls.calls) == 1

    def test_what_ends_sessions_comes_along_and_is_no_position(self, table: Table) -> None:
        marker = {"PK": "anon-a", "SK": SESSIONS_KEY, "valid_from": 5}
        table.put(marker)
        bookmarks = Bookmarks(table)
        bookmarks.save(at(10, 1))
        positions = bookmarks.list_newest("anon-a")
        assert (positions.bookmarks, positions.marker) == ((at(10, 1),), marker)
        assert bookmarks.find_place("anon-a", ["sintel"]).marker == marker

    def test_one_bad_item_does_not_hide_the_others(self, table: Table) -> None:
        table.put({"PK": "anon-a", "SK": "bad", "Bookmark": "soon"})
        bookmarks = Bookmarks(table)
        bookmarks.save(at(10, 1))
        assert bookmarks.list_newest("anon-a").bookmarks == (at(10, 1),)

    @pytest.mark.parametrize(
        ("episodes", "requests"), [(3, 1), (97, 1), (98, 1), (99, 2), (900, 2)]
    )
    def test_a_place_takes_one_request_and_never_more_than_two(
        self, table: Table, episodes: int, requests: int
    ) -> None:
        bookmarks = Bookmarks(table)
        ids = [f"show#S{number // 99:02}E{number % 99:02}" for number in range(episodes)]
        kept = [at(10, 1, content_id=ids[0]), at(20, 1, content_id=ids[-1])]
        for each in (*kept, at(30, 1, content_id="other#S01E01"), at(40, 1, content_id="show")):
            bookmarks.save(each)
        MyList(table).add(entry("show", 1))
        with meter() as calls:
            place = bookmarks.find_place("anon-a", ids, title_id="show")
        assert set(place.bookmarks) == set(kept)
        assert place.listed
        assert len(calls.calls) == requests

    def test_one_taken_off_keeps_its_place_and_comes_back_to_it(self, table: Table) -> None:
        bookmarks = Bookmarks(table)
        bookmarks.save(at(10, 5))
        hidden = bookmarks.hide("anon-a", "sintel", at_ms=9)
        assert hidden == replace(at(10, 5), hidden_at_ms=9)
        assert bookmarks.show("anon-a", "sintel") == at(10, 5)
        assert find(table) == at(10, 5)

    def test_one_taken_off_stays_off_when_older_positions_come_late(self, table: Table) -> None:
        bookmarks = Bookmarks(table)
        bookmarks.save(at(10, 5))
        bookmarks.hide("anon-a", "sintel", at_ms=9)
        assert bookmarks.save(at(20, 8)) is True
        late = find(table)
        assert late is not None
        assert (late.position_seconds, late.hidden) == (20, True)
        bookmarks.save(at(30, 10))
        newer = find(table)
        assert newer is not None
        assert not newer.hidden

    def test_what_is_not_there_can_be_neither_taken_off_nor_put_back(self, table: Table) -> None:
        bookmarks = Bookmarks(table)
        assert bookmarks.hide("anon-a", "sintel", at_ms=9) is None
        assert bookmarks.show("anon-a", "sintel") is None
        assert list(table.iter_query("anon-a")) == []

    @racing
    def test_of_two_that_take_it_off_at_once_the_later_moment_stands(self, table: Table) -> None:
        bookmarks = Bookmarks(table)
        bookmarks.save(at(10, 1))

        def hide(moments: range) -> None:
            for moment in moments:
                bookmarks.hide("anon-a", "sintel", at_ms=moment)

        race(lambda: hide(range(1, 30, 2)), lambda: hide(range(30, 0, -2)))
        found = find(table)
        assert found is not None
        assert found.hidden_at_ms == 30

    @pytest.mark.parametrize("moment", [0, 5])
    def test_only_one_that_is_as_it_was_read_is_removed(self, table: Table, moment: int) -> None:
        bookmarks = Bookmarks(table)
        item = {"PK": "anon-a", "SK": "sintel", "Bookmark": 10}
        table.put(item | ({"updated_at": moment} if moment else {}))
        read = find(table)
        assert read is not None
        bookmarks.save(at(20, 9))
        assert bookmarks.delete_unchanged(read) is False
        assert find(table) == at(20, 9)
        assert bookmarks.delete_unchanged(at(20, 9)) is True
        assert find(table) is None

    @racing
    def test_of_a_position_saved_while_it_is_removed_nothing_is_lost(self, table: Table) -> None:
        bookmarks = Bookmarks(table)
        for moment in range(2, 8, 2):
            bookmarks.save(at(moment, moment))
            race(
                partial(bookmarks.delete_unchanged, at(moment, moment)),
                partial(bookmarks.save, at(moment + 1, moment + 1)),
            )
            assert find(table) == at(moment + 1, moment + 1)

    def test_all_of_a_viewer_go_but_for_what_ends_sessions(self, table: Table) -> None:
        bookmarks = Bookmarks(table)
        for number in range(30):
            bookmarks.save(at(1, 1, content_id=f"title-{number}"))
        bookmarks.save(at(1, 1, viewer="anon-b"))
        table.put({"PK": "anon-a", "SK": SESSIONS_KEY, "valid_from": 5})
        for _ in range(2):
            bookmarks.delete_all("anon-a")
            assert [item["SK"] for item in table.iter_query("anon-a")] == [SESSIONS_KEY]
        assert find(table, viewer="anon-b") is not None

    def test_no_viewer_sees_or_touches_what_is_anothers(self, table: Table) -> None:
        bookmarks = Bookmarks(table)
        bookmarks.save(at(10, 1, viewer="anon-a"))
        bookmarks.save(at(10, 1, content_id="show#S01E01", viewer="anon-a"))
        assert find(table, viewer="anon-b") is None
        assert bookmarks.list_newest("anon-b").bookmarks == ()
        assert bookmarks.find_place("anon-b", ["show#S01E01"]).bookmarks == ()
        bookmarks.save(at(20, 9, viewer="anon-b"))
        bookmarks.hide("anon-b", "sintel", at_ms=10)
        bookmarks.delete_all("anon-b")
        assert find(table) == at(10, 1)

    @racing
    def test_of_writes_that_race_the_newest_moment_stands(self, table: Table) -> None:
        bookmarks = Bookmarks(table)

        def save(moments: range) -> None:
            for moment in moments:
                bookmarks.save(at(moment, moment))

        race(lambda: save(range(1, 30, 2)), lambda: save(range(30, 0, -2)))
        assert find(table) == at(30, 30)

    def test_other_trouble_passes_up(self, table: Table) -> None:
        bookmarks = Bookmarks(table.at("eu-west-1"))
        for work in (
            lambda: bookmarks.save(BOOKMARK),
            lambda: bookmarks.hide("anon-a", "sintel", at_ms=1),
            lambda: bookmarks.delete_unchanged(BOOKMARK),
        ):
            with pytest.raises(RegionUnavailable):
                work()


class TestMyList:
    """What every engine must keep of the promises about the list."""

    @pytest.mark.parametrize("count", [1, 60])
    def test_the_newest_come_first_in_one_request(self, table: Table, count: int) -> None:
        table.batch_put(entry_to_item(entry(f"title-{each}", each + 1)) for each in range(count))
        with meter() as calls:
            found = MyList(table).list_newest("anon-a")
        assert [each.added_at_ms for each in found.entries] == list(range(count, 0, -1))
        assert not found.cut
        assert len(calls.calls) == 1

    def test_a_list_too_long_is_cut_and_says_so(self, table: Table) -> None:
        items = [entry_to_item(entry(f"title-{each}", 1)) for each in range(LIST_LENGTH + 1)]
        table.batch_put(items)
        my_list = MyList(table)
        found = my_list.list_newest("anon-a")
        assert (len(found.entries), found.cut) == (LIST_LENGTH, True)
        my_list.remove("anon-a", "title-0")
        found = my_list.list_newest("anon-a")
        assert (len(found.entries), found.cut) == (LIST_LENGTH, False)

    def test_added_twice_keeps_its_place_and_removed_twice_is_gone(self, table: Table) -> None:
        my_list = MyList(table)
        assert my_list.add(entry("sintel", 1)) is True
        assert my_list.add(entry("sintel", 9)) is False
        assert my_list.list_newest("anon-a").entries == (entry("sintel", 1),)
        my_list.remove("anon-a", "sintel")
        my_list.remove("anon-a", "sintel")
        assert my_list.list_newest("anon-a").entries == ()

    def test_one_bad_item_does_not_hide_the_others(self, table: Table) -> None:
        table.put({"PK": "anon-a#list", "SK": "bad", "added_at": "soon"})
        my_list = MyList(table)
        my_list.add(entry("sintel", 1))
        assert my_list.list_newest("anon-a").entries == (entry("sintel", 1),)

    @racing
    def test_of_two_that_add_at_once_one_does_and_its_moment_stands(self, table: Table) -> None:
        my_list = MyList(table)
        won: list[int] = []

        def add(moment: int) -> None:
            won.extend([moment] if my_list.add(entry("sintel", moment)) else [])

        race(lambda: add(1), lambda: add(2))
        (moment,) = won
        assert my_list.list_newest("anon-a").entries == (entry("sintel", moment),)

    def test_only_one_that_is_as_it_was_read_is_removed(self, table: Table) -> None:
        my_list = MyList(table)
        my_list.add(entry("sintel", 2))
        assert my_list.delete_unchanged(entry("sintel", 1)) is False
        assert my_list.delete_unchanged(entry("sintel", 2)) is True
        assert my_list.list_newest("anon-a").entries == ()

    def test_no_viewer_sees_or_touches_what_is_anothers(self, table: Table) -> None:
        my_list = MyList(table)
        my_list.add(entry("sintel", 1))
        assert my_list.list_newest("anon-b").entries == ()
        assert not Bookmarks(table).find_place("anon-b", [], title_id="sintel").listed
        my_list.remove("anon-b", "sintel")
        my_list.delete_all("anon-b")
        assert my_list.list_newest("anon-a").entries == (entry("sintel", 1),)

    def test_other_trouble_passes_up(self, table: Table) -> None:
        with pytest.raises(RegionUnavailable):
            MyList(table.at("eu-west-1")).add(entry("sintel", 1))
