"""Nobody reads or changes what is another's, whatever they guess, steal a part of, or leave out."""

import json
import re
from typing import Any
from urllib.parse import unquote

import pytest
from django.conf import settings
from django.core import signing
from django.test import Client

from catalog.services import catalogue
from gtsite.dynamodb.tables import GLOBAL_SERVERLESS
from tests.support.accounts import PASSWORD, POSITION, signed_up, watches
from tests.support.addresses import addresses
from tests.support.engines import ThreeRegions
from tests.support.site import HOME, put, viewer_id

PAGES = (
    *("/", "/list/", "/title/sintel/", "/title/caminandes/", "/watch/sintel/"),
    *("/bookmarks/sintel/", "/viewers/account/"),
)
MUTATIONS: dict[str, dict[str, Any]] = {
    "/bookmarks/sintel/": POSITION | {"position": 11, "sent_at": 1_800_000_000_000},
    "/list/sintel/": {"listed": "0"},
    "/list/caminandes/": {"listed": "1"},
    "/continue/sintel/": {"shown": "0"},
    "/watched/sintel/": {"watched": "1"},
    "/viewers/change-password/": {"current": PASSWORD, "new": "another horse, another staple"},
    "/viewers/sign-out-everywhere/": {},
    "/viewers/delete-account/": {"password": PASSWORD},
}
GUESSES = ("viewer", "viewer_id", "viewer_key", "PK", "id", "name", "user", "key")


def partition(site: ThreeRegions, viewer: str) -> list[str]:
    """All that is stored of one viewer, the account included."""
    items = site.client(HOME).scan(TableName=GLOBAL_SERVERLESS.name)["Items"]
    own = (item for item in items if viewer in json.dumps(item, default=str))
    return sorted(json.dumps(item, sort_keys=True, default=str) for item in own)


def everything(site: ThreeRegions) -> list[str]:
    items = site.client(HOME).scan(TableName=GLOBAL_SERVERLESS.name)["Items"]
    return sorted(json.dumps(item, sort_keys=True, default=str) for item in items)


def shows_the_position(client: Client) -> bool:
    """Whether any page says where Ann is in Sintel, or that it is on her list."""
    pages = [client.get(path).content.decode() for path in PAGES]
    return any("12:34" in page or '"position": 754' in page for page in pages)


@pytest.fixture
def ann(site: ThreeRegions) -> Client:
    client = signed_up("Ann")
    watches(client)
    assert shows_the_position(client)
    assert len(partition(site, viewer_id(client))) == 3
    return client


@pytest.mark.parametrize("signed_in", [True, False], ids=["signed-in", "anonymous"])
@pytest.mark.parametrize("path", MUTATIONS)
def test_a_mutation_touches_nobody_elses_items_whoever_it_names(
    site: ThreeRegions, ann: Client, path: str, signed_in: bool
) -> None:
    hers, bob = viewer_id(ann), signed_up("Bob") if signed_in else Client()
    before = partition(site, hers)
    for guess in (hers, "Ann"):
        named = dict.fromkeys(GUESSES, guess)
        bob.post(path, named | MUTATIONS[path])
        bob.post(path, MUTATIONS[path], query_params=named)
        bob.post(path, MUTATIONS[path], headers={"X-Viewer": guess, "Authorization": guess})
    assert partition(site, hers) == before


@pytest.mark.parametrize("signed_in", [True, False], ids=["signed-in", "anonymous"])
def test_a_page_shows_nobody_elses_items_whoever_it_names(ann: Client, signed_in: bool) -> None:
    hers, bob = viewer_id(ann), signed_up("Bob") if signed_in else Client()
    named = dict.fromkeys(GUESSES, hers)
    for path in PAGES:
        answer = bob.get(path, named, headers={"X-Viewer": hers, "Cookie": f"viewer={hers}"})
        page = answer.content.decode()
        assert "12:34" not in page
        assert '"position": 754' not in page
    assert not shows_the_position(bob)


def test_an_id_in_place_of_a_title_finds_no_viewers_items(site: ThreeRegions, ann: Client) -> None:
    hers, bob = viewer_id(ann), Client()
    before = everything(site)
    for guess in (hers, f"{hers}%23list", "viewer%23ann", "%23sessions"):
        for place in ("title", "watch", "bookmarks"):
            assert bob.get(f"/{place}/{guess}/").status_code == 404
        assert bob.post(f"/bookmarks/{guess}/", POSITION).status_code == 404
        assert bob.post(f"/list/{guess}/", {"listed": "1"}).status_code == 404
        assert bob.post(f"/continue/{guess}/", {"shown": "0"}).status_code == 404
    assert everything(site) == before


def forged(value: str, key: str) -> list[str]:
    """What somebody may make of a session cookie, or instead of it, without the site's secret."""
    session = "django.contrib.sessions.backends.signed_cookies"
    payload, *signature = value.split(":")
    other = signing.dumps({"viewer": key}, key="x" * 50, salt=session, compress=True)
    return [
        other,
        signing.dumps({"viewer": key}, salt="catalog.browse", compress=True),
        ":".join([other.split(":")[0], *signature]),
        ":".join([payload, *other.split(":")[1:]]),
        value.swapcase(),
        value[:-1],
        value + value,
        payload,
        json.dumps({"viewer": key}),
        key,
    ]


def test_a_cookie_the_site_has_not_signed_is_nobodys(site: ThreeRegions, ann: Client) -> None:
    hers = viewer_id(ann)
    cookie = ann.cookies[settings.SESSION_COOKIE_NAME].value
    before = partition(site, hers)
    for value in forged(cookie, hers):
        thief = Client()
        for path, form in MUTATIONS.items():
            thief.cookies[settings.SESSION_COOKIE_NAME] = value
            thief.post(path, form)
        thief.cookies[settings.SESSION_COOKIE_NAME] = value
        assert not shows_the_position(thief), value
    assert partition(site, hers) == before


def test_a_cookie_that_was_stolen_ends_with_signing_out_everywhere(ann: Client) -> None:
    thief = Client()
    name = settings.SESSION_COOKIE_NAME
    stolen = thief.cookies[name] = ann.cookies[name].value
    assert shows_the_position(thief)
    ann.post("/viewers/sign-out-everywhere/")
    for path in PAGES:
        thief.cookies[name] = stolen
        page = thief.get(path).content.decode()
        assert "12:34" not in page
        assert '"position": 754' not in page


def test_a_cookie_that_was_stolen_changes_nothing_after_signing_out_everywhere(
    site: ThreeRegions, ann: Client
) -> None:
    name, hers = settings.SESSION_COOKIE_NAME, viewer_id(ann)
    stolen = ann.cookies[name].value
    ann.post("/viewers/sign-out-everywhere/")
    before = partition(site, hers)
    for path, form in MUTATIONS.items():
        thief = Client()
        thief.cookies[name] = stolen
        assert thief.post(path, form).status_code in (302, 403), path
    assert partition(site, hers) == before


def test_signing_in_leads_into_nobody_elses_account(site: ThreeRegions, ann: Client) -> None:
    before = partition(site, viewer_id(ann))
    bob = signed_up("Bob")
    for name in ("Ann", "ANN", "ann ", "Bob", "viewer#ann", viewer_id(ann)):
        refused = bob.post("/viewers/sign-in/", {"name": name, "password": "not that, but long"})
        assert refused.status_code in (422, 429)
    assert (
        Client()
        .post("/viewers/sign-up/", {"name": "aNN", "password": "mine, all mine, of late"})
        .status_code
        == 422
    )
    assert partition(site, viewer_id(ann)) == before


def test_no_form_is_taken_without_its_token(site: ThreeRegions, ann: Client) -> None:
    strict = Client(enforce_csrf_checks=True)
    strict.cookies = ann.cookies
    before, refused = everything(site), 0
    for address in addresses():
        path = address.path(*("sintel" for _ in address.arguments))
        status = strict.post(path, {"listed": "1", "shown": "0", "watched": "1"}).status_code
        assert status in (403, 404, 405), path
        refused += status == 403
    for path, form in MUTATIONS.items():
        assert strict.post(path, form).status_code == 403
        other = form | {"csrfmiddlewaretoken": "x" * 64}
        assert strict.post(path, other).status_code == 403
        assert strict.post(path, form, headers={"X-CSRFToken": "y" * 32}).status_code == 403
    assert refused >= len(MUTATIONS)
    assert everything(site) == before


def test_a_token_from_another_site_is_refused_even_when_it_matches(
    site: ThreeRegions, ann: Client
) -> None:
    strict = Client(enforce_csrf_checks=True)
    strict.cookies = ann.cookies
    token = strict.cookies[settings.CSRF_COOKIE_NAME] = "a" * 32
    before = everything(site)
    for path, form in MUTATIONS.items():
        answer = strict.post(
            path, form | {"csrfmiddlewaretoken": token}, headers={"Origin": "https://evil.example"}
        )
        assert answer.status_code == 403
    assert everything(site) == before


def cards(client: Client, **query: str) -> list[str]:
    """The titles that the browse page shows, in its order."""
    answer = client.get("/browse/", query)
    assert answer.status_code == 200
    return list(dict.fromkeys(re.findall(r'href="/title/([^/"]+)/', answer.content.decode())))


@pytest.fixture
def cursor(site: ThreeRegions, client: Client) -> str:
    """Where the second page of all titles begins, as the first page says."""
    for number in range(60):
        genres = ["comedy" if number % 2 else "drama"]
        title = {"PK": "library", "SK": f"film-{number:02}", "title": "Film", "genres": genres}
        put(site, HOME, title)
    catalogue().refresh()
    found = re.search(r"cursor=([^\"&]+)", client.get("/browse/").content.decode())
    assert found is not None
    return unquote(found[1])


def test_a_cursor_leads_on(client: Client, cursor: str) -> None:
    assert not set(cards(client, cursor=cursor)) & set(cards(client))


def test_a_cursor_that_was_changed_means_the_first_page(client: Client, cursor: str) -> None:
    first = cards(client)
    payload, *signature = cursor.split(":")
    further = signing.b64_encode(b"48").decode()
    for value in (
        "x",
        "-1",
        "\x00",
        cursor.swapcase(),
        cursor[:-1],
        ":".join([further, *signature]),
    ):
        assert cards(client, cursor=value) == first
    for salt in ("catalog.browse", "django.contrib.sessions.backends.signed_cookies"):
        assert cards(client, cursor=signing.dumps(48, salt=salt)) == first
    assert payload != further


def test_a_cursor_of_other_filters_means_their_first_page(client: Client, cursor: str) -> None:
    assert cards(client, genre="comedy", cursor=cursor) == cards(client, genre="comedy")
    assert cards(client, sort="title", cursor=cursor) == cards(client, sort="title")
