"""How a long change is followed on the operator's screen: what happened stays, the rest passes."""

import threading
import time
from collections.abc import Callable, Sequence

from gtsite.deploy.steps import Kind, News
from gtsite.management.progress import ProgressLine

MARKS = {
    Kind.DONE: "✓",
    Kind.TROUBLE: "!",
    Kind.EVENT: "·",
    Kind.DOING: "→",
    Kind.WAITING: "…",
}


class Narrator:
    """Takes news from any thread, and writes each in one line: a mark, the region, the sentence.

    What is waited for is shown in passing, with how long the waiting has taken. `is_live` is for a
    terminal, where what passes is one line that is always there.
    """

    def __init__(
        self,
        line: ProgressLine,
        regions: Sequence[str] = (),
        *,
        is_live: bool = False,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._line = line
        self._width = max(map(len, regions), default=0)
        self._is_live = is_live
        self._clock = clock
        self._lock = threading.Lock()
        self._waiting: dict[str, float] = {}

    def __call__(self, news: News) -> None:
        with self._lock:
            if news.kind is Kind.WAITING:
                self._line.show(self._passing(news))
                return
            self._line.say(f"{MARKS[news.kind]} {self._said(news)}")
            if news.kind is not Kind.EVENT:
                self._waiting.pop(news.region, None)
                if self._is_live:
                    self._line.show(self._said(news) if news.kind is Kind.DOING else "…")

    def _said(self, news: News) -> str:
        where = f"{news.region:<{self._width}}  " if news.region else ""
        return f"{where}{news.sentence}"

    def _passing(self, news: News) -> str:
        since = self._waiting.setdefault(news.region, self._clock())
        mark = "" if self._is_live else f"{MARKS[Kind.WAITING]} "
        return f"{mark}{self._said(news).rstrip('.')} ({lasted(self._clock() - since)})"


def lasted(seconds: float) -> str:
    """`0.4 s`, `42 s`, `3 min 20 s`."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest:02d} s" if minutes else f"{rest} s"
