"""From what somebody has copied to the address that calls go below."""

from __future__ import annotations

import re
from urllib.parse import urlsplit, urlunsplit

_LOCAL = ("127.", "localhost", "::1")
# What people paste along with the base: one call's own path, and pages of ours.
_TAIL = re.compile(
    r"(/(chat/completions|completions|responses|embeddings|models|readyz|healthz)|/v1)?/*$", re.IGNORECASE
)


def root_of(text: str) -> str:
    """The base URL without its /v1. Raises ValueError for what is no address of a server."""
    text = text.strip()
    if "://" not in text:
        text = f"https://{text}"
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.username is not None:
        raise ValueError("--url takes an address such as https://example.com/v1, without a user name")
    _ = parts.port  # raises ValueError where it is none
    path = parts.path
    while (shorter := _TAIL.sub("", path)) != path:
        path = shorter
    return urlunsplit((parts.scheme, parts.netloc, path, "", ""))


def origin_of(root: str) -> str:
    """Scheme, host and port alone."""
    parts = urlsplit(root)
    return f"{parts.scheme}://{parts.netloc}"


def is_plain(root: str) -> bool:
    """Whether keys would travel readable, and not only inside this machine."""
    parts = urlsplit(root)
    return parts.scheme == "http" and not (parts.hostname or "").startswith(_LOCAL)


def region_of(root: str) -> str | None:
    """The region that a function URL's host names."""
    host = urlsplit(root).hostname or ""
    found = re.search(r"\.([a-z]{2}-[a-z0-9-]+)\.tencentscf\.com$|\.lambda-url\.([a-z0-9-]+)\.on\.aws$", host)
    return (found[1] or found[2]) if found else None
