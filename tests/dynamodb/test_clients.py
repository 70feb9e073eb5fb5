"""The clients: how long they wait, whose key they use, how many connections they make."""

import socket
import zlib
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, closing

import pytest
from botocore.exceptions import (
    ConnectionClosedError,
    EndpointConnectionError,
)

from gtsite.dynamodb.clients import Clients
from tests.support import faults
from tests.support.faults import closed_port, faulty_server

LIST = faults.answer(200, b'{"TableNames": []}')
LONG_SECONDS = 60.0


def patient(url: str, caller_region: str = "") -> Clients:
    """Clients whose only region is there; they wait for it however busy this machine is."""
    return Clients(
        endpoints={"us-west-2": url},
        caller_region=caller_region,
        connect_seconds=LONG_SECONDS,
        read_seconds=LONG_SECONDS,
    )


def at(url: str) -> AbstractContextManager[Clients]:
    """Such clients, closed at the end of the block."""
    return closing(patient(url))


@pytest.fixture
def credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that nobody looks for them on the network."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAMINE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")


@pytest.mark.usefixtures("credentials")
def test_a_request_waits_less_than_a_second_and_is_sent_once() -> None:
    with closing(Clients(endpoints={})) as clients:
        config = clients.dynamodb("us-west-2").meta.config
        assert config.connect_timeout + config.read_timeout < 1.5
        assert config.read_timeout <= 0.8
        assert config.retries == {"mode": "standard", "total_max_attempts": 1}


def test_a_failing_request_reaches_the_region_once() -> None:
    with faulty_server(faults.hang_up) as server, at(server.url) as clients:
        with pytest.raises(ConnectionClosedError):
            clients.dynamodb("us-west-2").list_tables()
        assert server.connections == 1


@pytest.mark.parametrize(("region", "said"), [("eu-west-1", True), ("", False)])
def test_a_client_says_where_it_is_if_it_is_told(region: str, said: bool) -> None:
    """The sandbox knows the way by it; to AWS it is one more word in the User-Agent."""
    heard = []

    def listen(caller: socket.socket) -> None:
        heard.append(faults.request(caller))
        caller.sendall(b"HTTP/1.1 200 X\r\nContent-Length: 2\r\n\r\n{}")

    with (
        faulty_server(listen) as server,
        closing(patient(server.url, region)) as clients,
    ):
        clients.dynamodb("us-west-2").list_tables()
    (agent,) = [line for line in heard[0].splitlines() if line.lower().startswith(b"user-agent:")]
    assert (b" caller-region/eu-west-1" in agent) is said
    assert (b"caller-region" in agent) is said


def test_connections_are_kept_alive_and_shared_by_calls_one_after_another() -> None:
    with faulty_server(LIST) as server, at(server.url) as clients:
        for _ in range(5):
            clients.dynamodb("us-west-2").list_tables()
        assert server.connections == 1


def test_an_answer_that_matches_its_checksum_is_taken() -> None:
    body = b'{"TableNames": ["t"]}'
    good = faults.answer(200, body, checksum=str(zlib.crc32(body)))
    with faulty_server(good) as server, at(server.url) as clients:
        assert clients.dynamodb("us-west-2").list_tables()["TableNames"] == ["t"]


@pytest.mark.usefixtures("credentials")
def test_one_client_per_region_and_purpose() -> None:
    with closing(Clients(endpoints={})) as clients:
        assert clients.dynamodb("us-west-2") is clients.dynamodb("us-west-2")
        assert clients.dynamodb("us-west-2") is not clients.dynamodb("eu-west-1")
        assert clients.dynamodb("us-west-2") is not clients.control("us-west-2")


@pytest.mark.usefixtures("credentials")
def test_threads_that_come_at_once_get_one_client() -> None:
    with closing(Clients(endpoints={})) as clients, ThreadPoolExecutor(8) as threads:
        found = set(map(id, threads.map(lambda _: clients.dynamodb("us-west-2"), range(64))))
    assert len(found) == 1


def test_an_endpoint_without_a_key_in_the_environment_gets_the_sandbox_s(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID", raising=False)
    with closed_port() as url, at(url) as clients, pytest.raises(EndpointConnectionError):
        clients.dynamodb("us-west-2").list_tables()


@pytest.mark.usefixtures("credentials")
def test_a_key_in_the_environment_is_used_with_an_endpoint() -> None:
    seen: list[bytes] = []

    def remember(caller: socket.socket) -> None:
        seen.append(faults.request(caller))

    with (
        faulty_server(remember) as server,
        at(server.url) as clients,
        pytest.raises(ConnectionClosedError),
    ):
        clients.dynamodb("us-west-2").list_tables()
    assert b"Credential=AKIAMINE/" in seen[0]
    assert b"/us-west-2/dynamodb/" in seen[0]


@pytest.mark.usefixtures("credentials")
def test_without_an_endpoint_the_region_is_at_aws(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_DYNAMODB"):
        monkeypatch.delenv(name, raising=False)
    with closing(Clients(endpoints={"us-west-2": "http://127.0.0.1:9"})) as clients:
        there = clients.dynamodb("eu-west-1").meta.endpoint_url
    assert there == "https://dynamodb.eu-west-1.amazonaws.com"


def test_closed_clients_are_built_anew() -> None:
    with faulty_server(LIST) as server:
        clients = Clients(endpoints={"us-west-2": server.url})
        before = clients.dynamodb("us-west-2")
        clients.close()
        assert clients.dynamodb("us-west-2") is not before
        clients.close()
