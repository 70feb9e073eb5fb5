"""The control plane: which part of it answers, and one table's creation, change and end."""

import logging
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from gtsite.sandbox.control_plane.descriptions import described
from gtsite.sandbox.control_plane.legacy import Legacy, global_name
from gtsite.sandbox.control_plane.lifetimes import Lifetimes
from gtsite.sandbox.control_plane.limits import Limits
from gtsite.sandbox.control_plane.membership import Membership
from gtsite.sandbox.control_plane.plane import Plane
from gtsite.sandbox.control_plane.replicas import Replicas
from gtsite.sandbox.control_plane.rules import check_not_source, one_strong_replica, replica_request
from gtsite.sandbox.control_plane.settings import Settings, check_types, stream, stream_view
from gtsite.sandbox.data_plane.locks import ItemLocks
from gtsite.sandbox.ledger.ledger import Replica
from gtsite.sandbox.storage.processes import EngineGone
from gtsite.sandbox.wire import (
    Answer,
    Call,
    answer,
    in_use,
    internal_error,
    not_found,
    validation,
)

log = logging.getLogger("sandbox.tables")

LEGACY = (
    "CreateGlobalTable",
    "UpdateGlobalTable",
    "DescribeGlobalTable",
    "ListGlobalTables",
    "DescribeGlobalTableSettings",
    "UpdateGlobalTableSettings",
)
CHANGES = ("CreateTable", "UpdateTable", "DeleteTable", "UpdateTimeToLive")


class Tables:
    """Answers the control plane of every region. One change at a time to tables of one name."""

    def __init__(self, plane: Plane) -> None:
        self._plane = plane
        self._ledger = plane.ledger
        self._replicas = Replicas(plane)
        self._settings = Settings(plane)
        self._membership = Membership(plane, self._replicas, self._settings)
        self._lifetimes = Lifetimes(plane)
        self._legacy = Legacy(plane)
        self._limits = Limits(plane)
        self._changes = ItemLocks()

    async def start(self, regions: Iterable[str]) -> None:
        """Bring ledger and engines together again, and go on with what was under way."""
        for region in regions:
            await self._reconcile(region)
        for replica in self._ledger.replicas():
            await self._settings.settle(replica)
        self._replicas.start()

    async def stop(self) -> None:
        await self._replicas.stop()

    async def handle(self, call: Call) -> Answer | None:
        """The answer to an operation of the control plane; None if the call is none.

        A request without a table is none either: the engine has its own words for that.
        """
        if call.operation in (*CHANGES, "DescribeTable", "DescribeTimeToLive") and not call.table:
            return None
        if call.operation == "DescribeTable":
            return await self._describe(call)
        known = self._ledger.replica(call.region, call.table)
        if call.operation == "DescribeTimeToLive" and known:
            return self._lifetimes.describe(call)
        if call.operation in CHANGES:
            async with self._changes.all_of([call.table]):
                return await self._change(call)
        if call.operation in LEGACY:
            name = "" if call.operation == "ListGlobalTables" else global_name(call)
            async with self._changes.all_of([name]):
                return await self._legacy.handle(call)
        return self._limits.handle(call)

    def lost(self, region: str) -> None:
        """An engine without a file was started again: its tables are gone with its memory."""
        replicas = self._ledger.replicas()
        for replica in replicas:
            if replica.status == "CREATING" and replica.source == region:
                self._replicas.delete(replica)
        for replica in replicas:
            if replica.region == region:
                self._replicas.forget(replica)

    async def _change(self, call: Call) -> Answer:
        match call.operation:
            case "CreateTable":
                return await self._create(call)
            case "UpdateTable":
                return await self._update(call)
            case "DeleteTable":
                return await self._delete(call)
        return self._lifetimes.update(call)

    async def _create(self, call: Call) -> Answer:
        """The ledger knows of the table before the engine: a crash leaves none unknown."""
        if self._ledger.replica(call.region, call.table):
            raise in_use(f"Table already exists: {call.table}")
        check_types(call.body)
        view = stream_view(call.body.get("StreamSpecification"))
        body = {name: part for name, part in call.body.items() if name != "StreamSpecification"}
        warm = {name: body[name] for name in ("WarmThroughput",) if body.get(name)}
        coming = replace(self._new(call.region, call.table, view), extras=warm)
        self._ledger.save_replica(coming)
        try:
            made = await self._plane.ask(call.region, "CreateTable", body)
        except EngineGone as error:
            await self._unmake(coming)
            raise internal_error() from error
        if made.status >= 500:
            await self._unmake(coming)
        if not made.ok:
            self._ledger.remove_replica(call.region, call.table)
            return made
        description = made.json()["TableDescription"]
        replica = self._born(coming, description)
        return answer({"TableDescription": self._described(replica, description)})

    async def _describe(self, call: Call) -> Answer:
        found = await self._ask(call.region, "DescribeTable", _named(call))
        replica = self._ledger.replica(call.region, call.table)
        if not found.ok or replica is None:
            return found
        return answer({"Table": self._described(replica, found.json()["Table"])})

    async def _update(self, call: Call) -> Answer:
        replica = self._ledger.replica(call.region, call.table)
        if call.body.get("ReplicaUpdates") is not None:
            request = replica_request(call.body)
            if replica is None:
                raise not_found(f"Requested resource not found: Table: {call.table} not found")
            return answer({"TableDescription": await self._membership.change(replica, request)})
        if replica is None:
            return await self._ask(call.region, "UpdateTable", _named(call))
        self._plane.require_idle(replica)
        updated = await self._settings.update(call, replica)
        if isinstance(updated, Answer):
            return updated
        known = self._ledger.replica(call.region, call.table) or replica
        return answer({"TableDescription": self._described(known, updated)})

    async def _delete(self, call: Call) -> Answer:
        replica = self._ledger.replica(call.region, call.table)
        if replica is None:
            return await self._ask(call.region, "DeleteTable", _named(call))
        if replica.consistency == "STRONG":
            raise one_strong_replica()
        if replica.status != "ACTIVE" or self._plane.is_busy(replica):
            raise in_use(f"Attempt to change a resource which is still in use: Table: {call.table}")
        if _is_member(replica):
            return await self._delete_member(replica)
        return await self._delete_table(replica)

    async def _delete_member(self, replica: Replica) -> Answer:
        """As slowly as if a peer had asked for it."""
        group = self._ledger.group(replica.region, replica.table)
        check_not_source(replica.region, group, self._plane.clock.read())
        description = await self._plane.description(replica.region, replica.table)
        if description.get("DeletionProtectionEnabled"):
            raise validation(
                "Resource cannot be deleted as it is currently protected against deletion. "
                "Disable deletion protection first."
            )
        leaving = self._replicas.delete(replica)
        return answer({"TableDescription": self._described(leaving, description)})

    async def _delete_table(self, replica: Replica) -> Answer:
        """The ledger knows that it goes before the engine: killed amid it, one keeps a half."""
        leaving = replace(replica, status="DELETING")
        self._ledger.save_replica(leaving)
        body = {"TableName": replica.table}
        try:
            gone = await self._plane.ask(replica.region, "DeleteTable", body)
        except EngineGone as error:
            await self._settle_death(leaving)
            raise internal_error() from error
        if not gone.ok:
            self._ledger.save_replica(replica)
            return gone
        description = self._described(leaving, gone.json()["TableDescription"])
        self._replicas.forget(leaving)
        return answer({"TableDescription": description})

    # After a crash between an engine's step and the ledger's: the engine is right

    async def _reconcile(self, region: str) -> None:
        names = await self._table_names(region)
        for replica in self._ledger.replicas():
            if replica.region != region:
                continue
            if replica.status == "CREATING" and not replica.source:
                await self._unmake(replica)
            elif replica.status == "DELETING" and not _is_member(replica):
                await self._settle_death(replica)
            elif replica.status != "CREATING" and replica.table not in names:
                self._replicas.forget(replica)
        for name in names:
            if self._ledger.replica(region, name) is None:
                await self._adopt(replace(self._new(region, name, ""), adopted=True))

    async def _unmake(self, replica: Replica) -> None:
        """Take back a table that nobody was told of: engines that are killed make it by half."""
        plain = {"TableName": replica.table, "DeletionProtectionEnabled": False}
        await self._plane.ask_until_answered(replica.region, "UpdateTable", plain)
        await self._plane.drop_table(replica.region, replica.table)
        self._ledger.remove_replica(replica.region, replica.table)

    async def _settle_death(self, replica: Replica) -> None:
        """Asked once more, as an engine that is killed may have done it by half.

        One that is there all the same is protected, and stays.
        """
        await self._plane.drop_table(replica.region, replica.table)
        body = {"TableName": replica.table}
        found = await self._plane.ask_until_answered(replica.region, "DescribeTable", body)
        if found.ok:
            self._ledger.save_replica(replace(replica, status="ACTIVE"))
        else:
            self._replicas.forget(replica)

    async def _adopt(self, replica: Replica) -> None:
        body = {"TableName": replica.table}
        found = await self._plane.ask_until_answered(replica.region, "DescribeTable", body)
        if found.ok:
            self._born(replica, found.json()["Table"])

    def _new(self, region: str, table: str, view: str) -> Replica:
        """A table that an engine is about to make; its keys are known when it has."""
        return Replica(
            table=table,
            region=region,
            key_names=(),
            is_global=False,
            status="CREATING",
            source="",
            created_at=self._plane.clock.read(),
            stream_label="",
            stream_view=view,
            ttl_attribute="",
        )

    def _born(self, replica: Replica, description: Mapping[str, Any]) -> Replica:
        """Keys in the order partition, sort."""
        schema = sorted(description["KeySchema"], key=lambda part: str(part["KeyType"]))
        born = replace(
            replica,
            key_names=tuple(part["AttributeName"] for part in schema),
            status="ACTIVE",
            **stream(self._plane.clock.read(), replica.stream_view),
        )
        self._ledger.save_replica(born)
        return born

    async def _table_names(self, region: str) -> set[str]:
        names: set[str] = set()
        start: dict[str, str] = {}
        while True:
            page = (await self._plane.ask_until_answered(region, "ListTables", start)).json()
            names.update(page["TableNames"])
            if "LastEvaluatedTableName" not in page:
                return names
            start = {"ExclusiveStartTableName": page["LastEvaluatedTableName"]}

    async def _ask(self, region: str, operation: str, body: Mapping[str, Any]) -> Answer:
        try:
            return await self._plane.ask(region, operation, body)
        except EngineGone as error:
            raise internal_error() from error

    def _described(self, replica: Replica, description: Mapping[str, Any]) -> dict[str, Any]:
        group = self._ledger.group(replica.region, replica.table)
        return described(replica, group, description)


def _is_member(replica: Replica) -> bool:
    """Whether the table belongs to a global table that deletes its members step by step."""
    return replica.is_global and replica.version == "2019.11.21"


def _named(call: Call) -> dict[str, Any]:
    """The request with the table's plain name, which is all that engines know."""
    return {**call.body, "TableName": call.table}
