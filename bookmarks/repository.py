"""Positions in DynamoDB: partition the viewer, sort key the content id.

Whose position it is, is part of every key: no method finds one without its viewer.
"""

import logging
from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from typing import Any

from bookmarks.entities import Bookmark
from bookmarks.errors import MalformedBookmark
from gtsite.dynamodb.conditions import Newer
from gtsite.dynamodb.errors import ConditionFailed
from gtsite.dynamodb.repository import Table

logger = logging.getLogger(__name__)

Item = Mapping[str, Any]


class Bookmarks:
    """Reads are eventually consistent; a write guards against older ones in its replica only."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def find(self, viewer_id: str, content_id: str) -> Bookmark | None:
        """One request; None also for an item that holds no position."""
        item = self._table.get(viewer_id, content_id).value
        return next(_readable([] if item is None else [item]), None)

    def list_newest(self, viewer_id: str) -> tuple[Bookmark, ...]:
        """Every position of the viewer, the latest first: one request for some 7,000 of them."""
        return tuple(sorted(_readable(self._table.iter_query(viewer_id)), key=_age))

    def list_episodes(self, viewer_id: str, show_id: str) -> tuple[Bookmark, ...]:
        """Every position of the viewer in one show, by episode; one request, as a rule."""
        items = self._table.iter_query(viewer_id, prefix=f"{show_id}#")
        return tuple(_readable(items))

    def save(self, bookmark: Bookmark) -> bool:
        """Writes the position if none as new is there; True when it was written.

        The write is absolute and conditional, so it may be sent twice, late, or to another
        region. The condition sees the replica that answers: of two regions written within the
        replication lag, the last writer wins, and for an absolute position that is right.
        """
        item = bookmark_to_item(bookmark)
        key = (item.pop("PK"), item.pop("SK"))
        try:
            self._table.update(
                *key, set_=item, condition=Newer("updated_at", bookmark.updated_at_ms)
            )
        except ConditionFailed:
            return False
        return True


def _age(bookmark: Bookmark) -> tuple[int, str]:
    return -bookmark.updated_at_ms, bookmark.content_id


def _readable(items: Iterable[Item]) -> Iterator[Bookmark]:
    """What can be read of a viewer's items: one bad item must not hide the others."""
    for item in items:
        try:
            yield bookmark_from_item(item)
        except MalformedBookmark as error:
            logger.warning("left out of the bookmarks: %s", error)


def bookmark_to_item(bookmark: Bookmark) -> dict[str, Any]:
    item: dict[str, Any] = {
        "PK": bookmark.viewer_id,
        "SK": bookmark.content_id,
        "Bookmark": bookmark.position_seconds,
        "duration": bookmark.duration_seconds,
        "updated_at": bookmark.updated_at_ms,
        "region": bookmark.region,
        "finished": bookmark.finished,
    }
    return {name: value for name, value in item.items() if value is not None}


def bookmark_from_item(item: Item) -> Bookmark:
    """Any item with a `Bookmark`; a fraction of a second is cut off."""
    return Bookmark(
        viewer_id=str(item["PK"]),
        content_id=str(item["SK"]),
        position_seconds=_whole(item, "Bookmark"),
        duration_seconds=_whole(item, "duration", 0) or None,
        updated_at_ms=_whole(item, "updated_at", 0),
        region=str(item.get("region", "")),
        finished=item.get("finished") is True,
    )


def _whole(item: Item, name: str, default: int | None = None) -> int:
    value = item.get(name, default)
    if isinstance(value, bool) or not isinstance(value, int | Decimal) or value < 0:
        raise MalformedBookmark(f"{item.get('PK')} / {item.get('SK')}: {name} is {value!r}.")
    return int(value)
