"""How far a long command is, on stderr: a line that changes on a terminal, a few elsewhere."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TextIO

from rich.console import Console
from rich.text import Text

BETWEEN_LINES_SECONDS = 5.0
BETWEEN_CHANGES_SECONDS = 0.1

Show = Callable[[str], None]


class ProgressLine:
    """`show` says how far the command is, as often as one likes; `say` says what is to stay."""

    def __init__(self, *, show: Show, say: Show, every_seconds: float) -> None:
        self.say = say
        self._show = show
        self._every_seconds = every_seconds
        self._shown_at = time.monotonic()

    def show(self, text: str) -> None:
        now = time.monotonic()
        if now - self._shown_at >= self._every_seconds:
            self._shown_at = now
            self._show(text)


@contextmanager
def progress_line(stream: TextIO, say: Show, first: str = "…") -> Iterator[ProgressLine]:
    """On a terminal, one line with the last text below what is said; elsewhere now and then one."""
    if not stream.isatty():
        yield ProgressLine(show=say, say=say, every_seconds=BETWEEN_LINES_SECONDS)
        return
    console = Console(file=stream, highlight=False)
    with console.status(first) as status:
        yield ProgressLine(
            show=lambda text: status.update(Text(text)),
            say=lambda text: console.print(Text(text)),
            every_seconds=BETWEEN_CHANGES_SECONDS,
        )
