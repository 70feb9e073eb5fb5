"""What the experiments' templates show: every number already set, every sentence already said."""

from collections.abc import Mapping
from typing import Any

from bookmarks.lab.experiments.entities import Picture, Run
from bookmarks.lab.experiments.journal import entry
from bookmarks.lab.experiments.panels.conflicts import show_conflicts
from bookmarks.lab.experiments.panels.counters import show_counters
from bookmarks.lab.experiments.panels.lag import show_lag
from bookmarks.lab.experiments.panels.parts import (
    Outcome,
    Result,
    preparing,
    tell_trouble,
    unfinished,
)
from bookmarks.lab.experiments.panels.race import show_race
from bookmarks.lab.experiments.panels.stale_read import show_stale_read
from gtsite.experiments.entities import CountersRun, LagRun, Phase, RaceRun, StaleRun

__all__ = ["Result", "show"]


def show(name: str, asked: Mapping[str, Any], picture: Picture) -> Result:
    """One frame of the experiment of that name; `asked` is what its form was filled with."""
    outcome = _outcome(name, picture)
    return Result(
        ended=picture.ended,
        headline=outcome.headline,
        tone=outcome.tone,
        facts=outcome.facts,
        troubles=tuple(tell_trouble(each) for each in picture.troubles),
        shown=outcome.shown,
        log=entry(name, asked, picture, outcome) if picture.ended else "",
    )


def _outcome(name: str, picture: Picture) -> Outcome:
    if picture.problem:
        return Outcome(headline="It came to nothing.", tone="bad", facts=(picture.problem,))
    if picture.run is None:
        outcome = preparing(picture.preparation)
        return unfinished(outcome) if picture.ended else outcome
    outcome = _outcome_of_run(name, picture.run, picture)
    return unfinished(outcome) if picture.run.phase is Phase.STOPPED else outcome


def _outcome_of_run(name: str, run: Run, picture: Picture) -> Outcome:
    match run:
        case LagRun():
            return show_lag(run, ended=picture.ended)
        case StaleRun():
            return show_stale_read(run, ended=picture.ended)
        case CountersRun():
            return show_counters(run, ended=picture.ended)
        case RaceRun() if name == "conflicts":
            return show_conflicts(run, ended=picture.ended, conflicts=picture.conflicts)
        case RaceRun():
            return show_race(run, ended=picture.ended, conflicts=picture.conflicts)
