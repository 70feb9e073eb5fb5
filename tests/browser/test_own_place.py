"""Continue watching, My List and seasons by keyboard, with a script and without."""

import re
import time

import pytest
from playwright.sync_api import BrowserContext, expect

from tests.browser.conftest import OpenPage
from tests.support.demo import RunningDemo
from tests.support.sandbox import REGIONS

pytestmark = pytest.mark.browser

SHOW = "keaton-the-short-films"
ONE_WISH = """() => {
    window.asked = 0;
    document.addEventListener('htmx:beforeRequest', () => { window.asked += 1; });
}"""


@pytest.fixture
def here(demo: RunningDemo) -> str:
    return demo.site(REGIONS[0])


def watch_a_little(context: BrowserContext, site: str, content: str) -> None:
    """A position, as the player sends it."""
    token = next(each["value"] for each in context.cookies() if "csrf" in str(each.get("name")))
    form: dict[str, str | float | bool] = {
        "position": "60",
        "duration": "600",
        "sent_at": str(int(time.time() * 1000)),
    }
    response = context.request.post(
        f"{site}/bookmarks/{content}/", form=form, headers={"X-CSRFToken": str(token)}
    )
    assert response.status == 204


def test_what_is_taken_off_by_keyboard_is_put_back_by_keyboard(
    here: str, open_page: OpenPage
) -> None:
    page = open_page(here)
    watch_a_little(page.context, here, "sintel")
    page.reload()
    page.get_by_role("button", name="Remove Sintel from Continue watching").focus()
    page.keyboard.press("Enter")
    expect(page.locator("#said")).to_have_text("Removed Sintel from Continue watching.")
    expect(page.get_by_role("button", name="Undo removing Sintel")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("#said")).to_have_text("Sintel is back under Continue watching.")
    expect(page.get_by_role("link", name="Resume 1:00")).to_be_focused()


def test_a_title_goes_on_the_list_by_keyboard_and_is_there(here: str, open_page: OpenPage) -> None:
    page = open_page(f"{here}/title/sintel/")
    page.get_by_role("button", name="My List", pressed=False).focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="My List", pressed=True)).to_be_focused()
    expect(page.locator("#said")).to_have_text("Sintel is on My List.")
    page.goto(f"{here}/list/")
    page.get_by_role("button", name="Remove Sintel from My List").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Undo")).to_be_focused()


def test_a_double_click_or_a_key_held_down_is_one_wish(here: str, open_page: OpenPage) -> None:
    page = open_page(f"{here}/title/nosferatu/")
    page.evaluate(ONE_WISH)
    page.get_by_role("button", name="My List", pressed=False).dblclick(delay=60)
    expect(page.get_by_role("button", name="My List", pressed=True)).to_be_focused()
    for _ in range(8):
        page.keyboard.down("Enter")
        expect(page.get_by_role("button", name="My List", pressed=False)).to_be_focused()
    page.keyboard.up("Enter")
    assert page.evaluate("window.asked") == 2


def test_seasons_change_in_place_and_go_back(here: str, open_page: OpenPage) -> None:
    page = open_page(f"{here}/title/{SHOW}/")
    page.get_by_role("link", name="Season 2", exact=True).press("Enter")
    expect(page.get_by_role("heading", name="Season 2")).to_be_visible()
    expect(page.get_by_role("link", name="Season 2", exact=True)).to_be_focused()
    expect(page).to_have_url(re.compile(r"\?season=2$"))
    page.go_back()
    expect(page.get_by_role("heading", name="Season 1")).to_be_visible()


def test_without_a_script_the_same_forms_do_the_same(here: str, open_page: OpenPage) -> None:
    page = open_page(f"{here}/title/sintel/", scripts=False)
    watch_a_little(page.context, here, "sintel")
    page.get_by_role("button", name="My List").click()
    expect(page.get_by_role("button", name="My List", pressed=True)).to_be_visible()
    page.goto(here)
    page.get_by_role("button", name="Remove Sintel from Continue watching").click()
    page.get_by_role("button", name="Undo").click()
    expect(page.get_by_role("link", name="Resume 1:00")).to_be_visible()
