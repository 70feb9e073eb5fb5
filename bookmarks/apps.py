"""Positions and lists, as Django starts them."""

from django.apps import AppConfig

from bookmarks.merging import delete_everything, merge
from gtsite.viewers import signals


class BookmarksConfig(AppConfig):
    name = "bookmarks"

    def ready(self) -> None:
        signals.signed_in.connect(merge, dispatch_uid="bookmarks.merge")
        signals.account_deleted.connect(delete_everything, dispatch_uid="bookmarks.delete")
