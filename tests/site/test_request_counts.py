"""How many DynamoDB requests each page costs, for whom, and that rows do not make it more."""

from typing import Any

import pytest
from django.test import Client

from catalog.services import catalogue
from tests.support.accounts import POSITION, sign_up, signed_up, watches
from tests.support.engines import ThreeRegions
from tests.support.site import HOME, calls, put, viewer_id

FROM_MEMORY = (
    *("/browse/", "/browse/?q=llama&kind=show&genre=comedy&year=2010s&sort=title"),
    *("/suggest/?q=ll", "/credits/", "/status/", "/posters/sintel.svg", "/backdrops/sintel.svg"),
    *("/viewers/sign-in/", "/viewers/sign-up/"),
)
OF_A_VIEWER = {
    "/": 2,
    "/title/sintel/": 1,
    "/title/caminandes/": 1,
    "/watch/sintel/": 1,
    "/watch/caminandes/S01E02/": 1,
    "/bookmarks/sintel/": 1,
    "/list/": 1,
    "/viewers/account/": 1,
}
FIRST_VISITS = (
    "/",
    "/title/sintel/",
    "/title/caminandes/",
    "/watch/sintel/",
    "/list/",
    "/bookmarks/sintel/",
)
MANY = 300


@pytest.mark.parametrize("path", FIRST_VISITS)
@pytest.mark.usefixtures("site")
def test_a_first_visit_costs_nothing(client: Client, path: str) -> None:
    response = client.get(path)
    assert (response.status_code, calls(response)) == (200, 0)


@pytest.mark.parametrize("path", FROM_MEMORY)
@pytest.mark.usefixtures("site")
def test_browsing_costs_nothing(client: Client, path: str) -> None:
    client.get("/")
    response = client.get(path)
    assert (response.status_code, calls(response)) == (200, 0)


@pytest.mark.usefixtures("site")
def test_browsing_costs_the_signed_in_nothing_either() -> None:
    client = signed_up("Koro")
    assert {path: calls(client.get(path)) for path in FROM_MEMORY} == dict.fromkeys(FROM_MEMORY, 0)


@pytest.mark.usefixtures("site")
def test_a_page_costs_the_signed_in_so_many() -> None:
    client = signed_up("Koro")
    watches(client)
    answers = {path: client.get(path) for path in OF_A_VIEWER}
    assert {answer.status_code for answer in answers.values()} == {200}
    assert {path: calls(answer) for path, answer in answers.items()} == OF_A_VIEWER


@pytest.mark.usefixtures("site")
def test_a_page_costs_the_anonymous_no_more(client: Client) -> None:
    watches(client)
    pages = [path for path in OF_A_VIEWER if "viewers" not in path]
    assert {path: calls(client.get(path)) for path in pages} == {
        path: OF_A_VIEWER[path] for path in pages
    }


@pytest.mark.parametrize("signed_in", [True, False], ids=["signed-in", "anonymous"])
@pytest.mark.usefixtures("site")
def test_a_change_costs_one_request(client: Client, signed_in: bool) -> None:
    if signed_in:
        sign_up(client, name="Koro")
    client.get("/watch/sintel/")
    for path, form in (
        ("/bookmarks/sintel/", POSITION),
        ("/list/sintel/", {"listed": "1"}),
        ("/list/sintel/", {"listed": "0"}),
        ("/continue/sintel/", {"shown": "0"}),
        ("/continue/sintel/", {"shown": "1"}),
        ("/watched/sintel/", {"watched": "1"}),
    ):
        assert calls(client.post(path, form)) == 1, (path, form)


def stock(site: ThreeRegions, viewer: str, titles: int) -> None:
    """So many titles in the catalogue, each begun and on the viewer's list."""
    items: list[dict[str, Any]] = []
    for number in range(titles):
        name, kept = f"film-{number:03}", {"updated_at": number + 1}
        items += [
            {"PK": "library", "SK": name, "title": f"Film {number}", "runtime": 100},
            {"PK": viewer, "SK": name, "Bookmark": 50, "duration": 100, **kept},
            {"PK": f"{viewer}#list", "SK": name, "added_at": number + 1},
        ]
    put(site, HOME, *items)
    catalogue().refresh()


def test_rows_do_not_make_it_more(site: ThreeRegions) -> None:
    few, many = signed_up("Few"), signed_up("Many")
    stock(site, viewer_id(few), 1)
    stock(site, viewer_id(many), MANY)
    paths = ("/", "/list/", "/title/film-000/", "/watch/film-000/", "/watch/caminandes/")
    assert [calls(few.get(path)) for path in paths] == [2, 1, 1, 1, 1]
    assert [calls(many.get(path)) for path in paths] == [2, 1, 1, 1, 1]
    assert b"Film 299" in many.get("/").content
    assert b"Film 299" not in few.get("/").content


def test_episodes_do_not_make_it_more(site: ThreeRegions) -> None:
    client = signed_up("Koro")
    before = calls(client.get("/title/caminandes/"))
    more = (
        {"PK": "show#caminandes", "SK": f"S01E{number:02}", "title": "More", "runtime": 90}
        for number in range(4, 80)
    )
    put(site, HOME, *more)
    catalogue().refresh()
    response = client.get("/title/caminandes/")
    assert b"S01E79" in response.content
    assert calls(response) == before == 1
