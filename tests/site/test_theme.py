"""Dark, light, or as the system: kept in a cookie, and in the page before any style sheet is."""

import pytest
from django.test import Client

pytestmark = pytest.mark.usefixtures("site")


def test_a_choice_is_kept_and_leads_back_to_the_page(client: Client) -> None:
    response = client.post("/theme/", {"theme": "dark", "next": "/browse/?q=moon"})
    assert (response.status_code, response.headers["Location"]) == (302, "/browse/?q=moon")
    page = client.get("/").content.decode()
    assert '<html lang="en-GB" data-theme="dark">' in page
    assert 'media="all" data-theme-color="dark"' in page
    assert 'media="not all" data-theme-color="light"' in page


def test_a_script_that_shows_the_choice_itself_gets_no_page(client: Client) -> None:
    response = client.post("/theme/", {"theme": "light"}, headers={"HX-Request": "true"})
    assert response.status_code == 204
    assert response.cookies["theme"].value == "light"


@pytest.mark.parametrize("elsewhere", ["https://evil.example/", "//evil.example/", "/\\evil", "x"])
def test_a_choice_leads_to_no_other_site(client: Client, elsewhere: str) -> None:
    response = client.post("/theme/", {"theme": "dark", "next": elsewhere})
    assert response.headers["Location"] == "/"


@pytest.mark.parametrize("form", [{}, {"theme": "pink"}, {"theme": "dark", "next": "/" * 2001}])
def test_what_is_no_choice_is_refused_and_not_kept(client: Client, form: dict[str, str]) -> None:
    response = client.post("/theme/", form)
    assert response.status_code == 400
    assert "theme" not in response.cookies


def test_a_choice_without_the_pages_token_is_refused() -> None:
    response = Client(enforce_csrf_checks=True).post("/theme/", {"theme": "dark"})
    assert response.status_code == 403
    assert "theme" not in response.cookies


@pytest.mark.parametrize("cookie", [None, "", "system", "pink", '"><script>'])
def test_without_a_choice_the_system_decides(client: Client, cookie: str | None) -> None:
    if cookie is not None:
        client.cookies["theme"] = cookie
    page = client.get("/").content.decode()
    assert 'data-theme="system"' in page
    assert 'media="(prefers-color-scheme: dark)" data-theme-color="dark"' in page
