"""Looking at several regions at once."""

import time

import pytest

from gtsite.dynamodb.errors import ItemRefused, UnknownRegion
from gtsite.dynamodb.tables import Attribute, TableDefinition
from gtsite.experiments.entities import Trouble
from gtsite.experiments.watching import POLL_MS, Look, RunClock, Watch, watching
from tests.experiments.busy import busy_region
from tests.experiments.conftest import OpenTable
from tests.support.sandbox import BOUND_SECONDS, RunningSandbox

HOME, AWAY, THIRD = "us-west-2", "eu-west-1", "us-east-2"
SONGS = TableDefinition(name="songs", partition_key=Attribute(name="PK", type="S"))


@pytest.fixture
def songs(laboratory: RunningSandbox) -> TableDefinition:
    """A table in three regions, made once."""
    if SONGS.name not in laboratory.tables(HOME):
        laboratory.create_table(SONGS.name)
    return SONGS


def next_of(watch: Watch, region: str, kind: type[Look] | type[Trouble]) -> Look | Trouble:
    """The next of that kind from that region; others are passed over."""
    end = time.monotonic() + BOUND_SECONDS
    while time.monotonic() < end:
        found = watch.next(1)
        if isinstance(found, kind) and found.region == region:
            return found
    raise AssertionError(f"Nothing came from {region}.")


def test_an_item_is_seen_arriving(songs: TableDefinition, open_table: OpenTable) -> None:
    table, clock = open_table(songs), RunClock()
    with watching(table, [HOME, AWAY], lambda _: [("arriving",)], clock=clock) as watch:
        first = next_of(watch, AWAY, Look)
        assert isinstance(first, Look)
        assert first.held == {("arriving",): None}
        before_ms = clock.ms()
        table.at(HOME).put({"PK": "arriving", "n": 1})
        while (seen := next_of(watch, AWAY, Look)).held[("arriving",)] is None:  # type: ignore[union-attr]
            continue
    assert isinstance(seen, Look)
    assert seen.held == {("arriving",): {"PK": "arriving", "n": 1}}
    assert before_ms < seen.asked_ms < seen.at_ms < seen.answered_ms < clock.ms()
    table.at(HOME).delete("arriving")


def test_more_keys_than_one_request_takes_are_all_looked_for(
    songs: TableDefinition, open_table: OpenTable
) -> None:
    keys = [(f"one of many {number}",) for number in range(230)]
    sizes, looked_for = set(), set()
    with watching(open_table(songs), [HOME], lambda _: keys, clock=RunClock()) as watch:
        for _ in range(3):
            look = next_of(watch, HOME, Look)
            assert isinstance(look, Look)
            sizes.add(len(look.held))
            looked_for |= set(look.held)
    assert sizes == {100, 30}
    assert looked_for == set(keys)


def test_a_region_that_hangs_is_told_of_once_and_keeps_no_other_waiting(
    laboratory: RunningSandbox, songs: TableDefinition, open_table: OpenTable
) -> None:
    laboratory.control.outage(AWAY, "blackhole")
    seen: list[Look | Trouble | None] = []
    with watching(open_table(songs), [HOME, AWAY], lambda _: [("x",)], clock=RunClock()) as watch:
        while not any(isinstance(each, Trouble) for each in seen):
            seen.append(watch.next(1))
        of_home = sum(isinstance(each, Look) and each.region == HOME for each in seen)
        assert watch.away_ms(AWAY) > 0
        assert watch.away_ms(HOME) == 0
        end = time.monotonic() + 2
        while time.monotonic() < end:
            seen.append(watch.next(0.1))
    troubles = [each for each in seen if isinstance(each, Trouble)]
    assert troubles == [Trouble(region=AWAY, sentence="eu-west-1 does not answer (timeout).")]
    assert of_home > 5


def test_a_region_that_comes_back_is_looked_at_again(
    laboratory: RunningSandbox, songs: TableDefinition, open_table: OpenTable
) -> None:
    laboratory.control.outage(AWAY, "refuse")
    with watching(open_table(songs), [AWAY], lambda _: [("x",)], clock=RunClock()) as watch:
        assert isinstance(watch.next(BOUND_SECONDS), Trouble)
        laboratory.control.heal(AWAY)
        assert isinstance(watch.next(BOUND_SECONDS), Look)
        assert watch.away_ms(AWAY) == 0


def test_a_busy_region_says_what_it_can_of_what_it_was_asked(
    laboratory: RunningSandbox, songs: TableDefinition, open_table: OpenTable
) -> None:
    keys = [(f"{number}",) for number in range(5)]
    with busy_region(laboratory.port_of(AWAY)) as (busy, address):
        busy.left = 2
        table = open_table(songs, {AWAY: address})
        with watching(table, [AWAY], lambda _: keys, clock=RunClock()) as watch:
            look = watch.next(BOUND_SECONDS)
            assert isinstance(look, Look)
            assert look.held == {("0",): None, ("1",): None, ("2",): None}
            asked = [next_of(watch, AWAY, Look) for _ in range(8)]
    first, *_, last = [each.asked_ms for each in asked if isinstance(each, Look)]
    assert last - first > 7 * POLL_MS * 4, "it is asked less and less often"


def test_backing_off_is_no_part_of_a_look(
    laboratory: RunningSandbox, songs: TableDefinition, open_table: OpenTable
) -> None:
    """Half a second of being throttled would make a look half a second long."""
    with busy_region(laboratory.port_of(AWAY)) as (busy, address):
        busy.throttled = {"BatchGetItem"}
        table, clock = open_table(songs, {AWAY: address}), RunClock()
        with watching(table, [AWAY], lambda _: [("x",)], clock=clock) as watch:
            assert watch.next(0.5) is None
            busy.throttled = set()
            look = watch.next(BOUND_SECONDS)
    assert isinstance(look, Look)
    assert look.asked_ms > 500
    assert look.answered_ms > look.asked_ms


def test_nothing_is_asked_while_there_is_nothing_to_look_for(
    songs: TableDefinition, open_table: OpenTable
) -> None:
    with watching(open_table(songs), [HOME], lambda _: [], clock=RunClock()) as watch:
        assert watch.next(0.2) is None


def test_keys_that_do_not_fit_the_table_are_the_callers_fault(
    songs: TableDefinition, open_table: OpenTable
) -> None:
    with (
        watching(open_table(songs), [HOME], lambda _: [("a", "b")], clock=RunClock()) as watch,
        pytest.raises(ItemRefused, match="A key of songs is PK"),
    ):
        watch.next(BOUND_SECONDS)


def test_a_region_of_no_such_name_is_refused(songs: TableDefinition, open_table: OpenTable) -> None:
    with (
        pytest.raises(UnknownRegion),
        watching(open_table(songs), ["us-wset-2"], lambda _: [("x",)], clock=RunClock()),
    ):
        pass
