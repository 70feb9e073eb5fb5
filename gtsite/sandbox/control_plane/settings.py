"""What UpdateTable changes, and in which regions: settings are shared, overridden, or never shared.

Capacity, indexes, encryption and table class are the same in every replica of a group. Reads and
table class can be overridden for one region, until somebody changes them for all. Streams,
deletion protection and whatever is not a setting of UpdateTable stay in their region.
"""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from gtsite.sandbox.control_plane.plane import Plane
from gtsite.sandbox.control_plane.rules import NOTHING, Action
from gtsite.sandbox.ledger.ledger import Replica
from gtsite.sandbox.storage.processes import EngineGone
from gtsite.sandbox.wire import (
    Answer,
    ApiError,
    Call,
    internal_error,
    malformed,
    refused_as,
    validation,
)

log = logging.getLogger("sandbox.settings")

DEFAULT_VIEW = "NEW_AND_OLD_IMAGES"
VIEWS = ("KEYS_ONLY", "NEW_IMAGE", "OLD_IMAGE", DEFAULT_VIEW)
KEPT = (
    "StreamSpecification",
    "SSESpecification",
    "WarmThroughput",
    "DisassociationProtectionEnabled",
    "GlobalTableSettingsReplicationMode",
    "MultiRegionConsistency",
    "GlobalTableWitnessUpdates",
)
"""Fields that are not the engines' to keep."""
COUNTED = (
    "ProvisionedThroughput",
    "BillingMode",
    "StreamSpecification",
    "GlobalSecondaryIndexUpdates",
    "SSESpecification",
    "DeletionProtectionEnabled",
    "DisassociationProtectionEnabled",
    "OnDemandThroughput",
    "WarmThroughput",
    "TableClass",
)
"""Fields of which a request needs one."""
OVERRIDABLE: Mapping[str, type] = {
    "ProvisionedThroughputOverride": dict,
    "OnDemandThroughputOverride": dict,
    "TableClassOverride": str,
    "GlobalSecondaryIndexes": list,
    "KMSMasterKeyId": str,
}
PASSING = ("ItemCount", "TableSizeBytes", "IndexSizeBytes", "TableStatus", "IndexStatus")
"""What a description says of this moment only."""
TOGGLE_US = 15 * 1_000_000


class Settings:
    """Changes settings where they belong. The caller holds the lock of the table's name."""

    def __init__(self, plane: Plane) -> None:
        self._plane = plane
        self._ledger = plane.ledger

    async def update(self, call: Call, replica: Replica) -> dict[str, Any] | Answer:
        """An UpdateTable without replicas: the engine's description, or its refusal."""
        body = {name: part for name, part in call.body.items() if part is not None}
        del body["TableName"]
        self._check(body, replica)
        view = self._view(body, replica)
        rest = {name: part for name, part in body.items() if name not in KEPT}
        description: dict[str, Any] | None = None
        if rest:
            updated = await self._update_engines(replica, rest)
            if not updated.ok:
                return updated
            description = updated.json()["TableDescription"]
        self._keep(replica, body, view)
        return description or await self._plane.description(replica.region, replica.table)

    # What may be asked

    def _check(self, body: Mapping[str, Any], replica: Replica) -> None:
        if not any(name in body for name in COUNTED):
            raise validation(NOTHING)
        if "MultiRegionConsistency" in body or "GlobalTableWitnessUpdates" in body:
            raise validation(
                "Requests that modify replicas or witnesses must not also modify other fields"
            )
        if body.get("GlobalTableSettingsReplicationMode", "ENABLED_WITH_OVERRIDES") != (
            "ENABLED_WITH_OVERRIDES"
        ):
            raise validation(
                "GlobalTableSettingsReplicationMode concerns replicas in several accounts, of "
                "which the sandbox has one."
            )
        self._check_protections(body, replica)

    def _check_protections(self, body: Mapping[str, Any], replica: Replica) -> None:
        eventual = replica.is_global and replica.consistency == "EVENTUAL"
        if "DisassociationProtectionEnabled" in body and (
            not eventual or replica.version == "2017.11.29"
        ):
            raise validation(
                "DisassociationProtectionEnabled is for replicas of eventually consistent global "
                "tables of version 2019.11.21."
            )
        since = self._plane.clock.read() - replica.protection_changed_at
        if self._plane.strict and "DeletionProtectionEnabled" in body and since < TOGGLE_US:
            raise ApiError(
                400,
                "com.amazon.coral.availability#ThrottlingException",
                "Deletion protection was changed in the last 15 seconds.",
            )

    def _view(self, body: Mapping[str, Any], replica: Replica) -> str:
        """The view type that the stream will have, '' for no stream."""
        if "StreamSpecification" not in body:
            return replica.stream_view if replica.stream_label else ""
        view = stream_view(body["StreamSpecification"])
        if view and replica.stream_label:
            raise validation(f"Table already has an enabled stream: TableName: {replica.table}")
        if not view and replica.is_global and replica.consistency == "EVENTUAL":
            raise validation("Disabling Stream is not allowed for a Global Table replica.")
        return view

    # Engines

    async def _update_engines(self, replica: Replica, body: Mapping[str, Any]) -> Answer:
        """The replica's own engine decides; what it takes, its peers get as well."""
        named = {"TableName": replica.table, **body}
        shared = {name: part for name, part in body.items() if name != "DeletionProtectionEnabled"}
        if not shared or not self._peers(replica):
            return await self._ask(replica.region, named)
        before = await self._plane.description(replica.region, replica.table)
        self._note(replica, {"shared": shared, "before": before})
        try:
            updated = await self._plane.ask(replica.region, "UpdateTable", named)
        except EngineGone as error:
            await self.settle(replica)
            raise internal_error() from error
        if updated.ok:
            await self._share(replica, shared, before)
        self._note(replica, {})
        return updated

    async def settle(self, replica: Replica) -> None:
        """Finish an update that was cut short, if the region it was sent to has done it."""
        known = self._ledger.replica(replica.region, replica.table)
        if known is None or not known.pending:
            return
        shared, before = known.pending["shared"], known.pending["before"]
        body = {"TableName": known.table}
        found = await self._plane.ask_until_answered(known.region, "DescribeTable", body)
        if found.ok and _lasting(found.json()["Table"]) != _lasting(before):
            await self._share(known, shared, before)
        self._note(known, {})

    async def _share(
        self, replica: Replica, shared: Mapping[str, Any], before: Mapping[str, Any]
    ) -> None:
        """Do in every other region what one has done; overrides of what was changed end."""
        ended = _overrides_ended(shared, before)
        for member in (replica, *self._peers(replica)):
            known = self._ledger.replica(member.region, member.table)
            if known is None:
                continue
            overrides = {n: part for n, part in known.overrides.items() if n not in ended}
            if known.region != replica.region:
                await self._tell(known.region, _with_overrides(shared, overrides, known.table))
            self._change(known, overrides=overrides)

    async def _tell(self, region: str, update: Mapping[str, Any]) -> None:
        told = await self._plane.ask_until_answered(region, "UpdateTable", update)
        if not told.ok:
            log.warning("%s did not follow its peer: %s", region, told.raw.decode())

    async def _ask(self, region: str, body: Mapping[str, Any]) -> Answer:
        try:
            return await self._plane.ask(region, "UpdateTable", body)
        except EngineGone as error:
            raise internal_error() from error

    def _peers(self, replica: Replica) -> list[Replica]:
        """Those that share settings: the 2017 version's tables do not."""
        if replica.version == "2017.11.29":
            return []
        group = self._ledger.group(replica.region, replica.table)
        return [each for each in group if each.region != replica.region and each.has_joined]

    # Overrides of one region

    async def override(self, replica: Replica, action: Action) -> None:
        """Give one replica settings of its own; `ApiError` if its engine does not take them."""
        wanted = overrides_of(action)
        if not wanted:
            raise validation(
                "There are no actions specified in the Replica Update Action of the request."
            )
        description = await self._plane.description(replica.region, replica.table)
        update = override_update(wanted, description)
        if update:
            answered = await self._ask(replica.region, {"TableName": replica.table, **update})
            if not answered.ok:
                raise refused_as(answered)
        self._change(replica, overrides={**replica.overrides, **wanted})

    # What the ledger keeps

    def _keep(self, replica: Replica, body: Mapping[str, Any], view: str) -> None:
        extras = {n: body[n] for n in ("SSESpecification", "WarmThroughput") if n in body}
        own: dict[str, Any] = {}
        if "DeletionProtectionEnabled" in body:
            own["protection_changed_at"] = self._plane.clock.read()
        if "DisassociationProtectionEnabled" in body:
            own["may_leave"] = not body["DisassociationProtectionEnabled"]
        if bool(view) != bool(replica.stream_label):
            own |= stream(self._plane.clock.read(), view)
        with self._ledger.together():
            self._change(replica, **own)
            for member in (replica, *self._peers(replica)) if extras else ():
                known = self._ledger.replica(member.region, member.table)
                if known is not None:
                    self._change(known, extras={**known.extras, **extras})

    def _note(self, replica: Replica, pending: dict[str, Any]) -> None:
        self._change(replica, pending=pending)

    def _change(self, replica: Replica, **fields: Any) -> None:
        known = self._ledger.replica(replica.region, replica.table)
        if known is not None and fields:
            self._ledger.save_replica(replace(known, **fields))


def stream_view(specification: Any) -> str:
    """The view type asked for, '' for no stream."""
    if not isinstance(specification, dict) or not specification.get("StreamEnabled"):
        return ""
    view = specification.get("StreamViewType")
    if view not in VIEWS:
        raise validation(
            "One or more parameter values were invalid: StreamViewType must be one of "
            + ", ".join(VIEWS)
        )
    return str(view)


def stream(moment_us: int, view: str) -> dict[str, Any]:
    """The fields of a replica whose stream is turned on at a moment, or off where `view` is ''."""
    moment = datetime.fromtimestamp(moment_us / 1e6, UTC)
    label = moment.strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] if view else ""
    return {"stream_label": label, "stream_view": view}


def overrides_of(action: Action) -> dict[str, Any]:
    """What a Create or Update says of one region only; `ApiError` where it is malformed."""
    wanted = {name: action.body[name] for name in OVERRIDABLE if action.body.get(name)}
    if not all(isinstance(part, OVERRIDABLE[name]) for name, part in wanted.items()):
        raise malformed()
    indexes = wanted.get("GlobalSecondaryIndexes", [])
    if not all(isinstance(index, dict) for index in indexes):
        raise malformed()
    if not all(isinstance(_reads(index), dict) for index in indexes):
        raise malformed()
    return wanted


def override_update(overrides: Mapping[str, Any], description: Mapping[str, Any]) -> dict[str, Any]:
    """The UpdateTable that gives the table described these overrides; {} if it needs none."""
    update: dict[str, Any] = {}
    if reads := overrides.get("ProvisionedThroughputOverride"):
        update["ProvisionedThroughput"] = _capacity(description, reads)
    if most := overrides.get("OnDemandThroughputOverride"):
        update["OnDemandThroughput"] = {"MaxReadRequestUnits": most.get("MaxReadRequestUnits")}
    if table_class := overrides.get("TableClassOverride"):
        update["TableClass"] = table_class
    indexes = {each["IndexName"]: each for each in description.get("GlobalSecondaryIndexes", [])}
    changes = [
        _index_update(override, indexes)
        for override in overrides.get("GlobalSecondaryIndexes") or []
        if _reads(override)
    ]
    if changes:
        update["GlobalSecondaryIndexUpdates"] = changes
    return update


def _index_update(
    override: Mapping[str, Any], indexes: Mapping[str, Mapping[str, Any]]
) -> dict[str, Any]:
    name = override.get("IndexName", "")
    if name not in indexes:
        raise validation(f"The table does not have the specified index: {name}")
    capacity = _capacity(indexes[name], _reads(override))
    return {"Update": {"IndexName": name, "ProvisionedThroughput": capacity}}


def _reads(override: Mapping[str, Any]) -> Any:
    return override.get("ProvisionedThroughputOverride") or {}


def _capacity(described: Mapping[str, Any], reads: Mapping[str, Any]) -> dict[str, Any]:
    writes = described.get("ProvisionedThroughput", {}).get("WriteCapacityUnits", 0)
    if not writes:
        raise validation(
            "One or more parameter values were invalid: ProvisionedThroughputOverride is for "
            "tables with BillingMode PROVISIONED"
        )
    return {"ReadCapacityUnits": reads.get("ReadCapacityUnits"), "WriteCapacityUnits": writes}


def _overrides_ended(shared: Mapping[str, Any], before: Mapping[str, Any]) -> Sequence[str]:
    """The overrides that a change for all regions puts an end to."""
    ended = []
    reads = shared.get("ProvisionedThroughput", {}).get("ReadCapacityUnits")
    if reads is not None and reads != before["ProvisionedThroughput"]["ReadCapacityUnits"]:
        ended.append("ProvisionedThroughputOverride")
    if shared.get("BillingMode") == "PAY_PER_REQUEST":
        ended.append("ProvisionedThroughputOverride")
    if "MaxReadRequestUnits" in shared.get("OnDemandThroughput", {}):
        ended.append("OnDemandThroughputOverride")
    if "TableClass" in shared:
        ended.append("TableClassOverride")
    return ended


def _with_overrides(
    shared: Mapping[str, Any], overrides: Mapping[str, Any], table: str
) -> dict[str, Any]:
    update = {"TableName": table, **shared}
    own = overrides.get("ProvisionedThroughputOverride")
    if own and "ProvisionedThroughput" in update:
        update["ProvisionedThroughput"] = {**update["ProvisionedThroughput"], **own}
    return update


def _lasting(described: Any) -> Any:
    """A description without what it says of this moment only."""
    if isinstance(described, list):
        return [_lasting(each) for each in described]
    if not isinstance(described, dict):
        return described
    return {name: _lasting(part) for name, part in described.items() if name not in PASSING}
