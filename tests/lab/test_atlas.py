"""Where things are on the map: the projection, the frame, curves there and back, room for words."""

import math
import re
from itertools import combinations, permutations

import pytest

from bookmarks.lab.atlas import Box, Point, dot, frame, label_along, label_beside, outward
from bookmarks.lab.map import LEAST_LABEL, SIZES, show_map
from gtsite.dynamodb.regions import Region, region
from tests.support.sandbox import PROJECT

THREE = ("us-west-2", "eu-west-1", "us-east-2")
SIX = (*THREE, "us-east-1", "ap-southeast-1", "ap-northeast-1")
CLOSE = ("us-east-1", "us-east-2", "us-west-2")
EDGES = ("ap-southeast-6", "us-west-2")
LAND = PROJECT / "static" / "img" / "land.svg"


def regions(names: tuple[str, ...]) -> list[Region]:
    return [region(name) for name in names]


@pytest.mark.parametrize("size", SIZES.values(), ids=SIZES)
@pytest.mark.parametrize("names", [THREE, SIX, CLOSE, EDGES], ids=["3", "6", "close", "edges"])
class TestFrame:
    def test_has_every_region_well_inside(
        self, names: tuple[str, ...], size: tuple[int, int]
    ) -> None:
        shown = frame(regions(names), width=size[0], height=size[1])
        for each in regions(names):
            at = shown.place(each)
            assert 12 < at.x < shown.width - 12
            assert 12 < at.y < shown.height - 12

    def test_goes_nowhere_beyond_the_world(
        self, names: tuple[str, ...], size: tuple[int, int]
    ) -> None:
        shown = frame(regions(names), width=size[0], height=size[1])
        assert shown.left >= 0
        assert shown.top >= 0
        assert shown.left + shown.width / shown.scale <= 360.01
        assert shown.top + shown.height / shown.scale <= 166

    def test_no_two_names_lie_over_each_other_or_a_mark(
        self, names: tuple[str, ...], size: tuple[int, int]
    ) -> None:
        shown = frame(regions(names), width=size[0], height=size[1])
        places = [shown.place(each) for each in regions(names)]
        taken = [dot(place) for place in places]
        room = Point(LEAST_LABEL["wide" if size == SIZES["wide"] else "narrow"] + 6, 30)
        for place in places:
            way = outward(place, places)
            taken.append(label_beside(place, room, outward=way, taken=taken, within=shown))
        labels, marks = taken[len(places) :], taken[: len(places)]
        assert [a for a, b in combinations(labels, 2) if a.shared(b)] == []
        assert [label for label in labels if any(label.shared(mark) for mark in marks)] == []


class TestProjection:
    def test_the_land_beneath_a_region_is_land(self) -> None:
        """Every inland region has a dot of the picture near it; the two agree on the projection."""
        dots = _dots()
        for name in ("us-east-2", "eu-central-1", "ap-south-2", "sa-east-1", "ca-west-1"):
            shown = frame([region(name)], width=100, height=100)
            at = shown.place(region(name))
            x, y = at.x / shown.scale + shown.left, at.y / shown.scale + shown.top
            assert min(math.hypot(x - a, y - b) for a, b in dots) < 1.1, name

    def test_the_sea_is_empty(self) -> None:
        assert min(math.hypot(130 - a, 100.5 - b) for a, b in _dots()) > 3

    def test_it_is_small(self) -> None:
        assert LAND.stat().st_size < 30_000


class TestCurves:
    @pytest.mark.parametrize("names", [THREE, SIX])
    def test_begin_and_end_at_their_regions(self, names: tuple[str, ...]) -> None:
        shown = frame(regions(names), width=860, height=430)
        for a, b in permutations(regions(names), 2):
            pieces = shown.curve(shown.place(a), shown.place(b))
            assert pieces[0].start == shown.place(a)
            assert (pieces[-1].end.x, pieces[-1].end.y) == pytest.approx(
                (shown.place(b).x, shown.place(b).y)
            )

    def test_there_and_back_are_apart(self) -> None:
        shown = frame(regions(CLOSE), width=860, height=430)
        for a, b in combinations(regions(CLOSE), 2):
            (there,) = shown.curve(shown.place(a), shown.place(b))
            (back,) = shown.curve(shown.place(b), shown.place(a))
            assert math.hypot(*_between(there.at(0.5), back.at(0.5))) >= 5

    def test_over_the_pacific_leaves_at_one_edge_and_comes_in_at_the_other(self) -> None:
        shown = frame(regions(SIX), width=860, height=430)
        tokyo, oregon = region("ap-northeast-1"), region("us-west-2")
        out, back = shown.curve(shown.place(tokyo), shown.place(oregon))
        assert out.end.x == pytest.approx(860, abs=0.1)
        assert back.start.x == pytest.approx(0, abs=0.1)
        assert out.end.y == pytest.approx(back.start.y, abs=0.1)

    def test_a_label_is_left_out_where_there_is_no_room(self) -> None:
        shown = frame(regions(THREE), width=860, height=430)
        (curve,) = shown.curve(*(shown.place(region(name)) for name in THREE[:2]))
        assert label_along(curve, Point(60, 16), [], shown) is not None
        assert label_along(curve, Point(60, 16), [Box(0, 0, 860, 430)], shown) is None


def test_a_single_region_is_a_map_too() -> None:
    drawn = show_map(THREE[:1], local=THREE[0], status=None)
    assert [len(each.pins) for each in drawn.drawings] == [1, 1]
    assert drawn.ways == ()


def test_three_regions_have_a_label_on_every_way_of_the_wide_map() -> None:
    drawn = show_map(
        THREE, local=THREE[0], status=None, measured=dict.fromkeys(permutations(THREE, 2), 900.0)
    )
    wide = next(each for each in drawn.drawings if each.name == "wide")
    assert [arc.way.label for arc in wide.arcs if arc.label] == ["900 ms"] * 6


def _between(a: Point, b: Point) -> tuple[float, float]:
    return a.x - b.x, a.y - b.y


def _dots() -> list[tuple[float, float]]:
    """The dots of the land, as they stand in the picture."""
    runs = re.findall(r"M(\d+) (\d+)h(\d+)", LAND.read_text())
    return [
        (0.75 * (int(x) + along), 0.75 * int(y))
        for x, y, width in runs
        for along in range(0, int(width), 2)
    ]
