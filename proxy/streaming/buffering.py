"""Buffered doors: a platform that takes one value back gets the whole answer at once, with the truth in its headers."""

from __future__ import annotations

from proxy.call import Call
from proxy.errors import DeadlineReached, ResponseTooLarge
from proxy.messages import Envelope, Headers, Reply, media_type
from proxy.streaming.delivery import Delivery


async def hold(call: Call, reply: Reply) -> Reply:
    """`reply` with its body collected; a stream becomes valid SSE in one piece, marked `x-sluice-buffered: 1`.

    The head has not gone out, so a failure that came before any text raises its ProxyError and keeps its own status,
    and so does an answer above what the platform carries back. Behind text the last words stay in the stream, and
    `x-sluice-truncated` says why they came: deadline, upstream or response_limit.
    """
    envelope = call.request.envelope
    delivery = reply.body
    body = delivery if isinstance(delivery, bytes) else b""
    if isinstance(delivery, Delivery):
        body = await _collect(call, reply.headers, delivery, envelope)
    # Without the headers: what is this close to the limit is for the adapter to say, which sees the whole value.
    if envelope is not None and envelope.size(body, reply.headers) > envelope.limit:
        raise ResponseTooLarge(envelope.limit, envelope.where)
    if media_type(reply.headers) == "text/event-stream":
        reply.headers.set("x-sluice-buffered", "1")
    return Reply(reply.status, reply.headers, body)


async def _collect(call: Call, headers: Headers, delivery: Delivery, envelope: Envelope | None) -> bytes:
    room = 0 if envelope is None else envelope.room(headers)
    pieces: list[bytes] = []
    size = 0
    shrunk: _Shrunk | None = None
    try:
        async for piece in delivery:
            if shrunk is not None:
                shrunk.add(piece)
                if shrunk.is_full:
                    break  # the rest would be paid for, and could not be carried
                continue
            pieces.append(piece)
            # Counted while it comes: a function that first took all of a large file would run out of memory.
            size += envelope.text_size(piece) if envelope is not None and call.is_sse else len(piece)
            if envelope is None or size <= room:
                continue
            if call.is_sse and call.protocol.known:
                shrunk = _Shrunk(call, envelope, room)
                for one in pieces:
                    shrunk.add(one)
                pieces.clear()
            elif size > envelope.limit:
                raise ResponseTooLarge(envelope.limit, envelope.where)
    finally:
        await delivery.close_unlogged()
    body = b"".join(pieces) if shrunk is None else shrunk.end()
    if shrunk is not None and shrunk.is_full:
        call.outcome.ending = ResponseTooLarge.code
        headers.set("x-sluice-truncated", "response_limit")
    elif (failure := delivery.failure) is not None:
        if not delivery.has_text:
            raise failure
        call.outcome.ending = failure.code
        headers.set("x-sluice-truncated", "deadline" if isinstance(failure, DeadlineReached) else "upstream")
    return body


class _Shrunk:
    """A stream that is too large as it is: its deltas merged, and if that is not enough, cut with true last words."""

    def __init__(self, call: Call, envelope: Envelope, room: int) -> None:
        from proxy.protocols.merge import Coalescer  # few answers ever need it

        self._call = call
        self._envelope = envelope
        self._room = room
        self._coalescer = Coalescer(call.protocol)
        self._events: list[bytes] = []
        self._size = 0
        self.is_full = False

    def add(self, piece: bytes) -> None:
        self._keep(self._coalescer.feed(piece))

    def end(self) -> bytes:
        """All of it, or as much as there is room for with the last words behind it. Raises ResponseTooLarge."""
        if not self.is_full:
            self._keep(self._coalescer.rest())
        if not self.is_full:
            return b"".join(self._events)
        # What the last words are depends on what stands before them, so they are looked up again when that is less.
        while (words := self._last_words()) is not None:
            end = self._envelope.text_size(words)
            if self._size + end <= self._room:
                return b"".join([*self._events, words])
            while self._events and self._size + end > self._room:
                self._size -= self._envelope.text_size(self._events.pop())
        raise ResponseTooLarge(self._envelope.limit, self._envelope.where)

    def _last_words(self) -> bytes | None:
        state = self._call.protocol.state(self._call.choices)
        for event in self._events:
            state.feed(event)
        return state.truncated("response_limit")

    def _keep(self, events: list[bytes]) -> None:
        for event in events:
            self._events.append(event)
            self._size += self._envelope.text_size(event)
        self.is_full = self._size > self._room
