"""Work that nobody waits for, such as a log line, done a moment later. For servers: a function may be frozen."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

# How long work waits.
LATER_SECONDS = 0.01


class LaterWork:
    """Does work `LATER_SECONDS` later in one event loop, all of it together.

    A log line takes as long as a call's core when its code is cold, and it would stand before the caller's next call.
    Many in a row take a fraction of that.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._work: list[Callable[[], None]] = []

    def __call__(self, work: Callable[[], None]) -> None:
        """Do `work` later."""
        self._work.append(work)
        if len(self._work) == 1:
            self._loop.call_later(LATER_SECONDS, self._begin)

    def flush(self) -> None:
        """Do now what is left."""
        for item in self._take():
            item()

    def _begin(self) -> None:
        for item in self._take():
            self._do(item)

    def _do(self, item: Callable[[], None]) -> None:
        try:
            item()
        except Exception as error:  # one that fails leaves the others alone
            self._loop.call_exception_handler({"message": "Work after a call failed.", "exception": error})

    def _take(self) -> list[Callable[[], None]]:
        work, self._work = self._work, []
        return work
