"""Child processes that a command starts, watches, starts again and, whatever happens, ends."""

import contextlib
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType

STOP_SECONDS = 10.0
QUICK_SECONDS = 3.0
QUICK_ENDS = 3


class ChildGaveUp(Exception):
    """A child ended again and again as soon as it was started."""


class Stopped(BaseException):
    """Somebody asked the command to stop: Ctrl-C, a closed terminal, `kill`."""


@dataclass(slots=True, kw_only=True)
class Child:
    """One long-running process. `folder` holds its log, and its pid while it runs."""

    name: str
    command: Sequence[str]
    environment: Mapping[str, str]
    folder: Path
    process: subprocess.Popen[bytes] | None = None
    started_at: float = 0.0
    quick_ends: int = 0
    log: Path = field(init=False)

    def __post_init__(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        self.log = self.folder / f"{self.name}.log"

    def start(self) -> None:
        """Start it in a session of its own, so that Ctrl-C reaches the parent only."""
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                self.command,
                env={**os.environ, **self.environment},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self.started_at = time.monotonic()
        self._pid_file.write_text(f"{self.process.pid}")

    @property
    def ended(self) -> bool:
        return self.process is not None and self.process.poll() is not None

    def start_again(self) -> None:
        """After an end nobody asked for; `ChildGaveUp` if it never stays up."""
        quick = time.monotonic() - self.started_at < QUICK_SECONDS
        self.quick_ends = self.quick_ends + 1 if quick else 0
        if self.quick_ends >= QUICK_ENDS:
            raise ChildGaveUp(f"{self.name} ends as soon as it starts: {self.log} says why.")
        self.start()

    def end(self) -> None:
        """Ask it to stop, wait, and insist after ten seconds."""
        if self.process is not None and not self.ended:
            self.process.terminate()
            try:
                self.process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self._pid_file.unlink(missing_ok=True)

    def end_orphan(self) -> None:
        """End what a killed parent left running; a pid that is another program's now is left be."""
        if not self._pid_file.exists():
            return
        text = self._pid_file.read_text().strip()
        if text.isdecimal() and _runs(int(text), self.command):
            with contextlib.suppress(ProcessLookupError):
                os.kill(int(text), signal.SIGTERM)
            _wait_until(lambda: not _runs(int(text), self.command), STOP_SECONDS)
        self._pid_file.unlink(missing_ok=True)

    @property
    def _pid_file(self) -> Path:
        return self.folder / f"{self.name}.pid"


@contextlib.contextmanager
def ended_together(children: Sequence[Child]) -> Iterator[None]:
    """End every child that was started, last one first, when the block is left in any way.

    Inside, SIGINT, SIGTERM and SIGHUP raise `Stopped`; while children are ended they are ignored.
    """
    before = {number: signal.signal(number, _stop) for number in _signals()}
    try:
        for child in children:
            child.end_orphan()
        yield
    finally:
        for number in before:
            signal.signal(number, signal.SIG_IGN)
        for child in reversed(children):
            child.end()
        for number, handler in before.items():
            signal.signal(number, handler)


def watch(children: Sequence[Child], say: Callable[[str], None], pause: float = 0.5) -> None:
    """Start again whatever ends, for ever; `ChildGaveUp` where that does not help."""
    while True:
        time.sleep(pause)
        for child in children:
            if child.ended:
                say(f"{child.name} ended ({_how(child)}); starting it again.")
                child.start_again()


def _signals() -> list[signal.Signals]:
    names = ("SIGINT", "SIGTERM", "SIGHUP")
    return [getattr(signal, name) for name in names if hasattr(signal, name)]


def _stop(_number: int, _frame: FrameType | None) -> None:
    raise Stopped


def _how(child: Child) -> str:
    code = child.process.returncode if child.process else 0
    return signal.Signals(-code).name if code < 0 else f"exit code {code}"


def _runs(pid: int, command: Sequence[str]) -> bool:
    """Whether this pid runs with this very command line; where there is no `ps`, nobody knows."""
    if shutil.which("ps") is None:
        return False
    done = subprocess.run(
        ["ps", "-ww", "-o", "args=", "-p", str(pid)], capture_output=True, text=True, check=False
    )
    return all(part in done.stdout for part in command[1:]) if done.stdout.strip() else False


def _wait_until(condition: Callable[[], bool], seconds: float) -> None:
    end = time.monotonic() + seconds
    while not condition() and time.monotonic() < end:
        time.sleep(0.05)
