"""Home, title, player and positions through the browser's door, on three real engines."""

import json
import time
from typing import Any
from urllib.parse import urlencode

import pytest
from django.test import Client

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
        assert "Continue watching" not in client.get("/").content.decode()

    def test_a_stranger_has_nothing_to_continue(self, client: Client) -> None:
        assert "Continue watching" not in client.get("/").content.decode()

    def test_every_title_of_a_small_catalogue_is_on_it(self, client: Client) -> None:
        page = client.get("/").content.decode()
        for title_id in ("sintel", "caminandes", "01", "quoted"):
            assert f'href="/title/{title_id}/"' in page


def test_home_of_an_empty_table_says_so(client: Client, site_regions: ThreeRegions) -> None:
    assert site_regions.names
    assert "Nothing to watch yet" in client.get("/").content.decode()


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
class TestWatch:
    def test_the_player_knows_where_to_resume(self, client: Client) -> None:
        post(client)
        page = client.get("/watch/sintel/").content.decode()
        assert 'data-position="754"' in page
        assert 'data-updated-at="1700000000000"' in page
        assert 'data-runtime="888"' in page
        assert 'data-save-url="/bookmarks/sintel/"' in page
        assert 'src="https://upload.wikimedia.org/sintel.webm"' in page

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
