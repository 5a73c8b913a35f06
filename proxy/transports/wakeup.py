"""A wait of one task that ends at once, in the callback that ends it.

A future of asyncio resumes its task in the loop's next turn. For a chunk of a stream that turn, with its call of
`select`, costs as much as everything else that is done with the chunk.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Generator
from contextvars import Context
from typing import Any

_Callback = Callable[[Any], object]


class Wakeup:
    """Like asyncio.Future, for one waiter and without a value. `timed_out`: `time_out` has ended it.

    It has what a task asks of any future (docs.python.org/3/library/asyncio-extending.html, read 2026-11-27). Keep none
    for a second wait.
    """

    __slots__ = ("_asyncio_future_blocking", "_callback", "_context", "_is_cancelled", "_is_done", "_loop", "timed_out")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._asyncio_future_blocking = False  # a task looks for this: true while a task begins to wait
        self._callback: _Callback | None = None
        self._context: Context | None = None
        self._is_done = self._is_cancelled = self.timed_out = False

    def set(self) -> bool:
        """End the wait. False if it has ended already."""
        if self._is_done:
            return False
        self._is_done = True
        # Not in a variable: a task that fails keeps this frame, and would keep itself with its callback.
        if self._callback is None:
            return True
        if asyncio.current_task(self._loop) is not None:  # no task can run within another one
            self._loop.call_soon(self._callback, self, context=self._context)
        elif self._context is None:
            self._callback(self)
        else:
            self._context.run(self._callback, self)
        self._callback = None
        return True

    def time_out(self) -> None:
        """End the wait because it has taken too long."""
        self.timed_out = not self._is_done
        self.set()

    def done(self) -> bool:
        """Whether the wait has ended."""
        return self._is_done

    def cancel(self, msg: Any = None) -> bool:
        """End the wait with CancelledError, in the loop's next turn. False if it has ended already."""
        if self._is_done:
            return False
        self._is_done = self._is_cancelled = True
        callback, self._callback = self._callback, None
        if callback is not None:
            self._loop.call_soon(callback, self, context=self._context)
        return True

    def result(self) -> None:
        """Raise CancelledError if the wait was cancelled."""
        if self._is_cancelled:
            raise asyncio.CancelledError

    def add_done_callback(self, callback: _Callback, *, context: Context | None = None) -> None:
        """Have `callback` called when the wait ends, which is later."""
        self._callback, self._context = callback, context

    def get_loop(self) -> asyncio.AbstractEventLoop:
        """The loop of the task that waits."""
        return self._loop

    def __await__(self) -> Generator[Any, None, None]:
        if not self._is_done:
            self._asyncio_future_blocking = True
            yield self
        self.result()
