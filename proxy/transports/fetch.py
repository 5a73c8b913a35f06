"""The upstream on Cloudflare Workers: the platform's own fetch, whose body can be handed on without being read.

httpx works there over raw sockets and costs 1.5 s of CPU for its first call. Runs under Pyodide only
(developers.cloudflare.com/workers/runtime-apis/fetch, read 2026-11-24).
"""

from __future__ import annotations

from typing import Any

import js
from pyodide.ffi import JsException, to_js

from proxy.errors import ClientGone, ProxyError, UpstreamDisconnected, UpstreamUnreachable
from proxy.messages import Headers
from proxy.upstream import Answer, Outgoing, credential, timed_out

# A body of a known length up to this is taken in one step: each piece of a stream costs Python about 2 ms of CPU.
_ONE_STEP_BYTES = 1_000_000
_BODILESS = (101, 204, 205, 304)


class FetchUpstream:
    """The calls upwards that one call downwards makes; the platform keeps the connections."""

    def __init__(self) -> None:
        self._controllers: list[Any] = []
        self._left = False

    async def warm(self) -> None:
        """Nothing to do."""

    async def aclose(self) -> None:
        """Nothing to do: the platform closes."""

    def abort(self) -> None:
        """Cancel at once, without waiting: when a client leaves, the platform gives no time for anything else."""
        self._left = True
        for controller in self._controllers:
            controller.abort()

    async def send(self, outgoing: Outgoing) -> Answer:
        """As upstream.Upstream.send. Connecting counts into `timeouts.first_byte`: fetch does not tell them apart."""
        controller = js.AbortController.new()  # inside the call: the platform forbids it at start-up
        self._controllers.append(controller)
        path = f"{outgoing.target.base_url.rstrip('/')}/{outgoing.path}"
        url = f"{path}?{outgoing.query}" if outgoing.query else path
        wait = Wait(controller, outgoing.timeouts.first_byte)
        try:
            response = await js.fetch(url, _options(outgoing, controller.signal))
        except JsException as error:
            raise self._told(error, wait, begun=False) from None
        finally:
            wait.over()
        headers = Headers(tuple(pair) for pair in js.Array.from_(response.headers).to_py())
        if "content-encoding" in headers:  # fetch has opened it, so neither this nor the length is true any more
            headers.remove("content-encoding")
            headers.remove("content-length")
        body = _Body(self, response, headers, controller, outgoing)
        return Answer(response.status, headers, body, body.native)

    def told(self, error: Exception, wait: Wait) -> ProxyError:
        """Ours for an error of JavaScript's that comes while a body is read."""
        return self._told(error, wait, begun=True)

    def _told(self, error: Exception, wait: Wait, begun: bool) -> ProxyError:
        if self._left:
            return ClientGone("The caller left.")
        if wait.is_up:
            return timed_out(wait.seconds)
        # workerd says no more than "Network connection lost."; Node's fetch, like a browser's, names the cause.
        cause = getattr(getattr(error, "cause", None), "code", None)
        return UpstreamDisconnected() if begun or cause == "UND_ERR_SOCKET" else UpstreamUnreachable()


class Wait:
    """A limit of so many seconds, kept by JavaScript alone: no Python function has to outlive the call for it."""

    def __init__(self, controller: Any, seconds: float) -> None:
        self.seconds = seconds
        self._signal = controller.signal
        self._timer = js.setTimeout(controller.abort.bind(controller), seconds * 1000)

    @property
    def is_up(self) -> bool:
        """Whether the call was aborted."""
        aborted: bool = self._signal.aborted
        return aborted

    def over(self) -> None:
        """What was waited for has come."""
        js.clearTimeout(self._timer)


class _Body:
    """An answer's bytes, read piece by piece or in one step; `native` is the stream itself, as long as nobody reads."""

    def __init__(
        self, upstream: FetchUpstream, response: Any, headers: Headers, controller: Any, outgoing: Outgoing
    ) -> None:
        empty = outgoing.method == "HEAD" or response.status in _BODILESS
        self.native: Any = None if empty else response.body
        self._upstream = upstream
        self._response = response
        self._controller = controller
        self._silence = outgoing.timeouts.silence
        length = headers.get("content-length") or ""
        self._in_one_step = length.isdigit() and int(length[:18]) <= _ONE_STEP_BYTES
        self._reader: Any = None
        self._ended = not self.native

    def __aiter__(self) -> _Body:
        return self

    async def __anext__(self) -> bytes:
        if self._ended:
            raise StopAsyncIteration
        wait = Wait(self._controller, self._silence)
        try:
            piece = await self._read()
        except JsException as error:
            raise self._upstream.told(error, wait) from None
        finally:
            wait.over()
        if piece is None:
            self._ended = True
            raise StopAsyncIteration
        return piece

    async def _read(self) -> bytes | None:
        if self._in_one_step:
            whole: bytes = (await self._response.arrayBuffer()).to_bytes()
            self._ended = True
            return whole
        if self._reader is None:
            self._reader = self.native.getReader()
        result = await self._reader.read()
        return None if result.done else bytes(result.value.to_bytes())

    async def aclose(self) -> None:
        if not self._ended:
            self._ended = True
            self._controller.abort()


def _options(outgoing: Outgoing, signal: Any) -> Any:
    # The platform asks for what it can open; only where compressing would hold a stream back is it told not to.
    headers = [(name, value) for name, value in outgoing.headers if name != "accept-encoding" or value == "identity"]
    if (key := credential(outgoing.target)) is not None:  # pragma: no branch — only a filter's own call has none
        headers.append(key)
    options: dict[str, Any] = {"method": outgoing.method, "headers": headers, "redirect": "manual"}
    if outgoing.native is not None:
        options |= {"body": outgoing.native, "duplex": "half"}
    elif outgoing.body or outgoing.method not in ("GET", "HEAD", "DELETE", "OPTIONS"):
        options["body"] = outgoing.body
    made = to_js(options, dict_converter=js.Object.fromEntries)
    made.signal = signal
    return made
