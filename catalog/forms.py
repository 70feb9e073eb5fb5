"""What visitors may ask of the catalogue, bounded."""

import re
from typing import Any, cast

from django import forms

from catalog.entities import Kind
from catalog.index import LENGTHS, Filters, Index, Sort

TEXT_LENGTH = 100
YEAR = re.compile(r"[0-9]{4}")
KINDS = [("", "Everything"), ("movie", "Films"), ("show", "Shows")]
LENGTH_CHOICES = [
    ("", "Any"),
    *((str(each), f"Under {each} min" if each < 120 else "Under 2 hours") for each in LENGTHS),
]
SORTS = [
    ("", "Best"),
    ("added", "Recently added"),
    ("newest", "Newest"),
    ("oldest", "Oldest"),
    ("title", "A to Z"),
    ("shortest", "Shortest"),
    ("popular", "Most watched"),
]


class SearchForm(forms.Form):
    """The query string of the suggestions: what has been typed so far."""

    q = forms.CharField(
        label="Search",
        required=False,
        max_length=TEXT_LENGTH,
        error_messages={
            "max_length": f"Search for at most {TEXT_LENGTH} characters; that was %(show_value)d."
        },
    )


class BrowseForm(SearchForm):
    """The query string of the browse page.

    Genres and decades are those the catalogue has; `year` is a decade (`1920s`) or one year, and
    `length` the minutes below which a title is to be.
    """

    kind = forms.ChoiceField(
        label="Kind",
        required=False,
        choices=KINDS,
        error_messages={"invalid_choice": "There are films and shows, nothing of that kind."},
    )
    genre = forms.ChoiceField(
        label="Genre",
        required=False,
        error_messages={"invalid_choice": "There is no such genre here."},
    )
    year = forms.ChoiceField(
        label="Decade",
        required=False,
        error_messages={"invalid_choice": "Write a year such as 1926, or a decade such as 1920s."},
    )
    length = forms.ChoiceField(
        label="Length",
        required=False,
        choices=LENGTH_CHOICES,
        error_messages={"invalid_choice": "Lengths are under 30, 60 or 120 minutes."},
    )
    sort = forms.ChoiceField(
        label="Order",
        required=False,
        choices=SORTS,
        error_messages={"invalid_choice": "Titles cannot be put in that order."},
    )

    def __init__(self, data: Any, *, index: Index) -> None:
        super().__init__(data)
        self._genres = {each.value: each.label for each in index.genres}
        asked = str(data.get("year", ""))
        year = [(asked, asked)] if YEAR.fullmatch(asked) else []
        genres = [(each.value, f"{each.label} ({each.count:,})") for each in index.genres]
        decades = [(each.value, f"{each.label} ({each.count:,})") for each in index.decades]
        self._choose("genre", [("", "Any"), *genres])
        self._choose("year", [("", "Any"), *year, *decades])

    @property
    def selects(self) -> list[forms.BoundField]:
        return [self["genre"], self["year"], self["length"], self["sort"]]

    @property
    def narrowed(self) -> bool:
        """One of the selects was asked for something, understood or not."""
        return any(field.value() for field in self.selects)

    def filters(self) -> Filters:
        """Only after `is_valid()`."""
        asked = self.cleaned_data
        year = asked["year"]
        return Filters(
            text=asked["q"],
            kind=cast("Kind | None", asked["kind"] or None),
            genre=asked["genre"],
            year=int(year) if YEAR.fullmatch(year) else None,
            decade=int(year[:-1]) if year.endswith("s") else None,
            under_minutes=int(asked["length"]) if asked["length"] else None,
            sort=cast("Sort | None", asked["sort"] or None),
        )

    def query(self) -> dict[str, str]:
        """What was asked, without what was left open."""
        return {name: value for name, value in self.cleaned_data.items() if value}

    def labels(self) -> dict[str, str]:
        """What each filter that is set is called; only after `is_valid()`."""
        query = self.query()
        choices = {
            "kind": dict(KINDS),
            "genre": self._genres,
            "year": {query.get("year", ""): query.get("year", "")},
            "length": dict(LENGTH_CHOICES),
        }
        named = {name: known[query[name]] for name, known in choices.items() if name in query}
        return named | ({"q": f"“{query['q']}”"} if "q" in query else {})

    def _choose(self, name: str, choices: list[tuple[str, str]]) -> None:
        cast("forms.ChoiceField", self.fields[name]).choices = choices


class CreditsForm(forms.Form):
    """The query string of the credits: titles that begin with one letter, or all."""

    letter = forms.ChoiceField(
        required=False,
        error_messages={"invalid_choice": "No title here begins with that."},
    )

    def __init__(self, data: Any, *, index: Index) -> None:
        super().__init__(data)
        letters = [(each.value, each.label) for each in index.letters]
        cast("forms.ChoiceField", self.fields["letter"]).choices = [("", "All"), *letters]
