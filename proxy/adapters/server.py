"""The HTTP server that runs our ASGI app: uvicorn, with what a relay needs beyond its defaults.

It parses with httptools if that is installed, else with h11, on asyncio's own loop. Measurements decided this
(docs/performance.md): uvloop was slower here, and other servers cost more at a cold start. server_httptools.py and
server_h11.py have one parser's connection each, so a bundle without httptools never imports it.
"""

from __future__ import annotations

import asyncio
from typing import Any

from proxy.adapters.asgi_http import MAX_HEAD_BYTES

PROTOCOL = f"{__name__}:Protocol"


def settings(**more: Any) -> dict[str, Any]:
    """The arguments for uvicorn.Config that all our servers share. They can be pickled, as several workers need."""
    return {
        "http": PROTOCOL,
        "loop": "asyncio",
        "ws": "none",
        "lifespan": "on",
        "log_level": "critical",
        "log_config": None,  # uvicorn's own needs a standard output, which may be closed
        "access_log": False,  # we log calls ourselves, without their queries
        "server_header": False,
        "h11_max_incomplete_event_size": MAX_HEAD_BYTES,
        **more,
    }


def __getattr__(name: str) -> type[asyncio.Protocol]:
    """Make `Protocol` on first use: the parent process of several workers needs no parser."""
    if name == "Protocol":
        return protocol()
    raise AttributeError(name)


def protocol(httptools: bool = True) -> type[asyncio.Protocol]:
    """Our subclass of uvicorn's protocol: with httptools if that is wanted and installed, else with h11."""
    if httptools:
        try:
            from proxy.adapters.server_httptools import HttptoolsConnection
        except ModuleNotFoundError:
            pass
        else:
            return HttptoolsConnection
    from proxy.adapters.server_h11 import H11Connection

    return H11Connection
