import threading
from collections.abc import Iterator
from contextlib import closing

import pytest

from bookmarks.lab.experiments.entities import Picture, Preparation
from bookmarks.lab.experiments.frames import SEPARATOR, Frames
from bookmarks.lab.experiments.running import AT_ONCE, Limit, Running, TooManyRuns
from gtsite.experiments.entities import Stop, Tell
from tests.support.sandbox import BOUND_SECONDS

ENDED = Picture(ended=True)


@pytest.fixture(autouse=True)
def _nothing_left() -> Iterator[None]:
    yield
    assert not [each for each in threading.enumerate() if each.name.startswith("experiment")]


def at_once(_tell: Tell[Picture], _stop: Stop) -> Picture:
    return ENDED


def until_stopped(_tell: Tell[Picture], stop: Stop) -> Picture:
    assert stop.wait(60)
    return ENDED


def test_the_last_picture_is_how_it_ended() -> None:
    with closing(Running(at_once)) as running:
        assert list(running.pictures())[-1] is ENDED


def test_what_is_told_is_shown_once_and_then_there_are_signs_of_life() -> None:
    told = Picture(preparation=Preparation(items=3))
    has_told = threading.Event()

    def tells(tell: Tell[Picture], stop: Stop) -> Picture:
        tell(told)
        has_told.set()
        return until_stopped(tell, stop)

    with closing(Running(tells)) as running:
        assert has_told.wait(BOUND_SECONDS)
        pictures = running.pictures()
        seen = [next(pictures) for _ in range(6)]
        assert seen.count(told) == 1
        assert seen[-1] is None


def test_closing_ends_the_run() -> None:
    running = Running(until_stopped)
    running.close()
    assert running.result() is ENDED


def test_a_run_ends_when_its_time_is_up() -> None:
    with closing(Running(until_stopped, seconds=0.05)) as running:
        assert list(running.pictures())[-1] is ENDED


def test_there_is_room_for_so_many_and_again_when_one_has_ended() -> None:
    running = [Running(until_stopped) for _ in range(AT_ONCE)]
    with pytest.raises(TooManyRuns):
        Running(until_stopped)
    running.pop().close()
    running.append(Running(until_stopped))
    for each in running:
        each.close()


def test_a_run_that_fails_gives_its_place_back_and_its_error_on() -> None:
    def fails(_tell: Tell[Picture], _stop: Stop) -> Picture:
        raise ZeroDivisionError

    for _ in range(AT_ONCE + 1):
        with closing(Running(fails)) as running, pytest.raises(ZeroDivisionError):
            list(running.pictures())


def test_frames_that_nobody_began_to_read_end_the_run_all_the_same() -> None:
    running = Running(until_stopped)
    Frames(running, lambda _: "").close()
    assert running.result() is ENDED


def test_a_frame_ends_with_a_separator_that_it_does_not_contain() -> None:
    with closing(Running(at_once)) as running:
        frames = list(Frames(running, lambda _: f"<p>a{SEPARATOR}b</p>"))
    assert frames[-1] == f"<p>ab</p>{SEPARATOR}"


class TestLimit:
    def test_is_not_set_before_its_time(self) -> None:
        limit = Limit(60)
        assert not limit.is_set()
        assert not limit.wait(0.01)

    def test_is_set_when_told(self) -> None:
        limit = Limit(60)
        limit.set()
        assert limit.is_set()
        assert limit.wait()

    def test_does_not_wait_beyond_its_time(self) -> None:
        assert Limit(0.01).wait(60)
        assert Limit(0.01).wait()
