"""Answers that are kept: asked for once however many look, and never waited for without bound."""

import threading
from collections.abc import Callable

from gtsite.dynamodb.errors import DataError
from gtsite.status.kept import MOST_WAIT, Kept, Told, get_all
from tests.support.sandbox import wait_until

LONG_SECONDS = 30.0


class Question:
    """Counts how often it is asked; answers with that, when it is let go."""

    def __init__(self) -> None:
        self.asked = 0
        self.begun = threading.Event()
        self.go = threading.Event()
        self.go.set()
        self.problem = ""

    def __call__(self) -> int:
        self.asked += 1
        answer = self.asked
        self.begun.set()
        assert self.go.wait(LONG_SECONDS)
        if self.problem:
            raise DataError(self.problem)
        return answer


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def get(kept: Kept[int], *, patience_seconds: float = LONG_SECONDS) -> Told[int]:
    return get_all({"one": kept}, patience_seconds=patience_seconds)["one"]


def asked_at(question: Callable[[], int], clock: Clock) -> Kept[int]:
    return Kept(question, seconds=10, clock=clock)


def test_nothing_is_asked_by_looking_at_what_is_known() -> None:
    question = Question()
    assert asked_at(question, Clock()).latest() == Told()
    assert question.asked == 0


def test_an_answer_is_given_until_it_is_old() -> None:
    question, clock = Question(), Clock()
    kept = asked_at(question, clock)
    assert get(kept).value == 1
    clock.now = 9.9
    assert get(kept).value == 1
    clock.now = 10.0
    found = get(kept)
    assert (found.value, found.asking, found.problem) == (2, False, "")
    assert found.at is not None


def test_only_one_asks_and_the_others_get_the_older_answer_at_once() -> None:
    question, clock = Question(), Clock()
    kept = asked_at(question, clock)
    get(kept)
    question.go.clear()
    question.begun.clear()
    clock.now = 20.0
    first: list[Told[int]] = []
    waiting = threading.Thread(target=lambda: first.append(get(kept)))
    waiting.start()
    assert question.begun.wait(LONG_SECONDS)
    others = [get(kept) for _ in range(5)]
    assert {(each.value, each.asking) for each in others} == {(1, True)}
    question.go.set()
    waiting.join()
    assert (first[0].value, question.asked) == (2, 2)


def test_nobody_waits_longer_than_they_want_to() -> None:
    question = Question()
    question.go.clear()
    kept = asked_at(question, Clock())
    found = get(kept, patience_seconds=0.01)
    assert (found.value, found.asking) == (None, True)
    question.go.set()
    assert get(kept).value == 1
    assert question.asked == 1


def test_of_many_who_look_for_the_first_answer_only_a_few_wait() -> None:
    question, clock = Question(), Clock()
    question.go.clear()
    kept = asked_at(question, clock)
    awaited = [kept.begin() for _ in range(MOST_WAIT + 5)]
    assert [each is not None for each in awaited] == [True] * (MOST_WAIT + 1) + [False] * 4
    question.problem = "Nobody answers."
    question.go.set()
    assert awaited[0] is not None
    assert awaited[0].wait(LONG_SECONDS)
    clock.now = 10.0
    question.go.clear()
    assert all(kept.begin() for _ in range(MOST_WAIT + 1))
    question.go.set()


def test_a_failure_is_said_beside_the_last_good_answer_and_kept_as_long() -> None:
    question, clock = Question(), Clock()
    kept = asked_at(question, clock)
    good = get(kept)
    question.problem = "Nobody answers."
    clock.now = 20.0
    failed = get(kept)
    assert (failed.value, failed.at, failed.problem) == (1, good.at, "Nobody answers.")
    clock.now = 29.0
    get(kept)
    assert question.asked == 2
    question.problem = ""
    clock.now = 30.0
    assert (get(kept).value, get(kept).problem) == (3, "")


def test_one_that_hangs_keeps_no_other_from_being_told() -> None:
    slow, quick = Question(), Question()
    slow.go.clear()
    kept = {"slow": asked_at(slow, Clock()), "quick": asked_at(quick, Clock())}
    wait_until(lambda: get_all(kept, patience_seconds=0.05)["quick"].value == 1, "the quick one")
    assert kept["slow"].latest() == Told(asking=True)
    slow.go.set()
    assert get(kept["slow"]).value == 1
