"""The stage that reports the tokens and the cost of a call, even if the upstream does not (METERING; off by default).

Sluice requests a stream's usage and strips that chunk if the caller did not ask for it. If the upstream reports
nothing, or the stream is cut, Sluice counts the tokens after the last byte went out and marks them as an estimate.
"""

from __future__ import annotations

import json
import re
from functools import partial

from proxy.call import Call, Retry
from proxy.cost import settlement
from proxy.cost.settlement import KeptAnswer
from proxy.cost.usage import Reports
from proxy.messages import ByteStream, Wrapper
from proxy.routing import refusals
from proxy.wire import sse

_ADDED_MEMBERS = ("stream_options",)
# A stream with usage has this in all its other chunks. No text can contain it: there, quotation marks are escaped.
_NO_USAGE = re.compile(rb',[ ]?"usage":[ ]?null')


async def apply(call: Call) -> Wrapper:
    """Request the stream's usage and watch the answer. The field is left out if it was refused before."""
    call.plan.opens_answer = True
    return Wrapper(partial(Metered, call, _ask_for_usage(call)))


def _ask_for_usage(call: Call) -> Retry | None:
    """Add the option to the request. Return the retry without it, whose `used` says whether the upstream refused it."""
    document, options = call.body.document, call.body.fields.get("stream_options")
    if not call.streamed or not call.protocol.has_usage_option or call.body.native is not None or document is None:
        return None
    if not isinstance(options, (dict, type(None))) or (options and options.get("include_usage") is True):
        return None
    if refusals.was_refused(call, call.host.no_usage):
        return None
    value = json.dumps({**(options or {}), "include_usage": True}).encode()
    call.plan.retry = refusals.retry(call, document, _ADDED_MEMBERS, call.host.no_usage)
    call.body.document = document.setting({"stream_options": value})
    return call.plan.retry


class Metered:
    """Keeps the answer until it is settled: what the upstream reports may be nothing, or only the beginning.

    A class, not a generator, because the figures are settled on close, after the stream's end has reached the caller.
    """

    def __init__(self, call: Call, retry: Retry | None, stream: ByteStream) -> None:
        self._call = call
        self._retry = retry
        self._stream = stream
        self._answer = KeptAnswer()
        self._settled = False
        self._commented = False
        self._is_between_events = True

    def __aiter__(self) -> Metered:
        return self

    async def __anext__(self) -> bytes:
        if self._commented:
            raise StopAsyncIteration
        call = self._call
        try:
            piece = await self._stream.__anext__()
        except StopAsyncIteration:
            if self._adds_comment:
                self._commented = True
                await self._settle()
                # A comment within an event that the upstream has not ended would become a part of it.
                return (b"" if self._is_between_events else b"\n\n") + settlement.comment(call)
            raise
        if piece:
            self._is_between_events = sse.ends_event(piece)
            self._answer.add(piece, call.state(Reports).number)
        is_added = self._retry is not None and not self._retry.used
        return without_usage(piece) if is_added and call.is_sse else piece

    @property
    def _adds_comment(self) -> bool:
        call = self._call
        return bool(
            call.is_sse and call.streamed and call.protocol.allows_comments and "comment" in call.config.metering
        )

    async def aclose(self) -> None:
        """Close the inner stream and settle, even if the caller disconnects meanwhile."""
        try:
            await self._stream.aclose()
        finally:
            await self._settle()

    async def _settle(self) -> None:
        if not self._settled and self._call.outcome.headers is not None:
            self._settled = True
            await settlement.settle(self._call, self._answer)


def without_usage(piece: bytes) -> bytes:
    """Return a piece of whole events as it would be if nobody had requested usage."""
    if b'"usage"' not in piece:
        return piece
    piece = _NO_USAGE.sub(b"", piece)
    if b'"usage"' not in piece:
        return piece
    return b"".join(event for event in sse.split(piece) if not _is_usage(event))


def _is_usage(event: bytes) -> bool:
    """Whether this is the chunk that Sluice requested: it has usage, and no choices, null or none at all."""
    if b'"usage"' not in event:
        return False
    chunks = list(sse.objects(event))
    if len(chunks) != 1 or chunks[0].get("choices") or "error" in chunks[0]:
        return False
    return isinstance(chunks[0].get("usage"), dict)
