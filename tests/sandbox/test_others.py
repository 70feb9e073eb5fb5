"""The other services of the source documents, behind the same endpoint."""

from datetime import UTC, datetime, timedelta
from typing import Any

from tests.support.sandbox import REGIONS, RunningSandbox

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
    (found,) = scaling.describe_scalable_targets(ServiceNamespace="dynamodb")["ScalableTargets"]
    assert found["MaxCapacity"] == 300


def test_an_outage_at_the_shared_endpoint_is_dynamodbs_alone(sandbox: RunningSandbox) -> None:
    sandbox.control.outage(HOME)
    assert service(sandbox, "sts").get_caller_identity()["Account"]
