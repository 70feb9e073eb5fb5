"""The stored form of a position, and the repository's contract on every engine."""

import threading
import uuid
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest

from bookmarks.entities import Bookmark
from bookmarks.errors import MalformedBookmark
from bookmarks.repository import Bookmarks, bookmark_from_item, bookmark_to_item
from gtsite.dynamodb.clients import Clients
from gtsite.dynamodb.errors import RegionUnavailable
from gtsite.dynamodb.meter import meter
from gtsite.dynamodb.repository import Table
from gtsite.dynamodb.router import Router
from gtsite.dynamodb.tables import GLOBAL_SERVERLESS
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


@pytest.mark.parametrize("wrong", [None, "754", -1, True, [754]])
def test_an_item_without_a_position_is_refused(wrong: object) -> None:
    with pytest.raises(MalformedBookmark, match="Bookmark"):
        bookmark_from_item(STORED | {"Bookmark": wrong})


@pytest.fixture
def table(engine: EngineProcess) -> Iterator[Table]:
    """An empty table of this test's own, on each engine."""
    clients = Clients(endpoints={"us-west-2": engine.url})
    definition = GLOBAL_SERVERLESS.named(f"site-{uuid.uuid4().hex}")
    create_table(clients.control("us-west-2"), definition)
    router = Router(clients=clients, regions=["us-west-2"], local="us-west-2")
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


class TestBookmarks:
    """What every engine must keep of the repository's promises."""

    def test_what_was_saved_is_found(self, table: Table) -> None:
        bookmarks = Bookmarks(table)
        assert bookmarks.save(BOOKMARK) is True
        assert bookmarks.find("anon-a", "sintel") == BOOKMARK

    def test_what_was_never_saved_is_none(self, table: Table) -> None:
        assert Bookmarks(table).find("anon-a", "sintel") is None

    def test_an_item_that_holds_no_position_is_none(self, table: Table) -> None:
        table.put({"PK": "anon-a", "SK": "sintel", "added_at": 1})
        assert Bookmarks(table).find("anon-a", "sintel") is None

    def test_a_newer_position_replaces_an_older_one(self, table: Table) -> None:
        bookmarks = Bookmarks(table)
        bookmarks.save(at(10, 1))
        assert bookmarks.save(at(5, 2)) is True
        assert bookmarks.find("anon-a", "sintel") == at(5, 2)

    @pytest.mark.parametrize("moment", [1, 2])
    def test_an_older_or_equal_moment_never_rewinds(self, table: Table, moment: int) -> None:
        bookmarks = Bookmarks(table)
        bookmarks.save(at(10, 2))
        assert bookmarks.save(at(5, moment)) is False
        assert bookmarks.find("anon-a", "sintel") == at(10, 2)

    def test_a_position_without_a_moment_is_older_than_any(self, table: Table) -> None:
        table.put({"PK": "anon-a", "SK": "sintel", "Bookmark": 99})
        assert Bookmarks(table).save(at(5, 0)) is True

    def test_other_attributes_of_the_item_stay(self, table: Table) -> None:
        table.put({"PK": "anon-a", "SK": "sintel", "Bookmark": 1, "note": "kept"})
        Bookmarks(table).save(at(5, 2))
        item = table.get("anon-a", "sintel").value
        assert item is not None
        assert item["note"] == "kept"

    def test_the_newest_come_first_in_one_request(self, table: Table) -> None:
        bookmarks = Bookmarks(table)
        for number in range(30):
            bookmarks.save(at(number, number, content_id=f"title-{number}"))
        with meter() as calls:
            found = bookmarks.list_newest("anon-a")
        assert [bookmark.position_seconds for bookmark in found] == list(range(29, -1, -1))
        assert len(calls.calls) == 1

    def test_one_bad_item_does_not_hide_the_others(self, table: Table) -> None:
        table.put({"PK": "anon-a", "SK": "bad", "Bookmark": "soon"})
        bookmarks = Bookmarks(table)
        bookmarks.save(at(10, 1))
        assert bookmarks.list_newest("anon-a") == (at(10, 1),)

    def test_episodes_are_those_of_that_show_only(self, table: Table) -> None:
        bookmarks = Bookmarks(table)
        for content_id in ("show#S01E01", "show#S01E02", "show", "show-two#S01E01"):
            bookmarks.save(at(10, 1, content_id=content_id))
        found = bookmarks.list_episodes("anon-a", "show")
        assert [each.content_id for each in found] == ["show#S01E01", "show#S01E02"]

    def test_no_viewer_sees_or_touches_what_is_anothers(self, table: Table) -> None:
        bookmarks = Bookmarks(table)
        bookmarks.save(at(10, 1, viewer="anon-a"))
        bookmarks.save(at(10, 1, content_id="show#S01E01", viewer="anon-a"))
        assert bookmarks.find("anon-b", "sintel") is None
        assert bookmarks.list_newest("anon-b") == ()
        assert bookmarks.list_episodes("anon-b", "show") == ()
        bookmarks.save(at(20, 9, viewer="anon-b"))
        assert bookmarks.find("anon-a", "sintel") == at(10, 1)

    def test_of_writes_that_race_the_newest_moment_stands(self, table: Table) -> None:
        bookmarks = Bookmarks(table)
        start = threading.Barrier(2)

        def save(moments: range) -> None:
            start.wait()
            for moment in moments:
                bookmarks.save(at(moment, moment))

        rising = threading.Thread(target=save, args=(range(1, 30, 2),))
        falling = threading.Thread(target=save, args=(range(30, 0, -2),))
        rising.start()
        falling.start()
        rising.join()
        falling.join()
        assert bookmarks.find("anon-a", "sintel") == at(30, 30)

    def test_other_trouble_passes_up(self, table: Table) -> None:
        with pytest.raises(RegionUnavailable):
            Bookmarks(table.at("eu-west-1")).save(BOOKMARK)
