"""Browsing, and the drawn pictures of titles."""

from django.urls import path

from catalog import views

app_name = "catalog"
urlpatterns = [
    path("browse/", views.browse, name="browse"),
    path("posters/<title_id:title_id>.svg", views.poster, name="poster"),
    path("backdrops/<title_id:title_id>.svg", views.backdrop, name="backdrop"),
]
