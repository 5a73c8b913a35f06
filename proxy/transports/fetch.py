"""Upstream calls on Cloudflare Workers with the platform's fetch, whose body can be passed on without reading it.

There httpx needs raw sockets and takes 1.5 s of CPU for its first call. Runs under Pyodide only
(developers.cloudflare.com/workers/runtime-apis/fetch, read 2026-11-24).
"""

from __future__ import annotations

from typing import Any

import js
from pyodide.ffi import JsException, to_js

from proxy.errors import ClientGone, ProxyError, UpstreamDisconnected, UpstreamUnreachable
from proxy.messages import Headers
from proxy.upstream import Answer, Outgoing, credential, timed_out

# Bodies of a known length up to this are read at once: each chunk of a stream costs Python about 2 ms of CPU.
_MAX_AT_ONCE_BYTES = 1_000_000
_BODILESS = (101, 204, 205, 304)


class FetchUpstream:
    """The upstream calls of one call. The platform manages the connections."""

    def __init__(self) -> None:
        self._controllers: list[Any] = []
        self._left = False

    async def warm(self) -> None:
        """Nothing to do."""

    async def aclose(self) -> None:
        """Nothing to do: the platform closes connections."""

    def abort(self) -> None:
        """Cancel immediately: when a client disconnects, the platform leaves no time for anything else."""
        self._left = True
        for controller in self._controllers:
            controller.abort()

    async def send(self, outgoing: Outgoing) -> Answer:
        """See upstream.Upstream.send. `timeouts.first_byte` includes connecting: fetch does not report it."""
        controller = js.AbortController.new()  # inside the call: the platform forbids it at startup
        self._controllers.append(controller)
        path = f"{outgoing.target.base_url.rstrip('/')}/{outgoing.path}"
        url = f"{path}?{outgoing.query}" if outgoing.query else path
        wait = Wait(controller, outgoing.timeouts.first_byte)
        try:
            response = await js.fetch(url, _options(outgoing, controller.signal))
        except JsException as error:
            raise self._translated(error, wait, has_head=False) from None
        finally:
            wait.cancel()
        headers = Headers(tuple(pair) for pair in js.Array.from_(response.headers).to_py())
        if "content-encoding" in headers:  # fetch has decoded the body, so this and the length no longer apply
            headers.remove("content-encoding")
            headers.remove("content-length")
        body = _Body(self, response, headers, controller, outgoing)
        return Answer(response.status, headers, body, body.native)

    def body_error(self, error: Exception, wait: Wait) -> ProxyError:
        """Translate a JavaScript error that occurred while reading a body."""
        return self._translated(error, wait, has_head=True)

    def _translated(self, error: Exception, wait: Wait, has_head: bool) -> ProxyError:
        if self._left:
            return ClientGone("The caller left.")
        if wait.has_expired:
            return timed_out(wait.seconds)
        # workerd only says "Network connection lost."; Node's fetch, like a browser's, names the cause.
        cause = getattr(getattr(error, "cause", None), "code", None)
        return UpstreamDisconnected() if has_head or cause == "UND_ERR_SOCKET" else UpstreamUnreachable()


class Wait:
    """A timeout in JavaScript only, so that no Python function has to outlive the call."""

    def __init__(self, controller: Any, seconds: float) -> None:
        self.seconds = seconds
        self._signal = controller.signal
        self._timer = js.setTimeout(controller.abort.bind(controller), seconds * 1000)

    @property
    def has_expired(self) -> bool:
        """Whether the timeout aborted the call."""
        aborted: bool = self._signal.aborted
        return aborted

    def cancel(self) -> None:
        """Stop the timer."""
        js.clearTimeout(self._timer)


class _Body:
    """An answer's bytes, read in chunks or at once. `native` is the platform's stream, valid until reading starts."""

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
        self._read_at_once = length.isdigit() and int(length[:18]) <= _MAX_AT_ONCE_BYTES
        self._reader: Any = None
        self._ended = not self.native

    def __aiter__(self) -> _Body:
        return self

    async def __anext__(self) -> bytes:
        if self._ended:
            raise StopAsyncIteration
        wait = Wait(self._controller, self._silence)
        try:
            chunk = await self._read()
        except JsException as error:
            raise self._upstream.body_error(error, wait) from None
        finally:
            wait.cancel()
        if chunk is None:
            self._ended = True
            raise StopAsyncIteration
        return chunk

    async def _read(self) -> bytes | None:
        if self._read_at_once:
            body: bytes = (await self._response.arrayBuffer()).to_bytes()
            self._ended = True
            return body
        if self._reader is None:
            self._reader = self.native.getReader()
        result = await self._reader.read()
        return None if result.done else bytes(result.value.to_bytes())

    async def aclose(self) -> None:
        if not self._ended:
            self._ended = True
            self._controller.abort()


def _options(outgoing: Outgoing, signal: Any) -> Any:
    # The platform requests the encodings that it can decode. Only `identity` is passed on: compression delays streams.
    headers = [(name, value) for name, value in outgoing.headers if name != "accept-encoding" or value == "identity"]
    if (key := credential(outgoing.target)) is not None:  # pragma: no branch — only moderation's own calls have none
        headers.append(key)
    options: dict[str, Any] = {"method": outgoing.method, "headers": headers, "redirect": "manual"}
    if outgoing.native is not None:
        options |= {"body": outgoing.native, "duplex": "half"}
    elif outgoing.body or outgoing.method not in ("GET", "HEAD", "DELETE", "OPTIONS"):
        options["body"] = outgoing.body
    js_options = to_js(options, dict_converter=js.Object.fromEntries)
    js_options.signal = signal
    return js_options
