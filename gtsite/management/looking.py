"""The items of some keys or of one partition as each region holds them, and where they differ."""

import base64
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import partial
from itertools import islice
from typing import Any

from gtsite.dynamodb import connection
from gtsite.dynamodb.errors import DataError
from gtsite.dynamodb.items import Value, to_attribute
from gtsite.dynamodb.meter import meter
from gtsite.dynamodb.repository import Record, Table
from gtsite.dynamodb.tables import Key, TableDefinition
from gtsite.management.base import UsageError
from gtsite.management.subjects import read_value

Read = Callable[[Table], Mapping[Key, Record]]
"""The items there are, by their keys, from one region."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RegionItems:
    """What one region holds, or the `trouble` why it does not say.

    `milliseconds` is how long its requests took, all together.
    """

    region: str
    items: Mapping[Key, Record]
    milliseconds: float = 0.0
    trouble: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundItem:
    """One item: what each region that answered holds of it, None for no such item."""

    key: Key
    held: Mapping[str, Record | None]

    @property
    def is_missing(self) -> bool:
        return all(item is None for item in self.held.values())

    @property
    def missing_in(self) -> tuple[str, ...]:
        return tuple(region for region, item in self.held.items() if item is None)

    @property
    def attributes(self) -> tuple[str, ...]:
        """Every attribute that some region holds, in alphabetical order."""
        return tuple(sorted({name for item in self.held.values() for name in item or {}}))

    def values(self, attribute: str) -> list[tuple[Value | None, tuple[str, ...]]]:
        """The values there are of an attribute, and the regions that hold each, in their order.

        Regions without the item have no part in it; one without the attribute holds None.
        """
        found: list[tuple[Any, Value | None, list[str]]] = []
        for region, item in self.held.items():
            if item is None:
                continue
            wire = to_attribute(item[attribute]) if attribute in item else None
            known = next((regions for other, _, regions in found if other == wire), None)
            if known is None:
                found.append((wire, item.get(attribute), [region]))
            else:
                known.append(region)
        return [(value, tuple(regions)) for _, value, regions in found]

    @property
    def differs(self) -> tuple[str, ...]:
        """The attributes that regions holding the item do not agree on."""
        return tuple(name for name in self.attributes if len(self.values(name)) > 1)

    @property
    def agrees(self) -> bool:
        """Whether all regions that answered hold the same, be it nothing."""
        return not self.differs and len(self.missing_in) in (0, len(self.held))


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """The items in their order, and the regions as asked; `more` says that more items follow."""

    items: tuple[FoundItem, ...]
    regions: tuple[RegionItems, ...]
    more: bool = False

    @property
    def failed(self) -> tuple[RegionItems, ...]:
        return tuple(each for each in self.regions if each.trouble)

    @property
    def answered(self) -> tuple[RegionItems, ...]:
        return tuple(each for each in self.regions if not each.trouble)


def find_keys(
    definition: TableDefinition, regions: Sequence[str], keys: Sequence[Key], *, consistent: bool
) -> Found:
    """The items of these keys, each region asked once, all of them side by side."""

    def read(table: Table) -> Mapping[Key, Record]:
        if len(keys) == 1:
            items = [table.get(*keys[0], consistent=consistent).value]
        else:
            items = table.batch_get(keys, consistent=consistent).value
        return {key: item for key, item in zip(keys, items, strict=True) if item is not None}

    return _gathered(_asked(definition, regions, read), keys)


def find_partition(
    definition: TableDefinition,
    regions: Sequence[str],
    partition: Value,
    *,
    limit: int,
    consistent: bool,
) -> Found:
    """The first `limit` items of a partition in the order of their sort keys.

    Every region is read further than these go, so none of them is missing for not being reached.
    """
    names = definition.key_names

    def read(table: Table) -> Mapping[Key, Record]:
        found = table.iter_query(partition, page_size=limit + 1, consistent=consistent)
        return {tuple(item[name] for name in names): item for item in islice(found, limit + 1)}

    answers = _asked(definition, regions, read)
    keys = sorted({key for each in answers for key in each.items}, key=_order)
    return _gathered(answers, keys[:limit], more=len(keys) > limit)


def shown(value: Value) -> str:
    """A value for people: a text that would read as something else is in quotation marks."""
    match value:
        case str():
            return _shown_text(value)
        case bytes():
            return base64.b64encode(value).decode()
        case bool() | None | dict() | list() | set():
            return _printable(json.dumps(plain(value), ensure_ascii=False))
        case _:
            return str(value)


def plain(value: Value) -> Any:
    """A value as JSON has it: sets are sorted lists, bytes Base64, numbers as exact as they are.

    A number that a float would round is a text.
    """
    match value:
        case Decimal():
            return float(value) if Decimal(repr(float(value))) == value else str(value)
        case bytes():
            return base64.b64encode(value).decode()
        case set():
            return sorted((plain(each) for each in value), key=str)
        case list():
            return [plain(each) for each in value]
        case dict():
            return {name: plain(each) for name, each in value.items()}
        case _:
            return value


def _shown_text(text: str) -> str:
    looks_different = not isinstance(_as_typed(text), str) or text[:1] == '"' or not text.strip()
    return _printable(json.dumps(text, ensure_ascii=False) if looks_different else text)


def _as_typed(text: str) -> Value:
    """What somebody who typed this would mean by it; None for what is neither one nor the other."""
    try:
        return read_value(text)
    except UsageError:
        return None


def _printable(text: str) -> str:
    """Without what would move a terminal's cursor."""
    return "".join(each if each.isprintable() else repr(each)[1:-1] for each in text)


def _asked(definition: TableDefinition, regions: Sequence[str], read: Read) -> list[RegionItems]:
    with connection.regional_table(definition, regions) as table:

        def ask(region: str) -> RegionItems:
            return _ask(table.at(region), region, read)

        return table.side_by_side([partial(ask, region) for region in regions])


def _ask(table: Table, region: str, read: Read) -> RegionItems:
    with meter() as asked:
        try:
            items = read(table)
        except DataError as error:
            return RegionItems(region=region, items={}, trouble=str(error))
    took = sum(call.elapsed_ms for call in asked.calls)
    return RegionItems(region=region, items=items, milliseconds=took)


def _gathered(answers: Sequence[RegionItems], keys: Iterable[Key], *, more: bool = False) -> Found:
    held = [each for each in answers if not each.trouble]
    items = tuple(
        FoundItem(key=key, held={each.region: each.items.get(key) for each in held}) for key in keys
    )
    return Found(items=items, regions=tuple(answers), more=more)


def _order(key: Key) -> Any:
    """DynamoDB's order of sort keys: texts by their bytes."""
    return key[-1].encode() if isinstance(key[-1], str) else key[-1]
