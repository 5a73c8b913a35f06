"""The stage that checks the prompt against the model's context window, and refuses or shortens one that is too long.

The size in bytes decides first, since every token has at least one byte. Only a prompt that may be too long is counted.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from proxy.access import strict_body
from proxy.call import Call
from proxy.cost import estimate
from proxy.cost.prices import Price
from proxy.errors import ContextTooLong, PathNotAllowed
from proxy.routing.model_field import requested_model
from proxy.wire import safe_json, work
from proxy.wire.path_table import FREE

# An estimate, made with another model's tokenizer, may be off by this factor. Only a larger excess is refused.
ESTIMATE_TOLERANCE = 1.25
# Tokens reserved for the answer when a history is shortened and the request sets no limit.
_ANSWER_TOKENS = 4_096
# How often the rest of a history is counted as a whole.
_MAX_COUNTS = 8


async def apply(call: Call) -> None:
    """Check the prompt against the model's context window. Raises ContextTooLong, PathNotAllowed."""
    row, guard, protocol = call.endpoint, call.config.context_guard, call.protocol
    if row is None or row.cost == FREE or call.body.form is not None:
        return
    if not protocol.known and row.limits:
        raise PathNotAllowed(
            f"/v1/{row.path} is not open here: CONTEXT_GUARD is set, and Sluice cannot apply it to this path yet."
        )
    truncates = _take_truncation(call)
    if guard == "off" and not truncates:
        return
    await strict_body.read(call, "its length is checked here before it goes up")
    request = strict_body.object_of(call)
    price = estimate.price_of(call, requested_model(call))
    if protocol.truncates(request):
        return  # the upstream shortens the prompt itself
    output = estimate.requested_output(request, row) or 0
    room = _prompt_room(price, output)
    if room is None or (await estimate.prompt_bound(call)).tokens <= room:
        return
    tokens, certainty = await _longest_prompt(call, request)
    if tokens <= room * (ESTIMATE_TOLERANCE if certainty == "estimate" else 1):
        return
    if protocol.has_history and (truncates or guard == "truncate"):
        reserved = output or min(_ANSWER_TOKENS, room // 4)
        if await _shorten(call, request, _prompt_room(price, reserved) or 0):
            return
    if price is not None and room == price.max_input:
        output = 0  # a limit of the prompt alone: the answer makes no difference
    raise ContextTooLong(room + output, tokens, output, certainty)


def _prompt_room(price: Price | None, output: int) -> int | None:
    """Return how many tokens the prompt may have: what the answer leaves of the window, or the model's limit of input.

    gpt-5 has a window of 400,000 tokens, of which the prompt may take 272,000. None where nothing is known.
    """
    limits = [] if price is None else [price.max_input]
    if price is not None and price.context_window is not None:
        limits.append(price.context_window - output)
    return min((limit for limit in limits if limit is not None), default=None)


async def _longest_prompt(call: Call, request: dict[str, Any]) -> tuple[int, str]:
    """Return the tokens of the call's longest prompt and how certain they are: exact, estimate or at_most.

    Content outside the request (a stored conversation, search results) is left to the upstream, and so are packed
    files such as audio and PDF, whose bytes say little about their tokens.
    """
    member = call.endpoint.prompt[0] if call.endpoint and call.path in ("completions", "embeddings") else ""
    prompts = request.get(member)
    if isinstance(prompts, list) and set(map(type, prompts)) == {str}:
        longest = max(prompts, key=len)  # the model reads each prompt of a list separately
        count = await estimate.count_request(call, {**request, member: longest})
    else:
        count = await estimate.count_prompt(call, _target_model(call))
    from proxy.tokens.models import model_of  # few calls come here

    measured = model_of(_target_model(call)).measured
    if count.certainty == "at_least":
        bound = await estimate.counted_bound(call, _target_model(call))
        packed = (await estimate.prompt_bound(call)).packed_tokens
        return bound - packed, "at_most" if measured else "estimate"
    return count.tokens, count.certainty if measured else "estimate"


def _take_truncation(call: Call) -> bool:
    """Whether the caller asks for truncation. Removes the field, which is the Responses API's, from chat requests."""
    if not call.protocol.has_history or call.body.document is None:
        return False
    truncation = call.body.document.get("truncation")
    if truncation in ("auto", "disabled"):
        call.body.document = call.body.document.without(("truncation",))
    return bool(truncation == "auto")


def _target_model(call: Call) -> Any:
    """Return the first upstream's name for the model, which selects the tokenizer."""
    return call.plan.targets[0].model or requested_model(call)


async def _shorten(call: Call, request: dict[str, Any], room: int) -> bool:
    """Drop the oldest turns until the rest fits into `room` tokens. False if even the last turn does not fit."""
    messages, document = request.get("messages"), call.body.document
    if document is None or not isinstance(messages, list) or not all(isinstance(item, dict) for item in messages):
        return False
    count = await estimate.count_prompt(call, _target_model(call))
    dropped = await call.host.clock.offload(
        lambda: _select_dropped(
            {**request, "model": _target_model(call)}, messages, count.tokens, room, call.host.clock.now
        )
    )
    if not dropped:
        return False
    member = next(member for member in document.members if member.name == "messages")
    spans = await work.run(safe_json.item_spans(document.data, member.value), call.host.clock)
    call.body.document = document.without_items("messages", spans, dropped)
    call.forget(estimate.CountState, estimate.BoundState)
    call.outcome.reply_headers.append(("x-sluice-dropped-messages", str(len(dropped))))
    call.outcome.details["dropped_messages"] = len(dropped)
    return True


def _select_dropped(
    request: dict[str, Any], messages: list[dict[str, Any]], tokens_left: int, room: int, now: Callable[[], float]
) -> set[int]:
    """Return the positions of the messages to drop, an empty set if the messages that must stay do not fit."""
    from proxy import tokens

    budget = tokens.budget(now)
    dropped: set[int] = set()
    counts = 0
    for turn in _turns(messages):
        # A turn's own count is close to its share of the whole. Only when enough is dropped is the rest counted.
        turn_request = {"model": request.get("model"), "messages": [messages[position] for position in turn]}
        tokens_left -= tokens.count_prompt(turn_request, [], [], budget).tokens - 3
        dropped |= set(turn)
        if budget.spent:
            break
        if tokens_left <= room:
            kept = [message for position, message in enumerate(messages) if position not in dropped]
            count = tokens.count_prompt({**request, "messages": kept}, [], [], tokens.budget(now))
            if count.certainty != "at_least" and count.tokens <= room:
                return dropped
            counts += 1
            if counts == _MAX_COUNTS:
                break
    return set()


def _turns(messages: list[dict[str, Any]]) -> list[list[int]]:
    """Return the turns that may be dropped, oldest first, as positions: a question with everything that answers it.

    Tool calls stay with their results, since both are in one turn. System messages and the last question always stay.
    """
    turns: list[list[int]] = []
    last = max((i for i, message in enumerate(messages) if message.get("role") == "user"), default=0)
    for position, message in enumerate(messages[:last]):
        if message.get("role") in ("system", "developer"):
            continue
        if message.get("role") == "user" or not turns:
            turns.append([])
        turns[-1].append(position)
    return turns
