#!/usr/bin/env python
"""Meridian's commands: `python manage.py help` lists them."""

import os
import sys


def main() -> None:
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
    except KeyboardInterrupt:
        sys.exit(130)
    except ImproperlyConfigured as error:
        if "--traceback" in sys.argv:
            raise
        sys.stderr.write(f"manage.py: {error}\n")
        sys.exit(2)


if __name__ == "__main__":
    main()
