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

from gtsite.sandbox.control_plane.overrides import (
    left_after,
    merged,
    override_update,
    overrides_of,
    with_overrides,
)
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
TYPES: Mapping[str, type] = {
    "StreamSpecification": dict,
    "SSESpecification": dict,
    "WarmThroughput": dict,
    "DisassociationProtectionEnabled": bool,
}
"""What those of them that are kept here have to be, since no engine looks at them."""
REMEMBERED = ("SSESpecification", "WarmThroughput")
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
        check_types(body)
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
        for member in (replica, *self._peers(replica)):
            known = self._ledger.replica(member.region, member.table)
            if known is None:
                continue
            overrides = left_after(known.overrides, shared, before)
            if known.region != replica.region:
                await self._tell(known.region, with_overrides(shared, overrides, known.table))
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

    async def override(self, table: str, actions: Sequence[Action]) -> None:
        """Give replicas settings of their own; `ApiError`, and none of them, if one cannot be."""
        plans = [await self._plan(table, action) for action in actions]
        for region, wanted, update in plans:
            if update:
                answered = await self._ask(region, {"TableName": table, **update})
                if not answered.ok:
                    raise refused_as(answered)
            known = self._ledger.replica(region, table)
            if known is not None:
                self._change(known, overrides=merged(known.overrides, wanted))

    async def _plan(self, table: str, action: Action) -> tuple[str, dict[str, Any], dict[str, Any]]:
        """(region, its overrides, the UpdateTable that its engine needs for them)."""
        wanted = overrides_of(action)
        if not wanted:
            raise validation(
                "There are no actions specified in the Replica Update Action of the request."
            )
        description = await self._plane.description(action.region, table)
        return action.region, wanted, override_update(wanted, description)

    # What the ledger keeps

    def _keep(self, replica: Replica, body: Mapping[str, Any], view: str) -> None:
        extras = {name: body[name] for name in REMEMBERED if name in body}
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
                    self._change(known, extras=_together(known.extras, extras))

    def _note(self, replica: Replica, pending: dict[str, Any]) -> None:
        self._change(replica, pending=pending)

    def _change(self, replica: Replica, **fields: Any) -> None:
        known = self._ledger.replica(replica.region, replica.table)
        if known is not None and fields:
            self._ledger.save_replica(replace(known, **fields))


def check_types(body: Mapping[str, Any]) -> None:
    """`ApiError` for what a description could not repeat afterwards."""
    for name, kind in TYPES.items():
        if body.get(name) is not None and not isinstance(body[name], kind):
            raise malformed()
    for units in (body.get("WarmThroughput") or {}).values():
        if not isinstance(units, int) or isinstance(units, bool) or units < 1:
            raise validation(
                "One or more parameter values were invalid: WarmThroughput has whole numbers of "
                "at least 1"
            )


def _together(known: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, Any]:
    """What is remembered, with what has changed; half a warm throughput leaves the other half."""
    both = {**known, **new}
    if "WarmThroughput" in new:
        both["WarmThroughput"] = {**known.get("WarmThroughput", {}), **new["WarmThroughput"]}
    return both


def stream_view(specification: Any) -> str:
    """The view type asked for, '' for no stream."""
    if specification is None:
        return ""
    enabled = specification.get("StreamEnabled") if isinstance(specification, dict) else None
    if not isinstance(enabled, bool):
        raise malformed("boolean")
    if not enabled:
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


def _lasting(described: Any) -> Any:
    """A description without what it says of this moment only."""
    if isinstance(described, list):
        return [_lasting(each) for each in described]
    if not isinstance(described, dict):
        return described
    return {name: _lasting(part) for name, part in described.items() if name not in PASSING}
