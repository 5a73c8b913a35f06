"""Outbound proxies from the environment.

The variables and their order are urllib's: `https_proxy` or `http_proxy` by the URL's scheme, else `all_proxy`, each in
lower case before upper case, and no proxy for hosts in `no_proxy`
(docs.python.org/3/library/urllib.request.html#urllib.request.getproxies, read 2026-11-26).
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import NamedTuple
from urllib.parse import urlsplit

from proxy.errors import ConfigError

VARIABLES = ("https_proxy", "http_proxy", "all_proxy")


class OutboundProxy(NamedTuple):
    """`url` may contain a password. `variable` is the environment variable that set it."""

    url: str
    variable: str

    @property
    def shown(self) -> str:
        """The URL without user and password."""
        scheme, _, rest = self.url.partition("://")
        return f"{scheme}://{rest.rpartition('@')[2]}"

    @property
    def is_usable(self) -> bool:
        """Whether it is an HTTP proxy. SOCKS would need another package."""
        try:
            parts = urlsplit(self.url)
            return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
        except ValueError:
            return False


def named() -> bool:
    """Whether the environment names any outbound proxy."""
    return any(os.environ.get(name) or os.environ.get(name.upper()) for name in VARIABLES)


def proxy_for(url: str) -> OutboundProxy | None:
    """The outbound proxy for `url`; None for a direct connection."""
    if not named():
        return None
    from urllib.request import getproxies, proxy_bypass  # expensive to import, and rarely needed

    parts = urlsplit(url)
    proxies = getproxies()
    address = proxies.get(parts.scheme) or proxies.get("all")
    if not address or proxy_bypass(parts.hostname or ""):
        return None
    names = [f"{parts.scheme}_proxy", "all_proxy"]
    variables = [spelling for name in names for spelling in (name, name.upper())]
    variable = next((name for name in variables if os.environ.get(name) == address), names[0])
    # Without a scheme it is an HTTP proxy, as for curl.
    return OutboundProxy(address if "://" in address else f"http://{address}", variable)


def check(urls: Iterable[str]) -> None:
    """Raise ConfigError if a call to one of `urls` would need a proxy that cannot be used."""
    for url in urls:
        proxy = proxy_for(url)
        if proxy is not None and not proxy.is_usable:
            raise ConfigError(
                f"{proxy.variable} names the outbound proxy {proxy.shown}, which is not an HTTP proxy: unset "
                f"{proxy.variable}, or set UPSTREAM_ENGINE=direct to go without one. For a proxy that also accepts "
                "HTTP, such as Clash on the same port, set HTTPS_PROXY=http://host:port.",
                param=proxy.variable,
            )
