"""What the operator's SDK asks for on its way to a service, and what goes wrong on that way."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from gtsite.deploy.aws import Aws

READING = ("Describe", "Get", "List")


@contextmanager
def recorded(aws: Aws, service: str, region: str = "") -> Iterator[list[str]]:
    """The operations asked for while the block runs, in order, named as AWS names them."""
    events, names = aws.client(service, region).meta.events, []

    def note(model: Any, **_: Any) -> None:
        names.append(model.name)

    events.register(f"before-call.{service}", note)
    yield names
    events.unregister(f"before-call.{service}", note)


def changing(names: list[str]) -> list[str]:
    """Those that may change something."""
    return [each for each in names if not each.startswith(READING)]


@contextmanager
def interrupted_after(aws: Aws, service: str, calls: int, region: str = "") -> Iterator[None]:
    """Ctrl-C once a call too many is on its way: it is carried out, and its answer never read."""
    events, left = aws.client(service, region).meta.events, [calls]

    def count(**_: Any) -> None:
        left[0] -= 1
        if left[0] < 0:
            raise KeyboardInterrupt

    events.register(f"after-call.{service}", count)
    try:
        yield
    finally:
        events.unregister(f"after-call.{service}", count)


@contextmanager
def answering(
    aws: Aws,
    service: str,
    operation: str,
    change: Callable[[dict[str, Any]], None],
    region: str = "",
) -> Iterator[None]:
    """The service's real answers, with what it cannot be brought to say put in by `change`."""
    events = aws.client(service, region).meta.events

    def rewrite(parsed: dict[str, Any], **_: Any) -> None:
        change(parsed)

    events.register(f"after-call.{service}.{operation}", rewrite)
    yield
    events.unregister(f"after-call.{service}.{operation}", rewrite)


@contextmanager
def denied(aws: Aws, service: str, operation: str, region: str = "") -> Iterator[None]:
    """The operation is carried out, and answered as to somebody who may not ask for it."""
    events = aws.client(service, region).meta.events

    def refuse(http_response: Any, parsed: dict[str, Any], **_: Any) -> None:
        http_response.status_code = 403
        parsed["Error"] = {"Code": "AccessDenied", "Message": f"not authorized: {operation}"}

    events.register(f"after-call.{service}.{operation}", refuse)
    yield
    events.unregister(f"after-call.{service}.{operation}", refuse)
