"""Global tables of version 2017.11.29: tables made by hand, then joined to a group.

AWS takes no new ones any more, and says so. The sandbox takes them, for what was written when AWS
did, and logs what AWS would answer; in strict mode it gives that answer.
"""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Literal

from gtsite.sandbox.control_plane.descriptions import entry_status
from gtsite.sandbox.control_plane.legacy_settings import replica_settings, settings_update
from gtsite.sandbox.control_plane.plane import Plane
from gtsite.sandbox.ledger.ledger import Replica
from gtsite.sandbox.wire import (
    ACCOUNT,
    DYNAMODB,
    REGIONS,
    Answer,
    ApiError,
    Call,
    answer,
    internal_error,
    malformed,
    validation,
)

log = logging.getLogger("sandbox.tables")

VERSION: Literal["2017.11.29"] = "2017.11.29"
UNSUPPORTED = (
    "One or more parameter values were invalid: DynamoDB global tables version 2017.11.29 is not "
    "supported. We recommend using DynamoDB global tables version 2019.11.21, instead of version "
    "2017.11.29 (Legacy)."
)
VIEW = "NEW_AND_OLD_IMAGES"
PAGE = 100
Description = dict[str, Any]


class Legacy:
    """Joins tables to groups and describes them. The caller holds the lock of the table's name."""

    def __init__(self, plane: Plane) -> None:
        self._plane = plane
        self._ledger = plane.ledger

    async def handle(self, call: Call) -> Answer:
        match call.operation:
            case "CreateGlobalTable":
                return await self._create(call)
            case "UpdateGlobalTable":
                return await self._update(call)
            case "DescribeGlobalTable":
                return self._describe(call)
            case "DescribeGlobalTableSettings":
                return await self._settings(global_name(call), self._plain_group(call))
            case "UpdateGlobalTableSettings":
                return await self._update_settings(call)
        return self._list(call)

    # Groups

    async def _create(self, call: Call) -> Answer:
        name = global_name(call)
        regions = [_region(each) for each in _list(call, "ReplicationGroup")]
        self._warn_or_refuse()
        if self._group(name):
            raise _error(
                "GlobalTableAlreadyExistsException",
                f"Global table with name: '{name}' already exists.",
            )
        await self._join(name, list(dict.fromkeys(regions)), [])
        return answer({"GlobalTableDescription": self._described(name)})

    async def _update(self, call: Call) -> Answer:
        name = global_name(call)
        updates = [_update(each) for each in _list(call, "ReplicaUpdates")]
        group = self._group(name)
        if not group:
            raise self._not_found(name)
        members = {each.region for each in group}
        new = [region for kind, region in updates if kind == "Create"]
        gone = [region for kind, region in updates if kind == "Delete"]
        if new:
            self._warn_or_refuse()
        self._check_members(name, members, new, gone)
        if new:
            await self._join(name, new, group)
        with self._ledger.together():
            for region in gone:
                self._leave(region, name)
        return answer({"GlobalTableDescription": self._described(name, group)})

    def _check_members(
        self, name: str, members: set[str], new: Sequence[str], gone: Sequence[str]
    ) -> None:
        for region in new:
            if region in members:
                raise _error(
                    "ReplicaAlreadyExistsException",
                    f"Failed to create replica: global table '{name}' already has a replica in "
                    f"region '{region}'.",
                )
        for region in gone:
            if region not in members:
                raise _error(
                    "ReplicaNotFoundException",
                    f"Failed to delete replica: global table '{name}' has no replica in region "
                    f"'{region}'.",
                )

    async def _join(self, name: str, regions: Sequence[str], group: Sequence[Replica]) -> None:
        """Make existing, empty tables of one kind members of a group, all of them or none."""
        tables = [self._table(region, name) for region in regions]
        shapes = [
            _shape(await self._plane.description(each.region, name)) for each in (*group, *tables)
        ]
        for each, shape in zip((*group, *tables), shapes, strict=True):
            _check_like(each, shape, shapes[0])
            if not await self._plane.is_empty(each):
                raise validation(
                    f"One or more parameter values were invalid: Table {name} in region "
                    f"{each.region} must be empty to be part of a global table."
                )
        now = self._plane.clock.read()
        group_id = group[0].group_id if group else f"{VERSION}-{now}"
        with self._ledger.together():
            for region in regions:
                joined = replace(
                    self._table(region, name),
                    is_global=True,
                    version=VERSION,
                    group_id=group_id,
                    grouped_at=self._plane.clock.read(),
                )
                self._ledger.save_replica(joined)

    def _table(self, region: str, name: str) -> Replica:
        found = self._ledger.replica(region, name)
        if found is None:
            raise _error(
                "TableNotFoundException",
                f"Table not found: Table '{name}' does not exist in region '{region}'.",
            )
        if found.is_global or found.status != "ACTIVE":
            raise validation(
                f"One or more parameter values were invalid: Table {name} in region {region} is "
                "part of a global table, or is being changed."
            )
        return found

    def _leave(self, region: str, name: str) -> None:
        """The table stays, with its items, on its own; what is on its way from it still arrives."""
        found = self._ledger.replica(region, name)
        if found is not None:
            left = replace(found, is_global=False, version="2019.11.21", group_id="", grouped_at=0)
            self._ledger.save_replica(left)
            self._ledger.drop_owed(name, region)

    def _warn_or_refuse(self) -> None:
        if self._plane.strict:
            raise validation(UNSUPPORTED)
        log.warning("AWS answers today: %s", UNSUPPORTED)

    # Descriptions

    def _describe(self, call: Call) -> Answer:
        name = global_name(call)
        if not self._group(name):
            raise self._not_found(name)
        return answer({"GlobalTableDescription": self._described(name)})

    def _described(self, name: str, group: Sequence[Replica] = ()) -> Description:
        """`group` is what to describe where the last replica has just left."""
        members = self._group(name)
        since = min(each.grouped_at for each in members or group)
        last = max(each.grouped_at for each in members or group)
        now, pace = self._plane.clock.read(), self._plane.pace_seconds * 1e6
        later = "UPDATING" if now < last + pace else "ACTIVE"
        return {
            "GlobalTableName": name,
            "GlobalTableArn": f"arn:aws:dynamodb::{ACCOUNT}:global-table/{name}",
            "CreationDateTime": round(since / 1e6, 3),
            "GlobalTableStatus": "CREATING" if now < since + pace else later,
            "ReplicationGroup": [
                {"RegionName": each.region, "ReplicaStatus": self._status(each)} for each in members
            ],
        }

    def _status(self, replica: Replica) -> str:
        joining = self._plane.clock.read() < replica.grouped_at + self._plane.pace_seconds * 1e6
        return "CREATING" if joining else entry_status(replica)

    def _list(self, call: Call) -> Answer:
        region, limit = call.body.get("RegionName"), call.body.get("Limit", PAGE)
        start = call.body.get("ExclusiveStartGlobalTableName") or ""
        if region is not None and region not in REGIONS:
            raise internal_error()
        if not isinstance(limit, int) or limit < 1 or not isinstance(start, str):
            raise validation(
                f"1 validation error detected: Value '{limit}' at 'limit' failed to satisfy "
                "constraint: Member must have value greater than or equal to 1"
            )
        groups: dict[str, list[str]] = {}
        for replica in self._ledger.replicas():
            if replica.is_global and replica.version == VERSION:
                groups.setdefault(replica.table, []).append(replica.region)
        names = sorted(n for n, regions in groups.items() if region is None or region in regions)
        behind = [name for name in names if name > start]
        more = {"LastEvaluatedGlobalTableName": behind[limit - 1]} if len(behind) > limit else {}
        listed = [
            {
                "GlobalTableName": name,
                "ReplicationGroup": [{"RegionName": each} for each in groups[name]],
            }
            for name in behind[:limit]
        ]
        return answer({"GlobalTables": listed, **more})

    # Settings: each table has its own, and one request may change several

    async def _settings(self, name: str, group: Sequence[Replica]) -> Answer:
        settings = [
            replica_settings(each, await self._plane.description(each.region, name))
            for each in group
        ]
        return answer({"GlobalTableName": name, "ReplicaSettings": settings})

    async def _update_settings(self, call: Call) -> Answer:
        name, group = global_name(call), self._plain_group(call)
        own = {_region(each): each for each in _list(call, "ReplicaSettingsUpdate", least=0)}
        for region in own:
            if region not in {each.region for each in group}:
                raise _error(
                    "ReplicaNotFoundException",
                    f"Global table '{name}' has no replica in region '{region}'.",
                )
        updates = {
            each.region: settings_update(
                call.body,
                own.get(each.region, {}),
                await self._plane.description(each.region, name),
            )
            for each in group
        }
        for region, update in updates.items():
            if update:
                body = {"TableName": name, **update}
                told = await self._plane.ask_until_answered(region, "UpdateTable", body)
                if not told.ok:
                    return told
        return await self._settings(name, group)

    def _plain_group(self, call: Call) -> list[Replica]:
        name = global_name(call)
        group = self._group(name)
        if not group:
            raise _error(
                "GlobalTableNotFoundException",
                f"Global table with name: '{name}' does not exist.",
            )
        return group

    def _group(self, name: str) -> list[Replica]:
        return [
            each
            for each in self._ledger.replicas(name)
            if each.is_global and each.version == VERSION
        ]

    def _not_found(self, name: str) -> ApiError:
        return _error(
            "GlobalTableNotFoundException",
            f"Global table not found: Global table with name: '{name}' does not exist.",
        )


def _error(kind: str, message: str) -> ApiError:
    return ApiError(400, f"{DYNAMODB}#{kind}", message)


def global_name(call: Call) -> str:
    """The global table that a request of this version names."""
    name = call.body.get("GlobalTableName")
    if not isinstance(name, str) or len(name) < 3:
        raise validation(
            f"1 validation error detected: Value '{name or ''}' at 'globalTableName' failed to "
            "satisfy constraint: Member must have length greater than or equal to 3"
        )
    return name


def _list(call: Call, field: str, *, least: int = 1) -> list[Any]:
    found = call.body.get(field, None if least else [])
    if found is None:
        raise validation(
            f"1 validation error detected: Value null at '{field[0].lower()}{field[1:]}' failed to "
            "satisfy constraint: Member must not be null"
        )
    if not isinstance(found, list):
        raise malformed("list")
    if len(found) < least:
        raise validation(f"{field} names no region")
    return found


def _region(part: Any) -> str:
    region = part.get("RegionName") if isinstance(part, dict) else None
    if not isinstance(region, str):
        raise malformed()
    if region not in REGIONS:
        raise validation(f"One or more parameter values were invalid: no such region: {region}")
    return region


def _update(part: Any) -> tuple[str, str]:
    """('Create' or 'Delete', region)."""
    kinds = [kind for kind in ("Create", "Delete") if isinstance(part, dict) and part.get(kind)]
    if len(kinds) != 1:
        raise validation(
            "One or more parameter values were invalid: a replica update is one Create or Delete"
        )
    return kinds[0], _region(part[kinds[0]])


def _shape(description: Mapping[str, Any]) -> Description:
    """What has to be the same in every table of a group."""
    types = {
        each["AttributeName"]: each["AttributeType"] for each in description["AttributeDefinitions"]
    }
    return {
        "key": [
            (each["AttributeName"], each["KeyType"], types[each["AttributeName"]])
            for each in description["KeySchema"]
        ],
        "indexes": sorted(
            each["IndexName"] for each in description.get("GlobalSecondaryIndexes", [])
        ),
        "write capacity": description["ProvisionedThroughput"]["WriteCapacityUnits"],
    }


def _check_like(replica: Replica, shape: Description, first: Description) -> None:
    for what, part in shape.items():
        if part != first[what]:
            raise validation(
                f"One or more parameter values were invalid: Table {replica.table} in region "
                f"{replica.region} does not have the same {what} as the other replicas."
            )
    if not replica.stream_label or replica.stream_view != VIEW:
        raise validation(
            f"One or more parameter values were invalid: Table {replica.table} in region "
            f"{replica.region} must have DynamoDB Streams enabled with view type {VIEW}."
        )
