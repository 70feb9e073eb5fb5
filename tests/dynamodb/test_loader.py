"""Rows into a table: what is refused and why, what is written, and what an interruption leaves."""

import random
import tracemalloc
from collections.abc import Callable, Iterable, Iterator, Sequence
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gtsite.dynamodb.errors import ItemRefused, NoRegionAvailable
from gtsite.dynamodb.loader import (
    Existing,
    Loaded,
    Rejected,
    check_rows,
    count_absent,
    load_rows,
)
from gtsite.dynamodb.repository import Table
from gtsite.dynamodb.rows import Row, Untyped
from gtsite.dynamodb.tables import FLIGHTS, GLOBAL_SERVERLESS
from tests.support.engines import EngineProcess

NO_NUMBER = (
    "share is not a number DynamoDB can hold: those have 38 digits and go from 1e-130 to 9.9e125"
)
NO_SET = "tags is a set: it needs members, all of them texts, numbers or bytes"


class Heard:
    """What a listener was told."""

    def __init__(self) -> None:
        self.rejects: list[Rejected] = []
        self.pairs: list[tuple[int, int]] = []
        self.counts: list[int] = []

    def rejected(self, row: Rejected) -> None:
        self.rejects.append(row)

    def replaced(self, earlier: int, later: int) -> None:
        self.pairs.append((earlier, later))

    def progressed(self, loaded: Loaded) -> None:
        self.counts.append(loaded.read)

    @property
    def reasons(self) -> list[tuple[int, str]]:
        return [(each.number, each.reason) for each in self.rejects]


@pytest.fixture
def heard() -> Heard:
    return Heard()


def rows(*items: dict[str, Any]) -> list[Row]:
    return [Row(number=number, raw=item, item=item) for number, item in enumerate(items, start=1)]


def title(key: str, **more: Any) -> dict[str, Any]:
    return {"PK": "library", "SK": key} | more


def stored(table: Table) -> dict[str, dict[str, Any]]:
    return {item["SK"]: item for item in table.iter_query("library")}


class TestChecking:
    @pytest.mark.parametrize(
        ("item", "reason"),
        [
            ({"SK": "a"}, "it has no PK, which is part of the key"),
            ({"PK": "a"}, "it has no SK, which is part of the key"),
            ({"PK": "a", "SK": ""}, "SK is empty, and is part of the key"),
            ({"PK": 1, "SK": "a"}, "PK is a number, and as part of the key must be text"),
            ({"PK": None, "SK": "a"}, "PK is null, and as part of the key must be text"),
            ({"PK": {"x"}, "SK": "a"}, "PK is a set, and as part of the key must be text"),
            ({"PK": "é" * 1025, "SK": "a"}, "PK has 2050 bytes, and a key at most 2048"),
            ({"PK": "a", "SK": "x" * 1025}, "SK has 1025 bytes, and a key at most 1024"),
            (title("a", share=0.5), "share is 0.5: write a float as Decimal, it would be rounded"),
            (title("a", share=Decimal("NaN")), NO_NUMBER),
            (title("a", tags=set()), NO_SET),
            (title("a", text="x" * 409_590), "it has 409606 bytes, and an item at most 409600"),
        ],
    )
    def test_a_bad_row_and_its_reason(
        self, heard: Heard, item: dict[str, Any], reason: str
    ) -> None:
        loaded = check_rows(rows(title("good"), item), GLOBAL_SERVERLESS, heard)
        assert heard.reasons == [(2, reason)]
        assert heard.rejects[0].raw == item
        assert (loaded.read, loaded.written, loaded.rejected) == (2, 1, 1)

    def test_the_largest_item_is_accepted(self, heard: Heard) -> None:
        size = 409_600 - len("PKlibrarySKatext")
        assert check_rows(rows(title("a", text="x" * size)), GLOBAL_SERVERLESS, heard).written == 1
        check_rows(rows(title("a", text="x" * (size + 1))), GLOBAL_SERVERLESS, heard)
        assert "409601 bytes" in heard.reasons[0][1]

    def test_the_service_draws_the_line_there_too(
        self, table: Table, engine: EngineProcess
    ) -> None:
        if engine.engine.name == "moto":
            pytest.skip("moto counts the JSON around an item, too")
        size = 409_600 - len("PKlibrarySKatext")
        table.put(title("a", text="x" * size))
        with pytest.raises(ItemRefused):
            table.put(title("a", text="x" * (size + 1)))

    def test_a_row_that_could_not_be_read_keeps_its_reason(self, heard: Heard) -> None:
        bad = Row(number=7, raw="{", reason="it is not JSON")
        check_rows([bad], GLOBAL_SERVERLESS, heard)
        assert heard.reasons == [(7, "it is not JSON")]

    def test_a_cell_without_a_type_becomes_what_the_key_wants(self, heard: Heard) -> None:
        cells = {"flight_id": Untyped("+007"), "airlines_name": Untyped("7"), "seats": Untyped("5")}
        assert check_rows(rows(cells), FLIGHTS, heard).written == 1
        check_rows(rows(cells | {"flight_id": Untyped("7a")}), FLIGHTS, heard)
        assert heard.reasons == [(1, "flight_id is '7a', which is no number")]

    def test_a_key_given_as_text_is_not_turned_into_a_number(self, heard: Heard) -> None:
        check_rows(rows({"flight_id": "7", "airlines_name": "Delta"}), FLIGHTS, heard)
        assert heard.reasons == [(1, "flight_id is text, and as part of the key must be a number")]

    def test_of_two_rows_with_one_key_the_last_counts(self, heard: Heard) -> None:
        loaded = check_rows(
            rows(
                {"flight_id": 7, "airlines_name": "Delta"},
                {"flight_id": 8, "airlines_name": "Delta"},
                {"flight_id": Decimal("7.0"), "airlines_name": "Delta"},
            ),
            FLIGHTS,
            heard,
        )
        assert heard.pairs == [(1, 3)]
        assert (loaded.written, loaded.replaced) == (2, 1)

    @given(st.lists(st.text(max_size=3)))
    def test_every_row_is_counted_once(self, keys: list[str]) -> None:
        heard = Heard()
        loaded = check_rows(rows(*[title(key) for key in keys]), GLOBAL_SERVERLESS, heard)
        assert loaded.read == len(keys) == loaded.written + loaded.replaced + loaded.rejected
        assert loaded.written == len({key for key in keys if key})


class TestWriting:
    def test_good_rows_are_written_and_bad_ones_left_out(self, table: Table, heard: Heard) -> None:
        items = [title(f"{n:03}", n=n) for n in range(130)]
        items[7] = {"PK": "library"}
        items[99] = title("099", n=0.5)
        loaded = load_rows(rows(*items), table, heard, workers=4)
        assert (loaded.read, loaded.written, loaded.rejected) == (130, 128, 2)
        assert loaded.failure is None
        assert [number for number, _ in heard.reasons] == [8, 100]
        assert stored(table) == {
            item["SK"]: item for item in items if item not in (items[7], items[99])
        }
        assert heard.counts[-1] == 130

    def test_what_only_the_service_refuses_is_found_alone(
        self, table: Table, heard: Heard, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Whatever the checks here overlook must not take twenty-four good rows with it."""
        monkeypatch.setattr("gtsite.dynamodb.loader.LARGEST_SORT_KEY", 100_000)
        items = [title(f"{n:02}") for n in range(25)]
        items[3] = title("x" * 3000)
        loaded = load_rows(rows(*items), table, heard)
        assert (loaded.written, loaded.rejected) == (24, 1)
        assert heard.reasons[0][0] == 4
        assert len(stored(table)) == 24

    @pytest.mark.parametrize("seed", range(10))
    def test_the_last_of_many_rows_with_one_key_stands(
        self, table: Table, heard: Heard, seed: int
    ) -> None:
        """However batches overtake each other."""
        drawing = random.Random(seed)
        items = [title(f"{drawing.randrange(60):02}", n=n) for n in range(200)]
        loaded = load_rows(rows(*items), table, heard, workers=8)
        expected = {item["SK"]: item for item in items}
        assert stored(table) == expected
        assert (loaded.written, loaded.replaced) == (len(expected), 200 - len(expected))
        assert len(heard.pairs) == loaded.replaced

    def test_large_items_go_in_smaller_batches(self, table: Table, heard: Heard) -> None:
        """Written as JSON, each of these bytes takes six: twenty-five items would be 58 MB."""
        items = [title(f"{n:02}", text="\x01" * 390_000) for n in range(25)]
        loaded = load_rows(rows(*items), table, heard, workers=2)
        assert (loaded.written, loaded.failure) == (25, None)
        assert table.get("library", "24").value == items[24]

    def test_a_row_that_the_service_refused_is_not_replaced_but_rejected(
        self, table: Table, heard: Heard, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("gtsite.dynamodb.loader.LARGEST_ITEM", 10_000_000)
        items = [title(f"{n:02}", n=n) for n in range(30)]
        items[3] = title("03", text="x" * 500_000)
        items.append(title("03", n="mended"))
        loaded = load_rows(rows(*items), table, heard)
        assert (loaded.written, loaded.rejected, loaded.replaced) == (30, 1, 0)
        assert heard.pairs == []
        assert stored(table)["03"]["n"] == "mended"

    def test_loading_again_ends_with_the_same_items(self, table: Table, heard: Heard) -> None:
        items = [title(f"{n:03}", n=n) for n in range(60)]
        load_rows(rows(*items), table, heard)
        before = stored(table)
        loaded = load_rows(rows(*items), table, heard)
        assert (loaded.written, stored(table)) == (60, before)

    def test_no_rows_at_all(self, table: Table, heard: Heard) -> None:
        assert load_rows([], table, heard) == Loaded()


def invented(count: int) -> Iterator[Row]:
    """Made as they are asked for, so that only the loader can hold on to them."""
    for number in range(count):
        item = title(f"{number:08}", text="x" * 100)
        yield Row(number=number, raw=item, item=item)


class TestMemory:
    """Rows written are let go of; a megabyte would hold two thousand of the ten thousand here."""

    ROWS = 10_000
    MOST_BYTES = 1_000_000

    def grown(self, work: Callable[[], object]) -> int:
        """The most bytes that Python held meanwhile, beyond what it held before."""
        tracemalloc.start()
        try:
            before, _ = tracemalloc.get_traced_memory()
            work()
            return tracemalloc.get_traced_memory()[1] - before
        finally:
            tracemalloc.stop()

    def test_loading_holds_no_more_than_what_is_under_way(self, heard: Heard) -> None:
        table: Any = BottomlessTable()
        load_rows(invented(100), table, heard, workers=1)
        assert self.grown(lambda: load_rows(invented(self.ROWS), table, heard, workers=1)) < (
            self.MOST_BYTES
        )
        assert table.written == self.ROWS + 100

    def test_checking_holds_nothing(self, heard: Heard) -> None:
        check_rows(invented(100), GLOBAL_SERVERLESS, heard)
        assert self.grown(lambda: check_rows(invented(self.ROWS), GLOBAL_SERVERLESS, heard)) < (
            self.MOST_BYTES
        )


class BottomlessTable:
    """Takes everything at once: what is looked at is the loader's memory, not the table's."""

    definition = GLOBAL_SERVERLESS

    def __init__(self) -> None:
        self.written = 0

    def batch_put_wires(self, wires: Sequence[Any]) -> None:
        self.written += len(wires)


class TestInterruption:
    def test_what_was_begun_is_finished_and_loading_again_completes_it(
        self, table: Table, heard: Heard
    ) -> None:
        items = [title(f"{n:03}", n=n) for n in range(300)]

        def interrupted() -> Iterator[Row]:
            yield from rows(*items)[:140]
            raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            load_rows(interrupted(), table, heard, workers=2)
        assert set(stored(table)) <= {item["SK"] for item in items[:140]}
        load_rows(rows(*items), table, heard)
        assert stored(table) == {item["SK"]: item for item in items}

    def test_a_region_that_goes_away_ends_it_with_what_was_written(self, heard: Heard) -> None:
        table: Any = FailingTable(good_batches=3)
        items = rows(*[title(f"{n:04}") for n in range(2500)])
        loaded = load_rows(items, table, heard, workers=2)
        assert isinstance(loaded.failure, NoRegionAvailable)
        assert loaded.written == 75
        assert loaded.read < 2500


class FailingTable:
    """Writes so many batches and then has no region left."""

    definition = GLOBAL_SERVERLESS

    def __init__(self, *, good_batches: int) -> None:
        self._good = iter(range(good_batches))

    def batch_put_wires(self, _wires: Iterable[Any]) -> None:
        """Workers come side by side: who takes the last good one must not be told of the next."""
        if next(self._good, None) is None:
            raise NoRegionAvailable(["us-west-2"])


class TestKeepingWhatIsThere:
    def test_only_what_is_absent_is_written(self, table: Table, heard: Heard) -> None:
        table.put(title("001", n="mine"))
        items = [title(f"{n:03}", n=n) for n in range(60)]
        assert count_absent(rows(*items), table) == 59
        loaded = load_rows(rows(*items), table, heard, existing=Existing.KEEP)
        assert (loaded.written, loaded.kept) == (59, 1)
        assert stored(table)["001"] == title("001", n="mine")
        assert count_absent(rows(*items), table) == 0

    def test_the_first_of_two_rows_is_there_when_the_second_comes(
        self, table: Table, heard: Heard
    ) -> None:
        items = rows(title("a", n=1), title("a", n=2))
        loaded = load_rows(items, table, heard, existing=Existing.KEEP)
        assert (loaded.written, loaded.kept, loaded.replaced) == (1, 1, 0)
        assert stored(table)["a"]["n"] == 1

    def test_an_item_written_meanwhile_is_kept(
        self, table: Table, heard: Heard, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Between looking and writing somebody else may write: the condition notices."""
        looked_up = table.batch_get

        def look_up_then_lose_the_race(*args: Any, **options: Any) -> Any:
            found = looked_up(*args, **options)
            table.put(title("a", n="theirs"))
            return found

        monkeypatch.setattr(table, "batch_get", look_up_then_lose_the_race)
        loaded = load_rows(rows(title("a", n=1)), table, heard, existing=Existing.KEEP)
        assert (loaded.written, loaded.kept) == (0, 1)
        assert stored(table)["a"]["n"] == "theirs"

    def test_what_cannot_be_written_is_rejected_and_not_counted_absent(
        self, table: Table, heard: Heard
    ) -> None:
        items = rows(title("a"), {"PK": "library"})
        assert count_absent(items, table) == 1
        loaded = load_rows(items, table, heard, existing=Existing.KEEP)
        assert (loaded.written, loaded.rejected) == (1, 1)
