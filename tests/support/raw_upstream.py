"""Upstreams made of raw sockets, and our own engine at work on them."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

from proxy.errors import UpstreamError
from proxy.transports.direct import DirectUpstream
from proxy.upstream import Outgoing, Target, Timeouts
from tests.support.upstream import CEILING

Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
QUICK = Timeouts(1.0, 0.5, 0.5)
LONG = Timeouts(5.0, 5.0, 5.0)
OK = b"HTTP/1.1 200 OK\r\n"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"


class Raw:
    """A server on loopback that runs `handler` for each connection; `opened` counts them."""

    def __init__(self, handler: Handler, **more: Any) -> None:
        self._handler, self._more = handler, {"host": "127.0.0.1", **more}
        self.opened = 0
        self._writers: list[asyncio.StreamWriter] = []

    async def __aenter__(self) -> Raw:  # noqa: PYI034 — typing.Self is newer than Python 3.10
        self._server = await asyncio.start_server(self._serve, port=0, **self._more)
        self.port: int = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        """Close what is open, whatever its handler is waiting for; without a trace in the next test."""
        self._server.close()
        for writer in self._writers:
            writer.transport.abort()
        await asyncio.sleep(0.01)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.opened += 1
        self._writers.append(writer)
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            await self._handler(reader, writer)
        writer.close()


async def stay() -> None:
    """Keep the connection open until the test is over."""
    await asyncio.Event().wait()


def saying(*answers: bytes) -> Handler:
    """Answers each request on a connection with the next of `answers`, then closes."""

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for answer in answers:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(answer)
            await writer.drain()
        if len(answers) > 1:
            await reader.read()

    return handler


def outgoing(port: int, timeouts: Timeouts = LONG, body: bytes = b"", base: str = "http://127.0.0.1") -> Outgoing:
    return Outgoing(Target("t", f"{base}:{port}/v1", "sk-x"), "POST" if body else "GET", "x", "", [], body, timeouts)


@contextlib.asynccontextmanager
async def engine(context: ssl.SSLContext | None = None) -> AsyncIterator[DirectUpstream]:
    upstream = DirectUpstream(context=context)
    await upstream.warm()
    try:
        yield upstream
    finally:
        await upstream.aclose()
        await asyncio.sleep(0)


async def read(upstream: DirectUpstream, outgoing: Outgoing) -> tuple[int, bytes, type[UpstreamError] | None]:
    """Status, what came of the body, and what it ended with."""
    answer = await upstream.send(outgoing)
    got = b""
    try:
        async for piece in answer.body:
            got += piece
    except UpstreamError as error:
        return answer.status, got, type(error)
    finally:
        await answer.body.aclose()
        await answer.body.aclose()
    return answer.status, got, None


def once(
    handler: Handler, timeouts: Timeouts = LONG, body: bytes = b""
) -> tuple[int, bytes, type[UpstreamError] | None]:
    async def go() -> tuple[int, bytes, type[UpstreamError] | None]:
        async with Raw(handler) as server, engine() as upstream:
            return await asyncio.wait_for(read(upstream, outgoing(server.port, timeouts, body)), CEILING)

    return asyncio.run(go())
