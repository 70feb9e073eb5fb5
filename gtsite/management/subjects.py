"""What commands are about, as people name it: a table, its regions, a key, a value."""

import base64
import binascii
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal, InvalidOperation

from gtsite.dynamodb import connection
from gtsite.dynamodb.control import TableState, as_definition
from gtsite.dynamodb.errors import (
    DataError,
    ItemRefused,
    TableMissing,
    UnknownRegion,
    UnknownTable,
)
from gtsite.dynamodb.items import NO_NUMBER, Value, from_number, to_attribute, to_number
from gtsite.dynamodb.regions import region as known_region
from gtsite.dynamodb.replicas import Described, Replica, describe_in, find_replicas
from gtsite.dynamodb.tables import Attribute, TableDefinition
from gtsite.management.base import UsageError
from gtsite.wording import listed

ALL = "all"
NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?", re.ASCII | re.IGNORECASE)
LONGEST_NUMBER = 200
JSON_WORDS = ("true", "false", "null")
TYPES = {"S": "text", "N": "number", "B": "bytes in Base64"}


def find_table(name: str, *, region: str | None) -> TableDefinition:
    """The project's table of that name, or any other that AWS or the sandbox has.

    Another table is looked for in `region`, else in the site's regions, and its `default_regions`
    are then where it was found. Raises `UsageError` when it is nowhere, `DataError` when nobody
    answers.
    """
    try:
        return connection.definition(name)
    except UnknownTable:
        return _found(name, _reachable([region] if region else connection.site_regions()))


def find_table_replicas(
    definition: TableDefinition, *, also: Sequence[str] = ()
) -> tuple[Replica, ...]:
    """Every region that holds the table, home first, whether it answers or not.

    Looked for in its own regions, then in the site's, and in those named `also`. Raises
    `UsageError` when none has it, `DataError` when none answers.
    """
    own = definition.default_regions or connection.site_regions()
    candidates = _reachable([*own, *also], may_be_none=True)
    others = [each for each in connection.site_regions() if each not in candidates]
    with connection.inspection() as control:
        for regions in filter(None, (candidates, (*candidates, *others))):
            try:
                return find_replicas(control, definition.name, regions)
            except TableMissing:
                continue
    raise UsageError(_nowhere(definition.name, [*candidates, *others]))


def table_regions(definition: TableDefinition) -> tuple[str, ...]:
    """The regions that hold the table, home first, those that are away among them."""
    return tuple(each.region for each in find_table_replicas(definition))


def check_regions(definition: TableDefinition, names: Sequence[str]) -> tuple[str, ...]:
    """The names, in their order, where the table has a replica in each; else `UsageError`."""
    known = tuple(dict.fromkeys(_known(name) for name in names))
    _reachable(known)
    held = [each.region for each in find_table_replicas(definition, also=known)]
    missing = [name for name in known if name not in held]
    if missing:
        raise UsageError(
            f"Table {definition.name} is not in {listed(missing, 'or')}: it is in {listed(held)}."
        )
    return known


def chosen_regions(
    definition: TableDefinition, word: str | None, *, say: Callable[[str], None]
) -> tuple[str, ...]:
    """What `--region` says: one name, several with commas, or `all`.

    Without a word, the home; where that does not answer, `say` is told which other one is asked.
    """
    if word is None:
        return (_answering(find_table_replicas(definition), say),)
    if word == ALL:
        return table_regions(definition)
    return check_regions(definition, split_names(word))


def first_region(word: str | None) -> str | None:
    """Where to look for a table that is not the project's, by what `--region` says."""
    return None if word is None or word == ALL else split_names(word)[0]


def split_names(text: str) -> tuple[str, ...]:
    """The names of a list such as `us-east-2,eu-west-1`; raises `UsageError` for an empty one."""
    names = tuple(word.strip() for word in text.split(",") if word.strip())
    if not names:
        raise UsageError("No region is named: write names such as us-east-2,eu-west-1.")
    return names


def read_key(
    definition: TableDefinition, words: Sequence[str], *, partial: bool = False
) -> tuple[Value, ...]:
    """The key written as `NAME=VALUE` words in any order, typed as the table's keys are.

    With `partial`, the partition key alone will do. Raises `UsageError` naming the key attributes.
    """
    texts = _key_texts(definition, words)
    wanted = definition.key_attributes
    given = wanted[:1] if partial and wanted[0].name in texts and len(texts) == 1 else wanted
    missing = [each.name for each in given if each.name not in texts]
    if missing:
        raise UsageError(f"{missing[0]} is missing: {_wanted_key(definition)}.")
    return tuple(_key_value(definition, each, texts[each.name]) for each in given)


def read_value(text: str) -> Value:
    """A number where it reads as one, JSON where it begins like it, else the text as it is.

    `"222"` in quotation marks is a text. Raises `UsageError`.
    """
    try:
        if NUMBER.fullmatch(text):
            return _number(text)
        if text in JSON_WORDS or text[:1] in ('"', "{", "["):
            return _json(text)
    except ItemRefused as error:
        raise UsageError(f"{_short(text)} is {error}") from error
    return text


def _answering(replicas: Sequence[Replica], say: Callable[[str], None]) -> str:
    home = replicas[0].region
    region = next((each.region for each in replicas if not each.is_away), home)
    if region != home:
        say(f"{home} does not answer: {region} is asked instead.")
    return region


def _found(name: str, regions: Sequence[str]) -> TableDefinition:
    with connection.inspection() as control:
        described = describe_in(control, name, regions)
        states = [each for each in described.values() if isinstance(each, TableState)]
        if not states:
            raise _absence(name, described)
    own = tuple(each.region for each in states)
    return replace(as_definition(name, states[0]), default_regions=own)


def _absence(name: str, described: Mapping[str, Described]) -> Exception:
    """Why there is no such table, as far as anybody answered."""
    failed = [each for each in described.values() if isinstance(each, DataError)]
    if len(failed) == len(described):
        return failed[0]
    lacking = [region for region, each in described.items() if each is None]
    return UsageError(" ".join([_nowhere(name, lacking), *map(str, failed)]))


def _nowhere(name: str, regions: Sequence[str]) -> str:
    advice = "look at its name, or name a region that has it"
    try:
        connection.definition(name)
    except UnknownTable:
        return f"Table {name} is not in {listed(regions, 'or')}: {advice}."
    return f"Table {name} is not in {listed(regions, 'or')}: run manage.py provision {name}."


def _known(name: str) -> str:
    try:
        return known_region(name).name
    except UnknownRegion as error:
        raise UsageError(str(error)) from error


def _reachable(names: Sequence[str], *, may_be_none: bool = False) -> tuple[str, ...]:
    """Those whose endpoint is known; raises `UsageError` when one that is needed is not."""
    known = tuple(dict.fromkeys(_known(each) for each in names))
    found = tuple(each for each in known if connection.is_reachable(each))
    if len(found) < len(known) and not may_be_none:
        (first, *_) = [each for each in known if each not in found]
        raise UsageError(f"No endpoint is known for {first}: add it to GT_ENDPOINTS.")
    return found


def _key_texts(definition: TableDefinition, words: Sequence[str]) -> dict[str, str]:
    texts: dict[str, str] = {}
    for word in words:
        name, equals, text = word.partition("=")
        if not equals:
            raise UsageError(f"{_short(word)} is not NAME=VALUE: {_wanted_key(definition)}.")
        if name not in definition.key_names:
            raise UsageError(f"{_short(name)} is no part of the key: {_wanted_key(definition)}.")
        if name in texts:
            raise UsageError(f"{name} is given twice: {_wanted_key(definition)}.")
        texts[name] = text
    return texts


def _key_value(definition: TableDefinition, attribute: Attribute, text: str) -> Value:
    """One part of a key; raises `UsageError` where DynamoDB would not take it."""
    if not text:
        raise UsageError(f"{attribute.name} is empty: {_wanted_key(definition)}.")
    if attribute.type == "S":
        return text
    try:
        return _number(text) if attribute.type == "N" else base64.b64decode(text, validate=True)
    except (ItemRefused, binascii.Error) as error:
        wrong = f"{attribute.name}={_short(text)} is no {TYPES[attribute.type]}"
        raise UsageError(f"{wrong}: {_wanted_key(definition)}.") from error


def _wanted_key(definition: TableDefinition) -> str:
    """`a key of flights is flight_id (number) and airlines_name (text)`."""
    parts = [f"{each.name} ({TYPES[each.type]})" for each in definition.key_attributes]
    return f"a key of {definition.name} is {listed(parts)}"


def _number(text: str) -> Value:
    """Raises `ItemRefused` for what is no number, or none that DynamoDB can hold."""
    if not NUMBER.fullmatch(text) or len(text) > LONGEST_NUMBER:
        raise ItemRefused("no number.")
    try:
        to_number(Decimal(text))
    except InvalidOperation as error:
        raise ItemRefused(NO_NUMBER) from error
    return from_number(text)


def _json(text: str) -> Value:
    try:
        value = json.loads(text, parse_float=Decimal, parse_constant=_no_constant)
    except (ValueError, ArithmeticError, RecursionError) as error:
        raise UsageError(f"{_short(text)} is no JSON: put a text in quotation marks.") from error
    to_attribute(value)
    return value


def _no_constant(word: str) -> Value:
    raise ValueError(word)


def _short(text: str) -> str:
    """As much of it as fits into a sentence."""
    return repr(text if len(text) <= 40 else f"{text[:39]}…")
