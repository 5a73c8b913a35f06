"""Observe one attempt to send a request through httpcore: whether its connection is new, and whether bytes arrived."""

from __future__ import annotations

from contextvars import ContextVar
from typing import Any

import httpcore


class Attempt:
    """What happened in one attempt.

    - `is_new`: it opened a connection rather than reusing one; `connect_failed`: that failed.
    - `has_received`: a byte of an answer has arrived.
    """

    def __init__(self) -> None:
        self.is_new = self.connect_failed = False
        self.has_received = False

    def observe(self) -> None:
        """Observe the reads of the current task from now on."""
        _current.set(self)

    async def trace(self, event: str, info: dict[str, Any]) -> None:
        """The `trace` extension of the request."""
        if event.startswith("connection.connect"):
            self.is_new = True
            self.connect_failed = event.endswith(".failed")


_current: ContextVar[Attempt] = ContextVar("attempt")


class ObservedBackend(httpcore.AsyncNetworkBackend):
    """A network backend whose streams tell the attempt of the task that reads them when bytes arrive."""

    def __init__(self, backend: httpcore.AsyncNetworkBackend) -> None:
        self._backend = backend

    async def connect_tcp(self, *args: Any, **kwargs: Any) -> httpcore.AsyncNetworkStream:
        return ObservedStream(await self._backend.connect_tcp(*args, **kwargs))


class ObservedStream(httpcore.AsyncNetworkStream):
    """See ObservedBackend."""

    def __init__(self, stream: httpcore.AsyncNetworkStream) -> None:
        self._stream = stream
        self.write = stream.write  # type: ignore[method-assign]
        self.aclose = stream.aclose  # type: ignore[method-assign]
        self.get_extra_info = stream.get_extra_info  # type: ignore[method-assign]

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        data = await self._stream.read(max_bytes, timeout)
        if data and (attempt := _current.get(None)) is not None:
            attempt.has_received = True
        return data

    async def start_tls(self, *args: Any, **kwargs: Any) -> httpcore.AsyncNetworkStream:
        return ObservedStream(await self._stream.start_tls(*args, **kwargs))
