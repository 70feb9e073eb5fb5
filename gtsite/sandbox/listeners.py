"""Where callers knock: a shared endpoint, and one listener per region that can really go away."""

import asyncio
import contextlib
import logging
import os
import sqlite3
from typing import Any, NoReturn

from aiohttp import web

from gtsite.sandbox.others import OtherServices
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
LARGEST_REQUEST = 17 * 1024 * 1024
"""Bytes: a BatchWriteItem may have 16 MB."""
SHUTDOWN_SECONDS = 1.0
LOOK_SECONDS = 1.0


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

    def __init__(
        self, sandbox: Sandbox, others: OtherServices, port: int, region: str | None
    ) -> None:
        self.region = region
        self.port = port
        self._sandbox = sandbox
        self._faults = sandbox.faults
        self._others = others
        self._server = web.Server(self._answer, request_factory=_request, access_log=None)
        self._runner = web.ServerRunner(self._server, shutdown_timeout=SHUTDOWN_SECONDS)
        self._site: web.TCPSite | None = None
        self._changes = asyncio.Lock()

    async def start(self) -> None:
        await self._runner.setup()
        await self._listen()
        if self.region:
            self._faults.on_change(self._fault_changed)

    async def stop(self) -> None:
        self.hang_up()
        await self._runner.cleanup()

    def hang_up(self) -> None:
        """Break every open connection, as a region that goes away does."""
        for connection in self._server.connections:
            if connection.transport is not None:
                connection.transport.abort()

    async def follow_fault(self) -> None:
        """Listen, or refuse, as the region's fault says; `PortTaken` if somebody else does."""
        async with self._changes:
            refused = self.region and self._faults.of(self.region) == "refuse"
            if refused and self._site:
                await self._site.stop()
                self._site = None
                self.hang_up()
            elif not refused and self._site is None:
                await self._listen()

    def _fault_changed(self, region: str) -> None:
        if region == self.region and not self._faults.away(region):
            self.hang_up()

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
        """Break the connection; out of a black hole, only when it ends or the caller gives up."""
        while self._faults.of(region) == "blackhole" and request.transport is not None:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(LOOK_SECONDS):
                    await self._faults.change(region)
        if request.transport is not None:
            request.transport.abort()
        raise asyncio.CancelledError

    async def _respond(self, request: web.BaseRequest) -> web.StreamResponse:
        if request.method == "GET" and request.path == "/":
            return web.Response(text=f"healthy: dynamodb.{self.region or 'sandbox'}.localhost\n")
        body = await _whole_body(request)
        try:
            region, service = credential_scope(request.headers.get("Authorization"))
            if not service.startswith("dynamodb"):
                return await self._others.forward(request, body)
            self._check_region(region)
            call = parse_call(region, request.headers.get("X-Amz-Target"), body)
            return _response(await self._call(call))
        except ApiError as error:
            return _response(refusal(error))

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

    async def _call(self, call: Call) -> Answer:
        """Answer a DynamoDB call; what nobody foresaw is DynamoDB's own 500, and is logged."""
        try:
            return await self._sandbox.handle(call)
        except (LookupError, ValueError, TypeError, RecursionError, sqlite3.Error):
            log.exception("%s in %s failed", call.operation, call.region)
            return refusal(internal_error())


class Listeners:
    """All endpoints of one sandbox."""

    def __init__(self, sandbox: Sandbox) -> None:
        config = sandbox.config
        self._sandbox = sandbox
        self._others = OtherServices()
        self._all = [Listener(sandbox, self._others, config.port, None)] + [
            Listener(sandbox, self._others, config.region_port(region), region)
            for region in config.regions
        ]

    async def start(self) -> None:
        for listener in self._all:
            await listener.start()

    async def follow_faults(self) -> None:
        """Make sockets what the faults say; returns when they are.

        `PortTaken`, after all the others have followed, if one of them cannot listen again.
        """
        followed = [listener.follow_fault() for listener in self._all]
        problems = await asyncio.gather(*followed, return_exceptions=True)
        for problem in problems:
            if problem is not None:
                raise problem

    async def stop(self) -> None:
        """Hang up on everybody, and let writes that are under way come to their end."""
        for region in self._sandbox.gateways:
            self._sandbox.faults.set(region, "none")
        await asyncio.gather(*(listener.stop() for listener in self._all))
        await self._others.stop()


def _response(answered: Answer) -> web.Response:
    return web.Response(body=answered.raw, status=answered.status, headers=answered.headers())


async def _whole_body(request: web.BaseRequest) -> bytes:
    """The request's body; a caller that hangs up in the middle of it wants no answer."""
    try:
        return await request.read()
    except ConnectionError as error:
        raise asyncio.CancelledError from error


def _region_asked(request: web.BaseRequest) -> str:
    """The region of a DynamoDB call by its signature; '' for anything else."""
    try:
        region, service = credential_scope(request.headers.get("Authorization"))
    except ApiError:
        return ""
    return region if service.startswith("dynamodb") else ""


def _request(*parts: Any) -> web.BaseRequest:
    """aiohttp's own kind of request, but as large as DynamoDB's may be."""
    message, payload, protocol, writer, task = parts
    return web.BaseRequest(
        message,
        payload,
        protocol,
        writer,
        task,
        asyncio.get_running_loop(),
        client_max_size=LARGEST_REQUEST,
    )
