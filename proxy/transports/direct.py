"""The built-in HTTP/1.1 engine, directly on asyncio.

A general-purpose HTTP client would take most of a relay's CPU time (docs/performance.md). This engine reuses
connections and has no redirects, cookies or outbound proxies; for the latter see `httpx.py`. It needs one event loop
for the life of the process.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Callable, Coroutine
from importlib import import_module
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from proxy.errors import UpstreamDisconnected
from proxy.messages import Headers
from proxy.transports.connection import Connection
from proxy.transports.tls import tls_context
from proxy.upstream import IDLE_SECONDS, Answer, Outgoing, credential, unreachable

if TYPE_CHECKING:
    import ssl

# Idle connections kept open per upstream.
MAX_IDLE_CONNECTIONS = 100
# The most bytes read from a socket at once.
RECEIVE_BYTES = 65_536
# How long one address of a host is tried before the next one in parallel (RFC 8305, section 5).
NEXT_ADDRESS_SECONDS = 0.25
_BASE = re.compile(r"(https?)://(\[([^\]]+)\]|[^:/]+)(?::([0-9]+))?(/.*)?", re.IGNORECASE)
_PORTS = {"http": 80, "https": 443}


class _Origin(NamedTuple):
    """Scheme, host and port of a base URL. Calls to the same origin share connections."""

    secure: bool
    host: str
    port: int

    @property
    def is_address(self) -> bool:
        """Whether the host is an IP address rather than a name."""
        return ":" in self.host or self.host.replace(".", "").isdigit()


class DirectUpstream:
    """Reuses connections. `wall` returns Unix time, which advances while a function is frozen."""

    def __init__(
        self, wall: Callable[[], float] = time.time, context: ssl.SSLContext | None = None, secure: bool = True
    ) -> None:
        """With `secure`, prepare TLS now, for calls over https.

        Raises ConfigError if the environment names certificates that cannot be used.
        """
        self._wall = wall
        self._context = context or (tls_context() if secure else None)
        self._bases: dict[str, tuple[_Origin, str, str]] = {}
        self._idle: dict[_Origin, list[Connection]] = {}
        self._buffer = memoryview(bytearray(RECEIVE_BYTES))
        self._closed = False

    async def warm(self) -> None:
        """Import what resolving the first host name would import: a thread pool and the IDNA codec."""
        import_module("concurrent.futures.thread")
        import_module("encodings.idna")

    async def send(self, outgoing: Outgoing) -> Answer:
        """See upstream.Upstream.send."""
        origin, host, path = self._base(outgoing.target.base_url)
        head = _head(outgoing, host, path)
        connection = self._take(origin)
        if connection is not None:
            try:
                return await self._exchange(connection, origin, outgoing, head)
            except UpstreamDisconnected:
                if connection.has_received:
                    raise
            # The upstream had closed the idle connection before it accepted the call: retry once, on a new connection,
            # because the other idle ones may be closed too.
            self._drop(origin)
        connection = await self._connect(origin, outgoing.timeouts.connect)
        return await self._exchange(connection, origin, outgoing, head)

    async def aclose(self) -> None:
        """Close idle connections now, and all others once their answer has been read."""
        self._closed = True
        for origin in list(self._idle):
            self._drop(origin)

    async def _exchange(self, connection: Connection, origin: _Origin, outgoing: Outgoing, head: bytes) -> Answer:
        silence = outgoing.timeouts.silence
        try:
            answer = await connection.request(
                outgoing.method, head, outgoing.body, silence, outgoing.timeouts.first_byte
            )
        except BaseException:  # including cancellation, when the caller disconnects
            connection.abort()
            raise
        body = _Body(connection, silence, lambda: self._give_back(origin, connection))
        return Answer(answer.status, Headers.of_lower(answer.headers), body)

    def _take(self, origin: _Origin) -> Connection | None:
        """An idle connection that can be reused, if any. Those that were idle for too long are closed."""
        idle = self._idle.get(origin)
        while idle:
            connection = idle.pop()
            if not connection.closing and self._wall() - connection.idle_since <= IDLE_SECONDS:
                return connection
            connection.abort()
        return None

    def _give_back(self, origin: _Origin, connection: Connection) -> None:
        if not connection.finish():
            return
        idle = self._idle.setdefault(origin, [])
        if self._closed or len(idle) >= MAX_IDLE_CONNECTIONS:
            connection.abort()
            return
        connection.idle_since = now = self._wall()
        idle.append(connection)
        # The list is used as a stack, so its first connections may have been idle for long.
        while now - idle[0].idle_since > IDLE_SECONDS:
            idle.pop(0).abort()

    def _drop(self, origin: _Origin) -> None:
        for connection in self._idle.pop(origin, ()):
            connection.abort()

    def _forget(self, origin: _Origin, connection: Connection) -> None:
        """Remove a closed connection from the idle ones. If it is not idle, its call handles that."""
        idle = self._idle.get(origin, [])
        if connection in idle:
            idle.remove(connection)

    async def _connect(self, origin: _Origin, seconds: float) -> Connection:
        """Open a connection, including its TLS handshake, within `seconds`. Raises UpstreamUnreachable."""
        loop = asyncio.get_running_loop()
        # Loops other than asyncio's own, such as uvloop's, try the addresses of a host one after the other.
        options: dict[str, Any] = {}
        if isinstance(loop, asyncio.BaseEventLoop) and not origin.is_address:
            options["happy_eyeballs_delay"] = NEXT_ADDRESS_SECONDS
        if origin.secure and self._context is None:
            self._context = tls_context()
        opening = loop.create_task(
            loop.create_connection(
                lambda: Connection(lambda connection: self._forget(origin, connection), self._buffer),
                origin.host,
                origin.port,
                ssl=self._context if origin.secure else None,
                **options,
            )
        )
        try:
            # Not wait_for: before Python 3.12 it can lose a cancellation, or a connection made at the same moment.
            await asyncio.wait([opening], timeout=seconds)
            if not opening.done():
                raise unreachable(None)
            _, connection = opening.result()
        except (OSError, ValueError) as error:  # ValueError: an invalid host name
            raise unreachable(error) from None
        finally:
            if not opening.done():
                opening.cancel()
                opening.add_done_callback(_abandoned)
        return connection

    def _base(self, base_url: str) -> tuple[_Origin, str, str]:
        """Origin, Host header and path of a base URL. Cached: base URLs come from the settings."""
        if base_url not in self._bases:
            match = cast("re.Match[str]", _BASE.fullmatch(base_url))  # the settings guarantee a match
            scheme, port, name = match[1].lower(), match[4], match[2].lower()
            origin = _Origin(scheme == "https", match[3] or name, int(port or _PORTS[scheme]))
            default = origin.port == _PORTS[scheme]
            host = name if default else f"{name}:{origin.port}"
            self._bases[base_url] = origin, host, (match[5] or "").rstrip("/")
        return self._bases[base_url]


class _Body:
    """An answer's raw bytes. Closing returns the connection, or closes it if the answer was not read completely."""

    def __init__(self, connection: Connection, silence: float, close: Callable[[], None]) -> None:
        self._connection = connection
        self._silence = silence
        self._close: Callable[[], None] | None = close

    def __aiter__(self) -> _Body:
        return self

    def __anext__(self) -> Coroutine[Any, Any, bytes]:
        return self._connection.next(self._silence)

    async def aclose(self) -> None:
        close, self._close = self._close, None
        if close is not None:
            close()


def _head(outgoing: Outgoing, host: str, path: str) -> bytes:
    """The request's head. Raises ValueError if it contains extra line breaks."""
    target = f"{path}/{outgoing.path}" + (f"?{outgoing.query}" if outgoing.query else "")
    lines = [f"{outgoing.method} {target} HTTP/1.1", f"host: {host}"]
    lines += [f"{name}: {value}" for name, value in outgoing.headers]
    if (key := credential(outgoing.target)) is not None:
        lines.append(f"{key[0]}: {key[1]}")
    if outgoing.body or outgoing.method not in ("GET", "HEAD", "DELETE", "OPTIONS"):
        lines.append(f"content-length: {len(outgoing.body)}")
    head = "\r\n".join([*lines, "", ""])
    if not head.count("\r") == head.count("\n") == len(lines) + 1 or "\0" in head or target.count(" "):
        raise ValueError("a line break in a header")  # checked before; here it would allow request smuggling
    return head.encode("latin-1")


def _abandoned(opening: asyncio.Task[tuple[asyncio.Transport, Connection]]) -> None:
    """Close a connection that was established too late."""
    if not opening.cancelled() and opening.exception() is None:
        opening.result()[0].abort()
