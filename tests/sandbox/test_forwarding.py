"""Tables that are not global get the engine's own answers: status, error and body alike.

The same requests, good ones and bad, go to an engine by itself and to one behind the sandbox. What
differs on purpose is listed with its reason.
"""

import http.client
import json
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import pytest

from gtsite.sandbox.storage.engines import find_engine
from gtsite.sandbox.wire import table_arn
from tests.support import requests
from tests.support.engines import running
from tests.support.requests import TABLES, THINGS, Request
from tests.support.sandbox import HOST, REGIONS, RunningSandbox

HOME = REGIONS[0]
ARN = re.compile(r"arn:aws:(\w+):[a-z0-9-]*:\d*:")
CHANGING = (
    "CreationDateTime",
    "LastDecreaseDateTime",
    "LastIncreaseDateTime",
    "LastUpdateToPayPerRequestDateTime",
    "TableId",
)
INSIDE = re.compile(r"Value '\{?\w*=?\[?\[.*\]?\]\}?' at", re.DOTALL)
"""dynoxide shows its own structures in some refusals, their parts in any order."""
GROUPS: dict[str, Callable[[], Iterable[Request]]] = {
    "writes": requests.writes,
    "reads": requests.reads,
    "batches": requests.batches,
    "transactions": requests.transactions,
    "PartiQL": requests.statements,
    "tables and tags": lambda: requests.settings(table_arn(HOME, THINGS)),
    "parts missing and wrong": requests.mangled,
}
DELIBERATE: dict[str, Callable[[str, bytes], bool]] = {
    "AWS takes a table's ARN where the engine wants its name": lambda operation, body: (
        "Tag" not in operation and b"arn:aws:dynamodb:::table/" in body
    ),
    "AWS names more by now that an update could be about": lambda operation, body: (
        (operation, body) == ("UpdateTable", b'{"TableName":"plain"}')
    ),
}
READ_HERE = {
    b"[]": "SerializationException",
    b"null": "SerializationException",
    b"\xff": "SerializationException",
    b'{"TableName": "nope", "TableName": "things", "Key": {}}': "ValidationException",
}
"""Requests that the sandbox has to read itself: the engine takes the first two for objects, has no
error in JSON for the third, and refuses to choose between two parts of one name."""


@dataclass(frozen=True, slots=True)
class Answered:
    """An answer without what has to differ: identities, times, account and region."""

    status: int
    body: Any

    @property
    def kind(self) -> str:
        """The error's type; '' where it is none, or does not say."""
        return str(self.body.get("__type", "")) if isinstance(self.body, dict) else ""


class Side:
    """One of the two that answer: a port, and a connection that stays open."""

    def __init__(self, port: int) -> None:
        self._connection = http.client.HTTPConnection(HOST, port, timeout=60)

    def close(self) -> None:
        self._connection.close()

    def ask(self, operation: str, body: bytes) -> Answered:
        headers = {
            "Content-Type": "application/x-amz-json-1.0",
            "X-Amz-Date": "20260101T000000Z",
            "X-Amz-Target": f"DynamoDB_20120810.{operation}",
            "Authorization": f"AWS4-HMAC-SHA256 Credential=x/20260101/{HOME}/dynamodb/"
            "aws4_request, SignedHeaders=host, Signature=x",
        }
        self._connection.request("POST", "/", body, headers)
        response = self._connection.getresponse()
        return Answered(response.status, _comparable(_json(response.read())))


@pytest.fixture(scope="module")
def engine(dynoxide: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Side]:  # noqa: ARG001
    file = tmp_path_factory.mktemp("bare") / "items.db"
    with running(find_engine("dynoxide"), file=file) as process:
        side = Side(process.port)
        yield side
        side.close()


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Side]:
    """A sandbox of its own: in the one that tests share there are tables of others to be listed."""
    with RunningSandbox(tmp_path_factory.mktemp("behind"), regions=(HOME,)) as running:
        side = Side(running.port_of(HOME))
        yield side
        side.close()


@pytest.fixture
def sides(engine: Side, gateway: Side) -> tuple[Side, Side]:
    """The engine alone, and one behind the sandbox, with the same two empty tables."""
    both = (engine, gateway)
    _delete_tables(both)
    assert differences(both, TABLES) == (len(TABLES), [])
    return both


@pytest.mark.parametrize("group", GROUPS)
def test_a_table_that_is_not_global_gets_the_engines_answers(
    sides: tuple[Side, Side], group: str
) -> None:
    sent, found = differences(sides, GROUPS[group]())
    assert not found, "\n".join(found)
    assert sent > 40


@pytest.mark.parametrize(("operation", "body"), list(requests.raw()))
def test_what_is_no_request_gets_the_engines_kind_of_error(
    sides: tuple[Side, Side], operation: str, body: bytes
) -> None:
    alone, behind = (side.ask(operation, body) for side in sides)
    if body in READ_HERE:
        assert alone.kind != behind.kind
        assert (behind.status, behind.kind.rpartition("#")[2]) == (400, READ_HERE[body])
    else:
        assert (behind.status, behind.kind) == (alone.status, alone.kind)


def differences(sides: Sequence[Side], asked: Iterable[Request]) -> tuple[int, list[str]]:
    """How many requests there were, and what was answered in two ways without a reason."""
    found = []
    sent = 0
    for operation, body in asked:
        raw = json.dumps(body, separators=(",", ":")).encode()
        alone, behind = (side.ask(operation, raw) for side in sides)
        sent += 1
        if alone != behind and not any(reason(operation, raw) for reason in DELIBERATE.values()):
            found.append(f"{operation} {raw[:300]!r}\n  alone  {alone}\n  behind {behind}")
    return sent, found


def _delete_tables(sides: Iterable[Side]) -> None:
    """Both sides lose the tables that these tests know, and no others."""
    for side in sides:
        for name in (requests.THINGS, requests.PLAIN, "another"):
            side.ask("DeleteTable", json.dumps({"TableName": name}).encode())


def _json(raw: bytes) -> Any:
    """An answer's JSON; the answer as it is where it is none."""
    try:
        return json.loads(raw)
    except ValueError:
        return raw.decode()


def _comparable(body: Any) -> Any:
    """An answer's JSON without times and identities; `Message` and `message` are one."""
    match body:
        case dict():
            return {
                name.replace("Message", "message"): "…" if name in CHANGING else _comparable(part)
                for name, part in body.items()
            }
        case list():
            parts = [_comparable(part) for part in body]
            in_any_order = any("CapacityUnits" in part for part in body if isinstance(part, dict))
            return sorted(parts, key=str) if in_any_order else parts
        case str():
            return INSIDE.sub("Value … at", ARN.sub(r"arn:aws:\1:…:", body))
    return body
