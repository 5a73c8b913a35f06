"""What a request weighs before it goes up: its tokens, the model's limits, its price. Shared by those who limit it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from proxy import request_body
from proxy.call import Call
from proxy.cost import prices
from proxy.cost.prices import Price
from proxy.errors import BadRequest, NotInstalled
from proxy.wire import slices
from proxy.wire.path_table import Endpoint

if TYPE_CHECKING:
    from proxy.cost.upper_bound import Bound
    from proxy.tokens.prompt import Count
    from proxy.upstream import Target

# What nobody means: JSON may hold numbers of thousands of digits, and what is made of them cannot be written again.
_ABSURD = 1_000_000_000


async def bound(call: Call) -> Bound:
    """More tokens than the prompt can have, by its bytes. Nothing is counted, so it costs next to nothing."""
    if call.bound is None:
        try:
            from proxy.cost import upper_bound
        except ImportError:  # a Worker's bundle has none of the files that count
            raise NotInstalled from None

        size = len(call.body)
        call.bound = await slices.run(upper_bound.of(request_body.object_of(call), size), call.host.clock)
    return call.bound


async def upper(call: Call, model: Any = None) -> int:
    """As `bound`, with the texts counted where the model's tokenizer is known; the count itself where it is exact.

    `model` is what the target calls it, where that is another name than the request's.
    """
    counted = await count(call, model)
    if counted.certainty == "exact":
        return counted.tokens
    return await texts_counted(call, model) if counted.tokenizer_known else (await bound(call)).tokens


async def texts_counted(call: Call, model: Any = None) -> int:
    """As `bound`, with the texts counted by OpenAI's tokenizers, whoever's model it is: then only about a bound."""
    from proxy import tokens

    found, name = await bound(call), request_body.object_of(call).get("model") if model is None else model
    known = str(name)
    if known not in call.texts_counted:
        call.texts_counted[known] = await call.host.clock.offload(
            lambda: min(found.tokens, tokens.upper(found, name, tokens.budget(call.host.clock.now)))
        )
    return call.texts_counted[known]


async def count(call: Call, model: Any = None) -> Count:
    """The prompt's tokens, counted once a call and model, aside from everybody else's work.

    Raises BadRequest for JSON that is nested too deeply, NotInstalled where this deployment cannot count.
    """
    request = request_body.object_of(call)
    model = request.get("model") if model is None else model
    name = model if isinstance(model, str) else ""
    if name not in call.counts:
        call.counts[name] = await count_aside(call, {**request, "model": model})
    return call.counts[name]


async def count_aside(call: Call, request: dict[str, Any]) -> Count:
    """As `count`, of another request than the call's own; nothing is remembered."""
    from proxy import tokens

    # A conversation that is to be compacted is one of the Responses API.
    protocol = "responses" if call.path.startswith("responses/") else call.protocol
    try:
        return await call.host.clock.offload(
            lambda: tokens.count_prompt(request, protocol, tokens.budget(call.host.clock.now))
        )
    except RecursionError:
        raise BadRequest("The request's JSON is nested too deeply.", code="unreadable_body") from None


def prices_of(call: Call, model: Any) -> list[tuple[Any, Price | None]]:
    """What each of the upstreams that the call may yet go to calls `model`, and its price there, None if unknown."""
    kinds = {(one.name, one.base_url): one for one in call.targets}
    return [(_theirs(one, model), price_of(call, model, one)) for one in kinds.values()]


def price_of(call: Call, model: Any, target: Target | None = None) -> Price | None:
    """The entry for `model`, by the name that the caller has for it, at the upstream that the call goes to."""
    if not isinstance(model, str) or len(model) > request_body.MAX_MODEL or call.config.demo:
        return None
    target = target or call.target or call.targets[0]
    return prices.find(_theirs(target, model), target.base_url, call.config.prices_file)


def _theirs(target: Target, model: Any) -> Any:
    """What the target calls `model`."""
    return (target.provider.renamed(model) if target.provider and isinstance(model, str) else None) or model


def output_of(request: dict[str, Any], row: Endpoint | None) -> int | None:
    """How many tokens the request allows for one answer, or None where it says nothing that can be used.

    Of several limits the highest: which of them the upstream honours is its own affair.
    """
    limits = [request.get(name) for name in (row.limits if row else ())]
    return max((one for one in limits if _is_count(one)), default=None)  # type: ignore[type-var]


def answers_of(request: dict[str, Any], row: Endpoint | None) -> int:
    """How many answers are generated. Raises BadRequest where the request leaves that open."""
    most = 1
    for name in ("n", "best_of"):
        value = request.get(name)
        if value is None:
            continue
        if not _is_count(value):
            raise BadRequest(f"{name} must be a whole number of 1 or more, of a size that can be meant.", param=name)
        most = max(most, value)
    prompt = request.get("prompt")
    if row is not None and row.protocol == "completions" and isinstance(prompt, list):
        # A list of numbers is one prompt, made of tokens; a list of anything else is so many prompts.
        most *= 1 if set(map(type, prompt)) == {int} else max(1, len(prompt))
    return most


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 < value < _ABSURD
