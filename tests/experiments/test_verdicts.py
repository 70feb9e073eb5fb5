"""Verdicts against the truth: every way in which two or three writes and their copies can meet."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from itertools import product

import pytest

from gtsite.dynamodb.items import Value
from gtsite.experiments.verdicts import Verdict, judge, same, strangers

BEFORE = 0
NAMES = ("A", "B", "C")
UNWRITTEN, INITIAL = -2, -1


@dataclass(frozen=True, slots=True)
class World:
    """Each writer's region: whose version it replaced, its timestamp; what each region holds."""

    replaced: tuple[int, ...]
    stamps: tuple[int, ...]
    held: tuple[int, ...]
    delivered: frozenset[tuple[int, int]] = frozenset()

    @property
    def stands(self) -> int:
        """The version that is last wherever everything has arrived."""
        return max(range(len(self.stamps)), key=lambda each: (self.stamps[each], each))

    @property
    def lost(self) -> set[str]:
        """The writes that what stands does not come from."""
        found = set(NAMES[: len(self.stamps)])
        version = self.stands
        while version != INITIAL:
            found.remove(NAMES[version])
            version = self.replaced[version]
        return found

    def next_worlds(self, clocks: Sequence[int]) -> Iterator["World"]:
        """One more write, or one more copy that arrives."""
        writers = range(len(clocks))
        for one in writers:
            if self.replaced[one] == UNWRITTEN:
                yield self._written(one, clocks[one])
                continue
            for other in writers:
                if other != one and (one, other) not in self.delivered:
                    yield self._arrived(one, other)

    def _written(self, writer: int, clock: int) -> "World":
        """A region's own timestamps only grow."""
        held = self.held[writer]
        stamp = clock if held == INITIAL else max(clock, self.stamps[held] + 1)
        return World(
            replaced=_with(self.replaced, writer, held),
            stamps=_with(self.stamps, writer, stamp),
            held=_with(self.held, writer, writer),
            delivered=self.delivered,
        )

    def _arrived(self, version: int, region: int) -> "World":
        """Last writer wins; names settle equal timestamps."""
        held = self.held[region]
        newer = held == INITIAL or (self.stamps[version], version) > (self.stamps[held], held)
        return World(
            replaced=self.replaced,
            stamps=self.stamps,
            held=_with(self.held, region, version) if newer else self.held,
            delivered=self.delivered | {(version, region)},
        )


@cache
def every_end(writers: int) -> frozenset[World]:
    """Every world in which all is written and delivered, by clocks that may be off or equal."""
    ends = set()
    for clocks in product(range(writers), repeat=writers):
        empty = World((UNWRITTEN,) * writers, (0,) * writers, (INITIAL,) * writers)
        to_visit, seen = [empty], {empty}
        while to_visit:
            world = to_visit.pop()
            following = set(world.next_worlds(clocks)) - seen
            ends |= {world} if len(world.delivered) == writers * (writers - 1) else set()
            seen |= following
            to_visit += following
    return frozenset(ends)


def told(
    world: World,
    values: Sequence[Value],
    *,
    uncertain: Sequence[int] = (),
    foreign: Sequence[int] = (),
) -> Verdict:
    """The verdict from what can be seen of a world."""
    ours = [each for each in range(len(values)) if each not in foreign]
    found = {
        each: values[world.replaced[each]] if world.replaced[each] >= 0 else BEFORE for each in ours
    }
    return judge(
        {NAMES[each]: values[each] for each in ours},
        {NAMES[each]: found[each] for each in ours if each not in uncertain},
        uncertain=[NAMES[each] for each in uncertain],
        before=[BEFORE],
        stands=values[world.stands],
    )


def _with(whole: tuple[int, ...], place: int, value: int) -> tuple[int, ...]:
    return (*whole[:place], value, *whole[place + 1 :])


@pytest.mark.parametrize("writers", [2, 3])
def test_of_different_values_the_winner_and_every_loser_are_told(writers: int) -> None:
    worlds = every_end(writers)
    values = range(1, writers + 1)

    for world in worlds:
        assert set(world.held) == {world.stands}
        verdict = told(world, values)
        assert verdict.winner == NAMES[world.stands], world
        assert set(verdict.lost) == world.lost, world
        assert not verdict.unclear

    assert {len(world.lost) for world in worlds} == set(range(writers))


@pytest.mark.parametrize("writers", [2, 3])
def test_of_equal_values_nobody_is_said_to_have_lost_who_has_not(writers: int) -> None:
    for world in every_end(writers):
        for values in product(range(writers), repeat=writers):
            verdict = told(world, values)
            assert set(verdict.lost) <= world.lost, (world, values)
            assert verdict.winner in (None, NAMES[world.stands]), (world, values)
            assert not verdict.unclear


def test_a_write_without_an_answer_never_makes_a_loser_of_one_who_has_won_or_was_known() -> None:
    for world in every_end(3):
        for hidden in range(3):
            verdict = told(world, (1, 2, 3), uncertain=[hidden])
            assert set(verdict.lost) <= world.lost - {NAMES[hidden]}, world
            assert verdict.winner == NAMES[world.stands]
            assert verdict.unclear or set(verdict.lost) == world.lost - {NAMES[hidden]}


def test_nor_does_one_that_wrote_what_others_wrote_or_what_was_there_before() -> None:
    for world in every_end(3):
        for hidden, values in product(range(3), product(range(3), repeat=3)):
            verdict = told(world, values, uncertain=[hidden])
            assert set(verdict.lost) <= world.lost - {NAMES[hidden]}, (world, values)


def test_a_write_of_somebody_else_never_makes_a_loser_of_one_who_was_known() -> None:
    unclear = 0
    for world in every_end(3):
        for stranger in range(3):
            verdict = told(world, (1, 2, 3), foreign=[stranger])
            assert set(verdict.lost) <= world.lost, world
            if world.stands == stranger:
                assert verdict == Verdict(winner=None, unclear=True)
            unclear += verdict.unclear
    assert unclear


def test_two_regions_that_write_the_same_have_no_winner_and_no_loser() -> None:
    found = judge({"A": 5, "B": 5}, {"A": 0, "B": 0}, uncertain=[], before=[0], stands=5)

    assert found == Verdict(winner=None)


def test_an_item_that_did_not_exist_has_a_winner_and_a_loser() -> None:
    found = judge({"A": 1, "B": 2}, {"A": None, "B": None}, uncertain=[], before=[None], stands=2)

    assert found == Verdict(winner="B", lost=("A",))


def test_an_item_that_nobody_wrote_has_neither() -> None:
    assert judge({"A": 1, "B": 2}, {}, uncertain=[], before=[7], stands=7) == Verdict(winner=None)


def test_a_write_without_an_answer_that_stands_has_won_and_the_rest_is_unclear() -> None:
    found = judge({"A": 1, "B": 2}, {"A": 0}, uncertain=["B"], before=[0], stands=2)

    assert found == Verdict(winner="B", unclear=True)


def test_a_write_without_an_answer_is_not_taken_for_what_was_there_before() -> None:
    found = judge({"A": 1, "B": 0}, {}, uncertain=["B"], before=[0], stands=0)

    assert found == Verdict(winner=None, unclear=True)


@pytest.mark.parametrize(
    ("one", "other", "equal"),
    [
        (1, Decimal("1.0"), True),
        (1, True, False),
        (0, False, False),
        ("1", 1, False),
        (None, "", False),
        ({1, 2}, {2, 1}, True),
        ({"a": 1, "b": [b"x"]}, {"b": [b"x"], "a": 1}, True),
        ([1, 2], [2, 1], False),
    ],
)
def test_values_are_equal_where_dynamodb_calls_them_so(
    one: Mapping[str, Value] | Value, other: Value, equal: bool
) -> None:
    assert same(one, other) is equal


def test_strangers_are_the_values_that_nobody_accounts_for_each_once() -> None:
    assert strangers([1, 7, None, 7, True, 2], [1, 2]) == (7, None, True)
