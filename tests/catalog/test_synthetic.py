"""Invented titles: the same each time, and like real ones to everything that reads them."""

from itertools import islice

from catalog.entities import Episode, Title
from catalog.repository import (
    episode_from_item,
    episode_to_item,
    title_from_item,
    title_to_item,
)
from catalog.synthetic import synthetic
from catalog.vocabulary import GENRES

COUNT = 400
ALL = list(synthetic(COUNT))
TITLES = [each for each in ALL if isinstance(each, Title)]
EPISODES = [each for each in ALL if isinstance(each, Episode)]


def test_the_same_number_and_seed_are_the_same_titles_and_more_only_adds() -> None:
    assert list(synthetic(COUNT)) == ALL
    assert list(islice(synthetic(10 * COUNT), len(ALL))) == ALL
    assert next(iter(synthetic(1, seed=1))) != ALL[0]


def test_one_in_twenty_is_a_show_with_episodes() -> None:
    shows = {title.id for title in TITLES if title.kind == "show"}
    assert len(TITLES) == COUNT
    assert len(shows) == COUNT // 20
    assert {episode.show_id for episode in EPISODES} == shows
    assert len({episode.content_id for episode in EPISODES}) == len(EPISODES)


def test_they_say_all_that_a_title_may_say() -> None:
    assert len({title.id for title in TITLES}) == COUNT
    for title in TITLES:
        assert title.id.startswith("syn-")
        assert set(title.genres) <= set(GENRES)
        assert title.cast
        assert title.director
        assert title.year
        assert title.synopsis.endswith(".")
        assert (title.runtime_seconds is None) == (title.kind == "show")
    assert len({title.title for title in TITLES}) > COUNT * 0.9


def test_they_come_back_from_their_stored_form_as_they_were() -> None:
    assert [title_from_item(title_to_item(each)) for each in TITLES] == TITLES
    assert [episode_from_item(episode_to_item(each)) for each in EPISODES] == EPISODES
