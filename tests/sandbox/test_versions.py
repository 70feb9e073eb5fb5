"""Which write is later is a total order; whether two knew each other is a question of both."""

from decimal import Decimal
from itertools import count

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gtsite.sandbox.versions import Clock, Version, item_key, key_of, steady_clock

REGIONS = ("a", "b", "c")
times = st.integers(0, 6)
regions = st.sampled_from(REGIONS)
seen = st.dictionaries(regions, times)
versions = st.builds(
    lambda time, region, seen: Version(
        time=time,
        region=region,
        seen={**{name: min(moment, time) for name, moment in seen.items()}, region: time},
    ),
    times,
    regions,
    seen,
)
"""Nobody has seen what was written later than the write that stands."""

numbers = st.decimals(
    allow_nan=False, allow_infinity=False, places=4, min_value=-9999, max_value=9999
)


@given(versions, versions)
def test_of_two_different_writes_exactly_one_is_newer(one: Version, other: Version) -> None:
    verdicts = [one.newer_than(other), other.newer_than(one), one.same_as(other)]
    assert verdicts.count(True) == 1


@given(versions, versions, versions)
def test_newer_is_transitive(one: Version, two: Version, three: Version) -> None:
    if one.newer_than(two) and two.newer_than(three):
        assert one.newer_than(three)


@given(st.lists(versions, min_size=1, max_size=5), st.randoms())
def test_replicas_that_met_the_same_writes_in_any_order_keep_the_same_one(
    written: list[Version], chance: object
) -> None:
    def kept(order: list[Version]) -> tuple[int, str]:
        current: Version | None = None
        for version in order:
            if version.newer_than(current):
                current = version
        assert current is not None
        return current.time, current.region

    shuffled = list(written)
    chance.shuffle(shuffled)  # type: ignore[attr-defined]
    assert kept(written) == kept(shuffled)


@given(versions)
def test_everything_is_newer_than_nothing_and_in_conflict_with_nothing(version: Version) -> None:
    assert version.newer_than(None)
    assert not version.same_as(None)
    assert not version.in_conflict_with(None)
    assert version.knew(version)
    assert not version.in_conflict_with(version)


@given(versions, versions)
def test_a_conflict_is_one_from_both_sides(one: Version, other: Version) -> None:
    assert one.in_conflict_with(other) == other.in_conflict_with(one)
    assert one.in_conflict_with(other) == (not one.knew(other) and not other.knew(one))


@given(versions, versions, versions)
def test_having_seen_keeps_the_write_and_knows_what_both_knew(
    one: Version, other: Version, third: Version
) -> None:
    both = one.having_seen(other)
    assert both.same_as(one)
    assert both.knew(one)
    assert both.knew(other)
    assert both.knew(third) == (one.knew(third) or other.knew(third))
    assert both.seen == other.having_seen(one).seen
    assert both.having_seen(other).seen == both.seen


@given(versions, regions, st.integers(0, 10**6))
def test_a_local_write_is_newer_than_what_it_replaces_and_knew_it(
    current: Version, region: str, now: int
) -> None:
    written = Clock(lambda: now * 1000).next_version(region, current)
    assert written.newer_than(current)
    assert written.region == region
    assert written.knew(current)
    assert written.seen[region] == written.time
    for other, time in current.seen.items():
        assert written.seen[other] >= time


def test_a_clock_never_stands_still_nor_goes_back() -> None:
    """Whatever the machine's clock does: here it stands, then jumps back an hour, then forward."""
    told = iter([10_000_000, 10_000_000, 10_000_999, 1_000_000, 11_000_000])
    clock = Clock(lambda: next(told))
    assert [clock.read() for _ in range(5)] == [10_000, 10_001, 10_002, 10_003, 11_000]


def test_the_first_write_of_an_item_is_newer_than_all_that_the_clock_told() -> None:
    ticks = count(5_000_000, 1000)
    clock = Clock(lambda: next(ticks))
    first = clock.next_version("a", None)
    assert clock.next_version("b", None).newer_than(first)


def test_a_clock_put_ahead_goes_on_from_there_and_tells_who_asked() -> None:
    told = count(10_000_000, 1000)
    clock = Clock(lambda: next(told), ahead=5_000_000)
    assert clock.read() == 5_010_000
    leaps: list[int] = []
    clock.on_advance(leaps.append)
    clock.advance(60)
    assert clock.read() == 65_010_001
    assert (leaps, clock.ahead) == ([60_000_000], 65_000_000)
    assert clock.travelled() == 10_003 - 1, "lags are not measured by it"
    with pytest.raises(ValueError, match="forward only"):
        clock.advance(-1)
    assert clock.ahead == 65_000_000


def test_a_clock_goes_on_from_where_an_earlier_run_left_it() -> None:
    """The machine's was set back meanwhile; a clock that stood still would deliver nothing."""
    now = [50_000_000_000]
    clock = Clock(lambda: now[0], not_before=80_000_000)
    assert clock.read() == 80_000_000
    now[0] += 7_000_000
    assert clock.read() == 80_007_000
    assert clock.travelled() == 80_007_001, "or what is on its way would never arrive"
    assert Clock(lambda: now[0], not_before=10).read() == 50_007_000


def test_a_skewed_regions_writes_are_off_and_others_are_not() -> None:
    clock = Clock(lambda: 10_000_000_000)
    clock.skew("a", -3_000_000)
    early, plain = clock.next_version("a", None), clock.next_version("b", None)
    assert early.time < plain.time - 2_900_000
    assert clock.next_version("a", None, skewed=False).newer_than(plain)
    assert clock.next_version("a", plain).newer_than(plain), "never older than what it replaces"
    clock.skew("a", 0)
    assert clock.next_version("a", None).newer_than(plain)
    assert (clock.skew_of("a"), clock.skew_of("b")) == (0, 0)


def test_the_usual_clock_goes_on_evenly() -> None:
    clock = steady_clock()
    assert clock() <= clock()


# Keys


@given(numbers)
def test_a_number_is_one_key_however_it_is_written(number: Decimal) -> None:
    ways = {format(number, "f"), str(number), format(number, "E"), f"{number}00".replace("E", "E")}
    ways = {way for way in ways if Decimal(way) == number}
    assert len({item_key({"n": {"N": way}}, ["n"]) for way in ways}) == 1


@given(numbers, numbers)
def test_different_numbers_are_different_keys(one: Decimal, other: Decimal) -> None:
    keys = [item_key({"n": {"N": str(number)}}, ["n"]) for number in (one, other)]
    assert (keys[0] == keys[1]) == (one == other)


def test_all_38_digits_of_a_number_count() -> None:
    digits = "1234567890123456789012345678901234567"
    keys = {item_key({"n": {"N": digits + last}}, ["n"]) for last in "0123456789"}
    assert len(keys) == 10
    assert item_key({"n": {"N": "-0"}}, ["n"]) == item_key({"n": {"N": "0.0"}}, ["n"])


@given(st.text(min_size=1), st.text(min_size=1), st.text(min_size=1), st.text(min_size=1))
def test_two_attributes_are_one_key_only_if_both_are_the_same(
    one: str, two: str, three: str, four: str
) -> None:
    keys = [
        item_key({"PK": {"S": pair[0]}, "SK": {"S": pair[1]}}, ["PK", "SK"])
        for pair in ((one, two), (three, four))
    ]
    assert (keys[0] == keys[1]) == ((one, two) == (three, four))


def test_a_number_and_a_string_are_different_keys() -> None:
    kinds = ({"S": "MQ=="}, {"B": "MQ=="}, {"S": "1"}, {"N": "1"})
    assert len({item_key({"k": kind}, ["k"]) for kind in kinds}) == 4


def test_what_is_no_key_is_none() -> None:
    images: tuple[dict[str, object], ...] = (
        {},
        {"k": "text"},
        {"k": {}},
        {"k": {"S": "a", "N": "1"}},
        {"k": {"S": ""}},
        {"k": {"S": 5}},
        {"k": {"BOOL": True}},
    )
    for image in images:
        assert item_key(image, ["k"]) is None  # type: ignore[arg-type]
    assert item_key({"k": {"N": "no number"}}, ["k"]) is not None


def test_the_key_of_an_image_is_its_key_attributes() -> None:
    image = {"PK": {"S": "a"}, "SK": {"S": "b"}, "v": {"N": "1"}}
    assert key_of(image, ["PK", "SK"]) == {"PK": {"S": "a"}, "SK": {"S": "b"}}
