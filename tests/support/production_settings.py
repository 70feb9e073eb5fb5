"""Production's settings as they are, with a folder of its own for files, and a talkative log.

And with patience: production gives a region less than a second, which a busy machine takes from a
healthy one now and then.
"""

import os
from pathlib import Path

from gtsite.dynamodb.clients import Clients
from gtsite.dynamodb.router import Router
from gtsite.logs import json_logging
from gtsite.settings.production import *  # noqa: F403
from gtsite.settings.production import GT_LOCAL_REGION

STATIC_ROOT = Path(os.environ["STATIC_ROOT"])
LOGGING = json_logging(GT_LOCAL_REGION, level="DEBUG")

vars(Clients)["__init__"].__kwdefaults__.update(connect_seconds=20.0, read_seconds=20.0)
vars(Router)["__init__"].__kwdefaults__.update(deadline_seconds=120.0)
