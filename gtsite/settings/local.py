"""The sandbox on this machine: one region's site, with the lab, against local engines."""

from gtsite.settings.base import *  # noqa: F403
from gtsite.settings.base import (
    GT_REGIONS,
    SANDBOX_DIR,
    SANDBOX_PORT,
    SITE_PORT,
    env,
)
from gtsite.settings.secret import kept_secret

GT_ENDPOINTS = env.endpoints(
    "GT_ENDPOINTS",
    {
        region: f"http://127.0.0.1:{SANDBOX_PORT + place}"
        for place, region in enumerate(GT_REGIONS, start=1)
    }
    | {"*": f"http://127.0.0.1:{SANDBOX_PORT}"},
)
SANDBOX_CONTROL_URL = f"http://127.0.0.1:{SANDBOX_PORT - 1}" if GT_ENDPOINTS else ""
SITE_URLS = {
    region: f"http://127.0.0.1:{SITE_PORT + place}" for place, region in enumerate(GT_REGIONS)
}
LAB_ENABLED = env.switch("LAB_ENABLED", default=bool(GT_ENDPOINTS))
CATALOGUE_REFRESH_SECONDS = 5
STATIC_ROOT = SANDBOX_DIR / "assets"
DEBUG = env.switch("DEBUG", default=False)
ALLOWED_HOSTS = env.words("ALLOWED_HOSTS", ("127.0.0.1", "localhost", "[::1]"))
SECRET_KEY = env.text("SECRET_KEY", "") or kept_secret(SANDBOX_DIR / "secret_key")

# Everybody comes from one address here, so that it says nothing about who.
ATTEMPTS_PER_ADDRESS = SIGN_UPS_PER_ADDRESS = 10_000
