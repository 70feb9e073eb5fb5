"""Many races at once: of each item the winner, of each region what it wrote and what is left."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from bookmarks.lab.experiments.panels.parts import Axis, Outcome, Place, Tone, region_of
from bookmarks.lab.panels import place_of
from gtsite.experiments.entities import RaceItem, RaceRun
from gtsite.wording import counted, milliseconds


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One item; `hue` is the winner's, 0 as long as there is none."""

    number: int
    hue: int
    letter: str
    said: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RegionLine:
    """What one region wrote; shares are of its own acknowledged writes."""

    region: Place
    value: str
    written: int
    stands: int
    lost: int
    stands_share: str
    lost_share: str
    lost_from: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ConflictsShown:
    cells: tuple[Cell, ...]
    lines: tuple[RegionLine, ...]
    conflicts: int | None


def show_conflicts(run: RaceRun, *, ended: bool, conflicts: int | None) -> Outcome:
    shown = ConflictsShown(
        cells=tuple(_cell(number, each) for number, each in enumerate(run.items, 1)),
        lines=tuple(_lines(run)),
        conflicts=conflicts,
    )
    headline, tone = _headline(run, ended=ended)
    facts = _facts(run, conflicts) if ended else ()
    return Outcome(headline=headline, tone=tone, facts=facts, shown=shown)


def _cell(number: int, item: RaceItem) -> Cell:
    if item.winner is None:
        said = "whose value stands cannot be told" if item.agreed_ms is not None else "not decided"
        return Cell(number=number, hue=0, letter="", said=f"Item {number}: {said}")
    lost = f", lost {len(item.lost)}" if item.lost else ""
    return Cell(
        number=number,
        hue=region_of(item.winner).hue,
        letter=place_of(item.winner)[:2],
        said=f"Item {number}: {place_of(item.winner)} stands{lost}",
    )


def _lines(run: RaceRun) -> Iterator[RegionLine]:
    stands = Counter(each.winner for each in run.items)
    lost = Counter(name for each in run.items for name in each.lost)
    for write in run.plan.writes:
        written = sum(write.region in each.written_ms for each in run.items)
        axis = Axis(float(written))
        yield RegionLine(
            region=region_of(write.region),
            value=str(write.value),
            written=written,
            stands=stands[write.region],
            lost=lost[write.region],
            stands_share=axis.at(stands[write.region]),
            lost_share=axis.at(lost[write.region]),
            lost_from=axis.at(stands[write.region]),
        )


def _headline(run: RaceRun, *, ended: bool) -> tuple[str, Tone]:
    written = sum(len(each.written_ms) for each in run.items)
    if not ended:
        agreed = sum(each.agreed_ms is not None for each in run.items)
        total = counted(len(run.items), "item")
        return f"{counted(written, 'write')} acknowledged; {agreed} of {total} agreed on.", "info"
    if not run.lost and any(each.agreed_ms is None or each.unclear for each in run.items):
        return "How many writes are lost cannot be told.", "warn"
    if not run.lost:
        return f"None of {counted(written, 'acknowledged write')} is lost.", "good"
    are = "is" if run.lost == 1 else "are"
    return f"{run.lost:,} of {counted(written, 'acknowledged write')} {are} lost.", "bad"


def _facts(run: RaceRun, conflicts: int | None) -> tuple[str, ...]:
    facts = []
    agreed = [each.agreed_ms for each in run.items if each.agreed_ms is not None]
    if agreed:
        facts.append(f"Every region agreed on every item after {milliseconds(max(agreed))}.")
    if len(agreed) < len(run.items):
        left = counted(len(run.items) - len(agreed), "item")
        facts[:] = [f"The regions did not agree on {left} while we looked."]
    unclear = sum(each.unclear for each in run.items)
    if unclear:
        facts.append(f"Of {counted(unclear, 'item')} it cannot be told what was lost.")
    if conflicts is not None:
        facts.append(
            f"The sandbox met {counted(conflicts, 'conflict')}, one wherever a write came to a "
            "region that held another it did not know. AWS tells of none."
        )
    return tuple(facts)
