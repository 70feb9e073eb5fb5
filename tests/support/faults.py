"""Small servers that fail the way a region does: they hang, hang up, reset, or talk nonsense."""

import json
import re
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

Behaviour = Callable[[socket.socket], None]

LENGTH = re.compile(rb"Content-Length: (\d+)", re.IGNORECASE)
RESET = struct.pack("ii", 1, 0)
"""SO_LINGER on, for no time: closing sends RST instead of FIN."""


def request(caller: socket.socket) -> bytes:
    """One whole request; empty when the caller has gone. What is left unread would reset it."""
    read = b""
    while b"\r\n\r\n" not in read:
        some = caller.recv(65536)
        if not some:
            return b""
        read += some
    head, _, body = read.partition(b"\r\n\r\n")
    length = LENGTH.search(head)
    while length is not None and len(body) < int(length[1]):
        body += caller.recv(65536)
    return head + body


def never_answer(caller: socket.socket) -> None:
    """Reads whatever comes until the caller gives up."""
    while request(caller):
        continue


def hang_up(caller: socket.socket) -> None:
    """Takes the request and closes in good order."""
    request(caller)


def reset(caller: socket.socket) -> None:
    """Takes the request and slams the door."""
    request(caller)
    caller.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)


def answer(
    status: int, body: bytes | dict[str, str], *, length: int | None = None, checksum: str = ""
) -> Behaviour:
    """An HTTP answer to each request; `length` promises more, or less, than there is."""
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()

    def behave(caller: socket.socket) -> None:
        while request(caller):
            promised = len(raw) if length is None else length
            crc = f"x-amz-crc32: {checksum}\r\n" if checksum else ""
            head = f"HTTP/1.1 {status} X\r\n{crc}Content-Length: {promised}\r\n\r\n"
            caller.sendall(head.encode() + raw)
            if promised != len(raw):
                return

    return behave


def error(status: int, code: str, message: str = "No.") -> Behaviour:
    """An error as DynamoDB writes it."""
    return answer(
        status, {"__type": f"com.amazonaws.dynamodb.v20120810#{code}", "message": message}
    )


class FaultyServer:
    """One server whose behaviour can be changed between requests; `requests` counts connections."""

    def __init__(self, behaviour: Behaviour) -> None:
        self.behaviour = behaviour
        self.connections = 0
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._listener.getsockname()[1]}"

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join()

    def _serve(self) -> None:
        while True:
            try:
                caller, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self._talk, args=(caller,), daemon=True).start()

    def _talk(self, caller: socket.socket) -> None:
        with caller:
            try:
                self.behaviour(caller)
            except OSError:
                return


@contextmanager
def faulty_server(behaviour: Behaviour) -> Iterator[FaultyServer]:
    """A server that behaves like that, for as long as the block."""
    server = FaultyServer(behaviour)
    try:
        yield server
    finally:
        server.close()


@contextmanager
def closed_port() -> Iterator[str]:
    """An address where nobody listens; held, so that nobody else begins to."""
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{holder.getsockname()[1]}"
