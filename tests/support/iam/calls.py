"""Records what the SDK is asked for, by any session made while somebody listens."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import boto3
import pytest


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One operation as the SDK got it; `service` is what boto3 calls it."""

    service: str
    operation: str
    region: str
    params: Mapping[str, Any]


@contextmanager
def recorded_calls() -> Iterator[list[Call]]:
    """The calls of every boto3 session that is made inside the block, in the order they begin."""
    calls: list[Call] = []

    def record(
        params: Mapping[str, Any], model: Any, context: Mapping[str, Any], **_: object
    ) -> None:
        calls.append(
            Call(
                service=model.service_model.service_name,
                operation=model.name,
                region=context["client_region"],
                params=dict(params),
            )
        )

    whole = boto3.session.Session

    def listening(*arguments: Any, **named: Any) -> Any:
        session = whole(*arguments, **named)
        session.events.register("provide-client-params", record)
        return session

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("boto3.session.Session", listening)
        yield calls
