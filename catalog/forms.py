"""What visitors may ask of the catalogue, bounded."""

import re
from typing import Any, cast

from django import forms

from catalog.entities import Kind
from catalog.index import Filters, Index, Sort

TEXT_LENGTH = 100
YEAR = re.compile(r"[0-9]{4}")
KINDS = [("", "Everything"), ("movie", "Films"), ("show", "Shows")]
SORTS = [
    ("", "Best"),
    ("newest", "Newest"),
    ("oldest", "Oldest"),
    ("title", "A to Z"),
    ("shortest", "Shortest"),
    ("popular", "Most watched"),
]


class BrowseForm(forms.Form):
    """The query string of the browse page.

    Genres and decades are those the catalogue has; `year` is a decade (`1920s`) or one year.
    """

    q = forms.CharField(
        label="Search",
        required=False,
        max_length=TEXT_LENGTH,
        error_messages={
            "max_length": f"Search for at most {TEXT_LENGTH} characters; that was %(show_value)d."
        },
    )
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
    sort = forms.ChoiceField(
        label="Order",
        required=False,
        choices=SORTS,
        error_messages={"invalid_choice": "Titles cannot be put in that order."},
    )

    def __init__(self, data: Any, *, index: Index) -> None:
        super().__init__(data)
        asked = str(data.get("year", ""))
        year = [(asked, asked)] if YEAR.fullmatch(asked) else []
        genres = [(genre.value, genre.label) for genre in index.genres]
        decades = [(decade.value, decade.label) for decade in index.decades]
        self._choose("genre", [("", "Any"), *genres])
        self._choose("year", [("", "Any"), *year, *decades])

    @property
    def selects(self) -> list[forms.BoundField]:
        return [self["genre"], self["year"], self["sort"]]

    def filters(self) -> Filters:
        """Only after `is_valid()`."""
        asked = self.cleaned_data
        year = asked["year"]
        return Filters(
            text=asked["q"],
            kind=cast("Kind | None", asked["kind"] or None),
            genre=asked["genre"],
            year=int(year) if YEAR.fullmatch(year) else None,
            decade=int(year[:4]) if year.endswith("s") else None,
            sort=cast("Sort | None", asked["sort"] or None),
        )

    def query(self) -> dict[str, str]:
        """What was asked, without what was left open."""
        return {name: value for name, value in self.cleaned_data.items() if value}

    def _choose(self, name: str, choices: list[tuple[str, str]]) -> None:
        cast("forms.ChoiceField", self.fields[name]).choices = choices
