"""EdgeOne Pages, Python function: our app behind the uvicorn of the runtime that Tencent's tool writes.

The source is that tool, edgeone 1.4.9 of 2026-05 from npm, and the runtime that its `pages build` puts into a project,
read 2026-11-27: what it does to requests and answers is in no document. The functions run on Tencent's SCF.
"""

from __future__ import annotations

from collections.abc import MutableMapping
from contextvars import ContextVar
from typing import Any

from proxy.adapters import header_limit
from proxy.adapters.asgi import App
from proxy.adapters.asgi_http import Receive, Scope, Send
from proxy.messages import Headers, Request
from proxy.platforms.limits import number

PLATFORM, DOOR = "edgeone", "function"
# The path of this call to which the app has answered 404.
_missing: ContextVar[str | None] = ContextVar("missing", default=None)


class EdgeOneApp(App):
    """The app. The runtime asks a second time, with a slash, where a GET, HEAD or OPTIONS gets a 404."""

    platform = "edgeone"
    body_limit = int(number(PLATFORM, DOOR, "request body"))
    region_variable = "TENCENTCLOUD_REGION"
    loads_tokens = False
    keeps_metrics = False
    exits_on_config_error = False  # callers of a function that does not start get a page of the platform's own
    writes_at_once = True

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """As App. The second time that the runtime asks, nothing goes up again: it then keeps the first answer."""
        path = scope.get("path", "")
        if path == f"{_missing.get()}/":
            await send({"type": "http.response.start", "status": 404, "headers": []})
            await send({"type": "http.response.body", "body": b""})
            return

        async def noting(message: MutableMapping[str, Any]) -> None:
            if message.get("status") == 404:
                _missing.set(path)
            await send(message)

        await super().__call__(scope, receive, noting)

    def adapt_request(self, request: Request) -> None:
        """Set the deadline from the function's time-out: SCF's header if it is there, else what edgeone.json says."""
        milliseconds = request.headers.get("x-scf-timeout") or ""
        is_number = milliseconds.isascii() and milliseconds.isdigit() and len(milliseconds) < 10
        request.deadline = int(milliseconds) / 1000 if is_number else number(PLATFORM, DOOR, "longest time-out")

    def fit_headers(self, headers: Headers) -> None:
        """Drop headers until the rest is within SCF's limit, also with what the runtime adds."""
        header_limit.fit(headers, number("tencent", "web function", "response headers") - 256)
