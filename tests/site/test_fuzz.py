"""Requests that nobody means, to every address: never a fault of ours, never a write by mistake.

The addresses come from the URL configuration and the names of fields from the forms, so that what
is added later is asked as well. What is tried is the same in every run.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, cast
from urllib.parse import quote, quote_from_bytes

import pytest
from django import forms
from django.conf import settings as django_settings
from django.contrib.sessions.backends.signed_cookies import SessionStore
from django.http import HttpResponse
from django.test import Client
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gtsite.dynamodb.tables import GLOBAL_SERVERLESS
from gtsite.http import Utf8Request
from gtsite.viewers.services import NAME, SESSION_KEY, SINCE
from tests.support.addresses import Address, addresses
from tests.support.engines import ThreeRegions
from tests.support.production import HOST_NAME, Production
from tests.support.site import HOME

EVERYWHERE = addresses()
ASKED = (*EVERYWHERE, *(each for each in EVERYWHERE if "lab" not in each.name))
"""The lab's many addresses are not for viewers: each comes up half as often as any other."""

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND")
SAFE = ("GET", "HEAD", "OPTIONS", "TRACE")
WRITING_BY_GET = ("lab:api_update", "lab:api_watch")
"""The workshop's own service writes that way."""

OTHER_FIELDS = ("csrfmiddlewaretoken", "cursor", "from", "next", "v", "theme", "x")
CANARY = "<script>alert(1)</script>\"'"

ODD_TEXTS = (
    *("", " ", "\x00", "a\x00b", "\r\nSet-Cookie: x=1", "\\", "%", "%00", "%zz", "..", "../../etc"),
    *(
        "é",
        "e\u0301",
        "١٢٣",
        "\u202egnp.exe",
        "\ufeff",
        "\u2028",
        "🦙",
        "👩‍👩‍👧",
        "\U0010ffff",
        "İ",
        "ß",
    ),
    *("-1", "0", "1e999", "NaN", "inf", "9" * 400, "0x10", "1_000", "٣", "½", "true", "null", "[]"),
    *("//evil.example", "https://evil.example/", "/\\evil.example", "javascript:alert(1)"),
    *('"', "'; DROP TABLE titles; --", '" OR 1=1 NEAR(', "title:*", "{{ 7 * 7 }}", "{% load x %}"),
    *(CANARY, "library", "user100", "show#caminandes", "#sessions", "viewer#x", "x" * 10_000),
)
GOOD_TEXTS = (
    *("sintel", "caminandes", "caminandes#S01E02", "caminandes/S01E02", "01", "quoted", "nowhere"),
    *(HOME, "eu-west-1", "user100", "AshlandValley", "library", "read", "scan", "all", "refuse"),
    *("1", "0", "754", "888", "1700000000000", "movie", "comedy", "1920s", "/browse/", "dark"),
    *("Koro the Llama", "a long enough passphrase, is it"),
)
ODD_BYTES = (b"", b"\xff\xfe", b"\xed\xa0\x80", b"\xc0\xaf", b"\x00", b"%", b"&&&===", b"=" * 300)
CONTENT_TYPES = (
    *(
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "multipart/form-data",
    ),
    *("application/json", "text/plain", "", "x", "text/html; charset=klingon", "application/xml"),
    *(
        "application/x-www-form-urlencoded; charset=utf-16",
        "multipart/form-data; boundary=" + "x" * 99,
    ),
)
HEADERS = {
    "HX-Request": ("true", "false", "\xff"),
    "HX-Target": ("results", CANARY, "x" * 5000),
    "HX-Trigger": ("more", "%zz"),
    "HX-Current-URL": ("http://testserver/", "http://[", "javascript:alert(1)"),
    "HX-Current-URL-URI-AutoEncoded": ("true",),
    "HX-History-Restore-Request": ("true",),
    "HX-Boosted": ("true",),
    "Host": ("127.0.0.1:8000", "[::1", "evil.example", "a b", "", "testserver:99999999"),
    "Referer": ("http://testserver/", "//evil.example", "http://["),
    "Origin": ("null", "http://evil.example"),
    "X-Forwarded-For": ("1.2.3.4", "x" * 3000, "::1, \xff"),
    "X-Forwarded-Proto": ("https",),
    "Accept-Language": ("tlh", "*;q=9"),
    "If-None-Match": ('"x"',),
    "If-Modified-Since": ("yesterday",),
    "Range": ("bytes=5-1",),
    "X-HTTP-Method-Override": ("DELETE",),
    "Content-Length": ("-1", "x"),
}
SIGNED_IN: dict[str, Any] = {SESSION_KEY: "viewer-" + "x" * 22, NAME: "Koro", SINCE: 1 << 42}
ODD_VALUES: tuple[Any, ...] = ("library", "viewer-", "anon-" + "y" * 22, 7, None, [], {}, -1, ["x"])
SESSIONS: tuple[dict[str, Any], ...] = (
    *((SIGNED_IN,) * 20),
    *(SIGNED_IN | {key: value} for key in (SESSION_KEY, NAME, SINCE) for value in ODD_VALUES),
)


def _forms(base: type[forms.BaseForm] = forms.BaseForm) -> Iterator[type[forms.BaseForm]]:
    """Every form of the site: its views have been imported with the addresses."""
    for form in base.__subclasses__():
        yield form
        yield from _forms(form)


def _fields() -> tuple[str, ...]:
    """Every name a form reads, and those that views read by themselves."""
    declared = {name for form in _forms() for name in getattr(form, "base_fields", ())}
    assert {"position", "q"} <= declared
    return tuple(sorted({*declared, *OTHER_FIELDS}))


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One request. The path is encoded; `cookies` are as they would be sent."""

    address: Address
    method: str
    path: str
    body: bytes
    content_type: str
    headers: dict[str, str]
    cookies: dict[str, str]


def encoded(pairs: list[tuple[str, str]]) -> str:
    return "&".join(f"{quote(name)}={quote(value)}" for name, value in pairs)


def signed(session: dict[str, Any]) -> str:
    """A session cookie that the site has signed itself, as another release of it may have."""
    store = SessionStore()
    store.update(session)
    store.save()
    return str(store.session_key)


texts = st.one_of(
    st.sampled_from(GOOD_TEXTS),
    st.sampled_from(ODD_TEXTS),
    st.text(max_size=40).filter(lambda text: text.isprintable() or "\x00" in text),
)
segments = st.one_of(
    texts.map(lambda text: quote(text, safe="")),
    texts.map(quote),
    st.sampled_from(ODD_BYTES).map(quote_from_bytes),
)
fields = st.lists(st.tuples(st.sampled_from(_fields()), texts), max_size=8)
bodies = st.one_of(
    fields.map(lambda pairs: encoded(pairs).encode()),
    st.sampled_from(ODD_BYTES),
    st.just(b"x=" + b"y" * 70_000),
    st.just(b"&".join([b"position=1"] * 300)),
    fields.map(lambda pairs: json.dumps(dict(pairs)).encode()),
    fields.map(lambda pairs: multipart(pairs)),
    st.binary(max_size=60),
)
queries = st.one_of(
    fields.map(encoded),
    st.sampled_from(ODD_BYTES).map(lambda raw: quote_from_bytes(raw, safe="=&%")),
    st.just("q=" + "x" * 20_000),
    st.just("&".join(["q=llama&genre=comedy"] * 200)),
)
headers = st.dictionaries(st.sampled_from(sorted(HEADERS)), st.integers(0, 9), max_size=3).map(
    lambda drawn: {name: HEADERS[name][at % len(HEADERS[name])] for name, at in drawn.items()}
)
cookies = st.dictionaries(
    st.sampled_from(["sessionid", "csrftoken", "messages", "theme", "x"]),
    st.one_of(
        st.sampled_from(
            ["", "x", "x:y:z", '"', "é", ".eJx:1:x", "[[", "W1siX19qc29uX21lc3NhZ2UiXV0"]
        ),
        st.sampled_from(SESSIONS).map(signed),
    ),
    max_size=2,
)


def multipart(pairs: list[tuple[str, str]]) -> bytes:
    parts = (
        f'--x\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
        for name, value in pairs
    )
    return "".join([*parts, "--x--\r\n"]).encode()


@st.composite
def requests(draw: st.DrawFn) -> Asked:
    address = draw(st.sampled_from(ASKED))
    path = address.path(*(draw(segments) for _ in address.arguments))
    return Asked(
        address=address,
        method=draw(st.sampled_from(("GET", "POST", *METHODS))),
        path=f"{path}?{draw(queries)}",
        body=draw(bodies),
        content_type=draw(st.sampled_from((CONTENT_TYPES[0], *CONTENT_TYPES))),
        headers=draw(headers),
        cookies=draw(cookies),
    )


def bare(address: Address, method: str, path: str) -> Asked:
    """Nothing but the method and the path."""
    return Asked(
        address=address,
        method=method,
        path=path,
        body=b"",
        content_type=CONTENT_TYPES[0],
        headers={},
        cookies={},
    )


def answer(client: Client, asked: Asked) -> HttpResponse:
    """What the site answers; an exception in a view passes up to the test."""
    client.cookies.clear()
    for name, value in asked.cookies.items():
        client.cookies[name] = value
    answered = client.generic(
        asked.method,
        asked.path,
        asked.body,
        content_type=asked.content_type,
        headers=asked.headers,
    )
    return cast("HttpResponse", answered)


def items(site: ThreeRegions) -> list[str]:
    """All that is stored at home, but for the counters of attempts: those count refusals."""
    found = site.client(HOME).scan(TableName=GLOBAL_SERVERLESS.name)["Items"]
    kept = (item for item in found if not item["PK"]["S"].startswith("attempts#"))
    return sorted(json.dumps(item, sort_keys=True, default=str) for item in kept)


def check(response: HttpResponse) -> None:
    """What holds for every answer."""
    assert response.status_code < 500
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert "Set-Cookie" not in response.headers
    location = response.headers.get("Location", "/")
    assert re.match(r"/(?![/\\])", location), location
    if not response.streaming and response.headers.get("Content-Type", "").startswith("text/html"):
        assert "Content-Security-Policy" in response.headers
        assert CANARY.encode() not in response.content
        assert b"Traceback" not in response.content


def writes(asked: Asked, response: HttpResponse) -> bool:
    """Whether this request may have written something."""
    if asked.address.name in WRITING_BY_GET:
        return True
    return asked.method == "POST" and response.status_code < 400


class World:
    """The site, and what is stored."""

    def __init__(self, site: ThreeRegions) -> None:
        self.client = Client()
        self.site = site
        self.before = items(site)

    def ask(self, asked: Asked) -> HttpResponse:
        response = answer(self.client, asked)
        check(response)
        now = items(self.site)
        assert writes(asked, response) or now == self.before
        self.before = now
        return response


@pytest.fixture
def world(site: ThreeRegions, monkeypatch: pytest.MonkeyPatch) -> World:
    """Requests are read as the site reads them, which is not as the test client does."""
    monkeypatch.setattr("django.test.client.WSGIRequest", Utf8Request)
    assert django_settings.SESSION_COOKIE_NAME == "sessionid"
    return World(site)


@settings(
    max_examples=600,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[
        HealthCheck.function_scoped_fixture,
        HealthCheck.too_slow,
        HealthCheck.data_too_large,
    ],
)
@given(asked=requests())
def test_no_request_is_a_fault_and_none_that_is_refused_writes(world: World, asked: Asked) -> None:
    world.ask(asked)


def test_every_address_answers_every_method_with_any_argument(world: World) -> None:
    plain = {(method, "sintel") for method in METHODS}
    odd = {(method, value) for method in ("GET", "POST") for value in ("é\x00", "..%2f", "%ff")}
    statuses = set()
    for address in EVERYWHERE:
        for method, value in sorted(plain | odd if address.arguments else plain):
            path = address.path(*(quote(value, safe="%") for _ in address.arguments))
            statuses.add(world.ask(bare(address, method, path)).status_code)
    assert {200, 404, 405} <= statuses


HOST = b"Host: " + HOST_NAME.encode() + b"\r\n"
TLS = b"X-Forwarded-Proto: https\r\nConnection: close\r\n"


def get(target: bytes, more: bytes = b"") -> bytes:
    return b"GET " + target + b" HTTP/1.1\r\n" + HOST + TLS + more + b"\r\n"


def post(more: bytes) -> bytes:
    return b"POST /bookmarks/sintel/ HTTP/1.1\r\n" + HOST + TLS + more


FORM = b"Content-Type: application/x-www-form-urlencoded"
RAW = (
    get(b"/", b"Cookie: __Host-session=\xff\xfe; \x80=\x80\r\n"),
    get(b"/", b"Cookie: " + b"a=b; " * 1500 + b"\r\n"),
    get(b"/", b"Cookie: __Host-csrf=" + b"x" * 7000 + b"\r\n"),
    get(b"/", b"HX-Current-URL: \xf0\x28\x8c\xbc\r\nHX-Request: true\r\n"),
    get(b"/", b"Bad Header: x\r\n"),
    get(b"/", b"Content-Length: -5\r\n"),
    get(b"/%ff%fe%00/"),
    get(b"/\xff\xfe"),
    get(b"/browse/?q=\xff\xfe&q=%E0%80"),
    get(b"http://evil.example/"),
    get(b"/../../etc/passwd"),
    get(b"/assets/../../manage.py"),
    get(b"/assets/%2e%2e/%2e%2e/manage.py"),
    get(b"/" + b"x" * 9000),
    b"FROB / HTTP/1.1\r\n" + HOST + TLS + b"\r\n",
    b"GET / HTTP/1.1\r\n" + TLS + b"\r\n",
    b"GET / HTTP/9.9\r\n\r\n",
    post(b"Content-Length: 9\r\n\r\nposition="),
    post(b"Content-Length: 900\r\n\r\nposition=1"),
    post(b"Transfer-Encoding: chunked\r\n\r\nzz\r\nposition=1"),
    post(b"Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n0\r\n\r\n"),
    post(b"Content-Type: multipart/form-data; boundary=\xff\r\nContent-Length: 2\r\n\r\nxx"),
    post(FORM + b"; charset=\xff\r\nContent-Length: 1\r\n\r\nx"),
    post(b"Content-Encoding: gzip\r\nContent-Length: 4\r\n\r\n\x1f\x8b\x08\x00"),
    b"\x16\x03\x01\x02\x00\x01\x00\x01",
    b"",
)


@pytest.mark.parametrize("raw", RAW, ids=range(len(RAW)))
def test_bytes_that_are_hardly_http_are_refused_and_not_a_fault(
    production: Production, raw: bytes
) -> None:
    received = production.send(raw)
    assert not received or re.match(rb"HTTP/1\.[01] [1-4]\d\d ", received), received[:200]
    assert b"Traceback" not in received
    assert b"Traceback" not in production.log.read_bytes()
