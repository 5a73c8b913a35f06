"""The clock of hosts that run on asyncio. Not part of the core: importing `proxy.relay` does not load this."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import AsyncIterable, Callable
from functools import lru_cache
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from concurrent.futures import ThreadPoolExecutor

T = TypeVar("T")
_THREADS = 2


@lru_cache(maxsize=1)
def _threads() -> ThreadPoolExecutor:
    from concurrent.futures import ThreadPoolExecutor  # few deployments count

    return ThreadPoolExecutor(_THREADS, thread_name_prefix="sluice")


class AsyncioClock:
    """host.Clock over the running event loop."""

    def now(self) -> float:
        return time.monotonic()

    def wall(self) -> float:
        return time.time()

    def pump(self, pieces: AsyncIterable[bytes]) -> AsyncioPump:
        return AsyncioPump(pieces)

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

    async def offload(self, work: Callable[[], T]) -> T:
        """In a thread: counting's own code lets go of the interpreter's lock. Two are enough for two cores."""
        if sys.platform == "emscripten":  # pragma: no cover — Pyodide has no threads, and a Worker nothing that counts
            return work()
        return await asyncio.get_running_loop().run_in_executor(_threads(), work)


class AsyncioPump:
    """One task reads `pieces` and stays at most one piece ahead of whoever takes them, so back-pressure holds."""

    def __init__(self, pieces: AsyncIterable[bytes]) -> None:
        self._pieces = pieces
        self._loop = asyncio.get_running_loop()
        self._piece: bytes | None = None
        self._end: Exception | None = None
        self._reader: asyncio.Future[None] | None = None  # the taker waits on it for a piece
        self._room: asyncio.Future[None] | None = None  # the task waits on it for the piece to be taken
        self._task: asyncio.Task[None] | None = self._loop.create_task(self._run())

    async def next(self, seconds: float | None) -> bytes | None:
        if self._piece is None and self._end is None:
            self._reader = reader = self._loop.create_future()
            timer = None if seconds is None else self._loop.call_later(seconds, _wake, reader)
            try:
                await reader
            finally:
                self._reader = None
                if timer is not None:
                    timer.cancel()
        if self._piece is not None:
            piece, self._piece = self._piece, None
            _wake(self._room)
            return piece
        if self._end is not None:
            raise self._end
        return None

    async def aclose(self) -> None:
        # Let go of, for a cancelled task keeps the frames that it was cancelled in, and so this pump.
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            # Not `await task`: its CancelledError could not be told from one that is meant for the caller.
            await asyncio.wait([task])

    async def _run(self) -> None:
        end: Exception = StopAsyncIteration()
        try:
            async for piece in self._pieces:
                while self._piece is not None:
                    self._room = self._loop.create_future()
                    await self._room
                self._piece = piece
                _wake(self._reader)
        except Exception as error:
            end = error
        self._end = end
        _wake(self._reader)


def _wake(future: asyncio.Future[None] | None) -> None:
    if future is not None and not future.done():
        future.set_result(None)
