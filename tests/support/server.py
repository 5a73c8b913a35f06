"""Sluice behind real uvicorn, on a free port, in a thread of this process."""

from __future__ import annotations

import contextlib
import json
import threading
import time
from collections.abc import Iterator, Mapping
from typing import Any

import uvicorn

from proxy.adapters import server
from proxy.adapters.asgi import App
from tests.support.upstream import CEILING


class Running:
    """Any ASGI app behind uvicorn, on a free port, in a thread."""

    def __init__(self, app: Any, http: str = "httptools") -> None:
        self.app = app
        settings = uvicorn.Config(app, **server.settings(port=0, http=server.protocol(http == "httptools")))
        self._server = uvicorn.Server(settings)
        self._thread = threading.Thread(target=self._server.run, daemon=True)
        self._thread.start()
        until = time.monotonic() + CEILING
        while not self._server.started:
            assert time.monotonic() < until and self._thread.is_alive(), "the server did not start"
            time.sleep(0.005)
        self.port: int = self._server.servers[0].sockets[0].getsockname()[1]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def close(self) -> None:
        self._server.should_exit = True
        self._thread.join(CEILING)


class Server(Running):
    """A running Sluice; `lines` are the log lines it has written, parsed."""

    def __init__(self, environ: Mapping[str, str], http: str = "httptools", kind: type[App] = App) -> None:
        self.raw_lines: list[str] = []
        super().__init__(kind(environ, write=self.raw_lines.append), http)

    @property
    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.raw_lines]

    def line(self, request_id: str | None) -> dict[str, Any]:
        """The log line of one call, which may be written a moment after its last byte."""
        until = time.monotonic() + CEILING
        while time.monotonic() < until:
            for line in self.lines:
                if line.get("request_id") == request_id and "ending" in line:
                    return line
            time.sleep(0.005)
        raise AssertionError(f"no log line for {request_id}")


@contextlib.contextmanager
def serving(http: str = "httptools", **environ: str) -> Iterator[Server]:
    """A server with these settings for the length of a `with`."""
    server = Server(environ, http)
    try:
        yield server
    finally:
        server.close()
