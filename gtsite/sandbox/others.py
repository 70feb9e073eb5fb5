"""STS, CloudWatch and the other services: moto answers for them, started when first asked."""

import asyncio
import sys
from collections.abc import Mapping

import aiohttp
from aiohttp import web

from gtsite.sandbox.engines import Engine
from gtsite.sandbox.processes import EngineFailed, EngineProcess
from gtsite.sandbox.wire import ApiError

MOTO = Engine(name="moto", durable=False, program=(sys.executable, "-m", "moto.server"))
OURS = ("host", "date", "server", "content-length", "content-encoding", "transfer-encoding")
HOP = ("connection", "keep-alive", "te", "trailer", "upgrade")


class OtherServices:
    """Passes a request on to moto as it came; moto tells services apart by the signature."""

    def __init__(self) -> None:
        self._process: EngineProcess | None = None
        self._starting = asyncio.Lock()
        self._session: aiohttp.ClientSession | None = None

    async def forward(self, request: web.BaseRequest, body: bytes) -> web.Response:
        process, session = await self._started()
        try:
            async with session.request(
                request.method,
                process.url + request.path_qs.lstrip("/"),
                data=body,
                headers=_passed_on(request.headers),
            ) as response:
                return web.Response(
                    body=await response.read(),
                    status=response.status,
                    headers=_passed_on(response.headers),
                )
        except (aiohttp.ClientError, TimeoutError) as error:
            raise ApiError(503, "ServiceUnavailable", "moto does not answer") from error

    async def stop(self) -> None:
        if self._session:
            await self._session.close()
        if self._process:
            await self._process.stop()

    async def _started(self) -> tuple[EngineProcess, aiohttp.ClientSession]:
        async with self._starting:
            if self._process is None:
                self._process = EngineProcess("other services", MOTO, None)
            if self._session is None:
                try:
                    await self._process.start()
                except EngineFailed as error:
                    raise ApiError(503, "ServiceUnavailable", str(error)) from error
                self._session = aiohttp.ClientSession(auto_decompress=True)
        await self._process.ready()
        return self._process, self._session


def _passed_on(headers: Mapping[str, str]) -> dict[str, str]:
    """Headers that are still true when both bodies are sent plain and whole."""
    dropped = (*OURS, *HOP)
    return {name: value for name, value in headers.items() if name.lower() not in dropped}
