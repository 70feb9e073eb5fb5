"""Watching in one region and going on in another, in a real browser."""

import re
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import OpenPage
from tests.support.demo import RunningDemo
from tests.support.sandbox import LONG_LAG_MS, REGIONS, wait_until

HOME, SECOND, _ = REGIONS
pytestmark = pytest.mark.browser

WIDTHS = {"phone": 390, "desktop": 1440}


def play_to(page: Page, seconds: int) -> None:
    """Seek by the video's own clock and stop there, as a viewer would with the slider."""
    expect(page.get_by_role("slider", name="Seek")).not_to_have_attribute("max", "0")
    page.wait_for_function("() => document.getElementById('video').readyState >= 1")
    page.evaluate(
        """seconds => {
            const video = document.getElementById('video');
            video.pause();
            video.currentTime = seconds;
        }""",
        seconds,
    )


def served_by(page: Page, content_id: str) -> str:
    return page.request.get(f"{page.url.split('/watch/')[0]}/bookmarks/{content_id}/").headers[
        "x-served-region"
    ]


def kept(page: Page, content_id: str) -> int:
    """The position in seconds as the site has it, whichever page sent it; 0 while none answers."""
    response = page.request.get(f"{page.url.split('/watch/')[0]}/bookmarks/{content_id}/")
    return int(response.json()["position"]) if response.ok else 0


def shoot(page: Page, shots: Path | None, name: str) -> None:
    if shots:
        page.screenshot(path=shots / f"{name}.png")


@pytest.mark.parametrize("device", WIDTHS)
def test_a_position_left_in_oregon_is_resumed_in_ireland(
    demo: RunningDemo, open_page: OpenPage, shots: Path | None, device: str
) -> None:
    title = {"phone": "spring", "desktop": "sintel"}[device]
    page = open_page(f"{demo.site(HOME)}/watch/{title}/", width=WIDTHS[device])
    play_to(page, 313)
    expect(page.locator("#saved")).to_contain_text("Saved at 5:13 · Oregon answered")
    shoot(page, shots, f"watch-{device}")
    demo.drain()
    there = open_page(f"{demo.site(SECOND)}/", context=page.context)
    expect(there.locator("main")).to_contain_text("Resume 5:13")
    shoot(there, shots, f"continue-{device}")
    there.goto(f"{demo.site(SECOND)}/watch/{title}/")
    there.wait_for_function("() => document.getElementById('video').currentTime >= 313")
    expect(there.locator("#clock")).to_have_text(re.compile(r"^(5:[1-5]|6:[0-5])\d$"))


def test_a_position_beyond_the_stand_in_clip_is_resumed_at_the_same_second(
    demo: RunningDemo, open_page: OpenPage
) -> None:
    page = open_page(f"{demo.site(HOME)}/title/the-stranger/")
    status = page.evaluate(
        """async url => {
            const fields = new FormData();
            fields.set('position', '1534');
            fields.set('duration', '5700');
            fields.set('sent_at', String(Date.now()));
            const token = JSON.parse(document.body.getAttribute('hx-headers'))['x-csrftoken'];
            fields.set('csrfmiddlewaretoken', token);
            return (await fetch(url, { method: 'POST', body: fields })).status;
        }""",
        "/bookmarks/the-stranger/",
    )
    assert status == 204
    demo.drain()
    there = open_page(f"{demo.site(SECOND)}/watch/the-stranger/", context=page.context)
    there.wait_for_function("() => document.getElementById('video').readyState >= 1")
    expect(there.locator("#clock")).to_have_text(re.compile(r"^2(5:[345]|6:[0-5])\d$"))
    expect(there.locator("#standin-note")).to_be_visible()


@pytest.mark.parametrize("mode", ["refuse", "blackhole"])
def test_watching_goes_on_when_the_region_goes_away(
    demo: RunningDemo, open_page: OpenPage, shots: Path | None, mode: str
) -> None:
    title = {"refuse": "hero", "blackhole": "charge"}[mode]
    page = open_page(f"{demo.site(HOME)}/watch/{title}/")
    page.wait_for_function("() => document.getElementById('video').readyState >= 1")
    demo.control.outage(HOME, mode)  # type: ignore[arg-type]
    play_to(page, 101)
    expect(page.locator("#saved")).to_contain_text("Oregon is away")
    expect(page.locator(".where [data-served]")).to_contain_text("Oregon is away")
    expect(page.locator("[data-served-light]")).to_contain_class("light--warn")
    shoot(page, shots, f"away-{mode}")
    page.goto(f"{demo.site(HOME)}/status/")
    expect(page.locator("[data-served-light]")).to_contain_class("light--warn")
    expect(page.locator("main")).to_contain_text(re.compile("open", re.IGNORECASE))
    demo.control.heal(HOME)
    demo.drain()
    for region in REGIONS:
        page.goto(f"{demo.site(region)}/title/{title}/")
        expect(page.locator("main")).to_contain_text("Resume 1:41")


def test_a_position_survives_while_no_region_answers(
    demo: RunningDemo, open_page: OpenPage, shots: Path | None
) -> None:
    page = open_page(f"{demo.site(HOME)}/watch/wing-it/")
    page.wait_for_function("() => document.getElementById('video').readyState >= 1")
    for region in REGIONS:
        demo.control.outage(region)
    play_to(page, 77)
    expect(page.locator("#saved")).to_contain_text("Not saved yet; kept in this browser")
    shoot(page, shots, "no-region")
    page.goto(f"{demo.site(HOME)}/browse/")
    expect(page.locator("main")).to_contain_text("Sintel")
    demo.control.heal()
    page.goto(f"{demo.site(HOME)}/watch/wing-it/")
    expect(page.locator("#clock")).to_have_text(re.compile(r"^(1:[1-5]|2:[0-5])\d$"))
    wait_until(lambda: kept(page, "wing-it") >= 77)


def test_a_region_that_lags_does_not_take_the_viewer_back(
    demo: RunningDemo, open_page: OpenPage
) -> None:
    """Oregon took the position and went away before any other region had it."""
    demo.control.set_lag(lag_ms=LONG_LAG_MS, jitter_ms=0)
    page = open_page(f"{demo.site(HOME)}/watch/spring/")
    wait_until(lambda: served_by(page, "spring") == HOME)
    play_to(page, 222)
    expect(page.locator("#saved")).to_contain_text("Saved at 3:42 · Oregon answered")
    demo.control.outage(HOME)
    page.goto(f"{demo.site(HOME)}/watch/spring/")
    expect(page.locator("#video")).to_have_attribute("data-position", "0")
    expect(page.locator("#clock")).to_have_text(re.compile(r"^(3:[45]|4:[0-5])\d$"))


def test_a_page_made_while_no_region_answered_finds_out_later(
    demo: RunningDemo, open_page: OpenPage
) -> None:
    page = open_page(f"{demo.site(HOME)}/watch/sprite-fright/")
    play_to(page, 180)
    expect(page.locator("#saved")).to_contain_text("3:00")
    demo.drain()
    for region in REGIONS:
        demo.control.outage(region)
    page.evaluate("localStorage.clear()")
    page.goto(f"{demo.site(HOME)}/watch/sprite-fright/")
    expect(page.locator("#saved")).to_contain_text("No region answers just now")
    page.keyboard.press("k")  # whoever watches on for long means to go on from there
    demo.control.heal()
    page.get_by_role("button", name="Jump there").click()
    expect(page.locator("#clock")).to_have_text(re.compile(r"^3:[0-5]\d$"))
