"""How long a connection may stay in a phase."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from enum import Enum

from proxy.transports.alarm import Alarm

# How long a head may take as a whole, and a body without progress: an incomplete request could hold its connection
# forever. The same as nginx's (nginx.org/en/docs/http/ngx_http_core_module.html, client_header_timeout).
INCOMPLETE_SECONDS = 60.0


class Phase(Enum):
    """What a connection waits for."""

    IDLE = 0  # the next request
    HEAD = 1  # the rest of a head, or the first one
    BODY = 2  # the next part of a body
    ANSWER = 3  # nothing that is up to the caller


class Deadline:
    """Calls `on_passed` with the phase that has taken too long. Idle connections have `keep_alive_seconds`."""

    def __init__(
        self, loop: asyncio.AbstractEventLoop, keep_alive_seconds: float, on_passed: Callable[[Phase], None]
    ) -> None:
        self._loop = loop
        self._keep_alive_seconds = keep_alive_seconds
        self._on_passed = on_passed
        self._phase = Phase.ANSWER
        self._alarm = Alarm(loop)

    def enter(self, phase: Phase) -> None:
        """Note the phase, and that a body has made progress. In other phases, the time goes on as before."""
        if phase is self._phase and phase is not Phase.BODY:
            return
        self._phase = phase
        if phase is Phase.ANSWER:
            self._alarm.clear()
            return
        seconds = self._keep_alive_seconds if phase is Phase.IDLE else INCOMPLETE_SECONDS
        self._alarm.set(self._loop.time() + seconds, self._pass)

    def cancel(self) -> None:
        """Release the timer: the connection is closed."""
        self._alarm.stop()

    def _pass(self) -> None:
        self._on_passed(self._phase)
