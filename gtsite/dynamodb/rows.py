"""What a data file says, row by row: CSV, a JSON array, JSON Lines, or batch-write JSON.

A row that cannot be read is a row with a reason, not the end of the file. Nothing here knows a
table; what a row must be like is the loader's business.
"""

import csv
import json
import re
from base64 import b64decode
from collections import deque
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import Any, TextIO

from gtsite.dynamodb.errors import ItemRefused
from gtsite.dynamodb.items import Value, from_item, from_number, to_decimal

NUMBER = re.compile(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?")
SURROGATE = re.compile("[\ud800-\udfff]")
SWITCHES = {"true": True, "false": False}
PUT, DELETE = "PutRequest", "DeleteRequest"
LONGEST_CELL = 1 << 20
FIRST_LINE = 1 << 20
MARK = "\ufeff"
"""What some editors put at the beginning of a file in UTF-8."""
NO_PAIRS = "its quotation marks do not pair up"
TOO_LONG = f"it has a cell of more than {LONGEST_CELL:,} characters"
STRAY_MARK = "it begins with a byte-order mark, as if another file began here"
SIGNATURES = {
    b"\x1f\x8b": "is compressed with gzip: unpack it with gunzip and load the file that comes out",
    b"PK\x03\x04": "is a ZIP archive, or a spreadsheet: load the CSV or JSON that is in it",
    b"\xfd7zXZ": "is compressed with xz: unpack it with unxz and load the file that comes out",
    b"\x28\xb5\x2f\xfd": "is compressed with zstd: unpack it with unzstd and load what comes out",
    b"\xff\xfe": "is in UTF-16: save it as UTF-8",
    b"\xfe\xff": "is in UTF-16: save it as UTF-8",
}


class Format(StrEnum):
    """How a file is written."""

    CSV = "csv"
    JSON = "json"
    JSON_LINES = "jsonl"
    BATCH = "batch"


class UnreadableFile(Exception):
    """A file as a whole makes no sense; one sentence."""


class BadRow(Exception):
    """A row makes no sense; the reason, without a full stop."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One row: its item, or the reason why there is none.

    `number` is its place in the file, from 1; for CSV and JSON Lines the line it begins on.
    `raw` is the row as it was read, for people to mend.
    """

    number: int
    raw: Any
    item: Mapping[str, Value] = field(default_factory=dict)
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One column of a CSV file: S text, N number, B bytes in base64, BOOL, JSON, '' for any."""

    name: str
    type: str = ""


COLUMN_TYPES = ("S", "N", "B", "BOOL", "JSON")


def parse_map(text: str) -> tuple[Column, ...]:
    """`flight_id:N,airlines_name` → columns; raises `ValueError` with a sentence."""
    columns = []
    for word in text.split(","):
        name, _, kind = word.strip().partition(":")
        if not name or (kind and kind not in COLUMN_TYPES):
            raise ValueError(
                f"{word.strip()!r} is no column: write NAME or NAME:TYPE, "
                f"with a type of {', '.join(COLUMN_TYPES)}."
            )
        columns.append(Column(name=name, type=kind))
    names = [column.name for column in columns]
    if len(set(names)) != len(names):
        raise ValueError("A column is named twice: name each once.")
    return tuple(columns)


def find_format(path: Path) -> Format:
    """What the beginning of the file looks like; raises `UnreadableFile` for an empty one."""
    _check_signature(path)
    with _opened(path) as text:
        line = _first_line(text)
    if not line:
        raise UnreadableFile(f"{path} is empty.")
    if line.startswith("["):
        return Format.JSON
    if not line.startswith("{"):
        return Format.CSV
    try:
        first = _decoded(line)
    except ValueError:
        return Format.JSON_LINES if path.suffix in (".jsonl", ".ndjson") else Format.BATCH
    return Format.BATCH if _is_batch(first) else Format.JSON_LINES


def _check_signature(path: Path) -> None:
    """Raises `UnreadableFile` for what is no text in UTF-8 and says so itself."""
    try:
        with path.open("rb") as file:
            begins = file.read(8)
    except OSError as error:
        raise UnreadableFile(_unread(path, error)) from error
    for signature, sentence in SIGNATURES.items():
        if begins.startswith(signature):
            raise UnreadableFile(f"{path} {sentence}.")


def _unread(path: Path, error: OSError) -> str:
    return f"{path} cannot be read: {error.strerror}."


def _first_line(text: TextIO) -> str:
    """The first line that is not blank, or as much of it as shows what it is."""
    while line := text.readline(FIRST_LINE):
        if line.strip():
            return line.strip()
    return ""


def read_rows(
    path: Path,
    *,
    table: str,
    format: Format | None = None,  # noqa: A002
    columns: Sequence[Column] = (),
    headed_by: Collection[str] | None = None,
) -> Iterator[Row]:
    """Every row of the file, in its order; CSV and JSON Lines are never held in memory whole.

    `columns` are for CSV: where the first line names those `headed_by`, or else all of them, it is
    a heading, and they give the types; where it does not, the file has no heading and they name
    its columns in their order. `table` is whose rows a batch-write file is read for. Raises
    `UnreadableFile`, also half-way where a disk fails.
    """
    if headed_by is None:
        headed_by = [column.name for column in columns]
    match format or find_format(path):
        case Format.CSV:
            yield from _csv_rows(path, columns, headed_by)
        case Format.JSON_LINES:
            yield from _json_lines(path)
        case Format.JSON:
            yield from _json_rows(path)
        case Format.BATCH:
            yield from _batch_rows(path, table)


@contextmanager
def _opened(path: Path) -> Iterator[TextIO]:
    """Text in UTF-8, with or without a mark; what is none shows as a surrogate, row by row.

    Raises `UnreadableFile` where the file cannot be opened, or read to its end.
    """
    try:
        with path.open(encoding="utf-8-sig", errors="surrogateescape", newline="") as text:
            yield text
    except OSError as error:
        raise UnreadableFile(_unread(path, error)) from error


def _csv_rows(path: Path, columns: Sequence[Column], headed_by: Collection[str]) -> Iterator[Row]:
    csv.field_size_limit(LONGEST_CELL)
    with _opened(path) as text:
        lines = _csv_lines(_Lines(text))
        first = next(lines, None)
        if first is None:
            raise UnreadableFile(f"{path} is empty.")
        number, cells = first
        if isinstance(cells, Row) and not columns:
            raise UnreadableFile(f"{path} has no heading that can be read: {cells.reason}.")
        if isinstance(cells, list) and _is_heading(path, cells, headed_by):
            columns = _headed(path, cells, columns)
        else:
            yield _csv_row(number, cells, columns)
        for number, cells in lines:
            yield _csv_row(number, cells, columns)


class _Lines:
    """The lines of a text, of which some can be had again."""

    def __init__(self, text: Iterator[str]) -> None:
        self._text = text
        self._again: deque[str] = deque()
        self._taken: list[str] = []

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = self._again.popleft() if self._again else next(self._text)
        self._taken.append(line)
        return line

    def taken(self) -> Sequence[str]:
        """The lines since this was asked last."""
        taken, self._taken = self._taken, []
        return taken

    def give_back(self, lines: Sequence[str]) -> None:
        self._again.extendleft(reversed(lines))


def _csv_lines(lines: _Lines) -> Iterator[tuple[int, list[str] | Row]]:
    """The line each row begins on, and its cells, or the line as a bad row; no empty rows.

    A quotation mark that is never closed spoils its own line only: those after it are read again.
    """
    reader = csv.reader(lines, strict=True)
    number = 1
    while True:
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error:
            line, *others = lines.taken()
            lines.give_back(others)
            yield number, _bad_line(number, line.rstrip("\r\n"))
            number += 1
            continue
        if cells:
            yield number, cells
        number += len(lines.taken())


def _bad_line(number: int, line: str) -> Row:
    is_long = len(line) > LONGEST_CELL and line.count('"') % 2 == 0
    return Row(number=number, raw=line, reason=TOO_LONG if is_long else NO_PAIRS)


def _is_heading(path: Path, cells: Sequence[str], headed_by: Collection[str]) -> bool:
    """Raises `UnreadableFile` for one in other letters: its columns may stand in any order."""
    names = {cell.strip() for cell in cells}
    if set(headed_by) <= names:
        return True
    if {name.lower() for name in headed_by} <= {name.lower() for name in names}:
        others = ", ".join(sorted(set(headed_by) - names))
        raise UnreadableFile(f"{path} has a heading that writes these in other letters: {others}.")
    return False


def _headed(path: Path, names: Sequence[str], columns: Sequence[Column]) -> Sequence[Column]:
    stripped = [name.strip() for name in names]
    if "" in stripped or len(set(stripped)) != len(stripped):
        raise UnreadableFile(
            f"{path} has no heading that names each column once: use --map NAME[:TYPE],…"
        )
    types = {column.name: column.type for column in columns}
    return [Column(name=name, type=types.get(name, "")) for name in stripped]


def _csv_row(number: int, cells: list[str] | Row, columns: Sequence[Column]) -> Row:
    if isinstance(cells, Row):
        return cells
    if cells[0].startswith(MARK):
        return Row(number=number, raw=cells, reason=STRAY_MARK)
    if len(cells) != len(columns):
        reason = f"it has {_cells(len(cells))} where {len(columns)} are named"
        return Row(number=number, raw=cells, reason=reason)
    raw = {column.name: cell for column, cell in zip(columns, cells, strict=True)}

    def read() -> Mapping[str, Value]:
        return {
            column.name: _from_cell(column, cell)
            for column, cell in zip(columns, cells, strict=True)
            if cell
        }

    return _row(number, raw, read)


def _cells(count: int) -> str:
    return "1 cell" if count == 1 else f"{count} cells"


def _from_cell(column: Column, cell: str) -> Value:
    if column.type == "":
        return Untyped(cell)
    try:
        return FROM_CELL[column.type](cell)
    except ValueError as error:
        raise BadRow(f"{column.name} is {cell[:50]!r}, which is not {column.type}") from error


class Untyped(str):
    """A cell of a column whose type nobody gave: text, unless the table's key wants otherwise."""

    __slots__ = ()


def to_number(text: str) -> int | Decimal:
    """`+1`, `1e5`, ` 12 `; raises `ValueError` for what is no plain number."""
    if not NUMBER.fullmatch(text.strip()):
        raise ValueError(text)
    return from_number(text.strip())


def _switch(text: str) -> bool:
    found = SWITCHES.get(text.strip().lower())
    if found is None:
        raise ValueError(text)
    return found


def _json_lines(path: Path) -> Iterator[Row]:
    with _opened(path) as text:
        for number, line in enumerate(text, start=1):
            if line.strip():
                yield _json_line(number, line.rstrip())


def _json_line(number: int, line: str) -> Row:
    if line.startswith(MARK):
        return Row(number=number, raw=line, reason=STRAY_MARK)
    try:
        raw = _decoded(line)
    except (ValueError, RecursionError):
        return Row(number=number, raw=line, reason="it is not JSON")
    return _row(number, raw, partial(_object, raw))


def _json_rows(path: Path) -> Iterator[Row]:
    rows = _whole(path)
    if not isinstance(rows, list):
        raise UnreadableFile(f"{path} is not a JSON array: choose another --format.")
    for number, raw in enumerate(rows, start=1):
        yield _row(number, raw, partial(_object, raw))


def _batch_rows(path: Path, table: str) -> Iterator[Row]:
    tables = _whole(path)
    if not _is_batch(tables):
        raise UnreadableFile(
            f'{path} is not batch-write JSON, {{"table": [{{"PutRequest": …}}]}}: '
            "choose another --format."
        )
    if table not in tables:
        raise UnreadableFile(f"{path} has no rows for {table}: it is for {', '.join(tables)}.")
    for number, raw in enumerate(tables[table], start=1):
        yield _row(number, raw, partial(_put_item, raw))


def _put_item(request: Any) -> Mapping[str, Value]:
    if isinstance(request, dict) and DELETE in request:
        raise BadRow("it is a DeleteRequest, and loading only writes")
    try:
        attributes = request[PUT]["Item"].items()
    except (KeyError, TypeError, AttributeError) as error:
        raise BadRow("it is not a PutRequest with an Item") from error
    return from_item({name: _typed(name, value) for name, value in attributes})


def _typed(name: str, attribute: Any) -> dict[str, Any]:
    """One attribute as the API writes it, checked, and as the SDK has it: bytes are decoded."""
    if not isinstance(attribute, dict) or len(attribute) != 1:
        raise BadRow(f'{name} is not written as {{"S": "text"}}')
    ((kind, raw),) = attribute.items()
    try:
        return {kind: _checked(name, kind, raw)}
    except ValueError as error:
        raise BadRow(f"{name} is {str(raw)[:50]!r}, which is not {kind}") from error


def _checked(name: str, kind: str, raw: Any) -> Any:
    match kind:
        case "M" if isinstance(raw, dict):
            return {key: _typed(f"{name}.{key}", value) for key, value in raw.items()}
        case "L" if isinstance(raw, list):
            return [_typed(name, value) for value in raw]
        case "SS" | "NS" | "BS" if isinstance(raw, list) and raw:
            return [_checked(name, kind[0], value) for value in raw]
        case "B" if isinstance(raw, str):
            return b64decode(raw, validate=True)
        case "N" if isinstance(raw, str):
            return str(to_number(raw))
        case "S" if isinstance(raw, str):
            return raw
        case "BOOL" | "NULL" if isinstance(raw, bool):
            return raw
    raise ValueError(kind)


def _row(number: int, raw: Any, read: Callable[[], Mapping[str, Value]]) -> Row:
    """The row read, or the reason why it cannot be."""
    try:
        item = read()
        _check_text(item)
    except (BadRow, ItemRefused) as error:
        return Row(number=number, raw=raw, reason=str(error))
    return Row(number=number, raw=raw, item=item)


def _check_text(value: Value) -> None:
    """Raises `BadRow` for text that was not UTF-8 in the file, or is half a character."""
    if isinstance(value, str):
        if not value.isascii() and SURROGATE.search(value):
            raise BadRow("it has text that is not UTF-8")
    elif isinstance(value, Mapping):
        for name, inner in value.items():
            _check_text(name)
            _check_text(inner)
    elif isinstance(value, list | set):
        for inner in value:
            _check_text(inner)


def _object(raw: Any) -> Mapping[str, Value]:
    if not isinstance(raw, dict):
        raise BadRow(f"it is a JSON {_json_kind(raw)}, not an object")
    return raw


def _json_kind(raw: Any) -> str:
    kinds = {list: "array", str: "text", bool: "boolean", type(None): "null"}
    return kinds.get(type(raw), "number")


def _is_batch(raw: Any) -> bool:
    """Whether it is an object of tables, each a list of requests."""
    return (
        isinstance(raw, dict)
        and bool(raw)
        and all(_are_requests(requests) for requests in raw.values())
    )


def _are_requests(requests: Any) -> bool:
    return isinstance(requests, list) and all(
        isinstance(each, dict) and (PUT in each or DELETE in each) for each in requests[:1]
    )


def _whole(path: Path) -> Any:
    with _opened(path) as text:
        try:
            return _decoded(text.read())
        except ValueError as error:
            raise UnreadableFile(f"{path} is not JSON: {error}.") from error
        except RecursionError as error:
            raise UnreadableFile(f"{path} is nested too deeply.") from error


def _decoded(text: str) -> Any:
    """JSON with exact numbers. NaN and Infinity become numbers that no item may hold."""
    return json.loads(text, parse_float=to_decimal, parse_int=_whole_number, parse_constant=Decimal)


def _whole_number(text: str) -> int | Decimal:
    """Python refuses to read an `int` of thousands of digits, which no item may hold either."""
    return int(text) if len(text) < 100 else Decimal(text)


FROM_CELL: Mapping[str, Callable[[str], Value]] = {
    "S": str,
    "N": to_number,
    "B": lambda text: b64decode(text, validate=True),
    "BOOL": _switch,
    "JSON": _decoded,
}
