"""What a request may use before it goes up: its tokens, the model's limits, its price. Shared by those who limit it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from proxy.access import strict_body
from proxy.call import Call
from proxy.cost import prices
from proxy.cost.prices import Price
from proxy.errors import BadRequest, NotInstalled
from proxy.protocols import registry
from proxy.wire import work
from proxy.wire.path_table import Endpoint

if TYPE_CHECKING:
    from proxy.cost.upper_bound import Bound
    from proxy.tokens.prompt import Count
    from proxy.upstream import Target


class PromptBound:
    """The call's bound, made once; its texts are the request's."""

    holds_request = True

    def __init__(self) -> None:
        self.bound: Bound | None = None


class TokenCounts:
    """The prompt's tokens by model, and its bounds with the texts counted, each made once."""

    def __init__(self) -> None:
        self.exact: dict[str, Count] = {}
        self.bounds: dict[str, int] = {}


# What nobody means: JSON may hold numbers of thousands of digits, and what is made of them cannot be written again.
_ABSURD = 1_000_000_000


async def bound(call: Call) -> Bound:
    """More tokens than the prompt can have, by its bytes. Nothing is counted, so it costs next to nothing."""
    state = call.state(PromptBound)
    if state.bound is None:
        try:
            from proxy.cost import upper_bound
        except ImportError:  # a Worker's bundle has none of the files that count
            raise NotInstalled from None

        size = len(call.body.outgoing)
        state.bound = await work.run(upper_bound.of(strict_body.object_of(call), size), call.host.clock)
    return state.bound


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

    loose, name = await bound(call), strict_body.object_of(call).get("model") if model is None else model
    bounds = call.state(TokenCounts).bounds

    def counted() -> int:
        count_text, image_tokens = tokens.text_counter(name, tokens.budget(call.host.clock.now))
        return min(loose.tokens, loose.counted(count_text, image_tokens))

    if str(name) not in bounds:
        bounds[str(name)] = await call.host.clock.offload(counted)
    return bounds[str(name)]


async def count(call: Call, model: Any = None) -> Count:
    """The prompt's tokens, counted once a call and model, aside from everybody else's work.

    Raises BadRequest for JSON that is nested too deeply, NotInstalled where this deployment cannot count.
    """
    request = strict_body.object_of(call)
    model = request.get("model") if model is None else model
    name = model if isinstance(model, str) else ""
    counts = call.state(TokenCounts).exact
    if name not in counts:
        counts[name] = await count_aside(call, {**request, "model": model})
    return counts[name]


async def count_aside(call: Call, request: dict[str, Any]) -> Count:
    """As `count`, of another request than the call's own; nothing is remembered."""
    from proxy import tokens

    protocol = registry.below(call.path)  # a conversation that is to be compacted is one of the Responses API

    def counted() -> Count:
        budget, chat = tokens.budget(call.host.clock.now), protocol.as_chat(request)
        return tokens.count_texts(request, budget) if chat is None else tokens.count_prompt(*chat, budget)

    try:
        return await call.host.clock.offload(counted)
    except RecursionError:
        raise BadRequest("The request's JSON is nested too deeply.", code="unreadable_body") from None


def prices_of(call: Call, model: Any) -> list[tuple[Any, Price | None]]:
    """What each of the upstreams that the call may yet go to calls `model`, and its price there, None if unknown."""
    upstreams = {(target.name, target.base_url): target for target in call.plan.targets}
    return [(_name_at(target, model), price_of(call, model, target)) for target in upstreams.values()]


def price_of(call: Call, model: Any, target: Target | None = None) -> Price | None:
    """The entry for `model`, by the name that the caller has for it, at the upstream that the call goes to."""
    if not isinstance(model, str) or len(model) > strict_body.MAX_MODEL_LENGTH or call.config.demo:
        return None
    target = target or call.outcome.target or call.plan.targets[0]
    return prices.find(_name_at(target, model), target.base_url, call.config.prices_file)


def _name_at(target: Target, model: Any) -> Any:
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
    return most * (registry.get(row.protocol).prompts(request) if row is not None else 1)


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 < value < _ABSURD
