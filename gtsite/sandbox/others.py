"""STS, CloudWatch and the other services: moto answers for them, started when first asked."""

import asyncio
import sys

import aiohttp
from aiohttp import web

from gtsite.sandbox.engines import Engine
from gtsite.sandbox.processes import EngineProcess

MOTO = Engine(name="moto", durable=False, program=(sys.executable, "-m", "moto.server"))
DROPPED = ("host", "content-length", "transfer-encoding", "connection")


class OtherServices:
    """Passes a request on to moto as it came; moto tells services apart by the signature."""

    def __init__(self) -> None:
        self._process: EngineProcess | None = None
        self._starting = asyncio.Lock()
        self._session: aiohttp.ClientSession | None = None

    async def forward(self, request: web.BaseRequest) -> web.Response:
        process = await self._started()
        session = self._session or aiohttp.ClientSession()
        headers = {
            name: value for name, value in request.headers.items() if name.lower() not in DROPPED
        }
        async with session.request(
            request.method,
            process.url + request.path_qs.lstrip("/"),
            data=await request.read(),
            headers=headers,
        ) as response:
            kept = {
                name: value
                for name, value in response.headers.items()
                if name.lower().startswith("x-amz") or name.lower() == "content-type"
            }
            return web.Response(body=await response.read(), status=response.status, headers=kept)

    async def stop(self) -> None:
        if self._session:
            await self._session.close()
        if self._process:
            await self._process.stop()

    async def _started(self) -> EngineProcess:
        async with self._starting:
            if self._process is None:
                process = EngineProcess("other services", MOTO, None)
                await process.start()
                self._process = process
                self._session = aiohttp.ClientSession()
            return self._process
