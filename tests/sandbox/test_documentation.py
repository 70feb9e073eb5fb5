"""What docs/sandbox.md shows in Python is tried as it is written, and what it names exists."""

import os
import re
import subprocess
import sys
from pathlib import Path

from tests.support.sandbox import HOST, PROJECT, free_ports

PAGE = (PROJECT / "docs" / "sandbox.md").read_text()
BLOCK = re.compile(r"^```(?P<language>\w+)\n(?P<code>.*?)^```$", re.MULTILINE | re.DOTALL)

TEST = """
from urllib.request import urlopen


def test_the_shared_endpoint_answers(sandbox: str) -> None:
    assert urlopen(sandbox + "/").read().startswith(b"healthy")
"""


def blocks(language: str) -> list[str]:
    """The page's blocks of code in one language, in order."""
    return [found["code"] for found in BLOCK.finditer(PAGE) if found["language"] == language]


def test_the_fixture_starts_a_sandbox_and_ends_it(tmp_path: Path) -> None:
    (fixture,) = [each for each in blocks("python") if "@pytest.fixture" in each]
    port = free_ports(2)
    fixture = fixture.replace("8200", str(port)).replace("/path/to/this/repository", str(PROJECT))
    (tmp_path / "conftest.py").write_text(fixture)
    (tmp_path / "test_it.py").write_text(TEST)
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "--rootdir", tmp_path, tmp_path],
        cwd=tmp_path,
        env={name: value for name, value in os.environ.items() if not name.startswith("DJANGO")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert "1 passed" in done.stdout, done.stdout + done.stderr


def test_the_python_client_is_one_that_boto3_takes() -> None:
    (code,) = [each for each in blocks("python") if "boto3.client(" in each]
    made: dict[str, object] = {}
    exec(compile(code, "docs/sandbox.md", "exec"), made)  # noqa: S102
    assert made["ireland"].meta.endpoint_url == f"http://{HOST}:8102"  # type: ignore[attr-defined]


def test_every_option_the_page_names_exists() -> None:
    told = subprocess.run(
        [sys.executable, "-m", "gtsite.sandbox", "--help"],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=True,
    )
    options = set(re.findall(r"--[a-z]+", told.stdout))
    section = PAGE[PAGE.index("`python -m gtsite.sandbox --help`") :]
    named = set(re.findall(r"`(--[a-z]+)", section[: section.index("\n\n")]))
    assert len(named) > 5
    assert named <= options


def test_the_page_names_every_path_of_the_control_api() -> None:
    named = set(re.findall(r"`(?:GET |POST )?/([a-z]+)", PAGE))
    control = (PROJECT / "gtsite" / "sandbox" / "endpoints" / "control.py").read_text()
    answered = set(re.findall(r'^ {12}"([a-z]+)": self\._', control, re.MULTILINE))
    assert len(answered) > 10
    assert answered <= named
