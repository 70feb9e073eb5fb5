"""The map of the lab: the site's regions, the ways between them, and what travels along them."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import permutations
from types import MappingProxyType
from typing import Literal

from bookmarks.lab import atlas, wording
from bookmarks.lab.atlas import Box, Frame, Point
from bookmarks.lab.panels import HUES
from gtsite.dynamodb.regions import Region, distance_km, light_time_ms, region
from gtsite.sandbox.client import PairStatus, RegionStatus, Status
from gtsite.wording import milliseconds

SIZES = {"wide": (860, 390), "narrow": (360, 300)}
"""Pixels of the two drawings of one map: beside the controls of a desk, and on a phone."""

LOCAL_EVERY_MS, AWS_EVERY_MS = 1000, 15_000
MOST_LABELLED = 6
"""Ways beyond this number have their lag in the table only: there is no room on the drawing."""

LETTER, LINE, LABEL_MARGIN = 7.4, 15, 6
LEAST_LABEL = {"wide": 92, "narrow": 62}
"""Room for the words beneath a name, whether there are any now or not, so that names stay put."""

LAG_SIZE = Point(66, 16)
FAULTS = {
    "refuse": ("refuses", "Callers meet a closed port."),
    "blackhole": ("black hole", "Callers are never answered."),
    "reset": ("resets", "Callers have their connections reset."),
}

Latencies = Mapping[tuple[str, str], float]
NOT_MEASURED: Latencies = MappingProxyType({})
State = Literal["up", "away", "troubled", "unknown"]
Flow = Literal["flowing", "held", "unknown"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Spot:
    """A region on the map: `words` are two or three beside its mark, `said` whole sentences."""

    region: Region
    hue: int
    here: bool
    state: State
    words: str
    said: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """One direction of replication, every figure set; what is not known is empty.

    `lag` is what the last image took, or CloudWatch's average where there is no sandbox; `lag_set`
    what the sandbox was told, `label` the two or three words for the drawing; `took_ms` is how long
    the last image travelled, and `delivered` how many have arrived.
    """

    source: Spot
    target: Spot
    distance: str
    light: str
    lag: str
    lag_set: str
    label: str
    waiting: int
    delivered: int
    took_ms: int
    flow: Flow
    said: str

    @property
    def name(self) -> str:
        return f"{self.source.region.name}-{self.target.region.name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Pin:
    """A region's mark and where its words stand; `anchor` as in SVG's text-anchor."""

    spot: Spot
    at: Point
    label: Point
    anchor: str
    leader: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Arc:
    """A way as drawn; `label` is the middle of its words, None where there is no room for them."""

    way: Way
    path: str
    label: Point | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawing:
    """One of the two drawings of the map."""

    name: str
    frame: Frame
    pins: tuple[Pin, ...]
    arcs: tuple[Arc, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class MapView:
    """`live` while a sandbox tells how things stand; else distances, and the lag where it is known.

    It may be asked for again every `every_ms`.
    """

    spots: tuple[Spot, ...]
    ways: tuple[Way, ...]
    drawings: tuple[Drawing, ...]
    live: bool
    every_ms: int
    delivered: int
    waiting: int
    held: int


def show_map(
    regions: Sequence[str],
    *,
    local: str,
    status: Status | None,
    sandboxed: bool = True,
    measured: Latencies = NOT_MEASURED,
) -> MapView:
    """The map as it stands; no status is a sandbox that does not answer, or none.

    `measured` is what CloudWatch says of ways, in milliseconds, where there is no sandbox.
    """
    spots = tuple(
        _spot(region(name), hue=number % HUES + 1, here=name == local, status=status)
        for number, name in enumerate(regions)
    )
    pairs = {(pair.source, pair.target): pair for pair in status.pairs} if status else {}
    ways = tuple(
        _way(*ends, pairs.get(names), measured.get(names))
        for ends in permutations(spots, 2)
        for names in [(ends[0].region.name, ends[1].region.name)]
    )
    return MapView(
        spots=spots,
        ways=ways,
        drawings=tuple(_drawing(name, size, spots, ways) for name, size in SIZES.items()),
        live=status is not None,
        every_ms=LOCAL_EVERY_MS if sandboxed else AWS_EVERY_MS,
        delivered=sum(way.delivered for way in ways),
        waiting=sum(way.waiting for way in ways if way.flow != "held"),
        held=sum(way.waiting for way in ways if way.flow == "held"),
    )


def _spot(place: Region, *, hue: int, here: bool, status: Status | None) -> Spot:
    seen = _region_status(place.name, status)
    if seen is None:
        return Spot(region=place, hue=hue, here=here, state="unknown", words="", said="Not known.")
    troubles = list(troubles_of(seen))
    state: State = "away" if seen.fault != "none" else "troubled" if troubles else "up"
    return Spot(
        region=place,
        hue=hue,
        here=here,
        state=state,
        words=_words([brief for brief, _ in troubles]),
        said=" ".join(sentence for _, sentence in troubles) or "Up.",
    )


def _words(troubles: Sequence[str]) -> str:
    """The first, and how many more: there is room for two or three words."""
    more = f" · {len(troubles) - 1} more" if len(troubles) > 1 else ""
    return "".join(troubles[:1]) + more


def troubles_of(seen: RegionStatus) -> Iterator[tuple[str, str]]:
    """What is wrong with a region now: in two words, and in a sentence."""
    if seen.fault != "none":
        yield FAULTS[seen.fault]
    if seen.error_rate:
        share = f"{seen.error_rate:.0%}"
        yield f"{share} fail", f"{share} of calls get an error {seen.error_status}."
    if seen.slow_ms:
        late = f"{seen.slow_ms:,} ms"
        yield f"+{late}", f"Answers come {late} late."
    if seen.paused:
        yield "paused", "Replication is paused, in and out."
    if seen.skew_ms:
        off = f"{abs(seen.skew_ms):,} ms"
        sign, how = ("+", "ahead") if seen.skew_ms > 0 else (wording.MINUS_SIGN, "behind")
        yield f"clock {sign}{off}", f"The clock is {off} {how}."
    if seen.engine != "running":
        yield "engine starts", "The engine is starting: calls get an error 500 until it is there."


def _region_status(name: str, status: Status | None) -> RegionStatus | None:
    known = status.regions if status else ()
    return next((each for each in known if each.name == name), None)


def _way(source: Spot, target: Spot, pair: PairStatus | None, measured_ms: float | None) -> Way:
    ends = (source.region.name, target.region.name)
    lag_ms = pair.last_ms if pair else measured_ms
    lag = "" if lag_ms is None else milliseconds(lag_ms)
    return Way(
        source=source,
        target=target,
        distance=f"{distance_km(*ends):,.0f} km",
        light=f"{light_time_ms(*ends):.0f} ms",
        lag=lag,
        lag_set=_lag_set(pair),
        label=_label(pair, lag),
        waiting=pair.backlog if pair else 0,
        delivered=pair.delivered if pair else 0,
        took_ms=round(pair.last_ms or pair.lag_ms) if pair else 0,
        flow="unknown" if pair is None else "flowing" if pair.flowing else "held",
        said=_said(pair),
    )


def _lag_set(pair: PairStatus | None) -> str:
    if pair is None:
        return ""
    jitter = f" ± {pair.jitter_ms:,}" if pair.jitter_ms else ""
    return f"{pair.lag_ms:,}{jitter} ms"


def _label(pair: PairStatus | None, lag: str) -> str:
    if pair is None:
        return lag
    if pair.backlog:
        return f"{pair.backlog:,} {'on the way' if pair.flowing else 'held'}"
    return "held" if not pair.flowing else lag or f"{pair.lag_ms:,} ms"


def _said(pair: PairStatus | None) -> str:
    match pair:
        case None:
            return "Not known"
        case PairStatus(flowing=False, backlog=0):
            return "Held"
        case PairStatus(flowing=False):
            return f"Held, {pair.backlog:,} wait"
        case PairStatus(backlog=0):
            return "Nothing waits"
        case _:
            return f"{pair.backlog:,} on the way"


def _drawing(
    name: str, size: tuple[int, int], spots: Sequence[Spot], ways: Sequence[Way]
) -> Drawing:
    width, height = size
    frame = atlas.frame([spot.region for spot in spots], width=width, height=height)
    places = {spot.region.name: frame.place(spot.region) for spot in spots}
    taken = [atlas.dot(place) for place in places.values()]
    pins = tuple(_pins(spots, places, taken, frame, least=LEAST_LABEL[name]))
    arcs = tuple(_arcs(ways, places, taken, frame))
    return Drawing(name=name, frame=frame, pins=pins, arcs=arcs)


def _pins(
    spots: Sequence[Spot],
    places: Mapping[str, Point],
    taken: list[Box],
    frame: Frame,
    *,
    least: int,
) -> Iterator[Pin]:
    """The marks of the regions; the room of their labels is added to what is taken."""
    for spot in spots:
        at = places[spot.region.name]
        size = Point(max(len(spot.region.place) * LETTER, least) + LABEL_MARGIN, 2 * LINE)
        way = atlas.outward(at, places.values())
        box = atlas.label_beside(at, size, outward=way, taken=taken, within=frame)
        taken.append(box)
        yield _pin(spot, at, box)


def _arcs(
    ways: Sequence[Way], places: Mapping[str, Point], taken: list[Box], frame: Frame
) -> Iterator[Arc]:
    """The ways as curves, with labels while there are few of them."""
    for way in ways:
        curves = frame.curve(places[way.source.region.name], places[way.target.region.name])
        room = len(ways) <= MOST_LABELLED and len(curves) == 1
        box = atlas.label_along(curves[0], LAG_SIZE, taken, frame) if room else None
        if box:
            taken.append(box)
        path = "".join(curve.path for curve in curves)
        yield Arc(way=way, path=path, label=_middle(box) if box else None)


def _pin(spot: Spot, at: Point, box: Box) -> Pin:
    """A mark with its words in the box: towards the mark where they are beside it."""
    anchor, x = "middle", box.left + box.width / 2
    if box.left > at.x:
        anchor, x = "start", box.left
    elif box.left + box.width < at.x:
        anchor, x = "end", box.left + box.width
    label = Point(x, box.top + box.height / 2)
    away = abs(x - at.x) > atlas.FAR - 1 or abs(label.y - at.y) > atlas.FAR - 1 + LINE
    return Pin(spot=spot, at=at, label=label, anchor=anchor, leader=away)


def _middle(box: Box) -> Point:
    return Point(box.left + box.width / 2, box.top + box.height / 2)
