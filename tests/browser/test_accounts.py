"""An account by keyboard, on a phone: what the forms do beyond plain HTML."""

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import OpenPage
from tests.support.demo import RunningDemo
from tests.support.sandbox import REGIONS

HOME, *_ = REGIONS
pytestmark = pytest.mark.browser
PASSWORD = "difference engine no. 2"


def test_an_account_is_made_and_left_by_keyboard_with_the_password_shown(
    demo: RunningDemo, open_page: OpenPage
) -> None:
    page = open_page(f"{demo.site(HOME)}/viewers/sign-up/?next=/browse/", width=390, height=844)
    name, password = page.get_by_label("Name", exact=True), page.get_by_label("Password").first
    expect(name).to_be_focused()
    page.keyboard.type("Keyboard Kate")
    page.keyboard.press("Tab")
    page.keyboard.type("short")
    page.keyboard.press("Enter")
    expect(page.get_by_text("too short")).to_be_visible()
    expect(password).to_be_focused()
    expect(password).to_have_value("")
    expect(name).to_have_value("Keyboard Kate")
    page.keyboard.type(PASSWORD)
    page.keyboard.press("Tab")
    page.keyboard.press("Space")
    expect(page.get_by_role("button", name="Hide password")).to_be_focused()
    expect(password).to_have_attribute("type", "text")
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Enter")
    page.wait_for_url("**/browse/")
    expect(page.locator("#notice")).to_contain_text("signed in as Keyboard Kate")
    page.goto(f"{demo.site(HOME)}/viewers/account/")
    expect(page.get_by_role("heading", level=1)).to_have_text("Keyboard Kate")
    page.get_by_role("button", name="Sign out everywhere").press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("Sign in")
