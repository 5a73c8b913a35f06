"""The ASGI adapter: any ASGI server, and whatever wraps an ASGI app.

The specification is asgi.readthedocs.io/en/latest/specs/www.html (HTTP & WebSocket version 2.5, read 2026-11-23).
This app never raises: mangum would answer in plain text and throw away what has been sent.
"""

from __future__ import annotations

import asyncio
import os
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, MutableMapping
from contextlib import suppress
from typing import Any, cast

from proxy import error_reply, log, startup, transports
from proxy.adapters import log_output
from proxy.adapters.asyncio_host import AsyncioClock
from proxy.adapters.ids import new_id
from proxy.errors import BadRequest, ClientGone, ConfigError, HeadersTooLarge, NoWebSocket, ProxyError
from proxy.host import Capabilities, Host
from proxy.messages import Headers, Reply, Request
from proxy.platforms.limits import number
from proxy.relay import no_websocket, relay
from proxy.settings import config
from proxy.transports import ClosableUpstream

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]


# The most bytes of a request's fields together, as `field_size` counts them: what is read before the caller is known.
HEAD_MOST = int(number("server", "http", "request headers"))
# A call that is over sooner needs no second task for that; whoever leaves sooner is noticed then.
WATCH_AFTER_SECONDS = 0.02


class App:
    """The ASGI app. Settings are read at start-up, or at the first call where the server has no lifespan.

    `environ` stands in for the process's environment, `upstream` for the one that the settings name. A platform that
    runs an ASGI server of ours makes a subclass, which says what that platform adds to a request and takes in a reply.
    """

    platform = "server"
    warms_counting = True  # there is time before the first call, and memory to keep what was loaded
    streams = True
    sees_disconnect = True
    body_limit: int | None = None
    # Whether a wrong setting ends the process. Where nobody sees that, each call is told the sentence instead.
    stops_on_mistake = True

    def __init__(
        self,
        environ: Mapping[str, str] | None = None,
        upstream: ClosableUpstream | None = None,
        write: Callable[[str], None] | None = None,
        clock: AsyncioClock | None = None,
    ) -> None:
        self._environ = environ
        self._upstream = upstream
        self._config: config.Config | None = None
        self.host = Host(
            platform=self.platform,
            capabilities=Capabilities(
                streams=self.streams,
                sees_disconnect=self.sees_disconnect,
                rewrites_stream=True,
                body_limit=self.body_limit,
            ),
            clock=clock or AsyncioClock(),
            new_id=new_id,
            choose=random.randrange,
            write=write or log_output.queue(),
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._lifespan(receive, send)
        elif scope["type"] == "http":
            await self._http(scope, receive, send)
        elif scope["type"] == "websocket":
            await _refuse_websocket(scope, receive, send)

    def start(self) -> tuple[config.Config, ClosableUpstream]:
        """The settings and the upstream, made at the first call of this. Raises ConfigError."""
        if self._config is None or self._upstream is None:
            loaded = startup.load_with_file(os.environ if self._environ is None else self._environ)
            self._upstream = self._upstream or transports.make(loaded, self.host)
            self._config = loaded
        return self._config, self._upstream

    async def aclose(self) -> None:
        """Close what is open, and write what is queued for the log; the last call."""
        if self._upstream is not None:
            await self._upstream.aclose()
        if isinstance(self.host.write, log_output.QueuedOutput):
            self.host.write.flush()  # now: a signal that ends the process runs nothing at its exit

    def request(self, scope: Scope, request: Request) -> Request:
        """The request with what only this platform knows of it: its deadline, or what the server's scope has lost."""
        return request

    def fit(self, headers: Headers) -> None:
        """Make the reply's headers fit what the platform takes."""

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        while True:
            message = await receive()
            if message["type"] == "lifespan.shutdown":
                await self.aclose()
                await send({"type": "lifespan.shutdown.complete"})
                return
            try:
                settings, upstream = self.start()
                await upstream.warm()
                await self._warm(settings)
            except ConfigError as error:
                if self.stops_on_mistake:
                    await send({"type": "lifespan.startup.failed", "message": error.message})
                    return
                log.line(self.host, "info", "error", {"event": "configuration_error", "message": error.message})
            await send({"type": "lifespan.startup.complete"})

    async def _warm(self, settings: config.Config) -> None:
        """Load what counts tokens before the first call, where there is time for it and a setting will want it.

        It holds the interpreter's lock for a moment (docs/performance.md), and others' streams would stand still.
        """
        wants = settings.metering or settings.max_cost_usd is not None or settings.context_guard != "off"
        if self.warms_counting and wants:
            from proxy import tokens

            if tokens.installed():
                await self.host.clock.offload(tokens.load)

    async def _http(self, scope: Scope, receive: Receive, send: Send) -> None:
        incoming = _Incoming(receive)
        headers = Headers((name.decode("latin-1"), value.decode("latin-1")) for name, value in scope["headers"])
        path = scope.get("raw_path") or scope["path"].encode("utf-8", "replace")
        request = Request(
            method=scope["method"],
            path=path.decode("latin-1"),
            query=scope["query_string"].decode("latin-1"),
            headers=headers,
            body=incoming,
            origin=f"{scope.get('scheme', 'http')}://{headers.get('host') or ''}",
        )
        try:
            if self.sees_disconnect:  # else a platform has taken the request apart, and these are its own
                _check_head(scope, headers)
            settings, upstream = self.start()
        except ProxyError as error:
            broken = isinstance(error, (BadRequest, HeadersTooLarge))
            reply = error_reply.answer(error, self.host, headers, "" if broken else scope["method"])
            if broken:
                reply.headers.set("connection", "close")
            await _send_reply(reply, send, incoming.unwatch)
            return
        task = cast("asyncio.Task[Any]", asyncio.current_task())
        if self.sees_disconnect:
            incoming.watch_for(task)
        try:
            reply = await relay(self.request(scope, request), settings, upstream, self.host)
            self.fit(reply.headers)
            if self.sees_disconnect:
                _offer_http(reply.status, reply.headers)
            await _send_reply(reply, send, incoming.unwatch)
        except asyncio.CancelledError:
            if not incoming.gone:
                raise
        finally:
            incoming.unwatch()


class _Incoming:
    """The request's body as it arrives, and from its end on the watch for a caller that leaves."""

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._read = asyncio.Event()
        self._watching: asyncio.TimerHandle | asyncio.Task[None] | None = None
        self.gone = False

    async def __aiter__(self) -> AsyncIterator[bytes]:
        more = True
        while more:
            message = await self._receive()
            if message["type"] == "http.disconnect":
                raise ClientGone("The caller left while its request was being read.")
            more = message.get("more_body", False)
            yield message.get("body", b"")
        self._read.set()

    def watch_for(self, task: asyncio.Task[Any]) -> None:
        """Cancel `task` when the caller leaves; what it holds then cancels the upstream call."""
        loop = asyncio.get_running_loop()

        def begin() -> None:
            self._watching = loop.create_task(self._watch(task))

        self._watching = loop.call_later(WATCH_AFTER_SECONDS, begin)

    def unwatch(self) -> None:
        """The call is over."""
        if self._watching is not None:
            self._watching.cancel()

    async def _watch(self, task: asyncio.Task[Any]) -> None:
        await self._read.wait()
        await self._receive()  # behind the body's end nothing but http.disconnect can come
        self.gone = True
        task.cancel()


def field_size(name: bytes, value: bytes) -> int:
    """The bytes of a field's line: its name and value, a colon, a space and the line's end."""
    return len(name) + len(value) + 4


def _check_head(scope: Scope, headers: Headers) -> None:
    """Raise what parsers let pass, each in its own way. The connection is closed after it.

    With both framings whoever stands in front may have seen another end of the body (RFC 9112, section 6.3), and what
    follows would be a request that nobody else has seen. With two hosts it may have chosen the other one (section 3.2).
    """
    if sum(field_size(*pair) for pair in scope["headers"]) > HEAD_MOST:
        raise HeadersTooLarge
    if "transfer-encoding" in headers and "content-length" in headers:
        raise BadRequest("The request has Content-Length and Transfer-Encoding. Send one of them.", code="bad_framing")
    hosts = sum(name == "host" for name, _ in headers)
    if hosts > 1 or (hosts == 0 and scope.get("http_version") == "1.1"):
        raise BadRequest("An HTTP/1.1 request has exactly one Host header. Send one.", code="bad_host")


def _offer_http(status: int, headers: Headers) -> None:
    """Add what a 426 must have (RFC 9110, section 15.5.22). Only servers do: both fields are for the next hop."""
    if status == NoWebSocket.status:
        headers.set("upgrade", "HTTP/1.1")
        headers.set("connection", "upgrade")


async def _send_reply(reply: Reply, send: Send, ends: Callable[[], None]) -> None:
    """Send the head, then each piece as it comes. A body that fails half-way is left incomplete.

    The server then breaks the connection off, which is the only way to tell the caller. `ends` is called before the
    last message: after it servers say http.disconnect whether or not the caller leaves, and nobody may take that for a
    reason to cancel what is still to be done (counting what the answer has cost).
    """
    head = {"type": "http.response.start", "status": reply.status, "headers": _raw(reply.headers)}
    if isinstance(reply.body, bytes):
        with suppress(OSError):  # a caller that has gone: since 2.4 a server may say so
            await send(head)
            ends()
            await send({"type": "http.response.body", "body": reply.body})
        return
    try:
        await send(head)
        # Send the head now: servers keep it back until there is a body, and the first event may take its time.
        await send({"type": "http.response.body", "body": b"", "more_body": True})
        async for piece in reply.body:
            await send({"type": "http.response.body", "body": piece, "more_body": True})
        ends()
        await send({"type": "http.response.body", "body": b""})
    except Exception:  # told in the log line already; raising here would only print it once more
        return
    finally:
        await reply.body.aclose()


async def _refuse_websocket(scope: Scope, receive: Receive, send: Send) -> None:
    """426 or 501 where the server can send it; otherwise closing before accepting makes it answer 403."""
    await receive()
    try:
        error = no_websocket(scope["path"])
    except ProxyError as unknown:
        error = unknown
    if "websocket.http.response" in (scope.get("extensions") or {}):
        headers = Headers(error.headers())
        _offer_http(error.status, headers)
        raw = _raw(headers)
        await send({"type": "websocket.http.response.start", "status": error.status, "headers": raw})
        await send({"type": "websocket.http.response.body", "body": error.body()})
    else:
        await send({"type": "websocket.close", "code": 1003})


def _raw(headers: Headers) -> list[tuple[bytes, bytes]]:
    return [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers]
