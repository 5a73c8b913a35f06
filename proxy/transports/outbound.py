"""Which outbound proxy the environment names for an address, and whether it can be used.

The variables and their order are urllib's: `https_proxy` or `http_proxy` by the address's scheme, else `all_proxy`,
each in lower case before upper case, none for hosts in `no_proxy`
(docs.python.org/3/library/urllib.request.html#urllib.request.getproxies, read 2026-11-26).
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import urlsplit

from proxy.errors import ConfigError

VARIABLES = ("https_proxy", "http_proxy", "all_proxy")


@dataclass(frozen=True, slots=True)
class OutboundProxy:
    """`url` may hold a password; `variable` names what was set."""

    url: str
    variable: str

    @property
    def shown(self) -> str:
        """The address without user and password."""
        scheme, _, rest = self.url.partition("://")
        return f"{scheme}://{rest.rpartition('@')[2]}"

    @property
    def is_usable(self) -> bool:
        """Whether it is one for HTTP; those for SOCKS would need another package."""
        try:
            parts = urlsplit(self.url)
            return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
        except ValueError:
            return False


def named() -> bool:
    """Whether the environment names an outbound proxy, for whatever hosts."""
    return any(os.environ.get(name) or os.environ.get(name.upper()) for name in VARIABLES)


def proxy_for(url: str) -> OutboundProxy | None:
    """The outbound proxy that calls to `url` go through, None where they go straight."""
    if not named():
        return None
    from urllib.request import getproxies, proxy_bypass  # heavy, and few have a proxy

    parts = urlsplit(url)
    proxies = getproxies()
    found = proxies.get(parts.scheme) or proxies.get("all")
    if not found or proxy_bypass(parts.hostname or ""):
        return None
    names = [f"{parts.scheme}_proxy", "all_proxy"]
    known = [one for name in names for one in (name, name.upper()) if os.environ.get(one) == found]
    # Without a scheme it is one for HTTP, as curl has it.
    return OutboundProxy(found if "://" in found else f"http://{found}", known[0] if known else names[0])


def check(urls: Iterable[str]) -> None:
    """Raise ConfigError where calls to one of these would go through a proxy that cannot be used."""
    for url in urls:
        found = proxy_for(url)
        if found is not None and not found.is_usable:
            raise ConfigError(
                f"{found.variable} names the outbound proxy {found.shown}, which is not an HTTP proxy: unset "
                f"{found.variable}, or set UPSTREAM_ENGINE=direct to go without one. A proxy that takes HTTP too, as "
                "Clash does on the same port, can be named with HTTPS_PROXY=http://host:port.",
                param=found.variable,
            )
