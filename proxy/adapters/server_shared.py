"""What the connections of one server share: the app, uvicorn's state, the receive buffer, the proxies to trust."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, cast

from proxy.errors import ProxyError
from proxy.messages import Reply, Request

if TYPE_CHECKING:
    import uvicorn
    from uvicorn.server import ServerState

# asyncio allocates 256 KB for each read of other protocols, which costs 15 µs. All connections share one buffer of this
# size, because none leaves bytes there.
READ_BYTES = 65_536


class Application(Protocol):
    """What answers the requests."""

    async def respond(self, request: Request) -> Reply:
        """Answer a request. Cancelled when the caller leaves."""

    def refuse(self, error: ProxyError) -> Reply:
        """The answer to a request that breaks a rule of HTTP."""


class Shared:
    """What the connections of one server share."""

    def __init__(self, config: uvicorn.Config, state: ServerState) -> None:
        from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

        self.app = cast(Application, config.loaded_app)
        self.state = state
        self.keep_alive_seconds = config.timeout_keep_alive
        self.buffer = memoryview(bytearray(READ_BYTES))
        self.trusted_proxies = ProxyHeadersMiddleware(config.loaded_app, config.forwarded_allow_ips).trusted_hosts
        self._default_headers: list[tuple[bytes, bytes]] = []
        self._default_lines = ""

    def default_lines(self) -> str:
        """The header lines of every answer, such as the date. uvicorn makes them anew once per second."""
        headers = self.state.default_headers
        if headers is not self._default_headers:
            self._default_headers = headers
            self._default_lines = b"".join([b"%b: %b\r\n" % pair for pair in headers]).decode("latin-1")
        return self._default_lines
