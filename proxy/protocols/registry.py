"""The protocol of each path. A protocol's module is imported with its first call."""

from __future__ import annotations

from functools import lru_cache
from importlib import import_module

from proxy.protocols.base import Protocol
from proxy.wire.path_table import ENDPOINTS, protocol_below
from proxy.wire.path_table import OTHER as NONE

OTHER = Protocol()
# The modules that `get` imports by name, from the table of paths. A cold start imports only the one that it needs.
MODULES = frozenset(endpoint.protocol for endpoint in ENDPOINTS) - {NONE}


@lru_cache(maxsize=16)
def get(name: str) -> Protocol:
    """The protocol called `name`; `OTHER` if there is none."""
    if name not in MODULES:
        return OTHER
    protocol: Protocol = import_module(f"proxy.protocols.{name}").PROTOCOL
    return protocol


def of_api(api: str) -> Protocol:
    """The protocol of an API, by its name in wire.path_table."""
    return get(next((row.protocol for row in ENDPOINTS if row.api == api), NONE))


def below(path: str) -> Protocol:
    """The protocol of a path or of a path below it: stored answers keep the format of the call that created them."""
    return get(protocol_below(path))
