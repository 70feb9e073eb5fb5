"""Fixtures for every test: storage engines, three regions, and the site on top of them."""

import functools
from collections.abc import Callable, Iterator

import botocore.session
import pytest
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis_settings
from pytest_django import Settings

from gtsite.dynamodb import connection
from gtsite.sandbox.storage.engines import EngineName
from tests.support.cloud import Cloud, running_cloud
from tests.support.demo import RunningDemo
from tests.support.engines import (
    EngineProcess,
    ThreeRegions,
    installed_engine,
    running,
    running_regions,
)
from tests.support.sandbox import RunningSandbox
from tests.support.slow_machine import unhurried, wait_for_background

DEMO_LAG_MS = 400

hypothesis_settings.register_profile(
    "any machine",
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.too_slow],
)
hypothesis_settings.load_profile("any machine")


@pytest.fixture(scope="session", autouse=True)
def _models_read_once() -> Iterator[None]:
    """Most tests make the site's clients anew: what the SDK knows of AWS stays the same."""
    with pytest.MonkeyPatch.context() as patch:
        once = functools.cache(botocore.session.create_loader)
        patch.setattr("botocore.session.create_loader", once)
        yield


@pytest.fixture(scope="session", params=["dynoxide", "moto"])
def engine(request: pytest.FixtureRequest) -> Iterator[EngineProcess]:
    """Each kind of storage engine in turn, in memory, shared by the whole run."""
    name: EngineName = request.param
    found = installed_engine(name)
    if found is None:
        pytest.skip(f"{name} is not installed on this machine")
    with running(found) as process:
        yield process


@pytest.fixture(scope="session")
def _region_engines(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ThreeRegions]:
    with running_regions(tmp_path_factory.mktemp("regions")) as regions:
        yield regions


@pytest.fixture
def three_regions(_region_engines: ThreeRegions) -> Iterator[ThreeRegions]:
    """us-west-2, eu-west-1 and us-east-2 with an empty `global-serverless` each.

    Nothing replicates. `refuse(region)`, `blackhole(region)` and `heal(region)` are real; every
    test finds all regions up and empty, and no thread of the one before it.
    """
    _region_engines.empty()
    yield _region_engines
    _region_engines.heal()
    wait_for_background()


def _never_hurry(monkeypatch: pytest.MonkeyPatch, hangs: Callable[[str], bool]) -> None:
    """Has every router of the site wait for regions that a busy machine holds up."""
    product = connection._new_router
    monkeypatch.setattr(connection, "_new_router", lambda: unhurried(product(), hangs))


@pytest.fixture
def site_regions(
    three_regions: ThreeRegions, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> Iterator[ThreeRegions]:
    """The three regions, with the site's settings pointing at them: its home is us-west-2."""
    _never_hurry(monkeypatch, three_regions.hangs)
    settings.GT_REGIONS = list(three_regions.names)
    settings.GT_LOCAL_REGION = three_regions.names[0]
    settings.GT_ENDPOINTS = dict(three_regions.endpoints)
    settings.REGION_FALLBACK = True
    connection.reset()
    yield three_regions
    connection.reset()


@pytest.fixture(scope="session")
def running_demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningDemo]:
    """`manage.py demo`, shared by the whole run."""
    demo = RunningDemo(tmp_path_factory.mktemp("demo"), lag_ms=DEMO_LAG_MS)
    try:
        demo.start()
        yield demo
    finally:
        demo.stop()


@pytest.fixture
def demo(running_demo: RunningDemo) -> Iterator[RunningDemo]:
    """The demo with every region up and asked, its usual lag, nothing on its way; and so after."""
    running_demo.settle()
    running_demo.wait_until_trusted()
    yield running_demo
    running_demo.settle()


@pytest.fixture
def site_sandbox(
    tmp_path_factory: pytest.TempPathFactory, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> Iterator[RunningSandbox]:
    """A fresh sandbox without tables, and the site's settings pointing at it: home us-west-2."""
    _never_hurry(monkeypatch, lambda _: False)
    with RunningSandbox(tmp_path_factory.mktemp("sandbox")) as running:
        settings.GT_REGIONS = list(running.regions)
        settings.GT_LOCAL_REGION = running.regions[0]
        settings.GT_ENDPOINTS = {name: running.endpoint_of(name) for name in running.regions}
        connection.reset()
        yield running
        connection.reset()


@pytest.fixture(scope="session")
def _running_cloud() -> Iterator[Cloud]:
    with running_cloud() as cloud:
        yield cloud


@pytest.fixture
def cloud(_running_cloud: Cloud) -> Iterator[Cloud]:
    """AWS on this machine, with nothing in it.

    Fails the test if Elastic Beanstalk was asked for something that its service model forbids.
    """
    _running_cloud.reset()
    yield _running_cloud
    assert _running_cloud.beanstalk.violations == []
