"""What search engines may look at: pages that are the same for everybody, and where they are."""

import re

import pytest
from django.test import Client

from catalog import crawlers
from tests.support.site import calls


def locations(page: bytes) -> list[str]:
    return re.findall("<loc>([^<]+)</loc>", page.decode())


@pytest.mark.usefixtures("site")
def test_robots_are_kept_from_the_pages_of_one_viewer_and_shown_the_rest(client: Client) -> None:
    response = client.get("/robots.txt")
    said = response.content.decode().splitlines()
    assert response.headers["Content-Type"].startswith("text/plain")
    assert {"Disallow: /viewers/", "Disallow: /lab/", "Disallow: /bookmarks/"} <= set(said)
    assert "Disallow: /title/" not in said
    assert said[-1] == "Sitemap: http://testserver/sitemap.xml"
    assert not response.cookies


@pytest.mark.usefixtures("site")
def test_every_title_is_in_one_of_the_lists(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(crawlers, "TITLES_A_PAGE", 3)
    lists = locations(client.get("/sitemap.xml").content)
    assert lists == [f"http://testserver/sitemap-{page}.xml" for page in (1, 2)]
    pages = [client.get(each.removeprefix("http://testserver")) for each in lists]
    found = [address for page in pages for address in locations(page.content)]
    titles = {"sintel", "caminandes", "01", "quoted"}
    assert set(found) == {f"http://testserver/title/{each}/" for each in titles} | {
        f"http://testserver{path}" for path in ("/", "/browse/", "/credits/")
    }
    assert len(found) == len(set(found))
    assert [calls(page) for page in pages] == [0, 0]


@pytest.mark.usefixtures("site")
@pytest.mark.parametrize("page", ["0", "2", "9" * 30])
def test_a_list_that_there_is_not_is_a_404(client: Client, page: str) -> None:
    assert client.get(f"/sitemap-{page}.xml").status_code == 404
