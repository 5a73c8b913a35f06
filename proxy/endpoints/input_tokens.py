"""`POST /v1/chat/completions/input_tokens`: what a request would cost, without sending it anywhere."""

from __future__ import annotations

from typing import Any

from proxy.access import strict_body
from proxy.call import Call
from proxy.cost import estimate, prices
from proxy.cost.prices import Price, Tokens, table_date


async def answer(call: Call) -> dict[str, Any]:
    """The tokens of the chat request in `call.body.outgoing`, the model's limits, and prices in US dollars.

    Figures that nobody knows are None. Raises BadRequest for a body that is no JSON object, NotInstalled where this
    deployment cannot count.
    """
    request = strict_body.object_of(call)
    model = request.get("model")
    counted = await estimate.count(call)
    price = _price_of(call, request.get("model"))
    return {
        "object": "chat.completion.input_tokens",
        "model": model if isinstance(model, str) else None,
        "input_tokens": counted.tokens,
        "input_tokens_upper_bound": None if (await estimate.bound(call)).unbounded else await estimate.upper(call),
        "certainty": counted.certainty,
        "encoding": counted.encoding,
        "notes": list(counted.notes),
        "context_window": price.context_window if price else None,
        "max_output_tokens": price.max_output if price else None,
        "price": _price(call, request, price, counted.tokens),
    }


def _price_of(call: Call, model: Any) -> Price | None:
    """As estimate.price_of; the demo has no prices, and who asks there wants to know those of a model by its name."""
    if call.config.demo and isinstance(model, str):
        return prices.find(model, None, call.config.prices_file)
    return estimate.price_of(call, model)


def _price(call: Call, request: dict[str, Any], price: Price | None, tokens: int) -> dict[str, Any]:
    """The prompt's price, and that of the whole call if the answer gets as long as it may."""
    at, tier = call.host.clock.wall(), request.get("service_tier")
    tier = tier if isinstance(tier, str) else None
    most = estimate.output_of(request, call.endpoint) or (price.max_output if price else None)
    answers = estimate.answers_of(request, call.endpoint)
    prompt = price.cost(Tokens(tokens, 0), at, tier) if price else None
    whole = price.cost(Tokens(tokens, most * answers), at, tier) if price and most is not None else None
    return {
        "currency": "USD",
        "input": float(prompt) if prompt is not None else None,
        "at_max_output": float(whole) if whole is not None else None,
        "max_output_tokens": most * answers if most is not None else None,
        "provider": price.provider if price else None,
        "date": price.date if price else table_date(),
    }
