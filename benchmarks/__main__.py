"""`make bench`: what resilience costs, as ratios measured side by side in one run.

Each figure is the median of many requests; both sides of a ratio alternate, so that a noisy
machine disturbs them alike.
"""

import http.client
import subprocess
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median

import boto3
from botocore.config import Config
from rich.console import Console
from rich.table import Table

from tests.support.demo import RunningDemo
from tests.support.sandbox import REGIONS, wait_until

ROUNDS = 150
PAGES = ("/", "/browse/", "/title/sintel/", "/watch/sintel/")
HOME = REGIONS[0]


def main() -> None:
    console = Console()
    with tempfile.TemporaryDirectory() as folder:
        demo = RunningDemo(Path(folder), lag_ms=200)
        demo.start()
        try:
            console.print(_sandbox_cost(demo))
            console.print(_outage_cost(demo))
        finally:
            demo.stop()


def _sandbox_cost(demo: RunningDemo) -> Table:
    """The sandbox's gateway beside the bare engine behind it."""
    status = demo.control.status()
    gateway = _client(next(each.endpoint for each in status.regions if each.name == HOME))
    engine = _client(_engine_endpoint(demo))
    engine.create_table(
        TableName="bare",
        KeySchema=[{"AttributeName": "PK", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "PK", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    item = {"PK": {"S": "bench"}, "SK": {"S": "item"}, "Bookmark": {"N": "754"}}
    key = {"PK": item["PK"], "SK": item["SK"]}
    table = _table("Sandbox beside its bare engine (boto3)", "engine ms", "sandbox ms", "ratio")
    table.add_row(
        "PutItem, replicated to two regions",
        *_ratio(
            lambda: engine.put_item(TableName="bare", Item=item),
            lambda: gateway.put_item(TableName="global-serverless", Item=item),
        ),
    )
    table.add_row(
        "GetItem",
        *_ratio(
            lambda: engine.get_item(TableName="bare", Key={"PK": item["PK"]}),
            lambda: gateway.get_item(TableName="global-serverless", Key=key),
        ),
    )
    gateway.delete_item(TableName="global-serverless", Key=key)
    return table


def _outage_cost(demo: RunningDemo) -> Table:
    """Pages of the home region's site while its region is away, beside the next region's site."""
    table = _table(
        "Pages while the site's own region is a black hole",
        "region up ms",
        "first ms",
        "then ms",
        "then / up",
    )
    for page in PAGES:
        demo.control.heal()
        wait_until(lambda: _served(demo, HOME) == HOME)
        _timed(lambda page=page: _get(demo, HOME, page), 10)  # type: ignore[misc]
        up = _timed(lambda page=page: _get(demo, HOME, page), ROUNDS // 3)  # type: ignore[misc]
        demo.control.outage(HOME, "blackhole")
        first = _timed(lambda page=page: _get(demo, HOME, page), 1)  # type: ignore[misc]
        then = _timed(lambda page=page: _get(demo, HOME, page), ROUNDS // 3)  # type: ignore[misc]
        numbers = (f"{1000 * value:.1f}" for value in (up, first, then))
        table.add_row(page, *numbers, f"{then / up:.2f}")
    demo.control.heal()
    return table


def _client(endpoint: str):  # type: ignore[no-untyped-def]  # noqa: ANN202
    return boto3.client(
        "dynamodb",
        region_name=HOME,
        endpoint_url=endpoint,
        aws_access_key_id="bench",
        aws_secret_access_key="bench",  # noqa: S106
        config=Config(retries={"total_max_attempts": 1}),
    )


def _engine_endpoint(demo: RunningDemo) -> str:
    """Where the home region's engine listens, read from its own process."""
    pid = next(each.pid for each in demo.control.status().regions if each.name == HOME)
    ps = subprocess.run(
        ["ps", "-ww", "-o", "args=", "-p", str(pid)], capture_output=True, text=True, check=True
    )
    arguments = ps.stdout.split()
    return f"http://127.0.0.1:{arguments[arguments.index('--port') + 1]}"


def _ratio(first: Callable[[], object], second: Callable[[], object]) -> Sequence[str]:
    """Both medians in milliseconds, and the second over the first; calls alternate."""
    one: list[float] = []
    two: list[float] = []
    for _ in range(ROUNDS):
        one.append(_timed(first, 1))
        two.append(_timed(second, 1))
    return (
        f"{1000 * median(one):.2f}",
        f"{1000 * median(two):.2f}",
        f"{median(two) / median(one):.2f}",
    )


def _timed(work: Callable[[], object], rounds: int) -> float:
    """Median seconds."""
    taken = []
    for _ in range(rounds):
        began = time.perf_counter()
        work()
        taken.append(time.perf_counter() - began)
    return median(taken)


def _get(demo: RunningDemo, region: str, path: str) -> http.client.HTTPResponse:
    connection = http.client.HTTPConnection(demo.site(region).removeprefix("http://"), timeout=10)
    connection.request("GET", path)
    response = connection.getresponse()
    response.read()
    connection.close()
    assert response.status == http.client.OK, (path, response.status)
    return response


def _served(demo: RunningDemo, region: str) -> str | None:
    return _get(demo, region, "/watch/sintel/").headers["X-Served-Region"]


def _table(title: str, *headings: str) -> Table:
    table = Table(title=title, title_justify="left", box=None)
    table.add_column("")
    for heading in headings:
        table.add_column(heading, justify="right")
    return table


if __name__ == "__main__":
    main()
