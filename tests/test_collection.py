"""Every file of tests is collected: one that is not would be green for ever."""

import ast
import subprocess
import sys
from pathlib import Path

TESTS = Path(__file__).resolve().parent


def test_every_file_with_tests_in_it_is_collected() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "--collect-only", "-q", "-p", "no:randomly", str(TESTS)],
        capture_output=True,
        text=True,
        cwd=TESTS.parent,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    collected = {line.partition(":")[0] for line in done.stdout.splitlines() if ".py:" in line}
    written = {
        str(file.relative_to(TESTS.parent)) for file in TESTS.rglob("*.py") if _has_tests(file)
    }
    assert written - collected == set()
    assert len(written) > 10


def _has_tests(file: Path) -> bool:
    """Whether a test function is defined anywhere in it, whatever the file is called."""
    tree = ast.parse(file.read_text())
    return any(
        isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_")
        for node in ast.walk(tree)
    )
