"""The site as it runs on AWS: gunicorn, production's settings, three real engines behind it.

It starts from the Procfile's own line. What a load balancer does for it, a caller does by itself:
it says that the visitor came by TLS.
"""

import http.client
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from email.message import Message
from http.cookies import SimpleCookie
from pathlib import Path
from urllib.parse import urlencode

from tests.support.engines import ThreeRegions, free_port
from tests.support.sandbox import BOUND_SECONDS, HOST, PROJECT, wait_until

PROGRAMS = Path(sys.executable).parent
HOST_NAME = "meridian.example"
SECRET_KEY = "not-a-secret-" + "0123456789abcdefghijklmnopqrstuvwxyz" * 2
BY_TLS = {"Host": HOST_NAME, "X-Forwarded-Proto": "https"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What came over the wire."""

    status: int
    headers: Message
    body: bytes

    @property
    def cookies(self) -> dict[str, str]:
        """What is set, by name."""
        found = SimpleCookie()
        for line in self.headers.get_all("Set-Cookie") or []:
            found.load(line)
        return {name: morsel.value for name, morsel in found.items()}


@dataclass(frozen=True, slots=True, kw_only=True)
class Production:
    """One gunicorn on one port. `log` is all that it says."""

    port: int
    log: Path
    process: subprocess.Popen[bytes]

    def ask_to_stop(self) -> None:
        """As Elastic Beanstalk does: SIGTERM to all its processes."""
        self._signal(signal.SIGTERM)

    def stop(self) -> int:
        """The exit code."""
        self.ask_to_stop()
        return self.process.wait(90)

    def kill(self) -> None:
        """SIGKILL to all its processes: from now on connections are refused."""
        self._signal(signal.SIGKILL)
        self.process.wait(30)

    def _signal(self, number: signal.Signals) -> None:
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, number)

    def get(self, path: str, headers: Mapping[str, str] = BY_TLS) -> Answer:
        return self._ask("GET", path, headers)

    def _ask(
        self, method: str, path: str, headers: Mapping[str, str], body: str | None = None
    ) -> Answer:
        connection = http.client.HTTPConnection(HOST, self.port, timeout=BOUND_SECONDS)
        connection.request(method, path, body, dict(headers))
        response = connection.getresponse()
        answer = Answer(status=response.status, headers=response.headers, body=response.read())
        connection.close()
        return answer

    def post(self, path: str, form: Mapping[str, str], cookies: Mapping[str, str]) -> Answer:
        """A form as a browser sends it, with its token, from a page of this very site."""
        token = cookies.get("__Host-csrf", "")
        jar = "; ".join(f"{name}={value}" for name, value in cookies.items())
        return self._ask(
            "POST",
            path,
            {
                **BY_TLS,
                "Origin": f"https://{HOST_NAME}",
                "Cookie": jar,
                "Content-Type": "application/x-www-form-urlencoded",
            },
            urlencode({**form, "csrfmiddlewaretoken": token}),
        )

    def send(self, raw: bytes) -> bytes:
        """What comes back for bytes that need not be HTTP, until the site hangs up."""
        with socket.create_connection((HOST, self.port), timeout=BOUND_SECONDS) as connection:
            connection.sendall(raw)
            connection.shutdown(socket.SHUT_WR)
            received = b""
            while part := connection.recv(65536):
                received += part
        return received


@contextmanager
def running_production(regions: ThreeRegions, folder: Path) -> Iterator[Production]:
    """For as long as the block; the index is built from what the regions hold when it starts."""
    variables = environment(regions.endpoints, folder / "assets")
    collect_static(variables)
    with serving(variables, folder / "gunicorn.log") as site:
        yield site


@contextmanager
def serving(
    variables: Mapping[str, str],
    log: Path,
    *,
    project: Path = PROJECT,
    programs: Path = PROGRAMS,
) -> Iterator[Production]:
    """The Procfile's own line, run in `project` as Elastic Beanstalk runs it."""
    site = started(variables, log, project=project, programs=programs)
    try:
        wait_until(lambda: site.process.poll() is not None or _ready(site), "gunicorn")
        assert site.process.poll() is None, site.log.read_text()
        yield site
    finally:
        site.stop()


def started(
    variables: Mapping[str, str],
    log: Path,
    *,
    port: int | None = None,
    project: Path = PROJECT,
    programs: Path = PROGRAMS,
) -> Production:
    """Like `serving`, without waiting for it to answer, and for the caller to stop."""
    port = port or free_port()
    with log.open("a") as said:
        process = subprocess.Popen(
            ["bash", "-c", command_line(project)],  # what `sh` is on Amazon Linux
            cwd=project,
            env={"PATH": f"{programs}:{os.environ['PATH']}", **variables, "PORT": str(port)},
            stdout=said,
            stderr=said,
            start_new_session=True,
        )
    return Production(port=port, log=log, process=process)


def command_line(project: Path) -> str:
    """What the Procfile has for `web`."""
    name, _, command = (project / "Procfile").read_text().partition(":")
    assert name == "web", name
    return command.strip()


def environment(endpoints: Mapping[str, str], assets: Path, region: str = "") -> dict[str, str]:
    """One region's variables for a site that talks much; the first region's, if none is named."""
    return {
        "AWS_ACCESS_KEY_ID": "sandbox",
        "AWS_SECRET_ACCESS_KEY": "sandbox",
        "DJANGO_SETTINGS_MODULE": "tests.support.production_settings",
        "STATIC_ROOT": str(assets),
        "SECRET_KEY": SECRET_KEY,
        "ALLOWED_HOSTS": HOST_NAME,
        "AWS_REGION": region or next(iter(endpoints)),
        "GT_REGIONS": ",".join(endpoints),
        "GT_ENDPOINTS": ",".join(f"{name}={url}" for name, url in endpoints.items()),
        "WEB_CONCURRENCY": "1",
    }


def collect_static(variables: Mapping[str, str]) -> None:
    """Into the folder that the variables name."""
    subprocess.run(
        [sys.executable, "manage.py", "collectstatic", "--no-input", "--verbosity", "0"],
        cwd=PROJECT,
        env={"PATH": os.environ["PATH"], **variables},
        check=True,
    )


def _ready(site: Production) -> bool:
    try:
        return site.get("/healthz/ready").status == http.client.OK
    except (OSError, http.client.HTTPException):
        return False
