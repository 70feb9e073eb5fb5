"""What every page has in common: calls made, headers, no inline code, faults in the same hand."""

import json
import logging
import re

import pytest
from django.test import Client

from gtsite.errors import WithoutTraces
from tests.support.engines import ThreeRegions
from tests.support.site import HOME, calls

PAGES = [
    ("/", 2),
    ("/title/sintel/", 1),
    ("/title/caminandes/", 1),
    ("/title/01/", 1),
    ("/watch/sintel/", 1),
    ("/watch/caminandes/S01E02/", 1),
    ("/browse/", 0),
    ("/browse/?q=llama&kind=show&genre=comedy&year=2010s&sort=title", 0),
    ("/status/", 0),
    ("/posters/sintel.svg", 0),
    ("/backdrops/sintel.svg", 0),
    ("/bookmarks/sintel/", 1),
]
HTML = [path for path, _ in PAGES if ".svg" not in path and "/bookmarks/" not in path]


@pytest.mark.parametrize(("path", "count"), PAGES)
@pytest.mark.usefixtures("site")
def test_a_page_takes_so_many_calls_when_the_index_is_warm(
    client: Client, path: str, count: int
) -> None:
    client.get("/")
    response = client.get(path)
    assert response.status_code == 200
    assert calls(response) == count
    assert response.headers["X-Served-Region"] == HOME


@pytest.mark.usefixtures("site")
def test_saving_a_position_takes_one_call(client: Client) -> None:
    form = {"position": 754, "duration": 888, "sent_at": 1_700_000_000_000}
    response = client.post("/bookmarks/sintel/", form)
    assert (response.status_code, calls(response)) == (204, 1)
    assert "UpdateItem" in response.headers["Server-Timing"]


@pytest.mark.usefixtures("site")
def test_calls_do_not_grow_with_what_a_viewer_has_begun(client: Client) -> None:
    form = {"position": 30, "duration": 100, "sent_at": 1}
    for content in ("sintel", "01", "caminandes/S01E01", "caminandes/S01E02"):
        assert client.post(f"/bookmarks/{content}/", form).status_code == 204
    assert calls(client.get("/")) == 2
    assert calls(client.get("/title/caminandes/")) == 1


def test_browsing_writes_nothing(client: Client, site: ThreeRegions) -> None:
    before = {region: scan(site, region) for region in site.names}
    for path in HTML:
        client.get(path)
    assert {region: scan(site, region) for region in site.names} == before


def scan(regions: ThreeRegions, region: str) -> list[str]:
    items = regions.client(region).scan(TableName="global-serverless")["Items"]
    return sorted(json.dumps(item, sort_keys=True) for item in items)


@pytest.mark.parametrize("path", [*HTML, "/nowhere/"])
@pytest.mark.usefixtures("site")
def test_a_page_has_no_inline_script_or_style(client: Client, path: str) -> None:
    response = client.get(path)
    page = response.content.decode()
    assert not re.search(r"<style|\sstyle=|\son[a-z]+=", page)
    data = '<script type="application/ld+json">'
    scripts = [tag for tag in re.findall(r"<script[^>]*>", page) if tag != data]
    assert all(" src=" in tag for tag in scripts)
    policy = response.headers["Content-Security-Policy"]
    assert "script-src 'self';" in f"{policy};"
    assert "style-src 'self';" in f"{policy};"
    assert "unsafe" not in policy


@pytest.mark.usefixtures("site")
def test_titles_are_text_wherever_they_stand(client: Client) -> None:
    for path in ("/", "/title/quoted/", "/watch/quoted/", "/browse/?genre=comedy"):
        page = client.get(path).content.decode()
        assert "&lt;Tom &amp; &quot;Jerry&#x27;s&quot;&gt;" in page
        assert "<Tom" not in page
        assert "<script>alert" not in page


@pytest.mark.parametrize("path", HTML)
@pytest.mark.usefixtures("site")
def test_a_page_is_for_one_viewer_and_asked_for_anew(client: Client, path: str) -> None:
    kept = client.get(path).headers["Cache-Control"]
    assert "private" in kept
    assert "no-cache" in kept


@pytest.mark.parametrize("path", HTML)
@pytest.mark.usefixtures("site")
def test_a_page_answers_head_and_refuses_other_methods(client: Client, path: str) -> None:
    assert client.head(path).status_code == 200
    for method in (client.post, client.put, client.delete):
        refused = method(path)
        assert refused.status_code == 405
        assert "GET" in refused.headers["Allow"]
        assert b"Not this way" in refused.content


@pytest.mark.parametrize(
    "path",
    [
        "/nowhere/",
        "/title/nowhere/",
        "/title/broken/",
        "/title/odd/id/",
        "/title/%C3%A9/",
        "/title/a%20b/",
        "/title/../",
        f"/title/{'x' * 65}/",
        "/title/caminandes%23S01E01/",
        "/watch/nowhere/",
        "/watch/sintel/S01E01/",
        "/watch/caminandes/S09E09/",
        "/watch/caminandes/S1E1/",
        "/watch/user100/",
        "/posters/nowhere.svg",
        "/backdrops/%00.svg",
    ],
)
@pytest.mark.usefixtures("site")
def test_what_is_not_there_is_a_404_page(client: Client, path: str) -> None:
    response = client.get(path)
    assert response.status_code == 404
    assert b"Nothing is here" in response.content
    assert b"<title>" in response.content


@pytest.mark.usefixtures("site")
def test_an_unknown_title_costs_one_direct_read(client: Client) -> None:
    response = client.get("/title/nowhere/")
    assert "GetItem" in response.headers["Server-Timing"]
    assert calls(response) == 1


@pytest.mark.usefixtures("site")
def test_htmx_gets_faults_as_an_alert_for_the_place_of_notices(client: Client) -> None:
    response = client.get("/nowhere/", headers={"HX-Request": "true"})
    assert response.status_code == 404
    assert response.headers["HX-Retarget"] == "#notice"
    assert response.headers["HX-Reswap"] == "innerHTML"
    assert "HX-Request" in response.headers["Vary"]
    assert b"<html" not in response.content
    assert b"Nothing is here" in response.content


@pytest.mark.usefixtures("site")
def test_a_form_without_its_token_is_refused_with_a_page() -> None:
    strict = Client(enforce_csrf_checks=True)
    response = strict.post("/bookmarks/sintel/", {"position": 1, "duration": 2, "sent_at": 3})
    assert response.status_code == 403
    assert b"That is not allowed" in response.content


@pytest.mark.usefixtures("site")
def test_a_host_the_site_does_not_answer_for_is_a_400(client: Client) -> None:
    response = client.get("/", headers={"Host": "elsewhere.example"})
    assert response.status_code == 400
    assert b"That request makes no sense" in response.content


@pytest.mark.usefixtures("site")
def test_a_fault_of_ours_is_a_page_of_one_file(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("bookmarks.views.continue_watching", broken)
    client.raise_request_exception = False
    response = client.get("/")
    assert response.status_code == 500
    assert b"That is our fault" in response.content
    assert b"Traceback" not in response.content


@pytest.mark.parametrize(("status", "traced"), [(400, False), (422, False), (500, True)])
def test_the_log_says_where_only_for_faults_of_ours(status: int, traced: bool) -> None:
    record = logging.makeLogRecord({"exc_info": (ValueError, ValueError(), None)})
    record.status_code = status
    assert WithoutTraces().filter(record)
    assert bool(record.exc_info) is traced


def test_the_log_says_where_for_what_is_no_request() -> None:
    record = logging.makeLogRecord({"exc_info": (ValueError, ValueError(), None)})
    assert WithoutTraces().filter(record)
    assert record.exc_info


def test_the_icon_is_where_browsers_look_for_it_unasked(client: Client) -> None:
    response = client.get("/favicon.ico")
    assert response.status_code == 200
    assert response.headers["Content-Type"] == "image/x-icon"
    assert b"".join(response).startswith(b"\x00\x00\x01\x00")
