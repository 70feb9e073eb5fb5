"""Posters and backdrops: the same for the same title, safe to serve, and fit to be read."""

import re
import subprocess
import sys
from itertools import combinations
from pathlib import Path
from xml.etree import ElementTree

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

import catalog
from catalog.posters import (
    BASELINE,
    MARGIN,
    PALETTES,
    POSTER_WIDTH,
    SCENES,
    Palette,
    backdrop_svg,
    poster_svg,
)

SVG = "{http://www.w3.org/2000/svg}"
STATIC = Path(catalog.__file__).parent.parent / "static"
POSTER_BYTES, BACKDROP_BYTES = 6_000, 12_000

titles = st.text(max_size=300)
years = st.none() | st.integers(min_value=0, max_value=9999)
kinds = st.sampled_from((None, "movie", "show"))


def draw_poster(title: str, content_id: str = "sintel") -> str:
    return poster_svg(content_id=content_id, title=title, kind="movie", year=2010)


def text_of(svg: str) -> str:
    """The words on the picture, lines joined by nothing."""
    root = ElementTree.fromstring(svg)  # noqa: S314 - our own drawing
    return "".join(span.text or "" for span in root.iter(f"{SVG}tspan"))


@given(content_id=st.text(max_size=80), title=titles, kind=kinds, year=years)
@example(content_id="", title="", kind=None, year=None)
@example(content_id="x", title="\ud800 \x00\ufffe]]><script>&'\"", kind="show", year=0)
@example(content_id="x", title="м\u0301" * 200, kind="show", year=1)
@example(content_id="x", title="W" * 300, kind=None, year=None)
def test_any_title_gives_a_well_formed_picture_without_script_or_style(
    content_id: str, title: str, kind: str | None, year: int | None
) -> None:
    for draw in (poster_svg, backdrop_svg):
        svg = draw(content_id=content_id, title=title, kind=kind, year=year)
        root = ElementTree.fromstring(svg.encode())  # noqa: S314 - our own drawing
        assert root.tag == f"{SVG}svg"
        assert_harmless(root)
        assert root.get("role") == "img"
        (name,) = root.iter(f"{SVG}title")
        assert name.text
        assert root.get("aria-labelledby") == name.get("id")


def assert_harmless(root: ElementTree.Element) -> None:
    for element in root.iter():
        assert element.tag.removeprefix(SVG) not in ("script", "style", "foreignObject", "image")
        for attribute, value in element.attrib.items():
            assert attribute != "style"
            assert not attribute.startswith("on")
            assert attribute != "href" or value.startswith("#")
            assert "url(" not in value or value.startswith("url(#")


@given(title=titles)
def test_the_same_title_gives_the_same_picture(title: str) -> None:
    assert draw_poster(title) == draw_poster(title)


def test_another_process_draws_the_same_picture() -> None:
    program = (
        "from catalog.posters import poster_svg as draw;"
        "print(draw(content_id='sintel', title='Sintel', kind='movie', year=2010), end='')"
    )
    there = subprocess.run(
        [sys.executable, "-c", program],
        cwd=STATIC.parent,
        env={"PYTHONHASHSEED": "7"},
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert there.stdout == draw_poster("Sintel")


def test_different_ids_and_different_titles_give_different_pictures() -> None:
    pictures = [without_prefix(draw_poster("Sintel", f"title-{n}")) for n in range(60)]
    pictures += [without_prefix(draw_poster(f"Sintel {n}")) for n in range(60)]
    assert len(set(pictures)) == len(pictures)


def without_prefix(svg: str) -> str:
    """The drawing alone: two that differ in nothing but the names of their parts are the same."""
    return re.sub(r"p[0-9a-f]{8}", "p", svg)


def test_names_of_parts_do_not_collide_on_one_page() -> None:
    parts = [
        set(re.findall(r' id="([^"]+)"', draw_poster(f"Title {number}"))) for number in range(20)
    ]
    assert not any(first & second for first, second in combinations(parts, 2))


def test_every_scene_and_every_palette_is_drawn_and_stays_small() -> None:
    posters = [draw_poster(f"Title number {number}") for number in range(400)]
    assert max(len(svg.encode()) for svg in posters) <= POSTER_BYTES
    assert {p.ground for p in PALETTES} == {ground_of(svg) for svg in posters}
    for scene in SCENES:
        assert scene.__doc__


def test_backdrops_stay_small() -> None:
    backdrops = [
        backdrop_svg(content_id=str(number), title="Title", kind=None, year=None)
        for number in range(200)
    ]
    assert max(len(svg.encode()) for svg in backdrops) <= BACKDROP_BYTES
    assert not any("<text" in svg for svg in backdrops)


@pytest.mark.parametrize(
    "title",
    [
        "Sintel",
        "Sunrise: A Song of Two Humans",
        "Santa Claus Conquers the Martians",
        "Donaudampfschifffahrtsgesellschaftskapitän",
        "Человек с киноаппаратом",
        "七人の侍と長い長い旅の物語",
        "Tom & Jerry <Reloaded>",
        "  Much   space  ",
        "a: b: c: d: e",
    ],
)
def test_every_word_of_a_title_is_on_its_poster(title: str) -> None:
    assert text_of(draw_poster(title)).replace(" ", "") == "".join(title.split())


@given(title=titles)
@example(title="W" * 300)
@example(title="word " * 60)
def test_a_title_has_at_most_four_lines_that_stand_above_the_caption(title: str) -> None:
    root = ElementTree.fromstring(draw_poster(title))  # noqa: S314 - our own drawing
    lines = [(int(s.get("y", "")), s.text or "") for s in root.iter(f"{SVG}tspan")]
    assert 1 <= len(lines) <= 4
    assert [y for y, _ in lines] == sorted({y for y, _ in lines})
    assert lines[-1][0] == BASELINE
    assert lines[0][0] > 380


def test_a_title_too_long_for_any_size_ends_in_an_ellipsis() -> None:
    words = text_of(draw_poster("Interminable " * 40))
    assert words.startswith("Interminable")
    assert words.endswith("…")


def test_lines_of_the_widest_capitals_keep_within_the_margins() -> None:
    root = ElementTree.fromstring(draw_poster("MWMWMWMWMWMWMWMW"))  # noqa: S314
    (text,) = (t for t in root.iter(f"{SVG}text") if t.find(f"{SVG}tspan") is not None)
    size = int(text.get("font-size", ""))
    for line in text:
        assert len(line.text or "") * size * 0.9 <= POSTER_WIDTH - 2 * MARGIN


def test_a_show_says_that_it_is_a_series_and_a_movie_does_not() -> None:
    show = poster_svg(content_id="x", title="Les Vampires", kind="show", year=1915)
    movie = poster_svg(content_id="x", title="Les Vampires", kind="movie", year=1915)
    assert "1915 · SERIES" in show
    assert "Les Vampires, series, 1915</title>" in show
    assert "SERIES" not in movie
    assert ">1915<" in movie


def test_an_unknown_year_leaves_no_gap_where_it_would_stand() -> None:
    svg = poster_svg(content_id="01", title="Sprite Fright", kind=None, year=None)
    assert svg.count("<text") == 1
    assert "None" not in svg


@pytest.mark.parametrize("palette", PALETTES, ids=lambda palette: palette.ground)
def test_words_can_be_read_against_the_ground_they_stand_on(palette: Palette) -> None:
    assert contrast(palette.ink, palette.ground) >= 4.5
    assert contrast(palette.glow, palette.ground) >= 4.5


@given(title=titles)
def test_the_ground_is_plain_behind_every_line_of_the_title(title: str) -> None:
    svg = draw_poster(title)
    root = ElementTree.fromstring(svg)  # noqa: S314 - our own drawing
    plain = next(r for r in root.iter(f"{SVG}rect") if r.get("fill") == ground_of(svg))
    (text,) = (t for t in root.iter(f"{SVG}text") if t.find(f"{SVG}tspan") is not None)
    first_line = int(text[0].get("y", ""))
    assert float(plain.get("y", "")) <= first_line - int(text.get("font-size", ""))
    assert contrast(text.get("fill", ""), plain.get("fill", "")) >= 4.5


def ground_of(svg: str) -> str:
    """The colour of the last full-width rectangle that is a plain palette ground."""
    grounds = {palette.ground for palette in PALETTES}
    fills = re.finditer(r'<rect x="0" y="\d+" width="400" height="\d+" fill="(#\w{6})"', svg)
    return [str(fill[1]) for fill in fills if fill[1] in grounds][-1]


def contrast(first: str, second: str) -> float:
    """The contrast ratio of WCAG 2.2, from 1 to 21."""
    lighter, darker = sorted((luminance(first), luminance(second)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def luminance(colour: str) -> float:
    shares = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    red, green, blue = (
        share / 12.92 if share <= 0.04045 else ((share + 0.055) / 1.055) ** 2.4 for share in shares
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def test_contrast_is_measured_as_the_guidelines_do() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)


@pytest.mark.parametrize("path", sorted(STATIC.glob("img/*.svg")), ids=lambda path: path.name)
def test_the_marks_of_the_house_are_harmless_too(path: Path) -> None:
    assert_harmless(ElementTree.fromstring(path.read_text()))  # noqa: S314 - our own drawing
