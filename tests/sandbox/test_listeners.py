"""Outages as a caller meets them: refused, silent, cut off; and none of it elsewhere."""

import http.client
import select
import socket
import time
from collections.abc import Callable
from contextlib import closing
from typing import Any

import pytest
from botocore.exceptions import (
    ClientError,
    ConnectionClosedError,
    EndpointConnectionError,
    ReadTimeoutError,
)

from gtsite.sandbox.client import ErrorStatus, SandboxRefused
from gtsite.sandbox.distances import round_trip_ms
from tests.support.sandbox import HOST, REGIONS, RunningSandbox, frozen, send, text, wait_until

HOME, AWAY, THIRD = REGIONS
SHORT_SECONDS = 0.4
WAY_SECONDS = round_trip_ms("ap-southeast-2", HOME) / 1000
"""From Sydney to Oregon and back."""
CUT_OFF = (ConnectionError, http.client.RemoteDisconnected)
Start = Callable[..., RunningSandbox]


def read(sandbox: RunningSandbox, region: str, *, shared: bool = False) -> object:
    return sandbox.client(region, shared).list_tables()


def read_briefly(sandbox: RunningSandbox, region: str, *, shared: bool = False) -> object:
    """By a caller that soon gives up on a region that does not answer."""
    return sandbox.client(region, shared, read_seconds=SHORT_SECONDS).list_tables()


def test_a_region_that_refuses_cannot_be_connected_to(sandbox: RunningSandbox) -> None:
    sandbox.control.outage(HOME, "refuse")
    with pytest.raises(EndpointConnectionError):
        read(sandbox, HOME)
    with pytest.raises(ConnectionClosedError):
        read(sandbox, HOME, shared=True)
    for shared in (False, True):
        read(sandbox, AWAY, shared=shared)
    sandbox.control.heal(HOME)
    for shared in (False, True):
        read(sandbox, HOME, shared=shared)


def test_a_black_hole_takes_connections_and_never_answers(sandbox: RunningSandbox) -> None:
    sandbox.control.outage(HOME, "blackhole")
    for shared in (False, True):
        with pytest.raises(ReadTimeoutError):
            read_briefly(sandbox, HOME, shared=shared)
        read(sandbox, AWAY, shared=shared)
    sandbox.control.heal(HOME)
    for shared in (False, True):
        read(sandbox, HOME, shared=shared)


def test_one_outage_can_turn_into_the_other(sandbox: RunningSandbox) -> None:
    sandbox.control.outage(HOME, "blackhole")
    sandbox.control.outage(HOME, "refuse")
    with pytest.raises(EndpointConnectionError):
        read(sandbox, HOME)
    sandbox.control.outage(HOME, "blackhole")
    with pytest.raises(ReadTimeoutError):
        read_briefly(sandbox, HOME)


def test_a_black_hole_answers_nothing_at_all(sandbox: RunningSandbox) -> None:
    """Neither a health check, nor a request without a signature, nor another service."""
    sandbox.control.outage(HOME, "blackhole")
    post = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n"
    sts = b"Authorization: Credential=x/20260101/us-west-2/sts/aws4_request\r\n"
    for request in (
        b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
        post + b"\r\n{}",
        post + sts + b"\r\n{}",
    ):
        with socket.create_connection((HOST, sandbox.port_of(HOME)), 20) as wire:
            wire.sendall(request)
            wire.settimeout(SHORT_SECONDS)
            with pytest.raises(TimeoutError):
                wire.recv(1)
    sandbox.control.heal(HOME)
    assert _health(sandbox.port_of(HOME)) == b"healthy: dynamodb.us-west-2.localhost\n"
    assert _health(sandbox.port) == b"healthy: dynamodb.sandbox.localhost\n"


def test_whoever_waits_in_a_black_hole_is_cut_off_when_it_ends(sandbox: RunningSandbox) -> None:
    sandbox.control.outage(HOME, "blackhole")
    with socket.create_connection((HOST, sandbox.port_of(HOME)), 20) as wire:
        wire.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        sandbox.control.status()
        sandbox.control.heal(HOME)
        assert _end_of(wire) == b""


@pytest.mark.parametrize("shared", [False, True])
def test_a_region_that_resets_takes_the_request_and_slams_the_door(
    sandbox: RunningSandbox, shared: bool
) -> None:
    port = sandbox.port if shared else sandbox.port_of(HOME)
    sandbox.control.outage(HOME, "reset")
    for _ in range(2):
        with socket.create_connection((HOST, port), 20) as wire:
            wire.sendall(
                b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n"
                b"Authorization: Credential=x/20260101/us-west-2/dynamodb/aws4_request\r\n\r\n{}"
            )
            with pytest.raises(ConnectionResetError):
                wire.recv(1)
    with pytest.raises(ConnectionClosedError):
        read(sandbox, HOME, shared=shared)
    read(sandbox, AWAY, shared=shared)
    sandbox.control.heal(HOME)
    read(sandbox, HOME, shared=shared)


@pytest.mark.parametrize("fault", ["refuse", "blackhole"])
def test_open_connections_of_a_region_do_not_outlive_its_outage(
    sandbox: RunningSandbox, fault: Any
) -> None:
    connection = http.client.HTTPConnection(HOST, sandbox.port_of(HOME), timeout=20)
    elsewhere = http.client.HTTPConnection(HOST, sandbox.port_of(AWAY), timeout=20)
    for each in (connection, elsewhere):
        _again(each)
    sandbox.control.outage(HOME, fault)
    sandbox.control.heal()
    with closing(connection), pytest.raises(CUT_OFF):
        _again(connection)
    with closing(elsewhere):
        assert _again(elsewhere)


def test_healing_what_is_well_breaks_no_connection(sandbox: RunningSandbox) -> None:
    connection = http.client.HTTPConnection(HOST, sandbox.port_of(HOME), timeout=20)
    with closing(connection):
        for _ in range(2):
            assert _again(connection)
            sandbox.control.heal()


@pytest.mark.parametrize("shared", [False, True])
@pytest.mark.parametrize("fault", ["refuse", "blackhole", "reset"])
def test_a_request_under_way_when_its_region_goes_is_never_answered(
    sandbox: RunningSandbox, table: str, fault: Any, shared: bool
) -> None:
    """The write is done and the writer does not learn of it: what an unknown outcome is."""
    sandbox.create_table(table)
    port = sandbox.port if shared else sandbox.port_of(HOME)
    with frozen(sandbox.engine_pid(HOME)):
        connection = under_way(sandbox, port, table)
        sandbox.control.outage(HOME, fault)
        sandbox.control.heal(HOME)
    with closing(connection), pytest.raises(CUT_OFF):
        connection.getresponse()
    for region in REGIONS:
        _wait_for_item(sandbox, table, region)


def test_writes_neither_leave_nor_reach_a_region_that_is_away(
    sandbox: RunningSandbox, table: str
) -> None:
    sandbox.create_table(table)
    sandbox.control.set_lag(lag_ms=600_000)
    sandbox.client(HOME).put_item(TableName=table, Item={"PK": text("from home")})
    sandbox.control.outage(HOME)
    sandbox.control.set_lag(lag_ms=0)
    sandbox.client(AWAY).put_item(TableName=table, Item={"PK": text("from away")})
    wait_until(lambda: set(sandbox.scan(table, THIRD)) == {"from away"})
    waiting = {(each.source, each.target): each for each in sandbox.control.status().pairs}
    assert waiting[HOME, AWAY].backlog == waiting[HOME, THIRD].backlog == 1
    assert waiting[AWAY, HOME].backlog == 1
    assert waiting[AWAY, THIRD].backlog == 0
    assert waiting[HOME, AWAY].oldest_ms > 0
    assert set(sandbox.scan(table, AWAY)) == {"from away"}
    sandbox.control.heal(HOME)
    sandbox.drain()
    for region in REGIONS:
        assert set(sandbox.scan(table, region)) == {"from home", "from away"}


def test_a_caller_that_gives_up_on_a_write_leaves_it_whole(
    sandbox: RunningSandbox, table: str
) -> None:
    """The connection is gone before the engine has answered; the write is done and replicated."""
    sandbox.create_table(table)
    with frozen(sandbox.engine_pid(HOME)):
        under_way(sandbox, sandbox.port_of(HOME), table).close()
    for region in REGIONS:
        _wait_for_item(sandbox, table, region)
    sandbox.client(HOME).put_item(TableName=table, Item={"PK": text("a"), "v": text("again")})
    sandbox.drain()
    assert [len(sandbox.stream(table, region)) for region in REGIONS] == [2] * 3


def test_a_caller_that_hangs_up_in_its_own_sentence_does_no_harm(sandbox: RunningSandbox) -> None:
    for _ in range(3):
        with socket.create_connection((HOST, sandbox.port), 20) as wire:
            wire.sendall(
                b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 500\r\n"
                b"X-Amz-Target: DynamoDB_20120810.ListTables\r\n"
                b"Authorization: Credential=x/20260101/us-west-2/dynamodb/aws4_request\r\n\r\n{"
            )
    assert "TableNames" in sandbox.client(HOME, shared=True).list_tables()
    assert "Traceback" not in sandbox.output()


def test_a_region_whose_port_was_taken_meanwhile_says_so_and_comes_back_later(
    start: Start,
) -> None:
    own = start()
    own.control.outage(HOME)
    with socket.socket() as thief:
        thief.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        thief.bind((HOST, own.port_of(HOME)))
        thief.listen()
        with pytest.raises(SandboxRefused, match=f"port {own.port_of(HOME)}"):
            own.control.heal()
    own.control.heal()
    read(own, HOME)


def test_a_stop_does_not_wait_for_who_hangs_in_a_black_hole(start: Start) -> None:
    own = start()
    own.control.outage(HOME, "blackhole")
    with socket.create_connection((HOST, own.port_of(HOME)), 20) as wire:
        wire.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        own.control.status()
        own.stop()
        assert _end_of(wire) == b""


def test_an_engine_that_is_killed_costs_its_region_errors_and_no_data(
    sandbox: RunningSandbox, table: str
) -> None:
    sandbox.create_table(table)
    sandbox.client(HOME).put_item(TableName=table, Item={"PK": text("a")})
    old = sandbox.kill_engine(HOME)
    assert sandbox.engine_pid(HOME) != old
    assert set(sandbox.scan(table, HOME)) == {"a"}
    sandbox.client(HOME).put_item(TableName=table, Item={"PK": text("b")})
    sandbox.drain()
    assert set(sandbox.scan(table, THIRD)) == {"a", "b"}


def test_an_engine_killed_in_the_middle_of_a_write_costs_a_500_and_nothing_half_done(
    sandbox: RunningSandbox, table: str
) -> None:
    sandbox.create_table(table)
    pid = sandbox.engine_pid(HOME)
    with frozen(pid):
        connection = under_way(sandbox, sandbox.port_of(HOME), table)
        sandbox.client(AWAY).put_item(TableName=table, Item={"PK": text("b")})
        sandbox.kill_engine(HOME)
    with closing(connection):
        answered = connection.getresponse()
        assert answered.status == 500
        assert b"InternalServerError" in answered.read()
    sandbox.drain()
    homes = sandbox.scan(table, HOME)
    assert homes == sandbox.scan(table, AWAY) == sandbox.scan(table, THIRD)
    assert "b" in homes


# Regions that are there, and in trouble


@pytest.mark.parametrize("shared", [False, True])
@pytest.mark.parametrize(
    ("status", "code"), [(500, "InternalServerError"), (503, "ServiceUnavailable")]
)
def test_a_failing_region_answers_in_awss_shape_and_does_nothing(
    sandbox: RunningSandbox, table: str, status: ErrorStatus, code: str, shared: bool
) -> None:
    sandbox.create_table(table)
    sandbox.control.fail(HOME, status=status)
    with pytest.raises(ClientError) as caught:
        _put(sandbox, HOME, table, shared=shared)
    assert caught.value.response["Error"]["Code"] == code
    assert caught.value.response["Error"]["Message"]
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == status
    _put(sandbox, AWAY, table, key="b", shared=shared)
    sandbox.control.heal(HOME)
    sandbox.drain()
    assert set(sandbox.scan(table, HOME)) == {"b"}


def test_a_failing_region_may_do_all_the_same_what_it_says_it_did_not(
    sandbox: RunningSandbox, table: str
) -> None:
    sandbox.create_table(table)
    sandbox.control.fail(HOME, executed_rate=1.0)
    with pytest.raises(ClientError):
        _put(sandbox, HOME, table)
    for region in (AWAY, THIRD):
        _wait_for_item(sandbox, table, region)


def test_a_share_of_the_calls_fails_and_the_rest_is_carried_out(
    sandbox: RunningSandbox, table: str
) -> None:
    sandbox.create_table(table, HOME)
    sandbox.control.fail(HOME, rate=0.5)
    done, failed = set(), 0
    for number in range(100):
        try:
            _put(sandbox, HOME, table, key=str(number))
            done.add(str(number))
        except ClientError:
            failed += 1
    sandbox.control.heal()
    assert 10 < failed < 90
    assert set(sandbox.scan(table, HOME)) == done


def test_a_failing_region_goes_on_replicating(sandbox: RunningSandbox, table: str) -> None:
    sandbox.create_table(table)
    sandbox.control.fail(HOME)
    sandbox.control.slow(HOME, 60_000)
    _put(sandbox, AWAY, table)
    sandbox.drain()
    sandbox.control.heal(HOME)
    assert set(sandbox.scan(table, HOME)) == {"a"}


@pytest.mark.parametrize("shared", [False, True])
def test_a_slow_region_acts_at_once_answers_late_and_holds_nobody_up(
    sandbox: RunningSandbox, table: str, shared: bool
) -> None:
    sandbox.create_table(table)
    sandbox.control.slow(HOME, 60_000)
    port = sandbox.port if shared else sandbox.port_of(HOME)
    body = {"TableName": table, "Item": {"PK": text("a")}}
    with closing(send(port, "PutItem", body, HOME)) as connection:
        for region in (AWAY, THIRD):
            _wait_for_item(sandbox, table, region)
        sandbox.control.slow(HOME, 0)
        _put(sandbox, HOME, table)
        assert _silent(connection)


def test_a_slow_answer_comes_after_its_time(sandbox: RunningSandbox) -> None:
    sandbox.control.slow(HOME, 120)
    begun = time.monotonic()
    assert "TableNames" in sandbox.client(HOME).list_tables()
    assert time.monotonic() - begun >= 0.12


def test_a_caller_that_waits_for_a_slow_region_is_cut_off_when_that_goes_away(
    sandbox: RunningSandbox,
) -> None:
    sandbox.control.slow(HOME, 60_000)
    with closing(send(sandbox.port_of(HOME), "ListTables", {}, HOME)) as connection:
        for _ in range(3):
            sandbox.control.status()
        sandbox.control.outage(HOME)
        with pytest.raises(CUT_OFF):
            connection.getresponse()


# Distance


@pytest.mark.parametrize("shared", [False, True])
def test_a_caller_far_away_waits_for_the_round_trip(sandbox: RunningSandbox, shared: bool) -> None:
    port = sandbox.port if shared else sandbox.port_of(HOME)
    _answers_within_the_way(port, "caller-region/ap-southeast-2")
    sandbox.control.set_wan(on=True)
    assert _seconds(port, HOME, "caller-region/ap-southeast-2") >= WAY_SECONDS
    assert _seconds(port, HOME, "app/caller-region-ap-southeast-2") >= WAY_SECONDS


def test_a_caller_next_door_or_nowhere_does_not_wait(start: Start) -> None:
    own = start(wan=True)
    assert own.control.status().wan
    for user_agent in (f"caller-region/{HOME}", "caller-region/nowhere", "python"):
        _answers_within_the_way(own.port_of(HOME), user_agent)
    assert own.control.set_wan(on=False).wan is False
    assert own.control.reset().wan is True


def under_way(sandbox: RunningSandbox, port: int, table: str) -> http.client.HTTPConnection:
    """A PutItem that the sandbox has read and its frozen engine has not.

    What came before the answer to the second status was read before it: one loop does it all.
    """
    body = {"TableName": table, "Item": {"PK": text("a")}}
    connection = send(port, "PutItem", body, HOME)
    for _ in range(5):
        sandbox.control.status()
    return connection


def _put(
    sandbox: RunningSandbox, region: str, table: str, *, key: str = "a", shared: bool = False
) -> None:
    sandbox.client(region, shared).put_item(TableName=table, Item={"PK": text(key)})


def _seconds(port: int, region: str, user_agent: str) -> float:
    begun = time.monotonic()
    with closing(send(port, "ListTables", {}, region, **{"User-Agent": user_agent})) as connection:
        assert connection.getresponse().status == 200
    return time.monotonic() - begun


def _answers_within_the_way(port: int, user_agent: str) -> None:
    """Once is enough, when the machine has nothing else to do: who waits for a way always does."""
    wait_until(lambda: _seconds(port, HOME, user_agent) < WAY_SECONDS, "an answer from next door")


def _silent(connection: http.client.HTTPConnection) -> bool:
    """Whether nothing has come on a connection so far."""
    readable, _, _ = select.select([connection.sock], [], [], 0)
    return not readable


def _wait_for_item(sandbox: RunningSandbox, table: str, region: str) -> None:
    wait_until(lambda: set(sandbox.scan(table, region)) == {"a"})


def _again(connection: http.client.HTTPConnection) -> bytes:
    connection.request("GET", "/")
    return connection.getresponse().read()


def _health(port: int) -> bytes:
    connection = http.client.HTTPConnection(HOST, port, timeout=20)
    with closing(connection):
        return _again(connection)


def _end_of(wire: socket.socket) -> bytes:
    """What comes until the other side ends the connection, politely or not."""
    try:
        return wire.recv(1)
    except ConnectionResetError:
        return b""
