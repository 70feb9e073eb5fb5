"""What a stream remembers over hours and days: shards that follow one another, and what is trimmed.

These play on a clock of their own; `test_streams` asks a running sandbox.
"""

from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gtsite.sandbox.data_plane.streams import Streams
from gtsite.sandbox.ledger.ledger import Change, Ledger, Replica
from gtsite.sandbox.ledger.stream_log import HOUR_US
from gtsite.sandbox.versions import Clock, Version
from gtsite.sandbox.wire import ApiError, Call

HOME = "us-west-2"
FILMS, CASTS = "films", "casts"
START_US = 1_800_000_000_000_000
MINUTE_US = HOUR_US // 60
VIEW = "NEW_AND_OLD_IMAGES"


class Scene:
    """A ledger with its streams, and hours that pass when they are told to."""

    def __init__(self, file: Path | None = None) -> None:
        self.now = START_US
        self.clock = Clock(lambda: self.now * 1000)
        self.labels = count(1)
        self.numbers = count()
        self.open(file)

    def open(self, file: Path | None) -> None:
        self.ledger = Ledger(file)
        self.streams = Streams(self.ledger.streams, self.clock)

    def turn_on(self, table: str = FILMS) -> None:
        label = f"2027-01-15T08:00:00.{next(self.labels):03d}"
        self.ledger.save_replica(replica(table, stream_label=label, stream_view=VIEW))

    def turn_off(self, table: str = FILMS) -> None:
        self.ledger.save_replica(replica(table))

    def write(self, table: str = FILMS, image: str = "") -> int:
        """Put an item that says its number."""
        number = next(self.numbers)
        self.ledger.streams.append(change(table, number, image), now=self.clock.read())
        return number

    def trim(self) -> None:
        """Delete for good what is older than a day."""
        self.ledger.streams.trim(self.clock.read() - 24 * HOUR_US)

    def ask(self, operation: str, **body: Any) -> dict[str, Any]:
        call = Call(region=HOME, service="DynamoDBStreams_20120810", operation=operation, body=body)
        return self.streams.handle(call).json()

    def error(self, operation: str, **body: Any) -> str:
        """The type of the error that a request is answered with."""
        with pytest.raises(ApiError) as caught:
            self.ask(operation, **body)
        return caught.value.kind.partition("#")[2]

    def arns(self, table: str = FILMS) -> list[str]:
        return [each["StreamArn"] for each in self.ask("ListStreams", TableName=table)["Streams"]]

    def describe(self, arn: str = "", **more: Any) -> dict[str, Any]:
        """One stream's description; the latest's if none is named."""
        found = self.ask("DescribeStream", StreamArn=arn or self.arns()[-1], **more)
        description: dict[str, Any] = found["StreamDescription"]
        return description

    def shards(self, arn: str = "") -> list[str]:
        return [each["ShardId"] for each in self.describe(arn)["Shards"]]

    def iterator(self, kind: str, shard: int = -1, arn: str = "", **more: Any) -> str:
        arn = arn or self.arns()[-1]
        asked = self.ask(
            "GetShardIterator",
            StreamArn=arn,
            ShardId=self.shards(arn)[shard],
            ShardIteratorType=kind,
            **more,
        )
        return str(asked["ShardIterator"])

    def read(self, at: str, **more: Any) -> tuple[list[int], str | None]:
        """The numbers that an iterator leads to, and the next iterator."""
        page = self.ask("GetRecords", ShardIterator=at, **more)
        return [_number(record) for record in page["Records"]], page.get("NextShardIterator")

    def everything(self, arn: str) -> list[int]:
        """What a consumer gets that walks through all shards from the horizon on."""
        found = []
        for place in range(len(self.shards(arn))):
            at: str | None = self.iterator("TRIM_HORIZON", place, arn)
            while at:
                numbers, at = self.read(at, Limit=2)
                found += numbers
                at = at if numbers else None
        return found


@pytest.fixture
def scene() -> Iterator[Scene]:
    played = Scene()
    played.turn_on()
    yield played
    played.ledger.close()


def replica(table: str = FILMS, **more: Any) -> Replica:
    settings: dict[str, Any] = {
        "table": table,
        "region": HOME,
        "key_names": ("PK",),
        "is_global": False,
        "status": "ACTIVE",
        "source": "",
        "created_at": 5,
        "stream_label": "",
        "stream_view": "",
        "ttl_attribute": "",
    }
    return Replica(**{**settings, **more})


def change(table: str, number: int, image: str) -> Change:
    key = {"PK": {"S": f"item-{number}"}}
    return Change(
        region=HOME,
        table=table,
        item_key="x",
        key=key,
        before=None,
        after={**key, "v": {"N": str(number)}, "image": {"S": image}},
        version=Version(time=number, region=HOME),
    )


# Shards


def test_every_four_hours_a_shard_is_closed_and_its_child_takes_over(scene: Scene) -> None:
    written = []
    for _ in range(3):
        written.append(scene.write())
        scene.now += 4 * HOUR_US
    first, second, third, fourth = scene.describe()["Shards"]
    assert "ParentShardId" not in first
    assert [each["ParentShardId"] for each in (second, third, fourth)] == [
        each["ShardId"] for each in (first, second, third)
    ]
    for shard in (first, second, third):
        numbers = shard["SequenceNumberRange"]
        assert int(numbers["StartingSequenceNumber"]) < int(numbers["EndingSequenceNumber"])
    assert "EndingSequenceNumber" not in fourth["SequenceNumberRange"]
    assert all(28 <= len(name) <= 65 for name in scene.shards())
    for place in range(3):
        assert scene.read(scene.iterator("TRIM_HORIZON", place)) == ([written[place]], None)


def test_a_shard_younger_than_four_hours_is_gone_on_with(scene: Scene) -> None:
    scene.write()
    scene.now += 4 * HOUR_US - MINUTE_US
    scene.write()
    assert len(scene.shards()) == 1


def test_a_reader_at_the_open_end_gets_the_rest_and_then_the_end_of_its_shard(
    scene: Scene,
) -> None:
    at = scene.iterator("LATEST")
    scene.now += 4 * HOUR_US - MINUTE_US
    at = scene.iterator("LATEST")
    before = scene.write()
    scene.now += MINUTE_US
    after = scene.write()
    assert scene.read(at) == ([before], None)
    assert scene.read(scene.iterator("TRIM_HORIZON"))[0] == [after]


def test_a_shard_without_a_record_ends_at_once(scene: Scene) -> None:
    scene.describe()
    scene.now += 4 * HOUR_US
    assert scene.read(scene.iterator("TRIM_HORIZON", 0)) == ([], None)
    assert scene.read(scene.iterator("LATEST", 0)) == ([], None)


def test_shards_are_described_by_the_page_and_children_by_their_parent(scene: Scene) -> None:
    for _ in range(4):
        scene.describe()
        scene.now += 4 * HOUR_US
    every = scene.shards()
    paged: list[str] = []
    start: dict[str, str] = {}
    while True:
        page = scene.describe(Limit=2, **start)
        paged += [each["ShardId"] for each in page["Shards"]]
        if "LastEvaluatedShardId" not in page:
            break
        assert len(page["Shards"]) == 2
        start = {"ExclusiveStartShardId": page["LastEvaluatedShardId"]}
    assert (len(every), paged) == (5, every)
    wanted = {"Type": "CHILD_SHARDS", "ShardId": every[1]}
    assert [each["ShardId"] for each in scene.describe(ShardFilter=wanted)["Shards"]] == [every[2]]
    arn = scene.arns()[0]
    assert scene.error("DescribeStream", StreamArn=arn, ShardFilter={"Type": "x"}) == (
        "ValidationException"
    )


# Trimming


@pytest.mark.parametrize("deleted", [False, True], ids=["not yet deleted", "deleted"])
def test_records_of_more_than_a_day_ago_are_trimmed(scene: Scene, deleted: bool) -> None:
    old = scene.write()
    at = scene.iterator("TRIM_HORIZON")
    (record,) = scene.ask("GetRecords", ShardIterator=at)["Records"]
    sequence = record["dynamodb"]["SequenceNumber"]
    scene.now += 3 * HOUR_US
    young = scene.write()
    arn, shard = scene.arns()[0], scene.shards()[0]
    scene.now += 21 * HOUR_US + MINUTE_US
    if deleted:
        scene.trim()
    assert old != young
    assert scene.everything(arn) == [young]
    for kind in ("AT_SEQUENCE_NUMBER", "AFTER_SEQUENCE_NUMBER"):
        asked = {"StreamArn": arn, "ShardId": shard, "SequenceNumber": sequence}
        assert scene.error("GetShardIterator", **asked, ShardIteratorType=kind) == (
            "TrimmedDataAccessException"
        )


def test_an_iterator_whose_next_record_is_trimmed_before_it_is_used_says_so(
    scene: Scene,
) -> None:
    scene.write()
    arn, shard = scene.arns()[0], scene.shards()[0]
    scene.now += 24 * HOUR_US - 2 * MINUTE_US
    asked = {"StreamArn": arn, "ShardId": shard, "ShardIteratorType": "TRIM_HORIZON"}
    at = scene.ask("GetShardIterator", **asked)["ShardIterator"]
    assert scene.read(at)[0] == [0]
    scene.now += 4 * MINUTE_US
    assert scene.error("GetRecords", ShardIterator=at) == "TrimmedDataAccessException"
    fresh = scene.ask("GetShardIterator", **asked)["ShardIterator"]
    assert scene.read(fresh)[0] == []


def test_a_shard_is_gone_a_day_after_it_was_closed(scene: Scene) -> None:
    scene.write()
    (first,) = scene.shards()
    at = scene.iterator("TRIM_HORIZON")
    scene.now += 5 * HOUR_US
    assert len(scene.shards()) == 2
    scene.now += 24 * HOUR_US
    arn = scene.arns()[0]
    assert first not in scene.shards()
    asked = {"StreamArn": arn, "ShardId": first, "ShardIteratorType": "TRIM_HORIZON"}
    assert scene.error("GetShardIterator", **asked) == "ResourceNotFoundException"
    assert scene.error("GetRecords", ShardIterator=at) == "ExpiredIteratorException"


def test_a_reader_that_keeps_up_with_an_idle_stream_is_never_told_of_trimmed_data(
    scene: Scene,
) -> None:
    """Positions count the records of all streams, so those of others are trimmed behind it."""
    scene.turn_on(CASTS)
    scene.write()
    at: str | None = scene.iterator("TRIM_HORIZON")
    shards = [scene.shards()[0]]
    found: list[int] = []
    for _ in range(40 * 6):
        scene.now += 10 * MINUTE_US
        scene.write(CASTS)
        scene.trim()
        assert at is not None
        numbers, at = scene.read(at)
        found += numbers
        if at is None:
            shards.append(scene.shards()[-1])
            at = scene.iterator("TRIM_HORIZON")
    assert found == [0]
    assert len(shards) == 11


def test_positions_are_not_given_twice_after_everything_was_trimmed(tmp_path: Path) -> None:
    scene = Scene(tmp_path / "ledger")
    scene.turn_on()
    scene.write()
    last = scene.ledger.streams.end()
    scene.now += 30 * HOUR_US
    scene.trim()
    scene.ledger.close()
    scene.open(tmp_path / "ledger")
    scene.write()
    (sequence,) = [
        record["dynamodb"]["SequenceNumber"]
        for record in scene.ask("GetRecords", ShardIterator=scene.iterator("TRIM_HORIZON"))[
            "Records"
        ]
    ]
    assert int(sequence[1:]) > last
    scene.ledger.close()


def test_a_stream_goes_on_in_its_shard_after_a_restart(tmp_path: Path) -> None:
    scene = Scene(tmp_path / "ledger")
    scene.turn_on()
    numbers = [scene.write()]
    arns, shards = scene.arns(), scene.shards()
    scene.ledger.close()
    scene.open(tmp_path / "ledger")
    numbers.append(scene.write())
    assert (scene.arns(), scene.shards()) == (arns, shards)
    assert scene.everything(arns[0]) == numbers
    scene.ledger.close()


def test_a_transaction_that_is_rolled_back_leaves_no_record_without_a_shard(scene: Scene) -> None:
    def fail() -> None:
        with scene.ledger.together():
            scene.write()
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    number = scene.write()
    assert scene.everything(scene.arns()[0]) == [number]


# Iterators


def test_an_iterator_is_good_for_fifteen_minutes(scene: Scene) -> None:
    number = scene.write()
    at = scene.iterator("TRIM_HORIZON")
    scene.now += 15 * MINUTE_US - 1_000_000
    assert scene.read(at)[0] == [number]
    scene.now += 2_000_000
    assert scene.error("GetRecords", ShardIterator=at) == "ExpiredIteratorException"


def test_a_number_from_before_its_shard_is_out_of_reach(scene: Scene) -> None:
    scene.write()
    at = scene.iterator("TRIM_HORIZON")
    (record,) = scene.ask("GetRecords", ShardIterator=at)["Records"]
    scene.now += 4 * HOUR_US
    scene.describe()
    asked = {
        "StreamArn": scene.arns()[0],
        "ShardId": scene.shards()[1],
        "ShardIteratorType": "AT_SEQUENCE_NUMBER",
        "SequenceNumber": record["dynamodb"]["SequenceNumber"],
    }
    assert scene.error("GetShardIterator", **asked) == "TrimmedDataAccessException"


def test_a_timestamp_leads_to_the_first_record_dated_then_or_later(scene: Scene) -> None:
    scene.now += 600_000
    first = scene.write()
    scene.now += 1_000_000
    second = scene.write()
    start = START_US // 1_000_000
    scene.now += HOUR_US
    for moment, expected in (
        (start - 9, [first, second]),
        (start, [first, second]),
        (start + 0.2, [second]),
        (start + 1, [second]),
        (start + 2, []),
    ):
        assert scene.read(scene.iterator("AT_TIMESTAMP", Timestamp=moment))[0] == expected
    arn, shard = scene.arns()[0], scene.shards()[0]
    asked = {"StreamArn": arn, "ShardId": shard, "ShardIteratorType": "AT_TIMESTAMP"}
    for wrong in ({}, {"Timestamp": start + 9e9}, {"Timestamp": "now"}, {"Timestamp": True}):
        assert scene.error("GetShardIterator", **asked, **wrong) == "ValidationException"


def test_a_page_ends_at_a_megabyte_and_has_one_record_at_least(scene: Scene) -> None:
    numbers = [scene.write(image="x" * 400_000) for _ in range(5)]
    huge = scene.write(image="y" * 1_200_000)
    at: str | None = scene.iterator("TRIM_HORIZON")
    pages = []
    while at:
        found, at = scene.read(at)
        if not found:
            break
        pages.append(found)
    assert pages == [numbers[:2], numbers[2:4], numbers[4:], [huge]]


def test_a_page_has_a_thousand_records_at_most(scene: Scene) -> None:
    for _ in range(1001):
        scene.write()
    found, at = scene.read(scene.iterator("TRIM_HORIZON"))
    assert len(found) == 1000
    assert at is not None
    assert scene.read(at)[0] == [1000]


# Streams that come and go


@pytest.mark.parametrize("end", ["turned off", "table deleted"])
def test_a_stream_that_ended_can_be_read_for_a_day_and_is_gone_then(scene: Scene, end: str) -> None:
    number = scene.write()
    (arn,) = scene.arns()
    assert scene.describe()["StreamStatus"] == "ENABLED"
    if end == "turned off":
        scene.turn_off()
    else:
        scene.ledger.remove_replica(HOME, FILMS)
    scene.write()
    description = scene.describe(arn)
    assert description["StreamStatus"] == "DISABLED"
    (shard,) = description["Shards"]
    assert "EndingSequenceNumber" in shard["SequenceNumberRange"]
    assert scene.read(scene.iterator("TRIM_HORIZON", arn=arn)) == ([number], None)
    scene.now += 23 * HOUR_US
    scene.trim()
    assert scene.arns() == [arn]
    assert scene.everything(arn) == [number]
    at = scene.iterator("LATEST", arn=arn)
    scene.now += HOUR_US + 1_000_000
    assert scene.arns() == []
    assert scene.error("DescribeStream", StreamArn=arn) == "ResourceNotFoundException"
    scene.trim()
    assert scene.ledger.database.execute("SELECT * FROM stream_records").fetchall() == []
    assert scene.error("DescribeStream", StreamArn=arn) == "ResourceNotFoundException"
    assert scene.error("GetRecords", ShardIterator=at) == "ExpiredIteratorException"


def test_a_stream_that_is_turned_on_again_is_a_new_one_beside_the_old(scene: Scene) -> None:
    first = scene.write()
    scene.turn_off()
    scene.write()
    scene.turn_on()
    second = scene.write()
    old, new = scene.arns()
    assert (scene.everything(old), scene.everything(new)) == ([first], [second])
    assert scene.describe(old)["StreamStatus"] == "DISABLED"
    assert scene.describe(new)["StreamStatus"] == "ENABLED"
    assert set(scene.shards(old)).isdisjoint(scene.shards(new))


def test_an_iterator_for_a_stream_that_is_gone_finds_nothing(scene: Scene) -> None:
    (arn,) = scene.arns()
    scene.turn_off()
    scene.describe(arn)
    scene.now += 24 * HOUR_US - MINUTE_US
    at = scene.iterator("LATEST", arn=arn)
    scene.now += 2 * MINUTE_US
    assert scene.error("GetRecords", ShardIterator=at) == "ResourceNotFoundException"


ACTS: dict[str, Callable[[Scene], object]] = {
    "write": Scene.write,
    "write elsewhere": lambda scene: scene.write(CASTS),
    "trim": Scene.trim,
}


@given(st.lists(st.one_of(st.sampled_from(sorted(ACTS)), st.integers(1, 15)), max_size=25))
def test_whoever_reads_all_shards_gets_what_is_younger_than_a_day_once_and_in_order(
    acts: list[str | int],
) -> None:
    scene = Scene()
    scene.turn_on()
    scene.turn_on(CASTS)
    kept: list[tuple[int, int]] = []
    for act in acts:
        if isinstance(act, int):
            scene.now += act * HOUR_US
        elif act == "write":
            kept.append((scene.write(), scene.now))
        else:
            ACTS[act](scene)
    scene.now += 1_000_000
    young = [number for number, moment in kept if moment > scene.now - 24 * HOUR_US]
    assert scene.everything(scene.arns()[0]) == young
    scene.ledger.close()


def _number(record: dict[str, Any]) -> int:
    return int(record["dynamodb"]["NewImage"]["v"]["N"])
