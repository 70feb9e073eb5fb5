"""Browsing the catalogue. Nothing here asks DynamoDB once the index is there."""

import functools
from collections.abc import Callable
from urllib.parse import urlencode

from django.core import signing
from django.http import HttpResponse
from django.urls import reverse
from django.utils.cache import patch_cache_control
from django.views.decorators.http import require_safe

from catalog.entities import Title
from catalog.errors import TitleNotFound
from catalog.forms import BrowseForm, CreditsForm, SearchForm
from catalog.index import Filters, Index, Results
from catalog.pictures import picture_version
from catalog.posters import backdrop_svg, poster_svg
from catalog.results import browse_url, chips, explained, popular_genres, ways_out
from catalog.services import catalogue, get_title
from gtsite.errors import not_found
from gtsite.http import HtmxHttpRequest, render_page

PAGE_LENGTH = 24
CREDITS_LENGTH = 60
SUGGESTED_TITLES = 6
SUGGESTED_PEOPLE = 2
YEAR_SECONDS = 60 * 60 * 24 * 365
PICTURES_KEPT = 512
NOTHING_FROM_ANYWHERE = "default-src 'none'"
"""What a picture may load: shorter than a page's policy, and there are many on a page."""


@require_safe
def browse(request: HtmxHttpRequest) -> HttpResponse:
    """A grid of titles: filters, search, and one page after another."""
    index = catalogue().index()
    form = BrowseForm(request.GET, index=index)
    if not form.is_valid():
        refused = {"form": form}
        return render_page(request, "catalog/browse.html", refused, fragment="results", status=422)
    filters = form.filters()
    offset = _offset(request.GET.get("cursor", ""), filters)
    results = index.search(filters, limit=PAGE_LENGTH, offset=offset)
    context: dict[str, object] = {
        "form": form,
        "found": explained(results.titles, filters.text, index),
        "sentence": _count(results.total),
        "first": offset + 1,
        "all_url": browse_url(form.query()),
        "next_url": _next_url(form, filters, offset + PAGE_LENGTH, results.total),
        "chips": chips(form.query(), form.labels()),
        **({} if results.total else _help(form, filters, index)),
    }
    fragment = "cards" if offset else "results"
    response = render_page(request, "catalog/browse.html", context, fragment=fragment)
    return _begun_anew(request, response, offset, "#results")


@require_safe
def suggest(request: HtmxHttpRequest) -> HttpResponse:
    """Titles and people meant by what has been typed so far: a list box, or a page of links."""
    form = SearchForm(request.GET)
    if not form.is_valid():
        refused = {"form": form}
        return render_page(request, "catalog/suggest.html", refused, fragment="options", status=422)
    text, index = form.cleaned_data["q"], catalogue().index()
    context = {
        "form": form,
        "text": text,
        "found": explained(index.suggest(text, limit=SUGGESTED_TITLES), text, index),
        "people": index.people(text, limit=SUGGESTED_PEOPLE),
        "all_url": browse_url({"q": text} if text else {}),
    }
    return render_page(request, "catalog/suggest.html", context, fragment="options")


@require_safe
def credits_page(request: HtmxHttpRequest) -> HttpResponse:
    """Every title with its makers, its licence and where it is from, by the alphabet."""
    index = catalogue().index()
    form = CreditsForm(request.GET, index=index)
    if not form.is_valid():
        refused = {"form": form, "letters": index.letters}
        return render_page(request, "catalog/credits.html", refused, fragment="rows", status=422)
    filters = Filters(letter=form.cleaned_data["letter"], sort="title")
    offset = _offset(request.GET.get("cursor", ""), filters)
    results = index.search(filters, limit=CREDITS_LENGTH, offset=offset)
    context = {
        "form": form,
        "letter": filters.letter,
        "letters": index.letters,
        "results": results,
        "sentence": _count(results.total),
        "first": offset + 1,
        "next_url": _next_credits(filters, offset + CREDITS_LENGTH, results),
    }
    fragment = "more" if offset else "rows"
    response = render_page(request, "catalog/credits.html", context, fragment=fragment)
    return _begun_anew(request, response, offset, "#credits")


@require_safe
def poster(request: HtmxHttpRequest, title_id: str) -> HttpResponse:
    """Upright, two by three."""
    return _picture(request, title_id, _poster)


@require_safe
def backdrop(request: HtmxHttpRequest, title_id: str) -> HttpResponse:
    """Wide, without words."""
    return _picture(request, title_id, _backdrop)


def _picture(request: HtmxHttpRequest, title_id: str, draw: Callable[[Title], str]) -> HttpResponse:
    try:
        title, _ = get_title(title_id)
    except TitleNotFound:
        return not_found(request)
    response = HttpResponse(draw(title), content_type="image/svg+xml")
    response.headers["Content-Security-Policy"] = NOTHING_FROM_ANYWHERE
    if request.GET.get("v") == picture_version(title):
        patch_cache_control(response, public=True, max_age=YEAR_SECONDS, immutable=True)
    else:
        patch_cache_control(response, public=True, max_age=60)
    return response


@functools.lru_cache(maxsize=PICTURES_KEPT)
def _poster(title: Title) -> str:
    return poster_svg(content_id=title.id, title=title.title, kind=title.kind, year=title.year)


@functools.lru_cache(maxsize=PICTURES_KEPT)
def _backdrop(title: Title) -> str:
    return backdrop_svg(content_id=title.id, title=title.title, kind=title.kind, year=title.year)


def _help(form: BrowseForm, filters: Filters, index: Index) -> dict[str, object]:
    """What to try when nothing was found."""
    better = index.did_you_mean(filters.text)
    return {
        "better": better,
        "better_url": browse_url(form.query() | {"q": better}),
        "ways": ways_out(filters, form.query(), form.labels(), index),
        "genres": popular_genres(index),
    }


def _count(total: int) -> str:
    return "No titles." if total == 0 else "1 title." if total == 1 else f"{total:,} titles."


def _offset(cursor: str, filters: Filters) -> int:
    """Where the page begins; a cursor that is not ours, or for other filters, means the first."""
    try:
        offset = signing.loads(cursor, salt=_salt(filters))
    except signing.BadSignature:
        return 0
    return offset if isinstance(offset, int) else 0


def _begun_anew(
    request: HtmxHttpRequest, response: HttpResponse, offset: int, place: str
) -> HttpResponse:
    """A bad cursor brings the first page, which htmx must put in place of all there is."""
    if "cursor" in request.GET and not offset:
        response.headers["HX-Retarget"] = place
    return response


def _next_url(form: BrowseForm, filters: Filters, offset: int, total: int) -> str:
    """Empty on the last page."""
    if offset >= total:
        return ""
    return browse_url(form.query() | {"cursor": _cursor(offset, filters)})


def _next_credits(filters: Filters, offset: int, results: Results) -> str:
    """Empty on the last page."""
    if offset >= results.total:
        return ""
    query = {"letter": filters.letter, "cursor": _cursor(offset, filters)}
    given = {name: value for name, value in query.items() if value}
    return f"{reverse('catalog:credits')}?{urlencode(given)}"


def _cursor(offset: int, filters: Filters) -> str:
    return signing.dumps(offset, salt=_salt(filters))


def _salt(filters: Filters) -> str:
    return f"catalog.browse:{filters}"
