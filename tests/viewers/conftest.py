"""The whole site on three real engines."""

from tests.support.site import fresh_catalogue, site, stocked

__all__ = ["fresh_catalogue", "site", "stocked"]
