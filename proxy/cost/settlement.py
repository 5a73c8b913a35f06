"""Settling a metered call: its figures, counted here where the upstream reported none, and its cost."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from proxy.access import strict_body
from proxy.call import Call
from proxy.cost import estimate
from proxy.errors import BadRequest, NotInstalled, UnsupportedMedia
from proxy.messages import Headers
from proxy.protocols.answer_messages import answer_messages
from proxy.wire import bounded_json, content_encoding
from proxy.wire.path_table import protocol_below

if TYPE_CHECKING:
    from decimal import Decimal

    from proxy.cost.prices import Price, Tokens
    from proxy.tokens.counter import Count

_SHORT_BYTES = 4_096
_MAX_KEPT_BYTES = 4_000_000
_MAX_PLAIN_BYTES = 16_000_000  # of a compressed answer
# A count made with another model's tokenizer may be off by this factor. Only a larger one corrects a reported figure.
_TOLERANCE = 1.25
# Encodings of which the standard library opens none. They are not requested, and some upstreams send them all the same.
_CLOSED_ENCODINGS = frozenset(("br", "zstd", "compress"))
# What upstreams call the service whose price is the model's own.
_PLAIN_TIERS = frozenset(("auto", "default", "standard", "standard_only", "on_demand"))


class KeptAnswer:
    """An answer's bytes as far as there is room, and where the upstream last reported figures."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []
        self._size = 0
        self._reports = 0
        self._reported_at = 0

    def add(self, piece: bytes, reports: int) -> None:
        """Keep a piece; `reports` is how many reports have come with it and before."""
        if self._size <= _MAX_KEPT_BYTES:
            self._size += len(piece)
            self._pieces.append(piece)
        if reports > self._reports:
            self._reports, self._reported_at = reports, len(self._pieces)

    @property
    def is_partial(self) -> bool:
        """Whether some of the answer was not kept."""
        return self._size > _MAX_KEPT_BYTES

    def all(self) -> bytes:
        return b"".join(self._pieces)

    def after_report(self) -> bytes:
        """What came after the last report."""
        return b"".join(self._pieces[self._reported_at :])

    def clear(self) -> None:
        self._pieces.clear()


class Settlement:
    """How the settling of a call ended. `is_empty`: a stream without any text, of which nothing was reported."""

    def __init__(self) -> None:
        self.is_empty = False


async def settle(call: Call, answer: KeptAnswer) -> None:
    """Complete the figures for the log, and set the headers in case the head is still to be sent."""
    outcome = call.outcome
    known = await _complete(call, answer)
    usage = outcome.usage
    call.state(Settlement).is_empty = not known and bool(call.is_sse) and await _is_empty(call, answer)
    answer.clear()
    if not known:
        encoding = content_encoding.encoding(outcome.headers or Headers())
        if encoding in _CLOSED_ENCODINGS:
            outcome.details["unreadable_encoding"] = encoding  # or nobody would know why there is no cost
        return
    usage.source = usage.source or "upstream"
    price = _price(call)
    cost = usage.cost_usd if price is None or price.provider != "own" else None
    if cost is None and price is not None and (priced := _cost(call, price)) is not None:
        cost, outcome.prices_date = float(round(priced, 10)), price.date
    outcome.cost_usd = None if cost is None else round(cost, 10)
    if "header" in call.config.metering:
        if outcome.cost_usd is not None:
            outcome.reply_headers.append(("x-sluice-cost-usd", _plain(outcome.cost_usd)))
        value = f"input={usage.input or 0}; output={usage.output}; source={usage.source}"
        outcome.reply_headers.append(("x-sluice-usage", value))


def comment(call: Call) -> bytes:
    """Return the figures as an SSE comment, a line that starts with a colon and that clients ignore."""
    usage, cost = call.outcome.usage, call.outcome.cost_usd
    figures = {"input_tokens": usage.input, "output_tokens": usage.output, "source": usage.source, "cost_usd": cost}
    return b": sluice " + json.dumps(figures).encode() + b"\n\n"


async def _complete(call: Call, answer: KeptAnswer) -> bool:
    """Count what the upstream has not reported, or not to its end. False if the output stays unknown.

    An upstream that reports no output for an answer with text has reported nothing, and one that reports only at the
    beginning of a stream has not reported what came later.
    """
    usage = call.outcome.usage
    reported = usage.output or 0
    if call.endpoint is not None and not call.endpoint.generates:
        return usage.input is not None  # such as embeddings
    if reported and not await _has_later_text(call, answer):
        if not usage.input:
            await _count_input(call)
        return True
    count = await _count_answer(call, answer.all())
    if count is None or count.tokens <= reported * _TOLERANCE:
        return usage.output is not None
    if not await _count_input(call):
        return False
    known_sum = usage.total if not reported else None
    usage.output = max(known_sum - (usage.input or 0), 0) if known_sum else count.tokens
    if count.certainty == "at_least" or answer.is_partial:
        usage.source = "at_least"
    usage.cost_usd = None
    return True


async def _is_empty(call: Call, answer: KeptAnswer) -> bool:
    """Whether a stream has no text at all."""
    kept = answer.all()
    return not answer.is_partial and not await call.host.clock.offload(lambda: _messages(call, kept))


async def _has_later_text(call: Call, answer: KeptAnswer) -> bool:
    """Whether a stream has text after the upstream's last report."""
    later = answer.after_report() if call.is_sse else b""
    if len(later) <= _SHORT_BYTES:  # nearly always: the report is the last but for the end
        return bool(later) and bool(_messages(call, later))
    return bool(await call.host.clock.offload(lambda: _messages(call, later)))


async def _count_input(call: Call) -> bool:
    """Count the prompt if the upstream has not. False where that is not possible."""
    usage = call.outcome.usage
    if not usage.input:
        try:
            await strict_body.read(call, "its tokens are counted")
            count = await estimate.count_prompt(call, call.outcome.target.model if call.outcome.target else None)
        except (BadRequest, NotInstalled, UnsupportedMedia):
            return False
        usage.input = count.tokens
        usage.source = "at_least" if count.certainty == "at_least" else "estimate"
    usage.source = usage.source or "estimate"
    return True


async def _count_answer(call: Call, kept: bytes) -> Count | None:
    """Count the answer's tokens without blocking other calls. None if it has no text, or cannot be counted here."""
    try:
        await strict_body.read(call, "its tokens are counted")
        request = strict_body.object_of(call)
    except (BadRequest, UnsupportedMedia):
        return None

    def count() -> Count | None:
        from proxy import tokens

        budget = tokens.budget(call.host.clock.now)  # raises NotInstalled before anything that counts is imported
        from proxy.tokens import completion

        messages = _messages(call, kept)
        api = protocol_below(call.path)
        return completion.count(request, messages, budget, call.outcome.model, api) if messages else None

    try:
        return await call.host.clock.offload(count)
    except (ValueError, RecursionError, NotInstalled):
        return None


def _messages(call: Call, data: bytes) -> list[dict[str, object]]:
    """Return the messages of a stream or of a whole JSON answer, an empty list if they cannot be read."""
    if call.is_sse:
        messages = call.protocol.messages(data)
    else:
        encoding = content_encoding.encoding(call.outcome.headers or Headers())
        messages = answer_messages(bounded_json.parse(content_encoding.decoded(data, encoding, _MAX_PLAIN_BYTES)))
    return [message for message in messages if any(value for name, value in message.items() if name != "role")]


def _price(call: Call) -> Price | None:
    """The price of the model that the answer names, whatever a deployment is called, else of the request's."""
    from proxy.cost import prices

    outcome = call.outcome
    if call.config.demo or outcome.target is None:
        return None
    served = prices.find(outcome.model, outcome.target.base_url, call.config.prices_file) if outcome.model else None
    return served or estimate.price_of(call, call.body.fields.get("model"))


def _cost(call: Call, price: Price) -> Decimal | None:
    """The cost by the table, None where the service that was used has no price there."""
    usage = call.outcome.usage
    if usage.input is None:
        return None
    requested = call.body.document.get("service_tier") if call.body.document else None
    tier = usage.tier or (requested if isinstance(requested, str) else None)
    priced = tier in price.service_tiers or price.provider == "own"
    if usage.tier is not None and usage.tier not in _PLAIN_TIERS and not priced:
        return None
    return price.cost(_tokens(call), call.host.clock.wall(), tier)


def _tokens(call: Call) -> Tokens:
    from proxy.cost.prices import Tokens

    usage = call.outcome.usage
    return Tokens(
        input=usage.input or 0,
        output=usage.output or 0,
        cached=usage.cached or 0,
        cache_write=usage.cache_write or 0,
        cache_write_1h=usage.cache_write_1h or 0,
        reasoning=usage.reasoning or 0,
        audio_input=usage.audio_input or 0,
        audio_output=usage.audio_output or 0,
    )


def _plain(cost: float) -> str:
    """A number without an exponent."""
    from decimal import Decimal

    return f"{Decimal(repr(cost)).normalize():f}"
