"""Python values to attribute values and back."""

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gtsite.dynamodb.errors import ItemRefused
from gtsite.dynamodb.items import from_item, to_attribute, to_item

WHOLE = st.integers(min_value=-(10**38) + 1, max_value=10**38 - 1)
FRACTIONS = st.builds(
    lambda digits, places: Decimal(digits).scaleb(-places),
    st.integers(min_value=-(10**30), max_value=10**30),
    st.integers(min_value=1, max_value=60),
)
NUMBERS = WHOLE | FRACTIONS
SETS = (
    st.sets(st.text(), min_size=1) | st.sets(NUMBERS, min_size=1) | st.sets(st.binary(), min_size=1)
)
SCALARS = st.none() | st.booleans() | st.text() | NUMBERS | st.binary()
NAMES = st.text(min_size=1, max_size=20)
VALUES = st.recursive(
    SCALARS | SETS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(NAMES, inner, max_size=4),
    max_leaves=12,
)


@given(st.dictionaries(NAMES, VALUES))
def test_an_item_comes_back_as_it_went(item: dict[str, Any]) -> None:
    assert from_item(to_item(item)) == item


@given(VALUES)
def test_types_come_back_too(value: Any) -> None:
    """`True == 1` in Python, so equality alone would not notice a boolean turned number."""
    (back,) = from_item(to_item({"value": value})).values()
    if not isinstance(value, Decimal):
        assert type(back) is type(value)


def test_every_kind_is_written_as_the_api_writes_it() -> None:
    item = {
        "PK": "library",
        "runtime": 888,
        "rating": Decimal("7.50"),
        "open": True,
        "sequel": None,
        "hash": b"\x00\xff",
        "genres": ["short", 2],
        "credit": {"director": "Colin Levy"},
        "tags": {"b", "a"},
        "years": {2010, Decimal("0.5")},
    }
    assert to_item(item) == {
        "PK": {"S": "library"},
        "runtime": {"N": "888"},
        "rating": {"N": "7.5"},
        "open": {"BOOL": True},
        "sequel": {"NULL": True},
        "hash": {"B": b"\x00\xff"},
        "genres": {"L": [{"S": "short"}, {"N": "2"}]},
        "credit": {"M": {"director": {"S": "Colin Levy"}}},
        "tags": {"SS": ["a", "b"]},
        "years": {"NS": ["0.5", "2010"]},
    }


@pytest.mark.parametrize(
    ("text", "number"),
    [("12", 12), ("12.0", 12), ("1E+2", 100), ("-0", 0), ("0.5", Decimal("0.5"))],
)
def test_a_whole_number_is_an_int_however_it_is_written(text: str, number: object) -> None:
    (back,) = from_item({"n": {"N": text}}).values()
    assert back == number
    assert type(back) is type(number)


def _kind(value: object) -> str:
    """The same name in every process: an object's address is not."""
    return type(value).__name__


@pytest.mark.parametrize(
    "value",
    [
        1.5,
        float("nan"),
        [1.5],
        {"deep": {"deeper": 0.1}},
        Decimal("NaN"),
        Decimal("Infinity"),
        Decimal("-sNaN"),
        10**39 + 1,
        10**5000,
        Decimal("1E+126"),
        Decimal("1E-131"),
        Decimal("0." + "1" * 39),
        set(),
        {"a", 1},
        {True},
        {("a", "b")},
        object(),
        {1: "a"},
        {"": "a"},
        range(3),
    ],
    ids=_kind,
)
def test_what_cannot_be_stored_exactly_is_refused(value: Any) -> None:
    with pytest.raises(ItemRefused):
        to_attribute(value)


def test_a_refusal_names_the_attribute() -> None:
    with pytest.raises(ItemRefused, match=r"^credit\.share is 0\.5: write a float as Decimal"):
        to_item({"credit": {"share": 0.5}})


def test_a_list_nested_too_deeply_is_refused_before_python_minds() -> None:
    value: Any = "leaf"
    for _ in range(5000):
        value = [value]
    with pytest.raises(ItemRefused, match="more than 32 levels"):
        to_attribute(value)
