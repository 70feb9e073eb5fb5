"""Where things are on the lab's map: Miller's projection, its frame, the curves, room for words.

Everything that leaves this module is in the units of a frame's viewBox, which are pixels where the
map is as wide as it is meant to be. `static/img/land.svg` has the land in the same projection.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from gtsite.dynamodb.regions import Region

WEST = -170
"""The longitude at the left edge of `land.svg`: no land but Antarctica's crosses it."""
WORLD_WIDTH, WORLD_HEIGHT = 360.0, 165.0
TOP = 100.551
"""How far the upper edge of `land.svg` is above the equator, in its own units."""

LEAST_WIDTH = 60.0
MARGIN = 0.15
POLEWARD, APART = 0.2, 0.09
LEAST_APART = 7.0
DOT = 14.0
NEAR, FAR, FARTHEST = 13.0, 34.0, 58.0
SIDES = ((1, 0), (-1, 0), (0, -1), (0, 1), (1, -0.8), (-1, -0.8), (1, 0.8), (-1, 0.8))


@dataclass(frozen=True, slots=True)
class Point:
    x: float
    y: float

    def __add__(self, other: "Point") -> "Point":
        return Point(self.x + other.x, self.y + other.y)

    def towards(self, other: "Point", share: float) -> "Point":
        return Point(self.x + (other.x - self.x) * share, self.y + (other.y - self.y) * share)


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle: what a label takes up."""

    left: float
    top: float
    width: float
    height: float

    def shared(self, other: "Box") -> float:
        """The area that both cover."""
        across = min(self.left + self.width, other.left + other.width) - max(self.left, other.left)
        down = min(self.top + self.height, other.top + other.height) - max(self.top, other.top)
        return max(across, 0.0) * max(down, 0.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Curve:
    """A quadratic curve from `start` to `end`, pulled towards `pull`."""

    start: Point
    pull: Point
    end: Point

    def at(self, share: float) -> Point:
        """The point where `share` (0 to 1) of the way is done."""
        first, second = self.start.towards(self.pull, share), self.pull.towards(self.end, share)
        return first.towards(second, share)

    def split(self, share: float) -> tuple["Curve", "Curve"]:
        middle = self.at(share)
        return (
            Curve(start=self.start, pull=self.start.towards(self.pull, share), end=middle),
            Curve(start=middle, pull=self.pull.towards(self.end, share), end=self.end),
        )

    def moved(self, by: Point) -> "Curve":
        return Curve(start=self.start + by, pull=self.pull + by, end=self.end + by)

    @property
    def path(self) -> str:
        points = (self.start, self.pull, self.end)
        start, pull, end = (f"{point.x:.1f} {point.y:.1f}" for point in points)
        return f"M{start}Q{pull} {end}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """The part of the world that a map shows, `scale` pixels to a degree of longitude."""

    width: int
    height: int
    left: float
    top: float
    scale: float

    @property
    def land(self) -> str:
        """How `land.svg` is to be moved and made larger."""
        x, y = -self.left * self.scale, -self.top * self.scale
        return f"translate({x:.1f} {y:.1f}) scale({self.scale:.3f})"

    def place(self, region: Region) -> Point:
        spot = _projected(region)
        return Point((spot.x - self.left) * self.scale, (spot.y - self.top) * self.scale)

    def curve(self, start: Point, end: Point) -> tuple[Curve, ...]:
        """The way from one place to another, the shorter way round the world.

        Two pieces where it leaves at one edge of the world and comes in at the other. There and
        back are two curves, both a little towards the pole, as great circles are.
        """
        world = WORLD_WIDTH * self.scale
        around = Point(-world if end.x - start.x > world / 2 else world, 0)
        if abs(end.x - start.x) <= world / 2:
            return (_bent(start, end),)
        whole = _bent(start, end + around)
        edge = (WORLD_WIDTH if around.x > 0 else 0.0) * self.scale - self.left * self.scale
        first, second = whole.split(_share_at(whole, edge))
        return first, second.moved(Point(-around.x, 0))


def frame(regions: Sequence[Region], *, width: int, height: int) -> Frame:
    """The smallest part of the world that has all of them, with room for words around them.

    It is lower than `height` where the whole world is.
    """
    spots = [_projected(region) for region in regions]
    left, right = min(spot.x for spot in spots), max(spot.x for spot in spots)
    top, bottom = min(spot.y for spot in spots), max(spot.y for spot in spots)
    if right - left > WORLD_WIDTH / 2:
        left, right = 0.0, WORLD_WIDTH
    wanted = max(
        (right - left) * (1 + 2 * MARGIN),
        (bottom - top) * (1 + 3 * MARGIN) * width / height,
        LEAST_WIDTH,
    )
    across = min(wanted, WORLD_WIDTH)
    down = min(across * height / width, WORLD_HEIGHT)
    return Frame(
        width=width,
        height=round(down * width / across),
        left=_within((left + right - across) / 2, WORLD_WIDTH - across),
        top=_within((top + bottom - down) / 2 - down * 0.04, WORLD_HEIGHT - down),
        scale=width / across,
    )


def dot(at: Point) -> Box:
    """The room that a region's mark takes up."""
    return Box(at.x - DOT / 2, at.y - DOT / 2, DOT, DOT)


def label_beside(
    at: Point, size: Point, *, outward: Point, taken: Iterable[Box], within: Frame
) -> Box:
    """Room for a label beside a mark, on its outer side if it may be; near it, or farther off.

    Where there is none that is free, the place that covers least.
    """
    boxes = tuple(taken)
    sides = sorted(SIDES, key=lambda side: -(side[0] * outward.x + side[1] * outward.y))
    places = [_beside(at, size, side, away) for away in (NEAR, FAR, FARTHEST) for side in sides]
    return min(places, key=lambda box: _covered(box, boxes, within))


def outward(at: Point, others: Iterable[Point]) -> Point:
    """Which way is out: away from the other marks, from near ones most; one long."""
    x = y = 0.0
    for other in others:
        far = (at.x - other.x) ** 2 + (at.y - other.y) ** 2
        if far:
            x, y = x + (at.x - other.x) / far, y + (at.y - other.y) / far
    length = math.hypot(x, y) or 1.0
    return Point(x / length, y / length)


def label_along(curve: Curve, size: Point, taken: Iterable[Box], within: Frame) -> Box | None:
    """Room for a label on a curve, near its middle; None where there is none."""
    boxes = tuple(taken)
    for share in (0.5, 0.42, 0.58, 0.34, 0.66):
        at = curve.at(share)
        box = Box(at.x - size.x / 2, at.y - size.y / 2, size.x, size.y)
        if _covered(box, boxes, within) == 0:
            return box
    return None


def _projected(region: Region) -> Point:
    """On `land.svg`: Miller's projection, in degrees of longitude."""
    across = (region.longitude - WEST) % 360
    latitude = math.radians(region.latitude)
    up = math.degrees(1.25 * math.log(math.tan(math.pi / 4 + 0.4 * latitude)))
    return Point(across, TOP - up)


def _bent(start: Point, end: Point) -> Curve:
    """East-bound curves lie outside west-bound ones."""
    across, down = end.x - start.x, end.y - start.y
    length = math.hypot(across, down) or 1.0
    apart = max(APART * length, LEAST_APART) / length
    middle = start.towards(end, 0.5)
    pull = Point(
        middle.x + down * apart,
        middle.y - across * apart - abs(across) * POLEWARD,
    )
    return Curve(start=start, pull=pull, end=end)


def _share_at(curve: Curve, x: float) -> float:
    """Where a curve that never turns back reaches `x`, by halving."""
    low, high = 0.0, 1.0
    eastward = curve.end.x > curve.start.x
    for _ in range(30):
        middle = (low + high) / 2
        if (curve.at(middle).x < x) is eastward:
            low = middle
        else:
            high = middle
    return low


def _within(wanted: float, room: float) -> float:
    """`wanted`, but not beyond either edge of the world."""
    return min(max(wanted, 0.0), room)


def _beside(at: Point, size: Point, side: tuple[float, float], away: float) -> Box:
    across, down = side
    middle = Point(at.x + across * (away + size.x / 2), at.y + down * (away + size.y / 2))
    return Box(middle.x - size.x / 2, middle.y - size.y / 2, size.x, size.y)


def _covered(box: Box, boxes: Iterable[Box], within: Frame) -> float:
    """The area of what is taken, or beyond the frame, that a box would cover."""
    frame_box = Box(2, 2, within.width - 4, within.height - 4)
    outside = box.width * box.height - box.shared(frame_box)
    return round(sum(box.shared(each) for each in boxes) + outside, 3)
