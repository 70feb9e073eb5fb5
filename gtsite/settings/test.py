"""The test run: no region is reachable unless a test starts one."""

import secrets

from gtsite.settings.base import *  # noqa: F403
from gtsite.settings.base import GT_REGIONS, STORAGES

SECRET_KEY = secrets.token_urlsafe(48)
ALLOWED_HOSTS = ["testserver", "127.0.0.1", "localhost"]
GT_ENDPOINTS = dict.fromkeys(GT_REGIONS, "http://127.0.0.1:9")
LAB_ENABLED = True
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
STATIC_ROOT = None
STORAGES = {
    **STORAGES,
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}
