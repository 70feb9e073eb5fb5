"""What every template may say about the site itself: where it runs, and who answered this page."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from django.conf import settings
from django.core.exceptions import DisallowedHost
from django.http import HttpRequest

from gtsite.dynamodb.connection import router
from gtsite.dynamodb.regions import Region, region
from gtsite.dynamodb.router import BreakerState, Call, Meter
from gtsite.theme import Theme, theme_of

LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
SECTIONS = {
    "bookmarks:home": "home",
    "catalog:browse": "browse",
    "bookmarks:list": "list",
    "status:status": "status",
}
APP_SECTIONS = {"lab": "lab", "viewers": "account"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """The site one region runs; `lab` is the lab's address, empty when it is off.

    `here` is the path to come back to after a form that stands on every page.
    """

    region: Region
    regions: tuple[Region, ...]
    sites: tuple["OtherSite", ...]
    section: str
    lab: str
    theme: Theme
    here: str

    @property
    def places(self) -> str:
        """`us-west-2=Oregon;eu-west-1=Ireland`: for scripts, which know regions by name only."""
        return ";".join(f"{each.name}={each.place}" for each in self.regions)


@dataclass(frozen=True, slots=True, kw_only=True)
class OtherSite:
    """The same page on the site of one region; `here` when it is this very site."""

    region: Region
    url: str
    here: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """Which region's DynamoDB answered a request so far: milliseconds over all calls, how many.

    `away` says that the local region could not, or would not have been asked; the lab asks others
    while it could.
    """

    local: Region
    answered: Region | None
    away: bool
    elapsed_ms: float
    calls: int

    @property
    def sentence(self) -> str:
        if self.calls == 0:
            return (
                f"Served by {self.local.place}, {self.local.name} · from memory, no DynamoDB call"
            )
        count = "1 call" if self.calls == 1 else f"{self.calls:,} calls"
        return f"{self._who} · DynamoDB {self.elapsed_ms:,.0f} ms · {count}"

    @property
    def _who(self) -> str:
        if self.answered is None:
            return f"Served by {self.local.place}: no region answers"
        if self.away:
            return f"Answered by {self.answered.place}: {self.local.place} is away"
        verb = "Served" if self.answered == self.local else "Answered"
        return f"{verb} by {self.answered.place}, {self.answered.name}"


def site(request: HttpRequest) -> dict[str, Any]:
    """The context processor: `site` and `served`."""
    local = region(settings.GT_LOCAL_REGION)
    return {
        "site": Site(
            region=local,
            regions=tuple(region(name) for name in settings.GT_REGIONS),
            sites=tuple(_other_sites(request, settings.SITE_URLS.items())),
            section=_section(request),
            lab="/lab/" if settings.LAB_ENABLED else "",
            theme=theme_of(request),
            here=_here(request),
        ),
        "served": served(getattr(request, "meter", None), local),
    }


def served(meter: Meter | None, local: Region) -> Served:
    """What the meter has seen up to now; nothing at all outside a metered request."""
    calls = meter.calls if meter else []
    answered = meter.served_region if meter else None
    return Served(
        local=local,
        answered=region(answered) if answered else None,
        away=answered != local.name and _is_away(local, calls),
        elapsed_ms=sum(call.elapsed_ms for call in calls),
        calls=len(calls),
    )


def _is_away(local: Region, calls: Iterable[Call]) -> bool:
    if any(call.region == local.name and not call.ok for call in calls):
        return True
    states = {state.region: state.breaker for state in router().states()}
    return states.get(local.name) is not BreakerState.CLOSED


def _section(request: HttpRequest) -> str:
    match = request.resolver_match
    if match is None:
        return ""
    by_app = (section for app, section in APP_SECTIONS.items() if app in match.app_names)
    return next(by_app, SECTIONS.get(match.view_name, ""))


def _here(request: HttpRequest) -> str:
    """The page this is; home where it cannot simply be asked for again."""
    return request.get_full_path() if request.method == "GET" else "/"


def _other_sites(request: HttpRequest, urls: Iterable[tuple[str, str]]) -> Iterable[OtherSite]:
    """The other sites at this very path, by the host name the viewer came with.

    Cookies do not tell ports apart but do tell `localhost` from `127.0.0.1`: a viewer who came
    by one of them stays there, and stays the same viewer.
    """
    path, host = _here(request), _host(request)
    for name, url in urls:
        parts = urlsplit(url)
        if host in LOOPBACK and parts.hostname in LOOPBACK:
            shown = f"[{host}]" if ":" in host else host
            parts = parts._replace(netloc=f"{shown}:{parts.port}")
        address = urlunsplit(parts._replace(path="")).rstrip("/") + path
        yield OtherSite(region=region(name), url=address, here=name == settings.GT_LOCAL_REGION)


def _host(request: HttpRequest) -> str:
    """The host name asked for; empty when it is one this site does not answer for."""
    try:
        return urlsplit(f"//{request.get_host()}").hostname or ""
    except DisallowedHost:
        return ""
