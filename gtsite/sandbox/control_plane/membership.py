"""UpdateTable with ReplicaUpdates: who may join a global table, who may leave it, and how."""

import logging
from collections.abc import Mapping
from typing import Any

from gtsite.sandbox.control_plane.descriptions import described
from gtsite.sandbox.control_plane.overrides import override_update, overrides_of
from gtsite.sandbox.control_plane.plane import BUSY, Plane
from gtsite.sandbox.control_plane.replicas import Replicas
from gtsite.sandbox.control_plane.rules import (
    MANY,
    STRONG,
    ReplicaRequest,
    already_there,
    check_members,
    check_not_source,
    check_own_region,
    check_strong_birth,
    check_strong_end,
    not_scaling,
    protected,
)
from gtsite.sandbox.control_plane.settings import Settings
from gtsite.sandbox.ledger.ledger import Replica
from gtsite.sandbox.wire import in_use, validation

log = logging.getLogger("sandbox.tables")


class Membership:
    """Checks a request against the table and has it done. The caller holds the name's lock."""

    def __init__(self, plane: Plane, replicas: Replicas, settings: Settings) -> None:
        self._plane = plane
        self._ledger = plane.ledger
        self._replicas = replicas
        self._settings = settings

    async def change(self, replica: Replica, request: ReplicaRequest) -> dict[str, Any]:
        """The table's description just after the request was accepted."""
        if replica.is_global and replica.version == "2017.11.29":
            raise validation(
                f"Table {replica.table} is a replica of a global table of version 2017.11.29: "
                "use UpdateGlobalTable."
            )
        check_own_region(request, replica.region)
        if replica.status != "ACTIVE":
            raise in_use(BUSY)
        description = await self._plane.description(replica.region, replica.table)
        match request.kind:
            case "Create":
                changed = await self._create(replica, request, description)
            case "Delete":
                changed = await self._delete(replica, request)
            case "Update":
                changed = await self._override(replica, request)
            case "Disassociate":
                changed = self._disassociate(replica, request)
        group = self._ledger.group(changed.region, changed.table)
        return described(changed, group, description)

    # Joining

    async def _create(
        self, own: Replica, request: ReplicaRequest, description: Mapping[str, Any]
    ) -> Replica:
        strong = request.consistency == "STRONG"
        if own.consistency == "STRONG" and not strong:
            raise validation(
                "Cannot add replicas to a global table with strong MultiRegionConsistency"
            )
        if strong:
            check_strong_birth(request, own)
        elif request.consistency and own.is_global:
            raise validation(
                "MultiRegionConsistency parameter is unsupported on existing global table"
            )
        self._check_free(own, request)
        wanted = {action.region: overrides_of(action) for action in request.actions}
        for overrides in wanted.values():
            override_update(overrides, description)
        await self._check_capacity(own, description)
        if not strong:
            return self._replicas.add(own, wanted)
        await self._check_strong(own, description)
        witness = request.witness.region if request.witness else ""
        return self._replicas.add(own, wanted, consistency="STRONG", witness=witness)

    def _check_free(self, own: Replica, request: ReplicaRequest) -> None:
        """Nothing of that name is there, nothing else is under way, and it is one at a time."""
        if any(self._ledger.replica(region, own.table) for region in request.regions):
            raise already_there(own.table)
        self._plane.require_idle(own)
        if len(request.actions) == 1 or request.consistency == "STRONG":
            return
        if self._plane.strict or len(set(request.regions)) < len(request.actions):
            raise validation(MANY)
        log.warning("%s gets its replicas one after the other. AWS answers: %s", own.table, MANY)

    async def _check_capacity(self, own: Replica, description: Mapping[str, Any]) -> None:
        """Provisioned writes have to scale by themselves, on the table and every index."""
        mode = description.get("BillingModeSummary", {}).get("BillingMode")
        if mode == "PAY_PER_REQUEST":
            return
        scaling = self._plane.scaling
        if not await scaling.writes_scale(own.region, own.table, None):
            raise not_scaling("Table")
        for index in description.get("GlobalSecondaryIndexes", []):
            if not await scaling.writes_scale(own.region, own.table, index["IndexName"]):
                raise not_scaling("GSI")

    async def _check_strong(self, own: Replica, description: Mapping[str, Any]) -> None:
        """What strong tables cannot have; AWS's words for these are not documented."""
        if own.ttl_attribute:
            raise validation(f"Time to Live is not supported {STRONG}")
        if description.get("LocalSecondaryIndexes"):
            raise validation(f"Local secondary indexes are not supported {STRONG}")
        if not await self._plane.is_empty(own):
            raise validation(f"Table must be empty to add replicas {STRONG}")

    # Leaving

    async def _delete(self, own: Replica, request: ReplicaRequest) -> Replica:
        group = self._ledger.group(own.region, own.table)
        check_members(request, group)
        if own.consistency == "STRONG":
            check_strong_end(request, group, own)
        elif len(request.actions) > 1:
            raise validation(MANY)
        self._plane.require_idle(own)
        staying = [each for each in group if each.region not in request.regions]
        leaving = [each for each in group if each.region in request.regions]
        for replica in leaving:
            check_not_source(replica.region, staying, self._plane.clock.read())
            described_there = await self._plane.description(replica.region, replica.table)
            if described_there.get("DeletionProtectionEnabled"):
                raise protected(replica.table, replica.region)
        return self._replicas.remove(own, leaving)

    def _disassociate(self, own: Replica, request: ReplicaRequest) -> Replica:
        check_members(request, self._ledger.group(own.region, own.table))
        if request.actions[0].body.get("DisassociationMode") != "WAIT_FOR_REPLICATION":
            raise validation(
                "1 validation error detected: Value at 'replicaUpdates.1.member.disassociate."
                "disassociationMode' failed to satisfy constraint: Member must satisfy enum value "
                "set: [WAIT_FOR_REPLICATION]"
            )
        if own.consistency == "STRONG":
            raise validation(f"Disassociate is not supported {STRONG}")
        self._plane.require_idle(own)
        if not own.may_leave:
            raise validation(
                f"Replica {own.table} in region {own.region} cannot be disassociated because it "
                "has disassociation protection enabled. Disable disassociation protection first."
            )
        return self._replicas.disassociate(own)

    # Overrides

    async def _override(self, own: Replica, request: ReplicaRequest) -> Replica:
        check_members(request, self._ledger.group(own.region, own.table))
        self._plane.require_idle(own)
        await self._settings.override(own.table, request.actions)
        return self._ledger.replica(own.region, own.table) or own
