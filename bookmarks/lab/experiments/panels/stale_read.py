"""A stale read, item by item: what was there, what the first look gave, how long it was behind."""

from dataclasses import dataclass

from bookmarks.lab.experiments.panels.parts import Axis, Outcome, Place, Tone, region_of
from bookmarks.lab.panels import place_of
from gtsite.experiments.entities import StaleItem, StaleRun
from gtsite.wording import NOTHING, counted, milliseconds

TONES = {"stale": "warn", "fresh": "good", "waiting": "idle"}


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemLine:
    """One item. `verdict` is stale, fresh or waiting; `width` that of the bar of its delay."""

    number: int
    before: str
    first: str
    verdict: str
    tone: str
    label: str
    agreed: str
    width: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StaleShown:
    write: Place
    read: Place
    value: str
    stale: int
    fresh: int
    waiting: int
    stale_share: str
    fresh_share: str
    fresh_from: str
    lines: tuple[ItemLine, ...]


def show_stale_read(run: StaleRun, *, ended: bool) -> Outcome:
    total = len(run.items)
    fresh = sum(each.stale is False for each in run.items)
    shares = Axis(float(total))
    longest = Axis(run.longest_ms or 0.0)
    shown = StaleShown(
        write=region_of(run.plan.write),
        read=region_of(run.plan.read),
        value=text_of(run.plan.value),
        stale=run.stale,
        fresh=fresh,
        waiting=total - run.stale - fresh,
        stale_share=shares.at(run.stale),
        fresh_share=shares.at(fresh),
        fresh_from=shares.at(run.stale),
        lines=tuple(
            _line(number, each, longest, ended=ended) for number, each in enumerate(run.items, 1)
        ),
    )
    headline, tone = _headline(run, fresh, ended=ended)
    return Outcome(headline=headline, tone=tone, facts=_facts(run, ended=ended), shown=shown)


def text_of(value: object) -> str:
    return NOTHING if value is None else str(value)


def _headline(run: StaleRun, fresh: int, *, ended: bool) -> tuple[str, Tone]:
    total, looked = len(run.items), run.stale + fresh
    if not ended:
        return f"{looked} of {counted(total, 'item')} looked at, {run.stale} of them stale.", "info"
    if not looked:
        return f"{place_of(run.plan.read)} could not be asked.", "bad"
    if not run.stale:
        return f"{place_of(run.plan.read)} had every item already.", "good"
    were = "was" if run.stale == 1 else "were"
    return f"{run.stale} of {counted(total, 'item')} {were} stale at the first look.", "warn"


def _facts(run: StaleRun, *, ended: bool) -> tuple[str, ...]:
    read, write = place_of(run.plan.read), place_of(run.plan.write)
    facts = []
    if run.wrote_ms is not None:
        facts.append(f"{write} took {milliseconds(run.wrote_ms)} to write them.")
    if ended and run.longest_ms is not None:
        facts.append(f"{read} was behind for {milliseconds(run.longest_ms)} at the longest.")
    never = sum(each.written_ms is not None and each.agreed_after_ms is None for each in run.items)
    if ended and never:
        facts.append(f"{counted(never, 'item')} never agreed while we looked.")
    return tuple(facts)


def _line(number: int, item: StaleItem, longest: Axis, *, ended: bool) -> ItemLine:
    verdict = {True: "stale", False: "fresh", None: "waiting"}[item.stale]
    never = "not asked" if ended else "waiting"
    return ItemLine(
        number=number,
        before=text_of(item.before),
        first=NOTHING if item.stale is None else text_of(item.first),
        verdict=verdict,
        tone=TONES[verdict],
        label=never if item.stale is None else verdict,
        agreed=milliseconds(item.agreed_after_ms),
        width=longest.at(item.agreed_after_ms or 0.0),
    )
