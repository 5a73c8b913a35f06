"""A bare relay: the least that Python on asyncio can do, as a measure for what Sluice's features cost.

`python -m benchmarks.bare PORT UPSTREAM` serves at PORT of 127.0.0.1 and passes every call on to port UPSTREAM. It
writes each request's head anew, once, and passes all other bytes on as they come, over kept connections. It has no
features: no timeouts, no checks, no errors of its own. It finds the end of a response only as the benchmark's upstream
writes it.
"""

from __future__ import annotations

import asyncio
import re
import sys
from typing import cast

HOST = "127.0.0.1"
_HEAD_END = b"\r\n\r\n"
_LAST_CHUNK = b"\r\n0\r\n\r\n"
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_HOP_HEADERS = re.compile(rb"\r\n(?:host|connection):[^\r]*", re.IGNORECASE)


class UpstreamSide(asyncio.Protocol):
    """A kept connection to the upstream. It serves one client at a time and goes back to `idle` in between."""

    def __init__(self, idle: list[UpstreamSide]) -> None:
        self._idle = idle
        self.client: ClientSide | None = None
        self._expect()

    def _expect(self) -> None:
        """Expect the next response."""
        self._head = b""
        self._in_body = False
        self._left: int | None = None  # bytes of the body that are still to come; None while it is chunked
        self._tail = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        if self.client is None:
            return
        self.client.transport.write(data)
        if not self._in_body:
            self._head += data
            end = self._head.find(_HEAD_END) + len(_HEAD_END)
            if end < len(_HEAD_END):
                return
            match = _LENGTH.search(self._head, 0, end)
            self._left = int(match[1]) if match else None
            self._in_body = True
            data = self._head[end:] if match else self._head[end - 2 :]
        if self._left is None:
            # The upstream's events have no CRLF in them, so this is the last chunk's.
            self._tail = (self._tail + data[-len(_LAST_CHUNK) :])[-len(_LAST_CHUNK) :]
            complete = self._tail == _LAST_CHUNK
        else:
            self._left -= len(data)
            complete = self._left <= 0
        if complete:
            client, self.client = self.client, None
            self._expect()
            self._idle.append(self)
            self.transport.resume_reading()  # its last client may have been slow
            client.finish()

    def connection_lost(self, exc: Exception | None) -> None:
        if self in self._idle:
            self._idle.remove(self)
        if self.client is not None:
            self.client.transport.abort()


class ClientSide(asyncio.Protocol):
    """A client's connection, which sends one request after the other."""

    def __init__(self, upstream: int, idle: list[UpstreamSide]) -> None:
        self._port, self._idle = upstream, idle
        self._host = b"\r\nHost: %s:%d" % (HOST.encode(), upstream)
        self._received = b""
        self._upstream: UpstreamSide | None = None
        self._connecting: asyncio.Task[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        self._received += data
        end = self._received.find(_HEAD_END) + len(_HEAD_END)
        if end < len(_HEAD_END):
            return
        match = _LENGTH.search(self._received, 0, end)
        if len(self._received) < end + (int(match[1]) if match else 0):
            return
        line, _, rest = self._received[: end - 2].partition(b"\r\n")
        headers = _HOP_HEADERS.sub(b"", b"\r\n" + rest)
        request = b"%b%b%b\r\n%b" % (line, self._host, headers, self._received[end:])
        self._received = b""
        if self._idle:
            self._send(self._idle.pop(), request)
        else:
            self._connecting = asyncio.get_running_loop().create_task(self._connect(request))

    async def _connect(self, request: bytes) -> None:
        loop = asyncio.get_running_loop()
        _, upstream = await loop.create_connection(lambda: UpstreamSide(self._idle), HOST, self._port)
        self._send(upstream, request)

    def _send(self, upstream: UpstreamSide, request: bytes) -> None:
        self._upstream, upstream.client = upstream, self
        upstream.transport.write(request)

    def finish(self) -> None:
        """The response is complete; the upstream's connection is another's."""
        self._upstream = None

    def pause_writing(self) -> None:
        if self._upstream is not None:
            self._upstream.transport.pause_reading()

    def resume_writing(self) -> None:
        if self._upstream is not None:
            self._upstream.transport.resume_reading()

    def connection_lost(self, exc: Exception | None) -> None:
        if self._connecting is not None:
            self._connecting.cancel()
        if self._upstream is not None:
            self._upstream.client = None
            self._upstream.transport.abort()


async def serve(port: int, upstream: int) -> None:
    """Serve at `port` until cancelled."""
    idle: list[UpstreamSide] = []
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: ClientSide(upstream, idle), HOST, port, backlog=4096)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1]), int(sys.argv[2])))
