"""Who may see what belongs to the owner alone: whoever has ADMIN_KEY, or calls from this very machine."""

from __future__ import annotations

import re
from ipaddress import IPv6Address, ip_address

from proxy.access import auth
from proxy.errors import KeyInvalid, KeyMissing, PathNotAllowed
from proxy.messages import Headers, Request
from proxy.settings.config import Config
from proxy.settings.parsers import PLATFORM_PREFIXES

# Names of loopback in `Host`. A page whose own name leads to 127.0.0.1 (DNS rebinding) sends that name.
_LOCAL_HOST = re.compile(r"(?:localhost|127(?:\.\d{1,3}){3}|\[::1\])(?::\d{1,5})?", re.IGNORECASE)
# What proxies add to a request that they pass on for somebody else.
_FORWARDED = frozenset(
    "forwarded via x-real-ip x-client-ip x-cluster-client-ip x-original-host x-original-url true-client-ip "
    "fastly-client-ip cdn-loop".split()
)
_FORWARDED_PREFIXES = (*PLATFORM_PREFIXES, "x-forwarded", "x-original-forwarded", "x-envoy-", "l5d-")


def admit(request: Request, config: Config) -> None:
    """Let the owner pass.

    Raises KeyMissing or KeyInvalid (401) where ADMIN_KEY is set, PathNotAllowed (403) where it is not.
    """
    if auth.is_admin(request.headers, config) or is_local(request):
        return
    if config.admin_key is None:
        raise PathNotAllowed(
            "This page is for the owner. Call it from the machine that runs this server, at http://127.0.0.1, or let "
            "the owner set ADMIN_KEY and send it: Authorization: Bearer <ADMIN_KEY>."
        )
    hint = "This page is for the owner. Send ADMIN_KEY: Authorization: Bearer <ADMIN_KEY>."
    if auth.credential(request.headers):
        raise KeyInvalid(f"The key that was sent is not ADMIN_KEY. {hint}")
    raise KeyMissing(f"No key was sent. {hint}")


def is_local(request: Request) -> bool:
    """Whether a program on this machine asks for itself: no proxy for somebody else, and no web page in a browser."""
    headers = request.headers
    if not _is_loopback(request.peer) or _LOCAL_HOST.fullmatch(headers.get("host") or "") is None:
        return False
    return not (_is_forwarded(headers) or _is_of_web_page(headers))


def _is_loopback(peer: str | None) -> bool:
    try:
        address = ip_address(peer or "")
    except ValueError:
        return False
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:  # a socket for both families
        return address.ipv4_mapped.is_loopback
    return address.is_loopback


def _is_forwarded(headers: Headers) -> bool:
    return any(name in _FORWARDED or name.startswith(_FORWARDED_PREFIXES) for name, _ in headers)


def _is_of_web_page(headers: Headers) -> bool:
    """Whether a page of another origin asks. ALLOW_ORIGINS lets any page read what it gets from 127.0.0.1."""
    return "origin" in headers or headers.get("sec-fetch-site", "none") not in ("none", "same-origin")
