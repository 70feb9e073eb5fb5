"""One region's site in front of a sandbox of any size: lighter than the demo, and as real."""

import http.client
import os
import signal
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from types import TracebackType
from typing import Self

from gtsite.dynamodb.tables import GLOBAL_SERVERLESS
from tests.support.sandbox import (
    BOUND_SECONDS,
    HOST,
    PROJECT,
    RunningSandbox,
    end_process,
    free_ports,
    wait_until,
)

ITEM = {"PK": {"S": "user100"}, "SK": {"S": "AshlandValley"}, "Bookmark": {"N": "0"}}


class LoneSite:
    """The site of a sandbox's first region, with the lab's item at 0 in every region."""

    def __init__(self, sandbox: RunningSandbox) -> None:
        self.sandbox = sandbox
        self._port = free_ports(1)
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Without a slash at the end."""
        return f"http://{HOST}:{self._port}"

    def __enter__(self) -> Self:
        self._stock()
        self._run("manage.py", "collectstatic", "--no-input", "--verbosity", "0").wait(
            2 * BOUND_SECONDS
        )
        bind = f"{HOST}:{self._port}"
        self._process = self._run(
            *("-m", "gunicorn", "gtsite.wsgi:application", "--bind", bind),
            *("--worker-class", "gthread", "--threads", "16", "--no-control-socket"),
        )
        wait_until(self._answers, "the site")
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._process:
            end_process(self._process, signal.SIGTERM)

    def _stock(self) -> None:
        table = GLOBAL_SERVERLESS.name
        self.sandbox.create_table(table, sort_key=True)
        self.sandbox.client(self.sandbox.regions[0]).put_item(TableName=table, Item=ITEM)
        self.sandbox.drain()

    def _run(self, *arguments: str) -> subprocess.Popen[bytes]:
        with (self.sandbox.folder / "site.log").open("ab") as log:
            return subprocess.Popen(
                [sys.executable, *arguments],
                cwd=PROJECT,
                env=self._environment(),
                stdout=log,
                stderr=log,
            )

    def _environment(self) -> dict[str, str]:
        folder = self.sandbox.folder / "site"
        folder.mkdir(exist_ok=True)
        return {
            **{name: value for name, value in os.environ.items() if not name.startswith("GT_")},
            "DJANGO_SETTINGS_MODULE": "gtsite.settings.local",
            "GT_REGIONS": ",".join(self.sandbox.regions),
            "AWS_REGION": self.sandbox.regions[0],
            "SANDBOX_PORT": str(self.sandbox.port),
            "SANDBOX_DIR": str(folder),
        }

    def _answers(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, Path(self.sandbox.folder / "site.log").read_text()
        try:
            with closing(http.client.HTTPConnection(HOST, self._port, timeout=10)) as connection:
                connection.request("GET", "/healthz/live")
                return connection.getresponse().status == http.client.OK
        except (OSError, http.client.HTTPException):
            return False
