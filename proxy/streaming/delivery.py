"""Sending the reply: its head, its body, a final event if the stream cannot end by itself, and the log line."""

from __future__ import annotations

from typing import Any

from proxy import log
from proxy.access import headers
from proxy.call import Call
from proxy.errors import (
    ClientGone,
    DeadlineReached,
    ProxyError,
    ResponseTooLarge,
    Unexpected,
    UpstreamDisconnected,
    UpstreamNotStreaming,
)
from proxy.messages import ByteStream, Headers, Reply

# The ending in the log of a stream whose last event is an error from the upstream.
UPSTREAM_ERROR = "upstream_error"
_SSE_HEADERS = (("cache-control", "no-cache, no-transform"), ("x-accel-buffering", "no"))


async def open_reply(call: Call, stream: ByteStream, passive: bool) -> Reply:
    """Wait for the head, or for an earlier ping, and start the reply with it.

    `passive` says that no stage needs the bytes, so the platform's native stream may bypass them. An error up to this
    point closes the stream and is raised, so that the reply has the error's own status.
    """
    try:
        first = await stream.__anext__()
        if call.outcome.whole:
            first += b"".join([piece async for piece in stream])
            await stream.aclose()
        limit = call.request.plain_limit
        if limit is not None and call.is_sse is False and (call.outcome.length or 0) > limit:
            raise ResponseTooLarge(limit, f"this platform ({call.host.platform})")
    except BaseException:
        await stream.aclose()
        raise
    is_stream = call.outcome.headers is None or call.outcome.kind == "text/event-stream"
    if call.outcome.headers is None:
        head = Headers([("content-type", "text/event-stream; charset=utf-8")])
    else:
        head = Headers.of_lower(headers.downward(call.outcome.headers, call.own_key, call.api))
    if call.outcome.length is not None:
        head.set("content-length", str(call.outcome.length))
    if is_stream:
        for name, value in _SSE_HEADERS:
            head.set(name, value)
    return Reply(call.outcome.status, head, first if call.outcome.whole else Delivery(call, stream, first, passive))


def truncation_reason(failure: ProxyError) -> str:
    """Return the value of `x-sluice-truncated` for an answer that ended with `failure`."""
    return "deadline" if isinstance(failure, DeadlineReached) else "upstream"


def seal(call: Call, reply: Reply) -> Reply:
    """Add the headers of every reply, and write the log line if the body is complete."""
    for name, value in call.outcome.reply_headers:
        reply.headers.set(name, value)
    reply.headers.set("x-sluice-request-id", call.id)
    headers.cors(reply.headers, call.request.headers, call.config)
    body = reply.body
    if isinstance(body, bytes):
        if "content-length" not in reply.headers and reply.status not in (204, 304):
            reply.headers.set("content-length", str(len(body)))
        elapsed = call.elapsed()
        sent = 0 if call.request.method == "HEAD" else len(body)
        log.finished(call, reply.status, sent, call.outcome.ending, ttfb=elapsed, first_chunk=elapsed)
    return reply


class Delivery:
    """The body of a reply that goes out in pieces, each ready to be flushed.

    In an event stream, a failure becomes the protocol's final event. In any other body it is raised, and the adapter
    drops the connection, so that no client mistakes half a file for a whole one.
    """

    def __init__(self, call: Call, stream: ByteStream, first: bytes, passive: bool) -> None:
        self._call = call
        self._stream = stream
        self._first = first
        self._passive = passive and not call.host.capabilities.rewrites_stream
        self._is_early = call.outcome.headers is None
        self._state = call.prepared(call.protocol.state(call.choices))
        self._status = call.outcome.status
        self._head_at = call.elapsed()
        self._first_at: float | None = None
        self._bytes = 0
        self._ending: str | None = None
        self._closed = False
        # Why the stream could not end by itself, and whether any text had arrived by then.
        self.failure: ProxyError | None = None
        self.has_text = False

    def __aiter__(self) -> Delivery:
        return self

    async def __anext__(self) -> bytes:
        if self._ending is not None:
            raise StopAsyncIteration
        try:
            piece, self._first = self._first, b""
            while not piece:  # the head has come, and the adapter has sent it
                piece = await self._stream.__anext__()
                if self._is_early and self._call.is_sse is False:
                    raise UpstreamNotStreaming
            if self._call.is_sse:
                self._state.feed(piece)
        except StopAsyncIteration:
            if not (self._call.is_sse and self._state.is_cut):
                self._ending = self._own_ending
                raise
            piece = self._final_event(UpstreamDisconnected())
        except ProxyError as error:
            if self._state.ended:  # the answer is already complete
                self._ending = self._own_ending
                raise StopAsyncIteration from None
            piece = self._final_event(error)
        except Exception as error:  # the caller must not mistake silence for the end
            log.crashed(self._call, error)
            piece = self._final_event(Unexpected())
        self._bytes += len(piece)
        if self._first_at is None:
            self._first_at = self._call.elapsed()
        return piece

    def _final_event(self, error: ProxyError) -> bytes:
        self._ending = error.code
        self.failure = error.with_traceback(None)  # its frames lead back here
        self.has_text = self._state.has_text or (not self._call.protocol.known and self._bytes > 0)
        if not self._is_early and not self._call.is_sse:
            raise error
        if isinstance(error, DeadlineReached) and (end := self._state.truncated("deadline")):
            return end
        return self._state.failed(error)

    @property
    def _own_ending(self) -> str:
        """The ending in the log of a stream that the upstream ended itself."""
        return UPSTREAM_ERROR if self._state.has_error else "complete"

    async def hand_over(self) -> Any:
        """Return the body as the platform's native stream, None if it must be iterated.

        The log line is written now, because this object will not see the end.
        """
        native = self._call.outcome.native if self._passive else None
        if native is not None:
            self._call.outcome.handed_over = True
            await self.close_unlogged()
            log.finished(self._call, self._status, None, log.HANDED_OVER, ttfb=self._head_at, first_chunk=None)
        return native

    async def close_unlogged(self) -> None:
        """Close without a log line, for a caller that builds another reply from this one."""
        self._closed = True
        await self._stream.aclose()

    async def aclose(self) -> None:
        if self._closed:
            return
        try:
            await self.close_unlogged()
        finally:
            # Some clients disconnect as soon as they have the protocol's own ending.
            ending = self._ending or (self._own_ending if self._state.ended else ClientGone.code)
            head, first = self._head_at, self._first_at
            log.finished(self._call, self._status, self._bytes, ending, ttfb=head, first_chunk=first)
