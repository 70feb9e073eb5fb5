"""When a region is passed over, and when it is trusted again."""

import pytest

from gtsite.dynamodb.breaker import Breaker, BreakerState


class Clock:
    """Seconds, moved by hand."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def breaker(clock: Clock) -> Breaker:
    return Breaker("us-west-2", open_after=1, clock=clock)


def fail(breaker: Breaker, clock: Clock, *, after: float = 0.0) -> None:
    began = clock.now
    clock.now += after
    breaker.failed(began=began, trouble="timeout")


def answer(breaker: Breaker, clock: Clock) -> None:
    breaker.answered(began=clock.now, latency_ms=2.5)


def test_it_begins_closed(breaker: Breaker) -> None:
    assert breaker.state is BreakerState.CLOSED
    assert (breaker.failures, breaker.last_error, breaker.latency_ms) == (0, "", None)


def test_one_failure_opens_it(breaker: Breaker, clock: Clock) -> None:
    fail(breaker, clock)
    assert breaker.state is BreakerState.OPEN
    assert (breaker.failures, breaker.last_error) == (1, "timeout")


def test_it_opens_after_as_many_failures_in_a_row_as_it_is_told(clock: Clock) -> None:
    breaker = Breaker("us-west-2", open_after=3, clock=clock)
    fail(breaker, clock)
    fail(breaker, clock)
    answer(breaker, clock)
    fail(breaker, clock)
    fail(breaker, clock)
    assert breaker.is_closed
    fail(breaker, clock)
    assert not breaker.is_closed


def test_a_probe_makes_it_half_open_and_its_answer_closes_it(
    breaker: Breaker, clock: Clock
) -> None:
    fail(breaker, clock)
    opened = breaker.since
    breaker.probing()
    assert breaker.state == "half-open"
    clock.now += 1
    answer(breaker, clock)
    assert breaker.state == "closed"
    assert breaker.failures == 0
    assert breaker.since >= opened
    assert breaker.latency_ms == 2.5


def test_a_probe_that_fails_opens_it_again(breaker: Breaker, clock: Clock) -> None:
    fail(breaker, clock)
    breaker.probing()
    fail(breaker, clock)
    assert breaker.state is BreakerState.OPEN
    assert breaker.failures == 2


def test_an_answer_to_a_call_from_before_it_opened_does_not_close_it(
    breaker: Breaker, clock: Clock
) -> None:
    sent = clock.now
    clock.now += 0.1
    fail(breaker, clock)
    clock.now += 0.1
    breaker.answered(began=sent, latency_ms=200)
    assert not breaker.is_closed


def test_a_failure_of_a_call_from_before_it_closed_does_not_open_it(
    breaker: Breaker, clock: Clock
) -> None:
    fail(breaker, clock)
    sent = clock.now
    clock.now += 0.5
    answer(breaker, clock)
    clock.now += 0.3
    breaker.failed(began=sent, trouble="timeout")
    assert breaker.is_closed
    assert breaker.failures == 0


def test_a_region_that_relapses_has_to_answer_twice_as_often_each_time(
    breaker: Breaker, clock: Clock
) -> None:
    needed = []
    for _ in range(5):
        fail(breaker, clock)
        answers = 0
        while not breaker.is_closed:
            clock.now += 1
            answer(breaker, clock)
            answers += 1
        needed.append(answers)
        clock.now += 1
    assert needed == [1, 2, 4, 8, 8]


def test_a_failure_between_the_answers_starts_the_count_again(
    breaker: Breaker, clock: Clock
) -> None:
    fail(breaker, clock)
    answer(breaker, clock)
    fail(breaker, clock)
    answer(breaker, clock)
    fail(breaker, clock)
    answer(breaker, clock)
    assert not breaker.is_closed
    answer(breaker, clock)
    assert breaker.is_closed


def test_after_a_quiet_while_a_failure_is_not_a_relapse(breaker: Breaker, clock: Clock) -> None:
    fail(breaker, clock)
    answer(breaker, clock)
    clock.now += 31
    fail(breaker, clock)
    answer(breaker, clock)
    assert breaker.is_closed
