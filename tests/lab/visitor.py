"""Somebody at the lab, with or without htmx, as a browser would send their presses."""

from collections.abc import Sequence
from html.parser import HTMLParser
from typing import Any

from django.http import HttpResponse
from django.test import Client

from bookmarks.lab.entities import Entry
from bookmarks.lab.state import decode

VOID = frozenset({"input", "link", "meta", "img"})


class _Fields(HTMLParser):
    """The values of a page's inputs, and the text of what has an id."""

    def __init__(self) -> None:
        super().__init__()
        self.values: dict[str, str] = {}
        self.texts: dict[str, str] = {}
        self.pressed: set[str] = set()
        self._open: list[str | None] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag == "input" and given.get("name"):
            self.values[str(given["name"])] = given.get("value") or ""
        if given.get("aria-pressed") == "true" and given.get("id"):
            self.pressed.add(str(given["id"]))
        if tag not in VOID:
            self._open.append(given.get("id"))

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """An SVG's shape: no text in it."""

    def handle_endtag(self, tag: str) -> None:
        if self._open and tag not in VOID:
            self._open.pop()

    def handle_data(self, data: str) -> None:
        for name in filter(None, self._open):
            self.texts[name] = f"{self.texts.get(name, '')} {data.strip()}".strip()


class LabBrowser:
    """Somebody at the lab: presses buttons, and carries the hidden fields as a browser does."""

    def __init__(self, regions: Sequence[str], *, htmx: bool = False) -> None:
        self.regions = tuple(regions)
        self.client = Client()
        self.htmx = htmx
        self.fields: dict[str, str] = {}
        self.texts: dict[str, str] = {}
        self.pressed: set[str] = set()
        self.response = self.reload()

    def reload(self) -> HttpResponse:
        """The page anew: what the panels remembered is gone."""
        self.fields.clear()
        return self._took(self.client.get("/lab/"))

    def press(self, region: str, action: str, **fields: str) -> HttpResponse:
        return self.post(f"/lab/{region}/{action}/", **fields)

    def get_everywhere(self) -> None:
        """One panel after the other."""
        for region in self.regions:
            self.press(region, "get")

    def post(self, path: str, **fields: str) -> HttpResponse:
        sent = {**self.fields, **{name.replace("_", "-"): each for name, each in fields.items()}}
        headers = {"HX-Request": "true"} if self.htmx else {}
        return self._took(self.client.post(path, sent, headers=headers))

    def verdict(self) -> str:
        """The verdict line as a fragment of its own."""
        response = self.client.post("/lab/verdict/", self.fields, headers={"HX-Request": "true"})
        parser = _Fields()
        parser.feed(f'<div id="verdict">{response.content.decode()}</div>')
        return parser.texts["verdict"]

    def said(self, region: str) -> str:
        return self.texts.get(f"said-{region}", "")

    def entries(self, region: str) -> tuple[Entry, ...]:
        """The panel's history, newest first."""
        return decode(self.fields[f"{region}-state"]).entries

    def _took(self, response: Any) -> HttpResponse:
        parser = _Fields()
        parser.feed(response.content.decode())
        self.fields.update(parser.values)
        self.fields.pop("csrfmiddlewaretoken", None)
        self.texts.update(parser.texts)
        self.pressed = parser.pressed
        self.response = response
        return self.response
