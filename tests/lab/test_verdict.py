import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bookmarks.lab.entities import HISTORY_LIMIT, Action, Entry, Outcome, Panel
from bookmarks.lab.verdict import Kind, Verdict, judge, list_writes
from tests.lab.world import IRELAND, OHIO, OREGON, REGIONS, Item, World


@pytest.fixture
def world() -> World:
    return World()


def judged(world: World) -> Verdict:
    return judge(world.histories)


class TestWithoutUpdates:
    def test_nothing_asked_is_unknown(self, world: World) -> None:
        verdict = judged(world)
        assert verdict.kind is Kind.UNKNOWN
        assert verdict.unasked == REGIONS
        assert verdict.newest is None

    def test_the_same_item_everywhere_is_in_sync(self, world: World) -> None:
        world.get_everywhere()
        verdict = judged(world)
        assert verdict.kind is Kind.IN_SYNC
        assert verdict.agreed is not None
        assert verdict.agreed.value == 0

    def test_a_ping_tells_nothing_of_the_item(self, world: World) -> None:
        for region in REGIONS:
            world.ping(region)
        assert judged(world).kind is Kind.UNKNOWN
        assert judged(world).unasked == REGIONS

    def test_one_region_not_asked_is_unknown_and_named(self, world: World) -> None:
        world.get(OREGON)
        world.get(IRELAND)
        assert judged(world).kind is Kind.UNKNOWN
        assert judged(world).unasked == (OHIO,)

    @pytest.mark.parametrize(
        "outcome", [Outcome.AWAY, Outcome.UNCERTAIN, Outcome.BUSY, Outcome.REFUSED]
    )
    def test_a_region_without_an_answer_is_unknown_and_named(
        self, world: World, outcome: Outcome
    ) -> None:
        world.get_everywhere()
        world.fail(IRELAND, outcome)
        verdict = judged(world)
        assert verdict.kind is Kind.UNKNOWN
        assert verdict.unheard == (IRELAND,)
        assert verdict.agreed is None

    def test_a_region_that_answers_again_is_heard(self, world: World) -> None:
        world.get_everywhere()
        world.fail(IRELAND, Outcome.AWAY)
        world.ping(IRELAND)
        assert judged(world).kind is Kind.IN_SYNC


class TestOneUpdate:
    def test_a_region_asked_before_it_arrived_is_stale(self, world: World) -> None:
        world.get_everywhere()
        world.add(OREGON, 1)
        world.wait(400)
        world.get(IRELAND)
        verdict = judged(world)
        assert verdict.kind is Kind.STALE
        assert [(each.held.region, each.behind_ms) for each in verdict.stale] == [(IRELAND, 400)]
        assert verdict.unasked == (OHIO,)

    def test_the_same_value_from_before_is_still_stale(self, world: World) -> None:
        world.add(OREGON, 1)
        world.drain()
        world.get_everywhere()
        world.add(OREGON, 1)
        world.add(OREGON, -1)
        world.wait(10)
        world.get(IRELAND)
        assert judged(world).kind is Kind.STALE

    def test_a_region_asked_before_the_write_is_not_called_stale(self, world: World) -> None:
        world.get_everywhere()
        world.wait(5000)
        world.add(OREGON, 1)
        verdict = judged(world)
        assert verdict.kind is Kind.UNKNOWN
        assert verdict.stale == ()
        assert verdict.unasked == (IRELAND, OHIO)

    def test_every_region_holds_it_after_the_lag(self, world: World) -> None:
        world.add(OREGON, 1)
        world.drain()
        world.get_everywhere()
        verdict = judged(world)
        assert verdict.kind is Kind.IN_SYNC
        assert verdict.conflicts == ()

    def test_an_item_of_another_hand_is_not_called_stale(self, world: World) -> None:
        """Its time is not known: `aws dynamodb update-item` leaves the lab's stamp as it was."""
        world.add(OREGON, 1)
        world.drain()
        world.get(OREGON)
        stamp = world.held[OREGON].stamp_ms
        world.put(Item(7, stamp, OREGON))
        world.wait(10)
        world.get(IRELAND)
        world.get(OHIO)
        verdict = judged(world)
        assert verdict.kind is Kind.UNKNOWN
        assert verdict.unasked == (OREGON,)


class TestConflict:
    def test_plus_here_and_minus_there_within_the_lag_is_one(self, world: World) -> None:
        world.add(OREGON, 1)
        world.wait(300)
        world.add(IRELAND, -1)
        verdict = judged(world)
        assert verdict.kind is Kind.CONFLICT
        (conflict,) = verdict.conflicts
        assert (conflict.winner.region, conflict.winner.new) == (IRELAND, -1)
        assert (conflict.loser.region, conflict.loser.new) == (OREGON, 1)
        assert (conflict.lost, conflict.settled) == (1, False)

    def test_apart_by_more_than_the_lag_is_none(self, world: World) -> None:
        world.add(OREGON, 1)
        world.wait(world.lag_ms + 1)
        world.add(IRELAND, -1)
        verdict = judged(world)
        assert verdict.conflicts == ()
        assert verdict.kind is Kind.UNKNOWN

    def test_once_all_agree_it_is_in_sync_and_still_told(self, world: World) -> None:
        world.add(OREGON, 1)
        world.add(IRELAND, -1)
        world.drain()
        world.get_everywhere()
        verdict = judged(world)
        assert verdict.kind is Kind.IN_SYNC
        assert [conflict.settled for conflict in verdict.conflicts] == [True]

    def test_it_is_settled_when_the_loser_s_region_has_moved_on(self, world: World) -> None:
        world.add(OREGON, 1)
        world.wait(1)
        world.add(IRELAND, -1)
        world.drain()
        world.get(OREGON)
        verdict = judged(world)
        assert verdict.kind is Kind.UNKNOWN
        assert [conflict.settled for conflict in verdict.conflicts] == [True]

    def test_it_is_still_told_after_later_updates(self, world: World) -> None:
        world.add(OREGON, 1)
        world.wait(1)
        world.add(IRELAND, -1)
        world.drain()
        for region in REGIONS:
            world.add(region, 1)
            world.drain()
        world.get_everywhere()
        verdict = judged(world)
        assert verdict.kind is Kind.IN_SYNC
        assert [conflict.loser.region for conflict in verdict.conflicts] == [OREGON]

    def test_updates_in_one_region_never_conflict(self, world: World) -> None:
        for _ in range(5):
            world.add(OREGON, 1)
            world.wait(1)
        assert judged(world).conflicts == ()

    def test_of_three_at_once_two_are_lost(self, world: World) -> None:
        for region in REGIONS:
            world.add(region, 1)
        world.drain()
        world.get_everywhere()
        losers = {conflict.loser.region for conflict in judged(world).conflicts}
        assert losers == set(REGIONS) - {world.held[OREGON].writer}

    def test_updates_built_on_one_another_are_lost_together(self, world: World) -> None:
        for _ in range(3):
            world.add(OREGON, 1)
            world.wait(1)
        world.add(IRELAND, -1)
        (conflict,) = judged(world).conflicts
        assert conflict.lost == 3
        assert conflict.loser.new == 3

    def test_an_update_that_the_winner_built_on_is_not_lost(self, world: World) -> None:
        """Ireland's two updates stand; Oregon's, between them in time, is the lost one."""
        world.add(IRELAND, 1)
        world.wait(1)
        world.add(OREGON, 10)
        world.wait(1)
        world.add(IRELAND, 1)
        (conflict,) = judged(world).conflicts
        assert conflict.loser.region == OREGON
        assert conflict.winner.new == 2

    def test_the_same_value_by_chance_is_seen_through(self, world: World) -> None:
        """Both add one to the same number: the values alone would look like one update."""
        world.add(OREGON, 1)
        world.wait(1)
        world.add(IRELAND, 1)
        world.wait(1)
        world.add(OREGON, 1)
        (conflict,) = judged(world).conflicts
        assert conflict.loser.region == IRELAND

    def test_what_all_regions_hold_decides_against_the_clocks(self, world: World) -> None:
        """Oregon's update has the earlier stamp, yet DynamoDB's own clock put it last."""
        world.add(OREGON, 1)
        world.wait(2)
        world.add(IRELAND, -1)
        world.put(Item(1, world.now_ms - 2, OREGON))
        world.wait(2000)
        world.put(Item(1, world.histories[OREGON][0].stamp_ms, OREGON))
        world.get_everywhere()
        verdict = judged(world)
        assert verdict.kind is Kind.IN_SYNC
        (conflict,) = verdict.conflicts
        assert (conflict.winner.region, conflict.loser.region) == (OREGON, IRELAND)

    def test_an_update_of_another_lab_in_between_is_no_conflict(self, world: World) -> None:
        world.add(OREGON, 1)
        world.drain()
        world.put(Item(2, world.now_ms, IRELAND))
        world.wait(10)
        world.add(IRELAND, 1)
        assert judged(world).conflicts == ()

    def test_an_item_put_anew_by_another_hand_is_no_conflict_in_its_region(
        self, world: World
    ) -> None:
        world.add(OREGON, 1)
        world.wait(10)
        world.put(Item())
        world.add(OREGON, 1)
        assert judged(world).conflicts == ()

    def test_an_update_without_an_answer_is_not_judged(self, world: World) -> None:
        world.fail(OREGON, Outcome.UNCERTAIN, Action.PLUS)
        world.add(IRELAND, 1)
        assert judged(world).conflicts == ()
        assert judged(world).unheard == (OREGON,)


class TestBoundedMemory:
    def test_what_a_full_panel_has_dropped_is_not_judged(self, world: World) -> None:
        """Oregon's first updates are forgotten: Ireland's has nothing to be held against."""
        world.add(IRELAND, 1)
        world.drain()
        panel = Panel()
        for _ in range(3 * HISTORY_LIMIT):
            world.add(OREGON, 1)
            world.wait(1)
            panel = panel.with_entry(world.histories[OREGON][0], None)
        histories = {**world.histories, OREGON: list(panel.entries)}
        assert {write.region for write in list_writes(histories)} == {OREGON}
        assert judge(histories).conflicts == ()

    def test_reads_are_dropped_before_updates(self, world: World) -> None:
        world.add(OREGON, 1)
        world.wait(1)
        world.add(IRELAND, -1)
        world.drain()
        panel = Panel(entries=tuple(world.histories[OREGON]))
        for _ in range(3 * HISTORY_LIMIT):
            world.get(OREGON)
            panel = panel.with_entry(world.histories[OREGON][0], None)
        assert len(panel.entries) == HISTORY_LIMIT
        histories = {**world.histories, OREGON: list(panel.entries)}
        assert len(judge(histories).conflicts) == 1

    def test_a_new_read_is_kept_among_updates_alone(self, world: World) -> None:
        panel = Panel()
        for _ in range(HISTORY_LIMIT):
            world.add(OREGON, 1)
            panel = panel.with_entry(world.histories[OREGON][0], None)
        world.get(OREGON)
        panel = panel.with_entry(world.histories[OREGON][0], None)
        assert panel.newest == world.histories[OREGON][0]
        assert len(panel.entries) == HISTORY_LIMIT


moves = st.lists(
    st.tuples(st.sampled_from(REGIONS), st.integers(-3, 3), st.integers(1, 700)),
    min_size=1,
    max_size=18,
)


@given(moves=moves, lag_ms=st.integers(0, 1500))
def test_every_lost_update_is_found_and_no_other(
    moves: list[tuple[str, int, int]], lag_ms: int
) -> None:
    world = World(lag_ms=lag_ms)
    for region, step, pause_ms in moves:
        world.add(region, step or 1)
        world.wait(pause_ms)
    world.drain()
    world.get_everywhere()
    verdict = judged(world)
    assert verdict.kind is Kind.IN_SYNC
    assert sum(conflict.lost for conflict in verdict.conflicts) == len(world.lost())
    assert {conflict.loser.name for conflict in verdict.conflicts} <= world.lost()


@given(moves=moves, lag_ms=st.integers(0, 1500))
def test_in_sync_is_said_only_when_every_region_gave_the_same(
    moves: list[tuple[str, int, int]], lag_ms: int
) -> None:
    world = World(lag_ms=lag_ms)
    for region, step, pause_ms in moves:
        if step:
            world.add(region, step)
        else:
            world.get(region)
        world.wait(pause_ms)
        given_last = {_given(entries) for entries in world.histories.values()}
        agreed = len(given_last) == 1 and None not in given_last
        assert (judged(world).kind is Kind.IN_SYNC) == agreed


def _given(entries: list[Entry]) -> tuple[object, ...] | None:
    if not entries:
        return None
    newest = entries[0]
    return newest.value, newest.stamp_ms, newest.writer


def test_entries_are_never_changed(world: World) -> None:
    world.add(OREGON, 1)
    world.add(IRELAND, 1)
    before = {region: list(entries) for region, entries in world.histories.items()}
    judged(world)
    assert world.histories == before
    with pytest.raises(dataclasses.FrozenInstanceError):
        world.histories[OREGON][0].value = 9  # type: ignore[misc]
