"""Nothing that was acknowledged is lost, whichever process is killed at whatever moment."""

import itertools
import random
import resource
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from botocore.exceptions import BotoCoreError, ClientError

from tests.support.sandbox import (
    BOUND_SECONDS,
    REGIONS,
    RunningSandbox,
    alive,
    broken_chains,
    number,
    text,
    wait_until,
)

Start = Callable[..., RunningSandbox]
UNANSWERED_SECONDS = 0.01
TABLE = "lasting"
ARRIVED = "SELECT count(*) FROM versions WHERE region = 'eu-west-1'"
FULL = ("has to wait", "cannot keep", "PutItem in us-west-2 failed")
"""What a sandbox logs that can write no more; a caller may give up for other reasons."""
STATUS = "SELECT json_extract(body, '$.status') FROM replicas WHERE region = 'eu-west-1'"


@dataclass
class Writer(threading.Thread):
    """The only one that writes its keys: 1, 2, 3 … into them all until it is told to stop.

    `acknowledged` is the last number whose write was answered; the one after it may be there too.
    """

    client: Any
    region: str
    keys: tuple[str, ...]
    acknowledged: int = 0
    stopped: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        super().__init__(name="-".join(self.keys), daemon=True)

    def __hash__(self) -> int:
        return id(self)

    def run(self) -> None:
        for value in itertools.count(1):
            if self.stopped.is_set():
                return
            try:
                self.write(value)
            except (BotoCoreError, ClientError):
                time.sleep(UNANSWERED_SECONDS)
            else:
                self.acknowledged = value

    def write(self, value: int) -> None:
        """Each way there is to write, by turns."""
        items = [{"PK": text(key), "v": number(value)} for key in self.keys]
        if len(items) > 1 and value % 2:
            self.client.transact_write_items(
                TransactItems=[{"Put": {"TableName": TABLE, "Item": item}} for item in items]
            )
        elif len(items) > 1:
            puts = [{"PutRequest": {"Item": item}} for item in items]
            self.client.batch_write_item(RequestItems={TABLE: puts})
        elif value % 2:
            self.client.put_item(TableName=TABLE, Item=items[0])
        else:
            self.client.update_item(
                TableName=TABLE,
                Key={"PK": text(self.keys[0])},
                UpdateExpression="SET v = :value",
                ExpressionAttributeValues={":value": number(value)},
            )


def test_no_acknowledged_write_is_lost_when_processes_are_killed(start: Start) -> None:
    own = start(lag_ms=20, jitter_ms=15)
    own.create_table(TABLE)
    writers = [
        Writer(client=own.client(region), region=region, keys=keys)
        for region in REGIONS
        for keys in ((f"{region}-1",), (f"{region}-2", f"{region}-3"))
    ]
    for writer in writers:
        writer.start()
    for turn in range(6):
        own_progress = [writer.acknowledged for writer in writers]
        _wait_for_progress(writers, own_progress)
        if turn % 2:
            own.kill_engine(random.choice(REGIONS))
        else:
            time.sleep(random.random() / 10)
            own.kill()
            own.restart()
    _wait_for_progress(writers, [writer.acknowledged for writer in writers])
    own.kill()
    for writer in writers:
        writer.stopped.set()
    for writer in writers:
        writer.join()
    own.restart()
    _check_own_regions(own, writers)
    own.drain()
    _check_items(own, writers)
    _check_streams(own, writers)
    own.stop()
    assert own.ledger("SELECT count(*) FROM intents") == [(0,)]
    assert own.ledger("SELECT count(*) FROM outbox") == [(0,)]


def _check_own_regions(own: RunningSandbox, writers: list[Writer]) -> None:
    """Where it was written, everything acknowledged is there as soon as anybody is answered."""
    for writer in writers:
        for key in writer.keys:
            found = own.client(writer.region).get_item(TableName=TABLE, Key={"PK": text(key)})
            assert int(found["Item"]["v"]["N"]) >= writer.acknowledged


def _wait_for_progress(writers: list[Writer], before: list[int]) -> None:
    """Until every writer had a few more answers: what is killed is killed at work."""
    wait_until(
        lambda: all(
            writer.acknowledged > old + 5 for writer, old in zip(writers, before, strict=True)
        )
    )


def _check_items(own: RunningSandbox, writers: list[Writer]) -> None:
    """A batch that nobody got an answer to may have been done by half: it is no transaction."""
    everywhere = [own.scan(TABLE, region) for region in REGIONS]
    assert everywhere[0] == everywhere[1] == everywhere[2]
    for region in REGIONS:
        assert own.known_items(TABLE, region) == everywhere[0]
    for writer in writers:
        stored = {int(everywhere[0][key]["v"]["N"]) for key in writer.keys}
        newest = max(stored)
        assert len(stored) == 1 or newest % 2 == 0, "a transaction was done by half"
        assert stored <= {newest, newest - 1}, "a batch left out what it had done before"
        assert min(stored) >= writer.acknowledged


def _check_streams(own: RunningSandbox, writers: list[Writer]) -> None:
    """In every region each change once, in order, each starting from where the last one ended."""
    for region in REGIONS:
        records = own.stream(TABLE, region)
        assert broken_chains(records) == []
        values: dict[str, list[int]] = {}
        for record in records:
            image = record["dynamodb"]["NewImage"]
            values.setdefault(image["PK"]["S"], []).append(int(image["v"]["N"]))
        for writer in writers:
            for key in writer.keys:
                assert values[key] == sorted(set(values[key]))
                assert max(values[key]) >= writer.acknowledged


def test_a_back_fill_that_was_cut_short_goes_on(start: Start) -> None:
    """The replica waits for an image that a pause holds up: it cannot be ready before the kill."""
    own = start()
    own.create_table(TABLE, "us-west-2", "us-east-2")
    _fill(own, 300)
    own.drain()
    own.hold()
    own.client("us-east-2").put_item(TableName=TABLE, Item={"PK": text("held up")})
    own.control.pause_way("us-east-2", "eu-west-1")
    own.add_replica(TABLE, "us-west-2", "eu-west-1")
    wait_until(lambda: own.ledger(ARRIVED) > [(5,)], "the back-fill")
    own.kill()
    assert own.ledger(STATUS) == [("CREATING",)]
    own.restart()
    own.wait_active(TABLE, "us-west-2", "eu-west-1")
    own.deliver()
    home = own.scan(TABLE, "us-west-2")
    assert len(home) == 301
    assert own.scan(TABLE, "eu-west-1") == home
    own.client("eu-west-1").put_item(TableName=TABLE, Item={"PK": text("later")})
    wait_until(lambda: "later" in own.scan(TABLE, "us-west-2"))


def test_an_engine_killed_during_a_back_fill_delays_it_only(start: Start) -> None:
    own = start(pace_seconds=0.2)
    own.create_table(TABLE, "us-west-2")
    _fill(own, 300)
    own.add_replica(TABLE, "us-west-2", "eu-west-1")
    for region in ("us-west-2", "eu-west-1", "us-west-2"):
        own.kill_engine(region)
    own.wait_active(TABLE, "us-west-2", "eu-west-1")
    own.drain()
    assert own.scan(TABLE, "eu-west-1") == own.scan(TABLE, "us-west-2")


def test_a_replica_delete_that_was_cut_short_goes_on(start: Start) -> None:
    """Its first step takes longer than any machine stands still: it is killed before that."""
    own = start()
    own.create_table(TABLE, "us-west-2", "eu-west-1")
    own.client("us-west-2").put_item(TableName=TABLE, Item={"PK": text("kept")})
    own.drain()
    own.pace_seconds = 2 * BOUND_SECONDS
    own.restart()
    own.client("us-west-2").update_table(
        TableName=TABLE, ReplicaUpdates=[{"Delete": {"RegionName": "eu-west-1"}}]
    )
    own.kill()
    assert own.ledger(STATUS) == [("DELETING",)]
    own.pace_seconds = 0
    own.restart()
    wait_until(lambda: own.client("eu-west-1").list_tables()["TableNames"] == [])
    own.wait_active(TABLE, "us-west-2")
    description = own.client("us-west-2").describe_table(TableName=TABLE)["Table"]
    assert "Replicas" not in description
    assert set(own.scan(TABLE, "us-west-2")) == {"kept"}
    own.add_replica(TABLE, "us-west-2", "eu-west-1")
    own.wait_active(TABLE, "us-west-2", "eu-west-1")
    assert set(own.scan(TABLE, "eu-west-1")) == {"kept"}


def test_what_is_on_its_way_outlives_a_restart(start: Start) -> None:
    own = start(lag_ms=600_000)
    own.create_table(TABLE, "us-west-2", "eu-west-1")
    own.client("us-west-2").put_item(TableName=TABLE, Item={"PK": text("a")})
    own.kill()
    own.restart()
    assert own.control.status().backlog == 1
    assert own.scan(TABLE, "eu-west-1") == {}
    own.control.set_lag(lag_ms=0)
    own.drain()
    assert set(own.scan(TABLE, "eu-west-1")) == {"a"}


@pytest.mark.skipif(not hasattr(resource, "prlimit"), reason="Only Linux limits other processes.")
def test_what_was_acknowledged_outlives_a_full_disk(start: Start) -> None:
    own = start(lag_ms=500)
    own.create_table(TABLE)
    client, acknowledged = own.client("us-west-2", read_seconds=2), set()
    with _disk_full(own):
        for place in range(200):
            name = f"k{place}"
            try:
                client.put_item(TableName=TABLE, Item={"PK": text(name), "v": text("x" * 9000)})
            except (BotoCoreError, ClientError):
                if any(sign in own.output() for sign in FULL):
                    break
            else:
                acknowledged.add(name)
        assert place < 199, "the disk was not full"
        wait_until(lambda: "has to wait" in own.output(), "replication to meet the full disk")
        assert own.client("us-west-2").list_tables()["TableNames"] == [TABLE]
    own.drain()
    wait_until(lambda: own.ledger("SELECT count(*) FROM intents") == [(0,)])
    own.drain()
    everywhere = [own.scan(TABLE, region) for region in REGIONS]
    assert everywhere[0] == everywhere[1] == everywhere[2] == own.known_items(TABLE, "us-west-2")
    assert acknowledged <= set(everywhere[0])


@contextmanager
def _disk_full(own: RunningSandbox) -> Iterator[None]:
    """No file of the sandbox's own grows over the size that its ledger has now, and some more."""
    size = (own.folder / "data" / "ledger.sqlite3-wal").stat().st_size + 200_000
    _, most = resource.prlimit(own.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(own.pid, resource.RLIMIT_FSIZE, (size, most))
    try:
        yield
    finally:
        resource.prlimit(own.pid, resource.RLIMIT_FSIZE, (most, most))


def test_engines_end_with_a_sandbox_that_is_killed_and_others_take_their_place(
    start: Start,
) -> None:
    own = start()
    first = [own.engine_pid(region) for region in REGIONS]
    assert len(alive(first)) == len(REGIONS)
    own.kill()
    own.restart()
    wait_until(lambda: alive(first) == [], "the old engines to end")
    assert len(alive(own.engine_pid(region) for region in REGIONS)) == len(REGIONS)


def test_nothing_is_left_running_after_a_stop(start: Start) -> None:
    own = start()
    own.service("sts", "us-west-2").get_caller_identity()
    family = _descendants(own.pid)
    assert len(family) == len(REGIONS) + 1
    own.stop()
    assert alive(family) == []


def _descendants(pid: int) -> list[int]:
    done = subprocess.run(
        ["ps", "-o", "pid=", "--ppid", str(pid)], capture_output=True, text=True, check=True
    )
    return [int(line) for line in done.stdout.split()]


def _fill(own: RunningSandbox, items: int) -> None:
    client = own.client("us-west-2")
    for first in range(0, items, 25):
        puts: list[Any] = [
            {"PutRequest": {"Item": {"PK": text(f"k{place}"), "v": number(place)}}}
            for place in range(first, min(first + 25, items))
        ]
        client.batch_write_item(RequestItems={TABLE: puts})
