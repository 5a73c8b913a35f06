"""The Cloudflare Workers adapter: the runtime's Request in, its Response out, the upstream's stream handed through.

It runs under Pyodide only. The platform forbids modules to draw entropy, fetch or set a timer while they are imported,
and then takes a snapshot of the memory (developers.cloudflare.com/workers/languages/python/, read 2026-11-24). What a
call needs is imported here all the same: in the snapshot it costs nothing.
"""

from __future__ import annotations

import contextlib
import hmac  # for the snapshot: auth compares keys with it
from collections.abc import AsyncIterator, Callable
from functools import partial
from typing import Any

import js
from pyodide.ffi import JsException, to_js

from proxy import error_reply, startup
from proxy.adapters import workers_host
from proxy.adapters.workers_settings import read_settings
from proxy.adapters.workers_stream import readable_stream
from proxy.cost import usage
from proxy.errors import ClientGone, ConfigError
from proxy.messages import Headers, Reply, Request
from proxy.protocols import chat, completions, responses
from proxy.relay import relay
from proxy.settings.config import Config
from proxy.streaming import deadline
from proxy.streaming.delivery import Delivery
from proxy.transports.fetch import FetchUpstream
from proxy.upstream import Upstream

# Imported for the snapshot alone: elsewhere the first call that needs them pays for them.
_SNAPSHOT = (hmac, usage, deadline, chat, completions, responses)
# The Response constructor refuses a body for these, even an empty one (fetch.spec.whatwg.org, null body status).
_NULL_BODY_STATUSES = (101, 204, 205, 304)


_host = partial(workers_host.make, platform="cloudflare")


class Worker:
    """One isolate. It reads its settings at the first call, because they come with calls only."""

    def __init__(self) -> None:
        self._config: Config | None = None
        self._config_error: ConfigError | None = None
        self._host = _host(None, None)

    async def fetch(self, request: Any, env: Any) -> Any:
        """The runtime's Response to its Request. `env` holds variables and secrets as attributes."""
        request = getattr(request, "js_object", request)  # some versions of the runtime wrap it
        if self._config is None and self._config_error is None:
            self._start(request, env)
        incoming = _request(request)
        if self._config is None:
            error = self._config_error or ConfigError()
            return _whole(error_reply.answer(error, self._host, incoming.headers, incoming.method))
        upstream, abort = self._upstream(self._config)
        reply = await relay(incoming, self._config, upstream, self._host)
        if not isinstance(reply.body, Delivery):
            return _whole(reply)
        if reply.status in _NULL_BODY_STATUSES or incoming.method == "HEAD":  # the runtime would never ask for a piece
            with contextlib.suppress(StopAsyncIteration):
                await reply.body.__anext__()  # reach the end, so that the call is logged as complete
            await reply.body.aclose()
            return _response(reply, None)
        native = await reply.body.hand_over()
        return _response(reply, readable_stream(reply.body, abort) if native is None else native)

    def _start(self, request: Any, env: Any) -> None:
        try:
            # Pings would make each piece pass through Python, which costs CPU time here.
            settings = {"KEEPALIVE_SECONDS": "0", **read_settings(env)}
            config = startup.load(settings)
            self._host = _host(config, request)
        except ConfigError as error:
            self._config_error = error
            return
        self._config = config

    def _upstream(self, settings: Config) -> tuple[Upstream, Callable[[], None]]:
        """The upstream for one call, and a function that cancels that call at once."""
        if settings.demo:
            from proxy.transports.demo import DemoUpstream

            return DemoUpstream(self._host.clock), lambda: None
        upstream = FetchUpstream()
        return upstream, upstream.abort


def _request(request: Any) -> Request:
    url = js.URL.new(request.url)
    pairs = js.Array.from_(request.headers).to_py()
    native = None if request.method in ("GET", "HEAD") else getattr(request, "body", None) or None
    return Request(
        method=request.method,
        path=url.pathname,
        query=url.search[1:],
        headers=Headers(tuple(pair) for pair in pairs),
        body=_IncomingBody(request, pairs) if native else b"",
        origin=url.origin,
        native=native,
    )


class _IncomingBody:
    """The request's body: whole if its length is announced, else piece by piece, so that a limit can apply."""

    def __init__(self, request: Any, pairs: list[list[str]]) -> None:
        self._request = request
        self._has_length = any(name == "content-length" for name, _ in pairs)

    async def __aiter__(self) -> AsyncIterator[bytes]:
        try:
            if self._has_length:
                yield (await self._request.arrayBuffer()).to_bytes()
                return
            reader = self._request.body.getReader()
            while not (result := await reader.read()).done:
                yield result.value.to_bytes()
        except JsException:
            raise ClientGone("The caller left while its request was being read.") from None


def _whole(reply: Reply) -> Any:
    return _response(reply, None if reply.status in _NULL_BODY_STATUSES else to_js(reply.body))


def _response(reply: Reply, body: Any) -> Any:
    # The runtime counts what it sends, so a length of ours could only be wrong. Its constructor refuses values outside
    # Latin-1, and with them the whole answer.
    pairs = [
        (name, value) for name, value in reply.headers if name != "content-length" and max(value, default="") < "Ā"
    ]
    options = to_js({"status": reply.status, "headers": pairs}, dict_converter=js.Object.fromEntries)
    return js.Response.new(body, options)
