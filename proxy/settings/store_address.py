"""The parser of STORE. Like those in parsers.py, it never quotes the value, which may contain a password."""

from __future__ import annotations

import re

# Over plain HTTP only to this machine, as in tests: the token would be readable on the way.
_HTTP = re.compile(r"(?:https://[A-Za-z0-9.-]+|http://(?:127\.0\.0\.1|localhost|\[::1\]))(?::\d{1,5})?(?:/[^?#\s]*)?")
_REDIS = re.compile(r"rediss?://\S+")


def store_address(value: str) -> str:
    """An address of a store: sqlite:FILE, redis://…, rediss://… or https://…, without a slash at its end."""
    if value.startswith("sqlite:"):
        # As in SQLAlchemy's addresses, the slashes before a path may be there: sqlite:///var/lib/sluice.db
        path = re.sub(r"^//(?=.)", "", value.removeprefix("sqlite:"))
        if not path or path == "/" or "\0" in path:
            raise ValueError("must name a file after sqlite:, such as sqlite:/var/lib/sluice/budgets.db")
        return f"sqlite:{path}"
    if _REDIS.fullmatch(value):
        return value
    if not _HTTP.fullmatch(value):
        raise ValueError("must be sqlite:FILE, redis://…, rediss://… or the https:// address of a Redis REST service")
    return value.rstrip("/")
