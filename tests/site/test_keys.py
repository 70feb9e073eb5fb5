"""Changing the site's key while visitors go from region to region: nobody notices."""

import re
from urllib.parse import unquote

import pytest
from django.test import Client
from pytest_django import Settings

from catalog.services import catalogue
from gtsite.dynamodb.connection import site_table
from tests.support.engines import ThreeRegions
from tests.support.site import HOME, put, viewer_id

OLD, NEW, OTHER = ("0123456789abcdefghijklmnopqrstuvwxyz" * 2 + end for end in "xyz")
INTRODUCED = (OLD, NEW)
PROMOTED = (NEW, OLD)
RETIRED = (NEW,)
TURNS = [
    ((OLD,), INTRODUCED),
    (INTRODUCED, (OLD,)),
    (INTRODUCED, PROMOTED),
    (PROMOTED, INTRODUCED),
    (PROMOTED, RETIRED),
    (RETIRED, PROMOTED),
]
NAMES = [
    "old-introduced",
    "introduced-old",
    "introduced-promoted",
    "promoted-introduced",
    "promoted-retired",
    "retired-promoted",
]
pytestmark = pytest.mark.usefixtures("site")


def restart(settings: Settings, keys: tuple[str, ...]) -> None:
    """The next request goes to a site with these keys."""
    settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS = keys


def token(client: Client) -> str:
    """What the forms of a page carry."""
    found = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', page(client, "/title/sintel/"))
    assert found is not None
    return found[1]


def page(client: Client, path: str) -> str:
    response = client.get(path)
    assert response.status_code == 200
    return response.content.decode()


@pytest.mark.parametrize(("here", "there"), TURNS, ids=NAMES)
def test_what_one_region_signed_another_one_accepts(
    settings: Settings, here: tuple[str, ...], there: tuple[str, ...]
) -> None:
    client = Client(enforce_csrf_checks=True)
    restart(settings, here)
    sent = {"listed": "1", "csrfmiddlewaretoken": token(client)}
    assert client.post("/list/sintel/", sent).status_code == 302
    first = viewer_id(client)
    restart(settings, there)
    assert client.post("/list/01/", sent).status_code == 302
    assert viewer_id(client) == first
    restart(settings, here)
    assert viewer_id(client) == first
    assert "Sprite Fright" in page(client, "/list/")


@pytest.mark.parametrize(("here", "there"), TURNS, ids=NAMES)
def test_a_page_begun_in_one_region_goes_on_in_another(
    site: ThreeRegions, settings: Settings, here: tuple[str, ...], there: tuple[str, ...]
) -> None:
    items = [{"PK": "library", "SK": f"t{n}", "title": f"Title {n}"} for n in range(60)]
    put(site, HOME, *items)
    catalogue().refresh()
    restart(settings, here)
    first = site_table().query("library", limit=1).value
    browse = page(Client(), "/browse/")
    further = re.search(r"cursor=([^\"&]+)", browse)
    assert further is not None
    restart(settings, there)
    second = site_table().query("library", limit=1, cursor=first.next_cursor).value
    assert second.items[0]["SK"] > first.items[0]["SK"]
    rest = page(Client(), f"/browse/?cursor={unquote(further[1])}")
    assert titles(rest)
    assert not titles(rest) & titles(browse)


def titles(shown: str) -> set[str]:
    return set(re.findall(r'href="/title/([^/"]+)/', shown))


def test_a_visitor_who_came_by_while_keys_changed_stays_who_they_are(settings: Settings) -> None:
    client = Client()
    restart(settings, (OLD,))
    client.post("/list/sintel/", {"listed": "1"})
    first, signed = viewer_id(client), client.cookies["sessionid"].value
    restart(settings, PROMOTED)
    page(client, "/list/")
    assert client.cookies["sessionid"].value != signed
    again = client.cookies["sessionid"].value
    page(client, "/list/")
    assert client.cookies["sessionid"].value == again
    restart(settings, RETIRED)
    assert viewer_id(client) == first
    assert "Sintel" in page(client, "/list/")


def test_with_another_key_nothing_is_accepted(settings: Settings) -> None:
    client = Client()
    restart(settings, (OLD,))
    client.post("/list/sintel/", {"listed": "1"})
    first = viewer_id(client)
    restart(settings, (OTHER, NEW))
    assert "Sintel" not in page(client, "/list/")
    assert viewer_id(client) != first
