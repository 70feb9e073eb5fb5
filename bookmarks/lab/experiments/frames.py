"""A run as a response that goes on: one rendering after another, the last one final.

A frame is a piece of HTML, whole by itself, that takes the place of the one before. Each ends with
`SEPARATOR`, which no HTML contains; an empty one means that nothing is new. By those the server
finds out, within a few tenths of a second, that nobody listens any more.
"""

from collections.abc import Callable, Iterator

from django.http import HttpRequest, StreamingHttpResponse

from bookmarks.lab.experiments.entities import Picture
from bookmarks.lab.experiments.running import Running

CONTENT_TYPE = "text/vnd.meridian.frames"
SEPARATOR = "\x1e"
HEADERS = {
    "Cache-Control": "no-store",
    "Content-Encoding": "identity",  # compressed, frames would wait for one another
    "X-Accel-Buffering": "no",
}


def wants_frames(request: HttpRequest) -> bool:
    """Whether the script of the page asks."""
    return request.headers.get("Accept") == CONTENT_TYPE


class Frames:
    """The frames of one run; closing them, as the server does when the client is gone, ends it."""

    def __init__(self, running: Running, render: Callable[[Picture], str]) -> None:
        self._running = running
        self._render = render

    def __iter__(self) -> Iterator[str]:
        for picture in self._running.pictures():
            shown = "" if picture is None else self._render(picture)
            yield shown.replace(SEPARATOR, "") + SEPARATOR

    def close(self) -> None:
        self._running.close()


def stream(running: Running, render: Callable[[Picture], str]) -> StreamingHttpResponse:
    return StreamingHttpResponse(
        Frames(running, render), content_type=f"{CONTENT_TYPE}; charset=utf-8", headers=HEADERS
    )
