"""What gunicorn runs: one process of one region's site."""

import logging
import os
import threading

import django
from django.core.handlers.wsgi import WSGIHandler

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "gtsite.settings.local")
django.setup(set_prefix=False)

from catalog.services import catalogue  # noqa: E402
from gtsite.http import Utf8Request  # noqa: E402
from gtsite.logs import log_uncaught  # noqa: E402
from gtsite.storage import check_collected  # noqa: E402


class Site(WSGIHandler):
    request_class = Utf8Request


application = Site()
threading.excepthook = log_uncaught
logging.captureWarnings(capture=True)

check_collected()
catalogue().warm()
