"""The stage that keeps one request from costing more than its owner wants: MAX_OUTPUT_TOKENS, MAX_COST_USD, a key's
own limit.

An answer that may get too long is asked for with a lower limit, which a header tells; what would cost too much by its
prompt alone is refused.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from proxy import body, weight
from proxy.call import Call
from proxy.errors import BadRequest, CostTooHigh
from proxy.messages import Stream
from proxy.prices import MILLION, Price, Tokens

# The Responses API takes no lower limit; an answer shorter than that is none.
LEAST_OUTPUT = 16
_WHY = "this endpoint's owner limits what one request may cost"


def prepare(call: Call) -> None:
    """Lower the request's own limit. Raises CostTooHigh or BadRequest."""
    config, allowed = call.config, _allowed(call)
    if (allowed is None and config.max_cost_usd is None) or call.protocol == "other":
        return
    request = weight.request_of(call, _WHY)
    body.unique(body.members(call.body) or [])
    answers = weight.answers_of(request)
    most = _affordable(call, request, answers) if config.max_cost_usd is not None else None
    if allowed is not None:
        each = allowed // answers
        if each < 1:
            raise BadRequest(
                f"n is {answers}, and this endpoint's owner allows {allowed} tokens for all answers "
                "together. Ask for fewer.",
                param="n",
            )
        most = each if most is None else min(most, each)
    if most is not None:
        _lower(call, request, most)


def _allowed(call: Call) -> int | None:
    """The lower of the owner's limit for everybody and the one in the caller's key."""
    grant = call.caller.grant if call.caller else None
    limits = (call.config.max_output_tokens, grant.max_output_tokens if grant else None)
    return min((limit for limit in limits if limit is not None), default=None)


def wrap(call: Call, stream: Stream) -> Stream:
    """Nothing to do."""
    return stream


def _affordable(call: Call, request: dict[str, Any], answers: int) -> int | None:
    """How many tokens each answer may have under MAX_COST_USD at the dearest upstream; None where it needs no limit."""
    limits = [_affordable_at(call, request, answers, price) for price in weight.prices_of(call, request.get("model"))]
    return min((limit for limit in limits if limit is not None), default=None)


def _affordable_at(call: Call, request: dict[str, Any], answers: int, price: Price | None) -> int | None:
    ceiling = Decimal(str(call.config.max_cost_usd))
    at = call.host.clock.wall()
    tier = request.get("service_tier")
    prompt = weight.bound(call)
    figures = price.figures(prompt, at, tier if isinstance(tier, str) else None) if price else None
    if price is None or figures is None or "output" not in figures:
        if call.config.demo:
            return None  # it costs nothing
        raise CostTooHigh(
            "This endpoint's owner limits what one request may cost, and the price of this model is not known here. "
            "Use a model with a known price; the owner can add this one's with PRICES_FILE.",
            param="model",
        )
    dearest = max(figures["output"], figures.get("reasoning", Decimal(0)))
    asked = weight.output_of(request, call.protocol) or price.max_output
    if asked is not None and (figures["input"] * prompt + dearest * asked * answers) / MILLION <= ceiling:
        return None  # by the bytes alone: no need to count
    counted = weight.count(call, request)
    spent = price.cost(Tokens(counted.tokens, 0), at, tier if isinstance(tier, str) else None) or Decimal(0)
    left = (ceiling - spent) * MILLION / (dearest * answers) if dearest else Decimal(asked or MILLION)
    if spent > ceiling or left < LEAST_OUTPUT:
        raise CostTooHigh(
            f"The prompt of {counted.tokens} tokens ({counted.certainty}) costs {spent:f} US dollars, and this "
            f"endpoint's owner allows {ceiling:f} for one request, its answer included. Send less, ask for fewer "
            "answers, or use a cheaper model. Nothing was sent upstream, so nothing was spent.",
        )
    enough = asked if asked is not None else price.context_window
    return None if enough is not None and enough <= left else int(left)


def _lower(call: Call, request: dict[str, Any], most: int) -> None:
    """Make `most` the limit of each answer, in every field that says it, or in the one that the model knows."""
    fields = weight.OUTPUT_FIELDS[call.protocol]
    there = [name for name in fields if request.get(name) is not None]
    if not there:
        prices = weight.prices_of(call, request.get("model"))
        if all(price is not None and price.max_output is not None and price.max_output <= most for price in prices):
            return  # the model ends before; a limit above its own would be refused
        there = [_field(fields, request)]
    high = [name for name in there if not _is_within(request.get(name), most)]
    if not high:
        return
    edited = body.setting(call.body, dict.fromkeys(high, b"%d" % most))
    call.body = call.body if edited is None else edited
    call.reply_headers.append(("x-sluice-max-output-tokens", str(most)))


def _field(fields: tuple[str, ...], request: dict[str, Any]) -> str:
    """OpenAI's newer models take no `max_tokens`, other vendors' nothing else."""
    if len(fields) > 1:
        from proxy.tokens.models import model_of

        return fields[0] if model_of(str(request.get("model") or "")).openai else fields[1]
    return fields[0]


def _is_within(value: Any, most: int) -> bool:
    """A limit that counts: what is no whole number may be read as anything further up."""
    return isinstance(value, int) and not isinstance(value, bool) and 0 < value <= most
