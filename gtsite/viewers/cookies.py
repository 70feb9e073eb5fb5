"""Sessions in signed cookies; while the site's key changes, a visitor's next page signs it anew.

So whoever comes by in that time stays who they are when the old key is retired.
"""

from typing import Any

from django.conf import settings
from django.contrib.sessions.backends import signed_cookies
from django.core import signing

SALT = "django.contrib.sessions.backends.signed_cookies"
"""Django's own, which it gives no name."""


class SessionStore(signed_cookies.SessionStore):
    """The session engine's store."""

    def load(self) -> dict[str, Any]:
        data: dict[str, Any] = super().load()
        if data and settings.SECRET_KEY_FALLBACKS and not _signed_by_the_first(self.session_key):
            self.modified = True
        return data


def _signed_by_the_first(cookie: str | None) -> bool:
    signer = signing.TimestampSigner(key=settings.SECRET_KEY, fallback_keys=[], salt=SALT)
    try:
        signer.unsign(cookie or "")
    except signing.BadSignature:
        return False
    return True
