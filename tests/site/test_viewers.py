"""Who is watching: an anonymous id in the signed session, and nothing else."""

import pytest
from django.conf import settings
from django.contrib.sessions.backends.signed_cookies import SessionStore
from django.test import Client, RequestFactory

from gtsite.viewers.entities import Viewer
from gtsite.viewers.services import ANONYMOUS, current_viewer
from tests.support.site import viewer_id


def viewer_of(session: SessionStore) -> Viewer:
    request = RequestFactory().get("/")
    request.session = session
    return current_viewer(request)


def test_a_first_visit_makes_a_viewer_and_later_ones_find_it() -> None:
    session = SessionStore()
    viewer = viewer_of(session)
    assert ANONYMOUS.fullmatch(viewer.id)
    assert viewer_of(session) == viewer


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


@pytest.mark.usefixtures("site")
def test_a_cookie_that_was_changed_is_another_viewer(client: Client) -> None:
    client.get("/")
    first = viewer_id(client)
    name = settings.SESSION_COOKIE_NAME
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
