"""Whatever is written, wherever and however late it travels: replicas come to agree."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from itertools import count
from typing import Any

from botocore.exceptions import (
    ConnectionClosedError,
    EndpointConnectionError,
)
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.sandbox import (
    REGIONS,
    Item,
    RunningSandbox,
    broken_chains,
    number,
    side_by_side,
    text,
    wait_until,
)

KEYS = ("a", "b", "c")
AWAY = (EndpointConnectionError, ConnectionClosedError)


@dataclass
class World:
    """A table in every region, and what each key may be once everything has arrived.

    Calls come one after the other and the sandbox has one clock, so the last one acknowledged is
    the last writer. Whether a delete in a batch met an item nobody is told: both ends are right.
    """

    sandbox: RunningSandbox
    table: str
    prefix: str
    may_be: dict[str, list[Item | None]] = field(default_factory=dict)

    def key(self, name: str) -> dict[str, dict[str, str]]:
        return {"PK": text(f"{self.prefix}{name}")}

    def item(self, name: str, value: int) -> dict[str, dict[str, str]]:
        return {**self.key(name), "v": number(value)}

    def client(self, region: str, shared: bool) -> Any:
        return self.sandbox.client(region, shared)

    def wrote(self, name: str, image: Item | None) -> None:
        self.may_be[name] = [image]

    def may_have_deleted(self, name: str) -> None:
        self.may_be[name] = [*self.may_be.get(name, [None]), None]


Step = Callable[[World], None]


def put(region: str, shared: bool, name: str, value: int) -> Step:
    def step(world: World) -> None:
        item = world.item(name, value)
        world.client(region, shared).put_item(TableName=world.table, Item=item)
        world.wrote(name, item)

    return step


def update(region: str, shared: bool, name: str, value: int) -> Step:
    """Whole-item last writer wins: what counts is the image that this region had afterwards."""

    def step(world: World) -> None:
        answer = world.client(region, shared).update_item(
            TableName=world.table,
            Key=world.key(name),
            UpdateExpression="SET #attribute = :value",
            ExpressionAttributeNames={"#attribute": f"w{value % 3}"},
            ExpressionAttributeValues={":value": number(value)},
            ReturnValues="ALL_NEW",
        )
        world.wrote(name, answer["Attributes"])

    return step


def delete(region: str, shared: bool, name: str, _value: int) -> Step:
    """A delete counts where there was something to delete."""

    def step(world: World) -> None:
        answer = world.client(region, shared).delete_item(
            TableName=world.table, Key=world.key(name), ReturnValues="ALL_OLD"
        )
        if "Attributes" in answer:
            world.wrote(name, None)

    return step


def batch(region: str, shared: bool, name: str, value: int) -> Step:
    """Put all keys but one, and delete that one."""

    def step(world: World) -> None:
        others = [each for each in KEYS if each != name]
        requests: list[dict[str, Any]] = [{"DeleteRequest": {"Key": world.key(name)}}]
        requests += [{"PutRequest": {"Item": world.item(each, value)}} for each in others]
        answer = world.client(region, shared).batch_write_item(RequestItems={world.table: requests})
        assert answer["UnprocessedItems"] == {}
        world.may_have_deleted(name)
        for each in others:
            world.wrote(each, world.item(each, value))

    return step


def transact(region: str, shared: bool, name: str, value: int) -> Step:
    """Put one key and delete the next, in one transaction."""

    def step(world: World) -> None:
        other = KEYS[(KEYS.index(name) + 1) % len(KEYS)]
        world.client(region, shared).transact_write_items(
            TransactItems=[
                {"Put": {"TableName": world.table, "Item": world.item(name, value)}},
                {"Delete": {"TableName": world.table, "Key": world.key(other)}},
            ]
        )
        world.wrote(name, world.item(name, value))
        world.may_have_deleted(other)

    return step


def outage(region: str) -> Step:
    return lambda world: _told(world.sandbox.control.outage(region))


def heal(region: str) -> Step:
    return lambda world: _told(world.sandbox.control.heal(region))


def lag(source: str | None, target: str | None, lag_ms: int) -> Step:
    return lambda world: _told(
        world.sandbox.control.set_lag(lag_ms=lag_ms, jitter_ms=lag_ms, source=source, target=target)
    )


def _told(_status: object) -> None:
    """What the control API answers is not of interest here."""


regions = st.sampled_from(REGIONS)
writes = st.builds(
    lambda kind, *place: kind(*place),
    st.sampled_from([put, put, update, update, delete, delete, batch, transact]),
    regions,
    st.booleans(),
    st.sampled_from(KEYS),
    st.integers(0, 5),
)
ends = st.one_of(st.none(), regions)
ways = st.tuples(ends, ends).filter(lambda way: way[0] is None or way[0] != way[1])
turns = st.one_of(
    st.builds(
        lambda way, lag_ms: lag(way[0], way[1], lag_ms), ways, st.sampled_from([0, 5, 30, 3000])
    ),
    st.builds(outage, regions),
    st.builds(heal, regions),
)
starts = st.builds(lag, st.none(), st.none(), st.sampled_from([0, 10, 3000]))
walks = st.builds(
    lambda start, steps: [start, *steps],
    starts,
    st.lists(st.one_of(writes, writes, writes, turns), min_size=2, max_size=25),
)


def test_replicas_agree_on_the_last_acknowledged_write_of_each_item(
    sandbox: RunningSandbox, table: str
) -> None:
    sandbox.create_table(table)
    example = count()

    @settings(
        max_examples=80, deadline=None, suppress_health_check=list(HealthCheck), print_blob=True
    )
    @given(walks)
    def walk(steps: list[Step]) -> None:
        world = World(sandbox=sandbox, table=table, prefix=f"{next(example)}-")
        try:
            for step in steps:
                _one(step, world)
        finally:
            sandbox.control.heal()
            sandbox.control.set_lag(lag_ms=0, jitter_ms=0)
        sandbox.drain()
        for region in REGIONS:
            for name, expected in world.may_be.items():
                assert _stored(world, region, name) in expected, (region, name)

    walk()
    everywhere = [sandbox.scan(table, region) for region in REGIONS]
    assert everywhere[0] == everywhere[1] == everywhere[2]
    for region in REGIONS:
        assert broken_chains(sandbox.stream(table, region)) == []
        assert sandbox.known_items(table, region) == everywhere[0]


def _one(step: Step, world: World) -> None:
    """A region that is away takes nothing: the step was none."""
    try:
        step(world)
    except AWAY:
        return


def _stored(world: World, region: str, name: str) -> Item | None:
    found = world.sandbox.client(region).get_item(TableName=world.table, Key=world.key(name))
    return found.get("Item")


def test_writers_in_every_region_at_once_leave_equal_replicas(
    sandbox: RunningSandbox, table: str
) -> None:
    """Racing writers have no order that a test could know; they have to agree all the same."""
    sandbox.create_table(table)
    sandbox.control.set_lag(lag_ms=3, jitter_ms=3)
    clients = [sandbox.client(region) for region in REGIONS]

    def write(seed: int) -> None:
        client = clients[seed % len(clients)]
        for turn in range(30):
            key = {"PK": text(f"k{(turn * seed) % 4}")}
            if turn % 5 == seed % 5:
                client.delete_item(TableName=table, Key=key)
            else:
                client.put_item(TableName=table, Item={**key, "v": text(f"{seed}-{turn}")})

    side_by_side([partial(write, seed) for seed in range(2 * len(clients))])
    sandbox.drain()
    everywhere = [sandbox.scan(table, region) for region in REGIONS]
    assert everywhere[0] == everywhere[1] == everywhere[2]
    for region in REGIONS:
        assert broken_chains(sandbox.stream(table, region)) == []


def test_an_item_arrives_in_the_order_it_was_written_whatever_the_jitter(
    sandbox: RunningSandbox, table: str
) -> None:
    sandbox.create_table(table)
    sandbox.control.set_lag(lag_ms=20, jitter_ms=20)
    for value in range(40):
        sandbox.client("us-west-2").put_item(
            TableName=table, Item={"PK": text("a"), "v": number(value)}
        )
    sandbox.drain()
    arrived = [
        int(record["dynamodb"]["NewImage"]["v"]["N"])
        for record in sandbox.stream(table, "eu-west-1")
    ]
    assert arrived == sorted(set(arrived)), "the same twice, or an older one later"
    assert arrived[-1] == 39


def test_each_way_has_a_lag_of_its_own(sandbox: RunningSandbox, table: str) -> None:
    sandbox.create_table(table)
    sandbox.control.set_lag(lag_ms=0, jitter_ms=0)
    sandbox.control.set_lag(lag_ms=600_000, source="us-west-2", target="eu-west-1")
    sandbox.client("us-west-2").put_item(TableName=table, Item={"PK": text("a")})
    wait_until(lambda: "a" in sandbox.scan(table, "us-east-2"))
    held = {("us-west-2", "eu-west-1"): 1}
    wait_until(lambda: _backlog(sandbox) == held, "the other way to be done with")
    sandbox.client("eu-west-1").put_item(TableName=table, Item={"PK": text("b")})
    wait_until(lambda: "b" in sandbox.scan(table, "us-west-2"))
    assert "a" not in sandbox.scan(table, "eu-west-1")
    sandbox.control.set_lag(lag_ms=0)
    sandbox.drain()
    assert set(sandbox.scan(table, "eu-west-1")) == {"a", "b"}


def test_a_longer_lag_does_not_hold_back_what_is_on_its_way(
    sandbox: RunningSandbox, table: str
) -> None:
    sandbox.create_table(table)
    sandbox.control.set_lag(lag_ms=300, jitter_ms=0)
    sandbox.client("us-west-2").put_item(TableName=table, Item={"PK": text("a")})
    sandbox.control.set_lag(lag_ms=600_000)
    wait_until(lambda: "a" in sandbox.scan(table, "eu-west-1"))


def test_a_lag_can_be_set_for_a_way_that_nothing_went_yet(start: Callable[..., Any]) -> None:
    own = start(lag_ms=0)
    own.control.set_lag(lag_ms=600_000, source="us-west-2", target="eu-west-1")
    own.create_table("early")
    own.client("us-west-2").put_item(TableName="early", Item={"PK": text("a")})
    wait_until(lambda: "a" in own.scan("early", "us-east-2"))
    assert "a" not in own.scan("early", "eu-west-1")


def _backlog(sandbox: RunningSandbox) -> Mapping[tuple[str, str], int]:
    pairs = sandbox.control.status().pairs
    return {(pair.source, pair.target): pair.backlog for pair in pairs if pair.backlog}
