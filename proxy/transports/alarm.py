"""A timer for many waits, each of which is nearly always over before it: setting one for each costs more."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from math import inf


class Alarm:
    """Calls back when the time of a wait is up. There is one wait at a time, by the loop's clock, in seconds."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._due = self._timer_at = inf  # Pyodide's handles of timers do not say when they fire
        self._timer: asyncio.Handle | None = None  # may fire earlier: it then looks at `_due`
        # Given for each wait and then forgotten: kept, it would make a cycle of its object and this one.
        self._on_due: Callable[[], object] | None = None

    def set(self, due: float, on_due: Callable[[], object]) -> None:
        """Call `on_due` at `due`, unless the wait is over before. Replaces the wait before."""
        self._due, self._on_due = due, on_due
        if due < self._timer_at:
            self._arm()

    def clear(self) -> None:
        """The wait is over."""
        self._due, self._on_due = inf, None

    def stop(self) -> None:
        """There will be no other wait: release the timer."""
        self.clear()
        if self._timer is not None:
            self._timer.cancel()
            self._timer, self._timer_at = None, inf

    def _arm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        seconds = max(0.0, self._due - self._loop.time())  # Pyodide's loop refuses to look back
        self._timer, self._timer_at = self._loop.call_later(seconds, self._look), self._due

    def _look(self) -> None:
        self._timer, self._timer_at = None, inf
        on_due = self._on_due
        if on_due is None:
            return
        if self._loop.time() < self._due:  # it was set for a wait that is over
            self._arm()
            return
        self.clear()
        on_due()
