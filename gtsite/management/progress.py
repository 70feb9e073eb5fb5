"""How far a long command is, on stderr: a line that changes on a terminal, a few elsewhere."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TextIO

from rich.console import Console

BETWEEN_LINES_SECONDS = 5.0


class ProgressLine:
    """`show` says how far a command is; it may be called as often as one likes."""

    def __init__(self, show: Callable[[str], None], *, every_seconds: float) -> None:
        self._show = show
        self._every_seconds = every_seconds
        self._shown_at = time.monotonic()

    def show(self, text: str) -> None:
        now = time.monotonic()
        if now - self._shown_at >= self._every_seconds:
            self._shown_at = now
            self._show(text)


@contextmanager
def progress_line(stream: TextIO, say: Callable[[str], None]) -> Iterator[ProgressLine]:
    """On a terminal a spinner with the last text; elsewhere a line through `say` now and then."""
    if not stream.isatty():
        yield ProgressLine(say, every_seconds=BETWEEN_LINES_SECONDS)
        return
    console = Console(file=stream, highlight=False)
    with console.status("…") as status:
        yield ProgressLine(status.update, every_seconds=0.1)
