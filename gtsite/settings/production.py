"""AWS: one environment per region, every variable that matters given, nothing assumed."""

from django.core.exceptions import ImproperlyConfigured

from gtsite.settings.base import *  # noqa: F403
from gtsite.settings.base import CONTENT_SECURITY_POLICY, GT_LOCAL_REGION, GT_REGIONS, env

if missing := env.missing(("SECRET_KEY", "AWS_REGION", "GT_REGIONS", "ALLOWED_HOSTS")):
    raise ImproperlyConfigured(
        f"Set {', '.join(missing)}: the site does not start without "
        f"{'it' if len(missing) == 1 else 'them'}."
    )

SECRET_KEY = env.text("SECRET_KEY", "")
if len(SECRET_KEY) < 50:
    raise ImproperlyConfigured("SECRET_KEY is too short: use at least 50 random characters.")

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

SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
SECURE_SSL_REDIRECT = env.switch("SECURE_SSL_REDIRECT", default=True)
SECURE_HSTS_SECONDS = 60 * 60 * 24 * 365
SECURE_HSTS_INCLUDE_SUBDOMAINS = True
SECURE_HSTS_PRELOAD = True
SESSION_COOKIE_NAME = "__Host-session"
SESSION_COOKIE_SECURE = True
CSRF_COOKIE_NAME = "__Host-csrf"
CSRF_COOKIE_SECURE = True
CONTENT_SECURITY_POLICY["DIRECTIVES"]["upgrade-insecure-requests"] = True

# A load balancer and nginx: each adds to X-Forwarded-For the address that it was asked from.
PROXIES = env.count("PROXIES", 2)
