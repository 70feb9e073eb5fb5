"""A panel's memory as one short text, carried by the client in a hidden field.

The text comes back from outside: whatever is not exactly what `encode` writes is an empty panel.
"""

import json
import re
from collections.abc import Callable
from decimal import Decimal
from typing import Any, TypeVar

from bookmarks.lab.entities import (
    ATTRIBUTE_LIMIT,
    DIGITS_LIMIT,
    HISTORY_LIMIT,
    NAME_LIMIT,
    STEP_LIMIT,
    VALUE_LIMIT,
    Action,
    Attribute,
    Entry,
    Number,
    Outcome,
    Panel,
    digits,
)

TEXT_LIMIT = 8000
TIME_LIMIT_MS = 2**46
ELAPSED_LIMIT_MS = 600_000

NUMBER = re.compile(rf"-?\d{{1,{DIGITS_LIMIT}}}(\.\d{{1,{DIGITS_LIMIT}}})?", re.ASCII)
REGION = re.compile(r"[a-z]{2}(-[a-z]{1,12}){1,3}-\d{1,2}", re.ASCII)
KIND = re.compile(r"[A-Z]{1,4}")

Value = TypeVar("Value")


class _Unreadable(ValueError):
    """The text is not one that `encode` wrote."""


def encode(panel: Panel) -> str:
    """JSON without spaces, nothing in it but lists, numbers and short texts."""
    entries = [_entry_out(entry) for entry in panel.entries]
    attributes = [[each.name, each.kind, each.text] for each in panel.attributes]
    return json.dumps([entries, attributes], separators=(",", ":"), ensure_ascii=False)


def decode(text: str) -> Panel:
    """The panel in `text`; an empty one for any other text."""
    if not text or len(text) > TEXT_LIMIT:
        return Panel()
    try:
        entries, attributes = _row(json.loads(text), 2)
        return Panel(
            entries=tuple(_entry_in(row) for row in _rows(entries, HISTORY_LIMIT)),
            attributes=tuple(_attribute_in(row) for row in _rows(attributes, ATTRIBUTE_LIMIT)),
        )
    except (ValueError, RecursionError):
        return Panel()


def _entry_out(entry: Entry) -> list[Any]:
    return [
        entry.at_ms,
        entry.action,
        entry.outcome,
        round(entry.elapsed_ms, 1),
        entry.step,
        _number_out(entry.old),
        entry.base_ms,
        entry.base_writer,
        _number_out(entry.value),
        entry.stamp_ms,
        entry.writer,
    ]


def _entry_in(row: object) -> Entry:
    at, action, outcome, elapsed, step, old, base, base_writer, value, stamp, writer = _row(row, 11)
    return Entry(
        at_ms=_whole(at, 0, TIME_LIMIT_MS),
        action=Action(_text(action, 8)),
        outcome=Outcome(_text(outcome, 12)),
        elapsed_ms=_elapsed(elapsed),
        step=_whole(step, -STEP_LIMIT, STEP_LIMIT),
        old=_maybe(_number, old),
        base_ms=_maybe(_time, base),
        base_writer=_maybe(_region, base_writer),
        value=_maybe(_number, value),
        stamp_ms=_maybe(_time, stamp),
        writer=_maybe(_region, writer),
    )


def _attribute_in(row: object) -> Attribute:
    name, kind, text = _row(row, 3)
    return Attribute(
        name=_text(name, NAME_LIMIT),
        kind=_matching(KIND, _text(kind, 4)),
        text=_text(text, VALUE_LIMIT),
    )


def _rows(value: object, limit: int) -> list[Any]:
    if not isinstance(value, list) or len(value) > limit:
        raise _Unreadable
    return value


def _row(value: object, width: int) -> list[Any]:
    row = _rows(value, width)
    if len(row) != width:
        raise _Unreadable
    return row


def _maybe(read: Callable[[object], Value], value: object) -> Value | None:
    return None if value is None else read(value)


def _text(value: object, limit: int) -> str:
    if not isinstance(value, str) or len(value) > limit:
        raise _Unreadable
    return value


def _matching(pattern: re.Pattern[str], text: str) -> str:
    if not pattern.fullmatch(text):
        raise _Unreadable
    return text


def _whole(value: object, least: int, most: int) -> int:
    if type(value) is not int or not least <= value <= most:
        raise _Unreadable
    return value


def _time(value: object) -> int:
    return _whole(value, 0, TIME_LIMIT_MS)


def _region(value: object) -> str:
    return _matching(REGION, _text(value, 24))


def _elapsed(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise _Unreadable
    if not 0 <= value <= ELAPSED_LIMIT_MS:
        raise _Unreadable
    return float(value)


def _number_out(value: Number | None) -> str | None:
    return None if value is None else digits(value)


def _number(value: object) -> Number:
    text = _matching(NUMBER, _text(value, 2 * DIGITS_LIMIT + 2))
    return Decimal(text) if "." in text else int(text)
