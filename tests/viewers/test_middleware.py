"""Sessions that ended, each kind of request told in its way; merges made up for."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.test import Client

from gtsite.dynamodb.errors import NoRegionAvailable
from gtsite.viewers import services
from gtsite.viewers.middleware import ENDED
from gtsite.viewers.signals import signed_in
from tests.support.accounts import is_signed_in, items, sign_in, sign_up
from tests.support.engines import ThreeRegions
from tests.support.site import HOME, viewer_id

SAVED = {"position": 754, "duration": 888, "sent_at": 1_700_000_000_000}
HTMX = {"HX-Request": "true", "Referer": "http://testserver/title/sintel/"}


@pytest.fixture
def ended(client: Client, site: ThreeRegions) -> Client:
    """A client whose session another one has ended."""
    other = Client()
    sign_up(client)
    sign_in(other)
    other.post("/viewers/sign-out-everywhere/")
    assert len(items(site, HOME, "viewer-")) == 1
    return client


class TestSessionEnded:
    def test_a_page_comes_again_for_somebody_anonymous_and_says_why(self, ended: Client) -> None:
        response = ended.get("/?x=1")
        assert (response.status_code, response.headers["Location"]) == (302, "/?x=1")
        page = ended.get("/")
        assert page.status_code == 200
        assert viewer_id(ended).startswith("anon-")
        assert ENDED in page.content.decode()

    def test_a_form_leads_to_sign_in_and_back(self, ended: Client) -> None:
        referer = {"Referer": "http://testserver/title/sintel/"}
        response = ended.post("/list/sintel/", {"listed": "1"}, headers=referer)
        assert response.headers["Location"] == "/viewers/sign-in/?next=%2Ftitle%2Fsintel%2F"
        assert not is_signed_in(ended)

    def test_htmx_takes_the_whole_page_along(self, ended: Client) -> None:
        response = ended.post("/list/sintel/", {"listed": "1"}, headers=HTMX)
        assert response.status_code == 403
        assert response.headers["HX-Redirect"] == "/viewers/sign-in/?next=%2Ftitle%2Fsintel%2F"

    @pytest.mark.parametrize("headers", [{"Accept": "*/*"}, {"Sec-Fetch-Mode": "no-cors"}])
    @pytest.mark.parametrize("path", ["/list/sintel/", "/bookmarks/sintel/"])
    def test_a_script_is_refused_and_nothing_kept(
        self, ended: Client, site: ThreeRegions, path: str, headers: dict[str, str]
    ) -> None:
        response = ended.post(path, SAVED | {"listed": "1"}, headers=headers)
        assert response.status_code == 403
        assert "sign in again" in response.json()["error"]
        assert [item["SK"] for item in items(site, HOME, "viewer-")] == ["#sessions"]


@pytest.mark.usefixtures("site")
def test_a_browser_keeps_no_page_that_names_a_viewer(client: Client) -> None:
    def kept(path: str) -> str:
        return client.get(path).headers["Cache-Control"]

    assert "no-store" not in kept("/browse/")
    sign_up(client)
    assert "no-store" in kept("/browse/")
    assert "no-store" not in kept("/posters/sintel.svg")


class Merging:
    """A receiver that fails while it is told to."""

    def __init__(self) -> None:
        self.calls: list[dict[str, Any]] = []
        self.failing = False

    def __call__(self, anonymous_id: str, viewer_id: str, settled: bool, **_: object) -> None:
        self.calls.append(
            {"anonymous_id": anonymous_id, "viewer_id": viewer_id, "settled": settled}
        )
        if self.failing:
            raise NoRegionAvailable([HOME])


@pytest.fixture
def merging() -> Iterator[Merging]:
    receiver = Merging()
    signed_in.connect(receiver, weak=False)
    yield receiver
    signed_in.disconnect(receiver)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """What time the site has it, in seconds."""
    now = [2_000_000_000]
    monkeypatch.setattr("gtsite.viewers.views._now_ms", lambda: now[0] * 1000)
    monkeypatch.setattr("gtsite.viewers.middleware.now_seconds", lambda: now[0])
    return now


@pytest.mark.usefixtures("site")
class TestMerging:
    def test_it_happens_at_once_again_and_settled_at_last(
        self, client: Client, merging: Merging, clock: list[int]
    ) -> None:
        client.get("/")
        before = viewer_id(client)
        sign_up(client)
        for clock[0] in range(2_000_000_000, 2_000_000_120, 5):
            client.get("/viewers/account/")
        expected = {"anonymous_id": before, "viewer_id": viewer_id(client)}
        assert merging.calls == [
            {**expected, "settled": False},
            {**expected, "settled": False},
            {**expected, "settled": True},
        ]

    def test_one_that_fails_is_tried_again_until_it_succeeds(
        self, client: Client, merging: Merging, clock: list[int]
    ) -> None:
        client.get("/")
        merging.failing = True
        sign_up(client)
        for clock[0] in range(2_000_000_000, 2_000_000_070, 5):
            assert client.get("/viewers/account/").status_code == 200
        assert len(merging.calls) == 7
        merging.failing = False
        for clock[0] in range(2_000_000_070, 2_000_000_120, 5):
            client.get("/viewers/account/")
        assert len(merging.calls) == 8
        assert merging.calls[-1]["settled"]

    @pytest.mark.parametrize("headers", [{"Accept": "*/*"}, {"Sec-Fetch-Mode": "cors"}])
    def test_only_pages_make_up_for_it(
        self, client: Client, merging: Merging, clock: list[int], headers: dict[str, str]
    ) -> None:
        client.get("/")
        sign_up(client)
        clock[0] += 100
        client.get("/viewers/account/", headers=headers)
        assert len(merging.calls) == 1

    def test_who_was_nobody_before_has_nothing_to_merge(
        self, client: Client, merging: Merging
    ) -> None:
        sign_up(client)
        client.get("/viewers/account/")
        assert merging.calls == []

    def test_a_session_that_was_ended_adds_nothing_to_the_account(
        self, client: Client, merging: Merging, clock: list[int]
    ) -> None:
        client.get("/")
        sign_up(client)
        other = Client()
        sign_in(other)
        clock[0] += 100
        other.post("/viewers/sign-out-everywhere/")
        assert client.get("/browse/").headers["Location"] == "/browse/"
        assert len(merging.calls) == 1
        assert ENDED in client.get("/browse/").content.decode()

    def test_the_page_names_the_former_viewer_to_scripts(self, client: Client) -> None:
        client.get("/")
        former = services.known_viewer(client.get("/").wsgi_request)
        sign_up(client)
        page = client.get("/viewers/account/")
        assert former is not None
        assert page.context["viewer"].former_keys == former.key
        assert page.context["viewer"].key != former.key
