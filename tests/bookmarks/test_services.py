"""Going on where one left off: which titles, in which order, at which second."""

from collections.abc import Iterator
from typing import Any, cast

import pytest

from bookmarks.entities import Bookmark, ListEntry, Watching
from bookmarks.repository import Bookmarks
from bookmarks.services import (
    CONTINUED,
    Reading,
    because_you_watched,
    continue_watching,
    listed_titles,
    mark_watched,
    save_position,
    show_episodes,
    show_movie,
    unless_away,
)
from catalog.entities import Episode, Programme, Title
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
INDEX = Index((SINTEL, SPRING, PLAIN, SHOW, *EPISODES))


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


def test_what_stands_for_a_title_is_its_newest_position() -> None:
    finished = mark("caminandes#S01E02", 100, at=3, finished=True)
    (following,) = continue_watching(bookmarks=[finished], index=INDEX)
    assert (following.newest, following.bookmark) == (finished, None)
    (begun,) = continue_watching(bookmarks=[mark("sintel", 30)], index=INDEX)
    assert begun.newest == mark("sintel", 30)


def test_a_title_whose_newest_position_was_taken_off_is_not_continued() -> None:
    hidden = mark("caminandes#S01E02", 40, at=3, hidden_at_ms=4)
    assert going_on(hidden, mark("caminandes#S01E01", 90, at=2), mark("sintel", 30)) == [
        ("sintel", 30)
    ]
    finished = mark("caminandes#S01E02", 100, at=3, finished=True, hidden_at_ms=4)
    assert going_on(finished) == []


def test_it_is_continued_again_when_another_episode_was_watched_since() -> None:
    hidden = mark("caminandes#S01E02", 40, at=3, hidden_at_ms=4)
    assert going_on(mark("caminandes#S01E01", 90, at=5), hidden) == [("caminandes#S01E01", 90)]


def test_no_more_is_continued_than_fits_a_shelf() -> None:
    titles = tuple(Title(id=f"t{number}", title="T") for number in range(CONTINUED + 5))
    bookmarks = [mark(title.id, 30) for title in titles]
    assert len(continue_watching(bookmarks=bookmarks, index=Index(titles))) == CONTINUED


def test_a_list_is_shown_in_its_order_without_what_is_gone() -> None:
    entries = [
        ListEntry(viewer_id="anon-a", title_id=title_id, added_at_ms=1)
        for title_id in ("spring", "gone", "sintel")
    ]
    assert list(listed_titles(entries=entries, index=INDEX)) == [SPRING, SINTEL]


DRAMAS = tuple(
    Title(id=f"drama-{number}", title=f"Drama {number}", genres=("drama",), year=1920)
    for number in range(4)
)
COMEDY = Title(id="comedy", title="Comedy", genres=("comedy",), year=1980)
ALIKE = Index((*DRAMAS, COMEDY))


def suggested(*bookmarks: Bookmark) -> tuple[str, set[str]] | None:
    found = because_you_watched(bookmarks=bookmarks, index=ALIKE)
    return (found.because.id, {title.id for title in found.titles}) if found else None


def test_titles_like_the_last_one_are_suggested_without_those_begun() -> None:
    found = suggested(mark("drama-1", 500, finished=True), mark("drama-2", 5))
    assert found is not None
    because, titles = found
    assert because == "drama-1"
    assert {"drama-0", "drama-3"} <= titles
    assert not titles & {"drama-1", "drama-2"}


def test_what_was_taken_off_or_is_gone_is_no_reason_to_suggest_anything() -> None:
    hidden = mark("drama-1", 50, hidden_at_ms=9)
    assert suggested() is None
    assert suggested(hidden, mark("gone", 50)) is None
    found = suggested(hidden, mark("gone", 50), mark("drama-2", 50))
    assert found is not None
    assert found[0] == "drama-2"


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
    play = show_movie(SINTEL, [mark("sintel", 754)]).play
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


@pytest.mark.parametrize(("asked", "number"), [("2", 2), ("1", 1), ("", 2), ("9", 2), ("x", 2)])
def test_of_several_seasons_the_one_asked_for_is_shown_else_the_one_to_go_on_with(
    asked: str, number: int
) -> None:
    later = Episode(show_id="caminandes", key="S02E01", title="Later")
    bookmarks = [mark("caminandes#S01E03", 100, at=2, finished=True)]
    season = show_episodes(SHOW, (*EPISODES, later), bookmarks).season(asked)
    assert season is not None
    assert season.number == number


def test_a_season_counts_what_was_watched_to_its_end() -> None:
    bookmarks = [mark("caminandes#S01E03", 100, finished=True), mark("caminandes#S01E01", 9)]
    season = show_episodes(SHOW, EPISODES, bookmarks).season("1")
    assert season is not None
    assert season.watched == 1


def test_a_show_without_episodes_plays_nothing() -> None:
    shown = show_episodes(SHOW, (), [])
    assert (shown.play, shown.season("1")) == (None, None)


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


@pytest.mark.parametrize(("watched", "position"), [(True, 888), (False, 0)])
def test_marking_puts_the_position_at_the_end_or_at_the_beginning(
    watched: bool, position: int
) -> None:
    kept = Kept()
    mark_watched(
        bookmarks=cast("Bookmarks", kept),
        viewer_id="anon-a",
        programme=Programme(title=SINTEL),
        watched=watched,
        now_ms=7,
        region="us-west-2",
    )
    assert kept.saved == [
        mark("sintel", position, at=7, duration_seconds=888, region="us-west-2", finished=watched)
    ]


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
