"""Home, title, player and positions through the browser's door, on three real engines."""

import json
import re
import time
from typing import Any
from urllib.parse import urlencode

import pytest
from django.conf import settings
from django.http.response import HttpResponseBase
from django.test import Client

from catalog.services import catalogue
from gtsite.dynamodb.tables import GLOBAL_SERVERLESS
from gtsite.viewers.sessions import SESSIONS_KEY, Markers
from tests.support.engines import ThreeRegions
from tests.support.site import HOME, NEXT, put, stored, viewer_id

GOOD = {"position": 754, "duration": 888, "sent_at": 1_700_000_000_000}


def post(client: Client, content: str = "sintel", **changes: Any) -> int:
    status: int = client.post(f"/bookmarks/{content}/", GOOD | changes).status_code
    return status


@pytest.mark.usefixtures("site")
class TestPosition:
    def test_there_is_none_at_first(self, client: Client) -> None:
        response = client.get("/bookmarks/sintel/")
        assert response.headers["Content-Type"] == "application/json"
        assert response.json() == {"position": 0, "duration": 888, "updated_at": 0, "region": ""}
        assert "no-store" in response.headers["Cache-Control"]

    def test_what_was_kept_is_told(self, client: Client) -> None:
        response = client.post("/bookmarks/sintel/", GOOD)
        assert (response.status_code, response.content) == (204, b"")
        assert client.get("/bookmarks/sintel/").json() == {
            "position": 754,
            "duration": 888,
            "updated_at": 1_700_000_000_000,
            "region": HOME,
        }

    def test_it_is_stored_under_the_viewer_and_the_content_id(
        self, client: Client, site: ThreeRegions
    ) -> None:
        post(client, "caminandes/S01E02", position=60, duration=146)
        (item,) = stored(site, HOME)
        expires_at = int(item.pop("expires_at")["N"])
        assert expires_at > time.time() + settings.SESSION_COOKIE_AGE
        assert item == {
            "PK": {"S": viewer_id(client)},
            "SK": {"S": "caminandes#S01E02"},
            "Bookmark": {"N": "60"},
            "duration": {"N": "146"},
            "updated_at": {"N": "1700000000000"},
            "region": {"S": HOME},
            "finished": {"BOOL": False},
        }

    @pytest.mark.parametrize("address", ["caminandes/S01E02", "caminandes%23S01E02"])
    def test_an_episode_has_two_addresses_and_one_position(
        self, client: Client, address: str
    ) -> None:
        post(client, "caminandes/S01E02", position=60, duration=146)
        assert client.get(f"/bookmarks/{address}/").json()["position"] == 60

    def test_an_older_one_is_taken_and_loses(self, client: Client) -> None:
        post(client)
        assert post(client, position=10, sent_at=GOOD["sent_at"] - 1) == 204
        assert client.get("/bookmarks/sintel/").json()["position"] == 754

    def test_the_same_one_twice_is_the_same_as_once(self, client: Client) -> None:
        assert [post(client), post(client)] == [204, 204]
        assert client.get("/bookmarks/sintel/").json()["position"] == 754

    def test_a_clock_that_runs_ahead_does_not_lock_out_later_positions(
        self, client: Client
    ) -> None:
        ahead = int(time.time() * 1000) + 86_400_000
        post(client, position=10, sent_at=ahead)
        assert client.get("/bookmarks/sintel/").json()["updated_at"] < ahead
        time.sleep(0.002)
        post(client, position=20, sent_at=ahead)
        assert client.get("/bookmarks/sintel/").json()["position"] == 20

    def test_the_end_counts_as_finished(self, client: Client, site: ThreeRegions) -> None:
        post(client, position=850)
        (item,) = stored(site, HOME)
        assert item["finished"] == {"BOOL": True}

    @pytest.mark.parametrize(
        ("changes", "said"),
        [
            ({"position": "-1"}, "before the beginning"),
            ({"position": "nan"}, "not a number"),
            ({"position": "inf"}, "not a number"),
            ({"position": "1e300"}, "beyond 24 hours"),
            ({"position": "889"}, "beyond the duration"),
            ({"position": "5000", "duration": "9000"}, "beyond the end"),
            ({"position": ""}, "position in seconds"),
            ({"duration": "0"}, "not between 0 and 24 hours"),
            ({"sent_at": "soon"}, "not a number of milliseconds"),
        ],
    )
    def test_what_is_no_position_is_a_422_and_nothing_is_written(
        self, client: Client, site: ThreeRegions, changes: dict[str, str], said: str
    ) -> None:
        response = client.post("/bookmarks/sintel/", GOOD | changes)
        assert response.status_code == 422
        assert said in response.json()["error"]
        assert stored(site, HOME) == []

    @pytest.mark.parametrize("content", ["nowhere", "caminandes", "caminandes/S09E09", "broken"])
    def test_an_unknown_title_is_a_404_and_nothing_is_written(
        self, client: Client, site: ThreeRegions, content: str
    ) -> None:
        assert client.get(f"/bookmarks/{content}/").status_code == 404
        assert post(client, content) == 404
        assert stored(site, HOME) == []

    @pytest.mark.parametrize("content", ["%C3%A9", "a%20b", "..%2f", "a%00b", "x" * 65, "show%23x"])
    def test_an_id_with_odd_characters_is_a_404(
        self, client: Client, site: ThreeRegions, content: str
    ) -> None:
        assert post(client, content) == 404
        assert stored(site, HOME) == []

    @pytest.mark.parametrize(
        ("body", "content_type", "status"),
        [
            (json.dumps(GOOD), "application/json", 415),
            ("position=1", "text/plain", 415),
            ("", "application/x-www-form-urlencoded", 415),
            ("\x00\xff%%%", "application/x-www-form-urlencoded", 422),
            ("--x\r\n\r\n", "multipart/form-data; boundary=x", 422),
            ("anything", "multipart/form-data", 400),
            (urlencode(GOOD) + "&x=" + "x" * 100_000, "application/x-www-form-urlencoded", 400),
            (urlencode(GOOD) + "&x=1" * 200, "application/x-www-form-urlencoded", 400),
        ],
    )
    def test_a_body_that_is_no_form_is_refused_and_nothing_is_written(
        self, client: Client, site: ThreeRegions, body: str, content_type: str, status: int
    ) -> None:
        response = client.post("/bookmarks/sintel/", body, content_type=content_type)
        assert response.status_code == status
        assert stored(site, HOME) == []

    @pytest.mark.parametrize("method", ["put", "delete", "patch"])
    def test_other_methods_are_refused(self, client: Client, method: str) -> None:
        assert getattr(client, method)("/bookmarks/sintel/").status_code == 405

    def test_a_title_too_new_for_the_index_has_a_position_too(
        self, client: Client, site: ThreeRegions
    ) -> None:
        put(site, HOME, {"PK": "library", "SK": "new", "title": "New"})
        assert post(client, "new") == 204
        assert client.get("/bookmarks/new/").json()["position"] == 754


@pytest.mark.usefixtures("site")
class TestOnlyOwn:
    """No address gives one viewer what is another's."""

    def test_no_page_and_no_answer_shows_another_viewers_position(self) -> None:
        mine, theirs = Client(), Client()
        post(mine)
        post(mine, "caminandes/S01E02", position=60, duration=146)
        assert "Resume" in mine.get("/").content.decode()
        for path in ("/", "/title/sintel/", "/title/caminandes/", "/watch/sintel/"):
            page = theirs.get(path).content.decode()
            assert "Resume" not in page
            assert "12:34" not in page
        assert theirs.get("/bookmarks/sintel/").json()["position"] == 0
        assert theirs.get("/watch/caminandes/").headers["Location"] == "/watch/caminandes/S01E01/"

    def test_no_viewer_moves_another_viewers_position(self) -> None:
        mine, theirs = Client(), Client()
        post(mine)
        post(theirs, position=5, sent_at=GOOD["sent_at"] + 1)
        assert mine.get("/bookmarks/sintel/").json()["position"] == 754

    def test_no_list_shows_or_changes_what_is_anothers(self) -> None:
        mine, theirs = Client(), Client()
        listed(mine, "sintel")
        assert "Nothing on your list yet" in theirs.get("/list/").content.decode()
        page = theirs.get("/title/sintel/").content.decode()
        assert 'aria-pressed="false"' in page.partition('class="listed"')[2][:2000]
        listed(theirs, "sintel", "0")
        assert "1 title," in mine.get("/list/").content.decode()

    def test_nobody_takes_off_or_marks_what_another_watches(self) -> None:
        mine, theirs = Client(), Client()
        post(mine)
        shown(theirs, "sintel", "0")
        theirs.post("/watched/sintel/", {"watched": "1"})
        assert "Resume 12:34" in mine.get("/").content.decode()

    @pytest.mark.parametrize("extra", ["viewer", "viewer_id", "PK", "user"])
    def test_no_field_of_a_form_names_the_viewer(
        self, client: Client, site: ThreeRegions, extra: str
    ) -> None:
        post(client, **{extra: "user100"})
        assert [item["PK"]["S"] for item in stored(site, HOME)] == [viewer_id(client)]


@pytest.mark.usefixtures("site")
class TestHome:
    def test_continue_watching_comes_newest_first_with_what_is_left(self, client: Client) -> None:
        post(client, "sintel", sent_at=1)
        post(client, "caminandes/S01E02", position=60, duration=146, sent_at=2)
        page = client.get("/").content.decode().partition("Continue watching")[2]
        assert page.index("/watch/caminandes/S01E02/") < page.index("/watch/sintel/")
        assert "Resume 12:34" in page
        assert "2 min left" in page
        assert '<progress value="85" max="100"' in page

    def test_what_was_finished_is_gone(self, client: Client) -> None:
        post(client, "sintel", position=880)
        page = client.get("/").content.decode()
        assert "Continue watching" not in page
        assert "New here?" not in page

    def test_a_stranger_has_nothing_to_continue_and_is_told_what_there_will_be(
        self, client: Client
    ) -> None:
        page = client.get("/").content.decode()
        assert "Continue watching" not in page
        assert "My List</h2>" not in page
        assert "New here?" in page

    def test_the_list_is_a_shelf_of_its_own_newest_first(self, client: Client) -> None:
        listed(client, "sintel")
        time.sleep(0.002)
        listed(client, "caminandes")
        page = client.get("/").content.decode().partition('id="my-list"')[2]
        assert page.index("/title/caminandes/") < page.index("/title/sintel/")
        assert 'href="/list/"' in page

    def test_titles_like_the_last_one_are_suggested(self, client: Client) -> None:
        post(client, "sintel", position=880)
        page = client.get("/").content.decode().partition("Because you watched Sintel")[2]
        shelf = page.partition("</section>")[0]
        assert "/title/caminandes/" in shelf
        assert "/title/sintel/" not in shelf

    def test_every_title_of_a_small_catalogue_is_on_it(self, client: Client) -> None:
        page = client.get("/").content.decode()
        for title_id in ("sintel", "caminandes", "01", "quoted"):
            assert f'href="/title/{title_id}/"' in page


def test_home_of_an_empty_table_says_so(client: Client, site_regions: ThreeRegions) -> None:
    assert site_regions.names
    assert "Nothing to watch yet" in client.get("/").content.decode()


def listed(client: Client, title_id: str, listed: str = "1", **more: str) -> HttpResponseBase:
    return client.post(f"/list/{title_id}/", {"listed": listed} | more)


def shown(client: Client, content: str, shown: str, **headers: str) -> Any:
    return client.post(f"/continue/{content}/", {"shown": shown}, headers=headers)


HTMX = {"HX-Request": "true"}


@pytest.mark.usefixtures("site")
class TestContinuing:
    def test_what_is_taken_off_is_gone_until_undone_and_keeps_its_place(
        self, client: Client
    ) -> None:
        post(client, "caminandes/S01E02", position=60, duration=146, sent_at=1)
        post(client, "sintel", sent_at=2)
        response = shown(client, "sintel", "0")
        assert (response.status_code, response.headers["Location"]) == (302, "/?removed=sintel")
        page = client.get("/?removed=sintel").content.decode()
        assert 'href="/watch/sintel/"' not in page.partition("Continue watching")[2][:4000]
        assert "Removed <strong>Sintel</strong>" in page
        assert "Removed" not in client.get("/").content.decode()
        assert "Resume 12:34" in client.get("/title/sintel/").content.decode()
        assert shown(client, "sintel", "1").headers["Location"] == "/"
        page = client.get("/").content.decode().partition("Continue watching")[2]
        assert page.index("/watch/sintel/") < page.index("/watch/caminandes/S01E02/")

    def test_htmx_gets_the_way_back_and_then_the_card_itself(self, client: Client) -> None:
        post(client)
        gone = shown(client, "sintel", "0", **HTMX).content.decode()
        assert gone.lstrip().startswith("<li")
        assert "Undo" in gone
        assert "Removed Sintel from Continue watching." in gone
        back = shown(client, "sintel", "1", **HTMX).content.decode()
        assert "Resume 12:34" in back
        assert "back under Continue watching" in back

    def test_a_late_beacon_does_not_bring_it_back_and_watching_on_does(
        self, client: Client
    ) -> None:
        post(client)
        shown(client, "sintel", "0")
        post(client, position=760, sent_at=GOOD["sent_at"] + 1)
        assert "Continue watching" not in client.get("/").content.decode()
        time.sleep(0.002)
        post(client, position=770, sent_at=int(time.time() * 1000))
        assert "Resume 12:50" in client.get("/").content.decode()

    def test_the_episode_after_a_finished_one_is_taken_off_by_that_one(
        self, client: Client
    ) -> None:
        post(client, "caminandes/S01E01", position=90, duration=90)
        page = client.get("/").content.decode()
        assert "/watch/caminandes/S01E02/" in page
        assert 'action="/continue/caminandes/S01E01/"' in page
        shown(client, "caminandes/S01E01", "0")
        assert "Continue watching" not in client.get("/").content.decode()

    def test_what_was_never_watched_makes_no_item(self, client: Client, site: ThreeRegions) -> None:
        assert shown(client, "sintel", "0").status_code == 302
        assert shown(client, "sintel", "1").status_code == 302
        assert "Undo" in shown(client, "sintel", "0", **HTMX).content.decode()
        assert stored(site, HOME) == []


@pytest.mark.usefixtures("site")
class TestMyList:
    def test_an_empty_list_says_how_to_fill_it(self, client: Client) -> None:
        assert "Nothing on your list yet" in client.get("/list/").content.decode()

    def test_it_is_kept_under_the_viewer_and_shown_newest_first(
        self, client: Client, site: ThreeRegions
    ) -> None:
        response = listed(client, "sintel")
        assert (response.status_code, response.headers["Location"]) == (302, "/title/sintel/")
        time.sleep(0.002)
        response = listed(client, "caminandes", place="list")
        assert (response.status_code, response.headers["Location"]) == (302, "/list/")
        page = client.get("/list/").content.decode()
        assert "2 titles" in page
        assert page.index("/title/caminandes/") < page.index("/title/sintel/")
        keys = {(item["PK"]["S"], item["SK"]["S"]) for item in stored(site, HOME)}
        assert keys == {
            (f"{viewer_id(client)}#list", title_id) for title_id in ("sintel", "caminandes")
        }

    def test_saying_so_twice_is_the_same_as_once(self, client: Client) -> None:
        for wanted in ("1", "1", "0", "0"):
            assert listed(client, "sintel", wanted).status_code == 302
            pressed = "true" if wanted == "1" else "false"
            page = client.get("/title/sintel/").content.decode()
            assert f'aria-pressed="{pressed}"' in page.partition('class="listed"')[2][:2000]

    @pytest.mark.parametrize(
        ("place", "wanted", "said"),
        [
            ("title", "1", "Sintel is on My List."),
            ("title", "0", "Sintel is off My List."),
            ("list", "1", "Sintel is back on My List."),
            ("list", "0", "Removed Sintel from My List."),
        ],
    )
    def test_htmx_gets_what_stands_there_now_and_says_so(
        self, client: Client, place: str, wanted: str, said: str
    ) -> None:
        form = {"listed": wanted, "place": place}
        page = client.post("/list/sintel/", form, headers=HTMX).content.decode()
        assert page.lstrip().startswith("<form" if place == "title" else "<li")
        assert said in page

    def test_titles_the_catalogue_no_longer_has_are_passed_over(
        self, client: Client, site: ThreeRegions
    ) -> None:
        listed(client, "sintel")
        gone = {"PK": f"{viewer_id(client)}#list", "SK": "gone", "added_at": 1}
        put(site, HOME, gone)
        assert "1 title," in client.get("/list/").content.decode()

    def test_while_every_region_is_away_the_page_says_so_and_a_change_is_a_503(
        self, client: Client, site: ThreeRegions
    ) -> None:
        listed(client, "sintel")
        for region in site.names:
            site.refuse(region)
        page = client.get("/list/")
        assert page.status_code == 200
        assert "your list cannot be shown" in page.content.decode()
        assert "My List with it" in client.get("/").content.decode()
        assert 'class="listed"' not in client.get("/title/sintel/").content.decode()
        assert listed(client, "sintel", "0").status_code == 503

    def test_with_the_local_region_away_it_goes_on_in_the_next(
        self, client: Client, site: ThreeRegions
    ) -> None:
        site.blackhole(HOME)
        response = listed(client, "sintel")
        assert (response.status_code, response.headers["X-Served-Region"]) == (302, NEXT)
        assert "1 title," in client.get("/list/").content.decode()


@pytest.mark.usefixtures("site")
class TestWatched:
    def test_a_movie_is_marked_and_unmarked(self, client: Client) -> None:
        response = client.post("/watched/sintel/", {"watched": "1"})
        assert (response.status_code, response.headers["Location"]) == (302, "/title/sintel/")
        page = client.get("/title/sintel/").content.decode()
        assert "Watch again" in page
        assert "Mark as not watched" in page
        time.sleep(0.002)
        client.post("/watched/sintel/", {"watched": "0"})
        page = client.get("/title/sintel/").content.decode()
        assert "Watch again" not in page
        assert "Mark as watched" in page

    def test_an_episode_marked_moves_the_show_on(self, client: Client) -> None:
        response = client.post("/watched/caminandes/S01E01/", {"watched": "1"})
        assert response.headers["Location"] == "/title/caminandes/?season=1#S01E01"
        page = client.get("/title/caminandes/").content.decode()
        assert "1 of 3 watched" in page
        assert 'href="/watch/caminandes/S01E02/" aria-current="true"' in page


@pytest.mark.usefixtures("site")
@pytest.mark.parametrize(
    ("path", "forms"),
    [
        ("/list/sintel/", [{}, {"listed": "2"}, {"listed": ""}, {"listed": "1", "place": "x"}]),
        ("/continue/sintel/", [{}, {"shown": "yes"}]),
        ("/watched/sintel/", [{}, {"watched": "-1"}]),
    ],
)
class TestRefusedForms:
    def test_what_is_not_understood_is_a_422_that_says_why_and_writes_nothing(
        self, client: Client, site: ThreeRegions, path: str, forms: list[dict[str, str]]
    ) -> None:
        for form in forms:
            response = client.post(path, form)
            assert response.status_code == 422
            assert re.search("Only 1 and 0|Say 1 or 0|no such place", response.content.decode())
        assert stored(site, HOME) == []

    def test_only_posts_of_known_titles_with_a_token_are_taken(
        self, client: Client, site: ThreeRegions, path: str, forms: list[dict[str, str]]
    ) -> None:
        assert forms
        form = {"listed": "1", "shown": "0", "watched": "1"}
        assert client.get(path).status_code == 405
        assert client.post(path.replace("sintel", "nowhere"), form).status_code == 404
        assert Client(enforce_csrf_checks=True).post(path, form).status_code == 403
        assert stored(site, HOME) == []


@pytest.mark.usefixtures("site")
class TestEndedSession:
    """Signed out everywhere, seen by what has read it anyway and by what has to ask."""

    VIEWER = "viewer-" + "A" * 22

    @pytest.fixture(autouse=True)
    def nothing_seen(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("gtsite.viewers.sessions.markers", Markers())

    @pytest.fixture
    def ended(self, client: Client, site: ThreeRegions) -> Client:
        sign_in(client, self.VIEWER, since_ms=1)
        put(site, HOME, {"PK": self.VIEWER, "SK": SESSIONS_KEY, "valid_from": 2})
        put(site, HOME, {"PK": self.VIEWER, "SK": "sintel", "Bookmark": 754, "duration": 888})
        put(site, HOME, {"PK": f"{self.VIEWER}#list", "SK": "sintel", "added_at": 1})
        return client

    @pytest.mark.parametrize(
        "path", ["/", "/list/", "/title/sintel/", "/title/caminandes/", "/watch/sintel/"]
    )
    def test_no_page_shows_anything(self, ended: Client, path: str) -> None:
        response = ended.get(path)
        assert (response.status_code, response.headers["Location"]) == (302, path)
        assert "Resume" not in ended.get(path).content.decode()

    @pytest.mark.parametrize("method", ["get", "post"])
    def test_a_player_is_told_in_its_own_terms(
        self, ended: Client, site: ThreeRegions, method: str
    ) -> None:
        before = of_viewer(site, self.VIEWER)
        response = getattr(ended, method)("/bookmarks/sintel/", GOOD)
        assert response.status_code == 403
        assert "sign in" in response.json()["error"]
        assert of_viewer(site, self.VIEWER) == before

    @pytest.mark.parametrize(
        ("path", "form"),
        [
            ("/list/caminandes/", {"listed": "1"}),
            ("/continue/sintel/", {"shown": "0"}),
            ("/watched/sintel/", {"watched": "1"}),
        ],
    )
    def test_nothing_is_changed(
        self, ended: Client, site: ThreeRegions, path: str, form: dict[str, str]
    ) -> None:
        before = of_viewer(site, self.VIEWER)
        assert ended.post(path, form).status_code in (302, 403)
        assert of_viewer(site, self.VIEWER) == before

    def test_a_session_begun_since_goes_on(self, client: Client, site: ThreeRegions) -> None:
        sign_in(client, self.VIEWER, since_ms=2)
        put(site, HOME, {"PK": self.VIEWER, "SK": SESSIONS_KEY, "valid_from": 2})
        assert post(client) == 204
        assert "Resume 12:34" in client.get("/").content.decode()


def sign_in(client: Client, viewer: str, *, since_ms: int) -> None:
    """A session as signing in leaves it."""
    session = client.session
    session.update({"viewer": viewer, "name": "Ada", "since": since_ms})
    session.save()
    client.cookies[settings.SESSION_COOKIE_NAME] = str(session.session_key)


def of_viewer(site: ThreeRegions, viewer: str) -> list[dict[str, Any]]:
    """Every item of the viewer, in the engine's own form."""
    items = site.client(HOME).scan(TableName=GLOBAL_SERVERLESS.name)["Items"]
    found: list[dict[str, Any]] = [each for each in items if each["PK"]["S"].startswith(viewer)]
    return sorted(found, key=lambda each: (each["PK"]["S"], each["SK"]["S"]))


@pytest.mark.usefixtures("site")
class TestTitle:
    def test_it_names_facts_licence_and_credit(self, client: Client) -> None:
        page = client.get("/title/sintel/").content.decode()
        for said in ("2010", "15 min", "Colin Levy", "CC BY 3.0", "© Blender Foundation"):
            assert said in page
        assert 'href="https://creativecommons.org/licenses/by/3.0/"' in page
        assert 'href="/browse/?genre=fantasy"' in page

    def test_one_with_the_workshops_attributes_only_looks_right(self, client: Client) -> None:
        page = client.get("/title/01/").content.decode()
        assert "Sprite Fright" in page
        assert 'href="/watch/01/"' in page
        assert "None" not in page

    def test_one_too_new_for_the_index_is_read_directly(
        self, client: Client, site: ThreeRegions
    ) -> None:
        put(site, HOME, {"PK": "library", "SK": "new", "title": "Brand New", "kind": "show"})
        put(site, HOME, {"PK": "show#new", "SK": "S01E01", "title": "Pilot"})
        assert "Pilot" in client.get("/title/new/").content.decode()
        assert "Pilot" in client.get("/watch/new/S01E01/").content.decode()

    def test_episodes_show_how_far_the_viewer_is(self, client: Client) -> None:
        post(client, "caminandes/S01E01", position=90, duration=90, sent_at=1)
        post(client, "caminandes/S01E02", position=60, duration=146, sent_at=2)
        page = client.get("/title/caminandes/").content.decode()
        assert "Season 1" in page
        assert "Watched" in page
        assert "Resume 1:00" in page
        assert 'href="/watch/caminandes/S01E02/">' in page


@pytest.mark.usefixtures("site")
class TestShared:
    """What a link tells those it is sent to."""

    def data(self, client: Client, path: str) -> dict[str, Any]:
        page = client.get(path, {"season": "1"}).content.decode()
        block = page.partition('<script type="application/ld+json">')[2].partition("</script>")[0]
        found: dict[str, Any] = json.loads(block)
        return found

    def test_a_movie_says_what_it_is_at_its_one_address(self, client: Client) -> None:
        page = client.get("/title/sintel/?season=9").content.decode()
        assert '<link rel="canonical" href="http://testserver/title/sintel/">' in page
        assert '<meta property="og:type" content="video.movie">' in page
        assert '<meta property="og:title" content="Sintel">' in page
        assert 'content="http://testserver/assets/img/og-card.png"' in page
        assert 'readonly value="http://testserver/title/sintel/"' in page
        data = self.data(client, "/title/sintel/")
        assert (data["@type"], data["name"], data["duration"]) == ("Movie", "Sintel", "PT888S")
        assert data["director"] == {"@type": "Person", "name": "Colin Levy"}

    def test_a_show_and_its_episode_say_what_they_are(self, client: Client) -> None:
        show = self.data(client, "/title/caminandes/")
        assert (show["@type"], show["numberOfEpisodes"]) == ("TVSeries", 3)
        episode = self.data(client, "/watch/caminandes/S01E02/")
        assert (episode["@type"], episode["episodeNumber"]) == ("TVEpisode", 2)
        assert episode["partOfSeries"]["url"] == "http://testserver/title/caminandes/"

    def test_one_with_the_workshops_attributes_only_says_no_more(self, client: Client) -> None:
        data = self.data(client, "/title/01/")
        assert sorted(data) == ["@context", "@type", "image", "name", "url"]

    def test_no_text_ends_the_block_early(self, client: Client) -> None:
        data = self.data(client, "/title/quoted/")
        assert data["description"] == "</script><script>alert(1)</script>"
        assert "<script>alert" not in client.get("/title/quoted/").content.decode()


@pytest.mark.usefixtures("site")
class TestSeasons:
    @pytest.fixture(autouse=True)
    def second_season(self, site: ThreeRegions) -> None:
        episode = {"PK": "show#caminandes", "SK": "S02E01", "title": "Encore", "runtime": 60}
        put(site, HOME, episode)
        catalogue().refresh()

    def test_one_is_shown_at_a_time_by_a_link(self, client: Client) -> None:
        first = client.get("/title/caminandes/").content.decode()
        assert "Llama Drama" in first
        assert "Encore" not in first
        assert 'href="/title/caminandes/?season=2#episodes"' in first
        second = client.get("/title/caminandes/?season=2").content.decode()
        assert "Encore" in second
        assert "Gran Dillama" not in second

    def test_htmx_gets_the_episodes_alone(self, client: Client) -> None:
        response = client.get("/title/caminandes/?season=2", headers=HTMX)
        assert response.content.decode().strip().startswith('<section class="season"')
        assert "HX-Request" in response.headers["Vary"]

    def test_the_season_to_go_on_with_comes_first(self, client: Client) -> None:
        post(client, "caminandes/S01E03", position=150, duration=150)
        assert "Encore" in client.get("/title/caminandes/").content.decode()


@pytest.mark.usefixtures("site")
class TestWatch:
    def test_the_player_knows_where_to_resume(self, client: Client) -> None:
        post(client)
        page = client.get("/watch/sintel/").content.decode()
        assert 'data-position="754"' in page
        assert 'data-updated-at="1700000000000"' in page
        assert 'data-runtime="888"' in page
        assert 'data-save-url="/bookmarks/sintel/"' in page
        assert 'src="https://upload.wikimedia.org/sintel.webm#t=754"' in page

    def test_from_start_begins_anew_and_forgets_nothing(self, client: Client) -> None:
        post(client)
        page = client.get("/watch/sintel/?from=start").content.decode()
        assert 'data-position="0"' in page
        assert client.get("/bookmarks/sintel/").json()["position"] == 754

    def test_what_was_finished_begins_anew(self, client: Client) -> None:
        post(client, position=880)
        assert 'data-position="0"' in client.get("/watch/sintel/").content.decode()

    @pytest.mark.parametrize("address", ["caminandes/S01E02", "caminandes%23S01E02"])
    def test_an_episode_names_its_show_and_the_next(self, client: Client, address: str) -> None:
        page = client.get(f"/watch/{address}/").content.decode()
        assert "Gran Dillama" in page
        assert 'href="/title/caminandes/"' in page
        assert 'href="/watch/caminandes/S01E03/"' in page
        assert 'data-save-url="/bookmarks/caminandes/S01E02/"' in page
        assert 'data-content-id="caminandes#S01E02"' in page

    def test_a_show_leads_to_the_episode_that_is_next(self, client: Client) -> None:
        assert client.get("/watch/caminandes/").headers["Location"] == "/watch/caminandes/S01E01/"
        post(client, "caminandes/S01E01", position=90, duration=90)
        assert client.get("/watch/caminandes/").headers["Location"] == "/watch/caminandes/S01E02/"

    def test_a_show_without_episodes_leads_to_its_page(
        self, client: Client, site: ThreeRegions
    ) -> None:
        put(site, HOME, {"PK": "library", "SK": "bare", "title": "Bare", "kind": "show"})
        assert client.get("/watch/bare/").headers["Location"] == "/title/bare/"

    def test_a_title_without_a_video_has_no_source(self, client: Client) -> None:
        page = client.get("/watch/quoted/").content.decode()
        assert " src=" not in page[page.index("<video") : page.index("</video>")].split(">")[0]
        assert "standin.webm" in page


@pytest.mark.usefixtures("site")
def test_a_position_kept_while_home_is_away_says_which_site_sent_it(
    client: Client, site: ThreeRegions
) -> None:
    site.refuse(HOME)
    response = client.post("/bookmarks/sintel/", GOOD)
    assert response.headers["X-Served-Region"] == NEXT
    assert [item["region"]["S"] for item in stored(site, NEXT)] == [HOME]
