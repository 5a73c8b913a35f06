"""The stage that limits the cost of one request: MAX_OUTPUT_TOKENS, MAX_COST_USD and a signed key's own limit.

It lowers the output limit of a call whose answer may get too long, and says so in a header. It refuses a call whose
prompt alone may cost too much, and one whose cost has no bound: the highest possible cost decides.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from proxy.access import strict_body
from proxy.call import Call
from proxy.cost import estimate, price_bounds, thinking
from proxy.cost.prices import MILLION
from proxy.errors import BadRequest, CostTooHigh
from proxy.routing import limit_fields, model_allowlist
from proxy.routing.model_field import requested_model
from proxy.wire.path_table import Endpoint

# The Responses API accepts no lower limit, and a shorter answer is useless.
MIN_OUTPUT_TOKENS = 16


async def apply(call: Call) -> None:
    """Set the limit of each answer. Raises CostTooHigh, BadRequest, MethodNotAllowed or PathNotAllowed."""
    config, allowed = call.config, call.allowed_output
    if price_bounds.generates_nothing(call):
        return
    by_price = config.max_cost_usd is not None
    name = "MAX_COST_USD" if by_price else "a limit on output tokens"
    row = price_bounds.limited_endpoint(call, name, by_price)
    if row is None:
        return
    request = strict_body.object_of(call)
    await price_bounds.check_multipliers(call, request, row)
    answers = estimate.answer_count(request, row)
    thinking_tokens = thinking.separate_tokens(call, request) if row.limits else 0
    limit = await _affordable(call, request, row, answers) if by_price else None
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
    rates = await price_bounds.rates(call, request, row)
    limits = [await _affordable_at(call, request, row, answers, rate) for rate in rates]
    return min((limit for limit in limits if limit is not None), default=None)


async def _affordable_at(
    call: Call, request: dict[str, Any], row: Endpoint, answers: int, rate: price_bounds.Rate
) -> int | None:
    max_cost = Decimal(str(call.config.max_cost_usd))
    requested = estimate.requested_output(request, row) or rate.price.max_output
    for counted in (False, True):  # the bound by bytes is free, and often enough
        tokens, prompt_cost, output_price = await price_bounds.highest(call, request, rate, counted)
        if not row.limits:
            if prompt_cost <= max_cost:
                return None
            continue
        budget = max_cost - prompt_cost
        left = budget / (output_price * answers) if output_price else Decimal(requested or MILLION)
        if requested is not None and requested + rate.extra_tokens <= left:
            return estimate.requested_output(request, row)  # the same limit, in the field that the upstream honours
    if prompt_cost > max_cost or not row.limits or left - rate.extra_tokens < MIN_OUTPUT_TOKENS:
        raise CostTooHigh(
            f"The prompt of up to {tokens} tokens may cost {prompt_cost:f} US dollars, and this endpoint's owner "
            f"allows {max_cost:f} for one request, its answer included. Send less, ask for fewer answers, or use a "
            "cheaper model. Nothing was sent upstream, so nothing was spent.",
        )
    return int(left - rate.extra_tokens)
