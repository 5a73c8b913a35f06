"""The stage that keeps a prompt from being sent that the model cannot take: refused, or shortened, before it costs.

The bytes decide first, since a token has at least one. Only a request that may be too long is counted.
"""

from __future__ import annotations

from typing import Any

from proxy import body, weight
from proxy.call import Call
from proxy.errors import ContextTooLong
from proxy.messages import Stream

# For a model whose tokenizer is not ours the count may be off by so much; only more than that is refused.
DOUBT = 1.25
# Room that is left for the answer when a history is shortened and the request does not say how much it wants.
_ANSWER_TOKENS = 4_096


def prepare(call: Call) -> None:
    """Hold the prompt against the model's context window. Raises ContextTooLong."""
    if call.protocol not in ("chat", "responses"):
        return
    truncates = _wants_truncation(call)
    guard = call.config.context_guard
    if guard == "off" and not truncates:
        return
    from proxy.tokens.models import model_of  # few calls come here

    request = weight.request_of(call, "its length is checked here before it goes up")
    price = weight.price_of(call, request.get("model"))
    window = price.context_window if price else None
    if call.protocol == "responses" and request.get("truncation") == "auto":
        return  # the upstream shortens it by itself
    asked = weight.output_of(request, call.protocol) or 0
    if window is None or weight.bound(call) + asked <= window:
        return
    counted = weight.count(call, request)
    surely = counted.certainty != "estimate" and model_of(str(request.get("model"))).measured
    if counted.tokens + asked <= window * (1 if surely else DOUBT):
        return
    if call.protocol == "chat" and (truncates or guard == "truncate"):
        room = window - (asked or min(_ANSWER_TOKENS, window // 4))
        if _shorten(call, request, room):
            return
    raise ContextTooLong(window, counted.tokens, asked, counted.certainty)


def wrap(call: Call, stream: Stream) -> Stream:
    """Nothing to do."""
    return stream


def _wants_truncation(call: Call) -> bool:
    """Whether the caller asks for it, in the words of the Responses API. The chat API does not know the field."""
    if call.protocol != "chat" or b"truncation" not in call.body:
        return False
    asked = body.read(call.body, ("truncation",)).get("truncation")
    if asked in ("auto", "disabled"):
        call.body = body.without(call.body, ("truncation",))
    return asked == "auto"


def _shorten(call: Call, request: dict[str, Any], room: int) -> bool:
    """Leave out the oldest turns until the rest fits into `room` tokens; False where not even the last one does."""
    messages = request.get("messages")
    if not isinstance(messages, list) or not all(isinstance(message, dict) for message in messages):
        return False
    from proxy import tokens
    from proxy.tokens import prompt

    budget = tokens.budget(call.host.clock.now)
    left, dropped = weight.count(call, request).tokens, set[int]()
    for turn in _turns(messages):
        # What a turn takes is about what it takes alone; only when that is enough the rest is counted as a whole.
        alone = {"model": request.get("model"), "messages": [messages[position] for position in turn]}
        left -= prompt.count(alone, budget).tokens - 3
        dropped |= set(turn)
        if budget.spent:
            return False
        if left <= room and _fits(call, request, messages, dropped, room):
            break
    else:
        return False
    call.body = body.without_items(call.body, "messages", dropped)
    call.prompt = None
    call.reply_headers.append(("x-sluice-dropped-messages", str(len(dropped))))
    call.record["dropped_messages"] = len(dropped)
    return True


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


def _fits(call: Call, request: dict[str, Any], messages: list[dict[str, Any]], dropped: set[int], room: int) -> bool:
    kept = [message for position, message in enumerate(messages) if position not in dropped]
    call.prompt = None
    counted = weight.count(call, {**request, "messages": kept})
    return counted.certainty != "at_least" and counted.tokens <= room
