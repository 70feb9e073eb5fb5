"""Ctrl-C ends an experiment as its end does: what it found is printed, what it wrote is deleted."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event
from types import FrameType


@contextmanager
def stopped_by_ctrl_c() -> Iterator[Event]:
    """An event that the first Ctrl-C inside the block sets; a second one interrupts as ever.

    For the main thread only: no other may handle signals.
    """
    stop = Event()

    def set_once(_number: int, _frame: FrameType | None) -> None:
        signal.signal(signal.SIGINT, before)
        stop.set()

    before = signal.signal(signal.SIGINT, set_once)
    try:
        yield stop
    finally:
        signal.signal(signal.SIGINT, before)
