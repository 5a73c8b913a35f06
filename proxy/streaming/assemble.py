"""The stage that protects a buffered answer from a time limit: Sluice requests a stream and assembles the answer.

A caller who wants one JSON value within a short limit gets a 504 if the answer takes longer, and still pays for it.
With a stream, the text so far is there when the time is up. It becomes an answer that is marked as truncated.
"""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator
from functools import partial
from typing import TYPE_CHECKING, Any

from proxy.call import Call
from proxy.errors import ProxyError, UpstreamDisconnected
from proxy.messages import ByteStream, Headers, Wrapper
from proxy.protocols.members import error_in
from proxy.routing import refusals, upstream_error
from proxy.streaming.delivery import truncation_reason
from proxy.wire import bounded_json, sse

if TYPE_CHECKING:
    from proxy.protocols.base import Accumulator

# With more time left than this, an answer is rarely cut off, and its bytes pass unchanged.
SHORT_SECONDS = 60.0


async def apply(call: Call) -> Wrapper | None:
    """Request a stream with its usage, if the answer can be assembled from it."""
    document, accumulator = call.body.document, call.protocol.accumulator()
    if document is None or accumulator is None or not _can_assemble(call):
        return None
    members = call.protocol.stream_members
    call.plan.retry = refusals.retry(call, document, tuple(members), call.host.no_events)
    call.body.document, call.plan.wants_events = document.setting(members), True
    return Wrapper(partial(assemble, call, accumulator))


def applies(call: Call) -> bool:
    """Whether ASSEMBLE asks for it in this call, if its protocol supports it."""
    config, deadline = call.config, call.request.deadline
    if call.streamed or config.assemble == "off":
        return False
    return config.assemble == "always" or (deadline is not None and deadline < SHORT_SECONDS)


def _can_assemble(call: Call) -> bool:
    fields = call.body.fields
    modalities = fields.get("modalities")
    if fields.get("audio") is not None or (isinstance(modalities, (list, str)) and "audio" in modalities):
        return False  # streamed audio has another encoding than audio in one piece
    return not refusals.was_refused(call, call.host.no_events)


async def assemble(call: Call, accumulator: Accumulator, stream: ByteStream) -> AsyncGenerator[bytes, None]:
    """Yield the whole answer as one piece. A JSON answer to the request for a stream passes unchanged."""
    failure: ProxyError | None = None
    has_ended = False
    try:
        async for piece in stream:
            if call.is_sse is False:
                yield piece
            else:
                has_ended = has_ended or call.protocol.ends(piece)
                _add(accumulator, piece)
    except ProxyError as error:
        if call.is_sse is False:
            raise
        failure = error
    finally:
        await stream.aclose()
    if call.is_sse is False:
        return
    # Some gateways turn a cut into a clean end, without the protocol's own ending; and an unreadable event is missing.
    if failure is None and (accumulator.has_unreadable or not (has_ended or accumulator.is_finished)):
        failure = UpstreamDisconnected()
    yield _answer(call, accumulator, failure, has_ended)


def _add(accumulator: Accumulator, piece: bytes) -> None:
    """Add a piece of whole events. Raises UpstreamRefused for an error event."""
    is_bare = piece.lstrip().startswith(b"{")  # how Google's API sends an error
    for name, data in [("error", piece)] if is_bare else sse.events(piece):
        if data.strip() in (b"", b"[DONE]"):
            continue
        chunk = bounded_json.parse(data)
        if not isinstance(chunk, dict):
            accumulator.has_unreadable = True
            continue
        accumulator.add(chunk)
        if (error := error_in(chunk, name)) is not None:
            raise upstream_error.from_event(error)


def _answer(call: Call, accumulator: Accumulator, failure: ProxyError | None, has_ended: bool) -> bytes:
    """Return the answer, or the part that came before `failure`. Raises `failure` if there is no such part."""
    outcome = call.outcome
    if failure is not None and not accumulator.has_text:
        raise failure
    if not accumulator.has_begun:
        raise UpstreamDisconnected
    answer = accumulator.whole(has_ended)
    if failure is not None:
        reason = truncation_reason(failure)
        answer["sluice"] = {"truncated": reason}
        outcome.reply_headers.append(("x-sluice-truncated", reason))
        outcome.ending = failure.code
    body = _encode(answer)
    headers = outcome.headers or Headers()
    headers.set("content-type", "application/json")
    outcome.head_came(outcome.status, headers, len(body), whole=True)
    return body


def _encode(answer: dict[str, Any]) -> bytes:
    try:
        return json.dumps(answer, ensure_ascii=False, separators=(",", ":")).encode()
    except UnicodeEncodeError:  # a lone surrogate from the upstream
        return json.dumps(answer, separators=(",", ":")).encode()
