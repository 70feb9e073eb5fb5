"""The lab's items in one region after another: each call asks one region once, and no other."""

from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Context, Decimal
from itertools import islice
from typing import Any, TypeVar

from bookmarks.lab.entities import (
    ATTRIBUTE_LIMIT,
    DIGITS_LIMIT,
    NAME_LIMIT,
    VALUE_LIMIT,
    Attribute,
    Change,
    Held,
    Number,
    digits,
)
from gtsite.dynamodb.items import to_attribute, to_item
from gtsite.dynamodb.repository import Table
from gtsite.dynamodb.router import Answer

VIEWER = "user100"
CONTENT = "AshlandValley"
NOBODY = ("lab", "ping")
MOST_ITEMS = 1000
FIRST = ("PK", "SK", "Bookmark", "updated_at", "region")
ARITHMETIC = Context(prec=2 * DIGITS_LIMIT)
TIME_LIMIT_MS = 2**46
REGION_LIMIT = 24

Value = TypeVar("Value")
Wire = dict[str, dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Key:
    """Whose position, in what."""

    viewer_id: str = VIEWER
    content_id: str = CONTENT


class LabItems:
    """Positions as the lab reads and spoils them.

    Every method asks the region it is given once; it raises `RegionUnavailable` with
    `outcome_unknown` for a write that may have been carried out, `Throttled`, `TableMissing`,
    `AccessRefused`, or `ItemRefused`. Times in answers are milliseconds.
    """

    def __init__(self, table: Table) -> None:
        self._table = table

    def ping(self, region: str) -> Answer[None]:
        """Reads a key that nothing has: the whole way to the table, without the item."""
        return _with(self._table.at(region).get(*NOBODY), None)

    def get(self, region: str, key: Key = Key()) -> Answer[Held]:
        """The position as this region holds it; eventually consistent."""
        answer = self._table.at(region).get(key.viewer_id, key.content_id)
        return _with(answer, held_from_item(answer.value or {}))

    def add(self, region: str, step: int, *, stamp_ms: int, key: Key = Key()) -> Answer[Change]:
        """Adds to the position this region holds, 0 if none; atomic in that replica only.

        On purpose neither absolute nor conditional, as every other write of the site is: of two
        regions that add within the replication lag, one sum is lost. Never sent twice.
        """
        answer = self._table.at(region).update(
            key.viewer_id,
            key.content_id,
            set_={"updated_at": stamp_ms, "region": region},
            add={"Bookmark": step},
            repeatable=False,
            returning="ALL_OLD",
        )
        before = answer.value
        after = {
            **before,
            "PK": key.viewer_id,
            "SK": key.content_id,
            "Bookmark": _sum(before.get("Bookmark", 0), step),
            "updated_at": stamp_ms,
            "region": region,
        }
        change = Change(before=held_from_item(before), after=held_from_item(after))
        return _with(answer, change)

    def set_share(
        self, region: str, share: str, thumb: str, *, stamp_ms: int, key: Key
    ) -> Answer[None]:
        """Writes how much has been watched, 0 to 1, and the picture, both as the text given.

        As the workshop's player keeps them: `bookmark` and `thumb`, beside the site's own
        `Bookmark`. Absolute, so a repetition does no harm.
        """
        answer = self._table.at(region).update(
            key.viewer_id,
            key.content_id,
            set_={"bookmark": share, "thumb": thumb, "updated_at": stamp_ms, "region": region},
        )
        return _with(answer, None)

    def find_wire(self, region: str, partition: str, sort: str) -> Answer[Wire | None]:
        """Any item as the DynamoDB API writes it, ready for JSON."""
        answer = self._table.at(region).get(partition, sort)
        return _with(answer, None if answer.value is None else _wire(answer.value))

    def list_wire(self, region: str, partition: str) -> Answer[list[Wire]]:
        """One request: the first `MOST_ITEMS` of a partition, in the order of their sort keys."""
        answer = self._table.at(region).query(partition, limit=MOST_ITEMS)
        return _with(answer, [_wire(item) for item in answer.value.items])


def _with(answer: Answer[Any], value: Value) -> Answer[Value]:
    return Answer(value=value, region=answer.region, elapsed_ms=answer.elapsed_ms)


def held_from_item(item: Mapping[str, Any]) -> Held:
    """Any item at all, an empty one for none; what the lab did not write is None."""
    stamp, writer = item.get("updated_at"), item.get("region")
    known = type(stamp) is int and 0 <= stamp <= TIME_LIMIT_MS
    return Held(
        value=_number(item.get("Bookmark")),
        stamp_ms=stamp if known else None,
        writer=writer if isinstance(writer, str) and 0 < len(writer) <= REGION_LIMIT else None,
        attributes=tuple(
            _attribute(name, item[name])
            for name in islice(sorted(item, key=_rank), ATTRIBUTE_LIMIT)
        ),
    )


def _rank(name: str) -> tuple[int, str]:
    return FIRST.index(name) if name in FIRST else len(FIRST), name


def _attribute(name: str, value: Any) -> Attribute:
    ((kind, raw),) = to_attribute(value).items()
    text = raw if isinstance(raw, str) else str(_jsonable(raw))
    return Attribute(name=_cut(name, NAME_LIMIT), kind=kind, text=_cut(text, VALUE_LIMIT))


def _cut(text: str, limit: int) -> str:
    return text if len(text) <= limit else f"{text[: limit - 1]}…"


def _number(value: Any) -> Number | None:
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        return None
    return value if len(digits(value)) <= DIGITS_LIMIT else None


def _sum(value: Number, step: int) -> Number:
    """As DynamoDB adds: exactly."""
    return value + step if isinstance(value, int) else ARITHMETIC.add(value, Decimal(step))


def _wire(item: Mapping[str, Any]) -> Wire:
    return {name: _jsonable(value) for name, value in to_item(item).items()}


def _jsonable(value: Any) -> Any:
    """Bytes in Base64, as in the API's own JSON, at any depth."""
    match value:
        case bytes() | bytearray():
            return b64encode(value).decode()
        case dict():
            return {name: _jsonable(each) for name, each in value.items()}
        case list():
            return [_jsonable(each) for each in value]
        case _:
            return value
