"""Production's settings as they are, with a folder of its own for files, and a talkative log."""

import os
from pathlib import Path

from gtsite.settings.production import *  # noqa: F403
from gtsite.settings.production import LOGGING

STATIC_ROOT = Path(os.environ["STATIC_ROOT"])
LOGGING = {**LOGGING, "root": {"handlers": ["stderr"], "level": "DEBUG"}}
