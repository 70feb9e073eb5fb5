"""One reading of the catalogue as an SQLite file that no other process sees.

First every entry is staged as it arrives; then, if it is worth it, titles are numbered from the
most popular on and made searchable. The file has no name any more before the first entry is
written, so nothing is left behind however the process ends; its pages belong to the operating
system's cache, not to the process.
"""

import hashlib
import json
import queue
import sqlite3
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any, TypeVar

from django.utils.text import slugify

from catalog.entities import Captions, Entry, Episode, Title, Unreadable
from catalog.words import WORD, plain, sort_title

READERS = 4
READER_CACHE_KIB = 4 * 1024
BUILDER_CACHE_KIB = 16 * 1024
BATCH = 500
VERSION_BITS = 64

SETTINGS = f"""
PRAGMA journal_mode = OFF;
PRAGMA synchronous = OFF;
PRAGMA cache_size = -{BUILDER_CACHE_KIB};
"""
STAGED = """
CREATE TABLE staged (
    id TEXT, kind TEXT, year INTEGER, runtime INTEGER, popularity INTEGER, added_at INTEGER,
    sort_title TEXT, people TEXT, genres TEXT, body TEXT
);
CREATE TABLE episodes (
    show_id TEXT, key TEXT, title TEXT, body TEXT, PRIMARY KEY (show_id, key)
) WITHOUT ROWID;
CREATE TABLE labels (slug TEXT PRIMARY KEY, label TEXT) WITHOUT ROWID;
CREATE TABLE vocabulary (word TEXT PRIMARY KEY, plain TEXT) WITHOUT ROWID;
"""
BUILT = """
CREATE TABLE titles (
    number INTEGER PRIMARY KEY,
    id TEXT, kind TEXT, year INTEGER, runtime INTEGER, popularity INTEGER, added_at INTEGER,
    sort_title TEXT, people TEXT, genres TEXT, body TEXT
);
INSERT INTO titles SELECT NULL, * FROM staged ORDER BY popularity DESC, sort_title, id;
DROP TABLE staged;
CREATE UNIQUE INDEX titles_by_id ON titles (id);
CREATE INDEX titles_by_name ON titles (sort_title);

CREATE TABLE people (name TEXT, number INTEGER, PRIMARY KEY (name, number)) WITHOUT ROWID;
INSERT OR IGNORE INTO people SELECT value, number FROM titles, json_each(titles.people);
CREATE VIRTUAL TABLE names USING fts5 (
    name, titles UNINDEXED, tokenize="unicode61 remove_diacritics 2", prefix='1 2 3'
);
INSERT INTO names SELECT name, count(*) FROM people GROUP BY name ORDER BY count(*) DESC, name;

CREATE VIRTUAL TABLE words USING fts5 (
    title, people, genres, synopsis, episodes, content='', columnsize=0,
    tokenize="unicode61 remove_diacritics 2", prefix='1 2 3'
);
INSERT INTO words (rowid, title, people, genres, synopsis, episodes)
SELECT
    number, json_extract(body, '$.title'),
    json_extract(body, '$.director') || ' ' || json_extract(body, '$.cast') || ' '
        || json_extract(body, '$.credit'),
    json_extract(body, '$.genres') || ' ' || coalesce(year, ''),
    json_extract(body, '$.synopsis'),
    (SELECT group_concat(title, ' ') FROM episodes WHERE show_id = titles.id)
FROM titles;
CREATE VIRTUAL TABLE terms USING fts5vocab (words, row);

CREATE VIRTUAL TABLE spellings USING fts5 (
    plain, word UNINDEXED, detail=none, columnsize=0, tokenize=trigram
);
INSERT INTO spellings SELECT plain, max(word) FROM vocabulary WHERE length(plain) > 3
    GROUP BY plain;
DROP TABLE vocabulary;
"""
AND = (" and ", " & ", ", ", "; ")
CLEAN = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode

Stored = tuple[Any, ...]
Made = TypeVar("Made")


class Database:
    """The file, while it is staged and built by one thread and then read by any."""

    def __init__(self) -> None:
        with tempfile.TemporaryDirectory(prefix="catalogue-") as folder:
            path = Path(folder, "catalogue.sqlite")
            self._builder = sqlite3.connect(path, check_same_thread=False)
            self._builder.executescript(SETTINGS + STAGED)
            self._readers = [_reader(path) for _ in range(READERS)]
        self._free: queue.SimpleQueue[sqlite3.Connection] = queue.SimpleQueue()
        self.version = ""
        self.skipped: list[str] = []

    def stage(self, entries: Iterable[Entry]) -> None:
        """Takes every entry in, and knows by `version` whether another reading found the same."""
        contents = 0
        for some in _in_batches(entries):
            titles = [_title_row(each) for each in some if isinstance(each, Title)]
            episodes = [_episode_row(each) for each in some if isinstance(each, Episode)]
            unreadable = [each.sentence for each in some if isinstance(each, Unreadable)]
            self._insert("INSERT INTO staged", titles)
            self._insert("INSERT OR REPLACE INTO episodes", episodes)
            self._insert("INSERT OR IGNORE INTO labels", _labels(some))
            self._insert("INSERT OR IGNORE INTO vocabulary", _vocabulary(some))
            self.skipped += unreadable
            contents += sum(map(_digest, (row[-1] for row in (*titles, *episodes))))
            contents += sum(map(_digest, unreadable))
        self.version = f"{contents % (1 << VERSION_BITS):016x}"

    def build(self) -> None:
        """Makes what is staged searchable; the interpreter is free for others meanwhile."""
        self._builder.executescript(BUILT)
        self._builder.close()
        for reader in self._readers:
            reader.execute(f"PRAGMA cache_size = -{READER_CACHE_KIB}")
            self._free.put(reader)

    def rows(self, statement: str, values: Sequence[object] = ()) -> list[Stored]:
        """What a query finds, in a connection that nobody else uses at the moment."""
        with self._borrowed() as reader:
            return reader.execute(statement, values).fetchall()

    def gather(
        self,
        into: Callable[[Iterator[Stored]], Made],
        statement: str,
        values: Sequence[object] = (),
    ) -> Made:
        """What `into` makes of the rows, for many of them: it is handed one at a time."""
        with self._borrowed() as reader:
            return into(reader.execute(statement, values))

    def close(self) -> None:
        self._builder.close()
        for reader in self._readers:
            reader.close()

    def _insert(self, statement: str, rows: Sequence[Stored]) -> None:
        if rows:
            places = ", ".join("?" * len(rows[0]))
            self._builder.executemany(f"{statement} VALUES ({places})", rows)

    @contextmanager
    def _borrowed(self) -> Iterator[sqlite3.Connection]:
        reader = self._free.get()
        try:
            yield reader
        finally:
            self._free.put(reader)


def staged(entries: Iterable[Entry]) -> Database:
    """A database that has taken in every entry, and is yet to be built."""
    database = Database()
    try:
        database.stage(entries)
    except BaseException:
        database.close()
        raise
    return database


def title_from_body(body: str) -> Title:
    values = json.loads(body)
    values["genres"], values["cast"] = tuple(values["genres"]), tuple(values["cast"])
    return Title(**values | {"captions": _captions(values)})


def episode_from_body(body: str) -> Episode:
    values = json.loads(body)
    return Episode(**values | {"captions": _captions(values)})


def people_of(title: Title) -> tuple[str, ...]:
    """Who directed it, then who is in it, each once."""
    directors = title.director
    for joint in AND:
        directors = directors.replace(joint, "\n")
    return tuple(dict.fromkeys(filter(None, (*directors.split("\n"), *title.cast))))


def _reader(path: Path) -> sqlite3.Connection:
    """Looks into the file at its first query: by then there is something to see."""
    address = f"file:{path}?mode=ro"
    return sqlite3.connect(address, uri=True, check_same_thread=False)


def _title_row(title: Title) -> Stored:
    return (
        title.id,
        title.kind,
        title.year,
        title.runtime_seconds,
        title.popularity,
        title.added_at_ms,
        sort_title(title.title),
        CLEAN(people_of(title)),
        CLEAN(tuple(filter(None, dict.fromkeys(map(slugify, title.genres))))),
        _body(title),
    )


def _episode_row(episode: Episode) -> Stored:
    return episode.show_id, episode.key, episode.title, _body(episode)


def _body(entity: Title | Episode) -> str:
    values = {field.name: getattr(entity, field.name) for field in fields(entity)}
    return CLEAN(values | {"captions": [asdict(each) for each in entity.captions]})


def _captions(values: dict[str, Any]) -> tuple[Captions, ...]:
    return tuple(Captions(**each) for each in values["captions"])


def _labels(entries: Iterable[Entry]) -> list[Stored]:
    """How a genre was written where it was met first."""
    genres = {genre for each in entries if isinstance(each, Title) for genre in each.genres}
    return [(slug, genre) for genre in sorted(genres) if (slug := slugify(genre))]


def _vocabulary(entries: Iterable[Entry]) -> list[Stored]:
    """The words of titles and names, which a misspelt word may have been meant for."""
    texts = (
        text
        for each in entries
        if isinstance(each, Title)
        for text in (each.title, *people_of(each))
    )
    return [(word, plain(word)) for word in {word for text in texts for word in WORD.findall(text)}]


def _digest(written: str) -> int:
    """Of one entry, whatever its place: a reading's version is the sum of them."""
    return int.from_bytes(hashlib.blake2b(written.encode(), digest_size=8).digest())


def _in_batches(entries: Iterable[Entry]) -> Iterator[list[Entry]]:
    batch: list[Entry] = []
    for entry in entries:
        batch.append(entry)
        if len(batch) == BATCH:
            yield batch
            batch = []
    yield batch
