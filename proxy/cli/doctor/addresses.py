"""Turns what people paste into a base URL, and reads facts off it."""

from __future__ import annotations

import ipaddress
import re
from urllib.parse import urlsplit, urlunsplit

from proxy.platforms.clouds import CLOUDS

# What people paste along with the base URL: the path of one call, or of one of our own pages.
_TAIL = re.compile(
    r"(/(chat/completions|completions|responses|embeddings|models|readyz|healthz)|/v1)?/*$", re.IGNORECASE
)


class InvalidPort(ValueError):
    """The address has a port outside 0 to 65535, or one that is not a number."""


def root_of(text: str) -> str:
    """The base URL without /v1. Raises ValueError if `text` is not the address of a server, InvalidPort for its port.

    Without a scheme, this machine is called over http and everything else over https.
    """
    text = text.strip()
    if "://" not in text:
        text = f"{'http' if is_local(urlsplit(f'//{text}').hostname or '') else 'https'}://{text}"
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.username is not None:
        raise ValueError("not the address of a server")
    try:
        _ = parts.port
    except ValueError as error:
        raise InvalidPort(str(error)) from error
    path = parts.path
    while (shorter := _TAIL.sub("", path)) != path:
        path = shorter
    return urlunsplit((parts.scheme, parts.netloc, path, "", ""))


def origin_of(root: str) -> str:
    """Scheme, host and port."""
    parts = urlsplit(root)
    return f"{parts.scheme}://{parts.netloc}"


def is_local(host: str) -> bool:
    """Whether a host is this machine: exactly `localhost`, or a loopback address."""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def is_plain(root: str) -> bool:
    """Whether keys would leave this machine unencrypted."""
    parts = urlsplit(root)
    return parts.scheme == "http" and not is_local(parts.hostname or "")


def region_of(root: str) -> str | None:
    """The region in the host name of a platform's default domain."""
    host = urlsplit(root).hostname or ""
    matches = (re.search(f"{cloud.domain}$", host) for cloud in CLOUDS if cloud.domain)
    return next((match[1] for match in matches if match), None)
