"""Which region has which write of a strong table, as the ledger tells it."""

from collections.abc import Iterator

import pytest

from gtsite.sandbox.data_plane.holdings import Holdings
from gtsite.sandbox.ledger.ledger import Change, Ledger, Replica, witness_holder
from gtsite.sandbox.versions import Version

TABLE = "films"
KEY = "1"
A, B, C = "a", "b", "c"


@pytest.fixture
def ledger() -> Iterator[Ledger]:
    """A strong table in three regions; A wrote its item at 10 and owes it to B and C."""
    opened = Ledger(None)
    for target in (B, C):
        opened.enqueue(written(10), A, target, now=10, due_at=10)
    opened.save_version(written(10))
    yield opened
    opened.close()


def written(time: int, *, at: str = A) -> Change:
    """A write of A, as a region has it."""
    return Change(
        region=at,
        table=TABLE,
        item_key=KEY,
        key={"PK": {"S": KEY}},
        before=None,
        after={"PK": {"S": KEY}},
        version=Version(time=time, region=A, seen={A: time}),
    )


def coming(ledger: Ledger, *near: str) -> int:
    """How many images can reach C from the regions near it; both questions have to agree."""
    holdings = Holdings(ledger)
    images = holdings.coming(TABLE, KEY, C, sources=(A, B), near=near, holders=near)
    items = holdings.items_coming(TABLE, C, sources=(A, B), near=near, holders=near)
    assert set(items) == {each.item_key for each in images}
    return len(images)


def unsecured(ledger: Ledger, *holders: str) -> list[str]:
    """Where A's write has to go yet for one of the holders to have it."""
    holdings = Holdings(ledger)
    images = holdings.unsecured(TABLE, KEY, A, targets=(A, B, C), holders=holders)
    items = holdings.items_unsecured(TABLE, A, targets=(A, B, C), holders=holders)
    assert items == {each.item_key for each in images}
    return [each.target for each in images]


def test_an_image_comes_from_its_author(ledger: Ledger) -> None:
    assert coming(ledger, A) == 1


def test_an_image_does_not_come_from_a_region_that_lacks_it(ledger: Ledger) -> None:
    ledger.save_version(written(9, at=B))
    assert coming(ledger, B) == 0


@pytest.mark.parametrize("time", [10, 11])
def test_an_image_comes_from_a_region_that_has_it_or_a_newer_one(ledger: Ledger, time: int) -> None:
    ledger.save_version(written(time, at=B))
    assert coming(ledger, B) == 1


def test_a_write_is_unsecured_until_another_region_has_it(ledger: Ledger) -> None:
    assert unsecured(ledger, B, C) == [B, C]
    ledger.save_version(written(9, at=B))
    assert unsecured(ledger, B, C) == [B, C]
    ledger.save_version(written(10, at=B))
    assert unsecured(ledger, B, C) == []


def test_what_another_region_has_is_sent_from_there(ledger: Ledger) -> None:
    holdings = Holdings(ledger)
    assert not holdings.reroute(TABLE, A, C, via=B, holder=B)
    ledger.save_version(written(10, at=B))
    assert holdings.reroute(TABLE, A, C, via=B, holder=B)
    assert sorted(ledger.pairs()) == [(A, B), (B, C)]


def test_a_witness_forgets_with_the_table_and_not_a_namesake_in_its_region(ledger: Ledger) -> None:
    strong = Replica(
        table=TABLE,
        region=A,
        key_names=("PK",),
        is_global=True,
        status="ACTIVE",
        source="",
        created_at=1,
        stream_label="",
        stream_view="",
        ttl_attribute="",
        consistency="STRONG",
        witness=B,
    )
    ledger.save_replica(strong)
    ledger.save_version(written(10, at=witness_holder(B)))
    ledger.save_version(written(10, at=B))
    ledger.remove_replica(A, TABLE)
    assert ledger.version(witness_holder(B), TABLE, KEY) is None
    assert ledger.version(B, TABLE, KEY) is not None
