"""Home, one title, the player, and the positions it keeps."""

from django.urls import path

from bookmarks import views

app_name = "bookmarks"
urlpatterns = [
    path("", views.home, name="home"),
    path("title/<title_id:title_id>/", views.title, name="title"),
    path("watch/<content_id:content_id>/", views.watch, name="watch"),
    path("bookmarks/<content_id:content_id>/", views.position, name="position"),
]
