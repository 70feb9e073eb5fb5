"""Browsing through the browser's door: filters, pages, fragments, pictures."""

import html
import re

import pytest
from django.test import Client
from pytest_django import Settings

from catalog.services import catalogue
from tests.support.engines import ThreeRegions
from tests.support.site import HOME, calls, put

HTMX = {"HX-Request": "true"}
MANY = 60


def ids(page: bytes) -> list[str]:
    return re.findall(r'href="/title/([^/]+)/"', page.decode())


def next_address(page: bytes) -> str | None:
    found = re.search(r'hx-get="(/browse/\?[^"]*cursor=[^"]+)"', page.decode())
    return found[1].replace("&amp;", "&") if found else None


@pytest.fixture
def many(site: ThreeRegions) -> ThreeRegions:
    """Sixty more films, in genres of their own."""
    titles = (
        {
            "PK": "library",
            "SK": f"film-{number:02}",
            "title": f"Film {number:02}",
            "genres": ["even" if number % 2 == 0 else "odd"],
            "year": 1920 + number % 3,
        }
        for number in range(MANY)
    )
    put(site, HOME, *titles)
    catalogue().refresh()
    return site


@pytest.mark.usefixtures("site")
def test_filters_and_search_narrow_the_grid(client: Client) -> None:
    assert set(ids(client.get("/browse/").content)) == {"sintel", "caminandes", "01", "quoted"}
    assert ids(client.get("/browse/?q=llama").content) == ["caminandes"]
    assert ids(client.get("/browse/?kind=show").content) == ["caminandes"]
    assert ids(client.get("/browse/?genre=comedy&kind=movie").content) == ["quoted"]
    assert ids(client.get("/browse/?year=2010s&sort=title").content) == ["caminandes", "sintel"]
    assert ids(client.get("/browse/?year=2010").content) == ["sintel"]


@pytest.mark.usefixtures("site")
def test_nothing_found_says_so_and_offers_everything(client: Client) -> None:
    page = client.get("/browse/?q=zzz").content.decode()
    assert "No titles." in page
    assert "Nothing by that name" in page


@pytest.mark.usefixtures("many")
def test_pages_follow_each_other_to_the_end_without_gaps_or_repeats(client: Client) -> None:
    address: str | None = "/browse/?genre=even&sort=title"
    seen: list[str] = []
    pages = 0
    while address:
        response = client.get(address)
        assert b"<html" in response.content
        seen += ids(response.content)
        address = next_address(response.content)
        pages += 1
    assert seen == [f"film-{number:02}" for number in range(0, MANY, 2)]
    assert pages == 2


@pytest.mark.usefixtures("many")
def test_htmx_gets_results_for_filters_and_cards_for_more(client: Client) -> None:
    results = client.get("/browse/?genre=even", headers=HTMX)
    assert b"<html" not in results.content
    assert b'id="results"' in results.content
    assert "HX-Request" in results.headers["Vary"]
    more = next_address(results.content)
    assert more is not None
    cards = client.get(more, headers=HTMX)
    assert b'id="results"' not in cards.content
    assert len(ids(cards.content)) == 6
    assert next_address(cards.content) is None


@pytest.mark.usefixtures("many")
def test_history_gets_the_whole_page(client: Client) -> None:
    restored = client.get(
        "/browse/?genre=even", headers={**HTMX, "HX-History-Restore-Request": "true"}
    )
    assert b"<html" in restored.content


@pytest.mark.usefixtures("many")
@pytest.mark.parametrize("cursor", ["", "x", "MjQ:abc:def", "é", "9" * 3000, "null", "%00"])
def test_a_bad_cursor_means_the_first_page(client: Client, cursor: str) -> None:
    first = client.get("/browse/?genre=even")
    found = client.get("/browse/", {"genre": "even", "cursor": cursor})
    assert found.status_code == 200
    assert ids(found.content) == ids(first.content)


@pytest.mark.usefixtures("many")
def test_a_cursor_of_other_filters_means_the_first_page_put_in_place_of_all(
    client: Client,
) -> None:
    more = next_address(client.get("/browse/?genre=even").content)
    assert more is not None
    other = client.get(more.replace("genre=even", "genre=odd"), headers=HTMX)
    assert ids(other.content)[0] == "film-01"
    assert other.headers["HX-Retarget"] == "#results"


@pytest.mark.usefixtures("site")
@pytest.mark.parametrize("headers", [{}, HTMX])
@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("q=" + "x" * 101, "at most 100 characters"),
        ("kind=opera", "nothing of that kind"),
        ("genre=western", "no such genre"),
        ("year=soon", "a decade such as 1920s"),
        ("sort=random", "cannot be put in that order"),
        ("q=a%00b", "Null characters"),
    ],
)
def test_what_cannot_be_meant_is_a_422_that_says_why(
    client: Client, headers: dict[str, str], query: str, said: str
) -> None:
    response = client.get(f"/browse/?{query}", headers=headers)
    assert response.status_code == 422
    assert said in response.content.decode()
    assert (b"<html" in response.content) is (not headers)


@pytest.mark.usefixtures("site")
@pytest.mark.parametrize("kind", ["posters", "backdrops"])
def test_a_picture_asked_for_by_its_version_is_kept_for_ever(client: Client, kind: str) -> None:
    page = client.get("/title/sintel/").content.decode()
    found = re.search(rf'src="(/{kind}/sintel\.svg\?v=\w+)"', page)
    assert found is not None
    response = client.get(found[1])
    assert response.headers["Content-Type"] == "image/svg+xml"
    assert response.content.startswith(b"<svg")
    assert "immutable" in response.headers["Cache-Control"]
    assert "Set-Cookie" not in response.headers
    assert not response.cookies


@pytest.mark.usefixtures("site")
@pytest.mark.parametrize("version", ["", "?v=", "?v=old"])
def test_a_picture_asked_for_without_its_version_is_kept_shortly(
    client: Client, version: str
) -> None:
    kept = client.get(f"/posters/sintel.svg{version}").headers["Cache-Control"]
    assert "immutable" not in kept
    assert "max-age=60" in kept


def test_a_title_that_changed_has_another_picture(client: Client, site: ThreeRegions) -> None:
    before = re.findall(r"/posters/01\.svg\?v=\w+", client.get("/title/01/").content.decode())
    put(site, HOME, {"PK": "library", "SK": "01", "title": "Sprite Fright, Again"})
    catalogue().refresh()
    after = re.findall(r"/posters/01\.svg\?v=\w+", client.get("/title/01/").content.decode())
    assert before
    assert after != before


def test_a_title_put_into_the_table_appears_when_the_index_is_old(
    client: Client, site: ThreeRegions, settings: Settings
) -> None:
    settings.CATALOGUE_REFRESH_SECONDS = 0
    catalogue.cache_clear()
    assert ids(client.get("/browse/?q=brand").content) == []
    put(site, HOME, {"PK": "library", "SK": "new", "title": "Brand New"})
    catalogue().refresh()
    assert ids(client.get("/browse/?q=brand").content) == ["new"]


@pytest.mark.usefixtures("site")
def test_what_was_searched_for_is_marked_and_nothing_else_is_markup(client: Client) -> None:
    page = client.get("/browse/?q=tom").content.decode()
    assert "&lt;<mark>Tom</mark> &amp; &quot;Jerry&#x27;s&quot;&gt;" in page
    assert (
        "A lone young woman looks for a <mark>dragon</mark>."
        in client.get("/browse/?q=dragon").content.decode()
    )
    hostile = client.get("/browse/?q=script").content.decode()
    assert "&lt;/<mark>script</mark>&gt;&lt;<mark>script</mark>&gt;alert(1)" in hostile
    assert "Episode <mark>Gran</mark> Dillama" not in page
    assert "<mark>Gran</mark> Dillama" in client.get("/browse/?q=gran").content.decode()


@pytest.mark.usefixtures("site")
def test_each_filter_in_use_can_be_taken_off_by_a_link(client: Client) -> None:
    page = client.get("/browse/?q=a&kind=movie&genre=comedy&length=30").content.decode()
    chips = re.findall(r'class="chip" href="([^"]+)"', page)
    assert [html.unescape(chip) for chip in chips] == [
        "/browse/?kind=movie&genre=comedy&length=30",
        "/browse/?q=a&genre=comedy&length=30",
        "/browse/?q=a&kind=movie&length=30",
        "/browse/?q=a&kind=movie&genre=comedy",
    ]


@pytest.mark.usefixtures("site")
def test_finding_nothing_offers_another_spelling_and_one_filter_less(client: Client) -> None:
    page = html.unescape(client.get("/browse/?q=sintl&kind=movie").content.decode())
    assert 'href="/browse/?q=Sintel&kind=movie"' in page
    page = html.unescape(client.get("/browse/?q=sintel&kind=show").content.decode())
    assert 'href="/browse/?q=sintel">Without Shows: 1 title' in page
    assert 'href="/browse/?kind=show">Without “sintel”: 1 title' in page


@pytest.mark.usefixtures("site")
def test_suggestions_are_a_list_box_for_scripts_and_a_page_of_links_without(client: Client) -> None:
    options = client.get("/suggest/?q=lla", headers=HTMX)
    assert b"<html" not in options.content
    assert b'role="listbox"' in options.content
    assert b'data-href="/browse/?q=lla"' in options.content
    named = client.get("/suggest/?q=sin", headers=HTMX).content.decode()
    assert 'data-href="/title/sintel/"' in named
    assert "<mark>Sin</mark>tel" in named
    page = client.get("/suggest/?q=colin").content.decode()
    assert 'href="/title/sintel/"' in page
    assert 'href="/browse/?q=Colin%20Levy"' in page
    assert client.get("/suggest/").status_code == 200
    assert "No title or person" in client.get("/suggest/?q=zzz").content.decode()


@pytest.mark.usefixtures("site")
@pytest.mark.parametrize("headers", [{}, HTMX])
def test_suggestions_for_too_much_are_refused(client: Client, headers: dict[str, str]) -> None:
    response = client.get("/suggest/", {"q": "x" * 101}, headers=headers)
    assert response.status_code == 422
    assert "at most 100 characters" in response.content.decode()


@pytest.mark.usefixtures("site")
def test_credits_name_makers_and_licence_of_every_title(client: Client) -> None:
    page = client.get("/credits/").content.decode()
    assert set(ids(page.encode())) == {"sintel", "caminandes", "01", "quoted"}
    assert "© Blender Foundation" in page
    assert 'href="https://creativecommons.org/licenses/by/3.0/"' in page
    assert ids(client.get("/credits/?letter=c").content) == ["caminandes"]
    assert client.get("/credits/?letter=zz").status_code == 422


def test_credits_go_on_page_after_page(client: Client, many: ThreeRegions) -> None:
    del many
    first = client.get("/credits/")
    found = re.search(r'hx-get="(/credits/\?cursor=[^"]+)"', first.content.decode())
    assert found is not None
    more = client.get(html.unescape(found[1]), headers=HTMX)
    assert b"<html" not in more.content
    assert len(set(ids(first.content) + ids(more.content))) == MANY + 4
    broken = client.get("/credits/?cursor=x", headers=HTMX)
    assert broken.headers["HX-Retarget"] == "#credits"
    assert ids(broken.content) == ids(first.content)


@pytest.mark.usefixtures("site")
@pytest.mark.parametrize("path", ["/browse/?q=s", "/suggest/?q=s", "/credits/", "/browse/?q=zz"])
def test_none_of_this_asks_dynamodb(client: Client, path: str) -> None:
    assert calls(client.get(path)) == 0
