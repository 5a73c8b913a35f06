"""The APIs that an upstream may serve, each with an address and a form of key of its own."""

from __future__ import annotations

from typing import NamedTuple

# The headers that carry a key. The first one as a Bearer token.
AUTHORIZATION, API_KEY, X_API_KEY, GOOG_API_KEY = "authorization", "api-key", "x-api-key", "x-goog-api-key"


class Api(NamedTuple):
    """Where an upstream serves an API: the address above its paths, version included, and the header with the key."""

    base_url: str
    key_header: str = AUTHORIZATION
