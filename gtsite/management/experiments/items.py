"""Which items an experiment is about and what it sets in them, as people write it."""

import shlex
from collections.abc import Sequence
from dataclasses import asdict
from decimal import Decimal
from itertools import islice
from typing import Any

from django.core.management.base import CommandError

from gtsite.dynamodb.errors import DataError
from gtsite.dynamodb.items import Value
from gtsite.dynamodb.repository import Record, Table
from gtsite.dynamodb.tables import Key, TableDefinition
from gtsite.experiments.entities import Trouble
from gtsite.experiments.verdicts import token
from gtsite.management import looking
from gtsite.management.base import PartlyDone, UsageError
from gtsite.management.looking import plain
from gtsite.management.subjects import read_key, read_value
from gtsite.wording import NOTHING, counted, listed

MOST_KEYS = 100
MOST_PATIENCE_SECONDS = 3_600


def declare_items(parser: Any) -> None:
    """The options that choose items, and how long to wait for them."""
    chosen = parser.add_mutually_exclusive_group()
    chosen.add_argument(
        "--key",
        action="append",
        default=[],
        metavar='"NAME=VALUE …"',
        help="an item by its key, may be repeated; by default the sample of the table's document",
    )
    chosen.add_argument("--first", type=int, metavar="N", help="instead: any N items of the table")
    parser.add_argument(
        "--patience",
        type=int,
        default=60,
        metavar="SECONDS",
        help="how long to wait for the regions to agree; 60",
    )


def check_between(flag: str, value: int, least: int, most: int) -> int:
    """The value; raises `UsageError` when it is out of bounds."""
    if not least <= value <= most:
        raise UsageError(f"{flag} is {value}: write {least} to {most:,}.")
    return value


def patience_ms(options: dict[str, Any]) -> float:
    return check_between("--patience", options["patience"], 1, MOST_PATIENCE_SECONDS) * 1000


def split_setting(definition: TableDefinition, setting: str) -> tuple[str, str]:
    """The attribute and the text of `NAME=VALUE`; raises `UsageError`."""
    name, equals, text = setting.partition("=")
    if not name or not equals:
        raise UsageError(f"--set {setting!r} is not NAME=VALUE, such as available_seats=222.")
    if name in definition.key_names:
        raise UsageError(f"{name} is part of the key, which stays: set another attribute.")
    return name, text


def chosen_items(
    table: Table, regions: Sequence[str], options: dict[str, Any]
) -> dict[Key, Record]:
    """The items by their keys, as the first region that answers holds them.

    Raises `UsageError` when one of them is not there, `DataError` when no region answers.
    """
    count = options["first"]
    if count is None:
        keys = _named_keys(table.definition, options["key"])
    else:
        check_between("--first", count, 1, MOST_KEYS)
    failed: DataError | None = None
    for region in regions:
        try:
            at = table.at(region)
            return _first_items(at, count) if count is not None else _items(at, keys)
        except DataError as error:
            failed = failed or error
    raise failed or UsageError("No region is named.")


def typed_value(attribute: str, text: str, items: Sequence[Record]) -> Value:
    """The text as the type that the attribute has in the items; raises `UsageError`."""
    held = [item[attribute] for item in items if attribute in item]
    if held and all(isinstance(each, str) for each in held):
        return text
    value = read_value(text)
    if held and all(_is_number(each) for each in held) and not _is_number(value):
        raise UsageError(f"{attribute} is a number in these items, and {text!r} is none.")
    return value


def shown(value: Value | None) -> str:
    """A value as `get` shows it."""
    return NOTHING if value is None else looking.shown(value)


def rounded(milliseconds: float | None) -> float | None:
    return None if milliseconds is None else round(milliseconds, 1)


def shown_ms(milliseconds: float | None) -> str:
    return NOTHING if milliseconds is None else f"{milliseconds:,.0f}"


def trouble_lines(troubles: Sequence[Trouble]) -> list[str]:
    """Each names its region; nothing where nothing went wrong."""
    said = dict.fromkeys(each.sentence for each in told_once(troubles))
    return ["", "What went wrong", *said] if said else []


def told_once(troubles: Sequence[Trouble]) -> list[Trouble]:
    """Those that say more than another one of the same region does."""
    return [
        each
        for each in troubles
        if not any(
            other.region == each.region and other.sentence.startswith(f"{each.sentence} ")
            for other in troubles
        )
    ]


def troubles_document(troubles: Sequence[Trouble]) -> list[dict[str, str]]:
    return [asdict(each) for each in troubles]


def raise_for_troubles(troubles: Sequence[Trouble], done: str) -> None:
    """`PartlyDone` with what was done so far, or `CommandError` when that is nothing ('')."""
    sentences = " ".join(dict.fromkeys(each.sentence for each in told_once(troubles)))
    if troubles and done:
        raise PartlyDone(f"{sentences} {done}")
    if troubles:
        raise CommandError(f"{sentences} Nothing was written.")


def key_document(definition: TableDefinition, key: Key) -> dict[str, Any]:
    return dict(zip(definition.key_names, map(plain, key), strict=True))


def _named_keys(definition: TableDefinition, texts: Sequence[str]) -> tuple[Key, ...]:
    """The keys of `--key`, each once, or the sample of the table's document."""
    if not texts and not definition.sample:
        raise UsageError(
            f"No sample of {definition.name} is known: name items with --key "
            f'"{" ".join(f"{name}=…" for name in definition.key_names)}", or take some with '
            "--first N."
        )
    keys = tuple(read_key(definition, _words(text)) for text in texts) or definition.sample
    found = {tuple(map(token, key)): key for key in keys}
    if len(found) > MOST_KEYS:
        raise UsageError(f"{counted(len(found), 'item')} are too many: name at most {MOST_KEYS}.")
    return tuple(found.values())


def _words(text: str) -> list[str]:
    try:
        return shlex.split(text)
    except ValueError as error:
        raise UsageError(f"--key {text!r} ends within quotation marks.") from error


def _items(table: Table, keys: Sequence[Key]) -> dict[Key, Record]:
    found = dict(zip(keys, table.batch_get(keys, consistent=True).value, strict=True))
    missing = [key for key, item in found.items() if item is None]
    if missing:
        names = table.definition.key_names
        first = listed(
            [f"{name}={shown(value)}" for name, value in zip(names, missing[0], strict=True)]
        )
        others = f", nor {counted(len(missing) - 1, 'other')}" if len(missing) > 1 else ""
        raise UsageError(
            f"{table.name} in {table.region} has no item {first}{others}: load the table, or name "
            "items that are there."
        )
    return {key: item for key, item in found.items() if item is not None}


def _first_items(table: Table, count: int) -> dict[Key, Record]:
    names = table.definition.key_names
    items = list(islice(table.iter_scan(segments=1, page_size=count), count))
    if not items:
        raise UsageError(f"{table.name} in {table.region} has no items: load some first.")
    return {tuple(item[name] for name in names): item for item in items}


def _is_number(value: Value) -> bool:
    return isinstance(value, int | Decimal) and not isinstance(value, bool)
