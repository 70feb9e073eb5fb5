"""Finding something to watch, in a real browser: typing, scrolling, going back, and by keys."""

import re
from contextlib import suppress
from pathlib import Path

import pytest
from playwright.sync_api import Error, Route, expect

from tests.browser.conftest import OpenPage
from tests.support.demo import RunningDemo
from tests.support.sandbox import REGIONS

HOME = REGIONS[0]
pytestmark = pytest.mark.browser

PAGES = (
    "/",
    "/browse/?q=keaton&kind=movie",
    "/browse/?q=shrelock&genre=comedy",
    "/suggest/?q=m",
    "/credits/",
    "/browse/",
    "/title/sintel/",
    "/title/caminandes/",
    "/watch/sintel/",
    "/status/",
)


A_LATER_ANSWER = """async () => {
    await (await fetch('/suggest/?q=s', {headers: {'HX-Request': 'true'}})).text();
    await new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)));
}"""
"""Over once the page has had another answer: one that was there before it has been dealt with."""


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
    everything = page.locator("#count").inner_text()
    page.get_by_text("Shows", exact=True).click()
    expect(page).to_have_url(re.compile(r"\?kind=show$"))
    expect(page.locator("#count")).not_to_have_text(everything)
    shows = page.locator("#count").inner_text()
    page.get_by_label("Genre").select_option("comedy")
    expect(page).to_have_url(re.compile(r"genre=comedy"))
    page.go_back()
    expect(page.locator("#count")).to_have_text(shows)
    expect(page.get_by_label("Genre")).to_have_value("")
    expect(page.get_by_label("Shows")).to_be_checked()


@pytest.mark.parametrize("scripts", [True, False])
def test_what_is_seldom_chosen_folds_away_on_a_phone_until_it_is_chosen(
    demo: RunningDemo, open_page: OpenPage, scripts: bool
) -> None:
    page = open_page(f"{demo.site(HOME)}/browse/", width=390, height=844, scripts=scripts)
    genre = page.get_by_label("Genre", exact=True)
    expect(genre).not_to_be_visible()
    expect(page.locator(".card__name").first).to_be_in_viewport()
    page.get_by_text("Genre, decade, length, order").click()
    expect(genre).to_be_visible()
    page.goto(f"{demo.site(HOME)}/browse/?genre=comedy")
    expect(genre).to_be_visible()


def test_every_filter_is_in_sight_on_a_desk(demo: RunningDemo, open_page: OpenPage) -> None:
    page = open_page(f"{demo.site(HOME)}/browse/", scripts=False)
    expect(page.get_by_label("Genre", exact=True)).to_be_in_viewport()
    expect(page.get_by_text("Genre, decade, length, order")).not_to_be_visible()


def test_scrolling_brings_every_title_once(demo: RunningDemo, open_page: OpenPage) -> None:
    page = open_page(f"{demo.site(HOME)}/browse/")
    total = int(page.locator("#count").inner_text().split()[0])
    cards = page.locator(".grid .card")
    assert total > cards.count()
    while (before := cards.count()) < total:
        page.evaluate("document.getElementById('more')?.scrollIntoView()")
        expect(cards.nth(before)).to_be_attached()
    expect(page.locator("#more")).to_have_count(0)
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


def test_what_is_typed_before_the_scripts_are_there_counts(
    demo: RunningDemo, open_page: OpenPage
) -> None:
    page = open_page("about:blank")
    held: list[Route] = []
    page.route("**/js/search*.js", lambda route: held.append(route))
    with page.expect_request("**/js/search*.js"):
        page.goto(f"{demo.site(HOME)}/")
    page.get_by_label("Search titles and people").fill("his girl")
    held[0].continue_()
    expect(page.get_by_role("option").first).to_contain_text("His Girl Friday")


def test_suggestions_are_chosen_by_keys_and_lead_to_the_title(
    demo: RunningDemo, open_page: OpenPage
) -> None:
    page = open_page(f"{demo.site(HOME)}/")
    page.keyboard.press("/")
    search = page.get_by_role("combobox", name="Search titles and people")
    expect(search).to_be_focused()
    expect(search).to_have_attribute("aria-expanded", "false")
    search.press_sequentially("voyage moon ")
    expect(page.get_by_role("option").last).to_contain_text("Search everything for")
    search.fill("colin levy")
    first = page.get_by_role("option").first
    expect(first).to_contain_text("Directed by Colin Levy")
    expect(search).to_have_attribute("aria-expanded", "true")
    search.press("ArrowDown")
    expect(first).to_have_attribute("aria-selected", "true")
    expect(search).to_have_attribute("aria-activedescendant", "suggested-1")
    search.press("Escape")
    expect(page.get_by_role("listbox")).to_be_hidden()
    expect(search).to_have_value("colin levy")
    search.press("ArrowDown")
    expect(first).to_be_visible()
    search.press("ArrowDown")
    expect(first).to_have_attribute("aria-selected", "true")
    search.press("Enter")
    expect(page).to_have_url(re.compile(r"/title/sintel/$"))


def test_enter_without_a_choice_searches_everything(demo: RunningDemo, open_page: OpenPage) -> None:
    page = open_page(f"{demo.site(HOME)}/")
    page.get_by_role("combobox").fill("melies")
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile(r"/browse/\?q=melies$"))
    expect(page.locator(".grid mark").first).to_have_text("Méliès")


def test_an_answer_that_comes_late_is_not_shown_over_a_newer_one(
    demo: RunningDemo, open_page: OpenPage
) -> None:
    page = open_page(f"{demo.site(HOME)}/")
    held: list[Route] = []
    early = re.compile(r"/suggest/\?q=sint$")
    page.route(early, lambda route: held.append(route))
    search = page.get_by_role("combobox")
    with page.expect_request(early):
        search.fill("sint")
    search.fill("keaton")
    expect(page.get_by_role("option").first).to_contain_text("Keaton")
    with suppress(Error):  # given up by the page: nobody takes the answer
        held[0].fulfill(body='<ul role="listbox"><li role="option">Sintel</li></ul>')
    page.evaluate(A_LATER_ANSWER)
    expect(page.get_by_role("option").first).to_contain_text("Keaton")


def test_filters_are_taken_off_and_spellings_put_right_without_scripts(
    demo: RunningDemo, open_page: OpenPage
) -> None:
    page = open_page(f"{demo.site(HOME)}/", scripts=False, width=390)
    page.get_by_role("link", name="Search").click()
    page.get_by_label("Search titles").fill("shrelock")
    page.get_by_role("button", name="Show").click()
    page.get_by_role("link", name="Sherlock").click()
    expect(page.locator(".grid")).to_contain_text("Sherlock Jr.")
    page.get_by_role("link", name=re.compile("Sherlock.*take it off")).click()
    expect(page).to_have_url(re.compile(r"/browse/$"))


@pytest.mark.parametrize("width", [360, 820, 1440])
def test_no_page_is_wider_than_the_window(
    demo: RunningDemo, open_page: OpenPage, shots: Path | None, width: int
) -> None:
    page = open_page(f"{demo.site(HOME)}/", width=width)
    for path in PAGES:
        page.goto(f"{demo.site(HOME)}{path}")
        assert page.evaluate("document.documentElement.scrollWidth") == width, path
        if shots:
            name = re.sub(r"\W+", "-", path).strip("-") or "home"
            page.screenshot(path=shots / f"{name}-{width}.png")
