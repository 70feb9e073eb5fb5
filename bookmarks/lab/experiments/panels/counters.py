"""Three ways of counting beside each other: what should be there, what each region holds."""

from collections.abc import Iterator
from dataclasses import dataclass

from bookmarks.lab.experiments.panels.parts import Axis, Outcome, Place, Tone, region_of
from gtsite.experiments.entities import Counted, CountersRun, Counting
from gtsite.wording import counted

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


def _way(run: CountersRun, way: Counted, *, ended: bool) -> CountedShown:
    verdict, tone = _verdict(way, ended=ended)
    axis = Axis(float(max([way.expected, *(each or 0 for each in way.held.values())])))
    return CountedShown(
        title=TITLES[way.counting],
        how=HOW[way.counting],
        expected=f"{way.expected:,}",
        acknowledged=f"{way.acknowledged:,}",
        held=tuple(_held(name, way.held.get(name), axis) for name in run.plan.regions),
        verdict=verdict,
        tone=tone,
    )


def _held(name: str, value: int | None, axis: Axis) -> Held:
    return Held(
        region=region_of(name),
        value="–" if value is None else f"{value:,}",
        width=axis.at(float(value or 0)),
    )


def _verdict(way: Counted, *, ended: bool) -> tuple[str, str]:
    if way.stands is None:
        return ("did not settle" if ended else "counting"), ("warn" if ended else "idle")
    if way.behind:
        return f"{way.behind:,} behind", "warn"
    if not way.lost:
        return "nothing lost", "good"
    return f"{way.lost:,} lost", "bad"


def _headline(run: CountersRun, *, ended: bool) -> tuple[str, Tone]:
    done = sum(each.acknowledged for each in run.counted)
    planned = run.plan.increments * len(run.plan.regions) * len(Counting)
    if not ended:
        return f"{done:,} of {counted(planned, 'write')} acknowledged.", "info"
    shared = next((each for each in run.counted if each.counting is Counting.SHARED), None)
    if shared is None or shared.lost is None:
        return "The regions did not settle while we looked.", "warn"
    if not shared.lost:
        return "Nothing was lost this time, not even from the shared item.", "good"
    count = f"{shared.lost:,} of {counted(shared.expected, 'increment')}"
    return f"The shared item lost {count}.", "bad"


def _kept(way: Counted) -> str:
    if way.behind:
        return f"{way.behind:,} behind the newest, which was written a moment too early to win"
    if not way.lost:
        return "nothing lost"
    return f"{way.lost:,} lost"


def _facts(run: CountersRun) -> Iterator[str]:
    for each in run.counted:
        if each.counting is not Counting.SHARED and each.stands is not None:
            yield f"{TITLES[each.counting]}: {_kept(each)}."
    uncertain = sum(each.uncertain for each in run.counted)
    if uncertain:
        yield f"{counted(uncertain, 'write')} got no answer, and may count or not."
    refused = sum(each.refused for each in run.counted)
    if refused:
        yield (
            f"{counted(refused, 'whole value')} came too late and gave way to a newer one, "
            "as it should be."
        )
