"""Signing out everywhere: an item beside the viewer's own that ends every session before it.

A session is a signed cookie, which nobody can take back. So each viewer has at most one marker,
`#sessions` in their own partition: sessions older than its `valid_from` are over. A page that
reads the viewer's items has it for nothing; what only writes asks again after a minute at most.
Until the marker has reached a region, and for that minute, an older session still goes on there.

A session does not hold a hash of the password's hash, as is usual: a change of password moves
the marker, which ends the others just the same and is read where the profile is not.
"""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import Any

from django.conf import settings

from gtsite.dynamodb.conditions import Newer
from gtsite.dynamodb.connection import site_table
from gtsite.dynamodb.errors import ConditionFailed
from gtsite.dynamodb.repository import Table
from gtsite.viewers.entities import Viewer
from gtsite.viewers.errors import SessionEnded

SESSIONS_KEY = "#sessions"
VALID_FROM = "valid_from"
KNOWN_SECONDS = 60.0
KNOWN_VIEWERS = 20_000
SLACK_SECONDS = 24 * 60 * 60


class Markers:
    """What this process has seen of markers: the latest `valid_from` (ms) of each viewer.

    It never goes back: a replica that is behind has nothing new to say. Thread-safe, bounded.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._seen: OrderedDict[str, tuple[int, float]] = OrderedDict()

    def remember(self, viewer_id: str, valid_from_ms: int) -> int:
        """Notes what was just read, and returns the latest there is."""
        with self._lock:
            before, _ = self._seen.pop(viewer_id, (0, 0.0))
            latest = max(before, valid_from_ms)
            self._seen[viewer_id] = (latest, self._clock())
            while len(self._seen) > KNOWN_VIEWERS:
                self._seen.popitem(last=False)
        return latest

    def recent(self, viewer_id: str) -> int | None:
        """The latest there is, if it was read within the last minute."""
        with self._lock:
            latest, seen = self._seen.get(viewer_id, (0, float("-inf")))
        return latest if self._clock() - seen < KNOWN_SECONDS else None


markers = Markers()


def check_marker(viewer: Viewer, marker: Mapping[str, Any] | None) -> None:
    """Raises `SessionEnded` if the marker, as it was just read, ends this session.

    No marker ends nothing. Nothing ends the session of an anonymous viewer.
    """
    if viewer.signed_in:
        _check(viewer, markers.remember(viewer.id, valid_from_ms(marker)))


def ensure_current(viewer: Viewer) -> None:
    """The same for what has not read the marker: one request, or none within a minute of it."""
    if not viewer.signed_in:
        return
    recent = markers.recent(viewer.id)
    if recent is None:
        check_marker(viewer, read_marker(site_table(), viewer.id))
    else:
        _check(viewer, recent)


def read_marker(table: Table, viewer_id: str) -> Mapping[str, Any] | None:
    """One request to the nearest region that answers."""
    return table.get(viewer_id, SESSIONS_KEY).value


def valid_from_ms(marker: Mapping[str, Any] | None) -> int:
    """0 without a marker, and for one that says nothing."""
    return int((marker or {}).get(VALID_FROM, 0))


def end_sessions(table: Table, viewer: Viewer, *, now_ms: int) -> int:
    """Ends every session of this viewer up to now, this one included; returns the new beginning.

    Written where the site is, or in the next region that answers: nothing else depends on it. It
    is always later than this very session, whatever the clocks say, and never moves back. The
    item expires (TTL) once the cookies that it ends have expired by themselves.
    """
    beginning = max(now_ms, viewer.since_ms + 1)
    expires = beginning // 1000 + settings.SESSION_COOKIE_AGE + SLACK_SECONDS
    try:
        table.update(
            viewer.id,
            SESSIONS_KEY,
            set_={VALID_FROM: beginning, "expires_at": expires},
            condition=Newer(VALID_FROM, beginning),
        )
    except ConditionFailed as error:
        beginning = max(beginning, valid_from_ms(error.current))
    return markers.remember(viewer.id, beginning)


def _check(viewer: Viewer, valid_from: int) -> None:
    if viewer.since_ms < valid_from:
        raise SessionEnded
