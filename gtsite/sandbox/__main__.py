"""`python -m gtsite.sandbox`: run a sandbox until it is interrupted."""

import argparse
import asyncio
import contextlib
import logging
import os
import resource
import signal
import sqlite3
import sys
from pathlib import Path
from typing import NoReturn

from gtsite.sandbox.config import DEFAULT_REGIONS, SandboxConfig
from gtsite.sandbox.endpoints.control import JITTER, MAX_LAG_MS, Control
from gtsite.sandbox.endpoints.listeners import HOST, Listeners, PortTaken
from gtsite.sandbox.ledger.ledger import LedgerOutdated
from gtsite.sandbox.sandbox import AlreadyRunning, Sandbox, only_one
from gtsite.sandbox.storage.engines import EngineMissing
from gtsite.sandbox.storage.processes import EngineFailed, EngineGone
from gtsite.sandbox.wire import REGIONS

MAX_PACE_SECONDS = 600
STRICT = "SANDBOX_STRICT"
LEAST_PATIENCE_SECONDS = 0.1
OPEN_FILES = 8192
"""As many callers may hold a connection; many systems allow a process 256 or 1024."""


def main(arguments: list[str] | None = None) -> int:
    """Exit code 0 when interrupted, 1 if it could not start, 2 for arguments that make no sense."""
    logging.basicConfig(level=logging.INFO, format="%(levelname)-7s %(name)s: %(message)s")
    config = _config(arguments)
    _allow_many_connections()
    try:
        with only_one(config.folder):
            asyncio.run(_run(config))
    except (AlreadyRunning, EngineMissing, EngineFailed, LedgerOutdated, PortTaken) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    except EngineGone as error:
        sys.stderr.write(f"The engine of {error} ended while the sandbox started: try again.\n")
        return 1
    except (OSError, sqlite3.Error) as error:
        sys.stderr.write(f"The sandbox cannot keep its data in {config.folder}: {error}.\n")
        return 1
    return 0


async def _run(config: SandboxConfig) -> None:
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stopped.set)
    sandbox = Sandbox(config)
    listeners = Listeners(sandbox)
    control = Control(sandbox, listeners)
    async with contextlib.AsyncExitStack() as stack:
        stack.push_async_callback(sandbox.stop)
        await sandbox.start()
        stack.push_async_callback(listeners.stop)
        await listeners.start()
        stack.push_async_callback(control.stop)
        await control.start()
        sys.stdout.write(_greeting(sandbox))
        sys.stdout.flush()
        await stopped.wait()


def _allow_many_connections() -> None:
    allowed, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = OPEN_FILES if most == resource.RLIM_INFINITY else min(OPEN_FILES, most)
    if allowed != resource.RLIM_INFINITY and allowed < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, most))


def _greeting(sandbox: Sandbox) -> str:
    config = sandbox.config
    kept = f"kept in {config.folder}" if config.folder and sandbox.engine.durable else "in memory"
    lines = [
        f"Sandbox ready: {sandbox.engine.name}, items {kept}.",
        f"  any region     http://{HOST}:{config.port}",
        *(
            f"  {region:<14} http://{HOST}:{config.region_port(region)}"
            for region in config.regions
        ),
        f"  control        http://{HOST}:{config.control_port}",
    ]
    return "\n".join(lines) + "\n"


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{message}; --help tells more.\n")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="python -m gtsite.sandbox",
        description="A stand-in for DynamoDB global tables on this machine, until Ctrl-C.",
        epilog="Point AWS_ENDPOINT_URL at the shared endpoint, with any credentials; see "
        "docs/sandbox.md for the control API, which turns faults while it runs.",
    )
    add = parser.add_argument
    add(
        "--regions",
        type=_regions,
        default=DEFAULT_REGIONS,
        metavar="A,B,…",
        help="regions with a port of their own (us-west-2,eu-west-1,us-east-2)",
    )
    add("--port", type=int, default=8100, help="the shared endpoint's (8100); regions follow it")
    add("--dir", type=Path, help="where data is kept; without it, in memory")
    add("--engine", choices=("dynoxide", "moto"), help="what stores items: the best one found")
    add("--lag", type=int, default=1000, metavar="MS", help="replication lag (1000)")
    add("--jitter", type=int, metavar="MS", help="give or take; a tenth of the lag")
    add(
        "--wan", action="store_true", help="callers that name their region get the round trip to it"
    )
    add(
        "--strict",
        action="store_true",
        default=os.environ.get(STRICT) == "1",
        help=f"refuse what AWS takes no longer, as {STRICT}=1 does",
    )
    add(
        "--pace",
        type=float,
        default=0.4,
        metavar="SECONDS",
        help="one step of a replica's life (0.4)",
    )
    add(
        "--patience",
        type=float,
        default=20.0,
        metavar="SECONDS",
        help="how long a caller may take over a request (20)",
    )
    return parser


def _config(arguments: list[str] | None) -> SandboxConfig:
    parser = _parser()
    told = parser.parse_args(arguments)
    jitter = told.lag // JITTER if told.jitter is None else told.jitter
    if not 1025 <= told.port <= 65000:
        parser.error("--port is 1025 to 65000")
    if not 0 <= told.lag <= MAX_LAG_MS or not 0 <= jitter <= MAX_LAG_MS:
        parser.error(f"--lag and --jitter are 0 to {MAX_LAG_MS} ms")
    if not 0 <= told.pace <= MAX_PACE_SECONDS:
        parser.error(f"--pace is 0 to {MAX_PACE_SECONDS} s")
    if not LEAST_PATIENCE_SECONDS <= told.patience <= MAX_PACE_SECONDS:
        parser.error(f"--patience is {LEAST_PATIENCE_SECONDS} to {MAX_PACE_SECONDS} s")
    if os.environ.get(STRICT, "") not in ("", "0", "1"):
        parser.error(f"{STRICT} is 1 or 0")
    return SandboxConfig(
        regions=told.regions,
        port=told.port,
        folder=told.dir,
        engine=told.engine,
        lag_ms=told.lag,
        jitter_ms=jitter,
        pace_seconds=told.pace,
        patience_seconds=told.patience,
        wan=told.wan,
        strict=told.strict,
    )


def _regions(text: str) -> tuple[str, ...]:
    names = tuple(name.strip() for name in text.split(",") if name.strip())
    if not names or len(set(names)) != len(names):
        raise argparse.ArgumentTypeError("write region names, each once")
    if wrong := [name for name in names if name not in REGIONS]:
        raise argparse.ArgumentTypeError(f"{', '.join(wrong)}: no such region")
    return names


if __name__ == "__main__":
    sys.exit(main())
