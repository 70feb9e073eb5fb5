"""Reads in one region of what another one has just written."""

from collections.abc import Callable
from dataclasses import replace
from threading import Event

import pytest

from gtsite.dynamodb.errors import ItemRefused
from gtsite.dynamodb.tables import Attribute, TableDefinition
from gtsite.experiments import watching
from gtsite.experiments.entities import Phase, StalePlan, StaleRun
from gtsite.experiments.stale_read import run_stale_read
from tests.experiments.conftest import OpenTable
from tests.support.sandbox import RunningSandbox, number, text

HOME, AWAY = "us-west-2", "eu-west-1"
PLACES = TableDefinition(name="places", partition_key=Attribute(name="PK", type="S"))
PLAN = StalePlan(
    keys=(("one",), ("two",), ("three",)), attribute="free", value=222, write=HOME, read=AWAY
)


@pytest.fixture(autouse=True)
def places(laboratory: RunningSandbox) -> None:
    """A table in two regions, made once, with three items that both have."""
    if PLACES.name not in laboratory.tables(HOME):
        laboratory.create_table(PLACES.name, HOME, AWAY)
    laboratory.control.set_lag(lag_ms=0, jitter_ms=0)
    for place, (key,) in enumerate(PLAN.keys):
        item = {"PK": text(key), "free": number(place)}
        laboratory.client(HOME).put_item(TableName=PLACES.name, Item=item)
    laboratory.drain()
    laboratory.control.set_lag(lag_ms=laboratory.lag_ms, jitter_ms=0)


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A region that is away is not waited for, as after ten seconds."""
    monkeypatch.setattr(watching, "AWAY_MS", 300.0)


def once_read(then: Callable[[], object]) -> Callable[[StaleRun], None]:
    """For `tell`: does something once the first read has been answered."""

    def told(run: StaleRun) -> None:
        if run.read_ms is not None and run.phase is Phase.WATCHING and run.longest_ms is None:
            then()

    return told


def test_what_has_not_arrived_is_stale_and_then_it_arrives(
    laboratory: RunningSandbox, open_table: OpenTable
) -> None:
    told: list[StaleRun] = []
    laboratory.hold()
    arrives = once_read(laboratory.deliver)

    def tell(run: StaleRun) -> None:
        told.append(run)
        arrives(run)

    run = run_stale_read(PLAN, open_table(PLACES), tell=tell)

    assert run == told[-1]
    assert run.phase is Phase.DONE
    assert run.stale == 3
    assert [each.before for each in run.items] == [0, 1, 2]
    assert [each.first for each in run.items] == [0, 1, 2]
    assert [each.last for each in run.items] == [222] * 3
    written = [each.written_ms for each in run.items]
    assert written == sorted(written, key=float)  # type: ignore[arg-type]
    counts = [sum(each.written_ms is not None for each in run.items) for run in told]
    assert {0, 1, 2, 3} >= set(counts)
    assert counts == sorted(counts)


def test_it_is_stale_for_as_long_as_replication_takes(
    laboratory: RunningSandbox, open_table: OpenTable
) -> None:
    """Half as long is what is sure: one look may take from the last write until it has arrived."""
    run = run_stale_read(PLAN, open_table(PLACES))

    assert run.phase is Phase.DONE
    for each in run.items:
        assert each.agreed_after_ms is not None
        assert run.wrote_ms is not None
        assert each.agreed_after_ms > (laboratory.lag_ms - run.wrote_ms) / 2
    assert run.longest_ms == max(each.agreed_after_ms or 0 for each in run.items)


def test_what_was_so_before_is_not_stale(laboratory: RunningSandbox, open_table: OpenTable) -> None:
    laboratory.hold()
    plan = replace(PLAN, keys=(("two",),), value=1)

    run = run_stale_read(plan, open_table(PLACES))

    (item,) = run.items
    assert (item.before, item.first, item.stale) == (1, 1, False)
    assert run.phase is Phase.DONE


def test_an_item_that_is_not_there_yet_is_stale_as_nothing(
    laboratory: RunningSandbox, open_table: OpenTable
) -> None:
    laboratory.hold()
    plan = replace(PLAN, keys=(("new",),))

    run = run_stale_read(plan, open_table(PLACES), tell=once_read(laboratory.deliver))

    (item,) = run.items
    assert (item.before, item.first, item.last) == (None, None, 222)
    laboratory.client(HOME).delete_item(TableName=PLACES.name, Key={"PK": text("new")})


def test_a_region_that_stops_taking_writes_ends_the_writing_not_the_reading(
    laboratory: RunningSandbox, open_table: OpenTable
) -> None:
    def tell(run: StaleRun) -> None:
        written = sum(each.written_ms is not None for each in run.items)
        if run.phase is Phase.WRITING and written == 1:
            laboratory.control.fail(HOME, rate=1)

    run = run_stale_read(PLAN, open_table(PLACES), tell=tell)

    assert run.phase is Phase.DONE
    assert [each.written_ms is not None for each in run.items] == [True, False, False]
    assert [each.last for each in run.items] == [222, None, None]
    assert [each.stale for each in run.items[1:]] == [None, None]
    (trouble,) = run.troubles
    assert trouble.region == HOME
    assert "may have written two" in trouble.sentence


@pytest.mark.usefixtures("impatient")
def test_a_region_that_never_answers_reads_is_given_up(
    laboratory: RunningSandbox, open_table: OpenTable
) -> None:
    laboratory.control.outage(AWAY)

    run = run_stale_read(PLAN, open_table(PLACES))

    assert run.phase is Phase.GAVE_UP
    assert {each.region for each in run.troubles} == {AWAY}
    assert all(each.written_ms is not None for each in run.items)
    assert [each.stale for each in run.items] == [None] * 3


def test_a_region_that_takes_no_write_at_all_has_nothing_to_be_stale(
    laboratory: RunningSandbox, open_table: OpenTable
) -> None:
    laboratory.control.outage(HOME)

    run = run_stale_read(PLAN, open_table(PLACES))

    assert run.phase is Phase.GAVE_UP
    assert [each.written_ms for each in run.items] == [None] * 3
    assert run.troubles


def test_patience_ends_it(laboratory: RunningSandbox, open_table: OpenTable) -> None:
    laboratory.hold()

    run = run_stale_read(replace(PLAN, patience_ms=100.0), open_table(PLACES))

    assert run.phase is Phase.GAVE_UP
    assert run.stale == 3
    assert run.longest_ms is None


def test_it_stops_where_it_is(laboratory: RunningSandbox, open_table: OpenTable) -> None:
    laboratory.hold()
    stop = Event()

    def tell(run: StaleRun) -> None:
        if run.phase is Phase.WATCHING:
            stop.set()

    run = run_stale_read(PLAN, open_table(PLACES), tell=tell, stop=stop)
    assert run.phase is Phase.STOPPED
    assert run.stale == 3

    run = run_stale_read(PLAN, open_table(PLACES), stop=stop)
    assert run.phase is Phase.STOPPED
    assert [each.written_ms for each in run.items] == [None] * 3


def test_keys_that_do_not_fit_the_table_are_refused(open_table: OpenTable) -> None:
    with pytest.raises(ItemRefused):
        run_stale_read(replace(PLAN, keys=(("one", "more"),)), open_table(PLACES))
