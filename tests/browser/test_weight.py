"""What the first page weighs and how soon it is there, on a phone with an empty cache."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import pytest
from playwright.sync_api import Browser, CDPSession, Page

from tests.browser.conftest import PATIENCE_MS
from tests.support.demo import RunningDemo
from tests.support.sandbox import REGIONS

HOME = REGIONS[0]
logger = logging.getLogger(__name__)
pytestmark = pytest.mark.browser

FIRST_PAGE_BYTES = 110_000
SHIFT = 0.01
PAINT_MS = 1000
TRIES = 25
SLOW_4G = {
    "offline": False,
    "latency": 150,
    "downloadThroughput": 1_600_000 / 8,
    "uploadThroughput": 750_000 / 8,
}
"""A round trip of 150 ms, 1.6 Mbit/s down: what Lighthouse calls a slow phone's network."""

PHONE_SPEED = 600
"""Of a phone of the middle range: a quarter of a fast desk's, in the units of `SPEED`."""

SPEED = """() => {
    const start = performance.now();
    let rounds = 0;
    while (performance.now() - start < 200) {
        let text = '';
        for (let length = 0; length < 10000; length += 1) text += 'a';
        rounds += text.length / 10000;
    }
    return rounds * 100 / (performance.now() - start);
}"""
"""How fast scripts run here and now: tens of texts of 10,000 characters made in a second."""

OBSERVE = """
window.measured = {shift: 0, paintMs: 0, painted: ''};
new PerformanceObserver(list => {
    for (const each of list.getEntries()) {
        if (!each.hadRecentInput) window.measured.shift += each.value;
    }
}).observe({type: 'layout-shift', buffered: true});
new PerformanceObserver(list => {
    for (const each of list.getEntries()) {
        window.measured.paintMs = each.startTime;
        window.measured.painted = each.element ? each.element.outerHTML.slice(0, 120) : '';
    }
}).observe({type: 'largest-contentful-paint', buffered: true});
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    """One load of a page: bytes over the wire by address, layout shift, the largest paint."""

    sizes: dict[str, int]
    shift: float
    paint_ms: float
    painted: str

    @property
    def bytes(self) -> int:
        return sum(self.sizes.values())


@contextmanager
def phone(browser: Browser) -> Iterator[Page]:
    """A page of a phone that has never been here."""
    context = browser.new_context(
        viewport={"width": 390, "height": 844}, device_scale_factor=2, is_mobile=True
    )
    context.set_default_timeout(PATIENCE_MS)
    context.add_init_script(OBSERVE)
    yield context.new_page()
    context.close()


def counted(devtools: CDPSession) -> dict[str, int]:
    """Bytes by address, headers included, filled as answers come to their end."""
    urls: dict[str, str] = {}
    sizes: dict[str, int] = {}

    def ended(event: dict[str, object]) -> None:
        url = urls[str(event["requestId"])]
        sizes[url] = sizes.get(url, 0) + int(str(event["encodedDataLength"]).split(".")[0])

    devtools.on(
        "Network.requestWillBeSent",
        lambda event: urls.__setitem__(event["requestId"], event["request"]["url"]),
    )
    devtools.on("Network.loadingFinished", ended)
    devtools.send("Network.enable")
    return sizes


def visit(browser: Browser, url: str, *, throttled: bool = False) -> Visit:
    """Loads the page with an empty cache and waits until nothing comes any more."""
    with phone(browser) as page:
        devtools = page.context.new_cdp_session(page)
        sizes = counted(devtools)
        if throttled:
            devtools.send("Network.emulateNetworkConditions", SLOW_4G)
            devtools.send("Emulation.setCPUThrottlingRate", {"rate": slowdown(page)})
        page.goto(url, wait_until="networkidle")
        measured = page.evaluate("window.measured")
        return Visit(
            sizes=dict(sizes),
            shift=measured["shift"],
            paint_ms=measured["paintMs"],
            painted=measured["painted"],
        )


def slowdown(page: Page) -> float:
    """What makes a phone of this machine as it is just now: less while it has much else to do.

    The best of a few: the first ones pay for the compiler.
    """
    speed = max(float(page.evaluate(SPEED)) for _ in range(4))
    rate = max(1.0, speed / PHONE_SPEED)
    logger.info("scripts run at %.0f: slowed down %.1f times", speed, rate)
    return rate


def soonest(browser: Browser, url: str) -> Visit:
    """The first visit that is soon enough, else the soonest of a few.

    What else runs on this machine only makes it later: one that is in time shows that it can be.
    """
    found: list[Visit] = []
    while len(found) < TRIES and not (found and found[-1].paint_ms < PAINT_MS):
        found.append(visit(browser, url, throttled=True))
    return min(found, key=lambda each: each.paint_ms)


def test_the_first_page_weighs_little_with_everything_it_needs(
    demo: RunningDemo, browser: Browser
) -> None:
    found = visit(browser, f"{demo.site(HOME)}/")
    logger.info("first page: %s bytes, %s files", found.bytes, len(found.sizes))
    assert any(url.endswith(".css") for url in found.sizes)
    assert any(url.endswith(".js") for url in found.sizes)
    assert any(".svg" in url for url in found.sizes)
    assert found.bytes < FIRST_PAGE_BYTES, sorted(found.sizes.items(), key=lambda each: -each[1])


@pytest.mark.parametrize("path", ["/", "/browse/", "/title/sintel/"])
def test_nothing_moves_while_a_page_loads_slowly(
    demo: RunningDemo, browser: Browser, path: str
) -> None:
    assert visit(browser, f"{demo.site(HOME)}{path}", throttled=True).shift < SHIFT


def test_the_first_page_is_painted_within_a_second_on_a_slow_phone(
    demo: RunningDemo, browser: Browser
) -> None:
    found = soonest(browser, f"{demo.site(HOME)}/")
    logger.info("first page: %.0f ms to the largest paint, %s", found.paint_ms, found.painted)
    assert found.painted
    assert found.paint_ms < PAINT_MS, found.painted
