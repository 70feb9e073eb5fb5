"""What wraps every view for the viewer's sake: a merge made up for, and sessions that ended."""

import logging
import time
from collections.abc import Callable

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.http.response import HttpResponseBase
from django.utils.cache import patch_cache_control

from gtsite.viewers import services
from gtsite.viewers.errors import SessionEnded
from gtsite.viewers.redirects import SAFE, is_htmx, is_page_request, to_sign_in

ENDED = "You have been signed out: everywhere at once, or by a change of password."

logger = logging.getLogger(__name__)


def now_seconds() -> int:
    """Since 1970."""
    return int(time.time())


class Viewers:
    """Stands inside the sessions and messages, and outside the views."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if request.method == "GET" and is_page_request(request):
            try:
                services.merge_pending(request.session, now_seconds=now_seconds())
            except SessionEnded:
                return session_ended(request)
        response = self._get_response(request)
        if response.headers.get("Content-Type", "").startswith("text/html"):
            _keep_from_others(request, response)
        return response

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        return session_ended(request) if isinstance(error, SessionEnded) else None


def _keep_from_others(request: HttpRequest, response: HttpResponseBase) -> None:
    """A signed-in viewer's page is kept nowhere: after signing out, Back must not show it."""
    viewer = services.known_viewer(request)
    if viewer is not None and viewer.signed_in:
        patch_cache_control(response, no_store=True)


def session_ended(request: HttpRequest) -> HttpResponse:
    """The session is emptied. A page comes again, for somebody anonymous; a form leads to sign-in.

    A script learns it by the status: it must not take the page it would be led to for an answer.
    """
    services.end_session(request)
    safe, htmx = request.method in SAFE, is_htmx(request)
    if not (safe or htmx or is_page_request(request)):
        return JsonResponse({"error": "The session has ended: sign in again."}, status=403)
    messages.warning(request, ENDED)
    if not safe:
        return to_sign_in(request)
    if htmx:
        return HttpResponse(headers={"HX-Refresh": "true"})
    return HttpResponseRedirect(request.get_full_path())
