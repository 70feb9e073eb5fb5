"""Log lines: one JSON object each, whatever was sent, and nothing in them of who sent it."""

import json
import logging
import sys
import threading
from collections.abc import Iterator

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.test import RequestFactory

from gtsite.dynamodb.connection import reset, router
from gtsite.dynamodb.tables import GLOBAL_SERVERLESS
from gtsite.logs import (
    LONGEST_LINE_BYTES,
    JsonLines,
    log_uncaught,
    number_of,
    numbered,
    request_id,
    with_number,
)
from tests.support.engines import ThreeRegions
from tests.support.production import BY_TLS, HOST_NAME, Answer, Production

ROOT = "1-67891233-abcdef012345678912345678"
FIXED = {"time", "level", "logger", "message", "region", "request_id"}


def record(message: object, *args: object, name: str = "gtsite.x", **more: object) -> str:
    """The line of such a record; `exc` is the error it tells of."""
    error = more.pop("exc", None)
    told = (type(error), error, error.__traceback__) if isinstance(error, BaseException) else None
    level = more.pop("level", logging.WARNING)
    assert isinstance(level, int)
    made = logging.getLogger(name).makeRecord(
        name, level, __file__, 1, message, args, told, extra=more
    )
    return JsonLines("eu-west-1").format(made)


def line(message: object, *args: object, **more: object) -> dict[str, object]:
    written = record(message, *args, **more)  # type: ignore[arg-type]
    found = json.loads(written, parse_constant=pytest.fail)
    assert isinstance(found, dict)
    return found


def raised(error: Exception, cause: Exception | None = None) -> Exception:
    try:
        raise error from cause
    except type(error) as caught:
        return caught


def test_a_line_says_when_how_bad_who_where_and_for_which_request() -> None:
    with numbered(ROOT):
        found = line("%s is away", "us-west-2")
    assert str(found.pop("time")).endswith("Z")
    assert found == {
        "level": "warning",
        "logger": "gtsite.x",
        "message": "us-west-2 is away",
        "region": "eu-west-1",
        "request_id": ROOT,
    }


def test_what_extra_adds_is_kept_and_takes_no_other_place() -> None:
    found = line("x", status=200, path="/", parts=[1, {"a": None}], region="us-moon-1")
    assert (found["status"], found["path"], found["parts"]) == (200, "/", [1, {"a": None}])
    assert found["region"] == "eu-west-1"


@pytest.mark.parametrize(
    "sent",
    ["a\nb", "a\r\n{}", "\x00\x1b[31m", "\u2028\u2029\x85", "\ud800", '"}', "é" * 65536],
    ids=["newline", "crlf", "control", "separators", "surrogate", "quote", "long"],
)
def test_nothing_that_is_sent_breaks_a_line(sent: str) -> None:
    for written in (record(sent), record("%s", sent), record("x", value=sent, more=[sent])):
        assert written.isprintable()
        assert written.isascii()
        assert len(written) < LONGEST_LINE_BYTES
        assert set(json.loads(written)) >= FIXED


@pytest.mark.parametrize(
    "value",
    [float("nan"), [float("inf")], object(), {1, 2}, {(1, 2): 3}, b"\xff", RequestFactory().get],
    ids=["nan", "infinity", "object", "set", "key", "bytes", "function"],
)
def test_what_json_has_no_word_for_does_not_cost_the_line(value: object) -> None:
    assert set(line("x", value=value)) >= FIXED


def test_a_thousand_values_do_not_make_a_line_longer() -> None:
    assert len(record("x", **{f"value_{n}": "y" * 9 for n in range(1000)})) < LONGEST_LINE_BYTES


def test_a_message_that_does_not_fit_its_arguments_is_still_told() -> None:
    assert line("%d of %s", "viewer")["message"] == "%d of %s …"


def test_a_trace_says_where_and_what_kind_and_not_what_was_sent() -> None:
    found = line("x", exc=raised(ValueError("Koro"), cause=raised(KeyError("Koro"))))
    trace = str(found["trace"])
    assert "Koro" not in trace
    assert "tests/site/test_logs.py" in trace
    assert trace.index("KeyError") < trace.index("ValueError")


def test_a_trace_keeps_words_that_are_ours() -> None:
    trace = str(line("x", exc=raised(ImproperlyConfigured("Set SECRET_KEY.")))["trace"])
    assert trace.endswith("ImproperlyConfigured: Set SECRET_KEY.")


def test_of_a_trace_too_long_the_innermost_places_are_kept() -> None:
    def deeper(left: int) -> None:
        if not left:
            raise ValueError
        deeper(left - 1)

    with pytest.raises(ValueError) as caught:  # noqa: PT011 - it has no message
        deeper(200)
    found = line("x", exc=caught.value)
    assert str(found["trace"]).endswith("raise ValueError\nValueError")
    assert found["message"] == "x"


def test_a_request_that_was_refused_leaves_no_trace_and_is_no_error_of_the_sites() -> None:
    refused = record("Bad host", exc=raised(KeyError()), level=logging.ERROR, status_code=400)
    assert "trace" not in json.loads(refused)
    assert json.loads(refused)["level"] == "warning"
    broken = record("Broken", exc=raised(KeyError()), level=logging.ERROR, status_code=500)
    assert json.loads(broken)["level"] == "error"
    assert "trace" in line("Broken", exc=raised(KeyError()), status_code=500)


@pytest.mark.parametrize(
    ("message", "args", "told"),
    [
        ("Error handling request %s %s", ("GET", "/api/x/get/Koro?q=Koro"), "GET /api/…"),
        ("Error handling request %s", ("/browse/?q=Koro",), "request /browse/"),
        ("Invalid request from ip=203.0.113.9: bad 'Koro\nKoro'", (), "Invalid request…"),
    ],
)
def test_what_gunicorn_says_of_a_request_is_as_safe(
    message: str, args: tuple[str, ...], told: str
) -> None:
    found = line(message, *args, name="gunicorn.error")
    assert "Koro" not in str(found)
    assert "203.0.113.9" not in str(found)
    assert str(found["message"]).endswith(told)


@pytest.mark.parametrize(
    "header",
    [f"Root={ROOT}", f"Self=1-67891234-12456789abcdef012345678;Root={ROOT}", f"Root={ROOT}; a=b"],
)
def test_the_load_balancers_number_is_kept(header: str) -> None:
    assert number_of(header) == ROOT


@pytest.mark.parametrize(
    "header",
    ["", "Root=", "Root=1-x", ROOT, f"Root={ROOT}0", f"root={ROOT}", "Root=2" + ROOT[1:], "é" * 9],
)
def test_without_a_good_number_there_is_a_new_one_of_the_same_form(header: str) -> None:
    first, second = number_of(header), number_of(header)
    assert first != second
    assert first != ROOT
    assert number_of(f"Root={first}") == first


@pytest.fixture
def _fresh_router() -> Iterator[None]:
    reset()
    yield
    reset()


@pytest.mark.usefixtures("_fresh_router")
def test_threads_that_work_for_a_request_carry_its_number() -> None:
    with numbered(ROOT):
        here = threading.current_thread().name
        asked = router().fan_out(lambda _: (request_id(), threading.current_thread().name))
        both = router().both(request_id, request_id)
        told = with_number(request_id)
    for each in asked.values():
        assert getattr(each, "value", None) == (ROOT, ANY_BUT(here))
    assert both == (ROOT, ROOT)
    assert (request_id(), told()) == ("", ROOT)


class ANY_BUT(str):  # noqa: N801 - reads as a value
    """Equal to every other text than itself."""

    __slots__ = ()
    __hash__ = str.__hash__

    def __eq__(self, other: object) -> bool:
        return isinstance(other, str) and str(self) != str(other)


def test_a_thread_that_dies_is_told_of(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(threading, "excepthook", log_uncaught)
    thread = threading.Thread(target=lambda: dict[str, str]()["Koro"], name="catalogue")
    thread.start()
    thread.join()
    (told,) = (each for each in caplog.records if "catalogue ended" in each.getMessage())
    found = json.loads(JsonLines("").format(told))
    assert found["message"] == "the thread catalogue ended by an error"
    assert str(found["trace"]).endswith("KeyError")


NAME, SEARCH, PASSWORD, COOKIE = "markername", "markersearch", "7f3a-9b1c-55d0", "markercookie"
ADDRESS = "203.0.113.77"
SENT = {
    **BY_TLS,
    "X-Forwarded-For": f"{ADDRESS}, 10.0.0.1",
    "Cookie": f"theme={COOKIE}",
    "User-Agent": "marker-agent",
}


def lines_of(site: Production) -> list[dict[str, object]]:
    """Everything the site itself has said."""
    written = site.log.read_text().splitlines()
    return [json.loads(each) for each in written if each.startswith("{")]


def test_in_production_every_request_has_one_line_that_does_not_say_who(
    production: Production, three_regions: ThreeRegions
) -> None:
    before = len(lines_of(production))
    answers = [
        production.get(path, SENT)
        for path in (
            f"/browse/?q={SEARCH}",
            f"/suggest/?q={SEARCH}",
            f"/nowhere/{NAME}/%0A%7B%7D?{SEARCH}",
            f"/api/us-west-2/get/{NAME}/x",
            f"/{'x' * 3000}",
            "/assets/nowhere.css",
        )
    ]
    answers.append(production.get("/", {**SENT, "Host": "marker.example"}))
    answers.append(production.get("/browse/", {"Host": HOST_NAME}))
    answers += signed_up(production)
    answers.append(production.get(f"/healthz/{NAME}", SENT))
    answers.append(sent_from_elsewhere(production))
    production.send(b"GET /\xff?" + SEARCH.encode() + b" HTTP/9\r\n" + NAME.encode() + b"\r\n\r\n")

    told = lines_of(production)[before:]
    access = {str(each["request_id"]): each for each in told if each["logger"] == "gtsite.access"}
    assert len(access) == len(answers)
    for answer in answers:
        each = access[str(answer.headers["X-Request-ID"])]
        assert each["status"] == answer.status
        assert each["region"] == each["served_region"] == three_regions.names[0]
        assert len(json.dumps(each)) < 1000
    written = json.dumps(told)
    for secret in (NAME, SEARCH, PASSWORD, COOKIE, ADDRESS, "marker-agent", viewer(three_regions)):
        assert secret not in written


def signed_up(site: Production) -> list[Answer]:
    """The form, and its answer."""
    form = site.get("/viewers/sign-up/", SENT)
    sent = {"name": NAME, "password": PASSWORD}
    done = site.post("/viewers/sign-up/", sent, form.cookies)
    assert done.status == 302
    return [form, done]


def sent_from_elsewhere(site: Production) -> Answer:
    """A form from another site's page, whose address the browser tells in full."""
    cookies = {"Cookie": "__Host-csrf=" + "x" * 32}
    referer = {"Referer": f"https://mail.example/inbox/{NAME}/?q={SEARCH}"}
    done = site._ask("POST", "/viewers/sign-in/", BY_TLS | cookies | referer, "x=1")
    assert done.status == 403
    return done


def viewer(regions: ThreeRegions) -> str:
    """The id of whoever signed up last."""
    items = regions.client(regions.names[0]).scan(TableName=GLOBAL_SERVERLESS.name)["Items"]
    (found,) = {item["viewer_id"]["S"] for item in items if "viewer_id" in item}
    assert len(found) > 8
    return found


if sys.version_info < (3, 12):

    def test_python_names_no_task_in_a_record() -> None:
        assert "taskName" not in line("x")
