"""What the browse page accepts, and what it says of the rest."""

import pytest

from catalog.entities import Library, Title
from catalog.forms import BrowseForm
from catalog.index import Filters, Index

INDEX = Index(Library(titles=(Title(id="a", title="A", year=1926, genres=("Science fiction",)),)))


def test_everything_left_open_is_no_filter() -> None:
    form = BrowseForm({}, index=INDEX)
    assert form.is_valid()
    assert form.filters() == Filters()
    assert form.query() == {}


def test_what_was_asked_becomes_filters_and_the_address_of_the_next_page() -> None:
    asked = {
        "q": " lune ",
        "kind": "movie",
        "genre": "science-fiction",
        "year": "1920s",
        "sort": "oldest",
    }
    form = BrowseForm(asked, index=INDEX)
    assert form.is_valid()
    assert form.filters() == Filters(
        text="lune", kind="movie", genre="science-fiction", decade=1920, sort="oldest"
    )
    assert form.query() == asked | {"q": "lune"}


def test_one_year_is_understood_too() -> None:
    form = BrowseForm({"year": "1931"}, index=INDEX)
    assert form.is_valid()
    assert form.filters() == Filters(year=1931)


@pytest.mark.parametrize(
    ("asked", "sentence"),
    [
        ({"q": "x" * 101}, "Search for at most 100 characters; that was 101."),
        ({"q": "a\0b"}, "Null characters are not allowed."),
        ({"kind": "opera"}, "There are films and shows, nothing of that kind."),
        ({"genre": "western"}, "There is no such genre here."),
        ({"genre": "'; DROP TABLE titles"}, "There is no such genre here."),
        ({"year": "soon"}, "Write a year such as 1926, or a decade such as 1920s."),
        ({"year": "19_0"}, "Write a year such as 1926, or a decade such as 1920s."),
        ({"sort": "random"}, "Titles cannot be put in that order."),
    ],
)
def test_what_cannot_be_meant_is_refused_in_one_sentence(
    asked: dict[str, str], sentence: str
) -> None:
    form = BrowseForm(asked, index=INDEX)
    assert not form.is_valid()
    assert [error for errors in form.errors.values() for error in errors] == [sentence]


def test_a_hundred_characters_are_searched_for() -> None:
    assert BrowseForm({"q": "x" * 100}, index=INDEX).is_valid()
