"""What search engines may look at, and where it is."""

from collections.abc import Iterable

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.cache import patch_cache_control
from django.views.decorators.http import require_safe

from catalog.services import catalogue

TITLES_A_PAGE = 5000
DAY_SECONDS = 86_400
OF_ONE_VIEWER = (
    "/api/", "/bookmarks/", "/continue/", "/lab/", "/list/", "/suggest/", "/theme/", "/viewers/",
    "/watch/", "/watched/",
)  # fmt: skip


@require_safe
def robots(request: HttpRequest) -> HttpResponse:
    """Pages that are the same for everybody are open; those of one viewer are not."""
    lines = ["User-agent: *", *(f"Disallow: {path}" for path in OF_ONE_VIEWER)]
    lines.append(f"Sitemap: {request.build_absolute_uri(reverse('catalog:sitemap'))}")
    return _kept(HttpResponse("\n".join(lines) + "\n", content_type="text/plain; charset=utf-8"))


@require_safe
def sitemap(request: HttpRequest) -> HttpResponse:
    """The list of lists: one for every few thousand titles."""
    pages = range(1, max(1, -(-catalogue().index().count // TITLES_A_PAGE)) + 1)
    addresses = (reverse("catalog:sitemap-page", args=[page]) for page in pages)
    return _xml(request, "catalog/sitemaps.xml", addresses)


@require_safe
def sitemap_page(request: HttpRequest, page: int) -> HttpResponse:
    """The pages of some titles; the first list has those of the site itself, too."""
    if page < 1:
        raise Http404
    ids = catalogue().index().ids(limit=TITLES_A_PAGE, offset=(page - 1) * TITLES_A_PAGE)
    addresses = [reverse("bookmarks:title", args=[title_id]) for title_id in ids]
    if page == 1:
        names = ("bookmarks:home", "catalog:browse", "catalog:credits")
        addresses = [*map(reverse, names), *addresses]
    if not addresses:
        raise Http404
    return _xml(request, "catalog/sitemap.xml", addresses)


def _xml(request: HttpRequest, template: str, paths: Iterable[str]) -> HttpResponse:
    addresses = [request.build_absolute_uri(path) for path in paths]
    kind = "application/xml; charset=utf-8"
    return _kept(render(request, template, {"addresses": addresses}, content_type=kind))


def _kept(response: HttpResponse) -> HttpResponse:
    patch_cache_control(response, public=True, max_age=DAY_SECONDS)
    return response
