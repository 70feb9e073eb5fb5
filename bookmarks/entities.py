"""Where a viewer is in what they watch."""

from dataclasses import dataclass

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
    was sent to, which is the replica that took it unless that region was away.
    """

    viewer_id: str
    content_id: str
    position_seconds: int
    duration_seconds: int | None = None
    updated_at_ms: int = 0
    region: str = ""
    finished: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Watching:
    """A programme and how far the viewer is in it."""

    programme: Programme
    bookmark: Bookmark | None = None

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


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """A title as its page shows it; `play` is what the button starts, None if there is nothing."""

    title: Title
    play: Watching | None
    seasons: tuple[Season, ...] = ()


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
