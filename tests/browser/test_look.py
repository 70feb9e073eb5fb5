"""The frame of every page in a real browser: colours, menus, and what fits on a phone."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import OpenPage
from tests.support.demo import RunningDemo
from tests.support.sandbox import REGIONS

HOME, OTHER = REGIONS[0], REGIONS[1]
pytestmark = pytest.mark.browser

PAGES = ("/", "/browse/", "/title/caminandes/", "/list/", "/viewers/sign-in/", "/nowhere/")
DARK, LIGHT = "rgb(11, 13, 18)", "rgb(246, 243, 236)"
SMALLEST_TARGET = 44


def expect_ground(page: Page, colour: str) -> None:
    expect(page.locator("body")).to_have_css("background-color", colour)


def test_colours_follow_the_system_until_somebody_chooses(
    demo: RunningDemo, open_page: OpenPage
) -> None:
    page = open_page(demo.site(HOME), scheme="dark")
    expect_ground(page, DARK)
    page.emulate_media(color_scheme="light")
    expect_ground(page, LIGHT)
    page.locator(".menu--theme summary").click()
    with page.expect_response("**/theme/") as answered:
        page.get_by_role("button", name="Dark").click()
    assert answered.value.status == 204
    expect_ground(page, DARK)
    expect(page.get_by_role("button", name="Dark")).to_have_attribute("aria-pressed", "true")
    page.goto(f"{demo.site(OTHER)}/browse/")
    expect_ground(page, DARK)


def test_colours_can_be_chosen_without_scripts(demo: RunningDemo, open_page: OpenPage) -> None:
    page = open_page(f"{demo.site(HOME)}/browse/?q=moon", scheme="dark", scripts=False)
    page.locator(".menu--theme summary").click()
    page.get_by_role("button", name="Light").click()
    expect(page).to_have_url(re.compile(r"/browse/\?q=moon$"))
    expect(page.locator("html")).to_have_attribute("data-theme", "light")
    expect_ground(page, LIGHT)


def test_menus_close_by_escape_and_when_something_else_is_wanted(
    demo: RunningDemo, open_page: OpenPage
) -> None:
    page = open_page(demo.site(HOME))
    regions, colours = page.locator(".where"), page.locator(".menu--theme")
    regions.locator("summary").click()
    expect(page.get_by_role("link", name="Ireland")).to_be_visible()
    page.keyboard.press("Escape")
    expect(regions).not_to_have_attribute("open", "")
    expect(regions.locator("summary")).to_be_focused()
    regions.locator("summary").click()
    colours.locator("summary").click()
    expect(regions).not_to_have_attribute("open", "")
    expect(colours).to_have_attribute("open", "")
    page.locator("h2").first.click()
    expect(colours).not_to_have_attribute("open", "")


def test_every_page_fits_a_phone_and_its_controls_a_thumb(
    demo: RunningDemo, open_page: OpenPage
) -> None:
    page = open_page(demo.site(HOME), width=320, height=640)
    for path in PAGES:
        page.goto(demo.site(HOME) + path)
        assert page.evaluate("document.documentElement.scrollWidth") <= 320, path
        controls = page.locator(".site-header :is(a, summary):visible")
        assert controls.count() >= 6
        for box in controls.evaluate_all("all => all.map(each => each.getBoundingClientRect())"):
            assert min(box["width"], box["height"]) >= SMALLEST_TARGET, path


def test_the_ways_around_lie_at_the_foot_of_a_phone_and_cover_nothing(
    demo: RunningDemo, open_page: OpenPage
) -> None:
    page = open_page(f"{demo.site(HOME)}/credits/", width=390, height=844)
    bar = page.get_by_role("navigation", name="Main").bounding_box()
    assert bar is not None
    assert round(bar["y"] + bar["height"]) == 844
    page.evaluate("scrollTo(0, document.documentElement.scrollHeight)")
    last = page.locator(".site-footer a").last.bounding_box()
    assert last is not None
    assert last["y"] + last["height"] <= bar["y"]


def test_a_note_about_the_stand_in_moves_nothing_on_a_phone(
    demo: RunningDemo, open_page: OpenPage
) -> None:
    page = open_page(f"{demo.site(HOME)}/watch/sintel/", width=390, height=844)
    tops = [
        page.evaluate(
            """hidden => {
                document.getElementById("saved").textContent = "Resumes at 5:00.";
                document.getElementById("standin-note").hidden = hidden;
                return document.querySelector("h1").getBoundingClientRect().top;
            }""",
            hidden,
        )
        for hidden in (True, False)
    ]
    assert tops[0] == tops[1]
