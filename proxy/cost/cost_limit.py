"""The stage that limits the cost of one request: MAX_OUTPUT_TOKENS, MAX_COST_USD and a signed key's own limit.

It lowers the output limit of a call whose answer may get too long, and says so in a header. It refuses a call whose
prompt alone may cost too much, and one whose cost has no bound: the highest possible cost decides.
"""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any

from proxy.access import strict_body
from proxy.call import Call
from proxy.cost import estimate, multipliers, thinking
from proxy.cost.prices import MILLION, Price
from proxy.errors import BadRequest, CostTooHigh, MethodNotAllowed, PathNotAllowed
from proxy.protocols.members import as_list
from proxy.routing import limit_fields, model_allowlist
from proxy.routing.model_field import requested_model
from proxy.wire import path_table, work
from proxy.wire.path_table import Endpoint

# The Responses API accepts no lower limit, and a shorter answer is useless.
MIN_OUTPUT_TOKENS = 16
_MAX_MODELS = 5
# Models that charge for more than text tokens: they search the web, generate images or run in a fast mode.
_EXTRA_CHARGES = re.compile(r"search|sonar|compound|:online|image|claude.*-fast", re.IGNORECASE)


async def apply(call: Call) -> None:
    """Set the limit of each answer. Raises CostTooHigh, BadRequest, MethodNotAllowed or PathNotAllowed."""
    config, allowed = call.config, call.allowed_output
    if call.request.method in ("GET", "HEAD", "DELETE") and not call.body.received:
        return  # it generates nothing
    row = _limited_endpoint(call)
    if row is None:
        return
    if call.endpoint is None:
        raise MethodNotAllowed(f"/v1/{row.path} is limited here: send it with POST.")
    request = strict_body.object_of(call)
    if (
        name := await work.run(multipliers.unknown_multiplier(request, row.limits, row.api), call.host.clock)
    ) is not None:
        raise _unbounded(f"{name} may multiply that. Leave it out.", name)
    answers = estimate.answer_count(request, row)
    thinking_tokens = thinking.separate_tokens(call, request) if row.limits else 0
    limit = await _affordable(call, request, row, answers) if config.max_cost_usd is not None else None
    requested = estimate.requested_output(request, row)
    if allowed is not None and row.limits:
        per_answer = allowed // answers - thinking_tokens
        if per_answer < 1:
            raise _nothing_left(allowed, answers, thinking_tokens)
        limit = per_answer if limit is None else min(limit, per_answer)
    if limit is None or (requested is None and await _models_stop_before(call, request, limit)):
        return
    call.plan.max_output = limit
    if requested is None or limit < requested or not _has_valid_limits(request, row):
        call.outcome.reply_headers.append(("x-sluice-max-output-tokens", str(limit)))


def _unbounded(reason: str, param: str | None) -> CostTooHigh:
    """Return the error for a request whose cost has no known bound. `reason` completes the sentence."""
    return CostTooHigh(f"This endpoint's owner limits what one request may cost, and {reason}", param=param)


def _nothing_left(allowed: int, answers: int, thinking_tokens: int) -> BadRequest:
    if thinking_tokens:
        return BadRequest(
            f"The request allows up to {thinking_tokens} tokens of thinking in addition to the answer, and this "
            f"endpoint's owner allows {allowed} tokens in all. Lower thinking_budget.",
            param="thinking_budget",
        )
    return BadRequest(
        f"The request asks for {answers} answers, and this endpoint's owner allows {allowed} tokens for all of them "
        "together. Ask for fewer.",
        param="n",
    )


def _limited_endpoint(call: Call) -> Endpoint | None:
    """Return the row of a call whose cost can be limited, None for one that is free. Raises PathNotAllowed."""
    path = call.path
    row = path_table.endpoint(path)
    by_price = call.config.max_cost_usd is not None
    if (row is None and path_table.only_stores(path, by_price)) or (row is not None and row.cost == path_table.FREE):
        return None
    if row is None or (row.generates and not row.limits) or (by_price and row.cost == path_table.UNKNOWN):
        raise PathNotAllowed(
            f"/v1/{path} is not open here: {'MAX_COST_USD' if by_price else 'a limit on output tokens'} is set, and "
            "Sluice cannot limit what such a call costs."
        )
    return row if row.limits or by_price else None


async def _models_stop_before(call: Call, request: dict[str, Any], limit: int) -> bool:
    """Whether the model's own limit is at most `limit` at every upstream, which would refuse a higher one."""
    prices = estimate.prices_of(call, requested_model(call))
    return not await model_allowlist.other_models(call) and all(
        price is not None and price.max_output is not None and price.max_output <= limit for _, price in prices
    )


def _has_valid_limits(request: dict[str, Any], row: Endpoint) -> bool:
    """Whether every limit in the request is a number that all servers read alike."""
    from proxy.routing.output_limit import is_limit

    limits = (limit_fields.value_at(request, name) for name in row.limits)
    return all(limit is None or is_limit(limit) for limit in limits)


async def _affordable(call: Call, request: dict[str, Any], row: Endpoint, answers: int) -> int | None:
    """Return how many tokens each answer may have under MAX_COST_USD at any target, None if no limit is needed."""
    if call.config.demo:
        return None  # the demo is free
    bound = await estimate.prompt_bound(call)
    if bound.unbounded is not None:
        name, reason = bound.unbounded
        raise _unbounded(f"{name} {reason}. Leave it out.", name)
    modalities = request.get("modalities")
    if call.api == path_table.GEMINI:
        modalities = [
            *as_list(limit_fields.value_at(request, "generationConfig.responseModalities")),
            *(["audio"] if limit_fields.value_at(request, "generationConfig.speechConfig") else []),
        ]
        modalities = [name.lower() if isinstance(name, str) else name for name in modalities]
        if "audio" in modalities:
            raise _unbounded("the price of audio answers is not known here. Ask for text.", "responseModalities")
    if isinstance(modalities, list) and any(modality not in ("text", "audio") for modality in modalities):
        raise _unbounded("only the prices of text and audio are known. Leave out other modalities.", "modalities")
    models = (requested_model(call), *await model_allowlist.other_models(call))
    if len(models) > _MAX_MODELS:
        raise _unbounded(f"the request names more than {_MAX_MODELS} models. Name fewer.", "models")
    if (member := await work.run(multipliers.surcharge(request), call.host.clock)) is not None:
        raise _unbounded(f"{member} may raise the price above what is known here. Leave it out.", member)
    prices = [pair for model in models for pair in estimate.highest_prices_of(call, model)]
    limits = [await _affordable_at(call, request, row, answers, pair) for pair in prices]
    return min((limit for limit in limits if limit is not None), default=None)


async def _affordable_at(
    call: Call, request: dict[str, Any], row: Endpoint, answers: int, model_price: tuple[Any, Price | None]
) -> int | None:
    model, price = model_price
    # The owner's price file covers everything that a call costs.
    if isinstance(model, str) and _EXTRA_CHARGES.search(model[:300]) and (price is None or price.provider != "own"):
        raise _unbounded(
            "this model also charges for more than text (searches, images or speed), at a price that is not known "
            "here. Use another one.",
            "model",
        )
    max_cost, at = Decimal(str(call.config.max_cost_usd)), call.host.clock.wall()
    tier = request.get("service_tier")
    if price is None or (figures := price.figures(0, at, None)) is None or (row.limits and "output" not in figures):
        raise _unbounded(
            "the price of this model is not known here. Use a model with a known price; the owner can add this one's "
            "with PRICES_FILE.",
            "model",
        )
    if tier is not None and tier not in (*multipliers.CHEAP_TIERS, *price.service_tiers):
        raise _unbounded("service_tier may raise the price above what is known here. Leave it out.", "service_tier")
    if price.provider != "own" and multipliers.chooses_host(request):
        raise _unbounded("each host of a model has its own prices. Leave provider out.", "provider")
    tier = tier if isinstance(tier, str) else None
    requested = estimate.requested_output(request, row) or price.max_output
    bound = await estimate.prompt_bound(call)
    if bound.has_audio and "audio_input" not in figures:
        raise _unbounded("the price of audio is not known for this model. Send text.", "input_audio")
    packed_tokens = price.context_window if bound.file_member else 0
    if packed_tokens is None:
        raise _unbounded(f"the number of tokens in {bound.file_member} is not known. Send text.", bound.file_member)
    extra_tokens = _extra_output(call, request)
    for counted in (False, True):  # the bound by bytes is free, and often enough
        tokens = max(packed_tokens, await estimate.max_prompt_tokens(call, model) if counted else bound.tokens)
        input_price, output_price = _highest_prices(request, price, at, tier, (tokens, bound.has_long_cache))
        prompt_cost = input_price * tokens / MILLION
        if not row.limits:
            if prompt_cost <= max_cost:
                return None
            continue
        budget = (max_cost - prompt_cost) * MILLION
        left = budget / (output_price * answers) if output_price else Decimal(requested or MILLION)
        if requested is not None and requested + extra_tokens <= left:
            return estimate.requested_output(request, row)  # the same limit, in the field that the upstream honours
    if prompt_cost > max_cost or not row.limits or left - extra_tokens < MIN_OUTPUT_TOKENS:
        raise CostTooHigh(
            f"The prompt of up to {tokens} tokens may cost {prompt_cost:f} US dollars, and this endpoint's owner "
            f"allows {max_cost:f} for one request, its answer included. Send less, ask for fewer answers, or use a "
            "cheaper model. Nothing was sent upstream, so nothing was spent.",
        )
    return int(left - extra_tokens)


def _highest_prices(
    request: dict[str, Any], price: Price, at: float, tier: str | None, prompt: tuple[int, bool]
) -> tuple[Decimal, Decimal]:
    """Return the highest prices of input and output that may apply.

    `prompt` is its number of tokens, and whether a part of it is cached for an hour. Raises CostTooHigh where the
    price of audio output is needed and unknown.
    """
    tokens, has_long_cache = prompt
    figures = price.figures(tokens, at, tier) or {}
    inputs = [figures["input"], figures.get("cache_write", Decimal(0))]
    outputs = [figures.get("output", Decimal(0)), figures.get("reasoning", Decimal(0))]
    modalities = request.get("modalities")
    if request.get("audio") is not None or (isinstance(modalities, list) and "audio" in modalities):
        if "audio_output" not in figures:
            raise _unbounded("the price of audio answers is not known for this model. Ask for text.", "modalities")
        outputs.append(figures["audio_output"])
    inputs.append(figures.get("audio_input", Decimal(0)))
    if has_long_cache or ("cache_write" not in figures and price.provider == "anthropic"):
        inputs.append(figures.get("cache_write_1h", Decimal(0)))
        inputs.append(figures["input"] * 2)  # the price of a one-hour cache (docs.anthropic.com, prompt caching)
    return max(inputs), max(outputs)


def _extra_output(call: Call, request: dict[str, Any]) -> int:
    """Return the tokens charged as output beyond the answer's limit: a rejected prediction and a thinking budget."""
    members = call.body.document.members if call.body.document and request.get("prediction") is not None else ()
    prediction = sum(member.end - member.value for member in members if member.name == "prediction")
    return thinking.separate_tokens(call, request) + prediction
