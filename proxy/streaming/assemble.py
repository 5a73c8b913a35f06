"""The stage that keeps a buffered answer from being lost to a time limit: asked for as a stream, put together here.

A caller who wants one JSON value within a short limit gets a 504 when the answer takes longer, and pays for it. As a
stream the text so far is there when time is up: it becomes an answer that says that it was cut short.
"""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator
from functools import partial
from typing import TYPE_CHECKING, Any

from proxy.call import Call
from proxy.errors import DeadlineReached, ProxyError, UpstreamDisconnected
from proxy.messages import ByteStream, Headers, Wrapper
from proxy.protocols.members import error_in
from proxy.routing import refusals, upstream_error
from proxy.wire import bounded_json, sse

if TYPE_CHECKING:
    from proxy.protocols.accumulate import Accumulator

# With more time than this left an answer is rarely cut off, and bytes pass through untouched (the design's rule).
SHORT_SECONDS = 60.0
_ADDED = ("stream", "stream_options")


async def apply(call: Call) -> Wrapper | None:
    """Ask the upstream for a stream with its usage, where the answer can be put together here."""
    document = call.body.document
    if document is None or not _applies(call):
        return None
    call.plan.retry = refusals.retry(call, document, _ADDED, call.host.no_events)
    values = {"stream": b"true", "stream_options": b'{"include_usage":true}'}
    call.body.document, call.plan.wants_events = document.setting(values), True
    return Wrapper(partial(assembled, call))


def wanted(call: Call) -> bool:
    """Whether ASSEMBLE says so for this call."""
    config, deadline = call.config, call.request.deadline
    if not call.protocol.assembles or call.streamed or config.assemble == "off":
        return False
    return config.assemble == "always" or (deadline is not None and deadline < SHORT_SECONDS)


def _applies(call: Call) -> bool:
    fields = call.body.fields
    modalities = fields.get("modalities")
    if fields.get("audio") is not None or (isinstance(modalities, (list, str)) and "audio" in modalities):
        return False  # sound in pieces is encoded differently than sound in one
    return not refusals.was_refused(call, call.host.no_events)


async def assembled(call: Call, stream: ByteStream) -> AsyncGenerator[bytes, None]:
    """One piece: the whole answer. An upstream that answers with JSON all the same is passed through."""
    accumulator, ended = call.protocol.accumulator(), False
    failure: ProxyError | None = None
    try:
        async for piece in stream:
            if call.is_sse is False:
                yield piece
            else:
                ended = ended or call.protocol.ends(piece)
                _add(call, accumulator, piece)
    except ProxyError as error:
        if call.is_sse is False:
            raise
        failure = error
    finally:
        await stream.aclose()
    if call.is_sse is False:
        return
    # A clean end without an ending is what a cut looks like through some gateways; and what cannot be read is missing.
    if failure is None and (accumulator.has_unreadable or not (ended or accumulator.is_finished)):
        failure = UpstreamDisconnected()
    yield _whole(call, accumulator, failure, ended)


def _add(call: Call, accumulator: Accumulator, piece: bytes) -> None:
    """Take a piece of whole events. Raises UpstreamRefused for an error."""
    for name, data in sse.events(piece):
        if data.strip() in (b"", b"[DONE]"):
            continue
        try:
            chunk = bounded_json.loads(data)
        except (ValueError, RecursionError):
            accumulator.has_unreadable = True
            continue
        if not isinstance(chunk, dict):
            accumulator.has_unreadable = True
            continue
        accumulator.add(chunk)
        if (error := error_in(chunk, name)) is not None:
            raise upstream_error.from_event(error)


def _whole(call: Call, accumulator: Accumulator, failure: ProxyError | None, ended: bool) -> bytes:
    """The answer, or as much of it as came before `failure`; raises that where nothing had come."""
    outcome = call.outcome
    if failure is not None and not accumulator.has_text:
        raise failure
    if not accumulator.has_choices:
        raise UpstreamDisconnected
    answer = accumulator.whole(ended)
    if failure is not None:
        reason = "deadline" if isinstance(failure, DeadlineReached) else "upstream"
        answer["sluice"] = {"truncated": reason}
        outcome.reply_headers.append(("x-sluice-truncated", reason))
        outcome.ending = failure.code
    body = _encoded(answer)
    headers = outcome.headers or Headers()
    headers.set("content-type", "application/json")
    outcome.head_came(outcome.status, headers, len(body), whole=True)
    return body


def _encoded(answer: dict[str, Any]) -> bytes:
    try:
        return json.dumps(answer, ensure_ascii=False, separators=(",", ":")).encode()
    except UnicodeEncodeError:  # half of a character, as the upstream sent it
        return json.dumps(answer, separators=(",", ":")).encode()
