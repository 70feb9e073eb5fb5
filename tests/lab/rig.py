"""What the lab runs on in these tests, seen past the site."""

import random
import socket
from contextlib import closing
from dataclasses import dataclass
from typing import Any

from gtsite.dynamodb.clients import Clients
from gtsite.dynamodb.tables import GLOBAL_SERVERLESS
from gtsite.sandbox.client import SandboxClient
from tests.support.demo import wait_until
from tests.support.engines import REGIONS, ThreeRegions, create_table

KEY = {"PK": {"S": "user100"}, "SK": {"S": "AshlandValley"}}
LONG_LAG_MS = 60_000


def put_bookmark(regions: ThreeRegions, region: str, value: int) -> None:
    """As the source document's put-item command does: no stamp."""
    regions.client(region).put_item(
        TableName="global-serverless", Item={**KEY, "Bookmark": {"N": str(value)}}
    )


def bookmark_in(regions: ThreeRegions, region: str) -> int | None:
    """What the region really holds, past the site."""
    item = regions.client(region).get_item(TableName="global-serverless", Key=KEY).get("Item", {})
    return int(item["Bookmark"]["N"]) if "Bookmark" in item else None


@dataclass(frozen=True, slots=True)
class RunningSandbox:
    """A sandbox of three regions with the site's table in each."""

    port: int
    names: tuple[str, ...] = REGIONS

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port - 1}"

    @property
    def endpoints(self) -> dict[str, str]:
        return {
            region: f"http://127.0.0.1:{self.port + place}"
            for place, region in enumerate(REGIONS, start=1)
        }

    @property
    def control(self) -> SandboxClient:
        return SandboxClient(self.url, timeout_seconds=10)

    def deliver(self) -> None:
        """Everything on its way arrives now."""
        self.control.set_lag(lag_ms=0, jitter_ms=0)
        wait_until(lambda: self.control.status().backlog == 0)

    def hold(self) -> None:
        """Nothing arrives for a minute."""
        self.control.set_lag(lag_ms=LONG_LAG_MS, jitter_ms=0)


def provision(sandbox: RunningSandbox) -> None:
    with closing(Clients(endpoints=sandbox.endpoints)) as clients:
        home = clients.control(REGIONS[0])
        create_table(home, GLOBAL_SERVERLESS)
        for region in REGIONS[1:]:
            wait_until(lambda: _settled(home))
            home.update_table(
                TableName="global-serverless",
                ReplicaUpdates=[{"Create": {"RegionName": region}}],
            )
        wait_until(lambda: _settled(home))


def _settled(home: Any) -> bool:
    table = home.describe_table(TableName="global-serverless")["Table"]
    states = [table["TableStatus"], *(each["ReplicaStatus"] for each in table.get("Replicas", []))]
    return set(states) == {"ACTIVE"}


def free_run(count: int) -> int:
    """The first of `count` ports in a row that nobody listened on a moment ago."""
    for start in random.sample(range(33_000, 60_000), 200):
        if all(_free(port) for port in range(start, start + count)):
            return start
    raise AssertionError("No free run of ports on this machine.")


def _free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
