"""The bytes of a reply: the upstream call as a stream that stages can wrap.

The first step of the stream sends the call, and an empty piece then says that the head has come. So waiting for the
next piece covers both the head and the events.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterator

from proxy.access import redaction
from proxy.call import Call
from proxy.errors import (
    UpstreamDisconnected,
    UpstreamError,
    UpstreamMalformed,
    UpstreamNotStreaming,
    UpstreamRedirected,
    UpstreamRefused,
)
from proxy.messages import ByteStream, Headers, media_type, read_up_to
from proxy.protocols.base import ERROR_EVENT
from proxy.routing import failover
from proxy.routing.failover import Translating
from proxy.upstream import Answer, Outgoing
from proxy.wire import content_encoding, sse
from proxy.wire.path_table import is_inference

# A body with a Content-Length of at most this is read before the head goes out, so that a cut becomes a clean 502.
# Any other body may arrive slowly and keep the client's connection alive.
MAX_WHOLE_BYTES = 1_000_000
# How long Sluice waits for the body's end after the protocol's own ending. Most upstreams end it at once, and then the
# connection can be reused.
MAX_END_SECONDS = 0.25
_REDIRECTS = (301, 302, 303, 307, 308)


async def pieces(call: Call, outgoing: Outgoing) -> AsyncGenerator[bytes, None]:
    """Send the call, record the answer's head, and yield its body; an event stream in whole events, up to its ending.

    Raises UpstreamRefused for a status of 400 or more, and any other UpstreamError.
    """
    answer = await _answer(call, outgoing)
    events: AsyncGenerator[bytes, None] | None = None
    translation = call.state(Translating).translation
    try:
        is_compressed, start = await _read_head(call, answer)
        if translation is not None and not call.is_sse:
            yield await translation.whole(answer.body, start)
            return
        yield start if call.outcome.whole else b""
        if call.outcome.whole:
            return
        if call.is_sse:
            events = _events(call, answer, start, is_compressed)
            if translation is not None:
                events = translation.events(events)
            async for piece in events:
                yield piece
            return
        if start:
            yield start
        async for piece in answer.body:
            yield piece
    finally:
        if events is not None:
            await events.aclose()
        if not call.outcome.handed_over:
            await answer.body.aclose()


async def _answer(call: Call, outgoing: Outgoing) -> Answer:
    """Send the call. An upstream's refusal in another protocol is translated."""
    # Calls that came together go up together: their chunks then come together too, and a wake-up serves many.
    await call.host.clock.sleep(0)
    try:
        answer = await failover.send(call, call.plan.targets, outgoing, lambda prepared: send(call, prepared))
    except UpstreamRefused as error:
        if (translation := call.state(Translating).translation) is None:
            raise
        raise translation.refusal(error) from None
    if (translation := call.state(Translating).translation) is not None:
        translation.request_sent()
    return answer


async def _events(call: Call, answer: Answer, start: bytes, is_compressed: bool) -> AsyncGenerator[bytes, None]:
    events = _Events(call, is_compressed)
    for whole_events in events.feed(start):
        yield whole_events
    if not events.is_over():
        async for piece in answer.body:
            for whole_events in events.feed(piece):
                yield whole_events
            if events.is_over():
                break
    if events.json:
        yield await _mislabelled_json(call, answer, events.json)
    elif events.has_ended:
        late = _late_pieces(call, answer.body)
        try:
            async for piece in late:
                for whole_events in events.feed(piece):
                    yield whole_events
        finally:
            await late.aclose()
    elif rest := events.rest():
        yield rest


async def _read_head(call: Call, answer: Answer) -> tuple[bool, bytes]:
    """Record the answer's head, with the real type of the body if the Content-Type is wrong.

    Returns whether the body is compressed events, and the part of the body that was read: all of a short one with a
    Content-Length, else enough to recognise events.
    """
    headers, encoding = answer.headers, content_encoding.encoding(answer.headers)
    if encoding == "identity":
        headers.remove("content-encoding")
    is_labelled = media_type(headers) == "text/event-stream"
    may_be_events = not is_labelled and encoding == "identity" and (call.streamed or call.plan.wants_events)
    is_compressed = is_labelled and content_encoding.can_decode(encoding)
    if is_compressed:  # decompressed here, so that each event can be flushed in time
        headers.remove("content-encoding")
    length = None if is_labelled else _length(headers)
    start, is_whole = b"", length is not None and length <= MAX_WHOLE_BYTES
    if is_whole:
        start = b"".join([piece async for piece in answer.body])
        if len(start) != length and not (call.request.method == "HEAD" or answer.status in (204, 304)):
            raise UpstreamDisconnected
    elif may_be_events:
        async for piece in answer.body:
            start += piece
            if not sse.is_blank(start):
                break
    if may_be_events and sse.looks_like_events(start):
        headers.set("content-type", "text/event-stream; charset=utf-8")
        headers.remove("content-length")
        is_whole, length = False, None
    call.outcome.head_came(answer.status, headers, length, whole=is_whole)
    call.outcome.native = None if start else answer.native
    return is_compressed, start


class _Events:
    """Assembles whole events from the pieces of a body, and redacts secrets in errors.

    `has_ended` says that the protocol's own ending has come. `json` is the start of a body that is JSON, whatever its
    Content-Type.
    """

    def __init__(self, call: Call, is_compressed: bool) -> None:
        self.has_ended = False
        self.json = b""
        translation = call.state(Translating).translation
        self._protocol = call.protocol if translation is None else translation.protocol
        self._secrets = _secrets(call)
        self._splitter = sse.Splitter()
        # JSON is looked for where events are expected, and where all is translated. Anything else passes as it is.
        wants_events = call.streamed or call.plan.wants_events or translation is not None
        self._has_begun = not (call.protocol.known and wants_events)
        self._inflater = content_encoding.Inflater() if is_compressed else None

    def is_over(self) -> bool:
        """Whether nothing of the body is expected to be an event any more."""
        return self.has_ended or self.json != b""

    def feed(self, piece: bytes) -> Iterator[bytes]:
        """Take a piece, and yield the events that it completes."""
        for part in self._inflater.feed(piece) if self._inflater else (piece,):
            if not self._has_begun and not sse.is_blank(part):
                self._has_begun = True
                if sse.looks_like_json(part):
                    self.json = part
                    return
            if events := self._splitter.feed(part):
                self.has_ended = self.has_ended or self._protocol.ends(events)
                yield _redact_errors(events, self._secrets)

    def rest(self) -> bytes:
        """Return the rest after a clean end: an upstream that omits the last empty line still means what it sent."""
        if self._inflater:
            self._inflater.end()
        return _redact_errors(self._splitter.rest(), self._secrets)


async def _late_pieces(call: Call, body: ByteStream) -> AsyncGenerator[bytes, None]:
    """Yield what comes within MAX_END_SECONDS after the protocol's own ending.

    The answer is complete, so an error of the upstream no longer matters.
    """
    clock = call.host.clock
    pump, ends_at = clock.reader(body), clock.now() + MAX_END_SECONDS
    try:
        while (piece := await pump.next(max(0.0, ends_at - clock.now()))) is not None:
            yield piece
    except (StopAsyncIteration, UpstreamError):
        return
    finally:
        await pump.aclose()


async def _mislabelled_json(call: Call, answer: Answer, start: bytes) -> bytes:
    """Return a JSON answer that is labelled as a stream. Raises UpstreamRefused for an error."""
    from proxy.routing import upstream_error  # few answers are mislabelled

    rest = await read_up_to(answer.body, MAX_WHOLE_BYTES)
    body = start + (rest or b"")
    if (refusal := upstream_error.from_answer(call, body, _secrets(call))) is not None:
        translation = call.state(Translating).translation
        raise refusal if translation is None else translation.refusal(refusal)
    if call.streamed:
        raise UpstreamNotStreaming
    answer.headers.set("content-type", "application/json")
    call.outcome.head_came(answer.status, answer.headers, None)
    return body


def _secrets(call: Call) -> tuple[str, ...]:
    """Return the secrets to redact in an upstream's errors: none if the caller's own key goes up."""
    return () if call.own_key else call.config.secrets


def _redact_errors(events: bytes, secrets: tuple[str, ...]) -> bytes:
    """Redact the secrets in the errors among whole events. All other bytes stay as they are."""
    if not secrets or (b"error" not in events and b"failed" not in events) or not ERROR_EVENT.search(events):
        return events
    return b"".join(
        _redact_error(event, secrets) if ERROR_EVENT.search(event) else event for event in sse.split(events)
    )


def _redact_error(event: bytes, secrets: tuple[str, ...]) -> bytes:
    if event.startswith(b"{"):  # without `data:`
        data = event.rstrip(b"\r\n")
        value = redaction.parse_json(data)
        clean = None if value is None else redaction.redact_body(data, value, secrets)
        if value is None:
            clean = redaction.redact(data.decode("utf-8", "replace"), secrets).encode()
        return event if clean is None else clean + event[len(data) :]
    return b"".join(redaction.redact_data_line(line, secrets) for line in event.splitlines(keepends=True))


def _length(headers: Headers) -> int | None:
    length = headers.get("content-length") or ""
    return int(length) if length.isascii() and length.isdigit() and len(length) < 16 else None


async def send(call: Call, outgoing: Outgoing) -> Answer:
    """Return the upstream's answer. Raises UpstreamRefused for a status of 400 or more, and any other UpstreamError."""
    answer = await call.upstream.send(outgoing)
    call.outcome.upstream_status = answer.status
    call.outcome.upstream_request_id = answer.headers.get("x-request-id") or answer.headers.get("request-id")
    if answer.status in _REDIRECTS and is_inference(call.request.method, call.path):
        await answer.body.aclose()
        raise UpstreamRedirected(answer.status)
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
