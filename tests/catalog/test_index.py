"""The catalogue in memory: look-ups, full-text search, filters, order, pages."""

import threading

import pytest

from catalog.entities import Episode, Library, Title
from catalog.index import Filters, Index, sort_title

BUNNY = Title(
    id="big-buck-bunny",
    title="Big Buck Bunny",
    year=2008,
    runtime_seconds=596,
    director="Sacha Goedegebure",
    genres=("Animation", "Comedy"),
    synopsis="A gentle giant rabbit runs out of patience.",
    popularity=90,
)
MOON = Title(
    id="le-voyage",
    title="Le Voyage dans la Lune",
    year=1902,
    runtime_seconds=780,
    director="Georges Méliès",
    genres=("Science fiction",),
    popularity=50,
)
GENERAL = Title(id="the-general", title="The General", year=1926, genres=("Comedy",), popularity=70)
SHOW = Title(
    id="caminandes",
    title="Caminandes",
    kind="show",
    year=2013,
    genres=("Animation", "Comedy"),
    popularity=60,
)
PLAIN = Title(id="01", title="Sprite Fright", video="https://upload.wikimedia.org/a.webm")
EPISODES = (
    Episode(show_id="caminandes", key="S01E01", title="Llama Drama", runtime_seconds=90),
    Episode(show_id="caminandes", key="S01E02", title="Gran Dillama", runtime_seconds=146),
)
LIBRARY = Library(titles=(BUNNY, MOON, GENERAL, SHOW, PLAIN), episodes={"caminandes": EPISODES})


@pytest.fixture
def index() -> Index:
    return Index(LIBRARY)


def found(index: Index, **filters: object) -> list[str]:
    return [title.id for title in index.search(Filters(**filters), limit=50).titles]  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "ids"),
    [
        ("bunny", ["big-buck-bunny"]),
        ("BUCK bun", ["big-buck-bunny"]),
        ("melies", ["le-voyage"]),
        ("Méliès", ["le-voyage"]),
        ("lun", ["le-voyage"]),
        ("dillama", ["caminandes"]),
        ("rabbit", ["big-buck-bunny"]),
        ("1926", ["the-general"]),
        ("bunny melies", []),
        ("nothing such", []),
    ],
)
def test_search_finds_words_by_their_beginnings_accents_aside(
    index: Index, text: str, ids: list[str]
) -> None:
    assert found(index, text=text) == ids


@pytest.mark.parametrize(
    "text",
    [
        '"',
        "'",
        "*",
        "bunny*",
        'bunny" OR "general',
        "NEAR(",
        "a AND",
        "title:bunny",
        "-",
        "ﬁ",
        "\\",
    ],
)
def test_search_takes_signs_of_the_query_language_as_text(index: Index, text: str) -> None:
    results = index.search(Filters(text=text), limit=50)
    assert results.total == len(results.titles) <= 1


def test_search_for_signs_only_finds_nothing(index: Index) -> None:
    assert index.search(Filters(text="?!"), limit=50).total == 0


def test_search_for_blanks_is_no_search(index: Index) -> None:
    assert index.search(Filters(text="  "), limit=50).total == 5


def test_a_word_in_the_title_weighs_more_than_one_in_the_synopsis() -> None:
    named = Title(id="a", title="Rabbit", popularity=1)
    index = Index(Library(titles=(BUNNY, named)))
    assert found(index, text="rabbit") == ["a", "big-buck-bunny"]


def test_filters_combine(index: Index) -> None:
    assert found(index, genre="comedy") == ["big-buck-bunny", "the-general", "caminandes"]
    assert found(index, genre="comedy", kind="movie") == ["big-buck-bunny", "the-general"]
    assert found(index, genre="comedy", kind="movie", decade=1920) == ["the-general"]
    assert found(index, genre="comedy", text="bunny") == ["big-buck-bunny"]
    assert found(index, genre="science-fiction") == ["le-voyage"]
    assert found(index, year=2008) == ["big-buck-bunny"]
    assert found(index, genre="western") == []


def test_order_is_by_popularity_unless_another_is_asked_for(index: Index) -> None:
    assert found(index) == ["big-buck-bunny", "the-general", "caminandes", "le-voyage", "01"]
    assert found(index, sort="title") == [
        "big-buck-bunny",
        "caminandes",
        "the-general",
        "le-voyage",
        "01",
    ]
    assert found(index, sort="newest")[0] == "caminandes"
    assert found(index, sort="oldest")[0] == "le-voyage"
    assert found(index, sort="newest")[-1] == found(index, sort="oldest")[-1] == "01"
    assert found(index, sort="shortest")[:2] == ["big-buck-bunny", "le-voyage"]


def test_pages_follow_each_other_and_know_the_total(index: Index) -> None:
    first = index.search(Filters(), limit=3)
    second = index.search(Filters(), limit=3, offset=3)
    assert first.total == second.total == 5
    assert [title.id for title in (*first.titles, *second.titles)] == found(index)


def test_facets_count_titles(index: Index) -> None:
    assert [(genre.label, genre.count) for genre in index.genres] == [
        ("Animation", 2),
        ("Comedy", 3),
        ("Science fiction", 1),
    ]
    assert [(each.value, each.count) for each in index.decades] == [
        ("2010s", 1),
        ("2000s", 1),
        ("1920s", 1),
        ("1900s", 1),
    ]


def test_rows_are_the_fuller_genres_and_then_what_is_left(index: Index) -> None:
    assert [(row.slug, row.label) for row in index.rows] == [
        ("comedy", "Comedy"),
        ("", "More to watch"),
    ]
    assert [title.id for title in index.rows[-1].titles] == ["le-voyage", "01"]


def test_featured_changes_from_day_to_day_and_always_has_a_synopsis(index: Index) -> None:
    assert index.featured(day=1) == index.featured(day=2) == BUNNY
    other = Title(id="x", title="X", synopsis="Yes.", popularity=1)
    two = Index(Library(titles=(BUNNY, other)))
    assert {two.featured(day=3), two.featured(day=4)} == {BUNNY, other}
    assert Index(Library(titles=(PLAIN,))).featured(day=1) is None


def test_programmes_are_movies_and_episodes_but_no_whole_shows(index: Index) -> None:
    movie = index.programme("big-buck-bunny")
    episode = index.programme("caminandes#S01E02")
    assert movie is not None
    assert movie.content_id == "big-buck-bunny"
    assert episode is not None
    assert (episode.content_id, episode.name) == ("caminandes#S01E02", "Gran Dillama")
    assert episode.runtime_seconds == 146
    assert index.programme("caminandes") is None
    assert index.programme("caminandes#S09E09") is None
    assert index.programme("big-buck-bunny#S01E01") is None
    assert index.programme("nowhere") is None


def test_version_is_of_the_contents_not_of_their_order() -> None:
    turned = Library(titles=LIBRARY.titles[::-1], episodes=LIBRARY.episodes)
    changed = Library(titles=LIBRARY.titles[:-1], episodes=LIBRARY.episodes)
    assert Index(LIBRARY).version == Index(turned).version != Index(changed).version


def test_several_threads_search_one_index(index: Index) -> None:
    wrong: list[list[str]] = []

    def search() -> None:
        for _ in range(50):
            ids = found(index, text="bunny")
            if ids != ["big-buck-bunny"]:
                wrong.append(ids)

    threads = [threading.Thread(target=search) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


@pytest.mark.parametrize(
    ("title", "sorted_as"),
    [("The General", "general"), ("Élan", "elan"), ("A Trip", "trip"), ("Another", "another")],
)
def test_titles_are_sorted_without_accents_and_articles(title: str, sorted_as: str) -> None:
    assert sort_title(title) == sorted_as
