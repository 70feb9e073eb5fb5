"""A real Chromium in front of a real demo: three sites, three regions, one sandbox."""

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import (
    Browser,
    BrowserContext,
    Error,
    Page,
    Playwright,
    expect,
    sync_playwright,
)

QUIET = (
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--mute-audio",
    "--autoplay-policy=no-user-gesture-required",
)
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
OUTSIDE = ("net::ERR_", "Failed to load resource")
PATIENCE_MS = 60_000
"""How long anything may take on a busy machine before it counts as not coming at all."""

OpenPage = Callable[..., Page]


@pytest.fixture(scope="package")
def playwright() -> Iterator[Playwright]:
    """Ended with this package: its event loop would stand in the way of other tests' own."""
    expect.set_options(timeout=PATIENCE_MS)
    with sync_playwright() as started:
        yield started


@pytest.fixture(scope="package")
def browser(playwright: Playwright) -> Iterator[Browser]:
    """Chromium from the PATH, else Playwright's own; in CI there has to be one."""
    installed = next(filter(None, map(shutil.which, BROWSERS)), None)
    try:
        launched = playwright.chromium.launch(executable_path=installed, args=list(QUIET))
    except Error as error:
        if os.environ.get("CI") == "true":
            raise
        pytest.skip(f"no Chromium on this machine: {str(error).splitlines()[0]}")
    yield launched
    launched.close()


@pytest.fixture
def open_page(browser: Browser) -> Iterator[OpenPage]:
    """`open_page(url, width=…, scheme=…, context=…)`: a page on which no script may fail.

    A refused style or script, or an uncaught error, fails the test when it ends; what a title's
    own video or a region that is away cannot load does not.
    """
    contexts: list[BrowserContext] = []
    complaints: list[str] = []

    def listen(page: Page) -> None:
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on(
            "console",
            lambda message: (
                complaints.append(message.text)
                if message.type == "error" and not message.text.startswith(OUTSIDE)
                else None
            ),
        )

    def opened(
        url: str,
        *,
        width: int = 1440,
        height: int = 900,
        scheme: str = "dark",
        scripts: bool = True,
        context: BrowserContext | None = None,
    ) -> Page:
        if context is None:
            context = browser.new_context(
                viewport={"width": width, "height": height},
                color_scheme=scheme,  # type: ignore[arg-type]
                java_script_enabled=scripts,
                reduced_motion="reduce",
            )
            contexts.append(context)
        context.set_default_timeout(PATIENCE_MS)
        page = context.new_page()
        listen(page)
        page.goto(url)
        return page

    yield opened
    for context in contexts:
        context.close()
    assert complaints == []


@pytest.fixture
def shots() -> Path | None:
    """Where screenshots go: the folder in SCREENSHOTS, or nowhere."""
    folder = os.environ.get("SCREENSHOTS")
    if not folder:
        return None
    Path(folder).mkdir(parents=True, exist_ok=True)
    return Path(folder)
