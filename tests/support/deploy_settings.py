"""The operator's settings in a process of its own: the project is wherever a test has put it."""

import os
from pathlib import Path

from gtsite.settings.local import *  # noqa: F403

BASE_DIR = Path(os.environ["PROJECT_FOLDER"])
