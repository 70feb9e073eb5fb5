"""The catalogue, as Django starts it."""

from django.apps import AppConfig

from catalog import converters


class CatalogConfig(AppConfig):
    name = "catalog"

    def ready(self) -> None:
        converters.register()
