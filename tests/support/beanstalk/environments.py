"""What one region's Elastic Beanstalk has: applications, versions, environments, and events."""

import secrets
from collections import deque
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.support.beanstalk import plays
from tests.support.beanstalk.plays import Change, Frame, Play

ACCOUNT = "123456789012"
Options = dict[tuple[str, str], str]
"""Values by namespace and option."""


class Clock:
    """The service's own clock, which never says the same twice; `skew` is against this machine."""

    def __init__(self) -> None:
        self.skew = timedelta()
        self._last = datetime.min.replace(tzinfo=UTC)

    def now(self) -> datetime:
        at = datetime.now(UTC) + self.skew
        at = at.replace(microsecond=at.microsecond // 1000 * 1000)
        self._last = max(at, self._last + timedelta(milliseconds=1))
        return self._last


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One line of what a region tells about an environment, or about a version."""

    at: datetime
    severity: str
    message: str
    application: str
    environment: str
    version: str


@dataclass(slots=True, kw_only=True)
class Application:
    """One application in one region."""

    name: str
    description: str
    tags: dict[str, str]
    created: datetime


@dataclass(slots=True, kw_only=True)
class Version:
    """One application version; `polls_left` until it is processed, if that was asked for."""

    application: str
    label: str
    description: str
    bucket: str
    key: str
    tags: dict[str, str]
    created: datetime
    status: str
    polls_left: int = 0
    fails: bool = False

    def poll(self) -> None:
        """Somebody looks: time passes."""
        if self.status == "Processing":
            self.polls_left -= 1
            if self.polls_left < 0:
                self.status = "Failed" if self.fails else "Processed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """What an environment runs, and how."""

    version: str
    stack: str
    options: Options


@dataclass(slots=True, kw_only=True)
class Environment:
    """One environment. It moves a frame at a time, whenever it is described.

    `strays` are versions that some instances were left on, `refused` the options of a change of
    them that failed last.
    """

    name: str
    application: str
    region: str
    cname: str
    description: str
    tags: dict[str, str]
    content: Content
    created: datetime
    updated: datetime
    frame: Frame = plays.GOOD
    id: str = field(default_factory=lambda: f"e-{secrets.token_hex(5)}")
    change: Change | None = None
    strays: set[str] = field(default_factory=set)
    refused: Options | None = None
    _before: Content | None = None
    _wanted: Content | None = None
    _coming: deque[Frame] = field(default_factory=deque)

    @property
    def arn(self) -> str:
        path = f"{self.application}/{self.name}"
        return f"arn:aws:elasticbeanstalk:{self.region}:{ACCOUNT}:environment/{path}"

    @property
    def exists(self) -> bool:
        return self.frame.status != "Terminated"

    @property
    def is_ready(self) -> bool:
        return self.frame.status == "Ready"

    @property
    def version(self) -> str:
        return self.content.version

    @property
    def options(self) -> Options:
        return self.content.options

    def begin(self, change: Change, wanted: Content, play: Play) -> None:
        """Takes a change on: from now on polls see it happen."""
        self.change, self._before, self._wanted = change, self.content, wanted
        self._coming = deque(plays.frames(play, change))
        self.frame = plays.BUSY[change]

    def settle(self) -> None:
        """It is well, whatever was going on."""
        self.frame, self.change = plays.GOOD, None
        self._coming.clear()

    def abort(self) -> None:
        """Calls the change off."""
        if self.change is not None:
            self._coming = deque(plays.aborting(self.change))
            self.frame = self._coming[0]

    def poll(self) -> plays.Said:
        """Somebody looks: the next frame, and what is told with it."""
        if not self._coming:
            return ()
        self.frame = self._coming.popleft()
        if self.frame.accepts is not None:
            self._end(kept=self.frame.accepts)
        return self.frame.events

    def _end(self, *, kept: bool) -> None:
        content = self._wanted if kept else self._before
        wanted = self._wanted or self.content
        self.strays = {wanted.version} if self.frame.strays else set()
        self.refused = wanted.options if self.change is Change.CONFIGURE and not kept else None
        if content is not None:
            self.content = content
        self.change = None

    def described(self) -> dict[str, Any]:
        """As DescribeEnvironments says it."""
        return {
            "EnvironmentName": self.name,
            "EnvironmentId": self.id,
            "ApplicationName": self.application,
            "VersionLabel": self.shown.version,
            "SolutionStackName": self.shown.stack,
            "PlatformArn": platform_arn(self.region, self.shown.stack),
            "Description": self.description,
            "EndpointURL": f"awseb--AWSEB-{self.id[2:]}.{self.region}.elb.amazonaws.com",
            "CNAME": self.cname,
            "DateCreated": self.created,
            "DateUpdated": self.updated,
            "Status": self.frame.status,
            "AbortableOperationInProgress": self.change in (Change.DEPLOY, Change.CONFIGURE),
            "Health": self.frame.color,
            "HealthStatus": self.frame.health,
            "Tier": {"Name": "WebServer", "Type": "Standard", "Version": "1.0"},
            "EnvironmentLinks": [],
            "EnvironmentArn": self.arn,
        }

    @property
    def shown(self) -> Content:
        """What it runs or, once a change is on its way, will run."""
        return self._wanted or self.content if self.change else self.content


def platform_arn(region: str, stack: str) -> str:
    """Of a platform that has been there as `64bit Amazon Linux 2023 v4.9.0 running Python 3.13`."""
    system, _, language = stack.partition(" running ")
    system, _, release = system.rpartition(" v")
    return f"arn:aws:elasticbeanstalk:{region}::platform/{language} running on {system}/{release}"
