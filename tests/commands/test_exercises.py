"""docs/exercises.md, typed from top to bottom as a reader would."""

import re
import shlex
import sys
from pathlib import Path

from tests.support.cli import bash
from tests.support.sandbox import PROJECT, RunningSandbox

PAGE = (PROJECT / "docs" / "exercises.md").read_text()
BLOCK = re.compile(r"^```sh\n(?P<code>.*?)^```$", re.MULTILINE | re.DOTALL)
LAG_MS = 100


def test_every_command_of_the_exercises_succeeds(tmp_path: Path) -> None:
    """In their order, on a sandbox of their own; only addresses are other ones, and waiting, as
    the lag is a tenth of what the page goes by."""
    typed = "\n".join(found["code"] for found in BLOCK.finditer(PAGE))
    with RunningSandbox(tmp_path, lag_ms=LAG_MS) as sandbox:
        done = bash(sandbox, _script(typed, sandbox), region="us-west-2")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    assert "flights is gone from us-east-2, eu-west-1" in done.stdout


def _script(typed: str, sandbox: RunningSandbox) -> str:
    here = typed.replace(".venv/bin/python", sys.executable)
    here = here.replace("http://127.0.0.1:8100", sandbox.endpoint)
    here = here.replace("sleep 4", "sleep 1").replace("--gap 3000", "--gap 500")
    here = re.sub(r"sleep [23]\b", "sleep 0.3", here)
    settings = {
        "DJANGO_SETTINGS_MODULE": "gtsite.settings.local",
        "SANDBOX_PORT": str(sandbox.port),
        "SANDBOX_DIR": str(sandbox.folder),
    }
    exports = " ".join(f"{name}={shlex.quote(value)}" for name, value in settings.items())
    return f"set -e\ncd {shlex.quote(str(PROJECT))}\nexport {exports}\n{here}"
