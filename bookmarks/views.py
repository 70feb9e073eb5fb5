"""Home, one title, the player, and the positions it keeps.

Each page reads the viewer's positions with one request; titles come from the index in memory.
"""

import hashlib
import time

from django.conf import settings
from django.http import Http404, HttpResponse, HttpResponseRedirect, JsonResponse
from django.urls import reverse
from django.utils.cache import patch_cache_control
from django.views.decorators.http import require_http_methods, require_safe

from bookmarks.entities import Bookmark, Shown, Watching, next_episode
from bookmarks.forms import PositionForm
from bookmarks.repository import Bookmarks
from bookmarks.services import (
    Reading,
    continue_watching,
    save_position,
    show_episodes,
    show_movie,
    unless_away,
)
from catalog.entities import Episode, Programme, Title, split_content_id
from catalog.errors import TitleNotFound
from catalog.services import catalogue, get_programme, get_title
from gtsite.dynamodb.connection import site_table
from gtsite.http import HtmxHttpRequest, render_page
from gtsite.viewers.entities import Viewer
from gtsite.viewers.services import current_viewer

NONE: tuple[Bookmark, ...] = ()
FORM_TYPES = ("application/x-www-form-urlencoded", "multipart/form-data")


@require_safe
def home(request: HtmxHttpRequest) -> HttpResponse:
    """What to go on with, then titles by genre."""
    viewer = current_viewer(request)
    index = catalogue().index()
    positions = unless_away(lambda: _bookmarks().list_newest(viewer.id), otherwise=NONE)
    context = {
        "viewer_key": viewer_key(viewer),
        "featured": index.featured(day=int(time.time() // 86_400)),
        "watching": continue_watching(bookmarks=positions.value, index=index),
        "paused": positions.paused,
        "rows": index.rows,
    }
    return render_page(request, "bookmarks/home.html", context)


@require_safe
def title(request: HtmxHttpRequest, title_id: str) -> HttpResponse:
    """One title: what it is about, who made it, and where the viewer is in it."""
    viewer = current_viewer(request)
    try:
        found, episodes = get_title(title_id)
    except TitleNotFound as error:
        raise Http404 from error
    shown = _shown(viewer, found, episodes)
    context = {
        "viewer_key": viewer_key(viewer),
        "title": found,
        "shown": shown.value,
        "paused": shown.paused,
    }
    return render_page(request, "bookmarks/title.html", context)


@require_safe
def watch(request: HtmxHttpRequest, content_id: str) -> HttpResponse:
    """The player, at the position the viewer left; `?from=start` begins anew."""
    viewer = current_viewer(request)
    title_id, key = split_content_id(content_id)
    try:
        found, episodes = get_title(title_id)
        if found.kind == "show" and key is None:
            return _watch_show(viewer, found, episodes)
        programme = get_programme(content_id)
    except TitleNotFound as error:
        raise Http404 from error
    reading = unless_away(lambda: _bookmarks().find(viewer.id, content_id), otherwise=None)
    watching = Watching(programme=programme, bookmark=reading.value)
    from_start = request.GET.get("from") == "start"
    context = {
        "viewer_key": viewer_key(viewer),
        "programme": programme,
        "watching": watching,
        "position": 0 if from_start else watching.position_seconds,
        "from_start": from_start,
        "paused": reading.paused,
        "following": next_episode(programme, episodes),
    }
    return render_page(request, "bookmarks/watch.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
def position(request: HtmxHttpRequest, content_id: str) -> HttpResponse:
    """The viewer's position in one programme: read it as JSON, or keep a new one."""
    viewer = current_viewer(request)
    try:
        programme = get_programme(content_id)
    except TitleNotFound:
        response: HttpResponse = JsonResponse({"error": "There is no such title."}, status=404)
    else:
        answer = _save if request.method == "POST" else _load
        response = answer(request, viewer, programme)
    patch_cache_control(response, no_store=True)
    return response


def viewer_key(viewer: Viewer) -> str:
    """Tells viewers of one browser apart in its storage, without giving the id to scripts."""
    return hashlib.blake2b(viewer.id.encode(), digest_size=6).hexdigest()


def _load(_request: HtmxHttpRequest, viewer: Viewer, programme: Programme) -> HttpResponse:
    bookmark = _bookmarks().find(viewer.id, programme.content_id)
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
        sentence = " ".join(error for errors in fields.values() for error in errors)
        return JsonResponse({"error": sentence, "fields": fields}, status=422)
    save_position(
        bookmarks=_bookmarks(),
        viewer_id=viewer.id,
        content_id=programme.content_id,
        position_seconds=form.cleaned_data["position"],
        duration_seconds=form.cleaned_data["duration"],
        sent_at_ms=form.cleaned_data["sent_at"],
        now_ms=time.time_ns() // 1_000_000,
        region=settings.GT_LOCAL_REGION,
    )
    return HttpResponse(status=204)


def _watch_show(viewer: Viewer, show: Title, episodes: tuple[Episode, ...]) -> HttpResponse:
    """A show as a whole is not played: on to the episode that is next for this viewer."""
    play = _shown(viewer, show, episodes).value.play
    if play is None:
        return HttpResponseRedirect(reverse("bookmarks:title", args=[show.id]))
    return HttpResponseRedirect(reverse("bookmarks:watch", args=[play.programme.content_id]))


def _shown(viewer: Viewer, found: Title, episodes: tuple[Episode, ...]) -> Reading[Shown]:
    bookmarks = _bookmarks()
    if found.kind == "movie":
        movie = unless_away(lambda: bookmarks.find(viewer.id, found.id), otherwise=None)
        return Reading(value=show_movie(found, movie.value), paused=movie.paused)
    positions = unless_away(lambda: bookmarks.list_episodes(viewer.id, found.id), otherwise=NONE)
    return Reading(value=show_episodes(found, episodes, positions.value), paused=positions.paused)


def _bookmarks() -> Bookmarks:
    return Bookmarks(site_table())
