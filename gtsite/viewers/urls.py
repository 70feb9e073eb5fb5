"""Signing up, in and out, and one's own account."""

from django.urls import path

from gtsite.viewers import views

app_name = "viewers"
urlpatterns = [
    path("viewers/sign-up/", views.sign_up, name="sign-up"),
    path("viewers/sign-in/", views.sign_in, name="sign-in"),
    path("viewers/sign-out/", views.sign_out, name="sign-out"),
    path("viewers/sign-out-everywhere/", views.sign_out_everywhere, name="sign-out-everywhere"),
    path("viewers/account/", views.account, name="account"),
    path("viewers/change-password/", views.change_password, name="change-password"),
    path("viewers/delete-account/", views.delete_account, name="delete-account"),
]
