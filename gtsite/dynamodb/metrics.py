"""What CloudWatch says of a table: how long images travel, how many wait, what was throttled.

CloudWatch keeps replication with the region that was written to, so one region is asked for all
the ways that leave it. Nothing is counted while nothing arrives: no point is not a point of zero.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from gtsite.dynamodb.clients import Clients
from gtsite.dynamodb.errors import AccessRefused, DataError, MetricsUnavailable
from gtsite.dynamodb.failures import (
    FAILURES,
    NO_ACCESS,
    NO_CREDENTIALS,
    Fault,
    classify,
    error_code,
    error_message,
    trouble,
)

NAMESPACE = "AWS/DynamoDB"
AWS_PERIOD_SECONDS = 300
"""How finely AWS keeps replication metrics: a shorter period only leaves gaps."""

MINUTE_SECONDS = 60
Statistic = Literal["Average", "Maximum", "Sum"]
Values = Mapping[datetime, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """One period, by its start in UTC: milliseconds of latency, or a count of what waits."""

    at: datetime
    average: float
    most: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Throttles:
    """How many reads and writes of a table one region refused for want of capacity."""

    reads: int
    writes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class _Series:
    """One statistic of one metric of a table."""

    metric: str
    statistic: Statistic
    dimensions: tuple[tuple[str, str], ...]


class Metrics:
    """Every region's CloudWatch. Thread-safe.

    Every method is one request to one region, and raises `MetricsUnavailable` or `AccessRefused`.
    `since` is an aware datetime; `period_seconds` a multiple of 60, `AWS_PERIOD_SECONDS` at AWS.
    """

    def __init__(self, clients: Clients) -> None:
        self._clients = clients

    def replication_latency(
        self,
        table: str,
        source: str,
        targets: Sequence[str],
        *,
        since: datetime,
        period_seconds: int,
    ) -> dict[str, tuple[Point, ...]]:
        """How long images from `source` took, by target: milliseconds, oldest period first.

        A way on which nothing arrived has no point.
        """
        return self._ways("ReplicationLatency", table, source, targets, since, period_seconds)

    def pending(
        self,
        table: str,
        source: str,
        targets: Sequence[str],
        *,
        since: datetime,
        period_seconds: int,
    ) -> dict[str, tuple[Point, ...]]:
        """How many images from `source` waited, by target, oldest period first.

        CloudWatch counts them for tables of version 2017.11.29 only; others have no point.
        """
        return self._ways("PendingReplicationCount", table, source, targets, since, period_seconds)

    def throttles(
        self, table: str, region: str, *, since: datetime, period_seconds: int
    ) -> Throttles:
        """What `region` refused since then; nothing that CloudWatch heard of is 0."""
        reads, writes = (
            _Series(metric=name, statistic="Sum", dimensions=(("TableName", table),))
            for name in ("ReadThrottleEvents", "WriteThrottleEvents")
        )
        found = self._asked(region, (reads, writes), since, period_seconds)
        return Throttles(
            reads=round(sum(found[reads].values())), writes=round(sum(found[writes].values()))
        )

    def _ways(
        self,
        metric: str,
        table: str,
        source: str,
        targets: Sequence[str],
        since: datetime,
        period_seconds: int,
    ) -> dict[str, tuple[Point, ...]]:
        if not targets:
            return {}

        def series(target: str, statistic: Statistic) -> _Series:
            dimensions = (("TableName", table), ("ReceivingRegion", target))
            return _Series(metric=metric, statistic=statistic, dimensions=dimensions)

        pairs = {to: (series(to, "Average"), series(to, "Maximum")) for to in targets}
        wanted = [each for pair in pairs.values() for each in pair]
        found = self._asked(source, wanted, since, period_seconds)
        return {to: _points(found[average], found[most]) for to, (average, most) in pairs.items()}

    def _asked(
        self, region: str, wanted: Sequence[_Series], since: datetime, period_seconds: int
    ) -> dict[_Series, Values]:
        """The values of each series by the start of their period, all of them asked for at once."""
        client = self._clients.cloudwatch(region)
        names = {f"s{number}": each for number, each in enumerate(wanted)}
        found: dict[_Series, dict[datetime, float]] = {each: {} for each in wanted}
        try:
            pages = client.get_paginator("get_metric_data").paginate(
                MetricDataQueries=[
                    _query(name, each, period_seconds) for name, each in names.items()
                ],
                StartTime=_floor(since, period_seconds),
                EndTime=_floor(datetime.now(UTC), period_seconds)
                + timedelta(seconds=period_seconds),
                ScanBy="TimestampAscending",
            )
            for result in _results(pages):
                times = (each.astimezone(UTC) for each in result["Timestamps"])
                found[names[result["Id"]]].update(zip(times, result["Values"], strict=True))
        except FAILURES as error:
            raise _in_own_words(region, error) from error
        return dict(found)


def _results(pages: Iterable[Mapping[str, Any]]) -> Iterable[Mapping[str, Any]]:
    return (result for page in pages for result in page["MetricDataResults"])


def _query(name: str, series: _Series, period_seconds: int) -> dict[str, Any]:
    return {
        "Id": name,
        "MetricStat": {
            "Metric": {
                "Namespace": NAMESPACE,
                "MetricName": series.metric,
                "Dimensions": [{"Name": name, "Value": value} for name, value in series.dimensions],
            },
            "Period": period_seconds,
            "Stat": series.statistic,
        },
    }


def _points(average: Values, most: Values) -> tuple[Point, ...]:
    """What both statistics have; a period that began between two pages may be in one only."""
    both = sorted(average.keys() & most.keys())
    return tuple(Point(at=at, average=average[at], most=most[at]) for at in both)


def _floor(at: datetime, period_seconds: int) -> datetime:
    """The start of the period it falls into: CloudWatch keeps whole ones."""
    seconds = int(at.timestamp())
    return datetime.fromtimestamp(seconds - seconds % period_seconds, UTC)


def _in_own_words(region: str, error: Exception) -> DataError:
    if isinstance(error, DataError):
        return error
    if error_code(error) in NO_ACCESS or isinstance(error, NO_CREDENTIALS):
        return AccessRefused(region, error_message(error))
    said = error_message(error) if classify(error) is Fault.CALLER else trouble(error)
    return MetricsUnavailable(region, said)
