"""The host of an isolate, and the store of budgets that it has if the settings name one."""

from __future__ import annotations

from typing import Any

from proxy.adapters.asyncio_host import make_host
from proxy.host import Host
from proxy.platforms.limits import number
from proxy.settings.config import Config
from proxy.transports.fetch import FetchUpstream
from proxy.upstream import Answer, Outgoing


def make(config: Config | None, request: Any, *, platform: str) -> Host:
    """The host for these settings and the runtime's first `request`; without settings, one for errors alone.

    Raises ConfigError if the store cannot work here.
    """
    limit = int(number("cloudflare", "Worker", "request body read"))
    rewrites = config is not None and config.stream_guard
    host = make_host(platform=platform, streams=True, body_limit=limit, rewrites_stream=rewrites)
    if config is None:
        return host
    host.region = _colo(request)
    if config.store is not None:
        from proxy import store  # few deployments have one

        host.store = store.make(config, SeparateFetches(), host.clock)
    return host


class SeparateFetches:
    """Sends each call on its own. A caller who leaves cancels the calls of its upstream, but not those to the store."""

    async def send(self, outgoing: Outgoing) -> Answer:
        """See upstream.Upstream.send."""
        return await FetchUpstream().send(outgoing)


def _colo(request: Any) -> str | None:
    """The data centre that received the call, as an airport code; None outside Cloudflare's network."""
    colo = getattr(getattr(request, "cf", None), "colo", None)
    return colo if isinstance(colo, str) else None
