"""Storage engines as processes of their own, which a test can really take away and bring back."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from gtsite.dynamodb.clients import Clients
from gtsite.dynamodb.tables import GLOBAL_SERVERLESS, TableDefinition
from gtsite.sandbox.storage.engines import Engine, EngineMissing, EngineName, find_engine
from gtsite.sandbox.storage.processes import Port

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

START_SECONDS = 60.0
REGIONS = ("us-west-2", "eu-west-1", "us-east-2")


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listened on a moment ago."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


def installed_engine(wanted: EngineName | None = None) -> Engine | None:
    """The engine, or None where a machine need not have it; where `CI=true` it must."""
    try:
        return find_engine(wanted)
    except EngineMissing:
        if os.environ.get("CI") == "true":
            raise
        return None


@dataclass(slots=True)
class EngineProcess:
    """One engine on one port of this machine; with a file, its items outlive its process.

    The port is kept from everybody else until `kill`, also while the engine starts or is away.
    """

    engine: Engine
    file: Path | None = None
    process: subprocess.Popen[bytes] | None = None
    frozen: bool = False
    _place: Port = field(default_factory=Port.chosen)

    @property
    def port(self) -> int:
        return self._place.number

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Returns when it accepts connections."""
        command = self.engine.command(port=self.port, file=self.file)
        self.process = subprocess.Popen(
            command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        deadline = time.monotonic() + START_SECONDS
        while not _accepts(self.port):
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"{' '.join(command)} does not start.")
            time.sleep(0.01)

    def kill(self) -> None:
        """SIGKILL, for good."""
        self.refuse()
        self._place.free()

    def refuse(self) -> None:
        """SIGKILL: from now on connections are refused, until it is healed."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
        self.process = None
        self.frozen = False

    def freeze(self) -> None:
        """SIGSTOP: when it returns, connections are accepted and never answered."""
        if self.process is not None:
            self.process.send_signal(signal.SIGSTOP)
            os.waitpid(self.process.pid, os.WUNTRACED)
            self.frozen = True

    def heal(self) -> None:
        """Undoes either: thaws it, or starts it again on the same port."""
        if self.process is None:
            self.start()
        elif self.frozen:
            self.process.send_signal(signal.SIGCONT)
            self.frozen = False


class ThreeRegions:
    """Three engines that stand for three regions. Nothing replicates between them.

    `endpoints` is what GT_ENDPOINTS wants. `refuse` and `blackhole` take a region away for real,
    `heal` brings it back with the items it had.
    """

    def __init__(self, engines: Mapping[str, EngineProcess]) -> None:
        self._engines = dict(engines)
        self.names = tuple(engines)
        self.endpoints = {name: engine.url for name, engine in engines.items()}
        self.clients = Clients(endpoints=self.endpoints)

    def client(self, region: str) -> "DynamoDBClient":
        """A patient client of one region, past the router: to look at what really is there."""
        return self.clients.control(region)

    def refuse(self, region: str) -> None:
        """The region's port is closed."""
        self._engines[region].refuse()

    def blackhole(self, region: str) -> None:
        """The region accepts connections and never answers."""
        self._engines[region].freeze()

    def hangs(self, region: str) -> bool:
        """Whether a test has made a black hole of it."""
        return region in self._engines and self._engines[region].frozen

    def heal(self, region: str | None = None) -> None:
        """Brings one region back, or all of them."""
        for name in self.names if region is None else (region,):
            self._engines[name].heal()

    def empty(self) -> None:
        """Back to one table of the site in each region, with nothing in it."""
        self.heal()
        for name in self.names:
            empty(self.client(name), keep=(GLOBAL_SERVERLESS,))


def create_table(client: "DynamoDBClient", definition: TableDefinition) -> None:
    """An on-demand table with the definition's keys, in one region."""
    keys = definition.key_attributes
    client.create_table(
        TableName=definition.name,
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[
            {"AttributeName": each.name, "AttributeType": each.type} for each in keys
        ],
        KeySchema=[
            {"AttributeName": each.name, "KeyType": "RANGE" if place else "HASH"}
            for place, each in enumerate(keys)
        ],
    )


def empty(client: "DynamoDBClient", *, keep: tuple[TableDefinition, ...]) -> None:
    """Leaves the tables of `keep`, without items, and no other."""
    kept = {definition.name: definition for definition in keep}
    there = set(client.list_tables()["TableNames"])
    for name in there - set(kept):
        client.delete_table(TableName=name)
    for name, definition in kept.items():
        if name in there:
            if client.scan(TableName=name, Limit=1)["Count"] == 0:
                continue
            client.delete_table(TableName=name)
        create_table(client, definition)


@contextmanager
def running(engine: Engine, *, file: Path | None = None) -> Iterator[EngineProcess]:
    """One engine, for as long as the block."""
    process = EngineProcess(engine, file=file)
    process.start()
    try:
        yield process
    finally:
        process.kill()


@contextmanager
def running_regions(folder: Path) -> Iterator[ThreeRegions]:
    """Three engines with a file each, for as long as the block."""
    engine = find_engine()
    if engine.name != "dynoxide" and os.environ.get("CI") == "true":
        raise EngineMissing("dynoxide is not installed: run `npm install`.")
    sys.stderr.write("" if engine.durable else "moto stands for dynoxide: a kill loses items.\n")
    engines = {name: EngineProcess(engine, file=folder / f"{name}.db") for name in REGIONS}
    try:
        for process in engines.values():
            process.start()
        regions = ThreeRegions(engines)
        yield regions
        regions.clients.close()
    finally:
        for process in engines.values():
            process.kill()


def _accepts(port: int) -> bool:
    with socket.socket() as caller:
        caller.settimeout(1)
        return caller.connect_ex(("127.0.0.1", port)) == 0
