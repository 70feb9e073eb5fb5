"""A race as a filmstrip: a lane for each region, what it held when, who won and what was lost."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from bookmarks.lab.experiments.panels.parts import (
    Axis,
    Outcome,
    Place,
    Tick,
    Tone,
    places,
    region_of,
    since_ms,
    time_label,
)
from bookmarks.lab.experiments.panels.stale_read import text_of
from bookmarks.lab.panels import place_of
from gtsite.dynamodb.items import Value
from gtsite.experiments.entities import RaceItem, RacePlan, RaceRun, Sighting
from gtsite.wording import counted, milliseconds

LANE_PX, BAR_PX, BAR_TOP_PX, AXIS_PX = 68, 34, 17, 30
LEAST_MS = 50.0
ROOM, LEAD = 1.25, 0.07
LABEL_SHARE = 0.05
"""A segment narrower than that part of the strip has no room for its value."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """What one region held for some time; `hue` is the writer's, 0 for what nobody here wrote."""

    x: str
    width: str
    y: int
    hue: int
    label: str
    said: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """A moment in a lane: a write, or a write that is gone."""

    x: str
    y: int
    hue: int
    said: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Travel:
    """A write on its way from one lane to another."""

    x1: str
    y1: int
    x2: str
    y2: int
    hue: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One sighting, for the table."""

    at: str
    region: Place
    value: str
    writer: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Film:
    """`height` and every `y` are pixels, every `x` a percentage of the common axis of time."""

    lanes: tuple[Place, ...]
    height: int
    floor: int
    segments: tuple[Segment, ...]
    travels: tuple[Travel, ...]
    writes: tuple[Mark, ...]
    losses: tuple[Mark, ...]
    ticks: tuple[Tick, ...]
    agreed: str
    agreed_label: str
    agreed_late: bool
    rows: tuple[Row, ...]
    summary: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Writer:
    """For the legend: who writes what, and what became of it."""

    region: Place
    value: str
    fate: str
    tone: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RaceShown:
    film: Film
    writers: tuple[Writer, ...]


def show_race(run: RaceRun, *, ended: bool, conflicts: int | None) -> Outcome:
    """The first item's film: a race by button has one. Times count from the first write."""
    item, zero_ms = _from_first_write(run.items[0])
    until_ms = None if ended else since_ms(run.began_at) - zero_ms
    film = make_film(run.plan, item, until_ms=until_ms)
    shown = RaceShown(film=film, writers=tuple(_writers(run.plan, item)))
    headline, tone = _headline(run.plan, item, ended=ended)
    facts = _facts(run.plan, item, conflicts) if ended else ()
    return Outcome(headline=headline, tone=tone, facts=facts, shown=shown)


def _from_first_write(item: RaceItem) -> tuple[RaceItem, float]:
    """The item with its times moved, and by how much: connections were opened before."""
    zero_ms = min(item.written_ms.values(), default=0.0)
    moved = replace(
        item,
        written_ms={name: at_ms - zero_ms for name, at_ms in item.written_ms.items()},
        film=tuple(replace(each, at_ms=each.at_ms - zero_ms) for each in item.film),
        agreed_ms=None if item.agreed_ms is None else item.agreed_ms - zero_ms,
    )
    return moved, zero_ms


def make_film(plan: RacePlan, item: RaceItem, *, until_ms: float | None) -> Film:
    """The strip up to `until_ms`, or else to a little after what happened last."""
    end = _end_ms(item, until_ms)
    drawing = _Drawing(plan, item, Axis(end, -LEAD * end))
    return Film(
        lanes=tuple(region_of(name) for name in plan.watch),
        height=LANE_PX * len(plan.watch) + AXIS_PX,
        floor=LANE_PX * len(plan.watch),
        segments=tuple(drawing.segments()),
        travels=tuple(drawing.travels()),
        writes=tuple(drawing.writes()),
        losses=tuple(drawing.losses()),
        ticks=tuple(drawing.ticks()),
        agreed="" if item.agreed_ms is None else drawing.axis.at(item.agreed_ms),
        agreed_label="" if item.agreed_ms is None else f"agreed, {milliseconds(item.agreed_ms)}",
        agreed_late=item.agreed_ms is not None and item.agreed_ms > end * 0.7,
        rows=tuple(drawing.rows()),
        summary=_summary(plan, item),
    )


def _end_ms(item: RaceItem, until_ms: float | None) -> float:
    moments = [*item.written_ms.values(), *(each.at_ms for each in item.film)]
    if item.agreed_ms is not None:
        moments.append(item.agreed_ms)
    last = max([*moments, LEAST_MS]) * ROOM
    return max(last, until_ms or 0.0) if item.agreed_ms is None else last


class _Drawing:
    """Where everything of one film is."""

    def __init__(self, plan: RacePlan, item: RaceItem, axis: Axis) -> None:
        self.axis = axis
        self._plan = plan
        self._item = item
        self._writers = {_key(each.value): each.region for each in plan.writes}

    def segments(self) -> Iterator[Segment]:
        for name in self._plan.watch:
            seen = [each for each in self._item.film if each.region == name]
            moments = [*(each.at_ms for each in seen), self.axis.end]
            for sighting, (start, stop) in zip(seen, pairwise(moments), strict=False):
                yield self._segment(sighting, start, stop)

    def _segment(self, sighting: Sighting, start: float, stop: float) -> Segment:
        value, place = text_of(sighting.value), place_of(sighting.region)
        held = f"held {value}" if sighting.value is not None else "held nothing"
        wide = self.axis.share(stop) - self.axis.share(start) > LABEL_SHARE
        return Segment(
            x=self.axis.at(start),
            width=self.axis.length(start, stop),
            y=self._top(sighting.region),
            hue=self._hue(sighting.value),
            label=value if wide else "",
            said=f"{place} {held} {'at first' if start < 0 else f'from {milliseconds(start)} on'}",
        )

    def travels(self) -> Iterator[Travel]:
        """Each write to where it was seen, from the edge of one lane to that of the other."""
        for write in self._plan.writes:
            written = self._item.written_ms.get(write.region)
            if written is None:
                continue
            for name, at_ms in self._arrivals(write.region, write.value, written).items():
                down = self._top(name) > self._top(write.region)
                yield Travel(
                    x1=self.axis.at(written),
                    y1=self._top(write.region) + (BAR_PX if down else 0),
                    x2=self.axis.at(at_ms),
                    y2=self._top(name) + (0 if down else BAR_PX),
                    hue=region_of(write.region).hue,
                )

    def _arrivals(self, writer: str, value: Value, written: float) -> dict[str, float]:
        """When each other region was first seen to hold it."""
        found: dict[str, float] = {}
        for each in self._item.film:
            if each.region != writer and each.at_ms >= written and each.value == value:
                found.setdefault(each.region, each.at_ms)
        return found

    def writes(self) -> Iterator[Mark]:
        for write in self._plan.writes:
            written = self._item.written_ms.get(write.region)
            if written is not None:
                yield Mark(
                    x=self.axis.at(written),
                    y=self._top(write.region) + BAR_PX // 2,
                    hue=region_of(write.region).hue,
                    said=f"{place_of(write.region)} wrote {write.value} at {milliseconds(written)}",
                )

    def losses(self) -> Iterator[Mark]:
        """Where the writer itself lost what it had written."""
        for write in self._plan.writes:
            gone = self._gone(write.region, write.value)
            if write.region in self._item.lost and gone is not None:
                yield Mark(
                    x=self.axis.at(gone),
                    y=self._top(write.region) + BAR_PX // 2,
                    hue=region_of(write.region).hue,
                    said=f"{place_of(write.region)} lost its {write.value} at {milliseconds(gone)}",
                )

    def _gone(self, name: str, value: Value) -> float | None:
        seen = [each for each in self._item.film if each.region == name]
        return next(
            (after.at_ms for before, after in pairwise(seen) if before.value == value), None
        )

    def ticks(self) -> Iterator[Tick]:
        for each in (0.0, *self.axis.steps()):
            yield Tick(at=self.axis.at(each), label=time_label(each))

    def rows(self) -> Iterator[Row]:
        for each in sorted(self._item.film, key=lambda sighting: sighting.at_ms):
            writer = self._writers.get(_key(each.value))
            yield Row(
                at="before" if each.at_ms < 0 else milliseconds(each.at_ms),
                region=region_of(each.region),
                value=text_of(each.value),
                writer=place_of(writer) if writer else "what was there before",
            )

    def _hue(self, value: Value | None) -> int:
        writer = self._writers.get(_key(value))
        return region_of(writer).hue if writer else 0

    def _top(self, name: str) -> int:
        return self._plan.watch.index(name) * LANE_PX + BAR_TOP_PX


def _key(value: Value | None) -> tuple[str, str]:
    """Told apart by type, too: "1" is not 1."""
    return type(value).__name__, str(value)


def _writers(plan: RacePlan, item: RaceItem) -> Iterator[Writer]:
    for write in plan.writes:
        fate, tone = _fate(write.region, item)
        yield Writer(region=region_of(write.region), value=str(write.value), fate=fate, tone=tone)


def _fate(name: str, item: RaceItem) -> tuple[str, str]:
    written = item.written_ms.get(name)
    if name in item.uncertain:
        return "no answer: written or not", "warn"
    if written is None:
        return "not written", "idle"
    if item.agreed_ms is None or item.unclear:
        return _when(written), "idle"
    if item.winner == name:
        return f"{_when(written)}, stands", "good"
    if name in item.lost:
        return f"{_when(written)}, lost", "bad"
    return f"{_when(written)}, replaced by one that knew it", "idle"


def _when(written_ms: float) -> str:
    return f"{milliseconds(written_ms)} after the first" if written_ms > 0 else "first"


def _headline(plan: RacePlan, item: RaceItem, *, ended: bool) -> tuple[str, Tone]:
    if ended and not item.written_ms and not item.uncertain:
        return "No region took its write.", "bad"
    if item.agreed_ms is None:
        return _undecided(plan, item, ended=ended)
    values = _values(plan)
    if item.winner is None:
        return f"{text_of(item.stands)} stands everywhere; whose it is cannot be told.", "warn"
    stands = f"{place_of(item.winner)}’s {values[item.winner]} stands"
    if item.unclear:
        return f"{stands}; whether anything was lost cannot be told.", "warn"
    if not item.lost:
        return f"{stands}, and nothing was lost.", "good"
    gone = " and ".join(f"{place_of(each)}’s {values[each]}" for each in item.lost)
    return f"{stands}; {gone} is lost.", "bad"


def _undecided(plan: RacePlan, item: RaceItem, *, ended: bool) -> tuple[str, Tone]:
    if ended:
        return "The regions did not agree while we looked.", "warn"
    if len(item.written_ms) < len(plan.writes):
        done = places([each.region for each in plan.writes if each.region in item.written_ms])
        return (f"{done} has written; the other is to come." if done else "Writing …"), "info"
    return "Both have written; the regions do not agree yet.", "info"


def _facts(plan: RacePlan, item: RaceItem, conflicts: int | None) -> tuple[str, ...]:
    facts = [_known(plan, item)]
    if item.agreed_ms is not None and item.written_ms:
        after = item.agreed_ms - max(item.written_ms.values())
        facts.append(f"Every region agreed {milliseconds(max(after, 0))} after the last write.")
    if conflicts is not None:
        facts.append(f"The sandbox met {counted(conflicts, 'conflict')} on this item.")
    return tuple(filter(None, facts))


def _known(plan: RacePlan, item: RaceItem) -> str:
    """Whether the later write had seen the earlier one."""
    values = _values(plan)
    order = sorted(item.written_ms, key=lambda name: item.written_ms[name])
    if len(order) < 2 or item.unclear:
        return ""
    earlier, later = order[0], order[-1]
    apart = milliseconds(item.written_ms[later] - item.written_ms[earlier])
    wrote = f"{place_of(later)} wrote {apart} after {place_of(earlier)}"
    if later not in item.replaced:
        return f"{wrote}."
    found = item.replaced[later]
    if found == values[earlier]:
        return f"{wrote} and had its {found} by then."
    return f"{wrote} and still held {text_of(found)}: it could not know."


def _values(plan: RacePlan) -> Mapping[str, Value]:
    return {each.region: each.value for each in plan.writes}


def _summary(plan: RacePlan, item: RaceItem) -> str:
    wrote: Sequence[str] = [
        f"{place_of(each.region)} wrote {each.value} at {milliseconds(at_ms)}"
        for each in plan.writes
        if (at_ms := item.written_ms.get(each.region)) is not None
    ]
    agreed = "" if item.agreed_ms is None else f" All agreed at {milliseconds(item.agreed_ms)}."
    return f"Filmstrip: what each region held when. {'; '.join(wrote)}.{agreed}"
