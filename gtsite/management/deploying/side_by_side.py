"""Several questions at once, so that one slow service is waited for once and not in a row."""

import threading
from collections.abc import Callable, Mapping
from queue import SimpleQueue
from typing import TypeVar

K = TypeVar("K")
T = TypeVar("T")


def side_by_side(asked: Mapping[K, Callable[[], T]]) -> dict[K, T]:
    """The answers, in the order asked; raises what the first failing one raised.

    The threads are daemons: nobody who presses Ctrl-C waits for a service that does not answer.
    """
    answers: SimpleQueue[tuple[K, T | None, BaseException | None]] = SimpleQueue()

    def ask(name: K, question: Callable[[], T]) -> None:
        try:
            answers.put((name, question(), None))
        except BaseException as error:  # noqa: BLE001 - it is raised where it is waited for
            answers.put((name, None, error))

    for name, question in asked.items():
        threading.Thread(target=ask, args=(name, question), daemon=True).start()
    found: dict[K, T] = {}
    for _ in asked:
        name, answer, error = answers.get()
        if error is not None:
            raise error
        found[name] = answer  # type: ignore[assignment]
    return {name: found[name] for name in asked}
