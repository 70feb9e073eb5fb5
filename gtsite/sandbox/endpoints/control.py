"""The sandbox's control API: what a region lab, a command or a test turns while it runs.

It has a port of its own on the loopback, and wants the header `X-Sandbox-Control: 1` and a Host
that is this machine: no web page can send the one unasked, or be served from the other.
"""

import re
import signal
from collections.abc import Awaitable, Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

from aiohttp import web

from gtsite.sandbox.endpoints.listeners import SHUTDOWN_SECONDS, Listeners, PortTaken, listen
from gtsite.sandbox.endpoints.status import status
from gtsite.sandbox.faults import ERROR_STATUSES, FAULTS, NO_TROUBLE, Trouble
from gtsite.sandbox.sandbox import Sandbox

HEADER = "X-Sandbox-Control"
HOSTS = ("127.0.0.1", "localhost", "::1")
MAX_LAG_MS = 600_000
MAX_SLOW_MS = 60_000
MAX_SKEW_MS = 3_600_000
MAX_AHEAD_SECONDS = 365 * 24 * 3600
MOST_AHEAD_US = 10 * MAX_AHEAD_SECONDS * 1_000_000
MAX_ROWS = 1000
JITTER = 10
"""Jitter is the lag divided by this where nobody says otherwise."""
COUNT = re.compile(r"[0-9]{1,15}")
SIGNALS = {"kill": signal.SIGKILL, "restart": signal.SIGTERM}
TROUBLE = {"error_rate", "error_status", "executed_rate", "slow_ms"}
WAY = {"source", "target"}

Handler = Callable[[web.Request], Awaitable[web.Response]]


class Refused(Exception):
    """A control request that cannot be meant, in one sentence."""


class Control:
    """Answers the control API over HTTP and JSON; every change is answered with the new status."""

    def __init__(self, sandbox: Sandbox, listeners: Listeners) -> None:
        self._sandbox = sandbox
        self._faults = sandbox.faults
        self._listeners = listeners
        app = web.Application(middlewares=[_guard])
        reads: dict[str, Handler] = {
            "status": self._status,
            "backlog": self._backlog,
            "conflicts": self._conflicts,
        }
        changes: dict[str, Handler] = {
            "fault": self._fault,
            "lag": self._lag,
            "pause": self._pause,
            "resume": self._resume,
            "clock": self._clock,
            "skew": self._skew,
            "engine": self._engine,
            "wan": self._wan,
            "reset": self._reset,
        }
        app.add_routes([web.get(f"/{path}", handler) for path, handler in reads.items()])
        app.add_routes([web.post(f"/{path}", handler) for path, handler in changes.items()])
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=SHUTDOWN_SECONDS)

    async def start(self) -> None:
        await self._runner.setup()
        await listen(self._runner, self._sandbox.config.control_port)

    async def stop(self) -> None:
        await self._runner.cleanup()

    async def _status(self, _request: web.Request) -> web.Response:
        return self._now()

    async def _backlog(self, request: web.Request) -> web.Response:
        """`?limit=…`: the images that wait for longest."""
        limit = _limit(request)
        return web.json_response(
            {
                "now_us": self._sandbox.clock.travelled(),
                "waiting": self._sandbox.ledger.oldest_waiting(limit),
            }
        )

    async def _conflicts(self, request: web.Request) -> web.Response:
        """`?limit=…&after=…`: newest first; `next` is the next page's `after`, null at the end."""
        limit, after = _limit(request), _after(request)
        found = self._sandbox.ledger.conflicts(limit + 1, after=after)
        page = found[:limit]
        following = page[-1]["id"] if len(found) > limit else None
        return web.json_response({"conflicts": page, "next": following})

    async def _fault(self, request: web.Request) -> web.Response:
        """`{"region": …, "fault": …}`; no region means every one. `none` ends what callers meet.

        `error_rate`, `error_status`, `executed_rate` and `slow_ms` can stand beside the fault, or
        without one, and leave each other as they are.
        """
        body = await _body(request, {"region", "fault"} | TROUBLE)
        fault = body.get("fault")
        if fault not in FAULTS and ("fault" in body or not TROUBLE & body.keys()):
            raise Refused(f"fault is {fault!r}: write {', '.join(FAULTS)}.")
        region = self._region(body, "region")
        regions = list(self._sandbox.gateways) if region is None else [region]
        before = [NO_TROUBLE if fault == "none" else self._faults.trouble(each) for each in regions]
        changed = [_trouble(body, each) for each in before]
        for name, trouble in zip(regions, changed, strict=True):
            self._faults.set_trouble(name, trouble)
            if fault in FAULTS:
                self._faults.set(name, fault)
        await self._follow_faults()
        return self._now()

    async def _follow_faults(self) -> None:
        try:
            await self._listeners.follow_faults()
        except PortTaken as error:
            raise Refused(str(error)) from error

    async def _lag(self, request: web.Request) -> web.Response:
        """`{"lag_ms": …, "jitter_ms": …, "source": …, "target": …}`; the last three optional."""
        body = await _body(request, {"lag_ms", "jitter_ms"} | WAY)
        lag_ms = _milliseconds(body, "lag_ms", None)
        jitter_ms = _milliseconds(body, "jitter_ms", lag_ms // JITTER)
        source, target = self._region(body, "source"), self._region(body, "target")
        if source and source == target:
            raise Refused(f"No replication goes from {source} to itself.")
        self._sandbox.replication.set_lag(
            lag_ms=lag_ms, jitter_ms=jitter_ms, source=source, target=target
        )
        return self._now()

    async def _pause(self, request: web.Request) -> web.Response:
        """`{"region": …}` for its replication in and out, or `{"source": …, "target": …}`."""
        body = await _body(request, {"region"} | WAY)
        region, way = self._region_or_way(body)
        if way:
            self._faults.pause_way(*way)
        elif region:
            self._faults.pause(region)
        else:
            raise Refused("Write a region, or a source and a target.")
        return self._now()

    async def _resume(self, request: web.Request) -> web.Response:
        """As a pause is asked for; with neither, everything goes on."""
        body = await _body(request, {"region"} | WAY)
        region, way = self._region_or_way(body)
        if way:
            self._faults.resume_way(*way)
        else:
            for name in [region] if region else list(self._sandbox.gateways):
                self._faults.resume(name)
        return self._now()

    async def _clock(self, request: web.Request) -> web.Response:
        """`{"ahead_seconds": …}`: that much more than now."""
        body = await _body(request, {"ahead_seconds"})
        seconds = _whole(body, "ahead_seconds", None, 0, MAX_AHEAD_SECONDS, "seconds")
        if self._sandbox.clock.ahead + seconds * 1_000_000 > MOST_AHEAD_US:
            raise Refused("The clock would be more than ten years ahead, and it never goes back.")
        self._sandbox.clock.advance(seconds)
        return self._now()

    async def _skew(self, request: web.Request) -> web.Response:
        """`{"region": …, "skew_ms": …}`: how far the region's timestamps are off, 0 for not."""
        body = await _body(request, {"region", "skew_ms"})
        skew_ms = _whole(body, "skew_ms", None, -MAX_SKEW_MS, MAX_SKEW_MS, "milliseconds")
        self._sandbox.clock.skew(self._named(body), skew_ms * 1000)
        return self._now()

    async def _engine(self, request: web.Request) -> web.Response:
        """`{"region": …, "action": "kill"|"restart"}`: SIGKILL or SIGTERM; it comes back."""
        body = await _body(request, {"region", "action"})
        number = SIGNALS.get(str(body.get("action")))
        if number is None:
            raise Refused(f"action is {body.get('action')!r}: write {', '.join(SIGNALS)}.")
        self._sandbox.gateways[self._named(body)].engine.end(number)
        return self._now()

    async def _wan(self, request: web.Request) -> web.Response:
        """`{"on": true}`: whether callers that say where they are pay for the distance."""
        on = (await _body(request, {"on"})).get("on")
        if not isinstance(on, bool):
            raise Refused(f"on is {on!r}: write true or false.")
        self._sandbox.wan = on
        return self._now()

    async def _reset(self, request: web.Request) -> web.Response:
        """Everything that was turned is as at the start again. Data and clock stay as they are."""
        if request.can_read_body:
            await _body(request, set())
        sandbox = self._sandbox
        for name in sandbox.gateways:
            self._faults.set_trouble(name, NO_TROUBLE)
            self._faults.set(name, "none")
            self._faults.resume(name)
            sandbox.clock.skew(name, 0)
        sandbox.wan = sandbox.config.wan
        lag_ms, jitter_ms = sandbox.config.lag_ms, sandbox.config.jitter_ms
        sandbox.replication.set_lag(lag_ms=lag_ms, jitter_ms=jitter_ms, source=None, target=None)
        await self._follow_faults()
        return self._now()

    def _now(self) -> web.Response:
        return web.json_response(status(self._sandbox))

    def _region(self, body: Mapping[str, Any], name: str) -> str | None:
        region = body.get(name)
        if region is None or (isinstance(region, str) and region in self._sandbox.gateways):
            return region
        known = ", ".join(sorted(self._sandbox.gateways))
        raise Refused(f"{region} is no region of this sandbox: it has {known}.")

    def _named(self, body: Mapping[str, Any]) -> str:
        region = self._region(body, "region")
        if region is None:
            raise Refused("Write a region.")
        return region

    def _region_or_way(self, body: Mapping[str, Any]) -> tuple[str | None, tuple[str, str] | None]:
        """A region, or a way from one to another; both None where neither is written."""
        region = self._region(body, "region")
        source, target = self._region(body, "source"), self._region(body, "target")
        if source is None and target is None:
            return region, None
        if region or not source or not target or source == target:
            raise Refused("Write a region, or a source and another region as target.")
        return None, (source, target)


async def _body(request: web.Request, fields: set[str]) -> dict[str, Any]:
    """A field that is not known is refused: misspelt, it would turn something else."""
    try:
        body = await request.json()
    except (ValueError, RecursionError) as error:
        raise Refused("The request's body is not JSON.") from error
    if not isinstance(body, dict):
        raise Refused("The request's body is not a JSON object.")
    if unknown := sorted(body.keys() - fields):
        known = f"write {', '.join(sorted(fields))}" if fields else "write {}"
        raise Refused(f"{_short(unknown[0])} means nothing here: {known}.")
    return body


def _trouble(body: Mapping[str, Any], before: Trouble) -> Trouble:
    """A region's trouble with what the body says of it."""
    status = body.get("error_status", before.error_status)
    if not isinstance(status, int) or status not in ERROR_STATUSES:
        raise Refused(f"error_status is {_short(status)}: write 500 or 503.")
    return Trouble(
        error_rate=_rate(body, "error_rate", before.error_rate),
        error_status=status,
        executed_rate=_rate(body, "executed_rate", before.executed_rate),
        slow_ms=_whole(body, "slow_ms", before.slow_ms, 0, MAX_SLOW_MS, "milliseconds"),
    )


def _milliseconds(body: Mapping[str, Any], name: str, default: int | None) -> int:
    return _whole(body, name, default, 0, MAX_LAG_MS, "milliseconds")


def _whole(
    body: Mapping[str, Any], name: str, default: int | None, least: int, most: int, unit: str
) -> int:
    value = body.get(name, default)
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
        raise Refused(f"{name} is {_short(value)}: write {unit} from {least} to {most}.")
    return value


def _rate(body: Mapping[str, Any], name: str, default: float) -> float:
    value = body.get(name, default)
    if not isinstance(value, int | float) or isinstance(value, bool) or not 0 <= value <= 1:
        raise Refused(f"{name} is {_short(value)}: write a number from 0 to 1.")
    return float(value)


def _limit(request: web.Request) -> int:
    text = request.query.get("limit", "50")
    if not COUNT.fullmatch(text) or not 1 <= int(text) <= MAX_ROWS:
        raise Refused(f"limit is {_short(text)}: write a number from 1 to {MAX_ROWS}.")
    return int(text)


def _after(request: web.Request) -> int | None:
    text = request.query.get("after")
    if text is not None and not COUNT.fullmatch(text):
        raise Refused(f"after is {_short(text)}: write what an answer has as next.")
    return None if text is None else int(text)


def _short(value: object) -> str:
    return repr(value)[:60]


@web.middleware
async def _guard(request: web.Request, handler: Any) -> web.StreamResponse:
    if _host(request) not in HOSTS:
        return web.json_response({"error": "Ask for 127.0.0.1, or localhost."}, status=403)
    if HEADER not in request.headers:
        return web.json_response({"error": f"Send the header {HEADER}: 1."}, status=403)
    try:
        response: web.StreamResponse = await handler(request)
    except Refused as error:
        return web.json_response({"error": str(error)}, status=422)
    except web.HTTPException as error:
        return web.json_response({"error": f"{error.reason}."}, status=error.status)
    return response


def _host(request: web.Request) -> str | None:
    """The host asked for, without its port: a name that leads here is not enough."""
    try:
        return urlsplit(f"//{request.headers.get('Host', '')}").hostname
    except ValueError:
        return None
