"""Replication lag, measured on a sandbox whose lag is known."""

import secrets
import time
from collections.abc import Callable
from itertools import permutations
from threading import Event
from typing import Any

import pytest

from gtsite.dynamodb.items import Item
from gtsite.dynamodb.repository import Table
from gtsite.dynamodb.router import Answer
from gtsite.dynamodb.tables import Attribute, KeyType, TableDefinition
from gtsite.experiments.entities import LagPlan, LagRun, Phase, Probe, Way
from gtsite.experiments.lag import _Board, _Flight, run_lag
from gtsite.experiments.statistics import percentile
from gtsite.experiments.subjects import ProbeItems
from gtsite.experiments.watching import Look, Timed
from tests.experiments.busy import busy_region
from tests.experiments.conftest import LAG_MS, OpenTable
from tests.support.patience import Patience
from tests.support.sandbox import BOUND_SECONDS, REGIONS, RunningSandbox

HOME, AWAY, THIRD = REGIONS
THERE = Way(source=HOME, target=AWAY)
EVERYWHERE = tuple(Way(source=here, target=there) for here, there in permutations(REGIONS, 2))
Fits = Callable[[LagRun], bool]


def keyed(kind: KeyType, *, sort: bool = False) -> TableDefinition:
    return TableDefinition(
        name=f"probed-{kind}-{sort}",
        partition_key=Attribute(name="PK", type=kind),
        sort_key=Attribute(name="SK", type=kind) if sort else None,
    )


def earliest_ms(probe: Probe) -> float:
    assert probe.lag_ms is not None
    return probe.lag_ms - probe.give_or_take_ms


def latest_ms(probe: Probe) -> float:
    assert probe.lag_ms is not None
    return probe.lag_ms + probe.give_or_take_ms


def was_there_when_acknowledged(probe: Probe) -> bool:
    """Whether that may be, however long the write, or the last look without it, took.

    Half of the one, and at least half of half of the other, is part of what it may be off.
    """
    return earliest_ms(probe) <= 2 * probe.give_or_take_ms


@pytest.fixture
def probed(laboratory: RunningSandbox) -> Callable[[TableDefinition], TableDefinition]:
    """Makes a table in three regions, once."""

    def made(definition: TableDefinition) -> TableDefinition:
        if definition.name not in laboratory.tables(HOME):
            attributes = [
                {"AttributeName": each.name, "AttributeType": each.type}
                for each in definition.key_attributes
            ]
            laboratory.create_table(
                definition.name,
                sort_key=definition.sort_key is not None,
                AttributeDefinitions=attributes,
            )
        return definition

    return made


@pytest.fixture
def plain(probed: Callable[[TableDefinition], TableDefinition]) -> TableDefinition:
    return probed(keyed("S"))


def plan(*ways: Way, probes: int = 5, every_ms: float = 20, patience_ms: float = 60_000) -> LagPlan:
    return LagPlan(ways=ways or (THERE,), probes=probes, every_ms=every_ms, patience_ms=patience_ms)


def items_left(laboratory: RunningSandbox, definition: TableDefinition) -> int:
    """In all regions, once nothing is on its way."""
    laboratory.drain()
    return sum(
        laboratory.client(region).scan(TableName=definition.name)["Count"]
        for region in laboratory.regions
    )


# What is worked out from the looks


@pytest.mark.parametrize(
    ("absent_ms", "seen_ms", "lag_ms", "give_or_take_ms"),
    [
        (150.0, 160.0, 55.0, 5.0),  # between two looks
        (90.0, 120.0, 10.0, 10.0),  # not before it was written
        (None, 120.0, 10.0, 10.0),  # no look without it
        (None, 95.0, 0.0, 0.0),  # seen before the write was half done
        (130.0, None, None, 0.0),  # not seen
    ],
)
def test_a_probe_arrived_halfway_between_two_looks(
    absent_ms: float | None, seen_ms: float | None, lag_ms: float | None, give_or_take_ms: float
) -> None:
    flight = _Flight(number=3, written_ms=100.0, absent_ms=absent_ms, seen_ms=seen_ms)
    flight.work_out()
    assert flight.probe == Probe(
        number=3, written_ms=100.0, lag_ms=lag_ms, give_or_take_ms=give_or_take_ms
    )


def test_a_probe_seen_before_its_write_was_acknowledged_counts_all_the_same() -> None:
    board = _Board([THERE])
    board.sent(HOME, ("x",), 1)
    assert board.wanted(AWAY) == [("x",)]
    board.looked(Look(region=AWAY, asked_ms=10.0, answered_ms=12.0, held={("x",): {"PK": "x"}}))
    assert board.wanted(AWAY) == []
    assert board.picture()[0].probes == ()
    board.written(HOME, ("x",), Timed(value=None, asked_ms=6.0, answered_ms=10.0))
    ((probe,),) = (way.probes for way in board.picture())
    assert (probe.lag_ms, probe.give_or_take_ms) == (1.5, 1.5 + 2.0 + 1.0)


def test_what_is_given_up_is_missing_and_what_failed_is_not_there() -> None:
    board = _Board([THERE])
    for number, key in enumerate((("lost",), ("new",), ("failed",)), start=1):
        board.sent(HOME, key, number)
    board.written(HOME, ("lost",), Timed(value=None, asked_ms=100.0, answered_ms=100.0))
    board.written(HOME, ("new",), Timed(value=None, asked_ms=200.0, answered_ms=200.0))
    board.dropped(HOME, ("failed",))
    board.give_up(150.0)
    assert board.wanted(AWAY) == [("new",)]
    (way,) = board.picture()
    assert [each.number for each in way.probes] == [1, 2]
    assert way.missing == 2


# On the sandbox


def test_the_median_of_a_lag_of_a_second_is_within_five_per_cent(
    laboratory: RunningSandbox, plain: TableDefinition, open_table: OpenTable
) -> None:
    laboratory.control.set_lag(lag_ms=1000, jitter_ms=0)
    """Measured anew while the machine is busy with something else: it never is too short."""
    table = open_table(plain)
    medians: list[float] = []
    end = time.monotonic() + BOUND_SECONDS
    while time.monotonic() < end:
        (way,) = run_lag(plan(probes=15), table).ways
        assert way.missing == 0
        assert all(latest_ms(each) > 999 for each in way.probes)
        medians.append(percentile(way.lags_ms, 50) or 0.0)
        if abs(medians[-1] - 1000) <= 50:
            return
    raise AssertionError(medians)


def test_of_two_ways_the_one_with_more_lag_is_found_to_be_slower(
    laboratory: RunningSandbox, plain: TableDefinition, open_table: OpenTable
) -> None:
    """The farther one's lasts until all of the nearer one's have been seen for a while."""
    laboratory.control.set_lag(source=HOME, target=THIRD, lag_ms=60_000, jitter_ms=0)
    near_is_there = once(lambda run: len(run.ways[0].lags_ms) == 10)

    def tell(run: LagRun) -> None:
        if near_is_there(run):
            time.sleep(5 * LAG_MS / 1000)
            laboratory.control.set_lag(source=HOME, target=THIRD, lag_ms=0, jitter_ms=0)

    ways = (THERE, Way(source=HOME, target=THIRD))
    run = run_lag(plan(*ways, probes=10), open_table(plain), tell=tell)
    near, far = (percentile(each.lags_ms, 50) or 0.0 for each in run.ways)
    assert near + LAG_MS < far


@pytest.mark.parametrize(
    "definition", [keyed("S", sort=True), keyed("N"), keyed("N", sort=True), keyed("B")]
)
def test_every_way_of_a_table_with_any_keys_is_measured_and_nothing_stays(
    laboratory: RunningSandbox,
    probed: Callable[[TableDefinition], TableDefinition],
    open_table: OpenTable,
    definition: TableDefinition,
) -> None:
    pictures: list[LagRun] = []
    table = open_table(probed(definition))
    phases = [Phase.WRITING, Phase.WATCHING, Phase.DONE]
    run = run_lag(plan(*EVERYWHERE), table, tell=pictures.append)
    assert run.phase is Phase.DONE
    assert run.troubles == ()
    assert [each.way for each in run.ways] == list(EVERYWHERE)
    for way in run.ways:
        assert [each.number for each in way.probes] == [1, 2, 3, 4, 5]
        assert len(way.lags_ms) == 5
        assert all(latest_ms(each) > LAG_MS / 2 for each in way.probes)
    told = [phases.index(each.phase) for each in pictures]
    assert told == sorted(told)
    assert pictures[-1] == run
    assert items_left(laboratory, definition) == 0


def test_an_item_that_is_there_already_is_left_alone(
    plain: TableDefinition, open_table: OpenTable, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(secrets, "randbelow", lambda _: 77)
    table = open_table(plain)
    (taken,) = ProbeItems(definition=plain, run=77).key(0, 2)
    table.at(HOME).put({"PK": taken, "whose": "not ours"})
    run = run_lag(plan(probes=3), table)
    assert [each.number for each in run.ways[0].probes] == [1, 3]
    assert "has an item under a probe's key" in run.troubles[0].sentence
    assert table.at(HOME).get(taken).value == {"PK": taken, "whose": "not ours"}
    table.at(HOME).delete(taken)


def test_what_does_not_arrive_in_time_is_missing_and_deleted_all_the_same(
    laboratory: RunningSandbox,
    plain: TableDefinition,
    open_table: OpenTable,
    leap: Callable[[float], None],
) -> None:
    laboratory.control.pause_way(HOME, AWAY)
    ways = (THERE, Way(source=HOME, target=THIRD))
    rest_is_there = once(lambda run: len(run.ways[1].lags_ms) == 3)

    def tell(run: LagRun) -> None:
        if rest_is_there(run):
            leap(600_001)

    table = open_table(plain)
    run = run_lag(plan(*ways, probes=3, patience_ms=600_000), table, tell=tell)
    assert run.phase is Phase.GAVE_UP
    assert [each.missing for each in run.ways] == [3, 0]
    laboratory.control.resume()
    assert items_left(laboratory, plain) == 0


def test_a_target_that_is_away_from_the_start_is_not_waited_for(
    laboratory: RunningSandbox,
    plain: TableDefinition,
    open_table: OpenTable,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("gtsite.experiments.lag.AWAY_MS", 500.0)
    laboratory.control.outage(AWAY, "refuse")
    ways = (THERE, Way(source=HOME, target=THIRD))
    run = run_lag(plan(*ways, probes=3, patience_ms=600_000), open_table(plain))
    assert run.phase is Phase.GAVE_UP
    assert [each.missing for each in run.ways] == [3, 0]
    assert [each.region for each in run.troubles] == [AWAY]
    laboratory.control.heal(AWAY)
    assert items_left(laboratory, plain) == 0


def test_a_target_that_hangs_for_a_while_is_waited_for(
    laboratory: RunningSandbox, plain: TableDefinition, open_table: OpenTable, patience: Patience
) -> None:
    """Nothing arrives before it hangs, or there would be nothing left to wait for."""
    laboratory.hold()
    patience.hangs(AWAY)
    seen = once(lambda run: bool(run.ways[0].probes))

    def tell(run: LagRun) -> None:
        if seen(run):
            laboratory.control.outage(AWAY, "blackhole")
        elif run.troubles:
            laboratory.control.heal(AWAY)
            laboratory.deliver()

    run = run_lag(plan(probes=3), open_table(plain), tell=tell)
    assert run.phase is Phase.DONE
    assert run.ways[0].missing == 0
    assert [each.region for each in run.troubles] == [AWAY]


def test_a_source_that_goes_away_in_the_middle_is_gone_on_without(
    laboratory: RunningSandbox,
    plain: TableDefinition,
    open_table: OpenTable,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What it wrote has not arrived: it would come back with the region if nobody deleted it."""
    monkeypatch.setattr("gtsite.experiments.lag.AWAY_MS", 500.0)
    laboratory.control.set_lag(source=HOME, lag_ms=60_000, jitter_ms=0)
    put, written = Table.put, []

    def put_three(table: Table, item: Item, **more: Any) -> Answer[None]:
        if table.region == HOME:
            written.append(item)
            if len(written) == 4:
                laboratory.control.outage(HOME, "refuse")
        return put(table, item, **more)

    monkeypatch.setattr(Table, "put", put_three)
    ways = (THERE, Way(source=THIRD, target=AWAY))
    run = run_lag(plan(*ways, probes=30, patience_ms=600_000), open_table(plain))
    assert run.phase is Phase.GAVE_UP
    assert len(run.ways[0].probes) == run.ways[0].missing == 3
    assert len(run.ways[1].lags_ms) == 30
    assert any(each.region == HOME and "refused" in each.sentence for each in run.troubles)
    assert any(f"{AWAY} did, and replicates them" in each.sentence for each in run.troubles)
    laboratory.control.heal(HOME)
    laboratory.deliver()
    assert items_left(laboratory, plain) == 0


def test_a_source_without_capacity_is_told_of_and_nothing_is_left_to_delete(
    laboratory: RunningSandbox, plain: TableDefinition, open_table: OpenTable
) -> None:
    with busy_region(laboratory.port_of(HOME)) as (busy, address):
        busy.throttled = {"PutItem", "BatchWriteItem"}
        ways = (THERE, Way(source=THIRD, target=AWAY))
        run = run_lag(plan(*ways, probes=1), open_table(plain, {HOME: address}))
    assert [len(each.probes) for each in run.ways] == [0, 1]
    assert [(each.region, "no capacity" in each.sentence) for each in run.troubles] == [
        (HOME, True)
    ]
    assert items_left(laboratory, plain) == 0


def test_a_run_that_is_stopped_says_what_it_has_and_leaves_nothing(
    laboratory: RunningSandbox, plain: TableDefinition, open_table: OpenTable
) -> None:
    stop = Event()
    phases: list[Phase] = []

    def tell(run: LagRun) -> None:
        phases.append(run.phase)
        if run.ways[0].lags_ms:
            stop.set()

    run = run_lag(plan(probes=1000), open_table(plain), tell=tell, stop=stop)
    assert run.phase is Phase.STOPPED
    assert phases[0] is Phase.WRITING
    assert 1 <= len(run.ways[0].lags_ms) <= len(run.ways[0].probes) < 1000
    assert items_left(laboratory, plain) == 0


def test_whoever_is_told_may_interrupt_and_nothing_stays(
    laboratory: RunningSandbox, plain: TableDefinition, open_table: OpenTable
) -> None:
    def tell(run: LagRun) -> None:
        if run.ways[0].probes:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_lag(plan(probes=1000), open_table(plain), tell=tell)
    assert items_left(laboratory, plain) == 0


def test_a_table_that_is_not_in_a_region_is_that_regions_trouble(
    laboratory: RunningSandbox, open_table: OpenTable
) -> None:
    if "two-regions" not in laboratory.tables(HOME):
        laboratory.create_table("two-regions", HOME, AWAY)
    two = TableDefinition(name="two-regions", partition_key=Attribute(name="PK", type="S"))
    ways = (Way(source=THIRD, target=HOME), THERE)
    run = run_lag(plan(*ways, probes=2), open_table(two))
    assert [len(each.probes) for each in run.ways] == [0, 2]
    assert run.ways[1].missing == 0
    assert {each.region for each in run.troubles} == {THIRD}


def test_a_strong_table_has_a_write_in_a_second_region_at_once(
    laboratory: RunningSandbox, open_table: OpenTable
) -> None:
    laboratory.create_strong_table("strong")
    strong = TableDefinition(name="strong", partition_key=Attribute(name="PK", type="S"))
    run = run_lag(plan(*EVERYWHERE, probes=3), open_table(strong))
    assert run.phase is Phase.DONE
    assert run.troubles == ()
    for region in REGIONS:
        ways = [each for each in run.ways if each.way.source == region]
        for probes in zip(*(each.probes for each in ways), strict=True):
            assert any(was_there_when_acknowledged(each) for each in probes)


def once(holds: Fits) -> Fits:
    """Whether something holds for the first time."""
    before: list[LagRun] = []

    def first(run: LagRun) -> bool:
        if before or not holds(run):
            return False
        before.append(run)
        return True

    return first
