"""The console of the lab: the map, the log, the faults, the tour, and six regions side by side."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, Route, expect

from tests.browser.axe import complaints
from tests.browser.conftest import PATIENCE_MS, OpenPage
from tests.browser.panels import wait_until_given
from tests.conftest import DEMO_LAG_MS
from tests.support.demo import RunningDemo
from tests.support.lone_site import LoneSite
from tests.support.sandbox import REGIONS, RunningSandbox, wait_until

OREGON, IRELAND, OHIO = REGIONS
SINGAPORE = "ap-southeast-1"
SIX = (*REGIONS, "us-east-1", SINGAPORE, "ap-northeast-1")
LONG_LAG_MS = 60_000
pytestmark = pytest.mark.browser


COUNT_TRAVELLERS = """() => {
  window.travellers = 0;
  const count = (records) => {
    const added = records.flatMap((record) => [...record.addedNodes]);
    window.travellers += added.filter((node) => node.matches?.(".map__traveller")).length;
  };
  new MutationObserver(count).observe(document.body, { childList: true, subtree: true });
}"""
"""Counts the dots that set out: each is there for some tenths of a second only."""


NOTE_ORDER = """() => {
    const region = element => element?.closest?.('[data-region]')?.dataset.region;
    const note = what => event => {
        const name = region(event.detail.elt);
        if (name) window.order.push(`${what} ${name}`);
    };
    document.body.addEventListener('htmx:beforeSend', note('asked'));
    document.body.addEventListener('htmx:afterRequest', note('answered'));
}"""

TRIES = 10
"""What else runs on this machine may let a good answer come later than a second and a half."""


@pytest.fixture(autouse=True)
def _turned_back(demo: RunningDemo) -> Iterator[None]:
    yield
    demo.control.reset()
    demo.control.set_wan(on=False)
    demo.control.set_lag(lag_ms=DEMO_LAG_MS, jitter_ms=0)
    demo.drain()


def lab(site: str, open_page: OpenPage, regions: tuple[str, ...] = REGIONS, **more: object) -> Page:
    """The lab when every region has given its item."""
    page = open_page(f"{site}/lab/", **more)
    wait_until_given(page, regions)
    return page


def shoot(page: Page, shots: Path | None, name: str) -> None:
    """The caret stays: it is hidden by an inline style, which the page's policy refuses."""
    if shots:
        page.evaluate("scrollTo(0, 0)")
        page.screenshot(path=shots / f"{name}.png", full_page=True, caret="initial")


def asked_everywhere(page: Page) -> list[str]:
    """Asks all six regions at once: who was asked and whose answer came, in that order."""
    page.evaluate("window.order = []")
    page.click("#all-get")
    page.wait_for_function("() => window.order.length === 12")
    order: list[str] = page.evaluate("window.order")
    return order


def delivered(page: Page) -> int:
    """What the map says has arrived, all ways together."""
    text = page.locator('[data-live="counts"] strong').first.inner_text()
    return int(text.replace(",", ""))


class TestMap:
    def test_counts_what_is_on_its_way_and_then_what_arrived(
        self, demo: RunningDemo, open_page: OpenPage
    ) -> None:
        demo.control.set_lag(lag_ms=LONG_LAG_MS, jitter_ms=0)
        page = lab(demo.site(OREGON), open_page)
        before = delivered(page)
        page.click(f"#plus-{OREGON}")
        counts = page.locator('[data-live="counts"]')
        expect(counts).to_contain_text(re.compile(r"\b2 on the way"))
        expect(page.locator(f'[data-live="wide-lag-{OREGON}-{IRELAND}"]')).to_have_text(
            "1 on the way"
        )
        assert page.locator(".map__traveller").count() == 0
        demo.control.set_lag(lag_ms=0, jitter_ms=0)
        expect(counts).to_contain_text(re.compile(r"\b0 on the way"))
        assert delivered(page) == before + 2

    def test_writes_travel_as_they_arrive(
        self, demo: RunningDemo, browser: Browser, open_page: OpenPage
    ) -> None:
        context = browser.new_context(reduced_motion="no-preference")
        context.set_default_timeout(PATIENCE_MS)
        page = lab(demo.site(OREGON), open_page, context=context)
        page.evaluate(COUNT_TRAVELLERS)
        page.click(f"#plus-{OREGON}")
        wait_until(lambda: page.evaluate("window.travellers") >= 2)
        expect(page.locator(".map__traveller")).to_have_count(0)
        context.close()

    def test_the_table_stays_open_while_it_goes_on(
        self, demo: RunningDemo, open_page: OpenPage
    ) -> None:
        page = lab(demo.site(OREGON), open_page)
        page.click(".map__more summary")
        demo.control.slow(IRELAND, 300)
        expect(page.locator(f'[data-live="state-{IRELAND}"]')).to_have_text(
            "Answers come 300 ms late."
        )
        assert page.locator(".map__more").get_attribute("open") is not None
        assert complaints(page) == []

    def test_a_region_that_is_away_looks_it(self, demo: RunningDemo, open_page: OpenPage) -> None:
        page = lab(demo.site(OREGON), open_page)
        page.click(f"#fault-{IRELAND}-blackhole")
        mark = page.locator(f'[data-live="wide-{IRELAND}"]')
        expect(mark).to_have_attribute("data-state", "away")
        expect(mark).to_contain_text("black hole")
        expect(page.locator(f'[data-live="wide-{OREGON}-{IRELAND}"]')).to_have_attribute(
            "data-flow", "held"
        )


class TestLog:
    def test_lists_what_was_done_keeps_it_and_gives_it_away(
        self, demo: RunningDemo, open_page: OpenPage
    ) -> None:
        page = lab(demo.site(OREGON), open_page)
        page.click(f"#plus-{OREGON}")
        lines = page.locator("[data-log-list] li")
        expect(lines.first).to_contain_text("+1 in Oregon")
        expect(lines).to_have_count(4)
        page.reload()
        expect(lines).to_have_count(7)
        with page.expect_download() as download:
            page.click("[data-log-save]")
        kept = json.loads(Path(download.value.path()).read_text())
        assert download.value.suggested_filename == "region-lab-log.json"
        assert [each["what"] for each in kept["entries"]][3] == "+1 in Oregon"
        page.click("[data-log-clear]")
        expect(lines).to_have_count(0)
        expect(page.locator("[data-log-none]")).to_be_visible()

    def test_has_experiments_of_the_same_tab(self, demo: RunningDemo, open_page: OpenPage) -> None:
        page = open_page(f"{demo.site(OREGON)}/lab/experiments/stale-read/")
        page.get_by_role("button", name="Run").click()
        expect(page.locator("script[data-lab-log]")).to_be_attached(timeout=2 * PATIENCE_MS)
        page.goto(f"{demo.site(OREGON)}/lab/")
        lines = page.locator("[data-log-list] [data-kind=experiment]")
        expect(lines).to_have_count(1)
        expect(lines).to_contain_text("Stale read")

    def test_without_scripts_the_answers_are_a_file(
        self, demo: RunningDemo, open_page: OpenPage
    ) -> None:
        page = open_page(f"{demo.site(OREGON)}/lab/", scripts=False)
        page.click(f"#get-{OREGON}")
        with page.expect_download() as download:
            page.click("[data-log-still]:is(button)")
        kept = json.loads(Path(download.value.path()).read_text())
        assert [each["what"] for each in kept["entries"]] == ["Get item in Oregon"]


class TestFaults:
    def test_by_slider_and_switch(
        self, demo: RunningDemo, open_page: OpenPage, shots: Path | None
    ) -> None:
        page = open_page(f"{demo.site(OREGON)}/lab/faults/")
        slider = page.locator(f'[data-slides="id_{IRELAND}-slow_ms"]')
        slider.focus()
        page.keyboard.press("ArrowRight")
        said = page.locator(f"#now-{IRELAND}")
        expect(said).to_contain_text("Answers come 50 ms late.")
        page.check(f"#id_{OHIO}-paused")
        expect(page.locator(f"#now-{OHIO}")).to_contain_text("Replication is paused")
        expect(page.locator(f"#id_{OHIO}-paused")).to_be_focused()
        expect(page.locator(f'[data-live="wide-{OHIO}"]')).to_contain_text("paused")
        shoot(page, shots, "faults")
        page.fill(f"#id_{IRELAND}-skew_ms", "9999999")
        page.keyboard.press("Enter")
        expect(page.locator(f"#id_{IRELAND}-skew_ms-error")).to_contain_text("3,600,000")
        expect(page.locator(f"#id_{IRELAND}-skew_ms")).to_have_value("9999999")
        assert complaints(page) == []
        page.click("#reset")
        expect(page.locator(".faults-all__now")).to_contain_text("Every region is up")
        page.goto(f"{demo.site(OREGON)}/lab/")
        expect(page.locator("[data-log-list] li").filter(has_text="Reset")).to_have_count(1)

    def test_an_answer_leaves_what_is_being_typed(
        self, demo: RunningDemo, open_page: OpenPage
    ) -> None:
        page = open_page(f"{demo.site(OREGON)}/lab/faults/")
        held: list[Route] = []
        page.route(f"**/lab/faults/regions/{IRELAND}/", lambda route: held.append(route))
        with page.expect_request(f"**/lab/faults/regions/{IRELAND}/"):
            page.check(f"#id_{IRELAND}-paused")
        field = page.locator(f"#id_{OHIO}-slow_ms")
        field.focus()
        field.press("End")
        field.press_sequentially("12")
        held[0].continue_()
        expect(page.locator(f"#now-{IRELAND}")).to_contain_text("Replication is paused")
        expect(field).to_have_value("012")
        expect(field).to_be_focused()

    def test_without_scripts(self, demo: RunningDemo, open_page: OpenPage) -> None:
        page = open_page(f"{demo.site(OREGON)}/lab/faults/", scripts=False, width=390)
        page.locator(f'[name="{IRELAND}-fault"][value="refuse"]').check(force=True)
        page.click(f"#apply-{IRELAND}")
        expect(page.locator(f"#now-{IRELAND}")).to_contain_text("Callers meet a closed port.")
        assert demo.control.status().fault_of(IRELAND) == "refuse"
        assert page.evaluate("document.documentElement.scrollWidth") == 390


def test_the_tour_is_walked_from_its_first_step_to_its_last(
    demo: RunningDemo, open_page: OpenPage, shots: Path | None
) -> None:
    demo.control.set_lag(lag_ms=LONG_LAG_MS, jitter_ms=0)
    page = open_page(f"{demo.site(OREGON)}/lab/tour/")
    for number in range(1, 8):
        expect(page.locator(".tour-step__count")).to_have_text(f"Step {number} of 8")
        if number == 4:
            page.click(f"#plus-{OREGON}")
            expect(page.locator(f"#said-{OREGON}")).to_contain_text("Oregon wrote")
            page.click(f"#minus-{IRELAND}")
            expect(page.locator("#verdict [data-headline]")).to_have_text("Conflict")
            shoot(page, shots, "tour-conflict")
        page.click("[rel=next]")
    page.set_viewport_size({"width": 390, "height": 900})
    page.reload()
    expect(page.locator(".lab-nav [aria-current]")).to_be_in_viewport(ratio=0.9)
    expect(page.get_by_role("heading", level=1)).to_have_text("A table of your own")
    assert complaints(page) == []


@pytest.fixture(scope="module")
def six(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LoneSite]:
    """A site and a sandbox of six regions."""
    folder = tmp_path_factory.mktemp("six")
    with (
        RunningSandbox(folder, regions=SIX, lag_ms=DEMO_LAG_MS) as sandbox,
        LoneSite(sandbox) as on,
    ):
        yield on


class TestSixRegions:
    def test_two_in_trouble_keep_no_other_waiting(
        self, six: LoneSite, open_page: OpenPage, shots: Path | None
    ) -> None:
        """Requests leave side by side, and what is well answers before what is not."""
        page = lab(six.url, open_page, SIX)
        six.sandbox.control.outage(IRELAND, "blackhole")
        six.sandbox.control.slow(SINGAPORE, 60_000)
        page.evaluate(NOTE_ORDER)
        late = {f"answered {region}" for region in (IRELAND, SINGAPORE)}
        order = asked_everywhere(page)
        for _ in range(TRIES):
            assert order[:6] == [f"asked {region}" for region in SIX]
            if set(order[-2:]) == late:
                break
            order = asked_everywhere(page)
        assert set(order[-2:]) == late
        for region in (IRELAND, SINGAPORE):
            expect(page.locator(f"#said-{region}")).to_contain_text("does not answer")
        wait_until_given(page, [each for each in SIX if each not in (IRELAND, SINGAPORE)])
        expect(page.locator("#verdict")).to_contain_text("Ireland and Singapore do not answer")
        expect(page.locator(f'[data-live="wide-{IRELAND}"]')).to_contain_text("black hole")
        shoot(page, shots, "six-in-trouble")
        six.sandbox.control.reset()

    def test_panels_go_on_while_two_answers_are_out_for_good(
        self, six: LoneSite, open_page: OpenPage
    ) -> None:
        """However long two answers take: the others are pressed, judged and mapped meanwhile."""
        page = lab(six.url, open_page, SIX)
        held: list[Route] = []
        for region in (IRELAND, SINGAPORE):
            page.route(f"**/lab/{region}/get/", lambda route: held.append(route))
        page.click("#all-get")
        page.click(f"#plus-{OREGON}")
        expect(page.locator(f"#said-{OREGON}")).to_contain_text("Oregon wrote")
        expect(page.locator("#verdict")).to_contain_text("Oregon’s +1")
        expect(page.locator('[data-live="counts"]')).to_contain_text("delivered")
        expect(page.locator(f"#panel-{IRELAND}")).to_have_class(re.compile("htmx-request"))
        assert len(held) == 2
        for route in held:
            route.continue_()
        for region in (IRELAND, SINGAPORE):
            expect(page.locator(f"#panel-{region}")).not_to_have_class(re.compile("htmx-request"))

    @pytest.mark.parametrize("width", [390, 1440])
    def test_nothing_is_wider_than_the_window(
        self, six: LoneSite, open_page: OpenPage, shots: Path | None, width: int
    ) -> None:
        page = lab(six.url, open_page, SIX, width=width, scheme="light")
        assert page.evaluate("document.documentElement.scrollWidth") == width
        assert complaints(page) == []
        shoot(page, shots, f"six-{width}")
