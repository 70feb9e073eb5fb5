"""The control API: one sentence for whatever cannot be meant, and the whole state for the rest."""

import http.client
import json
import socket
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any
from urllib.parse import quote

import pytest

from gtsite.sandbox.client import SandboxClient, SandboxRefused, SandboxUnreachable
from tests.support.sandbox import HOST, REGIONS, RunningSandbox, text, wait_until

HOME, AWAY, THIRD = REGIONS
GUARD = {"X-Sandbox-Control": "1"}


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
    [("GET", "/status"), ("GET", "/conflicts"), ("POST", "/fault"), ("POST", "/lag")],
)
def test_who_does_not_send_the_header_is_turned_away(
    sandbox: RunningSandbox, method: str, path: str
) -> None:
    """A page on the web can make a browser post here, but not with a header of this name."""
    body = {"region": HOME, "fault": "refuse", "lag_ms": 0}
    status, answered = ask(sandbox, method, path, body, headers={})
    assert (status, answered) == (403, {"error": "Send the header X-Sandbox-Control: 1."})
    assert sandbox.control.status().fault_of(HOME) == "none"


@pytest.mark.parametrize(
    ("path", "body", "sentence"),
    [
        ("/fault", b"{", "The request's body is not JSON."),
        ("/fault", b"\xff", "The request's body is not JSON."),
        ("/fault", [], "The request's body is not a JSON object."),
        ("/fault", {}, "fault is None: write none, refuse, blackhole."),
        ("/fault", {"fault": ["none"]}, "fault is ['none']: write none, refuse, blackhole."),
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
        ("/lag", {"lag_ms": 1, "source": {}}, "{} is no region of this sandbox: it has "),
        ("/lag", {"lag_ms": 1, "target": "x"}, "x is no region of this sandbox: it has "),
    ],
)
def test_what_cannot_be_meant_is_refused_in_one_sentence(
    sandbox: RunningSandbox, path: str, body: object, sentence: str
) -> None:
    before = sandbox.control.status()
    status, answered = ask(sandbox, "POST", path, body)
    assert status == 422
    assert answered["error"].startswith(sentence)
    assert answered["error"].endswith(".")
    after = sandbox.control.status()
    assert [each.fault for each in after.regions] == [each.fault for each in before.regions]
    assert [each.lag_ms for each in after.pairs] == [each.lag_ms for each in before.pairs]


@pytest.mark.parametrize("limit", ["0", "-1", "1001", "x", "", "1.5", "٣", "9" * 5000])
def test_a_limit_that_is_none_is_refused(sandbox: RunningSandbox, limit: str) -> None:
    status, answered = ask(sandbox, "GET", f"/conflicts?limit={quote(limit)}")
    assert status == 422
    assert answered["error"].endswith("write a number from 1 to 1000.")


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
        {"table": table, "region": region, "status": "ACTIVE", "global": True}
        for region in (HOME, AWAY)
    ]


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
    assert pair.jitter_ms == 10
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
