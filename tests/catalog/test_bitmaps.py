"""Sets of numbers as bitmaps, beside Python's own sets."""

from hypothesis import example, given
from hypothesis import strategies as st

from catalog.bitmaps import bitmap, bitmaps, lowest, order_of, page, without

SIZE = 40
NUMBERS = st.sets(st.integers(1, SIZE - 1))


def members(numbers: int) -> set[int]:
    return set(lowest(numbers, SIZE))


@given(one=NUMBERS, other=NUMBERS)
def test_both_either_without_and_how_many_are_those_of_sets(one: set[int], other: set[int]) -> None:
    first, second = bitmap(one, SIZE), bitmap(other, SIZE)
    assert members(first & second) == one & other
    assert members(first | second) == one | other
    assert members(without(first, second)) == one - other
    assert first.bit_count() == len(one)


@given(numbers=NUMBERS, count=st.integers(0, SIZE))
def test_the_lowest_come_first(numbers: set[int], count: int) -> None:
    assert list(lowest(bitmap(numbers, SIZE), count)) == sorted(numbers)[:count]


@given(
    groups=st.lists(NUMBERS, max_size=3),
    order=st.permutations(range(1, SIZE)),
    offset=st.integers(0, SIZE),
    limit=st.integers(1, SIZE),
)
@example(groups=[{5, 6}], order=[*range(1, SIZE)], offset=0, limit=2)
@example(
    groups=[set(range(1, SIZE)), {7}], order=[*range(20, SIZE), *range(1, 20)], offset=3, limit=39
)
def test_a_page_goes_through_group_after_group_in_the_order_given(
    groups: list[set[int]], order: list[int], offset: int, limit: int
) -> None:
    everything = [number for group in groups for number in order if number in group]
    found = page(
        [bitmap(each, SIZE) for each in groups], order_of(order), offset=offset, limit=limit
    )
    assert list(found) == everything[offset : offset + limit]


def test_each_key_has_its_own_set() -> None:
    found = bitmaps([("a", 1), ("b", 2), ("a", 3)], SIZE)
    assert {key: members(each) for key, each in found.items()} == {"a": {1, 3}, "b": {2}}
