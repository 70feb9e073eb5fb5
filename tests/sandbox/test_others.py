"""The other services of the source documents, behind the same endpoint."""

import asyncio
import json
import os
import signal
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest
from aiohttp.test_utils import make_mocked_request

from gtsite.sandbox.ledger.ledger import Ledger
from gtsite.sandbox.services import others
from gtsite.sandbox.services.autoscaling import AutoScaling
from gtsite.sandbox.services.metrics import Metrics
from tests.support.sandbox import (
    BOUND_SECONDS,
    REGIONS,
    RunningSandbox,
    children,
    error_of,
    frozen,
    send,
    text,
    wait_until,
)

HOME, AWAY, _ = REGIONS


def service(sandbox: RunningSandbox, name: str, region: str = HOME, shared: bool = True) -> Any:
    return sandbox.service(name, region, shared=shared)


def test_sts_knows_the_account_that_is_in_the_tables_arns(
    sandbox: RunningSandbox, table: str
) -> None:
    sandbox.create_table(table, HOME)
    arn = sandbox.client(HOME).describe_table(TableName=table)["Table"]["TableArn"]
    for shared in (True, False):
        account = service(sandbox, "sts", shared=shared).get_caller_identity()["Account"]
        assert account == arn.split(":")[4]


def test_cloudwatch_keeps_metrics_by_region(sandbox: RunningSandbox) -> None:
    """More than 10 kB of them, which botocore sends compressed."""
    now = datetime.now(UTC)
    many = [
        {"MetricName": f"Pending{place}", "Value": place, "Timestamp": now} for place in range(300)
    ]
    service(sandbox, "cloudwatch").put_metric_data(Namespace="Sandbox", MetricData=many)
    found = service(sandbox, "cloudwatch").get_metric_statistics(
        Namespace="Sandbox",
        MetricName="Pending7",
        StartTime=now - timedelta(minutes=5),
        EndTime=now + timedelta(minutes=5),
        Period=60,
        Statistics=["Maximum"],
    )
    assert [point["Maximum"] for point in found["Datapoints"]] == [7]
    elsewhere = service(sandbox, "cloudwatch", AWAY).list_metrics(Namespace="Sandbox")
    assert elsewhere["Metrics"] == []


def test_auto_scaling_takes_a_tables_target(sandbox: RunningSandbox) -> None:
    scaling = service(sandbox, "application-autoscaling")
    target = {
        "ServiceNamespace": "dynamodb",
        "ResourceId": "table/flights",
        "ScalableDimension": "dynamodb:table:WriteCapacityUnits",
    }
    scaling.register_scalable_target(**target, MinCapacity=30, MaxCapacity=300)
    (found,) = scaling.describe_scalable_targets(
        ServiceNamespace="dynamodb", ResourceIds=["table/flights"]
    )["ScalableTargets"]
    assert found["MaxCapacity"] == 300


def test_a_signed_get_of_the_root_is_a_service_and_no_health_check(
    sandbox: RunningSandbox,
) -> None:
    """S3 lists its buckets so; without a signature it is the health check of a load balancer."""
    assert service(sandbox, "s3").list_buckets()["Buckets"] == []


@pytest.mark.parametrize(
    "body", [b"{", b"[]", b"[" * 100_000, b"\xff", b""], ids=["cut", "list", "deep", "text", "none"]
)
def test_auto_scaling_survives_what_is_no_request(sandbox: RunningSandbox, body: bytes) -> None:
    connection = send(
        sandbox.port,
        "",
        body,
        HOME,
        **{
            "X-Amz-Target": "AnyScaleFrontendService.RegisterScalableTarget",
            "Authorization": "AWS4-HMAC-SHA256 Credential=x/20260101/us-west-2/"
            "application-autoscaling/aws4_request, SignedHeaders=host, Signature=x",
        },
    )
    with closing(connection):
        answered = connection.getresponse()
        refused = json.loads(answered.read())
    assert (answered.status, refused["__type"]) == (400, "ValidationException")
    assert "'serviceNamespace'" in refused["message"]


def test_an_outage_at_the_shared_endpoint_is_dynamodbs_alone(sandbox: RunningSandbox) -> None:
    sandbox.control.outage(HOME)
    assert service(sandbox, "sts").get_caller_identity()["Account"]


def test_a_moto_that_is_killed_comes_back(sandbox: RunningSandbox) -> None:
    before = moto(sandbox)
    os.kill(before, signal.SIGKILL)
    wait_until(lambda: children(sandbox.pid, "moto_server") not in ([], [before]), "another moto")
    assert service(sandbox, "sts").get_caller_identity()["Account"]
    assert moto(sandbox) != before


def test_nobody_waits_for_a_moto_that_hangs_but_who_asked_it(
    sandbox: RunningSandbox, table: str
) -> None:
    sandbox.create_table(table, HOME, AWAY)
    sts = service(sandbox, "sts")
    with ThreadPoolExecutor() as pool:
        with frozen(moto(sandbox)):
            asked = pool.submit(sts.get_caller_identity)
            sandbox.client(HOME).put_item(TableName=table, Item={"PK": text("1")})
            sandbox.drain()
            assert len(sandbox.scan(table, AWAY)) == 1
            assert not asked.done()
        assert asked.result()["Account"]


def test_the_roles_of_replication_and_scaling_can_be_asked_for(sandbox: RunningSandbox) -> None:
    """As set-up scripts do; asking twice is told in IAM's words."""
    iam = service(sandbox, "iam")
    for name in ("replication.dynamodb", "dynamodb.application-autoscaling"):
        wanted = f"{name}.amazonaws.com"
        role = iam.create_service_linked_role(AWSServiceName=wanted)["Role"]
        assert role["Path"] == f"/aws-service-role/{wanted}/"
        again = partial(iam.create_service_linked_role, AWSServiceName=wanted)
        assert error_of(again)[0] == "EntityAlreadyExists"


def test_who_asks_a_moto_that_hangs_is_told_in_every_protocols_words(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A 503 without a body: callers of STS read XML, those of CloudWatch CBOR or JSON."""
    monkeypatch.setattr(others, "ANSWER_SECONDS", 1.0)
    assert asyncio.run(asked_while_hanging("sts")) == (200, 503, b"")
    assert asyncio.run(asked_while_hanging("monitoring")) == (200, 503, b"")


async def asked_while_hanging(name: str) -> tuple[int, int, bytes]:
    """The status of a call before moto hangs; status and body of one while it does.

    moto may be slower than anybody waits here while it reads its services for the first time.
    """
    ledger = Ledger(None)
    services = others.OtherServices(Metrics(ledger), AutoScaling(ledger))
    scope = f"Credential=x/20260101/{HOME}/{name}/aws4_request"
    headers = {
        "Authorization": f"AWS4-HMAC-SHA256 {scope}, SignedHeaders=host, Signature=x",
        "Content-Type": "application/x-www-form-urlencoded",
    }
    request = make_mocked_request("POST", "/", headers=headers)
    action = {"sts": "GetCallerIdentity", "monitoring": "ListMetrics"}[name]
    body = f"Action={action}&Version=2010-08-01".encode()
    try:
        async with asyncio.timeout(BOUND_SECONDS):
            while (before := await services.forward(request, body)).status == 503:
                continue
        with frozen(services._process.pid if services._process else None):
            silent = await services.forward(request, body)
    finally:
        await services.stop()
    assert isinstance(silent.body, bytes | None)
    return before.status, silent.status, silent.body or b""


def moto(sandbox: RunningSandbox) -> int:
    """The process that answers for the other services; it is started by asking."""
    service(sandbox, "sts").get_caller_identity()
    (pid,) = children(sandbox.pid, "moto_server")
    return pid
