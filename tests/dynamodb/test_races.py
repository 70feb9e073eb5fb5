"""Two writers at the same moment: one wins, and the other one knows.

Not on moto, which checks a condition and writes in two steps, so that both may win.
"""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from gtsite.dynamodb.conditions import Absent, Equals, Newer, Present
from gtsite.dynamodb.errors import ConditionFailed
from gtsite.dynamodb.repository import Table

ROUNDS = 20


def race(*writers: Callable[[], object]) -> list[object]:
    """What each writer returned, or the `ConditionFailed` it raised; all begin at once."""
    ready = threading.Barrier(len(writers), timeout=30)

    def run(write: Callable[[], object]) -> object:
        ready.wait()
        try:
            return write()
        except ConditionFailed as error:
            return error

    with ThreadPoolExecutor(len(writers)) as threads:
        return list(threads.map(run, writers))


def losers(results: list[object]) -> list[ConditionFailed]:
    return [each for each in results if isinstance(each, ConditionFailed)]


@pytest.mark.parametrize("engine", ["dynoxide"], indirect=True)
@pytest.mark.parametrize("round_", range(ROUNDS))
class TestRaces:
    def test_one_of_two_puts_finds_the_place_empty(self, table: Table, round_: int) -> None:
        items = [{"PK": "viewer#ada", "SK": f"{round_}", "viewer_id": who} for who in "ab"]
        first, second = items
        results = race(
            lambda: table.put(first, condition=Absent()),
            lambda: table.put(second, condition=Absent()),
        )
        (loser,) = losers(results)
        stored = table.get("viewer#ada", f"{round_}").value
        assert stored in items
        assert loser.current == stored
        assert results.index(loser) != items.index(stored or {})

    def test_the_same_moment_written_twice_is_written_once(self, table: Table, round_: int) -> None:
        def save(position: int) -> Callable[[], object]:
            return lambda: table.update(
                "user1",
                f"{round_}",
                set_={"Bookmark": position, "updated_at": 1000},
                condition=Newer("updated_at", 1000),
            )

        (loser,) = losers(race(save(10), save(20)))
        assert loser.current == table.get("user1", f"{round_}").value

    def test_the_newer_position_stands_whichever_comes_first(
        self, table: Table, round_: int
    ) -> None:
        def save(moment: int) -> Callable[[], object]:
            return lambda: table.update(
                "user1",
                f"{round_}",
                set_={"Bookmark": moment // 10, "updated_at": moment},
                condition=Newer("updated_at", moment),
            )

        race(save(1000), save(2000))
        stored = table.get("user1", f"{round_}").value
        assert stored is not None
        assert (stored["Bookmark"], stored["updated_at"]) == (200, 2000)

    def test_one_of_two_deletes_finds_the_item(self, table: Table, round_: int) -> None:
        key = ("user1", f"{round_}")
        table.put({"PK": key[0], "SK": key[1], "n": 1})
        results = race(*[lambda: table.delete(*key, condition=Present())] * 2)
        (loser,) = losers(results)
        assert loser.current is None
        assert table.get(*key).value is None

    def test_a_delete_and_an_update_of_one_version_do_not_both_succeed(
        self, table: Table, round_: int
    ) -> None:
        key = ("user1", f"{round_}")
        table.put({"PK": key[0], "SK": key[1], "version": 1})
        unchanged = Equals("version", 1)
        results = race(
            lambda: table.delete(*key, condition=unchanged),
            lambda: table.update(*key, set_={"version": 2}, condition=unchanged),
        )
        assert len(losers(results)) == 1
        stored = table.get(*key).value
        assert (stored is None) is (results.index(losers(results)[0]) == 1)

    def test_counting_from_two_sides_loses_nothing_in_one_region(
        self, table: Table, round_: int
    ) -> None:
        race(*[lambda: table.update("user1", f"{round_}", add={"n": 1})] * 4)
        stored = table.get("user1", f"{round_}").value
        assert stored is not None
        assert stored["n"] == 4
