"""The catalogue of a process: built once, refreshed behind the readers, kept when regions go."""

import threading
from collections.abc import Callable

import pytest

from catalog.entities import Library, Title
from catalog.index import Index
from catalog.services import Catalogue
from gtsite.dynamodb.errors import DataError, NoRegionAvailable
from gtsite.dynamodb.meter import Call, meter, record

WAIT_SECONDS = 60.0


class Clock:
    def __init__(self) -> None:
        self.seconds = 1000.0

    def __call__(self) -> float:
        return self.seconds


class Reader:
    """A table that can be away, or slow: `gate` is waited for by every reading."""

    def __init__(self) -> None:
        self.takes_seconds = 0.0
        self.clock: Clock | None = None
        self.titles: tuple[Title, ...] = (Title(id="a", title="A"),)
        self.away = False
        self.count = 0
        self.gate = threading.Event()
        self.gate.set()
        self.done = threading.Event()

    def __call__(self) -> Library:
        self.count += 1
        assert self.gate.wait(WAIT_SECONDS)
        if self.clock is not None:
            self.clock.seconds += self.takes_seconds
        try:
            if self.away:
                raise NoRegionAvailable(["us-west-2"])
            return Library(titles=self.titles)
        finally:
            self.done.set()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def reader() -> Reader:
    return Reader()


@pytest.fixture
def catalogue(reader: Reader, clock: Clock) -> Catalogue:
    return Catalogue(reader, max_age_seconds=60, clock=clock)


def until(holds: Callable[[], bool]) -> None:
    """Waits for a background thread; fails if it never does what it should."""
    pause = threading.Event()
    for _ in range(int(WAIT_SECONDS / 0.01)):
        if holds():
            return
        pause.wait(0.01)
    pytest.fail("It never happened.")


def test_the_first_reader_builds_and_later_ones_share(catalogue: Catalogue, reader: Reader) -> None:
    assert catalogue.index() is catalogue.index()
    assert reader.count == 1


def test_an_index_without_titles_is_read_again_by_the_next_reader(
    catalogue: Catalogue, reader: Reader
) -> None:
    reader.titles = ()
    assert catalogue.index().count == 0
    reader.titles = (Title(id="a", title="A"),)
    assert catalogue.index().find("a") == reader.titles[0]
    assert catalogue.index().find("a") == reader.titles[0]
    assert reader.count == 2


def grown_old(catalogue: Catalogue, reader: Reader, clock: Clock) -> Index:
    """An index past its time; reading the other titles there are now takes until `reader.gate`."""
    old = catalogue.index()
    reader.titles = (Title(id="b", title="B"),)
    reader.gate.clear()
    clock.seconds += 61
    return old


def test_an_old_index_is_handed_out_at_once_and_replaced_in_the_background(
    catalogue: Catalogue, reader: Reader, clock: Clock
) -> None:
    old = grown_old(catalogue, reader, clock)
    assert catalogue.index() is old
    assert catalogue.index() is old
    reader.gate.set()
    until(lambda: catalogue.index() is not old)
    assert catalogue.index().find("b") is not None
    assert catalogue.index().find("a") is None
    assert reader.count == 2


def test_however_many_find_an_index_old_at_once_one_of_them_has_it_read(
    catalogue: Catalogue, reader: Reader, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also before the thread that reads has come to do anything."""
    running, refresh = threading.Event(), Catalogue._refresh_quietly

    def refresh_late(late: Catalogue) -> None:
        assert running.wait(WAIT_SECONDS)
        refresh(late)

    monkeypatch.setattr(Catalogue, "_refresh_quietly", refresh_late)
    old = grown_old(catalogue, reader, clock)
    before = set(threading.enumerate())
    assert all(catalogue.index() is old for _ in range(200))
    begun = [each for each in threading.enumerate() if each not in before]
    assert [each.name for each in begun] == ["catalogue"]
    running.set()
    reader.gate.set()
    begun[0].join(WAIT_SECONDS)
    assert catalogue.index() is not old
    assert reader.count == 2


def test_an_index_that_would_be_the_same_stays(
    catalogue: Catalogue, reader: Reader, clock: Clock
) -> None:
    old = catalogue.index()
    clock.seconds += 61
    catalogue.refresh()
    assert reader.count == 2
    assert catalogue.index() is old
    assert catalogue.age_seconds == 0


def test_an_old_index_is_kept_while_no_region_answers(
    catalogue: Catalogue, reader: Reader, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    old = catalogue.index()
    reader.away = True
    clock.seconds += 61
    assert catalogue.index() is old
    until(lambda: "not refreshed, the old one stays" in caplog.text)
    assert catalogue.index() is old
    reader.away = False
    clock.seconds += 2
    until(lambda: catalogue.index() is old and catalogue.age_seconds == 0)


def test_a_refresh_that_failed_is_not_tried_again_at_once(
    catalogue: Catalogue, reader: Reader, clock: Clock
) -> None:
    catalogue.index()
    reader.away = True
    clock.seconds += 61
    with pytest.raises(NoRegionAvailable):
        catalogue.refresh()
    for _ in range(20):
        catalogue.index()
    assert reader.count == 2


def test_with_no_index_and_no_region_the_reader_is_told(
    catalogue: Catalogue, reader: Reader, clock: Clock
) -> None:
    reader.away = True
    with pytest.raises(NoRegionAvailable):
        catalogue.index()
    with pytest.raises(NoRegionAvailable):
        catalogue.index()
    assert reader.count == 1
    reader.away = False
    clock.seconds += 2
    assert catalogue.index().count


def test_errors_other_than_the_tables_pass_up(clock: Clock) -> None:
    def broken() -> Library:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        Catalogue(broken, max_age_seconds=60, clock=clock).index()


def test_readers_that_come_at_once_share_one_reading(catalogue: Catalogue, reader: Reader) -> None:
    reader.gate.clear()
    found: list[object] = []
    threads = [threading.Thread(target=lambda: found.append(catalogue.index())) for _ in range(6)]
    for thread in threads:
        thread.start()
    reader.gate.set()
    for thread in threads:
        thread.join()
    assert reader.count == 1
    assert len(set(map(id, found))) == 1


def test_readers_that_come_at_once_share_one_failure(catalogue: Catalogue, reader: Reader) -> None:
    reader.gate.clear()
    reader.away = True
    failures: list[DataError] = []

    def read() -> None:
        try:
            catalogue.index()
        except DataError as error:
            failures.append(error)

    threads = [threading.Thread(target=read) for _ in range(6)]
    for thread in threads:
        thread.start()
    reader.gate.set()
    for thread in threads:
        thread.join()
    assert len(failures) == 6
    assert reader.count == 1


def test_warming_up_builds_before_anyone_asks(catalogue: Catalogue, reader: Reader) -> None:
    catalogue.warm()
    assert reader.done.wait(WAIT_SECONDS)
    assert catalogue.index().count
    assert reader.count == 1


def test_a_table_that_takes_long_to_read_is_read_less_often(
    catalogue: Catalogue, reader: Reader, clock: Clock
) -> None:
    reader.clock, reader.takes_seconds = clock, 10.0
    catalogue.index()
    reader.done.clear()
    clock.seconds += 199
    catalogue.index()
    assert not reader.done.wait(0.1)
    clock.seconds += 2
    catalogue.index()
    assert reader.done.wait(WAIT_SECONDS)
    assert reader.count == 2


def test_a_refresh_behind_the_readers_rests_as_long_as_it_works(clock: Clock) -> None:
    rests: list[float] = []
    titles = tuple(Title(id=f"t{n}", title="T") for n in range(250))
    catalogue = Catalogue(
        lambda: Library(titles=titles), max_age_seconds=60, clock=clock, rest=rests.append
    )
    catalogue.index()
    assert rests == []
    clock.seconds += 61
    catalogue.index()
    until(lambda: catalogue.age_seconds == 0)
    assert len(rests) == 2
    assert all(rest >= 0 for rest in rests)


def test_the_request_that_waits_for_the_first_index_is_not_charged_with_it(clock: Clock) -> None:
    def read() -> Library:
        record(Call(region="us-west-2", operation="Query", elapsed_ms=1, ok=True))
        return Library(titles=(Title(id="a", title="A"),))

    with meter() as calls:
        assert Catalogue(read, max_age_seconds=60, clock=clock).index().count == 1
    assert calls.calls == []
