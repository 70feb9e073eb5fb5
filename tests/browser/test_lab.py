"""The region lab by mouse, by keyboard and without scripts, in a real browser."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, Route, expect

from tests.browser.conftest import OpenPage
from tests.browser.panels import BUSY, wait_until_given
from tests.conftest import DEMO_LAG_MS
from tests.support.demo import RunningDemo
from tests.support.sandbox import REGIONS

OREGON, IRELAND, OHIO = REGIONS
LONG_LAG_MS = 60_000
WIDTHS = {"phone": 390, "tablet": 820, "desktop": 1440}
pytestmark = pytest.mark.browser


@pytest.fixture
def held(demo: RunningDemo) -> RunningDemo:
    """The demo with a lag that no test outlives; `deliver` ends it."""
    demo.control.set_lag(lag_ms=LONG_LAG_MS, jitter_ms=0)
    return demo


@pytest.fixture(autouse=True)
def _usual_lag(demo: RunningDemo) -> Iterator[None]:
    yield
    demo.control.heal()
    demo.control.set_lag(lag_ms=DEMO_LAG_MS, jitter_ms=0)
    demo.drain()


def deliver(demo: RunningDemo) -> None:
    demo.control.set_lag(lag_ms=0, jitter_ms=0)
    demo.drain()


def lab(demo: RunningDemo, open_page: OpenPage, **more: object) -> Page:
    """The lab on Oregon's site, when every region has given its item."""
    page = open_page(f"{demo.site(OREGON)}/lab/", **more)
    wait_until_given(page, REGIONS)
    return page


def shown(page: Page, region: str) -> int:
    """The number in a region's panel."""
    text = page.locator(f"#answer-{region} [data-value]").inner_text()
    return int(text.replace("−", "-"))


def shoot(page: Page, shots: Path | None, name: str) -> None:
    if shots:
        page.screenshot(path=shots / f"{name}.png", full_page=True)


@pytest.mark.parametrize("device", WIDTHS)
def test_plus_here_and_minus_there_is_a_conflict_that_ends_in_agreement(
    held: RunningDemo, open_page: OpenPage, shots: Path | None, device: str
) -> None:
    page = lab(held, open_page, width=WIDTHS[device])
    before = shown(page, OREGON)
    expect(page.locator("#verdict")).to_contain_text("In sync")
    page.click(f"#plus-{OREGON}")
    expect(page.locator(f"#said-{OREGON}")).to_contain_text("Oregon wrote")
    page.click(f"#minus-{IRELAND}")
    expect(page.locator("#verdict [data-headline]")).to_have_text("Conflict")
    expect(page.locator("#sandbox")).to_contain_text("On its way: ")
    shoot(page, shots, f"lab-conflict-{device}")
    deliver(held)
    page.click("#all-get")
    expect(page.locator("#verdict [data-headline]")).to_have_text("In sync, after a conflict")
    assert [shown(page, region) for region in REGIONS] == [before - 1] * 3
    shoot(page, shots, f"lab-after-{device}")
    page.click("#all-clear")
    expect(page.locator(f"#said-{OHIO}")).to_contain_text("Not asked yet")
    page.click("#all-get")
    expect(page.locator("#verdict [data-headline]")).to_have_text("In sync")


def test_a_region_read_before_the_write_arrives_is_stale(
    held: RunningDemo, open_page: OpenPage
) -> None:
    page = lab(held, open_page)
    page.click(f"#plus-{OREGON}")
    expect(page.locator(f"#said-{OREGON}")).to_contain_text("Oregon wrote")
    page.click(f"#get-{IRELAND}")
    expect(page.locator("#verdict [data-headline]")).to_have_text("Stale in Ireland")


@pytest.mark.parametrize("fault", ["refuse", "blackhole"])
def test_a_region_taken_away_says_so_and_the_others_answer(
    demo: RunningDemo, open_page: OpenPage, shots: Path | None, fault: str
) -> None:
    page = lab(demo, open_page, scheme="light")
    page.click(f"#fault-{IRELAND}-{fault}")
    expect(page.locator(f"#fault-{IRELAND}-{fault}")).to_have_attribute("aria-pressed", "true")
    page.click("#all-get")
    expect(page.locator(f"#said-{IRELAND}")).to_contain_text("Ireland does not answer.")
    wait_until_given(page, (OREGON, OHIO))
    expect(page.locator("#verdict")).to_contain_text("Not known: Ireland does not answer")
    shoot(page, shots, f"lab-{fault}")
    page.click(f"#fault-{IRELAND}-none")
    expect(page.locator(f"#fault-{IRELAND}-none")).to_have_attribute("aria-pressed", "true")
    wait_until_given(page, (IRELAND,))
    expect(page.locator(f"#said-{IRELAND}")).to_contain_text("Ireland holds")


def test_a_hung_panel_waits_alone(demo: RunningDemo, open_page: OpenPage) -> None:
    """While Oregon's answer is out, for as long as that takes, Ireland's is already there."""
    page = lab(demo, open_page)
    demo.control.outage(OREGON, "blackhole")
    held: list[Route] = []
    page.route(f"**/lab/{OREGON}/plus/", lambda route: held.append(route))
    page.click(f"#plus-{OREGON}")
    expect(page.locator(f"#panel-{OREGON}")).to_have_class(BUSY)
    page.click(f"#plus-{IRELAND}")
    expect(page.locator(f"#said-{IRELAND}")).to_contain_text("Ireland wrote")
    expect(page.locator(f"#panel-{OREGON}")).to_have_class(BUSY)
    held[0].continue_()
    expect(page.locator(f"#said-{OREGON}")).to_contain_text("may have been written or not")


def test_it_is_driven_by_keys_alone(demo: RunningDemo, open_page: OpenPage) -> None:
    page = lab(demo, open_page)
    before = shown(page, IRELAND)
    page.keyboard.press("2")
    page.keyboard.press("+")
    expect(page.locator(f"#said-{IRELAND}")).to_contain_text("Ireland wrote")
    assert shown(page, IRELAND) == before + 1
    page.keyboard.press("a")
    page.keyboard.press("p")
    for region, place in zip(REGIONS, ("Oregon", "Ireland", "Ohio"), strict=True):
        expect(page.locator(f"#said-{region}")).to_contain_text(f"{place} answers.")
    page.keyboard.press("c")
    expect(page.locator(f"#said-{OREGON}")).to_contain_text("Not asked yet")


def test_keys_are_left_alone_in_a_field_and_when_they_are_off(
    demo: RunningDemo, open_page: OpenPage
) -> None:
    page = lab(demo, open_page)
    history = page.locator(f"#record-{OREGON} tbody tr")
    expect(history).to_have_count(1)
    page.fill(f"#step-{OREGON}", "")
    page.type(f"#step-{OREGON}", "12g")
    expect(page.locator(f"#step-{OREGON}")).to_have_value("12")
    page.uncheck("#keys-on")
    page.keyboard.press("1")
    page.keyboard.press("g")
    page.click(f"#ping-{OREGON}")
    expect(page.locator(f"#said-{OREGON}")).to_contain_text("Oregon answers.")
    expect(history).to_have_count(2)
    page.reload()
    expect(page.locator("#keys-on")).not_to_be_checked()


def test_focus_stays_on_the_button_pressed(demo: RunningDemo, open_page: OpenPage) -> None:
    page = lab(demo, open_page)
    for button in (f"#plus-{OREGON}", f"#fault-{OHIO}-none", "#all-get"):
        page.focus(button)
        with page.expect_response(lambda answer: answer.request.method == "POST"):
            page.keyboard.press("Enter")
        expect(page.locator(".lab-panel.htmx-request")).to_have_count(0)
        expect(page.locator(button)).to_be_focused()


def test_time_since_the_last_update_goes_on(demo: RunningDemo, open_page: OpenPage) -> None:
    page = lab(demo, open_page)
    page.click(f"#plus-{OREGON}")
    since = page.locator(f"#answer-{IRELAND} [data-since]")
    expect(since).to_have_text(re.compile(r"^\d+\.\d s$"))
    first = since.inner_text()
    expect(since).not_to_have_text(first)


def test_it_works_without_scripts(
    held: RunningDemo, open_page: OpenPage, shots: Path | None
) -> None:
    page = open_page(f"{held.site(OREGON)}/lab/", scripts=False, width=820)
    page.click("#all-get")
    expect(page.locator("#verdict")).to_contain_text("In sync")
    page.fill(f"#step-{OREGON}", "5")
    page.click(f"#plus-{OREGON}")
    expect(page.locator(f"#said-{OREGON}")).to_contain_text("Oregon wrote")
    expect(page.locator(f"#step-{OREGON}")).to_have_value("5")
    page.click(f"#get-{IRELAND}")
    expect(page.locator("#verdict")).to_contain_text("Stale in Ireland")
    shoot(page, shots, "lab-without-scripts")
    page.fill(f"#step-{OREGON}", "0")
    page.click(f"#plus-{OREGON}")
    expect(page.locator(f"#said-{OREGON}")).to_contain_text("from 1 to 1000")


@pytest.mark.parametrize("device", WIDTHS)
def test_nothing_is_wider_than_the_window(
    demo: RunningDemo, open_page: OpenPage, device: str
) -> None:
    page = lab(demo, open_page, width=WIDTHS[device])
    page.click("#all-plus")
    expect(page.locator(f"#said-{OHIO}")).to_contain_text("wrote")
    assert page.evaluate("document.documentElement.scrollWidth") == WIDTHS[device]
