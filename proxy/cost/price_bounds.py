"""The highest price that a call may have, at any of its upstreams and with any model that it names.

The limit on one request's cost and the budget of a key both decide by it. What has no bound is refused, with a sentence
that names the part of the request that has none.
"""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any, NamedTuple

from proxy.call import Call
from proxy.cost import estimate, multipliers, thinking
from proxy.cost.prices import MILLION, Price
from proxy.errors import CostTooHigh, MethodNotAllowed, PathNotAllowed
from proxy.protocols.members import as_list
from proxy.routing import limit_fields, model_allowlist
from proxy.routing.model_field import requested_model
from proxy.wire import path_table, work
from proxy.wire.path_table import Endpoint

_MAX_MODELS = 5
# Models that charge for more than text tokens: they search the web, generate images or run in a fast mode.
_EXTRA_CHARGES = re.compile(r"search|sonar|compound|:online|image|claude.*-fast", re.IGNORECASE)


class Rate(NamedTuple):
    """What a call may cost at one upstream with one model.

    `model` is the upstream's name for it. `packed_tokens` are those that files in the prompt may have, 0 without one.
    `extra_tokens` are charged as output in addition to the answers.
    """

    model: Any
    price: Price
    tier: str | None
    packed_tokens: int
    extra_tokens: int


class Highest(NamedTuple):
    """For a prompt of up to `tokens`: its cost and the price of a token of output, both in US dollars."""

    tokens: int
    prompt_cost: Decimal
    output_price: Decimal


def unbounded(reason: str, param: str | None) -> CostTooHigh:
    """Return the error for a request whose cost has no known bound. `reason` completes the sentence."""
    return CostTooHigh(f"This endpoint's owner limits what calls may cost, and {reason}", param=param)


def generates_nothing(call: Call) -> bool:
    """Whether the call only reads or deletes something."""
    return call.request.method in ("GET", "HEAD", "DELETE") and not call.body.received


def limited_endpoint(call: Call, limit: str, by_price: bool) -> Endpoint | None:
    """Return the row of a call, None for one that costs nothing. `limit` names the limit for a refusal.

    `by_price`: the limit covers all that a call costs, not only the length of its answer. Raises PathNotAllowed for a
    path whose cost is not known in advance, MethodNotAllowed.
    """
    path = call.path
    row = path_table.endpoint(path)
    if (row is None and path_table.only_stores(path, by_price)) or (row is not None and row.cost == path_table.FREE):
        return None
    if row is None or (row.generates and not row.limits) or (by_price and row.cost == path_table.UNKNOWN):
        raise PathNotAllowed(
            f"/v1/{path} is not open here: {limit} is set, and Sluice cannot limit what such a call costs."
        )
    if not row.limits and not by_price:
        return None
    if call.endpoint is None:
        raise MethodNotAllowed(f"/v1/{row.path} is limited here: send it with POST.")
    return row


async def check_multipliers(call: Call, request: dict[str, Any], row: Endpoint) -> None:
    """Raise CostTooHigh for a member that may multiply what the call generates."""
    name = await work.run(multipliers.unknown_multiplier(request, row.limits, row.api), call.host.clock)
    if name is not None:
        raise unbounded(f"{name} may multiply that. Leave it out.", name)


async def rates(call: Call, request: dict[str, Any], row: Endpoint) -> list[Rate]:
    """Return what the call may cost, at each upstream and for each model. Raises CostTooHigh without a bound."""
    bound = await estimate.prompt_bound(call)
    if bound.unbounded is not None:
        name, reason = bound.unbounded
        raise unbounded(f"{name} {reason}. Leave it out.", name)
    _check_modalities(call, request)
    models = (requested_model(call), *await model_allowlist.other_models(call))
    if len(models) > _MAX_MODELS:
        raise unbounded(f"the request names more than {_MAX_MODELS} models. Name fewer.", "models")
    if (member := await work.run(multipliers.surcharge(request), call.host.clock)) is not None:
        raise unbounded(f"{member} may raise the price above what is known here. Leave it out.", member)
    prices = [pair for model in models for pair in estimate.highest_prices_of(call, model)]
    return [await _rate(call, request, row, pair) for pair in prices]


def _check_modalities(call: Call, request: dict[str, Any]) -> None:
    modalities = request.get("modalities")
    if call.api == path_table.GEMINI:
        modalities = [
            *as_list(limit_fields.value_at(request, "generationConfig.responseModalities")),
            *(["audio"] if limit_fields.value_at(request, "generationConfig.speechConfig") else []),
        ]
        modalities = [name.lower() if isinstance(name, str) else name for name in modalities]
        if "audio" in modalities:
            raise unbounded("the price of audio answers is not known here. Ask for text.", "responseModalities")
    if isinstance(modalities, list) and any(modality not in ("text", "audio") for modality in modalities):
        raise unbounded("only the prices of text and audio are known. Leave out other modalities.", "modalities")


async def _rate(call: Call, request: dict[str, Any], row: Endpoint, model_price: tuple[Any, Price | None]) -> Rate:
    model, price = model_price
    # The owner's price file covers everything that a call costs.
    if isinstance(model, str) and _EXTRA_CHARGES.search(model[:300]) and (price is None or price.provider != "own"):
        raise unbounded(
            "this model also charges for more than text (searches, images or speed), at a price that is not known "
            "here. Use another one.",
            "model",
        )
    tier, at = request.get("service_tier"), call.host.clock.wall()
    if price is None or (figures := price.figures(0, at, None)) is None or (row.limits and "output" not in figures):
        raise unbounded(
            "the price of this model is not known here. Use a model with a known price; the owner can add this one's "
            "with PRICES_FILE.",
            "model",
        )
    if tier is not None and tier not in (*multipliers.CHEAP_TIERS, *price.service_tiers):
        raise unbounded("service_tier may raise the price above what is known here. Leave it out.", "service_tier")
    if price.provider != "own" and multipliers.chooses_host(request):
        raise unbounded("each host of a model has its own prices. Leave provider out.", "provider")
    bound = await estimate.prompt_bound(call)
    if bound.has_audio and "audio_input" not in figures:
        raise unbounded("the price of audio is not known for this model. Send text.", "input_audio")
    packed_tokens = price.context_window if bound.file_member else 0
    if packed_tokens is None:
        raise unbounded(f"the number of tokens in {bound.file_member} is not known. Send text.", bound.file_member)
    return Rate(model, price, tier if isinstance(tier, str) else None, packed_tokens, _extra_output(call, request))


async def highest(call: Call, request: dict[str, Any], rate: Rate, counted: bool) -> Highest:
    """Return the highest prices of the call at a rate.

    The prompt's tokens are bound by its bytes, which is free, or `counted`, which is closer. Raises CostTooHigh where
    the price of audio output is needed and unknown, NotInstalled if this deployment cannot count.
    """
    bound = await estimate.prompt_bound(call)
    tokens = max(rate.packed_tokens, await estimate.max_prompt_tokens(call, rate.model) if counted else bound.tokens)
    at, has_long_cache = call.host.clock.wall(), bound.has_long_cache
    input_price, output_price = _highest_prices(request, rate.price, at, rate.tier, (tokens, has_long_cache))
    return Highest(tokens, input_price * tokens / MILLION, output_price / MILLION)


def _highest_prices(
    request: dict[str, Any], price: Price, at: float, tier: str | None, prompt: tuple[int, bool]
) -> tuple[Decimal, Decimal]:
    """Return the highest prices of input and output that may apply, for a million tokens.

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
            raise unbounded("the price of audio answers is not known for this model. Ask for text.", "modalities")
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
