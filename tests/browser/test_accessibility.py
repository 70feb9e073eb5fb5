"""What axe-core says of every page and state, on a phone and on a desk, in the dark and by day."""

from pathlib import Path

import pytest
from django.http import HttpRequest
from playwright.sync_api import Page, expect

from gtsite.errors import server_error
from tests.browser.axe import complaints
from tests.browser.conftest import OpenPage
from tests.browser.saved import SAVED
from tests.support.demo import RunningDemo
from tests.support.sandbox import REGIONS

HOME = REGIONS[0]
pytestmark = pytest.mark.browser

PHONE, DESK = (390, 844), (1440, 900)
COLOURS = ("color-contrast", "link-in-text-block")
STATES = (
    (PHONE, "dark", ()),
    (PHONE, "light", COLOURS),
    (DESK, "dark", COLOURS),
    (DESK, "light", ()),
)
"""Every size in every scheme; what has nothing to do with colour once at each size."""

PAGES = {
    "home": "/",
    "browse": "/browse/",
    "results": "/browse/?q=moon&kind=movie",
    "no-results": "/browse/?q=zzzzzz",
    "refused": "/browse/?year=abc",
    "movie": "/title/sintel/",
    "show": "/title/caminandes/",
    "list-empty": "/list/",
    "credits": "/credits/",
    "suggest": "/suggest/?q=moon",
    "status": "/status/",
    "lab": "/lab/",
    "faults": "/lab/faults/",
    "tour": "/lab/tour/3/",
    "nothing": "/nowhere/",
    "sign-in": "/viewers/sign-in/",
}
AWAY = {
    "/": "No region answers",
    "/title/sintel/": "No region answers",
    "/watch/sintel/": "No region",
}
PASSWORD = "seven quiet llamas, 1913"


def found(page: Page, name: str, shots: Path | None) -> list[str]:
    """What is wrong with the page as it stands, at every size and in both schemes."""
    wrong = []
    for (width, height), scheme, rules in STATES:
        page.set_viewport_size({"width": width, "height": height})
        page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
        wrong += [f"{name} {width} {scheme}: {line}" for line in complaints(page, rules=rules)]
        if shots:
            page.screenshot(path=shots / f"{name}-{width}-{scheme}.png", full_page=True)
    return wrong


@pytest.mark.parametrize("name", PAGES)
def test_axe_finds_nothing(
    demo: RunningDemo, open_page: OpenPage, shots: Path | None, name: str
) -> None:
    page = open_page(f"{demo.site(HOME)}{PAGES[name]}")
    expect(page.locator("main")).to_be_visible()
    assert found(page, name, shots) == []


def test_axe_finds_nothing_on_the_page_for_a_fault_of_ours(
    demo: RunningDemo, open_page: OpenPage, shots: Path | None
) -> None:
    """The site has no address that breaks: its page for that is put in the place of another."""
    page = open_page(f"{demo.site(HOME)}/browse/")
    body = server_error(HttpRequest()).content.decode()
    page.route("**/broken/", lambda route: route.fulfill(content_type="text/html", body=body))
    page.goto(f"{demo.site(HOME)}/broken/")
    expect(page.get_by_role("heading", level=1)).to_have_text("That is our fault")
    assert found(page, "fault", shots) == []


def test_axe_finds_nothing_while_no_region_answers(
    demo: RunningDemo, open_page: OpenPage, shots: Path | None
) -> None:
    page = open_page(f"{demo.site(HOME)}/")
    for region in REGIONS:
        demo.control.outage(region)
    for path in AWAY:
        page.goto(f"{demo.site(HOME)}{path}")
        expect(page.locator("main")).to_contain_text("No region answers")
        assert found(page, f"away{path.replace('/', '-')}", shots) == []


def test_axe_finds_nothing_in_forms_that_were_refused(
    demo: RunningDemo, open_page: OpenPage, shots: Path | None
) -> None:
    page = open_page(f"{demo.site(HOME)}/viewers/sign-up/")
    page.get_by_label("Name", exact=True).fill("x")
    page.get_by_label("Password", exact=True).fill("x")
    page.get_by_role("button", name="Make an account").click()
    expect(page.locator("[aria-invalid=true]")).to_have_count(2)
    assert found(page, "sign-up-refused", shots) == []


def test_axe_finds_nothing_on_a_viewers_own_pages(
    demo: RunningDemo, open_page: OpenPage, shots: Path | None
) -> None:
    page = open_page(f"{demo.site(HOME)}/viewers/sign-up/?next=/title/spring/")
    page.get_by_label("Name", exact=True).fill("Axel")
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Make an account").click()
    page.get_by_role("button", name="My List").click()
    expect(page.locator("#said")).to_contain_text("Spring is on My List")
    page.goto(f"{demo.site(HOME)}/watch/spring/")
    expect(page.locator("#video")).to_have_js_property("readyState", 4)
    page.keyboard.press("5")
    expect(page.locator("#saved")).to_have_text(SAVED)
    wrong = []
    for name, path in {
        "own-home": "/",
        "own-list": "/list/",
        "own-title": "/title/spring/",
        "account": "/viewers/account/",
        "change-password": "/viewers/change-password/",
        "delete-account": "/viewers/delete-account/",
    }.items():
        page.goto(f"{demo.site(HOME)}{path}")
        wrong += found(page, name, shots)
    assert wrong == []


def test_axe_finds_nothing_in_the_player_and_its_menus(
    demo: RunningDemo, open_page: OpenPage, shots: Path | None
) -> None:
    page = open_page(f"{demo.site(HOME)}/watch/caminandes/S01E01/")
    expect(page.locator("#video")).to_have_js_property("readyState", 4)
    page.keyboard.press("k")
    expect(page.locator("#stage").get_by_role("button", name="Play", exact=True)).to_be_visible()
    wrong = found(page, "player", shots)
    page.get_by_label("Settings").click()
    wrong += found(page, "player-settings", shots)
    page.keyboard.press("Escape")
    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="Keys")).to_be_visible()
    wrong += found(page, "player-keys", shots)
    assert wrong == []


def test_axe_finds_nothing_in_what_opens_on_every_page(
    demo: RunningDemo, open_page: OpenPage, shots: Path | None
) -> None:
    page = open_page(f"{demo.site(HOME)}/status/", width=1440)
    page.get_by_label("Search titles and people").fill("moon")
    expect(page.get_by_role("option").first).to_be_visible()
    assert complaints(page) == []
    page.keyboard.press("Escape")
    for menu in page.locator("header details > summary").all():
        if menu.is_visible():
            menu.click()
            assert complaints(page) == []
            menu.click()
    assert found(page, "menus", shots) == []


def test_what_htmx_changes_is_said(demo: RunningDemo, open_page: OpenPage) -> None:
    """By a live region that was there before, as a screen reader needs it."""
    page = open_page(f"{demo.site(HOME)}/title/hero/")
    said = page.get_by_role("status").and_(page.locator("#said"))
    expect(said).to_have_text("")
    page.get_by_role("button", name="My List").click()
    expect(said).to_have_text("Hero is on My List.")
    page.goto(f"{demo.site(HOME)}/list/")
    page.get_by_role("button", name="Remove Hero from My List").click()
    expect(said).to_have_text("Removed Hero from My List.")
    expect(page.get_by_role("button", name="Undo removing Hero")).to_be_focused()
    page.goto(f"{demo.site(HOME)}/browse/")
    expect(page.get_by_role("status").and_(page.locator("#count"))).to_contain_text("titles.")
