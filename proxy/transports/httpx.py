"""Upstream calls through httpx, for outbound proxies or by choice. The only module that imports httpx.

It uses httpx's transport without its client: a relay must not have redirects, cookies, decoding and default headers,
and they take a third of the time. It needs asyncio, and one event loop for the life of the process.
"""

from __future__ import annotations

import asyncio
import re
import ssl
import sys
import time
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar, cast

from proxy.errors import UpstreamDisconnected, UpstreamError, UpstreamMalformed, UpstreamUnreachable
from proxy.messages import Headers
from proxy.transports.httpcore_attempt import Attempt, ObservedBackend
from proxy.transports.outbound import OutboundProxy, proxy_for
from proxy.transports.tls import tls_context
from proxy.upstream import IDLE_SECONDS, Answer, Outgoing, Timeouts, credential, timed_out, unreachable

# httpx imports its command line, and with it click and pygments, if they are installed. `None` in sys.modules makes
# that import fail immediately, which httpx handles.
_hidden = "click" not in sys.modules
if _hidden:
    sys.modules["click"] = None  # type: ignore[assignment]
try:
    import httpx
finally:
    if _hidden:
        del sys.modules["click"]
T = TypeVar("T")
_DISCONNECTED = re.compile(r"disconnected|closed")


class _Pool:
    """A transport with its connections, and the number of answers that are being read from it."""

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
        """Close it once no answer is being read from it. No new call may use it."""
        self._retired = True
        if not self._running:
            await self.transport.aclose()


class HttpxUpstream:
    """Reuses connections. `wall` returns Unix time, which advances while a function is frozen."""

    def __init__(self, wall: Callable[[], float] = time.time, context: ssl.SSLContext | None = None) -> None:
        """Raises ConfigError if the environment names certificates that cannot be used."""
        self._wall = wall
        self._context = context or tls_context()
        self._pools: dict[OutboundProxy | None, _Pool] = {}
        self._last = wall()

    async def warm(self) -> None:
        """Import what the first call would import: httpcore's asyncio backend."""
        import anyio

        await anyio.sleep(0)

    async def send(self, outgoing: Outgoing) -> Answer:
        """See upstream.Upstream.send."""
        return await _in_own_task(self._send(outgoing))

    async def _send(self, outgoing: Outgoing) -> Answer:
        url = httpx.URL(outgoing.target.base_url)
        proxy = proxy_for(outgoing.target.base_url)
        now = self._wall()
        if now - self._last > IDLE_SECONDS:
            await self._retire(proxy)
        self._last = now
        attempt = Attempt()
        try:
            return await self._attempt(proxy, url, outgoing, attempt)
        except httpx.TransportError as error:
            if not _found_closed(error, attempt):
                raise _translated(error, outgoing.timeouts, _failed_proxy(error, attempt, proxy)) from None
        # The upstream had closed the idle connection before it accepted the call: retry once, on a new connection,
        # because the other idle ones may be closed too.
        await self._retire(proxy)
        attempt = Attempt()
        try:
            return await self._attempt(proxy, url, outgoing, attempt)
        except httpx.TransportError as error:
            raise _translated(error, outgoing.timeouts, _failed_proxy(error, attempt, proxy)) from None

    async def aclose(self) -> None:
        """Close all connections, each once its answer has been read."""
        for proxy in list(self._pools):
            await self._retire(proxy)

    def _pool(self, proxy: OutboundProxy | None) -> _Pool:
        if proxy not in self._pools:
            limits = httpx.Limits(max_connections=None, max_keepalive_connections=100, keepalive_expiry=IDLE_SECONDS)
            transport = httpx.AsyncHTTPTransport(
                verify=self._context, proxy=proxy.url if proxy else None, limits=limits
            )
            # httpcore accepts a network backend, but httpx does not pass one on. A test checks that this still works.
            transport._pool._network_backend = ObservedBackend(transport._pool._network_backend)
            self._pools[proxy] = _Pool(transport)
        return self._pools[proxy]

    async def _retire(self, proxy: OutboundProxy | None) -> None:
        pool = self._pools.pop(proxy, None)
        if pool is not None:
            await pool.retire()

    async def _attempt(
        self, proxy: OutboundProxy | None, url: httpx.URL, outgoing: Outgoing, attempt: Attempt
    ) -> Answer:
        pool = self._pool(proxy)
        timeouts = outgoing.timeouts
        # httpcore looks this up before every read, so the timeout can change after the head.
        seconds = {
            "connect": timeouts.connect,
            "read": timeouts.first_byte,
            "write": timeouts.silence,
            "pool": None,
        }
        target = f"{url.path.rstrip('/')}/{outgoing.path}" + (f"?{outgoing.query}" if outgoing.query else "")
        extensions: dict[str, Any] = {"timeout": seconds, "trace": attempt.trace}
        if proxy is None:
            extensions["target"] = target.encode("ascii")  # sent exactly like this, without quoting
        else:
            url = url.copy_with(raw_path=target.encode("ascii"))  # httpcore would also send `target` to the proxy
        headers, body = _headers(url, outgoing), httpx.ByteStream(outgoing.body)
        request = httpx.Request(outgoing.method, url, headers=headers, stream=body, extensions=extensions)
        pool.take()
        attempt.observe()
        try:
            response = await pool.transport.handle_async_request(request)
        except BaseException:
            await pool.give_back()
            raise
        seconds["read"] = timeouts.silence
        head = Headers((name.decode("latin-1"), value.decode("latin-1")) for name, value in response.headers.raw)
        if "transfer-encoding" in head:
            head.remove("content-length")  # with both framings the chunks count
        return Answer(response.status_code, head, _Body(response, timeouts, pool))


class _Body:
    """An answer's raw bytes, with errors translated. Closing returns the connection, or closes it if there is more."""

    def __init__(self, response: httpx.Response, timeouts: Timeouts, pool: _Pool) -> None:
        self._stream = cast(httpx.AsyncByteStream, response.stream)
        self._chunks = self._stream.__aiter__()
        self._timeouts = timeouts
        self._pool: _Pool | None = pool

    def __aiter__(self) -> _Body:
        return self

    async def __anext__(self) -> bytes:
        try:
            return await _in_own_task(cast("Coroutine[Any, Any, bytes]", self._chunks.__anext__()))
        except httpx.TransportError as error:
            raise _translated(error, self._timeouts, has_head=True) from None

    async def aclose(self) -> None:
        pool, self._pool = self._pool, None
        if pool is not None:
            try:
                await self._stream.aclose()
            finally:
                await pool.give_back()


async def _in_own_task(work: Coroutine[Any, Any, T]) -> T:
    """Run `work` as a task: anyio enforces time limits by cancelling the task that set them.

    Whoever waits for an answer may leave that wait for something else, such as a ping, which must not be cancelled.
    """
    return await asyncio.get_running_loop().create_task(work)


def _found_closed(error: httpx.TransportError, attempt: Attempt) -> bool:
    """Whether the upstream had closed the reused connection before it received the call."""
    is_closed = isinstance(error, (httpx.ReadError, httpx.WriteError, httpx.RemoteProtocolError))
    return is_closed and not attempt.is_new and not attempt.has_received


def _failed_proxy(error: httpx.TransportError, attempt: Attempt, proxy: OutboundProxy | None) -> OutboundProxy | None:
    """The outbound proxy, if it could not be reached or did not connect to the upstream; else None."""
    return proxy if attempt.connect_failed or isinstance(error, httpx.ProxyError) else None


def _translated(
    error: httpx.TransportError, timeouts: Timeouts, proxy: OutboundProxy | None = None, has_head: bool = False
) -> UpstreamError:
    """The UpstreamError for an error of httpx, most specific first.

    `proxy` is the outbound proxy that failed, if any. `has_head`: the answer's head had arrived.
    """
    if proxy is not None:
        problem = f"refuses the connection: {error}" if isinstance(error, httpx.ProxyError) else "cannot be reached"
        return UpstreamUnreachable(
            f"The outbound proxy that {proxy.variable} names on this server {problem}. Its owner should start it, "
            f"unset {proxy.variable}, or set UPSTREAM_ENGINE=direct to go without one."
        )
    if isinstance(error, (httpx.ConnectError, httpx.ConnectTimeout, httpx.UnsupportedProtocol)):
        return unreachable(error)
    if isinstance(error, httpx.TimeoutException):
        return timed_out(timeouts.silence if has_head else timeouts.first_byte)
    # httpx uses one class for invalid HTTP and for a premature end; only the message differs.
    if isinstance(error, httpx.RemoteProtocolError) and not _DISCONNECTED.search(str(error)):
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
