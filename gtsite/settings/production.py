"""AWS: one environment per region, every variable that matters given, nothing assumed."""

from django.core.exceptions import ImproperlyConfigured

from gtsite.logs import json_logging
from gtsite.settings.base import *  # noqa: F403
from gtsite.settings.base import CONTENT_SECURITY_POLICY, GT_LOCAL_REGION, GT_REGIONS, env

SHORTEST_KEY = 50

if missing := env.missing(("SECRET_KEY", "AWS_REGION", "GT_REGIONS", "ALLOWED_HOSTS")):
    raise ImproperlyConfigured(
        f"Set {', '.join(missing)}: the site does not start without "
        f"{'it' if len(missing) == 1 else 'them'}."
    )

SECRET_KEY, *SECRET_KEY_FALLBACKS = env.text("SECRET_KEY", "").split()
"""The first word signs; what was signed with a further one is still good, while keys change."""
if min(len(key) for key in (SECRET_KEY, *SECRET_KEY_FALLBACKS)) < SHORTEST_KEY:
    raise ImproperlyConfigured(
        f"SECRET_KEY is too short: use at least {SHORTEST_KEY} random characters for each key."
    )

ALLOWED_HOSTS = env.words("ALLOWED_HOSTS", ())
if "*" in ALLOWED_HOSTS or not ALLOWED_HOSTS:
    raise ImproperlyConfigured(
        f"ALLOWED_HOSTS is {','.join(ALLOWED_HOSTS)!r}: name the hosts this site answers for."
    )
if GT_LOCAL_REGION not in GT_REGIONS:
    raise ImproperlyConfigured(
        f"AWS_REGION is {GT_LOCAL_REGION}, which is not among GT_REGIONS: {', '.join(GT_REGIONS)}."
    )

GT_ENDPOINTS = env.endpoints("GT_ENDPOINTS", {})

HTTPS = env.switch("HTTPS", default=True)
"""Off where there is no certificate yet: then cookies and pages are open to whoever is between."""
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
SECURE_SSL_REDIRECT = SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = HTTPS
if HTTPS:
    SECURE_HSTS_SECONDS = 60 * 60 * 24 * 365
    SECURE_HSTS_INCLUDE_SUBDOMAINS = True
    SECURE_HSTS_PRELOAD = True
    SESSION_COOKIE_NAME = "__Host-session"
    CSRF_COOKIE_NAME = "__Host-csrf"
    CONTENT_SECURITY_POLICY["DIRECTIVES"]["upgrade-insecure-requests"] = True
else:
    # HSTS, the redirect and the Secure of both cookies, left out knowingly.
    SILENCED_SYSTEM_CHECKS = [f"security.{check}" for check in ("W004", "W008", "W011", "W016")]

# A load balancer and nginx: each adds to X-Forwarded-For the address that it was asked from.
PROXIES = env.count("PROXIES", 2)

LOGGING = json_logging(GT_LOCAL_REGION)
