"""Which program stores a region's items: dynoxide where its binary is found, moto otherwise.

An engine is reached only through the public DynamoDB API, so any other one can be put in its place.
"""

import platform
import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

EngineName = Literal["dynoxide", "moto"]

PROJECT = Path(__file__).resolve().parents[3]
PLATFORMS = {
    ("Linux", "x86_64"): "linux-x64",
    ("Linux", "aarch64"): "linux-arm64",
    ("Darwin", "arm64"): "darwin-arm64",
    ("Darwin", "x86_64"): "darwin-x64",
    ("Windows", "AMD64"): "win32-x64",
}


class EngineMissing(Exception):
    """The engine asked for is not installed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Engine:
    """One kind of engine: how to start it, and whether its items outlive its process."""

    name: EngineName
    durable: bool
    program: tuple[str, ...]

    def command(self, *, port: int, file: Path | None = None) -> Sequence[str]:
        """One region's command line, on 127.0.0.1; `file` None keeps items in memory."""
        if self.name == "moto":
            return (*self.program, "-H", "127.0.0.1", "-p", str(port))
        place = () if file is None else ("--db-path", str(file))
        return (*self.program, "--host", "127.0.0.1", "--port", str(port), *place)


def find_engine(wanted: EngineName | None = None) -> Engine:
    """The engine wanted, or the best one installed; `EngineMissing` says what to do."""
    binary = None if wanted == "moto" else _dynoxide_binary()
    if binary is not None:
        return Engine(name="dynoxide", durable=True, program=(binary,))
    if wanted == "dynoxide":
        raise EngineMissing("dynoxide is not installed: run `npm install` in the project's folder.")
    return Engine(name="moto", durable=False, program=(sys.executable, "-m", "moto.server"))


def _dynoxide_binary() -> str | None:
    package = PLATFORMS.get((platform.system(), platform.machine()), "none")
    for name in ("dynoxide", "dynoxide.exe"):
        binary = PROJECT / "node_modules" / "@dynoxide" / package / name
        if binary.is_file():
            return str(binary)
    return shutil.which("dynoxide")
