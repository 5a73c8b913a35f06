"""Where a reply's bytes come from: the upstream call as a stream that stages can wrap.

Its first step sends the call; an empty piece then says that the head has come. So whoever waits for the next piece
waits for the head and for the events in the same way.
"""

from __future__ import annotations

import json
import re
from collections.abc import AsyncGenerator
from math import isfinite
from typing import Any

from proxy.access import headers, redaction
from proxy.call import Call
from proxy.errors import UpstreamDisconnected, UpstreamMalformed, UpstreamRefused
from proxy.messages import ByteStream, Headers, media_type
from proxy.routing import failover
from proxy.settings import regions
from proxy.upstream import Answer, Outgoing
from proxy.wire import content_encoding, sse

# A body whose length is announced and at most this is read before the head goes out, so that a cut becomes a clean
# 502; a longer one, or one without a length, may be a trickle that keeps the client's connection alive.
WHOLE_BYTES = 1_000_000
ERROR_BYTES = 1_000_000
# An error of more, plain, is not looked through for secrets, and so replaced where one may be in it.
CHECKED_BYTES = 65_536
# How errors within a stream begin, in the protocols that have them.
_ERROR_EVENT = re.compile(
    rb'^(?:event: ?(?:error|response\.failed)|data: ?\{\s*"(?:error"|type": ?"(?:error|response\.failed)"))',
    re.MULTILINE,
)


async def pieces(call: Call, outgoing: Outgoing) -> AsyncGenerator[bytes, None]:
    """Send the call, fill in the answer's head, and yield its body; SSE in whole events.

    Raises UpstreamRefused for a status of 400 or more, and whatever `upstream` raises.
    """
    answer = await failover.send(call, call.plan.targets, outgoing, lambda dressed: send(call, dressed))
    try:
        is_events = media_type(answer.headers) == "text/event-stream"
        name = content_encoding.encoding(answer.headers)
        # Plain events were asked for; compressed ones are opened here, or nothing could be flushed in time.
        opened = content_encoding.Inflater() if is_events and content_encoding.opens(name) else None
        if opened is not None or name == "identity":
            answer.headers.remove("content-encoding")
        length = None if is_events else _length(answer.headers)
        if length is not None and length <= WHOLE_BYTES:
            whole = b"".join([piece async for piece in answer.body])
            if len(whole) != length and not (call.request.method == "HEAD" or answer.status in (204, 304)):
                raise UpstreamDisconnected
            call.outcome.head_came(answer.status, answer.headers, length, whole=True)
            yield whole
            return
        call.outcome.head_came(answer.status, answer.headers, length)
        call.outcome.native = answer.native
        yield b""
        if not call.is_sse:
            async for piece in answer.body:
                yield piece
            return
        splitter = sse.Splitter()
        secrets = _held(call)
        async for piece in answer.body:
            for part in opened.feed(piece) if opened else (piece,):
                if events := splitter.feed(part):
                    yield _blackened(events, secrets)
        if opened:
            opened.end()
        # Only a clean end comes here: an upstream that leaves out the last empty line means what it sent.
        if rest := splitter.rest():
            yield _blackened(rest, secrets)
    finally:
        if not call.outcome.handed_over:
            await answer.body.aclose()


def _held(call: Call) -> tuple[str, ...]:
    """What an upstream's errors must not tell: nothing where the key that goes up is the caller's own."""
    return () if call.own_key else call.config.secrets


def _blackened(events: bytes, secrets: tuple[str, ...]) -> bytes:
    """Whole events, with the secrets in errors among them blackened; all other bytes as they are."""
    if not secrets or (b"error" not in events and b"failed" not in events) or not _ERROR_EVENT.search(events):
        return events
    lines = [
        redaction.blacken_data(line, secrets) if _ERROR_EVENT.search(event) else line
        for event in sse.split(events)
        for line in event.splitlines(keepends=True)
    ]
    return b"".join(lines)


def _length(head: Headers) -> int | None:
    length = head.get("content-length") or ""
    return int(length) if length.isascii() and length.isdigit() and len(length) < 16 else None


async def send(call: Call, outgoing: Outgoing) -> Answer:
    """The upstream's answer. Raises UpstreamRefused for a status of 400 or more, and whatever `upstream` raises."""
    answer = await call.upstream.send(outgoing)
    call.outcome.upstream_status = answer.status
    call.outcome.upstream_request_id = answer.headers.get("x-request-id")
    if answer.status < 400:
        return answer
    if answer.status > 599:  # servers and platforms have no line for it, and some fail at it
        await answer.body.aclose()
        raise UpstreamMalformed(f"{answer.status} is no status of HTTP's")
    try:
        raise await _refusal(call, answer)
    finally:
        await answer.body.aclose()


async def _refusal(call: Call, answer: Answer) -> UpstreamRefused:
    """The upstream's error as it is, or the same status in OpenAI's shape where it is no JSON (a gateway's page)."""
    body = await read_at_most(answer.body, ERROR_BYTES)
    head = headers.downward(answer.headers, call.own_key)
    status = answer.status
    plain = content_encoding.plain(body, content_encoding.encoding(answer.headers), ERROR_BYTES)
    value = redaction.parsed(plain)
    error = _error_object(value)
    if error.get("code") == regions.REFUSED:
        call.outcome.details["hint"] = (
            f"The upstream does not serve the region that this call came from. {regions.advice(call.host.platform)}"
        )
    waits = _seconds(answer.headers.get("retry-after"))
    is_json = media_type(answer.headers).endswith(("/json", "+json"))
    if secrets := _held(call):
        head = [(name, redaction.blacken(text, secrets)) for name, text in head]
        if value is None or len(plain) > CHECKED_BYTES:
            body, plain, error = b"", b"", {}
        elif (clean := redaction.blacken_body(plain, value, secrets)) is not None:
            head = [pair for pair in head if pair[0] not in ("content-encoding", "etag")]
            body = plain = clean
            error = redaction.blacken_json(error, secrets)
    if call.request.method == "HEAD" or (is_json and body) or plain.lstrip()[:1] in (b"{", b"["):
        return UpstreamRefused(status, head, body, error, waits)
    told = {
        "message": f"The upstream answered with status {status} and no JSON, probably a gateway's page in front of it. "
        + ("Try again in a moment." if status in (408, 429) or status >= 500 else "Check the base URL and the path."),
        "type": "upstream_error",
        "param": None,
        "code": f"upstream_status_{status}",
    }
    described = ("content-type", "content-encoding", "content-disposition", "content-range", "accept-ranges", "etag")
    kept = [pair for pair in head if pair[0] not in described]
    kept.append(("content-type", "application/json; charset=utf-8"))
    return UpstreamRefused(status, kept, json.dumps({"error": told}).encode(), told, waits)


async def read_at_most(body: ByteStream, limit: int) -> bytes:
    """The body, or nothing above `limit` bytes: half an error is no JSON, and megabytes of one help nobody."""
    read: list[bytes] = []
    size = 0
    async for piece in body:
        size += len(piece)
        if size > limit:
            return b""
        read.append(piece)
    return b"".join(read)


def _error_object(value: Any) -> dict[str, Any]:
    """The `error` member that OpenAI's relatives send: an object, or a text, or the whole body."""
    if isinstance(value, list) and value:  # Gemini's compatible endpoint wraps the error in a list
        value = value[0]
    if not isinstance(value, dict):
        return {}
    error = value.get("error", value)
    return error if isinstance(error, dict) else {"message": error}


def _seconds(value: str | None) -> float | None:
    try:
        seconds = float(value) if value else None
        return seconds if seconds is None or isfinite(seconds) else None
    except ValueError:  # an HTTP date: rare, and a stream's last words need no more than the hint
        return None
