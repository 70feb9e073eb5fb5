"""What a page says about itself to those who are sent its link: Open Graph and schema.org."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest
from django.templatetags.static import static
from django.urls import reverse

from catalog.entities import Episode, Programme, Title
from catalog.pictures import poster_url

CARD = "img/og-card.png"
"""1200 by 630: those who show links want a picture of that shape, and no SVG."""

Absolute = Callable[[str], str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Shared:
    """`url` is the page's one address, without a query, which needs no session; `kind` is Open
    Graph's; `data` is schema.org's, as JSON-LD has it."""

    name: str
    text: str
    url: str
    picture: str
    kind: str
    data: dict[str, Any]


def shared_title(request: HttpRequest, title: Title, episodes: tuple[Episode, ...]) -> Shared:
    """The page of a movie, or of a show."""
    absolute = request.build_absolute_uri
    is_show = title.kind == "show"
    return Shared(
        name=title.title,
        text=title.synopsis,
        url=absolute(_title_url(title)),
        picture=absolute(static(CARD)),
        kind="video.tv_show" if is_show else "video.movie",
        data=_show(title, episodes, absolute) if is_show else _movie(title, absolute),
    )


def shared_programme(request: HttpRequest, programme: Programme) -> Shared:
    """The page a programme is played on; a movie's one address is that of its title."""
    episode = programme.episode
    if episode is None:
        return shared_title(request, programme.title, ())
    absolute = request.build_absolute_uri
    data = _episode(episode, absolute) | {"partOfSeries": _part_of(programme.title, absolute)}
    return Shared(
        name=f"{programme.title.title}: {episode.title}",
        text=programme.synopsis or programme.title.synopsis,
        url=absolute(_watch_url(episode)),
        picture=absolute(static(CARD)),
        kind="video.episode",
        data=_in_context(data),
    )


def _movie(title: Title, absolute: Absolute) -> dict[str, Any]:
    return _in_context(
        {"@type": "Movie", **_about(title, absolute), "duration": _duration(title.runtime_seconds)}
    )


def _show(title: Title, episodes: tuple[Episode, ...], absolute: Absolute) -> dict[str, Any]:
    seasons = {episode.season for episode in episodes}
    return _in_context(
        {
            "@type": "TVSeries",
            **_about(title, absolute),
            "numberOfSeasons": len(seasons),
            "numberOfEpisodes": len(episodes),
        }
    )


def _about(title: Title, absolute: Absolute) -> dict[str, Any]:
    return {
        "name": title.title,
        "url": absolute(_title_url(title)),
        "image": absolute(poster_url(title)),
        "description": title.synopsis,
        "genre": list(title.genres),
        "datePublished": str(title.year or ""),
        "director": {"@type": "Person", "name": title.director} if title.director else None,
        "license": title.licence_url,
    }


def _episode(episode: Episode, absolute: Absolute) -> dict[str, Any]:
    return {
        "@type": "TVEpisode",
        "name": episode.title,
        "url": absolute(_watch_url(episode)),
        "description": episode.synopsis,
        "episodeNumber": episode.number,
        "datePublished": str(episode.year or ""),
        "duration": _duration(episode.runtime_seconds),
        "partOfSeason": {"@type": "TVSeason", "seasonNumber": episode.season},
    }


def _part_of(title: Title, absolute: Absolute) -> dict[str, Any]:
    return {"@type": "TVSeries", "name": title.title, "url": absolute(_title_url(title))}


def _in_context(data: dict[str, Any]) -> dict[str, Any]:
    """Without what is unknown."""
    known = {name: value for name, value in data.items() if value not in (None, "", [], 0)}
    return {"@context": "https://schema.org", **known}


def _duration(seconds: int | None) -> str:
    """ISO 8601: 888 → PT888S."""
    return f"PT{seconds}S" if seconds else ""


def _title_url(title: Title) -> str:
    return reverse("bookmarks:title", args=[title.id])


def _watch_url(episode: Episode) -> str:
    return reverse("bookmarks:watch", args=[episode.content_id])
