"""The whole site on three real engines, and as it runs in production."""

from collections.abc import Iterator

import pytest

from tests.support.engines import ThreeRegions
from tests.support.production import Production, running_production
from tests.support.site import fresh_catalogue, site, stocked

__all__ = ["fresh_catalogue", "production", "site", "stocked"]


@pytest.fixture(scope="package")
def production(
    _region_engines: ThreeRegions, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Production]:
    """gunicorn with production's settings; the tables are there, without titles."""
    _region_engines.empty()
    with running_production(_region_engines, tmp_path_factory.mktemp("production")) as running:
        yield running
