"""Every experiment of the lab in a real browser: run, watched, stopped, and without scripts."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import pytest
from playwright.sync_api import Page, expect

from tests.browser.axe import complaints
from tests.browser.conftest import OpenPage
from tests.conftest import DEMO_LAG_MS
from tests.support.demo import RunningDemo
from tests.support.sandbox import REGIONS

OREGON, IRELAND, OHIO = REGIONS
LONG_LAG_MS = 60_000
DEVICES: dict[str, tuple[int, Literal["dark", "light"]]] = {
    "desktop": (1440, "dark"),
    "phone": (390, "light"),
}
HEADLINES = {
    "lag": r"Half of the probes were there after \d+ ms\.",
    "stale-read": r"10 of 10 items were stale at the first look\.",
    "race": r"Ireland’s 222 stands; Oregon’s 111 is lost\.",
    "conflicts": r"\d+ of 60 acknowledged writes are lost\.",
    "counters": r"The shared item lost \d+ of 60 increments\.",
}
RAN_SECONDS = 120
LAGS_MS = (DEMO_LAG_MS, 4 * DEMO_LAG_MS, 10 * DEMO_LAG_MS)
"""What is lost or stale was written within the lag: a machine too slow for one gets a longer."""

SLOW_MS = 500
"""Of every answer: thirty probes, one after the other, are under way for a quarter of a minute."""

pytestmark = pytest.mark.browser


@pytest.fixture(autouse=True)
def _usual_lag(demo: RunningDemo) -> Iterator[None]:
    yield
    demo.control.heal()
    demo.control.set_lag(lag_ms=DEMO_LAG_MS, jitter_ms=0)


def at(demo: RunningDemo, open_page: OpenPage, name: str, **more: object) -> Page:
    return open_page(f"{demo.site(OREGON)}/lab/experiments/{name}/", **more)


def ran(page: Page) -> None:
    expect(page.locator("#run")).to_have_text("Run", timeout=RAN_SECONDS * 1000)
    expect(page.locator("#results [data-ended]")).to_be_visible()


def ran_to(demo: RunningDemo, page: Page, headline: str) -> None:
    """Runs it, with a longer lag if it took longer than the lag, until it comes to this."""
    shown = page.locator("[data-headline]")
    for lag_ms in LAGS_MS:
        demo.control.set_lag(lag_ms=lag_ms, jitter_ms=0)
        page.click("#run")
        ran(page)
        if re.search(headline, shown.inner_text()):
            return
    expect(shown).to_have_text(re.compile(headline))


def pressed(page: Page) -> None:
    """Presses Run, again if the runs before have not quite ended."""
    for _ in range(600):
        page.focus("#run")
        with page.expect_response("**/lab/experiments/**") as answer:
            page.keyboard.press("Enter")
        if answer.value.status == 200:
            return
        expect(page.locator("#results")).to_contain_text("experiments already")
        page.wait_for_timeout(100)
    pytest.fail("The runs before did not end.")


def begun(page: Page) -> None:
    """Presses Run, and it has written its items, which reach no other region."""
    results = page.locator("#results")
    pressed(page)
    expect(results).not_to_contain_text("Stopped.")
    expect(results).to_contain_text("Preparing: 20 items")


def shoot(page: Page, shots: Path | None, name: str) -> None:
    if shots:
        page.evaluate("scrollTo(0, 0)")
        page.screenshot(path=shots / f"experiment-{name}.png", full_page=True)


@pytest.mark.parametrize("name", HEADLINES)
def test_every_experiment_shows_what_came_of_it(
    demo: RunningDemo, open_page: OpenPage, shots: Path | None, name: str
) -> None:
    page = at(demo, open_page, name)
    ran_to(demo, page, HEADLINES[name])
    headline = page.locator("[data-headline]")
    expect(page.locator("[data-announce]")).to_have_text(headline.inner_text())
    expect(page.locator("#stop")).not_to_be_visible()
    log = page.evaluate("JSON.parse(sessionStorage.getItem('meridian.lab.log'))")
    assert {entry["experiment"] for entry in log} == {name}
    for device, (width, scheme) in DEVICES.items():
        page.set_viewport_size({"width": width, "height": 900})
        page.emulate_media(color_scheme=scheme)
        shoot(page, shots, f"{name}-{device}")
        assert page.evaluate("document.documentElement.scrollWidth") == width
        assert complaints(page) == []


def test_a_gap_longer_than_the_lag_loses_nothing_by_film_and_by_table(
    demo: RunningDemo, open_page: OpenPage
) -> None:
    demo.control.set_lag(lag_ms=0, jitter_ms=0)
    page = at(demo, open_page, "race")
    page.fill("#id_gap_ms", "100")
    expect(page.locator("[data-slider-of=id_gap_ms]")).to_have_value("100")
    page.locator("[data-slider-of=id_gap_ms]").fill(str(4 * DEMO_LAG_MS))
    expect(page.locator("#id_gap_ms")).to_have_value(str(4 * DEMO_LAG_MS))
    page.click("#run")
    ran(page)
    expect(page.locator("[data-headline]")).to_have_text(
        "Ireland’s 222 stands, and nothing was lost."
    )
    expect(page.locator(".film__write")).to_have_count(2)
    expect(page.locator(".film__loss")).to_have_count(0)
    page.get_by_text("The same as a table").click()
    assert page.locator(".rows tbody tr").count() == page.locator(".film__segment").count() == 9


def test_stop_ends_the_run_on_the_server_too(
    demo: RunningDemo, open_page: OpenPage, shots: Path | None
) -> None:
    demo.control.set_lag(lag_ms=LONG_LAG_MS, jitter_ms=0)
    page = at(demo, open_page, "conflicts")
    for _ in range(3):  # more than may run at once: each has really ended
        begun(page)
        shoot(page, shots, "preparing")
        page.click("#stop")
        expect(page.locator("#results")).to_contain_text("Stopped.")
        expect(page.locator("#run")).to_be_focused()
        expect(page.locator("#run")).to_have_text("Run")
    demo.control.set_lag(lag_ms=0, jitter_ms=0)
    demo.drain()
    pressed(page)
    expect(page.locator("script[data-lab-log]")).to_be_attached(timeout=RAN_SECONDS * 1000)
    log = page.evaluate("JSON.parse(sessionStorage.getItem('meridian.lab.log'))")
    assert [entry["outcome"].split()[0] for entry in log[1:]] == ["Stopped."] * 3
    assert log[1]["asked"] == {"regions": ", ".join(REGIONS), "items": "20", "gap_ms": "0"}


def test_a_region_that_goes_away_in_the_middle_is_a_trouble_and_no_end(
    demo: RunningDemo, open_page: OpenPage, shots: Path | None
) -> None:
    demo.control.slow(OREGON, SLOW_MS)
    page = at(demo, open_page, "lag", scheme="light")
    page.fill("#id_probes", "30")
    page.click("#run")
    expect(page.locator("[data-headline]")).to_have_text(re.compile(r"Writing: [1-9]"))
    page.focus(".lag-table")
    demo.control.outage(OHIO)
    troubles = page.locator(".run__trouble")
    expect(troubles.filter(has_text="Ohio does not answer")).not_to_have_count(0)
    shoot(page, shots, "away")
    demo.control.heal()
    ran(page)
    expect(page.locator(".lag-table")).to_be_focused()
    expect(page.locator(".lag-table tbody tr").first).to_contain_text("30 of 30")


def test_what_is_wrong_is_said_at_its_field(demo: RunningDemo, open_page: OpenPage) -> None:
    page = at(demo, open_page, "race")
    page.select_option("#id_second", OREGON)
    page.fill("#id_gap_ms", "6000")
    page.click("#run")
    expect(page.locator("#id_gap_ms_error")).to_contain_text("from 0 to 5,000")
    expect(page.locator("#id_second_error")).to_contain_text("another region than the first")
    expect(page.locator("#id_second")).to_be_focused()
    expect(page.locator("#id_gap_ms")).to_have_value("6000")
    assert complaints(page) == []
    page.select_option("#id_second", IRELAND)
    page.fill("#id_gap_ms", "100")
    page.click("#run")
    ran(page)


def test_it_works_without_scripts(
    demo: RunningDemo, open_page: OpenPage, shots: Path | None
) -> None:
    page = at(demo, open_page, "race", scripts=False, width=820)
    expect(page.locator("[data-slider-of]")).not_to_be_visible()
    page.fill("#id_gap_ms", "100")
    headline = page.locator("[data-headline]")
    for lag_ms in LAGS_MS:
        demo.control.set_lag(lag_ms=lag_ms, jitter_ms=0)
        with page.expect_navigation(timeout=RAN_SECONDS * 1000):
            page.click("#run")
        if re.search(HEADLINES["race"], headline.inner_text()):
            break
    expect(headline).to_have_text(re.compile(HEADLINES["race"]))
    expect(page.locator("#id_gap_ms")).to_have_value("100")
    shoot(page, shots, "without-scripts")
