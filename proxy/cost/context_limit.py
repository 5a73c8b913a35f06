"""The stage that keeps a prompt from being sent that the model cannot take: refused, or shortened, before it costs.

The bytes decide first, since a token has at least one. Only a request that may be too long is counted.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from proxy.access import strict_body
from proxy.call import Call
from proxy.cost import estimate
from proxy.errors import ContextTooLong, PathNotAllowed
from proxy.wire import safe_json, work
from proxy.wire.path_table import FREE

# For a model whose tokenizer is not ours the count may be off by so much; only more than that is refused.
DOUBT = 1.25
# Room that is left for the answer when a history is shortened and the request does not say how much it wants.
_ANSWER_TOKENS = 4_096
# How often the rest of a history is counted as a whole.
_TRIES = 8


async def apply(call: Call) -> None:
    """Hold the prompt against the model's context window. Raises ContextTooLong, PathNotAllowed."""
    row, guard, protocol = call.endpoint, call.config.context_guard, call.protocol
    if row is None or row.cost == FREE or call.body.form is not None:
        return
    if not protocol.known and row.limits:
        raise PathNotAllowed(f"/v1/{row.path} is not open here: CONTEXT_GUARD is set, and does not hold there yet.")
    truncates = _takes_truncation(call)
    if guard == "off" and not truncates:
        return
    await strict_body.read(call, "its length is checked here before it goes up")
    request = strict_body.object_of(call)
    price = estimate.price_of(call, request.get("model"))
    window = price.context_window if price else None
    if protocol.truncates(request):
        return  # the upstream shortens it itself
    asked = estimate.output_of(request, row) or 0
    if window is None or (await estimate.bound(call)).tokens + asked <= window:
        return
    tokens, certainty = await _most(call, request)
    if tokens <= (window - asked) * (DOUBT if certainty == "estimate" else 1):
        return
    if protocol.has_history and (truncates or guard == "truncate"):
        room = window - (asked or min(_ANSWER_TOKENS, window // 4))
        if await _shorten(call, request, room):
            return
    raise ContextTooLong(window, tokens, asked, certainty)


async def _most(call: Call, request: dict[str, Any]) -> tuple[int, str]:
    """The most tokens that the longest prompt of the call has, as far as can be known, and how certain that is.

    What lies outside of the request (a stored conversation, what a search finds) is the upstream's to look at, and so
    is what is packed in it (a sound, a PDF): its bytes say little of its tokens.
    """
    alone = call.endpoint.prompt[0] if call.endpoint and call.path in ("completions", "embeddings") else ""
    prompts = request.get(alone)
    if isinstance(prompts, list) and set(map(type, prompts)) == {str}:
        longest = max(prompts, key=len)  # each prompt of a list is read alone
        counted = await estimate.count_aside(call, {**request, alone: longest})
    else:
        counted = await estimate.count(call, _model(call))
    from proxy.tokens.models import model_of  # few calls come here

    measured = model_of(_model(call)).measured
    if counted.certainty == "at_least":
        most = await estimate.texts_counted(call, _model(call)) - (await estimate.bound(call)).packed_tokens
        return most, "at_most" if measured else "estimate"
    return counted.tokens, counted.certainty if measured else "estimate"


def _takes_truncation(call: Call) -> bool:
    """Whether the caller asks for it, with the field of the Responses API; the chat API has none, so it is removed."""
    if not call.protocol.has_history or call.body.document is None:
        return False
    asked = call.body.document.get("truncation")
    if asked in ("auto", "disabled"):
        call.body.document = call.body.document.without(("truncation",))
    return bool(asked == "auto")


def _model(call: Call) -> Any:
    """What the first upstream calls the model: its tokenizer counts."""
    return call.plan.targets[0].model or strict_body.object_of(call).get("model")


async def _shorten(call: Call, request: dict[str, Any], room: int) -> bool:
    """Leave out the oldest turns until the rest fits into `room` tokens; False where not even the last one does."""
    messages, document = request.get("messages"), call.body.document
    if document is None or not isinstance(messages, list) or not all(isinstance(one, dict) for one in messages):
        return False
    counted = await estimate.count(call, _model(call))
    dropped = await call.host.clock.offload(
        lambda: _dropped({**request, "model": _model(call)}, messages, counted.tokens, room, call.host.clock.now)
    )
    if not dropped:
        return False
    member = next(one for one in document.members if one.name == "messages")
    spans = await work.run(safe_json.item_spans(document.data, member.value), call.host.clock)
    call.body.document = document.without_items("messages", spans, dropped)
    call.forget(estimate.TokenCounts, estimate.PromptBound)
    call.outcome.reply_headers.append(("x-sluice-dropped-messages", str(len(dropped))))
    call.outcome.details["dropped_messages"] = len(dropped)
    return True


def _dropped(
    request: dict[str, Any], messages: list[dict[str, Any]], left: int, room: int, now: Callable[[], float]
) -> set[int]:
    """The positions of the messages to leave out; none where what must stay does not fit."""
    from proxy import tokens

    budget = tokens.budget(now)
    dropped: set[int] = set()
    tries = 0
    for turn in _turns(messages):
        # What a turn takes is about what it takes alone; only when that is enough the rest is counted as a whole.
        alone = {"model": request.get("model"), "messages": [messages[position] for position in turn]}
        left -= tokens.count_prompt(alone, [], [], budget).tokens - 3
        dropped |= set(turn)
        if budget.spent:
            break
        if left <= room:
            kept = [message for position, message in enumerate(messages) if position not in dropped]
            counted = tokens.count_prompt({**request, "messages": kept}, [], [], tokens.budget(now))
            if counted.certainty != "at_least" and counted.tokens <= room:
                return dropped
            tries += 1
            if tries == _TRIES:
                break
    return set()


def _turns(messages: list[dict[str, Any]]) -> list[list[int]]:
    """The turns that may be left out, oldest first, as positions: a question with all that was said to it.

    Calls of tools stay with their results, since both lie in one turn. Never system messages, never the last question.
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
