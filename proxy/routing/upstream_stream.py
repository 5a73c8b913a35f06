"""The bytes of a reply: the upstream call as a stream that stages can wrap.

The first step of the stream sends the call, and an empty piece then says that the head has come. So waiting for the
next piece covers both the head and the events.
"""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator

from proxy.access import redaction
from proxy.call import Call
from proxy.errors import UpstreamDisconnected, UpstreamMalformed
from proxy.messages import Headers, media_type
from proxy.routing import failover
from proxy.upstream import Answer, Outgoing
from proxy.wire import content_encoding, sse

# A body with a Content-Length of at most this is read before the head goes out, so that a cut becomes a clean 502.
# Any other body may arrive slowly and keep the client's connection alive.
MAX_WHOLE_BYTES = 1_000_000
# How errors within a stream begin, in the protocols that have them.
_ERROR_EVENT = re.compile(
    rb'^(?:event: ?(?:error|response\.failed)|data: ?\{\s*"(?:error"|type": ?"(?:error|response\.failed)"))',
    re.MULTILINE,
)


async def pieces(call: Call, outgoing: Outgoing) -> AsyncGenerator[bytes, None]:
    """Send the call, record the answer's head, and yield its body; an event stream in whole events.

    Raises UpstreamRefused for a status of 400 or more, and any other UpstreamError.
    """
    answer = await failover.send(call, call.plan.targets, outgoing, lambda prepared: send(call, prepared))
    try:
        is_events = media_type(answer.headers) == "text/event-stream"
        encoding = content_encoding.encoding(answer.headers)
        # Sluice requests events uncompressed. Compressed ones are decompressed, so that each can be flushed in time.
        inflater = content_encoding.Inflater() if is_events and content_encoding.can_decode(encoding) else None
        if inflater is not None or encoding == "identity":
            answer.headers.remove("content-encoding")
        length = None if is_events else _length(answer.headers)
        if length is not None and length <= MAX_WHOLE_BYTES:
            body = b"".join([piece async for piece in answer.body])
            if len(body) != length and not (call.request.method == "HEAD" or answer.status in (204, 304)):
                raise UpstreamDisconnected
            call.outcome.head_came(answer.status, answer.headers, length, whole=True)
            yield body
            return
        call.outcome.head_came(answer.status, answer.headers, length)
        call.outcome.native = answer.native
        yield b""
        if not call.is_sse:
            async for piece in answer.body:
                yield piece
            return
        splitter = sse.Splitter()
        secrets = _secrets(call)
        async for piece in answer.body:
            for part in inflater.feed(piece) if inflater else (piece,):
                if events := splitter.feed(part):
                    yield _redact_errors(events, secrets)
        if inflater:
            inflater.end()
        # Reached only after a clean end: an upstream that omits the last empty line still means what it sent.
        if rest := splitter.rest():
            yield _redact_errors(rest, secrets)
    finally:
        if not call.outcome.handed_over:
            await answer.body.aclose()


def _secrets(call: Call) -> tuple[str, ...]:
    """Return the secrets to redact in an upstream's errors: none if the caller's own key goes up."""
    return () if call.own_key else call.config.secrets


def _redact_errors(events: bytes, secrets: tuple[str, ...]) -> bytes:
    """Redact the secrets in the errors among whole events. All other bytes stay as they are."""
    if not secrets or (b"error" not in events and b"failed" not in events) or not _ERROR_EVENT.search(events):
        return events
    lines = [
        redaction.redact_data_line(line, secrets) if _ERROR_EVENT.search(event) else line
        for event in sse.split(events)
        for line in event.splitlines(keepends=True)
    ]
    return b"".join(lines)


def _length(headers: Headers) -> int | None:
    length = headers.get("content-length") or ""
    return int(length) if length.isascii() and length.isdigit() and len(length) < 16 else None


async def send(call: Call, outgoing: Outgoing) -> Answer:
    """Return the upstream's answer. Raises UpstreamRefused for a status of 400 or more, and any other UpstreamError."""
    answer = await call.upstream.send(outgoing)
    call.outcome.upstream_status = answer.status
    call.outcome.upstream_request_id = answer.headers.get("x-request-id")
    if answer.status < 400:
        return answer
    if answer.status > 599:  # servers and platforms have no reason phrase for it, and some fail on it
        await answer.body.aclose()
        raise UpstreamMalformed(f"invalid HTTP status {answer.status}")
    from proxy.routing import upstream_error  # few calls fail

    try:
        raise await upstream_error.refusal(call, answer, _secrets(call))
    finally:
        await answer.body.aclose()
