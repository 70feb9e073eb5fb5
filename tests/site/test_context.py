"""What the header and the footer say: who answered, and where the other sites are."""

import pytest
from django.test import Client
from pytest_django import Settings

from gtsite.context import served
from gtsite.dynamodb.meter import Call, Meter
from gtsite.dynamodb.regions import region
from tests.support.engines import ThreeRegions
from tests.support.site import HOME, NEXT

OREGON = region(HOME)


def metered(*calls: tuple[str, float, bool]) -> Meter:
    found = Meter()
    for name, elapsed, ok in calls:
        found.record(Call(region=name, operation="GetItem", elapsed_ms=elapsed, ok=ok))
    return found


@pytest.mark.usefixtures("site")
@pytest.mark.parametrize(
    ("meter", "sentence", "away"),
    [
        (None, "Served by Oregon, us-west-2 · from memory, no DynamoDB call", False),
        (metered(), "Served by Oregon, us-west-2 · from memory, no DynamoDB call", False),
        (
            metered((HOME, 3.2, True)),
            "Served by Oregon, us-west-2 · DynamoDB 3 ms · 1 call",
            False,
        ),
        (
            metered((HOME, 300.0, False), (NEXT, 4.0, True)),
            "Answered by Ohio: Oregon is away · DynamoDB 304 ms · 2 calls",
            True,
        ),
        (
            metered((NEXT, 4.0, True)),
            "Answered by Ohio, us-east-2 · DynamoDB 4 ms · 1 call",
            False,
        ),
        (
            metered((HOME, 1.0, False), (NEXT, 1.0, False)),
            "Served by Oregon: no region answers · DynamoDB 2 ms · 2 calls",
            True,
        ),
    ],
)
def test_it_says_who_answered(meter: Meter | None, sentence: str, away: bool) -> None:
    found = served(meter, OREGON)
    assert (found.sentence, found.away) == (sentence, away)


def test_a_region_passed_over_is_away_without_being_asked(
    client: Client, site: ThreeRegions
) -> None:
    client.get("/")
    site.refuse(HOME)
    client.get("/")
    assert served(metered((NEXT, 4.0, True)), OREGON).away
    assert served(metered(), OREGON).away


@pytest.mark.usefixtures("site")
@pytest.mark.parametrize(
    ("host", "address"),
    [
        ("localhost:8000", "http://localhost:8001/title/sintel/"),
        ("127.0.0.1:8000", "http://127.0.0.1:8001/title/sintel/"),
        ("[::1]:8000", "http://[::1]:8001/title/sintel/"),
    ],
)
def test_the_same_page_elsewhere_keeps_the_host_the_viewers_cookies_know(
    client: Client, settings: Settings, host: str, address: str
) -> None:
    settings.ALLOWED_HOSTS = ["localhost", "127.0.0.1", "[::1]"]
    settings.SITE_URLS = {HOME: "http://127.0.0.1:8000", "eu-west-1": "http://127.0.0.1:8001"}
    page = client.get("/title/sintel/", headers={"Host": host}).content.decode()
    assert f'href="{address}"' in page
    assert 'aria-current="true">Oregon' in page


@pytest.mark.usefixtures("site")
def test_outside_the_sandbox_no_other_sites_are_named(client: Client, settings: Settings) -> None:
    settings.SITE_URLS = {}
    assert "from another region" not in client.get("/").content.decode()
