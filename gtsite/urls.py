"""Every address of the site; health checks are answered earlier, by `gtsite.middleware.health`."""

from django.conf import settings
from django.urls import URLPattern, URLResolver, include, path

from gtsite import theme

urlpatterns: list[URLPattern | URLResolver] = [
    path("", include("bookmarks.urls")),
    path("", include("catalog.urls")),
    path("", include("gtsite.status.urls")),
    path("", include("gtsite.viewers.urls")),
    path("theme/", theme.choose, name="theme"),
]

if settings.LAB_ENABLED:
    urlpatterns.append(path("", include("bookmarks.lab.urls")))

handler400 = "gtsite.errors.bad_request"
handler403 = "gtsite.errors.permission_denied"
handler404 = "gtsite.errors.not_found"
handler500 = "gtsite.errors.server_error"
