"""What the browse page says of what was found: why each title, what can be taken off, a way on."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from urllib.parse import urlencode

from django.urls import reverse

from catalog.entities import Title
from catalog.index import Facet, Filters, Index
from catalog.words import Part, covers, marked, snippet, words_of

POPULAR_GENRES = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A title as search shows it: its name, and where else the words are, both marked."""

    title: Title
    name: tuple[Part, ...]
    where: str = ""
    text: tuple[Part, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """A link to other results; `count` is how many there are, None where it is not known."""

    label: str
    url: str
    count: int | None = None


def explained(titles: Iterable[Title], text: str, index: Index) -> tuple[Found, ...]:
    """Why each of the titles was found; nothing to say without a text."""
    words = words_of(text)
    return tuple(_explained(title, words, index) for title in titles)


def chips(query: Mapping[str, str], labels: Mapping[str, str]) -> tuple[Way, ...]:
    """One for each filter that is set, in words, with the address of the results without it."""
    return tuple(
        Way(label=labels[name], url=browse_url(_less(query, name)))
        for name in query
        if name in labels
    )


def ways_out(
    filters: Filters, query: Mapping[str, str], labels: Mapping[str, str], index: Index
) -> tuple[Way, ...]:
    """When nothing is found: what there would be with one filter less, the most first."""
    loose = {
        "q": replace(filters, text=""),
        "kind": replace(filters, kind=None),
        "genre": replace(filters, genre=""),
        "year": replace(filters, decade=None, year=None),
        "length": replace(filters, under_minutes=None),
    }
    found = [
        Way(
            label=f"Without {labels[name]}",
            url=browse_url(_less(query, name)),
            count=index.count_matches(loose[name]),
        )
        for name in loose
        if name in query and len(query) > 1
    ]
    return tuple(sorted((way for way in found if way.count), key=lambda way: -(way.count or 0)))


def popular_genres(index: Index) -> tuple[Facet, ...]:
    return tuple(sorted(index.genres, key=lambda each: -each.count)[:POPULAR_GENRES])


def browse_url(query: Mapping[str, str]) -> str:
    return reverse("catalog:browse") + (f"?{urlencode(query)}" if query else "")


def _less(query: Mapping[str, str], name: str) -> dict[str, str]:
    return {each: value for each, value in query.items() if each != name}


def _explained(title: Title, words: tuple[str, ...], index: Index) -> Found:
    found = Found(title=title, name=marked(title.title, words))
    if not words or covers(title.title, words):
        return found
    for where, text in _places(title, index):
        parts = snippet(text, words)
        if parts:
            return replace(found, where=where, text=parts)
    return found


def _places(title: Title, index: Index) -> Iterable[tuple[str, str]]:
    """Where words may be found besides the title, and what is written there."""
    yield "Directed by", title.director
    yield "With", ", ".join(title.cast)
    yield "", title.synopsis
    if title.kind == "show":
        yield "Episode", " · ".join(episode.title for episode in index.episodes(title.id))
    yield "", title.credit
