"""What is the same wherever the site runs."""

from pathlib import Path

from csp.constants import NONE, SELF
from django.contrib.messages.constants import ERROR, SUCCESS, WARNING

from gtsite.settings.environment import Environment

env = Environment()

BASE_DIR = Path(__file__).resolve().parent.parent.parent

GT_REGIONS = env.regions("GT_REGIONS", ("us-west-2", "eu-west-1", "us-east-2"))
GT_LOCAL_REGION = env.regions("AWS_REGION", (GT_REGIONS[0],))[0]
GT_TABLE = env.text("GT_TABLE", "global-serverless")
GT_ENDPOINTS: dict[str, str] = {}
REGION_FALLBACK = env.switch("REGION_FALLBACK", default=True)
LAB_ENABLED = env.switch("LAB_ENABLED", default=False)
CATALOGUE_REFRESH_SECONDS = 60

SANDBOX_PORT = env.port("SANDBOX_PORT", 8100)
SANDBOX_DIR = Path(env.text("SANDBOX_DIR", str(BASE_DIR / ".sandbox")))
SANDBOX_CONTROL_URL = ""
SITE_PORT = env.port("SITE_PORT", 8000)
SITE_URLS: dict[str, str] = {}

DEBUG = False
ROOT_URLCONF = "gtsite.urls"
WSGI_APPLICATION = "gtsite.wsgi.application"
DATABASES: dict[str, dict[str, str]] = {}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

INSTALLED_APPS = [
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "django.contrib.humanize",
    "django.contrib.messages",
    "django_htmx",
    "template_partials",
    "gtsite",
    "catalog",
    "bookmarks",
]

MIDDLEWARE = [
    "gtsite.access.Access",
    "gtsite.middleware.health",
    "gtsite.middleware.served_region",
    "gtsite.middleware.policies",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.middleware.gzip.GZipMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "gtsite.viewers.middleware.Viewers",
    "gtsite.middleware.Refusals",
]

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": False,
        "OPTIONS": {
            "loaders": [
                (
                    "template_partials.loader.Loader",
                    [
                        (
                            "django.template.loaders.cached.Loader",
                            ["django.template.loaders.filesystem.Loader"],
                        )
                    ],
                )
            ],
            "builtins": [
                "template_partials.templatetags.partials",
                "gtsite.templatetags.icons",
            ],
            "context_processors": [
                "django.template.context_processors.request",
                "django.template.context_processors.csrf",
                "django.contrib.messages.context_processors.messages",
                "gtsite.context.site",
                "gtsite.viewers.context.viewer",
            ],
        },
    }
]

STATIC_URL = "/assets/"
STATIC_ROOT: Path | None = BASE_DIR / "staticfiles"
STATICFILES_DIRS = [BASE_DIR / "static"]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.InMemoryStorage"},
    "staticfiles": {"BACKEND": "gtsite.storage.HashedStaticFiles"},
}

SESSION_ENGINE = "gtsite.viewers.cookies"
SESSION_COOKIE_AGE = 60 * 60 * 24 * 365
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
CSRF_COOKIE_HTTPONLY = True
CSRF_COOKIE_SAMESITE = "Lax"
CSRF_FAILURE_VIEW = "gtsite.errors.csrf_failure"

MESSAGE_STORAGE = "django.contrib.messages.storage.cookie.CookieStorage"
MESSAGE_TAGS = {SUCCESS: "good", WARNING: "warn", ERROR: "bad"}

PASSWORD_HASHERS = ["django.contrib.auth.hashers.ScryptPasswordHasher"]
AUTH_PASSWORD_VALIDATORS = [
    {
        "NAME": "django.contrib.auth.password_validation.MinimumLengthValidator",
        "OPTIONS": {"min_length": 10},
    },
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
    {"NAME": "gtsite.viewers.passwords.UnlikeNameValidator"},
]
PROXIES = 0
"""How many of our own proxies a request passes, each adding to X-Forwarded-For."""

ATTEMPTS_WINDOW_SECONDS = 15 * 60
ATTEMPTS_PER_NAME = 20
ATTEMPTS_PER_ADDRESS = 100
SIGN_UPS_PER_ADDRESS = 20
"""In one window and one region: each region counts for itself."""

CONTENT_SECURITY_POLICY: dict[str, dict[str, list[str] | bool]] = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF],
        "style-src": [SELF],
        "font-src": [SELF],
        "img-src": [SELF],
        "media-src": [
            SELF,
            "https://upload.wikimedia.org",
            "https://archive.org",
            "https://*.archive.org",
        ],
        "connect-src": [SELF],
        "manifest-src": [SELF],
        "base-uri": [NONE],
        "form-action": [SELF],
        "frame-ancestors": [NONE],
    }
}
SECURE_REFERRER_POLICY = "same-origin"
PERMISSIONS_POLICY = {
    "accelerometer": "()",
    "autoplay": "(self)",
    "camera": "()",
    "display-capture": "()",
    "encrypted-media": "()",
    "fullscreen": "(self)",
    "geolocation": "()",
    "gyroscope": "()",
    "magnetometer": "()",
    "microphone": "()",
    "midi": "()",
    "payment": "()",
    "picture-in-picture": "(self)",
    "publickey-credentials-get": "()",
    "screen-wake-lock": "(self)",
    "usb": "()",
    "xr-spatial-tracking": "()",
}
WHITENOISE_ALLOW_ALL_ORIGINS = False
WHITENOISE_ROOT = BASE_DIR / "static" / "root"
"""What browsers look for at the top of a site, whatever its pages say."""

X_FRAME_OPTIONS = "DENY"
DATA_UPLOAD_MAX_MEMORY_SIZE = 64 * 1024
DATA_UPLOAD_MAX_NUMBER_FIELDS = 100

LANGUAGE_CODE = "en-gb"
TIME_ZONE = "UTC"
USE_TZ = True
USE_I18N = False

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "filters": {"refusals": {"()": "gtsite.errors.WithoutTraces"}},
    "formatters": {"line": {"format": "{levelname:<7} {name}: {message}", "style": "{"}},
    "handlers": {
        "stderr": {
            "class": "logging.StreamHandler",
            "formatter": "line",
            "filters": ["refusals"],
        }
    },
    "root": {"handlers": ["stderr"], "level": "INFO"},
    "loggers": {"botocore": {"level": "WARNING"}, "gtsite.access": {"level": "WARNING"}},
}
