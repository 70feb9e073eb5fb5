"""How the parts of a deployment say what they found, what they would do, and what they are doing.

Each part looks at AWS first and gives `Findings`; a plan is all of them, and carrying it out is
running their steps in order. So a plan cannot promise one thing and a deployment do another. Only a
region's turn is more than its steps: `rollout` looks again before each change, and can go back.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum


class Area(StrEnum):
    """Which part of a deployment something belongs to, in the order they are carried out."""

    START = "start"
    TABLE = "table"
    SECRET = "secret"  # noqa: S105 - a word
    ROLES = "roles"
    CERTIFICATE = "certificate"
    VERSION = "version"
    ENVIRONMENT = "environment"
    ROUTING = "routing"


class Kind(StrEnum):
    """What a piece of news is: passing (what is waited for) or to stay on the operator's screen."""

    DOING = "doing"
    WAITING = "waiting"
    EVENT = "event"  # Elastic Beanstalk's own words
    DONE = "done"
    TROUBLE = "trouble"


@dataclass(frozen=True, slots=True, kw_only=True)
class News:
    """One thing that happened, in one sentence; `region` is '' for what concerns all of them."""

    kind: Kind
    sentence: str
    region: str = ""


Tell = Callable[[News], None]
"""Takes news from any thread."""


def tell_nobody(_news: News) -> None:
    """For callers who do not want to know."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One change. `carry_out` makes it and returns when it holds; done twice it changes nothing.

    It raises a `DeployError`. The sentence is an order: "create the role meridian-instance".
    """

    area: Area
    sentence: str
    carry_out: Callable[[Tell], None]
    region: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """What has to be mended before anything is touched, in one sentence that says how."""

    area: Area
    sentence: str
    region: str = ""

    @property
    def said(self) -> str:
        """The sentence, behind its region where it does not name it."""
        named = self.region in self.sentence
        return self.sentence if named else f"{self.region}: {self.sentence}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Findings:
    """What one part found. `notes` are worth knowing and stop nothing."""

    steps: tuple[Step, ...] = ()
    problems: tuple[Problem, ...] = ()
    notes: tuple[str, ...] = ()

    def __add__(self, other: "Findings") -> "Findings":
        return Findings(
            steps=self.steps + other.steps,
            problems=self.problems + other.problems,
            notes=self.notes + other.notes,
        )
