"""What DescribeTable says of a table: its engine's word, and what only the ledger knows."""

from collections.abc import Mapping, Sequence
from typing import Any

from gtsite.sandbox.ledger.ledger import Replica
from gtsite.sandbox.wire import ACCOUNT, stream_arn

OVERRIDES = "ENABLED_WITH_OVERRIDES"
ENTRY_OVERRIDES = (
    "ProvisionedThroughputOverride",
    "OnDemandThroughputOverride",
    "GlobalSecondaryIndexes",
    "KMSMasterKeyId",
)


def described(
    replica: Replica, group: Sequence[Replica], description: Mapping[str, Any]
) -> dict[str, Any]:
    """An engine's description with what only the ledger knows; `group` is the replica's."""
    full = {**description, "CreationDateTime": round(replica.created_at / 1e6, 3)}
    full["TableStatus"] = _status(replica, str(full["TableStatus"]))
    if replica.stream_label:
        full |= _stream(replica)
    full |= _extras(replica, full)
    peers = [each for each in group if each.region != replica.region]
    if not replica.is_global:
        return full
    if replica.version == "2017.11.29":
        return {**full, "GlobalTableVersion": replica.version}
    full |= {
        "GlobalTableVersion": replica.version,
        "GlobalTableSettingsReplicationMode": OVERRIDES,
        "Replicas": [_entry(each) for each in peers if _is_shown(each, peers)],
    }
    if any(each.consistency == "STRONG" for each in group):
        full |= _strong(group)
    return full


def entry_status(replica: Replica) -> str:
    """A replica's status as its peers see it."""
    if replica.phase == "LEAVING" or (replica.status == "UPDATING" and not replica.phase):
        return "ACTIVE"
    return replica.status


def _status(replica: Replica, engines: str) -> str:
    if replica.phase == "LEAVING":
        return "ACTIVE"
    return engines if replica.status == "ACTIVE" else replica.status


def _stream(replica: Replica) -> dict[str, Any]:
    return {
        "StreamSpecification": {"StreamEnabled": True, "StreamViewType": replica.stream_view},
        "LatestStreamLabel": replica.stream_label,
        "LatestStreamArn": stream_arn(replica.region, replica.table, replica.stream_label),
    }


def _extras(replica: Replica, description: Mapping[str, Any]) -> dict[str, Any]:
    """Settings that engines take at a table's birth only, or not at all."""
    found: dict[str, Any] = {}
    encrypted = description.get("SSEDescription", {})
    if warm := replica.extras.get("WarmThroughput"):
        found["WarmThroughput"] = {**warm, "Status": "ACTIVE"}
    if encryption := replica.extras.get("SSESpecification"):
        found["SSEDescription"] = _encryption(replica, encryption)
    elif encrypted.get("Status") == "ENABLED" and "KMSMasterKeyId" in replica.overrides:
        found["SSEDescription"] = {**encrypted, "KMSMasterKeyArn": _key_arn(replica)}
    if replica.may_leave:
        found["DisassociationProtectionEnabled"] = False
    return found


def _encryption(replica: Replica, specification: Mapping[str, Any]) -> dict[str, Any]:
    if not specification.get("Enabled"):
        return {"Status": "DISABLED"}
    arn = _key_arn(replica, str(specification.get("KMSMasterKeyId") or "alias/aws/dynamodb"))
    return {"Status": "ENABLED", "SSEType": "KMS", "KMSMasterKeyArn": arn}


def _key_arn(replica: Replica, shared: str = "") -> str:
    """The key that a replica has for itself, or the one it shares."""
    key = str(replica.overrides.get("KMSMasterKeyId") or shared)
    return key if key.startswith("arn:") else f"arn:aws:kms:{replica.region}:{ACCOUNT}:key/{key}"


def _is_shown(replica: Replica, peers: Sequence[Replica]) -> bool:
    """A replica that was asked for shows a moment later; one that waits its turn, with it."""
    asked = any(each.phase == "ASKED" for each in peers)
    return replica.phase != "ASKED" and not (replica.phase == "QUEUED" and asked)


def _entry(replica: Replica) -> dict[str, Any]:
    entry: dict[str, Any] = {
        "RegionName": replica.region,
        "ReplicaStatus": entry_status(replica),
        "GlobalTableSettingsReplicationMode": OVERRIDES,
    }
    if warm := replica.extras.get("WarmThroughput"):
        entry["WarmThroughput"] = {**warm, "Status": "ACTIVE"}
    entry |= {
        name: replica.overrides[name] for name in ENTRY_OVERRIDES if name in replica.overrides
    }
    if table_class := replica.overrides.get("TableClassOverride"):
        entry["ReplicaTableClassSummary"] = {"TableClass": table_class}
    return entry


def _strong(group: Sequence[Replica]) -> dict[str, Any]:
    strong: dict[str, Any] = {"MultiRegionConsistency": "STRONG"}
    witness = next((each.witness for each in group if each.witness), "")
    if witness:
        statuses = {each.status for each in group}
        status = next((each for each in ("CREATING", "DELETING") if each in statuses), "ACTIVE")
        strong["GlobalTableWitnesses"] = [{"RegionName": witness, "WitnessStatus": status}]
    return strong
