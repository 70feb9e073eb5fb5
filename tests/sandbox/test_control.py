"""The control API: one sentence for whatever cannot be meant, and the whole state for the rest."""

import http.client
import json
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any
from urllib.parse import quote

import pytest

from gtsite.sandbox.client import (
    EngineAction,
    SandboxClient,
    SandboxRefused,
    SandboxUnreachable,
    Status,
)
from tests.support.sandbox import HOST, REGIONS, RunningSandbox, frozen, text, wait_until

HOME, AWAY, THIRD = REGIONS
GUARD = {"X-Sandbox-Control": "1"}
Start = Callable[..., RunningSandbox]


def ask(
    sandbox: RunningSandbox,
    method: str,
    path: str,
    body: object = None,
    headers: dict[str, str] | None = None,
) -> tuple[int, Any]:
    connection = http.client.HTTPConnection(HOST, sandbox.port - 1, timeout=20)
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    with closing(connection):
        connection.request(method, path, raw, GUARD if headers is None else headers)
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read())


@pytest.mark.parametrize(
    ("method", "path"),
    [
        *(("GET", path) for path in ("/status", "/conflicts", "/backlog", "/nothing")),
        *(("POST", path) for path in ("/fault", "/lag", "/pause", "/resume", "/clock")),
        *(("POST", path) for path in ("/skew", "/engine", "/wan", "/reset")),
    ],
)
def test_who_does_not_send_the_header_is_turned_away(
    sandbox: RunningSandbox, method: str, path: str
) -> None:
    """A page on the web can make a browser post here, but not with a header of this name."""
    body = {"region": HOME, "fault": "refuse", "lag_ms": 0, "skew_ms": 1, "on": True}
    pid = sandbox.engine_pid(HOME)
    status, answered = ask(sandbox, method, path, {**body, "action": "kill"}, headers={})
    assert (status, answered) == (403, {"error": "Send the header X-Sandbox-Control: 1."})
    assert _turned(sandbox.control.status()) == _turned_nowhere(sandbox)
    assert sandbox.engine_pid(HOME) == pid


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example:8099", "", "[::"])
def test_who_was_led_here_by_another_name_is_turned_away(
    sandbox: RunningSandbox, host: str
) -> None:
    """A web page whose name comes to mean 127.0.0.1 may send any header to its own server."""
    body = {"region": HOME, "fault": "refuse"}
    status, answered = ask(sandbox, "POST", "/fault", body, headers={**GUARD, "Host": host})
    assert (status, answered) == (403, {"error": "Ask for 127.0.0.1, or localhost."})
    assert sandbox.control.status().fault_of(HOME) == "none"


@pytest.mark.parametrize("host", ["localhost", "localhost:1", "127.0.0.1:8099", "[::1]:8099"])
def test_this_machine_may_be_called_by_any_of_its_names(sandbox: RunningSandbox, host: str) -> None:
    status, _ = ask(sandbox, "GET", "/status", headers={**GUARD, "Host": host})
    assert status == 200


def _turned(status: Status) -> dict[str, Any]:
    """Everything that control requests turn."""
    return {
        "regions": [
            {name: value for name, value in each.items() if name not in ("engine", "pid")}
            for each in status.raw["regions"]
        ],
        "lags": [(each.lag_ms, each.jitter_ms) for each in status.pairs],
        "flowing": {each.flowing for each in status.pairs},
        "wan": status.wan,
        "clock": status.clock_ahead_seconds,
    }


def _turned_nowhere(sandbox: RunningSandbox) -> dict[str, Any]:
    return _turned(sandbox.control.reset())


@pytest.mark.parametrize(
    ("path", "body", "sentence"),
    [
        ("/fault", b"{", "The request's body is not JSON."),
        ("/fault", b"\xff", "The request's body is not JSON."),
        ("/fault", [], "The request's body is not a JSON object."),
        ("/fault", b"[" * 100_000, "The request's body is not JSON."),
        ("/fault", {}, "fault is None: write none, refuse, blackhole, reset."),
        ("/fault", {"fault": ["none"]}, "fault is ['none']: write none, refuse, blackhole, reset."),
        ("/fault", {"fault": None, "slow_ms": 1}, "fault is None: write none, refuse, blackhole, "),
        ("/fault", {"slow_ms": -1}, "slow_ms is -1: write milliseconds from 0 to 60000."),
        ("/fault", {"slow_ms": 60_001}, "slow_ms is 60001: write milliseconds from 0 to 60000."),
        ("/fault", {"error_rate": 1.1}, "error_rate is 1.1: write a number from 0 to 1."),
        ("/fault", {"error_rate": True}, "error_rate is True: write a number from 0 to 1."),
        ("/fault", b'{"error_rate": NaN}', "error_rate is nan: write a number from 0 to 1."),
        ("/fault", {"executed_rate": "1"}, "executed_rate is '1': write a number from 0 to 1."),
        ("/fault", {"error_status": 404}, "error_status is 404: write 500 or 503."),
        ("/fault", {"error_status": [500]}, "error_status is [500]: write 500 or 503."),
        ("/fault", {"fault": "refuse", "slow_ms": "x"}, "slow_ms is 'x': write milliseconds from "),
        ("/fault", {"fault": "refuse", "region": "eu-nowhere-1"}, "eu-nowhere-1 is no region of "),
        ("/fault", {"fault": "refuse", "region": [HOME]}, "['us-west-2'] is no region of this "),
        ("/fault", {"fault": "refuse", "region": ""}, " is no region of this sandbox: it has "),
        ("/lag", {}, "lag_ms is None: write milliseconds from 0 to 600000."),
        ("/lag", {"lag_ms": -1}, "lag_ms is -1: write milliseconds from 0 to 600000."),
        ("/lag", {"lag_ms": 600_001}, "lag_ms is 600001: write milliseconds from 0 to 600000."),
        ("/lag", {"lag_ms": True}, "lag_ms is True: write milliseconds from 0 to 600000."),
        ("/lag", {"lag_ms": 1.5}, "lag_ms is 1.5: write milliseconds from 0 to 600000."),
        ("/lag", {"lag_ms": "1"}, "lag_ms is '1': write milliseconds from 0 to 600000."),
        ("/lag", {"lag_ms": 1, "jitter_ms": -1}, "jitter_ms is -1: write milliseconds from 0 to "),
        (
            "/lag",
            {"lag_ms": 1, "from": AWAY},
            "'from' means nothing here: write jitter_ms, lag_ms,",
        ),
        ("/lag", {"lag_ms": 1, "source": HOME, "target": HOME}, "No replication goes from us-west"),
        ("/fault", {"fault": "refuse", "regions": AWAY}, "'regions' means nothing here: write "),
        ("/resume", {"regoin": AWAY}, "'regoin' means nothing here: write region, source, target."),
        ("/reset", {"data": True}, "'data' means nothing here: write {}."),
        ("/lag", {"lag_ms": 1, "source": {}}, "{} is no region of this sandbox: it has "),
        ("/lag", {"lag_ms": 1, "target": "x"}, "x is no region of this sandbox: it has "),
        ("/pause", {}, "Write a region, or a source and a target."),
        ("/pause", {"region": "x"}, "x is no region of this sandbox: it has "),
        ("/pause", {"source": HOME}, "Write a region, or a source and another region as target."),
        ("/pause", {"source": HOME, "target": HOME}, "Write a region, or a source and another "),
        ("/pause", {"region": HOME, "source": HOME, "target": AWAY}, "Write a region, or a source"),
        ("/resume", {"target": HOME}, "Write a region, or a source and another region as target."),
        ("/clock", {}, "ahead_seconds is None: write seconds from 0 to 31536000."),
        ("/clock", {"ahead_seconds": -1}, "ahead_seconds is -1: write seconds from 0 to 31536000."),
        ("/clock", {"ahead_seconds": 31_536_001}, "ahead_seconds is 31536001: write seconds from "),
        ("/skew", {"skew_ms": 5}, "Write a region."),
        (
            "/skew",
            {"region": HOME, "skew_ms": 3_600_001},
            "skew_ms is 3600001: write milliseconds ",
        ),
        (
            "/skew",
            {"region": HOME, "skew_ms": 0.5},
            "skew_ms is 0.5: write milliseconds from -3600",
        ),
        ("/engine", {"region": HOME, "action": "maim"}, "action is 'maim': write kill, restart."),
        ("/engine", {"region": HOME}, "action is None: write kill, restart."),
        ("/engine", {"action": "kill"}, "Write a region."),
        ("/wan", {}, "on is None: write true or false."),
        ("/wan", {"on": 1}, "on is 1: write true or false."),
    ],
)
def test_what_cannot_be_meant_is_refused_in_one_sentence(
    sandbox: RunningSandbox, path: str, body: object, sentence: str
) -> None:
    before = _turned(sandbox.control.status())
    status, answered = ask(sandbox, "POST", path, body)
    assert status == 422
    assert answered["error"].startswith(sentence)
    assert answered["error"].endswith(".")
    assert _turned(sandbox.control.status()) == before


@pytest.mark.parametrize("path", ["/conflicts", "/backlog"])
@pytest.mark.parametrize("limit", ["0", "-1", "1001", "x", "", "1.5", "٣", "9" * 5000])
def test_a_limit_that_is_none_is_refused(sandbox: RunningSandbox, path: str, limit: str) -> None:
    status, answered = ask(sandbox, "GET", f"{path}?limit={quote(limit)}")
    assert status == 422
    assert answered["error"].endswith("write a number from 1 to 1000.")


@pytest.mark.parametrize("after", ["-1", "x", "", "9" * 5000])
def test_a_place_in_the_conflicts_that_is_none_is_refused(
    sandbox: RunningSandbox, after: str
) -> None:
    status, answered = ask(sandbox, "GET", f"/conflicts?after={quote(after)}")
    assert status == 422
    assert answered["error"].endswith("write what an answer has as next.")


def test_an_unknown_path_is_a_404_in_json(sandbox: RunningSandbox) -> None:
    assert ask(sandbox, "GET", "/nothing") == (404, {"error": "Not Found."})
    assert ask(sandbox, "GET", "/fault") == (405, {"error": "Method Not Allowed."})


def test_the_status_tells_of_regions_pairs_and_tables(sandbox: RunningSandbox, table: str) -> None:
    sandbox.create_table(table, HOME, AWAY)
    found = sandbox.control.status()
    assert [each.name for each in found.regions[:3]] == list(REGIONS)
    for each in found.regions[:3]:
        assert each.endpoint == sandbox.endpoint_of(each.name)
        assert (each.fault, each.engine) == ("none", "running")
        assert each.pid is not None
    ways = {(pair.source, pair.target): pair for pair in found.pairs}
    for source in REGIONS:
        for target in REGIONS:
            assert ((source, target) in ways) == (source != target)
    assert ways[HOME, AWAY].lag_ms == sandbox.lag_ms
    assert found.endpoint == sandbox.endpoint
    assert found.backlog == 0
    tables = [each for each in found.raw["tables"] if each["table"] == table]
    assert tables == [
        {
            "table": table,
            "region": region,
            "status": "ACTIVE",
            "global": True,
            "version": "2019.11.21",
            "consistency": "EVENTUAL",
            "witness": "",
        }
        for region in (HOME, AWAY)
    ]
    (replica,) = [each for each in found.replicas if (each.table, each.region) == (table, AWAY)]
    assert (replica.status, replica.version) == ("ACTIVE", "2019.11.21")
    assert found.uptime_seconds > 0
    assert found.memory_mb is None or 20 < found.memory_mb < 1000
    assert (found.wan, found.strict) == (False, False)


def test_the_status_follows_faults_lags_backlog_and_latency(
    sandbox: RunningSandbox, table: str
) -> None:
    sandbox.create_table(table, HOME, AWAY)
    assert sandbox.control.outage(THIRD, "blackhole").fault_of(THIRD) == "blackhole"
    assert sandbox.control.heal(THIRD).fault_of(THIRD) == "none"
    told = sandbox.control.set_lag(lag_ms=600_000, jitter_ms=5, source=HOME)
    lags = {(each.source, each.target): (each.lag_ms, each.jitter_ms) for each in told.pairs}
    assert lags[HOME, AWAY] == lags[HOME, THIRD] == (600_000, 5)
    assert lags[AWAY, HOME] == (sandbox.lag_ms, sandbox.jitter_ms)
    for value in ("a", "b"):
        sandbox.client(HOME).put_item(TableName=table, Item={"PK": text(value)})
    assert sandbox.control.status().backlog == 2
    assert sandbox.control.set_lag(lag_ms=40).raw["lag_ms"] == 40
    sandbox.drain()
    (pair,) = [
        each
        for each in sandbox.control.status().pairs
        if (each.source, each.target) == (HOME, AWAY)
    ]
    assert pair.jitter_ms == 4
    assert pair.latency_ms["p50"] > 0


def test_a_fault_without_a_region_is_every_regions(sandbox: RunningSandbox) -> None:
    _, answered = ask(sandbox, "POST", "/fault", {"fault": "refuse"})
    assert {each["fault"] for each in answered["regions"]} == {"refuse"}
    assert {each.fault for each in sandbox.control.heal().regions} == {"none"}


def test_conflicts_come_newest_first_once_each_and_no_more_than_asked_for(
    sandbox: RunningSandbox, table: str
) -> None:
    """Three replicas meet the same two writes; it is one conflict."""
    sandbox.create_table(table)
    for key in ("first", "second"):
        sandbox.control.set_lag(lag_ms=600_000)
        for region in (HOME, AWAY):
            sandbox.client(region).put_item(
                TableName=table, Item={"PK": text(key), "v": text(region)}
            )
        sandbox.control.set_lag(lag_ms=0)
        sandbox.drain()
    found = [each for each in sandbox.control.conflicts(limit=1000) if each.table == table]
    assert [each.key["PK"]["S"] for each in found] == ["second", "first"]
    (newest,) = sandbox.control.conflicts(limit=1)
    assert newest == found[0]
    assert sandbox.control.status().conflicts >= 2


def test_conflicts_are_paged_and_show_both_images(sandbox: RunningSandbox, table: str) -> None:
    sandbox.create_table(table)
    sandbox.hold()
    for key in ("a", "b", "c"):
        for region in (HOME, AWAY):
            item = {"PK": text(key), "v": text(region)}
            sandbox.client(region).put_item(TableName=table, Item=item)
    sandbox.deliver()
    pages = [sandbox.control.conflicts(limit=2)]
    pages.append(sandbox.control.conflicts(limit=1, after=pages[0][-1].id))
    found = [each for page in pages for each in page]
    assert {each.key["PK"]["S"] for each in found} == {"a", "b", "c"}
    assert [each.id for each in found] == sorted((each.id for each in found), reverse=True)
    for each in found:
        assert each.winner.image == {"PK": each.key["PK"], "v": text(AWAY)}
        assert each.loser.image == {"PK": each.key["PK"], "v": text(HOME)}
    _, last = ask(sandbox, "GET", f"/conflicts?limit=1000&after={found[-1].id}")
    assert last["next"] is None
    assert not {each.id for each in found} & {each["id"] for each in last["conflicts"]}


def test_the_backlog_names_what_waits_for_longest(sandbox: RunningSandbox, table: str) -> None:
    sandbox.create_table(table, HOME, AWAY)
    sandbox.hold()
    client = sandbox.client(HOME)
    for key in ("first", "second", "third"):
        client.put_item(TableName=table, Item={"PK": text(key)})
    client.delete_item(TableName=table, Key={"PK": text("first")})
    found = sandbox.control.backlog()
    assert [each.key["PK"]["S"] for each in found[:2]] == ["first", "second"]
    assert {(each.source, each.target, each.table) for each in found} == {(HOME, AWAY, table)}
    assert [each.delete for each in found] == [False, False, False, True]
    for each in found:
        assert each.due_at_us > each.written_at_us
        assert 0 <= each.age_ms < 60_000
    assert len(sandbox.control.backlog(limit=2)) == 2
    sandbox.deliver()
    assert sandbox.control.backlog() == []


# Pauses


def test_a_paused_region_answers_and_neither_sends_nor_receives(
    sandbox: RunningSandbox, table: str
) -> None:
    sandbox.create_table(table)
    told = sandbox.control.pause(HOME)
    assert [each.name for each in told.regions if each.paused] == [HOME]
    flowing = {(each.source, each.target) for each in told.pairs if each.flowing}
    assert flowing == {(AWAY, THIRD), (THIRD, AWAY)}
    for region in (HOME, AWAY):
        sandbox.client(region).put_item(TableName=table, Item={"PK": text(region)})
    wait_until(lambda: set(sandbox.scan(table, THIRD)) == {AWAY})
    assert set(sandbox.scan(table, HOME)) == {HOME}
    waiting = {(each.source, each.target): each.backlog for each in sandbox.control.status().pairs}
    assert waiting[HOME, AWAY] == waiting[HOME, THIRD] == waiting[AWAY, HOME] == 1
    assert waiting[AWAY, THIRD] == 0
    sandbox.control.resume(HOME)
    sandbox.drain()
    for region in REGIONS:
        assert set(sandbox.scan(table, region)) == {HOME, AWAY}


def test_a_pause_breaks_no_connection_and_outlives_an_outage(
    sandbox: RunningSandbox, table: str
) -> None:
    sandbox.create_table(table, HOME, AWAY)
    connection = http.client.HTTPConnection(HOST, sandbox.port_of(HOME), timeout=20)
    with closing(connection):
        for turn in (sandbox.control.pause, sandbox.control.resume, sandbox.control.pause):
            turn(HOME)
            connection.request("GET", "/")
            assert connection.getresponse().read().startswith(b"healthy")
    sandbox.client(HOME).put_item(TableName=table, Item={"PK": text("a")})
    sandbox.control.outage(HOME)
    healed = sandbox.control.heal(HOME)
    assert [each.paused for each in healed.regions if each.name == HOME] == [True]
    assert healed.backlog == 1
    sandbox.control.resume()
    sandbox.drain()
    assert set(sandbox.scan(table, AWAY)) == {"a"}


def test_one_way_can_be_paused_alone(sandbox: RunningSandbox, table: str) -> None:
    sandbox.create_table(table)
    told = sandbox.control.pause_way(HOME, AWAY)
    assert [(each.source, each.target) for each in told.pairs if not each.flowing] == [(HOME, AWAY)]
    sandbox.client(HOME).put_item(TableName=table, Item={"PK": text("a")})
    sandbox.client(AWAY).put_item(TableName=table, Item={"PK": text("b")})
    wait_until(lambda: set(sandbox.scan(table, THIRD)) == {"a", "b"})
    wait_until(lambda: set(sandbox.scan(table, HOME)) == {"a", "b"})
    assert set(sandbox.scan(table, AWAY)) == {"b"}
    assert sandbox.control.pause(HOME).backlog == 1
    assert sandbox.control.resume_way(HOME, AWAY).backlog == 1
    sandbox.control.resume(HOME)
    sandbox.drain()
    assert set(sandbox.scan(table, AWAY)) == {"a", "b"}


def test_a_regions_resume_lets_its_single_ways_go_on_too(sandbox: RunningSandbox) -> None:
    sandbox.control.pause_way(HOME, AWAY)
    sandbox.control.pause_way(AWAY, THIRD)
    told = sandbox.control.resume(HOME)
    assert [(each.source, each.target) for each in told.pairs if not each.flowing] == [
        (AWAY, THIRD)
    ]


# Time


def test_the_clock_goes_ahead_and_stays_there_over_a_restart(start: Start, table: str) -> None:
    own = start()
    own.create_table(table, HOME, AWAY)
    assert own.control.put_clock_ahead(3600).clock_ahead_seconds == 3600
    assert own.control.put_clock_ahead(600).clock_ahead_seconds == 4200
    assert own.control.reset().clock_ahead_seconds == 4200
    own.restart()
    assert own.control.status().clock_ahead_seconds >= 4200


def test_the_clock_goes_ten_years_ahead_and_no_further(start: Start) -> None:
    own = start(in_memory=True)
    year = 365 * 24 * 3600
    for _ in range(10):
        own.control.put_clock_ahead(year)
    with pytest.raises(SandboxRefused, match="more than ten years ahead"):
        own.control.put_clock_ahead(1)
    assert own.control.status().clock_ahead_seconds == 10 * year
    assert own.client(HOME).list_tables()["TableNames"] == []


def test_a_skewed_region_wins_against_later_writes_until_it_is_set_right(
    sandbox: RunningSandbox, table: str
) -> None:
    """Last writer wins by the timestamp, and the timestamp is wrong."""
    sandbox.create_table(table)
    told = sandbox.control.skew(HOME, 60_000)
    assert [(each.name, each.skew_ms) for each in told.regions if each.skew_ms] == [(HOME, 60_000)]
    for key, skew_ms in (("skewed", 60_000), ("right", 0)):
        sandbox.control.skew(HOME, skew_ms)
        sandbox.hold()
        for region in (HOME, AWAY):
            item = {"PK": text(key), "v": text(region)}
            sandbox.client(region).put_item(TableName=table, Item=item)
        sandbox.deliver()
    for region in REGIONS:
        found = sandbox.scan(table, region)
        assert (found["skewed"]["v"], found["right"]["v"]) == (text(HOME), text(AWAY))


# Engines, distance, and everything at once


@pytest.mark.parametrize("action", ["kill", "restart"])
def test_an_engine_that_is_ended_comes_back_with_its_items(
    sandbox: RunningSandbox, table: str, action: EngineAction
) -> None:
    sandbox.create_table(table)
    sandbox.client(HOME).put_item(TableName=table, Item={"PK": text("a")})
    old = sandbox.engine_pid(HOME)
    told = sandbox.control.engine(HOME, action)
    assert [each.engine for each in told.regions if each.name == HOME] == ["starting"]
    wait_until(lambda: sandbox.engine_pid(HOME) not in (old, None))
    assert set(sandbox.scan(table, HOME)) == {"a"}


def test_an_engine_that_is_starting_can_be_killed_no_more_and_starts(
    sandbox: RunningSandbox,
) -> None:
    for _ in range(5):
        sandbox.control.engine(THIRD, "kill")
    wait_until(lambda: sandbox.engine_pid(THIRD) is not None)
    assert "TableNames" in sandbox.client(THIRD).list_tables()


def test_an_engine_that_does_not_end_when_asked_is_killed(sandbox: RunningSandbox) -> None:
    old = sandbox.engine_pid(THIRD)
    with frozen(old):
        sandbox.control.engine(THIRD, "restart")
        wait_until(lambda: sandbox.engine_pid(THIRD) not in (old, None))


def test_a_reset_turns_everything_back_and_leaves_the_data(
    sandbox: RunningSandbox, table: str
) -> None:
    sandbox.create_table(table, HOME, AWAY)
    before = _turned_nowhere(sandbox)
    sandbox.hold()
    sandbox.client(HOME).put_item(TableName=table, Item={"PK": text("a")})
    control = sandbox.control
    control.set_fault(HOME, fault="blackhole", error_rate=0.5, error_status=503, slow_ms=7)
    control.pause(AWAY)
    control.pause_way(AWAY, THIRD)
    control.skew(THIRD, -5)
    control.set_wan(on=True)
    assert _turned(control.status()) != before
    assert _turned(control.reset()) == before
    sandbox.drain()
    assert set(sandbox.scan(table, AWAY)) == {"a"}


def test_a_fault_can_be_turned_on_beside_another_and_all_healed_at_once(
    sandbox: RunningSandbox,
) -> None:
    sandbox.control.slow(HOME, 5)
    sandbox.control.fail(HOME, rate=0.5, status=503, executed_rate=0.25)
    told = sandbox.control.outage(HOME, "reset")
    (home,) = [each for each in told.regions if each.name == HOME]
    assert (home.fault, home.slow_ms) == ("reset", 5)
    assert (home.error_rate, home.error_status, home.executed_rate) == (0.5, 503, 0.25)
    (home,) = [each for each in sandbox.control.heal(HOME).regions if each.name == HOME]
    assert (home.fault, home.slow_ms, home.error_rate) == ("none", 0, 0.0)


def test_a_refusal_reaches_the_caller_as_the_sandboxs_own_sentence(
    sandbox: RunningSandbox,
) -> None:
    with pytest.raises(SandboxRefused, match=r"^eu-nowhere-1 is no region of this sandbox: it has"):
        sandbox.control.outage("eu-nowhere-1")
    with pytest.raises(SandboxRefused, match=r"^lag_ms is -5: write milliseconds"):
        sandbox.control.set_lag(lag_ms=-5)
    with pytest.raises(SandboxRefused, match=r"^limit is '0': write a number"):
        sandbox.control.conflicts(limit=0)


# A client without a sandbox


def test_where_nobody_listens_the_client_says_what_to_do() -> None:
    nobody = SandboxClient("http://127.0.0.1:1")
    for call in (nobody.status, nobody.conflicts, nobody.heal):
        with pytest.raises(SandboxUnreachable, match="start it with `manage"):
            call()


@pytest.mark.parametrize("answer", [b"<html>Not me</html>", b"", b"[1, 2]", b"{}"])
def test_somebody_else_on_the_port_is_no_sandbox(answer: bytes) -> None:
    with _another_server(answer) as url, pytest.raises(SandboxUnreachable):
        SandboxClient(url, timeout_seconds=20).status()


def test_a_sandbox_that_is_silent_is_unreachable() -> None:
    with socket.create_server((HOST, 0)) as silent, pytest.raises(SandboxUnreachable):
        SandboxClient(f"http://{HOST}:{silent.getsockname()[1]}", timeout_seconds=0.1).status()


@contextmanager
def _another_server(answer: bytes) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_: object) -> None:
            """Nothing is logged."""

    server = HTTPServer((HOST, 0), Handler)
    thread = threading.Thread(target=lambda: server.serve_forever(poll_interval=0.01))
    thread.start()
    try:
        yield f"http://{HOST}:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_pairs_of_a_region_that_joins_later_are_there_too(
    sandbox: RunningSandbox, table: str
) -> None:
    sandbox.create_table(table, HOME, "sa-east-1")
    sandbox.client(HOME).put_item(TableName=table, Item={"PK": text("a")})
    wait_until(
        lambda: (
            (HOME, "sa-east-1")
            in {(each.source, each.target) for each in sandbox.control.status().pairs}
        )
    )
    (found,) = [each for each in sandbox.control.status().regions if each.name == "sa-east-1"]
    assert found.endpoint == ""
