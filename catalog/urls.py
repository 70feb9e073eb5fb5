"""Browsing, credits, the drawn pictures of titles, and what search engines ask for."""

from django.urls import path

from catalog import crawlers, views

app_name = "catalog"
urlpatterns = [
    path("browse/", views.browse, name="browse"),
    path("suggest/", views.suggest, name="suggest"),
    path("credits/", views.credits_page, name="credits"),
    path("robots.txt", crawlers.robots, name="robots"),
    path("sitemap.xml", crawlers.sitemap, name="sitemap"),
    path("sitemap-<int:page>.xml", crawlers.sitemap_page, name="sitemap-page"),
    path("posters/<title_id:title_id>.svg", views.poster, name="poster"),
    path("backdrops/<title_id:title_id>.svg", views.backdrop, name="backdrop"),
]
