"""The HTTP server that runs our apps: uvicorn's sockets, signals and processes, with connections of our own.

They call the app with a Request instead of going through ASGI, whose queues, events and dictionaries would take a
quarter of the time of a call (docs/performance.md). They parse with httptools if that is installed, else with h11, on
asyncio's own loop. Measurements decided this: uvloop was slower here, and other servers cost more at a cold start.
server_httptools.py and server_h11.py have one parser each, so a bundle without httptools never imports it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import asyncio

    import uvicorn
    from uvicorn.server import ServerState

    from proxy.adapters.server_connection import Connection
    from proxy.adapters.server_head import Parser, Receiver
    from proxy.adapters.server_shared import Shared

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
        "proxy_headers": False,  # our connections read them, and find the app itself in the configuration
        **more,
    }


def run(app: Any, host: str, port: int, keep_alive: int, grace: int | None = None) -> None:
    """Serve `app` until the platform stops the instance. Idle connections stay open for `keep_alive` seconds.

    `grace` is how many seconds running calls get after SIGTERM; None if they get all that they need.
    """
    import uvicorn

    options = settings(host=host, port=port, timeout_keep_alive=keep_alive, timeout_graceful_shutdown=grace)
    uvicorn.Server(uvicorn.Config(app, **options)).run()


def __getattr__(name: str) -> Connections:
    """Make `Protocol` on first use: the parent process of several workers needs no parser."""
    if name == "Protocol":
        return protocol()
    raise AttributeError(name)


class Connections:
    """Makes the connections of one uvicorn server. For uvicorn, it takes the place of a protocol class."""

    def __init__(self, parser: Callable[[Receiver], Parser]) -> None:
        self.parser = parser
        self._shared: Shared | None = None

    def __call__(
        self,
        config: uvicorn.Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> Connection:
        from proxy.adapters.server_connection import Connection
        from proxy.adapters.server_shared import Shared

        if self._shared is None:
            self._shared = Shared(config, server_state)
        return Connection(self._shared, self.parser)


def protocol(httptools: bool = True) -> Connections:
    """The connections for one more server: with httptools if that is wanted and installed, else with h11."""
    if httptools:
        try:
            from proxy.adapters.server_httptools import HttptoolsParser
        except ModuleNotFoundError:
            pass
        else:
            return Connections(HttptoolsParser)
    from proxy.adapters.server_h11 import H11Parser

    return Connections(H11Parser)
