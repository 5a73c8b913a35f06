"""The stage that reports the tokens and the cost of a call, even if the upstream does not (METERING; off by default).

Sluice requests a stream's usage and strips that chunk if the caller did not ask for it. If the upstream reports
nothing, or the stream is cut, Sluice counts the tokens after the last byte went out and marks them as an estimate.
"""

from __future__ import annotations

import json
from functools import partial
from typing import TYPE_CHECKING

from proxy.access import strict_body
from proxy.call import Call, Retry
from proxy.cost import estimate
from proxy.errors import BadRequest, NotInstalled, UnsupportedMedia
from proxy.messages import ByteStream, Wrapper
from proxy.protocols.members import answer_messages
from proxy.routing import refusals
from proxy.wire import bounded_json, content_encoding, sse
from proxy.wire.path_table import protocol_below

if TYPE_CHECKING:
    from proxy.cost.prices import Tokens
    from proxy.tokens.counter import Count

_ADDED_MEMBERS = ("stream_options",)
_MAX_KEPT_BYTES = 4_000_000
_MAX_PLAIN_BYTES = 16_000_000  # of a compressed answer
# A stream with usage has this in all its other chunks. No text can contain it: there, quotation marks are escaped.
_NO_USAGE = b',"usage":null'


async def apply(call: Call) -> Wrapper:
    """Request the stream's usage and watch the answer. The field is left out if it was refused before."""
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
    """Keeps the answer for counting until the upstream reports its usage.

    A class, not a generator, because the figures are settled on close, after the stream's end has reached the caller.
    """

    def __init__(self, call: Call, retry: Retry | None, stream: ByteStream) -> None:
        self._call = call
        self._retry = retry
        self._stream = stream
        self._kept: list[bytes] = []
        self._size = 0
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
            if call.is_sse and call.streamed and "comment" in call.config.metering:
                self._commented = True
                await self._settle()
                # A comment within an event that the upstream has not ended would become a part of it.
                return (b"" if self._is_between_events else b"\n\n") + _comment(call)
            raise
        if piece:
            self._is_between_events = sse.ends_event(piece)
            self._keep(piece)
        is_added = self._retry is not None and not self._retry.used
        return without_usage(piece) if is_added and call.is_sse else piece

    def _keep(self, piece: bytes) -> None:
        if self._call.outcome.usage.output is not None:
            self._kept.clear()
        elif self._size <= _MAX_KEPT_BYTES:
            self._size += len(piece)
            self._kept.append(piece)

    async def aclose(self) -> None:
        """Close the inner stream and settle, even if the caller disconnects meanwhile."""
        try:
            await self._stream.aclose()
        finally:
            await self._settle()

    async def _settle(self) -> None:
        """Complete the figures for the log, and set the headers in case the head is still to be sent."""
        call, outcome = self._call, self._call.outcome
        if self._settled or outcome.headers is None:
            return
        self._settled = True
        usage = outcome.usage
        if usage.output is None and not await self._estimate():
            return
        usage.source = usage.source or "upstream"
        price = estimate.price_of(call, outcome.model) or estimate.price_of(call, call.body.fields.get("model"))
        tier = call.body.document.get("service_tier") if call.body.document else None
        wall = call.host.clock.wall()
        cost = price.cost(_tokens(call), wall, tier if isinstance(tier, str) else None) if price else None
        if cost is not None and price is not None:
            outcome.cost_usd, outcome.prices_date = float(round(cost, 10)), price.date
        if "header" in call.config.metering:
            if cost is not None:
                outcome.reply_headers.append(("x-sluice-cost-usd", f"{round(cost, 10).normalize():f}"))
            value = f"input={usage.input or 0}; output={usage.output}; source={usage.source}"
            outcome.reply_headers.append(("x-sluice-usage", value))

    async def _estimate(self) -> bool:
        """Count the tokens without blocking other calls. False if that is not possible here."""
        call, kept = self._call, b"".join(self._kept)
        self._kept.clear()
        try:
            await strict_body.read(call, "its tokens are counted")
            request = strict_body.object_of(call)
            prompt = await estimate.count_prompt(call, call.outcome.target.model if call.outcome.target else None)
        except (BadRequest, NotInstalled, UnsupportedMedia):
            return False

        def count() -> Count | None:
            from proxy import tokens
            from proxy.tokens import completion

            messages = _messages(call, kept)
            budget, api = tokens.budget(call.host.clock.now), protocol_below(call.path)
            return completion.count(request, messages, budget, call.outcome.model, api) if messages else None

        try:
            answer = await call.host.clock.offload(count)
        except (ValueError, RecursionError):
            return False
        if answer is None:
            return False
        usage = call.outcome.usage
        usage.input, usage.output = prompt.tokens, answer.tokens
        is_partial = "at_least" in (prompt.certainty, answer.certainty) or self._size > _MAX_KEPT_BYTES
        usage.source = "at_least" if is_partial else "estimate"
        return True


def _messages(call: Call, data: bytes) -> list[dict[str, object]]:
    """Return the messages of a stream or of a whole JSON answer, an empty list if they cannot be read."""
    if call.is_sse:
        messages = call.protocol.messages(data)
    else:
        if call.outcome.headers:
            data = content_encoding.decoded(data, content_encoding.encoding(call.outcome.headers), _MAX_PLAIN_BYTES)
        messages = answer_messages(bounded_json.parse(data))
    return [message for message in messages if any(value for name, value in message.items() if name != "role")]


def without_usage(piece: bytes) -> bytes:
    """Return a piece of whole events as it would be if nobody had requested usage."""
    if b'"usage"' not in piece:
        return piece
    piece = piece.replace(_NO_USAGE, b"")
    if b'"usage"' not in piece:
        return piece
    return b"".join(event for event in sse.split(piece) if not _is_usage(event))


def _is_usage(event: bytes) -> bool:
    """Whether this is the chunk that Sluice requested: it has usage and no choices."""
    if b'"usage"' not in event:
        return False
    chunks = list(sse.objects(event))
    return len(chunks) == 1 and chunks[0].get("choices") == [] and isinstance(chunks[0].get("usage"), dict)


def _tokens(call: Call) -> Tokens:
    from proxy.cost.prices import Tokens

    usage = call.outcome.usage
    return Tokens(
        input=usage.input or 0,
        output=usage.output or 0,
        cached=usage.cached or 0,
        reasoning=usage.reasoning or 0,
        audio_input=usage.audio_input or 0,
        audio_output=usage.audio_output or 0,
    )


def _comment(call: Call) -> bytes:
    """Return the figures as an SSE comment, a line that starts with a colon and that clients ignore."""
    usage, cost = call.outcome.usage, call.outcome.cost_usd
    figures = {"input_tokens": usage.input, "output_tokens": usage.output, "source": usage.source, "cost_usd": cost}
    return b": sluice " + json.dumps(figures).encode() + b"\n\n"
