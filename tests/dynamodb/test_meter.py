"""Counting the calls of one request."""

import threading
from contextvars import copy_context

from gtsite.dynamodb.meter import Call, meter, record


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
