"""How an engine is asked: one request at a time over connections that are kept for the next one.

As much of HTTP/1.1 as engines speak, and no more: a general client takes as long as the engine.
"""

import asyncio
import re
from collections.abc import Mapping

ANSWER_SECONDS = 60.0
"""An engine that takes longer hangs, or has been stopped."""
MOST_IDLE = 32
LENGTH = re.compile(rb"\r\ncontent-length:[ \t]*(\d+)[ \t]*\r\n", re.IGNORECASE)
LAST = re.compile(rb"\r\nconnection:[ \t]*close[ \t]*\r\n", re.IGNORECASE)
STATUS = re.compile(rb"HTTP/1\.[01] (\d{3})[ \r]")
END_OF_HEAD = b"\r\n\r\n"


class LinkBroken(Exception):
    """No answer, or half of one, or what is no HTTP: the request may have been done or not."""


class LinkSilent(LinkBroken):
    """Nothing came in time: the request may even be done later, when nobody expects it."""


class Links:
    """Connections to one port of 127.0.0.1; `headers` are sent with every request."""

    def __init__(self, port: int, headers: Mapping[str, str]) -> None:
        self._port = port
        lines = {"Host": f"127.0.0.1:{port}", **headers}
        self._head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
        self._idle: list[_Link] = []
        self._closed = False

    async def post(self, target: str, body: bytes) -> tuple[int, bytes]:
        """Status and body of the answer to a POST with this `X-Amz-Target`; or `LinkBroken`."""
        head = (
            f"POST / HTTP/1.1\r\n{self._head}X-Amz-Target: {target}\r\n"
            f"Content-Length: {len(body)}\r\n\r\n"
        )
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                link = self._take() or await self._connect()
                return await self._ask(link, head.encode(errors="surrogateescape") + body)
        except TimeoutError as error:
            raise LinkSilent(f"port {self._port} does not answer") from error
        except OSError as error:
            raise LinkBroken(f"port {self._port}: {error}") from error

    def close(self) -> None:
        """Drop the connections; those that wait for an answer are broken."""
        self._closed = True
        for link in self._idle:
            link.drop()
        self._idle.clear()

    async def _ask(self, link: "_Link", request: bytes) -> tuple[int, bytes]:
        """Whoever is cancelled, or gives up, takes the connection with it: its answer may come."""
        try:
            answered = await link.ask(request)
        except BaseException:
            link.drop()
            raise
        if link.usable and not self._closed and len(self._idle) < MOST_IDLE:
            self._idle.append(link)
        else:
            link.drop()
        return answered

    def _take(self) -> "_Link | None":
        while self._idle:
            link = self._idle.pop()
            if link.usable:
                return link
        return None

    async def _connect(self) -> "_Link":
        loop = asyncio.get_running_loop()
        _, link = await loop.create_connection(_Link, "127.0.0.1", self._port)
        return link


class _Link(asyncio.Protocol):
    """One connection, with at most one request under way."""

    def __init__(self) -> None:
        self.usable = False
        self._transport: asyncio.Transport | None = None
        self._asked: asyncio.Future[tuple[int, bytes]] | None = None
        self._received = bytearray()

    def ask(self, request: bytes) -> "asyncio.Future[tuple[int, bytes]]":
        self._asked = asyncio.get_running_loop().create_future()
        if self._transport is None or self._transport.is_closing():
            self._asked.set_exception(ConnectionError("closed"))
        else:
            self._transport.write(request)
        return self._asked

    def drop(self) -> None:
        self.usable = False
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        if isinstance(transport, asyncio.Transport):
            self._transport = transport
            self.usable = True

    def data_received(self, data: bytes) -> None:
        self._received += data
        end = self._received.find(END_OF_HEAD)
        if end < 0:
            return
        head = bytes(self._received[: end + len(END_OF_HEAD)])
        status, length = STATUS.match(head), LENGTH.search(head)
        if status is None or length is None:
            self._fail("its answer is no HTTP that this knows")
            return
        whole = len(head) + int(length[1])
        if len(self._received) >= whole:
            self.usable = LAST.search(head) is None and len(self._received) == whole
            self._finish(int(status[1]), bytes(self._received[len(head) : whole]))

    def connection_lost(self, error: Exception | None) -> None:
        self._fail(str(error or "closed"))

    def _finish(self, status: int, body: bytes) -> None:
        self._received.clear()
        if self._asked is None or self._asked.done():
            self.drop()
        else:
            self._asked.set_result((status, body))

    def _fail(self, why: str) -> None:
        self.drop()
        if self._asked is not None and not self._asked.done():
            self._asked.set_exception(ConnectionError(why))
