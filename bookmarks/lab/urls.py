"""The region lab and the JSON API; mounted only where `LAB_ENABLED`."""

from django.urls import path

from bookmarks.lab import api, views

app_name = "lab"
urlpatterns = [
    path("lab/", views.lab, name="lab"),
    path("lab/verdict/", views.verdict, name="verdict"),
    path("lab/sandbox/", views.sandbox, name="sandbox"),
    path("lab/all/<str:action>/", views.ask_all, name="ask_all"),
    path("lab/<str:region>/fault/<str:fault>/", views.fault, name="fault"),
    path("lab/<str:region>/<str:action>/", views.ask, name="ask"),
    path("api/<str:region>/", api.ping, name="api"),
    path("api/<str:region>/scan", api.scan, name="api_scan"),
    path("api/<str:region>/query/<str:partition>", api.query, name="api_query"),
    path("api/<str:region>/get/<str:partition>/<str:sort>", api.get, name="api_get"),
    path(
        "api/<str:region>/update/<str:partition>/<str:sort>/<str:number>",
        api.update,
        name="api_update",
    ),
    path(
        "api/<str:region>/update/<str:partition>/<str:sort>/<str:fraction>/<path:thumb>",
        api.watch,
        name="api_watch",
    ),
]
