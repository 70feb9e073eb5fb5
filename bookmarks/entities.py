"""Where a viewer is in what they watch, and what they mean to watch."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from catalog.entities import Episode, Programme, Title

FINISHED_AT = 0.95
"""The share of a programme from which on it counts as watched: what is left is credits."""

JUST_BEGUN_SECONDS = 5
"""Less than this is a look, not something to continue."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bookmark:
    """One viewer's position in one programme.

    `updated_at_ms` is the moment the position was true, by the viewer's clock, never later than
    the server's; 0 for items written without one. `region` is the region of the site the position
    was sent to, which is the replica that took it unless that region was away. `hidden_at_ms` is
    when the viewer took it off Continue watching, 0 for never: it comes back with a newer position.
    `expires_at_seconds` is written and not read back: when nobody can ask for it any more.
    """

    viewer_id: str
    content_id: str
    position_seconds: int
    duration_seconds: int | None = None
    updated_at_ms: int = 0
    region: str = ""
    finished: bool = False
    hidden_at_ms: int = 0
    expires_at_seconds: int | None = None

    @property
    def hidden(self) -> bool:
        return 0 < self.hidden_at_ms >= self.updated_at_ms


@dataclass(frozen=True, slots=True, kw_only=True)
class ListEntry:
    """A title on one viewer's list: a movie, or a show as a whole. It expires as bookmarks do."""

    viewer_id: str
    title_id: str
    added_at_ms: int
    expires_at_seconds: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Positions:
    """Every position of one viewer, the newest first.

    `marker` is the stored item that ends sessions, as `gtsite.viewers.sessions` reads it.
    """

    bookmarks: tuple[Bookmark, ...] = ()
    marker: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Entries:
    """One viewer's list, the newest entry first; `cut` says that it is longer than is shown."""

    entries: tuple[ListEntry, ...] = ()
    cut: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """What is stored of one viewer about one title; `marker` as in `Positions`."""

    bookmarks: tuple[Bookmark, ...] = ()
    listed: bool = False
    marker: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Watching:
    """A programme and how far the viewer is in it.

    `after` is the finished position this programme comes next to, when that is why it is shown.
    """

    programme: Programme
    bookmark: Bookmark | None = None
    after: Bookmark | None = None

    @property
    def newest(self) -> Bookmark | None:
        """The position that stands for the title: what is hidden when the title is."""
        return self.bookmark or self.after

    @property
    def position_seconds(self) -> int:
        """Where to go on from: the beginning when it was watched to its end."""
        return 0 if self.bookmark is None or self.finished else self.bookmark.position_seconds

    @property
    def duration_seconds(self) -> int | None:
        """As the player measured it, else as the catalogue has it."""
        measured = self.bookmark.duration_seconds if self.bookmark else None
        return measured or self.programme.runtime_seconds

    @property
    def left_seconds(self) -> int | None:
        duration = self.duration_seconds
        return None if duration is None else max(0, duration - self.position_seconds)

    @property
    def percent(self) -> int:
        """How much has been watched, 0 to 100; 0 when the length is unknown."""
        if self.finished:
            return 100
        duration = self.duration_seconds
        return min(100, round(100 * self.position_seconds / duration)) if duration else 0

    @property
    def finished(self) -> bool:
        return self.bookmark is not None and self.bookmark.finished

    @property
    def started(self) -> bool:
        return self.position_seconds >= JUST_BEGUN_SECONDS


@dataclass(frozen=True, slots=True, kw_only=True)
class Season:
    """Episodes of one season, in order."""

    number: int
    episodes: tuple[Watching, ...]

    @property
    def watched(self) -> int:
        """How many of the episodes were watched to their end."""
        return sum(each.finished for each in self.episodes)


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """A title as its page shows it; `play` is what the button starts, None if there is nothing."""

    title: Title
    play: Watching | None
    seasons: tuple[Season, ...] = ()

    @property
    def episode_count(self) -> int:
        return sum(len(season.episodes) for season in self.seasons)

    def season(self, asked: str) -> Season | None:
        """The season of that number; else the one that is played next, else the first."""
        by_number = {str(season.number): season for season in self.seasons}
        episode = self.play.programme.episode if self.play else None
        following = str(episode.season) if episode else ""
        first = self.seasons[0] if self.seasons else None
        return by_number.get(asked) or by_number.get(following) or first


@dataclass(frozen=True, slots=True, kw_only=True)
class Suggested:
    """Titles like the one watched last."""

    because: Title
    titles: tuple[Title, ...]


def is_finished(position_seconds: int, duration_seconds: int) -> bool:
    return position_seconds >= FINISHED_AT * duration_seconds


def next_episode(programme: Programme, episodes: tuple[Episode, ...]) -> Programme | None:
    """The one after this, in the order of the show; None after the last, and for a movie."""
    keys = [episode.key for episode in episodes]
    if programme.episode is None or programme.episode.key not in keys:
        return None
    place = keys.index(programme.episode.key) + 1
    if place == len(keys):
        return None
    return Programme(title=programme.title, episode=episodes[place])
