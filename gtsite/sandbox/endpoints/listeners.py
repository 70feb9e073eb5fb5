"""Where callers knock: a shared endpoint, and one listener per region that can really go away."""

import asyncio
import contextlib
import logging
import os
import socket
import sqlite3
import struct
from typing import NoReturn

from aiohttp import web

from gtsite.sandbox.distances import caller_region, round_trip_ms
from gtsite.sandbox.endpoints.connections import Server, last_response, response, whole_body
from gtsite.sandbox.faults import Trouble
from gtsite.sandbox.sandbox import Sandbox
from gtsite.sandbox.wire import (
    CORAL,
    Answer,
    ApiError,
    Call,
    credential_scope,
    internal_error,
    parse_call,
    refusal,
)

log = logging.getLogger("sandbox.endpoint")

HOST = "127.0.0.1"
SHUTDOWN_SECONDS = 1.0
LOOK_SECONDS = 1.0
RESET = struct.pack("ii", 1, 0)
"""SO_LINGER on, for no time: closing sends RST instead of FIN."""
LAST = (408, 413)
"""After these answers the rest of the request would be taken for the next one."""


class PortTaken(Exception):
    """The sandbox cannot listen where it was told to."""


async def listen(runner: web.BaseRunner, port: int) -> web.TCPSite:
    """Listen on a loopback port; `PortTaken` says in one sentence why not."""
    site = web.TCPSite(runner, HOST, port, reuse_address=True)
    try:
        await site.start()
    except OSError as error:
        why = os.strerror(error.errno or 0)
        raise PortTaken(
            f"The sandbox cannot listen on port {port} ({why}): choose another one with --port."
        ) from error
    return site


class Listener:
    """One endpoint. `region` None is the shared one, where the request's signature names it."""

    def __init__(self, sandbox: Sandbox, port: int, region: str | None) -> None:
        self.region = region
        self.port = port
        self._sandbox = sandbox
        self._faults = sandbox.faults
        self._patience = sandbox.config.patience_seconds
        self._server = Server(self._answer, self._patience)
        self._runner = web.ServerRunner(self._server, shutdown_timeout=SHUTDOWN_SECONDS)
        self._site: web.TCPSite | None = None
        self._changes = asyncio.Lock()
        self._away = False

    async def start(self) -> None:
        await self._runner.setup()
        await self._listen()
        if self.region:
            self._faults.on_change(self._fault_changed)

    async def stop(self) -> None:
        self._server.hang_up()
        await self._runner.cleanup()

    def end_stalled(self) -> None:
        """Break connections whose callers take too long to say what they want."""
        self._server.end_stalled()

    async def follow_fault(self) -> None:
        """Listen, or refuse, as the region's fault says; `PortTaken` if somebody else does."""
        async with self._changes:
            refused = self.region and self._faults.of(self.region) == "refuse"
            if refused and self._site:
                await self._site.stop()
                self._site = None
                self._server.hang_up()
            elif not refused and self._site is None:
                await self._listen()

    def _fault_changed(self, region: str) -> None:
        """Hang up when the region comes back; a pause leaves its callers alone."""
        if region != self.region:
            return
        was_away, self._away = self._away, self._faults.away(region)
        if was_away and not self._away:
            self._server.hang_up()

    async def _listen(self) -> None:
        self._site = await listen(self._runner, self.port)

    async def _answer(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer, unless the region is away when the request comes or goes away meanwhile."""
        region = self.region or _region_asked(request)
        outages = self._faults.outages(region)
        if self._faults.away(region):
            await self._cut_off(request, region)
        answered = await self._respond(request)
        if self._faults.outages(region) > outages:
            await self._cut_off(request, region)
        return answered

    async def _cut_off(self, request: web.BaseRequest, region: str) -> NoReturn:
        """Break the connection; out of a black hole, only when it ends or the caller gives up.

        A region that resets breaks it with RST, as a host does that has lost its connections.
        """
        while self._faults.of(region) == "blackhole" and request.transport is not None:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(LOOK_SECONDS):
                    await self._faults.change(region)
        if request.transport is not None:
            if self._faults.of(region) == "reset":
                _reset_at_close(request.transport)
            request.transport.abort()
        raise asyncio.CancelledError

    async def _respond(self, request: web.BaseRequest) -> web.StreamResponse:
        signed = "Authorization" in request.headers
        if request.method == "GET" and request.path == "/" and not signed:
            return web.Response(text=f"healthy: dynamodb.{self.region or 'sandbox'}.localhost\n")
        try:
            body = await whole_body(request, self._patience)
            authorization = request.headers.get("Authorization")
            if request.method != "POST" and not authorization:
                return _no_page()
            region, service = credential_scope(authorization)
            if not service.startswith("dynamodb"):
                return await self._sandbox.others.forward(request, body)
            if request.method != "POST":
                return _no_page()
            self._check_region(region)
            call = parse_call(region, request.headers.get("X-Amz-Target"), body)
            return response(await self._from_afar(call, request.headers.get("User-Agent", "")))
        except ApiError as error:
            last = error.status in LAST
            return (last_response if last else response)(refusal(error))

    def _check_region(self, region: str) -> None:
        if self.region and region != self.region:
            wanted = f"'{self.region}'"
        elif not self._sandbox.knows(region):
            wanted = "a valid region"
        else:
            return
        raise ApiError(
            400,
            f"{CORAL}#InvalidSignatureException",
            f"Credential should be scoped to {wanted}, not '{region}'. ",
        )

    async def _from_afar(self, call: Call, user_agent: str) -> Answer:
        """Answer a call as late as the caller's distance and the region's trouble make it.

        Half of the way lies before the call is carried out, so that a write whose caller has given
        up may still be done. A slow region is slow to answer, not to act.
        """
        caller = caller_region(user_agent) if self._sandbox.wan else None
        half_ms = round_trip_ms(caller, call.region) / 2 if caller else 0.0
        await _pass(half_ms)
        trouble = self._faults.trouble(call.region)
        answered = await self._in_trouble(call, trouble)
        await _pass(half_ms + trouble.slow_ms)
        return answered

    async def _in_trouble(self, call: Call, trouble: Trouble) -> Answer:
        """The answer, or the error that stands in its place, by chance."""
        if not self._faults.draw(trouble.error_rate):
            return await self._call(call)
        if self._faults.draw(trouble.executed_rate):
            await self._call(call)
        return refusal(_outage_error(trouble))

    async def _call(self, call: Call) -> Answer:
        """Answer a DynamoDB call; what nobody foresaw is DynamoDB's own 500, and is logged.

        A ledger that cannot keep anything, as on a full disk, is no fault of this program.
        """
        try:
            return await self._sandbox.handle(call)
        except sqlite3.OperationalError as error:
            log.error("%s in %s failed: %s", call.operation, call.region, error)  # noqa: TRY400
            return refusal(internal_error())
        except (LookupError, ValueError, TypeError, RecursionError, sqlite3.Error):
            log.exception("%s in %s failed", call.operation, call.region)
            return refusal(internal_error())


class Listeners:
    """All endpoints of one sandbox."""

    def __init__(self, sandbox: Sandbox) -> None:
        config = sandbox.config
        self._sandbox = sandbox
        self._all = [Listener(sandbox, config.port, None)] + [
            Listener(sandbox, config.region_port(region), region) for region in config.regions
        ]
        self._watch: asyncio.Task[None] | None = None

    async def start(self) -> None:
        for listener in self._all:
            await listener.start()
        self._watch = asyncio.create_task(self._end_stalled_forever())

    async def follow_faults(self) -> None:
        """Make sockets what the faults say; returns when they are.

        `PortTaken`, after all the others have followed, if one of them cannot listen again.
        """
        followed = [listener.follow_fault() for listener in self._all]
        problems = await asyncio.gather(*followed, return_exceptions=True)
        for problem in problems:
            if problem is not None:
                raise problem

    async def _end_stalled_forever(self) -> None:
        while True:
            await asyncio.sleep(min(LOOK_SECONDS, self._sandbox.config.patience_seconds / 2))
            for listener in self._all:
                listener.end_stalled()

    async def stop(self) -> None:
        """Hang up on everybody, and let writes that are under way come to their end."""
        if self._watch:
            self._watch.cancel()
        for region in self._sandbox.gateways:
            self._sandbox.faults.set(region, "none")
        await asyncio.gather(*(listener.stop() for listener in self._all))


def _no_page() -> web.Response:
    """DynamoDB takes nothing but POST, and says so in XML."""
    return web.Response(
        status=404, body=b"<UnknownOperationException/>\n", content_type="application/xml"
    )


async def _pass(milliseconds: float) -> None:
    """Let time go by; none at all where there is none to pass."""
    if milliseconds:
        await asyncio.sleep(milliseconds / 1000)


def _outage_error(trouble: Trouble) -> ApiError:
    """What DynamoDB answers while it fails; SDKs try either again."""
    if trouble.error_status == 503:
        return ApiError(503, "ServiceUnavailable", "DynamoDB is currently unavailable.")
    return internal_error()


def _reset_at_close(transport: asyncio.Transport) -> None:
    wire: socket.socket | None = transport.get_extra_info("socket")
    if wire is not None:
        wire.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)


def _region_asked(request: web.BaseRequest) -> str:
    """The region of a DynamoDB call by its signature; '' for anything else."""
    try:
        region, service = credential_scope(request.headers.get("Authorization"))
    except ApiError:
        return ""
    return region if service.startswith("dynamodb") else ""
