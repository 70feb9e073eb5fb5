"""Every page about a fault offers a way on."""

import pytest
from django.test import Client, RequestFactory
from pytest_django import Settings

from gtsite.dynamodb.errors import NoRegionAvailable, RegionUnavailable, Throttled
from gtsite.errors import data_error, server_error
from tests.support.site import HOME, LAST

pytestmark = pytest.mark.usefixtures("site")
AWAY = NoRegionAvailable([HOME, LAST])


@pytest.fixture(autouse=True)
def sites(settings: Settings) -> None:
    settings.SITE_URLS = {HOME: "https://west.example", LAST: "https://east.example"}


def test_who_looked_for_something_can_search(client: Client) -> None:
    page = client.get("/title/nowhere/").content.decode()
    assert 'action="/browse/" method="get" role="search"' in page
    assert 'name="q"' in page


def test_a_page_that_may_work_later_can_be_tried_again_here_or_elsewhere() -> None:
    page = data_error(RequestFactory().get("/list/?a=1"), AWAY).content.decode()
    assert "No region answers" in page
    assert '<a class="button" href="/list/?a=1">' in page
    assert '<a href="https://east.example/list/?a=1">Ireland</a>' in page


@pytest.mark.parametrize(
    ("referer", "path"),
    [
        ("http://testserver/title/sintel/?x=1", "/title/sintel/?x=1"),
        ("https://evil.example/somewhere/", "/somewhere/"),
        ("http://testserver//evil.example/", "/"),
        ("http://[", "/"),
        ("", "/"),
    ],
)
def test_after_a_form_the_way_back_is_the_page_it_stood_on(referer: str, path: str) -> None:
    request = RequestFactory().post("/list/sintel/", headers={"Referer": referer})
    page = data_error(request, AWAY).content.decode()
    assert f'<a class="button" href="{path}">' in page
    assert '<a href="https://east.example/">Ireland</a>' in page


def test_a_region_that_alone_can_serve_a_request_is_named() -> None:
    page = data_error(RequestFactory().get("/"), RegionUnavailable(LAST)).content.decode()
    assert "<h1>Ireland is away</h1>" in page
    assert "needs the database in Ireland" in page


def test_too_many_at_once_is_nothing_another_site_would_help_with() -> None:
    page = data_error(RequestFactory().get("/"), Throttled(HOME)).content.decode()
    assert "Too many at once" in page
    assert "The site in another region" not in page


def test_htmx_gets_an_alert_for_the_pages_own_place() -> None:
    request = RequestFactory().get("/browse/", headers={"HX-Request": "true"})
    response = data_error(request, AWAY)
    assert response.headers["HX-Retarget"] == "#notice"
    assert response.content.decode().startswith('<p class="notice notice--bad" data-fault>')
    assert b'href="">Try again</a>' in response.content


def test_our_own_fault_is_told_without_what_other_pages_are_made_of() -> None:
    response = server_error(RequestFactory().get("/"))
    page = response.content.decode()
    assert response.status_code == 500
    assert "<h1>That is our fault</h1>" in page
    assert "{{" not in page
    assert "<script" not in page
