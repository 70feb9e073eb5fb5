"""The catalogue in memory: every title by id, and full-text search over all of them.

One index is one reading of the table and never changes; a newer reading is a new index.
"""

import functools
import hashlib
import re
import sqlite3
import threading
import unicodedata
import weakref
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from django.utils.text import capfirst, slugify

from catalog.entities import Episode, Kind, Library, Programme, Title, split_content_id

Sort = Literal["popular", "newest", "oldest", "title", "shortest"]

SCHEMA = """
CREATE TABLE titles (
    number INTEGER PRIMARY KEY, kind TEXT, decade INTEGER, year INTEGER, runtime INTEGER,
    popularity INTEGER, sort_title TEXT
);
CREATE TABLE genres (number INTEGER, slug TEXT);
CREATE INDEX genres_by_slug ON genres (slug, number);
CREATE VIRTUAL TABLE words USING fts5 (
    title, people, genres, synopsis, episodes,
    content='', tokenize="unicode61 remove_diacritics 2", prefix='1 2 3'
);
"""
RELEVANCE = "bm25(words, 10.0, 4.0, 3.0, 1.0, 2.0), popularity DESC, sort_title"
ORDERS: dict[Sort, str] = {
    "popular": "popularity DESC, sort_title",
    "newest": "year IS NULL, year DESC, sort_title",
    "oldest": "year IS NULL, year, sort_title",
    "title": "sort_title",
    "shortest": "runtime IS NULL, runtime, sort_title",
}
FEATURED_AMONG = 7
ROW_LENGTH = 20
ROW_AT_LEAST = 3
ARTICLE = re.compile(r"^(the|an|a)\s+", re.IGNORECASE)
WORD = re.compile(r"[^\W_]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Filters:
    """What to find: all that is given must hold. `sort` None is by relevance when there is text."""

    text: str = ""
    kind: Kind | None = None
    genre: str = ""
    decade: int | None = None
    year: int | None = None
    sort: Sort | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Results:
    """One page of titles in order, and how many there are on all pages."""

    titles: tuple[Title, ...]
    total: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Facet:
    """One value to filter by, and how many titles of the whole catalogue have it."""

    value: str
    label: str
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One genre and its titles, the most popular first; `slug` is empty for what is left."""

    slug: str
    label: str
    titles: tuple[Title, ...]


class Index:
    """One reading of the catalogue, searchable; safe to use from several threads."""

    def __init__(self, library: Library) -> None:
        self.version = _version(library)
        self.titles = tuple(sorted(library.titles, key=_popularity))
        self.skipped = library.skipped
        self.genres = tuple(_genres(self.titles))
        self.decades = tuple(_decades(self.titles))
        self._by_id = {title.id: title for title in self.titles}
        self._episodes = library.episodes
        self._lock = threading.Lock()
        self._database = sqlite3.connect(":memory:", check_same_thread=False)
        weakref.finalize(self, self._database.close)
        self._fill()

    def find(self, title_id: str) -> Title | None:
        return self._by_id.get(title_id)

    def episodes(self, show_id: str) -> tuple[Episode, ...]:
        return self._episodes.get(show_id, ())

    def programme(self, content_id: str) -> Programme | None:
        """What a bookmark's sort key stands for; a show as a whole is no programme."""
        title_id, key = split_content_id(content_id)
        title = self.find(title_id)
        if title is None or (key is None) == (title.kind == "show"):
            return None
        if key is None:
            return Programme(title=title)
        found = (each for each in self.episodes(title_id) if each.key == key)
        episode = next(found, None)
        return None if episode is None else Programme(title=title, episode=episode)

    def featured(self, *, day: int) -> Title | None:
        """One of the best known titles that have something to say, another one each day."""
        able = [title for title in self.titles if title.synopsis][:FEATURED_AMONG]
        return able[day % len(able)] if able else None

    def search(self, filters: Filters, *, limit: int, offset: int = 0) -> Results:
        """Titles that meet every filter. Words match by their beginnings, accents aside."""
        words = WORD.findall(_plain(filters.text))
        if filters.text.strip() and not words:
            return Results(titles=(), total=0)
        tables, clauses, values = _conditions(filters, words)
        order = ORDERS[filters.sort] if filters.sort else RELEVANCE if words else ORDERS["popular"]
        source = f"FROM {tables} WHERE {' AND '.join(clauses)}"
        found = self._rows(
            f"SELECT titles.number {source} ORDER BY {order} LIMIT ? OFFSET ?",
            [*values, limit, offset],
        )
        (total,) = self._rows(f"SELECT count(*) {source}", values)[0]
        return Results(titles=tuple(self.titles[number] for (number,) in found), total=total)

    @functools.cached_property
    def rows(self) -> tuple[Row, ...]:
        """One row a genre, the fullest first, without the smallest; last what is in no row yet."""
        genres = sorted(self.genres, key=lambda each: (-each.count, each.label))
        rows = [
            Row(
                slug=genre.value,
                label=genre.label,
                titles=self.search(Filters(genre=genre.value), limit=ROW_LENGTH).titles,
            )
            for genre in genres
            if genre.count >= ROW_AT_LEAST
        ]
        shown = {title.id for row in rows for title in row.titles}
        others = tuple(title for title in self.titles if title.id not in shown)[:ROW_LENGTH]
        if others:
            rows.append(Row(slug="", label="More to watch", titles=others))
        return tuple(rows)

    def _rows(self, statement: str, values: Sequence[object]) -> list[tuple[int, ...]]:
        with self._lock:
            return self._database.execute(statement, values).fetchall()

    def _fill(self) -> None:
        self._database.executescript(SCHEMA)
        for number, title in enumerate(self.titles):
            self._add(number, title)
        self._database.commit()

    def _add(self, number: int, title: Title) -> None:
        self._database.execute(
            "INSERT INTO titles VALUES (?, ?, ?, ?, ?, ?, ?)",
            (
                number,
                title.kind,
                title.decade,
                title.year,
                title.runtime_seconds,
                title.popularity,
                sort_title(title.title),
            ),
        )
        self._database.executemany(
            "INSERT INTO genres VALUES (?, ?)",
            {(number, slugify(genre)) for genre in title.genres},
        )
        self._database.execute(
            "INSERT INTO words (rowid, title, people, genres, synopsis, episodes) "
            "VALUES (?, ?, ?, ?, ?, ?)",
            (
                number,
                title.title,
                f"{title.director} {title.credit}",
                f"{' '.join(title.genres)} {title.year or ''}",
                title.synopsis,
                " ".join(episode.title for episode in self.episodes(title.id)),
            ),
        )


def sort_title(title: str) -> str:
    """For an alphabet: no accents, no case, no article in front."""
    return ARTICLE.sub("", _plain(title)).casefold()


def _plain(text: str) -> str:
    """Without accents, for whole words only: ﬁ becomes fi, é becomes e."""
    parts = unicodedata.normalize("NFKD", text)
    return "".join(part for part in parts if not unicodedata.combining(part))


def _conditions(filters: Filters, words: Sequence[str]) -> tuple[str, list[str], list[object]]:
    """Tables, clauses and their values. Text from outside only ever becomes a value."""
    tables, clauses, values = "titles", ["TRUE"], list[object]()
    if words:
        tables = "titles JOIN words ON words.rowid = titles.number"
        clauses.append("words MATCH ?")
        values.append(" ".join(f'"{word}"*' for word in words))
    if filters.kind:
        clauses.append("kind = ?")
        values.append(filters.kind)
    if filters.decade is not None:
        clauses.append("decade = ?")
        values.append(filters.decade)
    if filters.year is not None:
        clauses.append("year = ?")
        values.append(filters.year)
    if filters.genre:
        clauses.append("titles.number IN (SELECT number FROM genres WHERE slug = ?)")
        values.append(filters.genre)
    return tables, clauses, values


def _popularity(title: Title) -> tuple[int, str]:
    return -title.popularity, sort_title(title.title)


def _genres(titles: Iterable[Title]) -> Iterable[Facet]:
    """In alphabetical order."""
    labels = {slugify(genre): genre for title in titles for genre in title.genres}
    counts = Counter(slug for title in titles for slug in {slugify(g) for g in title.genres})
    for slug, label in sorted(labels.items(), key=lambda pair: pair[1]):
        if slug:
            yield Facet(value=slug, label=capfirst(label), count=counts[slug])


def _decades(titles: Iterable[Title]) -> Iterable[Facet]:
    """The latest first."""
    counts = Counter(title.decade for title in titles if title.decade is not None)
    for decade, count in sorted(counts.items(), reverse=True):
        yield Facet(value=f"{decade}s", label=f"{decade}s", count=count)


def _version(library: Library) -> str:
    """The same for the same contents in every process and region."""
    titles = sorted(library.titles, key=lambda title: title.id)
    episodes = sorted(library.episodes.items())
    return hashlib.blake2b(
        repr((titles, episodes, library.skipped)).encode(), digest_size=8
    ).hexdigest()
