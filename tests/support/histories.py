"""What three regions must show after any history of writes and faults, kept beside a real sandbox.

One caller writes, so each write is acknowledged before the next begins. Which of them stands in a
region is read from the ledger's (time, region) of the item there, never worked out by the code
under test: the rest follows from what the caller sent.
"""

import http.client
import json
import sqlite3
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import count
from typing import Any

from tests.support.sandbox import BOUND_SECONDS, HOST, RunningSandbox, text
from tests.support.steps import Image, Kind, Step, batch_part, statement, transaction_part

HOLD = {"lag_ms": 600_000, "jitter_ms": 0}
FLOW = {"lag_ms": 0, "jitter_ms": 0}
PAGE = 1000
FAILED = ("ConditionalCheckFailedException", "TransactionCanceledException")
UNSTATED = {"new": "DuplicateItemException", "change": "ConditionalCheckFailedException"}
Version = tuple[int, str]
Way = tuple[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ack:
    """A write that was acknowledged, or that turned out to be done: what it left of its item.

    `knew` are the versions that its region had seen of the item before it.
    """

    version: Version
    image: Image | None
    knew: frozenset[Version]


class World:
    """A sandbox with one table everywhere, and connections that stay open between histories."""

    def __init__(self, sandbox: RunningSandbox, table: str) -> None:
        self.sandbox = sandbox
        self.table = table
        self.marks = count(1)
        self.histories = count(1)
        self._connections: dict[int, http.client.HTTPConnection] = {}
        self._iterators: dict[str, str] = {}
        self._database: sqlite3.Connection | None = None
        sandbox.create_table(table, sort_key=True)
        self.control("/lag", HOLD)

    @property
    def regions(self) -> Sequence[str]:
        return self.sandbox.regions

    def close(self) -> None:
        self.hang_up()
        if self._database:
            self._database.close()
        self._database = None

    # Requests

    def ask(self, region: str, operation: str, body: Mapping[str, Any]) -> tuple[int, Any]:
        """Status and body of the answer; `OSError` or `HTTPException` where none came."""
        streams = operation in ("GetShardIterator", "GetRecords", "DescribeStream", "ListStreams")
        service = "DynamoDBStreams_20120810" if streams else "DynamoDB_20120810"
        headers = {
            "X-Amz-Target": f"{service}.{operation}",
            "Authorization": f"AWS4-HMAC-SHA256 Credential=x/20260101/{region}/dynamodb/"
            "aws4_request, SignedHeaders=host, Signature=x",
        }
        return self._send(self.sandbox.port_of(region), "POST", "/", body, headers)

    def control(self, path: str, body: Mapping[str, Any] | None = None) -> Any:
        """The control API's answer, which is the new status."""
        method = "GET" if body is None else "POST"
        port = self.sandbox.port - 1
        status, answered = self._send(port, method, path, body, {"X-Sandbox-Control": "1"})
        assert status == 200, answered
        return answered

    def _send(
        self, port: int, method: str, path: str, body: Any, headers: Mapping[str, str]
    ) -> tuple[int, Any]:
        connection = self._connections.get(port)
        if connection is None:
            connection = http.client.HTTPConnection(HOST, port, timeout=BOUND_SECONDS)
            self._connections[port] = connection
        try:
            connection.request(method, path, json.dumps(body) if body else None, dict(headers))
            response = connection.getresponse()
            return response.status, json.loads(response.read())
        except (OSError, http.client.HTTPException):
            self._connections.pop(port, connection).close()
            raise

    def hang_up(self, region: str | None = None) -> None:
        """Forget a connection that a fault has broken, or every one."""
        ports = list(self._connections) if region is None else [self.sandbox.port_of(region)]
        for port in ports:
            connection = self._connections.pop(port, None)
            if connection is not None:
                connection.close()

    # What the sandbox says of itself

    def versions(self, region: str, history: str) -> dict[str, Version]:
        """Item → the version that stands in a region, a delete's included."""
        rows = self._ledger(
            "SELECT item_key, time, origin FROM versions "
            "WHERE region = ? AND table_name = ? AND item_key >= ? AND item_key < ?",
            (region, self.table, *_range(history)),
        )
        return {_item(key): (moment, origin) for key, moment, origin in rows}

    def losers(self, history: str) -> set[tuple[str, Version]]:
        """(item, version) of every reported conflict's loser."""
        rows = self._ledger(
            "SELECT item_key, loser_time, loser_region FROM conflicts "
            "WHERE table_name = ? AND item_key >= ? AND item_key < ?",
            (self.table, *_range(history)),
        )
        return {(_item(key), (moment, region)) for key, moment, region in rows}

    def all_arrived(self, way: Way, images: Mapping[str, Version]) -> bool:
        """Whether none of these images, by item, waits on a way, nor an older one of its item.

        Read by version: how soon a row is due may change a moment after the lag was answered.
        """
        rows = self._ledger(
            "SELECT item_key, time, origin FROM outbox WHERE source = ? AND target = ?", way
        )
        none: Version = (-1, "")
        return all((time, origin) > images.get(_item(key), none) for key, time, origin in rows)

    def waiting(self, way: Way) -> int:
        """How many images wait on a way for whatever reason."""
        query = "SELECT count(*) FROM outbox WHERE source = ? AND target = ?"
        ((waiting,),) = self._ledger(query, way)
        return int(waiting)

    def _ledger(self, query: str, values: Sequence[object]) -> list[tuple[Any, ...]]:
        if self._database is None:
            place = self.sandbox.folder / "data" / "ledger.sqlite3"
            self._database = sqlite3.connect(f"file:{place}?mode=ro", uri=True)
        return self._database.execute(query, values).fetchall()

    # What the regions show

    def items(self, region: str, history: str) -> dict[str, Image]:
        status, page = self.ask(
            region,
            "Query",
            {
                "TableName": self.table,
                "KeyConditionExpression": "PK = :h",
                "ExpressionAttributeValues": {":h": text(history)},
                "ConsistentRead": True,
            },
        )
        assert status == 200, page
        return {f"{history}/{item['SK']['S']}": item for item in page["Items"]}

    def new_records(self, region: str) -> list[Any]:
        """The records of a replica's stream since the last time they were asked for."""
        records: list[Any] = []
        iterator = self._iterators.get(region) or self._first_iterator(region)
        while True:
            status, page = self.ask(
                region, "GetRecords", {"ShardIterator": iterator, "Limit": PAGE}
            )
            assert status == 200, page
            records += page["Records"]
            iterator = self._iterators[region] = page["NextShardIterator"]
            if len(page["Records"]) < PAGE:
                return records

    def _first_iterator(self, region: str) -> str:
        _, listed = self.ask(region, "ListStreams", {"TableName": self.table})
        arn = listed["Streams"][0]["StreamArn"]
        _, described = self.ask(region, "DescribeStream", {"StreamArn": arn})
        shard = described["StreamDescription"]["Shards"][-1]["ShardId"]
        asked = {"StreamArn": arn, "ShardId": shard, "ShardIteratorType": "TRIM_HORIZON"}
        _, answered = self.ask(region, "GetShardIterator", asked)
        return str(answered["ShardIterator"])


def _range(history: str) -> tuple[str, str]:
    start = json.dumps([["S", history]], separators=(",", ":"))[:-1]
    return start, start + "~"


def _item(item_key: str) -> str:
    return "/".join(value for _, value in json.loads(item_key))


@dataclass
class History:
    """One history in its own partition of the table: what was asked, and what has to follow."""

    world: World
    skewed: bool = False
    name: str = ""
    acks: dict[str, list[Ack]] = field(default_factory=dict)
    held: dict[tuple[str, str], Version] = field(default_factory=dict)
    """(region, item) → the version that the region has now."""
    seen: dict[tuple[str, str], set[Version]] = field(default_factory=dict)
    """(region, item) → every version that the region has met, in the end or for a while."""
    waiting: dict[Way, dict[str, Version]] = field(default_factory=dict)
    """Way → item → the newest version that is held back on it."""
    due: dict[Way, dict[str, Version]] = field(default_factory=dict)
    """The same for what is not held back, and arrives as soon as the way is free."""
    cut: set[str] = field(default_factory=set)
    """The regions that neither send nor receive now."""
    records: dict[str, list[Any]] = field(default_factory=dict)
    """Region → the stream records of this history, after healing."""

    def __post_init__(self) -> None:
        self.name = f"h{next(self.world.histories):06}"

    def step(self, kind: Kind, item: str) -> Step:
        return Step(kind=kind, item=f"{self.name}/{item}", mark=next(self.world.marks))

    # Writing

    def write(self, region: str, step: Step) -> None:
        """One request of its own, which has to be answered."""
        before = self.image(region, step.item)
        operation, body = step.request(self.world.table)
        status, answered = self.world.ask(region, operation, body)
        if step.refused_over(before):
            assert (status, _code(answered)) == (400, FAILED[0]), answered
        else:
            assert status == 200, answered
        self.note(region, [step], done=status == 200)

    def state(self, region: str, step: Step) -> None:
        """The same by a PartiQL statement."""
        before = self.image(region, step.item)
        body = statement(step, self.world.table)
        status, answered = self.world.ask(region, "ExecuteStatement", body)
        if step.refused_over(before):
            assert (status, _code(answered)) == (400, UNSTATED[step.kind]), answered
        else:
            assert status == 200, answered
        self.note(region, [step], done=status == 200)

    def batch(self, region: str, steps: Sequence[Step]) -> None:
        """Puts and deletes side by side, all of them done."""
        parts = [batch_part(step, self.world.table) for step in steps]
        body = {"RequestItems": {self.world.table: parts}}
        status, answered = self.world.ask(region, "BatchWriteItem", body)
        assert status == 200, answered
        assert not answered.get("UnprocessedItems")
        self.note(region, steps, done=True)

    def transact(self, region: str, steps: Sequence[Step]) -> None:
        """All of it or nothing, here."""
        refused = any(step.refused_over(self.image(region, step.item)) for step in steps)
        done = self.try_to_transact(region, steps)
        assert done == (not refused)
        self.note(region, steps, done=done)

    def try_to_transact(self, region: str, steps: Sequence[Step]) -> bool | None:
        """Whether it was done; None where the answer leaves that open, or none came."""
        body = {"TransactItems": [transaction_part(step, self.world.table) for step in steps]}
        try:
            status, answered = self.world.ask(region, "TransactWriteItems", body)
        except (OSError, http.client.HTTPException):
            return None
        if status == 400:
            assert _code(answered) == FAILED[1], answered
            return False
        return True if status == 200 else None

    def note(self, region: str, steps: Sequence[Step], *, done: bool | None) -> None:
        """Learn the versions of what was done; `done` None is for a request without an answer.

        Another region's version that stands there now came by a delivery at the same time.
        """
        stands = self.world.versions(region, self.name)
        now = {item: version for item, version in stands.items() if version[1] == region}
        held = {step.item: self._version(region, step.item) for step in steps}
        changed = [now.get(item, version) > version for item, version in held.items()]
        if done is None:
            done = any(changed)
        for step, version_moved in zip(steps, changed, strict=True):
            before = self.image(region, step.item)
            after = step.done_to(before)
            counts = done and not (before is None and after is None)
            assert version_moved == counts, (region, step, "a version without a write, or none")
            if counts:
                self._acknowledge(region, step, now[step.item], after)

    def _acknowledge(self, region: str, step: Step, version: Version, after: Image | None) -> None:
        known = self.acks.setdefault(step.item, [])
        assert version[1] == region
        assert version > self._version(region, step.item)
        if not self.skewed:
            assert all(version > ack.version for ack in known), "an earlier time than before"
        met = self.seen.setdefault((region, step.item), set())
        known.append(Ack(version=version, image=after, knew=frozenset(met)))
        met.add(version)
        self.held[region, step.item] = version
        for way in ways(self.world.regions):
            if way[0] == region:
                self.waiting.setdefault(way, {})[step.item] = version

    def image(self, region: str, item: str) -> Image | None:
        """The item as the region has to show it now."""
        version = self.held.get((region, item))
        return None if version is None else self._ack(item, version).image

    def _version(self, region: str, item: str) -> Version:
        return self.held.get((region, item), (0, ""))

    def _ack(self, item: str, version: Version) -> Ack:
        (found,) = [ack for ack in self.acks[item] if ack.version == version]
        return found

    # Delivery

    def deliver(self, *hastened: Way) -> None:
        """What waits on these ways arrives now, or as soon as both regions are there."""
        for way in hastened:
            self.hasten(way)
        self.settle()
        for source, target in hastened:
            self.world.control("/lag", {"source": source, "target": target, **HOLD})

    def hasten(self, way: Way) -> None:
        self.due.setdefault(way, {}).update(self.waiting.pop(way, {}))
        self.world.control("/lag", {"source": way[0], "target": way[1], **FLOW})

    def may_arrive(self, region: str, item: str, hastened: Way | None) -> bool:
        """Whether an image of the item may reach the region once everything that is due moves.

        A write at the same time would then come before it or after it, as chance has it.
        """
        coming = [items for way, items in self.due.items() if way[1] == region]
        if hastened and hastened[1] == region:
            coming.append(self.waiting.get(hastened, {}))
        return any(f"{self.name}/{item}" in items for items in coming)

    def settle(self) -> None:
        """Wait for everything that is due on ways that are free."""
        for way in ways(self.world.regions):
            if way in self.due and not self.cut & set(way):
                images = self.due.pop(way)
                until(partial(self.world.all_arrived, way, images), f"{way}")
                self._arrive(way[1], images)

    def _arrive(self, target: str, images: Mapping[str, Version]) -> None:
        """The later of two versions stands; the region has met both."""
        for item, version in images.items():
            met = self.seen.setdefault((target, item), set())
            met |= self._ack(item, version).knew | {version}
            if version > self._version(target, item):
                self.held[target, item] = version

    def heal(self) -> None:
        """Everything as at the start, and everything delivered."""
        if self.cut or self.skewed:
            self.world.control("/reset", {})
        self.world.control("/lag", FLOW)
        for way in ways(self.world.regions):
            until(lambda way=way: not self.world.waiting(way), f"{way}")  # type: ignore[misc]
        self.world.control("/lag", HOLD)
        self.records = {region: self.world.new_records(region) for region in self.world.regions}

    # What has to hold

    def check_region(self, region: str) -> None:
        """A region shows what the writes and deliveries so far have made of it."""
        shown = self.world.items(region, self.name)
        wanted = {item: self.image(region, item) for item in self.acks}
        assert shown == {item: image for item, image in wanted.items() if image is not None}

    def check_end(self) -> None:
        """After healing: the regions agree on the right items, and nothing is lost in silence."""
        survivors = {
            item: max(acks, key=lambda ack: ack.version) for item, acks in self.acks.items()
        }
        wanted = {item: ack.image for item, ack in survivors.items() if ack.image is not None}
        for region in self.world.regions:
            assert self.world.items(region, self.name) == wanted, f"{region} did not converge"
            stands = self.world.versions(region, self.name)
            assert stands == {item: ack.version for item, ack in survivors.items()}
            self._check_stream(self.records[region], wanted)
        self._check_losses(survivors)

    def _check_losses(self, survivors: Mapping[str, Ack]) -> None:
        """Nothing acknowledged is gone but what a later write knew, or a conflict's loser."""
        losers = self.world.losers(self.name)
        for item, acks in self.acks.items():
            known = frozenset[Version]().union(*(ack.knew for ack in acks))
            for ack in acks:
                kept = ack is survivors[item] or ack.version in known
                assert kept or (item, ack.version) in losers, f"{item}: {ack} is lost in silence"
            versions = {ack.version for ack in acks}
            assert {lost for name, lost in losers if name == item} <= versions

    def _check_stream(self, records: Sequence[Any], wanted: Mapping[str, Image]) -> None:
        """Replayed it gives the table; no write twice, none that nobody made."""
        table: dict[str, Image] = {}
        marks: list[str] = []
        deletes: dict[str, int] = {}
        for record in records:
            change = record["dynamodb"]
            item = "/".join(change["Keys"][name]["S"] for name in ("PK", "SK"))
            before = table.pop(item, None)
            assert change.get("OldImage") == before, f"a record is missing before {change}"
            if "NewImage" in change:
                table[item] = change["NewImage"]
                marks.append(change["NewImage"]["w"]["N"])
            else:
                deletes[item] = deletes.get(item, 0) + 1
        assert table == wanted
        assert len(marks) == len(set(marks)), "a write came twice"
        for item, times in deletes.items():
            assert times <= sum(ack.image is None for ack in self.acks[item]), "an echo of a delete"


def _code(answered: Mapping[str, Any]) -> str:
    return str(answered.get("__type", "")).rpartition("#")[2]


def until(condition: Callable[[], bool], what: str) -> None:
    """Like `wait_until`, but quicker to look again: a history waits often, and briefly."""
    end = time.monotonic() + BOUND_SECONDS
    while not condition():
        assert time.monotonic() < end, f"Waited in vain for {what}."
        time.sleep(0.001)


def ways(regions: Sequence[str]) -> Iterator[tuple[str, str]]:
    return ((source, target) for source in regions for target in regions if source != target)
