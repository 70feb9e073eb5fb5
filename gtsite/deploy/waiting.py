"""When is a change in one region over, and did it go well? Elastic Beanstalk is asked until it is.

The service's own word is not enough: the site itself has to answer, as Route 53 will ask it.
"""

import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from http.client import OK as HTTP_OK
from http.client import HTTPException

from gtsite.deploy.beanstalk import Beanstalk, EnvironmentState, Event
from gtsite.deploy.errors import DeployError, OutOfPatience, Refused, Throttled, Unreachable
from gtsite.deploy.steps import Kind, News, Tell

READY_PATH = "/healthz/ready"
SITE_SECONDS = 10
WELL = frozenset({"Green", "Yellow"})
ILL = "Red"
TRIES = 3


class NotHealthy(DeployError):
    """A region did not become what it was to become; says what the service or the site says."""


class Clock:
    """Seconds since some moment, and waiting; a test has its own."""

    def now(self) -> float:
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds)


class Stopped(Exception):
    """The operator ended the run while something was waited for."""


class StoppableClock(Clock):
    """A clock whose sleepers can all be woken, by `Stopped`."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._stopped = threading.Event()

    def stop(self) -> None:
        self._stopped.set()

    def now(self) -> float:
        return self._clock.now()

    def sleep(self, seconds: float) -> None:
        """In slices, so that nobody waits for a long sleep."""
        ends_at = self.now() + seconds
        while not self._stopped.is_set():
            self._clock.sleep(min(max(ends_at - self.now(), 0), 1))
            if self.now() >= ends_at:
                break
        if self._stopped.is_set():
            raise Stopped


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How often Elastic Beanstalk is asked, and for how long one change is waited for.

    An environment is believed after `settled_looks` good looks in a row, and given up after
    `ill_looks` bad ones: with a look every five seconds, after two minutes.
    """

    poll_seconds: float = 5
    longest_seconds: float = 1800
    settled_looks: int = 3
    ill_looks: int = 24


def wait_until(holds: Callable[[], bool], patience: Patience) -> bool:
    """Asks until it holds or patience ends. A service that fails for a moment is asked again."""
    end = time.monotonic() + patience.longest_seconds
    while True:
        try:
            if holds():
                return True
        except (Throttled, Unreachable):
            if time.monotonic() >= end:
                raise
        if time.monotonic() >= end:
            return False
        time.sleep(patience.poll_seconds)


@dataclass(slots=True, kw_only=True)
class Diary:
    """The events of one environment, each told once, oldest first, by the service's own times."""

    beanstalk: Beanstalk
    tell: Tell
    since: datetime | None = None
    complaint: str = ""
    _told: set[Event] = field(default_factory=set)

    def open(self) -> None:
        """From here on: what is there already is not held against what comes."""
        if self.since is not None:
            self.read()
        newest = self.beanstalk.newest_event()
        self.complaint = ""
        if newest is not None:
            self.since = newest.at
            self._told.update(self.beanstalk.events_since(newest.at))

    def read(self) -> None:
        """Tells what is new; the first ERROR since `open` stays in `complaint`."""
        for event in self.beanstalk.events_since(self.since):
            if event in self._told:
                continue
            self._told.add(event)
            self.tell(News(kind=Kind.EVENT, region=self.beanstalk.region, sentence=_said(event)))
            if event.is_serious and not self.complaint:
                self.complaint = event.message


@dataclass(slots=True, kw_only=True)
class Watch:
    """One region's environment, looked at again and again; `seen` is the last look at it."""

    beanstalk: Beanstalk
    patience: Patience
    clock: Clock
    tell: Tell
    seen: EnvironmentState | None = None
    diary: Diary = field(init=False)

    def __post_init__(self) -> None:
        self.diary = Diary(beanstalk=self.beanstalk, tell=self.tell)

    def say(self, kind: Kind, sentence: str) -> None:
        self.tell(News(kind=kind, region=self.beanstalk.region, sentence=sentence))

    def mark(self) -> None:
        """Opens the diary anew, just before a change."""

        def is_open() -> bool:
            self.diary.open()
            return True

        self.until(is_open, "Elastic Beanstalk to answer")

    def look(self) -> EnvironmentState | None:
        """The environment as it stands; then what its diary has to say."""
        self.seen = self.beanstalk.find_environment()
        self.diary.read()
        return self.seen

    def settle(self) -> EnvironmentState | None:
        """The environment once nothing is being done to it; None when there is none.

        Raises `OutOfPatience`.
        """
        self.until(self._is_settled, "Elastic Beanstalk to finish what it is doing")
        return self.seen

    def pass_gate(self, label: str, *, settled_looks: int | None = None) -> None:
        """Waits until the environment runs the version and the site answers, several times over.

        Raises `NotHealthy` as soon as it is clear that it will not, and `OutOfPatience`.
        """
        looks = settled_looks or self.patience.settled_looks
        gate = Gate(watch=self, label=label, settled_looks=looks)
        self.until(gate.is_passed, f"{label} to be healthy")

    def until(self, is_over: Callable[[], bool], what: str) -> None:
        """Asks again and again; a service that does not answer, or is busy, is asked again too.

        Raises `OutOfPatience`, and what `is_over` raises.
        """
        started = self.clock.now()
        while True:
            trouble = ""
            try:
                if is_over():
                    return
            except (Unreachable, Throttled) as error:
                trouble = str(error)
            waited = self.clock.now() - started
            if waited >= self.patience.longest_seconds:
                raise OutOfPatience(self._given_up(what, waited, trouble))
            self.say(Kind.WAITING, trouble or f"waiting for {what}{self._standing()}")
            self.clock.sleep(self.patience.poll_seconds)

    def insist(self, change: Callable[[], None], holds: Callable[[], bool]) -> bool:
        """Has one change made, once; False if it is under way and may be somebody else's.

        Where an answer is lost, what stands is looked at before anything is asked again: the SDK
        has asked again by itself, and is then refused what it has got. Raises the `DeployError`
        of a change that was not made.
        """
        for tries_left in reversed(range(TRIES)):
            try:
                change()
            except Refused:
                if not self._known(holds):
                    raise
                return False
            except (Unreachable, Throttled):
                self.clock.sleep(self.patience.poll_seconds)
                if self._known(holds):
                    return False
                if not tries_left:
                    raise
            else:
                return True
        return False

    def _known(self, holds: Callable[[], bool]) -> bool:
        """Whether it holds, once the service can be asked."""
        answer = [False]

        def is_answered() -> bool:
            answer[0] = holds()
            return True

        self.until(is_answered, "Elastic Beanstalk to answer")
        return answer[0]

    def _is_settled(self) -> bool:
        state = self.look()
        return state is None or state.is_ready

    def _standing(self) -> str:
        state = self.seen
        return f": it is {state.status}, {state.health_status or state.health}" if state else ""

    def _given_up(self, what: str, waited: float, trouble: str) -> str:
        reason = f" ({trouble.rstrip('.')})" if trouble else self._standing()
        return (
            f"{waited:.0f} s were not enough in {self.beanstalk.region} for {what}{reason}; "
            "give it more with --patience."
        )


@dataclass(slots=True, kw_only=True)
class Gate:
    """What the looks after a change have shown so far."""

    watch: Watch
    label: str
    settled_looks: int
    _was_busy: bool = False
    _good_looks: int = 0
    _bad_looks: int = 0

    def is_passed(self) -> bool:
        """Looks once more; raises `NotHealthy`."""
        state = self.watch.look()
        if state is None or state.is_ending:
            self._not_there(state)
        elif not state.is_ready:
            self._was_busy, self._good_looks, self._bad_looks = True, 0, 0
        elif complaint := self.watch.diary.complaint:
            raise NotHealthy(f"Elastic Beanstalk says: {complaint}")
        else:
            self._judge(state, self._ailment(state))
        return self._good_looks >= self.settled_looks

    def _not_there(self, state: EnvironmentState | None) -> None:
        """One that was just asked for may take some looks to be there, and to be complained of."""
        self._bad_looks += 1
        if state is not None or self._was_busy or self._is_hopeless:
            reason = self.watch.diary.complaint or "it does not say why"
            raise NotHealthy(f"The environment is not there any more: {reason}")

    def _judge(self, state: EnvironmentState, ailment: str) -> None:
        if not ailment:
            self._bad_looks = 0
            self._good_looks = self._good_looks + 1 if state.health in WELL else 0
            return
        self._good_looks, self._bad_looks = 0, self._bad_looks + 1
        if self._is_hopeless or (state.version != self.label and self._was_busy):
            causes = self.watch.beanstalk.find_causes() if state.health == ILL else []
            raise NotHealthy(". ".join([ailment, *(each.rstrip(".") for each in causes)]) + ".")

    @property
    def _is_hopeless(self) -> bool:
        return self._bad_looks >= self.watch.patience.ill_looks

    def _ailment(self, state: EnvironmentState) -> str:
        """What is wrong, in one sentence without its stop; '' for nothing, or not known yet."""
        if state.version != self.label:
            return f"It runs {state.version or 'no version'}, not {self.label}"
        if state.health == ILL:
            return f"Its health is {state.health} ({state.health_status or 'no details'})"
        if state.health in WELL:
            return find_ailment(state.cname)
        return ""


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """Route 53's checkers follow none either."""

    def redirect_request(self, *_args: object, **_kwargs: object) -> None:
        return None


def find_ailment(host: str) -> str:
    """Why the site of that host is not ready to serve, without a stop; '' when it is.

    It is asked by HTTP, through the proxy the environment names if it names one.
    """
    status, silence = _asked(host)
    return silence or ("" if status == HTTP_OK else f"{_address(host)} answers {status}")


def find_silence(host: str) -> str:
    """Why nothing at all answers there, without a stop; '' when something does, well or ill."""
    return _asked(host)[1]


def _asked(host: str) -> tuple[int, str]:
    """The status of the answer, or 0 and why there is none."""
    opener = urllib.request.build_opener(_NoRedirect)
    try:
        with opener.open(_address(host), timeout=SITE_SECONDS) as answer:
            return answer.status, ""
    except urllib.error.HTTPError as error:
        with error:
            return error.code, ""
    except (OSError, HTTPException) as error:
        reason = str(getattr(error, "reason", error)).rstrip(".")
        return 0, f"{_address(host)} does not answer ({reason})"


def _address(host: str) -> str:
    return f"http://{host}{READY_PATH}"


def _said(event: Event) -> str:
    return f"{event.severity} {event.message}" if event.severity != "INFO" else event.message
