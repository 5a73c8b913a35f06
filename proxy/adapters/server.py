"""The HTTP server in front of our ASGI app: uvicorn, with two things done for it that a relay feels at every call.

Chosen by measurement (docs/performance.md): with httptools where that is installed, else with h11, on asyncio's own
loop. uvloop was slower here, and other servers cost a cold start more.
"""

from __future__ import annotations

import asyncio
from typing import Any, cast

READ_BYTES = 65_536


PROTOCOL = f"{__name__}:Protocol"


def settings(**more: Any) -> dict[str, Any]:
    """The arguments for uvicorn.Config that every server of ours shares. They can be pickled, for several workers."""
    return {
        "http": PROTOCOL,
        "loop": "asyncio",
        "ws": "none",
        "lifespan": "on",
        "log_level": "critical",
        "access_log": False,  # ours is the log; uvicorn's would repeat it, with the query
        "server_header": False,
        **more,
    }


def __getattr__(name: str) -> type[asyncio.Protocol]:
    """`Protocol` is made when it is asked for: the parent of several workers needs no parser."""
    if name == "Protocol":
        return protocol()
    raise AttributeError(name)


def protocol(httptools: bool = True) -> type[asyncio.Protocol]:
    """The protocol of uvicorn with our transport below it; with httptools where that is wanted and installed."""
    base: Any
    try:
        if not httptools:
            raise ModuleNotFoundError
        from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

        base = HttpToolsProtocol
    except ModuleNotFoundError:
        from uvicorn.protocols.http.h11_impl import H11Protocol

        base = H11Protocol

    class Tuned(base):  # type: ignore[misc]
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            super().connection_made(Transport(cast(asyncio.Transport, transport)))

    return cast("type[asyncio.Protocol]", Tuned)


class Transport:
    """A transport that sends an answer's head together with what is written behind it, in one packet.

    Whoever writes a head writes once more at once: our app follows each by a body, if only an empty one.
    """

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self._head = b""
        if hasattr(transport, "max_size"):
            # asyncio makes a buffer of this size for each read: of the 256 KB it begins with each costs 15 µs.
            transport.max_size = READ_BYTES

    def write(self, data: bytes) -> None:
        """Send `data`, or keep it for the next time if it is a final answer's head."""
        if self._head:
            data, self._head = self._head + data, b""
        elif data.startswith(b"HTTP/1.1 ") and not data.startswith(b"HTTP/1.1 1"):
            self._head = data
            return
        self._transport.write(data)

    def close(self) -> None:
        """Send what is left, and close."""
        if self._head:
            self.write(b"")
        self._transport.close()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)
