"""What was kept before signing in becomes the account's, and what an account leaves behind."""

from typing import Any

import pytest

from bookmarks.merging import delete_everything, merge
from bookmarks.repository import MyList
from gtsite.dynamodb import connection
from gtsite.dynamodb.connection import site_table
from gtsite.dynamodb.errors import NoRegionAvailable
from gtsite.dynamodb.repository import Table
from gtsite.viewers.sessions import SESSIONS_KEY
from gtsite.viewers.signals import account_deleted, signed_in
from tests.support.engines import ThreeRegions

ANONYMOUS, ACCOUNT = "anon-" + "a" * 22, "viewer-" + "v" * 22


@pytest.fixture
def table(site_regions: ThreeRegions) -> Table:
    assert site_regions.names
    return site_table()


def keep(table: Table, viewer: str, content_id: str, moment: int, **more: Any) -> None:
    item = {"PK": viewer, "SK": content_id, "Bookmark": moment, "updated_at": moment}
    table.put(item | more)


def keep_listed(table: Table, viewer: str, title_id: str, moment: int) -> None:
    table.put({"PK": f"{viewer}#list", "SK": title_id, "added_at": moment})


def positions(table: Table, viewer: str) -> dict[str, int]:
    return {item["SK"]: item["Bookmark"] for item in table.iter_query(viewer)}


def on_list(table: Table, viewer: str) -> dict[str, int]:
    return {item["SK"]: item["added_at"] for item in table.iter_query(f"{viewer}#list")}


def test_of_two_positions_the_newer_one_stands_and_lists_are_joined(table: Table) -> None:
    keep(table, ANONYMOUS, "newer", 9)
    keep(table, ANONYMOUS, "older", 1)
    keep(table, ANONYMOUS, "only", 5, expires_at=2_000_000_000)
    keep(table, ACCOUNT, "newer", 2)
    keep(table, ACCOUNT, "older", 3)
    keep(table, ACCOUNT, "own", 4)
    keep_listed(table, ANONYMOUS, "both", 9)
    keep_listed(table, ANONYMOUS, "here", 8)
    keep_listed(table, ACCOUNT, "both", 1)
    for _ in range(2):
        merge(anonymous_id=ANONYMOUS, viewer_id=ACCOUNT)
        assert positions(table, ACCOUNT) == {"newer": 9, "older": 3, "only": 5, "own": 4}
        assert on_list(table, ACCOUNT) == {"both": 1, "here": 8}
    assert "expires_at" not in (table.get(ACCOUNT, "only").value or {})


def test_what_was_taken_off_stays_off(table: Table) -> None:
    keep(table, ANONYMOUS, "sintel", 5, hidden_at=7)
    merge(anonymous_id=ANONYMOUS, viewer_id=ACCOUNT)
    item = table.get(ACCOUNT, "sintel").value
    assert item is not None
    assert item["hidden_at"] == 7


def test_what_was_copied_goes_when_it_has_settled_and_not_before(table: Table) -> None:
    keep(table, ANONYMOUS, "sintel", 5)
    keep_listed(table, ANONYMOUS, "sintel", 5)
    merge(anonymous_id=ANONYMOUS, viewer_id=ACCOUNT)
    assert positions(table, ANONYMOUS) == {"sintel": 5}
    for _ in range(2):
        merge(anonymous_id=ANONYMOUS, viewer_id=ACCOUNT, settled=True)
        assert (positions(table, ANONYMOUS), on_list(table, ANONYMOUS)) == ({}, {})
        assert (positions(table, ACCOUNT), on_list(table, ACCOUNT)) == (
            {"sintel": 5},
            {"sintel": 5},
        )


def test_what_is_taken_off_the_list_after_it_stays_off(table: Table) -> None:
    keep_listed(table, ANONYMOUS, "sintel", 5)
    merge(anonymous_id=ANONYMOUS, viewer_id=ACCOUNT)
    MyList(table).remove(ACCOUNT, "sintel")
    for settled in (False, True):
        merge(anonymous_id=ANONYMOUS, viewer_id=ACCOUNT, settled=settled)
        assert on_list(table, ACCOUNT) == {}


def test_what_another_region_sends_late_is_merged_once_it_is_here(table: Table) -> None:
    keep(table, ANONYMOUS, "sintel", 5)
    merge(anonymous_id=ANONYMOUS, viewer_id=ACCOUNT)
    keep(table, ANONYMOUS, "sintel", 8)
    merge(anonymous_id=ANONYMOUS, viewer_id=ACCOUNT, settled=True)
    assert positions(table, ACCOUNT) == {"sintel": 8}


def test_what_changes_while_it_is_merged_is_not_removed(
    table: Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep(table, ANONYMOUS, "sintel", 5)
    copy = Table.side_by_side

    def copy_and_then_some(self: Table, calls: Any) -> Any:
        monkeypatch.setattr(Table, "side_by_side", copy)
        done = copy(self, calls)
        keep(table, ANONYMOUS, "sintel", 8)
        return done

    monkeypatch.setattr(Table, "side_by_side", copy_and_then_some)
    merge(anonymous_id=ANONYMOUS, viewer_id=ACCOUNT, settled=True)
    assert positions(table, ANONYMOUS) == {"sintel": 8}


def test_a_merge_cut_short_removes_nothing_and_is_made_up_for(
    table: Table, site_regions: ThreeRegions
) -> None:
    for number in range(20):
        keep(table, ANONYMOUS, f"title-{number}", 5)
    for region in site_regions.names:
        site_regions.refuse(region)
    with pytest.raises(NoRegionAvailable):
        merge(anonymous_id=ANONYMOUS, viewer_id=ACCOUNT, settled=True)
    for region in site_regions.names:
        site_regions.heal(region)
    connection.reset()
    table = site_table()
    assert len(positions(table, ANONYMOUS)) == 20
    merge(anonymous_id=ANONYMOUS, viewer_id=ACCOUNT, settled=True)
    assert len(positions(table, ACCOUNT)) == 20
    assert positions(table, ANONYMOUS) == {}


def test_a_viewer_who_leaves_leaves_nothing_but_what_ends_their_sessions(table: Table) -> None:
    table.batch_put({"PK": ACCOUNT, "SK": f"title-{number}", "Bookmark": 1} for number in range(60))
    keep_listed(table, ACCOUNT, "sintel", 1)
    keep(table, ANONYMOUS, "sintel", 1)
    table.put({"PK": ACCOUNT, "SK": SESSIONS_KEY, "valid_from": 5})
    for _ in range(2):
        delete_everything(viewer_id=ACCOUNT)
        assert [item["SK"] for item in table.iter_query(ACCOUNT)] == [SESSIONS_KEY]
        assert on_list(table, ACCOUNT) == {}
    assert positions(table, ANONYMOUS) == {"sintel": 1}


def test_signing_in_and_leaving_call_for_it(table: Table) -> None:
    keep(table, ANONYMOUS, "sintel", 5)
    signed_in.send(sender=None, anonymous_id=ANONYMOUS, viewer_id=ACCOUNT)
    assert positions(table, ACCOUNT) == {"sintel": 5}
    account_deleted.send(sender=None, viewer_id=ACCOUNT)
    assert positions(table, ACCOUNT) == {}
