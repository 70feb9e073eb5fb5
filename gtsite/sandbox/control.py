"""The sandbox's control API: what a region lab, a command or a test turns while it runs.

It has a port of its own, and wants the header `X-Sandbox-Control: 1`, which no web page can send
from elsewhere without being asked first.
"""

import re
from collections.abc import Mapping
from statistics import quantiles
from typing import Any

from aiohttp import web

from gtsite.sandbox.faults import FAULTS
from gtsite.sandbox.listeners import (
    HOST,
    SHUTDOWN_SECONDS,
    Listeners,
    PortTaken,
    listen,
)
from gtsite.sandbox.replication import Pair
from gtsite.sandbox.sandbox import Sandbox

HEADER = "X-Sandbox-Control"
MAX_LAG_MS = 600_000
MAX_CONFLICTS = 1000
COUNT = re.compile(r"[0-9]{1,9}")


class Refused(Exception):
    """A control request that cannot be meant, in one sentence."""


class Control:
    """Answers the control API over HTTP and JSON."""

    def __init__(self, sandbox: Sandbox, listeners: Listeners) -> None:
        self._sandbox = sandbox
        self._listeners = listeners
        app = web.Application(middlewares=[_guard])
        app.add_routes(
            [
                web.get("/status", self._status),
                web.get("/conflicts", self._conflicts),
                web.post("/fault", self._fault),
                web.post("/lag", self._lag),
            ]
        )
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=SHUTDOWN_SECONDS)

    async def start(self) -> None:
        await self._runner.setup()
        await listen(self._runner, self._sandbox.config.control_port)

    async def stop(self) -> None:
        await self._runner.cleanup()

    async def _status(self, _request: web.Request) -> web.Response:
        return web.json_response(status(self._sandbox))

    async def _conflicts(self, request: web.Request) -> web.Response:
        text = request.query.get("limit", "50")
        if not COUNT.fullmatch(text) or not 1 <= int(text) <= MAX_CONFLICTS:
            raise Refused(f"limit is {text[:20]!r}: write a number from 1 to {MAX_CONFLICTS}.")
        return web.json_response({"conflicts": self._sandbox.ledger.conflicts(int(text))})

    async def _fault(self, request: web.Request) -> web.Response:
        """`{"region": …, "fault": "none"|"refuse"|"blackhole"}`; no region means every one."""
        body = await _body(request)
        fault = body.get("fault")
        if fault not in FAULTS:
            raise Refused(f"fault is {fault!r}: write {', '.join(FAULTS)}.")
        region = self._region(body, "region")
        for name in self._sandbox.gateways if region is None else [region]:
            self._sandbox.faults.set(name, fault)
        try:
            await self._listeners.follow_faults()
        except PortTaken as error:
            raise Refused(str(error)) from error
        return web.json_response(status(self._sandbox))

    async def _lag(self, request: web.Request) -> web.Response:
        """`{"lag_ms": …, "jitter_ms": …, "source": …, "target": …}`; the last three optional."""
        body = await _body(request)
        lag_ms = _milliseconds(body, "lag_ms", None)
        jitter_ms = _milliseconds(body, "jitter_ms", lag_ms // 4)
        self._sandbox.replication.set_lag(
            lag_ms=lag_ms,
            jitter_ms=jitter_ms,
            source=self._region(body, "source"),
            target=self._region(body, "target"),
        )
        return web.json_response(status(self._sandbox))

    def _region(self, body: Mapping[str, Any], name: str) -> str | None:
        region = body.get(name)
        if region is None or (isinstance(region, str) and region in self._sandbox.gateways):
            return region
        known = ", ".join(sorted(self._sandbox.gateways))
        raise Refused(f"{region} is no region of this sandbox: it has {known}.")


def status(sandbox: Sandbox) -> dict[str, Any]:
    """Regions, pairs, tables and counts as JSON; times in milliseconds.

    Configured regions come first, in their order, then those that were started when asked for.
    """
    configured = [name for name in sandbox.config.regions if name in sandbox.gateways]
    started = sorted(set(sandbox.gateways) - set(configured))
    backlog = sandbox.ledger.backlog()
    return {
        "engine": sandbox.engine.name,
        "durable": sandbox.engine.durable,
        "endpoint": f"http://{HOST}:{sandbox.config.port}",
        "lag_ms": sandbox.replication.lag_ms,
        "regions": [_region_status(sandbox, name) for name in (*configured, *started)],
        "pairs": [
            _pair_status(pair, backlog.get((pair.source, pair.target)), sandbox.clock.read())
            for pair in sandbox.replication.pairs()
        ],
        "tables": [
            {
                "table": replica.table,
                "region": replica.region,
                "status": replica.status,
                "global": replica.is_global,
            }
            for replica in sandbox.ledger.replicas()
        ],
        "conflicts": sandbox.ledger.conflict_count(),
    }


def _region_status(sandbox: Sandbox, name: str) -> dict[str, Any]:
    config, engine = sandbox.config, sandbox.gateways[name].engine
    own = name in config.regions
    return {
        "name": name,
        "endpoint": f"http://{HOST}:{config.region_port(name)}" if own else "",
        "fault": sandbox.faults.of(name),
        "engine": "running" if engine.running else "starting",
        "pid": engine.pid,
    }


def _pair_status(pair: Pair, waiting: tuple[int, int] | None, now: int) -> dict[str, Any]:
    """`waiting`: how many images, and when the oldest was written (microseconds, like `now`)."""
    count, oldest = waiting or (0, now)
    return {
        "source": pair.source,
        "target": pair.target,
        "lag_ms": pair.lag_ms,
        "jitter_ms": pair.jitter_ms,
        "backlog": count,
        "oldest_ms": (now - oldest) // 1000,
        "latency_ms": _percentiles(list(pair.latencies_ms)),
    }


def _percentiles(latencies_ms: list[float]) -> dict[str, float]:
    """p50, p90 and p99 of the last deliveries; empty where there were fewer than two."""
    if len(latencies_ms) < 2:
        return {}
    cuts = quantiles(latencies_ms, n=100, method="inclusive")
    return {"p50": round(cuts[49], 1), "p90": round(cuts[89], 1), "p99": round(cuts[98], 1)}


async def _body(request: web.Request) -> dict[str, Any]:
    try:
        body = await request.json()
    except ValueError as error:
        raise Refused("The request's body is not JSON.") from error
    if not isinstance(body, dict):
        raise Refused("The request's body is not a JSON object.")
    return body


def _milliseconds(body: Mapping[str, Any], name: str, default: int | None) -> int:
    value = body.get(name, default)
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= MAX_LAG_MS:
        raise Refused(f"{name} is {value!r}: write milliseconds from 0 to {MAX_LAG_MS}.")
    return value


@web.middleware
async def _guard(request: web.Request, handler: Any) -> web.StreamResponse:
    if HEADER not in request.headers:
        return web.json_response({"error": f"Send the header {HEADER}: 1."}, status=403)
    try:
        response: web.StreamResponse = await handler(request)
    except Refused as error:
        return web.json_response({"error": str(error)}, status=422)
    except web.HTTPException as error:
        return web.json_response({"error": f"{error.reason}."}, status=error.status)
    return response
