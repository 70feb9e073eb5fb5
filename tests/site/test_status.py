"""The status page: words for every state, and a refresh that can be paused."""

from datetime import UTC, datetime, timedelta

import pytest
from django.test import Client

from gtsite.dynamodb.router import BreakerState, RegionState
from gtsite.status.services import region_lines

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)


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
    (line,) = region_lines([state(BreakerState.CLOSED, latency_ms=3.14)], now=NOW)
    assert (line.place, line.role, line.state) == ("Oregon", "This site’s own", "Answering")
    assert (line.since, line.latency, line.error) == ("1 min", "3.1 ms", "–")


@pytest.mark.parametrize(
    ("breaker", "words", "light"),
    [
        (BreakerState.CLOSED, "Answering", "good"),
        (BreakerState.OPEN, "Away", "bad"),
        (BreakerState.HALF_OPEN, "Being tried", "warn"),
    ],
)
def test_every_state_has_a_word_and_a_light(breaker: BreakerState, words: str, light: str) -> None:
    (line,) = region_lines([state(breaker, last_error="refused")], now=NOW)
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
    (line,) = region_lines([state(BreakerState.CLOSED, since=NOW - age)], now=NOW)
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
    htmx = {"HX-Request": "true"}
    fragment = client.get("/status/", headers=htmx)
    assert b"<html" not in fragment.content
    assert b'id="regions"' in fragment.content
    assert "HX-Request" in fragment.headers["Vary"]
    restored = client.get("/status/", headers={**htmx, "HX-History-Restore-Request": "true"})
    assert b"<html" in restored.content
