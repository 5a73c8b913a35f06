"""`POST /v1/chat/completions/input_tokens`: the tokens and the price of a request, without sending it."""

from __future__ import annotations

from typing import Any

from proxy.access import strict_body
from proxy.call import Call
from proxy.cost import estimate, prices
from proxy.cost.prices import Price, Tokens, table_date


async def answer(call: Call) -> dict[str, Any]:
    """Return the tokens of the call's chat request, the model's limits, and prices in US dollars.

    Unknown figures are None. Raises BadRequest for a body that is not a JSON object, NotInstalled where this deployment
    cannot count.
    """
    request = strict_body.object_of(call)
    model = request.get("model")
    count = await estimate.count_prompt(call)
    price = _price_of(call, request.get("model"))
    return {
        "object": "chat.completion.input_tokens",
        "model": model if isinstance(model, str) else None,
        "input_tokens": count.tokens,
        "input_tokens_upper_bound": await _upper_bound(call),
        "certainty": count.certainty,
        "encoding": count.encoding,
        "notes": list(count.notes),
        "context_window": price.context_window if price else None,
        "max_output_tokens": price.max_output if price else None,
        "price": _price(call, request, price, count.tokens),
    }


async def _upper_bound(call: Call) -> int | None:
    if (await estimate.prompt_bound(call)).unbounded:
        return None
    return await estimate.max_prompt_tokens(call)


def _price_of(call: Call, model: Any) -> Price | None:
    """As estimate.price_of. The demo has no prices, so there the price is that of the model with the same name."""
    if call.config.demo and isinstance(model, str):
        return prices.find(model, None, call.config.prices_file)
    return estimate.price_of(call, model)


def _price(call: Call, request: dict[str, Any], price: Price | None, tokens: int) -> dict[str, Any]:
    """Return the price of the prompt, and of the whole call if the answer reaches its limit."""
    at, tier = call.host.clock.wall(), request.get("service_tier")
    tier = tier if isinstance(tier, str) else None
    max_output = estimate.requested_output(request, call.endpoint) or (price.max_output if price else None)
    answers = estimate.answer_count(request, call.endpoint)
    prompt = price.cost(Tokens(tokens, 0), at, tier) if price else None
    whole = price.cost(Tokens(tokens, max_output * answers), at, tier) if price and max_output is not None else None
    return {
        "currency": "USD",
        "input": float(prompt) if prompt is not None else None,
        "at_max_output": float(whole) if whole is not None else None,
        "max_output_tokens": max_output * answers if max_output is not None else None,
        "provider": price.provider if price else None,
        "date": price.date if price else table_date(),
    }
