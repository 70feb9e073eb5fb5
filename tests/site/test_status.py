"""The status page: words for every state, parts of their own, and a refresh that can be paused."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import count

import pytest
from django.test import Client
from pytest_django import Settings

from gtsite.dynamodb import connection
from gtsite.dynamodb.router import BreakerState, RegionState, Traffic
from gtsite.sandbox.client import Conflict, SandboxClient, Write
from gtsite.status import parts, views, watch
from gtsite.status.services import RegionLine, region_lines
from tests.support.engines import ThreeRegions
from tests.support.sandbox import REGIONS, RunningSandbox, text, wait_until

HOME, AWAY, THIRD = REGIONS
NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
NUMBERS = count(1)
HTMX = {"HX-Request": "true"}
LONG_SECONDS = 60.0
GIVEN_UP_SECONDS = 3.0


@pytest.fixture(autouse=True)
def _nothing_known(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """And whoever is asked may take long: a machine that stands still is no region away."""
    for module, name in (
        (watch, "DESCRIBE_SECONDS"),
        (watch, "METRICS_SECONDS"),
        (views, "PAGE_PATIENCE_SECONDS"),
    ):
        monkeypatch.setattr(module, name, LONG_SECONDS)
    defaults = vars(SandboxClient)["__init__"].__kwdefaults__
    monkeypatch.setitem(defaults, "timeout_seconds", LONG_SECONDS)
    watch.forget()
    yield
    watch.forget()


@pytest.fixture(scope="module")
def _running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningSandbox]:
    with RunningSandbox(tmp_path_factory.mktemp("status")) as running:
        yield running


@pytest.fixture
def sandboxed(_running: RunningSandbox, settings: Settings) -> Iterator[RunningSandbox]:
    """A sandbox with a table of its own for the site, and its control API known to the site."""
    settings.SANDBOX_CONTROL_URL = _running.control_url
    settings.GT_ENDPOINTS = {name: _running.endpoint_of(name) for name in REGIONS}
    settings.GT_TABLE = f"site-{next(NUMBERS)}"
    connection.reset()
    _running.create_table(settings.GT_TABLE, *REGIONS, sort_key=True)
    yield _running
    connection.reset()
    _running.control.reset()
    _running.deliver()
    _running.control.reset()


def write(sandbox: RunningSandbox, settings: Settings, region: str = HOME) -> None:
    """One item of the site's table."""
    item = {"PK": text("user100"), "SK": text("sintel"), "from": text(region)}
    sandbox.client(region).put_item(TableName=settings.GT_TABLE, Item=item)


def lines(*states: RegionState, traffic: Traffic | None = None) -> list[RegionLine]:
    return region_lines(states, lambda _region: traffic or Traffic(), now=NOW)


def state(breaker: BreakerState, **changes: object) -> RegionState:
    values: dict[str, object] = {
        "region": "us-west-2",
        "role": "local",
        "breaker": breaker,
        "since": NOW - timedelta(seconds=75),
        "failures": 0,
        "last_error": "",
        "latency_ms": None,
    }
    return RegionState(**(values | changes))  # type: ignore[arg-type]


def test_a_region_is_told_in_words() -> None:
    (line,) = lines(state(BreakerState.CLOSED))
    assert (line.place, line.role, line.state) == ("Oregon", "This site’s own", "Answering")
    assert (line.since, line.probed, line.error) == ("1 min", "None needed", "–")
    assert (line.reads, line.p50, line.p99) == ("0", "–", "–")


def test_what_was_asked_of_a_region_is_told_in_numbers() -> None:
    asked = Traffic(reads=12_345, writes=67, failed=8, p50_ms=3.14, p99_ms=412.4)
    probed = state(BreakerState.HALF_OPEN, probed_at=NOW - timedelta(seconds=2))
    (line,) = lines(probed, traffic=asked)
    assert (line.reads, line.writes, line.failed) == ("12,345", "67", "8")
    assert (line.p50, line.p99, line.probed) == ("3.1 ms", "412 ms", "2 s ago")


@pytest.mark.parametrize(
    ("breaker", "words", "light"),
    [
        (BreakerState.CLOSED, "Answering", "good"),
        (BreakerState.OPEN, "Away", "bad"),
        (BreakerState.HALF_OPEN, "Being tried", "warn"),
    ],
)
def test_every_state_has_a_word_and_a_light(breaker: BreakerState, words: str, light: str) -> None:
    (line,) = lines(state(breaker, last_error="refused"))
    assert (line.state, line.light, line.breaker) == (words, light, breaker.value)
    assert line.error == "refused"


@pytest.mark.parametrize(
    ("age", "said"),
    [
        (timedelta(seconds=-3), "0 s"),
        (timedelta(seconds=59), "59 s"),
        (timedelta(minutes=59), "59 min"),
        (timedelta(hours=23), "23 h"),
        (timedelta(days=9), "9 d"),
    ],
)
def test_ages_are_told_in_the_largest_unit(age: timedelta, said: str) -> None:
    (line,) = lines(state(BreakerState.CLOSED, since=NOW - age))
    assert line.since == said


@pytest.mark.usefixtures("site")
def test_the_page_refreshes_itself_until_it_is_paused(client: Client) -> None:
    page = client.get("/status/").content.decode()
    assert 'hx-trigger="every 5s"' in page
    assert 'href="/status/?refresh=off"' in page
    paused = client.get("/status/?refresh=off").content.decode()
    assert "hx-trigger" not in paused
    assert "Go on refreshing" in paused


@pytest.mark.usefixtures("site")
def test_htmx_gets_the_table_alone_and_history_the_whole_page(client: Client) -> None:
    fragment = client.get("/status/", headers=HTMX)
    assert b"<html" not in fragment.content
    assert b'id="regions"' in fragment.content
    assert "HX-Request" in fragment.headers["Vary"]
    restored = client.get("/status/", headers={**HTMX, "HX-History-Restore-Request": "true"})
    assert b"<html" in restored.content


def part(client: Client, name: str, query: str = "") -> str:
    """What htmx is told, as often as it has to ask."""
    found: list[str] = []

    def told() -> bool:
        response = client.get(f"/status/{name}/{query}", headers=HTMX)
        assert response.status_code == 200
        found.append(response.content.decode())
        return "load delay" not in found[-1]

    wait_until(told, f"the part {name}")
    assert "<html" not in found[-1]
    assert re.search(r'hx-trigger="every \d+s"', found[-1])
    return found[-1]


def words(html: str) -> str:
    """What is left without tags."""
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", html))


@pytest.mark.usefixtures("sandboxed")
def test_the_page_asks_nobody_before_it_is_shown(client: Client) -> None:
    page = client.get("/status/").content.decode()
    assert page.count('hx-trigger="load"') == 3
    asked = watch.watch()
    for each in (asked.tables, asked.sandbox):
        assert (each.latest().at, each.latest().asking) == (None, False)


def test_every_table_that_exists_is_told_with_its_replicas(
    client: Client, sandboxed: RunningSandbox, settings: Settings
) -> None:
    sandboxed.create_table("Orders", AWAY)
    write(sandboxed, settings)
    sandboxed.drain()
    told = words(part(client, "tables"))
    assert f"{settings.GT_TABLE} Region Replica Items Oregon us-west-2 Home Active 1" in told
    assert "Ohio us-east-2 Active 1" in told
    assert "Orders Region Replica Items Ireland eu-west-1 Home Active 0" in told
    assert "Music" not in told
    assert [each.name for each in sandboxed.control.status().regions] == list(REGIONS)
    sandboxed.drop_table("Orders", AWAY)


@pytest.mark.parametrize("mode", ["refuse", "blackhole"])
def test_a_region_that_is_away_is_told_beside_those_that_are_not(
    client: Client, sandboxed: RunningSandbox, mode: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if mode == "blackhole":
        monkeypatch.setattr(watch, "DESCRIBE_SECONDS", GIVEN_UP_SECONDS)
    sandboxed.control.outage(THIRD, mode)  # type: ignore[arg-type]
    told = words(part(client, "tables"))
    assert "Oregon us-west-2 Home Active 0" in told
    assert "Ohio us-east-2 Does not answer –" in told


def test_replication_is_told_way_by_way_and_minute_by_minute(
    client: Client, sandboxed: RunningSandbox, settings: Settings
) -> None:
    sandboxed.control.set_lag(lag_ms=300, jitter_ms=0, source=HOME)
    write(sandboxed, settings)
    sandboxed.drain()
    html = part(client, "replication")
    values = [float(each) for each in re.findall(r'data-y="([\d.]+)"', html)]
    assert len(values) == 2
    assert all(300 <= each < 60_000 for each in values)
    assert html.count("data-series") == 6
    assert re.search(r"Oregon → Ireland \d+ ms \d+ ms \d+ ms \d\d:\d\d", words(html))
    assert "Ireland → Oregon – – – –" in words(html)


def test_one_region_without_metrics_is_said_and_the_others_are_told(
    client: Client, sandboxed: RunningSandbox, settings: Settings
) -> None:
    write(sandboxed, settings)
    sandboxed.drain()
    part(client, "tables")
    sandboxed.control.outage(AWAY)
    html = part(client, "replication")
    assert f"CloudWatch in {AWAY} does not answer (refused)." in words(html)
    assert len(re.findall("data-y", html)) == 2


def test_a_table_is_chosen_by_name_and_a_strange_name_is_the_site_s_own(
    client: Client, sandboxed: RunningSandbox, settings: Settings
) -> None:
    sandboxed.create_table("Orders", HOME)
    page = client.get("/status/?table=Orders").content.decode()
    assert 'hx-get="/status/replication/?table=Orders"' in page
    assert "Orders is in one region only" in words(part(client, "replication", "?table=Orders"))
    strange = part(client, "replication", "?table=%3Cscript%3E")
    assert "<script" not in strange
    assert settings.GT_TABLE in strange
    sandboxed.drop_table("Orders", HOME)


def test_the_sandbox_tells_what_waits_and_what_was_lost(
    client: Client, sandboxed: RunningSandbox, settings: Settings
) -> None:
    sandboxed.hold()
    for region in (HOME, AWAY):
        write(sandboxed, settings, region)
    told = words(part(client, "sandbox"))
    assert "Oregon → Ireland Flows 1" in told
    watch.forget()
    sandboxed.deliver()
    told = words(part(client, "sandbox"))
    assert "Oregon → Ireland Flows 0 –" in told
    assert re.search(rf"user100 / sintel {settings.GT_TABLE} Ireland Oregon \d+ s ago", told)


def test_a_key_is_told_as_far_as_it_can_be_read() -> None:
    write = Write(region=HOME, time_us=0, image=None)
    conflict = Conflict(
        table="Music",
        key={"Artist": {"S": "A" * 2048}, "Song": {"S": "S"}},
        winner=write,
        loser=write,
        seen_at_us=0,
    )
    assert parts.conflict_line(conflict, NOW).key == "A" * parts.LONGEST_KEY + "…"


@pytest.mark.usefixtures("sandboxed")
def test_a_paused_page_has_every_part_at_once(client: Client) -> None:
    page = client.get("/status/?refresh=off").content.decode()
    told = words(page)
    assert "hx-get" not in page.split("<main")[1]
    assert "Oregon us-west-2 Home Active 0" in told
    assert "Oregon → Ireland – – – –" in told
    assert "Oregon → Ireland Flows 0" in told


@pytest.mark.usefixtures("site_regions")
def test_a_part_by_itself_is_the_whole_page(client: Client) -> None:
    for name in ("tables", "replication"):
        response = client.get(f"/status/{name}/")
        assert (response.status_code, response.headers["Location"]) == (302, "/status/?refresh=off")


def test_without_a_sandbox_its_part_is_not_there_and_the_rest_is(
    client: Client, site_regions: ThreeRegions
) -> None:
    assert client.get("/status/sandbox/", headers=HTMX).status_code == 404
    site_regions.refuse(THIRD)
    told = words(client.get("/status/?refresh=off").content.decode())
    assert "Ireland eu-west-1 Active 0" in told
    assert "What only the sandbox tells" not in told
    assert f"CloudWatch in {HOME} does not answer" in told


@pytest.mark.usefixtures("site_regions")
def test_all_who_look_at_one_way_share_its_answer() -> None:
    asked = watch.watch()
    assert asked.ways("Orders", HOME, (AWAY,)) is asked.ways("Orders", HOME, (AWAY,))
    assert asked.ways("Orders", HOME, (AWAY,)) is not asked.ways("Music", HOME, (AWAY,))
