"""Going on where one left off."""

import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from itertools import groupby
from typing import Generic, TypeVar

from bookmarks.entities import (
    Bookmark,
    Season,
    Shown,
    Watching,
    is_finished,
    next_episode,
)
from bookmarks.repository import Bookmarks
from catalog.entities import Episode, Programme, Title, split_content_id
from catalog.index import Index
from gtsite.dynamodb.errors import NoRegionAvailable, RegionUnavailable, Throttled

logger = logging.getLogger(__name__)

Found = TypeVar("Found")


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading(Generic[Found]):
    """What was read, or what stands in for it; `paused` says that it does."""

    value: Found
    paused: bool = False


def unless_away(read: Callable[[], Found], *, otherwise: Found) -> Reading[Found]:
    """Reads positions for a page that is of use without them.

    When no region answers, or none has capacity, the page goes on with `otherwise` and says so.
    Everything else passes up.
    """
    try:
        return Reading(value=read())
    except (NoRegionAvailable, RegionUnavailable, Throttled) as error:
        logger.warning("positions are paused: %s", error)
        return Reading(value=otherwise, paused=True)


def continue_watching(*, bookmarks: Iterable[Bookmark], index: Index) -> tuple[Watching, ...]:
    """What to go on with, the latest first; each title once.

    Of a show, the episode watched last; the one after it when that was watched to its end.
    Positions in titles the catalogue does not have are passed over.
    """
    seen: set[str] = set()
    found: list[Watching] = []
    for bookmark in bookmarks:
        title_id, _ = split_content_id(bookmark.content_id)
        programme = index.programme(bookmark.content_id)
        if title_id in seen or programme is None:
            continue
        watching = _go_on(programme, bookmark, index.episodes(title_id))
        if watching is not None:
            found.append(watching)
            seen.add(title_id)
        elif bookmark.finished:
            seen.add(title_id)
    return tuple(found)


def _go_on(
    programme: Programme, bookmark: Bookmark, episodes: tuple[Episode, ...]
) -> Watching | None:
    if bookmark.finished:
        following = next_episode(programme, episodes)
        return None if following is None else Watching(programme=following)
    watching = Watching(programme=programme, bookmark=bookmark)
    return watching if watching.started else None


def show_movie(title: Title, bookmark: Bookmark | None) -> Shown:
    return Shown(title=title, play=Watching(programme=Programme(title=title), bookmark=bookmark))


def show_episodes(
    title: Title, episodes: Iterable[Episode], bookmarks: Iterable[Bookmark]
) -> Shown:
    """A show by seasons, each episode with the viewer's position, and which one to play."""
    by_id = {bookmark.content_id: bookmark for bookmark in bookmarks}
    watchings = [
        Watching(
            programme=Programme(title=title, episode=episode),
            bookmark=by_id.get(episode.content_id),
        )
        for episode in episodes
    ]
    seasons = tuple(
        Season(number=number, episodes=tuple(group))
        for number, group in groupby(watchings, key=_season)
    )
    return Shown(title=title, play=_up_next(watchings, by_id), seasons=seasons)


def _season(watching: Watching) -> int:
    episode = watching.programme.episode
    return 0 if episode is None else episode.season


def _up_next(watchings: list[Watching], by_id: Mapping[str, Bookmark]) -> Watching | None:
    """The episode watched last, the one after it if that is finished, else the first."""
    if not watchings:
        return None
    watched = [each for each in watchings if each.programme.content_id in by_id]
    if not watched:
        return watchings[0]
    last = max(watched, key=lambda each: by_id[each.programme.content_id].updated_at_ms)
    if not last.finished:
        return last
    place = watchings.index(last) + 1
    return watchings[place] if place < len(watchings) else watchings[0]


def save_position(
    *,
    bookmarks: Bookmarks,
    viewer_id: str,
    content_id: str,
    position_seconds: float,
    duration_seconds: float,
    sent_at_ms: int,
    now_ms: int,
    region: str,
) -> bool:
    """Keeps where the viewer is; False when something newer was there already.

    A clock that runs ahead must not lock out every later write: `sent_at_ms` counts as now at the
    latest. One that is behind is believed, and loses to what is newer.
    """
    position, duration = int(position_seconds), max(1, round(duration_seconds))
    return bookmarks.save(
        Bookmark(
            viewer_id=viewer_id,
            content_id=content_id,
            position_seconds=position,
            duration_seconds=duration,
            updated_at_ms=min(sent_at_ms, now_ms),
            region=region,
            finished=is_finished(position, duration),
        )
    )
