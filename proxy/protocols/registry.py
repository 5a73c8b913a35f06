"""Which protocol a path has. A protocol's module is imported when the first call of it comes."""

from __future__ import annotations

from functools import lru_cache
from importlib import import_module

from proxy.protocols.base import Protocol
from proxy.wire.path_table import ENDPOINTS, protocol_below
from proxy.wire.path_table import OTHER as NONE

OTHER = Protocol()
# The modules that `get` imports by name, as the table of paths has them. Cold starts pay for the one that a call needs.
MODULES = frozenset(endpoint.protocol for endpoint in ENDPOINTS) - {NONE}


@lru_cache(maxsize=16)
def get(name: str) -> Protocol:
    """The protocol with this name; `OTHER` where there is none."""
    if name not in MODULES:
        return OTHER
    protocol: Protocol = import_module(f"proxy.protocols.{name}").PROTOCOL
    return protocol


def below(path: str) -> Protocol:
    """The protocol of a path or of what lies below it: stored answers are read in the form that they were made in."""
    return get(protocol_below(path))
