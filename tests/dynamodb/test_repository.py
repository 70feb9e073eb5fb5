"""The contract of a table, held to on every engine."""

from base64 import urlsafe_b64decode
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest

from gtsite.dynamodb.conditions import Absent, AllOf, AnyOf, Condition, Equals, Newer, Present
from gtsite.dynamodb.errors import (
    BadCursor,
    ConditionFailed,
    ItemRefused,
    TableMissing,
    UnknownRegion,
)
from gtsite.dynamodb.repository import Table
from gtsite.dynamodb.router import Answer, Router, meter
from gtsite.dynamodb.tables import GLOBAL_SERVERLESS, ORDERS

SINTEL = {"PK": "library", "SK": "sintel", "title": "Sintel", "runtime": 888}
BOOKMARK = {"PK": "user100", "SK": "sintel", "Bookmark": 120, "updated_at": 1000}


@pytest.fixture
def library(table: Table) -> Table:
    """The table with sixty titles, `00` to `59`, and one of another partition."""
    table.batch_put({"PK": "library", "SK": f"{n:02}", "n": n} for n in range(60))
    table.put(BOOKMARK)
    return table


def keys(items: Iterator[dict[str, Any]] | tuple[dict[str, Any], ...]) -> list[str]:
    return [item["SK"] for item in items]


class TestGet:
    def test_an_item_that_is_there(self, table: Table) -> None:
        table.put(SINTEL)
        answer = table.get("library", "sintel")
        assert answer.value == SINTEL
        assert answer.region == "us-west-2"
        assert answer.elapsed_ms > 0

    def test_an_item_that_is_not(self, table: Table) -> None:
        table.put(SINTEL)
        assert table.get("library", "sprite", consistent=True).value is None
        assert table.get("user100", "sintel").value is None

    @pytest.mark.parametrize("key", [(), ("library",), ("library", "sintel", "more")])
    def test_half_a_key_is_refused(self, table: Table, key: tuple[str, ...]) -> None:
        with pytest.raises(ItemRefused, match=r"A key of global-serverless is PK and SK\."):
            table.get(*key)

    def test_an_empty_key_is_refused(self, table: Table) -> None:
        with pytest.raises(ItemRefused):
            table.get("library", "")

    def test_each_region_s_item_side_by_side(self, table: Table) -> None:
        table.put(SINTEL)
        (answer,) = table.get_everywhere("library", "sintel").values()
        assert isinstance(answer, Answer)
        assert answer.value == SINTEL


class TestPut:
    def test_the_whole_item_is_replaced(self, table: Table) -> None:
        table.put(SINTEL | {"licence": "CC BY 3.0"})
        assert table.put(SINTEL).value is None
        assert table.get("library", "sintel").value == SINTEL

    def test_every_kind_of_value_is_stored_as_it_is(self, table: Table) -> None:
        item = {
            "PK": "library",
            "SK": "kinds",
            "text": "Καλημέρα 🎬",
            "empty": "",
            "whole": 10**37,
            "part": Decimal("-0.0000000001"),
            "open": False,
            "nothing": None,
            "bytes": b"\x00\xff",
            "list": [1, "two", [3], {"four": 4}],
            "map": {"a": {"b": None}},
            "texts": {"a", "b"},
            "numbers": {1, Decimal("2.5")},
            "more bytes": {b"a", b"\x00"},
        }
        table.put(item)
        assert table.get("library", "kinds").value == item

    def test_an_item_is_put_where_there_is_none(self, table: Table) -> None:
        table.put(SINTEL, condition=Absent())
        assert table.get("library", "sintel").value == SINTEL

    def test_the_loser_learns_what_is_there(self, table: Table) -> None:
        table.put(SINTEL)
        with pytest.raises(ConditionFailed) as caught:
            table.put(SINTEL | {"title": "Another"}, condition=Absent())
        assert caught.value.current == SINTEL
        assert table.get("library", "sintel").value == SINTEL

    def test_the_loser_learns_that_nothing_is_there(self, table: Table) -> None:
        with pytest.raises(ConditionFailed) as caught:
            table.put(SINTEL, condition=Present())
        assert caught.value.current is None

    @pytest.mark.parametrize(
        "item",
        [
            {"PK": "library"},
            {"SK": "sintel"},
            {"PK": "library", "SK": 1},
            {"PK": "", "SK": "sintel"},
            {"PK": "library", "SK": "sintel", "share": 0.5},
            {"PK": "library", "SK": "sintel", "synopsis": "x" * 409_600},
        ],
        ids=["no sort key", "no partition key", "wrong type", "empty", "float", "400 KB"],
    )
    def test_what_cannot_be_stored_is_refused(self, table: Table, item: dict[str, Any]) -> None:
        with pytest.raises(ItemRefused):
            table.put(item)
        assert list(table.iter_scan(segments=1)) == []


class TestConditions:
    HOLDS: tuple[Condition, ...] = (
        Present(),
        Present("Bookmark"),
        Absent("finished"),
        Equals("Bookmark", 120),
        Newer("updated_at", 1001),
        Newer("watched_at", 0),
        AllOf(Present(), Equals("Bookmark", 120)),
        AnyOf(Absent(), Newer("updated_at", 2000)),
        AnyOf(AllOf(Absent(), Absent("x")), Present("SK")),
    )
    FAILS: tuple[Condition, ...] = (
        Absent(),
        Absent("Bookmark"),
        Present("finished"),
        Equals("Bookmark", 121),
        Equals("Bookmark", "120"),
        Equals("finished", True),
        Newer("updated_at", 1000),
        Newer("updated_at", 999),
        AllOf(Present(), Equals("Bookmark", 0)),
        AnyOf(Absent(), Newer("updated_at", 1)),
    )

    @pytest.mark.parametrize("condition", HOLDS, ids=[type(each).__name__ for each in HOLDS])
    def test_holds(self, table: Table, condition: Condition) -> None:
        table.put(BOOKMARK)
        table.update("user100", "sintel", set_={"region": "eu-west-1"}, condition=condition)
        assert table.get("user100", "sintel").value == BOOKMARK | {"region": "eu-west-1"}

    @pytest.mark.parametrize("condition", FAILS, ids=[type(each).__name__ for each in FAILS])
    def test_fails(self, table: Table, condition: Condition) -> None:
        table.put(BOOKMARK)
        with pytest.raises(ConditionFailed) as caught:
            table.update("user100", "sintel", set_={"region": "x"}, condition=condition)
        assert caught.value.current == BOOKMARK
        assert table.get("user100", "sintel").value == BOOKMARK

    @pytest.mark.parametrize("name", ["size", "Status", "a.b", "a-b", "1st", "with space", "ключ"])
    def test_any_attribute_name_is_as_good_as_another(self, table: Table, name: str) -> None:
        table.put(BOOKMARK | {name: 1})
        table.update("user100", "sintel", set_={name: 2}, condition=Equals(name, 1))
        item = table.query("user100", attributes=[name]).value.items[0]
        assert item == {name: 2}


class TestUpdate:
    def test_some_attributes_change_and_the_others_stay(self, table: Table) -> None:
        table.put(BOOKMARK)
        after = table.update("user100", "sintel", set_={"Bookmark": 754}, remove=["updated_at"])
        assert after.value == {"PK": "user100", "SK": "sintel", "Bookmark": 754}
        assert table.get("user100", "sintel").value == after.value

    def test_an_item_is_made_where_there_was_none(self, table: Table) -> None:
        after = table.update("user100", "sintel", set_={"Bookmark": 5}).value
        assert after == {"PK": "user100", "SK": "sintel", "Bookmark": 5}

    def test_adding_counts_from_nought(self, table: Table) -> None:
        assert table.update("user100", "sintel", add={"Bookmark": 5}).value["Bookmark"] == 5
        assert table.update("user100", "sintel", add={"Bookmark": -2}).value["Bookmark"] == 3

    def test_what_it_replaced_may_be_returned_instead(self, table: Table) -> None:
        table.put(BOOKMARK)
        before = table.update("user100", "sintel", set_={"Bookmark": 1}, returning="ALL_OLD")
        assert before.value == BOOKMARK
        nothing = table.update("user100", "big", set_={"Bookmark": 1}, returning="ALL_OLD")
        assert "Bookmark" not in nothing.value

    @pytest.mark.parametrize(
        "change",
        [{"set_": {"PK": "other"}}, {"set_": {"n": 1}, "remove": ["n"]}, {"add": {"title": 1}}],
        ids=["the key", "twice the same", "adding to text"],
    )
    def test_what_cannot_be_done_is_refused(self, table: Table, change: dict[str, Any]) -> None:
        table.put(SINTEL)
        with pytest.raises(ItemRefused):
            table.update("library", "sintel", **change)
        assert table.get("library", "sintel").value == SINTEL


class TestDelete:
    def test_it_returns_what_it_removed(self, table: Table) -> None:
        table.put(SINTEL)
        assert table.delete("library", "sintel").value == SINTEL
        assert table.get("library", "sintel").value is None

    def test_nothing_to_remove_is_no_error(self, table: Table) -> None:
        assert table.delete("library", "sintel").value is None

    def test_only_the_one_item_goes(self, library: Table) -> None:
        library.delete("library", "07")
        assert len(list(library.iter_query("library"))) == 59
        assert library.get("user100", "sintel").value == BOOKMARK

    def test_the_loser_learns_what_is_there(self, table: Table) -> None:
        table.put(BOOKMARK)
        with pytest.raises(ConditionFailed) as caught:
            table.delete("user100", "sintel", condition=Equals("Bookmark", 0))
        assert caught.value.current == BOOKMARK


class TestQuery:
    def test_one_partition_in_the_order_of_its_keys(self, library: Table) -> None:
        page = library.query("library").value
        assert keys(page.items) == [f"{n:02}" for n in range(60)]
        assert page.next_cursor is None

    def test_a_partition_without_items_is_an_empty_page(self, library: Table) -> None:
        page = library.query("nobody").value
        assert (page.items, page.next_cursor) == ((), None)

    def test_newest_first_turns_the_order_round(self, library: Table) -> None:
        assert keys(library.query("library", limit=3, newest_first=True).value.items) == [
            "59",
            "58",
            "57",
        ]

    def test_a_prefix_keeps_what_begins_with_it(self, library: Table) -> None:
        assert keys(library.query("library", prefix="1").value.items) == [
            f"1{n}" for n in range(10)
        ]

    def test_only_the_attributes_asked_for(self, library: Table) -> None:
        assert library.query("library", limit=1, attributes=["n"]).value.items == ({"n": 0},)

    @pytest.mark.parametrize("newest_first", [False, True])
    def test_pages_follow_each_other_and_lose_nothing(
        self, library: Table, *, newest_first: bool
    ) -> None:
        found: list[str] = []
        cursor: str | None = None
        for _ in range(20):
            page = library.query("library", limit=7, cursor=cursor, newest_first=newest_first).value
            found += keys(page.items)
            cursor = page.next_cursor
            if cursor is None:
                break
        assert found == sorted((f"{n:02}" for n in range(60)), reverse=newest_first)

    def test_a_page_is_one_request_however_many_rows_there_are(self, library: Table) -> None:
        with meter() as calls:
            library.query("library", limit=50)
            library.query("library", limit=5)
        assert [each.operation for each in calls.calls] == ["Query", "Query"]

    def test_every_page_in_as_many_requests_as_it_takes(self, library: Table) -> None:
        with meter() as calls:
            found = keys(library.iter_query("library", page_size=25))
        assert found == [f"{n:02}" for n in range(60)]
        assert len(calls.calls) == 3

    def test_every_page_of_a_prefix_newest_first(self, library: Table) -> None:
        found = keys(library.iter_query("library", prefix="5", newest_first=True, page_size=3))
        assert found == [f"5{n}" for n in reversed(range(10))]

    def test_more_than_a_megabyte_is_all_there(self, table: Table) -> None:
        table.batch_put(
            {"PK": "library", "SK": f"{n}", "synopsis": "x" * 300_000} for n in range(5)
        )
        page = table.query("library").value
        assert len(page.items) < 5
        assert page.next_cursor is not None
        assert keys(table.iter_query("library")) == ["0", "1", "2", "3", "4"]


class TestCursors:
    @pytest.fixture
    def cursor(self, library: Table) -> str:
        found = library.query("library", limit=5).value.next_cursor
        assert found is not None
        return found

    def test_it_holds_the_place_and_not_the_partition(self, library: Table, cursor: str) -> None:
        assert keys(library.query("library", limit=2, cursor=cursor).value.items) == ["05", "06"]
        payload = cursor.partition(":")[0]
        assert urlsafe_b64decode(payload + "=" * (-len(payload) % 4)) == b'{"SK":{"S":"04"}}'

    @pytest.mark.parametrize(
        "bad", ["", "x", ":", "e30:abc", "ü" * 10, "\x00", "a" * 10_000, "null"]
    )
    def test_nonsense_is_refused(self, table: Table, bad: str) -> None:
        with pytest.raises(BadCursor):
            table.query("library", cursor=bad)

    def test_one_character_changed_is_refused(self, library: Table, cursor: str) -> None:
        for place in (0, len(cursor) // 2, -1):
            changed = list(cursor)
            changed[place] = "A" if changed[place] != "A" else "B"
            with pytest.raises(BadCursor):
                library.query("library", cursor="".join(changed))

    def test_one_of_another_list_is_refused(self, library: Table, cursor: str) -> None:
        for other in ({"prefix": "0"}, {"newest_first": True}):
            with pytest.raises(BadCursor):
                library.query("library", cursor=cursor, **other)
        with pytest.raises(BadCursor):
            library.query("user100", cursor=cursor)
        with pytest.raises(BadCursor):
            library.scan(cursor=cursor)

    def test_one_signed_with_another_key_is_refused_and_with_an_old_one_is_not(
        self, cursor: str, router: Router
    ) -> None:
        other = Table(GLOBAL_SERVERLESS, router, cursor_keys=["another key altogether"])
        with pytest.raises(BadCursor):
            other.query("library", cursor=cursor)
        fresh = other.query("library", limit=5).value.next_cursor
        rotated = Table(
            GLOBAL_SERVERLESS, router, cursor_keys=["the new key", "another key altogether"]
        )
        assert keys(rotated.query("library", limit=1, cursor=fresh).value.items) == ["05"]


class TestScan:
    def test_every_item_of_the_table_once(self, library: Table) -> None:
        found = [(item["PK"], item["SK"]) for item in library.iter_scan(page_size=4)]
        assert len(found) == len(set(found)) == 61

    @pytest.mark.parametrize("segments", [1, 3, 16])
    def test_segments_side_by_side_lose_nothing(self, library: Table, segments: int) -> None:
        assert len(list(library.iter_scan(segments=segments))) == 61

    def test_a_table_without_items(self, table: Table) -> None:
        assert list(table.iter_scan()) == []

    def test_it_may_be_left_in_the_middle(self, library: Table) -> None:
        scanning = library.iter_scan(page_size=2)
        assert next(scanning)
        scanning.close()  # type: ignore[attr-defined]

    @pytest.mark.parametrize("segments", [1, 3, 16])
    def test_a_count_loses_nothing_and_brings_no_items(self, library: Table, segments: int) -> None:
        with meter() as calls:
            counts = list(library.iter_counts(segments=segments, page_size=4))
        assert sum(each.items for each in counts) == 61
        assert max(each.items for each in counts) <= 4
        assert len(counts) == len(calls.calls)

    def test_pages_by_cursor(self, library: Table) -> None:
        first = library.scan(limit=40).value
        second = library.scan(limit=40, cursor=first.next_cursor).value
        assert len(first.items) + len(second.items) == 61
        assert second.next_cursor is None

    def test_a_cursor_of_another_segment_is_refused(self, library: Table) -> None:
        cursors = [library.scan(limit=1, segment=n, segments=2).value.next_cursor for n in (0, 1)]
        cursor = next(each for each in cursors if each)
        with pytest.raises(BadCursor):
            library.scan(limit=1, segment=0, segments=3, cursor=cursor)

    def test_a_segment_without_their_number_makes_no_sense(self, table: Table) -> None:
        with pytest.raises(ValueError, match="number of segments"):
            table.scan(segment=1)

    def test_the_calls_of_all_segments_are_counted(self, library: Table) -> None:
        with meter() as calls:
            list(library.iter_scan(segments=4))
        assert len(calls.calls) >= 4


class TestBatches:
    def test_items_come_in_the_order_of_their_keys(self, library: Table) -> None:
        wanted = [("library", "03"), ("library", "nope"), ("user100", "sintel"), ("library", "01")]
        answer = library.batch_get(wanted)
        assert [item and item["SK"] for item in answer.value] == ["03", None, "sintel", "01"]
        assert answer.region == "us-west-2"

    def test_one_key_asked_for_twice_is_answered_twice(self, library: Table) -> None:
        found = library.batch_get([("library", "03")] * 2, consistent=True).value
        assert [item and item["n"] for item in found] == [3, 3]

    def test_a_peek_is_one_request_that_says_what_each_key_holds(self, library: Table) -> None:
        keys = [("library", "03"), ("library", "nope"), ("library", "03")]
        with meter() as calls:
            found = library.peek(keys, consistent=True).value
        assert [each.operation for each in calls.calls] == ["BatchGetItem"]
        assert set(found) == set(keys)
        assert found["library", "nope"] is None
        assert (found["library", "03"] or {})["n"] == 3

    def test_no_keys_are_no_request(self, table: Table) -> None:
        with meter() as calls:
            assert table.batch_get([]).value == []
            assert table.batch_put([]).region == "us-west-2"
        assert calls.calls == []

    def test_more_than_one_request_holds(self, table: Table) -> None:
        items = [{"PK": "many", "SK": f"{n:03}", "n": n} for n in range(230)]
        with meter() as calls:
            table.batch_put(items)
            found = table.batch_get([("many", f"{n:03}") for n in range(230)]).value
            table.batch_delete([("many", f"{n:03}") for n in range(0, 230, 2)])
        assert found == items
        assert len(list(table.iter_query("many"))) == 115
        names = [each.operation for each in calls.calls]
        assert (names.count("BatchWriteItem"), names.count("BatchGetItem")) == (10 + 5, 3)

    def test_of_several_items_with_one_key_the_last_is_written(self, table: Table) -> None:
        table.batch_put({"PK": "a", "SK": "b", "n": n} for n in range(30))
        assert table.get("a", "b").value == {"PK": "a", "SK": "b", "n": 29}

    def test_an_item_without_a_key_is_refused_before_anything_is_written(
        self, table: Table
    ) -> None:
        with pytest.raises(ItemRefused, match="has no SK"):
            table.batch_put([SINTEL, {"PK": "library"}])
        assert table.get("library", "sintel").value is None


class TestTablesAndRegions:
    def test_a_table_that_is_not_there(self, router: Router, table: Table) -> None:
        assert table.get("library", "sintel").value is None
        orders = Table(ORDERS, router)
        with pytest.raises(TableMissing, match=r"Orders is not in us-west-2: run manage.py prov"):
            orders.get("1", "2")
        with pytest.raises(TableMissing):
            orders.at("us-west-2").put({"OrderID": "1", "CustomerID": "2"})

    def test_pinned_to_a_region(self, table: Table) -> None:
        pinned = table.at("us-west-2")
        pinned.put(SINTEL)
        assert (pinned.region, pinned.get("library", "sintel").value) == ("us-west-2", SINTEL)
        assert table.region is None

    def test_pinned_to_no_region_at_all(self, table: Table) -> None:
        with pytest.raises(UnknownRegion):
            table.at("us-west-9")

    def test_another_name_is_another_table(self, router: Router, table: Table) -> None:
        table.put(SINTEL)
        with pytest.raises(TableMissing):
            Table(GLOBAL_SERVERLESS.named("other"), router).get("library", "sintel")
