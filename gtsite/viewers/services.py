"""Which viewer a request comes from. The session is the only witness."""

import re
import secrets

from django.http import HttpRequest

from gtsite.viewers.entities import Viewer

SESSION_KEY = "viewer"
ANONYMOUS = re.compile(r"anon-[A-Za-z0-9_-]{22}")


def current_viewer(request: HttpRequest) -> Viewer:
    """The viewer of this session; an anonymous one is made at the first visit.

    Nothing is written to DynamoDB: the id lives in the signed cookie. An id of any other shape
    than the one made here (`library`, `user100`, `show#…`) is never taken from a session.
    """
    known = request.session.get(SESSION_KEY)
    if isinstance(known, str) and ANONYMOUS.fullmatch(known):
        return Viewer(id=known)
    viewer = Viewer(id=f"anon-{secrets.token_urlsafe(16)}")
    request.session[SESSION_KEY] = viewer.id
    return viewer
