"""Production's settings as they are, with a folder of its own for files, and a talkative log."""

import os
from pathlib import Path

from gtsite.logs import json_logging
from gtsite.settings.production import *  # noqa: F403
from gtsite.settings.production import GT_LOCAL_REGION

STATIC_ROOT = Path(os.environ["STATIC_ROOT"])
LOGGING = json_logging(GT_LOCAL_REGION, level="DEBUG")
