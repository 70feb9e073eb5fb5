"""What gunicorn runs: one process of one region's site."""

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "gtsite.settings.local")

application = get_wsgi_application()

from catalog.services import catalogue  # noqa: E402

catalogue().warm()
