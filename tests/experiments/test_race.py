"""Races between regions that really replicate, compared with what the sandbox knows of them."""

import time
from collections.abc import Callable
from dataclasses import replace
from threading import Event

import pytest

from gtsite.dynamodb.errors import ItemRefused
from gtsite.dynamodb.tables import Attribute, TableDefinition
from gtsite.experiments import watching
from gtsite.experiments.entities import Phase, RacePlan, RaceRun, RaceWrite
from gtsite.experiments.race import _Board, run_race
from gtsite.experiments.watching import Look
from gtsite.experiments.writing import Wrote
from tests.experiments.conftest import OpenTable
from tests.support.sandbox import BOUND_SECONDS, RunningSandbox, number, text

HOME, AWAY, THIRD = "us-west-2", "eu-west-1", "us-east-2"
SEATS = TableDefinition(name="seats", partition_key=Attribute(name="PK", type="S"))
PLAN = RacePlan(
    keys=(("one",), ("two",)),
    attribute="free",
    writes=(RaceWrite(region=HOME, value=111), RaceWrite(region=AWAY, value=0)),
    watch=(HOME, AWAY, THIRD),
)


@pytest.fixture(autouse=True)
def seats(laboratory: RunningSandbox) -> None:
    """A table in three regions, made once, with two items that everybody has."""
    if SEATS.name not in laboratory.tables(HOME):
        laboratory.create_table(SEATS.name)
    laboratory.control.set_lag(lag_ms=0, jitter_ms=0)
    for key in ("one", "two"):
        put(laboratory, HOME, key, 500)
    laboratory.drain()
    laboratory.control.set_lag(lag_ms=laboratory.lag_ms, jitter_ms=0)


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A region that is away is not waited for, as after ten seconds."""
    monkeypatch.setattr(watching, "AWAY_MS", 300.0)


class After:
    """The end of a run that should have ended by itself before."""

    def __init__(self, seconds: float) -> None:
        self._end = time.monotonic() + seconds

    def is_set(self) -> bool:
        return time.monotonic() > self._end

    def wait(self, timeout: float | None = None) -> bool:
        raise NotImplementedError


def put(laboratory: RunningSandbox, region: str, key: str, free: int) -> None:
    laboratory.client(region).put_item(
        TableName=SEATS.name, Item={"PK": text(key), "free": number(free)}
    )


def conflicts(laboratory: RunningSandbox, after: int) -> set[tuple[str, str, str]]:
    """Key, winner and loser of every conflict since then, as the sandbox met them."""
    return {
        (each.key["PK"]["S"], each.winner.region, each.loser.region)
        for each in laboratory.control.conflicts(limit=1000)
        if each.id > after
    }


def last_conflict(laboratory: RunningSandbox) -> int:
    return max((each.id for each in laboratory.control.conflicts(limit=1)), default=0)


def once(condition: Callable[[RaceRun], bool], then: Callable[[], object]) -> Callable[..., None]:
    """For `tell`: does something the first time that a run is so far."""
    done = Event()

    def told(run: RaceRun) -> None:
        if not done.is_set() and condition(run):
            done.set()
            then()

    return told


def is_watching(run: RaceRun) -> bool:
    return run.phase is Phase.WATCHING


def shows_every_write(run: RaceRun) -> bool:
    """Each writer's region has been seen to hold its own value: nothing has arrived yet."""
    wrote = {(each.region, each.value) for each in run.plan.writes}
    return is_watching(run) and all(
        wrote <= {(each.region, each.value) for each in item.film} for item in run.items
    )


def has_looked_everywhere(run: RaceRun) -> bool:
    """Before the first write: what every region holds is known."""
    return all(len(each.film) == len(run.plan.watch) for each in run.items)


def test_of_two_writes_that_cross_the_later_one_stands_and_the_other_is_lost(
    laboratory: RunningSandbox, open_table: OpenTable
) -> None:
    before = last_conflict(laboratory)
    laboratory.hold()

    run = run_race(PLAN, open_table(SEATS), tell=once(shows_every_write, laboratory.deliver))

    assert run.phase is Phase.DONE
    assert run.lost == 2
    for item in run.items:
        assert (item.winner, item.lost, item.stands) == (AWAY, (HOME,), 0)
        assert item.replaced == {HOME: 500, AWAY: 500}
        assert not item.unclear
        assert item.agreed_ms is not None
        assert item.agreed_ms >= max(item.written_ms.values())
        seen = [(each.region, each.value) for each in item.film]
        assert set(seen[:3]) == {(HOME, 500), (AWAY, 500), (THIRD, 500)}
        assert [value for region, value in seen if region == HOME] == [500, 111, 0]
        assert [value for region, value in seen if region == AWAY] == [500, 0]
    assert {(key, AWAY, HOME) for key in ("one", "two")} <= conflicts(laboratory, before)


def test_a_write_that_knew_the_other_lost_nothing_and_the_sandbox_agrees(
    laboratory: RunningSandbox, open_table: OpenTable
) -> None:
    before = last_conflict(laboratory)

    run = run_race(replace(PLAN, gap_ms=1_000.0), open_table(SEATS))

    laboratory.drain()
    met = conflicts(laboratory, before)
    for item in run.items:
        (key,) = item.key
        assert item.winner == AWAY
        assert set(item.lost) == {loser for name, _, loser in met if name == key}
        assert bool(item.lost) is (item.replaced[AWAY] != 111)


def test_three_regions_at_once_make_items_that_did_not_exist(
    laboratory: RunningSandbox, open_table: OpenTable
) -> None:
    before = last_conflict(laboratory)
    laboratory.hold()
    writes = tuple(
        RaceWrite(region=region, value=value)
        for region, value in zip((HOME, AWAY, THIRD), "abc", strict=True)
    )
    plan = replace(PLAN, keys=(("new",),), writes=writes, simultaneous=True)

    run = run_race(plan, open_table(SEATS), tell=once(is_watching, laboratory.deliver))

    (item,) = run.items
    assert item.replaced == {HOME: None, AWAY: None, THIRD: None}
    assert item.winner is not None
    assert {item.winner, *item.lost} == {HOME, AWAY, THIRD}
    assert len(item.lost) == 2
    losers = {loser for _, _, loser in conflicts(laboratory, before)}
    assert losers == set(item.lost)
    assert laboratory.scan(SEATS.name, THIRD)["new"]["free"] == text(
        {each.region: each.value for each in writes}[item.winner]
    )
    laboratory.client(HOME).delete_item(TableName=SEATS.name, Key={"PK": text("new")})


def test_a_gap_sets_regions_apart_that_write_item_by_item(open_table: OpenTable) -> None:
    run = run_race(replace(PLAN, gap_ms=80.0, simultaneous=True), open_table(SEATS))

    one, two = run.items
    assert one.written_ms[AWAY] - one.film[2].at_ms > 79, "nothing is written before all is seen"
    assert two.written_ms[AWAY] - one.written_ms[AWAY] > 79
    assert one.written_ms[AWAY] < two.written_ms[HOME]


def test_equal_values_have_no_winner_and_lose_nothing(
    laboratory: RunningSandbox, open_table: OpenTable
) -> None:
    laboratory.hold()
    writes = tuple(RaceWrite(region=region, value=7) for region in (HOME, AWAY))
    plan = replace(PLAN, writes=writes)

    run = run_race(plan, open_table(SEATS), tell=once(is_watching, laboratory.deliver))

    assert run.phase is Phase.DONE
    assert {(each.winner, each.lost, each.stands) for each in run.items} == {(None, (), 7)}


def test_somebody_elses_value_that_stands_is_said_to_be_nobodys_here(
    laboratory: RunningSandbox, open_table: OpenTable
) -> None:
    laboratory.hold()

    def interfere() -> None:
        put(laboratory, THIRD, "two", 99)
        laboratory.deliver()

    run = run_race(PLAN, open_table(SEATS), tell=once(is_watching, interfere))

    one, two = run.items
    assert (one.winner, one.strangers, one.unclear) == (AWAY, (), False)
    assert (two.winner, two.lost, two.stands) == (None, (), 99)
    assert two.strangers == (99,)
    assert two.unclear


def test_a_write_without_an_answer_may_stand_and_nobody_is_said_to_have_lost(
    laboratory: RunningSandbox, open_table: OpenTable
) -> None:
    laboratory.hold()
    fails = once(
        has_looked_everywhere, lambda: laboratory.control.fail(AWAY, rate=1, executed_rate=1)
    )

    def heal() -> None:
        laboratory.control.heal(AWAY)
        laboratory.deliver()

    heals = once(is_watching, heal)

    def told(run: RaceRun) -> None:
        fails(run)
        heals(run)

    run = run_race(replace(PLAN, keys=(("one",),)), open_table(SEATS), tell=told)

    (item,) = run.items
    assert run.phase is Phase.DONE
    assert item.uncertain == (AWAY,)
    assert (item.winner, item.stands) == (AWAY, 0)
    assert item.unclear
    assert not item.lost
    assert any("may have written one" in trouble.sentence for trouble in run.troubles)


@pytest.mark.usefixtures("impatient")
def test_a_region_that_is_away_and_wrote_nothing_is_not_waited_for(
    laboratory: RunningSandbox, open_table: OpenTable
) -> None:
    laboratory.control.outage(AWAY)

    run = run_race(PLAN, open_table(SEATS))

    assert run.phase is Phase.DONE
    assert {each.region for each in run.troubles} == {AWAY}
    assert {(each.winner, each.lost, each.stands) for each in run.items} == {(HOME, (), 111)}


@pytest.mark.usefixtures("impatient")
def test_a_region_that_goes_away_with_what_it_wrote_leaves_the_race_open(
    laboratory: RunningSandbox, open_table: OpenTable
) -> None:
    laboratory.hold()

    def leave() -> None:
        laboratory.control.outage(AWAY)
        laboratory.control.set_lag(lag_ms=0, jitter_ms=0)

    run = run_race(
        PLAN, open_table(SEATS), tell=once(is_watching, leave), stop=After(BOUND_SECONDS)
    )

    assert run.phase is Phase.GAVE_UP
    assert {each.region for each in run.troubles} == {AWAY}
    assert {(each.winner, each.lost, each.agreed_ms) for each in run.items} == {(None, (), None)}
    assert all(set(each.written_ms) == {HOME, AWAY} for each in run.items)


def test_patience_ends_a_race_that_nothing_settles(
    laboratory: RunningSandbox, open_table: OpenTable
) -> None:
    laboratory.hold()

    run = run_race(replace(PLAN, patience_ms=100.0), open_table(SEATS))

    assert run.phase is Phase.GAVE_UP
    assert not run.troubles
    assert [each.agreed_ms for each in run.items] == [None, None]


def test_a_race_that_is_stopped_writes_no_more(open_table: OpenTable) -> None:
    stop = Event()
    stops = once(lambda run: any(each.written_ms for each in run.items), stop.set)

    run = run_race(replace(PLAN, gap_ms=60_000.0), open_table(SEATS), tell=stops, stop=stop)

    assert run.phase is Phase.STOPPED
    assert all(AWAY not in each.written_ms for each in run.items)


def test_an_error_of_who_is_told_ends_the_writing(
    laboratory: RunningSandbox, open_table: OpenTable
) -> None:
    def leave(run: RaceRun) -> None:
        if any(each.written_ms for each in run.items):
            raise ConnectionAbortedError

    with pytest.raises(ConnectionAbortedError):
        run_race(replace(PLAN, gap_ms=60_000.0), open_table(SEATS), tell=leave)

    laboratory.deliver()
    held = {item["free"]["N"] for item in laboratory.scan(SEATS.name, AWAY).values()}
    assert held <= {"111", "500"}


def test_looks_from_before_the_last_write_show_no_agreement() -> None:
    board = _Board(replace(PLAN, keys=(("one",),), watch=(HOME, AWAY)))
    before = {("one",): {"PK": "one", "free": 500}}
    after = {("one",): {"PK": "one", "free": 0}}
    for region in (HOME, AWAY):
        board.looked(Look(region=region, asked_ms=1, answered_ms=3, held=before))
    board.begin()
    for region in (HOME, AWAY):
        write = {"region": region, "key": ("one",), "asked_ms": 4.0, "answered_ms": 5.0}
        board.reported(Wrote(**write, replaced=500))  # type: ignore[arg-type]

    assert not board.settle(6, set())
    board.looked(Look(region=HOME, asked_ms=7, answered_ms=9, held=after))
    assert not board.settle(6, set())
    board.looked(Look(region=AWAY, asked_ms=7, answered_ms=11, held=after))
    assert board.settle(6, set())
    (item,) = board.picture()
    assert (item.winner, item.lost, item.agreed_ms) == (AWAY, (HOME,), 9)


def test_keys_that_do_not_fit_the_table_are_refused(open_table: OpenTable) -> None:
    with pytest.raises(ItemRefused):
        run_race(replace(PLAN, keys=(("one", "more"),)), open_table(SEATS))
