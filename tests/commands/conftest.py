"""Commands as a shell sees them: what is printed where, and the exit code."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from django.core.management import ManagementUtility


@dataclass(frozen=True, slots=True, kw_only=True)
class Ran:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


@pytest.fixture
def manage(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Ran]:
    """Runs `manage.py …` in this process, by the way a command line goes."""

    def run(*arguments: object) -> Ran:
        argv = ["manage.py", *map(str, arguments)]
        monkeypatch.setattr("sys.argv", argv)
        try:
            ManagementUtility(argv).execute()
        except SystemExit as ended:
            code = ended.code if isinstance(ended.code, int) else 1
        else:
            code = 0
        shown = capsys.readouterr()
        return Ran(code=code, out=shown.out, err=shown.err)

    return run
