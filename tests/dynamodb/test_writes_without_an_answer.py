"""A write that is carried out and never answered, and what its next attempt makes of that."""

from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any

import pytest
from botocore.exceptions import (
    ConnectionClosedError,
    ReadTimeoutError,
)

from gtsite.dynamodb.clients import Clients
from gtsite.dynamodb.conditions import Absent, Equals, Newer, Present
from gtsite.dynamodb.errors import ConditionFailed, RegionUnavailable
from gtsite.dynamodb.repository import Table
from gtsite.dynamodb.router import Router
from gtsite.dynamodb.tables import GLOBAL_SERVERLESS
from tests.dynamodb.conftest import REGION

ITEM = {"PK": "user1", "SK": "sintel", "Bookmark": 5, "updated_at": 1000, "tags": {"a"}}


class Unanswered:
    """Clients whose next writes reach the engine while their answers are lost.

    `before_next` runs between such a write and the attempt that follows it.
    """

    read_seconds = 0.0

    def __init__(self, clients: Clients) -> None:
        self._clients = clients
        self.lost = 0
        self.error: Exception = ConnectionClosedError(endpoint_url="http://region")
        self.before_next: Callable[[], object] = lambda: None

    def dynamodb(self, region: str) -> Any:
        return _Client(self, self._clients.dynamodb(region))

    def close(self) -> None:
        """The clients are somebody else's."""


class _Client:
    def __init__(self, source: Unanswered, client: Any) -> None:
        self._source = source
        self._client = client
        self.meta = client.meta

    def __getattr__(self, name: str) -> Any:
        def call(**request: Any) -> Any:
            answer = getattr(self._client, name)(**request)
            if self._source.lost == 0:
                return answer
            self._source.lost -= 1
            self._source.before_next()
            raise self._source.error

        return call


@pytest.fixture
def unanswered(engine_clients: Clients) -> Unanswered:
    return Unanswered(engine_clients)


@pytest.fixture
def losing(unanswered: Unanswered) -> Iterator[Table]:
    """The table, written to through clients that lose answers."""
    source: Any = unanswered
    with closing(Router(clients=source, regions=[REGION], local=REGION)) as router:
        yield Table(GLOBAL_SERVERLESS, router)


@pytest.fixture(autouse=True)
def _hiccups_are_quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """However slow this machine is, a lost answer counts as quick."""
    monkeypatch.setattr("gtsite.dynamodb.router.HICCUP_SECONDS", 60.0)


class TestPut:
    def test_its_own_item_is_taken_for_success(
        self, table: Table, losing: Table, unanswered: Unanswered
    ) -> None:
        unanswered.lost = 1
        losing.put(ITEM, condition=Absent())
        assert table.get("user1", "sintel").value == ITEM

    def test_another_s_item_is_not(
        self, table: Table, losing: Table, unanswered: Unanswered
    ) -> None:
        unanswered.lost = 1
        theirs = ITEM | {"Bookmark": 6}
        unanswered.before_next = lambda: table.put(theirs)
        with pytest.raises(ConditionFailed) as caught:
            losing.put(ITEM, condition=Absent())
        assert caught.value.current == theirs

    def test_without_a_lost_answer_an_equal_item_is_another_s(
        self, table: Table, losing: Table
    ) -> None:
        table.put(ITEM)
        with pytest.raises(ConditionFailed):
            losing.put(ITEM, condition=Absent())


class TestUpdate:
    def test_its_own_change_is_taken_for_success(
        self, table: Table, losing: Table, unanswered: Unanswered
    ) -> None:
        table.put(ITEM)
        unanswered.lost = 1
        changes = {"Bookmark": 9, "updated_at": 2000}
        after = losing.update(
            "user1", "sintel", set_=changes, remove=["tags"], condition=Newer("updated_at", 2000)
        )
        expected = {name: ITEM[name] for name in ITEM if name != "tags"} | changes
        assert after.value == expected
        assert table.get("user1", "sintel").value == expected

    def test_a_newer_change_of_another_stands(
        self, table: Table, losing: Table, unanswered: Unanswered
    ) -> None:
        table.put(ITEM)
        unanswered.lost = 1
        unanswered.before_next = lambda: table.update(
            "user1", "sintel", set_={"Bookmark": 60, "updated_at": 3000}
        )
        with pytest.raises(ConditionFailed) as caught:
            losing.update(
                "user1",
                "sintel",
                set_={"Bookmark": 9, "updated_at": 2000},
                condition=Newer("updated_at", 2000),
            )
        assert caught.value.current is not None
        assert caught.value.current["Bookmark"] == 60

    @pytest.mark.parametrize(
        "error",
        [
            ConnectionClosedError(endpoint_url="http://region"),
            ReadTimeoutError(endpoint_url="http://region"),
        ],
        ids=["closed", "timeout"],
    )
    @pytest.mark.parametrize("how", [{"add": {"Bookmark": 1}}, {"set_": {"Bookmark": 6}}])
    def test_a_counter_is_never_counted_twice(
        self,
        table: Table,
        losing: Table,
        unanswered: Unanswered,
        how: dict[str, Any],
        error: Exception,
    ) -> None:
        table.put(ITEM)
        unanswered.lost, unanswered.error = 1, error
        with pytest.raises(RegionUnavailable) as caught:
            losing.update("user1", "sintel", **how, repeatable="add" in how)
        assert caught.value.outcome_unknown
        assert table.get("user1", "sintel").value == ITEM | {"Bookmark": 6}


class TestDelete:
    def test_an_item_that_is_gone_by_its_own_doing_is_success(
        self, table: Table, losing: Table, unanswered: Unanswered
    ) -> None:
        table.put(ITEM)
        unanswered.lost = 1
        assert losing.delete("user1", "sintel", condition=Equals("Bookmark", 5)).value is None
        assert table.get("user1", "sintel").value is None

    def test_an_item_put_there_meanwhile_stays(
        self, table: Table, losing: Table, unanswered: Unanswered
    ) -> None:
        table.put(ITEM)
        unanswered.lost = 1
        theirs = ITEM | {"Bookmark": 6}
        unanswered.before_next = lambda: table.put(theirs)
        with pytest.raises(ConditionFailed):
            losing.delete("user1", "sintel", condition=Equals("Bookmark", 5))
        assert table.get("user1", "sintel").value == theirs

    @pytest.mark.usefixtures("table")
    def test_an_item_that_was_never_there_is_not(self, losing: Table) -> None:
        with pytest.raises(ConditionFailed):
            losing.delete("user1", "sintel", condition=Present())
