"""Looking at several regions at once."""

import time
from collections import Counter

import pytest

from gtsite.dynamodb.errors import ItemRefused, UnknownRegion
from gtsite.dynamodb.tables import Attribute, TableDefinition
from gtsite.experiments.entities import Trouble
from gtsite.experiments.watching import POLL_MS, Look, RunClock, Watch, watching
from tests.experiments.busy import busy_region
from tests.experiments.conftest import OpenTable
from tests.support.patience import Patience
from tests.support.sandbox import BOUND_SECONDS, RunningSandbox

HOME, AWAY, THIRD = "us-west-2", "eu-west-1", "us-east-2"
SONGS = TableDefinition(name="songs", partition_key=Attribute(name="PK", type="S"))


@pytest.fixture
def songs(laboratory: RunningSandbox) -> TableDefinition:
    """A table in three regions, made once."""
    if SONGS.name not in laboratory.tables(HOME):
        laboratory.create_table(SONGS.name)
    return SONGS


def look_at(watch: Watch, region: str) -> Look:
    """The next look at that region; others, and troubles, are passed over."""
    end = time.monotonic() + BOUND_SECONDS
    while time.monotonic() < end:
        found = watch.next(1)
        if isinstance(found, Look) and found.region == region:
            return found
    raise AssertionError(f"Nothing came from {region}.")


def test_an_item_is_seen_arriving(songs: TableDefinition, open_table: OpenTable) -> None:
    table, clock = open_table(songs), RunClock()
    with watching(table, [HOME, AWAY], lambda _: [("arriving",)], clock=clock) as watch:
        first = look_at(watch, AWAY)
        assert first.held == {("arriving",): None}
        before_ms = clock.ms()
        while look_at(watch, AWAY).asked_ms <= before_ms:
            continue
        table.at(HOME).put({"PK": "arriving", "n": 1})
        while (seen := look_at(watch, AWAY)).held[("arriving",)] is None:
            continue
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
            look = look_at(watch, HOME)
            sizes.add(len(look.held))
            looked_for |= set(look.held)
    assert sizes == {100, 30}
    assert looked_for == set(keys)


def test_a_region_that_hangs_is_told_of_once_and_keeps_no_other_waiting(
    laboratory: RunningSandbox, songs: TableDefinition, open_table: OpenTable, patience: Patience
) -> None:
    """While it is asked in vain, again and again, another one is looked at many times."""
    laboratory.control.outage(AWAY, "blackhole")
    patience.hangs(AWAY)
    seen: list[Look | Trouble | None] = []
    looks_meanwhile: Counter[int] = Counter()
    table = open_table(songs)
    with watching(table, [HOME, AWAY], lambda _: [("x",)], clock=RunClock()) as watch:
        end = time.monotonic() + BOUND_SECONDS
        while time.monotonic() < end and not (
            table._router.traffic(AWAY).failed >= 3 and max(looks_meanwhile.values()) > 5
        ):
            seen.append(watch.next(0.1))
            looks_meanwhile[table._router.traffic(AWAY).failed] += isinstance(seen[-1], Look)
        assert watch.away_ms(AWAY) > 0
        assert watch.away_ms(HOME) == 0
    troubles = [each for each in seen if isinstance(each, Trouble)]
    assert troubles == [Trouble(region=AWAY, sentence="eu-west-1 does not answer (timeout).")]
    assert table._router.traffic(AWAY).failed >= 3
    assert max(looks_meanwhile.values()) > 5


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
            first, *_, last = [look_at(watch, AWAY).asked_ms for _ in range(8)]
    assert last - first > 7 * POLL_MS * 4, "it is asked less and less often"


def test_backing_off_is_no_part_of_a_look(
    laboratory: RunningSandbox, songs: TableDefinition, open_table: OpenTable
) -> None:
    """Half a second of being throttled would make a look half a second long."""
    with busy_region(laboratory.port_of(AWAY)) as (busy, address):
        busy.throttled = {"BatchGetItem"}
        table = open_table(songs, {AWAY: address}, throttled_seconds=BOUND_SECONDS)
        clock = RunClock()
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
