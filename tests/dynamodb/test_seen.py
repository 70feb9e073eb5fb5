"""Which row had a key last, kept on disk."""

from collections.abc import Iterator
from contextlib import closing

import pytest

from gtsite.dynamodb.errors import DataError
from gtsite.dynamodb.seen import NoScratchSpace, SeenKeys


@pytest.fixture
def seen() -> Iterator[SeenKeys]:
    with closing(SeenKeys()) as keys:
        yield keys


def test_a_key_that_comes_again_tells_the_row_before(seen: SeenKeys) -> None:
    assert seen.remember({(1, "a"): 1, (1, "b"): 2}) == {}
    assert seen.remember({(1, "b"): 3, (2, "a"): 4}) == {(1, "b"): 2}
    found = seen.remember({(1, "b"): 5, (1, "a"): 6})
    assert list(found.items()) == [((1, "a"), 1), ((1, "b"), 3)]


def test_keys_that_look_alike_are_told_apart(seen: SeenKeys) -> None:
    alike = [("1", "a"), (1, "a"), (b"1", "a"), ("1a",), ("1', 'a",)]
    assert seen.remember({key: row for row, key in enumerate(alike)}) == {}


def test_a_key_forgotten_was_never_there(seen: SeenKeys) -> None:
    seen.remember({("a",): 1, ("b",): 2})
    seen.forget(("a",))
    assert seen.remember({("a",): 3, ("b",): 4}) == {("b",): 2}


def test_no_room_on_the_disk_is_one_sentence(seen: SeenKeys) -> None:
    """A table with room for two pages stands for a disk that is full."""
    seen._database.execute("PRAGMA max_page_count = 2")
    seen.remember({(number,): number for number in range(100)})
    with pytest.raises(NoScratchSpace, match=r"^There is no room for temporary files: "):
        seen.remember({(number,): number for number in range(100, 400)})
    assert issubclass(NoScratchSpace, DataError)
