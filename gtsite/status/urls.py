"""The status page and its parts."""

from django.urls import path

from gtsite.status import views

app_name = "status"
urlpatterns = [
    path("status/", views.status, name="status"),
    path("status/tables/", views.tables, name="tables"),
    path("status/replication/", views.replication, name="replication"),
    path("status/sandbox/", views.sandbox, name="sandbox"),
]
