#!/usr/bin/env python
"""Meridian's commands: `python manage.py help` lists them."""

import os
import sys


def main() -> None:
    _open_what_is_closed()
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "gtsite.settings.local")
    if sys.argv[1:2] == ["deploy"]:
        os.environ.setdefault("GT_ENDPOINTS", "")  # AWS itself, not the sandbox
    try:
        from django.core.exceptions import ImproperlyConfigured  # noqa: PLC0415
        from django.core.management import execute_from_command_line  # noqa: PLC0415
    except ModuleNotFoundError as error:
        sys.stderr.write(
            f"manage.py: {error.name} is not installed for {sys.executable}: "
            "run `make run` once, or `pip install -r requirements.txt`.\n"
        )
        sys.exit(1)
    try:
        execute_from_command_line(sys.argv)
    except ImproperlyConfigured as error:
        if "--traceback" in sys.argv:
            raise
        sys.stderr.write(f"manage.py: {error}\n")
        sys.exit(2)


def _open_what_is_closed() -> None:
    """Python has None for a stream that the shell has closed; a command writes to nowhere then."""
    for name in ("stdin", "stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, "r+"))  # noqa: PTH123, SIM115 - it stays open


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(130)
