"""Who is watching: an anonymous id in the signed session, and nothing else."""

import pytest
from django.contrib.sessions.backends.signed_cookies import SessionStore
from django.test import Client, RequestFactory
from pytest_django import Settings

from gtsite.viewers.entities import Viewer
from gtsite.viewers.services import ANONYMOUS, current_viewer, expires_at_seconds
from tests.support.accounts import sign_in, sign_up
from tests.support.site import viewer_id


def viewer_of(session: SessionStore) -> Viewer:
    request = RequestFactory().get("/")
    request.session = session
    return current_viewer(request)


def test_a_first_visit_makes_a_viewer_and_later_ones_find_it() -> None:
    session = SessionStore()
    viewer = viewer_of(session)
    assert ANONYMOUS.fullmatch(viewer.id)
    assert viewer.fresh
    assert viewer_of(session) == Viewer(id=viewer.id, fresh=False)


def test_a_viewer_stays_fresh_for_the_request_that_made_it() -> None:
    request = RequestFactory().get("/")
    request.session = SessionStore()
    assert current_viewer(request) == current_viewer(request)
    assert current_viewer(request).fresh


def test_no_two_first_visits_make_the_same_viewer() -> None:
    assert viewer_of(SessionStore()) != viewer_of(SessionStore())


@pytest.mark.parametrize(
    "stored", ["library", "user100", "show#caminandes", "anon-", "anon-short", "", 7, None, ["x"]]
)
def test_an_id_of_another_shape_is_never_taken_from_a_session(stored: object) -> None:
    session = SessionStore()
    session["viewer"] = stored
    viewer = viewer_of(session)
    assert ANONYMOUS.fullmatch(viewer.id)
    assert session["viewer"] == viewer.id


@pytest.mark.parametrize(
    "changes",
    [
        {"viewer": "library"},
        {"viewer": "user100"},
        {"viewer": "viewer-short"},
        {"viewer": "viewer#ada"},
        {"name": ""},
        {"name": None},
        {"name": 7},
        {"since": None},
        {"since": "1000"},
        {"since": True},
    ],
)
def test_nobody_is_signed_in_by_half_a_session(changes: dict[str, object]) -> None:
    session = SessionStore()
    session.update({"viewer": "viewer-" + "a" * 22, "name": "Ada", "since": 1000} | changes)
    viewer = viewer_of(session)
    assert not viewer.signed_in
    assert ANONYMOUS.fullmatch(viewer.id)


def test_a_whole_session_is_that_viewers() -> None:
    session = SessionStore()
    session.update({"viewer": "viewer-" + "a" * 22, "name": "Ada", "since": 1000})
    assert viewer_of(session) == Viewer(id="viewer-" + "a" * 22, name="Ada", since_ms=1000)


def test_what_is_kept_for_an_anonymous_viewer_expires_after_their_cookie(
    settings: Settings,
) -> None:
    expires = expires_at_seconds(f"anon-{'a' * 22}", now_ms=5_000)
    assert expires is not None
    assert expires > 5 + settings.SESSION_COOKIE_AGE
    assert expires_at_seconds(f"viewer-{'a' * 22}", now_ms=5_000) is None


@pytest.mark.usefixtures("site")
def test_who_signs_in_over_another_takes_nothing_of_theirs_along(client: Client) -> None:
    sign_up(Client(), name="Grace Hopper")
    client.get("/")
    sign_up(client)
    assert client.session["former"]
    sign_in(client, name="Grace Hopper")
    assert set(client.session.keys()) == {"viewer", "name", "since"}


def test_a_session_that_is_too_old_is_nobodys(client: Client, settings: Settings) -> None:
    session = SessionStore()
    session.update({"viewer": "viewer-" + "a" * 22, "name": "Ada", "since": 1000})
    session.save()
    for age, status in ((60, 302), (-1, 200)):
        settings.SESSION_COOKIE_AGE = age
        client.cookies[settings.SESSION_COOKIE_NAME] = str(session.session_key)
        assert client.get("/viewers/sign-in/").status_code == status


@pytest.mark.usefixtures("site")
def test_a_cookie_that_was_changed_is_another_viewer(client: Client) -> None:
    client.get("/")
    first = viewer_id(client)
    name = "sessionid"
    client.cookies[name] = client.cookies[name].value[:-1] + "x"
    client.get("/")
    assert viewer_id(client) != first


@pytest.mark.parametrize("said", ["?viewer=user100", "?viewer_id=user100", "?PK=user100"])
@pytest.mark.usefixtures("site")
def test_nothing_a_request_says_makes_it_another_viewer(client: Client, said: str) -> None:
    client.get("/")
    first = viewer_id(client)
    client.get(f"/{said}", headers={"X-Viewer": "user100", "Authorization": "user100"})
    assert viewer_id(client) == first


@pytest.mark.usefixtures("site")
def test_the_page_does_not_show_the_viewers_id(client: Client) -> None:
    client.get("/")
    for path in ("/", "/title/sintel/", "/watch/sintel/"):
        assert viewer_id(client) not in client.get(path).content.decode()
