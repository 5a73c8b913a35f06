"""What a request may use before it goes up: its tokens, the model's limits and its price."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from proxy.access import strict_body
from proxy.call import Call
from proxy.cost import price_table, prices
from proxy.cost.prices import Price
from proxy.errors import BadRequest
from proxy.protocols import registry
from proxy.routing import limit_fields
from proxy.routing.model_field import requested_model
from proxy.wire import work
from proxy.wire.path_table import OPENAI, Endpoint, protocol_below

if TYPE_CHECKING:
    from proxy.cost.upper_bound import PromptBound
    from proxy.tokens.counter import Count
    from proxy.upstream import Target


class BoundState:
    """The call's bound, computed once. It holds the request's texts."""

    holds_request = True

    def __init__(self) -> None:
        self.bound: PromptBound | None = None


class CountState:
    """The prompt's token counts and its bounds with counted texts, by model. Each is computed once."""

    def __init__(self) -> None:
        self.counts: dict[str, Count] = {}
        self.bounds: dict[str, int] = {}


# JSON may hold numbers of thousands of digits, and Python refuses to write the products of such numbers.
_MAX_COUNT = 1_000_000_000


async def prompt_bound(call: Call) -> PromptBound:
    """Bound the prompt's tokens by its bytes. Nothing is counted, so this is cheap."""
    state = call.state(BoundState)
    if state.bound is None:
        from proxy.cost import upper_bound

        request, size = strict_body.object_of(call), len(call.body.outgoing)
        if call.api != OPENAI and all(target.api == OPENAI for target in call.plan.targets):
            from proxy.protocols.translate import hosted_tools  # Codex lists web_search in every call

            request = hosted_tools.without(call.api, request)
        state.bound = await work.run(upper_bound.prompt_bound(request, size), call.host.clock)
    return state.bound


async def max_prompt_tokens(call: Call, model: Any = None) -> int:
    """Return the closest known bound on the prompt's tokens.

    It is the count if that is exact, else the bound with counted texts if the model's tokenizer is known, else the
    bound by bytes. `model` is the target's name for the model, None for the request's own.
    """
    count = await count_prompt(call, model)
    if count.certainty == "exact":
        return count.tokens
    return await counted_bound(call, model) if count.tokenizer_known else (await prompt_bound(call)).tokens


async def counted_bound(call: Call, model: Any = None) -> int:
    """As `prompt_bound`, with the texts counted by OpenAI's tokenizers. For other makers' models it is an estimate."""
    from proxy import tokens

    bound, name = await prompt_bound(call), requested_model(call) if model is None else model
    bounds = call.state(CountState).bounds

    def count() -> int:
        count_text, image_tokens = tokens.text_counter(name, tokens.budget(call.host.clock.now))
        return min(bound.tokens, bound.with_counts(count_text, image_tokens))

    if str(name) not in bounds:
        bounds[str(name)] = await call.host.clock.offload(count)
    return bounds[str(name)]


async def count_prompt(call: Call, model: Any = None) -> Count:
    """Count the prompt's tokens, once for each call and model, without blocking other calls.

    Raises BadRequest for JSON that is nested too deeply, NotInstalled where this deployment cannot count.
    """
    request = strict_body.object_of(call)
    model = requested_model(call) if model is None else model
    name = model if isinstance(model, str) else ""
    counts = call.state(CountState).counts
    if name not in counts:
        counts[name] = await count_request(call, {**request, "model": model})
    return counts[name]


async def count_request(call: Call, request: dict[str, Any]) -> Count:
    """As `count_prompt`, for another request than the call's own. The result is not kept."""
    from proxy import tokens

    api = protocol_below(call.path)  # responses/compact takes a conversation of the Responses API
    protocol = registry.get(api)

    def count() -> Count:
        budget, chat = tokens.budget(call.host.clock.now), protocol.as_chat(request)
        return tokens.count_texts(request, budget) if chat is None else tokens.count_prompt(*chat, budget, api)

    try:
        return await call.host.clock.offload(count)
    except RecursionError:
        raise BadRequest("The request's JSON is nested too deeply. Nest it less.", code="unreadable_body") from None


def prices_of(call: Call, model: Any) -> list[tuple[Any, Price | None]]:
    """Return each remaining upstream's own name for `model` with its price there, None if the price is unknown."""
    upstreams = {(target.name, target.base_url): target for target in call.plan.targets}
    return [(_name_at(target, model), price_of(call, model, target)) for target in upstreams.values()]


def highest_prices_of(call: Call, model: Any) -> list[tuple[Any, Price | None]]:
    """As `prices_of`, with bounds on what a call may cost.

    OpenRouter's price is that of one host, and it may choose a dearer one. So the maker's price must hold as well, and
    a model of which that is unknown has no bound, unless it is free.
    """
    named_prices: list[tuple[Any, Price | None]] = []
    for name, price in prices_of(call, model):
        named_prices.append((name, price))
        if price is not None and price.provider == price_table.OPENROUTER and not price.is_free:
            named_prices.append((name, prices.find(name, None, call.config.prices_file)))
    return named_prices


def price_of(call: Call, model: Any, target: Target | None = None) -> Price | None:
    """Return the price of `model`, by the caller's name for it, at `target` or where the call goes."""
    if not isinstance(model, str) or len(model) > strict_body.MAX_MODEL_LENGTH or call.config.demo:
        return None
    target = target or call.outcome.target or call.plan.targets[0]
    return prices.find(_name_at(target, model), target.base_url, call.config.prices_file)


def _name_at(target: Target, model: Any) -> Any:
    """Return the target's name for `model`."""
    return (target.provider.renamed(model) if target.provider and isinstance(model, str) else None) or model


def requested_output(request: dict[str, Any], row: Endpoint | None) -> int | None:
    """Return how many tokens the request allows for each answer, None where it sets no usable limit.

    Of several limits it returns the highest, because upstreams differ in which one they honour.
    """
    limits = [limit_fields.value_at(request, name) for name in (row.limits if row else ())]
    return max((limit for limit in limits if _is_count(limit)), default=None)


def answer_count(request: dict[str, Any], row: Endpoint | None) -> int:
    """Return how many answers the request generates. Raises BadRequest for an invalid `n` or `best_of`."""
    count = 1
    for name in ("n", "best_of"):
        value = request.get(name)
        if value is None:
            continue
        if not _is_count(value):
            raise BadRequest(f"{name} must be a whole number from 1 to {_MAX_COUNT - 1}.", param=name)
        count = max(count, value)
    return count * (registry.get(row.protocol).prompts(request) if row is not None else 1)


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 < value < _MAX_COUNT
