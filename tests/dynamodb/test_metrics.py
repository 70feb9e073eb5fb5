"""What CloudWatch says of a table: ways that were travelled, ways that were not, and refusals."""

import socket
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from gtsite.dynamodb import connection
from gtsite.dynamodb.clients import Clients
from gtsite.dynamodb.errors import AccessRefused, MetricsUnavailable
from gtsite.dynamodb.metrics import Metrics, Throttles
from tests.support import faults
from tests.support.sandbox import REGIONS, RunningSandbox, text, wait_until

HOME, AWAY, THIRD = REGIONS


def an_hour_ago() -> datetime:
    return datetime.now(UTC) - timedelta(hours=1)


def put(sandbox: RunningSandbox, metric: str, value: float, **dimensions: str) -> None:
    """One value of a minute ago, as AWS itself would tell CloudWatch."""
    sandbox.service("cloudwatch", HOME).put_metric_data(
        Namespace="AWS/DynamoDB",
        MetricData=[
            {
                "MetricName": metric,
                "Dimensions": [{"Name": name, "Value": each} for name, each in dimensions.items()],
                "Timestamp": datetime.now(UTC) - timedelta(minutes=1),
                "Value": value,
            }
        ],
    )


def test_every_way_of_a_region_is_told_and_a_silent_one_has_no_points(
    site_sandbox: RunningSandbox,
) -> None:
    site_sandbox.create_table("Songs", HOME, AWAY, THIRD)
    site_sandbox.control.set_lag(lag_ms=300, jitter_ms=0, source=HOME, target=AWAY)
    site_sandbox.control.pause_way(HOME, THIRD)
    for name in ("one", "two"):
        site_sandbox.client(HOME).put_item(TableName="Songs", Item={"PK": text(name)})
    site_sandbox.client(AWAY).put_item(TableName="Songs", Item={"PK": text("three")})
    with connection.metrics() as metrics:
        ways: dict[str, Any] = {}

        def arrived() -> bool:
            ways.update(
                metrics.replication_latency(
                    "Songs", HOME, (AWAY, THIRD), since=an_hour_ago(), period_seconds=60
                )
            )
            return bool(ways[AWAY])

        wait_until(arrived, "the first image to arrive")
        assert ways[THIRD] == ()
        assert all(300 <= point.average <= point.most < 60_000 for point in ways[AWAY])
        at = ways[AWAY][0].at
        assert at.tzinfo is not None
        assert at.second == 0
        assert an_hour_ago() < at <= datetime.now(UTC)
        assert (
            metrics.replication_latency("Songs", HOME, (), since=an_hour_ago(), period_seconds=60)
            == {}
        )


def test_what_waits_and_what_was_throttled_is_told(site_sandbox: RunningSandbox) -> None:
    put(site_sandbox, "PendingReplicationCount", 7, TableName="Old", ReceivingRegion=AWAY)
    for refused in (3, 4):
        put(site_sandbox, "WriteThrottleEvents", refused, TableName="Old")
    since = an_hour_ago()
    with connection.metrics() as metrics:
        found = metrics.pending("Old", HOME, (AWAY, THIRD), since=since, period_seconds=60)
        assert [(point.average, point.most) for point in found[AWAY]] == [(7, 7)]
        assert found[THIRD] == ()
        assert metrics.throttles("Old", HOME, since=since, period_seconds=300) == Throttles(
            reads=0, writes=7
        )
        assert metrics.throttles("Old", AWAY, since=since, period_seconds=300) == Throttles(
            reads=0, writes=0
        )


def answer(body: bytes, status: bytes) -> Callable[[socket.socket], None]:
    def respond(caller: socket.socket) -> None:
        faults.request(caller)
        caller.sendall(
            b"HTTP/1.1 %s\r\nContent-Length: %d\r\nContent-Type: application/json\r\n\r\n%s"
            % (status, len(body), body)
        )

    return respond


def ask(endpoint: str) -> None:
    with closing(Clients(endpoints={HOME: endpoint}, control_attempts=1)) as clients:
        Metrics(clients).throttles("Songs", HOME, since=an_hour_ago(), period_seconds=60)


@pytest.mark.parametrize("status", [b"503 Slow Down", b"400 Bad Request"])
def test_a_cloudwatch_that_fails_is_said_in_one_sentence(status: bytes) -> None:
    body = b'{"__type": "Nonsense", "message": "no"}'
    with (
        faults.faulty_server(answer(body, status)) as server,
        pytest.raises(
            MetricsUnavailable, match=rf"^CloudWatch in {HOME} does not answer \(.+\)\.$"
        ),
    ):
        ask(server.url)


def test_a_cloudwatch_that_is_not_there_is_said_in_one_word() -> None:
    with pytest.raises(MetricsUnavailable, match=r"\(refused\)"):
        ask("http://127.0.0.1:9")


def test_permission_that_lacks_is_not_taken_for_an_outage() -> None:
    body = b'{"__type": "AccessDeniedException", "message": "cloudwatch:GetMetricData"}'
    with (
        faults.faulty_server(answer(body, b"403 Forbidden")) as server,
        pytest.raises(AccessRefused, match="GetMetricData"),
    ):
        ask(server.url)
