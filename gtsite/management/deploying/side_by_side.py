"""Several questions at once, so that one slow service is waited for once and not in a row."""

import threading
from collections.abc import Callable, Mapping
from concurrent.futures import FIRST_EXCEPTION, Future, wait
from typing import TypeVar

K = TypeVar("K")
T = TypeVar("T")


def begin(question: Callable[[], T]) -> Future[T]:
    """Asks in a daemon thread: nobody who presses Ctrl-C waits for a service that is silent."""
    answer: Future[T] = Future()

    def ask() -> None:
        try:
            answer.set_result(question())
        except BaseException as error:  # noqa: BLE001 - it is raised where it is waited for
            answer.set_exception(error)

    threading.Thread(target=ask, daemon=True).start()
    return answer


def side_by_side(asked: Mapping[K, Callable[[], T]]) -> dict[K, T]:
    """The answers, in the order asked; raises what the first failing one raised."""
    begun = {name: begin(question) for name, question in asked.items()}
    answered, _ = wait(begun.values(), return_when=FIRST_EXCEPTION)
    for each in answered:
        each.result()
    return {name: each.result() for name, each in begun.items()}
