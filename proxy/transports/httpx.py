"""The upstream over the network, through httpx: the only file that imports it. For outbound proxies, or by choice.

It uses httpx's transport without its client: redirects, cookies, decoding and default headers are what a relay must
not have, and they cost a third of the time. Needs asyncio, one event loop for the life of the process.
"""

from __future__ import annotations

import re
import ssl
import sys
import time
from collections.abc import Callable
from contextvars import ContextVar
from typing import Any, cast

from proxy.errors import UpstreamDisconnected, UpstreamError, UpstreamMalformed, UpstreamUnreachable
from proxy.messages import Headers
from proxy.transports.outbound import OutboundProxy, proxy_for
from proxy.transports.tls import tls_context
from proxy.upstream import IDLE_SECONDS, Answer, Outgoing, Timeouts, credential, timed_out, unreachable

# httpx imports its command line, and with it click and pygments, wherever they happen to be installed. `None` in
# sys.modules makes that import fail at once, which httpx expects.
_hidden = "click" not in sys.modules
if _hidden:
    sys.modules["click"] = None  # type: ignore[assignment]
try:
    import httpcore
    import httpx
finally:
    if _hidden:
        del sys.modules["click"]


_ENDED = re.compile(r"disconnected|closed")


class _Pool:
    """A transport with its kept connections, and how many answers are still being read from it."""

    def __init__(self, transport: httpx.AsyncHTTPTransport) -> None:
        self.transport = transport
        self._running = 0
        self._retired = False

    def take(self) -> None:
        self._running += 1

    async def give_back(self) -> None:
        self._running -= 1
        if self._retired and not self._running:
            await self.transport.aclose()

    async def retire(self) -> None:
        """Close it as soon as nothing is read from it any more; no new call may use it."""
        self._retired = True
        if not self._running:
            await self.transport.aclose()


class HttpxUpstream:
    """Keeps connections open between calls. `wall` tells Unix time, which goes on while a function is frozen."""

    def __init__(self, wall: Callable[[], float] = time.time, context: ssl.SSLContext | None = None) -> None:
        """Raises ConfigError where the environment names certificates that cannot be used."""
        self._wall = wall
        self._context = context or tls_context()
        self._pools: dict[OutboundProxy | None, _Pool] = {}
        self._last = wall()

    async def warm(self) -> None:
        """Import now what the first call would import: httpcore's asyncio backend."""
        import anyio

        await anyio.sleep(0)

    async def send(self, outgoing: Outgoing) -> Answer:
        """As upstream.Upstream.send."""
        url = httpx.URL(outgoing.target.base_url)
        proxy = proxy_for(outgoing.target.base_url)
        now = self._wall()
        if now - self._last > IDLE_SECONDS:
            await self._retire(proxy)
        self._last = now
        reused = _Reused()
        try:
            return await self._attempt(proxy, url, outgoing, reused)
        except httpx.TransportError as error:
            if not reused.ended_unanswered(error):
                raise _translated(error, outgoing.timeouts, reused.stopped_by(error, proxy)) from None
        # A kept connection that the other side had closed meanwhile, so the call was never taken: once more, and
        # not over the next kept one, which may have gone the same way.
        await self._retire(proxy)
        reused = _Reused()
        try:
            return await self._attempt(proxy, url, outgoing, reused)
        except httpx.TransportError as error:
            raise _translated(error, outgoing.timeouts, reused.stopped_by(error, proxy)) from None

    async def aclose(self) -> None:
        """Close every connection, once its answer has been read."""
        for proxy in list(self._pools):
            await self._retire(proxy)

    def _pool(self, proxy: OutboundProxy | None) -> _Pool:
        if proxy not in self._pools:
            limits = httpx.Limits(max_connections=None, max_keepalive_connections=100, keepalive_expiry=IDLE_SECONDS)
            transport = httpx.AsyncHTTPTransport(
                verify=self._context, proxy=proxy.url if proxy else None, limits=limits
            )
            # httpx hands no network backend on to httpcore, which takes one; a test sees to it that this still works.
            transport._pool._network_backend = _Listening(transport._pool._network_backend)
            self._pools[proxy] = _Pool(transport)
        return self._pools[proxy]

    async def _retire(self, proxy: OutboundProxy | None) -> None:
        pool = self._pools.pop(proxy, None)
        if pool is not None:
            await pool.retire()

    async def _attempt(
        self, proxy: OutboundProxy | None, url: httpx.URL, outgoing: Outgoing, reused: _Reused
    ) -> Answer:
        pool = self._pool(proxy)
        timeouts = outgoing.timeouts
        # Read anew before every read, so the wait can change once the head has come.
        seconds = {
            "connect": timeouts.connect,
            "read": timeouts.first_byte,
            "write": timeouts.silence,
            "pool": None,
        }
        target = f"{url.path.rstrip('/')}/{outgoing.path}" + (f"?{outgoing.query}" if outgoing.query else "")
        extensions: dict[str, Any] = {"timeout": seconds, "trace": reused.trace}
        if proxy is None:
            extensions["target"] = target.encode("ascii")  # exactly this on the wire, nothing quoted anew
        else:
            url = url.copy_with(raw_path=target.encode("ascii"))  # httpcore would send `target` to the proxy as well
        headers, body = _headers(url, outgoing), httpx.ByteStream(outgoing.body)
        request = httpx.Request(outgoing.method, url, headers=headers, stream=body, extensions=extensions)
        pool.take()
        _attempt.set(reused)
        try:
            response = await pool.transport.handle_async_request(request)
        except BaseException:
            await pool.give_back()
            raise
        seconds["read"] = timeouts.silence
        head = Headers((name.decode("latin-1"), value.decode("latin-1")) for name, value in response.headers.raw)
        if "transfer-encoding" in head:
            head.remove("content-length")  # with both framings the chunks are the truth
        return Answer(response.status_code, head, _Body(response, timeouts, pool))


class _Reused:
    """Listens to one request: was its connection a kept one, how far did it get, and has any byte of an answer come?"""

    def __init__(self) -> None:
        self._connected = self._refused = False
        self.received = False

    async def trace(self, event: str, info: dict[str, Any]) -> None:
        if event.startswith("connection.connect"):
            self._connected = True
            self._refused = event.endswith(".failed")

    def stopped_by(self, error: httpx.TransportError, proxy: OutboundProxy | None) -> OutboundProxy | None:
        """The outbound proxy, if there was no connection to it, or if it made none to the upstream."""
        return proxy if self._refused or isinstance(error, httpx.ProxyError) else None

    def ended_unanswered(self, error: httpx.TransportError) -> bool:
        """Whether a kept connection turned out to be closed before any byte of the answer."""
        ended = isinstance(error, (httpx.ReadError, httpx.WriteError, httpx.RemoteProtocolError))
        return ended and not self._connected and not self.received


_attempt: ContextVar[_Reused] = ContextVar("attempt")


class _Listening(httpcore.AsyncNetworkBackend):
    """A network backend whose streams tell the request in whose task they are read that bytes have come."""

    def __init__(self, backend: httpcore.AsyncNetworkBackend) -> None:
        self._backend = backend

    async def connect_tcp(self, *args: Any, **kwargs: Any) -> httpcore.AsyncNetworkStream:
        return _Heard(await self._backend.connect_tcp(*args, **kwargs))


class _Heard(httpcore.AsyncNetworkStream):
    def __init__(self, stream: httpcore.AsyncNetworkStream) -> None:
        self._stream = stream
        self.write = stream.write  # type: ignore[method-assign]
        self.aclose = stream.aclose  # type: ignore[method-assign]
        self.get_extra_info = stream.get_extra_info  # type: ignore[method-assign]

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        data = await self._stream.read(max_bytes, timeout)
        if data and (attempt := _attempt.get(None)) is not None:
            attempt.received = True
        return data

    async def start_tls(self, *args: Any, **kwargs: Any) -> httpcore.AsyncNetworkStream:
        return _Heard(await self._stream.start_tls(*args, **kwargs))


class _Body:
    """An answer's raw bytes; errors come out as ours, and closing closes or gives back the connection."""

    def __init__(self, response: httpx.Response, timeouts: Timeouts, pool: _Pool) -> None:
        self._stream = cast(httpx.AsyncByteStream, response.stream)
        self._pieces = self._stream.__aiter__()
        self._timeouts = timeouts
        self._pool: _Pool | None = pool

    def __aiter__(self) -> _Body:
        return self

    async def __anext__(self) -> bytes:
        try:
            return await self._pieces.__anext__()
        except httpx.TransportError as error:
            raise _translated(error, self._timeouts, begun=True) from None

    async def aclose(self) -> None:
        pool, self._pool = self._pool, None
        if pool is not None:
            try:
                await self._stream.aclose()
            finally:
                await pool.give_back()


def _translated(
    error: httpx.TransportError, timeouts: Timeouts, proxy: OutboundProxy | None = None, begun: bool = False
) -> UpstreamError:
    """Ours for httpx's error, most specific first. `proxy` is what stopped it, `begun` says that the head had come."""
    if proxy is not None:
        how = f"refuses the way: {error}" if isinstance(error, httpx.ProxyError) else "cannot be reached"
        return UpstreamUnreachable(
            f"The outbound proxy that {proxy.variable} names on this server {how}. Its owner should start it, "
            f"unset {proxy.variable}, or set UPSTREAM_ENGINE=direct to go without one."
        )
    if isinstance(error, (httpx.ConnectError, httpx.ConnectTimeout, httpx.UnsupportedProtocol)):
        return unreachable(error)
    if isinstance(error, httpx.TimeoutException):
        return timed_out(timeouts.silence if begun else timeouts.first_byte)
    # httpx has one class for bytes that are no HTTP and for an end that came too early; only its words differ.
    if isinstance(error, httpx.RemoteProtocolError) and not _ENDED.search(str(error)):
        return UpstreamMalformed()
    return UpstreamDisconnected()


def _headers(url: httpx.URL, outgoing: Outgoing) -> list[tuple[bytes, bytes]]:
    pairs = [(b"host", url.netloc)]
    pairs += [(name.encode("latin-1"), value.encode("latin-1")) for name, value in outgoing.headers]
    if (key := credential(outgoing.target)) is not None:
        pairs.append((key[0].encode("ascii"), key[1].encode("ascii")))
    if outgoing.body or outgoing.method not in ("GET", "HEAD", "DELETE", "OPTIONS"):
        pairs.append((b"content-length", str(len(outgoing.body)).encode()))
    return pairs
