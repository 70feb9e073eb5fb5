"""Static files under names that hold their contents' hash, compressed once and kept for ever."""

from django.contrib.staticfiles.storage import staticfiles_storage
from django.core.exceptions import ImproperlyConfigured
from whitenoise.storage import CompressedManifestStaticFilesStorage

OWN_IMPORTS = (
    "js/*.js",
    (
        (r"""(?P<matched>from\s+"(?P<url>\.{1,2}/[\w./-]+\.js)")""", 'from "%(url)s"'),
        (r"""(?P<matched>import\("(?P<url>\./[\w.-]+\.js)"\))""", 'import("%(url)s")'),
    ),
)


class HashedStaticFiles(CompressedManifestStaticFilesStorage):  # type: ignore[misc]
    """The site's own scripts import each other by hashed names too.

    So no browser mixes modules of two releases. Django's own switch for this would read every
    script there is, those of libraries with `import` in their comments included.
    """

    patterns = (*CompressedManifestStaticFilesStorage.patterns, OWN_IMPORTS)


def check_collected() -> None:
    """Raises `ImproperlyConfigured` where the files have no names yet: every page would fail."""
    try:
        staticfiles_storage.url("js/site.js")
    except ValueError as error:
        raise ImproperlyConfigured(
            "The site's files are not collected: run manage.py collectstatic first."
        ) from error
