"""The Cloudflare Workers adapter: the runtime's Request in, its Response out, the upstream's stream handed through.

Runs under Pyodide only. Nothing here may draw entropy, fetch or set a timer at import: the platform forbids it outside
of a call, and keeps a snapshot of the memory from then on (developers.cloudflare.com/workers/languages/python/, read
2026-11-24). What a call needs is imported here nevertheless: the snapshot brings it along at no cost.
"""

from __future__ import annotations

import contextlib
import hmac  # noqa: F401 — for the snapshot: auth compares keys with it
import json
import random
import re
from collections.abc import AsyncIterator, Callable
from typing import Any

import js
from pyodide.ffi import JsException, create_proxy, to_js

from proxy import error_reply, startup
from proxy.adapters.asyncio_host import AsyncioClock
from proxy.adapters.ids import new_id, write_line
from proxy.errors import ClientGone, ConfigError
from proxy.host import Capabilities, Host
from proxy.messages import Headers, Reply, Request
from proxy.platforms.limits import number
from proxy.relay import relay
from proxy.settings import config
from proxy.streaming.delivery import Delivery
from proxy.transports.fetch import FetchUpstream
from proxy.upstream import Upstream

# The constructor of Response refuses a body for these, an empty one too (fetch.spec.whatwg.org, null body status).
_BODILESS = (101, 204, 205, 304)


class Worker:
    """One isolate. Settings are read at its first call, since they only come with one."""

    def __init__(self) -> None:
        self._config: config.Config | None = None
        self._mistake: ConfigError | None = None
        self._host = _host(rewrites_stream=False)

    async def fetch(self, request: Any, env: Any) -> Any:
        """The runtime's Response to its Request. `env` holds variables and secrets as attributes."""
        request = getattr(request, "js_object", request)  # some versions of the runtime hand it over wrapped
        if self._config is None and self._mistake is None:
            self._start(request, env)
        asked = _request(request)
        if self._config is None:
            return _whole(error_reply.answer(self._mistake or ConfigError(), self._host, asked.headers, asked.method))
        upstream, abort = self._upstream(self._config)
        reply = await relay(asked, self._config, upstream, self._host)
        if not isinstance(reply.body, Delivery):
            return _whole(reply)
        if reply.status in _BODILESS or asked.method == "HEAD":  # nobody would ever ask for a piece
            with contextlib.suppress(StopAsyncIteration):
                await reply.body.__anext__()  # the end, for the log line
            await reply.body.aclose()
            return _response(reply, None)
        native = await reply.body.hand_over()
        return _response(reply, _streamed(reply.body, abort) if native is None else native)

    def _start(self, request: Any, env: Any) -> None:
        try:
            # Pings need each piece to pass through Python, which is what CPU time is spent on here.
            settings = {"KEEPALIVE_SECONDS": "0", **_settings(env)}
            self._config = startup.load(settings)
        except ConfigError as error:
            self._mistake = error
            return
        self._host = _host(self._config.stream_guard)
        self._host.region = _colo(request)

    def _upstream(self, settings: config.Config) -> tuple[Upstream, Callable[[], None]]:
        """The upstream for one call, and how to cancel it at once."""
        if settings.demo:
            from proxy.transports.demo import DemoUpstream

            return DemoUpstream(self._host.clock), lambda: None
        upstream = FetchUpstream()
        return upstream, upstream.abort


def _host(rewrites_stream: bool) -> Host:
    limit = int(number("cloudflare", "Worker", "request body read"))
    able = Capabilities(streams=True, sees_disconnect=True, rewrites_stream=rewrites_stream, body_limit=limit)
    return Host("cloudflare", able, AsyncioClock(), new_id, random.randrange, write_line)


def _settings(env: Any) -> dict[str, str]:
    """The variables and secrets as texts. A variable of wrangler.jsonc may be a number, a switch or a list as well."""
    found: dict[str, str] = {}
    for name in config.names():
        value = getattr(env, name, None)
        if not isinstance(value, (str, int, float, type(None))):
            value = json.loads(js.JSON.stringify(getattr(value, "_binding", value)) or "null")
        if name == "UPSTREAMS" and value is not None:
            found |= _upstreams(value, env)
            continue
        items = value if isinstance(value, list) else [] if value in (None, "") else [value]
        if not all(isinstance(item, (str, int, float)) for item in items):
            raise ConfigError(f"{name} takes a text, a number, true, false or a list.", param=name)
        if items:
            found[name] = ",".join(str(item) for item in items)
    if "CONFIG_FILE" in found:
        raise ConfigError("CONFIG_FILE: there are no files in a Worker; set variables instead.", param="CONFIG_FILE")
    return found


def _upstreams(value: Any, env: Any) -> dict[str, str]:
    """UPSTREAMS as text, and the secrets that its `$NAME` stand for."""
    text = value if isinstance(value, str) else json.dumps(value)
    named = {name: getattr(env, name, None) for name in re.findall(r'"\$([A-Za-z_][A-Za-z0-9_]*)"', text)}
    return {"UPSTREAMS": text, **{name: one for name, one in named.items() if isinstance(one, str)}}


def _colo(request: Any) -> str | None:
    """The data centre that took the call in, by its airport's code; None outside of Cloudflare's network."""
    colo = getattr(getattr(request, "cf", None), "colo", None)
    return colo if isinstance(colo, str) else None


def _request(request: Any) -> Request:
    url = js.URL.new(request.url)
    pairs = js.Array.from_(request.headers).to_py()
    native = None if request.method in ("GET", "HEAD") else getattr(request, "body", None) or None
    return Request(
        method=request.method,
        path=url.pathname,
        query=url.search[1:],
        headers=Headers(tuple(pair) for pair in pairs),
        body=_Incoming(request, pairs) if native else b"",
        origin=url.origin,
        native=native,
    )


class _Incoming:
    """The request's body: in one step where its length is announced, else piece by piece, so that a limit can hold."""

    def __init__(self, request: Any, pairs: list[list[str]]) -> None:
        self._request = request
        self._announced = any(name == "content-length" for name, _ in pairs)

    async def __aiter__(self) -> AsyncIterator[bytes]:
        try:
            if self._announced:
                yield (await self._request.arrayBuffer()).to_bytes()
                return
            reader = self._request.body.getReader()
            while not (result := await reader.read()).done:
                yield result.value.to_bytes()
        except JsException:
            raise ClientGone("The caller left while its request was being read.") from None


def _whole(reply: Reply) -> Any:
    return _response(reply, None if reply.status in _BODILESS else to_js(reply.body))


def _response(reply: Reply, body: Any) -> Any:
    # The runtime counts what it sends itself; a length of ours would only be one that can be wrong.
    # What is no Latin-1 its constructor refuses, and the whole answer with it.
    pairs = [
        (name, value) for name, value in reply.headers if name != "content-length" and max(value, default="") < "Ā"
    ]
    options = to_js({"status": reply.status, "headers": pairs}, dict_converter=js.Object.fromEntries)
    return js.Response.new(body, options)


def _streamed(body: Delivery, abort: Callable[[], None]) -> Any:
    """A ReadableStream that asks `body` for each piece."""
    outlet = _Outlet(body, abort)
    source = to_js({"pull": outlet.pull, "cancel": outlet.cancel}, dict_converter=js.Object.fromEntries)
    return js.ReadableStream.new(source, to_js({"highWaterMark": 0}, dict_converter=js.Object.fromEntries))


class _Outlet:
    """The two functions of a ReadableStream's source, for JavaScript to call until the end of `body`.

    When the client leaves, the runtime calls `cancel` and then runs little else: the upstream is aborted there, before
    anything is awaited, or it would go on to its end and be paid for.
    """

    def __init__(self, body: Delivery, abort: Callable[[], None]) -> None:
        self._body = body
        self._abort = abort
        self._pulling = False
        self._left = False
        self.pull = create_proxy(self._pull)
        self.cancel = create_proxy(self._cancel)

    async def _pull(self, controller: Any) -> None:
        self._pulling = True
        try:
            piece = await self._body.__anext__()
        except StopAsyncIteration:
            await self._end()
            controller.close()
        except Exception as error:  # told in the log; the client must see that what it has is not all
            await self._end()
            controller.error(js.Error.new(type(error).__name__))
        else:
            if self._left:
                await self._end()
            else:
                controller.enqueue(to_js(piece))
        self._pulling = False

    async def _cancel(self, _reason: Any) -> None:
        self._left = True
        self._abort()
        if not self._pulling:  # else the piece that is waited for does not come any more, and `_pull` ends it all
            await self._end()

    async def _end(self) -> None:
        await self._body.aclose()
        self.pull.destroy()
        self.cancel.destroy()
