"""The stored form of titles and episodes, and what is made of items that are not whole."""

from decimal import Decimal
from typing import Any

import pytest

from catalog.entities import Captions, Episode, Title, Unreadable
from catalog.errors import MalformedItem
from catalog.repository import (
    Titles,
    episode_from_item,
    episode_to_item,
    title_from_item,
    title_to_item,
)
from gtsite.dynamodb.connection import site_table
from gtsite.dynamodb.router import meter
from tests.support.engines import ThreeRegions
from tests.support.site import HOME, put

SINTEL = Title(
    id="sintel",
    title="Sintel",
    kind="movie",
    year=2010,
    runtime_seconds=888,
    director="Colin Levy",
    cast=("Halina Reijn", "Thom Hoffman"),
    genres=("Fantasy", "Animation"),
    synopsis="A lone young woman looks for the dragon she once raised.",
    licence="CC BY 3.0",
    licence_url="https://creativecommons.org/licenses/by/3.0/",
    credit="© Blender Foundation",
    source_url="https://durian.blender.org/",
    popularity=95,
    added_at_ms=1_700_000_000_000,
    video="https://upload.wikimedia.org/sintel.webm",
    captions=(Captions(language="en", label="English", url="/assets/media/sintel.en.vtt"),),
)
STORED: dict[str, Any] = {
    "PK": "library",
    "SK": "sintel",
    "title": "Sintel",
    "kind": "movie",
    "year": 2010,
    "runtime": 888,
    "director": "Colin Levy",
    "cast": ["Halina Reijn", "Thom Hoffman"],
    "genres": ["Fantasy", "Animation"],
    "synopsis": "A lone young woman looks for the dragon she once raised.",
    "licence": "CC BY 3.0",
    "licence_url": "https://creativecommons.org/licenses/by/3.0/",
    "credit": "© Blender Foundation",
    "source_url": "https://durian.blender.org/",
    "popularity": 95,
    "added_at": 1_700_000_000_000,
    "video": "https://upload.wikimedia.org/sintel.webm",
    "captions": [{"language": "en", "label": "English", "url": "/assets/media/sintel.en.vtt"}],
}
EPISODE = Episode(show_id="caminandes", key="S01E02", title="Gran Dillama", runtime_seconds=146)
STORED_EPISODE: dict[str, Any] = {
    "PK": "show#caminandes",
    "SK": "S01E02",
    "title": "Gran Dillama",
    "runtime": 146,
}


def test_a_title_is_stored_like_this_and_comes_back_the_same() -> None:
    assert title_to_item(SINTEL) == STORED
    assert title_from_item(STORED) == SINTEL


def test_an_episode_is_stored_like_this_and_comes_back_the_same() -> None:
    assert episode_to_item(EPISODE) == STORED_EPISODE
    assert episode_from_item(STORED_EPISODE) == EPISODE
    assert (EPISODE.season, EPISODE.number) == (1, 2)


def test_an_item_with_no_more_than_the_workshops_attributes_is_a_movie() -> None:
    item = {
        "PK": "library",
        "SK": "01",
        "title": "Sprite Fright",
        "thumb": "https://img.youtube.com/vi/x/maxresdefault.jpg",
        "video": "https://upload.wikimedia.org/x.webm",
    }
    title = title_from_item(item)
    assert (title.id, title.title, title.kind, title.year) == ("01", "Sprite Fright", "movie", None)
    assert title.runtime_seconds is None
    assert title.genres == ()


def test_genres_may_be_a_set_and_numbers_may_have_fractions() -> None:
    item = STORED | {"genres": {"Fantasy", "Animation"}, "runtime": Decimal("888.9")}
    title = title_from_item(item)
    assert title.genres == ("Animation", "Fantasy")
    assert title.runtime_seconds == 888


@pytest.mark.parametrize("video", ["javascript:alert(1)", "data:text/html,x", "//x", "x.webm"])
def test_an_address_that_is_none_counts_as_none(video: str) -> None:
    assert title_from_item(STORED | {"video": video, "source_url": video}).video == ""
    assert title_from_item(STORED | {"video": video, "source_url": video}).source_url == ""


@pytest.mark.parametrize(
    "wrong",
    [
        {"title": ""},
        {"title": "  "},
        {"title": 7},
        {"title": None},
        {"SK": "a/b"},
        {"SK": "a#b"},
        {"SK": "é"},
        {"SK": ".."},
        {"SK": "x" * 65},
        {"kind": "opera"},
        {"year": "2010"},
        {"year": -1},
        {"runtime": True},
        {"genres": "Fantasy"},
        {"genres": [1]},
        {"synopsis": ["x"]},
        {"cast": "Halina Reijn"},
        {"captions": "x"},
        {"captions": ["x"]},
        {"captions": [{"language": "en", "label": "English"}]},
        {"captions": [{"language": "en", "label": 7, "url": "/x.vtt"}]},
    ],
)
def test_an_item_that_cannot_be_meant_is_refused_by_name(wrong: dict[str, Any]) -> None:
    with pytest.raises(MalformedItem, match=next(iter(wrong))):
        title_from_item(STORED | wrong)


@pytest.mark.parametrize("url", ["http://x/a", "//x/a.vtt", "/\\x/a", "javascript:x", "a.vtt"])
def test_captions_elsewhere_than_on_https_or_here_count_as_none(url: str) -> None:
    captions = [{"language": "en", "label": "English", "url": url}]
    assert title_from_item(STORED | {"captions": captions}).captions == ()
    assert episode_from_item(STORED_EPISODE | {"captions": captions}).captions == ()


def test_captions_without_a_language_tag_count_as_none() -> None:
    captions = [{"language": "English!", "label": "English", "url": "/x.vtt"}]
    assert title_from_item(STORED | {"captions": captions}).captions == ()


@pytest.mark.parametrize("key", ["", "S1E1", "S01E02x", "profile"])
def test_an_episode_key_of_another_shape_is_refused(key: str) -> None:
    with pytest.raises(MalformedItem):
        episode_from_item(STORED_EPISODE | {"SK": key})


class TestTheWholeLibrary:
    def test_titles_and_episodes_come_one_by_one_and_the_unreadable_are_told(
        self, site: ThreeRegions
    ) -> None:
        put(site, HOME, {"PK": "show#caminandes", "SK": "S01E04", "runtime": 1})
        entries = list(Titles(site_table()).iter_library())
        titles = {each.id for each in entries if isinstance(each, Title)}
        episodes = [each.key for each in entries if isinstance(each, Episode)]
        told = [each.sentence for each in entries if isinstance(each, Unreadable)]
        assert titles == {"sintel", "caminandes", "01", "quoted"}
        assert episodes == ["S01E01", "S01E02", "S01E03"]
        assert len(told) == 3
        assert any("show#caminandes / S01E04" in sentence for sentence in told)

    def test_it_costs_one_request_for_some_hundred_titles_and_one_for_each_show(
        self, site_regions: ThreeRegions
    ) -> None:
        items = (
            {"PK": "library", "SK": f"{n:03}", "title": "x", "kind": kind_of(n)} for n in range(60)
        )
        put(site_regions, HOME, *items)
        with meter() as calls:
            entries = list(Titles(site_table()).iter_library())
        assert len(entries) == 60
        assert len(calls.calls) == 1 + 30


def kind_of(number: int) -> str:
    return "show" if number % 2 else "movie"
