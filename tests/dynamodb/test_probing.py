"""The thread that finds out when a region is back."""

import threading

from gtsite.dynamodb.breaker import Breaker
from gtsite.dynamodb.probing import Prober

LONG_SECONDS = 60.0


def new_breaker() -> Breaker:
    breaker = Breaker("us-west-2", open_after=1, clock=lambda: 0.0)
    breaker.failed(began=0.0, trouble="refused")
    return breaker


def test_a_region_that_fails_while_its_thread_is_ending_gets_another_one() -> None:
    """The moment between a thread's last look at the breaker and its end."""
    asked = threading.Event()
    prober = Prober(lambda _: asked.set(), seconds=0.001)
    breaker = new_breaker()
    prober._threads[breaker.region] = threading.current_thread()
    breaker.answered(began=0.0, latency_ms=1.0)
    assert prober._is_done(breaker)
    breaker.failed(began=0.0, trouble="refused")
    prober.watch(breaker)
    assert asked.wait(LONG_SECONDS)
    prober.stop()


def test_a_region_that_is_being_asked_is_not_asked_by_another_thread() -> None:
    begun, go_on = threading.Semaphore(0), threading.Event()

    def ask(breaker: Breaker) -> None:
        begun.release()
        assert go_on.wait(LONG_SECONDS)
        breaker.answered(began=0.0, latency_ms=1.0)

    prober = Prober(ask, seconds=0.001)
    breaker = new_breaker()
    for _ in range(5):
        prober.watch(breaker)
    asking = prober._threads[breaker.region]
    assert begun.acquire(timeout=LONG_SECONDS)
    assert not begun.acquire(timeout=0.1)
    go_on.set()
    asking.join(LONG_SECONDS)
    assert breaker.is_closed
    assert not begun.acquire(blocking=False)


def test_after_stopping_nothing_begins() -> None:
    asked = threading.Event()
    prober = Prober(lambda _: asked.set(), seconds=0.0)
    prober.stop()
    prober.watch(new_breaker())
    assert not asked.wait(0.1)
