"""Three ways of counting beside each other: what should be there, what each region holds."""

from collections.abc import Iterator
from dataclasses import dataclass

from bookmarks.lab.experiments.panels.parts import Axis, Outcome, Place, Tone, plural, region_of
from gtsite.experiments.entities import Counted, CountersRun, Counting

TITLES = {
    Counting.SHARED: "One shared item",
    Counting.SPLIT: "One item per region",
    Counting.ABSOLUTE: "Whole values",
}
HOW = {
    Counting.SHARED: "Everybody adds 1 to the same number.",
    Counting.SPLIT: "Each region adds 1 to its own; a reader sums.",
    Counting.ABSOLUTE: "Every write says how far one is, as a bookmark does.",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """What one region holds; `width` that of its bar, of what it should be."""

    region: Place
    value: str
    width: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CountedShown:
    """One way of counting. `verdict` in few words, with its tone."""

    title: str
    how: str
    expected: str
    acknowledged: str
    held: tuple[Held, ...]
    verdict: str
    tone: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CountersShown:
    ways: tuple[CountedShown, ...]


def show_counters(run: CountersRun, *, ended: bool) -> Outcome:
    shown = CountersShown(ways=tuple(_way(run, each, ended=ended) for each in run.counted))
    headline, tone = _headline(run, ended=ended)
    return Outcome(
        headline=headline, tone=tone, facts=tuple(_facts(run)) if ended else (), shown=shown
    )


def _way(run: CountersRun, counted: Counted, *, ended: bool) -> CountedShown:
    verdict, tone = _verdict(counted, ended=ended)
    axis = Axis(float(max([counted.expected, *(each or 0 for each in counted.held.values())])))
    return CountedShown(
        title=TITLES[counted.counting],
        how=HOW[counted.counting],
        expected=f"{counted.expected:,}",
        acknowledged=f"{counted.acknowledged:,}",
        held=tuple(_held(name, counted.held.get(name), axis) for name in run.plan.regions),
        verdict=verdict,
        tone=tone,
    )


def _held(name: str, value: int | None, axis: Axis) -> Held:
    return Held(
        region=region_of(name),
        value="–" if value is None else f"{value:,}",
        width=axis.at(float(value or 0)),
    )


def _verdict(counted: Counted, *, ended: bool) -> tuple[str, str]:
    if counted.stands is None:
        return ("did not settle" if ended else "counting"), ("warn" if ended else "idle")
    if counted.behind:
        return f"{counted.behind:,} behind", "warn"
    if not counted.lost:
        return "nothing lost", "good"
    return f"{counted.lost:,} lost", "bad"


def _headline(run: CountersRun, *, ended: bool) -> tuple[str, Tone]:
    done = sum(each.acknowledged for each in run.counted)
    planned = run.plan.increments * len(run.plan.regions) * len(Counting)
    if not ended:
        return f"{done:,} of {plural(planned, 'write')} acknowledged.", "info"
    shared = next((each for each in run.counted if each.counting is Counting.SHARED), None)
    if shared is None or shared.lost is None:
        return "The regions did not settle while we looked.", "warn"
    if not shared.lost:
        return "Nothing was lost this time, not even from the shared item.", "good"
    count = f"{shared.lost:,} of {plural(shared.expected, 'increment')}"
    return f"The shared item lost {count}.", "bad"


def _kept(counted: Counted) -> str:
    if counted.behind:
        return f"{counted.behind:,} behind the newest, which was written a moment too early to win"
    if not counted.lost:
        return "nothing lost"
    return f"{counted.lost:,} lost"


def _facts(run: CountersRun) -> Iterator[str]:
    for each in run.counted:
        if each.counting is not Counting.SHARED and each.stands is not None:
            yield f"{TITLES[each.counting]}: {_kept(each)}."
    uncertain = sum(each.uncertain for each in run.counted)
    if uncertain:
        yield f"{plural(uncertain, 'write')} got no answer, and may count or not."
    refused = sum(each.refused for each in run.counted)
    if refused:
        yield (
            f"{plural(refused, 'whole value')} came too late and gave way to a newer one, "
            "as it should be."
        )
