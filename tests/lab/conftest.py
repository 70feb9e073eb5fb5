"""The lab on three regions that do not replicate, and on a sandbox that does."""

from collections.abc import Iterator

import pytest
from pytest_django import Settings

from bookmarks.lab.repository import LabItems
from gtsite.dynamodb import connection
from gtsite.dynamodb.clients import Clients
from gtsite.dynamodb.repository import Table
from gtsite.dynamodb.router import Router
from gtsite.dynamodb.tables import GLOBAL_SERVERLESS
from tests.lab.rig import KEY, put_bookmark
from tests.support.engines import REGIONS, ThreeRegions
from tests.support.patience import Patience
from tests.support.sandbox import RunningSandbox


@pytest.fixture
def patience(monkeypatch: pytest.MonkeyPatch) -> Patience:
    """Regions are waited for, but for those that are said to hang."""
    return Patience(monkeypatch)


@pytest.fixture
def lab_regions(site_regions: ThreeRegions, patience: Patience) -> ThreeRegions:
    """Three regions, each with the lab's item at 0 and nothing else."""
    assert patience
    for region in site_regions.names:
        put_bookmark(site_regions, region, 0)
    return site_regions


@pytest.fixture
def items(lab_regions: ThreeRegions) -> Iterator[LabItems]:
    """The lab's items in those regions, through a router of their own."""
    router = Router(
        clients=Clients(endpoints=lab_regions.endpoints),
        regions=lab_regions.names,
        local=lab_regions.names[0],
    )
    yield LabItems(Table(GLOBAL_SERVERLESS, router))
    router.close()


@pytest.fixture(scope="session")
def _sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningSandbox]:
    with RunningSandbox(tmp_path_factory.mktemp("lab"), lag_ms=0) as running:
        running.create_table("global-serverless", *REGIONS, sort_key=True)
        yield running


@pytest.fixture
def lab_sandbox(
    _sandbox: RunningSandbox, settings: Settings, patience: Patience
) -> Iterator[RunningSandbox]:
    """The site on a sandbox, whole and in step: the lab's item at 0 in every region."""
    assert patience
    _sandbox.control.heal()
    _sandbox.deliver()
    _sandbox.client(REGIONS[0]).put_item(
        TableName="global-serverless", Item={**KEY, "Bookmark": {"N": "0"}}
    )
    _sandbox.deliver()
    settings.GT_REGIONS = list(REGIONS)
    settings.GT_LOCAL_REGION = REGIONS[0]
    settings.GT_ENDPOINTS = {name: _sandbox.endpoint_of(name) for name in REGIONS}
    settings.SANDBOX_CONTROL_URL = _sandbox.control_url
    connection.reset()
    yield _sandbox
    connection.reset()
    _sandbox.control.heal()
