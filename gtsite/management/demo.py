"""The whole product on this machine: a sandbox, the data, and one site per region."""

import fcntl
import http.client
import socket
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from gtsite.management.processes import Child, ended_together, watch
from gtsite.sandbox.client import SandboxClient

HOST = "127.0.0.1"
START_SECONDS = 60.0
PAUSE_SECONDS = 0.1


class DemoFailed(Exception):
    """The demo cannot start here, in one sentence that says what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoPlan:
    """Where everything listens: the sandbox around `sandbox_port`, the sites from `site_port` on.

    `regions` are home first; `lag_ms` is the replication lag. With `wan`, a site that asks another
    region gets the round trip to it.
    """

    project: Path
    folder: Path
    regions: tuple[str, ...]
    sandbox_port: int
    site_port: int
    lag_ms: int
    wan: bool

    def site_url(self, region: str) -> str:
        return f"http://{HOST}:{self.site_port + self.regions.index(region)}"

    @property
    def ports(self) -> list[int]:
        first, count = self.sandbox_port - 1, len(self.regions)
        return [*range(first, first + count + 2), *range(self.site_port, self.site_port + count)]


def run_demo(
    plan: DemoPlan,
    *,
    prepare: Callable[[], object],
    provision: Callable[[], object],
    ready: Callable[[], None],
    say: Callable[[str], None],
) -> None:
    """Start everything, then watch over it until `Stopped`; every child is ended on the way out.

    `prepare` runs while the sandbox starts, `provision` when it answers, `ready` when every site
    does. Sites start when every region has the data, so that none shows half of it. Raises
    `DemoFailed`, and `ChildGaveUp` for a child that cannot stay up.
    """
    sandbox = _sandbox(plan)
    sites = [_site(plan, region) for region in plan.regions]
    children = [sandbox, *sites]
    with _the_only_one(plan.folder), ended_together(children):
        _check_ports(plan.ports)
        sandbox.start()
        prepare()
        _wait_for_port(sandbox, plan.sandbox_port - 1)
        provision()
        _wait(sandbox, lambda: _nothing_on_its_way(plan))
        for site in sites:
            site.start()
        for region, site in zip(plan.regions, sites, strict=True):
            _wait_until_ready(site, plan.site_port + plan.regions.index(region))
        ready()
        watch(children, say)


@contextmanager
def _the_only_one(folder: Path) -> Iterator[None]:
    """Holds the folder's lock: a second demo would end the first one's processes as orphans."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "demo.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise DemoFailed(
                f"A demo is running in {folder} already: stop it, or set SANDBOX_DIR, SITE_PORT "
                "and SANDBOX_PORT for another one."
            ) from error
        yield


def _sandbox(plan: DemoPlan) -> Child:
    return Child(
        name="sandbox",
        command=[
            sys.executable,
            "-m",
            "gtsite.sandbox",
            "--regions",
            ",".join(plan.regions),
            "--port",
            str(plan.sandbox_port),
            "--dir",
            str(plan.folder),
            "--lag",
            str(plan.lag_ms),
            *(["--wan"] if plan.wan else []),
        ],
        environment={"PYTHONPATH": str(plan.project)},
        folder=plan.folder / "run",
    )


def _site(plan: DemoPlan, region: str) -> Child:
    return Child(
        name=f"site-{region}",
        command=[
            sys.executable,
            "-m",
            "gunicorn",
            "gtsite.wsgi:application",
            "--bind",
            plan.site_url(region).removeprefix("http://"),
            "--worker-class",
            "gthread",
            "--threads",
            "16",
            "--timeout",
            "60",
            "--graceful-timeout",
            "3",
            "--no-control-socket",
            "--chdir",
            str(plan.project),
        ],
        environment=_site_environment(plan, region),
        folder=plan.folder / "run",
    )


def _site_environment(plan: DemoPlan, region: str) -> Mapping[str, str]:
    return {
        "DJANGO_SETTINGS_MODULE": "gtsite.settings.local",
        "AWS_REGION": region,
        "GT_REGIONS": ",".join(plan.regions),
        "SANDBOX_PORT": str(plan.sandbox_port),
        "SANDBOX_DIR": str(plan.folder),
        "SITE_PORT": str(plan.site_port),
    }


def _check_ports(ports: Sequence[int]) -> None:
    taken = [port for port in ports if not _free(port)]
    if taken:
        listed = ", ".join(map(str, taken))
        raise DemoFailed(
            f"Port {listed} is taken: stop what listens there, or set SITE_PORT and SANDBOX_PORT."
        )


def _free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True


def _wait_for_port(child: Child, port: int) -> None:
    _wait(child, lambda: _answers(port, "/", statuses=range(600)))


def _wait_until_ready(child: Child, port: int) -> None:
    """Until the site says that its own region's table answers."""
    _wait(child, lambda: _answers(port, "/healthz/ready", statuses=[200]))


def _nothing_on_its_way(plan: DemoPlan) -> bool:
    client = SandboxClient(f"http://{HOST}:{plan.sandbox_port - 1}", timeout_seconds=10)
    return client.status().backlog == 0


def _wait(child: Child, condition: Callable[[], bool]) -> None:
    end = time.monotonic() + START_SECONDS
    while not condition():
        if child.ended:
            raise DemoFailed(f"{child.name} did not start: {_last_line(child.log)}")
        if time.monotonic() > end:
            raise DemoFailed(f"{child.name} does not answer: {child.log} may say why.")
        time.sleep(PAUSE_SECONDS)


def _answers(port: int, path: str, statuses: Sequence[int]) -> bool:
    connection = http.client.HTTPConnection(HOST, port, timeout=3)
    try:
        connection.request("GET", path)
        return connection.getresponse().status in statuses
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _last_line(log: Path) -> str:
    lines = [line for line in log.read_text(errors="replace").splitlines() if line.strip()]
    return lines[-1] if lines else f"{log} is empty."
