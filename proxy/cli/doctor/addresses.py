"""From what somebody has copied to the address that calls go below."""

from __future__ import annotations

import ipaddress
import re
from urllib.parse import urlsplit, urlunsplit

# What people paste along with the base: one call's own path, and pages of ours.
_TAIL = re.compile(
    r"(/(chat/completions|completions|responses|embeddings|models|readyz|healthz)|/v1)?/*$", re.IGNORECASE
)


class WrongPort(ValueError):
    """The address has a port that there is not."""


def root_of(text: str) -> str:
    """The base URL without its /v1. Raises ValueError for what is no address of a server, WrongPort among others.

    Without a scheme it is https, and http for this machine itself.
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
        raise WrongPort(str(error)) from error
    path = parts.path
    while (shorter := _TAIL.sub("", path)) != path:
        path = shorter
    return urlunsplit((parts.scheme, parts.netloc, path, "", ""))


def origin_of(root: str) -> str:
    """Scheme, host and port alone."""
    parts = urlsplit(root)
    return f"{parts.scheme}://{parts.netloc}"


def is_local(host: str) -> bool:
    """Whether a host is this machine, by its exact name or a loopback address."""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def is_plain(root: str) -> bool:
    """Whether keys would travel readable, and not only inside this machine."""
    parts = urlsplit(root)
    return parts.scheme == "http" and not is_local(parts.hostname or "")


def region_of(root: str) -> str | None:
    """The region that a function URL's host names."""
    host = urlsplit(root).hostname or ""
    found = re.search(r"\.([a-z]{2}-[a-z0-9-]+)\.tencentscf\.com$|\.lambda-url\.([a-z0-9-]+)\.on\.aws$", host)
    return (found[1] or found[2]) if found else None
