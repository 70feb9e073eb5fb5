"""Which region answers a call: the local one, the next nearest when it fails, or all side by side.

A call has one deadline over all its attempts. A region at fault trips its breaker and is passed
over until a background probe has an answer from it. Throttling is not a fault: the same region is
asked again, under back-off. A write whose outcome is unknown is sent again only if that does no
harm.
"""

import logging
import random
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextvars import copy_context
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Generic, Literal, Protocol, TypeVar

from gtsite.dynamodb.breaker import Breaker, BreakerState
from gtsite.dynamodb.errors import DataError, NoRegionAvailable, RegionUnavailable
from gtsite.dynamodb.failures import (
    FAILURES,
    Fault,
    as_data_error,
    busy,
    classify,
    is_hiccup,
    outcome_unknown,
    trouble,
)
from gtsite.dynamodb.meter import Call, Counter, Meter, Traffic, meter, record
from gtsite.dynamodb.probing import Prober
from gtsite.dynamodb.regions import nearest

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

__all__ = [
    "Answer",
    "BreakerState",
    "Call",
    "Meter",
    "RegionState",
    "Router",
    "Traffic",
    "meter",
]

T = TypeVar("T")
Other = TypeVar("Other")
Operation = Callable[["DynamoDBClient"], T]

AT_FAULT = (Fault.REGION, Fault.MISCONFIGURED)
BACK_OFF_SECONDS = 0.05
LONGEST_BACK_OFF_SECONDS = 0.4
PROBE_SECONDS = 1.0
HICCUP_SECONDS = 0.1
FAN_OUT_THREADS = 32

logger = logging.getLogger(__name__)

_random = random.SystemRandom()


class ClientSource(Protocol):
    """What the router needs of `Clients`."""

    @property
    def read_seconds(self) -> float: ...

    def dynamodb(self, region: str) -> "DynamoDBClient": ...

    def close(self) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer(Generic[T]):
    """What came back, from where, and how long it took over all attempts, in milliseconds.

    `fell_back` says that another region than the local one answered, unasked.
    """

    value: T
    region: str
    elapsed_ms: float
    fell_back: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class RegionState:
    """What this process knows of a region.

    `since` is when the breaker last changed; `failures` counts since the last answer; `last_error`
    is one word, '' if there was none; `latency_ms` is that of the last answer. `probed_at` is when
    it was last probed, None when it never had to be.
    """

    region: str
    role: Literal["local", "fallback"]
    breaker: BreakerState
    since: datetime
    failures: int
    last_error: str
    latency_ms: float | None
    probed_at: datetime | None = None


@dataclass(slots=True)
class _Attempts:
    """The failures of one call, in the order of its attempts, and when it must end."""

    began: float
    deadline: float
    failed: list[tuple[str, Exception]] = field(default_factory=list)

    def add(self, region: str, error: Exception) -> None:
        self.failed.append((region, error))

    @property
    def regions(self) -> list[str]:
        return list(dict.fromkeys(region for region, _ in self.failed))

    @property
    def outcome_unknown(self) -> bool:
        return any(outcome_unknown(error) for _, error in self.failed)


class Router:
    """Sends each call to a region that answers. Thread-safe, one per process.

    `regions` need not be in any order. `fallback` off means that only the local region is asked.
    `probe` is the read that shows a region to be back; by default it lists one table.
    `deadline_seconds` may be overrun by the time it takes to find out that no connection is made.
    `told` hears of every call, from whichever thread: those without a meter of their own as well.
    """

    def __init__(
        self,
        *,
        clients: ClientSource,
        regions: Sequence[str],
        local: str,
        fallback: bool = True,
        deadline_seconds: float = 2.5,
        open_after: int = 1,
        probe: Operation[object] = lambda client: client.list_tables(Limit=1),
        probe_seconds: float = PROBE_SECONDS,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
        told: Meter | None = None,
    ) -> None:
        self.local = local
        self.regions = tuple(nearest(local, regions))
        self.fallback = fallback
        self.deadline_seconds = deadline_seconds
        self._clients = clients
        self._open_after = open_after
        self._probe = probe
        self._prober = Prober(self._ask_for_proof, seconds=probe_seconds)
        self._clock = clock
        self._sleep = sleep
        self._lock = threading.Lock()
        self._threads: ThreadPoolExecutor | None = None
        self._breakers = {name: self._new_breaker(name) for name in self.regions}
        self._counter = Counter()
        self._told = told

    def call(
        self,
        operation: Operation[T],
        *,
        name: str = "call",
        repeatable: bool = True,
        pinned: str | None = None,
    ) -> Answer[T]:
        """Carries out one operation in the first region that answers; `name` is for the meter.

        `repeatable=False` is for a write that must not be carried out twice, such as a counter:
        it never leaves the local region, and is not sent again once its outcome is unknown.
        `pinned` asks that region alone, whatever its breaker says.

        Raises `RegionUnavailable` where only one region may serve, `NoRegionAvailable` where all
        that could be tried failed, `Throttled`; what is the caller's fault passes up as it is.
        """
        began = self._clock()
        attempts = _Attempts(began=began, deadline=began + self.deadline_seconds)
        one_region = pinned if repeatable or pinned else self.regions[0]
        for region in self._route(one_region):
            if attempts.failed and attempts.deadline - self._clock() < self._clients.read_seconds:
                break
            answer = self._in_region(region, operation, name, attempts, repeatable=repeatable)
            if answer is not None:
                return Answer(
                    value=answer.value,
                    region=region,
                    elapsed_ms=(self._clock() - began) * 1000,
                    fell_back=pinned is None and region != self.regions[0],
                )
        raise self._exhausted(attempts, one_region)

    def fan_out(
        self,
        operation: Operation[T],
        *,
        name: str = "call",
        regions: Sequence[str] | None = None,
    ) -> dict[str, Answer[T] | DataError]:
        """One attempt in each region, all at once; the results in the order of `regions`.

        A region that fails has its `DataError` in place of an answer, and keeps the others
        waiting no longer than one attempt takes. What is the caller's fault passes up.
        """
        names = list(regions if regions is not None else self.regions)
        waiting = [
            self._executor().submit(copy_context().run, self._once, region, operation, name)
            for region in names
        ]
        return {region: each.result() for region, each in zip(names, waiting, strict=True)}

    def both(self, first: Callable[[], T], second: Callable[[], Other]) -> tuple[T, Other]:
        """Carries out two tasks at once, metered as if one came after the other.

        Both have ended when this returns or raises; if both fail, the first one's error passes up.
        A task must not wait for another one in turn: they share their threads with `fan_out`.
        """
        waiting = self._start(second)
        try:
            found = first()
        finally:
            wait([waiting])
        return found, waiting.result()

    def side_by_side(self, tasks: Sequence[Callable[[], T]], *, at_once: int = 8) -> list[T]:
        """Carries out any number of tasks, some at a time; the results in their order.

        When one fails, those begun with it come to their end, none is begun after them, and the
        first error passes up. A task must not wait for another one in turn, as with `both`.
        """
        found: list[T] = []
        for start in range(0, len(tasks), at_once):
            waiting = [self._start(task) for task in tasks[start : start + at_once]]
            wait(waiting)
            found += [each.result() for each in waiting]
        return found

    def states(self) -> list[RegionState]:
        """Every region, the local one first, then the next nearest."""
        return [
            RegionState(
                region=each.region,
                role="local" if each.region == self.regions[0] else "fallback",
                breaker=each.state,
                since=each.since,
                failures=each.failures,
                last_error=each.last_error,
                latency_ms=each.latency_ms,
                probed_at=each.probed_at,
            )
            for each in (self._breakers[name] for name in self.regions)
        ]

    def traffic(self, region: str) -> Traffic:
        """What this router asked of a region since it was made; probes are not counted."""
        return self._counter.traffic(region)

    def close(self) -> None:
        """Stops probing and closes every connection; calls under way come to their own end."""
        self._prober.stop()
        with self._lock:
            threads, self._threads = self._threads, None
        if threads is not None:
            threads.shutdown(wait=False)
        self._clients.close()

    def _route(self, one_region: str | None) -> Iterator[str]:
        """The regions to try, decided as late as each is needed.

        Those whose breaker is closed, nearest first; at last one that is open, the one that
        failed longest ago, so that a region that is back is found even when all seemed away.
        """
        if one_region is not None or not self.fallback:
            yield one_region or self.regions[0]
            return
        tried: set[str] = set()
        for region in self.regions:
            if self._breaker(region).is_closed:
                tried.add(region)
                yield region
        untried = [self._breaker(region) for region in self.regions if region not in tried]
        if untried:
            yield min(untried, key=lambda breaker: breaker.last_failed).region

    def _in_region(
        self,
        region: str,
        operation: Operation[T],
        name: str,
        attempts: _Attempts,
        *,
        repeatable: bool,
    ) -> Answer[T] | None:
        """The region's answer, asked again where that helps; None when the region is at fault."""
        once_more = repeatable
        wait = BACK_OFF_SECONDS
        while True:
            began = self._clock()
            try:
                return self._attempt(region, operation, name)
            except FAILURES as error:
                attempts.add(region, error)
                fault = classify(error)
                if fault is Fault.CALLER:
                    raise
                if fault not in AT_FAULT:
                    wait = self._back_off(wait, attempts.deadline, region, error)
                elif once_more and self._may_be_over(error, began):
                    once_more = False
                else:
                    self._away(region, error, began)
                    return None

    def _attempt(self, region: str, operation: Operation[T], name: str) -> Answer[T]:
        """One request, metered. An answer of any kind goes into the breaker's record."""
        client = self._clients.dynamodb(region)
        began = self._clock()
        answered = False
        try:
            value = operation(client)
            answered = True
        except FAILURES as error:
            answered = classify(error) is Fault.CALLER
            if classify(error) not in AT_FAULT:
                self._breaker(region).answered(began=began, latency_ms=self._ms_since(began))
            raise
        finally:
            elapsed_ms = self._ms_since(began)
            call = Call(region=region, operation=name, elapsed_ms=elapsed_ms, ok=answered)
            self._counter.count(call)
            record(call)
            if self._told is not None:
                self._told.record(call)
        self._breaker(region).answered(began=began, latency_ms=elapsed_ms)
        return Answer(value=value, region=region, elapsed_ms=elapsed_ms)

    def _once(self, region: str, operation: Operation[T], name: str) -> Answer[T] | DataError:
        began = self._clock()
        try:
            return self._attempt(region, operation, name)
        except FAILURES as error:
            if classify(error) in AT_FAULT:
                self._away(region, error, began)
            found = as_data_error(region, error)
            if found is None:
                raise
            return found

    def _may_be_over(self, error: Exception, began: float) -> bool:
        """Whether one more try costs next to nothing and may well succeed."""
        return is_hiccup(error) and self._clock() - began < HICCUP_SECONDS

    def _back_off(self, wait: float, deadline: float, region: str, error: Exception) -> float:
        """Waits a random part of `wait` seconds, and says how long to wait the next time."""
        seconds = _random.uniform(wait / 2, wait)
        if deadline - self._clock() - seconds < self._clients.read_seconds:
            raise busy(region, error) from error
        self._sleep(seconds)
        return min(2 * wait, LONGEST_BACK_OFF_SECONDS)

    def _away(self, region: str, error: Exception, began: float) -> None:
        """Notes that a region is at fault, and sees to it that its return is noticed."""
        breaker = self._breaker(region)
        was_closed = breaker.is_closed
        breaker.failed(began=began, trouble=trouble(error))
        if breaker.is_closed:
            return
        if was_closed:
            logger.warning("%s is passed over (%s): %s", region, trouble(error), error)
        self._prober.watch(breaker)

    def _exhausted(self, attempts: _Attempts, one_region: str | None) -> DataError:
        """The error that sums up a call which no region answered."""
        region, first = attempts.failed[0]
        unknown = attempts.outcome_unknown
        if all(classify(error) is Fault.MISCONFIGURED for _, error in attempts.failed):
            found: DataError = as_data_error(region, first) or NoRegionAvailable(attempts.regions)
        elif one_region is not None:
            word = trouble(attempts.failed[-1][1])
            found = RegionUnavailable(region, trouble=word, outcome_unknown=unknown)
        else:
            found = NoRegionAvailable(attempts.regions, outcome_unknown=unknown)
        if found is not first:
            found.__cause__ = first
        return found

    def _ask_for_proof(self, breaker: Breaker) -> None:
        """One probe, outside every meter. A refusal is an answer, too."""
        began = self._clock()
        try:
            self._probe(self._clients.dynamodb(breaker.region))
        except FAILURES as error:
            if classify(error) in AT_FAULT:
                breaker.failed(began=began, trouble=trouble(error))
                return
        breaker.answered(began=began, latency_ms=self._ms_since(began))

    def _breaker(self, region: str) -> Breaker:
        """A region that is none of the router's own may be pinned, too."""
        found = self._breakers.get(region)
        if found is None:
            found = self._breakers.setdefault(region, self._new_breaker(region))
        return found

    def _new_breaker(self, region: str) -> Breaker:
        return Breaker(region, open_after=self._open_after, clock=self._clock)

    def _start(self, task: Callable[[], T]) -> Future[T]:
        """In another thread, seen by the meters around the caller."""
        return self._executor().submit(copy_context().run, task)

    def _executor(self) -> ThreadPoolExecutor:
        with self._lock:
            if self._threads is None:
                self._threads = ThreadPoolExecutor(FAN_OUT_THREADS, thread_name_prefix="fan-out")
            return self._threads

    def _ms_since(self, began: float) -> float:
        return (self._clock() - began) * 1000
