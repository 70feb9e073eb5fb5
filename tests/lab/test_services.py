from contextlib import closing
from itertools import count
from threading import Barrier

import pytest

from bookmarks.lab.entities import Action, Outcome, Panel
from bookmarks.lab.repository import LabItems
from bookmarks.lab.services import Press, ask, ask_everywhere, outcome
from gtsite.dynamodb.clients import Clients
from gtsite.dynamodb.errors import (
    AccessRefused,
    DataError,
    ItemRefused,
    RegionUnavailable,
    TableMissing,
    Throttled,
)
from gtsite.dynamodb.router import Answer
from tests.lab.rig import bookmark_in
from tests.support.engines import ThreeRegions
from tests.support.patience import Patience
from tests.support.sandbox import BOUND_SECONDS

OREGON, IRELAND, OHIO = "us-west-2", "eu-west-1", "us-east-2"
GET, PLUS, PING = (
    Press(action=Action.GET),
    Press(action=Action.PLUS, step=3),
    Press(action=Action.PING),
)


def pressed(items: LabItems, *presses: Press, region: str = OREGON) -> Panel:
    clock = count(1_000)
    panel = Panel()
    for press in presses:
        panel = ask(panel, press, items=items, region=region, clock=lambda: next(clock))
    return panel


def everywhere(items: LabItems, press: Press) -> dict[str, Panel]:
    regions = (OREGON, IRELAND, OHIO)
    panels = {region: Panel() for region in regions}
    return ask_everywhere(panels, dict.fromkeys(regions, press), items=items)


class TestAsk:
    def test_answers_are_kept_newest_first(self, items: LabItems) -> None:
        panel = pressed(items, GET, PLUS, PING)
        assert [entry.action for entry in panel.entries] == ["ping", "plus", "get"]

    def test_an_update_is_remembered_with_what_it_replaced(self, items: LabItems) -> None:
        newest = pressed(items, PLUS, PLUS).newest
        assert newest is not None
        assert (newest.old, newest.value, newest.step) == (3, 6, 3)
        assert newest.base_writer == newest.writer == OREGON

    def test_a_ping_keeps_the_item_as_last_seen(self, items: LabItems) -> None:
        assert pressed(items, GET, PING).attributes == pressed(items, GET).attributes != ()

    def test_clear_asks_nobody_and_forgets_all(
        self, items: LabItems, lab_regions: ThreeRegions
    ) -> None:
        lab_regions.refuse(OREGON)
        assert pressed(items, GET, Press(action=Action.CLEAR)) == Panel()

    def test_a_failure_keeps_the_item_as_last_seen(
        self, items: LabItems, lab_regions: ThreeRegions
    ) -> None:
        panel = pressed(items, GET)
        lab_regions.refuse(OREGON)
        after = ask(panel, GET, items=items, region=OREGON)
        assert after.newest is not None
        assert after.newest.outcome is Outcome.AWAY
        assert after.attributes == panel.attributes != ()

    def test_a_write_without_an_answer_keeps_its_stamp(
        self, items: LabItems, lab_regions: ThreeRegions, patience: Patience
    ) -> None:
        lab_regions.blackhole(OREGON)
        patience.hangs(OREGON)
        newest = pressed(items, PLUS).newest
        assert newest is not None
        assert (newest.outcome, newest.stamp_ms) == (Outcome.UNCERTAIN, 1_000)
        assert (newest.value, newest.writer) == (None, None)

    def test_a_missing_table_is_an_answer_too(
        self, items: LabItems, lab_regions: ThreeRegions
    ) -> None:
        lab_regions.client(OHIO).delete_table(TableName="global-serverless")
        newest = pressed(items, GET, region=OHIO).newest
        assert newest is not None
        assert newest.outcome is Outcome.REFUSED


class TestAskEverywhere:
    def test_every_region_counts_for_itself(
        self, items: LabItems, lab_regions: ThreeRegions
    ) -> None:
        everywhere(items, PLUS)
        assert {bookmark_in(lab_regions, region) for region in lab_regions.names} == {3}

    def test_a_refused_region_leaves_the_others(
        self, items: LabItems, lab_regions: ThreeRegions
    ) -> None:
        lab_regions.refuse(IRELAND)
        panels = everywhere(items, PLUS)
        assert _outcomes(panels) == {OREGON: "ok", IRELAND: "away", OHIO: "ok"}

    def test_a_hung_region_leaves_the_others(
        self, items: LabItems, lab_regions: ThreeRegions, patience: Patience
    ) -> None:
        lab_regions.blackhole(OREGON)
        patience.hangs(OREGON)
        panels = everywhere(items, PLUS)
        assert _outcomes(panels) == {OREGON: "uncertain", IRELAND: "ok", OHIO: "ok"}

    def test_they_are_asked_side_by_side(
        self, items: LabItems, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Each waits for the other two: one after the other, the first would wait in vain."""
        together = Barrier(3, timeout=BOUND_SECONDS)

        def ping(region: str) -> Answer[None]:
            together.wait()
            return Answer(value=None, region=region, elapsed_ms=0.0)

        monkeypatch.setattr(items, "ping", ping)
        assert set(_outcomes(everywhere(items, PING)).values()) == {"ok"}

    def test_all_away_is_three_answers(self, items: LabItems, lab_regions: ThreeRegions) -> None:
        for region in lab_regions.names:
            lab_regions.refuse(region)
        assert set(_outcomes(everywhere(items, GET)).values()) == {"away"}

    def test_only_those_asked_are_asked(self, items: LabItems) -> None:
        panels = {OREGON: Panel(), IRELAND: Panel()}
        after = ask_everywhere(panels, {IRELAND: GET}, items=items)
        assert after[OREGON] == Panel()
        assert after[IRELAND].newest is not None


def test_one_attempt_leaves_time_to_say_so_within_a_second_and_a_half() -> None:
    with closing(Clients(endpoints={OREGON: "http://127.0.0.1:9"})) as clients:
        config = clients.dynamodb(OREGON).meta.config
    assert config.connect_timeout + config.read_timeout < 1.3
    assert config.retries["total_max_attempts"] == 1


@pytest.mark.parametrize(
    ("error", "read", "write"),
    [
        (RegionUnavailable(OHIO), "away", "away"),
        (RegionUnavailable(OHIO, outcome_unknown=True), "away", "uncertain"),
        (Throttled(OHIO), "busy", "busy"),
        (ItemRefused("no"), "refused", "refused"),
        (TableMissing("t", OHIO), "refused", "refused"),
        (AccessRefused(OHIO, "no"), "refused", "refused"),
    ],
)
def test_each_error_has_its_outcome(error: DataError, read: str, write: str) -> None:
    assert outcome(error, writes=False) == read
    assert outcome(error, writes=True) == write


def test_what_is_no_answer_passes_up(items: LabItems, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(region: str) -> None:
        raise ZeroDivisionError(region)

    monkeypatch.setattr(items, "ping", broken)
    with pytest.raises(ZeroDivisionError):
        pressed(items, PING)


def _outcomes(panels: dict[str, Panel]) -> dict[str, str]:
    return {region: panel.entries[0].outcome for region, panel in panels.items()}
