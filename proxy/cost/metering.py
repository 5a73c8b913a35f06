"""The stage that tells what a call used and cost, also where the upstream does not (METERING; off unless set).

A stream's usage is asked for, and its chunk taken out again where the caller had not asked. An upstream that tells
nothing, or a stream that was cut, is counted after the last byte went out, and the figure is marked as an estimate.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from proxy.call import Call, OnceMore
from proxy.cost import estimate
from proxy.errors import BadRequest, NotInstalled, UnsupportedMedia, UpstreamRefused
from proxy.messages import Stream
from proxy.protocols.spoken import messages_of
from proxy.routing.refusals import REFUSALS, names
from proxy.wire import sse

if TYPE_CHECKING:
    from proxy.tokens.prompt import Count

INPUT, OUTPUT = "gen_ai.usage.input_tokens", "gen_ai.usage.output_tokens"
_ASKED_IN = ("chat", "completions")
_ASKED = ("stream_options",)
_KEPT_BYTES = 4_000_000
# What a stream with usage says in all other chunks. No text can look so: in it a quotation mark has a backslash.
_NO_USAGE = b',"usage":null'


def prepare(call: Call) -> None:
    """Ask for the usage of a stream. An upstream that refuses the field is asked once more, and not again."""
    if not call.config.metering or not call.streamed or call.protocol not in _ASKED_IN or call.native_body is not None:
        return
    options = call.fields.get("stream_options")
    if isinstance(options, dict) and options.get("include_usage") is True:
        return
    model, host = str(call.fields.get("model")), call.host
    if call.document is None or not isinstance(options, (dict, type(None))):
        return
    if host.knows(host.no_usage, call.targets[0].name, model):
        return
    wanted = json.dumps({**(options or {}), "include_usage": True}).encode()
    as_sent = call.document

    def is_meant(refused: UpstreamRefused) -> bool:
        """Whether the upstream knows no such field: then the caller's own request is sent, and no usage comes."""
        meant = refused.status in REFUSALS and (names(refused, _ASKED) or b"stream_options" in refused.body())
        call.asked_usage = call.asked_usage and not meant
        return meant

    call.once_more = OnceMore(
        as_sent,
        is_meant,
        lambda refused: names(refused, _ASKED),
        lambda target: host.learn(host.no_usage, target.name, model),
    )
    call.document, call.asked_usage = as_sent.setting({"stream_options": wanted}), True


def wrap(call: Call, stream: Stream) -> Stream:
    """Watch the answers of calls that generate text."""
    if not call.config.metering or call.protocol == "other":
        return stream
    return _Metered(call, stream)


class _Metered(Stream):
    def __init__(self, call: Call, stream: Stream) -> None:
        self._call = call
        self._stream = stream
        self._kept: list[bytes] = []
        self._size = 0
        self._settled = False
        self._said = False

    async def next(self, seconds: float | None = None) -> bytes | None:
        if self._said:
            raise StopAsyncIteration
        call = self._call
        try:
            piece = await self._stream.next(seconds)
        except StopAsyncIteration:
            if call.is_sse and call.streamed and "comment" in call.config.metering:
                self._said = True
                await self._settle()
                return _comment(call.record)
            raise
        if not piece:
            return piece
        self._keep(piece)
        return without_usage(piece) if call.asked_usage and call.is_sse else piece

    def _keep(self, piece: bytes) -> None:
        """Keep what was said, for counting, until the upstream has told its usage."""
        if OUTPUT in self._call.record:
            self._kept.clear()
        elif self._size <= _KEPT_BYTES:
            self._size += len(piece)
            self._kept.append(piece)

    async def aclose(self) -> None:
        try:
            await self._stream.aclose()
        finally:  # also when the caller leaves during this
            await self._settle()

    async def _settle(self) -> None:
        """Fill the log's record in; a reply whose head is still to come gets the header."""
        call = self._call
        if self._settled or call.headers is None:
            return
        self._settled = True
        record = call.record
        if OUTPUT not in record and not await self._estimate():
            return
        record.setdefault("usage_source", "upstream")
        model = record.get("gen_ai.response.model")
        price = estimate.price_of(call, model) or estimate.price_of(call, call.fields.get("model"))
        tier = call.document.get("service_tier") if call.document else None
        cost = (
            price.cost(_tokens(record), call.host.clock.wall(), tier if isinstance(tier, str) else None)
            if price
            else None
        )
        if cost is not None and price is not None:
            record["cost_usd"] = float(round(cost, 10))
            record["prices_date"] = price.date
        if "header" in call.config.metering:
            if cost is not None:
                call.reply_headers.append(("x-sluice-cost-usd", f"{round(cost, 10).normalize():f}"))
            told = f"input={record.get(INPUT, 0)}; output={record[OUTPUT]}; source={record['usage_source']}"
            call.reply_headers.append(("x-sluice-usage", told))

    async def _estimate(self) -> bool:
        """Count what went through, aside from everybody else's calls; False where that is not possible here."""
        call, kept = self._call, b"".join(self._kept)
        self._kept.clear()
        from proxy import request_body, tokens

        try:
            await request_body.read_strictly(call, "its tokens are counted")
            request = request_body.object_of(call)
            prompt = await estimate.count(call, call.target.model if call.target else None)
        except (BadRequest, NotInstalled, UnsupportedMedia):
            return False

        def count() -> Count | None:
            from proxy.tokens import completion

            said = messages_of(kept, call)
            budget = tokens.budget(call.host.clock.now)
            model = call.record.get("gen_ai.response.model")
            return completion.count(request, said, budget, model) if said else None

        try:
            answer = await call.host.clock.offload(count)
        except (ValueError, RecursionError):
            return False
        if answer is None:
            return False
        call.record[INPUT], call.record[OUTPUT] = prompt.tokens, answer.tokens
        partly = "at_least" in (prompt.certainty, answer.certainty) or self._size > _KEPT_BYTES
        call.record["usage_source"] = "at_least" if partly else "estimate"
        return True


def without_usage(piece: bytes) -> bytes:
    """A piece of whole events as it would be had nobody asked for usage."""
    if b'"usage"' not in piece:
        return piece
    piece = piece.replace(_NO_USAGE, b"")
    if b'"usage"' not in piece:
        return piece
    return b"".join(event for event in sse.split(piece) if not _is_usage(event))


def _is_usage(event: bytes) -> bool:
    """Whether this is the chunk that only came because it was asked for: usage, and no choice."""
    if b'"usage"' not in event:
        return False
    found = list(sse.objects(event))
    return len(found) == 1 and found[0].get("choices") == [] and isinstance(found[0].get("usage"), dict)


def _tokens(record: dict[str, Any]) -> Any:
    from proxy.cost.prices import Tokens

    return Tokens(
        input=record.get(INPUT, 0),
        output=record[OUTPUT],
        cached=record.get("gen_ai.usage.cache_read.input_tokens", 0),
        reasoning=record.get("gen_ai.usage.reasoning.output_tokens", 0),
        audio_input=record.get("audio_input_tokens", 0),
        audio_output=record.get("audio_output_tokens", 0),
    )


def _comment(record: dict[str, Any]) -> bytes:
    """The last words of a stream that no client takes for an event: lines with a colon in front are comments."""
    names = {INPUT: "input_tokens", OUTPUT: "output_tokens", "usage_source": "source", "cost_usd": "cost_usd"}
    told = {short: record.get(name) for name, short in names.items()}
    return b": sluice " + json.dumps(told).encode() + b"\n\n"
