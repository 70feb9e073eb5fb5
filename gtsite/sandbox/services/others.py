"""STS, CloudWatch and the other services: moto answers for them, started when first asked.

Its program is `moto_server.py`. It is started again when it ends, and what it was told (alarms,
buckets) is gone with it. Only Auto Scaling of DynamoDB's tables is answered by the sandbox itself.
"""

import asyncio
import json
import logging
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp import web

from gtsite.sandbox.services.autoscaling import AutoScaling
from gtsite.sandbox.services.metrics import Metrics
from gtsite.sandbox.storage.engines import Engine
from gtsite.sandbox.storage.processes import EngineFailed, EngineProcess
from gtsite.sandbox.wire import credential_scope, to_json

log = logging.getLogger("sandbox.others")

PROGRAM = Path(__file__).with_name("moto_server.py")
MOTO = Engine(name="moto", durable=False, program=(sys.executable, "-P", str(PROGRAM)))
ANSWER_SECONDS = 30.0
"""Nothing that moto does takes as long; it has been stopped, or hangs."""
CLOUDWATCH, AUTO_SCALING = "monitoring", "application-autoscaling"
MOST_AT_ONCE = 1000
"""Points in one request, so that nobody else waits for the writing of it."""
METRICS_HEADER = "X-Sandbox-Metrics"
OURS = ("host", "date", "server", "content-length", "content-encoding", "transfer-encoding")
HOP = ("connection", "keep-alive", "te", "trailer", "upgrade")
DROPPED = (*OURS, *HOP, METRICS_HEADER.lower())


class MotoSilent(Exception):
    """moto gave no answer, or none in time: what it was asked may have been done."""


class OtherServices:
    """Passes a request on to moto as it came; moto tells services apart by the signature.

    Before CloudWatch is asked, moto is given what `metrics` counted since it was last asked.
    """

    def __init__(self, metrics: Metrics, autoscaling: AutoScaling) -> None:
        self._metrics = metrics
        self._autoscaling = autoscaling
        self._process: EngineProcess | None = None
        self._starting = asyncio.Lock()
        self._session: aiohttp.ClientSession | None = None
        self._handing = asyncio.Lock()
        self._told: int | None = None

    async def forward(self, request: web.BaseRequest, body: bytes) -> web.Response:
        """The answer; `ApiError` where Auto Scaling refuses.

        Where moto is silent it is a 503 without a body, which every protocol's callers understand.
        """
        region, service = credential_scope(request.headers.get("Authorization"))
        if service == AUTO_SCALING:
            _, _, operation = request.headers.get("X-Amz-Target", "").partition(".")
            own = self._autoscaling.answer(region, operation, _object(body))
            if own is not None:
                return web.Response(body=own.raw, status=own.status, headers=own.headers())
        try:
            if service == CLOUDWATCH:
                await self._hand_over_metrics()
            path = request.path_qs.lstrip("/")
            sent = _passed_on(request.headers)
            status, headers, answered = await self._ask(request.method, path, sent, body)
        except MotoSilent as silent:
            log.warning("A call of %s got no answer: %s.", service, silent)
            return web.Response(status=503)
        return web.Response(body=answered, status=status, headers=headers)

    async def stop(self) -> None:
        if self._session:
            await self._session.close()
        if self._process:
            await self._process.stop()

    async def _hand_over_metrics(self) -> None:
        """Give moto the metrics it lacks: what changed, or all of them to a process that is new.

        A minute's figures take the place of those sent before, so sending them twice is harmless.
        """
        async with self._handing:
            process, _ = await self._started()
            pid, told, self._told = process.pid, self._told, None
            self._metrics.sample()
            known = pid == told
            points, oldest = self._metrics.changes() if known else self._metrics.everything()
            for start in range(0, len(points), MOST_AT_ONCE):
                await self._hand_over(points[start : start + MOST_AT_ONCE], oldest)
            self._told = pid

    async def _hand_over(self, points: list[dict[str, Any]], oldest: int) -> None:
        body = to_json({"points": points, "oldest": oldest})
        status, _, _ = await self._ask("POST", "", {METRICS_HEADER: "1"}, body)
        if status != 200:
            raise MotoSilent("moto did not take the sandbox's metrics")

    async def _ask(
        self, method: str, path: str, headers: Mapping[str, str], body: bytes
    ) -> tuple[int, dict[str, str], bytes]:
        process, session = await self._started()
        try:
            async with session.request(
                method, process.url + path, data=body, headers=headers
            ) as response:
                return response.status, _passed_on(response.headers), await response.read()
        except (aiohttp.ClientError, TimeoutError) as error:
            raise MotoSilent("moto does not answer") from error

    async def _started(self) -> tuple[EngineProcess, aiohttp.ClientSession]:
        """moto's process, started when first asked for, and a moment later when it ended."""
        async with self._starting:
            if self._process is None or self._session is None:
                self._process, self._session = await _start()
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                await self._process.ready()
        except TimeoutError as error:
            raise MotoSilent("moto does not start again") from error
        return self._process, self._session


async def _start() -> tuple[EngineProcess, aiohttp.ClientSession]:
    process = EngineProcess("other services", MOTO, None)
    try:
        await process.start()
    except EngineFailed as error:
        await process.stop()
        raise MotoSilent(str(error)) from error
    return process, aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=ANSWER_SECONDS))


def _passed_on(headers: Mapping[str, str]) -> dict[str, str]:
    """Headers that are still true when both bodies are sent plain and whole."""
    return {name: value for name, value in headers.items() if name.lower() not in DROPPED}


def _object(raw: bytes) -> dict[str, Any]:
    try:
        found = json.loads(raw)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}
