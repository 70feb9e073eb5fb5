"""The catalogue of this process: refreshed behind the readers' backs, kept when regions go."""

import functools
import logging
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextvars import Context

from django.conf import settings

from catalog.database import staged
from catalog.entities import Entry, Episode, Programme, Title, split_content_id
from catalog.errors import MalformedItem, TitleNotFound
from catalog.index import Index
from catalog.repository import Titles
from gtsite.dynamodb.connection import site_table
from gtsite.dynamodb.errors import DataError

logger = logging.getLogger(__name__)

RETRY_SECONDS = 1.0
SHARE_OF_TIME = 20
"""A reading begins no sooner than so many times as long as the last one took."""
BETWEEN_RESTS = 100
"""Entries read in the background before others are let in."""


class Catalogue:
    """Hands out the newest index there is, and never makes a reader wait for a newer one.

    Only the first index with titles in it is waited for: a table may be filled after the site has
    started. One that is older than `max_age_seconds` is still handed out while one background
    thread reads the table again, resting as long as it works; when no region answers, the old one
    is kept for as long as that lasts. A table that takes long to read is read less often, so that
    reading stays a small share of the time. `clock` counts seconds; `rest` waits for some.
    """

    def __init__(
        self,
        read: Callable[[], Iterable[Entry]],
        *,
        max_age_seconds: float,
        clock: Callable[[], float] = time.monotonic,
        rest: Callable[[float], None] = time.sleep,
    ) -> None:
        self._read = read
        self._max_age_seconds = max_age_seconds
        self._clock = clock
        self._rest = rest
        self._building = threading.Lock()
        self._index: Index | None = None
        self._read_at = 0.0
        self._took_seconds = 0.0
        self._failure: DataError | None = None
        self._failed_at = 0.0

    def index(self) -> Index:
        """Raises what the router raises when there is no index yet and no region answers."""
        index = self._index
        if index is None or not index.count:
            return self._first()
        if self.age_seconds >= max(self._max_age_seconds, SHARE_OF_TIME * self._took_seconds):
            self.refresh_soon()
        return index

    @property
    def age_seconds(self) -> float:
        """Since the table was last read; meaningless before the first index."""
        return self._clock() - self._read_at

    def refresh(self) -> Index:
        """Reads the table now. Raises `DataError`, and then keeps what there was."""
        with self._building:
            return self._build()

    def refresh_soon(self) -> None:
        """Starts one refresh in the background, unless one is running or has just failed."""
        if self._just_failed() or not self._building.acquire(blocking=False):
            return
        try:
            threading.Thread(target=self._refresh_quietly, name="catalogue", daemon=True).start()
        except RuntimeError:
            self._building.release()
            raise

    def warm(self) -> None:
        """For a process that starts: the first visitor should find the index there."""
        self.refresh_soon()

    def _first(self) -> Index:
        """One thread builds; those that wait share its index, or its failure.

        Reading everything is no part of the request that happens to wait for it, so its meter
        does not count the calls.
        """
        with self._building:
            if self._index is not None and self._index.count:
                return self._index
            if self._failure is not None and self._just_failed():
                raise self._failure.with_traceback(None)
            return Context().run(self._build)

    def _build(self, *, resting: bool = False) -> Index:
        began = self._clock()
        try:
            entries = self._read()
            database = staged(_with_rests(entries, self._rest) if resting else entries)
        except DataError as error:
            self._failure, self._failed_at = error, self._clock()
            raise
        index = self._index
        if index is not None and index.version == database.version:
            database.close()
        else:
            index = self._index = Index(database)
            _tell(index)
        self._read_at, self._failure = self._clock(), None
        self._took_seconds = self._read_at - began
        return index

    def _just_failed(self) -> bool:
        return self._failure is not None and self._clock() - self._failed_at < RETRY_SECONDS

    def _refresh_quietly(self) -> None:
        """Degrades on `DataError` only: the old index stands, and the next reader tries again.

        Whoever began the thread holds the lock for it: of those who come at once, one begins.
        """
        try:
            self._build(resting=self._index is not None)
        except DataError as error:
            logger.warning("catalogue not refreshed, the old one stays: %s", error)
        finally:
            self._building.release()


def _with_rests(entries: Iterable[Entry], rest: Callable[[float], None]) -> Iterator[Entry]:
    """The same entries; now and then it rests for as long as it has worked, so others get on."""
    began = time.monotonic()
    for count, entry in enumerate(entries, 1):
        yield entry
        if count % BETWEEN_RESTS == 0:
            rest(time.monotonic() - began)
            began = time.monotonic()


def _tell(index: Index) -> None:
    """Once for each new index, not at every reading that finds the same."""
    for sentence in index.skipped:
        logger.warning("left out of the catalogue: %s", sentence)
    left_out = len(index.skipped)
    logger.info("catalogue %s: %d titles, %d left out", index.version, index.count, left_out)


@functools.cache
def catalogue() -> Catalogue:
    """The catalogue of this process, made on first use."""
    return Catalogue(
        lambda: Titles(site_table()).iter_library(),
        max_age_seconds=settings.CATALOGUE_REFRESH_SECONDS,
    )


def get_title(title_id: str) -> tuple[Title, tuple[Episode, ...]]:
    """A title and its episodes: from the index, or from the table if it is too new for that.

    Raises `TitleNotFound`, and what the router raises when no region answers the direct read.
    """
    index = catalogue().index()
    title = index.find(title_id)
    if title is not None:
        return title, index.episodes(title_id)
    titles = Titles(site_table())
    try:
        title = titles.find_title(title_id)
    except MalformedItem as error:
        raise TitleNotFound(title_id) from error
    if title is None:
        raise TitleNotFound(title_id)
    catalogue().refresh_soon()
    return title, titles.list_episodes(title_id) if title.kind == "show" else ()


def get_programme(content_id: str) -> Programme:
    """What a bookmark's sort key stands for. Raises as `get_title` does."""
    programme = catalogue().index().programme(content_id)
    if programme is not None:
        return programme
    title_id, key = split_content_id(content_id)
    title, episodes = get_title(title_id)
    if key is None and title.kind != "show":
        return Programme(title=title)
    for episode in episodes:
        if episode.key == key:
            return Programme(title=title, episode=episode)
    raise TitleNotFound(content_id)
