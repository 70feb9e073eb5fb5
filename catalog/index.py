"""The catalogue at hand: every title by id, filters that combine, and search over all of them.

One index is one reading of the table and never changes; a newer reading is a new index. Titles are
numbered from the most popular on. They stay in a file (`catalog.database`) and become objects when
they are shown; which of them meet a filter is kept in memory (`catalog.bitmaps`).
"""

import functools
import weakref
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from itertools import combinations
from typing import Literal

from django.utils.text import capfirst, slugify

from catalog.bitmaps import Order, bitmap, bitmaps, lowest, order_of, page, without
from catalog.database import Database, episode_from_body, people_of, staged, title_from_body
from catalog.entities import Entry, Episode, Kind, Programme, Title, split_content_id
from catalog.words import sort_title, words_of

Sort = Literal["popular", "newest", "oldest", "title", "shortest", "added"]
Column = Literal["title", "people", ""]

SETS = """
SELECT 'kind', kind, number FROM titles
UNION ALL SELECT 'year', year, number FROM titles WHERE year IS NOT NULL
UNION ALL SELECT 'genre', value, number FROM titles, json_each(titles.genres)
UNION ALL SELECT 'under', ?1, number FROM titles WHERE runtime < 60 * ?1
UNION ALL SELECT 'under', ?2, number FROM titles WHERE runtime < 60 * ?2
UNION ALL SELECT 'under', ?3, number FROM titles WHERE runtime < 60 * ?3
UNION ALL SELECT 'letter', substr(sort_title, 1, 1), number FROM titles
UNION ALL SELECT 'dated', '', number FROM titles WHERE added_at IS NOT NULL
"""
ORDERS: Mapping[Sort, str] = {
    "popular": "number",
    "newest": "year IS NULL, year DESC, sort_title, number",
    "oldest": "year IS NULL, year, sort_title, number",
    "title": "sort_title, number",
    "shortest": "runtime IS NULL, runtime, sort_title, number",
    "added": "added_at IS NULL, added_at DESC, number",
}
LENGTHS = (30, 60, 120)
"""Minutes: the lengths below which one may want a title to be."""
FEATURED_AMONG = 7
ROW_LENGTH = 12
ROW_AT_LEAST = 3
SHORT_MINUTES = 30
KEPT_SEARCHES = 512
BROAD = 25_000
"""Beginnings of words that so many titles have are looked up before anyone asks for them."""
KEPT_TITLES = 1024
SPELLINGS_LOOKED_AT = 40
ALIKE = 0.7
SHARED_AT_MOST = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Filters:
    """What to find: all that is given must hold. `sort` None is by relevance when there is text.

    `under_minutes` is one of `LENGTHS`; `letter` is the first of the title, articles aside.
    """

    text: str = ""
    kind: Kind | None = None
    genre: str = ""
    decade: int | None = None
    year: int | None = None
    under_minutes: int | None = None
    letter: str = ""
    sort: Sort | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Results:
    """One page of titles in order, and how many there are on all pages."""

    titles: tuple[Title, ...]
    total: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Facet:
    """One value to filter by, and how many titles have it."""

    value: str
    label: str
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """Some titles under a heading; `query` is what the browse page is asked for all of them.

    `slug` is the genre's, empty for rows that are no genre; `query` is empty for what is left.
    """

    slug: str
    label: str
    titles: tuple[Title, ...]
    query: str = ""


class Index:
    """One reading of the catalogue, searchable; safe to use from several threads.

    Titles are numbered from 1; the order of the numbers is that of popularity.
    """

    def __init__(self, entries: Iterable[Entry] | Database) -> None:
        """`entries` may be staged already. Takes seconds for a hundred thousand titles."""
        self._database = entries if isinstance(entries, Database) else staged(entries)
        weakref.finalize(self, self._database.close)
        self._database.build()
        self.version = self._database.version
        self.skipped = tuple(self._database.skipped)
        self.count: int = self._database.rows("SELECT count(*) FROM titles")[0][0]
        self._sets = self._database.gather(self._bitmaps, SETS, LENGTHS)
        self._orders = {sort: self._order(columns) for sort, columns in ORDERS.items()}
        self._found = functools.lru_cache(KEPT_SEARCHES)(
            functools.partial(_found, self._database, self.count + 1)
        )
        self._by_id = functools.lru_cache(KEPT_TITLES)(
            functools.partial(_title_by_id, self._database)
        )
        self._warm()

    def find(self, title_id: str) -> Title | None:
        return self._by_id(title_id)

    def episodes(self, show_id: str) -> tuple[Episode, ...]:
        """In the order of seasons and numbers."""
        found = self._database.rows(
            "SELECT body FROM episodes WHERE show_id = ? ORDER BY key", [show_id]
        )
        return tuple(episode_from_body(body) for (body,) in found)

    def programme(self, content_id: str) -> Programme | None:
        """What a bookmark's sort key stands for; a show as a whole is no programme."""
        title_id, key = split_content_id(content_id)
        title = self.find(title_id)
        if title is None or (key is None) == (title.kind == "show"):
            return None
        if key is None:
            return Programme(title=title)
        found = self._database.rows(
            "SELECT body FROM episodes WHERE show_id = ? AND key = ?", [title_id, key]
        )
        return Programme(title=title, episode=episode_from_body(found[0][0])) if found else None

    def featured(self, *, day: int) -> Title | None:
        """One of the best known titles that have something to say, another one each day."""
        return self._able[day % len(self._able)] if self._able else None

    def search(self, filters: Filters, *, limit: int, offset: int = 0) -> Results:
        """Titles that meet every filter. Words match by their beginnings, accents aside.

        By relevance: those of exactly that title, with all words whole in the title, with all in
        the title, with all among its people, with all anywhere; each the most popular first.
        """
        words = words_of(filters.text)
        if filters.text.strip() and not words:
            return Results(titles=(), total=0)
        matches = self._matches(filters, words)
        groups = [matches] if filters.sort or not words else self._tiers(filters.text, matches)
        numbers = page(groups, self._orders[filters.sort or "popular"], offset=offset, limit=limit)
        return Results(titles=self._titles(numbers), total=matches.bit_count())

    def count_matches(self, filters: Filters) -> int:
        """How many titles `search` would find."""
        return self._matches(filters, words_of(filters.text)).bit_count()

    def suggest(self, text: str, *, limit: int) -> tuple[Title, ...]:
        """Titles that are meant by what has been typed so far: by their names, then people."""
        words = words_of(text)
        if not words:
            return ()
        *named, _ = self._tiers(text, self._matches(Filters(), words))
        return self._titles(page(named, self._orders["popular"], offset=0, limit=limit))

    def people(self, text: str, *, limit: int) -> tuple[Facet, ...]:
        """Those whose names have all these beginnings of words; who made the most comes first."""
        words = words_of(text)
        if not words:
            return ()
        found = self._database.rows(
            "SELECT name, titles FROM names WHERE names MATCH ? ORDER BY rowid LIMIT ?",
            [" ".join(f'"{word}" *' for word in words), limit],
        )
        return tuple(Facet(value=name, label=name, count=count) for name, count in found)

    def did_you_mean(self, text: str) -> str:
        """The text with unknown words replaced by those they may stand for; empty if no help."""
        words = words_of(text)
        put_right = [word if self._found("", word, False) else self._alike(word) for word in words]
        better = " ".join(put_right)
        if not all(put_right) or tuple(put_right) == words:
            return ""
        return better if self._matches(Filters(), words_of(better)) else ""

    def like(self, title: Title, *, limit: int) -> tuple[Title, ...]:
        """Others that share the most with it: people first, then genres, decade and kind."""
        seen = self._numbers([title.id])
        numbers: list[int] = []
        for shared in self._shared(title):
            for number in lowest(without(shared, seen), limit - len(numbers)):
                numbers.append(number)
                seen |= 1 << number
            if len(numbers) == limit:
                break
        return self._titles(numbers)

    def ids(self, *, limit: int, offset: int) -> tuple[str, ...]:
        """Some of all titles' ids, the most popular first."""
        found = self._database.rows(
            "SELECT id FROM titles WHERE number > ? ORDER BY number LIMIT ?",
            [min(offset, self.count), limit],
        )
        return tuple(title_id for (title_id,) in found)

    @functools.cached_property
    def genres(self) -> tuple[Facet, ...]:
        """In alphabetical order."""
        labels = self._database.rows("SELECT slug, label FROM labels ORDER BY label")
        return tuple(
            Facet(value=slug, label=capfirst(label), count=self._set("genre", slug).bit_count())
            for slug, label in labels
        )

    @functools.cached_property
    def decades(self) -> tuple[Facet, ...]:
        """The latest first."""
        years = [value for name, value in self._sets if name == "year" and isinstance(value, int)]
        decades = sorted({year - year % 10 for year in years}, reverse=True)
        return tuple(
            Facet(value=f"{each}s", label=f"{each}s", count=self._decade(each).bit_count())
            for each in decades
        )

    @functools.cached_property
    def letters(self) -> tuple[Facet, ...]:
        """The first letters, and other signs, of titles in the order of the alphabet."""
        letters = sorted(str(value) for name, value in self._sets if name == "letter")
        return tuple(
            Facet(value=each, label=each.upper(), count=self._set("letter", each).bit_count())
            for each in letters
        )

    @functools.cached_property
    def rows(self) -> tuple[Row, ...]:
        """What came last, what is short, then genres, the fullest first; last what is left."""
        genres = sorted(self.genres, key=lambda each: (-each.count, each.label))
        rows = [
            self._row("Recently added", self._set("dated", ""), sort="added", query="sort=added"),
            self._row("Short on time", self._set("under", SHORT_MINUTES), query="length=30"),
            *(self._genre_row(each) for each in genres),
        ]
        rows = [row for row in rows if len(row.titles) >= ROW_AT_LEAST]
        shown = self._numbers({title.id for row in rows for title in row.titles})
        others = self._row("More to watch", without(self._all, shown))
        return (*rows, others) if others.titles else tuple(rows)

    @functools.cached_property
    def _able(self) -> tuple[Title, ...]:
        found = self._database.rows(
            "SELECT body FROM titles WHERE json_extract(body, '$.synopsis') != '' "
            "ORDER BY number LIMIT ?",
            [FEATURED_AMONG],
        )
        return tuple(title_from_body(body) for (body,) in found)

    @property
    def _all(self) -> int:
        return (1 << self.count + 1) - 2

    def _row(
        self, label: str, numbers: int, *, sort: Sort = "popular", query: str = "", slug: str = ""
    ) -> Row:
        first = page([numbers], self._orders[sort], offset=0, limit=ROW_LENGTH)
        return Row(slug=slug, label=label, titles=self._titles(first), query=query)

    def _genre_row(self, genre: Facet) -> Row:
        numbers = self._set("genre", genre.value)
        return self._row(genre.label, numbers, query=f"genre={genre.value}", slug=genre.value)

    def _set(self, name: str, value: object) -> int:
        return self._sets.get((name, value), 0)

    def _decade(self, decade: int) -> int:
        years = (self._set("year", year) for year in range(decade, decade + 10))
        return functools.reduce(int.__or__, years)

    def _matches(self, filters: Filters, words: Iterable[str]) -> int:
        chosen = {
            "kind": filters.kind,
            "genre": filters.genre,
            "year": filters.year,
            "under": filters.under_minutes,
            "letter": filters.letter,
        }
        sets = [self._found("", word, False) for word in words]
        sets += [
            self._set(name, value) for name, value in chosen.items() if value not in (None, "")
        ]
        if filters.decade is not None:
            sets.append(self._decade(filters.decade))
        return functools.reduce(int.__and__, sets, self._all)

    def _tiers(self, text: str, matches: int) -> list[int]:
        """The matches by how well they match, the best first, each in one tier; see `search`."""
        words = words_of(text)
        named = self._database.rows(
            "SELECT number FROM titles WHERE sort_title = ?", [sort_title(text.strip())]
        )
        better = [
            bitmap((number for (number,) in named), self.count + 1),
            self._with_all("title", words, whole=True),
            self._with_all("title", words, whole=False),
            self._with_all("people", words, whole=False),
        ]
        tiers = []
        for tier in better:
            tiers.append(matches & tier)
            matches = without(matches, tier)
        return [*tiers, matches]

    def _with_all(self, column: Column, words: Iterable[str], *, whole: bool) -> int:
        sets: list[int] = [self._found(column, each, whole) for each in words]
        return functools.reduce(int.__and__, sets, self._all)

    def _shared(self, title: Title) -> Iterator[int]:
        """Sets of titles that have something in common with this one, the most first."""
        genres = [self._set("genre", slugify(genre)) for genre in title.genres][:SHARED_AT_MOST]
        people = functools.reduce(int.__or__, map(self._by_person, people_of(title)), 0)
        decade = self._all if title.decade is None else self._decade(title.decade)
        kind = self._set("kind", title.kind)
        for several in range(len(genres), 0, -1):
            some = [functools.reduce(int.__and__, each) for each in combinations(genres, several)]
            together = functools.reduce(int.__or__, some)
            yield from (together & people, together & decade & kind, together & kind, together)
        yield from (people, decade & kind, kind)

    def _by_person(self, name: str) -> int:
        found = self._database.rows("SELECT number FROM people WHERE name = ?", [name])
        return bitmap((number for (number,) in found), self.count + 1)

    def _numbers(self, ids: Iterable[str]) -> int:
        wanted = list(ids)
        places = ", ".join("?" * len(wanted))
        found = self._database.rows(f"SELECT number FROM titles WHERE id IN ({places})", wanted)  # noqa: S608
        return bitmap((number for (number,) in found), self.count + 1)

    def _titles(self, numbers: Sequence[int]) -> tuple[Title, ...]:
        """In the order of the numbers."""
        if not numbers:
            return ()
        places = ", ".join("?" * len(numbers))
        found: dict[int, str] = dict(
            self._database.rows(
                f"SELECT number, body FROM titles WHERE number IN ({places})",  # noqa: S608
                numbers,
            )
        )
        return tuple(title_from_body(found[number]) for number in numbers)

    def _alike(self, word: str) -> str:
        """The known word that looks most like it; empty if none does."""
        trigrams = {word[place : place + 3] for place in range(len(word) - 2)}
        if not trigrams:
            return ""
        found = self._database.rows(
            "SELECT plain, word FROM spellings WHERE spellings MATCH ? ORDER BY rank LIMIT ?",
            [" OR ".join(f'"{each}"' for each in sorted(trigrams)), SPELLINGS_LOOKED_AT],
        )
        likeness = {written: SequenceMatcher(None, word, known).ratio() for known, written in found}
        best = max(likeness, key=lambda written: likeness[written], default="")
        return best if best and likeness[best] >= ALIKE else ""

    def _bitmaps(self, rows: Iterable[tuple[str, object, int]]) -> dict[tuple[str, object], int]:
        return bitmaps((((name, value), number) for name, value, number in rows), self.count + 1)

    def _order(self, columns: str) -> Order:
        return self._database.gather(
            lambda rows: order_of(number for (number,) in rows),
            f"SELECT number FROM titles ORDER BY {columns}",  # noqa: S608
        )

    def _warm(self) -> None:
        """One letter is what everybody types first, and finds the most."""
        for length in (1, 2, 3):
            broad = self._database.rows(
                "SELECT substr(term, 1, ?1) FROM terms GROUP BY 1 HAVING sum(doc) >= ?2",
                [length, BROAD],
            )
            for (beginning,) in broad:
                self._found("", beginning, False)
                self._found("title", beginning, False)
                self._found("people", beginning, False)


def _found(database: Database, size: int, column: Column, word: str, whole: bool) -> int:
    """Titles with a word, or the beginning of one, in that column; in any of them for ''."""
    scope = f"{column} : " if column else ""
    query = f'{scope}"{word}"' + ("" if whole else " *")
    return database.gather(
        lambda rows: bitmap((number for (number,) in rows), size),
        "SELECT rowid FROM words WHERE words MATCH ?",
        [query],
    )


def _title_by_id(database: Database, title_id: str) -> Title | None:
    found = database.rows("SELECT body FROM titles WHERE id = ?", [title_id])
    return title_from_body(found[0][0]) if found else None
