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
from catalog.forms import BrowseForm
from catalog.index import Filters
from catalog.pictures import picture_version
from catalog.posters import backdrop_svg, poster_svg
from catalog.services import catalogue, get_title
from gtsite.errors import not_found
from gtsite.http import HtmxHttpRequest, render_page

PAGE_LENGTH = 24
YEAR_SECONDS = 60 * 60 * 24 * 365
PICTURES_KEPT = 512


@require_safe
def browse(request: HtmxHttpRequest) -> HttpResponse:
    """A grid of titles: filters, search, and one page after another."""
    form = BrowseForm(request.GET, index=catalogue().index())
    if not form.is_valid():
        refused = {"form": form}
        return render_page(request, "catalog/browse.html", refused, fragment="results", status=422)
    filters = form.filters()
    offset = _offset(request.GET.get("cursor", ""), filters)
    results = catalogue().index().search(filters, limit=PAGE_LENGTH, offset=offset)
    context: dict[str, object] = {
        "form": form,
        "results": results,
        "sentence": _count(results.total),
        "first": offset + 1,
        "all_url": _browse_url(form.query()),
        "next_url": _next_url(form, filters, offset + PAGE_LENGTH, results.total),
    }
    fragment = "cards" if offset else "results"
    response = render_page(request, "catalog/browse.html", context, fragment=fragment)
    if "cursor" in request.GET and not offset:
        response.headers["HX-Retarget"] = "#results"
    return response


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


def _count(total: int) -> str:
    return "No titles." if total == 0 else "1 title." if total == 1 else f"{total} titles."


def _offset(cursor: str, filters: Filters) -> int:
    """Where the page begins; a cursor that is not ours, or for other filters, means the first."""
    try:
        offset = signing.loads(cursor, salt=_salt(filters))
    except signing.BadSignature:
        return 0
    return offset if isinstance(offset, int) else 0


def _next_url(form: BrowseForm, filters: Filters, offset: int, total: int) -> str:
    """Empty on the last page."""
    if offset >= total:
        return ""
    cursor = signing.dumps(offset, salt=_salt(filters))
    return _browse_url(form.query() | {"cursor": cursor})


def _browse_url(query: dict[str, str]) -> str:
    return reverse("catalog:browse") + (f"?{urlencode(query)}" if query else "")


def _salt(filters: Filters) -> str:
    return f"catalog.browse:{filters}"
