"""The control plane: tables, and the replicas of global tables version 2019.11.21."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from gtsite.sandbox.gateway import DATA, Gateway
from gtsite.sandbox.ledger import Ledger, Replica, ReplicaStatus
from gtsite.sandbox.locks import ItemLocks
from gtsite.sandbox.processes import EngineGone
from gtsite.sandbox.replication import Replication
from gtsite.sandbox.versions import Clock
from gtsite.sandbox.wire import (
    DYNAMODB,
    REGIONS,
    Answer,
    ApiError,
    Call,
    answer,
    in_use,
    internal_error,
    not_found,
    stream_arn,
    to_json,
    validation,
    with_own_arns,
)

log = logging.getLogger("sandbox.tables")

DEFAULT_VIEW = "NEW_AND_OLD_IMAGES"
VIEWS = ("KEYS_ONLY", "NEW_IMAGE", "OLD_IMAGE", DEFAULT_VIEW)
OVERRIDES = "ENABLED_WITH_OVERRIDES"
BUSY = "The resource which you are attempting to change is in use."
POLL_SECONDS = 0.02
SCAN_PAGE = 500
INDEX_PARTS = ("IndexName", "KeySchema", "Projection")


class Tables:
    """Answers table operations of every region, and leads replicas through their life cycle."""

    def __init__(
        self,
        ledger: Ledger,
        clock: Clock,
        replication: Replication,
        gateway: Callable[[str], Awaitable[Gateway]],
        *,
        pace_seconds: float,
    ) -> None:
        self._ledger = ledger
        self._clock = clock
        self._replication = replication
        self._gateway = gateway
        self._pace = pace_seconds
        self._changes = ItemLocks()
        self._under_way: set[asyncio.Task[None]] = set()

    async def start(self, regions: Iterable[str]) -> None:
        """Bring ledger and engines together again, and go on with replicas that were under way."""
        for region in regions:
            await self._reconcile(await self._gateway(region))
        for replica in self._ledger.replicas():
            if replica.status == "CREATING" and replica.source:
                self._in_background(self._bring_up(replica))
            elif replica.status == "DELETING":
                self._in_background(self._take_down(replica))
            elif replica.status == "UPDATING" and not self._busy_group(replica):
                self._ledger.save_replica(replace(replica, status="ACTIVE"))

    async def stop(self) -> None:
        under_way = tuple(self._under_way)
        for task in under_way:
            task.cancel()
        await asyncio.gather(*under_way, return_exceptions=True)

    async def handle(self, call: Call) -> Answer | None:
        """The answer to a table operation; None if the call is none."""
        match call.operation:
            case "DescribeTable":
                return await self._describe(call)
            case "DescribeTimeToLive":
                return self._describe_ttl(call)
            case "CreateTable" | "UpdateTable" | "DeleteTable" | "UpdateTimeToLive":
                async with self._changes.all_of([call.table]):
                    return await self._change(call)
        return None

    def lost(self, region: str) -> None:
        """An engine without a file was started again: its tables are gone with its memory."""
        for replica in self._ledger.replicas():
            creating = replica.status == "CREATING"
            if replica.region == region or (creating and replica.source == region):
                self._forget(replica)

    async def _change(self, call: Call) -> Answer:
        """One change at a time to the tables of one name, in whatever region."""
        match call.operation:
            case "CreateTable":
                return await self._create(call)
            case "UpdateTable":
                return await self._update(call)
            case "DeleteTable":
                return await self._delete(call)
        return self._update_ttl(call)

    # One table

    async def _create(self, call: Call) -> Answer:
        if self._ledger.replica(call.region, call.table):
            raise in_use(f"Table already exists: {call.table}")
        view = _stream_view(call.body.get("StreamSpecification"))
        body = {name: part for name, part in call.body.items() if name != "StreamSpecification"}
        made = await self._ask(call.region, "CreateTable", body)
        if not made.ok:
            return made
        description = made.json()["TableDescription"]
        replica = self._new_replica(call.region, description)
        if view:
            replica = self._with_stream(replica, view)
        self._ledger.save_replica(replica)
        return answer({"TableDescription": self._described(replica, description)})

    async def _describe(self, call: Call) -> Answer:
        found = await self._ask(call.region, "DescribeTable", {"TableName": call.table})
        replica = self._ledger.replica(call.region, call.table)
        if not found.ok or replica is None:
            return found
        return answer({"Table": self._described(replica, found.json()["Table"])})

    async def _delete(self, call: Call) -> Answer:
        replica = self._ledger.replica(call.region, call.table)
        if replica and (replica.status != "ACTIVE" or self._busy_group(replica)):
            raise in_use(f"Attempt to change a resource which is still in use: Table: {call.table}")
        gone = await self._ask(call.region, "DeleteTable", {"TableName": call.table})
        if not gone.ok or replica is None:
            return gone
        leaving = replace(replica, status="DELETING")
        description = self._described(leaving, gone.json()["TableDescription"])
        self._forget(replica)
        return answer({"TableDescription": description})

    async def _update(self, call: Call) -> Answer:
        replica = self._ledger.replica(call.region, call.table)
        if replica is None and "ReplicaUpdates" in call.body:
            raise not_found(f"Requested resource not found: Table: {call.table} not found")
        if replica is None:
            return await self._ask(
                call.region, "UpdateTable", {**call.body, "TableName": call.table}
            )
        if "ReplicaUpdates" in call.body:
            return await self._update_replicas(call, replica)
        if replica.status != "ACTIVE" or self._busy_group(replica):
            raise in_use(BUSY)
        specification = call.body.get("StreamSpecification")
        changed = replica if specification is None else self._restreamed(replica, specification)
        rest = {
            name: part
            for name, part in call.body.items()
            if name not in ("StreamSpecification", "TableName")
        }
        if rest or specification is None:
            updated = await self._update_everywhere(replica, rest)
            if not updated.ok:
                return updated
        if changed is not replica:
            self._ledger.save_replica(changed)
        return answer({"TableDescription": await self._full_description(changed)})

    async def _update_everywhere(self, replica: Replica, rest: Mapping[str, Any]) -> Answer:
        """Shared settings go to every replica; deletion protection stays in its region."""
        body = {"TableName": replica.table, **rest}
        updated = await self._ask(replica.region, "UpdateTable", body)
        shared = {name: part for name, part in rest.items() if name != "DeletionProtectionEnabled"}
        if updated.ok and shared:
            for peer in self._ledger.peers(replica.region, replica.table):
                await self._ask_until_answered(peer, {"TableName": replica.table, **shared})
        return updated

    async def _ask_until_answered(self, region: str, update: Mapping[str, Any]) -> None:
        """Make an UpdateTable that one region has done already in another one as well."""
        gateway = await self._gateway(region)
        while True:
            await gateway.engine.ready()
            try:
                updated = await gateway.engine.ask(DATA + "UpdateTable", to_json(update))
            except EngineGone:
                await asyncio.sleep(POLL_SECONDS)
                continue
            if not updated.ok:
                log.error("%s refused an update of its peer: %s", region, updated.raw.decode())
            return

    def _restreamed(self, replica: Replica, specification: Mapping[str, Any]) -> Replica:
        view = _stream_view(specification)
        if view and replica.stream_label:
            raise validation(f"Table already has an enabled stream: TableName: {replica.table}")
        if not view and replica.is_global:
            raise validation("Disabling Stream is not allowed for a Global Table replica.")
        if view:
            return self._with_stream(replica, view)
        return replace(replica, stream_label="", stream_view="")

    # Replicas

    async def _update_replicas(self, call: Call, replica: Replica) -> Answer:
        kind, region = _replica_action(call)
        if region == call.region:
            raise validation(
                "Cannot add or delete the local region through ReplicaUpdates. Use CreateTable, "
                "DeleteTable, or UpdateTable as required."
            )
        if replica.status != "ACTIVE" or self._busy_group(replica):
            raise in_use(BUSY)
        if kind == "Create":
            replica = self._add_replica(replica, region)
        else:
            replica = await self._remove_replica(replica, region)
        description = await self._full_description(replica)
        if kind == "Create" and len(self._ledger.group(replica.region, replica.table)) == 2:
            description["Replicas"] = []
        return answer({"TableDescription": description})

    def _add_replica(self, source: Replica, region: str) -> Replica:
        if self._ledger.replica(region, source.table):
            raise validation(
                f"Failed to create a the new replica of table with name: ‘{source.table}’ "
                "because one or more replicas already existed as tables."
            )
        if not source.stream_label:
            source = self._with_stream(source, DEFAULT_VIEW)
        source = replace(source, is_global=True, status="UPDATING")
        added = Replica(
            table=source.table,
            region=region,
            key_names=source.key_names,
            is_global=True,
            status="CREATING",
            source=source.region,
            created_at=self._clock.read(),
            stream_label="",
            stream_view=source.stream_view,
            ttl_attribute=source.ttl_attribute,
        )
        with self._ledger.together():
            self._ledger.save_replica(source)
            self._ledger.save_replica(added)
            self._ledger.copy_tombstones(source.table, source.region, region)
            self._replication.owe_backlog(source.table, region)
        self._in_background(self._bring_up(added))
        return source

    async def _remove_replica(self, source: Replica, region: str) -> Replica:
        leaving = self._ledger.replica(region, source.table)
        if leaving is None or region not in self._ledger.peers(source.region, source.table):
            raise validation(
                "Update global table operation failed because one or more replicas were not part "
                "of the global table. Please retry the request without these replicas: "
                f"[{region}]."
            )
        if (await self._full_description(leaving)).get("DeletionProtectionEnabled"):
            raise validation(
                f"Cannot delete table {source.table} in region {region} because it has deletion "
                "protection enabled. Disable deletion protection first."
            )
        leaving = replace(leaving, status="DELETING")
        source = replace(source, status="UPDATING")
        with self._ledger.together():
            self._ledger.save_replica(leaving)
            self._ledger.save_replica(source)
        self._in_background(self._take_down(leaving))
        return source

    async def _bring_up(self, replica: Replica) -> None:
        """CREATING → ACTIVE: table, back-fill, then the region serves. Repeatable at any point."""
        await asyncio.sleep(self._pace)
        source = await self._gateway(replica.source)
        target = await self._gateway(replica.region)
        await self._copy_definition(source, target, replica.table)
        async for change in self._items(source, replica):
            self._replication.owe_now(change, replica.region)
        last = self._ledger.last_owed()
        while self._ledger.still_owed(replica.table, replica.region, last):  # noqa: ASYNC110
            await asyncio.sleep(POLL_SECONDS)
        await asyncio.sleep(self._pace)
        as_it_is = self._ledger.replica(replica.region, replica.table)
        if as_it_is is None:
            return
        with self._ledger.together():
            self._ledger.save_replica(
                replace(self._with_stream(as_it_is, replica.stream_view), status="ACTIVE")
            )
            self._set_status(replica.source, replica.table, "ACTIVE")
        log.info("%s has a replica in %s.", replica.table, replica.region)

    async def _copy_definition(self, source: Gateway, target: Gateway, table: str) -> None:
        while True:
            try:
                await source.engine.ready()
                await target.engine.ready()
                described = await source.engine.ask(DATA + "DescribeTable", _named(table))
                definition = _definition(described.json()["Table"])
                await target.engine.ask(DATA + "CreateTable", to_json(definition))
            except EngineGone:
                await asyncio.sleep(POLL_SECONDS)
                continue
            return

    async def _items(self, source: Gateway, replica: Replica) -> AsyncIterator[Any]:
        """Every item of the source with its version, page by page."""
        start: dict[str, Any] = {}
        names = {f"#k{place}": name for place, name in enumerate(replica.key_names)}
        while True:
            query = {
                "TableName": replica.table,
                "Limit": SCAN_PAGE,
                "ProjectionExpression": ", ".join(names),
                "ExpressionAttributeNames": names,
                **start,
            }
            await source.engine.ready()
            try:
                scanned = await source.engine.ask(DATA + "Scan", to_json(query))
                page = scanned.json()
                for key in page["Items"]:
                    change = await source.snapshot(replica.table, key, replica.key_names)
                    if change is not None:
                        yield change
            except EngineGone:
                await asyncio.sleep(POLL_SECONDS)
                continue
            if "LastEvaluatedKey" not in page:
                return
            start = {"ExclusiveStartKey": page["LastEvaluatedKey"]}

    async def _take_down(self, replica: Replica) -> None:
        """DELETING → gone: table and data in that region; the others stay."""
        await asyncio.sleep(self._pace)
        gateway = await self._gateway(replica.region)
        while True:
            await gateway.engine.ready()
            try:
                await gateway.engine.ask(DATA + "DeleteTable", _named(replica.table))
            except EngineGone:
                await asyncio.sleep(POLL_SECONDS)
                continue
            break
        self._forget(replica)
        log.info("%s left %s.", replica.table, replica.region)

    def _forget(self, replica: Replica) -> None:
        """Drop a replica; what is left of its group is ACTIVE, and regional if it is alone."""
        with self._ledger.together():
            self._ledger.remove_replica(replica.region, replica.table)
            left = [each for each in self._ledger.replicas(replica.table) if each.is_global]
            for each in left:
                status: ReplicaStatus = "ACTIVE" if each.status == "UPDATING" else each.status
                self._ledger.save_replica(replace(each, status=status, is_global=len(left) > 1))

    def _set_status(self, region: str, table: str, status: ReplicaStatus) -> None:
        replica = self._ledger.replica(region, table)
        if replica is not None:
            self._ledger.save_replica(replace(replica, status=status))

    def _busy_group(self, replica: Replica) -> bool:
        group = self._ledger.group(replica.region, replica.table)
        return any(each.status in ("CREATING", "DELETING") for each in group)

    # Time to live: kept here, never told to the engines, which would delete behind our back

    def _update_ttl(self, call: Call) -> Answer:
        specification = call.body.get("TimeToLiveSpecification")
        if not isinstance(specification, dict) or not specification.get("AttributeName"):
            raise validation("TimeToLiveSpecification must name an attribute")
        replica = self._known(call)
        enabled = bool(specification.get("Enabled"))
        if enabled == bool(replica.ttl_attribute):
            raise validation(f"TimeToLive is already {'enabled' if enabled else 'disabled'}")
        attribute = str(specification["AttributeName"]) if enabled else ""
        with self._ledger.together():
            for each in self._ledger.group(call.region, call.table):
                self._ledger.save_replica(replace(each, ttl_attribute=attribute))
        return answer({"TimeToLiveSpecification": specification})

    def _describe_ttl(self, call: Call) -> Answer:
        attribute = self._known(call).ttl_attribute
        description = (
            {"TimeToLiveStatus": "ENABLED", "AttributeName": attribute}
            if attribute
            else {"TimeToLiveStatus": "DISABLED"}
        )
        return answer({"TimeToLiveDescription": description})

    def _known(self, call: Call) -> Replica:
        replica = self._ledger.replica(call.region, call.table)
        if replica is None or (replica.source and replica.status == "CREATING"):
            raise not_found(f"Requested resource not found: Table: {call.table} not found")
        return replica

    # Descriptions

    async def _full_description(self, replica: Replica) -> dict[str, Any]:
        found = await self._ask(replica.region, "DescribeTable", {"TableName": replica.table})
        return self._described(replica, found.json()["Table"])

    def _described(self, replica: Replica, description: Mapping[str, Any]) -> dict[str, Any]:
        """An engine's description with what only the ledger knows."""
        full = dict(description)
        if replica.status != "ACTIVE":
            full["TableStatus"] = replica.status
        if replica.stream_label:
            full["StreamSpecification"] = {
                "StreamEnabled": True,
                "StreamViewType": replica.stream_view,
            }
            full["LatestStreamLabel"] = replica.stream_label
            full["LatestStreamArn"] = stream_arn(
                replica.region, replica.table, replica.stream_label
            )
        peers = [
            each
            for each in self._ledger.group(replica.region, replica.table)
            if each.region != replica.region
        ]
        if peers:
            full["GlobalTableVersion"] = "2019.11.21"
            full["GlobalTableSettingsReplicationMode"] = OVERRIDES
            full["Replicas"] = [
                {
                    "RegionName": each.region,
                    "ReplicaStatus": "ACTIVE" if each.status == "UPDATING" else each.status,
                    "GlobalTableSettingsReplicationMode": OVERRIDES,
                }
                for each in peers
            ]
        return full

    def _new_replica(self, region: str, description: Mapping[str, Any]) -> Replica:
        """A regional table as the engine describes it; keys in the order partition, sort."""
        schema = sorted(description["KeySchema"], key=lambda part: part["KeyType"])
        return Replica(
            table=description["TableName"],
            region=region,
            key_names=tuple(part["AttributeName"] for part in schema),
            is_global=False,
            status="ACTIVE",
            source="",
            created_at=self._clock.read(),
            stream_label="",
            stream_view="",
            ttl_attribute="",
        )

    def _with_stream(self, replica: Replica, view: str) -> Replica:
        moment = datetime.fromtimestamp(self._clock.read() / 1e6, UTC)
        label = moment.strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3]
        return replace(replica, stream_label=label, stream_view=view)

    async def _reconcile(self, gateway: Gateway) -> None:
        """After a crash between an engine's step and the ledger's: the engine is right."""
        names = await _table_names(gateway)
        for replica in self._ledger.replicas():
            lost = replica.table not in names and not (
                replica.source and replica.status == "CREATING"
            )
            if replica.region == gateway.region and lost:
                self._forget(replica)
        for name in names:
            if self._ledger.replica(gateway.region, name) is None:
                found = await gateway.engine.ask(DATA + "DescribeTable", _named(name))
                self._ledger.save_replica(self._new_replica(gateway.region, found.json()["Table"]))

    async def _ask(self, region: str, operation: str, body: Mapping[str, Any]) -> Answer:
        gateway = await self._gateway(region)
        try:
            found = await gateway.engine.ask(DATA + operation, to_json(body))
        except EngineGone as error:
            raise internal_error() from error
        return Answer(status=found.status, raw=with_own_arns(region, found.raw))

    def _in_background(self, work: Any) -> None:
        task = asyncio.create_task(work)
        self._under_way.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._under_way.discard(task)
        if not task.cancelled() and (error := task.exception()):
            log.error("A replica's life cycle stopped: %s", error, exc_info=error)


async def _table_names(gateway: Gateway) -> set[str]:
    names: set[str] = set()
    start: dict[str, str] = {}
    while True:
        listed = await gateway.engine.ask(DATA + "ListTables", to_json(start))
        page = listed.json()
        names.update(page["TableNames"])
        if "LastEvaluatedTableName" not in page:
            return names
        start = {"ExclusiveStartTableName": page["LastEvaluatedTableName"]}


def _replica_action(call: Call) -> tuple[str, str]:
    """The one Create or Delete of an UpdateTable, refused in AWS's words where it is not one."""
    if set(call.body) - {"TableName", "ReplicaUpdates"}:
        raise validation(
            "Requests that modify replicas or witnesses must not also modify other fields"
        )
    updates = call.body["ReplicaUpdates"]
    actions = [
        (kind, str(action.get("RegionName", "")))
        for update in (updates if isinstance(updates, list) else [])
        if isinstance(update, dict)
        for kind, action in update.items()
        if isinstance(action, dict)
    ]
    different = list(dict.fromkeys(actions))
    if not different:
        raise validation(
            "There are no actions specified in the Replica Update Action of the request."
        )
    if len({kind for kind, _ in different}) > 1:
        raise validation(
            "Update table operation with more than one type of replica actions not allowed."
        )
    if len(different) > 1:
        raise validation(
            "Update table operation with more than one create or delete replica actions not allowed"
        )
    kind, region = different[0]
    _check_action(kind, region)
    return kind, region


def _check_action(kind: str, region: str) -> None:
    if not region:
        raise ApiError(400, f"{DYNAMODB}#AccessDeniedException", "Access denied")
    if region not in REGIONS:
        raise validation(
            f"Region {region} is not supported. The latest version of global tables are only "
            f"supported in the following regions: [{', '.join(sorted(REGIONS))}]"
        )
    if kind not in ("Create", "Delete"):
        raise validation(f"The sandbox does not know the replica action {kind} yet.")


def _stream_view(specification: Any) -> str:
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


def _definition(description: Mapping[str, Any]) -> dict[str, Any]:
    """The CreateTable request that makes a table like the one described."""
    on_demand = description.get("BillingModeSummary", {}).get("BillingMode") == "PAY_PER_REQUEST"
    definition: dict[str, Any] = {
        "TableName": description["TableName"],
        "KeySchema": description["KeySchema"],
        "AttributeDefinitions": description["AttributeDefinitions"],
        "BillingMode": "PAY_PER_REQUEST" if on_demand else "PROVISIONED",
    }
    if not on_demand:
        definition["ProvisionedThroughput"] = _capacity(description)
    for kind in ("GlobalSecondaryIndexes", "LocalSecondaryIndexes"):
        indexes = [
            {name: index[name] for name in INDEX_PARTS if name in index}
            | ({} if on_demand or kind.startswith("L") else _index_capacity(index))
            for index in description.get(kind, [])
        ]
        if indexes:
            definition[kind] = indexes
    return definition


def _capacity(description: Mapping[str, Any]) -> dict[str, int]:
    throughput = description["ProvisionedThroughput"]
    return {name: throughput[name] for name in ("ReadCapacityUnits", "WriteCapacityUnits")}


def _index_capacity(index: Mapping[str, Any]) -> dict[str, Any]:
    return {"ProvisionedThroughput": _capacity(index)}


def _named(table: str) -> bytes:
    return to_json({"TableName": table})
