"""What an item is after a write, where that can be told without asking the engine again."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from gtsite.sandbox.versions import Image
from gtsite.sandbox.wire import Answer, Call, to_json

WHOLE_NUMBER = re.compile(r"0|-?[1-9][0-9]{0,29}")
"""Engines may write other numbers in their own way: 1.50 becomes 1.5, 1E2 becomes 100."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What the caller is answered, and the image that is there now; `known` False: it has to be
    read."""

    answer: Answer
    known: bool = False
    image: Image | None = None


def request_of(call: Call) -> bytes:
    """The request as the engine gets it: an update whose caller wants nothing back tells us all."""
    if _is_silent_update(call):
        return to_json({**call.body, "ReturnValues": "ALL_NEW"})
    return call.raw


def outcome_of(call: Call, answer: Answer) -> Outcome:
    """What came of a request for one item, from the engine's answer to `request_of`."""
    if not answer.ok:
        return Outcome(answer=answer)
    if call.operation == "DeleteItem":
        return Outcome(answer=answer, known=True)
    if call.operation == "PutItem" and kept_as_sent(call.body.get("Item")):
        return Outcome(answer=answer, known=True, image=call.body["Item"])
    if _is_silent_update(call):
        body = answer.json()
        image = body.pop("Attributes", None)
        return Outcome(answer=_with(answer, body), known=image is not None, image=image)
    return Outcome(answer=answer)


def kept_as_sent(item: Any) -> bool:
    """Whether any engine gives this item back exactly as it was written."""
    return isinstance(item, Mapping) and all(_kept(value) for value in item.values())


def _kept(value: Any) -> bool:
    if not isinstance(value, Mapping) or len(value) != 1:
        return False
    ((kind, raw),) = value.items()
    match kind:
        case "S":
            return isinstance(raw, str)
        case "N":
            return isinstance(raw, str) and WHOLE_NUMBER.fullmatch(raw) is not None
        case "BOOL":
            return isinstance(raw, bool)
        case "NULL":
            return raw is True
        case "L":
            return isinstance(raw, list) and all(_kept(each) for each in raw)
        case "M":
            return kept_as_sent(raw)
    return False


def _is_silent_update(call: Call) -> bool:
    return call.operation == "UpdateItem" and call.body.get("ReturnValues", "NONE") == "NONE"


def _with(answer: Answer, body: Mapping[str, Any]) -> Answer:
    return Answer(status=answer.status, raw=to_json(body))
