import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bookmarks.lab.entities import (
    ATTRIBUTE_LIMIT,
    HISTORY_LIMIT,
    NAME_LIMIT,
    STEP_LIMIT,
    VALUE_LIMIT,
    Action,
    Attribute,
    Entry,
    Outcome,
    Panel,
)
from bookmarks.lab.state import ELAPSED_LIMIT_MS, TEXT_LIMIT, TIME_LIMIT_MS, decode, encode
from tests.lab.world import REGIONS

times = st.integers(0, TIME_LIMIT_MS)
numbers = st.one_of(
    st.integers(-(10**30), 10**30),
    st.decimals(min_value=-1000, max_value=1000, places=3).filter(lambda value: value % 1 != 0),
)
entries = st.builds(
    Entry,
    at_ms=times,
    action=st.sampled_from(Action),
    outcome=st.sampled_from(Outcome),
    elapsed_ms=st.integers(0, 10 * ELAPSED_LIMIT_MS).map(lambda tenths: tenths / 10),
    step=st.integers(-STEP_LIMIT, STEP_LIMIT),
    old=st.none() | numbers,
    base_ms=st.none() | times,
    base_writer=st.none() | st.sampled_from(REGIONS),
    value=st.none() | numbers,
    stamp_ms=st.none() | times,
    writer=st.none() | st.sampled_from(REGIONS),
)
attributes = st.builds(
    Attribute,
    name=st.text(max_size=NAME_LIMIT),
    kind=st.sampled_from(["S", "N", "BOOL", "NULL", "L"]),
    text=st.text(max_size=VALUE_LIMIT),
)
panels = st.builds(
    Panel,
    entries=st.lists(entries, max_size=HISTORY_LIMIT).map(tuple),
    attributes=st.lists(attributes, max_size=ATTRIBUTE_LIMIT).map(tuple),
)

ENTRY: list[Any] = [
    1_000, "plus", "ok", 1.5, 2, "5", 900, "eu-west-1", "7", 1_000, "us-west-2",
]  # fmt: skip


def text(*rows: list[Any], attributes: list[Any] | None = None) -> str:
    return json.dumps([list(rows), attributes or []])


def changed(place: int, value: object) -> str:
    return text([*ENTRY[:place], value, *ENTRY[place + 1 :]])


@given(panel=panels)
def test_what_was_written_is_read_back(panel: Panel) -> None:
    written = encode(panel)
    assert decode(written) == (panel if len(written) <= TEXT_LIMIT else Panel())


def test_the_text_is_this() -> None:
    entry = Entry(
        at_ms=1_000,
        action=Action.PLUS,
        outcome=Outcome.OK,
        elapsed_ms=1.5,
        step=2,
        old=Decimal("5.5"),
        base_ms=900,
        base_writer="eu-west-1",
        value=Decimal("7.5"),
        stamp_ms=1_000,
        writer="us-west-2",
    )
    panel = Panel(entries=(entry,), attributes=(Attribute(name="SK", kind="S", text="Ä"),))
    assert encode(panel) == (
        '[[[1000,"plus","ok",1.5,2,"5.5",900,"eu-west-1","7.5",1000,"us-west-2"]],[["SK","S","Ä"]]]'
    )


def test_the_entry_of_these_tests_is_readable() -> None:
    assert len(decode(text(ENTRY)).entries) == 1


@pytest.mark.parametrize(
    "wrong",
    [
        "",
        "x",
        "null",
        "[]",
        "{}",
        "[[],[],[]]",
        '[{"a":1},[]]',
        "[" * 7_000,
        "9" * 7_000,
        "[[" + "9" * 5_000 + "],[]]",
        text([]),
        text(ENTRY[:-1]),
        text([*ENTRY, 1]),
        text(*[ENTRY] * (HISTORY_LIMIT + 1)),
        changed(0, -1),
        changed(0, 1.5),
        changed(0, True),
        changed(0, TIME_LIMIT_MS + 1),
        changed(0, "1000"),
        changed(1, "drop"),
        changed(1, 3),
        changed(2, "fine"),
        changed(3, -0.1),
        changed(3, float("nan")),
        changed(3, float("inf")),
        changed(3, True),
        changed(3, ELAPSED_LIMIT_MS + 1),
        changed(4, STEP_LIMIT + 1),
        changed(4, None),
        changed(5, 5),
        changed(5, "5e3"),
        changed(5, "NaN"),
        changed(5, "٣"),
        changed(5, "1" * 41),
        changed(6, "900"),
        changed(7, "<script>"),
        changed(10, "us-west-2\n"),
        text(attributes=[["a", "S"]]),
        text(attributes=[["a", "s", "b"]]),
        text(attributes=[["a", "S", 1]]),
        text(attributes=[["a" * (NAME_LIMIT + 1), "S", "b"]]),
        text(attributes=[["a", "S", "b" * (VALUE_LIMIT + 1)]]),
        text(attributes=[["a", "S", "b"]] * (ATTRIBUTE_LIMIT + 1)),
    ],
    ids=lambda wrong: wrong[:40],
)
def test_anything_else_is_an_empty_panel(wrong: str) -> None:
    assert decode(wrong) == Panel()


def test_a_text_that_is_too_long_is_not_even_parsed() -> None:
    assert decode(text(ENTRY) + " " * TEXT_LIMIT) == Panel()


@given(st.text(max_size=200))
def test_no_text_breaks_it(wrong: str) -> None:
    assert decode(wrong) == Panel() or wrong.startswith("[")
