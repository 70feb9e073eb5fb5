"""Which viewer a request comes from, and how a session begins and ends.

The session, a signed cookie, is the only witness. Nothing here but a merge asks DynamoDB. Nobody
can take a cookie back: a copy of one goes on after its browser has signed out, until it expires or
the viewer signs out everywhere.
"""

import logging
import re
import secrets

from django.conf import settings
from django.contrib.sessions.backends.base import SessionBase
from django.http import HttpRequest
from django.middleware.csrf import rotate_token

from gtsite.dynamodb.errors import DataError
from gtsite.viewers.entities import Viewer
from gtsite.viewers.sessions import SLACK_SECONDS, ensure_current
from gtsite.viewers.signals import signed_in

SESSION_KEY = "viewer"
NAME, SINCE, FORMER, MERGING = "name", "since", "former", "merging"
ANONYMOUS = re.compile(r"anon-[A-Za-z0-9_-]{22}")
SIGNED_UP = re.compile(r"viewer-[A-Za-z0-9_-]{22}")
AGAIN_SECONDS, SETTLED_SECONDS = 10, 60

logger = logging.getLogger(__name__)


def current_viewer(request: HttpRequest) -> Viewer:
    """The viewer of this session; an anonymous one is made at the first visit.

    An id of any other shape than those made here (`library`, `user100`, `show#…`) is never taken
    from a session.
    """
    known = known_viewer(request)
    if known is not None:
        return known
    viewer = Viewer(id=f"anon-{secrets.token_urlsafe(16)}", fresh=True)
    request.session[SESSION_KEY] = viewer.id
    request.fresh_viewer = viewer  # type: ignore[attr-defined]
    return viewer


def known_viewer(request: HttpRequest) -> Viewer | None:
    """The viewer of this session; None before `current_viewer` has made one."""
    session: SessionBase | None = getattr(request, "session", None)
    if session is None:
        return None
    viewer = _from_session(session)
    fresh: Viewer | None = getattr(request, "fresh_viewer", None)
    return fresh if fresh and viewer and fresh.id == viewer.id else viewer


def new_viewer_id() -> str:
    """For somebody who signs up: random, and told from an anonymous one by its shape."""
    return f"viewer-{secrets.token_urlsafe(16)}"


def expires_at_seconds(viewer_id: str, *, now_ms: int) -> int | None:
    """When (TTL) what an anonymous viewer keeps now may go: their cookie has expired by then.

    Anybody may become as many of them as they like. None for an account: what is in it stays.
    """
    if not ANONYMOUS.fullmatch(viewer_id):
        return None
    return now_ms // 1000 + settings.SESSION_COOKIE_AGE + SLACK_SECONDS


def begin_session(request: HttpRequest, viewer: Viewer, *, now_seconds: int) -> None:
    """Signs the viewer in: a session and a CSRF token that nobody can have known before.

    Whoever was anonymous until now is merged into this viewer; if that fails, on a later page.
    """
    before = known_viewer(request)
    session = request.session
    session.flush()
    session.update({SESSION_KEY: viewer.id, NAME: viewer.name, SINCE: viewer.since_ms})
    if before is not None and not before.signed_in:
        merging = [before.id, now_seconds, now_seconds]
        session.update({FORMER: [before.key], MERGING: merging})
    rotate_token(request)
    merge_pending(session, now_seconds=now_seconds)


def renew_session(request: HttpRequest, since_ms: int) -> None:
    """Keeps this session when all those before `since_ms` end."""
    request.session[SINCE] = since_ms


def end_session(request: HttpRequest) -> None:
    """Nothing of it is left; the next page that needs a viewer makes an anonymous one."""
    request.session.flush()
    rotate_token(request)


def merging_id(request: HttpRequest) -> str | None:
    """Who this viewer was before signing in, as long as that is not wholly merged."""
    merging = request.session.get(MERGING)
    return str(merging[0]) if merging else None


def merge_pending(session: SessionBase, *, now_seconds: int) -> None:
    """Merges what was kept before signing in, if that is due.

    At sign-in, ten seconds later, and a last time, settled, when a minute has passed: what was
    done in another region a moment before may arrive only now. The one place where a merge that
    fails is put off: it stays in the session, and is due again in ten seconds. Raises
    `SessionEnded`: nothing is added to what such a session led to, as it may be deleted.
    """
    viewer, merging = _from_session(session), session.get(MERGING)
    if viewer is None or merging is None:
        return
    anonymous_id, began, due = merging
    if now_seconds < due:
        return
    settled = now_seconds >= began + SETTLED_SECONDS
    following = began + (SETTLED_SECONDS if now_seconds > began else AGAIN_SECONDS)
    try:
        ensure_current(viewer)
        signed_in.send(
            sender=Viewer, anonymous_id=anonymous_id, viewer_id=viewer.id, settled=settled
        )
    except DataError as error:
        logger.warning("a merge waits: %s", error)
        session[MERGING] = [anonymous_id, began, now_seconds + AGAIN_SECONDS]
    else:
        session[MERGING] = None if settled else [anonymous_id, began, following]


def _from_session(session: SessionBase) -> Viewer | None:
    viewer_id, name, since = (session.get(key) for key in (SESSION_KEY, NAME, SINCE))
    if not isinstance(viewer_id, str):
        return None
    if ANONYMOUS.fullmatch(viewer_id):
        return Viewer(id=viewer_id)
    if not SIGNED_UP.fullmatch(viewer_id) or type(since) is not int:
        return None
    if not isinstance(name, str) or not name:
        return None
    return Viewer(id=viewer_id, name=name, since_ms=since)
