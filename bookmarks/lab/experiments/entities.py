"""What a page knows of an experiment that goes on: how its items come to be, and its run so far."""

from dataclasses import dataclass

from gtsite.experiments.entities import (
    CountersPlan,
    CountersRun,
    LagPlan,
    LagRun,
    RacePlan,
    RaceRun,
    StalePlan,
    StaleRun,
    Trouble,
)

Plan = LagPlan | StalePlan | RacePlan | CountersPlan
Run = LagRun | StaleRun | RaceRun | CountersRun


@dataclass(frozen=True, slots=True, kw_only=True)
class Preparation:
    """`items` are written in `region`, and the run waits until those of `waiting` hold them."""

    items: int
    region: str = ""
    waiting: tuple[str, ...] = ()
    troubles: tuple[Trouble, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """An experiment at one moment; `run` is None until its items are there.

    `ended` says that nothing more will come, `problem` in one sentence why it came to nothing.
    `conflicts` is how many the sandbox met on the items of this run, None where nobody counts.
    """

    preparation: Preparation | None = None
    run: Run | None = None
    ended: bool = False
    problem: str = ""
    conflicts: int | None = None

    @property
    def troubles(self) -> tuple[Trouble, ...]:
        """Those of the preparation first; one that is told again is told once."""
        before = self.preparation.troubles if self.preparation else ()
        during = self.run.troubles if self.run else ()
        return tuple(dict.fromkeys((*before, *during)))
