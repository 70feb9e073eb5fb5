"""Asking an engine: whatever it does with the connection, there is an answer or `LinkBroken`."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from gtsite.sandbox.storage import links
from gtsite.sandbox.storage.links import LinkBroken, Links

HEADERS = {"Content-Type": "application/x-amz-json-1.0"}
CLOSE = b"<the connection ends here>"


class World:
    """A server that answers each request as `plan` says, and the last of it for ever after."""

    def __init__(self, *plan: bytes) -> None:
        self.plan = list(plan)
        self.connections = 0
        self.requests: list[bytes] = []
        self.serving: list[asyncio.Task[None]] = []
        self.links = Links(0, HEADERS)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        if task := asyncio.current_task():
            self.serving.append(task)
        try:
            while await self._serve_one(reader, writer):
                continue
        except (asyncio.IncompleteReadError, ConnectionError):
            return
        finally:
            writer.close()

    async def _serve_one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """Answer in small pieces; whether the connection stays."""
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0])
        self.requests.append(head + await reader.readexactly(length))
        said, ends, _ = (self.plan.pop(0) if len(self.plan) > 1 else self.plan[0]).partition(CLOSE)
        for start in range(0, len(said), 7):
            writer.write(said[start : start + 7])
            await writer.drain()
        return not ends

    async def post(self, body: bytes = b"{}") -> tuple[int, bytes]:
        return await self.links.post("DynamoDB_20120810.GetItem", body)


def played(world: World, play: Callable[[World], Awaitable[None]]) -> None:
    async def run() -> None:
        server = await asyncio.start_server(world.serve, "127.0.0.1", 0)
        world.links = Links(server.sockets[0].getsockname()[1], HEADERS)
        async with server, asyncio.timeout(30):
            await play(world)
            world.links.close()
            await asyncio.gather(*world.serving)

    asyncio.run(run())


def said(body: bytes, *, status: str = "200 OK", more: bytes = b"") -> bytes:
    return b"HTTP/1.1 %s\r\nContent-Length: %d\r\n%s\r\n%s" % (
        status.encode(),
        len(body),
        more,
        body,
    )


def test_requests_one_after_the_other_share_a_connection() -> None:
    async def play(world: World) -> None:
        assert await world.post() == (200, b'{"a": 1}')
        assert await world.post() == (400, b"")
        assert await world.post(b"x" * 1_000_000) == (200, b"last")
        assert world.connections == 1
        assert b"X-Amz-Target: DynamoDB_20120810.GetItem\r\n" in world.requests[0]
        assert b"Content-Type: application/x-amz-json-1.0\r\n" in world.requests[0]
        assert world.requests[2].endswith(b"\r\n\r\n" + b"x" * 1_000_000)

    played(World(said(b'{"a": 1}'), said(b"", status="400 Bad Request"), said(b"last")), play)


def test_requests_side_by_side_get_each_its_own_answer() -> None:
    async def play(world: World) -> None:
        answers = await asyncio.gather(*(world.post() for _ in range(40)))
        assert sorted(body for _, body in answers) == sorted(b"%d" % n for n in range(40))

    played(World(*(said(b"%d" % n) for n in range(40))), play)


@pytest.mark.parametrize(
    "broken",
    [
        CLOSE,
        b"nonsense\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\nContent-Len" + CLOSE,
        said(b"half of it")[:-3] + CLOSE,
    ],
)
def test_no_answer_or_half_of_one_is_an_error_and_the_next_request_is_answered(
    broken: bytes,
) -> None:
    async def play(world: World) -> None:
        with pytest.raises(LinkBroken):
            await world.post()
        assert await world.post() == (200, b"whole")
        assert world.connections == 2

    played(World(broken, said(b"whole")), play)


def test_a_connection_that_ended_between_two_requests_is_not_used_again() -> None:
    async def play(world: World) -> None:
        assert await world.post() == (200, b"1")
        while any(link.usable for link in world.links._idle):  # noqa: ASYNC110
            await asyncio.sleep(0.005)
        assert await world.post() == (200, b"2")
        assert world.connections == 2

    played(World(said(b"1") + CLOSE, said(b"2")), play)


def test_an_engine_that_says_it_closes_is_asked_on_a_new_connection() -> None:
    async def play(world: World) -> None:
        assert await world.post() == (200, b"1")
        assert await world.post() == (200, b"2")
        assert world.connections == 2

    played(World(said(b"1", more=b"Connection: close\r\n"), said(b"2")), play)


def test_an_answer_that_nobody_waits_for_is_given_to_nobody_else(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The caller gave up; what comes on its connection after that is not the next one's."""

    async def play(world: World) -> None:
        assert await world.post() == (200, b"first")
        with monkeypatch.context() as patch:
            patch.setattr(links, "ANSWER_SECONDS", 0.05)
            with pytest.raises(LinkBroken):
                await world.post()
        world.plan = [said(b"mine")]
        assert await world.post() == (200, b"mine")
        assert world.connections == 2

    played(World(said(b"first"), b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n1"), play)


def test_a_closed_port_is_an_error_at_once() -> None:
    async def play(world: World) -> None:
        await world.post()
        world.links.close()
        closed = Links(1, HEADERS)
        with pytest.raises(LinkBroken):
            await closed.post("DynamoDB_20120810.GetItem", b"{}")

    played(World(said(b"")), play)
