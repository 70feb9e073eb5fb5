"""The lab on three regions that do not replicate, and on a sandbox that does."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing

import pytest
from pytest_django import Settings

from bookmarks.lab.repository import LabItems
from gtsite.dynamodb import connection
from gtsite.dynamodb.clients import Clients
from gtsite.dynamodb.repository import Table
from gtsite.dynamodb.router import Router
from gtsite.dynamodb.tables import GLOBAL_SERVERLESS
from tests.lab.rig import KEY, RunningSandbox, free_run, provision, put_bookmark
from tests.support.engines import REGIONS, ThreeRegions


@pytest.fixture
def lab_regions(site_regions: ThreeRegions) -> ThreeRegions:
    """Three regions, each with the lab's item at 0 and nothing else."""
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
def _sandbox() -> Iterator[RunningSandbox]:
    sandbox = RunningSandbox(free_run(len(REGIONS) + 2) + 1)
    command = [sys.executable, "-m", "gtsite.sandbox", "--port", str(sandbox.port), "--lag", "0"]
    process = subprocess.Popen(
        [*command, "--pace", "0"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    assert process.stdout is not None
    try:
        assert "Sandbox ready" in process.stdout.readline()
        provision(sandbox)
        yield sandbox
    finally:
        process.terminate()
        process.wait(30)
        process.stdout.close()


@pytest.fixture
def lab_sandbox(_sandbox: RunningSandbox, settings: Settings) -> Iterator[RunningSandbox]:
    """The site on a sandbox, whole and in step: the lab's item at 0 in every region."""
    _sandbox.control.heal()
    _sandbox.deliver()
    with closing(Clients(endpoints=_sandbox.endpoints)) as clients:
        clients.control(REGIONS[0]).put_item(
            TableName="global-serverless", Item={**KEY, "Bookmark": {"N": "0"}}
        )
    _sandbox.deliver()
    settings.GT_REGIONS = list(REGIONS)
    settings.GT_LOCAL_REGION = REGIONS[0]
    settings.GT_ENDPOINTS = _sandbox.endpoints
    settings.SANDBOX_CONTROL_URL = _sandbox.url
    connection.reset()
    yield _sandbox
    connection.reset()
    _sandbox.control.heal()
