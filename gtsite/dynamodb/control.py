"""What the control plane of each region says about a table, and how it is told to change it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

from gtsite.dynamodb.clients import Clients
from gtsite.dynamodb.errors import (
    AccessRefused,
    ChangeRefused,
    DataError,
    RegionUnavailable,
    TableBusy,
    TableMissing,
    Throttled,
)
from gtsite.dynamodb.failures import (
    FAILURES,
    MISSING_TABLE,
    NO_ACCESS,
    NO_CREDENTIALS,
    as_data_error,
    error_code,
    error_message,
    http_status,
)
from gtsite.dynamodb.tables import Attribute, Billing, Consistency, TableDefinition

T = TypeVar("T")

NOT_FOUND = 404
BUSY = frozenset(
    {
        "ContinuousBackupsUnavailableException",  # for some seconds after a table is made
        "LimitExceededException",
        "ResourceInUseException",
    }
)
WRITE_CAPACITY = "dynamodb:table:WriteCapacityUnits"
MOST_WRITE_UNITS = 10
"""Auto scaling goes up to this many times the capacity a table starts with."""

TARGET_PERCENT = 70.0
"""Of the provisioned writes in use: what AWS's own console proposes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TableState:
    """A table as one region describes it.

    `keys` are in the order partition, sort. `replicas` are the other regions of its group and
    their status; a region never lists itself here, whatever it says. `version` is that of its
    global tables, '' for a table of one region; one of 2017.11.29 lists no replicas.
    `item_count` is up to six hours old.
    """

    region: str
    status: str
    keys: tuple[Attribute, ...]
    billing: Billing
    consistency: Consistency
    has_stream: bool
    is_protected: bool
    replicas: Mapping[str, str]
    created_at: datetime
    version: str = ""
    item_count: int | None = None

    @property
    def is_active(self) -> bool:
        return self.status == "ACTIVE"

    def has_replica(self, region: str) -> bool:
        return self.replicas.get(region) == "ACTIVE"


class ControlPlane:
    """Every region's control plane.

    Every method raises `TableBusy` for what has to wait, `ChangeRefused` with the service's own
    sentence, `AccessRefused`, and `RegionUnavailable`.
    """

    def __init__(self, clients: Clients) -> None:
        self._clients = clients

    def describe(self, region: str, name: str) -> TableState | None:
        """The table in that region; None if there is none."""
        client = self._clients.control(region)
        try:
            found = _asked(region, name, lambda: client.describe_table(TableName=name))
        except TableMissing:
            return None
        return _state(region, found["Table"])

    def legacy_members(self, region: str, name: str) -> tuple[str, ...]:
        """The regions of a global table of version 2017.11.29; none if there is no such group."""
        client = self._clients.control(region)
        try:
            found = _asked(region, name, lambda: client.describe_global_table(GlobalTableName=name))
        except ChangeRefused:
            return ()
        group = found["GlobalTableDescription"].get("ReplicationGroup", [])
        return tuple(each["RegionName"] for each in group)

    def create(self, region: str, definition: TableDefinition) -> None:
        """Asks for an ordinary table, with a stream, in that region."""
        client = self._clients.control(region)
        request = _creation(definition)
        _asked(region, definition.name, lambda: client.create_table(**request))

    def add_replicas(
        self, source: str, name: str, regions: Sequence[str], consistency: Consistency
    ) -> None:
        """Asks `source` to replicate to those regions: to one, unless the group is strong."""
        request: dict[str, Any] = {
            "ReplicaUpdates": [{"Create": {"RegionName": region}} for region in regions]
        }
        if consistency is Consistency.STRONG:
            request["MultiRegionConsistency"] = "STRONG"
        self._update(source, name, request)

    def remove_replicas(self, source: str, name: str, regions: Sequence[str]) -> None:
        """Asks for the end of those replicas, data included; a strong group loses all at once."""
        updates = [{"Delete": {"RegionName": region}} for region in regions]
        self._update(source, name, {"ReplicaUpdates": updates})

    def delete(self, region: str, name: str) -> None:
        """Asks for the end of the table in that region, data included."""
        client = self._clients.control(region)
        _asked(region, name, lambda: client.delete_table(TableName=name))

    def start_stream(self, region: str, definition: TableDefinition) -> None:
        view = {"StreamEnabled": True, "StreamViewType": definition.stream}
        self._update(region, definition.name, {"StreamSpecification": view})

    def protect(self, region: str, name: str) -> None:
        """Deletion protection; it holds in that region alone."""
        self._update(region, name, {"DeletionProtectionEnabled": True})

    def unprotect(self, region: str, name: str) -> None:
        """The end of that region's deletion protection."""
        self._update(region, name, {"DeletionProtectionEnabled": False})

    def keeps_backups(self, region: str, name: str) -> bool:
        """Whether that region keeps a history to restore from; each region's own setting."""
        client = self._clients.control(region)
        found = _asked(region, name, lambda: client.describe_continuous_backups(TableName=name))
        point = found["ContinuousBackupsDescription"].get("PointInTimeRecoveryDescription", {})
        return point.get("PointInTimeRecoveryStatus") == "ENABLED"

    def start_backups(self, region: str, name: str) -> None:
        """Asks for point-in-time recovery over DynamoDB's longest time, 35 days."""
        client = self._clients.control(region)
        _asked(
            region,
            name,
            lambda: client.update_continuous_backups(
                TableName=name,
                PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": True},
            ),
        )

    def expiry(self, region: str, name: str) -> str:
        """The attribute that says when an item expires; '' when items never do."""
        client = self._clients.control(region)
        found = _asked(region, name, lambda: client.describe_time_to_live(TableName=name))
        described = found.get("TimeToLiveDescription", {})
        on = described.get("TimeToLiveStatus") in ("ENABLED", "ENABLING")
        return str(described.get("AttributeName", "")) if on else ""

    def start_expiry(self, region: str, definition: TableDefinition) -> None:
        client = self._clients.control(region)
        specification = {"Enabled": True, "AttributeName": definition.ttl_attribute}
        request: dict[str, Any] = {"TimeToLiveSpecification": specification}
        _asked(
            region,
            definition.name,
            lambda: client.update_time_to_live(TableName=definition.name, **request),
        )

    def scales_writes(self, region: str, name: str) -> bool:
        """Whether there are a scaling target and a policy for the table's writes.

        Raises `ChangeRefused` where there is no auto scaling to be asked.
        """
        client = self._clients.autoscaling(region)
        resource = f"table/{name}"

        def ask() -> bool:
            targets = client.describe_scalable_targets(
                ServiceNamespace="dynamodb",
                ResourceIds=[resource],
                ScalableDimension=WRITE_CAPACITY,
            )
            policies = client.describe_scaling_policies(
                ServiceNamespace="dynamodb", ResourceId=resource, ScalableDimension=WRITE_CAPACITY
            )
            return bool(targets["ScalableTargets"] and policies["ScalingPolicies"])

        return _asked_autoscaling(region, name, ask)

    def scale_writes(self, region: str, definition: TableDefinition) -> None:
        """Registers both; asking twice changes nothing. Raises `ChangeRefused`."""
        client = self._clients.autoscaling(region)
        scaled = {
            "ServiceNamespace": "dynamodb",
            "ResourceId": f"table/{definition.name}",
            "ScalableDimension": WRITE_CAPACITY,
        }
        least = definition.capacity[1]

        def ask() -> None:
            client.register_scalable_target(
                **scaled, MinCapacity=least, MaxCapacity=least * MOST_WRITE_UNITS
            )
            client.put_scaling_policy(
                **scaled,
                PolicyName=f"{definition.name}-writes",
                PolicyType="TargetTrackingScaling",
                TargetTrackingScalingPolicyConfiguration={
                    "TargetValue": TARGET_PERCENT,
                    "PredefinedMetricSpecification": {
                        "PredefinedMetricType": "DynamoDBWriteCapacityUtilization"
                    },
                },
            )

        _asked_autoscaling(region, definition.name, ask)

    def _update(self, region: str, name: str, request: Mapping[str, Any]) -> None:
        client = self._clients.control(region)
        _asked(region, name, lambda: client.update_table(TableName=name, **request))


def _asked(region: str, name: str, ask: Callable[[], T]) -> T:
    """The answer, or the failure in this layer's words."""
    try:
        return ask()
    except FAILURES as error:
        raise _in_own_words(region, name, error) from error


def _asked_autoscaling(region: str, name: str, ask: Callable[[], T]) -> T:
    """The same for Application Auto Scaling, which not every endpoint offers."""
    try:
        return ask()
    except FAILURES as error:
        said = _in_own_words(region, name, error)
        away = isinstance(said, RegionUnavailable) and http_status(error) != NOT_FOUND
        if away or isinstance(said, AccessRefused | TableBusy):
            raise said from error
        raise ChangeRefused(
            f"{name} has provisioned capacity and needs Application Auto Scaling, which "
            f"{region} does not offer here: use --billing on-demand."
        ) from error


def _in_own_words(region: str, name: str, error: Exception) -> DataError:
    code = error_code(error)
    if code in MISSING_TABLE:
        return TableMissing(name, region)
    if code in BUSY:
        return TableBusy(f"Table {name} in {region} is being changed: {error_message(error)}")
    if code in NO_ACCESS or isinstance(error, NO_CREDENTIALS):
        return AccessRefused(region, error_message(error))
    found = as_data_error(region, error)
    if isinstance(found, Throttled):
        return TableBusy(f"{region} asks to go slower: {error_message(error)}")
    return found or ChangeRefused(f"Table {name} in {region}: {error_message(error)}")


def _creation(definition: TableDefinition) -> dict[str, Any]:
    """The CreateTable request."""
    request: dict[str, Any] = {
        "TableName": definition.name,
        "AttributeDefinitions": [
            {"AttributeName": each.name, "AttributeType": each.type}
            for each in definition.key_attributes
        ],
        "KeySchema": [
            {"AttributeName": each.name, "KeyType": kind}
            for each, kind in zip(definition.key_attributes, ("HASH", "RANGE"), strict=False)
        ],
    }
    if definition.billing is Billing.ON_DEMAND:
        request["BillingMode"] = "PAY_PER_REQUEST"
    else:
        reads, writes = definition.capacity
        request["ProvisionedThroughput"] = {
            "ReadCapacityUnits": reads,
            "WriteCapacityUnits": writes,
        }
    if definition.stream:
        request["StreamSpecification"] = {
            "StreamEnabled": True,
            "StreamViewType": definition.stream,
        }
    return request


def _state(region: str, described: Mapping[str, Any]) -> TableState:
    types = {
        each["AttributeName"]: each["AttributeType"] for each in described["AttributeDefinitions"]
    }
    schema = sorted(described["KeySchema"], key=lambda part: str(part["KeyType"]))
    billing = described.get("BillingModeSummary", {}).get("BillingMode")
    return TableState(
        region=region,
        status=described["TableStatus"],
        keys=tuple(
            Attribute(name=part["AttributeName"], type=types[part["AttributeName"]])
            for part in schema
        ),
        billing=Billing.ON_DEMAND if billing == "PAY_PER_REQUEST" else Billing.PROVISIONED,
        consistency=(
            Consistency.STRONG
            if described.get("MultiRegionConsistency") == "STRONG"
            else Consistency.EVENTUAL
        ),
        has_stream=bool(described.get("StreamSpecification", {}).get("StreamEnabled")),
        is_protected=bool(described.get("DeletionProtectionEnabled")),
        replicas={
            each["RegionName"]: each.get("ReplicaStatus", "CREATING")
            for each in described.get("Replicas", [])
            if each["RegionName"] != region
        },
        created_at=described["CreationDateTime"],
        version=described.get("GlobalTableVersion", ""),
        item_count=described.get("ItemCount"),
    )


def as_definition(name: str, state: TableState) -> TableDefinition:
    """A table as a region describes it."""
    sort_key = state.keys[1] if len(state.keys) > 1 else None
    return TableDefinition(
        name=name, partition_key=state.keys[0], sort_key=sort_key, billing=state.billing
    )
