"""Titles and episodes in DynamoDB: partition `library`, and `show#<id>` for episodes."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from decimal import Decimal
from typing import Any, TypeVar

from catalog.entities import EPISODE_KEY, TITLE_ID, Episode, Kind, Library, Title
from catalog.errors import MalformedItem
from gtsite.dynamodb.repository import Table

LIBRARY = "library"
SHOW_PREFIX = "show#"

Entity = TypeVar("Entity", Title, Episode)
Item = Mapping[str, Any]


class Titles:
    """Reads the catalogue. Every read is eventually consistent, from one region's replica."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def find_title(self, title_id: str) -> Title | None:
        """One request. Raises `MalformedItem`."""
        item = self._table.get(LIBRARY, title_id).value
        return None if item is None else title_from_item(item)

    def list_episodes(self, show_id: str) -> tuple[Episode, ...]:
        """Every episode of one show that can be read, in the order of seasons and numbers."""
        return tuple(_readable(self._table.iter_query(_show(show_id)), episode_from_item, []))

    def read_library(self) -> Library:
        """Everything: the `library` partition, then one partition for each show.

        An item that cannot be read is left out, and named in `skipped`.
        """
        skipped: list[str] = []
        items = self._table.iter_query(LIBRARY)
        titles = tuple(_readable(items, title_from_item, skipped))
        episodes = {
            title.id: tuple(
                _readable(self._table.iter_query(_show(title.id)), episode_from_item, skipped)
            )
            for title in titles
            if title.kind == "show"
        }
        return Library(titles=titles, episodes=episodes, skipped=tuple(skipped))


def _readable(
    items: Iterable[Item], read: Callable[[Item], Entity], skipped: list[str]
) -> Iterator[Entity]:
    """What can be read of stored items: one bad item must not take the catalogue away.

    Those that cannot are told in `skipped`, one sentence each.
    """
    for item in items:
        try:
            yield read(item)
        except MalformedItem as error:
            skipped.append(str(error))


def _show(show_id: str) -> str:
    return f"{SHOW_PREFIX}{show_id}"


def title_to_item(title: Title) -> dict[str, Any]:
    """The stored form; what is unknown or empty is not stored."""
    item: dict[str, Any] = {
        "PK": LIBRARY,
        "SK": title.id,
        "title": title.title,
        "kind": title.kind,
        "year": title.year,
        "runtime": title.runtime_seconds,
        "director": title.director,
        "genres": list(title.genres),
        "synopsis": title.synopsis,
        "licence": title.licence,
        "licence_url": title.licence_url,
        "credit": title.credit,
        "source_url": title.source_url,
        "popularity": title.popularity,
        "added_at": title.added_at_ms,
        "thumb": title.thumb,
        "video": title.video,
    }
    return {name: value for name, value in item.items() if value not in (None, "", [])}


def title_from_item(item: Item) -> Title:
    """Any item of the `library` partition with a title; the workshop's have little more than that.

    Raises `MalformedItem` for an id that no address can hold, too.
    """
    title_id = _text(item, "SK", required=True)
    if not TITLE_ID.fullmatch(title_id):
        raise _malformed(item, "SK")
    return Title(
        id=title_id,
        title=_text(item, "title", required=True),
        kind=_kind(item),
        year=_whole(item, "year"),
        runtime_seconds=_whole(item, "runtime"),
        director=_text(item, "director"),
        genres=_texts(item, "genres"),
        synopsis=_text(item, "synopsis"),
        licence=_text(item, "licence"),
        licence_url=_address(item, "licence_url"),
        credit=_text(item, "credit"),
        source_url=_address(item, "source_url"),
        popularity=_whole(item, "popularity") or 0,
        added_at_ms=_whole(item, "added_at"),
        thumb=_text(item, "thumb"),
        video=_address(item, "video"),
    )


def episode_to_item(episode: Episode) -> dict[str, Any]:
    """The stored form; what is unknown or empty is not stored."""
    item: dict[str, Any] = {
        "PK": _show(episode.show_id),
        "SK": episode.key,
        "title": episode.title,
        "year": episode.year,
        "runtime": episode.runtime_seconds,
        "synopsis": episode.synopsis,
        "video": episode.video,
    }
    return {name: value for name, value in item.items() if value not in (None, "")}


def episode_from_item(item: Item) -> Episode:
    key = _text(item, "SK", required=True)
    if not EPISODE_KEY.fullmatch(key):
        raise MalformedItem(f"{item.get('PK')} / {key}: an episode's key is written like S01E02.")
    return Episode(
        show_id=_text(item, "PK", required=True).removeprefix(SHOW_PREFIX),
        key=key,
        title=_text(item, "title", required=True),
        year=_whole(item, "year"),
        runtime_seconds=_whole(item, "runtime"),
        synopsis=_text(item, "synopsis"),
        video=_address(item, "video"),
    )


def _kind(item: Item) -> Kind:
    kind = item.get("kind", "movie")
    if kind not in ("movie", "show"):
        raise _malformed(item, "kind")
    return "show" if kind == "show" else "movie"


def _text(item: Item, name: str, *, required: bool = False) -> str:
    value = item.get(name, "")
    if not isinstance(value, str) or (required and not value.strip()):
        raise _malformed(item, name)
    return value.strip()


def _address(item: Item, name: str) -> str:
    """A web address; anything else, such as `javascript:`, counts as none."""
    value = _text(item, name)
    return value if value.startswith(("https://", "http://")) else ""


def _texts(item: Item, name: str) -> tuple[str, ...]:
    """A list or a set of strings; a set has no order, so it is sorted."""
    value = item.get(name, [])
    if not isinstance(value, list | set | frozenset) or not all(isinstance(v, str) for v in value):
        raise _malformed(item, name)
    return tuple(value) if isinstance(value, list) else tuple(sorted(value))


def _whole(item: Item, name: str) -> int | None:
    """A whole number that is not negative; a fraction of a second is cut off."""
    value = item.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | Decimal) or value < 0:
        raise _malformed(item, name)
    return int(value)


def _malformed(item: Item, name: str) -> MalformedItem:
    return MalformedItem(f"{item.get('PK')} / {item.get('SK')}: {name} is {item.get(name)!r}.")
