"""Home, one title, the player, the positions it keeps, and My List."""

from django.urls import path

from bookmarks import views

app_name = "bookmarks"
urlpatterns = [
    path("", views.home, name="home"),
    path("title/<title_id:title_id>/", views.title, name="title"),
    path("watch/<content_id:content_id>/", views.watch, name="watch"),
    path("bookmarks/<content_id:content_id>/", views.position, name="position"),
    path("watched/<content_id:content_id>/", views.watched, name="watched"),
    path("continue/<content_id:content_id>/", views.continuing, name="continuing"),
    path("list/", views.my_list, name="list"),
    path("list/<title_id:title_id>/", views.list_entry, name="list-entry"),
]
