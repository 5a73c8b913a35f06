"""The ASGI adapter: for any ASGI server, and for our own (server.py), which starts and stops it by ASGI only.

The app never raises: servers would answer in plain text and throw away what has been sent.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Mapping
from typing import Any, cast

from proxy import error_reply
from proxy.adapters import asgi_http, log_output
from proxy.adapters.asgi_http import IncomingBody, Receive, Scope, Send, answer_websocket, check_head, send_reply
from proxy.adapters.asyncio_host import Instance
from proxy.adapters.http_rules import offer_http
from proxy.adapters.later_work import LaterWork
from proxy.errors import ConfigError, ProxyError
from proxy.host import Clock, at_once
from proxy.messages import Headers, Reply, Request
from proxy.settings.config import Config
from proxy.transports import ClosableUpstream


class App(Instance):
    """The ASGI app. It reads its settings at start-up, or at the first call if the server has no lifespan.

    `environ` replaces the process's environment, and `upstream` the one that the settings name. A platform that runs
    an ASGI server is a subclass: `adapt_request` and `fit_headers` are where it differs.
    """

    platform = "server"
    loads_tokens = True  # a server has time before its first call, and memory for the vocabularies
    keeps_metrics = True  # False where a server is one of many instances
    exits_on_config_error = True  # False where nobody sees it: each call then answers with the error
    writes_at_once = False  # True where a log line must not wait for a thread: the platform may freeze the process

    def __init__(
        self,
        environ: Mapping[str, str] | None = None,
        upstream: ClosableUpstream | None = None,
        write: Callable[[str], None] | None = None,
        clock: Clock | None = None,
    ) -> None:
        write = write or (log_output.write_line if self.writes_at_once else log_output.queue())
        super().__init__(os.environ if environ is None else environ, write, upstream, clock)

    def start(self) -> tuple[Config, ClosableUpstream]:
        """As Instance.start. The first call that succeeds begins the metrics."""
        started = super().start()
        if self.keeps_metrics and self.host.metrics_page is None:
            from proxy import metrics  # functions have none

            metrics.attach(self.host)
        return started

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection scope, as the ASGI specification describes it."""
        if scope["type"] == "lifespan":
            await self._lifespan(receive, send)
        elif scope["type"] == "http":
            await self._http(scope, receive, send)
        elif scope["type"] == "websocket":
            await answer_websocket(scope, receive, send, self.respond)

    async def respond(self, request: Request) -> Reply:
        """Answer a request. Our own server calls this without the detour over ASGI."""
        self.adapt_request(request)
        reply = await self.answer(request)
        offer_http(reply.status, reply.headers)
        self.fit_headers(reply.headers)
        return reply

    def refuse(self, error: ProxyError) -> Reply:
        """Log and return the answer to a request that breaks a rule of HTTP. Close the connection afterwards."""
        return error_reply.answer(error, self.host)

    def adapt_request(self, request: Request) -> None:
        """Add what only the platform knows about a request, such as its deadline."""

    def fit_headers(self, headers: Headers) -> None:
        """Make a reply's headers fit the platform's limits."""

    async def aclose(self) -> None:
        """Close the connections and write the queued log lines. A signal that ends the process skips exit handlers."""
        await super().aclose()
        if isinstance(self.host.defer, LaterWork):
            self.host.defer.flush()
            self.host.defer = at_once
        if isinstance(self.host.write, log_output.QueuedOutput):
            self.host.write.flush()

    async def _http(self, scope: Scope, receive: Receive, send: Send) -> None:
        body = IncomingBody(receive)
        request = asgi_http.request_of(scope, body)
        try:
            check_head(scope, request.headers)
        except ProxyError as error:
            reply = self.refuse(error)
            reply.headers.set("connection", "close")
            await send_reply(reply, send, body.stop_watching)
            return
        body.cancel_on_disconnect(cast("asyncio.Task[Any]", asyncio.current_task()))
        try:
            await send_reply(await self.respond(request), send, body.stop_watching)
        except asyncio.CancelledError:
            if not body.disconnected:
                raise
        finally:
            body.stop_watching()

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        while (await receive())["type"] == "lifespan.startup":
            try:
                settings, upstream = self.start()
                await upstream.warm()
                await self._load_tokens(settings)
            except ConfigError as error:
                if self.exits_on_config_error:
                    await send({"type": "lifespan.startup.failed", "message": error.message})
                    return
                self.log("error", {"event": "configuration_error", "message": error.message})
            if isinstance(self.host.write, log_output.QueuedOutput):  # a server whose loop goes on, until it says so
                self.host.defer = LaterWork(asyncio.get_running_loop())
            await send({"type": "lifespan.startup.complete"})
        await self.aclose()
        await send({"type": "lifespan.shutdown.complete"})

    async def _load_tokens(self, settings: Config) -> None:
        """Load the vocabularies before the first call if a setting needs them.

        Loading holds the interpreter lock for a moment (docs/performance.md), which would stall running streams.
        """
        needed = settings.metering or settings.max_cost_usd is not None or settings.context_guard != "off"
        if self.loads_tokens and needed:
            from proxy import tokens

            if tokens.installed():
                await self.host.clock.offload(tokens.load)
