"""What an outage costs the site's pages: their own region a black hole, the next one answering."""

import http.client
import tempfile
from pathlib import Path
from statistics import median

from benchmarks.calls import HOME, Figure, Report, timed
from tests.support.demo import RunningDemo
from tests.support.sandbox import wait_until

ROUNDS = 50
PAGES = ("/", "/browse/", "/title/sintel/", "/watch/sintel/")


def pages() -> Report:
    """Medians of each page before the outage, at its first request, and after that."""
    with tempfile.TemporaryDirectory() as folder:
        demo = RunningDemo(Path(folder), lag_ms=200)
        demo.start()
        try:
            figures = [_page(demo, page) for page in PAGES]
        finally:
            demo.stop()
    return Report(
        title="Pages while the site's own region is a black hole: up, first, then", figures=figures
    )


def _page(demo: RunningDemo, page: str) -> Figure:
    demo.control.heal()
    wait_until(lambda: _get(demo, "/watch/sintel/").headers["X-Served-Region"] == HOME)
    _median(demo, page, 10)
    up = _median(demo, page, ROUNDS)
    demo.control.outage(HOME, "blackhole")
    first = _median(demo, page, 1)
    then = _median(demo, page, ROUNDS)
    demo.control.heal()
    return Figure(what=page, measured=f"{up:.1f}, {first:.1f}, {then:.1f} ms ({then / up:.2f} ×)")


def _median(demo: RunningDemo, page: str, rounds: int) -> float:
    return median(timed(lambda: _get(demo, page)) for _ in range(rounds))


def _get(demo: RunningDemo, path: str) -> http.client.HTTPResponse:
    connection = http.client.HTTPConnection(demo.site(HOME).removeprefix("http://"), timeout=10)
    connection.request("GET", path)
    response = connection.getresponse()
    response.read()
    connection.close()
    assert response.status == http.client.OK, (path, response.status)
    return response
