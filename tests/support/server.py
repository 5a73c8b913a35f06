"""Sluice behind our server, on a free port, in a thread of this process."""

from __future__ import annotations

import asyncio
import contextlib
import json
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import pytest
import uvicorn

from proxy.adapters import server
from proxy.adapters.asgi import App
from tests.support.upstream import CEILING

# How old a Date header may get. The doctor calls a clock skewed that is a minute off.
DATE_SECONDS = 20.0


class _Uvicorn(uvicorn.Server):
    """Waits until it is stopped. uvicorn's own looks ten times a second, too much where hundreds of servers idle."""

    _loop: asyncio.AbstractEventLoop | None = None

    async def main_loop(self) -> None:
        self._stopped = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        while not self.should_exit:
            await self.on_tick(0)  # writes the Date header anew
            with contextlib.suppress(asyncio.TimeoutError):
                await asyncio.wait_for(self._stopped.wait(), DATE_SECONDS)

    def stop(self) -> None:
        self.should_exit = True
        if self._loop is not None:
            with contextlib.suppress(RuntimeError):  # the loop has ended
                self._loop.call_soon_threadsafe(self._stopped.set)


class Running:
    """An app behind our server with this parser, on a free port, in a thread. `plain` is uvicorn as it comes."""

    def __init__(self, app: Any, http: str = "httptools") -> None:
        self.app = app
        connections = "h11" if http == "plain" else server.protocol(http == "httptools")
        self._server = _Uvicorn(uvicorn.Config(app, **server.settings(port=0, http=connections)))
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

    def stop(self) -> None:
        """Let it begin to stop, which takes a while; `close` waits for its end."""
        self._server.stop()

    def close(self) -> None:
        self.stop()
        self._thread.join(CEILING)


def close_all(servers: Iterable[Running]) -> None:
    """Stop them side by side: one after the other, hundreds of servers take most of a minute."""
    stopping = list(servers)
    for one in stopping:
        one.stop()
    for one in stopping:
        one.close()


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


def config_of(main: Callable[[], None], environ: Mapping[str, str | None], patch: pytest.MonkeyPatch) -> uvicorn.Config:
    """How a platform's `main` starts the server, where these variables are set, or not set if None."""
    seen: list[uvicorn.Config] = []
    patch.setattr(uvicorn.Server, "run", lambda self: seen.append(self.config))
    for name, value in environ.items():
        if value is None:
            patch.delenv(name, raising=False)
        else:
            patch.setenv(name, value)
    main()
    (config,) = seen
    return config
