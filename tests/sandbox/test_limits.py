"""Operations that engines lack and consoles, exercises and SDKs call."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.support.global_tables import NOT_FOUND, VALIDATION, describe
from tests.support.sandbox import REGIONS, RunningSandbox, error_of

HOME, AWAY, THIRD = REGIONS


def test_limits_of_account_and_table(sandbox: RunningSandbox) -> None:
    found = sandbox.client(HOME).describe_limits()
    assert found["AccountMaxReadCapacityUnits"] == 80_000
    assert found["TableMaxWriteCapacityUnits"] == 40_000


def test_endpoints_are_the_sandboxs_own(sandbox: RunningSandbox) -> None:
    (found,) = sandbox.client(HOME).describe_endpoints()["Endpoints"]
    assert found["Address"] == f"127.0.0.1:{sandbox.port}"


@pytest.mark.parametrize(
    ("operation", "part"),
    [
        ("list_backups", "BackupSummaries"),
        ("list_exports", "ExportSummaries"),
        ("list_imports", "ImportSummaryList"),
        ("list_contributor_insights", "ContributorInsightsSummaries"),
    ],
)
def test_what_there_is_none_of_is_an_empty_list(
    sandbox: RunningSandbox, operation: str, part: str
) -> None:
    assert getattr(sandbox.client(HOME), operation)()[part] == []


def test_a_table_without_extras_says_so(sandbox: RunningSandbox, table: str) -> None:
    sandbox.create_table(table, HOME)
    client = sandbox.client(HOME)
    backups: Any = client.describe_continuous_backups(TableName=table)
    described = backups["ContinuousBackupsDescription"]
    assert described["ContinuousBackupsStatus"] == "ENABLED"
    assert described["PointInTimeRecoveryDescription"] == {"PointInTimeRecoveryStatus": "DISABLED"}
    kinesis = client.describe_kinesis_streaming_destination(TableName=table)
    assert kinesis["KinesisDataStreamDestinations"] == []
    insights = client.describe_contributor_insights(TableName=table)
    assert insights["ContributorInsightsStatus"] == "DISABLED"
    arn = describe(sandbox, table, HOME)["TableArn"]
    code, _ = error_of(lambda: client.get_resource_policy(ResourceArn=arn))
    assert code == "PolicyNotFoundException"


def test_an_unknown_table_is_named_in_the_error(sandbox: RunningSandbox, table: str) -> None:
    client = sandbox.client(HOME)
    arn = f"arn:aws:dynamodb:{HOME}:123456789012:table/{table}"
    asked: list[tuple[Callable[[], object], str]] = [
        (lambda: client.describe_continuous_backups(TableName=table), "TableNotFoundException"),
        (lambda: client.describe_kinesis_streaming_destination(TableName=table), NOT_FOUND),
        (lambda: client.describe_contributor_insights(TableName=table), NOT_FOUND),
        (lambda: client.get_resource_policy(ResourceArn=arn), NOT_FOUND),
    ]
    for call, code in asked:
        found, message = error_of(call)
        assert (found, table in message) == (code, True)


def test_days_of_recovery_are_bounded(sandbox: RunningSandbox, table: str) -> None:
    sandbox.create_table(table, HOME)
    client = sandbox.client(HOME)
    for days in (36, 400):
        code, _ = error_of(
            lambda days=days: client.update_continuous_backups(  # type: ignore[misc]
                TableName=table,
                PointInTimeRecoverySpecification={
                    "PointInTimeRecoveryEnabled": True,
                    "RecoveryPeriodInDays": days,
                },
            )
        )
        assert code == VALIDATION
    found: Any = client.describe_continuous_backups(TableName=table)
    point = found["ContinuousBackupsDescription"]["PointInTimeRecoveryDescription"]
    assert point["PointInTimeRecoveryStatus"] == "DISABLED"


def test_replica_auto_scaling_is_of_global_tables_only(sandbox: RunningSandbox, table: str) -> None:
    sandbox.create_table(table, HOME)
    client = sandbox.client(HOME)
    missing = (NOT_FOUND, f"Global table with name: '{table}' does not exist.")
    assert error_of(lambda: client.describe_table_replica_auto_scaling(TableName=table)) == missing
    assert error_of(lambda: client.update_table_replica_auto_scaling(TableName=table)) == missing
    sandbox.add_replica(table, HOME, AWAY)
    sandbox.wait_active(table, HOME, AWAY)
    found = client.describe_table_replica_auto_scaling(TableName=table)
    described = found["TableAutoScalingDescription"]
    assert described["TableName"] == table
    assert [each["RegionName"] for each in described["Replicas"]] == [HOME, AWAY]
    code, message = error_of(lambda: client.update_table_replica_auto_scaling(TableName=table))
    assert (code, "PutScalingPolicy" in message) == (VALIDATION, True)
