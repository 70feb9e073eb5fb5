"""The lab's experiments, a page each."""

from django.urls import path

from bookmarks.lab.experiments import views

urlpatterns = [
    path("", views.first, name="experiments"),
    path("<str:name>/", views.experiment, name="experiment"),
]
