"""The region lab and the JSON API; mounted only where `LAB_ENABLED`."""

from django.urls import include, path

from bookmarks.lab import api, tour, views
from bookmarks.lab.faults import views as faults

app_name = "lab"
urlpatterns = [
    path("lab/", views.lab, name="lab"),
    path("lab/verdict/", views.verdict, name="verdict"),
    path("lab/sandbox/", views.sandbox, name="sandbox"),
    path("lab/map/", views.world, name="map"),
    path("lab/log/", views.remembered, name="log"),
    path("lab/tour/", tour.first, name="tour"),
    path("lab/tour/<int:number>/", tour.show, name="tour_step"),
    path("lab/faults/", faults.faults, name="faults"),
    path("lab/faults/reset/", faults.reset, name="faults_reset"),
    path("lab/faults/distance/<str:position>/", faults.turn_wan, name="faults_wan"),
    path("lab/faults/ways/", faults.turn_every_way, name="faults_every_way"),
    path("lab/faults/ways/<str:source>/<str:target>/", faults.turn_way_one, name="faults_way"),
    path("lab/faults/regions/<str:region>/", faults.turn_one, name="faults_region"),
    path("lab/faults/regions/<str:region>/engine/", faults.kill_engine, name="faults_engine"),
    path("lab/experiments/", include("bookmarks.lab.experiments.urls")),
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
