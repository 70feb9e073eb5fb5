"""The status page."""

from django.urls import path

from gtsite.status import views

app_name = "status"
urlpatterns = [path("status/", views.status, name="status")]
