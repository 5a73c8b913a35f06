"""Buffered entry points: a platform that takes a single value gets the whole answer, marked in its headers."""

from __future__ import annotations

from proxy.call import Call
from proxy.errors import ResponseTooLarge
from proxy.messages import Envelope, Headers, Reply, media_type
from proxy.streaming.delivery import Delivery, truncation_reason


async def buffer(call: Call, reply: Reply) -> Reply:
    """Return `reply` with its body collected. A stream becomes valid SSE in one piece, with `x-sluice-buffered: 1`.

    A failure before any text raises its ProxyError, since the head has not gone out and can still carry the status. An
    answer above the platform's limit raises ResponseTooLarge. After text, the stream ends with its final event, and
    `x-sluice-truncated` gives the reason: deadline, upstream or response_limit.
    """
    envelope = call.request.envelope
    delivery = reply.body
    body = delivery if isinstance(delivery, bytes) else b""
    if isinstance(delivery, Delivery):
        body = await _collect(call, reply.headers, delivery, envelope)
    # Only the body is measured. So close to the limit, the adapter decides, which sees the whole value.
    if envelope is not None and envelope.size(body, reply.headers) > envelope.limit:
        raise ResponseTooLarge(envelope.limit, envelope.where)
    if media_type(reply.headers) == "text/event-stream":
        reply.headers.set("x-sluice-buffered", "1")
    return Reply(reply.status, reply.headers, body)


async def _collect(call: Call, headers: Headers, delivery: Delivery, envelope: Envelope | None) -> bytes:
    room = 0 if envelope is None else envelope.room(headers)
    pieces: list[bytes] = []
    size = 0
    merged: _MergedBody | None = None
    try:
        async for piece in delivery:
            if merged is not None:
                merged.add(piece)
                if merged.is_full:
                    break  # the rest costs money and does not fit
                continue
            pieces.append(piece)
            # Measured piece by piece: collecting a large file first would exhaust the function's memory.
            size += envelope.text_size(piece) if envelope is not None and call.is_sse else len(piece)
            if envelope is None or size <= room:
                continue
            if call.is_sse and call.protocol.known:
                merged = _MergedBody(call, envelope, room)
                for earlier in pieces:
                    merged.add(earlier)
                pieces.clear()
            elif size > envelope.limit:
                raise ResponseTooLarge(envelope.limit, envelope.where)
    finally:
        await delivery.close_unlogged()
    body = b"".join(pieces) if merged is None else merged.end()
    if merged is not None and merged.is_full:
        call.outcome.ending = ResponseTooLarge.code
        headers.set("x-sluice-truncated", "response_limit")
    elif (failure := delivery.failure) is not None:
        if not delivery.has_text:
            raise failure
        call.outcome.ending = failure.code
        headers.set("x-sluice-truncated", truncation_reason(failure))
    return body


class _MergedBody:
    """A stream that is too large: its deltas are merged, and if that is not enough, it is cut and properly ended."""

    def __init__(self, call: Call, envelope: Envelope, room: int) -> None:
        from proxy.protocols.merge import Coalescer  # few answers need it

        self._call = call
        self._envelope = envelope
        self._room = room
        self._coalescer = Coalescer(call.protocol.merged)
        self._events: list[bytes] = []
        self._size = 0
        self.is_full = False

    def add(self, piece: bytes) -> None:
        self._keep(self._coalescer.feed(piece))

    def end(self) -> bytes:
        """Return the stream, or as much of it as fits with a final event. Raises ResponseTooLarge if that is none."""
        if not self.is_full:
            self._keep(self._coalescer.rest())
        if not self.is_full:
            return b"".join(self._events)
        # The final event depends on the events before it, so it is built again after some are dropped.
        while (final := self._final_event()) is not None:
            final_size = self._envelope.text_size(final)
            if self._size + final_size <= self._room:
                return b"".join([*self._events, final])
            while self._events and self._size + final_size > self._room:
                self._size -= self._envelope.text_size(self._events.pop())
        raise ResponseTooLarge(self._envelope.limit, self._envelope.where)

    def _final_event(self) -> bytes | None:
        state = self._call.prepared(self._call.protocol.state(self._call.choices))
        for event in self._events:
            state.feed(event)
        return state.truncated("response_limit")

    def _keep(self, events: list[bytes]) -> None:
        for event in events:
            self._events.append(event)
            self._size += self._envelope.text_size(event)
        self.is_full = self._size > self._room
