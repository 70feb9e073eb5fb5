"""How fast rows go into a table, beside the SDK's own batch writer and beside prepared requests.

And the memory it takes, in a process of its own: `python -m benchmarks.loading ENDPOINT` prints it
as JSON.
"""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

import boto3

from benchmarks.calls import Caller, Figure, Report, alternating, resident_megabytes, sandbox, timed
from gtsite.dynamodb.clients import Clients
from gtsite.dynamodb.items import to_item
from gtsite.dynamodb.loader import Loaded, Rejected, load_rows
from gtsite.dynamodb.repository import WRITE_BATCH, Table
from gtsite.dynamodb.router import Router
from gtsite.dynamodb.rows import Row, read_rows
from gtsite.dynamodb.tables import FLIGHTS
from gtsite.experiments.flights import FLIGHTS_IN_THE_DATA, flights
from gtsite.sandbox.storage.engines import find_engine
from tests.support.engines import create_table, running
from tests.support.sandbox import PROJECT

ROUNDS = 7
WORKERS = 8
ROWS = int(os.environ.get("BENCH_ROWS", "1000000"))
AFTER = 100_000
"""Rows until the first look at the memory: by then everything is loaded and in use."""
REGION = "us-east-2"
MOST_OVER_RAW = 1.15
MOST_GROWN_MB = 10
DATA = PROJECT / FLIGHTS.data


def loading() -> Report:
    """The three by turns, against the engine by itself and through the sandbox; then the memory."""
    figures: list[Figure] = []
    with TemporaryDirectory() as folder, running(find_engine(), file=Path(folder) / "x.db") as bare:
        create_table(Clients(endpoints={REGION: bare.url}).control(REGION), FLIGHTS)
        figures += _three("the engine by itself", bare.port, most_over_raw=MOST_OVER_RAW)
        figures += _memory(bare.url)
    with sandbox(regions=(REGION, "eu-west-1")) as started:
        create_table(started.client(REGION), FLIGHTS)
        started.add_replica("flights", REGION, "eu-west-1")
        started.wait_active("flights", REGION, "eu-west-1")
        figures += _three("through the sandbox", started.port_of(REGION), settle=started.drain)
    title = f"Loading {FLIGHTS_IN_THE_DATA:,} flights; the memory of loading {ROWS:,}"
    return Report(title=title, figures=figures)


def _three(
    where: str,
    port: int,
    *,
    settle: Callable[[], object] = lambda: None,
    most_over_raw: float | None = None,
) -> list[Figure]:
    """Each in turn; before its turn nothing is on its way.

    The sandbox takes all of a small machine by itself, so that what the loader adds shows in full:
    there is a target for the engine only.
    """
    ways = [_ours(port), _batch_writer(port), _raw(port)]
    for way in ways:
        way()

    def turn(way: Callable[[], object]) -> Callable[[int], object]:
        return lambda _: way()

    works = [each for way in ways for each in (lambda _: settle(), turn(way))]
    times = alternating(ROUNDS, *works)[1::2]
    ours, writer, raw = (median(each) for each in times)
    return [
        Figure(
            what=f"{where}: load",
            measured=f"{ours:.0f} ms, {1000 * FLIGHTS_IN_THE_DATA / ours:,.0f} a second",
        ),
        Figure(
            what="… beside boto3's batch_writer",
            measured=f"{ours / writer:.2f} of its time ({writer:.0f} ms)",
            target="1.00",
            kept=ours <= writer,
        ),
        Figure(
            what=f"… beside prepared requests on {WORKERS} connections",
            measured=f"{ours / raw:.2f} of their time ({raw:.0f} ms)",
            target=f"{most_over_raw:.2f}" if most_over_raw else "",
            kept=ours <= most_over_raw * raw if most_over_raw else None,
        ),
    ]


def _ours(port: int) -> Callable[[], object]:
    """From the file to the last answer, as the command does it."""
    table = _table(f"http://127.0.0.1:{port}")

    def load() -> None:
        loaded = load_rows(_rows(), table, _Silent(), workers=WORKERS)
        assert loaded.written == FLIGHTS_IN_THE_DATA, loaded

    return load


def _batch_writer(port: int) -> Callable[[], object]:
    """The SDK's way, with the items in memory already."""
    items = [dict(row.item) for row in _rows()]
    resource: Any = boto3.resource(
        "dynamodb",
        region_name=REGION,
        endpoint_url=f"http://127.0.0.1:{port}",
        aws_access_key_id="x",
        aws_secret_access_key="x",  # noqa: S106
    )
    table = resource.Table(FLIGHTS.name)

    def write() -> None:
        with table.batch_writer() as writer:
            for item in items:
                writer.put_item(Item=item)

    return write


def _raw(port: int) -> Callable[[], object]:
    """Nothing but requests made before, on as many connections."""
    puts = [{"PutRequest": {"Item": to_item(row.item)}} for row in _rows()]
    parts = [puts[at : at + WRITE_BATCH] for at in range(0, len(puts), WRITE_BATCH)]
    requests = [{"RequestItems": {FLIGHTS.name: part}} for part in parts]

    def send() -> None:
        left, lock = iter(requests), threading.Lock()
        threads = [
            threading.Thread(target=_send_all, args=(port, left, lock)) for _ in range(WORKERS)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    return send


def _send_all(port: int, left: Iterator[Any], lock: threading.Lock) -> None:
    caller = Caller(port, REGION)
    while True:
        with lock:
            request = next(left, None)
        if request is None:
            break
        caller.ask("BatchWriteItem", request)
    caller.close()


def _memory(endpoint: str) -> list[Figure]:
    ran = subprocess.run(
        [sys.executable, "-m", "benchmarks.loading", endpoint],
        env={**os.environ, "DJANGO_SETTINGS_MODULE": "gtsite.settings.test"},
        capture_output=True,
        text=True,
        check=True,
    )
    found = json.loads(ran.stdout)
    grown = found["most_mb"] - found["after_mb"]
    return [
        Figure(
            what=f"memory after {found['after_rows']:,} rows, and the most until {ROWS:,}",
            measured=f"{found['after_mb']} MB, {found['most_mb']} MB ({found['seconds']:.0f} s)",
            target=f"{MOST_GROWN_MB} MB more",
            kept=grown <= MOST_GROWN_MB,
        )
    ]


def main() -> None:
    """Loads rows that are made as they are asked for: the process holds nothing else."""
    table, watch = _table(sys.argv[1]), _Watch(after_rows=min(AFTER, ROWS // 2))
    seconds = timed(lambda: load_rows(_invented(ROWS), table, watch, workers=WORKERS)) / 1000
    found = {
        "after_rows": watch.after_rows,
        "after_mb": watch.after_mb,
        "most_mb": watch.most_mb,
        "seconds": seconds,
    }
    sys.stdout.write(json.dumps(found))


class _Silent:
    """Hears nothing; a row that is refused ends the benchmark."""

    def rejected(self, row: Rejected) -> None:
        raise AssertionError(row.reason)

    def replaced(self, earlier: int, later: int) -> None:
        raise AssertionError((earlier, later))

    def progressed(self, loaded: Loaded) -> None: ...


@dataclass(slots=True, kw_only=True)
class _Watch(_Silent):
    """Looks at the memory now and then."""

    after_rows: int
    after_mb: int = 0
    most_mb: int = 0

    def progressed(self, loaded: Loaded) -> None:
        if loaded.read < self.after_rows:
            return
        now = resident_megabytes()
        self.after_mb = self.after_mb or now
        self.most_mb = max(self.most_mb, now)


def _rows() -> Iterator[Row]:
    return read_rows(DATA, table=FLIGHTS.name, columns=FLIGHTS.columns, headed_by=FLIGHTS.key_names)


def _invented(count: int) -> Iterator[Row]:
    for number, cells in enumerate(flights(count), 1):
        yield Row(number=number, raw=cells, item=_item(cells))


def _item(cells: Sequence[str]) -> dict[str, Any]:
    named = zip(FLIGHTS.columns, cells, strict=True)
    return {column.name: int(cell) if column.type == "N" else cell for column, cell in named}


def _table(endpoint: str) -> Table:
    clients = Clients(endpoints={REGION: endpoint}, read_seconds=20.0, check_requests=False)
    router = Router(clients=clients, regions=[REGION], local=REGION, deadline_seconds=60.0)
    return Table(FLIGHTS, router, patience_seconds=60.0).at(REGION)


if __name__ == "__main__":
    main()
