"""Whether IAM would allow a request by some documents; what it cannot judge it refuses to judge."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

Document = Mapping[str, Any]
Statement = Mapping[str, Any]
SETS = {"ForAllValues:": all, "ForAnyValue:": any}
IF_EXISTS = "IfExists"


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One action on one resource. `context` are the condition keys and their values."""

    action: str
    resource: str
    context: Mapping[str, tuple[str, ...]] = field(default_factory=dict, hash=False)

    def __str__(self) -> str:
        return f"{self.action} on {self.resource}"


def denied(requests: Iterable[Request], *documents: Document) -> list[str]:
    """Those that no statement allows, each once, in words."""
    return sorted({str(each) for each in requests if not is_allowed(each, *documents)})


def is_allowed(request: Request, *documents: Document) -> bool:
    return any(covers(each, request) for each in statements(documents))


def unused(requests: Sequence[Request], *documents: Document) -> set[tuple[str, str]]:
    """(Sid, action) of what is allowed and was asked for by none of the requests."""
    return {
        (each["Sid"], action)
        for each in statements(documents)
        for action in listed(each["Action"])
        if not any(covers({**each, "Action": [action]}, request) for request in requests)
    }


def without(action: str, document: Document) -> Document:
    """The document with one action less."""
    left = [
        {**each, "Action": [other for other in listed(each["Action"]) if other != action]}
        for each in document["Statement"]
    ]
    return {**document, "Statement": left}


def statements(documents: Iterable[Document]) -> Iterator[Statement]:
    for document in documents:
        assert document["Version"] == "2012-10-17"
        yield from document["Statement"]


def covers(statement: Statement, request: Request) -> bool:
    """Whether one statement allows the request."""
    assert statement["Effect"] == "Allow"
    known = {"Sid", "Effect", "Action", "Resource", "Condition"}
    assert set(statement) <= known, statement
    return (
        any(matches(each, request.action.lower()) for each in _lower(statement["Action"]))
        and any(matches(each, request.resource) for each in listed(statement["Resource"]))
        and all(
            _holds(operator, key, listed(wanted), request.context.get(key, ()))
            for operator, keys in statement.get("Condition", {}).items()
            for key, wanted in keys.items()
        )
    )


def matches(pattern: str, text: str) -> bool:
    """`*` is any text, `?` any one character, in any place."""
    wild = {"*": ".*", "?": "."}
    return bool(re.fullmatch("".join(wild.get(each) or re.escape(each) for each in pattern), text))


def listed(value: Any) -> list[str]:
    return [value] if isinstance(value, str) else list(value)


def _holds(operator: str, key: str, wanted: Sequence[str], given: Sequence[str]) -> bool:
    name, every = operator, any
    for prefix, quantity in SETS.items():
        if operator.startswith(prefix):
            name, every = operator.removeprefix(prefix), quantity
    if name.endswith(IF_EXISTS) and not given:
        return True
    if not given:
        return every is all
    compare = _comparison(name.removesuffix(IF_EXISTS), key)
    return every(any(compare(each, one) for each in wanted) for one in given)


def _comparison(name: str, key: str) -> Any:
    if name in ("StringEquals", "Bool"):
        return lambda wanted, given: wanted == given
    if name in ("StringLike", "ArnLike"):
        return matches
    raise AssertionError(f"{name} of {key} is not known here.")


def _lower(value: Any) -> list[str]:
    return [each.lower() for each in listed(value)]
