"""A region goes away while two serve: who notices, for how long, and what becomes of requests.

Three sites as the Procfile starts them, on a sandbox with three regions. Visitors follow health
checks as behind Route 53.
"""

import http.client
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from gtsite.dynamodb.tables import GLOBAL_SERVERLESS
from tests.support.in_flight import InFlight
from tests.support.production import Production, collect_static, environment, serving, started
from tests.support.route53 import NEAREST, SETTLED, THRESHOLD, Visit, World, status_of
from tests.support.sandbox import HOST, REGIONS, RunningSandbox, text, wait_until

TABLE = GLOBAL_SERVERLESS.name
HOME = REGIONS[0]
NEXT = NEAREST[HOME][1]
SLOW_MS = 400
TITLE = {"PK": text("library"), "SK": text("sintel"), "title": text("Sintel")}


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningSandbox]:
    with RunningSandbox(tmp_path_factory.mktemp("lost"), in_memory=True) as running:
        running.create_table(TABLE, sort_key=True)
        running.client(HOME).put_item(TableName=TABLE, Item=TITLE)
        running.drain()
        yield running


@pytest.fixture(scope="module")
def assets(tmp_path_factory: pytest.TempPathFactory, sandbox: RunningSandbox) -> Path:
    folder = tmp_path_factory.mktemp("assets")
    collect_static(variables(sandbox, folder, HOME))
    return folder


@pytest.fixture
def world(sandbox: RunningSandbox, assets: Path, tmp_path: Path) -> Iterator[World]:
    """Every visitor is served where he lives."""
    sites = {
        region: started(variables(sandbox, assets, region), tmp_path / f"{region}.log")
        for region in REGIONS
    }
    world = World(sites)
    try:
        for site in sites.values():
            wait_until(lambda site=site: ready(site), "a site")  # type: ignore[misc]
        assert {visit.region: visit.status for visit in world.rounds(2)} == dict.fromkeys(
            sites, 200
        )
        yield world
    finally:
        sandbox.control.heal()
        for site in world.sites.values():
            site.stop()


def variables(sandbox: RunningSandbox, assets: Path, region: str) -> dict[str, str]:
    endpoints = {name: sandbox.endpoint_of(name) for name in sandbox.regions}
    return environment(endpoints, assets, region)


def ready(site: Production) -> bool:
    return status_of(site, "/healthz/ready") == http.client.OK


def failed(visits: list[Visit]) -> list[Visit]:
    return [visit for visit in visits if visit.status != http.client.OK]


def served(visits: list[Visit]) -> dict[str, str]:
    """Where the last visit of each visitor went."""
    return {visit.home: visit.region for visit in visits}


def test_after_the_checks_interval_nobody_notices_that_a_regions_site_was_killed(
    world: World, sandbox: RunningSandbox, assets: Path, tmp_path: Path
) -> None:
    world.sites[HOME].kill()
    lost = failed(world.rounds(SETTLED))
    assert {(visit.home, visit.region) for visit in lost} == {(HOME, HOME)}
    assert THRESHOLD - 1 <= len(lost) < SETTLED
    after = world.rounds(SETTLED)
    assert failed(after) == []
    assert served(after) == {each: each for each in REGIONS} | {HOME: NEXT}
    world.sites[HOME] = started(variables(sandbox, assets, HOME), tmp_path / "again.log")
    wait_until(lambda: ready(world.sites[HOME]), "the site to be back")
    back = world.rounds(2 * SETTLED)
    assert failed(back) == []
    assert served(back) == {each: each for each in REGIONS}


def test_nobody_notices_that_a_regions_table_is_away_and_visitors_move_until_it_is_back(
    world: World, sandbox: RunningSandbox
) -> None:
    sandbox.control.outage(HOME)
    wait_until(lambda: status_of(world.sites[HOME], "/healthz/ready") == 503, "ready to say so")
    away = world.rounds(2 * SETTLED)
    assert failed(away) == []
    assert served(away) == {each: each for each in REGIONS} | {HOME: NEXT}
    assert status_of(world.sites[HOME], "/healthz/live") == http.client.OK
    sandbox.control.heal()
    wait_until(lambda: ready(world.sites[HOME]), "the region's table to be asked again")
    back = world.rounds(2 * SETTLED)
    assert failed(back) == []
    assert served(back) == {each: each for each in REGIONS}


def test_a_stop_answers_the_request_in_flight_whole_and_takes_no_new_one(
    sandbox: RunningSandbox, assets: Path, tmp_path: Path
) -> None:
    with serving(variables(sandbox, assets, HOME), tmp_path / "site.log") as site:
        visitor = site.get("/title/sintel/").cookies
        sandbox.control.slow(HOME, SLOW_MS)
        in_flight = InFlight(site, "/list/sintel/", visitor, {"listed": "1", "place": "title"})
        site.ask_to_stop()
        wait_until(lambda: not answers(site), "the site to take no new request")
        assert site.process.poll() is None
        status, body = in_flight.finish()
        sandbox.control.heal()
        assert status == http.client.OK
        assert b"Sintel is on My List." in body
        assert site.process.wait(60) == 0
        assert status_of(site, "/healthz/live") == 0
    entries = [key for key in sandbox.scan(TABLE, HOME) if "#list/" in key]
    assert [key.rpartition("/")[2] for key in entries] == ["sintel"]


def answers(site: Production) -> bool:
    """Within a second: a stopping worker lets callers connect, and wait until it hangs up."""
    try:
        with socket.create_connection((HOST, site.port), timeout=1) as caller:
            caller.sendall(b"GET /healthz/live HTTP/1.0\r\n\r\n")
            return caller.recv(12) != b""
    except OSError:
        return False
