"""The site as it runs on AWS: gunicorn, production's settings, three real engines behind it.

What a load balancer does for it, a caller does by itself: it says that the visitor came by TLS.
"""

import http.client
import os
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from email.message import Message
from http.cookies import SimpleCookie
from pathlib import Path
from urllib.parse import urlencode

from tests.support.engines import ThreeRegions, free_port
from tests.support.sandbox import HOST, PROJECT, wait_until

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

    def get(self, path: str, headers: Mapping[str, str] = BY_TLS) -> Answer:
        return self._ask("GET", path, headers)

    def _ask(
        self, method: str, path: str, headers: Mapping[str, str], body: str | None = None
    ) -> Answer:
        connection = http.client.HTTPConnection(HOST, self.port, timeout=20)
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
        with socket.create_connection((HOST, self.port), timeout=10) as connection:
            connection.sendall(raw)
            connection.shutdown(socket.SHUT_WR)
            received = b""
            while part := connection.recv(65536):
                received += part
        return received


@contextmanager
def running_production(regions: ThreeRegions, folder: Path) -> Iterator[Production]:
    """For as long as the block; the index is built from what the regions hold when it starts."""
    environment = _environment(regions, folder)
    _run(environment, "manage.py", "collectstatic", "--no-input", "--verbosity", "0")
    site = Production(port=free_port(), log=folder / "gunicorn.log")
    with site.log.open("w") as log:
        process = subprocess.Popen(
            [
                *(sys.executable, "-m", "gunicorn", "gtsite.wsgi:application"),
                *("--bind", f"{HOST}:{site.port}", "--worker-class", "gthread", "--threads", "8"),
                "--no-control-socket",
            ],
            cwd=PROJECT,
            env=environment,
            stdout=log,
            stderr=log,
        )
    try:
        wait_until(lambda: process.poll() is not None or _ready(site), "gunicorn")
        assert process.poll() is None, site.log.read_text()
        yield site
    finally:
        process.terminate()
        process.wait(30)


def _environment(regions: ThreeRegions, folder: Path) -> dict[str, str]:
    return {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(PROJECT),
        "AWS_ACCESS_KEY_ID": "sandbox",
        "AWS_SECRET_ACCESS_KEY": "sandbox",
        "DJANGO_SETTINGS_MODULE": "tests.support.production_settings",
        "STATIC_ROOT": str(folder / "assets"),
        "SECRET_KEY": SECRET_KEY,
        "ALLOWED_HOSTS": HOST_NAME,
        "AWS_REGION": regions.names[0],
        "GT_REGIONS": ",".join(regions.names),
        "GT_ENDPOINTS": ",".join(f"{name}={url}" for name, url in regions.endpoints.items()),
    }


def _run(environment: Mapping[str, str], *command: str) -> None:
    subprocess.run([sys.executable, *command], cwd=PROJECT, env=environment, check=True)


def _ready(site: Production) -> bool:
    try:
        return site.get("/healthz/ready").status == http.client.OK
    except (OSError, http.client.HTTPException):
        return False
