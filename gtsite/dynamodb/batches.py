"""Batch requests, asked again, under back-off, for what DynamoDB leaves unprocessed."""

import random
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from gtsite.dynamodb.errors import Throttled
from gtsite.dynamodb.items import from_item
from gtsite.dynamodb.router import Answer

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

T = TypeVar("T")
Entry = Mapping[str, Any]
Asked = tuple[Answer[Any], Sequence[Entry]]
"""An answer, and the entries it leaves unprocessed."""

FIRST_BACK_OFF_SECONDS = 0.05
LONGEST_BACK_OFF_SECONDS = 2.0

_random = random.SystemRandom()


class Send(Protocol):
    """How a request is sent: its name for the meter, and what to do with the client."""

    def __call__(self, name: str, ask: Callable[["DynamoDBClient"], Any], /) -> Answer[Any]: ...


class Batch:
    """All requests of one batch on one table, and what they cost together.

    `region` is what a batch without any entry says it was answered by. After `patience_seconds`
    without a single entry processed, `Throttled` is raised.
    """

    def __init__(self, send: Send, *, table: str, region: str, patience_seconds: float) -> None:
        self._send = send
        self._table = table
        self._region = region
        self._patience_seconds = patience_seconds
        self._answers: list[Answer[Any]] = []

    def get(self, keys: Sequence[Entry], *, consistent: bool) -> Iterator[dict[str, Any]]:
        """The items of these keys that there are, in any order; a hundred keys at most."""

        def ask(left: Sequence[Entry]) -> Asked:
            wanted: dict[str, Any] = {self._table: {"Keys": left, "ConsistentRead": consistent}}
            answer = self._send("BatchGetItem", lambda c: c.batch_get_item(RequestItems=wanted))
            unprocessed = answer.value.get("UnprocessedKeys", {}).get(self._table, {})
            return answer, unprocessed.get("Keys", [])

        for answer in self._until_processed(keys, ask):
            found = answer.value["Responses"].get(self._table, [])
            yield from (from_item(item) for item in found)

    def write(self, requests: Sequence[Entry]) -> None:
        """Carries out puts and deletes; twenty-five at most."""

        def ask(left: Sequence[Entry]) -> Asked:
            wanted: dict[str, Any] = {self._table: left}
            answer = self._send("BatchWriteItem", lambda c: c.batch_write_item(RequestItems=wanted))
            return answer, answer.value.get("UnprocessedItems", {}).get(self._table, [])

        for _ in self._until_processed(requests, ask):
            continue

    def answer(self, value: T) -> Answer[T]:
        """The whole batch: the region of its last request, the time of all of them."""
        return Answer(
            value=value,
            region=self._answers[-1].region if self._answers else self._region,
            elapsed_ms=sum(each.elapsed_ms for each in self._answers),
            fell_back=any(each.fell_back for each in self._answers),
        )

    def _until_processed(
        self, entries: Sequence[Entry], ask: Callable[[Sequence[Entry]], Asked]
    ) -> Iterator[Answer[Any]]:
        """One answer after another; patience begins anew with every entry that is processed."""
        patience = _Patience(self._patience_seconds)
        left = entries
        while left:
            before = len(left)
            try:
                answer, left = ask(left)
            except Throttled as error:
                patience.wait_or_raise(error)
                continue
            self._answers.append(answer)
            yield answer
            if len(left) < before:
                patience = _Patience(self._patience_seconds)
            if left:
                patience.wait_or_raise(Throttled(answer.region))


class _Patience:
    """Longer and longer pauses, up to a limit in all."""

    def __init__(self, seconds: float) -> None:
        self._give_up_at = time.monotonic() + seconds
        self._pause = FIRST_BACK_OFF_SECONDS

    def wait_or_raise(self, error: Throttled) -> None:
        if time.monotonic() >= self._give_up_at:
            raise error
        time.sleep(_random.uniform(self._pause / 2, self._pause))
        self._pause = min(2 * self._pause, LONGEST_BACK_OFF_SECONDS)
