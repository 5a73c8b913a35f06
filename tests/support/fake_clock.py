"""Fake time for what runs without sockets: a wait ends at once, and the clock then stands where it would have ended.

What happens in such a test depends on the order of events alone, so it is the same on a busy machine.
"""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from proxy.adapters.asyncio_host import AsyncioClock
from tests.support.upstream import CEILING

T = TypeVar("T")
_TURN = 1e-6  # a turn of the loop takes time here too: otherwise a wait of 1e-18 s would never end


class FakeClock(AsyncioClock):
    """The time of the running loop: fake under `run`, real under asyncio.run. Nothing is done in threads."""

    def now(self) -> float:
        try:
            return asyncio.get_running_loop().time()
        except RuntimeError:  # no loop runs, and so no time passes
            return 0.0

    async def offload(self, work: Callable[[], T], lane: str = "") -> T:
        return work()


class _Skipping(selectors.DefaultSelector):
    """Where the loop would wait for its next timer, the clock moves on to it instead."""

    seconds = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None:
            found = super().select(CEILING)
            assert found, "nothing is left that could wake this test"
            return found
        self.seconds += max(timeout, _TURN)
        return super().select(0)


class _Loop(asyncio.SelectorEventLoop):
    def __init__(self) -> None:
        self._skipping = _Skipping()
        super().__init__(self._skipping)

    def time(self) -> float:
        return self._skipping.seconds


def run(coroutine: Coroutine[Any, Any, T]) -> T:
    """asyncio.run in fake time, which begins at 0."""
    loop = _Loop()
    try:
        return loop.run_until_complete(_alone(coroutine))
    finally:
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.close()


async def _alone(coroutine: Coroutine[Any, Any, T]) -> T:
    """Leaves no task behind, as asyncio.run does."""
    try:
        return await coroutine
    finally:
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)
