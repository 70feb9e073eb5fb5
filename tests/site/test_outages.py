"""The local region refused or swallowed by a black hole, and then every region: pages go on."""

from collections.abc import Callable

import pytest
from django.test import Client

from catalog.services import catalogue
from gtsite.dynamodb.connection import router
from tests.support.engines import ThreeRegions
from tests.support.site import HOME, NEXT, stored

PATHS = [
    "/",
    "/browse/?q=sintel",
    "/title/sintel/",
    "/title/caminandes/",
    "/watch/sintel/",
    "/watch/caminandes/",
    "/status/",
    "/posters/sintel.svg",
]
SAVED = {"position": 754, "duration": 888, "sent_at": 1_700_000_000_000}
Failing = Callable[[ThreeRegions, str], None]


def refuse(regions: ThreeRegions, region: str) -> None:
    regions.refuse(region)


def blackhole(regions: ThreeRegions, region: str) -> None:
    regions.blackhole(region)


@pytest.mark.parametrize("fail", [refuse, blackhole])
def test_with_the_local_region_away_every_page_is_answered_from_the_next(
    client: Client, site: ThreeRegions, fail: Failing
) -> None:
    client.get("/")
    fail(site, HOME)
    first = client.get("/")
    assert first.status_code == 200
    assert first.headers["X-Served-Region"] == NEXT
    assert "Answered by Ohio: Oregon is away" in first.content.decode()
    for path in PATHS:
        assert client.get(path, follow=True).status_code == 200, path


@pytest.mark.parametrize("fail", [refuse, blackhole])
def test_with_the_local_region_away_only_the_first_page_pays_for_it(
    client: Client, site: ThreeRegions, fail: Failing
) -> None:
    client.get("/")
    fail(site, HOME)
    assert "1 call:" not in client.get("/title/sintel/").headers["Server-Timing"]
    assert "1 call:" in client.get("/title/sintel/").headers["Server-Timing"]


@pytest.mark.parametrize("fail", [refuse, blackhole])
def test_with_the_local_region_away_a_position_is_kept_in_the_next(
    client: Client, site: ThreeRegions, fail: Failing
) -> None:
    fail(site, HOME)
    response = client.post("/bookmarks/sintel/", SAVED)
    assert response.status_code == 204
    assert response.headers["X-Served-Region"] == NEXT
    assert [item["Bookmark"]["N"] for item in stored(site, NEXT)] == ["754"]
    assert client.get("/bookmarks/sintel/").json()["position"] == 754
    assert "Resume 12:34" in client.get("/title/sintel/").content.decode()


@pytest.mark.parametrize("fail", [refuse, blackhole])
def test_the_first_index_comes_from_the_next_region(
    client: Client, stocked: ThreeRegions, fail: Failing
) -> None:
    fail(stocked, HOME)
    response = client.get("/browse/")
    assert response.status_code == 200
    assert "Sintel" in response.content.decode()


def test_a_table_missing_in_the_local_region_is_read_in_the_next(
    client: Client, site: ThreeRegions
) -> None:
    client.get("/")
    site.client(HOME).delete_table(TableName="global-serverless")
    response = client.get("/")
    assert (response.status_code, response.headers["X-Served-Region"]) == (200, NEXT)


def test_with_every_region_away_browsing_goes_on_and_says_what_is_paused(
    client: Client, site: ThreeRegions
) -> None:
    client.get("/")
    for region in site.names:
        site.refuse(region)
    home = client.get("/").content.decode()
    assert "Continue watching is paused" in home
    assert "Sintel" in home
    assert "no region answers" in home
    assert "Sintel" in client.get("/browse/?q=sintel").content.decode()
    assert "where you left off is not known" in client.get("/title/sintel/").content.decode()
    watch = client.get("/watch/sintel/").content.decode()
    assert 'data-known="no"' in watch
    assert 'data-position="0"' in watch


@pytest.mark.parametrize("method", ["get", "post"])
def test_with_every_region_away_a_position_is_a_503_to_be_tried_again(
    client: Client, site: ThreeRegions, method: str
) -> None:
    client.get("/")
    for region in site.names:
        site.refuse(region)
    response = getattr(client, method)("/bookmarks/sintel/", SAVED)
    assert response.status_code == 503
    assert int(response.headers["Retry-After"]) > 0
    for region in site.names:
        site.heal(region)
    assert [stored(site, region) for region in site.names] == [[], [], []]


@pytest.mark.parametrize("path", ["/", "/browse/", "/title/sintel/", "/posters/sintel.svg"])
def test_with_no_index_and_no_region_the_page_says_so(
    client: Client, stocked: ThreeRegions, path: str
) -> None:
    for region in stocked.names:
        stocked.refuse(region)
    response = client.get(path)
    assert response.status_code == 503
    assert "No region answers" in response.content.decode()
    assert response.headers["Retry-After"]


def test_the_index_is_kept_while_every_region_is_away(client: Client, site: ThreeRegions) -> None:
    kept = catalogue().index()
    for region in site.names:
        site.refuse(region)
    catalogue().refresh_soon()
    assert client.get("/browse/").status_code == 200
    assert catalogue().index() is kept


def test_the_breaker_is_there_to_see(client: Client, site: ThreeRegions) -> None:
    client.get("/")
    assert client.get("/status/").content.decode().count("Answering") == len(site.names)
    site.refuse(HOME)
    client.get("/")
    page = client.get("/status/").content.decode()
    assert page.count("Answering") == len(site.names) - 1
    assert "Away" in page or "Being tried" in page
    assert router().states()[0].last_error in page
