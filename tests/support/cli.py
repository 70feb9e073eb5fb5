"""The AWS CLI as a reader of a document would type it, but for where AWS is."""

import os
import re
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from tests.support.sandbox import BOUND_SECONDS, PROJECT, RunningSandbox

SEEDS = PROJECT.parent / "shared" / "seeds"
CALL = re.compile(r"\baws (?:sts|dynamodb|configure)\b")
FENCED = re.compile(r"```(?:bash|sh)?(?P<code>.*?)```", re.DOTALL)


def text_of(document: str) -> str:
    """A source document by its number; the test is skipped where they do not lie beside us."""
    if not SEEDS.exists():
        pytest.skip("The source documents do not lie beside this checkout.")
    (found,) = SEEDS.glob(f"{document}_*.txt")
    return found.read_text()


def commands_of(document: str) -> list[str]:
    """A source document's commands for the AWS CLI, in its order, as they are written there."""
    blocks = [
        textwrap.dedent(found["code"]).strip() for found in FENCED.finditer(text_of(document))
    ]
    return [block for block in blocks if CALL.search(block)]


def bash(
    sandbox: RunningSandbox, command: str, *, region: str, typed: str = ""
) -> subprocess.CompletedProcess[str]:
    """Run shell commands against the shared endpoint; `region` is the configured default."""
    ours = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    environment = {
        **ours,
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "HOME": str(sandbox.folder),
        "AWS_ENDPOINT_URL": sandbox.endpoint,
        "AWS_ACCESS_KEY_ID": "sandbox",
        "AWS_SECRET_ACCESS_KEY": "sandbox",
        "AWS_DEFAULT_REGION": region,
        "AWS_PAGER": "",
        "AWS_MAX_ATTEMPTS": "1",
    }
    return subprocess.run(
        ["bash", "-c", command],
        input=typed,
        env=environment,
        capture_output=True,
        text=True,
        timeout=2 * BOUND_SECONDS,
        check=False,
    )
