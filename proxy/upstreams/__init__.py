"""What stands behind the Upstream protocol: one file for each way to reach a model."""

from __future__ import annotations

from typing import Protocol

from proxy.config import Config
from proxy.host import Host
from proxy.upstream import Upstream


class ClosableUpstream(Upstream, Protocol):
    """An upstream that lives as long as its process."""

    async def warm(self) -> None:
        """Do at start-up what the first call would otherwise wait for."""

    async def aclose(self) -> None:
        """Close what is open."""


def make(config: Config, host: Host) -> ClosableUpstream:
    """The upstream that the settings name. Imports only that one."""
    if config.demo:
        from proxy.upstreams.demo import DemoUpstream

        return DemoUpstream(host.clock)
    from proxy.upstreams.httpx import HttpxUpstream

    return HttpxUpstream(host.clock.wall)
