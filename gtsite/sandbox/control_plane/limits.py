"""Small answers that consoles and exercises ask for: limits, endpoints, backups, policies."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from gtsite.sandbox.control_plane.descriptions import entry_status
from gtsite.sandbox.control_plane.plane import Plane
from gtsite.sandbox.control_plane.rules import DAY_US
from gtsite.sandbox.ledger.ledger import Ledger, Replica
from gtsite.sandbox.wire import (
    DYNAMODB,
    Answer,
    ApiError,
    Call,
    answer,
    malformed,
    not_found,
    table_name,
    validation,
)

LONGEST_DAYS = 35
ACCOUNT_UNITS = 80_000
TABLE_UNITS = 40_000

Body = dict[str, Any]

LISTS = {
    "ListBackups": "BackupSummaries",
    "ListExports": "ExportSummaries",
    "ListImports": "ImportSummaryList",
    "ListContributorInsights": "ContributorInsightsSummaries",
}
"""What the sandbox never has any of: operation → the name of its empty list."""


class Limits:
    """Answers what does not change tables, and the setting of point-in-time recovery."""

    def __init__(self, plane: Plane) -> None:
        self._plane = plane
        self._ledger: Ledger = plane.ledger
        self._answers: Mapping[str, Callable[[Call], Body]] = {
            "DescribeLimits": lambda _call: _account_limits(),
            "DescribeEndpoints": self._endpoints,
            "DescribeContinuousBackups": self._recovery,
            "UpdateContinuousBackups": self._set_recovery,
            "DescribeTableReplicaAutoScaling": self._auto_scaling,
            "UpdateTableReplicaAutoScaling": self._set_auto_scaling,
            "DescribeContributorInsights": self._insights,
            "DescribeKinesisStreamingDestination": self._kinesis,
            "GetResourcePolicy": self._policy,
        }

    def handle(self, call: Call) -> Answer | None:
        """The answer; None for any other operation."""
        if empty := LISTS.get(call.operation):
            return answer({empty: []})
        found = self._answers.get(call.operation)
        return None if found is None else answer(found(call))

    def _endpoints(self, _call: Call) -> Body:
        """The sandbox's own address: an SDK that asks must not end up at AWS."""
        return {"Endpoints": [{"Address": self._plane.address, "CachePeriodInMinutes": 1440}]}

    # Point-in-time recovery: each region's own; nothing can be restored

    def _recovery(self, call: Call) -> Body:
        replica = self._serving(call.region, call.table)
        if replica is None:
            raise ApiError(
                400, f"{DYNAMODB}#TableNotFoundException", f"Table not found: {call.table}"
            )
        return {"ContinuousBackupsDescription": self._recovery_of(replica)}

    def _recovery_of(self, replica: Replica) -> Body:
        point: Body = {"PointInTimeRecoveryStatus": "DISABLED"}
        if replica.recovery_since:
            now = self._plane.clock.read()
            earliest = max(replica.recovery_since, now - replica.recovery_days * DAY_US)
            point = {
                "PointInTimeRecoveryStatus": "ENABLED",
                "RecoveryPeriodInDays": replica.recovery_days,
                "EarliestRestorableDateTime": earliest // 1_000_000,
                "LatestRestorableDateTime": now // 1_000_000,
            }
        return {"ContinuousBackupsStatus": "ENABLED", "PointInTimeRecoveryDescription": point}

    def _set_recovery(self, call: Call) -> Body:
        self._recovery(call)
        wanted = call.body.get("PointInTimeRecoverySpecification")
        if not isinstance(wanted, dict) or not isinstance(
            wanted.get("PointInTimeRecoveryEnabled"), bool
        ):
            raise malformed()
        days = wanted.get("RecoveryPeriodInDays", LONGEST_DAYS)
        if not isinstance(days, int) or isinstance(days, bool) or not 1 <= days <= LONGEST_DAYS:
            raise validation(f"RecoveryPeriodInDays must be between 1 and {LONGEST_DAYS}")
        replica = self._ledger.replica(call.region, call.table)
        if replica is not None:
            on = wanted["PointInTimeRecoveryEnabled"]
            since = (replica.recovery_since or self._plane.clock.read()) if on else 0
            self._ledger.save_replica(replace(replica, recovery_since=since, recovery_days=days))
        return self._recovery(call)

    # Of one table

    def _auto_scaling(self, call: Call) -> Body:
        replica = self._global(call)
        group = self._ledger.group(replica.region, replica.table)
        members = [
            {
                "RegionName": each.region,
                "ReplicaStatus": entry_status(each),
                "GlobalSecondaryIndexes": [],
            }
            for each in group
        ]
        return {
            "TableAutoScalingDescription": {
                "TableName": replica.table,
                "TableStatus": replica.status,
                "Replicas": members,
            }
        }

    def _set_auto_scaling(self, call: Call) -> Body:
        self._global(call)
        raise validation(
            "The sandbox keeps scaling policies in Application Auto Scaling only: use "
            "RegisterScalableTarget and PutScalingPolicy."
        )

    def _insights(self, call: Call) -> Body:
        name = self._known(call).table
        return {"TableName": name, "ContributorInsightsStatus": "DISABLED"}

    def _kinesis(self, call: Call) -> Body:
        return {"TableName": self._known(call).table, "KinesisDataStreamDestinations": []}

    def _policy(self, call: Call) -> Body:
        arn = str(call.body.get("ResourceArn", ""))
        if self._serving(call.region, table_name(arn)) is None:
            raise not_found(f"Requested resource not found: ResourceArn: {arn} not found")
        raise ApiError(
            400,
            f"{DYNAMODB}#PolicyNotFoundException",
            f"Resource-based policy not found for the provided ResourceArn: {arn}",
        )

    def _global(self, call: Call) -> Replica:
        replica = self._serving(call.region, call.table)
        if replica is None or not replica.is_global:
            raise not_found(f"Global table with name: '{call.table}' does not exist.")
        return replica

    def _known(self, call: Call) -> Replica:
        replica = self._serving(call.region, call.table)
        if replica is None:
            raise not_found(f"Requested resource not found: Table: {call.table} not found")
        return replica

    def _serving(self, region: str, table: str) -> Replica | None:
        """The table; None where there is none, or one that is still being created."""
        replica = self._ledger.replica(region, table)
        return None if replica is None or replica.status == "CREATING" else replica


def _account_limits() -> Body:
    return {
        "AccountMaxReadCapacityUnits": ACCOUNT_UNITS,
        "AccountMaxWriteCapacityUnits": ACCOUNT_UNITS,
        "TableMaxReadCapacityUnits": TABLE_UNITS,
        "TableMaxWriteCapacityUnits": TABLE_UNITS,
    }
