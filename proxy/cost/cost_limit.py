"""The stage that keeps one request from costing more than its owner wants: MAX_OUTPUT_TOKENS, MAX_COST_USD, a key's
own limit.

An answer that may get too long is asked for with a lower limit, which a header tells. What would cost too much by its
prompt alone is refused, and so is what nobody can bound: the limit decides by the most that a call may cost.
"""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any

from proxy.access import strict_body
from proxy.call import Call
from proxy.cost import estimate, multipliers
from proxy.cost.prices import MILLION, Price
from proxy.errors import BadRequest, CostTooHigh, MethodNotAllowed, PathNotAllowed
from proxy.routing import model_allowlist
from proxy.wire import path_table, work
from proxy.wire.path_table import Endpoint

# The Responses API takes no lower limit; an answer shorter than that is none.
LEAST_OUTPUT = 16
_MODELS = 5
# Models with a price besides that of their tokens of text: they search the web by themselves, draw, or hurry.
_MORE_THAN_TEXT = re.compile(r"search|sonar|compound|:online|image|claude.*-fast", re.IGNORECASE)
# Alibaba's models that think unless they are told not to, and those that cannot be told
# (docs.qwencloud.com, help.aliyun.com/zh/model-studio/deep-thinking, read 2026-11-26).
_DASHSCOPE = re.compile(r"dashscope|aliyuncs|qwencloud", re.IGNORECASE)
_ALWAYS_THINKS = re.compile(r"qwq|qvq|thinking", re.IGNORECASE)
_THINKS = re.compile(r"qwen-?3(?!.*(?:instruct|coder|max))", re.IGNORECASE)
_OPEN_ENDED = "This endpoint's owner limits what one request may cost, and"


async def apply(call: Call) -> None:
    """Find the limit of each answer. Raises CostTooHigh, BadRequest or PathNotAllowed."""
    config, allowed = call.config, call.allowed_output
    if call.request.method in ("GET", "HEAD", "DELETE") and not call.body.received:
        return  # it asks for nothing
    row = _limited(call)
    if row is None:
        return
    if call.endpoint is None:
        raise MethodNotAllowed(f"/v1/{row.path} is limited here: send it with POST.")
    request = strict_body.object_of(call)
    if (name := await work.run(multipliers.unknown(request, row.limits), call.host.clock)) is not None:
        raise CostTooHigh(f"{_OPEN_ENDED} {name} may multiply that. Leave it out.", param=name)
    answers = estimate.answers_of(request, row)
    beside = _thought(call, request) if row.limits else 0
    most = await _affordable(call, request, row, answers) if config.max_cost_usd is not None else None
    asked = estimate.output_of(request, row)
    if allowed is not None and row.limits:
        each = allowed // answers - beside
        if each < 1:
            raise BadRequest(
                f"{answers} answers are asked for, and this endpoint's owner allows {allowed} tokens for all of them "
                "together. Ask for fewer."
                if not beside
                else f"Up to {beside} tokens of thinking are asked for beside the answer, and this endpoint's owner "
                f"allows {allowed} tokens in all. Lower thinking_budget.",
                param="thinking_budget" if beside else "n",
            )
        most = each if most is None else min(most, each)
    if most is None or (asked is None and await _ends_before(call, request, most)):
        return
    call.plan.max_output = most
    if asked is None or most < asked or not _all_counts(request, row):
        call.outcome.reply_headers.append(("x-sluice-max-output-tokens", str(most)))


def _limited(call: Call) -> Endpoint | None:
    """The row of a call whose cost can be limited, None for one that costs nothing. Raises PathNotAllowed."""
    path = call.path
    row = path_table.endpoint(path)
    by_price = call.config.max_cost_usd is not None
    if (row is None and path_table.only_stores(path, by_price)) or (row is not None and row.cost == path_table.FREE):
        return None
    if row is None or (row.generates and not row.limits) or (by_price and row.cost == path_table.UNKNOWN):
        raise PathNotAllowed(
            f"/v1/{path} is not open here: {'MAX_COST_USD' if by_price else 'a limit on output tokens'} is set, and "
            "nothing in such a call can be held to it."
        )
    return row if row.limits or by_price else None


async def _ends_before(call: Call, request: dict[str, Any], most: int) -> bool:
    """Whether the model ends before `most` tokens at every upstream; a limit above its own would be refused."""
    found = estimate.prices_of(call, request.get("model"))
    return not await model_allowlist.others_of(call) and all(
        price is not None and price.max_output is not None and price.max_output <= most for _, price in found
    )


def _all_counts(request: dict[str, Any], row: Endpoint) -> bool:
    """Whether every limit that was sent is a number that everybody reads alike."""
    from proxy.routing.output_limit import is_limit

    return all(request.get(name) is None or is_limit(request[name]) for name in row.limits)


async def _affordable(call: Call, request: dict[str, Any], row: Endpoint, answers: int) -> int | None:
    """How many tokens each answer may have under MAX_COST_USD, whoever answers; None where it needs no limit."""
    if call.config.demo:
        return None  # it costs nothing
    found = await estimate.bound(call)
    if found.unbounded is not None:
        name, what = found.unbounded
        raise CostTooHigh(f"{_OPEN_ENDED} {name} {what}. Leave it out.", param=name)
    modalities = request.get("modalities")
    if isinstance(modalities, list) and any(one not in ("text", "audio") for one in modalities):
        raise CostTooHigh(f"{_OPEN_ENDED} the price of what is no text and no sound is not known.", param="modalities")
    models = (request.get("model"), *await model_allowlist.others_of(call))
    if len(models) > _MODELS:
        raise CostTooHigh(f"{_OPEN_ENDED} more than {_MODELS} models are too many to reckon with.", param="models")
    if (member := await work.run(multipliers.dearer(request), call.host.clock)) is not None:
        raise CostTooHigh(
            f"{_OPEN_ENDED} {member} makes this one dearer than is known here. Leave it out.", param=member
        )
    priced = [pair for model in models for pair in estimate.prices_of(call, model)]
    limits = [await _affordable_at(call, request, row, answers, one) for one in priced]
    return min((limit for limit in limits if limit is not None), default=None)


async def _affordable_at(
    call: Call, request: dict[str, Any], row: Endpoint, answers: int, priced: tuple[Any, Price | None]
) -> int | None:
    model, price = priced
    # The owner's own file knows what a call costs.
    if isinstance(model, str) and _MORE_THAN_TEXT.search(model[:300]) and (price is None or price.provider != "own"):
        raise CostTooHigh(
            f"{_OPEN_ENDED} this model has a price besides that of its text, which is not known here: it searches, "
            "draws or hurries. Use another one.",
            param="model",
        )
    ceiling, at = Decimal(str(call.config.max_cost_usd)), call.host.clock.wall()
    tier = request.get("service_tier")
    if price is None or (figures := price.figures(0, at, None)) is None or (row.limits and "output" not in figures):
        raise CostTooHigh(
            f"{_OPEN_ENDED} the price of this model is not known here. Use a model with a known price; the owner can "
            "add this one's with PRICES_FILE.",
            param="model",
        )
    if tier is not None and tier not in (*multipliers.CHEAP_TIERS, *price.service_tiers):
        raise CostTooHigh(
            f"{_OPEN_ENDED} service_tier makes this one dearer than is known here. Leave it out.", param="service_tier"
        )
    if price.provider != "own" and multipliers.chooses_host(request):
        raise CostTooHigh(f"{_OPEN_ENDED} each host has prices of its own. Leave provider out.", param="provider")
    tier = tier if isinstance(tier, str) else None
    asked = estimate.output_of(request, row) or price.max_output
    found = await estimate.bound(call)
    if found.has_sound and "audio_input" not in figures:
        raise CostTooHigh(f"{_OPEN_ENDED} the price of sound is not known for this model.", param="input_audio")
    packed = price.context_window if found.files else 0
    if packed is None:
        raise CostTooHigh(f"{_OPEN_ENDED} how much {found.files} holds is not known. Send text.", param=found.files)
    extra = _beside(call, request)
    for counted in (False, True):  # the bytes alone are often enough, and cost nothing
        tokens = max(packed, await estimate.upper(call, model) if counted else found.tokens)
        dearest_input, dearest_output = _dearest(request, price, at, tier, (tokens, found.keeps_long))
        spent = dearest_input * tokens / MILLION
        if not row.limits:
            if spent <= ceiling:
                return None
            continue
        left = (ceiling - spent) * MILLION / (dearest_output * answers) if dearest_output else Decimal(asked or MILLION)
        if asked is not None and asked + extra <= left:
            return estimate.output_of(request, row)  # what was asked for, in the field that the upstream honours
    if spent > ceiling or not row.limits or left - extra < LEAST_OUTPUT:
        raise CostTooHigh(
            f"The prompt of up to {tokens} tokens may cost {spent:f} US dollars, and this endpoint's owner allows "
            f"{ceiling:f} for one request, its answer included. Send less, ask for fewer answers, or use a cheaper "
            "model. Nothing was sent upstream, so nothing was spent.",
        )
    return int(left - extra)


def _dearest(
    request: dict[str, Any], price: Price, at: float, tier: str | None, prompt: tuple[int, bool]
) -> tuple[Decimal, Decimal]:
    """The dearest prices of input and output that may be charged for.

    `prompt` is its tokens, and whether some of it is to be kept for an hour. Raises CostTooHigh for a sound without
    one.
    """
    tokens, keeps_long = prompt
    figures = price.figures(tokens, at, tier) or {}
    inputs = [figures["input"], figures.get("cache_write", Decimal(0))]
    outputs = [figures.get("output", Decimal(0)), figures.get("reasoning", Decimal(0))]
    modalities = request.get("modalities")
    if request.get("audio") is not None or (isinstance(modalities, list) and "audio" in modalities):
        if "audio_output" not in figures:
            raise CostTooHigh(f"{_OPEN_ENDED} the price of spoken answers is not known here.", param="modalities")
        outputs.append(figures["audio_output"])
    inputs.append(figures.get("audio_input", Decimal(0)))
    if keeps_long or ("cache_write" not in figures and price.provider == "anthropic"):
        inputs.append(figures["input"] * 2)  # a cache for an hour (docs.anthropic.com, prompt caching)
    return max(inputs), max(outputs)


def _beside(call: Call, request: dict[str, Any]) -> int:
    """Tokens that are charged like an answer's, beside its limit: a prediction that was wrong, a budget to think."""
    members = call.body.document.members if call.body.document and request.get("prediction") is not None else ()
    return _thought(call, request) + sum(one.end - one.value for one in members if one.name == "prediction")


def _thought(call: Call, request: dict[str, Any]) -> int:
    """The tokens of thinking that Qwen's servers allow beside an answer's limit.

    Source: help.aliyun.com/zh/model-studio/deep-thinking. Raises CostTooHigh where that is left open.
    """
    budget = request.get("thinking_budget")
    if budget is None:
        asked = request.get("enable_thinking")
        model = next((one.model for one in call.plan.targets if one.model), None) or str(request.get("model"))[:300]
        is_qwen = any(_DASHSCOPE.search(one.base_url) for one in call.plan.targets)
        thinks = is_qwen and (_ALWAYS_THINKS.search(model) or (asked is None and _THINKS.search(model)))
        if asked in (None, False) and not thinks:
            return 0
    elif isinstance(budget, int) and 0 <= budget <= MILLION and not isinstance(budget, bool):
        return budget
    raise CostTooHigh(
        f"{_OPEN_ENDED} thinking counts apart from the answer. Send thinking_budget, a whole number of tokens.",
        param="thinking_budget",
    )
