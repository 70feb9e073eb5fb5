"""The status page in a real browser: parts that come by themselves, and a chart with its table."""

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import boto3
import pytest
from playwright.sync_api import Page, expect

from gtsite.dynamodb.tables import GLOBAL_SERVERLESS
from tests.browser.axe import complaints
from tests.browser.conftest import OpenPage
from tests.support.demo import RunningDemo
from tests.support.sandbox import HOST, REGIONS, wait_until

OREGON, IRELAND, OHIO = REGIONS
PARTS = ("regions", "tables", "replication", "sandbox")
CLOCK = re.compile(r"^\d\d:\d\d$")
SAMPLES = 1_000_000.0
MINUTES_AGO = (40, 39, 38, 37, 20, 19, 18)
"""Seven minutes in two runs: no line may lead from one to the other."""

PIXELS = """name => {
    const plot = document.querySelector(".chart__plot");
    const canvas = plot.querySelector("canvas");
    const swatch = document.createElement("span");
    swatch.style.color = `var(${name})`;
    plot.append(swatch);
    const wanted = getComputedStyle(swatch).color.match(/\\d+/g).map(Number);
    swatch.remove();
    const {data} = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
    let found = 0;
    for (let i = 0; i < data.length; i += 4) {
        found += data[i + 3] === 255 && wanted.every((value, place) => value === data[i + place]);
    }
    return found;
}"""
"""How many pixels of the drawing have exactly that token's colour."""

FITS = """() => {
    const [plot, room] = [".u-wrap", ".chart__plot"].map(each => document.querySelector(each));
    return Math.abs(plot.clientWidth - room.clientWidth) <= 1;
}"""

pytestmark = pytest.mark.browser


def told(value: float) -> dict[str, float]:
    """So many samples that what the demo itself measured in that minute is nothing beside them."""
    return {
        "SampleCount": SAMPLES,
        "Sum": SAMPLES * value,
        "Minimum": value,
        "Maximum": value,
    }


@pytest.fixture
def measured(demo: RunningDemo) -> RunningDemo:
    """The demo, with invented latencies from Ireland to Oregon: 1,018 to 1,040 ms."""
    now = datetime.now(UTC).replace(second=0, microsecond=0)
    cloudwatch = boto3.client(
        "cloudwatch",
        region_name=IRELAND,
        endpoint_url=f"http://{HOST}:{demo.sandbox_port}",
        aws_access_key_id="sandbox",
        aws_secret_access_key="sandbox",
    )
    dimensions = {"TableName": GLOBAL_SERVERLESS.name, "ReceivingRegion": OREGON}
    cloudwatch.put_metric_data(
        Namespace="AWS/DynamoDB",
        MetricData=[
            {
                "MetricName": "ReplicationLatency",
                "Dimensions": [{"Name": n, "Value": value} for n, value in dimensions.items()],
                "Timestamp": now - timedelta(minutes=ago),
                "StatisticValues": told(1000.0 + ago),
            }
            for ago in MINUTES_AGO
        ],
    )
    cloudwatch.close()
    return demo


def status(demo: RunningDemo, open_page: OpenPage, **more: object) -> Page:
    """The page on Oregon's site, when every part of it has come."""
    page = open_page(f"{demo.site(OREGON)}/status/", **more)
    for name in PARTS:
        expect(page.locator(f"#{name}")).to_contain_text("As of")
    expect(page.locator("#replication")).to_contain_text("Ireland → Oregon")
    return page


def test_the_chart_is_drawn_from_the_table_beneath_it_in_both_themes(
    measured: RunningDemo, open_page: OpenPage, shots: Path | None
) -> None:
    page = status(measured, open_page)
    expect(page.locator(".chart__plot canvas")).to_be_visible()
    expect(page.locator(".chart__plot")).to_have_attribute("aria-hidden", "true")
    page.get_by_text("The chart as a table").click()
    heading = page.locator("#replication-table thead th").all_inner_texts()
    place = heading.index("Ireland → Oregon")
    shown = page.locator(f"#replication-table tbody td:nth-of-type({place})").all_inner_texts()
    wanted = [f"{1000 + ago:,} ms" for ago in MINUTES_AGO]
    assert [each for each in shown if each in wanted] == wanted
    wrong, colours = [], set()
    for scheme in ("dark", "light"):
        page.emulate_media(color_scheme=scheme)
        wait_until(lambda: page.evaluate(PIXELS, f"--series-{place}") > 50, f"lines on {scheme}")
        colours.add(page.evaluate("getComputedStyle(document.body).backgroundColor"))
        for width in (1440, 390):
            page.set_viewport_size({"width": width, "height": 900})
            wait_until(lambda: bool(page.evaluate(FITS)), f"a drawing {width} wide")
            assert page.evaluate("document.documentElement.scrollWidth") <= width
            wrong += complaints(page)
            if shots:
                page.screenshot(path=shots / f"status-{width}-{scheme}.png", full_page=True)
    assert (wrong, len(colours)) == ([], 2)


def test_parts_come_anew_and_leave_open_what_was_opened(
    measured: RunningDemo, open_page: OpenPage
) -> None:
    page = status(measured, open_page)
    table = page.locator("#replication-table")
    table.locator("summary").click()
    page.locator(".u-legend").get_by_text("Ireland → Oregon").click()
    page.locator(".u-over").hover()
    expect(page.locator(".u-legend .u-value").first).to_have_text(CLOCK)
    page.focus(".chart__scroll")
    measured.control.outage(OHIO)
    ohio = page.locator("#tables tr", has_text="Ohio")
    expect(ohio).to_contain_text("Does not answer")
    expect(page.locator("#tables tr", has_text="Oregon")).to_contain_text("Active")
    expect(page.locator("#sandbox")).to_contain_text("Held back")
    expect(page.locator("#replication")).to_contain_text(f"CloudWatch in {OHIO} does not answer")
    expect(table).to_have_attribute("open", "")
    expect(page.locator(".chart__scroll")).to_be_focused()
    expect(page.locator(".chart__plot canvas")).to_have_count(1)
    expect(page.locator(".u-legend .u-off")).to_contain_text("Ireland → Oregon")
    expect(page.locator(".u-legend .u-value").first).to_have_text(CLOCK)


def test_it_can_be_paused_and_everything_is_there_without_scripts(
    measured: RunningDemo, open_page: OpenPage, shots: Path | None
) -> None:
    page = open_page(f"{measured.site(OREGON)}/status/", scripts=False, width=390)
    page.get_by_role("link", name="Pause").click()
    expect(page).to_have_url(re.compile(r"refresh=off$"))
    for name in PARTS:
        expect(page.locator(f"#{name}")).to_contain_text("As of")
    assert page.locator("[hx-trigger]").count() == 0
    expect(page.locator("#tables")).to_contain_text("Oregon")
    expect(page.locator("#replication-table")).to_contain_text("1,040 ms")
    expect(page.locator(".chart__plot")).to_be_hidden()
    if shots:
        page.screenshot(path=shots / "status-without-scripts.png", full_page=True)
    page.get_by_role("link", name="Go on refreshing").click()
    expect(page).to_have_url(re.compile(r"/status/$"))
