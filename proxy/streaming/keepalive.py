"""The stage that keeps a silent stream's connection open: comments between events, which clients pass over.

Gateways and apps give up on a connection that carries nothing for half a minute; reasoning models think for longer.
A ping that comes due before the upstream has answered sends the reply's head out early, so it waits a while first.
"""

from __future__ import annotations

import re

from proxy.call import Call
from proxy.messages import Stream

PING = b": ping\n\n"
# An empty line after a comment dispatches an event in some clients once an id has been seen; without it none does.
PING_BEHIND_IDS = b": ping\n"
_ID = re.compile(rb"(?:^|[\r\n])id:")


def prepare(call: Call) -> None:
    """Nothing to do."""


def wrap(call: Call, stream: Stream) -> Stream:
    """Ping in streams of text, which is what waits for thought; other streams are left alone."""
    config = call.config
    if (
        not call.host.capabilities.streams
        or not call.streamed
        or call.protocol == "other"
        or not config.keepalive_seconds
    ):
        return stream
    return _Pinged(call, stream, config.keepalive_first_seconds, config.keepalive_seconds)


class _Pinged(Stream):
    """`first` and `every` are seconds of silence, from the call's start and from the last piece."""

    def __init__(self, call: Call, stream: Stream, first: float, every: float) -> None:
        self._call = call
        self._clock = call.host.clock
        self._stream = stream
        self._every = every
        self._due = call.started + first
        self._has_ids = False

    async def next(self, seconds: float | None = None) -> bytes | None:
        if self._call.is_sse is False:
            return await self._stream.next(seconds)  # a buffered answer, or one that cannot be looked into
        wait = max(0.0, self._due - self._clock.now())
        if seconds is not None and seconds < wait:
            return await self._stream.next(seconds)
        piece = await self._stream.next(wait)
        if piece:
            self._has_ids = self._has_ids or (b"id:" in piece and _ID.search(piece) is not None)
        if piece == b"":
            return piece  # the head alone breaks no silence
        self._due = self._clock.now() + self._every
        if piece is None:
            return PING_BEHIND_IDS if self._has_ids else PING
        return piece

    async def aclose(self) -> None:
        await self._stream.aclose()
