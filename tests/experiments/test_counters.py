"""Counting in three regions that really replicate."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from threading import Event
from typing import Any

import pytest

from gtsite.dynamodb.tables import Attribute, TableDefinition
from gtsite.experiments import counters, watching
from gtsite.experiments.counters import COUNT, UPDATED_AT, _Board, _Done, _Keys, run_counters
from gtsite.experiments.entities import Counted, CountersPlan, CountersRun, Counting, Phase
from gtsite.experiments.subjects import ProbeItems
from gtsite.experiments.watching import Look
from tests.experiments.conftest import OpenTable
from tests.support.sandbox import RunningSandbox

HOME, AWAY, THIRD = "us-west-2", "eu-west-1", "us-east-2"
TALLIES = TableDefinition(
    name="tallies", partition_key=Attribute(name="PK", type="S"), ttl_attribute="expires_at"
)
PLAN = CountersPlan(regions=(HOME, AWAY, THIRD), increments=6, at_once=2)


@pytest.fixture(autouse=True)
def tallies(laboratory: RunningSandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """A table in three regions, made once; a short while is long enough to be quiet."""
    if TALLIES.name not in laboratory.tables(HOME):
        laboratory.create_table(TALLIES.name)
    monkeypatch.setattr(counters, "LEAST_QUIET_MS", 200.0)


def once(
    condition: Callable[[CountersRun], bool], then: Callable[[], object]
) -> Callable[[CountersRun], None]:
    """For `tell`: does something the first time that a run is so far."""
    done = Event()

    def told(run: CountersRun) -> None:
        if not done.is_set() and condition(run):
            done.set()
            then()

    return told


def is_watching(run: CountersRun) -> bool:
    return run.phase is Phase.WATCHING


def by_way(run: CountersRun) -> Mapping[Counting, Counted]:
    return {each.counting: each for each in run.counted}


def position_in(items: list[dict[str, Any]]) -> int:
    """What a region's item of positions holds; it alone has a time of its own."""
    (found,) = [int(item[COUNT]["N"]) for item in items if UPDATED_AT in item]
    return found


def everywhere(laboratory: RunningSandbox) -> list[dict[str, Any]]:
    """All items of all regions, once nothing is under way."""
    laboratory.deliver()
    return [
        dict(item)
        for region in PLAN.regions
        for item in laboratory.scan(TALLIES.name, region).values()
    ]


def test_a_shared_counter_loses_what_others_add_and_a_split_one_nothing(
    laboratory: RunningSandbox, open_table: OpenTable
) -> None:
    laboratory.hold()
    held: dict[str, list[dict[str, Any]]] = {}

    def look_and_deliver() -> None:
        for region in PLAN.regions:
            held[region] = [dict(each) for each in laboratory.scan(TALLIES.name, region).values()]
        laboratory.deliver()

    run = run_counters(PLAN, open_table(TALLIES), tell=once(is_watching, look_and_deliver))

    assert run.phase is Phase.DONE
    assert not run.troubles
    assert [each.counting for each in run.counted] == list(Counting)
    found = by_way(run)
    shared, split, absolute = (found[each] for each in Counting)
    assert all(each.settled for each in run.counted)
    assert (shared.acknowledged, shared.expected, shared.lost) == (18, 18, 12)
    assert shared.held == dict.fromkeys(PLAN.regions, 6)
    assert (split.acknowledged, split.lost) == (18, 0)
    assert split.held == dict.fromkeys(PLAN.regions, 18)
    assert absolute.acknowledged + absolute.refused == 18
    assert absolute.expected == 18
    assert absolute.held == dict.fromkeys(PLAN.regions, 18 - (absolute.behind or 0))
    newest = {region: position_in(items) for region, items in held.items()}
    assert max(newest.values()) == 18
    assert 18 - (absolute.behind or 0) in newest.values()
    assert {len(items) for items in held.values()} == {3}
    assert all({"expires_at", "experiment"} <= set(item) for item in held[HOME])
    assert everywhere(laboratory) == []


def test_it_has_not_settled_before_every_regions_own_count_has_arrived(
    laboratory: RunningSandbox, open_table: OpenTable, leap: Callable[[float], None]
) -> None:
    """However long all has been quiet: once the rest has arrived, the clock is put far ahead."""
    laboratory.control.set_lag(lag_ms=0, jitter_ms=0)
    laboratory.control.pause_way(AWAY, THIRD)
    arrived = {HOME: 18, AWAY: 18, THIRD: 12}
    waits = once(
        lambda run: is_watching(run) and by_way(run)[Counting.SPLIT].held == arrived,
        lambda: leap(2 * PLAN.patience_ms),
    )

    run = run_counters(PLAN, open_table(TALLIES), tell=waits)

    assert run.phase is Phase.GAVE_UP
    split = by_way(run)[Counting.SPLIT]
    assert split.held == arrived
    assert not split.settled
    assert split.lost is None
    laboratory.control.resume()
    assert everywhere(laboratory) == []


def test_equal_sums_are_not_settled_while_each_region_lacks_the_others_counts() -> None:
    regions = (HOME, AWAY)
    keys = _Keys(ProbeItems(definition=TALLIES, name="counters"), regions)
    board = _Board(regions, keys)

    def look(region: str, at_ms: float, counts: Mapping[str, int]) -> None:
        held = {keys.split[each]: {COUNT: count} for each, count in counts.items()}
        board.looked(Look(region=region, asked_ms=at_ms, answered_ms=at_ms, held=held))

    for region in regions:
        board.reported(_Done(counting=Counting.SPLIT, region=region, at_ms=10))
        look(region, 20, {region: 1})
    assert not board.settle(5_000, 15, set())

    for region in regions:
        look(region, 510, dict.fromkeys(regions, 1))
    assert not board.settle(510 + 3 * 500 - 1, 15, set())
    assert board.settle(510 + 3 * 500 + 1, 15, set())
    assert board.counted(Counting.SPLIT).held == dict.fromkeys(regions, 2)


def test_in_one_region_the_newest_position_stands_in_whatever_order_they_come(
    open_table: OpenTable,
) -> None:
    plan = CountersPlan(regions=(HOME,), increments=40, at_once=16)

    absolute = by_way(run_counters(plan, open_table(TALLIES)))[Counting.ABSOLUTE]

    assert (absolute.expected, absolute.held) == (40, {HOME: 40})
    assert absolute.acknowledged + absolute.refused == 40


def test_an_increment_without_an_answer_is_uncertain_and_not_sent_again(
    laboratory: RunningSandbox, open_table: OpenTable
) -> None:
    laboratory.control.set_lag(lag_ms=0, jitter_ms=0)
    plan = replace(PLAN, at_once=1)
    fails = once(
        lambda run: run.phase is Phase.WRITING,
        lambda: laboratory.control.fail(AWAY, rate=1, executed_rate=1),
    )
    heals = once(is_watching, lambda: laboratory.control.heal(AWAY))

    def told(run: CountersRun) -> None:
        fails(run)
        heals(run)

    run = run_counters(plan, open_table(TALLIES), tell=told)

    found = by_way(run)
    assert run.phase is Phase.DONE
    assert sum(each.uncertain for each in run.counted) == 1
    assert {each.region for each in run.troubles} == {AWAY}
    split = found[Counting.SPLIT]
    (held,) = {each or 0 for each in split.held.values()}
    assert split.acknowledged <= held <= split.acknowledged + split.uncertain
    assert split.lost == 0
    assert everywhere(laboratory) == []


def test_a_region_that_is_away_counts_nothing_and_the_others_settle_without_it(
    laboratory: RunningSandbox, open_table: OpenTable, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watching, "AWAY_MS", 300.0)
    laboratory.control.outage(AWAY)

    run = run_counters(PLAN, open_table(TALLIES))

    assert run.phase is Phase.DONE
    assert {each.region for each in run.troubles} == {AWAY}
    split = by_way(run)[Counting.SPLIT]
    assert (split.expected, split.lost) == (12, 0)
    assert split.held == {HOME: 12, THIRD: 12}
    laboratory.control.heal()
    assert everywhere(laboratory) == []


def test_a_region_that_goes_away_with_what_it_counted_leaves_it_unsettled_and_nothing_behind(
    laboratory: RunningSandbox, open_table: OpenTable, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watching, "AWAY_MS", 300.0)
    laboratory.hold()
    leaves = once(is_watching, lambda: laboratory.control.outage(AWAY))

    run = run_counters(PLAN, open_table(TALLIES), tell=leaves)

    assert run.phase is Phase.GAVE_UP
    assert [each.lost for each in run.counted] == [None] * 3
    assert f"{HOME} did, and replicates them." in run.troubles[-1].sentence
    laboratory.control.heal()
    assert everywhere(laboratory) == []


def test_it_stops_and_takes_its_items_away(
    laboratory: RunningSandbox, open_table: OpenTable
) -> None:
    stop = Event()
    stops = once(lambda run: by_way(run)[Counting.SHARED].acknowledged > 0, stop.set)

    run = run_counters(replace(PLAN, increments=500), open_table(TALLIES), tell=stops, stop=stop)

    assert run.phase is Phase.STOPPED
    assert 0 < sum(each.acknowledged for each in run.counted) < 500 * 3 * 3
    assert everywhere(laboratory) == []


def test_an_error_of_who_is_told_leaves_neither_threads_nor_items(
    laboratory: RunningSandbox, open_table: OpenTable
) -> None:
    def leave(run: CountersRun) -> None:
        if by_way(run)[Counting.SHARED].acknowledged:
            raise ConnectionAbortedError

    with pytest.raises(ConnectionAbortedError):
        run_counters(PLAN, open_table(TALLIES), tell=leave)

    assert everywhere(laboratory) == []
