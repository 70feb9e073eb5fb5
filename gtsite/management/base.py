"""How the site's commands speak: data on stdout, progress on stderr, one sentence on failure.

Exit codes: 0 done, 1 failed, 2 usage, 3 partly done, 130 stopped by Ctrl-C.
"""

import json
import logging
import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.management.base import BaseCommand, CommandError, CommandParser

from gtsite.dynamodb.errors import (
    DataError,
    NoRegionAvailable,
    RegionUnavailable,
    UnknownRegion,
    UnknownTable,
)

FAILED = 1
USAGE = 2
PARTLY_DONE = 3
STOPPED = 130


class UsageError(CommandError):
    """The command was called in a way that makes no sense; exits 2."""

    def __init__(self, sentence: str) -> None:
        super().__init__(sentence, returncode=USAGE)


class PartlyDone(CommandError):
    """Some of the work is done and some is not; exits 3. The sentence says what to do next."""

    def __init__(self, sentence: str) -> None:
        super().__init__(sentence, returncode=PARTLY_DONE)


class SiteCommand(BaseCommand):
    """The base of every command.

    `handle` parses, calls one function, and reports with `answer` (stdout) and `say` (stderr). It
    raises `CommandError`, `UsageError` or `PartlyDone` with one sentence: what, where, what to do
    next. `DataError`, an unknown region or table, and bad settings become such sentences by
    themselves. Only `--traceback` shows where an error comes from.
    """

    requires_system_checks = ()
    _called_from_command_line = False
    _json = False

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--json", action="store_true", help="print the result as JSON")

    def answer(self, data: object, lines: Iterable[str]) -> None:
        """The result on stdout: `data` as one JSON document with `--json`, else the lines."""
        if self._json:
            self.stdout.write(json.dumps(data, ensure_ascii=False, indent=2, default=str))
        else:
            self.stdout.writelines(f"{line}\n" for line in lines)

    def say(self, line: str) -> None:
        """One line of progress on stderr."""
        self.stderr.write(line, style_func=str)

    def execute(self, *args: Any, **options: Any) -> str | None:
        """Runs `handle`; from the command line, failures become a sentence and an exit code."""
        self._json = bool(options.get("json"))
        try:
            with _without_warnings():
                return self._told(*args, **options)
        except CommandError as error:
            if not self._called_from_command_line or options.get("traceback"):
                raise
            self.stderr.write(f"{self._name}: {error}", style_func=self.style.ERROR)
            sys.exit(error.returncode)
        except KeyboardInterrupt:
            if not self._called_from_command_line:
                raise
            self.say("Stopped.")
            sys.exit(STOPPED)
        except BrokenPipeError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            sys.exit(FAILED)

    @property
    def _name(self) -> str:
        return type(self).__module__.rpartition(".")[2]

    def _told(self, *args: Any, **options: Any) -> str | None:
        """`handle`, with what the layers below say turned into command errors."""
        try:
            return super().execute(*args, **options)
        except (UnknownRegion, UnknownTable) as error:
            raise UsageError(str(error)) from error
        except (RegionUnavailable, NoRegionAvailable) as error:
            raise CommandError(f"{error} {_advice()}") from error
        except (DataError, ImproperlyConfigured) as error:
            raise CommandError(str(error)) from error


@contextmanager
def _without_warnings() -> Iterator[None]:
    """What goes wrong with a region a command says itself, in its own sentence."""
    log = logging.getLogger("gtsite.dynamodb")
    before = log.level
    log.setLevel(logging.ERROR)
    try:
        yield
    finally:
        log.setLevel(before)


def _advice() -> str:
    """What to do when a region is away."""
    if settings.SANDBOX_CONTROL_URL:
        return "Start the sandbox (manage.py demo, or manage.py sandbox run), or heal the region."
    return "Check the network and GT_ENDPOINTS, or choose another region."
