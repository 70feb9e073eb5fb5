"""What a log line looks like, and what is never in one: who somebody is, and what they sent.

In production every line is one JSON object, whoever wrote it: the site, Django, gunicorn or the
SDK. Lines of one request carry its number.
"""

import json
import logging
import re
import secrets
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from pathlib import Path
from traceback import FrameSummary, extract_tb
from typing import Any, ParamSpec, TypeVar

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from gtsite.dynamodb.errors import DataError

P = ParamSpec("P")
R = TypeVar("R")

LONGEST_LINE_BYTES = 4096
"""What a pipe takes in one piece: lines of two processes never run into each other."""

LONGEST_MESSAGE = 1000
LONGEST_PATH = 200
LONGEST_SEGMENT = 40
LONGEST_CHAIN = 5
MOST_CUTS = 40
FIXED = 6
CUT = "…"

TRACE_ROOT = re.compile(r"[0-9a-f]{8}-[0-9a-f]{24}")
SENT = re.compile(r"(://[^\s/'\"]*/|\?)[^\s'\"]+| from ip=.*", re.DOTALL)
"""The path on a host, a query, and what gunicorn says of a request that it cannot read."""

STANDARD = frozenset({*vars(logging.makeLogRecord({})), "taskName", "request", "status_code"})
"""What every record has, or Django adds to it; all else is from `extra`."""

ENCODER = json.JSONEncoder(separators=(",", ":"), skipkeys=True, allow_nan=False, default=str)
"""ASCII, so that a line's length is its bytes, and nothing in it can end a line."""

CHECKS = frozenset({"/healthz/live", "/healthz/ready"})
"""What load balancers ask all the time."""

PRIVATE_APPS = frozenset({"lab"})
"""Addresses of these hold keys of items: their lines show the route, not the address."""

OWN_WORDS = (DataError, ImproperlyConfigured, ImportError, OSError)
"""Errors whose messages quote nothing a visitor sent; of all others the kind has to do."""

PROJECT = f"{Path(__file__).resolve().parent.parent}/"
PACKAGES = "/site-packages/"

logger = logging.getLogger(__name__)

_request_id: ContextVar[str] = ContextVar("request_id", default="")


def request_id() -> str:
    """The number of the request that this thread works for, '' when it works for none."""
    return _request_id.get()


@contextmanager
def numbered(number: str) -> Iterator[None]:
    """Lines written inside the block, and by threads that take its context along, carry it."""
    token = _request_id.set(number)
    try:
        yield
    finally:
        _request_id.reset(token)


def with_number(work: Callable[P, R]) -> Callable[P, R]:
    """The same work, for another thread, still under this request's number."""
    number = request_id()

    def carried(*args: P.args, **kwargs: P.kwargs) -> R:
        with numbered(number):
            return work(*args, **kwargs)

    return carried


def number_of(trace_header: str) -> str:
    """The Root of the load balancer's `X-Amzn-Trace-Id`; a new number where there is none."""
    for field in trace_header[:LONGEST_MESSAGE].split(";"):
        name, _, value = field.strip().partition("=")
        version, _, rest = value.partition("-")
        if (name, version) == ("Root", "1") and TRACE_ROOT.fullmatch(rest):
            return value
    return f"1-{int(time.time()):08x}-{secrets.token_hex(12)}"


def json_logging(region: str, *, level: str = "INFO") -> dict[str, Any]:
    """For `dictConfig`: JSON lines on stdout, Django's and gunicorn's own among them."""
    passed_on: dict[str, Any] = {"handlers": [], "propagate": True}
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"json": {"()": "gtsite.logs.JsonLines", "region": region}},
        "handlers": {
            "stdout": {
                "class": "logging.StreamHandler",
                "stream": "ext://sys.stdout",
                "formatter": "json",
            }
        },
        "root": {"handlers": ["stdout"], "level": level},
        "loggers": {
            "botocore": {"level": "WARNING"},
            "urllib3": {"level": "WARNING"},
            "django": passed_on,
            "django.request": {"level": "ERROR"},  # of others the access line says it all
            "django.server": passed_on,
            "gunicorn.error": passed_on,
            "gunicorn.access": {"level": "CRITICAL"},  # the site has a line of its own
        },
    }


def log_uncaught(failed: threading.ExceptHookArgs) -> None:
    """For `threading.excepthook`: a background thread that dies is told of like everything else."""
    if failed.exc_value is not None:
        name = failed.thread.name if failed.thread else ""
        logger.error("the thread %s ended by an error", name, exc_info=failed.exc_value)


class JsonLines(logging.Formatter):
    """`time`, `level`, `logger`, `message`, `region`, `request_id`, what `extra` adds, `trace`.

    An `extra` of one of these names is left out. A line has 4,096 bytes at most: the longest value
    is cut until it fits.
    """

    def __init__(self, region: str) -> None:
        super().__init__()
        self._region = region

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "time": _moment(record.created),
            "level": "warning" if _is_refusal(record) else record.levelname.lower(),
            "logger": record.name,
            "message": safe_message(record)[:LONGEST_MESSAGE],
            "region": self._region,
            "request_id": _number_of_record(record),
        }
        line |= {name: value for name, value in _extras(record).items() if name not in line}
        if trace := _trace_of(record):
            line["trace"] = trace
        return _fitting(line)


def _extras(record: logging.LogRecord) -> dict[str, Any]:
    told = record.msg if isinstance(record.msg, dict) else {}
    found = {name: value for name, value in vars(record).items() if name not in STANDARD}
    return {str(name): _plain(value) for name, value in (told | found).items()}


def _plain(value: object) -> object:
    """The value where JSON has a word for it, else what Python calls it."""
    try:
        ENCODER.encode(value)
    except (TypeError, ValueError, RecursionError):
        return str(value)
    return value


def _fitting(line: dict[str, Any]) -> str:
    """Each round halves the longest value; what is no text becomes one before it is cut.

    Should that not do, what `extra` added is left out.
    """
    for _ in range(MOST_CUTS):
        written = ENCODER.encode(line)
        if len(written) < LONGEST_LINE_BYTES:
            return written
        longest = max(line, key=lambda name: len(ENCODER.encode(line[name])))
        value = line[longest]
        text = value if isinstance(value, str) else ENCODER.encode(value)
        keep = len(text) // 2
        line[longest] = CUT + text[keep + 1 :] if longest == "trace" else text[:keep] + CUT
    return _fitting(dict(list(line.items())[:FIXED]))


def _number_of_record(record: logging.LogRecord) -> str:
    """Django tells of some refusals when the request is already answered."""
    return request_id() or str(getattr(getattr(record, "request", None), "number", ""))


def safe_message(record: logging.LogRecord) -> str:
    """What the record says, addresses without what they hold of a visitor.

    Django and gunicorn quote the address they were asked for.
    """
    if isinstance(record.msg, dict):
        return ""
    said = str(record.msg)
    if record.args:
        try:
            said %= _safe_arguments(record)
        except (TypeError, ValueError, KeyError):
            said += f" {CUT}"
    return SENT.sub(rf"\1{CUT}", said)


def _safe_arguments(record: logging.LogRecord) -> Any:
    request = getattr(record, "request", None)
    if not isinstance(record.args, tuple):
        return record.args
    if record.name.startswith("gunicorn"):
        return tuple(_first_part(str(each)) if _is_path(each) else each for each in record.args)
    path = getattr(request, "path", None)
    return tuple(shown_path(request) if path and each == path else each for each in record.args)


def _is_path(value: object) -> bool:
    return isinstance(value, str) and value.startswith("/")


def shown_path(request: Any) -> str:
    """The request's path, without its query; of what may hold a viewer's key the route alone.

    Of an address that the site does not have, the first part: it may be anything. Files are all
    addresses that it may have had.
    """
    path, match = str(request.path), request.resolver_match
    if match is not None and PRIVATE_APPS.intersection(match.app_names):
        return f"/{match.route}"
    if match is not None or path in CHECKS or path.startswith(settings.STATIC_URL):
        return path[:LONGEST_PATH]
    return _first_part(path)


def _first_part(path: str) -> str:
    first, slash, rest = path.partition("?")[0].removeprefix("/").partition("/")
    return f"/{first[:LONGEST_SEGMENT]}{slash}{CUT if rest else ''}"


def shown_trace(error: BaseException) -> str:
    """Where it was raised, the innermost place last, and before it what it followed from.

    Without what it says, which may quote what somebody typed, unless the words are ours.
    """
    told: list[str] = []
    found: BaseException | None = error
    while found is not None and len(told) < LONGEST_CHAIN:
        places = [_place(frame) for frame in extract_tb(found.__traceback__)]
        told.insert(0, "\n".join([*places, _kind(found)]))
        found = found.__cause__ or (None if found.__suppress_context__ else found.__context__)
    return "\n".join(told)


def _trace_of(record: logging.LogRecord) -> str:
    error = record.exc_info[1] if record.exc_info else None
    return "" if error is None or _is_refusal(record) else shown_trace(error)


def _is_refusal(record: logging.LogRecord) -> bool:
    """A request's own fault, to Django at times an error: anybody can send as many as they like."""
    return bool(getattr(record, "status_code", 500) < 500)


def _place(frame: FrameSummary) -> str:
    file = frame.filename.removeprefix(PROJECT).rpartition(PACKAGES)[2]
    return f"{file}:{frame.lineno} {frame.name}: {frame.line}"


def _kind(error: BaseException) -> str:
    kind = type(error).__qualname__
    return f"{kind}: {error}" if isinstance(error, OWN_WORDS) else kind


def _moment(seconds: float) -> str:
    told = datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")
    return told.replace("+00:00", "Z")
