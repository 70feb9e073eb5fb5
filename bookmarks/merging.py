"""What becomes of a viewer's positions and list when they sign in, and when they leave for good."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from bookmarks.entities import Bookmark, ListEntry
from bookmarks.repository import Bookmarks, MyList
from gtsite.dynamodb.connection import site_table
from gtsite.dynamodb.repository import Table


def merge(*, anonymous_id: str, viewer_id: str, settled: bool = False, **_: Any) -> None:
    """Gives an account what was kept before signing in: of two positions, the newer one stands.

    Every write is absolute and conditional, some of them side by side, so it may be done twice,
    in two regions, or be cut short: all of it again does no harm. Raises `DataError`.

    What was copied is removed, but for what has changed in the meantime. Entries of the list go
    at once, or a further merge would bring back what the viewer takes off after it. Positions go
    only with a merge that is `settled`, which means that replication has long caught up: a newer
    one from another region may be missing here as yet, and removing the older one here would undo
    it there. Until then a further merge picks up what has arrived since.
    """
    table = site_table()
    bookmarks, my_list = Bookmarks(table), MyList(table)
    positions, entries = table.both(
        lambda: list(bookmarks.iter_positions(anonymous_id)),
        lambda: list(my_list.iter_entries(anonymous_id)),
    )
    _copy(table, bookmarks, my_list, positions, entries, viewer_id)
    _remove(table, bookmarks, my_list, positions if settled else (), entries)


def delete_everything(*, viewer_id: str, **_: Any) -> None:
    """Removes every position and every entry of a viewer; may be done twice. Raises `DataError`.

    What ends the viewer's sessions stays. What another region has not told this one yet survives
    there, in a partition that no session leads to any more.
    """
    table = site_table()
    table.both(
        lambda: Bookmarks(table).delete_all(viewer_id), lambda: MyList(table).delete_all(viewer_id)
    )


def _copy(
    table: Table,
    bookmarks: Bookmarks,
    my_list: MyList,
    positions: Sequence[Bookmark],
    entries: Sequence[ListEntry],
    viewer_id: str,
) -> None:
    writes: list[Callable[[], bool]] = [
        *(partial(bookmarks.save, replace(each, viewer_id=viewer_id)) for each in positions),
        *(partial(my_list.add, replace(each, viewer_id=viewer_id)) for each in entries),
    ]
    table.side_by_side(writes)


def _remove(
    table: Table,
    bookmarks: Bookmarks,
    my_list: MyList,
    positions: Sequence[Bookmark],
    entries: Sequence[ListEntry],
) -> None:
    removals: list[Callable[[], bool]] = [
        *(partial(bookmarks.delete_unchanged, each) for each in positions),
        *(partial(my_list.delete_unchanged, each) for each in entries),
    ]
    table.side_by_side(removals)
