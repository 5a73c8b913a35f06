"""How much a call may use at most, which is reserved before it goes up."""

from __future__ import annotations

from decimal import ROUND_CEILING, Decimal
from typing import Any, NamedTuple

from proxy.access import strict_body
from proxy.call import Call
from proxy.cost import estimate, price_bounds, thinking
from proxy.routing.model_field import requested_model
from proxy.store.base import MAX_AMOUNT, NANO_PER_USD, Limits
from proxy.wire.path_table import Endpoint

# A reservation lasts longer than its call can, also where the clocks of instances differ a little.
_SPARE_SECONDS = 60.0
# On a server nothing ends a call that goes on and on. Its cost is booked all the same, however long it takes.
_LONG_SECONDS = 300.0


class Use(NamedTuple):
    """What a call may use: `cost` in nano-dollars, `tokens` of input and output."""

    cost: int = 0
    tokens: int = 0


async def highest_use(call: Call, limits: Limits, counted: bool = False) -> Use:
    """Return the most that a call may use, as far as `limits` depend on it.

    The prompt is bound by its bytes, or `counted`, which is closer. An answer whose length the call does not limit
    counts with BUDGET_RESERVE_OUTPUT_TOKENS. Raises CostTooHigh, BadRequest, PathNotAllowed and MethodNotAllowed for a
    call that has no bound.
    """
    if (limits.budget is None and limits.tokens is None) or price_bounds.generates_nothing(call):
        return Use()
    name = "a budget" if limits.budget is not None else "a limit on tokens"
    row = price_bounds.limited_endpoint(call, name, by_price=True)
    if row is None:
        return Use()
    request = strict_body.object_of(call)
    await price_bounds.check_multipliers(call, request, row)
    if limits.budget is None or call.config.demo:
        return Use(0, await _highest_tokens(call, request, row, counted))
    answers, uses = estimate.answer_count(request, row), []
    for rate in await price_bounds.rates(call, request, row):
        prompt_tokens, prompt_cost, output_price = await price_bounds.highest(call, request, rate, counted)
        output = answers * (_output(call, request, row, rate.price.max_output) + rate.extra_tokens) if row.limits else 0
        uses.append(Use(_nano(prompt_cost + output_price * output), prompt_tokens + output))
    return Use(max(use.cost for use in uses), min(max(use.tokens for use in uses), MAX_AMOUNT))


async def _highest_tokens(call: Call, request: dict[str, Any], row: Endpoint, counted: bool) -> int:
    """The tokens alone, which need no price."""
    bound = await estimate.prompt_bound(call)
    if bound.unbounded is not None:
        name, reason = bound.unbounded
        raise price_bounds.unbounded(f"{name} {reason}. Leave it out.", name)
    tokens = await estimate.max_prompt_tokens(call) if counted else bound.tokens
    if bound.file_member:
        windows = [
            price.context_window if price else None for _, price in estimate.prices_of(call, requested_model(call))
        ]
        known = [window for window in windows if window is not None]
        if len(known) < len(windows):
            raise price_bounds.unbounded(
                f"the number of tokens in {bound.file_member} is not known. Send text.", bound.file_member
            )
        tokens = max(tokens, *known)
    if row.limits:
        extra = thinking.separate_tokens(call, request)
        tokens += estimate.answer_count(request, row) * (_output(call, request, row, None) + extra)
    return min(tokens, MAX_AMOUNT)


def _output(call: Call, request: dict[str, Any], row: Endpoint, model_limit: int | None) -> int:
    """How many tokens one answer may have."""
    limits = [limit for limit in (call.plan.max_output, estimate.requested_output(request, row)) if limit is not None]
    if limits:
        return min(limits)
    reserved = call.config.budget_reserve_output_tokens
    return reserved if model_limit is None else min(reserved, model_limit)


def seconds(call: Call) -> float:
    """How long a reservation lasts if nobody ends it."""
    if call.ends_at is not None:
        return max(0.0, call.ends_at - call.host.clock.now()) + _SPARE_SECONDS
    return call.config.timeout_seconds + _LONG_SECONDS


def _nano(cost: Decimal) -> int:
    return min(int((cost * NANO_PER_USD).to_integral_value(ROUND_CEILING)), MAX_AMOUNT)
