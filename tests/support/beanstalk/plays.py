"""What a region's Elastic Beanstalk makes of one change: poll by poll, with its events."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import StrEnum

Said = tuple[tuple[str, str], ...]
"""Severities and messages, oldest first."""


class Change(StrEnum):
    """What an environment was asked for."""

    LAUNCH = "launch"
    DEPLOY = "deploy"
    CONFIGURE = "configure"
    RESTART = "restart"
    TERMINATE = "terminate"


class Ending(StrEnum):
    """How a change ends."""

    GREEN = "green"
    RED = "red"  # carried out, and the site is ill on the new version
    ROLLED_BACK = "rolled back"  # an ERROR event, and Ready with what was there before
    HALF_WAY = "half way"  # the same, and the first batch still runs what was refused
    ERRORS = "errors"  # carried out, with ERROR events: Ready, Red
    TERMINATED = "terminated"  # a launch of which nothing stays
    GREEN_THEN_RED = "green, then red"  # some polls after Ready
    NEVER = "never"


@dataclass(frozen=True, slots=True, kw_only=True)
class Play:
    """How a region treats the next change; `polls` are how often it is looked at meanwhile.

    `polls` counts what DescribeEnvironments says before the change ends. `polls_of_peace` is how
    long GREEN_THEN_RED stays green.
    """

    ending: Ending = Ending.GREEN
    polls: int = 2
    polls_of_peace: int = 2


SUCCESS = Play()
SLOW = Play(polls=25)
RED = Play(ending=Ending.RED)
ROLLED_BACK = Play(ending=Ending.ROLLED_BACK)
HALF_WAY = Play(ending=Ending.HALF_WAY)
WITH_ERRORS = Play(ending=Ending.ERRORS)
LAUNCH_FAILED = Play(ending=Ending.TERMINATED)
GREEN_THEN_RED = Play(ending=Ending.GREEN_THEN_RED)
NEVER_ENDS = Play(ending=Ending.NEVER)


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """What one poll sees. `accepts` says whether the change's content is now in place.

    None leaves it open; False puts back what was there before, but for some instances if it
    `strays`. `serves` is whether the site behind the load balancer answers.
    """

    status: str
    color: str
    health: str
    events: Said = ()
    accepts: bool | None = None
    strays: bool = False
    serves: bool = True


GOOD = Frame(status="Ready", color="Green", health="Ok")
ILL = Frame(status="Ready", color="Red", health="Severe", serves=False)
GONE = Frame(status="Terminated", color="Grey", health="Unknown", serves=False)
BUSY = {
    Change.LAUNCH: Frame(status="Launching", color="Grey", health="Pending", serves=False),
    Change.DEPLOY: Frame(status="Updating", color="Green", health="Info"),
    Change.CONFIGURE: Frame(status="Updating", color="Green", health="Info"),
    Change.RESTART: Frame(status="Updating", color="Green", health="Info"),
    Change.TERMINATE: Frame(status="Terminating", color="Grey", health="Unknown", serves=False),
}
OPENING: dict[Change, Callable[[str], str]] = {
    Change.LAUNCH: lambda name: f"createEnvironment is starting for {name}.",
    Change.DEPLOY: lambda _: "The environment's update has started.",
    Change.CONFIGURE: lambda name: f"Changing the configuration of {name}.",
    Change.RESTART: lambda _: "The application server is being restarted.",
    Change.TERMINATE: lambda name: f"Termination of {name} has started.",
}
CLOSING: dict[Change, Said] = {
    Change.LAUNCH: (
        ("INFO", "The load balancer has been created."),
        ("INFO", "Two instances were added to the environment."),
        ("INFO", "The environment has been launched."),
    ),
    Change.DEPLOY: (
        ("INFO", "Batch 1: the new version runs on one instance and passed its checks."),
        ("INFO", "Batch 2: the new version runs on one instance and passed its checks."),
        ("INFO", "All instances have the new application version."),
        ("INFO", "The environment's update is complete."),
    ),
    Change.CONFIGURE: (("INFO", "The environment's new configuration is in place."),),
    Change.RESTART: (("INFO", "The application server was restarted on all instances."),),
    Change.TERMINATE: (("INFO", "The environment has been terminated."),),
}
FAILED: Said = (
    ("ERROR", "[Instance: i-0a1b2c3d4e5f60718] Engine execution has encountered an error."),
    ("INFO", "The command ended on all instances. Summary: [Successful: 0, Failed: 1]."),
    ("ERROR", "Instance i-0a1b2c3d4e5f60718 did not pass its health check. Aborting."),
    ("ERROR", "The application could not be deployed."),
)
NOT_LAUNCHED: Said = (
    ("ERROR", "Stack awseb-e-stack stopped: CREATE_FAILED, because of AWSEBAutoScalingGroup."),
    ("ERROR", "The environment could not be launched."),
)
SEVERE: Said = (
    ("WARN", "Health went from Ok to Severe: every request fails with HTTP 5xx."),
    ("WARN", "Health checks of the load balancer fail on all instances."),
)
WELL: Said = (("INFO", "Health went from Info to Ok."),)


def no_profile(name: str) -> tuple[str, str]:
    """The event of a launch without an instance profile, or with one that IAM does not have."""
    if not name:
        return "ERROR", "An environment has to have an instance profile."
    return "ERROR", f"The instance profile {name} associated with the environment does not exist."


def opening(change: Change, name: str) -> tuple[str, str]:
    """The event that says the change was taken on."""
    return "INFO", OPENING[change](name)


def frames(play: Play, change: Change) -> list[Frame]:
    """What polls see from the change's acceptance on; the last frame stays."""
    waiting = [BUSY[change]] * play.polls
    if play.ending is Ending.NEVER:
        return [*waiting, BUSY[change]]
    return waiting + _endings(play, change)


def _endings(play: Play, change: Change) -> list[Frame]:
    if change is Change.TERMINATE:
        return [replace(GONE, events=CLOSING[change], accepts=True)]
    done = replace(GOOD, events=CLOSING[change] + WELL, accepts=True)
    peace = [GOOD] * (play.polls_of_peace - 1)
    return {
        Ending.GREEN: [done],
        Ending.RED: [replace(ILL, events=CLOSING[change] + SEVERE, accepts=True)],
        Ending.ERRORS: [replace(ILL, events=FAILED + SEVERE, accepts=True)],
        Ending.GREEN_THEN_RED: [done, *peace, replace(ILL, events=SEVERE)],
        Ending.TERMINATED: [replace(GONE, events=NOT_LAUNCHED)],
        Ending.ROLLED_BACK: [replace(GOOD, events=FAILED, accepts=False)],
        Ending.HALF_WAY: [replace(GOOD, events=FAILED, accepts=False, strays=True)],
    }[play.ending]


def aborting(change: Change) -> list[Frame]:
    """What polls see once an update in progress is called off."""
    leaving = replace(BUSY[change], status="Aborting")
    events: Said = (("INFO", "The update was called off; what ran before is in place again."),)
    return [leaving, replace(GOOD, events=events, accepts=False)]
