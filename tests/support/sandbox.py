"""A sandbox as a user runs it: a real process with real engines, on ports and data of its own."""

import atexit
import ctypes
import http.client
import json
import os
import random
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager, suppress
from functools import cache
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

import botocore.session
from botocore.config import Config
from botocore.exceptions import ClientError

from gtsite.sandbox.client import SandboxClient, SandboxUnreachable, Status

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

PROJECT = Path(__file__).resolve().parent.parent.parent
HOST = "127.0.0.1"
REGIONS = ("us-west-2", "eu-west-1", "us-east-2")
LONG_LAG_MS = 60_000
BOUND_SECONDS = 60.0
"""How long a condition may take before the run counts as broken; nothing is measured by it."""
PORTS = range(10_000, 19_000)
LIBC = ctypes.CDLL(None) if sys.platform == "linux" else None
PR_SET_PDEATHSIG = 1

Item = Mapping[str, Mapping[str, Any]]


class RunningSandbox:
    """`python -m gtsite.sandbox` in a folder of its own; use it from the thread that made it.

    Times are milliseconds but for `pace_seconds`, one step in a replica's life cycle, and
    `patience_seconds`, for a caller to send its request. `engine` and `jitter_ms` None are what
    the sandbox takes by itself. On Linux the whole family of processes ends with this one, even
    where that is killed; elsewhere `stop` has to be called.
    """

    def __init__(
        self,
        folder: Path,
        *,
        regions: Sequence[str] = REGIONS,
        lag_ms: int = 40,
        jitter_ms: int | None = 0,
        pace_seconds: float = 0.0,
        patience_seconds: float = 20.0,
        wan: bool = False,
        strict: bool = False,
        engine: str | None = None,
        in_memory: bool = False,
    ) -> None:
        self.folder = folder
        self.regions = tuple(regions)
        self.lag_ms = lag_ms
        self.jitter_ms = jitter_ms
        self.pace_seconds = pace_seconds
        self._patience_seconds = patience_seconds
        self._wan = wan
        self._strict = strict
        self._engine = engine
        self._in_memory = in_memory
        self._process: subprocess.Popen[bytes] | None = None
        self._clients: dict[tuple[str, str, str, float], Any] = {}
        self._use_port(free_ports(len(self.regions)))
        folder.mkdir(parents=True, exist_ok=True)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    # Addresses and clients

    @property
    def endpoint(self) -> str:
        """The shared endpoint, where a request's signature names the region."""
        return f"http://{HOST}:{self.port}"

    @property
    def control_url(self) -> str:
        return f"http://{HOST}:{self.port - 1}"

    def endpoint_of(self, region: str) -> str:
        return f"http://{HOST}:{self.port_of(region)}"

    def port_of(self, region: str) -> int:
        return self.port + 1 + self.regions.index(region)

    def client(
        self,
        region: str,
        shared: bool = False,
        service: str = "dynamodb",
        *,
        read_seconds: float = BOUND_SECONDS,
    ) -> "DynamoDBClient":
        """A boto3 client: one attempt a call, at the region's own endpoint or the shared one.

        For another `service` than dynamodb the client is of that service, whatever its type says.
        """
        url = self.endpoint if shared or region not in self.regions else self.endpoint_of(region)
        wanted = (url, region, service, read_seconds)
        if wanted not in self._clients:
            self._clients[wanted] = _session().create_client(
                service,
                region_name=region,
                endpoint_url=url,
                aws_access_key_id="sandbox",
                aws_secret_access_key="sandbox",
                config=Config(
                    connect_timeout=20,
                    read_timeout=read_seconds,
                    retries={"total_max_attempts": 1},
                    max_pool_connections=20,
                ),
            )
        client: DynamoDBClient = self._clients[wanted]
        return client

    # The process

    @property
    def pid(self) -> int:
        assert self._process is not None, "The sandbox does not run."
        return self._process.pid

    def start(self) -> None:
        """Returns when the control API answers; on other ports if somebody was quicker on these."""
        for _ in range(5):
            if self._started():
                return
            assert "cannot listen" in self.output(), self.output()
            self._use_port(free_ports(len(self.regions)))
        raise AssertionError(self.output())

    def stop(self) -> None:
        """End it as Ctrl-C does, and everything it started."""
        self._end(signal.SIGTERM)
        for client in self._clients.values():
            client.close()
        self._clients.clear()

    def kill(self) -> None:
        """SIGKILL: no handler runs, nothing is put in order."""
        self._end(signal.SIGKILL)

    def restart(self) -> None:
        """Start again on the same data and ports; what still runs is ended first."""
        self._end(signal.SIGTERM)
        self.start()

    def kill_engine(self, region: str) -> int:
        """SIGKILL one region's engine, and wait until another one runs; the killed one's pid."""
        wait_until(lambda: self.engine_pid(region) is not None)
        pid = self.engine_pid(region)
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        wait_until(lambda: self.engine_pid(region) not in (pid, None))
        return pid

    def engine_pid(self, region: str) -> int | None:
        """The engine's process as the status has it; None while there is none that answers."""
        (found,) = [each for each in self.control.status().regions if each.name == region]
        return found.pid if found.engine == "running" else None

    def output(self) -> str:
        """Everything it wrote so far, of all its starts."""
        place = self.folder / "sandbox.log"
        return place.read_text() if place.exists() else ""

    # What tests wait for

    def drain(self) -> Status:
        """Wait until nothing is on its way between regions."""
        wait_until(lambda: self.control.status().backlog == 0, "the backlog to drain")
        return self.control.status()

    def hold(self) -> None:
        """Nothing more arrives for a minute."""
        self.control.set_lag(lag_ms=LONG_LAG_MS, jitter_ms=0)

    def deliver(self) -> None:
        """Everything on its way arrives now, and what is written next at once."""
        self.control.set_lag(lag_ms=0, jitter_ms=0)
        self.drain()

    def create_table(self, table: str, *regions: str, sort_key: bool = False, **more: Any) -> None:
        """A table with the key `PK` (and `SK`), and replicas of it wherever else it is wanted."""
        names = ("PK", "SK") if sort_key else ("PK",)
        home, *others = regions or self.regions
        request: dict[str, Any] = {
            "TableName": table,
            "AttributeDefinitions": [
                {"AttributeName": name, "AttributeType": "S"} for name in names
            ],
            "KeySchema": [
                {"AttributeName": name, "KeyType": kind}
                for name, kind in zip(names, ("HASH", "RANGE"), strict=False)
            ],
            "BillingMode": "PAY_PER_REQUEST",
            **more,
        }
        self.client(home).create_table(**request)
        for region in others:
            self.add_replica(table, home, region)
            self.wait_active(table, home, region)

    def create_strong_table(self, table: str, *, witness: str = "") -> None:
        """A strongly consistent table in three regions, or in two with the third as a witness."""
        home, *others = (region for region in self.regions if region != witness)
        self.create_table(table, home)
        request: dict[str, Any] = {
            "ReplicaUpdates": [{"Create": {"RegionName": region}} for region in others],
            "MultiRegionConsistency": "STRONG",
        }
        if witness:
            request["GlobalTableWitnessUpdates"] = [{"Create": {"RegionName": witness}}]
        self.client(home).update_table(TableName=table, **request)
        self.wait_active(table, home, *others)

    def add_replica(self, table: str, home: str, region: str) -> None:
        """Ask for a replica; `wait_active` waits for it."""
        self.client(home).update_table(
            TableName=table, ReplicaUpdates=[{"Create": {"RegionName": region}}]
        )

    def drop_table(self, table: str, *regions: str) -> None:
        """Delete a table everywhere, the newest replica first: a source has to go last."""
        for region in reversed(regions or self.regions):
            self.client(region).delete_table(TableName=table)
            self.wait_gone(table, region)

    def wait_gone(self, table: str, region: str) -> None:
        """Wait until a region knows no table of that name; its engine has none a moment earlier."""
        wait_until(lambda: not self._knows(table, region), f"{table} to leave {region}")

    def let_writes_scale(self, table: str, region: str, *indexes: str) -> None:
        """Register what a replica of a table with provisioned capacity needs."""
        scaling = self.service("application-autoscaling", region)
        for resource in (f"table/{table}", *(f"table/{table}/index/{name}" for name in indexes)):
            kind = "index" if "/index/" in resource else "table"
            of: dict[str, Any] = {
                "ServiceNamespace": "dynamodb",
                "ResourceId": resource,
                "ScalableDimension": f"dynamodb:{kind}:WriteCapacityUnits",
            }
            scaling.register_scalable_target(**of, MinCapacity=1, MaxCapacity=10)
            metric = {"PredefinedMetricType": "DynamoDBWriteCapacityUtilization"}
            scaling.put_scaling_policy(
                **of,
                PolicyName="writes",
                PolicyType="TargetTrackingScaling",
                TargetTrackingScalingPolicyConfiguration={
                    "TargetValue": 70.0,
                    "PredefinedMetricSpecification": metric,
                },
            )

    def wait_active(self, table: str, *regions: str) -> None:
        """Wait until a table serves in these regions, and every region knows of all its peers."""
        for region in regions:
            wait_until(
                lambda region=region: self._active(table, region),  # type: ignore[misc]
                f"{table} in {region}",
            )

    def tables(self, region: str) -> list[str]:
        """The names of all of a region's tables, over all pages."""
        pages = self.client(region).get_paginator("list_tables").paginate()
        return [name for page in pages for name in page["TableNames"]]

    def scan(self, table: str, region: str) -> dict[str, Item]:
        """Every item of one region by its key as text."""
        pages = self.client(region).get_paginator("scan").paginate(TableName=table)
        items = [item for page in pages for item in page["Items"]]
        return {_key_text(item): item for item in items}

    def stream(self, table: str, region: str) -> list[dict[str, Any]]:
        """Every record of one replica's latest stream, oldest first."""
        streams = self.streams(region)
        arn = streams.list_streams(TableName=table)["Streams"][-1]["StreamArn"]
        shards = streams.describe_stream(StreamArn=arn)["StreamDescription"]["Shards"]
        return [each for shard in shards for each in self._shard(region, arn, shard["ShardId"])]

    def _shard(self, region: str, arn: str, shard: str) -> Iterator[dict[str, Any]]:
        """A shard's records, to its end or to the last one there is."""
        streams = self.streams(region)
        asked = streams.get_shard_iterator(
            StreamArn=arn, ShardId=shard, ShardIteratorType="TRIM_HORIZON"
        )
        at = asked["ShardIterator"]
        while at:
            page = streams.get_records(ShardIterator=at)
            yield from page["Records"]
            at = page.get("NextShardIterator") if page["Records"] else None

    def streams(self, region: str) -> Any:
        """A client for DynamoDB Streams."""
        return self.service("dynamodbstreams", region)

    def service(self, name: str, region: str, *, shared: bool = False) -> Any:
        """A client of another service than DynamoDB."""
        return self.client(region, shared, name)

    def ledger(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        """Ask the ledger itself, as it is on disk; or change it while no sandbox runs."""
        place = self.folder / "data" / "ledger.sqlite3"
        with closing(sqlite3.connect(place, isolation_level=None)) as database:
            return database.execute(query, values).fetchall()

    def known_items(self, table: str, region: str) -> dict[str, Item]:
        """Every item of one region by its key as text, as the ledger has it."""
        found = self.ledger(
            "SELECT image FROM versions WHERE table_name = ? AND region = ? AND NOT deleted",
            table,
            region,
        )
        items = [json.loads(image) for (image,) in found]
        return {_key_text(item): item for item in items}

    # Inside

    def _use_port(self, port: int) -> None:
        self.port = port
        self.control = SandboxClient(self.control_url, timeout_seconds=20)

    def _started(self) -> bool:
        assert self._process is None, "The sandbox runs already."
        with (self.folder / "sandbox.log").open("ab") as log:
            self._process = subprocess.Popen(
                self.command(),
                cwd=PROJECT,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                preexec_fn=_die_with_parent if LIBC else None,
            )
        atexit.register(self._process.kill)
        wait_until(lambda: self._ended() or self._answers(), "the sandbox to start")
        if self._ended():
            self._end(signal.SIGKILL)
            return False
        return True

    def command(self) -> list[str]:
        """The command line a user would type."""
        kept = () if self._in_memory else ("--dir", str(self.folder / "data"))
        return [
            *(sys.executable, "-m", "gtsite.sandbox"),
            *("--regions", ",".join(self.regions)),
            *("--port", str(self.port)),
            *("--lag", str(self.lag_ms)),
            *(() if self.jitter_ms is None else ("--jitter", str(self.jitter_ms))),
            *("--pace", str(self.pace_seconds)),
            *("--patience", str(self._patience_seconds)),
            *(("--wan",) if self._wan else ()),
            *(("--strict",) if self._strict else ()),
            *(("--engine", self._engine) if self._engine else ()),
            *kept,
        ]

    def _ended(self) -> bool:
        return self._process is not None and self._process.poll() is not None

    def _answers(self) -> bool:
        try:
            self.control.status()
        except SandboxUnreachable:
            return False
        return True

    def _end(self, number: signal.Signals) -> None:
        if self._process is None:
            return
        try:
            end_process(self._process, number)
        finally:
            atexit.unregister(self._process.kill)
            self._process = None

    def _knows(self, table: str, region: str) -> bool:
        known = {(each["table"], each["region"]) for each in self.control.status().raw["tables"]}
        return (table, region) in known or table in self.tables(region)

    def _active(self, table: str, region: str) -> bool:
        try:
            description = self.client(region).describe_table(TableName=table)["Table"]
        except ClientError as error:
            if error.response["Error"]["Code"] != "ResourceNotFoundException":
                raise
            return False
        peers = [each["ReplicaStatus"] for each in description.get("Replicas", [])]
        return description["TableStatus"] == "ACTIVE" and set(peers) <= {"ACTIVE"}


def wait_until(
    condition: Callable[[], bool], what: str = "this", seconds: float = BOUND_SECONDS
) -> None:
    """Poll until it holds; the bound is there to end a broken run, not to measure speed."""
    end = time.monotonic() + seconds
    pause = 0.005
    while not condition():
        assert time.monotonic() < end, f"Waited {seconds} s in vain for {what}."
        time.sleep(pause)
        pause = min(pause * 1.5, 0.04)


def side_by_side(works: Sequence[Callable[[], object]]) -> None:
    """Run each in a thread of its own, and pass on the first error."""
    with ThreadPoolExecutor(max_workers=len(works)) as pool:
        for done in [pool.submit(work) for work in works]:
            done.result()


def text(value: str) -> dict[str, str]:
    return {"S": value}


def number(value: int) -> dict[str, str]:
    return {"N": str(value)}


def error_of(call: Callable[[], object]) -> tuple[str, str]:
    """(code, message) of the error that a call is answered with."""
    try:
        call()
    except ClientError as error:
        found = error.response["Error"]
        return found["Code"], found["Message"]
    raise AssertionError("This was answered without an error.")


def broken_chains(records: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Stream records whose old image is not what the item's record before left there.

    The first record of an item may start from anything: a back-fill leaves none.
    """
    last: dict[str, Item | None] = {}
    broken = []
    for record in records:
        change = record["dynamodb"]
        key = _key_text(change["Keys"])
        if key in last and last[key] != change.get("OldImage"):
            broken.append(record)
        last[key] = change.get("NewImage")
    return broken


def send(
    port: int, operation: str, body: object, region: str, **headers: str
) -> http.client.HTTPConnection:
    """Send an API request past everything that an SDK checks; the answer is the caller's to read.

    `body` is bytes as they are, or anything that JSON knows; a header of '' is left out.
    """
    sent = {
        "X-Amz-Target": f"DynamoDB_20120810.{operation}",
        "Authorization": f"AWS4-HMAC-SHA256 Credential=x/20260101/{region}/dynamodb/aws4_request, "
        "SignedHeaders=host, Signature=x",
        **headers,
    }
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    connection = http.client.HTTPConnection(HOST, port, timeout=BOUND_SECONDS)
    connection.request("POST", "/", raw, {name: value for name, value in sent.items() if value})
    return connection


@contextmanager
def frozen(pid: int | None) -> Iterator[None]:
    """Stop a process without ending it, and let it go on afterwards if it still is there."""
    assert pid is not None
    os.kill(pid, signal.SIGSTOP)
    try:
        wait_until(lambda: _state(pid) == "T", "the process to stop")
        yield
    finally:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGCONT)


def alive(pids: Iterable[int | None]) -> list[int]:
    """Which of these processes still run; one that has ended and waits to be asked does not."""
    return [pid for pid in pids if pid is not None and _runs(pid)]


def end_process(process: subprocess.Popen[bytes], number: signal.Signals) -> None:
    """Sends it the signal and waits; one that does not end is killed, and `TimeoutExpired`."""
    process.send_signal(number)
    try:
        process.wait(BOUND_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        raise


def children(pid: int, program: str) -> list[int]:
    """The processes that another one started, with `program` in their command line."""
    listed = ["ps", "-ww", "-eo", "pid=,ppid=,args="]
    done = subprocess.run(listed, capture_output=True, text=True, check=True)
    found = [line.split(maxsplit=2) for line in done.stdout.splitlines()]
    return [int(own) for own, parent, args in found if int(parent) == pid and program in args]


def free_ports(regions: int) -> int:
    """A shared port with the control port before it and the regions' behind it, free just now.

    Below the range that systems give to outgoing connections, so that nobody gets them by chance,
    and apart from those of the run's other processes: a sandbox that is killed finds its own again.
    """
    own = _own_ports()
    for _ in range(200):
        base = random.randrange(own.start + 1, own.stop - regions)
        if all(_free(port) for port in range(base - 1, base + regions + 1)):
            return base
    raise AssertionError("No free run of ports on this machine.")


def _own_ports() -> range:
    """This process's part of the ports that tests use, where several run them side by side."""
    place = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    share = len(PORTS) // int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    first = PORTS.start + place * share
    return range(first, first + share)


@cache
def _session() -> botocore.session.Session:
    """What the services are like takes a while to read, and is the same for every sandbox."""
    return botocore.session.get_session()


def _free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True


def _runs(pid: int) -> bool:
    return _state(pid) not in ("", "Z")


def _state(pid: int) -> str:
    """The letter `ps` has for what a process is doing: T is stopped, Z ended; '' for none."""
    done = subprocess.run(
        ["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True, check=False
    )
    return done.stdout.strip()[:1]


def _key_text(item: Item) -> str:
    return "/".join(item[name]["S"] for name in ("PK", "SK") if name in item)


def _die_with_parent() -> None:
    """Runs in the child: Linux ends it with this process, whatever ends this one."""
    if LIBC:
        LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
