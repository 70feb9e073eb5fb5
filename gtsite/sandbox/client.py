"""How a program in Python turns the sandbox's faults and reads what it saw."""

import http.client
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import urlsplit

HEADERS = {"X-Sandbox-Control": "1", "Content-Type": "application/json"}

Fault = Literal["none", "refuse", "blackhole", "reset"]
ErrorStatus = Literal[500, 503]
EngineAction = Literal["kill", "restart"]


class SandboxUnreachable(Exception):
    """No sandbox answers at this address."""


class SandboxRefused(Exception):
    """The sandbox does not take this: an unknown region, a lag out of bounds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RegionStatus:
    """One region: where it answers ('' for the shared endpoint only), its faults, its engine.

    `fault` says whether and how it is away. `error_rate` of its calls (0 to 1) get `error_status`,
    of which `executed_rate` are carried out all the same; `slow_ms` is what each answer waits.
    `paused` is replication in and out; `skew_ms` how far its timestamps are ahead, or behind.
    `refused` counts the images that wait because its engine does not take them.
    """

    name: str
    endpoint: str
    fault: Fault
    engine: str
    pid: int | None
    error_rate: float = 0.0
    error_status: ErrorStatus = 500
    executed_rate: float = 0.0
    slow_ms: int = 0
    paused: bool = False
    skew_ms: int = 0
    refused: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class PairStatus:
    """One direction of replication: lag and what waits; `latency_ms` has p50, p90, p99, if any.

    `delivered` counts the images that arrived since the sandbox was started; `last_ms` is how long
    the last of them took, None before any. `flowing` is False while a fault or a pause of either
    region, or of this way, holds it; `paused` is whether this way itself is.
    """

    source: str
    target: str
    lag_ms: int
    jitter_ms: int
    backlog: int
    oldest_ms: int
    latency_ms: Mapping[str, float]
    flowing: bool = True
    delivered: int = 0
    last_ms: float | None = None
    paused: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplicaStatus:
    """One region's copy of a table.

    `version` and `consistency` are its global table's, '' for a table that is in none; `witness`
    is the region of its group's witness, '' without one.
    """

    table: str
    region: str
    status: str
    version: str
    consistency: str
    witness: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """A sandbox as it is at the moment. `raw` is the control API's whole answer.

    `clock_ahead_seconds` is how far its clock goes before the machine's; `memory_mb`, of it and
    its engines, is None where nobody can tell.
    """

    engine: str
    durable: bool
    endpoint: str
    regions: tuple[RegionStatus, ...]
    pairs: tuple[PairStatus, ...]
    conflicts: int
    raw: Mapping[str, Any]
    replicas: tuple[ReplicaStatus, ...] = ()
    wan: bool = False
    strict: bool = False
    clock_ahead_seconds: int = 0
    uptime_seconds: float = 0.0
    memory_mb: float | None = None

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
    """Two writes of one item that did not know each other: AWS never tells of the loser.

    `id` grows with the order in which they were met.
    """

    table: str
    key: Mapping[str, Any]
    winner: Write
    loser: Write
    seen_at_us: int
    id: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """One image on its way: of which item, since when and until when (µs since 1970)."""

    source: str
    target: str
    table: str
    key: Mapping[str, Any]
    delete: bool
    written_at_us: int
    due_at_us: int
    age_ms: int


class SandboxClient:
    """The control API at `url`. Each call is one request of at most `timeout_seconds`.

    `SandboxUnreachable` if nothing answers, `SandboxRefused` with the sandbox's own sentence.
    """

    def __init__(self, url: str, *, timeout_seconds: float = 1.0) -> None:
        self._address = urlsplit(url).netloc
        self._timeout = timeout_seconds

    def status(self) -> Status:
        return self._told("GET", "/status")

    def set_fault(
        self,
        region: str | None = None,
        *,
        fault: Fault | None = None,
        error_rate: float | None = None,
        error_status: ErrorStatus | None = None,
        executed_rate: float | None = None,
        slow_ms: int | None = None,
    ) -> Status:
        """What callers of a region meet, or of every region, in one step; None is left as it is.

        See `outage`, `fail` and `slow`, which combine. The fault `none` ends all three, but for
        what is said beside it.
        """
        told = {
            "region": region,
            "fault": fault,
            "error_rate": error_rate,
            "error_status": error_status,
            "executed_rate": executed_rate,
            "slow_ms": slow_ms,
        }
        body = {name: value for name, value in told.items() if value is not None}
        return self._told("POST", "/fault", body)

    def outage(self, region: str, mode: Fault = "refuse") -> Status:
        """Take a region away for callers and for replication, until `heal`.

        `refuse` closes its port, `blackhole` accepts and never answers, `reset` answers with RST.
        At the shared endpoint, which the others need, refusing is hanging up.
        """
        return self.set_fault(region, fault=mode)

    def heal(self, region: str | None = None) -> Status:
        """End everything that callers of a region meet, or of all of them; a pause stays."""
        return self.set_fault(region, fault="none")

    def fail(
        self,
        region: str,
        *,
        rate: float = 1.0,
        status: ErrorStatus = 500,
        executed_rate: float = 0.0,
    ) -> Status:
        """Answer that share of the region's calls with 500 or 503; a rate of 0 ends it.

        Those calls are not carried out, but for `executed_rate` of them: the caller cannot tell.
        """
        return self.set_fault(
            region, error_rate=rate, error_status=status, executed_rate=executed_rate
        )

    def slow(self, region: str, milliseconds: int) -> Status:
        """Let each answer of the region wait, at most a minute; 0 ends it.

        The call itself is carried out at once, so a caller that gives up may still have written.
        """
        return self.set_fault(region, slow_ms=milliseconds)

    def pause(self, region: str) -> Status:
        """Hold replication from and to a region, as AWS's fault injection does; callers see none.

        What waits is kept until `resume`, and then delivered in order.
        """
        return self._told("POST", "/pause", {"region": region})

    def pause_way(self, source: str, target: str) -> Status:
        """Hold replication in this one direction."""
        return self._told("POST", "/pause", {"source": source, "target": target})

    def resume(self, region: str | None = None) -> Status:
        """Let replication of a region go on, its single ways included, or everything."""
        return self._told("POST", "/resume", {"region": region})

    def resume_way(self, source: str, target: str) -> Status:
        """Let this one direction go on; a region that is paused as a whole stays so."""
        return self._told("POST", "/resume", {"source": source, "target": target})

    def put_clock_ahead(self, seconds: int) -> Status:
        """Let so much time go by at once, at most a year; the sandbox's clock never goes back.

        Streams, TTL and AWS's 24-hour rules follow it. It is kept when the sandbox is restarted.
        """
        return self._told("POST", "/clock", {"ahead_seconds": seconds})

    def skew(self, region: str, milliseconds: int) -> Status:
        """Set how far the timestamps of a region's writes are off, at most an hour; 0 for not.

        They decide who is the last writer; nothing else follows them.
        """
        return self._told("POST", "/skew", {"region": region, "skew_ms": milliseconds})

    def engine(self, region: str, action: EngineAction) -> Status:
        """End a region's engine with SIGKILL (`kill`) or SIGTERM; it comes back by itself.

        Until then the region answers 500. An engine that keeps items in memory has lost them.
        """
        return self._told("POST", "/engine", {"region": region, "action": action})

    def set_wan(self, *, on: bool) -> Status:
        """Whether callers that name their region in the User-Agent get the round trip from there.

        An estimate by distance. Callers that name none, and replication, are not slowed.
        """
        return self._told("POST", "/wan", {"on": on})

    def reset(self) -> Status:
        """Turn everything back to how the sandbox was started: faults, pauses, lag, skew, distance.

        Data stays, and so does the clock.
        """
        return self._told("POST", "/reset", {})

    def set_lag(
        self,
        *,
        lag_ms: int,
        jitter_ms: int | None = None,
        source: str | None = None,
        target: str | None = None,
    ) -> Status:
        """The replication lag of one pair, of all from or to a region, or of all pairs.

        Without `jitter_ms`, a tenth of the lag. What waits already is hastened, never delayed.
        """
        body: dict[str, Any] = {"lag_ms": lag_ms, "source": source, "target": target}
        if jitter_ms is not None:
            body["jitter_ms"] = jitter_ms
        return self._told("POST", "/lag", body)

    def backlog(self, *, limit: int = 50) -> list[Waiting]:
        """The images that wait for longest, at most 1000, in the order they were written."""
        answered = self._ask("GET", f"/backlog?limit={limit}")
        return [
            Waiting(**each, age_ms=max(0, answered["now_us"] - each["written_at_us"]) // 1000)
            for each in answered["waiting"]
        ]

    def conflicts(self, *, limit: int = 50, after: int | None = None) -> list[Conflict]:
        """Conflicts that replication met, newest first, at most 1000.

        `after` the `id` of the last one of a page, the page that follows.
        """
        rest = "" if after is None else f"&after={after}"
        found = self._ask("GET", f"/conflicts?limit={limit}{rest}")["conflicts"]
        return [
            Conflict(
                table=each["table"],
                key=each["key"],
                winner=Write(**each["winner"]),
                loser=Write(**each["loser"]),
                seen_at_us=each["seen_at_us"],
                id=each["id"],
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
            connection.request(
                method, path, json.dumps(body) if body is not None else None, HEADERS
            )
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
        replicas=tuple(_replica(each) for each in raw["tables"]),
        wan=raw["wan"],
        strict=raw["strict"],
        clock_ahead_seconds=raw["clock_ahead_seconds"],
        uptime_seconds=raw["uptime_seconds"],
        memory_mb=raw["memory_mb"],
    )


def _replica(raw: Mapping[str, Any]) -> ReplicaStatus:
    return ReplicaStatus(**{name: value for name, value in raw.items() if name != "global"})
