"""Sets of titles as bitmaps: bit `n` of a whole number says whether title `n` is in the set.

A hundred thousand titles are 12 kB. Both, either, and how many are single operations on whole
numbers, so that any filters combine, and are counted, in microseconds.
"""

from array import array
from collections import defaultdict
from collections.abc import Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import compress, islice
from typing import TypeVar

Key = TypeVar("Key", bound=Hashable)

DIGITS = bytes.maketrans(b"\0\1", b"01")
SPARSE = 16
"""One title in so many is few."""
FLAGS = bytes.maketrans(b"01", b"\0\1")


def bitmap(numbers: Iterable[int], size: int) -> int:
    """Of numbers below `size`."""
    flags = bytearray(size)
    for number in numbers:
        flags[number] = 1
    return _packed(flags)


def bitmaps(pairs: Iterable[tuple[Key, int]], size: int) -> dict[Key, int]:
    """One for each key, of the numbers that come with it."""
    flags: defaultdict[Key, bytearray] = defaultdict(lambda: bytearray(size))
    for key, number in pairs:
        flags[key][number] = 1
    return {key: _packed(each) for key, each in flags.items()}


def without(one: int, other: int) -> int:
    """What is in the one and not in the other."""
    return one & ~other


def lowest(numbers: int, count: int) -> Iterator[int]:
    """The first of a set, in ascending order; for a few of them."""
    while numbers and count:
        bit = numbers & -numbers
        yield bit.bit_length() - 1
        numbers ^= bit
        count -= 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """Every number in one order, and the place of each number in it."""

    numbers: Sequence[int]
    places: Sequence[int]


def order_of(numbers: Iterable[int]) -> Order:
    """The numbers from 1 on, each once, in the order in which they come."""
    in_order = array("I", numbers)
    places = array("I", bytes(in_order.itemsize * (len(in_order) + 1)))
    for place, number in enumerate(in_order):
        places[number] = place
    return Order(numbers=in_order, places=places)


def page(groups: Iterable[int], order: Order, *, offset: int, limit: int) -> tuple[int, ...]:
    """Numbers from `offset` on: group after group, each by its place in `order`."""
    found: list[int] = []
    for group in groups:
        count = group.bit_count()
        if offset < count:
            found.extend(_some(group, order, offset, limit - len(found)))
        offset = max(0, offset - count)
        if len(found) == limit:
            break
    return tuple(found)


def _some(numbers: int, order: Order, offset: int, limit: int) -> Iterable[int]:
    """Of all, a slice; a few are sorted; of many, the first are soon met by going through all."""
    count, size = numbers.bit_count(), len(order.places)
    if count == len(order.numbers):
        return order.numbers[offset : offset + limit]
    flags = _flags(numbers, size)
    if count * SPARSE < size:
        return sorted(_members(flags), key=order.places.__getitem__)[offset : offset + limit]
    inside = compress(order.numbers, map(flags.__getitem__, order.numbers))
    return islice(inside, offset, offset + limit)


def _members(flags: bytes) -> Iterator[int]:
    """In ascending order; the fewer, the faster."""
    number = flags.find(1)
    while number >= 0:
        yield number
        number = flags.find(1, number + 1)


def _packed(flags: bytearray) -> int:
    flags.reverse()
    return int(flags.translate(DIGITS), 2)


def _flags(numbers: int, size: int) -> bytes:
    """One byte for each number, 1 where it is in the set."""
    return format(numbers, f"0{size}b").encode()[::-1].translate(FLAGS)
