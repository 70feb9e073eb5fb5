"""What the settings of a global table of version 2017.11.29 are, and how its tables get others."""

from collections.abc import Mapping
from typing import Any

from gtsite.sandbox.control_plane.descriptions import entry_status
from gtsite.sandbox.ledger.ledger import Replica
from gtsite.sandbox.wire import DYNAMODB, ApiError, malformed, validation

Fields = Mapping[str, Any]


def replica_settings(replica: Replica, described: Fields) -> dict[str, Any]:
    """A table's part of DescribeGlobalTableSettings; `described` is the table."""
    settings: dict[str, Any] = {
        "RegionName": replica.region,
        "ReplicaStatus": entry_status(replica),
        "ReplicaProvisionedReadCapacityUnits": _units(described, "Read"),
        "ReplicaProvisionedWriteCapacityUnits": _units(described, "Write"),
        "ReplicaGlobalSecondaryIndexSettings": [
            {
                "IndexName": index["IndexName"],
                "IndexStatus": index.get("IndexStatus", "ACTIVE"),
                "ProvisionedReadCapacityUnits": _units(index, "Read"),
                "ProvisionedWriteCapacityUnits": _units(index, "Write"),
            }
            for index in described.get("GlobalSecondaryIndexes", [])
        ],
    }
    if mode := described.get("BillingModeSummary"):
        settings["ReplicaBillingModeSummary"] = mode
    if table_class := described.get("TableClassSummary"):
        settings["ReplicaTableClassSummary"] = table_class
    return settings


def settings_update(shared: Fields, own: Fields, described: Fields) -> dict[str, Any]:
    """The UpdateTable for one table, {} if nothing changes there; `ApiError` if it cannot be.

    `shared` is what UpdateGlobalTableSettings says of all tables, `own` what it says of this one.
    """
    update: dict[str, Any] = {}
    mode = shared.get("GlobalTableBillingMode")
    on_demand = described.get("BillingModeSummary", {}).get("BillingMode") == "PAY_PER_REQUEST"
    if mode and (mode == "PAY_PER_REQUEST") != on_demand:
        update["BillingMode"] = mode
    reads = _whole(own, "ReplicaProvisionedReadCapacityUnits")
    writes = _whole(shared, "GlobalTableProvisionedWriteCapacityUnits")
    wanted = _capacity(described, reads, writes)
    if wanted != _capacity(described, None, None):
        update["ProvisionedThroughput"] = wanted
    if own.get("ReplicaTableClass"):
        update["TableClass"] = own["ReplicaTableClass"]
    indexes = _index_updates(shared, own, described)
    return update | ({"GlobalSecondaryIndexUpdates": indexes} if indexes else {})


def _index_updates(shared: Fields, own: Fields, described: Fields) -> list[dict[str, Any]]:
    named = "GlobalSecondaryIndexSettingsUpdate"
    writes = _by_index(shared, f"GlobalTable{named}", "ProvisionedWriteCapacityUnits")
    reads = _by_index(own, f"Replica{named}", "ProvisionedReadCapacityUnits")
    indexes = {each["IndexName"]: each for each in described.get("GlobalSecondaryIndexes", [])}
    updates = []
    for name in writes | reads:
        if name not in indexes:
            raise ApiError(400, f"{DYNAMODB}#IndexNotFoundException", f"Index not found: '{name}'")
        capacity = _capacity(indexes[name], reads.get(name), writes.get(name))
        updates.append({"Update": {"IndexName": name, "ProvisionedThroughput": capacity}})
    return updates


def _by_index(fields: Fields, name: str, unit: str) -> dict[str, int | None]:
    """Index → units, None where they are not said."""
    found = fields.get(name) or []
    if not isinstance(found, list) or not all(
        isinstance(each, dict) and isinstance(each.get("IndexName"), str) for each in found
    ):
        raise malformed()
    return {each["IndexName"]: _whole(each, unit) for each in found}


def _whole(fields: Fields, name: str) -> int | None:
    """Units of 1 or more; None where they are not said."""
    units = fields.get(name)
    if units is None:
        return None
    if not isinstance(units, int) or isinstance(units, bool):
        raise malformed("number")
    if units < 1:
        raise validation(
            f"1 validation error detected: Value '{units}' at '{name[0].lower()}{name[1:]}' failed "
            "to satisfy constraint: Member must have value greater than or equal to 1"
        )
    return units


def _capacity(described: Fields, reads: int | None, writes: int | None) -> dict[str, int]:
    return {
        "ReadCapacityUnits": reads or _units(described, "Read"),
        "WriteCapacityUnits": writes or _units(described, "Write"),
    }


def _units(described: Fields, which: str) -> int:
    units: int = described.get("ProvisionedThroughput", {}).get(f"{which}CapacityUnits", 0)
    return units
