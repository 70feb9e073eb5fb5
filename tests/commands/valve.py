"""What a load is sent through so that something happens half-way, however fast or slow it is."""

import http.client
import os
import socket
import threading
from collections.abc import Mapping
from pathlib import Path

from tests.support.faults import Behaviour, request


class Valve:
    """In front of a real engine: lets so many requests through, then is what follows."""

    def __init__(self, port: int, *, lets: int, then: Behaviour) -> None:
        self._port = port
        self._left = lets
        self._then = then
        self._lock = threading.Lock()

    def __call__(self, caller: socket.socket) -> None:
        while self._may_pass():
            asked = request(caller)
            if not asked:
                return
            caller.sendall(self.answered(asked))
        self._then(caller)

    def _may_pass(self) -> bool:
        with self._lock:
            self._left -= 1
            return self._left >= 0

    def answered(self, asked: bytes) -> bytes:
        """The engine's answer to one whole request."""
        begins = asked.index(b'{"')
        head, body = asked[:begins], asked[begins:]
        lines = [line.decode().partition(": ") for line in head.split(b"\r\n")[1:]]
        there = http.client.HTTPConnection("127.0.0.1", self._port)
        there.request("POST", "/", body, {name: value for name, _, value in lines})
        answer = there.getresponse()
        raw = answer.read()
        there.close()
        status = f"HTTP/1.1 {answer.status} X\r\nContent-Length: {len(raw)}\r\n\r\n"
        return status.encode() + raw


def loading_from(endpoints: Mapping[str, str], folder: Path) -> dict[str, str]:
    """The environment of a load into regions at these addresses."""
    return os.environ | {
        "GT_ENDPOINTS": ",".join(f"{name}={url}" for name, url in endpoints.items()),
        "SANDBOX_DIR": str(folder),
        "DJANGO_SETTINGS_MODULE": "gtsite.settings.local",
    }
