from decimal import Decimal

import pytest

from bookmarks.lab.entities import ATTRIBUTE_LIMIT, NAME_LIMIT, VALUE_LIMIT, Attribute, Held
from bookmarks.lab.repository import Key, LabItems, held_from_item
from gtsite.dynamodb.errors import ItemRefused, RegionUnavailable
from gtsite.dynamodb.meter import meter
from tests.lab.rig import KEY, bookmark_in, put_bookmark
from tests.support.engines import ThreeRegions
from tests.support.patience import Patience

OREGON, IRELAND = "us-west-2", "eu-west-1"


class TestGet:
    def test_gives_the_item_of_that_region_alone(
        self, items: LabItems, lab_regions: ThreeRegions
    ) -> None:
        put_bookmark(lab_regions, IRELAND, 7)
        assert items.get(IRELAND).value.value == 7
        assert items.get(OREGON).value.value == 0

    def test_an_item_of_another_hand_has_no_stamp(self, items: LabItems) -> None:
        held = items.get(OREGON).value
        assert (held.stamp_ms, held.writer) == (None, None)

    def test_no_item_is_nothing_held(self, items: LabItems) -> None:
        assert items.get(OREGON, Key("user10", "01")).value == Held()

    def test_the_key_comes_first(self, items: LabItems) -> None:
        assert items.get(OREGON).value.attributes == (
            Attribute(name="PK", kind="S", text="user100"),
            Attribute(name="SK", kind="S", text="AshlandValley"),
            Attribute(name="Bookmark", kind="N", text="0"),
        )

    def test_asks_once_and_no_other_region(
        self, items: LabItems, lab_regions: ThreeRegions
    ) -> None:
        lab_regions.refuse(IRELAND)
        with meter() as calls, pytest.raises(RegionUnavailable):
            items.get(IRELAND)
        assert [call.region for call in calls.calls] == [IRELAND]


class TestAdd:
    def test_writes_the_sum_the_time_and_the_region(
        self, items: LabItems, lab_regions: ThreeRegions
    ) -> None:
        items.add(IRELAND, 5, stamp_ms=1_000)
        stored = lab_regions.client(IRELAND).get_item(TableName="global-serverless", Key=KEY)
        assert stored["Item"] == {
            **KEY,
            "Bookmark": {"N": "5"},
            "updated_at": {"N": "1000"},
            "region": {"S": IRELAND},
        }
        assert bookmark_in(lab_regions, OREGON) == 0

    def test_tells_what_it_replaced(self, items: LabItems) -> None:
        items.add(OREGON, 5, stamp_ms=1_000)
        change = items.add(OREGON, -7, stamp_ms=2_000).value
        assert (change.before.value, change.before.stamp_ms, change.before.writer) == (
            5,
            1_000,
            OREGON,
        )
        assert (change.after.value, change.after.stamp_ms) == (-2, 2_000)
        assert change.after == items.get(OREGON).value

    def test_begins_at_zero_where_there_is_none(self, items: LabItems) -> None:
        key = Key("user10", "01")
        change = items.add(OREGON, 3, stamp_ms=1_000, key=key).value
        assert (change.before.value, change.after.value) == (None, 3)
        assert items.get(OREGON, key).value == change.after

    def test_keeps_other_attributes(self, items: LabItems, lab_regions: ThreeRegions) -> None:
        lab_regions.client(OREGON).put_item(
            TableName="global-serverless",
            Item={**KEY, "Bookmark": {"N": "1.5"}, "note": {"L": [{"N": "2"}]}},
        )
        change = items.add(OREGON, 1, stamp_ms=1_000).value
        assert change.after.value == Decimal("2.5")
        assert change.after == items.get(OREGON).value

    def test_refuses_what_is_no_number_and_writes_nothing(
        self, items: LabItems, lab_regions: ThreeRegions
    ) -> None:
        lab_regions.client(OREGON).put_item(
            TableName="global-serverless", Item={**KEY, "Bookmark": {"S": "half"}}
        )
        with pytest.raises(ItemRefused):
            items.add(OREGON, 1, stamp_ms=1_000)
        assert items.get(OREGON).value.stamp_ms is None

    def test_is_never_sent_twice(
        self, items: LabItems, lab_regions: ThreeRegions, patience: Patience
    ) -> None:
        lab_regions.blackhole(OREGON)
        patience.hangs(OREGON)
        with meter() as calls, pytest.raises(RegionUnavailable) as raised:
            items.add(OREGON, 1, stamp_ms=1_000)
        assert raised.value.outcome_unknown
        assert len(calls.calls) == 1

    def test_a_refused_connection_wrote_nothing_for_sure(
        self, items: LabItems, lab_regions: ThreeRegions
    ) -> None:
        lab_regions.refuse(OREGON)
        with pytest.raises(RegionUnavailable) as raised:
            items.add(OREGON, 1, stamp_ms=1_000)
        assert not raised.value.outcome_unknown


class TestHeldFromItem:
    @pytest.mark.parametrize("value", ["5", True, None, {1, 2}, Decimal("1E+100"), 10**60])
    def test_what_cannot_be_counted_is_no_value(self, value: object) -> None:
        assert held_from_item({"Bookmark": value}).value is None

    @pytest.mark.parametrize("stamp", [-1, 2**60, "1000", Decimal("1.5"), True])
    def test_a_stamp_is_a_time(self, stamp: object) -> None:
        assert held_from_item({"updated_at": stamp}).stamp_ms is None

    @pytest.mark.parametrize("writer", [5, "", "a" * 25])
    def test_a_writer_is_a_region(self, writer: object) -> None:
        assert held_from_item({"region": writer}).writer is None

    def test_is_bounded_however_large_the_item(self) -> None:
        item = {f"{number}-{'n' * 100}": "t" * 1000 for number in range(50)}
        attributes = held_from_item(item).attributes
        assert len(attributes) == ATTRIBUTE_LIMIT
        assert all(len(each.name) == NAME_LIMIT for each in attributes)
        assert all(len(each.text) == VALUE_LIMIT for each in attributes)


class TestWire:
    def test_an_item_is_as_the_api_writes_it(
        self, items: LabItems, lab_regions: ThreeRegions
    ) -> None:
        stored = {
            "PK": {"S": "library"},
            "SK": {"S": "01"},
            "n": {"N": "1.50"},
            "b": {"B": b"\x00\xff"},
            "l": {"L": [{"BOOL": True}, {"NULL": True}, {"B": b"a"}]},
            "m": {"M": {"s": {"SS": ["a", "b"]}, "bs": {"BS": [b"a"]}}},
        }
        lab_regions.client(OREGON).put_item(TableName="global-serverless", Item=stored)  # type: ignore[arg-type]
        assert items.find_wire(OREGON, "library", "01").value == {
            "PK": {"S": "library"},
            "SK": {"S": "01"},
            "n": {"N": "1.5"},
            "b": {"B": "AP8="},
            "l": {"L": [{"BOOL": True}, {"NULL": True}, {"B": "YQ=="}]},
            "m": {"M": {"s": {"SS": ["a", "b"]}, "bs": {"BS": ["YQ=="]}}},
        }

    def test_a_partition_is_one_request(self, items: LabItems) -> None:
        with meter() as calls:
            assert [item["SK"] for item in items.list_wire(OREGON, "user100").value] == [
                {"S": "AshlandValley"}
            ]
        assert len(calls.calls) == 1

    def test_no_item_is_none(self, items: LabItems) -> None:
        assert items.find_wire(OREGON, "library", "99").value is None
