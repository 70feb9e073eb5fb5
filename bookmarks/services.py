"""Going on where one left off, and keeping a list of what to watch."""

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Generic, TypeVar

from bookmarks.entities import (
    Bookmark,
    ListEntry,
    Season,
    Shown,
    Suggested,
    Watching,
    is_finished,
    next_episode,
)
from bookmarks.repository import Bookmarks, MyList
from catalog.entities import Episode, Programme, Title, split_content_id
from catalog.index import Index
from gtsite.dynamodb.errors import NoRegionAvailable, RegionUnavailable, Throttled
from gtsite.viewers.services import expires_at_seconds

logger = logging.getLogger(__name__)

Found = TypeVar("Found")

CONTINUED = 24
SUGGESTED = 12
LOOKED_THROUGH = 100
"""Titles begun already that may stand before one that is not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading(Generic[Found]):
    """What was read, or what stands in for it; `paused` says that it does."""

    value: Found
    paused: bool = False


def unless_away(read: Callable[[], Found], *, otherwise: Found) -> Reading[Found]:
    """Reads what is a viewer's own for a page that is of use without it.

    When no region answers, or none has capacity, the page goes on with `otherwise` and says so.
    Everything else passes up.
    """
    try:
        return Reading(value=read())
    except (NoRegionAvailable, RegionUnavailable, Throttled) as error:
        logger.warning("positions are paused: %s", error)
        return Reading(value=otherwise, paused=True)


def continue_watching(*, bookmarks: Iterable[Bookmark], index: Index) -> tuple[Watching, ...]:
    """What to go on with, in the order of the bookmarks, the latest first; each title once.

    Of a show, the episode watched last; the one after it when that was watched to its end.
    Positions in titles the catalogue does not have are passed over, and so is a title whose newest
    position was taken off. At most `CONTINUED` are shown: nobody goes on with more.
    """
    seen: set[str] = set()
    found: list[Watching] = []
    for bookmark in bookmarks:
        if len(found) == CONTINUED:
            break
        title_id, _ = split_content_id(bookmark.content_id)
        if title_id in seen or index.programme(bookmark.content_id) is None:
            continue
        watching = None if bookmark.hidden else going_on(bookmark, index)
        if watching is not None:
            found.append(watching)
        if watching is not None or bookmark.finished or bookmark.hidden:
            seen.add(title_id)
    return tuple(found)


def going_on(bookmark: Bookmark, index: Index) -> Watching | None:
    """What a position leads to: the rest of the programme, or the episode after its end."""
    programme = index.programme(bookmark.content_id)
    if programme is None:
        return None
    if bookmark.finished:
        following = next_episode(programme, index.episodes(programme.title.id))
        return None if following is None else Watching(programme=following, after=bookmark)
    watching = Watching(programme=programme, bookmark=bookmark)
    return watching if watching.started else None


def listed_titles(*, entries: Iterable[ListEntry], index: Index) -> Iterator[Title]:
    """The titles of a list, in its order; those the catalogue no longer has are passed over."""
    found = (index.find(entry.title_id) for entry in entries)
    return (title for title in found if title is not None)


def because_you_watched(*, bookmarks: Sequence[Bookmark], index: Index) -> Suggested | None:
    """Titles like the one watched last, without those begun already; None if there are none.

    What was taken off Continue watching is no reason to suggest more of it.
    """
    watched = (index.programme(each.content_id) for each in bookmarks if not each.hidden)
    last = next((programme for programme in watched if programme is not None), None)
    if last is None:
        return None
    begun = {split_content_id(bookmark.content_id)[0] for bookmark in bookmarks}
    alike = index.like(last.title, limit=SUGGESTED + min(len(begun), LOOKED_THROUGH))
    titles = tuple(title for title in alike if title.id not in begun)[:SUGGESTED]
    return Suggested(because=last.title, titles=titles) if titles else None


def show_movie(title: Title, bookmarks: Iterable[Bookmark]) -> Shown:
    bookmark = next((each for each in bookmarks if each.content_id == title.id), None)
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
            expires_at_seconds=expires_at_seconds(viewer_id, now_ms=now_ms),
        )
    )


def mark_watched(
    *,
    bookmarks: Bookmarks,
    viewer_id: str,
    programme: Programme,
    watched: bool,
    now_ms: int,
    region: str,
) -> None:
    """Puts the position at the end, or back to the beginning, as if it had been watched so."""
    runtime = programme.runtime_seconds
    bookmarks.save(
        Bookmark(
            viewer_id=viewer_id,
            content_id=programme.content_id,
            position_seconds=(runtime or 0) if watched else 0,
            duration_seconds=runtime,
            updated_at_ms=now_ms,
            region=region,
            finished=watched,
            expires_at_seconds=expires_at_seconds(viewer_id, now_ms=now_ms),
        )
    )


def keep_listed(
    *, my_list: MyList, viewer_id: str, title_id: str, listed: bool, now_ms: int
) -> None:
    """Puts a title on the list or takes it off: what is wanted is said, so twice does no harm."""
    if listed:
        expires = expires_at_seconds(viewer_id, now_ms=now_ms)
        my_list.add(
            ListEntry(
                viewer_id=viewer_id,
                title_id=title_id,
                added_at_ms=now_ms,
                expires_at_seconds=expires,
            )
        )
    else:
        my_list.remove(viewer_id, title_id)
