"""The HTTP server in front of our ASGI app: uvicorn, with what a relay needs of it beyond its defaults.

Chosen by measurement (docs/performance.md): with httptools where that is installed, else with h11, on asyncio's own
loop. uvloop was slower here, and other servers cost a cold start more. What both parsers share is here; what is done
to each of them is in server_httptools.py and server_h11.py, so that a bundle without httptools never imports it.
"""

from __future__ import annotations

import asyncio
import http
from typing import Any

from proxy.adapters.asgi_http import MAX_HEAD_BYTES
from proxy.errors import BadRequest, IncompleteBody, ProxyError, RequestTimeout

READ_BYTES = 65_536
# How long what a refused caller still sends is read and dropped. A connection that is closed with unread bytes is
# reset, and the reset can overtake the answer (RFC 9112, section 9.6).
LINGER_SECONDS = 1.0

# How long a caller may leave a request half sent, and at most twice that: one that never ends would hold a connection
# for good. nginx waits as long (nginx.org/en/docs/http/ngx_http_core_module.html, client_header_timeout).
HALF_SENT_SECONDS = 60.0

PROTOCOL = f"{__name__}:Protocol"


def settings(**more: Any) -> dict[str, Any]:
    """The arguments for uvicorn.Config that every server of ours shares. They can be pickled, for several workers."""
    return {
        "http": PROTOCOL,
        "loop": "asyncio",
        "ws": "none",
        "lifespan": "on",
        "log_level": "critical",
        "log_config": None,  # uvicorn's own needs a standard output, which may be closed
        "access_log": False,  # ours is the log; uvicorn's would repeat it, with the query
        "server_header": False,
        "h11_max_incomplete_event_size": MAX_HEAD_BYTES,
        **more,
    }


def __getattr__(name: str) -> type[asyncio.Protocol]:
    """`Protocol` is made when it is asked for: the parent of several workers needs no parser."""
    if name == "Protocol":
        return protocol()
    raise AttributeError(name)


def protocol(httptools: bool = True) -> type[asyncio.Protocol]:
    """The protocol that we make of uvicorn's; with httptools where that is wanted and installed."""
    if httptools:
        try:
            from proxy.adapters.server_httptools import HttptoolsConnection
        except ModuleNotFoundError:
            pass
        else:
            return HttptoolsConnection
    from proxy.adapters.server_h11 import H11Connection

    return H11Connection


class Transport:
    """A transport that sends an answer's head in one packet with what the same step of the event loop writes next.

    A head waits for that step's end and no longer: many answers have no body (HEAD, 204, 304).
    """

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self._loop = asyncio.get_running_loop()
        self._head = b""
        if hasattr(transport, "max_size"):
            # asyncio makes a buffer of this size for each read: of the 256 KB it begins with each costs 15 µs.
            transport.max_size = READ_BYTES

    def write(self, data: bytes) -> None:
        """Send `data`, or keep it until the end of this step if it is a final answer's head."""
        if self._head:
            data, self._head = self._head + data, b""
        elif data.startswith(b"HTTP/1.1 ") and not data.startswith(b"HTTP/1.1 1"):
            self._head = data
            self._loop.call_soon(self._flush)
            return
        self._transport.write(data)

    def write_eof(self) -> None:
        """Send what is left, and say that nothing follows."""
        self._flush()
        self._transport.write_eof()

    def close(self) -> None:
        """Send what is left, and close."""
        self._flush()
        self._transport.close()

    def _flush(self) -> None:
        if self._head:
            self.write(b"")

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)


class Refusing:
    """What to do when a connection's bytes are no request that can be answered. Mixed in before uvicorn's class.

    `refused` says that nothing more is read from this connection.
    """

    transport: asyncio.Transport
    cycle: Any  # a RequestResponseCycle of either kind, None before the first
    flow: Any  # uvicorn's FlowControl
    timeout_keep_alive_task: Any  # None while a request is under way
    refused = False
    _received = 0  # reads from this connection
    _watcher: asyncio.TimerHandle | None = None

    def watch(self, seen: tuple[Any, int] | None = None) -> None:
        """Look again and again, from the connection's start, whether the same request is still half sent.

        A head has its time in all; a body may take as long as it needs while something of it comes. What is not read,
        because the upstream is slow, is not the caller's fault.
        """
        if self.transport.is_closing():
            return
        cycle, now = self.cycle, None
        if cycle is None or (cycle.response_complete and self.timeout_keep_alive_task is None):
            now = (cycle, -1)
        elif cycle.more_body and not cycle.response_complete and not self.flow.read_paused:
            now = (cycle, self._received)
        if now is not None and now == seen:
            self.refuse(RequestTimeout())
        else:
            self._watcher = asyncio.get_running_loop().call_later(HALF_SENT_SECONDS, self.watch, now)

    def connection_lost(self, exc: Exception | None) -> None:
        """Let go of the connection now, and not when it would have been looked at next."""
        if self._watcher is not None:
            self._watcher.cancel()
        super().connection_lost(exc)  # type: ignore[misc]

    def refuse(self, error: ProxyError) -> None:
        """Answer with `error` and close, or close after the answer that is under way, whose bytes stay as they are."""
        if self.refused:
            return
        self.refused = True
        cycle = self.cycle
        if cycle is not None and cycle.response_complete:
            if cycle.more_body:  # answered before its end: these bytes may belong to it
                self.transport.close()
                return
        elif cycle is not None:
            if cycle.response_started or not cycle.more_body:
                cycle.keep_alive = False
                return
            # Its own body cannot be read any more: to the app that is a caller who has left.
            cycle.disconnected = True
            cycle.message_event.set()
        self.transport.write(_refusal(error))
        if self.transport.can_write_eof():
            self.transport.write_eof()
            asyncio.get_running_loop().call_later(LINGER_SECONDS, self.transport.close)
        else:  # pragma: no cover — TLS ends in front of every server of ours
            self.transport.close()

    def eof_received(self) -> None:
        """The caller sends no more: within a request that is an error, else it has left. asyncio closes then."""
        cycle = self.cycle
        if cycle is not None and cycle.more_body:
            self.refuse(IncompleteBody())


def malformed() -> BadRequest:
    """For bytes that are no HTTP/1.1 request."""
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
