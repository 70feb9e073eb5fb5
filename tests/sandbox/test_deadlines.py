"""When an item expires, and how the ledger keeps that in step with its writes."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gtsite.sandbox.ledger.deadlines import LAST_SECOND, NO_DEADLINE, Deadline, expiry_of
from gtsite.sandbox.ledger.ledger import Change, Ledger, Replica
from gtsite.sandbox.versions import Version

HOME, TABLE = "us-west-2", "films"


@pytest.fixture
def ledger() -> Iterator[Ledger]:
    opened = Ledger(None)
    opened.save_replica(replica("expires_at"))
    yield opened
    opened.close()


def replica(attribute: str) -> Replica:
    return Replica(
        table=TABLE,
        region=HOME,
        key_names=("PK",),
        is_global=False,
        status="ACTIVE",
        source="",
        created_at=1,
        stream_label="",
        stream_view="",
        ttl_attribute=attribute,
    )


def write(ledger: Ledger, key: str, **image: Any) -> None:
    """Commit a write of an item; a delete where it has no attributes."""
    ledger.save_version(
        Change(
            region=HOME,
            table=TABLE,
            item_key=key,
            key={},
            before=None,
            after=image or None,
            version=Version(time=1, region=HOME),
        )
    )


def due(ledger: Ledger, until: int = LAST_SECOND, **more: Any) -> list[tuple[int, str]]:
    """(moment, item) of each deadline, in order."""
    asked = {"since": 0, "after": NO_DEADLINE, "limit": 99, **more}
    found = ledger.deadlines.due(HOME, TABLE, until=until, **asked)
    return [(each.expires_at, each.item_key) for each in found]


@given(st.decimals(1, LAST_SECOND, allow_nan=False, allow_infinity=False))
def test_an_item_expires_in_the_first_whole_second_that_is_not_before_its_moment(
    moment: Decimal,
) -> None:
    found = expiry_of({"t": {"N": str(moment)}}, "t")
    assert found is not None
    assert moment <= found < moment + 1


@pytest.mark.parametrize(
    "value",
    [
        {"S": "1700000000"},
        {"N": "0"},
        {"N": "-5"},
        {"N": "1700000000000"},
        {"N": "1E+99"},
        {"N": "NaN"},
        {"N": "Infinity"},
        {"N": "soon"},
        {"N": 5},
        {"NULL": True},
        {"L": [{"N": "5"}]},
    ],
)
def test_what_is_no_time_after_1970_is_no_deadline(value: dict[str, Any]) -> None:
    assert expiry_of({"t": value}, "t") is None


def test_an_item_without_the_attribute_never_expires() -> None:
    assert expiry_of({"other": {"N": "5"}}, "t") is None
    assert expiry_of(None, "t") is None


def test_deadlines_follow_the_writes_of_their_items(ledger: Ledger) -> None:
    write(ledger, "a", expires_at={"N": "30"})
    write(ledger, "b", expires_at={"N": "20"})
    write(ledger, "c", other={"N": "10"})
    assert due(ledger) == [(20, "b"), (30, "a")]
    write(ledger, "a", expires_at={"N": "10"})
    assert due(ledger) == [(10, "a"), (20, "b")]
    write(ledger, "a", other={"N": "10"})
    write(ledger, "b")
    assert due(ledger) == []


def test_deadlines_come_between_two_moments_and_by_the_page(ledger: Ledger) -> None:
    for key, moment in (("a", 10), ("b", 20), ("c", 20), ("d", 30)):
        write(ledger, key, expires_at={"N": str(moment)})
    assert due(ledger, until=20) == [(10, "a"), (20, "b"), (20, "c")]
    assert due(ledger, since=10) == [(20, "b"), (20, "c"), (30, "d")]
    assert due(ledger, limit=2) == [(10, "a"), (20, "b")]
    assert due(ledger, after=Deadline(20, "b")) == [(20, "c"), (30, "d")]


def test_what_was_read_gives_way_to_what_was_written_meanwhile(ledger: Ledger) -> None:
    write(ledger, "a", expires_at={"N": "90"})
    ledger.deadlines.keep_read(HOME, TABLE, [Deadline(10, "a"), Deadline(10, "b")])
    assert due(ledger) == [(10, "b"), (90, "a")]


def test_a_wrong_deadline_is_dropped_unless_a_write_has_set_another(ledger: Ledger) -> None:
    write(ledger, "a", expires_at={"N": "10"})
    write(ledger, "b", expires_at={"N": "10"})
    write(ledger, "b", expires_at={"N": "90"})
    for key in ("a", "b"):
        ledger.deadlines.drop(HOME, TABLE, Deadline(10, key))
    assert due(ledger) == [(90, "b")]


def test_turning_ttl_on_asks_for_one_reading_and_off_forgets(ledger: Ledger) -> None:
    assert ledger.deadlines.unread() == [(HOME, TABLE)]
    ledger.save_replica(replica("expires_at"))
    ledger.deadlines.all_read(HOME, TABLE)
    ledger.save_replica(replica("expires_at"))
    assert ledger.deadlines.unread() == []
    write(ledger, "a", expires_at={"N": "10"})
    ledger.save_replica(replica("until"))
    assert (due(ledger), ledger.deadlines.unread()) == ([], [(HOME, TABLE)])
    ledger.save_replica(replica(""))
    write(ledger, "a", until={"N": "10"})
    assert (due(ledger), ledger.deadlines.unread()) == ([], [])


def test_a_table_that_is_deleted_takes_its_deadlines_along(ledger: Ledger) -> None:
    write(ledger, "a", expires_at={"N": "10"})
    ledger.remove_replica(HOME, TABLE)
    assert (due(ledger), ledger.deadlines.unread()) == ([], [])
