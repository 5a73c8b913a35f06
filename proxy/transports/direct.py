"""The upstream over the network, by our own engine: HTTP/1.1 on asyncio, with nothing in between.

Relaying bytes is what this project is for, and a general client costs a relay most of its time (docs/performance.md).
It keeps connections, knows no redirects, cookies or outbound proxies; for the latter there is `httpx.py`. Needs one
event loop for the life of the process.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any, cast

from proxy.errors import UpstreamDisconnected
from proxy.messages import Headers
from proxy.transports.connection import Connection
from proxy.transports.tls import tls_context
from proxy.upstream import IDLE_SECONDS, Answer, Outgoing, credential, unreachable

if TYPE_CHECKING:
    import ssl

# How many connections to one upstream are kept open between calls.
KEPT_MOST = 100
# The most that is read from a socket at once.
RECEIVE_BYTES = 65_536
# How long one of a name's addresses is tried alone before the next joins in (RFC 8305, section 5).
NEXT_ADDRESS_SECONDS = 0.25
_BASE = re.compile(r"(https?)://(\[([^\]]+)\]|[^:/]+)(?::([0-9]+))?(/.*)?", re.IGNORECASE)
_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class _Origin:
    """Where a base URL leads: connections are shared by whatever has the same one."""

    secure: bool
    host: str
    port: int

    @property
    def literal(self) -> bool:
        """Whether the host is an address already: there is no other one to try."""
        return ":" in self.host or self.host.replace(".", "").isdigit()


class DirectUpstream:
    """Keeps connections open between calls. `wall` tells Unix time, which goes on while a function is frozen."""

    def __init__(
        self, wall: Callable[[], float] = time.time, context: ssl.SSLContext | None = None, secure: bool = True
    ) -> None:
        """`secure` says that https will be used, so what TLS needs is made ready now.

        Raises ConfigError where the environment names certificates that cannot be used.
        """
        self._wall = wall
        self._context = context or (tls_context() if secure else None)
        self._bases: dict[str, tuple[_Origin, str, str]] = {}
        self._kept: dict[_Origin, list[Connection]] = {}
        self._received = memoryview(bytearray(RECEIVE_BYTES))
        self._closed = False

    async def warm(self) -> None:
        """Import now what the first connection would import: the thread and the codec that look a name up."""
        import_module("concurrent.futures.thread")
        import_module("encodings.idna")

    async def send(self, outgoing: Outgoing) -> Answer:
        """As upstream.Upstream.send."""
        origin, host, path = self._base(outgoing.target.base_url)
        head = _head(outgoing, host, path)
        connection = self._take(origin)
        if connection is not None:
            try:
                return await self._ask(connection, origin, outgoing, head)
            except UpstreamDisconnected:
                if connection.heard:
                    raise
            # A kept connection that the other side had closed meanwhile, so the call was never taken: once more, and
            # not over the next kept one, which may have gone the same way.
            self._drop(origin)
        connection = await self._connect(origin, outgoing.timeouts.connect)
        return await self._ask(connection, origin, outgoing, head)

    async def aclose(self) -> None:
        """Close the connections that are kept, and the others once their answer has been read."""
        self._closed = True
        for origin in list(self._kept):
            self._drop(origin)

    async def _ask(self, connection: Connection, origin: _Origin, outgoing: Outgoing, head: bytes) -> Answer:
        waits = outgoing.timeouts
        try:
            answer = await connection.ask(outgoing.method, head, outgoing.body, waits.silence, waits.first_byte)
        except BaseException:  # a caller that left included
            connection.abort()
            raise
        body = _Body(connection, waits.silence, lambda: self._give_back(origin, connection))
        return Answer(answer.status, Headers(answer.headers), body)

    def _take(self, origin: _Origin) -> Connection | None:
        """A connection that is fit for one more call; those that a frozen function has slept over are closed."""
        kept = self._kept.get(origin)
        while kept:
            connection = kept.pop()
            if not connection.closing and self._wall() - connection.kept_at <= IDLE_SECONDS:
                return connection
            connection.abort()
        return None

    def _give_back(self, origin: _Origin, connection: Connection) -> None:
        if not connection.finish():
            return
        kept = self._kept.setdefault(origin, [])
        if self._closed or len(kept) >= KEPT_MOST:
            connection.abort()
            return
        connection.kept_at = now = self._wall()
        kept.append(connection)
        # The last one kept is the first to be taken, so the first in the list may have waited for long.
        while now - kept[0].kept_at > IDLE_SECONDS:
            kept.pop(0).abort()

    def _drop(self, origin: _Origin) -> None:
        for connection in self._kept.pop(origin, ()):
            connection.abort()

    def _ended(self, origin: _Origin, connection: Connection) -> None:
        """The other side has closed a connection; one that is not kept is looked after by its call."""
        kept = self._kept.get(origin, [])
        if connection in kept:
            kept.remove(connection)

    async def _connect(self, origin: _Origin, seconds: float) -> Connection:
        """A new connection, its TLS handshake included, within so many seconds. Raises UpstreamUnreachable."""
        loop = asyncio.get_running_loop()
        # Other loops than asyncio's own, uvloop's among them, try a name's addresses one after the other.
        more: dict[str, Any] = {}
        if isinstance(loop, asyncio.BaseEventLoop) and not origin.literal:
            more["happy_eyeballs_delay"] = NEXT_ADDRESS_SECONDS
        if origin.secure and self._context is None:
            self._context = tls_context()
        opening = loop.create_task(
            loop.create_connection(
                lambda: Connection(lambda connection: self._ended(origin, connection), self._received),
                origin.host,
                origin.port,
                ssl=self._context if origin.secure else None,
                **more,
            )
        )
        try:
            # Not wait_for: before Python 3.12 it can lose a cancellation, or the connection that comes at that moment.
            await asyncio.wait([opening], timeout=seconds)
            if not opening.done():
                raise unreachable(None)
            _, connection = opening.result()
        except (OSError, ValueError) as error:  # ValueError: a host name that cannot be one
            raise unreachable(error) from None
        finally:
            if not opening.done():
                opening.cancel()
                opening.add_done_callback(_abandoned)
        return connection

    def _base(self, base_url: str) -> tuple[_Origin, str, str]:
        """Origin, Host header and path of a base URL. There are as many of these as the settings name."""
        if base_url not in self._bases:
            match = cast("re.Match[str]", _BASE.fullmatch(base_url))  # the settings have been checked
            scheme, port, name = match[1].lower(), match[4], match[2].lower()
            origin = _Origin(scheme == "https", match[3] or name, int(port or _PORTS[scheme]))
            default = origin.port == _PORTS[scheme]
            host = name if default else f"{name}:{origin.port}"
            self._bases[base_url] = origin, host, (match[5] or "").rstrip("/")
        return self._bases[base_url]


class _Body:
    """An answer's raw bytes. Closing gives the connection back, or ends it where the answer was not read to its end."""

    def __init__(self, connection: Connection, silence: float, close: Callable[[], None]) -> None:
        self._connection = connection
        self._silence = silence
        self._close: Callable[[], None] | None = close

    def __aiter__(self) -> _Body:
        return self

    async def __anext__(self) -> bytes:
        if piece := await self._connection.next(self._silence):
            return piece
        raise StopAsyncIteration

    async def aclose(self) -> None:
        close, self._close = self._close, None
        if close is not None:
            close()


def _head(outgoing: Outgoing, host: str, path: str) -> bytes:
    """The request's head. Raises ValueError for what would be read as a line of its own."""
    target = f"{path}/{outgoing.path}" + (f"?{outgoing.query}" if outgoing.query else "")
    lines = [f"{outgoing.method} {target} HTTP/1.1", f"host: {host}"]
    lines += [f"{name}: {value}" for name, value in outgoing.headers]
    if (key := credential(outgoing.target)) is not None:
        lines.append(f"{key[0]}: {key[1]}")
    if outgoing.body or outgoing.method not in ("GET", "HEAD", "DELETE", "OPTIONS"):
        lines.append(f"content-length: {len(outgoing.body)}")
    head = "\r\n".join([*lines, "", ""])
    if not head.count("\r") == head.count("\n") == len(lines) + 1 or "\0" in head or target.count(" "):
        raise ValueError("a line break in a header")  # the core has checked this; here it would be another's request
    return head.encode("latin-1")


def _abandoned(opening: asyncio.Task[tuple[asyncio.Transport, Connection]]) -> None:
    """Close a connection that came about after nobody waited for it any more."""
    if not opening.cancelled() and opening.exception() is None:
        opening.result()[0].abort()
