"""The stage that tells what a call used and cost, also where the upstream does not (METERING; off unless set).

A stream's usage is asked for, and its chunk taken out again where the caller had not asked. An upstream that tells
nothing, or a stream that was cut, is counted after the last byte went out, and the figure is marked as an estimate.
"""

from __future__ import annotations

import json
from typing import Any

from proxy import body, nesting, sse, weight
from proxy.call import Call
from proxy.errors import BadRequest, NotInstalled, UpstreamRefused
from proxy.messages import Stream
from proxy.spoken import messages_of

INPUT, OUTPUT = "gen_ai.usage.input_tokens", "gen_ai.usage.output_tokens"
_ASKED_IN = ("chat", "completions")
_REFUSALS = (400, 422)
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
    model = str(call.fields.get("model"))
    if model in call.host.no_usage or not isinstance(options, (dict, type(None))):
        return
    wanted = json.dumps({**(options or {}), "include_usage": True}).encode()
    edited = body.setting(call.body, {"stream_options": wanted})
    if edited is None:
        return
    as_sent = call.body

    def once_more(refused: UpstreamRefused) -> bytes | None:
        """As the caller sent it, where the upstream knows no such field."""
        known = refused.fields()["param"] != "stream_options" and b"stream_options" not in refused.body()
        if refused.status not in _REFUSALS or known:
            return None
        call.host.remember(call.host.no_usage, model)
        call.asked_usage = False
        return as_sent

    call.body, call.asked_usage, call.once_more = edited, True, once_more


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
                self._settle()
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
            self._settle()

    def _settle(self) -> None:
        """Fill the log's record in; a reply whose head is still to come gets the header."""
        call = self._call
        if self._settled or call.headers is None:
            return
        self._settled = True
        record = call.record
        if OUTPUT not in record and not self._estimate():
            return
        record.setdefault("usage_source", "upstream")
        model = record.get("gen_ai.response.model")
        price = weight.price_of(call, model) or weight.price_of(call, call.fields.get("model"))
        tier = body.read(call.body, ("service_tier",)).get("service_tier")
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

    def _estimate(self) -> bool:
        """Count what went through; False where that is not possible here."""
        call = self._call
        said = messages_of(b"".join(self._kept), call)
        self._kept.clear()
        if not said:
            return False
        from proxy import tokens

        try:
            request = nesting.loads(call.body)
            prompt = weight.count(call, request)
            from proxy.tokens import completion

            budget = tokens.budget(call.host.clock.now)
            answer = completion.count(request, said, budget, call.record.get("gen_ai.response.model"))
        except (BadRequest, NotInstalled, ValueError, RecursionError):
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
    from proxy.prices import Tokens

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
