"""How Python values are written as DynamoDB attribute values, and read back.

`str`, `bool`, `None`, `bytes`, lists, maps and sets are what one expects. A whole number is an
`int`, any other a `Decimal`; a `float` is refused, because it rarely is the number one wrote.
"""

from collections.abc import Iterable, Mapping
from decimal import Context, Decimal, Inexact, InvalidOperation, Overflow, Subnormal
from typing import Any

from gtsite.dynamodb.errors import ItemRefused

Value = Any
"""str | int | Decimal | bool | None | bytes | a list or dict of values | a set of one kind."""

Item = Mapping[str, Value]
"""An item as Python values: attribute name → value."""

AttributeValue = dict[str, Any]
"""One value as the DynamoDB API writes it: `{"S": "Sintel"}`."""

NUMBERS = Context(
    prec=38, Emin=-130, Emax=125, traps=[Inexact, InvalidOperation, Overflow, Subnormal]
)
"""38 digits, from 1e-130 to 9.99…e125: what a DynamoDB number holds."""

READING = Context(traps=[])
LONGEST_INT = 128
"""Digits of an `int`: a few letters may ask for a billion of them, and no item holds as many."""

NO_NUMBER = "not a number DynamoDB can hold: those have 38 digits and go from 1e-130 to 9.9e125."

DEEPEST = 32
"""Levels of lists and maps that DynamoDB stores, and more than Python's stack minds."""


def to_item(item: Item) -> dict[str, AttributeValue]:
    """The item as the API wants it; raises `ItemRefused` naming the attribute at fault."""
    return {_name(name): _to_attribute(value, name) for name, value in item.items()}


def from_item(item: Mapping[str, Mapping[str, Any]]) -> dict[str, Value]:
    """The item as Python values."""
    return {name: from_attribute(value) for name, value in item.items()}


def to_attribute(value: Value) -> AttributeValue:
    """One value as the API wants it; raises `ItemRefused`."""
    return _to_attribute(value, "The value")


def from_attribute(attribute: Mapping[str, Any]) -> Value:
    """One attribute value as Python; sets come back as `set`, maps as `dict`."""
    ((kind, raw),) = attribute.items()
    match kind:
        case "N":
            return from_number(raw)
        case "M":
            return from_item(raw)
        case "L":
            return [from_attribute(each) for each in raw]
        case "NS":
            return {from_number(each) for each in raw}
        case "SS" | "BS":
            return set(raw)
        case "NULL":
            return None
        case _:
            return raw


def to_number(value: int | Decimal) -> str:
    """A number's text; raises `ItemRefused` for what DynamoDB cannot hold exactly."""
    try:
        exact = NUMBERS.create_decimal(value).normalize(NUMBERS)
    except ArithmeticError as error:
        raise ItemRefused(NO_NUMBER) from error
    if not exact.is_finite():
        raise ItemRefused(NO_NUMBER)
    return str(value) if isinstance(value, int) else str(exact)


def from_number(text: str) -> int | Decimal:
    """The number written: an `int` if it is whole, however it is written.

    What no item may hold comes as a `Decimal` that `to_number` refuses.
    """
    number = to_decimal(text)
    is_whole = number.adjusted() < LONGEST_INT and number == number.to_integral_value()
    return int(number) if is_whole else number


def to_decimal(text: str) -> Decimal:
    """The number as it is written; NaN for one that is too long to be counted."""
    return Decimal(text, READING)


def _name(name: object) -> str:
    if not isinstance(name, str) or not name:
        raise ItemRefused(f"{name!r} is no attribute name: write a text that is not empty.")
    return name


def _to_attribute(value: Value, where: str, depth: int = 0) -> AttributeValue:  # noqa: C901
    match value:
        case None:
            return {"NULL": True}
        case bool():
            return {"BOOL": value}
        case str():
            return {"S": value}
        case int() | Decimal():
            return {"N": _number(value, where)}
        case bytes() | bytearray():
            return {"B": bytes(value)}
        case list() | tuple():
            return {"L": [_to_attribute(each, where, _deeper(depth, where)) for each in value]}
        case Mapping():
            deeper = _deeper(depth, where)
            return {
                "M": {
                    _name(name): _to_attribute(each, f"{where}.{name}", deeper)
                    for name, each in value.items()
                }
            }
        case set() | frozenset():
            return _to_set(value, where)
        case float():
            raise ItemRefused(
                f"{where} is {value!r}: write a float as Decimal, it would be rounded."
            )
        case _:
            raise ItemRefused(f"{where} is a {type(value).__name__}, which DynamoDB does not know.")


def _number(value: int | Decimal, where: str) -> str:
    try:
        return to_number(value)
    except ItemRefused as error:
        raise ItemRefused(f"{where} is {error}") from error


def _deeper(depth: int, where: str) -> int:
    if depth >= DEEPEST:
        raise ItemRefused(f"{where} has more than {DEEPEST} levels of lists and maps.")
    return depth + 1


def _to_set(values: Iterable[Value], where: str) -> AttributeValue:
    """Sorted, so that equal sets are written alike."""
    members = [_to_attribute(each, where) for each in values]
    kinds = {kind for member in members for kind in member}
    if len(kinds) != 1 or not kinds <= {"S", "N", "B"}:
        raise ItemRefused(
            f"{where} is a set: it needs members, all of them texts, numbers or bytes."
        )
    kind = kinds.pop()
    return {f"{kind}S": sorted(member[kind] for member in members)}
