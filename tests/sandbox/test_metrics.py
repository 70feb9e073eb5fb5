"""What CloudWatch is told of replication, and what CloudWatch then answers."""

import asyncio
import os
import signal
import time
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import permutations
from typing import Any

import botocore.session
import pytest

from gtsite.sandbox.ledger.ledger import (
    Change,
    Consistency,
    Delivery,
    GlobalTableVersion,
    Ledger,
    Replica,
)
from gtsite.sandbox.services.autoscaling import AutoScaling
from gtsite.sandbox.services.metrics import DAY_SECONDS, MOST_POINTS, Metrics
from gtsite.sandbox.services.others import OtherServices
from gtsite.sandbox.versions import Version
from tests.support.sandbox import (
    REGIONS,
    RunningSandbox,
    children,
    number,
    text,
    wait_until,
)

HOME, AWAY, THIRD = REGIONS
NOON = 1_800_000_000 - 1_800_000_000 % 86_400 + 43_200
NAMESPACE = "AWS/DynamoDB"
LATENCY, PENDING = "ReplicationLatency", "PendingReplicationCount"


# What CloudWatch answers


def statistics(
    sandbox: RunningSandbox,
    table: str,
    receiving: str,
    *,
    region: str = HOME,
    metric: str = LATENCY,
    **more: Any,
) -> list[dict[str, Any]]:
    """Every minute of the last hour, oldest first."""
    now = datetime.now(UTC)
    answered = sandbox.service("cloudwatch", region, shared=True).get_metric_statistics(
        Namespace=NAMESPACE,
        MetricName=metric,
        Dimensions=_dimensions(table, receiving),
        StartTime=now - timedelta(hours=1),
        EndTime=now + timedelta(minutes=1),
        Period=60,
        Statistics=["Average", "Minimum", "Maximum", "Sum", "SampleCount"],
        **more,
    )
    return sorted(answered["Datapoints"], key=lambda point: point["Timestamp"])


def counted(points: Iterable[dict[str, Any]]) -> int:
    return int(sum(point["SampleCount"] for point in points))


def write(sandbox: RunningSandbox, table: str, *names: str, region: str = HOME) -> None:
    for name in names:
        sandbox.client(region).put_item(TableName=table, Item={"PK": text(name)})


def _dimensions(table: str, receiving: str) -> list[dict[str, str]]:
    return [
        {"Name": "TableName", "Value": table},
        {"Name": "ReceivingRegion", "Value": receiving},
    ]


def test_the_source_region_knows_how_long_images_travelled(
    sandbox: RunningSandbox, table: str
) -> None:
    sandbox.create_table(table, HOME, AWAY)
    write(sandbox, table, "one", "two", "three")
    sandbox.drain()
    points = statistics(sandbox, table, AWAY)
    assert counted(points) == 3
    assert {point["Unit"] for point in points} == {"Milliseconds"}
    for point in points:
        assert sandbox.lag_ms <= point["Minimum"] <= point["Average"] <= point["Maximum"]
    assert statistics(sandbox, table, HOME, region=AWAY) == []
    assert statistics(sandbox, table, AWAY, region=AWAY) == []
    assert statistics(sandbox, table, THIRD) == []


def test_asking_again_counts_nothing_twice_and_misses_nothing(
    sandbox: RunningSandbox, table: str
) -> None:
    sandbox.create_table(table, HOME, AWAY)
    for count in (1, 2, 3):
        write(sandbox, table, f"item {count}")
        sandbox.drain()
        for _ in range(2):
            assert counted(statistics(sandbox, table, AWAY)) == count


def test_each_way_is_a_metric_of_its_own_listed_once(sandbox: RunningSandbox, table: str) -> None:
    sandbox.create_table(table)
    write(sandbox, table, "one", "two")
    sandbox.drain()
    write(sandbox, table, "three")
    sandbox.drain()
    own = {"Name": "TableName", "Value": table}
    for region, others in ((HOME, {AWAY, THIRD}), (AWAY, set())):
        client = sandbox.service("cloudwatch", region, shared=True)
        for filters in ({}, {"Namespace": NAMESPACE, "MetricName": LATENCY, "Dimensions": [own]}):
            listed = [
                {each["Name"]: each["Value"] for each in metric["Dimensions"]}
                for metric in client.list_metrics(**filters)["Metrics"]
                if own in metric["Dimensions"]
            ]
            assert {each["ReceivingRegion"] for each in listed} == others
            assert len(listed) == len(others)


@pytest.mark.parametrize("capital", [False, True], ids=["lower", "upper"])
def test_metric_data_takes_the_dimensions_in_any_order(
    sandbox: RunningSandbox, table: str, capital: bool
) -> None:
    name = table.upper() if capital else table
    sandbox.create_table(name, HOME, AWAY)
    write(sandbox, name, "one", "two")
    sandbox.drain()
    now = datetime.now(UTC)
    queries = [
        {
            "Id": f"way{place}",
            "MetricStat": {
                "Metric": {
                    "Namespace": NAMESPACE,
                    "MetricName": LATENCY,
                    "Dimensions": list(dimensions),
                },
                "Period": 7200,
                "Stat": "SampleCount",
            },
        }
        for place, dimensions in enumerate(permutations(_dimensions(name, AWAY)))
    ]
    for region, values in ((HOME, [2.0]), (AWAY, [])):
        answered = sandbox.service("cloudwatch", region, shared=True).get_metric_data(
            MetricDataQueries=queries,
            StartTime=now - timedelta(hours=1),
            EndTime=now + timedelta(minutes=1),
        )
        assert [each["Values"] for each in answered["MetricDataResults"]] == [values, values]


@pytest.mark.parametrize("paused", [True, False], ids=["paused", "away"])
def test_nothing_is_told_while_nothing_arrives_and_the_wait_shows_when_it_does(
    sandbox: RunningSandbox, table: str, paused: bool
) -> None:
    control = sandbox.control
    cut, mend = (control.pause, control.resume) if paused else (control.outage, control.heal)
    sandbox.create_table(table, HOME, AWAY)
    cut(AWAY)
    write(sandbox, table, "held")
    assert statistics(sandbox, table, AWAY) == []
    began = datetime.now(UTC)
    wait_until(lambda: datetime.now(UTC) > began + timedelta(milliseconds=300))
    mend(AWAY)
    sandbox.drain()
    (point,) = statistics(sandbox, table, AWAY)
    assert point["Maximum"] >= 300


def test_what_waits_is_told_of_a_table_of_version_2017(sandbox: RunningSandbox, table: str) -> None:
    streaming = {"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"}
    for region in (HOME, AWAY):
        sandbox.create_table(table, region, StreamSpecification=streaming)
    sandbox.client(HOME).create_global_table(
        GlobalTableName=table,
        ReplicationGroup=[{"RegionName": HOME}, {"RegionName": AWAY}],
    )
    wait_until(lambda: joined(sandbox, table), "the global table")
    sandbox.hold()
    write(sandbox, table, "one", "two", "three")
    (point,) = statistics(sandbox, table, AWAY, metric=PENDING)[-1:]
    assert (point["Unit"], point["Maximum"]) == ("Count", 3)
    assert statistics(sandbox, table, AWAY) == []
    sandbox.deliver()
    write(sandbox, table, "four")
    sandbox.drain()
    assert counted(statistics(sandbox, table, AWAY)) == 4
    (point,) = statistics(sandbox, table, HOME, region=AWAY, metric=PENDING)[-1:]
    assert point["Maximum"] == 0


def joined(sandbox: RunningSandbox, table: str) -> bool:
    described = sandbox.client(HOME).describe_global_table(GlobalTableName=table)
    return described["GlobalTableDescription"]["GlobalTableStatus"] == "ACTIVE"


def test_a_back_fill_is_no_replication_that_is_late(sandbox: RunningSandbox, table: str) -> None:
    sandbox.create_table(table, HOME)
    write(sandbox, table, "old", "older")
    sandbox.add_replica(table, HOME, AWAY)
    sandbox.wait_active(table, HOME, AWAY)
    assert statistics(sandbox, table, AWAY) == []


def test_moto_is_given_everything_again_when_it_was_killed(
    sandbox: RunningSandbox, table: str
) -> None:
    sandbox.create_table(table, HOME, AWAY)
    write(sandbox, table, "one", "two")
    sandbox.drain()
    assert counted(statistics(sandbox, table, AWAY)) == 2
    (pid,) = children(sandbox.pid, "moto_server")
    os.kill(pid, signal.SIGKILL)
    wait_until(lambda: children(sandbox.pid, "moto_server") not in ([], [pid]), "moto")
    assert counted(statistics(sandbox, table, AWAY)) == 2


def test_a_request_from_outside_cannot_tell_moto_metrics(
    sandbox: RunningSandbox, table: str
) -> None:
    """The header by which moto knows the sandbox goes no further than the endpoint."""
    client = sandbox.service("sts", HOME, shared=True)

    def add(request: Any, **_: Any) -> None:
        request.headers["X-Sandbox-Metrics"] = "1"

    client.meta.events.register_first("before-send.sts", add, unique_id="metrics")
    try:
        assert client.get_caller_identity()["Account"] == "123456789012"
    finally:
        client.meta.events.unregister("before-send.sts", unique_id="metrics")
    assert statistics(sandbox, table, AWAY) == []


def test_a_sandbox_that_nobody_asks_for_other_services_starts_no_moto(start: Any) -> None:
    own = start()
    own.create_table("quiet", HOME, AWAY)
    write(own, "quiet", "one")
    own.drain()
    assert children(own.pid, "moto_server") == []


# What is counted


class Moment:
    """A clock that stands where a test puts it, seconds since 1970."""

    def __init__(self) -> None:
        self.now = float(NOON)

    def __call__(self) -> float:
        return self.now


def replica(
    region: str,
    version: GlobalTableVersion = "2019.11.21",
    consistency: Consistency = "EVENTUAL",
    *,
    is_global: bool = True,
) -> Replica:
    return Replica(
        table="notes",
        region=region,
        key_names=("PK",),
        is_global=is_global,
        status="ACTIVE",
        source="",
        created_at=0,
        stream_label="",
        stream_view="",
        ttl_attribute="",
        version=version,
        consistency=consistency,
    )


def delivery(target: str = AWAY, table: str = "notes") -> Delivery:
    return Delivery(
        id=1,
        source=HOME,
        target=target,
        table=table,
        item_key="1",
        key={"PK": text("1")},
        image={"PK": text("1"), "n": number(1)},
        version=Version(time=1, region=HOME),
        written_at=0,
        due_at=1,
    )


@pytest.fixture
def ledger() -> Ledger:
    ledger = Ledger(None)
    for region in (HOME, AWAY):
        ledger.save_replica(replica(region))
    return ledger


def owe(ledger: Ledger, target: str, count: int) -> None:
    sent = delivery(target)
    for place in range(count):
        change = Change(
            region=HOME,
            table=sent.table,
            item_key=str(place),
            key=sent.key,
            before=None,
            after=sent.image,
            version=sent.version,
        )
        ledger.enqueue(change, HOME, target, now=0, due_at=1)


def test_a_minute_keeps_least_most_total_and_count(ledger: Ledger) -> None:
    moment = Moment()
    metrics = Metrics(ledger, moment)
    for latency_ms in (30.0, 10.0, 20.0):
        metrics.arrived(delivery(), latency_ms)
    moment.now += 60
    metrics.arrived(delivery(), 5.0)
    first, second = sorted(metrics.changes()[0], key=lambda point: point["minute"])
    assert first == {
        "minute": NOON,
        "metric": LATENCY,
        "unit": "Milliseconds",
        "region": HOME,
        "dimensions": {"TableName": "notes", "ReceivingRegion": AWAY},
        "least": 10.0,
        "most": 30.0,
        "total": 60.0,
        "count": 3,
    }
    assert (second["minute"], second["count"], second["total"]) == (NOON + 60, 1, 5.0)


def test_only_what_changed_is_told_until_everything_is_wanted(ledger: Ledger) -> None:
    moment = Moment()
    metrics = Metrics(ledger, moment)
    metrics.arrived(delivery(), 1.0)
    assert len(metrics.changes()[0]) == 1
    assert metrics.changes()[0] == []
    moment.now += 60
    metrics.arrived(delivery(), 2.0)
    metrics.arrived(delivery(), 3.0)
    (changed,), _ = metrics.changes()
    assert (changed["total"], changed["count"]) == (5.0, 2)
    assert len(metrics.everything()[0]) == 2
    assert metrics.changes()[0] == []


def test_strong_and_unknown_tables_have_no_latency(ledger: Ledger) -> None:
    metrics = Metrics(ledger, Moment())
    ledger.save_replica(replica(HOME, consistency="STRONG"))
    metrics.arrived(delivery(), 1.0)
    metrics.arrived(delivery(table="nowhere"), 1.0)
    assert metrics.everything()[0] == []


def test_both_versions_have_a_latency_even_when_the_source_has_left(ledger: Ledger) -> None:
    metrics = Metrics(ledger, Moment())
    ledger.remove_replica(HOME, "notes")
    metrics.arrived(delivery(), 1.0)
    ledger.save_replica(replica(AWAY, "2017.11.29"))
    metrics.arrived(delivery(), 1.0)
    (point,), _ = metrics.everything()
    assert point["count"] == 2


def test_pending_images_are_counted_for_version_2017_only(ledger: Ledger) -> None:
    metrics = Metrics(ledger, Moment())
    owe(ledger, AWAY, 3)
    metrics.sample()
    assert metrics.everything()[0] == []
    for region in (HOME, AWAY):
        ledger.save_replica(replica(region, "2017.11.29"))
    metrics.sample()
    found = {
        (point["metric"], point["unit"], point["region"], *point["dimensions"].values()): point
        for point in metrics.everything()[0]
    }
    there = found.pop((PENDING, "Count", HOME, "notes", AWAY))
    back = found.pop((PENDING, "Count", AWAY, "notes", HOME))
    assert found == {}
    assert (there["most"], back["most"]) == (3, 0)


def test_an_independent_table_of_version_2017_waits_for_nobody(ledger: Ledger) -> None:
    metrics = Metrics(ledger, Moment())
    for region in (HOME, AWAY):
        ledger.save_replica(replace(replica(region, "2017.11.29"), is_global=False))
    metrics.sample()
    assert metrics.everything()[0] == []


def test_figures_are_kept_for_a_day(ledger: Ledger) -> None:
    moment = Moment()
    metrics = Metrics(ledger, moment)
    metrics.arrived(delivery(), 1.0)
    moment.now += DAY_SECONDS / 2
    metrics.arrived(delivery(), 2.0)
    points, oldest = metrics.everything()
    assert (len(points), oldest) == (2, NOON)
    moment.now += DAY_SECONDS / 2 + 1
    points, oldest = metrics.everything()
    assert ([point["total"] for point in points], oldest) == ([2.0], NOON + DAY_SECONDS / 2)


def test_what_is_kept_does_not_grow_without_bound(ledger: Ledger) -> None:
    """Each way is a point a minute, however many tables there are."""
    metrics = Metrics(ledger, Moment())
    for place in range(MOST_POINTS + 10):
        ledger.save_replica(replace(replica(HOME), table=f"table-{place}"))
        metrics.arrived(delivery(table=f"table-{place}"), 1.0)
    told = [point["dimensions"]["TableName"] for point in metrics.changes()[0]]
    assert len(told) <= MOST_POINTS
    assert f"table-{MOST_POINTS + 9}" in told
    assert "table-0" not in told


def test_a_metric_of_several_minutes_is_listed_once(ledger: Ledger) -> None:
    moment = Moment()
    metrics = Metrics(ledger, moment)
    for later in (-180, -120, -60):
        moment.now = time.time() + later
        metrics.arrived(delivery(), 1.0)
    assert len(metrics.everything()[0]) == 3

    async def listed() -> list[dict[str, Any]]:
        others = OtherServices(metrics, AutoScaling(ledger))
        try:
            await others._hand_over_metrics()
            assert others._process is not None
            return await asyncio.to_thread(metrics_at, others._process.url)
        finally:
            await others.stop()

    (metric,) = asyncio.run(listed())
    assert metric["Dimensions"] == _dimensions("notes", AWAY)


def metrics_at(url: str) -> list[dict[str, Any]]:
    """Every metric that a moto knows."""
    client = botocore.session.get_session().create_client(
        "cloudwatch",
        region_name=HOME,
        endpoint_url=url,
        aws_access_key_id="sandbox",
        aws_secret_access_key="sandbox",
    )
    found: list[dict[str, Any]] = client.list_metrics()["Metrics"]
    client.close()
    return found
