"""What the faults page shows: a card for each region, a line for each way, every form filled in."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from bookmarks.lab.faults.forms import (
    LagForm,
    RegionForm,
    WayForm,
    region_values,
    way_values,
)
from bookmarks.lab.map import MapView, Spot, Way
from gtsite.sandbox.client import Status


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """One region: how it is, and the form that turns it."""

    spot: Spot
    form: RegionForm
    engine: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One way, and the form that turns it."""

    way: Way
    form: WayForm


@dataclass(frozen=True, slots=True, kw_only=True)
class Board:
    """Everything there is to turn. `calm` while nothing is wrong anywhere."""

    cards: tuple[Card, ...]
    lines: tuple[Line, ...]
    every: LagForm
    wan: bool
    calm: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Typed:
    """Forms as somebody sent them, to be shown again with what is wrong; by region, by way."""

    regions: Mapping[str, RegionForm]
    ways: Mapping[tuple[str, str], WayForm]
    every: LagForm | None = None


NOTHING_TYPED = Typed(regions={}, ways={})


def show_board(status: Status, drawn: MapView, typed: Typed = NOTHING_TYPED) -> Board:
    """The board of the regions on the map, as they stand."""
    regions = {each.name: each for each in status.regions}
    pairs = {(each.source, each.target): each for each in status.pairs}
    cards = tuple(
        Card(
            spot=spot,
            form=typed.regions.get(spot.region.name)
            or RegionForm(
                initial=region_values(regions[spot.region.name]), prefix=spot.region.name
            ),
            engine=regions[spot.region.name].engine,
        )
        for spot in drawn.spots
        if spot.region.name in regions
    )
    lines = tuple(
        Line(
            way=way,
            form=typed.ways.get(way_ends(way))
            or WayForm(initial=way_values(pairs[way_ends(way)]), prefix=way.name),
        )
        for way in drawn.ways
        if way_ends(way) in pairs
    )
    return Board(
        cards=cards,
        lines=lines,
        every=typed.every or every_form(status),
        wan=status.wan,
        calm=all(card.spot.state == "up" for card in cards)
        and all(line.way.flow == "flowing" for line in lines),
    )


def every_form(status: Status) -> LagForm:
    """What most ways have now."""
    settings = [(pair.lag_ms, pair.jitter_ms) for pair in status.pairs]
    lag_ms, jitter_ms = max(set(settings), key=settings.count, default=(0, 0))
    return LagForm(initial={"lag_ms": lag_ms, "jitter_ms": jitter_ms}, prefix="every")


def way_ends(way: Way) -> tuple[str, str]:
    return way.source.region.name, way.target.region.name


def with_region(region: str, form: RegionForm) -> Typed:
    return replace(NOTHING_TYPED, regions={region: form})


def with_way(ends: tuple[str, str], form: WayForm) -> Typed:
    return replace(NOTHING_TYPED, ways={ends: form})


def with_every(form: LagForm) -> Typed:
    return replace(NOTHING_TYPED, every=form)
