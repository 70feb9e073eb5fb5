"""Home, one title, the player and the positions it keeps, Continue watching and My List.

Titles come from the index in memory. What is the viewer's own is read with one request a page, on
home with two at once; for a viewer this very request has made there is nothing to read.
"""

import time
from itertools import islice

from django import forms
from django.conf import settings
from django.http import Http404, HttpResponse, HttpResponseRedirect, JsonResponse
from django.urls import reverse
from django.utils.cache import patch_cache_control
from django.utils.http import urlencode
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from bookmarks.entities import Entries, Place, Positions, Shown, Watching, next_episode
from bookmarks.forms import ContinueForm, ListForm, PositionForm, WatchedForm
from bookmarks.repository import Bookmarks, MyList
from bookmarks.services import (
    Reading,
    because_you_watched,
    continue_watching,
    going_on,
    keep_listed,
    listed_titles,
    mark_watched,
    save_position,
    show_episodes,
    show_movie,
    unless_away,
)
from bookmarks.sharing import shared_programme, shared_title
from catalog.entities import Episode, Programme, Title, split_content_id
from catalog.errors import TitleNotFound
from catalog.services import catalogue, get_programme, get_title
from gtsite.dynamodb.connection import PAGE_PATIENCE_SECONDS, site_table
from gtsite.dynamodb.repository import Table
from gtsite.errors import Fault, error_page
from gtsite.http import HtmxHttpRequest, render_page, wants_fragment
from gtsite.viewers.entities import Viewer
from gtsite.viewers.errors import SessionEnded
from gtsite.viewers.services import current_viewer
from gtsite.viewers.sessions import check_marker, ensure_current

FORM_TYPES = ("application/x-www-form-urlencoded", "multipart/form-data")
ALIKE = 12
LISTED_ON_HOME = 20


@require_safe
def home(request: HtmxHttpRequest) -> HttpResponse:
    """What to go on with, what to watch next, then titles by genre."""
    viewer = current_viewer(request)
    index = catalogue().index()
    positions, entries = _read_home(viewer)
    bookmarks = positions.value.bookmarks
    listed = tuple(
        islice(listed_titles(entries=entries.value.entries, index=index), LISTED_ON_HOME)
    )
    watching = continue_watching(bookmarks=bookmarks, index=index)
    removed = index.programme(request.GET.get("removed", ""))
    context = {
        "featured": index.featured(day=int(time.time() // 86_400)),
        "watching": watching,
        "removed": removed if _is_hidden(positions.value, removed) else None,
        "listed": listed,
        "suggested": because_you_watched(bookmarks=bookmarks, index=index),
        "paused": positions.paused or entries.paused,
        "new": not (bookmarks or listed or positions.paused or entries.paused),
        "catalogue": index.version,
        "rows": index.rows,
    }
    return render_page(request, "bookmarks/home.html", context)


@require_safe
def title(request: HtmxHttpRequest, title_id: str) -> HttpResponse:
    """One title: what it is about, who made it, and where the viewer is in it.

    Of a show with several seasons one is shown at a time: `?season=2`, else the one to go on with.
    """
    viewer = current_viewer(request)
    found, episodes = _title_or_404(title_id)
    place = _read_place(viewer, found, episodes)
    shown = _shown(found, episodes, place.value)
    context = {
        "title": found,
        "shown": shown,
        "season": shown.season(request.GET.get("season", "")),
        "listed": place.value.listed,
        "paused": place.paused,
        "alike": catalogue().index().like(found, limit=ALIKE),
        "shared": shared_title(request, found, episodes),
    }
    return render_page(request, "bookmarks/title.html", context, fragment="episodes")


@require_safe
def watch(request: HtmxHttpRequest, content_id: str) -> HttpResponse:
    """The player, at the position the viewer left; `?from=start` begins anew."""
    viewer = current_viewer(request)
    title_id, key = split_content_id(content_id)
    found, episodes = _title_or_404(title_id)
    if found.kind == "show" and key is None:
        return _watch_show(viewer, found, episodes)
    programme = _programme_or_404(content_id)
    place = _read(viewer, [content_id])
    watching = Watching(programme=programme, bookmark=next(iter(place.value.bookmarks), None))
    from_start = request.GET.get("from") == "start"
    context = {
        "programme": programme,
        "watching": watching,
        "position": 0 if from_start else watching.position_seconds,
        "from_start": from_start,
        "paused": place.paused,
        "following": next_episode(programme, episodes),
        "remote_captions": any("//" in each.url for each in programme.captions),
        "shared": shared_programme(request, programme),
    }
    return render_page(request, "bookmarks/watch.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
def position(request: HtmxHttpRequest, content_id: str) -> HttpResponse:
    """The viewer's position in one programme: read it as JSON, or keep a new one."""
    viewer = current_viewer(request)
    answer = _save if request.method == "POST" else _load
    try:
        response = answer(request, viewer, get_programme(content_id))
    except TitleNotFound:
        response = JsonResponse({"error": "There is no such title."}, status=404)
    except SessionEnded:
        response = JsonResponse({"error": "The session is over: sign in again."}, status=403)
    patch_cache_control(response, no_store=True)
    return response


@require_POST
def watched(request: HtmxHttpRequest, content_id: str) -> HttpResponse:
    """Marks a programme as watched, or as not watched, and shows its title again."""
    viewer = current_viewer(request)
    programme = _programme_or_404(content_id)
    form = WatchedForm(request.POST)
    if not form.is_valid():
        return _refused(request, form)
    ensure_current(viewer)
    mark_watched(
        bookmarks=Bookmarks(site_table()),
        viewer_id=viewer.id,
        programme=programme,
        watched=form.cleaned_data["watched"],
        now_ms=_now_ms(),
        region=settings.GT_LOCAL_REGION,
    )
    episode = programme.episode
    asked = f"?season={episode.season}#{episode.key}" if episode else ""
    return HttpResponseRedirect(reverse("bookmarks:title", args=[programme.title.id]) + asked)


@require_POST
def continuing(request: HtmxHttpRequest, content_id: str) -> HttpResponse:
    """Takes a title off Continue watching, by its newest position, or puts it back."""
    viewer = current_viewer(request)
    programme = _programme_or_404(content_id)
    form = ContinueForm(request.POST)
    if not form.is_valid():
        return _refused(request, form)
    ensure_current(viewer)
    shown, bookmarks = form.cleaned_data["shown"], Bookmarks(site_table())
    if shown:
        bookmark = bookmarks.show(viewer.id, content_id)
    else:
        bookmark = bookmarks.hide(viewer.id, content_id, at_ms=_now_ms())
    if not wants_fragment(request):
        query = "" if shown else "?" + urlencode({"removed": content_id})
        return HttpResponseRedirect(reverse("bookmarks:home") + query)
    each = going_on(bookmark, catalogue().index()) if bookmark and shown else None
    context = {"programme": programme, "each": each, "swapped": True}
    return render_page(request, "bookmarks/_going.html", context)


@require_safe
def my_list(request: HtmxHttpRequest) -> HttpResponse:
    """Everything the viewer means to watch, the newest first."""
    viewer = current_viewer(request)
    index = catalogue().index()
    reading = _read_list(viewer)
    context = {
        "titles": list(listed_titles(entries=reading.value.entries, index=index)),
        "cut": reading.value.cut,
        "paused": reading.paused,
    }
    return render_page(request, "bookmarks/list.html", context)


@require_POST
def list_entry(request: HtmxHttpRequest, title_id: str) -> HttpResponse:
    """Puts a title on My List, or takes it off; htmx gets what stood in its place."""
    viewer = current_viewer(request)
    found, _ = _title_or_404(title_id)
    form = ListForm(request.POST)
    if not form.is_valid():
        return _refused(request, form)
    ensure_current(viewer)
    listed, on_list = form.cleaned_data["listed"], form.cleaned_data["place"] == "list"
    keep_listed(
        my_list=MyList(site_table()),
        viewer_id=viewer.id,
        title_id=title_id,
        listed=listed,
        now_ms=_now_ms(),
    )
    if not wants_fragment(request):
        address = ("bookmarks:list", []) if on_list else ("bookmarks:title", [title_id])
        return HttpResponseRedirect(reverse(address[0], args=address[1]))
    context = {"title": found, "listed": listed, "swapped": True}
    page = "bookmarks/_list_card.html" if on_list else "bookmarks/_listed.html"
    return render_page(request, page, context)


def _is_hidden(positions: Positions, programme: Programme | None) -> bool:
    """Whether the viewer has taken that programme off Continue watching."""
    wanted = programme.content_id if programme else None
    return any(each.hidden and each.content_id == wanted for each in positions.bookmarks)


def _load(_request: HtmxHttpRequest, viewer: Viewer, programme: Programme) -> HttpResponse:
    place = Place()
    if not viewer.fresh:
        place = Bookmarks(_page_table()).find_place(viewer.id, [programme.content_id])
        check_marker(viewer, place.marker)
    bookmark = next(iter(place.bookmarks), None)
    return JsonResponse(
        {
            "position": bookmark.position_seconds if bookmark else 0,
            "duration": bookmark.duration_seconds if bookmark else programme.runtime_seconds,
            "updated_at": bookmark.updated_at_ms if bookmark else 0,
            "region": bookmark.region if bookmark else "",
        }
    )


def _save(request: HtmxHttpRequest, viewer: Viewer, programme: Programme) -> HttpResponse:
    """204 also when something newer is there already: a beacon that comes late is no error."""
    if request.content_type not in FORM_TYPES:
        return JsonResponse({"error": "Send a form: position, duration, sent_at."}, status=415)
    form = PositionForm(request.POST, runtime_seconds=programme.runtime_seconds)
    if not form.is_valid():
        fields = {name: list(map(str, errors)) for name, errors in form.errors.items()}
        return JsonResponse({"error": _sentence(form), "fields": fields}, status=422)
    ensure_current(viewer)
    save_position(
        bookmarks=Bookmarks(site_table()),
        viewer_id=viewer.id,
        content_id=programme.content_id,
        position_seconds=form.cleaned_data["position"],
        duration_seconds=form.cleaned_data["duration"],
        sent_at_ms=form.cleaned_data["sent_at"],
        now_ms=_now_ms(),
        region=settings.GT_LOCAL_REGION,
    )
    return HttpResponse(status=204)


def _watch_show(viewer: Viewer, show: Title, episodes: tuple[Episode, ...]) -> HttpResponse:
    """A show as a whole is not played: on to the episode that is next for this viewer."""
    play = _shown(show, episodes, _read_place(viewer, show, episodes).value).play
    if play is None:
        return HttpResponseRedirect(reverse("bookmarks:title", args=[show.id]))
    return HttpResponseRedirect(reverse("bookmarks:watch", args=[play.programme.content_id]))


def _read_home(viewer: Viewer) -> tuple[Reading[Positions], Reading[Entries]]:
    """Two requests at once. Raises `SessionEnded`."""
    if viewer.fresh:
        return Reading(value=Positions()), Reading(value=Entries())
    table = site_table()
    positions, entries = table.both(
        lambda: unless_away(lambda: Bookmarks(table).list_newest(viewer.id), otherwise=Positions()),
        lambda: unless_away(lambda: MyList(table).list_newest(viewer.id), otherwise=Entries()),
    )
    if not positions.paused:
        check_marker(viewer, positions.value.marker)
    return positions, entries


def _read_list(viewer: Viewer) -> Reading[Entries]:
    """One request, and within a minute of another page no more. Raises `SessionEnded`."""
    if viewer.fresh:
        return Reading(value=Entries())

    def read() -> Entries:
        ensure_current(viewer)
        return MyList(site_table()).list_newest(viewer.id)

    return unless_away(read, otherwise=Entries())


def _read_place(viewer: Viewer, found: Title, episodes: tuple[Episode, ...]) -> Reading[Place]:
    """The positions in a movie, or in every episode of a show, and whether it is listed."""
    shows = found.kind == "show"
    content_ids = [each.content_id for each in episodes] if shows else [found.id]
    return _read(viewer, content_ids, title_id=found.id)


def _read(viewer: Viewer, content_ids: list[str], *, title_id: str | None = None) -> Reading[Place]:
    """As `Bookmarks.find_place` counts its requests. Raises `SessionEnded`."""
    if viewer.fresh:
        return Reading(value=Place())
    bookmarks = Bookmarks(_page_table())
    place = unless_away(
        lambda: bookmarks.find_place(viewer.id, content_ids, title_id=title_id), otherwise=Place()
    )
    if not place.paused:
        check_marker(viewer, place.value.marker)
    return place


def _shown(found: Title, episodes: tuple[Episode, ...], place: Place) -> Shown:
    if found.kind == "show":
        return show_episodes(found, episodes, place.bookmarks)
    return show_movie(found, place.bookmarks)


def _title_or_404(title_id: str) -> tuple[Title, tuple[Episode, ...]]:
    try:
        return get_title(title_id)
    except TitleNotFound as error:
        raise Http404 from error


def _programme_or_404(content_id: str) -> Programme:
    try:
        return get_programme(content_id)
    except TitleNotFound as error:
        raise Http404 from error


def _refused(request: HtmxHttpRequest, form: forms.Form) -> HttpResponse:
    fault = Fault(status=422, heading="That was not understood", sentence=_sentence(form))
    return error_page(request, fault)


def _sentence(form: forms.Form) -> str:
    return " ".join(str(error) for errors in form.errors.values() for error in errors)


def _page_table() -> Table:
    return site_table(patience_seconds=PAGE_PATIENCE_SECONDS)


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
