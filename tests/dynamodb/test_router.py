"""Which region is asked, how often, and for how long."""

import itertools
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import Any

import pytest
from botocore.exceptions import (
    ClientError,
    ConnectionClosedError,
    EndpointConnectionError,
    ReadTimeoutError,
)

from gtsite.dynamodb.clients import Clients
from gtsite.dynamodb.errors import (
    AccessRefused,
    BadAwsSettings,
    ConditionFailed,
    Contended,
    DataError,
    NoRegionAvailable,
    RegionUnavailable,
    TableMissing,
    Throttled,
)
from gtsite.dynamodb.router import Answer, Router, meter
from tests.support import faults
from tests.support.faults import Behaviour, closed_port, faulty_server

OREGON, OHIO, IRELAND = "us-west-2", "us-east-2", "eu-west-1"
READ_SECONDS = 0.8
LONG_SECONDS = 60.0


def service(code: str, status: int = 400) -> Exception:
    error: Exception = ClientError(
        {"Error": {"Code": code}, "ResponseMetadata": {"HTTPStatusCode": status}}, "GetItem"
    )
    return error


def timed_out() -> Exception:
    error: Exception = ReadTimeoutError(endpoint_url="http://region")
    return error


def refused() -> Exception:
    error: Exception = EndpointConnectionError(endpoint_url="http://region")
    return error


def hung_up() -> Exception:
    error: Exception = ConnectionClosedError(endpoint_url="http://region")
    return error


THROTTLED = service("ThrottlingException")
CONFLICT = service("ReplicatedWriteConflictException")
SERVER_ERROR = service("InternalServerError", 500)


class World:
    """Three regions that answer what they are told, and time that goes by only when spent.

    `asked` is every attempt in order. A region answers its own name unless it has a failure; the
    failure `times` runs out, and each attempt costs the seconds given. `probing` names the threads
    that probe, but for those of earlier tests, which may still be about to end.
    """

    read_seconds = READ_SECONDS

    def __init__(self) -> None:
        self._earlier = set(threading.enumerate())
        self.now = 1000.0
        self.asked: list[str] = []
        self.slept: list[float] = []
        self._failures: dict[str, Iterator[Exception]] = {}
        self._seconds: dict[str, float] = {}

    def fail(
        self, region: str, *errors: Exception, seconds: float = 0.001, times: int | None = None
    ) -> None:
        self._failures[region] = (
            itertools.cycle(errors) if times is None else itertools.islice(errors * times, times)
        )
        self._seconds[region] = seconds

    def heal(self, region: str) -> None:
        self._failures.pop(region, None)
        self._seconds.pop(region, None)

    def dynamodb(self, region: str) -> Any:
        return region

    def close(self) -> None:
        """Nothing to close."""

    def clock(self) -> float:
        return self.now

    def probing(self) -> list[str]:
        begun = (each.name for each in threading.enumerate() if each not in self._earlier)
        return [name for name in begun if name.startswith("probe-")]

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds

    def ask(self, region: Any) -> str:
        """The operation that is called in a region."""
        self.asked.append(region)
        error = next(self._failures.get(region, iter(())), None)
        self.now += self._seconds.get(region, 0.001)
        if error is not None:
            raise error
        return f"from {region}"


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def new_router(world: World) -> Iterator[Callable[..., Router]]:
    """Makes routers of the world, which do not probe unless told to, and closes them."""
    made: list[Router] = []

    def make(**options: Any) -> Router:
        defaults: dict[str, Any] = {
            "clients": world,
            "regions": [OREGON, IRELAND, OHIO],
            "local": OREGON,
            "clock": world.clock,
            "sleep": world.sleep,
            "probe_seconds": 3600.0,
        }
        made.append(Router(**defaults | options))
        return made[-1]

    yield make
    for each in made:
        each.close()


@pytest.fixture
def router(new_router: Callable[..., Router]) -> Router:
    return new_router()


class TestOneCall:
    def test_the_local_region_is_asked_and_no_other(self, router: Router, world: World) -> None:
        answer = router.call(world.ask)
        assert (answer.value, answer.region, answer.fell_back) == ("from us-west-2", OREGON, False)
        assert answer.elapsed_ms == pytest.approx(1.0)
        assert world.asked == [OREGON]

    def test_the_next_nearest_answers_when_the_local_region_is_at_fault(
        self, router: Router, world: World
    ) -> None:
        world.fail(OREGON, refused())
        answer = router.call(world.ask)
        assert (answer.region, answer.fell_back) == (OHIO, True)
        assert world.asked == [OREGON, OHIO]

    def test_a_region_whose_breaker_is_open_is_passed_over(
        self, router: Router, world: World
    ) -> None:
        world.fail(OREGON, timed_out(), seconds=READ_SECONDS)
        router.call(world.ask)
        world.asked.clear()
        began = world.now
        assert router.call(world.ask).region == OHIO
        assert world.asked == [OHIO]
        assert world.now - began < 0.01

    def test_a_black_hole_costs_the_first_call_less_than_a_second_and_a_half(
        self, router: Router, world: World
    ) -> None:
        world.fail(OREGON, timed_out(), seconds=READ_SECONDS)
        assert router.call(world.ask).elapsed_ms < 1500

    def test_the_caller_s_own_fault_passes_up_from_the_first_region(
        self, router: Router, world: World
    ) -> None:
        failed = ConditionFailed({"PK": "a"})
        world.fail(OREGON, failed)
        with pytest.raises(ConditionFailed) as caught:
            router.call(world.ask)
        assert caught.value is failed
        assert world.asked == [OREGON]
        assert all(state.breaker == "closed" for state in router.states())

    def test_a_bug_passes_up_as_it_is(self, router: Router, world: World) -> None:
        world.fail(OREGON, KeyError("bug"))
        with pytest.raises(KeyError):
            router.call(world.ask)
        assert world.asked == [OREGON]

    def test_with_fallback_off_only_the_local_region_is_asked(
        self, new_router: Callable[..., Router], world: World
    ) -> None:
        router = new_router(fallback=False)
        world.fail(OREGON, refused())
        for _ in range(2):
            with pytest.raises(NoRegionAvailable) as caught:
                router.call(world.ask)
            assert caught.value.regions == (OREGON,)
        assert world.asked == [OREGON, OREGON]

    def test_a_local_region_that_is_not_among_the_regions_is_not_asked(
        self, new_router: Callable[..., Router], world: World
    ) -> None:
        router = new_router(local="us-west-1", regions=[IRELAND, OHIO, OREGON])
        assert router.call(world.ask).region == OREGON
        assert router.regions == (OREGON, OHIO, IRELAND)


class TestDeadline:
    def test_two_black_holes_leave_time_for_the_third_region(
        self, router: Router, world: World
    ) -> None:
        world.fail(OREGON, timed_out(), seconds=READ_SECONDS)
        world.fail(OHIO, timed_out(), seconds=READ_SECONDS)
        answer = router.call(world.ask)
        assert answer.region == IRELAND
        assert answer.elapsed_ms < 2500

    def test_no_attempt_is_begun_without_the_time_it_needs(
        self, new_router: Callable[..., Router], world: World
    ) -> None:
        router = new_router(deadline_seconds=1.5)
        world.fail(OREGON, timed_out(), seconds=READ_SECONDS)
        with pytest.raises(NoRegionAvailable) as caught:
            router.call(world.ask)
        assert caught.value.regions == (OREGON,)
        assert world.asked == [OREGON]

    def test_the_only_attempt_is_made_however_short_the_deadline(
        self, new_router: Callable[..., Router], world: World
    ) -> None:
        assert new_router(deadline_seconds=0.01).call(world.ask).region == OREGON

    def test_all_away_is_said_within_the_deadline(self, router: Router, world: World) -> None:
        for region in (OREGON, OHIO, IRELAND):
            world.fail(region, timed_out(), seconds=READ_SECONDS)
        began = world.now
        with pytest.raises(NoRegionAvailable) as caught:
            router.call(world.ask)
        assert caught.value.regions == (OREGON, OHIO, IRELAND)
        assert caught.value.outcome_unknown
        assert world.now - began <= 2.5

    def test_when_all_breakers_are_open_one_region_is_tried_the_one_longest_away(
        self, router: Router, world: World
    ) -> None:
        for region in (OREGON, OHIO, IRELAND):
            world.fail(region, refused())
        with pytest.raises(NoRegionAvailable):
            router.call(world.ask)
        world.asked.clear()
        for _ in range(4):
            with pytest.raises(NoRegionAvailable):
                router.call(world.ask)
        assert world.asked == [OREGON, OHIO, IRELAND, OREGON]

    def test_a_region_that_is_back_is_found_though_all_breakers_are_open(
        self, router: Router, world: World
    ) -> None:
        for region in (OREGON, OHIO, IRELAND):
            world.fail(region, refused())
        with pytest.raises(NoRegionAvailable):
            router.call(world.ask)
        world.heal(OREGON)
        world.now += 1
        assert router.call(world.ask).region == OREGON
        assert router.states()[0].breaker == "closed"

    def test_an_open_region_is_the_last_resort_when_the_others_fail(
        self, router: Router, world: World
    ) -> None:
        world.fail(OREGON, refused(), times=1)
        router.call(world.ask)
        world.fail(OHIO, refused())
        world.fail(IRELAND, refused())
        world.asked.clear()
        assert router.call(world.ask).region == OREGON
        assert world.asked == [OHIO, IRELAND, OREGON]


class TestThrottling:
    @pytest.mark.parametrize("error", [THROTTLED, CONFLICT])
    def test_the_same_region_is_asked_again_after_a_pause(
        self, router: Router, world: World, error: Exception
    ) -> None:
        world.fail(OREGON, error, times=3)
        assert router.call(world.ask, repeatable=False).region == OREGON
        assert world.asked == [OREGON] * 4
        assert len(world.slept) == 3

    def test_pauses_grow_and_are_never_the_same_for_all(
        self, new_router: Callable[..., Router], world: World
    ) -> None:
        router = new_router(deadline_seconds=10.0)
        world.fail(OREGON, THROTTLED, times=6)
        router.call(world.ask)
        for slept, longest in zip(world.slept, (0.05, 0.1, 0.2, 0.4, 0.4, 0.4), strict=True):
            assert longest / 2 <= slept <= longest
        assert len(set(world.slept)) == 6

    @pytest.mark.parametrize(
        ("error", "kind"), [(THROTTLED, Throttled), (CONFLICT, Contended)], ids=["full", "held"]
    )
    def test_it_ends_with_the_deadline_and_never_in_another_region(
        self, router: Router, world: World, error: Exception, kind: type[Throttled]
    ) -> None:
        world.fail(OREGON, error)
        began = world.now
        with pytest.raises(Throttled) as caught:
            router.call(world.ask)
        assert type(caught.value) is kind
        assert caught.value.region == OREGON
        assert set(world.asked) == {OREGON}
        assert world.now - began <= 2.5
        assert router.states()[0].breaker == "closed"


class TestHiccups:
    @pytest.mark.parametrize("error", [hung_up(), SERVER_ERROR], ids=["closed", "500"])
    def test_a_single_one_is_tried_over_in_the_same_region(
        self, router: Router, world: World, error: Exception
    ) -> None:
        world.fail(OREGON, error, times=1)
        assert router.call(world.ask).region == OREGON
        assert world.asked == [OREGON, OREGON]
        assert router.states()[0].breaker == "closed"

    def test_two_in_a_row_are_a_region_at_fault(self, router: Router, world: World) -> None:
        world.fail(OREGON, hung_up())
        assert router.call(world.ask).region == OHIO
        assert world.asked == [OREGON, OREGON, OHIO]

    def test_one_that_took_long_is_not_tried_over(self, router: Router, world: World) -> None:
        world.fail(OREGON, hung_up(), seconds=0.5)
        assert router.call(world.ask).region == OHIO
        assert world.asked == [OREGON, OHIO]


class TestWritesThatMustNotBeRepeated:
    @pytest.mark.parametrize(
        ("error", "unknown"),
        [(timed_out(), True), (hung_up(), True), (SERVER_ERROR, True), (refused(), False)],
        ids=["timeout", "closed", "500", "refused"],
    )
    def test_one_attempt_in_the_local_region_and_no_more(
        self, router: Router, world: World, error: Exception, *, unknown: bool
    ) -> None:
        world.fail(OREGON, error)
        with pytest.raises(RegionUnavailable) as caught:
            router.call(world.ask, repeatable=False)
        assert world.asked == [OREGON]
        assert caught.value.region == OREGON
        assert caught.value.outcome_unknown is unknown

    def test_it_stays_in_the_local_region_even_when_that_is_passed_over(
        self, router: Router, world: World
    ) -> None:
        world.fail(OREGON, refused())
        router.call(world.ask)
        world.asked.clear()
        with pytest.raises(RegionUnavailable):
            router.call(world.ask, repeatable=False)
        assert world.asked == [OREGON]

    def test_an_unknown_outcome_is_remembered_over_later_attempts(
        self, router: Router, world: World
    ) -> None:
        world.fail(OREGON, timed_out())
        world.fail(OHIO, refused())
        world.fail(IRELAND, refused())
        with pytest.raises(NoRegionAvailable) as caught:
            router.call(world.ask)
        assert caught.value.outcome_unknown


class TestPinned:
    def test_that_region_is_asked_whatever_the_distance(self, router: Router, world: World) -> None:
        answer = router.call(world.ask, pinned=IRELAND)
        assert (answer.region, answer.fell_back) == (IRELAND, False)

    def test_it_does_not_fall_back(self, router: Router, world: World) -> None:
        world.fail(IRELAND, timed_out())
        with pytest.raises(RegionUnavailable) as caught:
            router.call(world.ask, pinned=IRELAND)
        assert (caught.value.region, caught.value.trouble) == (IRELAND, "timeout")
        assert world.asked == [IRELAND]

    def test_it_is_asked_though_its_breaker_is_open_and_its_answer_closes_it(
        self, router: Router, world: World
    ) -> None:
        world.fail(IRELAND, refused(), times=1)
        with pytest.raises(RegionUnavailable):
            router.call(world.ask, pinned=IRELAND)
        assert router.states()[2].breaker == "open"
        router.call(world.ask, pinned=IRELAND)
        assert router.states()[2].breaker == "closed"

    def test_a_write_that_must_not_be_repeated_goes_to_the_pinned_region(
        self, router: Router, world: World
    ) -> None:
        assert router.call(world.ask, pinned=OHIO, repeatable=False).region == OHIO

    def test_a_region_that_is_not_the_router_s_own_may_be_pinned(
        self, router: Router, world: World
    ) -> None:
        assert router.call(world.ask, pinned="sa-east-1").region == "sa-east-1"
        assert len(router.states()) == 3


class TestMisconfigured:
    @pytest.mark.parametrize(
        ("error", "word"),
        [
            (TableMissing("t", OREGON), "no-table"),
            (AccessRefused(OREGON, "no"), "no-access"),
            (BadAwsSettings("no such profile"), "no-access"),
            (service("ResourceNotFoundException"), "no-table"),
            (service("AccessDeniedException"), "no-access"),
        ],
    )
    def test_such_a_region_cannot_serve_and_says_why(
        self, router: Router, world: World, error: Exception, word: str
    ) -> None:
        world.fail(OREGON, error)
        assert router.call(world.ask).region == OHIO
        assert (router.states()[0].breaker, router.states()[0].last_error) == ("open", word)

    def test_when_all_are_the_nearest_one_s_error_is_raised(
        self, router: Router, world: World
    ) -> None:
        for region in (OREGON, OHIO, IRELAND):
            world.fail(region, TableMissing("t", region))
        with pytest.raises(TableMissing) as caught:
            router.call(world.ask)
        assert caught.value.region == OREGON

    def test_when_others_are_away_no_region_is_available(
        self, router: Router, world: World
    ) -> None:
        world.fail(OREGON, TableMissing("t", OREGON))
        world.fail(OHIO, refused())
        world.fail(IRELAND, refused())
        with pytest.raises(NoRegionAvailable):
            router.call(world.ask)

    def test_pinned_its_own_error_is_raised(self, router: Router, world: World) -> None:
        world.fail(OHIO, AccessRefused(OHIO, "no"))
        with pytest.raises(AccessRefused):
            router.call(world.ask, pinned=OHIO)


class TestSideBySide:
    def test_both_are_carried_out_at_once(self, router: Router) -> None:
        """Each waits for the other: one after another they would wait for ever."""
        together = threading.Barrier(2, timeout=LONG_SECONDS)
        assert router.both(lambda: ("a", together.wait())[0], lambda: together.wait() >= 0) == (
            "a",
            True,
        )

    def test_many_are_carried_out_some_at_a_time_in_their_order(self, router: Router) -> None:
        together = threading.Barrier(3, timeout=LONG_SECONDS)
        tasks = [lambda number=number: (together.wait(), number)[1] for number in range(6)]
        assert router.side_by_side(tasks, at_once=3) == list(range(6))
        assert router.side_by_side([]) == []

    def test_the_meter_counts_all_of_them(self, router: Router, world: World) -> None:
        with meter() as calls:
            router.both(lambda: router.call(world.ask), lambda: router.call(world.ask))
            router.side_by_side([lambda: router.call(world.ask)] * 3)
        assert len(calls.calls) == 5

    @pytest.mark.parametrize("fails", [0, 1])
    def test_the_other_one_has_ended_before_a_failure_passes_up(
        self, router: Router, fails: int
    ) -> None:
        begun, ended = threading.Event(), threading.Event()

        def fail() -> None:
            assert begun.wait(LONG_SECONDS)
            raise TableMissing("t", OREGON)

        def work() -> None:
            begun.set()
            threading.Event().wait(0.05)
            ended.set()

        tasks = [work, work]
        tasks[fails] = fail
        with pytest.raises(TableMissing):
            router.both(*tasks)
        assert ended.is_set()

    def test_after_a_failure_none_is_begun(self, router: Router) -> None:
        done: list[int] = []

        def work(number: int) -> None:
            done.append(number)
            if number == 1:
                raise TableMissing("t", OREGON)

        tasks = [lambda number=number: work(number) for number in range(6)]
        with pytest.raises(TableMissing):
            router.side_by_side(tasks, at_once=2)
        assert sorted(done) == [0, 1]


class TestFanOut:
    def test_every_region_answers_in_the_order_asked_for(
        self, router: Router, world: World
    ) -> None:
        found = router.fan_out(world.ask, regions=[IRELAND, OREGON, OHIO])
        assert list(found) == [IRELAND, OREGON, OHIO]
        assert {name: each.value for name, each in found.items() if isinstance(each, Answer)} == {
            name: f"from {name}" for name in found
        }

    def test_a_region_that_fails_has_its_error_and_spoils_nothing(
        self, router: Router, world: World
    ) -> None:
        world.fail(OREGON, refused())
        world.fail(OHIO, THROTTLED)
        found = router.fan_out(world.ask)
        assert isinstance(found[OREGON], RegionUnavailable)
        assert isinstance(found[OHIO], Throttled)
        assert isinstance(found[IRELAND], Answer)
        assert sorted(world.asked) == sorted([OREGON, OHIO, IRELAND])
        assert [state.breaker for state in router.states()] == ["open", "closed", "closed"]

    def test_a_data_error_of_the_caller_is_that_region_s_result(
        self, router: Router, world: World
    ) -> None:
        world.fail(OREGON, TableMissing("t", OREGON))
        assert isinstance(router.fan_out(world.ask)[OREGON], TableMissing)

    def test_a_bug_passes_up(self, router: Router, world: World) -> None:
        world.fail(OREGON, service("ValidationException"))
        with pytest.raises(ClientError):
            router.fan_out(world.ask)

    def test_all_are_asked_at_once(self, new_router: Callable[..., Router]) -> None:
        """Each waits for the other two: one after another they would wait for ever."""
        together = threading.Barrier(3, timeout=LONG_SECONDS)
        router = new_router()
        found = router.fan_out(lambda region: together.wait() >= 0 and region)
        assert all(isinstance(each, Answer) for each in found.values())

    def test_the_meter_counts_every_one_of_them(self, router: Router, world: World) -> None:
        world.fail(OREGON, refused())
        with meter() as calls:
            router.fan_out(world.ask, name="GetItem")
        assert sorted((each.region, each.ok) for each in calls.calls) == [
            (IRELAND, True),
            (OHIO, True),
            (OREGON, False),
        ]
        assert {each.operation for each in calls.calls} == {"GetItem"}


class TestMeter:
    def test_every_attempt_is_counted_and_the_region_that_served_is_known(
        self, router: Router, world: World
    ) -> None:
        world.fail(OREGON, timed_out(), seconds=READ_SECONDS)
        with meter() as calls:
            router.call(world.ask, name="Query")
        first, second = calls.calls
        assert (first.region, first.ok) == (OREGON, False)
        assert first.elapsed_ms == pytest.approx(800)
        assert (second.region, second.operation, second.ok) == (OHIO, "Query", True)
        assert calls.served_region == OHIO

    def test_a_refusal_is_an_answer_and_a_throttle_is_none(
        self, router: Router, world: World
    ) -> None:
        world.fail(OREGON, THROTTLED, ConditionFailed(None))
        with meter() as calls, pytest.raises(ConditionFailed):
            router.call(world.ask)
        assert [each.ok for each in calls.calls] == [False, True]


class TestStates:
    def test_local_first_then_the_next_nearest(self, router: Router, world: World) -> None:
        router.call(world.ask)
        first, second, third = router.states()
        assert (first.region, first.role, first.breaker) == (OREGON, "local", "closed")
        assert first.latency_ms == pytest.approx(1.0)
        assert (second.region, second.role, second.latency_ms) == (OHIO, "fallback", None)
        assert third.region == IRELAND

    def test_a_region_away_says_since_when_and_why(self, router: Router, world: World) -> None:
        before = router.states()[0].since
        world.fail(OREGON, refused())
        router.call(world.ask)
        state = router.states()[0]
        assert (state.breaker, state.failures, state.last_error) == ("open", 1, "refused")
        assert state.since >= before


class TestProbing:
    def test_a_region_that_is_back_is_noticed_without_any_request(
        self, new_router: Callable[..., Router], world: World
    ) -> None:
        probed = threading.Event()

        def probe(region: Any) -> None:
            world.ask(region)
            probed.set()

        router = new_router(probe=probe, probe_seconds=0.01)
        world.fail(OREGON, refused())
        router.call(world.ask)
        world.now += 1
        world.heal(OREGON)
        assert probed.wait(LONG_SECONDS)
        assert _soon(lambda: router.states()[0].breaker == "closed")
        assert router.call(world.ask).region == OREGON

    def test_it_goes_on_until_the_region_answers_and_then_ends(
        self, new_router: Callable[..., Router], world: World
    ) -> None:
        router = new_router(probe=world.ask, probe_seconds=0.001)
        world.fail(OREGON, *[refused()] * 5, times=5)
        router.call(world.ask)
        assert _soon(lambda: router.states()[0].breaker == "closed")
        assert world.asked.count(OREGON) == 6
        assert _soon(lambda: not world.probing())

    def test_a_healthy_router_has_no_thread_of_its_own(self, router: Router, world: World) -> None:
        router.call(world.ask)
        assert not world.probing()

    def test_closing_the_router_ends_it(
        self, new_router: Callable[..., Router], world: World
    ) -> None:
        router = new_router(probe=world.ask, probe_seconds=0.01)
        world.fail(OREGON, refused())
        router.call(world.ask)
        router.close()
        assert _soon(lambda: not world.probing())

    def test_a_refusal_is_proof_of_life(
        self, new_router: Callable[..., Router], world: World
    ) -> None:
        def probe(_: Any) -> None:
            raise service("ValidationException")

        router = new_router(probe=probe, probe_seconds=0.001)
        world.fail(OREGON, refused())
        router.call(world.ask)
        world.now += 1
        assert _soon(lambda: router.states()[0].breaker == "closed")

    def test_probes_are_no_request_s_calls(
        self, new_router: Callable[..., Router], world: World
    ) -> None:
        router = new_router(probe=world.ask, probe_seconds=0.001)
        world.fail(OREGON, *[refused()] * 3, times=3)
        with meter() as calls:
            router.call(world.ask)
            assert _soon(lambda: router.states()[0].breaker == "closed")
        assert len(calls.calls) == 2

    def test_traffic_is_counted_by_region_and_probes_are_dated_instead(
        self, new_router: Callable[..., Router], world: World
    ) -> None:
        router = new_router(probe=world.ask, probe_seconds=0.001)
        assert router.states()[0].probed_at is None
        world.fail(OREGON, *[refused()] * 3, times=3)
        router.call(world.ask, name="GetItem")
        assert _soon(lambda: router.states()[0].breaker == "closed")
        router.call(world.ask, name="PutItem")
        oregon, ohio = router.traffic(OREGON), router.traffic(OHIO)
        assert (oregon.reads, oregon.writes, oregon.failed) == (1, 1, 1)
        assert (ohio.reads, ohio.writes, ohio.failed) == (1, 0, 0)
        assert router.states()[0].probed_at is not None

    def test_many_failures_at_once_start_one_thread(
        self, new_router: Callable[..., Router], world: World
    ) -> None:
        router = new_router()
        world.fail(OREGON, refused())
        with ThreadPoolExecutor(8) as threads:
            list(threads.map(lambda _: router.call(world.ask), range(64)))
        assert len(world.probing()) == 1


class Unequal:
    """Clients that give up Oregon soon, and wait for Ohio however busy this machine is."""

    read_seconds = READ_SECONDS

    def __init__(self, oregon: str, ohio: str) -> None:
        self._quick = Clients(endpoints={OREGON: oregon}, read_seconds=READ_SECONDS)
        self._patient = Clients(
            endpoints={OHIO: ohio}, connect_seconds=LONG_SECONDS, read_seconds=LONG_SECONDS
        )

    def dynamodb(self, region: str) -> Any:
        return (self._quick if region == OREGON else self._patient).dynamodb(region)

    def close(self) -> None:
        self._quick.close()
        self._patient.close()


def beside(oregon: str, ohio: str) -> Router:
    """A router of both, for which no machine is too slow."""
    return Router(
        clients=Unequal(oregon, ohio),
        regions=[OREGON, OHIO],
        local=OREGON,
        deadline_seconds=LONG_SECONDS,
    )


class TestRealSockets:
    @pytest.mark.parametrize(
        "behaviour",
        [
            faults.never_answer,
            faults.hang_up,
            faults.reset,
            faults.error(503, "ServiceUnavailable"),
            faults.answer(502, b"<html>"),
            faults.answer(200, b"<html>"),
        ],
        ids=["black hole", "FIN", "RST", "503", "502", "garbled"],
    )
    def test_a_broken_region_is_left_for_one_that_answers(self, behaviour: Behaviour) -> None:
        good = faults.answer(200, b'{"TableNames": ["t"]}')
        with (
            faulty_server(behaviour) as broken,
            faulty_server(good) as healthy,
            closing(beside(broken.url, healthy.url)) as router,
        ):
            with meter() as before:
                first = router.call(lambda client: client.list_tables()["TableNames"])
            with meter() as after:
                second = router.call(lambda client: client.list_tables()["TableNames"])
        assert (first.value, first.region, first.fell_back) == (["t"], OHIO, True)
        assert second.region == OHIO
        assert [each.region for each in before.calls] in ([OREGON, OHIO], [OREGON, OREGON, OHIO])
        assert [each.region for each in after.calls] == [OHIO]

    def test_a_closed_port_is_left_at_once(self) -> None:
        good = faults.answer(200, b'{"TableNames": ["t"]}')
        with (
            closed_port() as nobody,
            faulty_server(good) as healthy,
            closing(beside(nobody, healthy.url)) as router,
        ):
            found: Any = router.fan_out(lambda client: client.list_tables()["TableNames"])
        assert isinstance(found[OREGON], DataError)
        assert found[OHIO].value == ["t"]


def _soon(holds: Callable[[], bool]) -> bool:
    """Whether it comes true, given plenty of time."""
    pause = threading.Event()
    for _ in range(2000):
        if holds():
            return True
        pause.wait(0.005)
    return False
