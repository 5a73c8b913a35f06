"""A connection to an upstream with at most one call at a time, between asyncio's transport and the HTTP/1.1 parser."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import cast

from proxy.errors import ProxyError, UpstreamDisconnected, UpstreamMalformed
from proxy.transports import http1
from proxy.transports.alarm import Alarm
from proxy.transports.wakeup import Wakeup
from proxy.upstream import timed_out

# Above this much unread data, reading from the socket pauses.
BUFFER_BYTES = 65_536
# A request body is written in slices of this size, so that an upstream that stops reading is noticed.
SLICE_BYTES = 262_144


class Connection(asyncio.BufferedProtocol):
    """A connection that asyncio feeds.

    - `on_closed`: called when the connection is closed.
    - `buffer`: where the loop writes received bytes. All connections of one loop may share it, because none leaves data
      there beyond one callback. By default asyncio allocates 256 KB for each read, which costs more than the rest of
      the work on most answers.
    - `has_received`: a byte has arrived since the last request began. Until then the upstream has not accepted it.
    - `idle_since`: when the connection became idle, in Unix time.
    """

    def __init__(self, on_closed: Callable[[Connection], None], buffer: memoryview) -> None:
        self._loop = asyncio.get_running_loop()
        self._on_closed = on_closed
        self._buffer = buffer
        self._transport: asyncio.Transport
        self._answer: http1.Answer | None = None
        self._chunks: list[bytes] = []
        self._buffered = 0
        self._reading = True  # whether the transport may read
        self._writing_paused = False  # the transport's write buffer is full
        self._sent = True  # the whole request has been written
        self._error: ProxyError | None = None
        self._waiter: Wakeup | None = None
        self._alarm = Alarm(self._loop)
        self.has_received = False
        self.idle_since = 0.0

    async def request(self, method: str, head: bytes, body: bytes, silence: float, first_byte: float) -> http1.Answer:
        """Send a request and return its answer as soon as the head is complete. Call `finish` at the end.

        `silence` and `first_byte` are timeouts in seconds. Raises UpstreamDisconnected, UpstreamTimeout or
        UpstreamMalformed.
        """
        self._answer = answer = http1.Answer(method)
        self.has_received = self._sent = False
        if self.closing:  # no further callback will report it
            raise UpstreamDisconnected
        self._transport.write(head + body[:SLICE_BYTES])
        self._sent = len(body) <= SLICE_BYTES or await self._send_rest(body, answer, silence)
        deadline = self._loop.time() + first_byte  # for the whole head, in case it arrives byte by byte
        while not answer.status:
            await self._wait(deadline - self._loop.time(), first_byte)
        return answer

    async def _send_rest(self, body: bytes, answer: http1.Answer, silence: float) -> bool:
        """Send what follows the first slice. False if the upstream has refused the call before that."""
        view = memoryview(body)
        for at in range(SLICE_BYTES, len(body), SLICE_BYTES):
            while self._writing_paused and not answer.status:
                await self._wait(silence)
            if answer.status >= 400:
                return False  # so the connection is not reused
            self._transport.write(view[at : at + SLICE_BYTES])
        return True

    async def next(self, seconds: float) -> bytes:
        """The next bytes of the body, waiting at most `seconds` for them.

        Raises StopAsyncIteration at the end, UpstreamTimeout, UpstreamDisconnected or UpstreamMalformed.
        """
        while not self._chunks:
            if cast(http1.Answer, self._answer).done:
                raise StopAsyncIteration
            await self._wait(seconds)
        chunks, self._chunks, self._buffered = self._chunks, [], 0
        if not self._reading:
            self._reading = True
            self._transport.resume_reading()
        return chunks[0] if len(chunks) == 1 else b"".join(chunks)

    @property
    def closing(self) -> bool:
        """Whether the connection is closed or closing."""
        return self._transport.is_closing()

    def finish(self) -> bool:
        """End the call, even if its answer has not been read completely. True if the connection can be reused."""
        answer, self._answer = self._answer, None
        error, self._error = self._error, None  # its traceback leads back here
        self._chunks, self._buffered = [], 0
        reusable = answer is not None and answer.done and answer.keep and self._sent and error is None
        if not reusable or self.closing or self._transport.get_write_buffer_size():
            self.abort()
            return False
        self._reading = True
        self._transport.resume_reading()
        return True

    def abort(self) -> None:
        """Close immediately, which cancels the call upstream."""
        self._answer = self._error = None
        self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def get_buffer(self, sizehint: int) -> memoryview:
        return self._buffer

    def buffer_updated(self, nbytes: int) -> None:
        answer = self._answer
        if answer is None:  # bytes without a request: do not use this connection for the next one
            self.abort()
            return
        self.has_received = True
        try:
            answer.feed(bytes(self._buffer[:nbytes]), self._chunks)
        except http1.Malformed as error:
            self._fail(UpstreamMalformed(str(error)))
            self._transport.abort()
            return
        self._buffered += nbytes
        if self._buffered > BUFFER_BYTES and self._reading and not answer.done:
            self._reading = False
            self._transport.pause_reading()
        self._wake()

    def connection_lost(self, error: Exception | None) -> None:
        self._alarm.stop()
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
        self._writing_paused = True

    def resume_writing(self) -> None:
        self._writing_paused = False
        self._wake()

    def _fail(self, error: ProxyError) -> None:
        """Record an error, to be raised after the bytes received before it. The first one counts."""
        self._error = self._error or error
        self._wake()

    async def _wait(self, seconds: float, limit: float | None = None) -> None:
        """Wait for any event. Raises a recorded error, or UpstreamTimeout, whose message names `limit` seconds."""
        if self._error is not None:
            raise self._error
        self._waiter = waiter = Wakeup(self._loop)
        self._alarm.set(self._loop.time() + seconds, waiter.time_out)
        try:
            await waiter
        finally:
            self._waiter = None
            self._alarm.clear()
        if waiter.timed_out:
            raise timed_out(limit or seconds)

    def _wake(self) -> None:
        if self._waiter is not None:
            self._waiter.set()
