"""One line for each request, when it is over, and the number that its visitor was given."""

import io
import json
import logging
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.http import FileResponse, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.test import Client, RequestFactory

from gtsite.access import Access
from gtsite.errors import server_error
from gtsite.logs import JsonLines, request_id
from tests.support.engines import ThreeRegions
from tests.support.site import HOME

ROOT = "1-67891233-abcdef012345678912345678"
Lines = Callable[[], list[dict[str, Any]]]


@pytest.fixture
def lines(caplog: pytest.LogCaptureFixture) -> Iterator[Lines]:
    """What has been written since the last look, as production writes it."""
    caplog.set_level(logging.INFO, "gtsite.access")
    written = io.StringIO()
    handler = logging.StreamHandler(written)
    handler.setFormatter(JsonLines(HOME))

    def read() -> list[dict[str, Any]]:
        found = [json.loads(each) for each in written.getvalue().splitlines()]
        written.seek(0)
        written.truncate()
        return [each for each in found if not each["logger"].startswith("catalog")]

    logging.getLogger().addHandler(handler)
    yield read
    logging.getLogger().removeHandler(handler)


@pytest.mark.usefixtures("site")
def test_a_page_says_what_was_asked_and_what_it_took(client: Client, lines: Lines) -> None:
    client.post("/list/sintel/?from=Koro", {"listed": "1"})
    (found,) = lines()
    assert "Koro" not in json.dumps(found)
    assert found["message"] == "POST /list/sintel/ 302"
    assert {name: found[name] for name in ("method", "path", "route", "status")} == {
        "method": "POST",
        "path": "/list/sintel/",
        "route": "bookmarks:list-entry",
        "status": 302,
    }
    assert found["served_region"] == HOME
    assert found["dynamodb_calls"] >= 1
    assert found["dynamodb_milliseconds"] > 0
    assert found["milliseconds"] > 0


@pytest.mark.usefixtures("site")
def test_the_answer_carries_the_requests_number(client: Client) -> None:
    headers = {"X-Amzn-Trace-Id": f"Root={ROOT}"}
    assert client.get("/browse/", headers=headers).headers["X-Request-ID"] == ROOT
    first, second = (client.get("/browse/").headers["X-Request-ID"] for _ in range(2))
    assert first != second
    assert request_id() == ""


@pytest.mark.parametrize(
    ("path", "shown"),
    [
        ("/api/us-west-2/get/user100/AshlandValley", "/api/<str:region>/get/"),
        ("/api/us-west-2/get/user100", "/api/…"),
        ("/lab/us-west-2/user100/", "/lab/<str:region>/<str:action>/"),
        ("/user100/x/y", "/user100/…"),
        ("/" + "x" * 9000, "/" + "x" * 40),
    ],
)
@pytest.mark.usefixtures("site")
def test_addresses_that_hold_keys_of_items_are_not_told(
    client: Client, lines: Lines, path: str, shown: str
) -> None:
    client.get(path)
    told = lines()
    (access,) = (each for each in told if each["logger"] == "gtsite.access")
    assert access["path"].startswith(shown)
    for each in told:
        assert "AshlandValley" not in json.dumps(each)
        assert "user100/x" not in json.dumps(each)
        assert "get/user100" not in json.dumps(each)


@pytest.mark.usefixtures("site")
def test_django_tells_of_a_refused_request_by_the_same_path(client: Client, lines: Lines) -> None:
    client.get("/nowhere/Koro/?q=Koro")
    access, told = lines()
    assert (told["logger"], told["message"]) == ("django.request", "Not Found: /nowhere/…")
    assert told["request_id"] == access["request_id"] != ""


def test_checks_are_told_of_when_they_change_and_while_they_fail(
    site: ThreeRegions, client: Client, lines: Lines
) -> None:
    def statuses(count: int) -> list[int]:
        for _ in range(count):
            client.get("/healthz/ready")
            client.get("/healthz/live")
        found = [each for each in lines() if each["logger"] == "gtsite.access"]
        return [each["status"] for each in found if each["path"] == "/healthz/ready"]

    assert statuses(3) == [200]
    site.refuse(HOME)
    assert statuses(2) == [503, 503]
    site.heal()
    assert statuses(3) == [200]


def test_only_checks_that_there_are_are_remembered(client: Client, lines: Lines) -> None:
    for _ in range(2):
        client.get("/healthz/Koro")
        assert "Koro" not in json.dumps(lines())
    access = Access(lambda _: HttpResponse())
    for n in range(9):
        access(RequestFactory().get(f"/healthz/{n}"))
    assert len(lines()) == 9
    assert access._checks == {}


def answered_by(answer: Callable[[], HttpResponseBase]) -> HttpResponseBase:
    return Access(lambda _: answer())(
        RequestFactory().get("/x/", headers={"X-Amzn-Trace-Id": f"Root={ROOT}"})
    )


def parts(seen: list[str]) -> Iterator[bytes]:
    for _ in range(3):
        seen.append(request_id())
        yield b"part"


def test_a_streamed_answer_is_told_of_when_it_ends(lines: Lines) -> None:
    seen: list[str] = []
    response = answered_by(lambda: StreamingHttpResponse(parts(seen)))
    assert lines() == []
    assert isinstance(response, StreamingHttpResponse)
    assert b"".join(response) == b"part" * 3
    assert (seen, request_id(), lines()) == ([ROOT] * 3, "", [])
    response.close()
    (found,) = lines()
    assert (found["complete"], found["request_id"], found["status"]) == (True, ROOT, 200)


def test_a_streamed_answer_that_nobody_waits_for_is_told_of_as_cut(lines: Lines) -> None:
    response = answered_by(lambda: StreamingHttpResponse(parts([])))
    assert isinstance(response, StreamingHttpResponse)
    next(iter(response))
    response.close()
    (found,) = lines()
    assert found["complete"] is False


def test_a_file_is_left_to_the_server_and_told_of_at_once(lines: Lines) -> None:
    file = io.BytesIO(b"file")
    response = answered_by(lambda: FileResponse(file))
    (found,) = lines()
    assert found["status"] == 200
    assert isinstance(response, FileResponse)
    assert response.file_to_stream is file
    response.close()


def test_an_error_inside_is_told_of_with_the_number_on_its_page(lines: Lines) -> None:
    response = Access(server_error)(RequestFactory().get("/"))
    assert isinstance(response, HttpResponse)
    (found,) = lines()
    assert found["status"] == 500
    assert f"<code>{found['request_id']}</code>".encode() in response.content
