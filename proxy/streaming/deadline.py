"""The stage that ends a call before the platform does: a stream with true last words, anything else with a 504."""

from __future__ import annotations

from proxy.call import Call
from proxy.errors import DeadlineReached
from proxy.messages import Stream


def prepare(call: Call) -> None:
    """Nothing to do."""


def wrap(call: Call, stream: Stream) -> Stream:
    """Limit every wait, where there is a deadline at all."""
    return stream if call.ends_at is None else _Limited(call, stream, call.ends_at)


class _Limited(Stream):
    """Raises DeadlineReached when the time is up, also for a stream that never falls silent."""

    def __init__(self, call: Call, stream: Stream, ends_at: float) -> None:
        self._clock = call.host.clock
        self._limit = call.request.deadline
        self._stream = stream
        self._ends_at = ends_at

    async def next(self, seconds: float | None = None) -> bytes | None:
        left = self._ends_at - self._clock.now()
        if left <= 0:
            raise DeadlineReached(self._limit)
        if seconds is not None and seconds < left:
            return await self._stream.next(seconds)
        piece = await self._stream.next(left)
        if piece is None:
            raise DeadlineReached(self._limit)
        return piece

    async def aclose(self) -> None:
        await self._stream.aclose()
