"""Viewers who come to the site by its own doors, as a browser does."""

from typing import Any

from django.test import Client

from tests.support.site import viewer_id

PASSWORD = "correct horse, battery staple"
POSITION: dict[str, Any] = {"position": 754, "duration": 888, "sent_at": 1_700_000_000_000}


def signed_up(name: str, *, client: Client | None = None) -> Client:
    """A browser in which somebody has just signed up."""
    browser = client or Client()
    form = {"name": name, "password": PASSWORD}
    assert browser.post("/viewers/sign-up/", form).status_code == 302
    return browser


def watches(client: Client, content: str = "sintel", **changes: Any) -> str:
    """Keeps a position, puts the title on the list, and tells whose they are."""
    assert client.post(f"/bookmarks/{content}/", POSITION | changes).status_code == 204
    title = content.split("/", maxsplit=1)[0]
    assert client.post(f"/list/{title}/", {"listed": "1"}).status_code == 302
    return viewer_id(client)
