"""One engine process per region: started, watched, started again, and really ended."""

import asyncio
import contextlib
import logging
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import aiohttp

from gtsite.sandbox.engines import Engine
from gtsite.sandbox.wire import Answer

log = logging.getLogger("sandbox.engine")

ENGINE_HEADERS = {
    "Content-Type": "application/x-amz-json-1.0",
    "X-Amz-Date": "20260101T000000Z",
}
START_SECONDS = 30.0
PAUSE_SECONDS = 0.05


class EngineGone(Exception):
    """The engine did not answer: what it was asked may or may not have been done."""


class EngineProcess:
    """The engine of one region, reached at a private port of its own on 127.0.0.1."""

    def __init__(self, region: str, engine: Engine, folder: Path | None) -> None:
        self.region = region
        self._engine = engine
        self._file = folder / f"{region}.db" if folder else None
        self._pid_file = folder / f"{region}.pid" if folder else None
        self._port = 0
        self._process: asyncio.subprocess.Process | None = None
        self._watch: asyncio.Task[None] | None = None
        self._session: aiohttp.ClientSession | None = None
        self._ready = asyncio.Event()
        self._headers = ENGINE_HEADERS | {
            "Authorization": "AWS4-HMAC-SHA256 Credential=sandbox/20260101/"
            f"{region}/dynamodb/aws4_request, SignedHeaders=host, Signature=sandbox"
        }

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process else None

    @property
    def running(self) -> bool:
        return self._ready.is_set()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}/"

    async def start(self) -> None:
        """Start, and keep alive until `stop`; an orphan of a killed sandbox is ended first."""
        self._end_orphan()
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0), timeout=aiohttp.ClientTimeout(total=60)
        )
        await self._spawn()
        self._watch = asyncio.create_task(self._keep_alive(), name=f"engine {self.region}")

    async def stop(self) -> None:
        if self._watch:
            self._watch.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._watch
        if self._process and self._process.returncode is None:
            self._process.terminate()
            await self._process.wait()
        if self._session:
            await self._session.close()
        if self._pid_file:
            self._pid_file.unlink(missing_ok=True)

    async def ready(self) -> None:
        """Wait until the engine answers again."""
        await self._ready.wait()

    async def ask(self, target: str, raw: bytes) -> Answer:
        """One API call, such as `DynamoDB_20120810.GetItem`; `EngineGone` if nothing came back."""
        if self._session is None or not self.running:
            raise EngineGone(self.region)
        headers = self._headers | {"X-Amz-Target": target}
        try:
            async with self._session.post(self.url, data=raw, headers=headers) as response:
                return Answer(status=response.status, raw=await response.read())
        except (aiohttp.ClientError, TimeoutError) as error:
            raise EngineGone(self.region) from error

    async def _spawn(self) -> None:
        self._port = _free_port()
        command = self._engine.command(port=self._port, file=self._file)
        self._process = await asyncio.create_subprocess_exec(
            *command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        if self._pid_file:
            self._pid_file.write_text(str(self._process.pid))
        await self._wait_for_port()
        self._ready.set()

    async def _wait_for_port(self) -> None:
        async with asyncio.timeout(START_SECONDS):
            while True:
                try:
                    _, writer = await asyncio.open_connection("127.0.0.1", self._port)
                except OSError:
                    await asyncio.sleep(PAUSE_SECONDS)
                else:
                    writer.close()
                    return

    async def _keep_alive(self) -> None:
        while self._process:
            code = await self._process.wait()
            self._ready.clear()
            log.warning("The engine of %s ended (%s); starting it again.", self.region, code)
            await asyncio.sleep(PAUSE_SECONDS)
            await self._spawn()

    def _end_orphan(self) -> None:
        """End the engine that a killed sandbox left on this file; nothing else has that command."""
        if not self._pid_file or not self._pid_file.exists():
            return
        text = self._pid_file.read_text().strip()
        if text.isdecimal() and str(self._file) in _command_of(int(text)):
            with contextlib.suppress(ProcessLookupError):
                os.kill(int(text), signal.SIGKILL)
        self._pid_file.unlink()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _command_of(pid: int) -> str:
    """The command line of a process, '' where there is none (or no `ps`, as on Windows)."""
    if sys.platform == "win32":
        return ""
    done = subprocess.run(
        ["ps", "-o", "command=", "-p", str(pid)], capture_output=True, text=True, check=False
    )
    return done.stdout
