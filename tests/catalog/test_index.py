"""The catalogue in memory: look-ups, full-text search, filters, order, pages."""

import gc
import threading
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from catalog.database import Database, staged
from catalog.entities import Episode, Library, Title, Unreadable
from catalog.index import Filters, Index
from catalog.synthetic import synthetic

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
WHOLE = Index(LIBRARY)


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


@given(text=st.text(max_size=100))
@example(text="a\u19b0b")
@example(text="\U0001e900x \u0345 ﷺ İ ǅ")
def test_any_text_can_be_searched_for(text: str) -> None:
    for _ in range(2):
        results = WHOLE.search(Filters(text=text), limit=50)
        assert results.total == len(results.titles) <= len(LIBRARY.titles)
        text = WHOLE.did_you_mean(text)
    assert len(WHOLE.suggest(text, limit=9)) <= len(LIBRARY.titles)
    assert len(WHOLE.people(text, limit=9)) <= len(LIBRARY.titles)


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


def test_a_title_of_that_name_comes_first_then_whole_words_then_beginnings_then_people() -> None:
    titles = (
        Title(id="anywhere", title="Rain", synopsis="Somebody sings it.", popularity=99),
        Title(id="people", title="Rain, too", cast=("Itō Daisuke",), popularity=98),
        Title(id="begins", title="Italian Straw Hat", popularity=97),
        Title(id="whole", title="Some Like It", popularity=96),
        Title(id="named", title="It", popularity=1),
        Title(id="other", title="Nothing of the kind", popularity=100),
    )
    index = Index(Library(titles=titles))
    assert found(index, text="it") == ["named", "whole", "begins", "people", "anywhere"]
    assert [each.id for each in index.suggest("it", limit=9)] == found(index, text="it")[:-1]


def test_people_are_found_by_the_beginnings_of_their_names() -> None:
    one = Title(
        id="a", title="A", director="Clyde Bruckman and Buster Keaton", cast=("Buster Keaton",)
    )
    two = Title(id="b", title="B", cast=("Buster Keaton", "Sybil Seely"))
    index = Index(Library(titles=(one, two)))
    assert [(each.label, each.count) for each in index.people("keat bus", limit=3)] == [
        ("Buster Keaton", 2)
    ]
    assert index.people("nobody", limit=3) == index.people("?", limit=3) == ()


def test_length_and_letter_are_filters_and_what_came_last_an_order() -> None:
    dated = Title(id="new", title="The Zebra", added_at_ms=2, runtime_seconds=1800)
    older = Title(id="old", title="Zoo", added_at_ms=1, runtime_seconds=1799, popularity=9)
    index = Index(Library(titles=(dated, older, PLAIN)))
    assert found(index, under_minutes=30) == ["old"]
    assert found(index, under_minutes=60) == ["old", "new"]
    assert found(index, letter="z") == ["old", "new"]
    assert found(index, sort="added") == ["new", "old", "01"]
    assert [(each.value, each.count) for each in index.letters] == [("s", 1), ("z", 2)]


def test_misspelt_words_are_put_right_if_that_finds_something(index: Index) -> None:
    assert index.did_you_mean("bunyn") == "Bunny"
    assert index.did_you_mean("big bunyn") == "big Bunny"
    assert index.did_you_mean("meliess") == "Méliès"
    assert index.did_you_mean("bunny") == ""
    assert index.did_you_mean("bunyn voyage") == ""
    assert index.did_you_mean("xq") == index.did_you_mean("zzzzzzzz") == ""


def test_like_is_first_what_shares_people_and_genres_and_never_itself() -> None:
    asked = Title(id="a", title="A", genres=("drama", "comedy"), cast=("Pearl White",), year=1914)
    same = Title(id="same", title="B", genres=("drama",), cast=("Pearl White",), year=1930)
    near = Title(id="near", title="C", genres=("drama",), year=1916)
    both = Title(id="both", title="D", genres=("comedy", "drama"), year=1999, kind="show")
    far = Title(id="far", title="E", genres=("horror",), year=1960, popularity=99)
    index = Index(Library(titles=(far, near, both, same, asked)))
    assert [each.id for each in index.like(asked, limit=9)] == ["both", "same", "near", "far"]
    assert [each.id for each in index.like(asked, limit=1)] == ["both"]
    unknown = Title(id="new", title="New", genres=("horror",))
    assert index.like(unknown, limit=1) == (far,)


def test_rows_begin_with_what_came_last_and_what_is_short() -> None:
    titles = tuple(
        Title(id=str(n), title=str(n), genres=("drama",), added_at_ms=n, runtime_seconds=60 * n)
        for n in range(4)
    )
    rows = Index(Library(titles=titles)).rows
    assert [(row.label, row.query) for row in rows] == [
        ("Recently added", "sort=added"),
        ("Short on time", "length=30"),
        ("Drama", "genre=drama"),
    ]
    assert [title.id for title in rows[0].titles] == ["3", "2", "1", "0"]


def test_what_cannot_be_read_is_kept_as_sentences() -> None:
    index = Index([Unreadable(sentence="library / x: no title."), PLAIN])
    assert index.skipped == ("library / x: no title.",)
    assert index.count == 1


def test_nothing_is_left_on_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    database = staged(LIBRARY)
    assert list(tmp_path.iterdir()) == []
    index = Index(database)
    assert found(index, text="bunny") == ["big-buck-bunny"]
    assert list(tmp_path.iterdir()) == []


@pytest.fixture(scope="module")
def many() -> Index:
    return Index(synthetic(TestMany.COUNT))


class TestMany:
    """Three thousand titles: what a page costs must not grow with them."""

    COUNT = 3000

    def test_titles_become_objects_only_to_be_shown(self, many: Index) -> None:
        many.search(Filters(text="a"), limit=24)
        gc.collect()
        held = sum(type(each) is Title for each in gc.get_objects())
        assert held < self.COUNT / 3

    @pytest.mark.parametrize(
        "filters",
        [
            Filters(),
            Filters(text="a"),
            Filters(text="the l", sort="title"),
            Filters(text="s", kind="show", genre="drama", sort="newest"),
            Filters(kind="movie", genre="comedy", under_minutes=30, decade=1920),
        ],
    )
    def test_a_page_reads_its_own_titles_and_scans_no_table(
        self, many: Index, monkeypatch: pytest.MonkeyPatch, filters: Filters
    ) -> None:
        many.search(filters, limit=24)
        read: list[int] = []
        plans: list[str] = []
        rows = Database.rows

        def watched(
            self: Database, statement: str, values: object = ()
        ) -> list[tuple[object, ...]]:
            plan = rows(self, f"EXPLAIN QUERY PLAN {statement}", values)  # type: ignore[arg-type]
            plans.extend(str(step[3]) for step in plan)
            found = rows(self, statement, values)  # type: ignore[arg-type]
            read.append(len(found))
            return found

        monkeypatch.setattr(Database, "rows", watched)
        page = many.search(filters, limit=24, offset=24)
        assert sum(read) <= 24 + len(page.titles)
        assert not [plan for plan in plans if plan.startswith("SCAN")]

    def test_pages_to_the_end_have_every_title_once(self, many: Index) -> None:
        filters = Filters(text="t", sort="oldest")
        total = many.search(filters, limit=1).total
        pages = [many.search(filters, limit=500, offset=at).titles for at in range(0, total, 500)]
        ids = [title.id for page in pages for title in page]
        assert len(ids) == len(set(ids)) == total > 500
