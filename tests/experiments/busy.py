"""A region that is short of capacity: real HTTP before a real region, which throttles nobody."""

import http.client
import json
from collections.abc import Iterator
from contextlib import closing, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

from tests.support.sandbox import HOST

THROTTLED = (
    b'{"__type": "com.amazonaws.dynamodb.v20120810#ThrottlingException", "message": "Slow."}'
)
KEPT_HEADERS = ("X-Amz-Target", "Authorization", "X-Amz-Date", "Content-Type")


class BusyRegion:
    """Answers for the region at `port`, but for what is said here, which may change meanwhile.

    `throttled` operations are refused; of a BatchGetItem, `left` keys at the end are unprocessed.
    """

    def __init__(self, port: int) -> None:
        self.port = port
        self.throttled: set[str] = set()
        self.left = 0

    def answer(self, headers: dict[str, str], body: bytes) -> tuple[int, bytes]:
        operation = headers["X-Amz-Target"].rpartition(".")[2]
        if operation in self.throttled:
            return http.client.BAD_REQUEST, THROTTLED
        if operation != "BatchGetItem" or not self.left:
            return self._passed_on(headers, body)
        wanted = json.loads(body)
        ((table, request),) = wanted["RequestItems"].items()
        unprocessed = {table: {"Keys": request["Keys"][-self.left :]}}
        request["Keys"] = request["Keys"][: -self.left]
        status, answered = self._passed_on(headers, json.dumps(wanted).encode())
        return status, json.dumps(json.loads(answered) | {"UnprocessedKeys": unprocessed}).encode()

    def _passed_on(self, headers: dict[str, str], body: bytes) -> tuple[int, bytes]:
        with closing(http.client.HTTPConnection(HOST, self.port, timeout=20)) as upstream:
            upstream.request("POST", "/", body, headers)
            response = upstream.getresponse()
            return response.status, response.read()


@contextmanager
def busy_region(port: int) -> Iterator[tuple[BusyRegion, str]]:
    """One, and the address at which it answers, for as long as the block."""
    busy = BusyRegion(port)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            headers = {name: self.headers[name] for name in KEPT_HEADERS if name in self.headers}
            status, answered = busy.answer(headers, body)
            self.send_response(status)
            self.send_header("Content-Type", "application/x-amz-json-1.0")
            self.send_header("Content-Length", str(len(answered)))
            self.end_headers()
            self.wfile.write(answered)

        def log_message(self, *_: Any) -> None:
            """Nobody reads it."""

    server = ThreadingHTTPServer((HOST, 0), Handler)
    server.daemon_threads = True
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield busy, f"http://{HOST}:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
