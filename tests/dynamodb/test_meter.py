"""Counting the calls of one request."""

import threading
from contextvars import copy_context

from gtsite.dynamodb.meter import CALLS_TIMED, Call, Counter, Traffic, meter, record


def call(region: str, *, ok: bool = True) -> Call:
    return Call(region=region, operation="GetItem", elapsed_ms=1.0, ok=ok)


def test_calls_are_kept_in_the_order_they_ended() -> None:
    with meter() as calls:
        record(call("us-west-2"))
        record(call("eu-west-1"))
    assert [each.region for each in calls.calls] == ["us-west-2", "eu-west-1"]


def test_the_region_that_served_is_the_last_one_that_answered() -> None:
    with meter() as calls:
        assert calls.served_region is None
        record(call("us-west-2", ok=False))
        assert calls.served_region is None
        record(call("us-east-2"))
        record(call("us-west-2", ok=False))
    assert calls.served_region == "us-east-2"


def test_a_call_outside_a_meter_is_nobody_s() -> None:
    record(call("us-west-2"))
    with meter() as calls:
        pass
    record(call("us-west-2"))
    assert calls.calls == []


def test_a_meter_around_another_counts_its_calls_too() -> None:
    with meter() as outer:
        with meter() as inner:
            record(call("us-west-2"))
        record(call("eu-west-1"))
    assert len(inner.calls) == 1
    assert len(outer.calls) == 2


def test_a_thread_counts_only_when_it_was_given_the_context() -> None:
    with meter() as calls:
        context = copy_context()
        inside = threading.Thread(target=context.run, args=(record, call("us-west-2")))
        outside = threading.Thread(target=record, args=(call("eu-west-1"),))
        for thread in (inside, outside):
            thread.start()
            thread.join()
    assert [each.region for each in calls.calls] == ["us-west-2"]


def test_reads_and_writes_are_told_apart_by_region() -> None:
    counter = Counter()
    for operation in ("GetItem", "Query", "UpdateItem", "ListTables"):
        counter.count(Call(region="us-west-2", operation=operation, elapsed_ms=1.0, ok=True))
    counter.count(Call(region="eu-west-1", operation="PutItem", elapsed_ms=1.0, ok=False))
    here, there = counter.traffic("us-west-2"), counter.traffic("eu-west-1")
    assert (here.reads, here.writes, here.failed) == (2, 1, 0)
    assert (there.reads, there.writes, there.failed) == (0, 1, 1)


def test_a_region_nobody_asked_has_no_percentiles() -> None:
    assert Counter().traffic("us-west-2") == Traffic()


def test_percentiles_are_of_the_latest_thousand_calls() -> None:
    counter = Counter()
    for elapsed_ms in (*[9_999.0] * 50, *map(float, range(1, CALLS_TIMED + 1))):
        counter.count(Call(region="x", operation="Query", elapsed_ms=elapsed_ms, ok=True))
    found = counter.traffic("x")
    assert (found.p50_ms, found.p99_ms) == (500.0, 990.0)
    assert found.reads == CALLS_TIMED + 50


def test_no_call_is_lost_when_threads_count_at_once() -> None:
    counter = Counter()

    def count() -> None:
        for _ in range(2_000):
            counter.count(call("us-west-2"))

    threads = [threading.Thread(target=count) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert counter.traffic("us-west-2").reads == 16_000
