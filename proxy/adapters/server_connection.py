"""What the server's connections share, whichever parser they have: one packet per head, refusals, time limits."""

from __future__ import annotations

import asyncio
import http
from typing import Any

from proxy.errors import BadRequest, IncompleteBody, ProxyError, RequestTimeout

READ_BYTES = 65_536
# How long a connection stays open after a refusal, while what still arrives is dropped. Closing it with unread bytes
# resets it, and the reset can overtake the answer (RFC 9112, section 9.6).
LINGER_SECONDS = 1.0
# How long a request may stay incomplete without progress, up to twice that: otherwise it could hold its connection
# forever. The same as nginx's (nginx.org/en/docs/http/ngx_http_core_module.html, client_header_timeout).
INCOMPLETE_SECONDS = 60.0


class Transport:
    """A transport that sends a response's head in one packet with what the same step of the event loop writes next.

    The head waits until the end of that step at most, because many responses have no body (HEAD, 204, 304).
    """

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self._loop = asyncio.get_running_loop()
        self._head = b""
        if hasattr(transport, "max_size"):
            # asyncio allocates a buffer of this size for each read. Its default of 256 KB costs 15 µs each time.
            transport.max_size = READ_BYTES

    def write(self, data: bytes) -> None:
        """Send `data`, or keep it until the end of this step if it is the head of a final response."""
        if self._head:
            data, self._head = self._head + data, b""
        elif data.startswith(b"HTTP/1.1 ") and not data.startswith(b"HTTP/1.1 1"):
            self._head = data
            self._loop.call_soon(self._flush)
            return
        self._transport.write(data)

    def write_eof(self) -> None:
        """Send what is left and close the sending side."""
        self._flush()
        self._transport.write_eof()

    def close(self) -> None:
        """Send what is left and close."""
        self._flush()
        self._transport.close()

    def _flush(self) -> None:
        if self._head:
            self.write(b"")

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)


class Refusing:
    """A mixin before uvicorn's class: how to refuse a request that the app cannot answer.

    Once `refused` is true, nothing more is read from the connection.
    """

    transport: asyncio.Transport
    cycle: Any  # a RequestResponseCycle of either kind, None before the first
    flow: Any  # uvicorn's FlowControl
    timeout_keep_alive_task: Any  # None while a request is under way
    refused = False
    _received = 0  # the number of reads from this connection
    _watcher: asyncio.TimerHandle | None = None

    def watch(self, previous: tuple[Any, int] | None = None) -> None:
        """Refuse a request that stays incomplete. Checks at intervals, from the start of the connection.

        A head must be complete within the time. A body may take as long as it needs while parts of it arrive. If we
        have paused reading because the upstream is slow, the caller is not to blame.
        """
        if self.transport.is_closing():
            return
        cycle, now = self.cycle, None
        if cycle is None or (cycle.response_complete and self.timeout_keep_alive_task is None):
            now = (cycle, -1)
        elif cycle.more_body and not cycle.response_complete and not self.flow.read_paused:
            now = (cycle, self._received)
        if now is not None and now == previous:
            self.refuse(RequestTimeout())
        else:
            self._watcher = asyncio.get_running_loop().call_later(INCOMPLETE_SECONDS, self.watch, now)

    def connection_lost(self, exc: Exception | None) -> None:
        """Release the connection now, instead of at the next check."""
        if self._watcher is not None:
            self._watcher.cancel()
        super().connection_lost(exc)  # type: ignore[misc]

    def refuse(self, error: ProxyError) -> None:
        """Answer with `error` and close. If a response has already started, let it finish and then close."""
        if self.refused:
            return
        self.refused = True
        cycle = self.cycle
        if cycle is not None and cycle.response_complete:
            if cycle.more_body:  # answered before its body was complete: these bytes may belong to that
                self.transport.close()
                return
        elif cycle is not None:
            if cycle.response_started or not cycle.more_body:
                cycle.keep_alive = False
                return
            # The rest of its body cannot be read: to the app, that is a disconnect.
            cycle.disconnected = True
            cycle.message_event.set()
        self.transport.write(_refusal(error))
        if self.transport.can_write_eof():
            self.transport.write_eof()
            asyncio.get_running_loop().call_later(LINGER_SECONDS, self.transport.close)
        else:  # pragma: no cover — TLS ends before it reaches our servers
            self.transport.close()

    def eof_received(self) -> None:
        """Refuse a request that ended too early. Between requests this is a disconnect: asyncio closes."""
        cycle = self.cycle
        if cycle is not None and cycle.more_body:
            self.refuse(IncompleteBody())


def malformed() -> BadRequest:
    """The error for bytes that are not an HTTP/1.1 request."""
    return BadRequest(
        "The request is not valid HTTP/1.1. Check its first line, its headers (exactly one of them is Host) and how "
        "its body is framed.",
        code="bad_http",
    )


def _refusal(error: ProxyError) -> bytes:
    body = error.body()
    pairs = [
        *error.headers(),
        ("content-length", str(len(body))),
        ("access-control-allow-origin", "*"),
        ("connection", "close"),
    ]
    lines = [f"HTTP/1.1 {error.status} {http.HTTPStatus(error.status).phrase}", *(f"{n}: {v}" for n, v in pairs)]
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + body
