"""What the log of the lab keeps of a run: what was asked, what came of it, the run itself."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from django.utils.safestring import SafeString, mark_safe

from bookmarks.lab.experiments.catalogue import EXPERIMENTS
from bookmarks.lab.experiments.entities import Picture, Run
from bookmarks.lab.experiments.panels.parts import Outcome
from bookmarks.lab.log import Deed
from gtsite.experiments.entities import CountersRun, LagRun, RaceRun

ESCAPES = {ord(sign): f"\\u{ord(sign):04x}" for sign in "<>&"}


def entry(name: str, asked: Mapping[str, Any], picture: Picture, outcome: Outcome) -> SafeString:
    """One entry as JSON, safe inside a script element that holds data."""
    deed = Deed(
        at_ms=int(datetime.now(UTC).timestamp() * 1000),
        kind="experiment",
        what=EXPERIMENTS[name].logged_as,
        regions=tuple(dict.fromkeys(_regions(picture.run))) if picture.run else (),
        outcome=" ".join((outcome.headline, *outcome.facts)),
        tone="warn" if outcome.tone == "info" else outcome.tone,
        facts={
            "experiment": name,
            "asked": dict(asked),
            "troubles": [asdict(each) for each in picture.troubles],
            "sandbox_conflicts": picture.conflicts,
            "run": asdict(picture.run) if picture.run else None,
        },
    )
    text = json.dumps(_rounded(deed.json), default=str, ensure_ascii=False, separators=(",", ":"))
    return mark_safe(text.translate(ESCAPES))  # noqa: S308 - nothing is left that ends a script


def _regions(run: Run) -> Iterator[str]:
    match run:
        case LagRun():
            for way in run.plan.ways:
                yield from (way.source, way.target)
        case RaceRun():
            yield from (each.region for each in run.plan.writes)
        case CountersRun():
            yield from run.plan.regions
        case _:
            yield from (run.plan.write, run.plan.read)


def _rounded(value: Any) -> Any:
    """Times to a tenth of a millisecond: there may be thousands."""
    match value:
        case float():
            return round(value, 1)
        case dict():
            return {name: _rounded(each) for name, each in value.items()}
        case list() | tuple():
            return [_rounded(each) for each in value]
        case _:
            return value
