"""The marker that ends sessions: what a process remembers, and what it asks again."""

import pytest

from gtsite.dynamodb.connection import site_table
from gtsite.dynamodb.meter import meter
from gtsite.viewers import sessions
from gtsite.viewers.entities import Viewer
from gtsite.viewers.errors import SessionEnded
from gtsite.viewers.sessions import Markers, check_marker, end_sessions, ensure_current
from tests.support.accounts import items
from tests.support.engines import ThreeRegions
from tests.support.site import HOME, LAST, NEXT

ADA = Viewer(id="viewer-" + "a" * 22, name="Ada", since_ms=1000)
ANONYMOUS = Viewer(id="anon-" + "a" * 22)


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(sessions, "markers", Markers(clock))
    return clock


class TestCheckMarker:
    @pytest.mark.parametrize("marker", [None, {}, {"valid_from": 999}, {"valid_from": 1000}])
    def test_no_marker_or_an_older_one_ends_nothing(self, marker: dict[str, int] | None) -> None:
        check_marker(ADA, marker)

    def test_a_newer_one_ends_the_session(self) -> None:
        with pytest.raises(SessionEnded):
            check_marker(ADA, {"valid_from": 1001})

    def test_a_replica_that_is_behind_does_not_bring_it_back(self) -> None:
        with pytest.raises(SessionEnded):
            check_marker(ADA, {"valid_from": 1001})
        with pytest.raises(SessionEnded):
            check_marker(ADA, None)

    def test_nothing_ends_the_session_of_an_anonymous_viewer(self) -> None:
        check_marker(ANONYMOUS, {"valid_from": 10**15})


@pytest.mark.usefixtures("site_regions")
class TestEnsureCurrent:
    def test_it_asks_once_a_minute(self, clock: Clock) -> None:
        with meter() as counting:
            for clock.now in (0.0, 1.0, 59.0, 60.0, 61.0):
                ensure_current(ADA)
        assert [call.operation for call in counting.calls] == ["GetItem", "GetItem"]

    def test_it_does_not_ask_what_a_page_has_just_read(self) -> None:
        check_marker(ADA, None)
        with meter() as counting:
            ensure_current(ADA)
        assert counting.calls == []

    def test_it_asks_nothing_for_an_anonymous_viewer(self) -> None:
        ensure_current(ANONYMOUS)

    def test_it_finds_what_another_process_wrote(self, clock: Clock) -> None:
        ensure_current(ADA)
        site_table().put({"PK": ADA.id, "SK": "#sessions", "valid_from": 2000})
        ensure_current(ADA)
        clock.now = 60.0
        with pytest.raises(SessionEnded):
            ensure_current(ADA)


@pytest.mark.usefixtures("site_regions")
class TestEndSessions:
    def test_it_is_at_once_known_here(self, site_regions: ThreeRegions) -> None:
        assert end_sessions(site_table(), ADA, now_ms=5000) == 5000
        with pytest.raises(SessionEnded):
            ensure_current(ADA)
        (marker,) = items(site_regions, HOME, ADA.id)
        assert marker["valid_from"] == 5000
        assert marker["expires_at"] == 5 + 366 * 24 * 60 * 60

    def test_it_ends_the_session_whatever_the_clocks_say(self) -> None:
        assert end_sessions(site_table(), ADA, now_ms=10) == 1001

    def test_it_never_moves_back(self) -> None:
        end_sessions(site_table(), ADA, now_ms=5000)
        assert end_sessions(site_table(), ADA, now_ms=4000) == 5000

    def test_with_the_local_region_away_another_one_keeps_it(
        self, site_regions: ThreeRegions
    ) -> None:
        ensure_current(ADA)
        site_regions.refuse(HOME)
        end_sessions(site_table(), ADA, now_ms=5000)
        assert len(items(site_regions, NEXT, ADA.id)) == 1
        assert items(site_regions, LAST, ADA.id) == []


def test_a_process_remembers_a_bounded_number_of_viewers(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sessions, "KNOWN_VIEWERS", 3)
    for each in range(5):
        sessions.markers.remember(f"viewer-{each}", 1)
    known = [sessions.markers.recent(f"viewer-{each}") for each in range(5)]
    assert known == [None, None, 1, 1, 1]
