"""What DynamoDB leaves unprocessed is asked for again, patiently and not for ever."""

from collections.abc import Callable, Sequence
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import ClientError

from gtsite.dynamodb.errors import Throttled
from gtsite.dynamodb.repository import Table
from gtsite.dynamodb.router import Router
from gtsite.dynamodb.tables import GLOBAL_SERVERLESS

NAME = GLOBAL_SERVERLESS.name
ITEMS = [{"PK": "a", "SK": f"{n:02}"} for n in range(40)]
KEYS = [("a", f"{n:02}") for n in range(40)]


class ShortOfCapacity:
    """A client that processes only so many entries of each request: 0 of them, 3, all …"""

    def __init__(self, processes: Callable[[int], int]) -> None:
        self.meta = SimpleNamespace(region_name="us-west-2")
        self._processes = processes
        self.requests: list[int] = []
        self.written: list[str] = []

    def batch_write_item(self, *, RequestItems: dict[str, Any]) -> dict[str, Any]:  # noqa: N803
        done, left = self._part(RequestItems[NAME])
        self.written += [each["PutRequest"]["Item"]["SK"]["S"] for each in done]
        return {"UnprocessedItems": {NAME: left} if left else {}}

    def batch_get_item(self, *, RequestItems: dict[str, Any]) -> dict[str, Any]:  # noqa: N803
        asked = RequestItems[NAME]
        done, left = self._part(asked["Keys"])
        unprocessed = {NAME: {"Keys": left, "ConsistentRead": asked["ConsistentRead"]}}
        return {"Responses": {NAME: list(done)}, "UnprocessedKeys": unprocessed if left else {}}

    def _part(self, entries: Sequence[Any]) -> tuple[Sequence[Any], Sequence[Any]]:
        self.requests.append(len(entries))
        count = self._processes(len(self.requests))
        if count < 0:
            raise ClientError(
                {"Error": {"Code": "ProvisionedThroughputExceededException"}}, "BatchWriteItem"
            )
        return entries[:count], entries[count:]


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Sleeping takes batches no time, and is remembered; their clock shows the sum.

    Theirs alone: what else runs in this process has the real one.
    """
    slept: list[float] = []
    clock = SimpleNamespace(sleep=slept.append, monotonic=lambda: sum(slept))
    monkeypatch.setattr("gtsite.dynamodb.batches.time", clock)
    return slept


def new_table(client: ShortOfCapacity, *, patience_seconds: float = 10.0) -> Table:
    class Source:
        read_seconds = 0.8

        def dynamodb(self, _region: str) -> Any:
            return client

        def close(self) -> None:
            """Nothing to close."""

    router = Router(
        clients=Source(),
        regions=["us-west-2"],
        local="us-west-2",
        deadline_seconds=0.0,
    )
    return Table(GLOBAL_SERVERLESS, router, patience_seconds=patience_seconds)


def test_writes_are_sent_again_until_all_are_processed(pauses: list[float]) -> None:
    client = ShortOfCapacity(lambda request: 7 if request < 9 else 25)
    new_table(client).batch_put(ITEMS)
    assert client.written == [item["SK"] for item in ITEMS]
    assert client.requests == [25, 18, 11, 4, 15, 8, 1]
    assert len(pauses) == 5


def test_reads_are_sent_again_until_all_are_processed(pauses: list[float]) -> None:
    client = ShortOfCapacity(lambda request: 30 if request == 1 else 5)
    answer = new_table(client).batch_get(KEYS, consistent=True)
    assert answer.value == ITEMS
    assert client.requests == [40, 10, 5]
    assert len(pauses) == 2


def test_pauses_grow_while_nothing_is_processed(pauses: list[float]) -> None:
    client = ShortOfCapacity(lambda request: 0 if request < 9 else 25)
    new_table(client, patience_seconds=60).batch_put(ITEMS[:25])
    longest = [0.05, 0.1, 0.2, 0.4, 0.8, 1.6, 2.0, 2.0]
    for slept, limit in zip(pauses, longest, strict=True):
        assert limit / 2 <= slept <= limit


def test_patience_ends(pauses: list[float]) -> None:
    client = ShortOfCapacity(lambda _: 0)
    with pytest.raises(Throttled) as caught:
        new_table(client, patience_seconds=10).batch_put(ITEMS)
    assert caught.value.region == "us-west-2"
    assert 10 <= sum(pauses) < 13


def test_patience_begins_anew_with_every_item_that_is_processed(pauses: list[float]) -> None:
    client = ShortOfCapacity(lambda request: 1 if request % 8 == 0 else 0)
    new_table(client, patience_seconds=8).batch_put(ITEMS[:5])
    assert len(client.written) == 5
    assert sum(pauses) > 10


def test_a_batch_refused_for_want_of_capacity_is_sent_again(pauses: list[float]) -> None:
    client = ShortOfCapacity(lambda request: -1 if request < 4 else 25)
    new_table(client).batch_put(ITEMS[:25])
    assert client.requests == [25, 25, 25, 25]
    assert len(pauses) == 3


def test_and_given_up_when_patience_ends(pauses: list[float]) -> None:
    client = ShortOfCapacity(lambda _: -1)
    with pytest.raises(Throttled):
        new_table(client, patience_seconds=3).batch_put(ITEMS[:25])
    assert sum(pauses) >= 3
