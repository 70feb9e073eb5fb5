"""Going on where one left off: which titles, in which order, at which second."""

from collections.abc import Iterator
from typing import Any

import pytest

from bookmarks.entities import Bookmark, Watching
from bookmarks.services import (
    Reading,
    continue_watching,
    save_position,
    show_episodes,
    show_movie,
    unless_away,
)
from catalog.entities import Episode, Library, Programme, Title
from catalog.index import Index
from gtsite.dynamodb.errors import NoRegionAvailable, TableMissing, Throttled

SINTEL = Title(id="sintel", title="Sintel", runtime_seconds=888)
SPRING = Title(id="spring", title="Spring", runtime_seconds=464)
PLAIN = Title(id="01", title="Sprite Fright")
SHOW = Title(id="caminandes", title="Caminandes", kind="show")
EPISODES = tuple(
    Episode(show_id="caminandes", key=f"S01E0{number}", title=f"Part {number}", runtime_seconds=100)
    for number in (1, 2, 3)
)
INDEX = Index(Library(titles=(SINTEL, SPRING, PLAIN, SHOW), episodes={"caminandes": EPISODES}))


def mark(content_id: str, position: int, at: int = 1, **more: Any) -> Bookmark:
    return Bookmark(
        viewer_id="anon-a",
        content_id=content_id,
        position_seconds=position,
        updated_at_ms=at,
        **more,
    )


def going_on(*bookmarks: Bookmark) -> list[tuple[str, int]]:
    found = continue_watching(bookmarks=bookmarks, index=INDEX)
    return [(each.programme.content_id, each.position_seconds) for each in found]


def test_what_was_begun_is_continued_in_the_order_given() -> None:
    assert going_on(mark("spring", 100), mark("sintel", 754)) == [("spring", 100), ("sintel", 754)]


def test_what_was_hardly_begun_or_watched_to_its_end_is_not() -> None:
    assert going_on(mark("sintel", 4), mark("spring", 460, finished=True)) == []


def test_titles_the_catalogue_does_not_have_are_passed_over() -> None:
    assert going_on(mark("AshlandValley", 30), mark("caminandes", 30), mark("sintel", 30)) == [
        ("sintel", 30)
    ]


def test_of_a_show_the_episode_watched_last_is_continued() -> None:
    assert going_on(mark("caminandes#S01E02", 40, at=3), mark("caminandes#S01E01", 90, at=2)) == [
        ("caminandes#S01E02", 40)
    ]


def test_after_a_finished_episode_comes_the_next_from_its_beginning() -> None:
    finished = mark("caminandes#S01E02", 100, at=3, finished=True)
    assert going_on(finished, mark("caminandes#S01E03", 50, at=1)) == [("caminandes#S01E03", 0)]


def test_after_the_last_episode_comes_nothing() -> None:
    finished = mark("caminandes#S01E03", 100, at=3, finished=True)
    assert going_on(finished, mark("caminandes#S01E01", 50, at=1)) == []


@pytest.mark.parametrize(
    ("bookmark", "percent", "left", "position"),
    [
        (mark("sintel", 444), 50, 444, 444),
        (mark("sintel", 444, duration_seconds=450), 99, 6, 444),
        (mark("sintel", 870, finished=True), 100, 888, 0),
        (mark("sintel", 9999), 100, 0, 9999),
    ],
)
def test_progress_is_told_by_the_measured_length_else_the_known_one(
    bookmark: Bookmark, percent: int, left: int, position: int
) -> None:
    watching = Watching(programme=Programme(title=SINTEL), bookmark=bookmark)
    assert (watching.percent, watching.left_seconds) == (percent, left)
    assert watching.position_seconds == position


def test_progress_in_a_title_of_unknown_length_is_only_a_position() -> None:
    watching = Watching(programme=Programme(title=PLAIN), bookmark=mark("01", 60))
    assert (watching.percent, watching.left_seconds, watching.started) == (0, None, True)


def test_a_movie_is_played_from_where_the_viewer_is() -> None:
    play = show_movie(SINTEL, mark("sintel", 754)).play
    assert play is not None
    assert play.position_seconds == 754


@pytest.mark.parametrize(
    ("bookmarks", "plays"),
    [
        ([], "S01E01"),
        ([mark("caminandes#S01E02", 10, at=5), mark("caminandes#S01E03", 10, at=4)], "S01E02"),
        ([mark("caminandes#S01E01", 100, finished=True)], "S01E02"),
        ([mark("caminandes#S01E03", 100, finished=True)], "S01E01"),
    ],
)
def test_a_show_is_played_from_the_episode_that_is_next(
    bookmarks: list[Bookmark], plays: str
) -> None:
    play = show_episodes(SHOW, EPISODES, bookmarks).play
    assert play is not None
    assert play.programme.episode is not None
    assert play.programme.episode.key == plays


def test_episodes_stand_in_their_seasons() -> None:
    later = Episode(show_id="caminandes", key="S02E01", title="Later")
    shown = show_episodes(SHOW, (*EPISODES, later), [])
    assert [(season.number, len(season.episodes)) for season in shown.seasons] == [(1, 3), (2, 1)]


def test_a_show_without_episodes_plays_nothing() -> None:
    assert show_episodes(SHOW, (), []).play is None


class Kept:
    """Stands in for the repository: remembers what was saved."""

    def __init__(self) -> None:
        self.saved: list[Bookmark] = []

    def save(self, bookmark: Bookmark) -> bool:
        self.saved.append(bookmark)
        return True


def saved(**changes: Any) -> Bookmark:
    kept = Kept()
    values: dict[str, Any] = {
        "bookmarks": kept,
        "viewer_id": "anon-a",
        "content_id": "sintel",
        "position_seconds": 754.9,
        "duration_seconds": 888.2,
        "sent_at_ms": 1_000,
        "now_ms": 2_000,
        "region": "us-west-2",
    }
    save_position(**(values | changes))
    return kept.saved[0]


def test_a_position_is_kept_in_whole_seconds() -> None:
    assert saved() == Bookmark(
        viewer_id="anon-a",
        content_id="sintel",
        position_seconds=754,
        duration_seconds=888,
        updated_at_ms=1_000,
        region="us-west-2",
        finished=False,
    )


def test_a_moment_in_the_future_counts_as_now() -> None:
    assert saved(sent_at_ms=9_999).updated_at_ms == 2_000


def test_a_moment_in_the_past_is_believed() -> None:
    assert saved(sent_at_ms=0).updated_at_ms == 0


@pytest.mark.parametrize(
    ("position", "finished"), [(0, False), (94, False), (95, True), (100, True)]
)
def test_from_95_percent_on_it_counts_as_finished(position: float, finished: bool) -> None:
    assert saved(position_seconds=position, duration_seconds=100).finished is finished


def away() -> Iterator[Exception]:
    yield NoRegionAvailable(["us-west-2"])
    yield Throttled("us-west-2")


@pytest.mark.parametrize("error", list(away()))
def test_a_page_goes_on_without_positions_when_no_region_answers(error: Exception) -> None:
    def read() -> tuple[Bookmark, ...]:
        raise error

    nothing: tuple[Bookmark, ...] = ()
    assert unless_away(read, otherwise=nothing) == Reading(value=(), paused=True)


def test_a_page_goes_on_with_positions_when_one_does() -> None:
    assert unless_away(lambda: 1, otherwise=0) == Reading(value=1, paused=False)


def test_other_trouble_passes_up() -> None:
    def read() -> None:
        raise TableMissing("global-serverless", "us-west-2")

    with pytest.raises(TableMissing):
        unless_away(read, otherwise=None)
