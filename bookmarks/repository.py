"""Positions and My List in DynamoDB.

Positions are in the viewer's own partition, by content id; the list is in `<viewer id>#list`, by
title id. Whose they are is part of every key: no method finds anything without its viewer.
"""

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any, TypeVar

from bookmarks.entities import Bookmark, Entries, ListEntry, Place, Positions
from bookmarks.errors import BookmarkError, MalformedBookmark, MalformedEntry
from gtsite.dynamodb.conditions import Absent, AllOf, Condition, Equals, Newer, Present
from gtsite.dynamodb.errors import ConditionFailed
from gtsite.dynamodb.repository import GET_BATCH, Table
from gtsite.viewers.sessions import SESSIONS_KEY

logger = logging.getLogger(__name__)

Item = Mapping[str, Any]
Entity = TypeVar("Entity")

LIST_SUFFIX = "#list"
LIST_LENGTH = 500
"""The longest list that is shown; one that is kept has at most every title of the catalogue."""

OWN_SIGN = "#"
"""Sort keys that begin with it are no content ids: the site keeps something of its own there."""


class Bookmarks:
    """Reads are eventually consistent; a write guards against older ones in its replica only."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def list_newest(self, viewer_id: str) -> Positions:
        """Every position of the viewer, the latest first: one request for some 7,000 of them."""
        items = list(self._table.iter_query(viewer_id))
        marker = next((item for item in items if item["SK"] == SESSIONS_KEY), None)
        found = tuple(sorted(_readable(items, bookmark_from_item), key=_age))
        return Positions(bookmarks=found, marker=marker)

    def iter_positions(self, viewer_id: str) -> Iterator[Bookmark]:
        """Every position of the viewer, by content id, in as many requests as that takes."""
        return _readable(self._table.iter_query(viewer_id), bookmark_from_item)

    def find_place(
        self, viewer_id: str, content_ids: Sequence[str], *, title_id: str | None = None
    ) -> Place:
        """What is stored of the viewer about these programmes, and whether the title is listed.

        One request. A show of more episodes than a request can name takes two at once, however
        long it is: everything of that show, and the rest.
        """
        own = [(viewer_id, SESSIONS_KEY)]
        own += [(viewer_id + LIST_SUFFIX, title_id)] if title_id else []
        keys = [(viewer_id, content_id) for content_id in content_ids]
        if len(own) + len(keys) <= GET_BATCH:
            found = self._table.batch_get([*own, *keys]).value
        else:
            show, _, _ = content_ids[0].partition("#")
            some, others = self._table.both(
                lambda: self._table.batch_get(own).value,
                lambda: list(self._table.iter_query(viewer_id, prefix=f"{show}#")),
            )
            found = [*some, *others]
        items = [item for item in found[len(own) :] if item]
        return Place(
            bookmarks=tuple(_readable(items, bookmark_from_item)),
            listed=title_id is not None and found[1] is not None,
            marker=found[0],
        )

    def save(self, bookmark: Bookmark) -> bool:
        """Writes the position if none as new is there; True when it was written.

        The write is absolute and conditional, so it may be sent twice, late, or to another
        region. The condition sees the replica that answers: of two regions written within the
        replication lag, the last writer wins, and for an absolute position that is right.
        """
        item = bookmark_to_item(bookmark)
        key = (item.pop("PK"), item.pop("SK"))
        newer = Newer("updated_at", bookmark.updated_at_ms)
        return _unless_refused(lambda: self._table.update(*key, set_=item, condition=newer))

    def hide(self, viewer_id: str, content_id: str, *, at_ms: int) -> Bookmark | None:
        """Takes a position off Continue watching; None when there is none to take off.

        It stays where it is, and it stays off until a position newer than `at_ms` is saved: one
        that is older and comes late does not bring it back. It is the same item as the position:
        if another region saves one within the replication lag, the later of the two writes stands.
        """
        return self._change(
            viewer_id,
            content_id,
            set_={"hidden_at": at_ms},
            condition=AllOf(Present("Bookmark"), Newer("hidden_at", at_ms)),
        )

    def show(self, viewer_id: str, content_id: str) -> Bookmark | None:
        """Puts a position back where it was on Continue watching; None when there is none."""
        return self._change(
            viewer_id, content_id, remove=["hidden_at"], condition=Present("Bookmark")
        )

    def delete_unchanged(self, bookmark: Bookmark) -> bool:
        """Removes a position that is still as it was read; False when it has moved on since."""
        key = (bookmark.viewer_id, bookmark.content_id)
        return _unless_refused(
            lambda: self._table.delete(*key, condition=_unchanged("updated_at", bookmark))
        )

    def delete_all(self, viewer_id: str) -> None:
        """Removes every position of the viewer that this replica knows of; may be done twice."""
        items = self._table.iter_query(viewer_id, attributes=["SK"])
        ids = [str(item["SK"]) for item in items if not item["SK"].startswith(OWN_SIGN)]
        self._table.batch_delete([(viewer_id, content_id) for content_id in ids])

    def _change(
        self, viewer_id: str, content_id: str, *, condition: Condition, **change: Any
    ) -> Bookmark | None:
        """The position after the change; as it is, when the condition does not hold."""
        try:
            answer = self._table.update(viewer_id, content_id, condition=condition, **change)
        except ConditionFailed as error:
            current = error.current
        else:
            current = answer.value
        return next(_readable([current] if current else [], bookmark_from_item), None)


class MyList:
    """What a viewer means to watch. Reads are eventually consistent."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def list_newest(self, viewer_id: str) -> Entries:
        """The viewer's list, the newest first, in one request.

        Of a list longer than `LIST_LENGTH` the first so many ids are read: it is bounded so that
        no list makes a page slow.
        """
        page = self._table.query(viewer_id + LIST_SUFFIX, limit=LIST_LENGTH + 1).value
        items = page.items[:LIST_LENGTH]
        found = sorted(_readable(items, entry_from_item), key=_added)
        return Entries(entries=tuple(found), cut=len(page.items) > LIST_LENGTH)

    def iter_entries(self, viewer_id: str) -> Iterator[ListEntry]:
        """Every entry, by title id, in as many requests as that takes."""
        return _readable(self._table.iter_query(viewer_id + LIST_SUFFIX), entry_from_item)

    def add(self, entry: ListEntry) -> bool:
        """Puts a title on the list; False when it is there already, and then it keeps its place.

        May be sent twice, late, or to another region: of an addition and a removal within the
        replication lag, the later one stands.
        """
        return _unless_refused(lambda: self._table.put(entry_to_item(entry), condition=Absent()))

    def remove(self, viewer_id: str, title_id: str) -> None:
        """Takes a title off the list, whether or not it was there."""
        self._table.delete(viewer_id + LIST_SUFFIX, title_id)

    def delete_unchanged(self, entry: ListEntry) -> bool:
        """Removes an entry that is still as it was read; False when it was made anew since."""
        key = (entry.viewer_id + LIST_SUFFIX, entry.title_id)
        return _unless_refused(
            lambda: self._table.delete(*key, condition=_unchanged("added_at", entry))
        )

    def delete_all(self, viewer_id: str) -> None:
        """Removes every entry of the viewer that this replica knows of; may be done twice."""
        partition = viewer_id + LIST_SUFFIX
        items = list(self._table.iter_query(partition, attributes=["SK"]))
        self._table.batch_delete([(partition, item["SK"]) for item in items])


def bookmark_to_item(bookmark: Bookmark) -> dict[str, Any]:
    item: dict[str, Any] = {
        "PK": bookmark.viewer_id,
        "SK": bookmark.content_id,
        "Bookmark": bookmark.position_seconds,
        "duration": bookmark.duration_seconds,
        "updated_at": bookmark.updated_at_ms,
        "region": bookmark.region,
        "finished": bookmark.finished,
        "hidden_at": bookmark.hidden_at_ms or None,
        "expires_at": bookmark.expires_at_seconds,
    }
    return _known(item)


def bookmark_from_item(item: Item) -> Bookmark:
    """Any item with a `Bookmark`; a fraction of a second is cut off."""
    return Bookmark(
        viewer_id=str(item["PK"]),
        content_id=str(item["SK"]),
        position_seconds=_whole(item, "Bookmark", MalformedBookmark),
        duration_seconds=_whole(item, "duration", MalformedBookmark, 0) or None,
        updated_at_ms=_whole(item, "updated_at", MalformedBookmark, 0),
        region=str(item.get("region", "")),
        finished=item.get("finished") is True,
        hidden_at_ms=_whole(item, "hidden_at", MalformedBookmark, 0),
    )


def entry_to_item(entry: ListEntry) -> dict[str, Any]:
    item: dict[str, Any] = {
        "PK": entry.viewer_id + LIST_SUFFIX,
        "SK": entry.title_id,
        "added_at": entry.added_at_ms,
        "expires_at": entry.expires_at_seconds,
    }
    return _known(item)


def entry_from_item(item: Item) -> ListEntry:
    """Any item of a list's partition; one without a moment counts as its oldest."""
    return ListEntry(
        viewer_id=str(item["PK"]).removesuffix(LIST_SUFFIX),
        title_id=str(item["SK"]),
        added_at_ms=_whole(item, "added_at", MalformedEntry, 0),
    )


def _readable(items: Iterable[Item], read: Callable[[Item], Entity]) -> Iterator[Entity]:
    """What can be read of a viewer's items: one bad item must not hide the others."""
    for item in items:
        if str(item["SK"]).startswith(OWN_SIGN):
            continue
        try:
            yield read(item)
        except BookmarkError as error:
            logger.warning("left out: %s", error)


def _known(item: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in item.items() if value is not None}


def _unless_refused(write: Callable[[], object]) -> bool:
    """Whether the write's condition held; everything else passes up."""
    try:
        write()
    except ConditionFailed:
        return False
    return True


def _unchanged(attribute: str, read: Bookmark | ListEntry) -> Condition:
    """The moment is the one that was read; an item without one still has none."""
    moment = read.updated_at_ms if isinstance(read, Bookmark) else read.added_at_ms
    return Equals(attribute, moment) if moment else Absent(attribute)


def _age(bookmark: Bookmark) -> tuple[int, str]:
    return -bookmark.updated_at_ms, bookmark.content_id


def _added(entry: ListEntry) -> tuple[int, str]:
    return -entry.added_at_ms, entry.title_id


def _whole(item: Item, name: str, error: type[BookmarkError], default: int | None = None) -> int:
    value = item.get(name, default)
    if isinstance(value, bool) or not isinstance(value, int | Decimal) or value < 0:
        raise error(f"{item.get('SK')}: {name} is {value!r}.")
    return int(value)
