"""Implementations of the Upstream protocol: one module for each way to reach an upstream."""

from __future__ import annotations

from typing import Protocol

from proxy.host import Host
from proxy.settings.config import Config
from proxy.transports import outbound
from proxy.upstream import Upstream


class ClosableUpstream(Upstream, Protocol):
    """An upstream that lives as long as the process."""

    async def warm(self) -> None:
        """Do at startup what the first call would otherwise have to wait for."""

    async def aclose(self) -> None:
        """Close all connections."""


def make(config: Config, host: Host) -> ClosableUpstream:
    """Create the upstream that the settings name, importing no other. Raises ConfigError if that is not possible."""
    if config.demo:
        from proxy.transports.demo import DemoUpstream

        return DemoUpstream(host.clock)
    engine = config.upstream_engine
    urls = [url for provider in config.providers if not provider.is_implied for url in provider.addresses]
    if "openai" in config.moderation:
        urls.append(config.moderation_openai_base_url or config.openai_base_url)
    if "tencent" in config.moderation:
        urls.append(f"https://{config.tms_host}")
    if engine == "auto":
        engine = "httpx" if any(outbound.proxy_for(url) for url in urls) else "direct"
    if engine == "direct":
        from proxy.transports.direct import DirectUpstream

        return DirectUpstream(host.clock.wall, secure=any(url.startswith("https:") for url in urls))
    outbound.check(urls)
    from proxy.transports.httpx import HttpxUpstream

    return HttpxUpstream(host.clock.wall)
