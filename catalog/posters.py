"""What a title without a picture of its own looks like: a poster and a backdrop, drawn as SVG.

The same id and title always give the same picture: every choice is read from their SHA-256. Only
presentation attributes are used, because the site's Content-Security-Policy forbids styles.
"""

import hashlib
import math
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TypeVar
from xml.sax.saxutils import escape

T = TypeVar("T")
Point = tuple[float, float]

SERIF = "Georgia, 'Times New Roman', 'Noto Serif', serif"
SANS = "'Helvetica Neue', Arial, 'Noto Sans', sans-serif"

POSTER_WIDTH, POSTER_HEIGHT = 400, 600
BACKDROP_WIDTH, BACKDROP_HEIGHT = 1600, 900
MARGIN = 36
BASELINE = 536
SEAM = 1
LONGEST_TITLE = 200
LINES_AT_SIZE = ((60, 1), (52, 1), (58, 2), (50, 2), (46, 3), (40, 3), (35, 4), (30, 4), (25, 4))
"""Font size in pixels, and how many lines a title may take at that size; best first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Palette:
    """Colours of one picture, `#rrggbb`: `ink` and `glow` are read against `ground`."""

    zenith: str
    sky: str
    far: str
    near: str
    ground: str
    glow: str
    ink: str = "#f7f1e6"


def _palette(zenith: str, sky: str, far: str, near: str, ground: str, glow: str) -> Palette:
    return Palette(zenith=zenith, sky=sky, far=far, near=near, ground=ground, glow=glow)


PALETTES = (
    _palette("#24123a", "#d9583f", "#93304a", "#4b1b3f", "#1a0d23", "#ffc66d"),
    _palette("#0a2c40", "#4fb0ae", "#1f7080", "#11465a", "#081f2d", "#ffdca3"),
    _palette("#1d3a2c", "#b5bf72", "#5f8550", "#2e5440", "#0f1e18", "#f8e7a6"),
    _palette("#2a1850", "#cf6ba3", "#82408c", "#472763", "#170d2b", "#ffc0a8"),
    _palette("#3a1a14", "#e5914d", "#ad4e2d", "#6a2a20", "#1e0e0b", "#ffe3ac"),
    _palette("#1a2333", "#93a9bd", "#536a84", "#2c3f57", "#0f1622", "#ffb454"),
    _palette("#3a2346", "#f2aa8e", "#bf637b", "#6b3a63", "#1d1126", "#fff0cc"),
    _palette("#07333a", "#37b79d", "#157d73", "#0b4c4f", "#061d21", "#ff9a78"),
    _palette("#16244f", "#d7a548", "#43568f", "#243362", "#0b122b", "#f8de83"),
    _palette("#2b2a2d", "#d3cab9", "#8d8579", "#4b4744", "#151416", "#f2694a"),
    _palette("#0f1f63", "#6595ff", "#2f5acb", "#1a3789", "#080f30", "#ffe483"),
    _palette("#3d0d1d", "#e2505f", "#a02545", "#5c1231", "#1b0710", "#ffd6b6"),
    _palette("#17322e", "#cdd4a6", "#7c9d88", "#3d655f", "#0c1919", "#f4966a"),
    _palette("#101a4a", "#4ecdae", "#3b74b4", "#293c7b", "#080e26", "#dcf4b6"),
)


class Dice:
    """An endless row of choices that depends on nothing but its seed."""

    def __init__(self, seed: bytes) -> None:
        self._bytes = _stream(seed)

    def roll(self, low: float, high: float) -> float:
        """A number from `low` up to, but not including, `high`."""
        return low + (high - low) * (next(self._bytes) * 256 + next(self._bytes)) / 65536

    def count(self, low: int, high: int) -> int:
        """A whole number from `low` to `high`, both included."""
        return int(self.roll(low, high + 1))

    def pick(self, options: Sequence[T]) -> T:
        return options[self.count(0, len(options) - 1)]


def _stream(seed: bytes) -> Iterator[int]:
    block = 0
    while True:
        yield from hashlib.sha256(seed + block.to_bytes(4, "big")).digest()
        block += 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """Where a scene is drawn: lengths are in user units, `unit` is 1 on a poster.

    `x`, `y` is the point of interest, kept clear of words; `floor` is where the ground begins.
    """

    width: float
    height: float
    x: float
    y: float
    floor: float
    unit: float
    colours: Palette
    dice: Dice
    prefix: str

    def reference(self, name: str) -> str:
        return f"url(#{self.prefix}{name})"


Scene = Callable[[Stage], str]


def poster_svg(*, content_id: str, title: str, kind: str | None, year: int | None) -> str:
    """Upright, two by three, with the title, the year, and for a show what it is."""
    words = _words_for(title, content_id)
    prefix, colours, scene, dice = _choices(content_id, title)
    size, lines = _fit(words, POSTER_WIDTH - 2 * MARGIN)
    lettering_top = BASELINE - (len(lines) - 1) * _leading(size) - size
    stage = Stage(
        width=POSTER_WIDTH,
        height=POSTER_HEIGHT,
        x=POSTER_WIDTH / 2,
        y=min(232, lettering_top * 0.55),
        floor=min(440, lettering_top - 40),
        unit=1,
        colours=colours,
        dice=dice,
        prefix=prefix,
    )
    return _document(
        stage,
        name=_described(words, kind, year),
        picture=scene(stage) + _scrim(stage, lettering_top - 22) + _frame(stage),
        lettering=_lettering(lines, size, colours) + _caption(kind, year, colours),
    )


def backdrop_svg(*, content_id: str, title: str, kind: str | None, year: int | None) -> str:
    """Wide, sixteen by nine, without words, dark at its left and its foot; matches the poster."""
    prefix, colours, scene, dice = _choices(content_id, title)
    stage = Stage(
        width=BACKDROP_WIDTH,
        height=BACKDROP_HEIGHT,
        x=BACKDROP_WIDTH * 0.68,
        y=BACKDROP_HEIGHT * 0.43,
        floor=BACKDROP_HEIGHT * 0.86,
        unit=1.7,
        colours=colours,
        dice=dice,
        prefix=prefix,
    )
    return _document(
        stage,
        name=_described(_words_for(title, content_id), kind, year),
        picture=scene(stage) + _scrim(stage, BACKDROP_HEIGHT * 0.97) + _side(stage),
        lettering="",
    )


def _choices(content_id: str, title: str) -> tuple[str, Palette, Scene, Dice]:
    seed = hashlib.sha256(f"{content_id}\n{title}".encode(errors="backslashreplace"))
    dice = Dice(seed.digest())
    return f"p{seed.hexdigest()[:8]}", dice.pick(PALETTES), dice.pick(SCENES), dice


def _document(stage: Stage, *, name: str, picture: str, lettering: str) -> str:
    size = f"{_n(stage.width)} {_n(stage.height)}"
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {size}" '
        f'role="img" aria-labelledby="{stage.prefix}name">'
        f'<title id="{stage.prefix}name">{escape(name)}</title>'
        f"<defs>{_grain(stage)}</defs>{picture}{lettering}</svg>"
    )


# ── Words ─────────────────────────────────────────────────────────────────────────────────────────


def _words_for(title: str, content_id: str) -> str:
    return _readable(title) or _readable(content_id) or "Untitled"


def _described(words: str, kind: str | None, year: int | None) -> str:
    """For those who hear the picture: `Les Vampires, series, 1915`."""
    return ", ".join(
        [words, *(["series"] if kind == "show" else []), *([str(year)] if year else [])]
    )


def _readable(text: str) -> str:
    """On one line, cut short, without what XML cannot hold: control characters, surrogates."""
    kept = "".join(c if _in_xml(c) else " " for c in text[:LONGEST_TITLE])
    return " ".join(kept.split())


def _in_xml(character: str) -> bool:
    return character.isprintable() or unicodedata.category(character) in ("Cf", "Co", "Zs")


def _fit(words: str, width: float) -> tuple[int, list[str]]:
    """A large size at which the words stand in few lines, and those lines.

    Long words are broken only where no size is small enough for whole ones; what is too long even
    then is cut short.
    """
    for breaking in (False, True):
        for size, most in LINES_AT_SIZE:
            lines = _wrap(words, width / size, breaking=breaking)
            if lines and len(lines) <= most:
                return size, _balance(lines, words, width / size, breaking=breaking)
    size, most = LINES_AT_SIZE[-1]
    kept = _wrap(words, width / size - 1, breaking=True)[:most]
    return size, [*kept[:-1], f"{kept[-1]}…"]


def _wrap(words: str, ems: float, *, breaking: bool) -> list[str]:
    """Lines no wider than `ems`; none at all if a word is wider and may not be broken.

    What comes after a colon begins a line, unless everything stands on one.
    """
    if _ems(words) <= ems:
        return [words]
    title, colon, subtitle = words.partition(": ")
    if not colon:
        return _wrap_plain(words, ems, breaking=breaking)
    above = _wrap_plain(f"{title}:", ems, breaking=breaking)
    below = _wrap_plain(subtitle, ems, breaking=breaking)
    return above + below if above and below else []


def _wrap_plain(words: str, ems: float, *, breaking: bool) -> list[str]:
    lines = [""]
    for word in _words(words):
        for piece in _broken(word, ems) if breaking else (word,):
            if lines[-1] and _ems(lines[-1] + piece) > ems:
                lines.append("")
            lines[-1] += piece if lines[-1] else piece.lstrip(" ")
        if not breaking and _ems(word.strip(" ")) > ems:
            return []
    return lines


def _words(text: str) -> Iterator[str]:
    """What may begin a line, each with the space before it: words, and every wide character."""
    word = ""
    for character in text:
        if word and (character == " " or _is_wide(character) or _is_wide(word[-1])):
            yield word
            word = ""
        word += character
    if word:
        yield word


def _broken(word: str, ems: float) -> list[str]:
    pieces = [""]
    for character in word:
        if not _clings(character) and _ems(pieces[-1] + character) > ems:
            pieces.append("")
        pieces[-1] += character
    return pieces


def _balance(lines: list[str], words: str, ems: float, *, breaking: bool) -> list[str]:
    """The same number of lines, as even as they can be."""
    while ems > 1:
        ems *= 0.96
        narrower = _wrap(words, ems, breaking=breaking)
        if not narrower or len(narrower) > len(lines):
            return lines
        lines = narrower
    return lines


def _ems(text: str) -> float:
    """A generous guess at the width in a serif face, in multiples of the font size."""
    return sum(_em(character) for character in text)


def _em(character: str) -> float:
    if _clings(character):
        return 0
    if _is_wide(character):
        return 1.02
    if character in "iIljtf.,:;'!|()[]- ’‘":
        return 0.36
    if character in "MWmw@%&—…":
        return 0.95
    return 0.74 if character.isupper() else 0.57


def _is_wide(character: str) -> bool:
    return unicodedata.east_asian_width(character) in ("W", "F")


def _clings(character: str) -> bool:
    return unicodedata.category(character) in ("Mn", "Me", "Cf")


def _leading(size: int) -> int:
    return round(size * 1.08)


def _lettering(lines: Sequence[str], size: int, colours: Palette) -> str:
    top = BASELINE - (len(lines) - 1) * _leading(size)
    spans = "".join(
        f'<tspan x="{MARGIN}" y="{top + index * _leading(size)}">{escape(line)}</tspan>'
        for index, line in enumerate(lines)
    )
    return (
        f'<rect x="{MARGIN}" y="{_n(top - size - 12)}" width="28" height="3" '
        f'fill="{colours.glow}"/>'
        f'<text font-family="{SERIF}" font-size="{size}" letter-spacing="-.5" '
        f'fill="{colours.ink}">{spans}</text>'
    )


def _caption(kind: str | None, year: int | None, colours: Palette) -> str:
    parts = [str(year)] if year is not None else []
    if kind == "show":
        parts.append("SERIES")
    if not parts:
        return ""
    return (
        f'<text x="{MARGIN}" y="{BASELINE + 38}" font-family="{SANS}" font-size="18" '
        f'letter-spacing="2.5" fill="{colours.glow}">{" · ".join(parts)}</text>'
    )


# ── Surfaces ──────────────────────────────────────────────────────────────────────────────────────


def _scrim(stage: Stage, solid_from: float) -> str:
    """The ground the words stand on: plain below `solid_from`, fading out above it."""
    ground, depth = stage.colours.ground, 100 * stage.unit
    return (
        _gradient(stage, "f", (ground, 0), (ground, 1))
        + _rect(0, solid_from - depth, stage.width, depth + 1, stage.reference("f"))
        + _rect(0, solid_from, stage.width, stage.height, ground)
        + _rect(0, 0, stage.width, stage.height, stage.reference("g"))
    )


def _side(stage: Stage) -> str:
    """Darkness on the left, where the page sets its words."""
    ground = stage.colours.ground
    shade = _gradient(stage, "l", (ground, 0.92), (ground, 0), across=True)
    return shade + _rect(0, 0, stage.width * 0.62, stage.height, stage.reference("l"))


def _frame(stage: Stage) -> str:
    return (
        f'<rect x="14" y="14" width="{_n(stage.width - 28)}" height="{_n(stage.height - 28)}" '
        f'fill="none" stroke="{stage.colours.ink}" stroke-opacity=".16"/>'
    )


def _grain(stage: Stage) -> str:
    """Specks too faint to see one by one, which keep flat colour from looking dead."""
    specks = "".join(
        f"M{_n(stage.dice.roll(0, 60))} {_n(stage.dice.roll(0, 60))}h1" for _ in range(36)
    )
    return (
        f'<pattern id="{stage.prefix}g" width="60" height="60" patternUnits="userSpaceOnUse">'
        f'<path d="{specks}" stroke="#fff" stroke-opacity=".07"/></pattern>'
    )


def _gradient(stage: Stage, name: str, *stops: tuple[str, float], across: bool = False) -> str:
    """A linear gradient from top to bottom, or from left to right; stops are even."""
    direction = "" if across else ' x2="0" y2="1"'
    return f'<linearGradient id="{stage.prefix}{name}"{direction}>{_stops(stops)}</linearGradient>'


def _halo(stage: Stage, name: str, *stops: tuple[str, float]) -> str:
    return f'<radialGradient id="{stage.prefix}{name}">{_stops(stops)}</radialGradient>'


def _stops(stops: Sequence[tuple[str, float]]) -> str:
    last = len(stops) - 1
    return "".join(
        f'<stop offset="{_n(index / last)}" stop-color="{colour}"'
        + (f' stop-opacity="{_n(opacity)}"/>' if opacity < 1 else "/>")
        for index, (colour, opacity) in enumerate(stops)
    )


def _sky(stage: Stage, *colours: str) -> str:
    stops = [(colour, 1.0) for colour in colours]
    return _gradient(stage, "s", *stops) + _rect(
        0, 0, stage.width, stage.height, stage.reference("s")
    )


def _rect(x: float, y: float, width: float, height: float, fill: str, more: str = "") -> str:
    return (
        f'<rect x="{_n(x)}" y="{_n(y)}" width="{_n(width)}" height="{_n(height)}" '
        f'fill="{fill}"{more}/>'
    )


def _disc(x: float, y: float, radius: float, fill: str, more: str = "") -> str:
    return f'<circle cx="{_n(x)}" cy="{_n(y)}" r="{_n(radius)}" fill="{fill}"{more}/>'


def _path(d: str, fill: str, more: str = "") -> str:
    return f'<path d="{d}" fill="{fill}"{more}/>'


def _ring(x: float, y: float, radius: float, stroke: str, width: float, opacity: float = 1) -> str:
    return _disc(
        x,
        y,
        radius,
        "none",
        f' stroke="{stroke}" stroke-width="{_n(width)}" stroke-opacity="{_n(opacity)}"',
    )


def _glow(stage: Stage, x: float, y: float, radius: float, strength: float = 0.55) -> str:
    glow = stage.colours.glow
    return _halo(stage, "h", (glow, strength), (glow, strength / 4), (glow, 0)) + _disc(
        x, y, radius, stage.reference("h")
    )


def _curve(points: Sequence[Point]) -> str:
    """A soft line through points that run from left to right."""
    x, y = points[0]
    parts = [f"M{_n(x)} {_n(y)}"]
    for (x0, y0), (x1, y1) in pairwise(points):
        middle = (x0 + x1) / 2
        parts.append(f"C{_n(middle)} {_n(y0)} {_n(middle)} {_n(y1)} {_n(x1)} {_n(y1)}")
    return "".join(parts)


def _land(stage: Stage, points: Sequence[Point], fill: str, more: str = "") -> str:
    return _path(f"{_curve(points)}V{_n(stage.height)}H0Z", fill, more)


def _undulation(stage: Stage, level: float, swing: float, steps: int) -> list[Point]:
    return [
        (stage.width * index / steps, level + stage.dice.roll(-swing, swing))
        for index in range(steps + 1)
    ]


def _mix(first: str, second: str, share: float) -> str:
    """`share` of the second colour in the first."""
    channels = zip(_channels(first), _channels(second), strict=True)
    return "#" + "".join(f"{round(a + (b - a) * share):02x}" for a, b in channels)


def _channels(colour: str) -> tuple[int, int, int]:
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)


def _n(value: float) -> str:
    """A number as short as it can be written without the eye noticing."""
    return f"{value:.2f}".rstrip("0").rstrip(".") if abs(value) < 10 else f"{value:.0f}"


# ── Scenes ────────────────────────────────────────────────────────────────────────────────────────


def _stars(stage: Stage, below: float, number: int) -> str:
    dots = "".join(
        f"M{_n(stage.dice.roll(0, stage.width))} {_n(stage.dice.roll(0, below))}h.01"
        for _ in range(number)
    )
    return (
        f'<path d="{dots}" stroke="{stage.colours.ink}" stroke-width="{_n(2 * stage.unit)}" '
        'stroke-linecap="round" stroke-opacity=".6"/>'
    )


def _horizon(stage: Stage) -> str:
    """A low sun on water."""
    c, dice, unit = stage.colours, stage.dice, stage.unit
    radius = dice.roll(78, 104) * unit
    waterline = stage.y + dice.roll(10, 50) * unit
    glints = "".join(
        _rect(
            stage.x + dice.roll(-10, 10) * unit - half,
            waterline + (14 + row * 19) * unit,
            2 * half,
            4 * unit,
            c.glow,
            f' rx="{_n(2 * unit)}" opacity="{_n(0.85 - row * 0.08)}"',
        )
        for row in range(8)
        for half in [radius * dice.roll(0.28, 0.42) * (1.9 - row * 0.2)]
    )
    return (
        _sky(stage, c.zenith, _mix(c.zenith, c.sky, 0.6), c.sky, c.sky)
        + _glow(stage, stage.x, waterline - radius * 0.35, radius * 2.6)
        + _disc(stage.x, waterline - radius * 0.35, radius, c.glow)
        + _land(stage, _shores(stage, waterline), c.far)
        + _rect(0, waterline, stage.width, stage.height, c.near)
        + glints
    )


def _shores(stage: Stage, waterline: float) -> list[Point]:
    """Land to the left and to the right, open water where the sun goes down."""
    heights = [
        stage.dice.roll(low, high) for low, high in ((20, 56), (6, 26), (-6, -3), (4, 22), (16, 48))
    ]
    reach = stage.width / 2
    places = (0, stage.x - reach * 0.55, stage.x, stage.x + reach * 0.55, stage.width)
    return [
        (place, waterline - height * stage.unit)
        for place, height in zip(places, heights, strict=True)
    ]


def _strata(stage: Stage) -> str:
    """Bands of colour laid over each other like dunes at evening."""
    c, dice, unit = stage.colours, stage.dice, stage.unit
    bands = 7
    first = stage.y - 70 * unit
    step = (stage.floor + 60 * unit - first) / bands
    shades = [_shade(c, index / (bands - 1)) for index in range(bands)]
    return (
        _sky(stage, c.zenith, c.sky, c.sky)
        + _disc(stage.x + dice.roll(-90, 90) * unit, first, dice.roll(40, 62) * unit, c.glow)
        + "".join(
            _land(
                stage,
                _undulation(stage, first + index * step, dice.roll(22, 46) * unit, 3),
                shade,
            )
            for index, shade in enumerate(shades)
        )
    )


def _shade(colours: Palette, depth: float) -> str:
    """From the sky (0) by way of far and near to the ground (1)."""
    steps = (_mix(colours.sky, colours.far, 0.45), colours.far, colours.near, colours.ground)
    place = depth * (len(steps) - 1)
    index = min(int(place), len(steps) - 2)
    return _mix(steps[index], steps[index + 1], place - index)


def _arcs(stage: Stage) -> str:
    """Quarter circles from two corners, as on the cover of a score."""
    c, dice, unit = stage.colours, stage.dice, stage.unit
    colours = (c.sky, c.far, c.glow, c.near, c.zenith, c.sky, c.far)
    first = dice.count(0, 3)
    side = dice.pick((-200, 200)) * unit
    return (
        _rect(0, 0, stage.width, stage.height, dice.pick((c.near, c.zenith, c.far)))
        + _discs(
            stage.x + side, 0, dice.roll(280, 350) * unit, dice.roll(44, 62) * unit, colours[first:]
        )
        + _discs(
            stage.x - side, stage.floor, dice.roll(130, 200) * unit, 40 * unit, colours[2:][::-1]
        )
    )


def _discs(x: float, y: float, radius: float, step: float, colours: Sequence[str]) -> str:
    return "".join(
        _disc(x, y, radius - index * step, colour)
        for index, colour in enumerate(colours)
        if radius > index * step
    )


def _city(stage: Stage) -> str:
    """Roofs under a moon, some windows lit."""
    c, dice, unit = stage.colours, stage.dice, stage.unit
    moon = stage.x + dice.pick((-70, 70)) * unit
    return (
        _sky(stage, c.zenith, c.zenith, c.far, c.sky)
        + _stars(stage, stage.y, 26)
        + _glow(stage, moon, stage.y - 80 * unit, 150 * unit, 0.4)
        + _disc(moon, stage.y - 80 * unit, dice.roll(36, 52) * unit, c.glow)
        + _path(_roofs(stage, stage.y + 70 * unit, 60), _mix(c.far, c.sky, 0.25))
        + _path(_roofs(stage, stage.y + 110 * unit, 70), c.near)
        + _windows(stage)
        + _path(_roofs(stage, stage.floor - 10 * unit, 34), c.ground)
    )


def _roofs(stage: Stage, level: float, swing: float) -> str:
    x, parts = 0.0, [f"M0 {_n(stage.height)}"]
    while x < stage.width:
        roof = level + stage.dice.roll(-swing, swing) * stage.unit
        x += stage.dice.roll(26, 58) * stage.unit
        parts.append(f"V{_n(roof)}H{_n(x)}")
    return "".join([*parts, f"V{_n(stage.height)}Z"])


def _windows(stage: Stage) -> str:
    unit, columns = stage.unit, int(stage.width / (17 * stage.unit))
    lit = "".join(
        f"M{_n(column * 17 * unit)} {_n(stage.floor - row * 20 * unit)}v{_n(8 * unit)}"
        for row in range(7)
        for column in range(1, columns)
        if stage.dice.roll(0, 1) < 0.2 + 0.02 * row * (row < 4)
    )
    return (
        f'<path d="{lit}" stroke="{stage.colours.glow}" stroke-width="{_n(5 * unit)}" '
        'stroke-opacity=".75"/>'
    )


def _orbit(stage: Stage) -> str:
    """A planet with a ring, and what circles it."""
    c, dice, unit = stage.colours, stage.dice, stage.unit
    radius, tilt = dice.roll(76, 104) * unit, dice.roll(-32, 32)
    turn = f"rotate({_n(tilt)} {_n(stage.x)} {_n(stage.y)})"
    angle = dice.roll(0, 2 * math.pi)
    moon = (stage.x + 178 * unit * math.cos(angle), stage.y + 52 * unit * math.sin(angle))
    return (
        _sky(stage, c.zenith, c.ground)
        + _stars(stage, stage.height * 0.8, 60)
        + _glow(stage, stage.x, stage.y, radius * 2.4, 0.35)
        + f'<g transform="{turn}">{_half_ring(stage, radius, front=False)}</g>'
        + _gradient(stage, "p", (c.sky, 1), (c.far, 1), (c.near, 1))
        + _disc(stage.x, stage.y, radius, stage.reference("p"))
        + f'<g transform="{turn}">{_half_ring(stage, radius, front=True)}'
        + _disc(*moon, dice.roll(7, 13) * unit, c.glow)
        + "</g>"
    )


def _half_ring(stage: Stage, radius: float, *, front: bool) -> str:
    sweep = 0 if front else 1
    rings = []
    for share, width, opacity in ((1.5, 9, 0.9), (1.72, 4, 0.65), (1.86, 1.5, 0.5)):
        reach = radius * share
        rings.append(
            f'<path d="M{_n(stage.x - reach)} {_n(stage.y)}A{_n(reach)} {_n(reach * 0.3)} 0 0 '
            f'{sweep} {_n(stage.x + reach)} {_n(stage.y)}" fill="none" '
            f'stroke="{stage.colours.glow}" stroke-width="{_n(width * stage.unit)}" '
            f'stroke-opacity="{_n(opacity)}"/>'
        )
    return "".join(rings)


def _beam(stage: Stage) -> str:
    """A full house, seen from behind, and the light that crosses it."""
    c, dice, unit = stage.colours, stage.dice, stage.unit
    half, top = 132 * unit, stage.y - 110 * unit
    foot = stage.y + 66 * unit
    return (
        _sky(stage, c.ground, c.zenith, c.near, c.far)
        + _glow(stage, stage.x, stage.y - 20 * unit, 290 * unit, 0.5)
        + _gradient(stage, "p", (c.glow, 1), (c.sky, 1), (c.far, 1))
        + _rect(stage.x - half, top, 2 * half, foot - top, stage.reference("p"))
        + _disc(
            stage.x + dice.roll(-60, 60) * unit,
            stage.y - 28 * unit,
            dice.roll(30, 48) * unit,
            c.ink,
        )
        + _path(_roll_of_hills(stage, half, foot), c.near)
        + _row_of_heads(stage, stage.floor - 112 * unit, 19, _mix(c.near, c.ground, 0.3))
        + _row_of_heads(stage, stage.floor - 66 * unit, 27, c.ground)
    )


def _roll_of_hills(stage: Stage, half: float, foot: float) -> str:
    left, right, dice = stage.x - half, stage.x + half, stage.dice
    points = [
        (left + (right - left) * index / 4, foot - dice.roll(12, 62) * stage.unit)
        for index in range(5)
    ]
    return f"{_curve(points)}V{_n(foot)}H{_n(left)}Z"


def _row_of_heads(stage: Stage, level: float, radius: float, fill: str) -> str:
    size, x, people = radius * stage.unit, -radius * stage.unit, []
    shoulders = level + size * 1.9
    while x < stage.width + 2 * size:
        y = level + stage.dice.roll(-0.4, 0.3) * size
        people.append(
            f"M{_n(x - 0.62 * size)} {_n(y)}{_bow(0.62 * size, 0.76 * size)}"
            f"{_bow(-0.62 * size, 0.76 * size)}"
            f"M{_n(x - 1.5 * size)} {_n(shoulders + 1)}"
            f"{_bow(1.5 * size, shoulders - y - 0.7 * size)}Z"
        )
        x += stage.dice.roll(2.7, 3.5) * size
    return _path("".join(people), fill) + _rect(0, shoulders, stage.width, stage.height, fill)


def _bow(reach: float, rise: float) -> str:
    """Half an ellipse, clockwise, to a point twice `reach` away."""
    return f"a{_n(abs(reach))} {_n(rise)} 0 0 1 {_n(2 * reach)} 0"


def _peaks(stage: Stage) -> str:
    """Mountains by moonlight, the nearer the darker."""
    c, dice, unit = stage.colours, stage.dice, stage.unit
    moon = stage.x + dice.roll(-80, 80) * unit
    lift = dice.roll(64, 96) * unit
    return (
        _sky(stage, c.zenith, _mix(c.zenith, c.sky, 0.7), c.sky)
        + _glow(stage, moon, stage.y - lift, 170 * unit, 0.45)
        + _disc(moon, stage.y - lift, dice.roll(30, 50) * unit, c.glow)
        + _range(stage, stage.y + 36 * unit, 96, _mix(c.sky, c.far, 0.7))
        + _range(stage, stage.y + 96 * unit, 84, c.near)
        + _range(stage, stage.floor, 54, c.ground)
    )


def _range(stage: Stage, level: float, rise: float, fill: str) -> str:
    """Ridges with one lit side."""
    dice, unit, x = stage.dice, stage.unit, -60 * stage.unit
    outline, lit = [f"M{_n(x)} {_n(stage.height)}"], []
    while x < stage.width:
        reach = dice.roll(46, 92) * unit
        top = level - dice.roll(0.35, 1) * rise * unit
        dip = level + dice.roll(0, 0.3) * rise * unit
        outline.append(f"L{_n(x + reach)} {_n(top)}L{_n(x + 2 * reach)} {_n(dip)}")
        lit.append(
            f"M{_n(x + reach)} {_n(top)}l{_n(-reach * 0.6)} {_n((level - top) * 0.7)}"
            f"l{_n(reach * 0.34)} {_n(-(level - top) * 0.1)}l{_n(reach * 0.2)} "
            f"{_n((level - top) * 0.22)}Z"
        )
        x += 2 * reach
    body = _path("".join([*outline, f"V{_n(stage.height)}Z"]), fill)
    return body + _path("".join(lit), stage.colours.ink, ' opacity=".13"')


def _tiles(stage: Stage) -> str:
    """Quarter circles in a square grid, turned as chance will have it."""
    c, dice = stage.colours, stage.dice
    side = 100 * stage.unit
    colours = (c.sky, c.far, c.near, c.zenith, c.glow)
    tiles = []
    for row in range(math.ceil(stage.height / side)):
        for column in range(math.ceil(stage.width / side)):
            back, front = dice.pick(colours[:4]), dice.pick((*colours, c.glow))
            tiles.append(_rect(column * side, row * side, side + 1, side + 1, back))
            tiles.append(_quarter(column * side, row * side, side, dice.count(0, 3), front))
    return "".join(tiles)


def _quarter(x: float, y: float, side: float, turn: int, fill: str) -> str:
    dx, dy = ((1, 1), (-1, 1), (-1, -1), (1, -1))[turn]
    x, y = x + side * (dx < 0), y + side * (dy < 0)
    sweep = int(dx * dy > 0)
    x, y, side = x - dx * SEAM, y - dy * SEAM, side + SEAM
    arc = f"A{_n(side)} {_n(side)} 0 0 {sweep} {_n(x)} {_n(y + dy * side)}"
    return _path(f"M{_n(x)} {_n(y)}h{_n(dx * side)}{arc}Z", fill)


def _scallops(stage: Stage) -> str:
    """A sea of overlapping fans below a plain disc."""
    c, dice, unit = stage.colours, stage.dice, stage.unit
    radius = 50 * unit
    first = stage.y + 24 * unit
    rows = math.ceil((stage.floor + 60 * unit - first) / (radius * 0.5))
    fan = _discs(0, 0, radius, radius * 0.24, (c.ground, c.far, c.near, c.sky, c.near))
    placed = "".join(
        f'<use href="#{stage.prefix}w" x="{_n(column * 2 * radius - radius * (row % 2))}" '
        f'y="{_n(first + row * radius * 0.5)}"/>'
        for row in range(rows)
        for column in range(math.ceil(stage.width / (2 * radius)) + 1)
    )
    return (
        _sky(stage, c.zenith, c.sky)
        + _disc(stage.x, stage.y - dice.roll(30, 60) * unit, dice.roll(70, 96) * unit, c.glow)
        + f'<defs><g id="{stage.prefix}w">{fan}</g></defs>'
        + placed
    )


def _eclipse(stage: Stage) -> str:
    """A dark disc and its corona."""
    c, dice, unit = stage.colours, stage.dice, stage.unit
    radius, rays = dice.roll(72, 96) * unit, dice.count(26, 40)
    spokes = []
    for index in range(rays):
        angle = 2 * math.pi * index / rays
        near, far = radius * 1.14, radius * dice.roll(1.3, 2.3)
        spokes.append(
            f"M{_n(stage.x + near * math.cos(angle))} {_n(stage.y + near * math.sin(angle))}"
            f"L{_n(stage.x + far * math.cos(angle))} {_n(stage.y + far * math.sin(angle))}"
        )
    return (
        _sky(stage, c.zenith, c.near, c.ground)
        + _glow(stage, stage.x, stage.y, radius * 2.7, 0.8)
        + f'<path d="{"".join(spokes)}" stroke="{c.glow}" stroke-width="{_n(2 * unit)}" '
        'stroke-linecap="round" stroke-opacity=".7"/>'
        + _disc(stage.x, stage.y, radius * 1.05, c.glow)
        + _disc(stage.x + dice.roll(-4, 4) * unit, stage.y, radius, c.ground)
        + _ring(stage.x, stage.y, radius * 2.5, c.ink, 1 * unit, 0.18)
    )


SCENES: tuple[Scene, ...] = (
    _horizon,
    _strata,
    _arcs,
    _city,
    _orbit,
    _beam,
    _peaks,
    _tiles,
    _scallops,
    _eclipse,
)
