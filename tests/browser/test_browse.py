"""Finding something to watch, in a real browser: typing, scrolling, going back, and by keys."""

import re
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import OpenPage
from tests.support.demo import RunningDemo
from tests.support.sandbox import REGIONS

HOME = REGIONS[0]
pytestmark = pytest.mark.browser

PAGES = ("/", "/browse/", "/title/sintel/", "/title/caminandes/", "/watch/sintel/", "/status/")


def test_results_follow_what_is_typed(demo: RunningDemo, open_page: OpenPage) -> None:
    page = open_page(f"{demo.site(HOME)}/browse/")
    page.get_by_label("Search titles").press_sequentially("melies")
    expect(page.locator("#count")).to_have_text(re.compile(r"^\d titles?\.$"))
    expect(page.locator(".grid")).to_contain_text("A Trip to the Moon")
    expect(page).to_have_url(re.compile(r"/browse/\?q=melies$"))
    expect(page.get_by_label("Search titles")).to_be_focused()


def test_going_back_brings_back_the_results_and_what_they_are_of(
    demo: RunningDemo, open_page: OpenPage
) -> None:
    page = open_page(f"{demo.site(HOME)}/browse/")
    page.get_by_text("Shows", exact=True).click()
    expect(page).to_have_url(re.compile(r"\?kind=show$"))
    shows = page.locator("#count").inner_text()
    page.get_by_label("Genre").select_option("comedy")
    expect(page).to_have_url(re.compile(r"genre=comedy"))
    page.go_back()
    expect(page.locator("#count")).to_have_text(shows)
    expect(page.get_by_label("Genre")).to_have_value("")
    expect(page.get_by_label("Shows")).to_be_checked()


def test_scrolling_brings_every_title_once(demo: RunningDemo, open_page: OpenPage) -> None:
    page = open_page(f"{demo.site(HOME)}/browse/")
    total = int(page.locator("#count").inner_text().split()[0])
    assert total > page.locator(".grid .card").count()
    while page.locator("#more").count():
        before = page.locator(".grid .card").count()
        page.locator("#more").scroll_into_view_if_needed()
        expect(page.locator(".grid .card").nth(before)).to_be_attached()
    links = page.locator(".grid .card a").evaluate_all("all => all.map(each => each.href)")
    assert len(links) == len(set(links)) == total


def test_more_by_keys_goes_on_at_the_first_of_what_came(
    demo: RunningDemo, open_page: OpenPage
) -> None:
    page = open_page(f"{demo.site(HOME)}/browse/", height=240)
    before = page.locator(".grid .card").count()
    page.evaluate("document.querySelector('#more a').focus({preventScroll: true})")
    page.keyboard.press("Enter")
    expect(page.locator(".grid .card").nth(before).locator("a")).to_be_focused()


def test_without_scripts_there_is_a_button_and_a_link(
    demo: RunningDemo, open_page: OpenPage
) -> None:
    page = open_page(f"{demo.site(HOME)}/browse/", scripts=False)
    page.locator("#more a").click()
    expect(page.locator("#count")).to_contain_text("From number 25.")
    page.get_by_label("Search titles").fill("sintel")
    page.get_by_role("button", name="Show").click()
    expect(page.locator("#count")).to_have_text("1 title.")


def test_shelves_scroll_by_their_arrows(demo: RunningDemo, open_page: OpenPage) -> None:
    page = open_page(f"{demo.site(HOME)}/")
    shelf = page.locator(".shelf").first
    expect(shelf.get_by_role("button", name="Back in")).to_be_disabled()
    shelf.get_by_role("button", name="On in").click()
    expect(shelf.get_by_role("button", name="Back in")).to_be_enabled()


@pytest.mark.parametrize("scheme", ["dark", "light"])
@pytest.mark.parametrize("width", [360, 820, 1440])
def test_no_page_is_wider_than_the_window(
    demo: RunningDemo, open_page: OpenPage, shots: Path | None, width: int, scheme: str
) -> None:
    page = open_page(f"{demo.site(HOME)}/", width=width, scheme=scheme)
    for path in PAGES:
        page.goto(f"{demo.site(HOME)}{path}")
        assert page.evaluate("document.documentElement.scrollWidth") == width, path
        if shots:
            name = path.strip("/").replace("/", "-") or "home"
            page.screenshot(path=shots / f"{name}-{width}-{scheme}.png")
