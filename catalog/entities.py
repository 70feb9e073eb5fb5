"""Titles and episodes: what there is to watch."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

Kind = Literal["movie", "show"]
TITLE_ID = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,63}")
EPISODE_KEY = re.compile(r"S(?P<season>[0-9]{2})E(?P<number>[0-9]{2,3})")


@dataclass(frozen=True, slots=True, kw_only=True)
class Captions:
    """What is said, in one language, to be read: a WebVTT file.

    `language` is a tag such as `en` or `pt-BR`; `label` is its name for people.
    """

    language: str
    label: str
    url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Title:
    """A movie or a show. Only `id` and `title` are sure to be there: the rest may be unknown.

    `cast` are the leading people, the first of them first. `licence_url` and `source_url` are
    pages about the licence and the film; `video` is the file itself, empty when the title has none
    of its own.
    """

    id: str
    title: str
    kind: Kind = "movie"
    year: int | None = None
    runtime_seconds: int | None = None
    director: str = ""
    cast: tuple[str, ...] = ()
    genres: tuple[str, ...] = ()
    synopsis: str = ""
    licence: str = ""
    licence_url: str = ""
    credit: str = ""
    source_url: str = ""
    popularity: int = 0
    added_at_ms: int | None = None
    thumb: str = ""
    video: str = ""
    captions: tuple[Captions, ...] = ()

    @property
    def decade(self) -> int | None:
        """The first year of its decade: 1920 for 1926."""
        return None if self.year is None else self.year - self.year % 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Episode:
    """One episode of a show; `key` is `S01E02`."""

    show_id: str
    key: str
    title: str
    year: int | None = None
    runtime_seconds: int | None = None
    synopsis: str = ""
    video: str = ""
    captions: tuple[Captions, ...] = ()

    @property
    def content_id(self) -> str:
        return f"{self.show_id}#{self.key}"

    @property
    def season(self) -> int:
        return int(self.key[1:3])

    @property
    def number(self) -> int:
        return int(self.key[4:])


@dataclass(frozen=True, slots=True, kw_only=True)
class Programme:
    """What the player plays: a movie, or one episode of a show. Its id is a bookmark's sort key."""

    title: Title
    episode: Episode | None = None

    @property
    def content_id(self) -> str:
        return self.title.id if self.episode is None else self.episode.content_id

    @property
    def name(self) -> str:
        return self.title.title if self.episode is None else self.episode.title

    @property
    def runtime_seconds(self) -> int | None:
        source = self.title if self.episode is None else self.episode
        return source.runtime_seconds

    @property
    def video(self) -> str:
        return self.title.video if self.episode is None else self.episode.video

    @property
    def synopsis(self) -> str:
        return self.title.synopsis if self.episode is None else self.episode.synopsis

    @property
    def captions(self) -> tuple[Captions, ...]:
        return self.title.captions if self.episode is None else self.episode.captions


@dataclass(frozen=True, slots=True, kw_only=True)
class Unreadable:
    """A stored item that is neither a title nor an episode; one sentence says why."""

    sentence: str


Entry = Title | Episode | Unreadable
"""What a reading of the table comes upon, one after the other."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Library:
    """A reading small enough to be held whole; `skipped` has a sentence for each bad item."""

    titles: tuple[Title, ...]
    episodes: dict[str, tuple[Episode, ...]] = field(default_factory=dict)
    skipped: tuple[str, ...] = ()

    def __iter__(self) -> Iterator[Entry]:
        yield from self.titles
        for episodes in self.episodes.values():
            yield from episodes
        yield from (Unreadable(sentence=sentence) for sentence in self.skipped)


def split_content_id(content_id: str) -> tuple[str, str | None]:
    """`caminandes#S01E02` → (`caminandes`, `S01E02`); `sintel` → (`sintel`, None)."""
    title_id, hash_sign, key = content_id.partition("#")
    return title_id, key if hash_sign else None
