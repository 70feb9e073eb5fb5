"""A replica's life: asked for, made, back-filled and serving; later taken down or let go.

Every step is a row in the ledger before it is done, so it goes on after a crash where it was. Of
each table's replicas one at a time comes or goes, the oldest first.
"""

import asyncio
import logging
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from gtsite.sandbox.control_plane.backfill import BackFill, NotWanted
from gtsite.sandbox.control_plane.overrides import override_update
from gtsite.sandbox.control_plane.plane import POLL_SECONDS, Plane
from gtsite.sandbox.control_plane.settings import DEFAULT_VIEW, stream
from gtsite.sandbox.ledger.ledger import Consistency, Phase, Replica
from gtsite.sandbox.storage.processes import EngineFailed

log = logging.getLogger("sandbox.replicas")

RETRY_SECONDS = 1.0
INDEX_PARTS = ("IndexName", "KeySchema", "Projection")


class Replicas:
    """Leads the replicas of every table through their lives, in the background."""

    def __init__(self, plane: Plane) -> None:
        self._plane = plane
        self._ledger = plane.ledger
        self._leaders: dict[str, asyncio.Task[None]] = {}

    def start(self) -> None:
        """Go on with what an earlier run left unfinished."""
        for table in {replica.table for replica in self._ledger.replicas()}:
            if self._unfinished(table):
                self._lead(table)
            else:
                self._settle_statuses(table)

    async def stop(self) -> None:
        leaders = tuple(self._leaders.values())
        for leader in leaders:
            leader.cancel()
        await asyncio.gather(*leaders, return_exceptions=True)

    # What is asked for

    def add(
        self,
        source: Replica,
        wanted: Mapping[str, dict[str, Any]],
        *,
        consistency: Consistency = "EVENTUAL",
        witness: str = "",
    ) -> Replica:
        """Have replicas made in regions, each with its overrides; the source as it is from now.

        Several are made one after the other, and those of a strong group serve all at once.
        """
        now = self._plane.clock.read()
        if not source.stream_label and consistency == "EVENTUAL":
            source = replace(source, **stream(now, DEFAULT_VIEW))
        if not source.is_global:
            source = replace(source, group_id=f"{source.region}-{now}", grouped_at=now)
        source = replace(source, is_global=True, status="UPDATING")
        with self._ledger.together():
            self._ledger.save_replica(source)
            for place, (region, overrides) in enumerate(wanted.items()):
                phase: Phase = "QUEUED" if place and consistency == "EVENTUAL" else "ASKED"
                new = self._new(source, region, phase, overrides)
                self._ledger.save_replica(replace(new, consistency=consistency, witness=witness))
        self._lead(source.table)
        return source

    def remove(self, source: Replica, leaving: Sequence[Replica]) -> Replica:
        """Have replicas deleted with their data; the source as it is from now."""
        source = replace(source, status="UPDATING")
        with self._ledger.together():
            self._ledger.save_replica(source)
            for replica in leaving:
                self._ledger.save_replica(replace(replica, status="DELETING", phase="LEAVING"))
        self._lead(source.table)
        return source

    def delete(self, replica: Replica) -> Replica:
        """Have a member deleted at its own region's request; it shows at once."""
        leaving = replace(replica, status="DELETING", phase="")
        self._ledger.save_replica(leaving)
        self._lead(replica.table)
        return leaving

    def disassociate(self, replica: Replica) -> Replica:
        """Let a replica go with its data, once what it owes and is owed has arrived."""
        leaving = replace(replica, status="UPDATING", phase="DETACHING")
        self._ledger.save_replica(leaving)
        self._lead(replica.table)
        return leaving

    def forget(self, replica: Replica) -> None:
        """Drop a replica; what is left of its group is ACTIVE, and regional if it is alone."""
        group = self._ledger.group(replica.region, replica.table)
        left = [each for each in group if each.region != replica.region]
        with self._ledger.together():
            self._ledger.remove_replica(replica.region, replica.table)
            self._close_ranks(left)

    def _close_ranks(self, left: Sequence[Replica]) -> None:
        """The group goes on without one of its members."""
        coming = any(each.status == "CREATING" for each in left)
        for each in left:
            waits = each.status == "UPDATING" and not each.phase and not coming
            stays = replace(each, status="ACTIVE") if waits else each
            alone = len(left) == 1 and each.version == "2019.11.21"
            self._ledger.save_replica(_alone(stays) if alone else stays)

    def _new(
        self, source: Replica, region: str, phase: Phase, overrides: dict[str, Any]
    ) -> Replica:
        now = self._plane.clock.read()
        return Replica(
            table=source.table,
            region=region,
            key_names=source.key_names,
            is_global=True,
            status="CREATING",
            source=source.region,
            created_at=now,
            stream_label="",
            stream_view=source.stream_view,
            ttl_attribute=source.ttl_attribute,
            ttl_changed_at=source.ttl_changed_at,
            phase=phase,
            group_id=source.group_id,
            grouped_at=now,
            overrides=overrides,
            extras=source.extras,
        )

    # One after the other

    def _lead(self, table: str) -> None:
        leader = self._leaders.get(table)
        if leader is None or leader.done():
            self._leaders[table] = asyncio.create_task(self._lead_all(table), name=table)
            self._leaders[table].add_done_callback(self._ended)

    async def _lead_all(self, table: str) -> None:
        while replica := self._unfinished(table):
            try:
                await self._go_on(replica)
            except (EngineFailed, sqlite3.Error) as error:
                log.warning("%s in %s has to wait: %s", table, replica.region, error)
                await asyncio.sleep(RETRY_SECONDS)

    def _unfinished(self, table: str) -> Replica | None:
        """Replicas that go come first: what is made next may take their place."""
        replicas = self._ledger.replicas(table)
        going = [r for r in replicas if r.status == "DELETING" or r.phase == "DETACHING"]
        coming = [r for r in replicas if r.status == "CREATING" and r.source and r.phase != "READY"]
        return next(iter((*going, *coming)), None)

    async def _go_on(self, replica: Replica) -> None:
        """Take the next step of a replica's life."""
        match (replica.status, replica.phase):
            case ("DELETING", "LEAVING"):
                await self._leave(replica)
            case ("DELETING", _):
                await self._take_down(replica)
            case (_, "DETACHING"):
                await self._detach(replica)
            case (_, "QUEUED"):
                self._move(replica, "ASKED")
            case (_, "ASKED"):
                await self._plane.step()
                self._move(replica, "LISTED")
            case (_, "LISTED"):
                await self._make(replica)
            case _:
                await self._fill(replica)

    def _move(self, replica: Replica, phase: Phase) -> None:
        known = self._same(replica)
        if known:
            self._ledger.save_replica(replace(known, phase=phase))

    def _same(self, replica: Replica) -> Replica | None:
        """The replica as it is now; None if something else became of it while we awaited."""
        known = self._ledger.replica(replica.region, replica.table)
        if known is None or known.created_at != replica.created_at:
            return None
        return known if known.status == replica.status else None

    # Coming

    async def _make(self, replica: Replica) -> None:
        """Make the table; from then on it receives what its peers write."""
        await self._plane.step()
        described = await self._ask(replica.source, "DescribeTable", replica)
        if described is not None:
            await self._create_table(replica, described["Table"])
        known = self._same(replica)
        if known is None:
            return
        if described is None:
            log.warning("%s is gone from %s.", replica.table, replica.source)
            self.forget(known)
            return
        with self._ledger.together():
            self._ledger.save_replica(replace(known, phase=""))
            self._ledger.copy_tombstones(known.table, known.source, known.region)
            self._plane.replication.owe_backlog(known.table, known.region)

    async def _create_table(self, replica: Replica, source: Mapping[str, Any]) -> None:
        await self._plane.make_table(replica.region, _definition(source))
        update = override_update(replica.overrides, source)
        if update:
            body = {"TableName": replica.table, **update}
            await self._plane.ask_until_answered(replica.region, "UpdateTable", body)

    async def _ask(self, region: str, operation: str, replica: Replica) -> dict[str, Any] | None:
        body = {"TableName": replica.table}
        answered = await self._plane.ask_until_answered(region, operation, body)
        return answered.json() if answered.ok else None

    async def _fill(self, replica: Replica) -> None:
        """Copy what was there before, wait for what is on its way, and serve."""
        source = await self._plane.gateway(replica.source)
        target = await self._plane.gateway(replica.region)

        filling = BackFill(
            self._ledger,
            source,
            target,
            replica,
            goes_on=lambda: self._plane.reachable(replica.source, replica.region),
            is_wanted=lambda: self._same(replica) is not None,
        )
        try:
            copied = await filling.run()
        except NotWanted:
            return
        await self._until_arrived(replica)
        await self._plane.step()
        known = self._same(replica)
        if known is None:
            return
        self._open(known)
        log.info("%s has a replica in %s: %d items.", replica.table, replica.region, copied)

    async def _until_arrived(self, replica: Replica) -> None:
        """Wait for what is on its way to a region just now."""
        last = self._ledger.last_owed()
        while self._ledger.still_owed(replica.table, replica.region, last):  # noqa: ASYNC110
            await asyncio.sleep(POLL_SECONDS)

    def _open(self, replica: Replica) -> None:
        """Serve; the replicas of a strong group all at once."""
        with self._ledger.together():
            self._ledger.save_replica(replace(replica, phase="READY"))
            group = self._ledger.group(replica.region, replica.table)
            coming = [each for each in group if each.status == "CREATING"]
            if replica.consistency == "STRONG" and any(r.phase != "READY" for r in coming):
                return
            for each in coming:
                if each.phase == "READY":
                    self._serve(each)
            if all(each.phase == "READY" for each in coming):
                self._release_source(replica)

    def _serve(self, replica: Replica) -> None:
        turned_on = stream(self._plane.clock.read(), replica.stream_view)
        self._ledger.save_replica(replace(replica, status="ACTIVE", phase="", **turned_on))

    def _release_source(self, replica: Replica) -> None:
        source = self._ledger.replica(replica.source, replica.table)
        if source is not None:
            self._ledger.save_replica(
                replace(
                    source,
                    status="ACTIVE",
                    consistency=replica.consistency,
                    witness=replica.witness,
                )
            )

    # Going

    async def _leave(self, replica: Replica) -> None:
        """A moment later its peers see it DELETING, and may be changed again."""
        await self._plane.step()
        known = self._same(replica)
        if known is None:
            return
        with self._ledger.together():
            self._ledger.save_replica(replace(known, phase=""))
            for each in self._ledger.group(known.region, known.table):
                if each.status == "UPDATING" and not each.phase:
                    self._ledger.save_replica(replace(each, status="ACTIVE"))

    async def _take_down(self, replica: Replica) -> None:
        """The table goes with its data; the others stay."""
        await self._plane.step()
        await self._ask(replica.region, "DeleteTable", replica)
        known = self._same(replica)
        if known is not None:
            self.forget(known)
            log.info("%s left %s.", replica.table, replica.region)

    async def _detach(self, replica: Replica) -> None:
        """Wait for what it owes and is owed just now; what its peers write later is not its."""
        table, region = replica.table, replica.region
        await self._until_arrived(replica)
        last = self._ledger.last_owed()
        while self._ledger.owes(table, region, last):  # noqa: ASYNC110
            await asyncio.sleep(POLL_SECONDS)
        await self._plane.step()
        known = self._same(replica)
        if known is None:
            return
        left = [each for each in self._ledger.group(region, table) if each.region != region]
        with self._ledger.together():
            self._ledger.save_replica(_alone(replace(known, status="ACTIVE", phase="")))
            self._ledger.drop_owed(table, region)
            self._close_ranks(left)
        log.info("%s in %s is a table of its own.", table, region)

    def _settle_statuses(self, table: str) -> None:
        """No replica comes or goes: nothing is left to wait for."""
        for replica in self._ledger.replicas(table):
            if replica.status == "UPDATING":
                self._ledger.save_replica(replace(replica, status="ACTIVE"))

    def _ended(self, leader: asyncio.Task[None]) -> None:
        if not leader.cancelled() and (error := leader.exception()):
            log.error("Replicas of %s stopped: %s", leader.get_name(), error, exc_info=error)


def _alone(replica: Replica) -> Replica:
    """A table that is in no group any longer."""
    return replace(
        replica,
        is_global=False,
        group_id="",
        grouped_at=0,
        source="",
        consistency="EVENTUAL",
        witness="",
        overrides={},
        may_leave=False,
    )


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
    return definition | _other_settings(description)


def _other_settings(description: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if table_class := description.get("TableClassSummary", {}).get("TableClass"):
        found["TableClass"] = table_class
    if most := description.get("OnDemandThroughput"):
        found["OnDemandThroughput"] = most
    if description.get("SSEDescription", {}).get("Status") == "ENABLED":
        found["SSESpecification"] = {"Enabled": True, "SSEType": "KMS"}
    return found


def _capacity(description: Mapping[str, Any]) -> dict[str, int]:
    throughput = description["ProvisionedThroughput"]
    return {name: throughput[name] for name in ("ReadCapacityUnits", "WriteCapacityUnits")}


def _index_capacity(index: Mapping[str, Any]) -> dict[str, Any]:
    return {"ProvisionedThroughput": _capacity(index)}
