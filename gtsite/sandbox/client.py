"""How a program in Python turns the sandbox's faults and reads what it saw."""

import http.client
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import urlsplit

HEADERS = {"X-Sandbox-Control": "1", "Content-Type": "application/json"}

Fault = Literal["none", "refuse", "blackhole"]


class SandboxUnreachable(Exception):
    """No sandbox answers at this address."""


class SandboxRefused(Exception):
    """The sandbox does not take this: an unknown region, a lag out of bounds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RegionStatus:
    """One region: where it answers ('' for the shared endpoint only), its fault, its engine."""

    name: str
    endpoint: str
    fault: Fault
    engine: str
    pid: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PairStatus:
    """One direction of replication: lag and what waits; `latency_ms` has p50, p90, p99, if any."""

    source: str
    target: str
    lag_ms: int
    jitter_ms: int
    backlog: int
    oldest_ms: int
    latency_ms: Mapping[str, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """A sandbox as it is at the moment. `raw` is the control API's whole answer."""

    engine: str
    durable: bool
    endpoint: str
    regions: tuple[RegionStatus, ...]
    pairs: tuple[PairStatus, ...]
    conflicts: int
    raw: Mapping[str, Any]

    @property
    def backlog(self) -> int:
        """Images that are still on their way, over all pairs."""
        return sum(pair.backlog for pair in self.pairs)

    def fault_of(self, region: str) -> Fault:
        return next((each.fault for each in self.regions if each.name == region), "none")


@dataclass(frozen=True, slots=True, kw_only=True)
class Write:
    """One side of a conflict: where and when (µs since 1970); `image` None was a delete."""

    region: str
    time_us: int
    image: Mapping[str, Any] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Conflict:
    """Two writes of one item that did not know each other: AWS never tells of the loser."""

    table: str
    key: Mapping[str, Any]
    winner: Write
    loser: Write
    seen_at_us: int


class SandboxClient:
    """The control API at `url`. Each call is one request of at most `timeout_seconds`.

    `SandboxUnreachable` if nothing answers, `SandboxRefused` with the sandbox's own sentence.
    """

    def __init__(self, url: str, *, timeout_seconds: float = 1.0) -> None:
        self._address = urlsplit(url).netloc
        self._timeout = timeout_seconds

    def status(self) -> Status:
        return self._told("GET", "/status")

    def outage(self, region: str, mode: Fault = "refuse") -> Status:
        """Take a region away: connections refused, or accepted and never answered."""
        return self._told("POST", "/fault", {"region": region, "fault": mode})

    def heal(self, region: str | None = None) -> Status:
        """Bring a region back, or all of them."""
        return self._told("POST", "/fault", {"region": region, "fault": "none"})

    def set_lag(
        self,
        *,
        lag_ms: int,
        jitter_ms: int | None = None,
        source: str | None = None,
        target: str | None = None,
    ) -> Status:
        """The replication lag of one pair, of all from or to a region, or of all pairs.

        Without `jitter_ms`, a quarter of the lag. What waits already is hastened, never delayed.
        """
        body: dict[str, Any] = {"lag_ms": lag_ms, "source": source, "target": target}
        if jitter_ms is not None:
            body["jitter_ms"] = jitter_ms
        return self._told("POST", "/lag", body)

    def conflicts(self, *, limit: int = 50) -> list[Conflict]:
        """Conflicts that replication met, newest first, at most 1000."""
        found = self._ask("GET", f"/conflicts?limit={limit}")["conflicts"]
        return [
            Conflict(
                table=each["table"],
                key=each["key"],
                winner=Write(**each["winner"]),
                loser=Write(**each["loser"]),
                seen_at_us=each["seen_at_us"],
            )
            for each in found
        ]

    def _told(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Status:
        """The status that the control API answers with, whatever it was asked."""
        answered = self._ask(method, path, body)
        try:
            return _status(answered)
        except (KeyError, TypeError) as error:
            raise SandboxUnreachable(f"What answers at {self._address} is no sandbox.") from error

    def _ask(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Any:
        connection = http.client.HTTPConnection(self._address, timeout=self._timeout)
        try:
            connection.request(method, path, json.dumps(body) if body else None, HEADERS)
            response = connection.getresponse()
            answered = json.loads(response.read())
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise SandboxUnreachable(
                f"No sandbox answers at {self._address}: start it with `manage.py sandbox run`."
            ) from error
        finally:
            connection.close()
        if response.status != http.client.OK:
            raise SandboxRefused(_sentence(answered))
        return answered


def _sentence(answered: Any) -> str:
    found = answered.get("error") if isinstance(answered, dict) else None
    return str(found or "The sandbox refused, and did not say why.")


def _status(raw: Mapping[str, Any]) -> Status:
    return Status(
        engine=raw["engine"],
        durable=raw["durable"],
        endpoint=raw["endpoint"],
        regions=tuple(RegionStatus(**each) for each in raw["regions"]),
        pairs=tuple(PairStatus(**each) for each in raw["pairs"]),
        conflicts=raw["conflicts"],
        raw=raw,
    )
