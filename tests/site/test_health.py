"""What load balancers ask: answered before hosts and schemes, and honest about this region."""

import pytest
from django.test import Client
from pytest_django import Settings

from tests.support.engines import ThreeRegions
from tests.support.site import HOME


def test_live_answers_whatever_the_regions_do(client: Client) -> None:
    response = client.get("/healthz/live")
    assert (response.status_code, response.content) == (200, b"ok\n")
    assert "no-store" in response.headers["Cache-Control"]
    assert response.headers["X-Served-Region"] == HOME


@pytest.mark.parametrize("path", ["/healthz/live", "/healthz/ready"])
@pytest.mark.usefixtures("site")
def test_checks_come_by_address_and_without_tls(
    client: Client, settings: Settings, path: str
) -> None:
    settings.SECURE_SSL_REDIRECT = True
    response = client.get(path, headers={"Host": "10.0.1.7"})
    assert response.status_code == 200
    assert "sessionid" not in response.cookies


def test_ready_says_which_region_answered_and_how_fast(client: Client, site: ThreeRegions) -> None:
    response = client.get("/healthz/ready")
    assert response.status_code == 200
    answer = response.json()
    assert answer["region"] == HOME == site.names[0]
    assert answer["ready"] is True
    assert answer["milliseconds"] > 0
    assert "no-store" in response.headers["Cache-Control"]


@pytest.mark.parametrize("fault", ["refuse", "blackhole"])
def test_ready_is_503_when_the_local_region_is_away_though_others_answer(
    client: Client, site: ThreeRegions, fault: str
) -> None:
    getattr(site, fault)(HOME)
    response = client.get("/healthz/ready")
    assert response.status_code == 503
    assert response.json() == {"region": HOME, "ready": False, "reason": "RegionUnavailable"}


def test_ready_is_200_when_another_region_is_away(client: Client, site: ThreeRegions) -> None:
    site.refuse(site.names[1])
    assert client.get("/healthz/ready").status_code == 200


def test_ready_is_503_when_the_table_is_missing(client: Client, site: ThreeRegions) -> None:
    site.client(HOME).delete_table(TableName="global-serverless")
    response = client.get("/healthz/ready")
    assert (response.status_code, response.json()["reason"]) == (503, "TableMissing")


@pytest.mark.parametrize("path", ["/healthz/live", "/healthz/ready"])
def test_checks_answer_no_other_method(client: Client, path: str) -> None:
    assert client.post(path).status_code == 405
