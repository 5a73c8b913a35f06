"""What stands behind the Upstream protocol: one file for each way to reach a model."""

from __future__ import annotations

from typing import Protocol

from proxy.host import Host
from proxy.settings.config import Config
from proxy.transports import outbound
from proxy.upstream import Upstream


class ClosableUpstream(Upstream, Protocol):
    """An upstream that lives as long as its process."""

    async def warm(self) -> None:
        """Do at start-up what the first call would otherwise wait for."""

    async def aclose(self) -> None:
        """Close what is open."""


def make(config: Config, host: Host) -> ClosableUpstream:
    """The upstream that the settings name. Imports only that one. Raises ConfigError where it cannot be made."""
    if config.demo:
        from proxy.transports.demo import DemoUpstream

        return DemoUpstream(host.clock)
    engine = config.upstream_engine
    urls = [one.base_url for one in config.providers]
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
