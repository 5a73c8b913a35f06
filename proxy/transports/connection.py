"""One connection to an upstream and the one call under way on it: asyncio's transport below, HTTP/1.1's bytes above."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable
from typing import cast

from proxy.errors import ProxyError, UpstreamDisconnected, UpstreamMalformed
from proxy.transports import http1
from proxy.upstream import timed_out

# So much of an answer waits here for a slow reader; above it nothing more is read from the socket.
BUFFER_BYTES = 65_536
# A request's body goes out in such slices, so that an upstream that takes none of them is noticed.
SLICE_BYTES = 262_144


class Connection(asyncio.BufferedProtocol):
    """`on_closed` is told when it is over. `kept_at` is the wall clock's word on when it fell idle.

    `received` is where the loop writes what it receives. All connections of one loop may share it: none of them leaves
    anything there beyond one step. Left to itself asyncio makes a buffer of 256 KB for each read, which costs more than
    all that is done with most answers.

    `heard` says whether any byte has come since the last request began: until then nobody has taken that request.
    """

    def __init__(self, on_closed: Callable[[Connection], None], received: memoryview) -> None:
        self._loop = asyncio.get_running_loop()
        self._on_closed = on_closed
        self._received = received
        self._transport: asyncio.Transport
        self._answer: http1.Answer | None = None
        self._pieces: list[bytes] = []
        self._buffered = 0
        self._reading = True  # whether the transport may read
        self._full = False  # whether the transport's own buffer for writing is
        self._sent = True
        self._error: ProxyError | None = None
        self._waiter: asyncio.Future[None] | None = None
        self._due = math.inf
        self._timer: asyncio.TimerHandle | None = None
        self.heard = False
        self.kept_at = 0.0

    async def ask(self, method: str, head: bytes, body: bytes, silence: float, first_byte: float) -> http1.Answer:
        """Send a request; its answer, as soon as the head is there. `silence` and `first_byte` are in seconds.

        Raises UpstreamDisconnected, UpstreamTimeout or UpstreamMalformed. Whoever gets it ends with `finish`.
        """
        self._answer = answer = http1.Answer(method)
        self.heard = self._sent = False
        if self.closing:  # already: nobody will say so again
            raise UpstreamDisconnected
        view = memoryview(body)
        self._transport.write(b"".join((head, view[:SLICE_BYTES])))
        for at in range(SLICE_BYTES, len(body), SLICE_BYTES):
            while self._full and not answer.status:
                await self._wait(silence)
            if answer.status >= 400:
                break  # refused before it was read; the rest would be for nothing, and `_sent` tells that it is missing
            self._transport.write(view[at : at + SLICE_BYTES])
        else:
            self._sent = True
        until = self._loop.time() + first_byte  # for the whole head: one that drips in must not take forever
        while not answer.status:
            await self._wait(until - self._loop.time(), first_byte)
        return answer

    async def next(self, seconds: float) -> bytes:
        """What has come of the body since the last time, at once or within `seconds`; b"" at its end.

        Raises UpstreamTimeout, UpstreamDisconnected or UpstreamMalformed.
        """
        while not self._pieces:
            if cast(http1.Answer, self._answer).done:
                return b""
            await self._wait(seconds)
        pieces, self._pieces, self._buffered = self._pieces, [], 0
        if not self._reading:
            self._reading = True
            self._transport.resume_reading()
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    @property
    def closing(self) -> bool:
        """Whether nothing more can be sent."""
        return self._transport.is_closing()

    def finish(self) -> bool:
        """End the call, whether its answer has been read or not. True where the connection can carry another one."""
        answer, self._answer = self._answer, None
        self._pieces, self._buffered = [], 0
        usable = answer is not None and answer.done and answer.keep and self._sent and self._error is None
        if not usable or self.closing or self._transport.get_write_buffer_size():
            self.abort()
            return False
        self._reading = True
        self._transport.resume_reading()
        return True

    def abort(self) -> None:
        """Close at once; the upstream sees its call cancelled."""
        self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def get_buffer(self, sizehint: int) -> memoryview:
        return self._received

    def buffer_updated(self, nbytes: int) -> None:
        answer = self._answer
        if answer is None:  # nobody has asked: whoever speaks out of turn cannot be trusted with the next call
            self.abort()
            return
        self.heard = True
        try:
            answer.feed(bytes(self._received[:nbytes]), self._pieces)
        except http1.Malformed as error:
            self._fail(UpstreamMalformed(str(error)))
            self.abort()
            return
        self._buffered += nbytes
        if self._buffered > BUFFER_BYTES and self._reading and not answer.done:
            self._reading = False
            self._transport.pause_reading()
        self._wake()

    def connection_lost(self, error: Exception | None) -> None:
        if self._timer is not None:
            self._timer.cancel()
        if self._answer is not None:
            try:
                if error is None:
                    self._answer.end()
                elif not self._answer.done:
                    raise http1.Incomplete
            except http1.Incomplete:
                self._fail(UpstreamDisconnected())
            self._wake()
        self._on_closed(self)

    def pause_writing(self) -> None:
        self._full = True

    def resume_writing(self) -> None:
        self._full = False
        self._wake()

    def _fail(self, error: ProxyError) -> None:
        """What has come before it is still delivered. The first error is the true one."""
        self._error = self._error or error
        self._wake()

    async def _wait(self, seconds: float, limit: float | None = None) -> None:
        """Until anything happens. Raises what had ended the connection, or UpstreamTimeout, which tells `limit`."""
        if self._error is not None:
            raise self._error
        self._due = self._loop.time() + seconds
        # One timer serves many waits: it looks at `_due` when it fires, and mostly that has moved on by then.
        if self._timer is None or self._timer.when() > self._due:
            self._arm(self._due)
        self._waiter = self._loop.create_future()
        try:
            await self._waiter
        finally:
            self._waiter = None
            overdue, self._due = self._due == -math.inf, math.inf
        if overdue:
            raise timed_out(limit or seconds)

    def _arm(self, when: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._loop.call_at(when, self._tick)

    def _tick(self) -> None:
        self._timer = None
        if self._loop.time() >= self._due:
            # What is waited for may have come at this moment: then nothing is overdue.
            self._due = -math.inf if self._wake() else self._due
        elif self._due < math.inf:
            self._arm(self._due)

    def _wake(self) -> bool:
        """Let whoever waits go on; False where nobody does."""
        waits = self._waiter is not None and not self._waiter.done()
        if waits:
            cast("asyncio.Future[None]", self._waiter).set_result(None)
        return waits
