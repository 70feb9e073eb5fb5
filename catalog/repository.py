"""Titles and episodes in DynamoDB: partition `library`, and `show#<id>` for episodes."""

import re
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import asdict
from decimal import Decimal
from typing import Any

from catalog.entities import (
    EPISODE_KEY,
    TITLE_ID,
    Captions,
    Entry,
    Episode,
    Kind,
    Title,
    Unreadable,
)
from catalog.errors import MalformedItem
from gtsite.dynamodb.repository import Table

LIBRARY = "library"
SHOW_PREFIX = "show#"
TITLES_A_PAGE = 400
"""A page that arrives well within the time one request may take, even from a slow region."""
SHOWS_AT_ONCE = 8
LANGUAGE = re.compile(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*")

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
        found = self._episodes(show_id)
        return tuple(each for each in found if isinstance(each, Episode))

    def iter_library(self) -> Iterator[Entry]:
        """Everything, never more than a few pages of it at a time.

        The `library` partition, a few hundred titles to a request, and one request for each show's
        episodes, `SHOWS_AT_ONCE` side by side with it: five thousand shows cost as many requests.
        """
        with ThreadPoolExecutor(SHOWS_AT_ONCE, thread_name_prefix="episodes") as threads:
            under_way: deque[Any] = deque()
            titles = self._table.iter_query(LIBRARY, page_size=TITLES_A_PAGE)
            for entry in _entries(titles, title_from_item):
                yield entry
                if isinstance(entry, Title) and entry.kind == "show":
                    context = copy_context()
                    under_way.append(threads.submit(context.run, self._episodes, entry.id))
                if len(under_way) > 2 * SHOWS_AT_ONCE:
                    yield from under_way.popleft().result()
            while under_way:
                yield from under_way.popleft().result()

    def _episodes(self, show_id: str) -> list[Entry]:
        return list(_entries(self._table.iter_query(_show(show_id)), episode_from_item))


def _entries(items: Iterable[Item], read: Callable[[Item], Entry]) -> Iterator[Entry]:
    """Each item as what it is: one that cannot be read must not take the catalogue away."""
    for item in items:
        try:
            yield read(item)
        except MalformedItem as error:
            yield Unreadable(sentence=str(error))


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
        "cast": list(title.cast),
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
        "captions": [asdict(each) for each in title.captions],
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
        cast=_texts(item, "cast"),
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
        captions=_captions(item),
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
        "captions": [asdict(each) for each in episode.captions],
    }
    return {name: value for name, value in item.items() if value not in (None, "", [])}


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
        captions=_captions(item),
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


def _captions(item: Item) -> tuple[Captions, ...]:
    """A list of maps with `language`, `label` and `url`, all text.

    What has no language tag, or no address that is https or a path on this site, counts as none.
    """
    stored = item.get("captions", [])
    if not isinstance(stored, list) or not all(isinstance(each, Mapping) for each in stored):
        raise _malformed(item, "captions")
    rows = [tuple(each.get(name) for name in ("language", "label", "url")) for each in stored]
    if not all(isinstance(value, str) and value for row in rows for value in row):
        raise _malformed(item, "captions")
    found = (Captions(language=tag, label=label, url=url) for tag, label, url in rows)
    return tuple(each for each in found if _is_usable(each))


def _is_usable(captions: Captions) -> bool:
    url = captions.url
    local = url.startswith("/") and url[1:2] not in ("/", "\\")
    return bool(LANGUAGE.fullmatch(captions.language)) and (local or url.startswith("https://"))


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
