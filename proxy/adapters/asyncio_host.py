"""What adapters on asyncio share: the clock, the host, and an instance with its settings and its upstream.

Not part of the core: importing `proxy.relay` does not load this module.
"""

from __future__ import annotations

import asyncio
import os
import random
import sys
import time
from collections.abc import AsyncIterable, Callable, Mapping
from contextlib import suppress
from functools import cache
from typing import TYPE_CHECKING, Any, TypeVar

from proxy import error_reply, log, startup, transports
from proxy.adapters.asyncio_pump import AsyncioPump, AsyncioReader
from proxy.errors import ConfigError
from proxy.host import Capabilities, Clock, Host
from proxy.messages import Reply, Request
from proxy.relay import relay
from proxy.settings import regions
from proxy.settings.config import Config

if TYPE_CHECKING:
    from concurrent.futures import ThreadPoolExecutor

T = TypeVar("T")
Write = Callable[[str], None]  # takes one log line without its line end
_THREADS = 2  # token counting releases the interpreter lock; platforms have about two cores


def new_id() -> str:
    """A request id that nobody can guess."""
    return f"sl_{os.urandom(12).hex()}"


def write_line(line: str) -> None:
    """Write a line to standard output at once. Adapters that have pipes use log_output.py instead."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def make_host(
    *,
    platform: str,
    streams: bool,
    body_limit: int | None,
    write: Write = write_line,
    rewrites_stream: bool = True,
    clock: Clock | None = None,
) -> Host:
    """The host of one process. `body_limit` is the largest request body in bytes, None if there is no limit."""
    capabilities = Capabilities(streams=streams, rewrites_stream=rewrites_stream, body_limit=body_limit)
    # From the system, like ids: instances that are restored from one snapshot (Lambda's SnapStart) share every other
    # generator's state (docs.aws.amazon.com/lambda/latest/dg/snapstart-uniqueness.html, read 2026-11-26).
    choose = random.SystemRandom().randrange
    return Host(platform, capabilities, clock or AsyncioClock(), new_id=new_id, choose=choose, write=write)


class Instance:
    """One running instance: its host, and the settings and upstream, which it makes on first use.

    Subclasses describe their platform in class attributes. `body_limit` is the largest request body in bytes,
    `region_variable` the environment variable that names the region.
    """

    platform: str
    streams = True
    body_limit: int | None = None
    region_variable: str | None = None

    def __init__(
        self,
        environ: Mapping[str, str],
        write: Write,
        upstream: transports.ClosableUpstream | None = None,
        clock: Clock | None = None,
    ) -> None:
        self.host = make_host(
            platform=self.platform, streams=self.streams, body_limit=self.body_limit, write=write, clock=clock
        )
        if self.region_variable:
            self.host.region = self.region_name(environ.get(self.region_variable, "")) or None
        self._environ = environ
        self._upstream = upstream
        self._config: Config | None = None

    def region_name(self, written: str) -> str:
        """The region's name, as regions are compared, of what the environment says."""
        return written

    def start(self) -> tuple[Config, transports.ClosableUpstream]:
        """The settings and the upstream, made by the first successful call. Raises ConfigError."""
        if self._config is None or self._upstream is None:
            settings = startup.load_with_file(self._environ)
            self._upstream = self._upstream or transports.make(settings, self.host)
            if settings.store is not None:
                from proxy import store  # few deployments have one

                store.of(settings, self._upstream, self.host)
            self._config = settings
            self._warn_about_region()
        return self._config, self._upstream

    async def answer(self, request: Request) -> Reply:
        """Relay a request. While a setting is wrong, the answer is a 500 that names the setting."""
        try:
            settings, upstream = self.start()
        except ConfigError as error:
            return error_reply.answer(error, self.host, request.headers, request.method)
        return await relay(request, settings, upstream, self.host)

    def learn_region(self, region: str) -> None:
        """Keep the region that the platform reported. Logs a warning if OpenAI does not serve a new region."""
        if region != self.host.region:
            self.host.region = region
            self._warn_about_region()

    def log(self, level: str, fields: dict[str, Any]) -> None:
        """Write a log line that belongs to no call, subject to LOG_LEVEL."""
        log.line(self.host, self._config.log_level if self._config else "info", level, fields)

    async def aclose(self) -> None:
        """Close the connections to the store and to upstreams."""
        if self.host.store is not None:
            from proxy.cost import bookings

            await bookings.flush(self.host, self._config)
            await self.host.store.aclose()
        if self._upstream is not None:
            await self._upstream.aclose()

    def _warn_about_region(self) -> None:
        message = regions.warning(self.host.region, self._config) if self._config else None
        if message:
            self.log("warning", {"event": "region", "message": message})


class FunctionInstance(Instance):
    """An instance that its platform calls synchronously, with one event at a time.

    It keeps one event loop for life, because pooled connections belong to the loop that opened them.
    """

    def __init__(self, environ: Mapping[str, str], write: Write) -> None:
        super().__init__(environ, write)
        self._loop = asyncio.new_event_loop()

    def prepare(self) -> None:
        """Do the work of the first call in advance. Each call reports a wrong setting, so this does not."""
        with suppress(ConfigError):
            self.start()

    def close(self) -> None:
        """Close the connections and the loop. Platforms just stop the instance; tests call this."""
        self._loop.run_until_complete(self.aclose())
        self._loop.close()


class AsyncioClock:
    """host.Clock on the running event loop."""

    def now(self) -> float:
        return time.monotonic()

    def wall(self) -> float:
        return time.time()

    def pump(self, pieces: AsyncIterable[bytes]) -> AsyncioPump:
        return AsyncioPump(pieces)

    def reader(self, pieces: AsyncIterable[bytes]) -> AsyncioReader:
        return AsyncioReader(pieces)

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

    async def offload(self, work: Callable[[], T], lane: str = "") -> T:
        """Run `work` in a thread of its lane."""
        if sys.platform == "emscripten":  # pragma: no cover — Pyodide has no threads, and a Worker counts no tokens
            return work()
        return await asyncio.get_running_loop().run_in_executor(_threads(lane), work)


@cache
def _threads(lane: str) -> ThreadPoolExecutor:
    from concurrent.futures import ThreadPoolExecutor  # only deployments that count tokens or have a store need it

    return ThreadPoolExecutor(1 if lane else _THREADS, thread_name_prefix=f"sluice-{lane}")
