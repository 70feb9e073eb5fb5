"""Cursors for any key and any list, and for nothing else."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gtsite.dynamodb.cursors import Cursors
from gtsite.dynamodb.errors import BadCursor
from gtsite.dynamodb.items import to_number

CURSORS = Cursors(["a key of at least fifty characters, known to tests only"])
TEXTS = st.text(st.characters(codec="utf-8"))
VALUES = (
    TEXTS.map(lambda text: {"S": text})
    | st.integers(min_value=-(10**38) + 1, max_value=10**38 - 1).map(lambda n: {"N": to_number(n)})
    | st.binary().map(lambda raw: {"B": raw})
)
POSITIONS = st.dictionaries(TEXTS, VALUES, min_size=1, max_size=2)
SCOPES = st.tuples(TEXTS, TEXTS | st.none(), st.booleans())


@given(POSITIONS, SCOPES)
def test_a_position_comes_back_as_it_went(
    position: dict[str, dict[str, object]], scope: tuple[object, ...]
) -> None:
    cursor = CURSORS.write(position, scope)
    assert CURSORS.read(cursor, scope) == position
    assert cursor.isascii()


@given(POSITIONS, SCOPES, SCOPES)
def test_no_list_reads_another_s(
    position: dict[str, dict[str, object]], scope: tuple[object, ...], other: tuple[object, ...]
) -> None:
    cursor = CURSORS.write(position, scope)
    if scope != other:
        with pytest.raises(BadCursor):
            CURSORS.read(cursor, other)


@given(st.text(), SCOPES)
def test_any_other_text_is_refused(text: str, scope: tuple[object, ...]) -> None:
    with pytest.raises(BadCursor):
        CURSORS.read(text, scope)


@given(POSITIONS, SCOPES, st.data())
def test_any_changed_character_is_noticed(
    position: dict[str, dict[str, object]], scope: tuple[object, ...], data: st.DataObject
) -> None:
    cursor = CURSORS.write(position, scope)
    place = data.draw(st.integers(min_value=0, max_value=len(cursor) - 1))
    changed = "A" if cursor[place] != "A" else "B"
    with pytest.raises(BadCursor):
        CURSORS.read(f"{cursor[:place]}{changed}{cursor[place + 1 :]}", scope)


def test_a_table_without_keys_for_it_makes_no_cursors() -> None:
    with pytest.raises(ValueError, match="Give the table a key"):
        Cursors([]).write({"SK": {"S": "a"}}, ("query",))
    with pytest.raises(ValueError, match="Give the table a key"):
        Cursors([]).read("x", ("query",))
