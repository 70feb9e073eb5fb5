"""`manage.py demo` as a user runs it, on ports and in a folder of its own."""

import http.client
import os
import signal
import subprocess
import sys
from contextlib import closing
from pathlib import Path

from gtsite.sandbox.client import SandboxClient
from tests.support.sandbox import BOUND_SECONDS, HOST, PROJECT, REGIONS, free_ports, wait_until

START_SECONDS = 120.0


class RunningDemo:
    """The sandbox and one site per region. `lag_ms` is the replication lag, without jitter.

    Distance costs nothing, unless with `wan`, as a user has it.
    """

    def __init__(self, folder: Path, *, lag_ms: int, wan: bool = False) -> None:
        self.folder = folder
        self.sandbox_port = free_ports(2 * len(REGIONS))
        self.site_port = self.sandbox_port + len(REGIONS) + 1
        self._lag_ms = lag_ms
        self._wan = wan
        self._process: subprocess.Popen[str] | None = None
        self.control = SandboxClient(
            f"http://{HOST}:{self.sandbox_port - 1}", timeout_seconds=BOUND_SECONDS
        )

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def site(self, region: str) -> str:
        """The address of one region's site, without a slash at the end."""
        return f"http://{HOST}:{self.site_port + REGIONS.index(region)}"

    def start(self) -> None:
        """Returns when every site answers for its own region."""
        self.folder.mkdir(parents=True, exist_ok=True)
        log = (self.folder / "demo.log").open("w")
        self._process = subprocess.Popen(
            [
                *(sys.executable, "manage.py", "demo", "--lag", str(self._lag_ms)),
                *(() if self._wan else ("--no-wan",)),
            ],
            cwd=PROJECT,
            env=self.environment(),
            stdout=log,
            stderr=log,
            text=True,
            start_new_session=True,
        )
        log.close()
        self.wait_until_ready()
        assert self.control.status().wan is self._wan
        self.control.set_lag(lag_ms=self._lag_ms, jitter_ms=0)

    def wait_until_ready(self) -> None:
        """Until every site says that its own region's table answers, and the data is loaded."""
        for region in REGIONS:
            wait_until(lambda region=region: self._ready(region), region, START_SECONDS)  # type: ignore[misc]

    def stop(self) -> int:
        """Ctrl-C, and the exit code."""
        return self._end(signal.SIGINT)

    def kill(self) -> None:
        self._end(signal.SIGKILL)

    def settle(self) -> None:
        """Every region up, the usual lag, nothing on its way."""
        self.control.heal()
        self.control.set_lag(lag_ms=0, jitter_ms=0)
        self.drain()
        self.control.set_lag(lag_ms=self._lag_ms, jitter_ms=0)

    def wait_until_trusted(self) -> None:
        """Until every site asks every region again: after an outage that takes some seconds."""
        for region in REGIONS:
            wait_until(lambda region=region: self._trusts_all(region), region)  # type: ignore[misc]

    def drain(self) -> None:
        """Until nothing is on its way between regions."""
        wait_until(lambda: self.control.status().backlog == 0)

    def _trusts_all(self, region: str) -> bool:
        return self._get(region, "/status/")[1].count(b">(closed)<") == len(REGIONS)

    def environment(self) -> dict[str, str]:
        return {
            **{name: value for name, value in os.environ.items() if not name.startswith("GT_")},
            "DJANGO_SETTINGS_MODULE": "gtsite.settings.local",
            "SANDBOX_DIR": str(self.folder),
            "SANDBOX_PORT": str(self.sandbox_port),
            "SITE_PORT": str(self.site_port),
            "PYTHONUNBUFFERED": "1",
        }

    def output(self) -> str:
        return (self.folder / "demo.log").read_text()

    def _end(self, number: signal.Signals) -> int:
        if self._process is None:
            return 0
        if self._process.poll() is None:
            self._process.send_signal(number)
        code = self._process.wait(2 * BOUND_SECONDS)
        self._process = None
        return code

    def _ready(self, region: str) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, self.output()
        try:
            return self._get(region, "/healthz/ready")[0] == http.client.OK and self._provisioned()
        except (OSError, http.client.HTTPException):
            return False

    def _get(self, region: str, path: str) -> tuple[int, bytes]:
        """Status and body of one page of a region's site."""
        host = self.site(region).removeprefix("http://")
        with closing(http.client.HTTPConnection(host, timeout=BOUND_SECONDS)) as connection:
            connection.request("GET", path)
            response = connection.getresponse()
            return response.status, response.read()

    def _provisioned(self) -> bool:
        return "Ctrl-C" in self.output()
