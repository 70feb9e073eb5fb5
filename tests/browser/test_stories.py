"""Whole stories of viewers, in a real browser, over the sites of several regions."""

import re
from datetime import timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.conftest import OpenPage
from tests.browser.saved import saved_at
from tests.support.demo import RunningDemo
from tests.support.sandbox import REGIONS

HOME, SECOND, THIRD = REGIONS
PASSWORD = "seven quiet llamas, 1913"
TABS = 120
WAITING = "Object.keys(localStorage).some(key => key.startsWith('meridian.position.'))"

pytestmark = pytest.mark.browser


def seek(page: Page, seconds: int) -> None:
    """To that second of a film that rests, with the slider, and there it is kept."""
    wait_until_ready(page)
    page.locator("#stage").hover(position={"x": 60, "y": 60})
    page.locator("#stage").get_by_role("button", name="Pause", exact=True).click()
    expect(page.locator("#video")).to_have_js_property("paused", True)
    page.get_by_role("slider", name="Seek").fill(str(seconds))
    clock = str(timedelta(seconds=seconds)).removeprefix("0:").removeprefix("0")
    expect(page.locator("#saved")).to_have_text(saved_at(clock))


def wait_until_ready(page: Page) -> None:
    """Until the film plays and its length is known."""
    expect(page.locator("#video")).to_have_js_property("readyState", 4)
    expect(page.get_by_role("slider", name="Seek")).not_to_have_attribute("max", "0")


def shelf(page: Page, name: str) -> Locator:
    return page.get_by_role("region", name=name, exact=True)


def shoot(page: Page, shots: Path | None, name: str) -> None:
    if shots:
        page.screenshot(path=shots / f"story-{name}.png")


def sign_up(page: Page, name: str) -> None:
    page.get_by_label("Name", exact=True).fill(name)
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Make an account").click()
    expect(page.locator("#notice")).to_contain_text(f"signed in as {name}")


def test_found_watched_left_resumed_in_another_region_and_finished(
    demo: RunningDemo, open_page: OpenPage, shots: Path | None
) -> None:
    page = open_page(f"{demo.site(HOME)}/")
    page.get_by_label("Search titles and people").fill("his girl fri")
    page.get_by_role("option", name=re.compile("His Girl Friday")).click()
    page.locator(".play").get_by_role("link", name="Play").click()
    seek(page, 1503)
    page.get_by_role("link", name="About His Girl Friday").click()
    expect(page.locator(".play")).to_contain_text("Resume 25:03")
    demo.drain()

    page.goto(f"{demo.site(SECOND)}/")
    going = shelf(page, "Continue watching").get_by_role("listitem").first
    expect(going).to_contain_text("His Girl Friday")
    shoot(page, shots, "continue")
    going.get_by_role("link").click()
    expect(page.locator("#clock")).to_have_text(re.compile(r"^25:[0-5]\d$"))
    seek(page, 5460)
    demo.drain()

    page.goto(f"{demo.site(THIRD)}/")
    expect(page.get_by_role("heading", name="Continue watching")).to_be_hidden()
    page.goto(f"{demo.site(THIRD)}/title/his-girl-friday/")
    expect(page.locator(".play")).to_contain_text("Watched")
    page.get_by_role("link", name="Watch again").click()
    expect(page.locator("#clock")).to_have_text(re.compile(r"^0:[0-5]\d$"))


def test_signed_up_on_a_phone_signed_in_elsewhere_and_all_of_it_is_there(
    demo: RunningDemo, open_page: OpenPage, shots: Path | None
) -> None:
    phone = open_page(f"{demo.site(HOME)}/watch/charade/", width=390, height=844)
    seek(phone, 600)
    phone.goto(f"{demo.site(HOME)}/title/sintel/")
    phone.get_by_role("button", name="My List").click()
    expect(phone.locator("#said")).to_contain_text("Sintel is on My List")
    phone.locator(".site-nav__account").click()
    phone.get_by_role("link", name="Make one").or_(
        phone.locator("main").get_by_role("link", name=re.compile("account", re.IGNORECASE))
    ).first.click()
    sign_up(phone, "Phone Pia")
    phone.goto(f"{demo.site(HOME)}/")
    expect(shelf(phone, "Continue watching")).to_contain_text("Charade")
    demo.drain()

    desk = open_page(f"{demo.site(SECOND)}/watch/charade/")
    seek(desk, 1200)
    desk.goto(f"{demo.site(SECOND)}/watch/spring/")
    seek(desk, 100)
    desk.goto(f"{demo.site(SECOND)}/title/spring/")
    desk.get_by_role("button", name="My List").click()
    expect(desk.locator("#said")).to_contain_text("Spring is on My List")
    desk.get_by_role("link", name="Sign in").click()
    desk.get_by_label("Name", exact=True).fill("phone pia")
    desk.get_by_label("Password", exact=True).fill(PASSWORD)
    desk.get_by_role("button", name="Sign in").click()
    expect(desk).to_have_url(f"{demo.site(SECOND)}/title/spring/")
    demo.drain()

    for page, region in ((desk, SECOND), (phone, HOME), (phone, THIRD)):
        page.goto(f"{demo.site(region)}/")
        going = shelf(page, "Continue watching")
        expect(going.get_by_role("listitem")).to_have_count(2)
        expect(going.get_by_role("listitem").nth(0)).to_contain_text("Spring")
        expect(going.get_by_role("listitem").nth(1)).to_contain_text("Resume 20:00")
        expect(shelf(page, "My List").get_by_role("listitem")).to_have_count(2)
    shoot(phone, shots, "merged")
    assert_nowhere(demo.folder, PASSWORD)


def assert_nowhere(folder: Path, secret: str) -> None:
    """In no log and no database of the whole demo."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert any(path.suffix == ".log" for path in files)
    assert not [path for path in files if secret.encode() in content(path)]


def content(path: Path) -> bytes:
    """Nothing, if a database has taken away its file meanwhile."""
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return b""


def test_one_episode_leads_to_the_next_and_the_show_remembers(
    demo: RunningDemo, open_page: OpenPage
) -> None:
    page = open_page(f"{demo.site(HOME)}/title/arbuckle-and-keaton/")
    page.locator(".play").get_by_role("link", name="Play").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("The Butcher Boy")
    wait_until_ready(page)
    page.get_by_label("Settings").click()
    page.get_by_label("Play the next episode by itself").uncheck()
    page.keyboard.press("Escape")
    slider = page.get_by_role("slider", name="Seek")
    slider.fill(str(int(str(slider.get_attribute("max"))) - 2))
    page.get_by_role("link", name="Play now").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("The Rough House")
    seek(page, 61)
    page.wait_for_function(f"() => !{WAITING}")
    demo.drain()
    page.goto(f"{demo.site(SECOND)}/title/arbuckle-and-keaton/")
    episodes = page.locator(".episode")
    expect(episodes.nth(0)).to_contain_text("Watched")
    expect(episodes.nth(1)).to_contain_text("Resume 1:01")
    expect(page.locator(".play")).to_contain_text("The Rough House")


def tab_to(page: Page, wanted: Locator) -> None:
    """Presses Tab until the focus is there, as somebody without a mouse does."""
    for _ in range(TABS):
        page.keyboard.press("Tab")
        if wanted.count() and wanted.first.evaluate("each => each === document.activeElement"):
            return
    raise AssertionError(f"No Tab leads to {wanted}.")


def test_everything_by_keyboard(demo: RunningDemo, open_page: OpenPage) -> None:
    page = open_page(f"{demo.site(HOME)}/")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to content")).to_be_focused()
    tab_to(page, page.get_by_label("Search titles and people"))
    page.keyboard.type("big buck")
    expect(page.get_by_role("option").last).to_contain_text("“big buck”")
    expect(page.get_by_role("option", name=re.compile("Big Buck Bunny"))).to_be_visible()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("Big Buck Bunny")
    tab_to(page, page.get_by_role("button", name="My List"))
    page.keyboard.press("Enter")
    expect(page.locator("#said")).to_contain_text("Big Buck Bunny is on My List")
    expect(page.locator(".listed button[autofocus]")).to_be_focused()
    page.keyboard.press("Shift+Tab")
    expect(page.locator(".play").get_by_role("link", name="Play")).to_be_focused()
    page.keyboard.press("Enter")
    wait_until_ready(page)
    page.keyboard.press("k")
    expect(page.locator("#video")).to_have_js_property("paused", True)
    page.keyboard.press("4")
    expect(page.locator("#clock")).to_have_text(re.compile(r"^3:5\d$"))
    expect(page.locator("#saved")).to_have_text(saved_at(r"3:5\d"))
    tab_to(page, page.get_by_role("link", name="About Big Buck Bunny"))
    page.keyboard.press("Enter")
    expect(page.locator(".play")).to_contain_text("Resume 3:5")
    page.keyboard.press("Tab")
    tab_to(page, page.get_by_role("link", name="Sign in"))
    page.keyboard.press("Enter")
    expect(page.get_by_label("Name", exact=True)).to_be_focused()
    page.keyboard.type("Nobody At All")
    page.keyboard.press("Tab")
    page.keyboard.type(PASSWORD)
    page.keyboard.press("Enter")
    expect(page.locator("main")).to_contain_text("The name or the password is wrong.")
    expect(page.get_by_label("Password", exact=True)).to_be_focused()


def test_everything_without_scripts(demo: RunningDemo, open_page: OpenPage) -> None:
    page = open_page(f"{demo.site(HOME)}/", scripts=False, width=390, height=844)
    page.locator(".search-link").click()
    page.get_by_label("Search titles").fill("charge")
    page.keyboard.press("Enter")
    page.locator(".grid").get_by_role("link").first.click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Charge")
    page.get_by_role("button", name="My List").click()
    expect(page.get_by_role("button", name="My List")).to_have_attribute("aria-pressed", "true")
    page.locator(".play").get_by_role("link", name="Play").click()
    expect(page.locator("#video")).to_have_attribute("controls", "")
    page.goto(f"{demo.site(HOME)}/viewers/sign-up/?next=/list/")
    sign_up(page, "Plain Paul")
    expect(page).to_have_url(f"{demo.site(HOME)}/list/")
    expect(page.locator("main")).to_contain_text("Charge")
    page.get_by_role("button", name="Remove Charge from My List").click()
    expect(page.locator("main")).not_to_contain_text("Remove Charge")
    page.goto(f"{demo.site(HOME)}/viewers/account/")
    page.get_by_role("button", name="Sign out", exact=True).first.click()
    expect(page.locator("#notice")).to_contain_text("You are signed out.")
    page.goto(f"{demo.site(HOME)}/viewers/sign-in/")
    page.get_by_label("Name", exact=True).fill("Plain Paul")
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    expect(page.locator("#notice")).to_contain_text("signed in as Plain Paul")
