"""One engine process per region: started, watched, started again, and really ended."""

import asyncio
import contextlib
import ctypes
import logging
import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from gtsite.sandbox.storage.engines import Engine
from gtsite.sandbox.storage.links import LinkBroken, Links, LinkSilent
from gtsite.sandbox.wire import Answer

log = logging.getLogger("sandbox.engine")

ENGINE_HEADERS = {
    "Content-Type": "application/x-amz-json-1.0",
    "X-Amz-Date": "20260101T000000Z",
}
START_SECONDS = 30.0
STOP_SECONDS = 5.0
PAUSE_SECONDS = 0.05
RETRY_SECONDS = 1.0
STARTS = 3
LIBC = ctypes.CDLL(None) if sys.platform == "linux" else None
PR_SET_PDEATHSIG = 1


class EngineGone(Exception):
    """The engine did not answer: what it was asked may or may not have been done."""


class EngineFailed(Exception):
    """The engine's program does not start."""


class Port:
    """A port of 127.0.0.1 for one engine.

    On Linux it is kept, as long as the engine is wanted, from everybody who takes any free one:
    whoever answers there is the engine. Engines say, as this does, that they would share it.
    """

    def __init__(self, holder: socket.socket | None = None) -> None:
        self.number: int = holder.getsockname()[1] if holder else 0
        self._holder = holder

    @classmethod
    def chosen(cls) -> "Port":
        """One that is free now."""
        holder = socket.socket()
        holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        holder.bind(("127.0.0.1", 0))
        port = cls(holder)
        if sys.platform != "linux":
            port.free()
        return port

    def free(self) -> None:
        if self._holder:
            self._holder.close()


class EngineProcess:
    """The engine of one region, reached at a private port of its own on 127.0.0.1.

    `forgotten` is called after a restart of an engine that keeps its items in memory only.
    """

    def __init__(
        self,
        region: str,
        engine: Engine,
        folder: Path | None,
        forgotten: Callable[[], None] | None = None,
    ) -> None:
        self.region = region
        self._engine = engine
        self._forgotten = forgotten
        self._file = folder / f"{region}.db" if folder else None
        self._pid_file = folder / f"{region}.pid" if folder else None
        self._port = Port()
        self._process: asyncio.subprocess.Process | None = None
        self._watch: asyncio.Task[None] | None = None
        self._links: Links | None = None
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
        return f"http://127.0.0.1:{self._port.number}/"

    async def start(self) -> None:
        """Start, and keep alive until `stop`; an orphan of a killed sandbox is ended first."""
        await self._end_orphan()
        await self._spawn()
        self._watch = asyncio.create_task(self._keep_alive(), name=f"engine {self.region}")

    async def stop(self) -> None:
        if self._watch:
            self._watch.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._watch
        self._ready.clear()
        await self._end()
        if self._links:
            self._links.close()
        self._port.free()
        if self._pid_file:
            self._pid_file.unlink(missing_ok=True)

    def end(self, number: signal.Signals) -> None:
        """Send a signal that ends it, and SIGKILL if that does not; it is started again.

        Nothing where it is being started already.
        """
        if self.running and self._process and self._process.returncode is None:
            self._ready.clear()
            self._process.send_signal(number)
            asyncio.get_running_loop().call_later(STOP_SECONDS, _kill, self._process)

    async def ready(self) -> None:
        """Wait until the engine answers again."""
        await self._ready.wait()

    async def ask(self, target: str, raw: bytes) -> Answer:
        """One API call, such as `DynamoDB_20120810.GetItem`; `EngineGone` if nothing came back."""
        if not self.running:
            raise EngineGone(self.region)
        return await self._post(target, raw)

    async def _post(self, target: str, raw: bytes) -> Answer:
        if self._links is None:
            raise EngineGone(self.region)
        try:
            status, body = await self._links.post(target, raw)
        except LinkSilent as error:
            self._end_silent()
            raise EngineGone(self.region) from error
        except LinkBroken as error:
            raise EngineGone(self.region) from error
        return Answer(status=status, raw=body)

    def _end_silent(self) -> None:
        """Nothing that a hanging engine was asked may be done after others were asked of it."""
        if self.running and self._process:
            self._ready.clear()
            _kill(self._process)

    async def _spawn(self) -> None:
        """Start the program on a free port, and on another one if somebody was quicker there."""
        why = ""
        for _ in range(STARTS):
            try:
                if await self._answers(await self._launch()):
                    self._ready.set()
                    return
            except OSError as error:
                why = f" {error}"
            await self._end()
        raise EngineFailed(f"{self._engine.name} does not start for {self.region}.{why}")

    async def _launch(self) -> asyncio.subprocess.Process:
        self._port.free()
        self._port = Port.chosen()
        if self._links:
            self._links.close()
        self._links = Links(self._port.number, self._headers)
        self._process = await asyncio.create_subprocess_exec(
            *self._engine.command(port=self._port.number, file=self._file),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            preexec_fn=_die_with_parent if LIBC else None,
        )
        if self._pid_file:
            self._pid_file.write_text(str(self._process.pid))
        return self._process

    async def _answers(self, process: asyncio.subprocess.Process) -> bool:
        """Wait for a first answer; False if the program ended, or was silent for too long."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(START_SECONDS):
                while process.returncode is None:
                    try:
                        await self._post("DynamoDB_20120810.ListTables", b"{}")
                    except EngineGone:
                        await asyncio.sleep(PAUSE_SECONDS)
                    else:
                        return True
        return False

    async def _keep_alive(self) -> None:
        while self._process:
            code = await self._process.wait()
            self._ready.clear()
            log.warning("The engine of %s ended (%s); starting it again.", self.region, code)
            try:
                await self._spawn()
            except EngineFailed as error:
                log.warning("%s Trying again.", error)
                await asyncio.sleep(RETRY_SECONDS)
                continue
            if self._forgotten and self._file is None:
                self._forgotten()

    async def _end(self) -> None:
        if self._process is None or self._process.returncode is not None:
            return
        self._process.terminate()
        try:
            async with asyncio.timeout(STOP_SECONDS):
                await self._process.wait()
        except TimeoutError:
            self._process.kill()
            await self._process.wait()

    async def _end_orphan(self) -> None:
        """End the engine that a killed sandbox left on this file; nothing else has that command."""
        if not self._pid_file or not self._pid_file.exists():
            return
        text = self._pid_file.read_text().strip()
        if text.isdecimal() and str(self._file) in _command_of(int(text)):
            with contextlib.suppress(ProcessLookupError):
                os.kill(int(text), signal.SIGKILL)
            while str(self._file) in _command_of(int(text)):  # noqa: ASYNC110
                await asyncio.sleep(PAUSE_SECONDS)
        self._pid_file.unlink()


def _kill(process: asyncio.subprocess.Process) -> None:
    if process.returncode is None:
        process.kill()


def _die_with_parent() -> None:
    """Runs in the child: Linux ends it when this process is killed. Elsewhere pid files help."""
    if LIBC:
        LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def _command_of(pid: int) -> str:
    """The command line of a process, '' where there is none or nobody can tell."""
    place = Path(f"/proc/{pid}/cmdline")
    if place.parent.parent.joinpath("self").exists():
        try:
            return place.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            return ""
    if not shutil.which("ps"):
        return ""
    done = subprocess.run(
        ["ps", "-o", "command=", "-p", str(pid)], capture_output=True, text=True, check=False
    )
    return done.stdout
