"""Writes the rows of a data file into one table: checked first, then in batches side by side.

A row that is bad is reported and left out. Writing is putting whole items, so loading a file
again, after an interruption say, ends with the same items.
"""

from collections.abc import Iterable, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import closing
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Protocol

from gtsite.dynamodb.conditions import Absent
from gtsite.dynamodb.errors import ConditionFailed, DataError, ItemRefused
from gtsite.dynamodb.items import AttributeValue, Value, from_item, to_item
from gtsite.dynamodb.repository import WRITE_BATCH, Table
from gtsite.dynamodb.rows import Row, Untyped, to_number
from gtsite.dynamodb.seen import SeenKeys
from gtsite.dynamodb.tables import Attribute, Key, TableDefinition

LARGEST_ITEM = 400 * 1024
LARGEST_BATCH = 1024 * 1024
"""Of items; a request has at most 16 MB, and JSON makes up to six bytes of one."""
LARGEST_PARTITION_KEY = 2048
LARGEST_SORT_KEY = 1024
TYPE_NAMES = {
    "S": "text",
    "N": "a number",
    "B": "bytes",
    "BOOL": "true or false",
    "NULL": "null",
    "L": "a list",
    "M": "an object",
}


class Existing(StrEnum):
    """What becomes of an item that is there already: it is replaced, or kept as it is."""

    REPLACE = "replace"
    KEEP = "keep"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rejected:
    """A row that was not written, and why."""

    number: int
    reason: str
    raw: Any


@dataclass(slots=True, kw_only=True)
class Loaded:
    """What became of the rows so far: every row read is one of the other four, or on its way.

    `kept` were there already; `replaced` had the key of a later row of the same file. `failure`
    is what stopped the loading, None when it went to the end.
    """

    read: int = 0
    written: int = 0
    kept: int = 0
    replaced: int = 0
    rejected: int = 0
    failure: DataError | None = None


class Listener(Protocol):
    """Who is told while rows are loaded, always in the thread that loads them."""

    def rejected(self, row: Rejected) -> None: ...

    def replaced(self, earlier: int, later: int) -> None:
        """Two rows have one key: the numbers of both."""

    def progressed(self, loaded: Loaded) -> None:
        """Now and then, and at the end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Checked:
    """A row that may be written, its item as it will be sent, and the bytes of that."""

    row: Row
    item: Mapping[str, Value]
    wire: Mapping[str, AttributeValue]
    key: Key
    size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class _Fate:
    """What became of one row of a batch: written, kept, or refused for a reason."""

    checked: _Checked
    kept: bool = False
    refused: str = ""


Batch = Mapping[Key, _Checked]


def check_rows(rows: Iterable[Row], definition: TableDefinition, listener: Listener) -> Loaded:
    """Reads every row and writes none: `written` counts those that would be."""
    loaded = Loaded()
    with closing(SeenKeys()) as seen:
        for row in rows:
            checked = _checked_row(row, definition, loaded, listener)
            if checked is not None:
                loaded.written += 1
                _tell_replaced({checked.key: checked}, seen, loaded, listener)
            if loaded.read % WRITE_BATCH == 0:
                listener.progressed(loaded)
    listener.progressed(loaded)
    return loaded


def load_rows(
    rows: Iterable[Row],
    table: Table,
    listener: Listener,
    *,
    workers: int = 8,
    existing: Existing = Existing.REPLACE,
) -> Loaded:
    """Writes every good row, `workers` batches at a time, and stops at the first failing batch.

    Of several rows with one key the last one is written last. What `existing` keeps is looked up
    with a consistent read and written on the condition that it is absent, both in the one region
    the table is pinned to. On Ctrl-C, batches under way are finished and no other is begun. In
    memory are never more rows than are under way; the keys of all others are on disk, so it raises
    `NoScratchSpace` where there is no room for them.
    """
    with closing(SeenKeys()) as seen:
        loading = _Loading(
            table=table, listener=listener, workers=workers, existing=existing, seen=seen
        )
        try:
            for row in rows:
                loading.add(row)
                if loading.loaded.failure is not None:
                    break
            else:
                loading.flush()
            loading.settle()
        finally:
            loading.stop()
        return loading.loaded


def count_absent(rows: Iterable[Row], table: Table) -> int:
    """How many rows `load_rows` would write if it kept what is there; consistent in one region."""
    keys = {}
    for row in rows:
        try:
            checked = _check(row, table.definition)
        except ItemRefused:
            continue
        keys[checked.key] = checked.key
    found = table.batch_get(list(keys), consistent=True).value
    return sum(item is None for item in found)


class _Loading:
    """The state of one loading. Used by one thread; only `_write` runs in others.

    No two rows with one key are ever under way at once, because batches overtake each other.
    """

    def __init__(
        self,
        *,
        table: Table,
        listener: Listener,
        workers: int,
        existing: Existing,
        seen: SeenKeys,
    ) -> None:
        self.loaded = Loaded()
        self._table = table
        self._listener = listener
        self._existing = existing
        self._most_under_way = 2 * workers
        self._threads = ThreadPoolExecutor(workers, thread_name_prefix="load")
        self._seen = seen
        self._batch: dict[Key, _Checked] = {}
        self._under_way: dict[Future[list[_Fate]], Batch] = {}

    def add(self, row: Row) -> None:
        """Checks one row, and writes a batch when it is full."""
        checked = _checked_row(row, self._table.definition, self.loaded, self._listener)
        if checked is None:
            return
        self._wait_for(checked.key)
        if self._make_room(checked):
            self._batch[checked.key] = checked
            if len(self._batch) == WRITE_BATCH or self._size >= LARGEST_BATCH:
                self.flush()

    def flush(self) -> None:
        """Hands the batch over, waiting while too many are under way."""
        while len(self._under_way) >= self._most_under_way:
            self._collect()
        if not self._batch or self.loaded.failure is not None:
            return
        batch, self._batch = self._batch, {}
        if self._existing is Existing.REPLACE:
            _tell_replaced(batch, self._seen, self.loaded, self._listener)
        self._under_way[self._threads.submit(self._write, batch)] = batch

    def settle(self) -> None:
        """Returns when nothing is under way any more."""
        while self._under_way:
            self._collect()
        self._listener.progressed(self.loaded)

    def stop(self) -> None:
        """Begins no other batch, and returns when those under way are finished and counted."""
        self._threads.shutdown(wait=True, cancel_futures=True)
        for each in [each for each in self._under_way if each.cancelled()]:
            del self._under_way[each]
        self.settle()

    @property
    def _size(self) -> int:
        return sum(each.size for each in self._batch.values())

    def _wait_for(self, key: Key) -> None:
        """Returns when no row with that key is under way."""
        while any(key in batch for batch in self._under_way.values()):
            self._collect()

    def _make_room(self, checked: _Checked) -> bool:
        """Whether the row goes into the batch; an earlier one with its key is out of it then."""
        there = self._batch.get(checked.key)
        if there is None:
            return True
        if self._existing is Existing.KEEP:
            self.loaded.kept += 1
            return False
        del self._batch[checked.key]
        self.loaded.replaced += 1
        self._listener.replaced(there.row.number, checked.row.number)
        return True

    def _collect(self) -> None:
        """Waits for at least one batch and counts what became of its rows."""
        for each in wait(self._under_way, return_when=FIRST_COMPLETED).done:
            del self._under_way[each]
            try:
                fates = each.result()
            except DataError as error:
                self.loaded.failure = self.loaded.failure or error
                continue
            for fate in fates:
                self._count(fate)
        self._listener.progressed(self.loaded)

    def _count(self, fate: _Fate) -> None:
        if fate.refused:
            self._seen.forget(fate.checked.key)
            _reject(fate.checked.row, fate.refused, self.loaded, self._listener)
        elif fate.kept:
            self.loaded.kept += 1
        else:
            self.loaded.written += 1

    def _write(self, batch: Batch) -> list[_Fate]:
        if self._existing is Existing.KEEP:
            return self._write_absent(batch)
        try:
            self._table.batch_put_wires([each.wire for each in batch.values()])
        except ItemRefused:
            return [self._write_alone(each) for each in batch.values()]
        return [_Fate(checked=each) for each in batch.values()]

    def _write_alone(self, checked: _Checked) -> _Fate:
        """One bad item spoils its whole batch: this finds out which."""
        try:
            self._table.put(checked.item)
        except ItemRefused as error:
            return _Fate(checked=checked, refused=str(error))
        return _Fate(checked=checked)

    def _write_absent(self, batch: Batch) -> list[_Fate]:
        there = self._table.batch_get(list(batch), consistent=True).value
        return [
            _Fate(checked=each, kept=True) if found else self._write_unless_there(each)
            for each, found in zip(batch.values(), there, strict=True)
        ]

    def _write_unless_there(self, checked: _Checked) -> _Fate:
        try:
            self._table.put(checked.item, condition=Absent())
        except ConditionFailed:
            return _Fate(checked=checked, kept=True)
        except ItemRefused as error:
            return _Fate(checked=checked, refused=str(error))
        return _Fate(checked=checked)


def _tell_replaced(batch: Batch, seen: SeenKeys, loaded: Loaded, listener: Listener) -> None:
    """Takes rows of earlier batches, whose keys come again in this one, for replaced."""
    numbers = {key: checked.row.number for key, checked in batch.items()}
    for key, earlier in seen.remember(numbers).items():
        loaded.written -= 1
        loaded.replaced += 1
        listener.replaced(earlier, numbers[key])


def _checked_row(
    row: Row, definition: TableDefinition, loaded: Loaded, listener: Listener
) -> _Checked | None:
    """The row, if it may be written; counted and reported otherwise."""
    loaded.read += 1
    try:
        return _check(row, definition)
    except ItemRefused as error:
        _reject(row, str(error), loaded, listener)
        return None


def _reject(row: Row, reason: str, loaded: Loaded, listener: Listener) -> None:
    loaded.rejected += 1
    listener.rejected(Rejected(number=row.number, reason=reason.rstrip("."), raw=row.raw))


def _check(row: Row, definition: TableDefinition) -> _Checked:
    """The row as the table wants it; raises `ItemRefused` with the reason."""
    if row.reason:
        raise ItemRefused(row.reason)
    item = dict(row.item)
    for attribute in definition.key_attributes:
        if attribute.name not in item:
            raise ItemRefused(f"it has no {attribute.name}, which is part of the key")
        item[attribute.name] = _as_key(attribute, item[attribute.name])
    wire = to_item(item)
    for place, attribute in enumerate(definition.key_attributes):
        limit = LARGEST_SORT_KEY if place else LARGEST_PARTITION_KEY
        _check_key(attribute, wire[attribute.name], limit)
    size = _item_size(wire)
    if size > LARGEST_ITEM:
        raise ItemRefused(f"it has {size} bytes, and an item at most {LARGEST_ITEM}")
    key = from_item({name: wire[name] for name in definition.key_names})
    return _Checked(row=row, item=item, wire=wire, key=tuple(key.values()), size=size)


def _as_key(attribute: Attribute, value: Value) -> Value:
    """A cell whose column has no type of its own, read as what the key wants."""
    if attribute.type != "N" or not isinstance(value, Untyped):
        return value
    try:
        return to_number(value)
    except ValueError as error:
        raise ItemRefused(f"{attribute.name} is {value[:50]!r}, which is no number") from error


def _check_key(attribute: Attribute, written: AttributeValue, limit: int) -> None:
    ((kind, raw),) = written.items()
    if kind != attribute.type:
        is_a = TYPE_NAMES.get(kind, "a set")
        raise ItemRefused(
            f"{attribute.name} is {is_a}, and as part of the key must be "
            f"{TYPE_NAMES[attribute.type]}"
        )
    if not raw:
        raise ItemRefused(f"{attribute.name} is empty, and is part of the key")
    if kind != "N" and _size(raw) > limit:
        raise ItemRefused(f"{attribute.name} has {_size(raw)} bytes, and a key at most {limit}")


def _item_size(wire: Mapping[str, AttributeValue]) -> int:
    """Bytes as DynamoDB counts them: names, values, and a little for each list and map."""
    return sum(_size(name) + _value_size(value) for name, value in wire.items())


def _value_size(attribute: AttributeValue) -> int:
    ((kind, raw),) = attribute.items()
    match kind:
        case "S" | "B":
            return _size(raw)
        case "N":
            return _number_size(raw)
        case "SS" | "BS":
            return sum(_size(each) for each in raw)
        case "NS":
            return sum(_number_size(each) for each in raw)
        case "L":
            return 3 + sum(1 + _value_size(each) for each in raw)
        case "M":
            return 3 + len(raw) + _item_size(raw)
        case _:
            return 1


def _number_size(text: str) -> int:
    """Two digits to a byte, and one byte more."""
    digits = text.partition("E")[0].replace(".", "").lstrip("-").strip("0")
    return 1 + (len(digits) + 1) // 2


def _size(raw: str | bytes) -> int:
    return len(raw) if isinstance(raw, bytes) or raw.isascii() else len(raw.encode())
