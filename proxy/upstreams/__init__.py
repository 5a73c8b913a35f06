"""What stands behind the Upstream protocol: one file for each way to reach a model."""

from __future__ import annotations

import os
from typing import Protocol

from proxy.config import Config
from proxy.host import Host
from proxy.upstream import Upstream

# In lower and in upper case, as curl and Python's own urllib read them.
PROXY_VARIABLES = ("https_proxy", "http_proxy", "all_proxy")


class ClosableUpstream(Upstream, Protocol):
    """An upstream that lives as long as its process."""

    async def warm(self) -> None:
        """Do at start-up what the first call would otherwise wait for."""

    async def aclose(self) -> None:
        """Close what is open."""


def make(config: Config, host: Host) -> ClosableUpstream:
    """The upstream that the settings name. Imports only that one. Raises ConfigError where it cannot be made."""
    if config.demo:
        from proxy.upstreams.demo import DemoUpstream

        return DemoUpstream(host.clock)
    engine = config.upstream_engine
    if engine == "auto":
        engine = "httpx" if names_proxy() else "direct"
    if engine == "direct":
        from proxy.upstreams.direct import DirectUpstream

        addresses = [one.base_url for one in config.providers] + [config.moderation_openai_base_url or ""]
        secure = "tencent" in config.moderation or any(one.startswith("https:") for one in addresses)
        return DirectUpstream(host.clock.wall, secure=secure)
    from proxy.upstreams.httpx import HttpxUpstream

    return HttpxUpstream(host.clock.wall)


def names_proxy() -> bool:
    """Whether the environment names an outbound proxy, for whatever hosts."""
    return any(os.environ.get(name) or os.environ.get(name.upper()) for name in PROXY_VARIABLES)
