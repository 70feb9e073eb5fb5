"""A request that is certainly being worked on: no waiting, no guessing."""

import http.client
import socket
from collections.abc import Mapping
from urllib.parse import urlencode

from tests.support.production import BY_TLS, HOST_NAME, Production
from tests.support.sandbox import HOST


class InFlight:
    """A form that a worker has begun with, and whose rest it waits for."""

    def __init__(
        self, site: Production, path: str, cookies: Mapping[str, str], form: Mapping[str, str]
    ) -> None:
        self._body = urlencode({**form, "csrfmiddlewaretoken": cookies["__Host-csrf"]}).encode()
        headers = BY_TLS | {
            "Origin": f"https://{HOST_NAME}",
            "Cookie": "; ".join(f"{name}={value}" for name, value in cookies.items()),
            "Content-Type": "application/x-www-form-urlencoded",
            "Content-Length": str(len(self._body)),
            "HX-Request": "true",
            "Expect": "100-continue",
        }
        head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        self._connection = socket.create_connection((HOST, site.port), timeout=60)
        self._connection.sendall(f"POST {path} HTTP/1.1\r\n{head}\r\n".encode())
        assert self._connection.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"

    def finish(self) -> tuple[int, bytes]:
        """Sends the rest: the status, and the body in full length."""
        with self._connection as connection:
            connection.sendall(self._body)
            response = http.client.HTTPResponse(connection, method="POST")
            response.begin()
            return response.status, response.read()
