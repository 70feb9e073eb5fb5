"""A form that is refused: 422, what is wrong said at its field, what was typed still there."""

import re
from html import unescape

import pytest
from django.test import Client

from tests.support.accounts import PASSWORD, signed_up

ODD_NAME = "<b>Ann & \"Bo'b</b>" + "x" * 40
WRONG = "hunter2222"
LONG = "y" * 101
SIGN_UP, SIGN_IN = "/viewers/sign-up/", "/viewers/sign-in/"
CHANGE, DELETE = "/viewers/change-password/", "/viewers/delete-account/"
REFUSED: tuple[tuple[str, dict[str, str], set[str]], ...] = (
    (SIGN_UP, {"name": ODD_NAME, "password": "1234"}, {"name", "password"}),
    (SIGN_UP, {"name": "Koro", "password": "koro"}, {"password"}),
    (SIGN_UP, {"name": "Taken", "password": "mine, all mine"}, {"name"}),
    (SIGN_UP, {}, {"name", "password"}),
    (SIGN_IN, {"name": "Taken"}, {"password"}),
    (SIGN_IN, {"name": ODD_NAME, "password": WRONG}, {"name"}),
    (SIGN_IN, {"name": "Nobody", "password": WRONG}, {"password"}),
    (SIGN_IN, {"name": "Taken", "password": WRONG}, {"password"}),
    (CHANGE, {"current": "", "new": "1234"}, {"current", "new"}),
    (CHANGE, {"current": WRONG, "new": "one more, and long"}, {"current"}),
    (CHANGE, {}, {"current", "new"}),
    (DELETE, {"password": WRONG}, {"password"}),
    (DELETE, {}, {"password"}),
)
SECRET = frozenset({"password", "current", "new"})

Fields = dict[str, dict[str, str]]


def fields(page: str) -> Fields:
    """Every field of the page's own forms by its name: its attributes."""
    main = page[page.index("<main") :] if "<main" in page else page
    tags = re.findall(r"<(?:input|select|textarea)\b[^>]*>", main)
    found = ({n: unescape(v) for n, v in re.findall(r'([\w-]+)="([^"]*)"', tag)} for tag in tags)
    return {each.get("name", ""): each for each in found if each.get("type") != "hidden"}


def said(page: str, ids: str) -> str:
    """The text of the elements with these ids; every one of them is there."""
    texts = []
    for each in ids.split():
        found = re.search(
            rf'id="{re.escape(each)}"[^>]*>(.*?)</(?:p|div|section)>', page, re.DOTALL
        )
        assert found, each
        texts.append(re.sub(r"<[^>]+>", " ", found[1]).strip())
    return " ".join(texts)


def check(page: str, typed: dict[str, str], wrong: set[str]) -> None:
    shown = fields(page)
    refused = {name for name, each in shown.items() if each.get("aria-invalid") == "true"}
    assert refused >= wrong
    for name in wrong:
        assert len(said(page, shown[name]["aria-describedby"])) > 10
    for name in typed.keys() & {"name", "q"}:
        assert shown[name]["value"] == typed[name]
    for name in shown.keys() & SECRET:
        assert "value" not in shown[name]
    assert not any(value in page for value in (WRONG, PASSWORD, "mine, all mine", "one more, and"))


@pytest.mark.parametrize("htmx", ["false", "true"], ids=["page", "fragment"])
@pytest.mark.usefixtures("site")
def test_a_refused_form_says_what_is_wrong_and_keeps_what_was_typed(htmx: str) -> None:
    inside, outside = signed_up("Taken"), Client()
    for path, typed, wrong in REFUSED:
        client = inside if path in (CHANGE, DELETE) else outside
        answer = client.post(path, typed, headers={"HX-Request": htmx})
        assert answer.status_code == 422, (path, typed)
        check(answer.content.decode(), typed, wrong)


@pytest.mark.usefixtures("site")
def test_a_refused_search_says_what_is_wrong_and_keeps_what_was_typed(client: Client) -> None:
    odd = {"kind": "opera", "year": "x", "genre": "x", "sort": "x"}
    for query in ({"q": LONG}, {"q": "llama", **odd}):
        answer = client.get("/browse/", query)
        assert answer.status_code == 422
        page = answer.content.decode()
        assert fields(page)["q"]["value"] == query["q"]
        assert len(said(page, "browse-errors")) > 10
        part = client.get("/browse/", query, headers={"HX-Request": "true"})
        assert part.status_code == 422
        assert said(part.content.decode(), "browse-errors") == said(page, "browse-errors")


BUTTONS: tuple[tuple[str, dict[str, str]], ...] = (
    ("/list/sintel/", {"listed": "2"}),
    ("/list/sintel/", {}),
    ("/continue/sintel/", {"shown": "yes"}),
    ("/watched/sintel/", {"watched": ""}),
    ("/theme/", {"theme": "sepia"}),
)


@pytest.mark.usefixtures("site")
def test_a_button_whose_form_was_changed_is_refused_in_words(client: Client) -> None:
    for path, form in BUTTONS:
        answer = client.post(path, form)
        assert answer.status_code in (400, 422), (path, form)
        page = answer.content.decode()
        assert re.search(r"<h1[^>]*>[^<]{10,}</h1>", page)
        part = client.post(path, form, headers={"HX-Request": "true"})
        assert part.headers["HX-Retarget"] == "#notice"
        assert len(part.content) > 20
