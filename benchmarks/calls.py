"""What the benchmarks share: a caller that costs next to nothing, clocks, medians, tables.

boto3 takes more than a millisecond of a processor for each call, which would hide what is measured.
"""

import http.client
import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median, quantiles
from tempfile import TemporaryDirectory
from typing import Any

from rich.table import Table

from gtsite.sandbox.storage.engines import EngineName, find_engine
from tests.support.engines import EngineProcess, running
from tests.support.sandbox import HOST, REGIONS, RunningSandbox

HOME, AWAY, THIRD = REGIONS
TABLE = "bench"
PAYLOAD = {"S": "x" * 100}
DEFINITION: Mapping[str, Any] = {
    "TableName": TABLE,
    "KeySchema": [{"AttributeName": "PK", "KeyType": "HASH"}],
    "AttributeDefinitions": [{"AttributeName": "PK", "AttributeType": "S"}],
    "BillingMode": "PAY_PER_REQUEST",
}


class Caller:
    """One connection to a port that answers DynamoDB's API. Use it from one thread."""

    def __init__(self, port: int, region: str = HOME) -> None:
        self._connection = http.client.HTTPConnection(HOST, port, timeout=60)
        self._authorization = (
            f"AWS4-HMAC-SHA256 Credential=x/20260101/{region}/dynamodb/aws4_request, "
            "SignedHeaders=host, Signature=x"
        )

    def ask(self, operation: str, body: Mapping[str, Any], service: str = "DynamoDB") -> Any:
        """The answer's JSON; anything but a 200 ends the benchmark."""
        headers = {
            "Content-Type": "application/x-amz-json-1.0",
            "X-Amz-Date": "20260101T000000Z",
            "X-Amz-Target": f"{service}_20120810.{operation}",
            "Authorization": self._authorization,
        }
        self._connection.request("POST", "/", json.dumps(body), headers)
        response = self._connection.getresponse()
        answered = json.loads(response.read())
        assert response.status == http.client.OK, answered
        return answered

    def put(self, key: str, value: int = 0) -> None:
        item = {"PK": {"S": key}, "v": {"N": str(value)}, "payload": PAYLOAD}
        self.ask("PutItem", {"TableName": TABLE, "Item": item})

    def get(self, key: str) -> None:
        self.ask("GetItem", {"TableName": TABLE, "Key": {"PK": {"S": key}}})

    def close(self) -> None:
        self._connection.close()


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One line of a report. `kept` says whether the target was met, None where there is none."""

    what: str
    measured: str
    target: str = ""
    kept: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What one benchmark found."""

    title: str
    figures: Sequence[Figure]

    def table(self) -> Table:
        shown = Table(title=self.title, title_justify="left", box=None, padding=(0, 2, 0, 0))
        for heading in ("", "measured", "target", ""):
            shown.add_column(heading)
        for figure in self.figures:
            mark = {True: "kept", False: "MISSED", None: ""}[figure.kept]
            shown.add_row(figure.what, figure.measured, figure.target, mark)
        return shown


@contextmanager
def sandbox(**settings: Any) -> Iterator[RunningSandbox]:
    """A sandbox with three regions and its data on disk, for as long as the block."""
    with TemporaryDirectory() as folder, RunningSandbox(Path(folder), **settings) as started:
        yield started


@contextmanager
def bare_engine(name: EngineName = "dynoxide") -> Iterator[EngineProcess]:
    """An engine by itself, with the benchmarks' table, its items on disk where it can."""
    with TemporaryDirectory() as folder:
        engine = find_engine(name)
        file = Path(folder) / "bare.db" if engine.durable else None
        with running(engine, file=file) as process:
            Caller(process.port).ask("CreateTable", DEFINITION)
            yield process


def timed(work: Callable[[], object]) -> float:
    """Milliseconds."""
    began = time.perf_counter()
    work()
    return 1000 * (time.perf_counter() - began)


def resident_megabytes() -> int:
    """What this process holds in memory, as the kernel counts it."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(status.split("VmRSS:")[1].split()[0]) // 1024


def alternating(rounds: int, *works: Callable[[int], object]) -> list[list[float]]:
    """Milliseconds of each work's every turn; they take turns, so that noise meets them alike."""
    taken: list[list[float]] = [[] for _ in works]
    for turn in range(rounds):
        for work, times in zip(works, taken, strict=True):
            times.append(timed(lambda work=work, turn=turn: work(turn)))  # type: ignore[misc]
    return taken


def middle(times: Sequence[float]) -> str:
    """Median and 99th percentile in milliseconds."""
    return f"{median(times):.2f} ms (p99 {percentile(times, 99):.1f})"


def percentile(times: Sequence[float], which: int) -> float:
    return quantiles(times, n=100, method="inclusive")[which - 1]


class Pace:
    """So many turns a second, whatever each of them takes; late ones are not left out."""

    def __init__(self, per_second: float) -> None:
        self._gap = 1 / per_second
        self._next = time.perf_counter()

    def wait(self) -> None:
        self._next += self._gap
        time.sleep(max(0.0, self._next - time.perf_counter()))


def side_by_side(clients: int, seconds: float, work: Callable[[int], Callable[[], object]]) -> int:
    """How often `clients` threads together did their work in this time; `work` is made in each."""
    done = [0] * clients
    end = time.perf_counter() + seconds

    def client(number: int) -> None:
        turn = work(number)
        while time.perf_counter() < end:
            turn()
            done[number] += 1

    threads = [threading.Thread(target=client, args=(number,)) for number in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(done)
