"""The program behind `others`: moto's server, which also answers for the sandbox's own metrics.

It is run by its path, imports nothing of the sandbox, and mends how moto's CloudWatch compares
dimensions: CloudWatch takes them in any order, and lists a metric once however long it is.
"""

import json
import os
import sys
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Any

from moto.cloudwatch import models
from moto.core.common_models import CloudWatchMetricProvider
from moto.moto_server.werkzeug_app import (
    DomainDispatcherApplication,
    MotoRequestHandler,
    create_backend_app,
)
from werkzeug.serving import run_simple

NAMESPACE = "AWS/DynamoDB"
HEADER = "HTTP_X_SANDBOX_METRICS"

Dimensions = list[models.Dimension]
Environment = dict[str, Any]
Respond = Callable[[str, list[tuple[str, str]]], Any]


class SandboxMetrics(CloudWatchMetricProvider):
    """What the sandbox told, by the minute; moto asks every provider there is for its metrics."""

    points: dict[tuple[Any, ...], models.MetricAggregatedDatum] = {}  # noqa: RUF012

    @staticmethod
    def get_cloudwatch_metrics(account_id: str, region: str) -> list[models.MetricAggregatedDatum]:
        del account_id
        points = SandboxMetrics.points
        return [datum for place, datum in points.items() if place[0] == region]

    @classmethod
    def take(cls, told: dict[str, Any]) -> None:
        """Put each minute in the place of what was known of it; forget those before `oldest`.

        The collection is replaced, not changed: another thread may be reading it.
        """
        kept = {place: datum for place, datum in cls.points.items() if place[1] >= told["oldest"]}
        cls.points = kept | {_place(point): _datum(point) for point in told["points"]}


def _place(point: dict[str, Any]) -> tuple[Any, ...]:
    return point["region"], point["minute"], point["metric"], *point["dimensions"].values()


def _datum(point: dict[str, Any]) -> models.MetricAggregatedDatum:
    dimensions = [{"Name": name, "Value": value} for name, value in point["dimensions"].items()]
    return models.MetricAggregatedDatum(
        namespace=NAMESPACE,
        name=point["metric"],
        min_stat=point["least"],
        max_stat=point["most"],
        sum_stat=point["total"],
        sample_count=point["count"],
        dimensions=dimensions,
        timestamp=datetime.fromtimestamp(point["minute"], UTC).replace(tzinfo=None),
        unit=point["unit"],
    )


def _before(self: models.Dimension, other: models.Dimension) -> bool:
    return (self.name or "", self.value or "") < (other.name or "", other.value or "")


def _same(metric_dimensions: Dimensions, dimensions: Dimensions) -> bool:
    one, other = ({(d.name, d.value) for d in each} for each in (metric_dimensions, dimensions))
    return one == other


class Application:
    """moto, but for a request with the header that only the sandbox can send."""

    def __init__(self) -> None:
        self._moto = DomainDispatcherApplication(create_backend_app)

    def __call__(self, environment: Environment, respond: Respond) -> Iterable[bytes]:
        if HEADER not in environment:
            answered: Iterable[bytes] = self._moto(environment, respond)
            return answered
        length = int(environment["CONTENT_LENGTH"])
        SandboxMetrics.take(json.loads(environment["wsgi.input"].read(length)))
        respond("200 OK", [("Content-Length", "0")])
        return []


def main(host: str, port: int) -> None:
    os.environ["MOTO_PORT"] = str(port)
    models.Dimension.__lt__ = _before  # type: ignore[method-assign]
    models.are_dimensions_same = _same
    run_simple(host, port, Application(), threaded=True, request_handler=MotoRequestHandler)


if __name__ == "__main__":
    _, _, host_name, _, port_number = sys.argv
    main(host_name, int(port_number))
