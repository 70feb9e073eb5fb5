"""What a caller may do to a connection: how large a request is, how long it may take to send one.

Whatever is not HTTP, too large or too slow is refused in AWS's error shape and leaves no trace.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web

from gtsite.sandbox.wire import CORAL, Answer, ApiError, internal_error, refusal

log = logging.getLogger("sandbox.endpoint")

LARGEST_REQUEST = 16 * 1024 * 1024
"""Bytes; DynamoDB takes no more in one request."""

Handler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]


class Connection(web.RequestHandler):
    """One caller's connection; it notices how long the head of a request has been under way."""

    __slots__ = ("_busy", "_head_since")

    def __init__(self, manager: "Server", **settings: Any) -> None:
        super().__init__(manager, **settings)
        self._busy = False
        self._head_since: float | None = None

    def data_received(self, data: bytes) -> None:
        if self._head_since is None:
            self._head_since = asyncio.get_running_loop().time()
        super().data_received(data)

    def handled(self, *, busy: bool) -> None:
        """A request was read up to its body (`busy`), or has been answered."""
        self._busy = busy
        self._head_since = None

    def head_begun_before(self, moment: float) -> bool:
        """Whether it began a request at that moment of the loop's clock and did not get far."""
        return not self._busy and self._head_since is not None and self._head_since < moment

    def log_exception(self, *args: Any, **more: Any) -> None:
        """Log what nobody foresaw; a body that was refused already is no news."""
        if not isinstance(more.get("exc_info"), web.RequestPayloadError):
            super().log_exception(*args, **more)

    def handle_error(
        self,
        request: web.BaseRequest,  # noqa: ARG002
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,  # noqa: ARG002
    ) -> web.StreamResponse:
        """An answer in AWS's shape to what is no HTTP, or to what nobody foresaw, which is logged.

        The connection ends with it.
        """
        if status < 500:
            error = ApiError(
                status, f"{CORAL}#MalformedHttpRequestException", "The request is not HTTP."
            )
        else:
            log.error("A request was not answered.", exc_info=exc)
            error = internal_error()
        return last_response(refusal(error))


class Server(web.Server):
    """Serves HTTP with `handler`; callers have `patience_seconds` for a head, and for a body.

    The rest of a request that was refused is read for as long and thrown away, so that its caller,
    who may read only after it has written, finds the answer.
    """

    def __init__(self, handler: Handler, patience_seconds: float) -> None:
        super().__init__(self._handle, request_factory=_request)
        self._handler = handler
        self._patience = patience_seconds

    def __call__(self) -> web.RequestHandler:
        return Connection(
            self,
            loop=asyncio.get_running_loop(),
            access_log=None,
            lingering_time=self._patience,
        )

    def hang_up(self) -> None:
        """Break every open connection."""
        for connection in self.connections:
            _abort(connection)

    def end_stalled(self) -> None:
        """Break the connections on which the head of a request takes longer than is bearable."""
        latest = asyncio.get_running_loop().time() - self._patience
        for connection in self.connections:
            if isinstance(connection, Connection) and connection.head_begun_before(latest):
                _abort(connection)

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        connection = request.protocol
        if not isinstance(connection, Connection):
            raise TypeError("A request came by a connection of another kind.")
        connection.handled(busy=True)
        try:
            return await self._handler(request)
        finally:
            connection.handled(busy=False)


async def whole_body(request: web.BaseRequest, patience_seconds: float) -> bytes:
    """The request's body; `ApiError` where it is too large or does not come in time.

    A caller that hangs up in the middle of it wants no answer.
    """
    if (request.content_length or 0) > LARGEST_REQUEST:
        raise _too_large()
    if request.headers.get("Expect", "").lower() == "100-continue" and request.transport:
        request.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
    try:
        async with asyncio.timeout(patience_seconds):
            return await request.read()
    except TimeoutError as error:
        raise ApiError(
            408, f"{CORAL}#RequestTimeoutException", "Reading the request timed out."
        ) from error
    except web.HTTPRequestEntityTooLarge as error:
        raise _too_large() from error
    except web.RequestPayloadError as error:
        raise ApiError(
            400, f"{CORAL}#MalformedHttpRequestException", "The request's body is not whole."
        ) from error
    except ConnectionError as error:
        raise asyncio.CancelledError from error


def response(answered: Answer) -> web.Response:
    return web.Response(body=answered.raw, status=answered.status, headers=answered.headers())


def last_response(answered: Answer) -> web.Response:
    """An answer after which the connection ends, as what else comes on it makes no sense."""
    last = response(answered)
    last.force_close()
    return last


def _too_large() -> ApiError:
    return ApiError(
        413,
        f"{CORAL}#RequestEntityTooLargeException",
        f"The request is larger than {LARGEST_REQUEST} bytes.",
    )


def _abort(connection: web.RequestHandler) -> None:
    if connection.transport is not None:
        connection.transport.abort()


def _request(*parts: Any) -> web.BaseRequest:
    """aiohttp's own kind of request, but as large as DynamoDB's may be."""
    message, payload, protocol, writer, task = parts
    return web.BaseRequest(
        message,
        payload,
        protocol,
        writer,
        task,
        asyncio.get_running_loop(),
        client_max_size=LARGEST_REQUEST,
    )
