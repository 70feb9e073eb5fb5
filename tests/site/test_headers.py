"""Response headers as a security scanner wants them, wherever an answer comes from."""

import re

import pytest
from django.test import Client

from tests.support.production import BY_TLS, HOST_NAME, Answer, Production

PAGES = ("/", "/browse/", "/title/sintel/", "/watch/sintel/", "/status/", "/nowhere/")
DENIED = ("camera", "geolocation", "microphone", "payment", "usb")


def directives(policy: str) -> dict[str, list[str]]:
    """A Content-Security-Policy, taken apart."""
    parts = (part.split() for part in policy.split(";") if part.strip())
    return {name: sources for name, *sources in parts}


@pytest.mark.parametrize("path", PAGES)
@pytest.mark.usefixtures("site")
def test_a_page_allows_only_what_it_names(client: Client, path: str) -> None:
    policy = directives(client.get(path).headers["Content-Security-Policy"])
    assert policy["default-src"] == ["'none'"]
    for name in ("script-src", "style-src", "img-src", "font-src", "connect-src", "form-action"):
        assert policy[name] == ["'self'"]
    assert policy["frame-ancestors"] == policy["base-uri"] == ["'none'"]
    sources = [source for listed in policy.values() for source in listed]
    assert not [source for source in sources if "unsafe" in source or source in ("*", "data:")]


@pytest.mark.parametrize("path", PAGES)
@pytest.mark.usefixtures("site")
def test_a_page_says_what_browsers_may_do_with_it(client: Client, path: str) -> None:
    headers = client.get(path).headers
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["X-Frame-Options"] == "DENY"
    assert headers["Referrer-Policy"] == "same-origin"
    assert headers["Cross-Origin-Opener-Policy"] == "same-origin"
    assert headers["Cross-Origin-Resource-Policy"] == "same-origin"
    permissions = headers["Permissions-Policy"].split(", ")
    assert {f"{feature}=()" for feature in DENIED} <= set(permissions)


@pytest.mark.usefixtures("site")
def test_pictures_may_be_shown_elsewhere(client: Client) -> None:
    response = client.get("/posters/sintel.svg")
    assert response.headers["Cross-Origin-Resource-Policy"] == "cross-origin"


@pytest.mark.usefixtures("site")
def test_a_page_is_kept_by_no_shared_cache(client: Client) -> None:
    client.get("/")
    for path in PAGES:
        headers = client.get(path).headers
        kept = headers["Cache-Control"]
        assert "no-store" in kept or ("private" in kept and "no-cache" in kept), path
        assert "public" not in kept
        assert "Cookie" in headers["Vary"] or "private" in kept


def cookies(response: Answer) -> dict[str, set[str]]:
    """Each cookie that is set: its name, and what is said about it."""
    found = (said.split("; ") for said in response.headers.get_all("Set-Cookie") or [])
    return {first.split("=")[0]: set(rest) for first, *rest in found}


def test_in_production_browsers_are_told_to_stay_with_tls(production: Production) -> None:
    plain = production.get("/browse/?q=x", {"Host": HOST_NAME})
    assert plain.status == 301
    assert plain.headers["Location"] == f"https://{HOST_NAME}/browse/?q=x"
    response = production.get("/browse/")
    hsts = response.headers["Strict-Transport-Security"]
    assert hsts == "max-age=31536000; includeSubDomains; preload"
    assert "upgrade-insecure-requests" in directives(response.headers["Content-Security-Policy"])


def test_in_production_cookies_are_bound_to_host_and_tls(production: Production) -> None:
    found = cookies(production.get("/"))
    assert set(found) == {"__Host-session", "__Host-csrf"}
    for said in found.values():
        assert {"Secure", "HttpOnly", "Path=/"} <= said
        assert said & {"SameSite=Lax", "SameSite=Strict"}
        assert not [each for each in said if each.startswith("Domain")]


@pytest.mark.parametrize("path", ["/", "/nowhere/", "/assets/nowhere.css", "/healthz/live"])
def test_in_production_nothing_says_what_it_runs_on(production: Production, path: str) -> None:
    headers = production.get(path).headers
    assert headers["Server"] == "gunicorn"
    assert "X-Powered-By" not in headers


def test_in_production_another_host_is_refused(production: Production) -> None:
    assert production.get("/", {**BY_TLS, "Host": "elsewhere.example"}).status == 400


def test_in_production_a_file_is_kept_for_ever_and_is_for_this_site(
    production: Production,
) -> None:
    (sheet, *_) = re.findall(rb'href="(/assets/[^"]+\.css)"', production.get("/").body)
    headers = production.get(sheet.decode()).headers
    assert "immutable" in headers["Cache-Control"]
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Cross-Origin-Resource-Policy"] == "same-origin"
    assert "Access-Control-Allow-Origin" not in headers


def test_in_production_the_lab_is_not_there(production: Production) -> None:
    assert production.get("/lab/").status == 404
    assert production.get("/api/us-west-2/").status == 404
