"""How many tokens an answer has: `usage.completion_tokens` without hidden reasoning."""

from __future__ import annotations

from typing import Any

from proxy.tokens.counter import Count, Counter
from proxy.tokens.models import model_of
from proxy.tokens.prompt import calls_of
from proxy.tokens.rules import CHAT, RESPONSES
from proxy.tokens.values import compact, parsed, text_of
from proxy.tokens.vocabulary import Budget


def count(
    request: dict[str, Any],
    messages: list[dict[str, Any]],
    budget: Budget,
    model: str | None = None,
    api: str = CHAT,
) -> Count:
    """The completion tokens of an answer of `api` with these messages, one per choice. At best an estimate.

    `model` is the answer's model, if known: the request may name an alias.
    """
    counter = Counter(model_of(model or request.get("model")), budget, api)
    counter.estimate.append("an answer's control tokens vary by one or two")
    if counter.model.reasons:
        counter.at_least.append("hidden reasoning cannot be counted")
    return counter.total(sum(_message(counter, request, message) for message in messages))


def _message(counter: Counter, request: dict[str, Any], message: dict[str, Any]) -> int:
    tokens = 0
    for name in ("content", "refusal", "reasoning_content", "reasoning"):
        if text := text_of(message.get(name)):
            tokens += counter.text(text)
    calls = calls_of({"role": "assistant", **message})
    if len(calls) > 1:
        uses = [{"recipient_name": f"functions.{name}", "parameters": parsed(arguments)} for name, arguments in calls]
        around = 10 if counter.model.gpt5 is None else 21
        return tokens + counter.text(compact({"tool_uses": uses})) + around + (counter.api == RESPONSES)
    for name, arguments in calls:
        tokens += counter.text(arguments)
        if counter.model.gpt5 is None and counter.api != RESPONSES and _names_function(request):
            return tokens
        tokens += counter.text(name)
    return tokens + (_around_call(counter, request) if calls else _around_text(counter, request))


def _around_text(counter: Counter, request: dict[str, Any]) -> int:
    """The control tokens of a text: its channel and its end."""
    model, is_chat = counter.model, counter.api != RESPONSES
    # A model that may call functions ends a text by one token more.
    has_tools = bool(request.get("tools"))
    has_format = is_chat and _has_schema(request)
    if model.gpt5 is not None:
        if not is_chat:
            return 4 if model.gpt5 else 6
        reasons_first = model.gpt5 == 0 or (model.gpt5 == 1 and not has_tools)
        return (9 if reasons_first else 3) + (3 if has_format else 0)
    if model.thinks_aloud:
        return 13 if is_chat else 4
    if has_tools and has_format:
        return 5
    return has_tools + (not is_chat)


def _around_call(counter: Counter, request: dict[str, Any]) -> int:
    """The control tokens of one call: its channel, the function's name space, its end."""
    model, is_chat = counter.model, counter.api != RESPONSES
    if model.gpt5 is not None:
        return (16 if model.gpt5 < 2 else 10) + (not is_chat)
    if model.thinks_aloud:
        return 15
    if not is_chat:
        return 0 if request.get("tool_choice") == "required" else 8
    return 4 if model.first_functions else 7


def _has_schema(request: dict[str, Any]) -> bool:
    response_format = request.get("response_format")
    return isinstance(response_format, dict) and response_format.get("type") == "json_schema"


def _names_function(request: dict[str, Any]) -> bool:
    return isinstance(request.get("tool_choice", request.get("function_call")), dict)
