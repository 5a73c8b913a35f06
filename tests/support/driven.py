"""A connection of our server without a socket: a test feeds it bytes and looks at what it does with its transport."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Coroutine
from typing import Any

import pytest
import uvicorn
from uvicorn.server import ServerState

from proxy.adapters import server
from proxy.errors import ProxyError
from proxy.messages import Headers, Reply, Request

PARSERS = ("httptools", "h11")
GET = b"GET /a HTTP/1.1\r\nHost: x\r\n\r\n"
OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"
CHUNKED = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"

Test = Callable[[str], Coroutine[Any, Any, None]]


def both(test: Test) -> Any:
    """Run a test in a loop of its own, with each parser."""

    @pytest.mark.parametrize("http", PARSERS)
    def run(http: str) -> None:
        asyncio.run(test(http))

    run.__name__, run.__doc__ = test.__name__, test.__doc__
    return run


def post(size: int, more: bytes = b"") -> bytes:
    """The head of a request with a body of this size."""
    return b"POST /a HTTP/1.1\r\nHost: x\r\n%bContent-Length: %d\r\n\r\n" % (more, size)


class Wire(asyncio.Transport):
    """What a connection writes, and what else it does."""

    def __init__(self, peer: object = ("127.0.0.1", 5)) -> None:
        super().__init__({"peername": peer})
        self.sent = b""
        self.writes: list[bytes] = []
        self._reading = True
        self.ended = self.closed = False

    def write(self, data: Any) -> None:
        if data:
            self.writes.append(bytes(data))
            self.sent += data

    def can_write_eof(self) -> bool:
        return True

    def write_eof(self) -> None:
        self.ended = True

    def is_closing(self) -> bool:
        return self.closed

    def close(self) -> None:
        self.closed = True

    def pause_reading(self) -> None:
        self._reading = False

    def resume_reading(self) -> None:
        self._reading = True

    def is_reading(self) -> bool:
        return self._reading


class Answers:
    """An app that reads each request whole and answers with `reply`, or with `ok`."""

    def __init__(self, reply: Callable[[Request], Reply | None] = lambda _: None) -> None:
        self.requests: list[tuple[str, str, bytes]] = []
        self.origins: list[str | None] = []
        self.headers: list[list[tuple[str, str]]] = []
        self.refused: list[str | None] = []
        self._reply = reply

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        while (await receive())["type"] == "lifespan.startup":
            await send({"type": "lifespan.startup.complete"})
        await send({"type": "lifespan.shutdown.complete"})

    async def respond(self, request: Request) -> Reply:
        body = await request.read(10**9)
        self.requests.append((request.method, request.path + ("?" if request.query else "") + request.query, body))
        self.origins.append(request.origin)
        self.headers.append(list(request.headers))
        return self._reply(request) or Reply(200, Headers(), b"ok")

    def refuse(self, error: ProxyError) -> Reply:
        self.refused.append(error.code)
        return Reply(error.status, Headers(error.headers()), error.body())


class Held(Answers):
    """An app that answers when it is told to, and notes when a call is cancelled."""

    def __init__(self, reply: Callable[[Request], Reply | None] = lambda _: None) -> None:
        super().__init__(reply)
        self.go = asyncio.Event()
        self.cancelled = 0

    async def respond(self, request: Request) -> Reply:
        try:
            reply = await super().respond(request)
            await self.go.wait()
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        return reply


class Refuses(Answers):
    """An app that does not read bodies."""

    async def respond(self, request: Request) -> Reply:
        return Reply(401, body=b"no")


class Driven:
    """A connection. Make it within a running loop."""

    def __init__(self, app: Any, http: str = "httptools", peer: object = ("127.0.0.1", 5), **settings: Any) -> None:
        config = uvicorn.Config(app, **server.settings(http=server.protocol(http == "httptools"), **settings))
        config.load()
        make: Any = config.http_protocol_class
        self.state = ServerState()
        self.connection = make(config=config, server_state=self.state, app_state={}, _loop=None)
        self.wire = Wire(peer)
        self.connection.connection_made(self.wire)

    def receive(self, data: bytes) -> None:
        """Let these bytes arrive."""
        while data:
            buffer = self.connection.get_buffer(-1)
            size = min(len(data), len(buffer))
            buffer[:size] = data[:size]
            self.connection.buffer_updated(size)
            data = data[size:]

    async def settle(self) -> None:
        """Let the app take its steps."""
        for _ in range(20):
            await asyncio.sleep(0)


async def pieces(*parts: bytes) -> AsyncGenerator[bytes, None]:
    """A body that comes in these parts."""
    for part in parts:
        yield part
