"""Signing up, in and out, and one's own account, through the forms, on three real engines."""

from typing import Any

import pytest
from django.test import Client
from pytest_django import Settings

from gtsite.dynamodb.errors import NoRegionAvailable
from gtsite.viewers.signals import account_deleted
from tests.support.accounts import (
    NAME,
    OTHER_PASSWORD,
    PASSWORD,
    is_signed_in,
    items,
    replicate,
    same_body,
    settle_in,
    sign_in,
    sign_up,
)
from tests.support.engines import ThreeRegions
from tests.support.site import HOME, LAST, NEXT, calls, viewer_id

SAVED = {"position": 754, "duration": 888, "sent_at": 1_700_000_000_000}
FORMS = ("/viewers/sign-up/", "/viewers/sign-in/")
NEXT_PAGES = {
    "/title/sintel/?x=1": "/title/sintel/?x=1",
    "": "/",
    "//evil.example/": "/",
    "https://evil.example/": "/",
    "/\\evil.example": "/",
    "javascript:alert(1)": "/",
    "/" + "x" * 3000: "/",
    "/a\nb": "/a%0Ab",
}
OWN = ("/viewers/account/", "/viewers/change-password/", "/viewers/delete-account/")


def fields(**changes: str) -> dict[str, str]:
    return {"name": NAME, "password": PASSWORD} | changes


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"name": ""}, "Write your name."),
        ({"name": "x"}, "3 to 40 characters"),
        ({"name": "x" * 41}, "at most 40 characters"),
        ({"name": "a\u200bda"}, "Use letters, digits and signs"),
        ({"name": "a\x00da"}, "Use letters, digits and signs"),
        ({"password": ""}, "Write the password."),
        ({"password": "short"}, "too short"),
        ({"password": "1234567890123"}, "entirely numeric"),
        ({"password": "basketball"}, "too common"),
        ({"password": "ada-lovelace"}, "too similar to the name"),
        ({"password": "x" * 257}, "at most 256 characters"),
    ],
)
def test_what_will_not_do_is_said_and_nothing_written(
    client: Client, changes: dict[str, str], said: str
) -> None:
    response = client.post("/viewers/sign-up/", fields(**changes))
    page = response.content.decode()
    assert response.status_code == 422
    assert said in page
    assert 'aria-invalid="true"' in page
    assert calls(response) == 0


@pytest.mark.usefixtures("site")
class TestSignUp:
    def test_who_signs_up_is_signed_in(self, client: Client) -> None:
        response = sign_up(client)
        assert response.headers["Location"] == "/"
        assert viewer_id(client).startswith("viewer-")
        page = client.get("/viewers/account/").content.decode()
        assert "<h1>Ada Lovelace</h1>" in page
        assert "Here since" in page

    def test_it_is_one_item_in_the_home_region(
        self, client: Client, site: ThreeRegions, settings: Settings
    ) -> None:
        settle_in(settings, LAST)
        sign_up(client)
        (item,) = items(site, HOME, "viewer#")
        assert items(site, LAST, "viewer#") == []
        assert item["PK"] == "viewer#ada lovelace"
        assert item["SK"] == "profile"
        assert item["display_name"] == NAME
        assert item["viewer_id"] == viewer_id(client)
        assert PASSWORD not in str(item)

    @pytest.mark.parametrize("name", [NAME, "ADA LOVELACE", "ada lovelace"])
    def test_a_name_is_taken_in_every_spelling(self, client: Client, name: str) -> None:
        sign_up(Client())
        response = client.post("/viewers/sign-up/", fields(name=name, password=OTHER_PASSWORD))
        page = response.content.decode()
        assert response.status_code == 422
        assert "That name is taken" in page
        assert f'value="{name}"' in page
        assert OTHER_PASSWORD not in page
        assert 'aria-describedby="id_name_helptext id_name_error"' in page
        assert not is_signed_in(client)

    def test_sent_again_after_a_lost_answer_it_finds_its_own_account(self, client: Client) -> None:
        lost = Client()
        sign_up(lost)
        sign_up(client)
        assert viewer_id(client) == viewer_id(lost)

    @pytest.mark.parametrize("fail", ["refuse", "blackhole"])
    def test_with_the_home_region_away_it_says_so_and_keeps_the_name(
        self, client: Client, site: ThreeRegions, settings: Settings, fail: str
    ) -> None:
        settle_in(settings, LAST)
        getattr(site, fail)(HOME)
        response = client.post("/viewers/sign-up/", fields())
        page = response.content.decode()
        assert response.status_code == 503
        assert "Oregon" in page
        assert f'value="{NAME}"' in page
        assert PASSWORD not in page
        assert not is_signed_in(client)


@pytest.mark.usefixtures("site")
class TestSignIn:
    def test_by_name_and_password(self, client: Client) -> None:
        first = Client()
        sign_up(first)
        response = sign_in(client, name="ada LOVELACE")
        assert response.status_code == 302
        assert viewer_id(client) == viewer_id(first)
        assert "<h1>Ada Lovelace</h1>" in client.get("/viewers/account/").content.decode()

    def test_a_wrong_password_and_a_wrong_name_get_the_same_answer(self, client: Client) -> None:
        sign_up(Client(), name="ada lovelace")
        known = client.post("/viewers/sign-in/", fields(name="ada lovelace", password="wrong one"))
        unknown = client.post(
            "/viewers/sign-in/", fields(name="ada byron-kk", password="wrong one")
        )
        assert known.status_code == unknown.status_code == 422
        assert calls(known) == calls(unknown)
        assert set(known.headers) == set(unknown.headers)
        assert same_body(known, "ada lovelace") == same_body(unknown, "ada byron-kk")
        assert not is_signed_in(client)

    @pytest.mark.parametrize("region", [NEXT, LAST])
    def test_elsewhere_right_after_signing_up(
        self, client: Client, settings: Settings, region: str
    ) -> None:
        sign_up(Client())
        settle_in(settings, region)
        assert sign_in(client).status_code == 302

    def test_it_leads_back_to_a_page_of_this_site_only(self, client: Client) -> None:
        sign_up(client)
        sign_up(Client(), name="Grace Hopper")
        for asked, location in NEXT_PAGES.items():
            door = "/viewers/sign-in/", {"next": asked}
            assert client.get(*door).headers["Location"] == location
            htmx = client.get(*door, headers={"HX-Request": "true"})
            assert htmx.headers["HX-Redirect"] == location
            entered = fields(name="Grace Hopper", next=asked)
            response = Client().post("/viewers/sign-in/", entered)
            assert response.headers["Location"] == location, asked

    def test_the_session_and_the_token_are_new(self, client: Client) -> None:
        sign_up(Client())
        client.get("/viewers/sign-in/")
        before = {name: morsel.value for name, morsel in client.cookies.items()}
        sign_in(client)
        after = {name: morsel.value for name, morsel in client.cookies.items()}
        assert before["csrftoken"] != after["csrftoken"]
        assert before.get("sessionid") != after["sessionid"]

    @pytest.mark.parametrize("path", FORMS)
    def test_without_its_token_a_form_does_nothing(self, site: ThreeRegions, path: str) -> None:
        careful = Client(enforce_csrf_checks=True)
        assert careful.post(path, fields()).status_code == 403
        assert items(site, HOME, "viewer") == items(site, HOME, "attempts") == []


@pytest.mark.usefixtures("site")
class TestSignOut:
    def test_the_next_page_makes_another_viewer(self, client: Client) -> None:
        sign_up(client)
        client.post("/viewers/sign-out/")
        assert not is_signed_in(client)
        client.get("/")
        assert viewer_id(client).startswith("anon-")

    @pytest.mark.parametrize("path", ["/viewers/sign-out/", "/viewers/sign-out-everywhere/"])
    def test_a_link_cannot_do_it(self, client: Client, path: str) -> None:
        sign_up(client)
        assert client.get(path).status_code == 405
        assert is_signed_in(client)

    def test_everywhere_ends_a_cookie_that_was_stolen(
        self, client: Client, site: ThreeRegions
    ) -> None:
        sign_up(client)
        thief = Client()
        thief.cookies["sessionid"] = client.cookies["sessionid"].value
        assert is_signed_in(thief)
        response = client.post("/viewers/sign-out-everywhere/")
        assert response.headers["Location"] == "/viewers/sign-in/"
        assert not is_signed_in(client)
        stolen = thief.cookies["sessionid"].value
        for path in ("/", "/title/sintel/", "/watch/sintel/", *OWN):
            thief.cookies["sessionid"] = stolen
            assert thief.get(path).status_code == 302, path
            assert not thief.cookies["sessionid"].value, path
        thief.cookies["sessionid"] = stolen
        refused = thief.post("/bookmarks/sintel/", SAVED, headers={"Accept": "*/*"})
        assert refused.status_code == 403
        assert [item["SK"] for item in items(site, HOME, "viewer-")] == ["#sessions"]

    def test_signing_in_again_works_at_once(self, client: Client) -> None:
        sign_up(client)
        client.post("/viewers/sign-out-everywhere/")
        assert sign_in(client).status_code == 302
        assert is_signed_in(client)


@pytest.mark.usefixtures("site")
class TestAccount:
    @pytest.mark.parametrize("path", OWN)
    def test_others_are_led_to_sign_in_and_back(self, client: Client, path: str) -> None:
        response = client.get(path)
        assert response.headers["Location"] == f"/viewers/sign-in/?next={path.replace('/', '%2F')}"
        htmx = client.post(path, headers={"HX-Request": "true"}) if path != OWN[0] else None
        if htmx is not None:
            assert htmx.status_code == 403
            assert htmx.headers["HX-Redirect"].startswith("/viewers/sign-in/")

    def test_it_costs_one_request_and_is_never_kept(self, client: Client) -> None:
        sign_up(client)
        response = client.get("/viewers/account/")
        assert calls(response) == 1
        assert "no-store" in response.headers["Cache-Control"]

    def test_with_every_region_away_it_says_so(self, client: Client, site: ThreeRegions) -> None:
        sign_up(client)
        for region in site.names:
            site.refuse(region)
        page = client.get("/viewers/account/").content.decode()
        assert NAME in page
        assert "No region answers just now" in page


def change(client: Client, **changes: str) -> Any:
    asked = {"current": PASSWORD, "new": OTHER_PASSWORD} | changes
    return client.post("/viewers/change-password/", asked)


@pytest.mark.usefixtures("site")
class TestChangePassword:
    def test_this_session_stays_and_others_end(self, client: Client) -> None:
        other = Client()
        sign_up(client)
        sign_in(other)
        assert change(client).headers["Location"] == "/viewers/account/"
        assert is_signed_in(client)
        assert not is_signed_in(other)
        assert sign_in(other).status_code == 422
        assert sign_in(other, password=OTHER_PASSWORD).status_code == 302

    @pytest.mark.parametrize(
        ("changes", "said"),
        [
            ({"current": "not this one"}, "That is not your password."),
            ({"new": "short"}, "too short"),
            ({"new": "Ada Lovelace"}, "too similar"),
        ],
    )
    def test_what_will_not_do_changes_nothing(
        self, client: Client, changes: dict[str, str], said: str
    ) -> None:
        other = Client()
        sign_up(client)
        sign_in(other)
        response = change(client, **changes)
        assert response.status_code == 422
        assert said in response.content.decode()
        assert is_signed_in(other)
        assert sign_in(Client()).status_code == 302

    def test_sent_again_after_a_lost_answer_it_is_done(self, client: Client) -> None:
        sign_up(client)
        change(client)
        assert change(client).status_code == 302

    def test_with_the_home_region_away_nothing_changes(
        self, client: Client, site: ThreeRegions, settings: Settings
    ) -> None:
        other = Client()
        sign_up(client)
        sign_in(other)
        settle_in(settings, LAST)
        site.refuse(HOME)
        response = change(client)
        assert response.status_code == 503
        assert "Yours is as it was." in response.content.decode()
        site.heal(HOME)
        settle_in(settings, HOME)
        assert is_signed_in(other)
        assert sign_in(Client()).status_code == 302

    def test_an_old_password_a_replica_still_takes_opens_a_session_that_ends(
        self, client: Client, site: ThreeRegions, settings: Settings
    ) -> None:
        late = Client()
        sign_up(client)
        replicate(site, HOME, LAST)
        change(client)
        settle_in(settings, LAST)
        site.refuse(HOME)
        assert sign_in(late).status_code == 302
        site.heal(HOME)
        replicate(site, HOME, LAST)
        assert not is_signed_in(late)


@pytest.mark.usefixtures("site")
class TestDeleteAccount:
    def test_everything_goes_but_for_the_marker(self, client: Client, site: ThreeRegions) -> None:
        sign_up(client)
        own = viewer_id(client)
        client.post("/bookmarks/sintel/", SAVED)
        client.post("/list/sintel/", {"listed": "1"})
        response = client.post("/viewers/delete-account/", {"password": PASSWORD})
        assert response.headers["Location"] == "/"
        (marker,) = items(site, HOME, "viewer")
        assert (marker["PK"], marker["SK"]) == (own, "#sessions")
        assert marker["expires_at"] > marker["valid_from"] // 1000
        assert not is_signed_in(client)
        assert sign_in(client).status_code == 422

    def test_what_was_kept_before_signing_in_goes_too(
        self, client: Client, site: ThreeRegions
    ) -> None:
        client.post("/bookmarks/sintel/", SAVED)
        sign_up(client)
        assert len(items(site, HOME, "anon-")) == len(items(site, HOME, "viewer-")) == 1
        client.post("/viewers/delete-account/", {"password": PASSWORD})
        assert items(site, HOME, "anon-") == []
        assert [item["SK"] for item in items(site, HOME, "viewer")] == ["#sessions"]

    def test_one_cut_short_keeps_the_profile_and_is_done_when_repeated(
        self, client: Client, site: ThreeRegions
    ) -> None:
        def cut_short(**_: object) -> None:
            raise NoRegionAvailable([HOME])

        sign_up(client)
        client.post("/bookmarks/sintel/", SAVED)
        account_deleted.connect(cut_short)
        try:
            response = client.post("/viewers/delete-account/", {"password": PASSWORD})
        finally:
            account_deleted.disconnect(cut_short)
        assert response.headers["Location"] == "/viewers/delete-account/"
        page = client.get("/viewers/delete-account/").content.decode()
        assert "Your account is still there" in page
        assert len(items(site, HOME, "viewer#")) == 1
        again = client.post("/viewers/delete-account/", {"password": PASSWORD})
        assert again.headers["Location"] == "/"
        assert [item["SK"] for item in items(site, HOME, "viewer")] == ["#sessions"]

    def test_another_account_stays_whole(self, client: Client, site: ThreeRegions) -> None:
        other = Client()
        sign_up(other, name="Grace Hopper")
        other.post("/bookmarks/sintel/", SAVED)
        sign_up(client)
        before = items(site, HOME, viewer_id(other)) + items(site, HOME, "viewer#grace")
        client.post("/viewers/delete-account/", {"password": PASSWORD})
        assert items(site, HOME, viewer_id(other)) + items(site, HOME, "viewer#grace") == before

    def test_a_wrong_password_deletes_nothing(self, client: Client, site: ThreeRegions) -> None:
        sign_up(client)
        response = client.post("/viewers/delete-account/", {"password": "not this one"})
        assert response.status_code == 422
        assert len(items(site, HOME, "viewer#")) == 1
        assert is_signed_in(client)

    def test_with_the_home_region_away_nothing_is_deleted(
        self, client: Client, site: ThreeRegions, settings: Settings
    ) -> None:
        sign_up(client)
        settle_in(settings, LAST)
        client.post("/bookmarks/sintel/", SAVED)
        site.blackhole(HOME)
        response = client.post("/viewers/delete-account/", {"password": PASSWORD})
        assert response.status_code == 503
        assert "Yours is as it was." in response.content.decode()
        assert len(items(site, LAST, "viewer-")) == 1
