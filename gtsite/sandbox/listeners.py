"""Where callers knock: a shared endpoint, and one listener per region that can really go away."""

import asyncio
import contextlib
import logging

from aiohttp import web

from gtsite.sandbox.others import OtherServices
from gtsite.sandbox.sandbox import Sandbox
from gtsite.sandbox.wire import (
    CORAL,
    REGION_NAME,
    Answer,
    ApiError,
    credential_scope,
    internal_error,
    parse_call,
    refusal,
)

log = logging.getLogger("sandbox.endpoint")

HOST = "127.0.0.1"


class Listener:
    """One endpoint. `region` None is the shared one, where the request's signature names it."""

    def __init__(
        self, sandbox: Sandbox, others: OtherServices, port: int, region: str | None
    ) -> None:
        self.region = region
        self.port = port
        self._sandbox = sandbox
        self._others = others
        self._server = web.Server(self._answer, access_log=None)
        self._runner = web.ServerRunner(self._server)
        self._site: web.TCPSite | None = None
        self._changes = asyncio.Lock()

    async def start(self) -> None:
        await self._runner.setup()
        await self._listen()
        if self.region:
            self._sandbox.faults.on_change(self._fault_changed)

    async def stop(self) -> None:
        self.hang_up()
        await self._runner.cleanup()

    def hang_up(self) -> None:
        """Break every open connection, as a region that goes away does."""
        for connection in self._server.connections:
            if connection.transport is not None:
                connection.transport.abort()

    async def follow_fault(self) -> None:
        """Listen, or refuse, as the region's fault says."""
        async with self._changes:
            refused = self.region and self._sandbox.faults.of(self.region) == "refuse"
            if refused and self._site:
                await self._site.stop()
                self._site = None
                self.hang_up()
            elif not refused and self._site is None:
                await self._listen()

    def _fault_changed(self, region: str) -> None:
        if region == self.region and self._sandbox.faults.of(region) == "none":
            self.hang_up()

    async def _listen(self) -> None:
        self._site = web.TCPSite(self._runner, HOST, self.port, reuse_address=True)
        await self._site.start()

    async def _answer(self, request: web.BaseRequest) -> web.StreamResponse:
        if request.method == "GET" and request.path == "/":
            return web.Response(text=f"healthy: dynamodb.{self.region or 'sandbox'}.localhost\n")
        try:
            region, service = self._scope(request)
        except ApiError as error:
            return _response(refusal(error))
        if not service.startswith("dynamodb"):
            return await self._others.forward(request)
        return await self._dynamodb(request, region)

    def _scope(self, request: web.BaseRequest) -> tuple[str, str]:
        region, service = credential_scope(request.headers.get("Authorization"))
        wrong = not REGION_NAME.match(region) or (self.region and region != self.region)
        if wrong and service.startswith("dynamodb"):
            raise ApiError(
                400,
                f"{CORAL}#InvalidSignatureException",
                f"Credential should be scoped to a valid region, not '{region}'. ",
            )
        return region, service

    async def _dynamodb(self, request: web.BaseRequest, region: str) -> web.StreamResponse:
        await self._fail_as_told(request, region)
        answered = await self._call(request, region)
        await self._fail_as_told(request, region)
        return _response(answered)

    async def _call(self, request: web.BaseRequest, region: str) -> Answer:
        try:
            raw = await request.read()
            call = parse_call(region, request.headers.get("X-Amz-Target"), raw)
            return await self._sandbox.handle(call)
        except ApiError as error:
            return refusal(error)
        except (KeyError, ValueError, TypeError):
            log.exception("%s in %s failed", request.headers.get("X-Amz-Target"), region)
            return refusal(internal_error())

    async def _fail_as_told(self, request: web.BaseRequest, region: str) -> None:
        """Never answer from a black hole, nor from a region that refuses."""
        faults = self._sandbox.faults
        if not faults.away(region):
            return
        await faults.while_blackholed(region)
        if request.transport is not None:
            request.transport.abort()
        raise asyncio.CancelledError


class Listeners:
    """All endpoints of one sandbox."""

    def __init__(self, sandbox: Sandbox) -> None:
        config = sandbox.config
        self._others = OtherServices()
        self._all = [Listener(sandbox, self._others, config.port, None)] + [
            Listener(sandbox, self._others, config.region_port(region), region)
            for region in config.regions
        ]

    async def start(self) -> None:
        for listener in self._all:
            await listener.start()

    async def follow_faults(self) -> None:
        """Make sockets what the faults say; returns when they are."""
        for listener in self._all:
            await listener.follow_fault()

    async def stop(self) -> None:
        with contextlib.suppress(OSError):
            await self._others.stop()
        for listener in self._all:
            await listener.stop()


def _response(answered: Answer) -> web.Response:
    return web.Response(body=answered.raw, status=answered.status, headers=answered.headers())
