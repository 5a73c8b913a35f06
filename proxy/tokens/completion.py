"""How many tokens an answer has: `usage.completion_tokens` without hidden reasoning."""

from __future__ import annotations

from typing import Any

from proxy.tokens.counter import Count, Counter
from proxy.tokens.models import Model, model_of
from proxy.tokens.prompt import calls_of
from proxy.tokens.values import compact, parsed, text_of
from proxy.tokens.vocabulary import Budget


def count(request: dict[str, Any], messages: list[dict[str, Any]], budget: Budget, model: str | None = None) -> Count:
    """The completion tokens of an answer with these messages, one per choice. At best an estimate.

    `model` is the answer's model, if known: the request may name an alias.
    """
    counter = Counter(model_of(model or request.get("model")), budget)
    counter.estimate.append("an answer's control tokens vary by one or two")
    if counter.model.reasons:
        counter.at_least.append("hidden reasoning cannot be counted")
    return counter.total(sum(_message(counter, request, message) for message in messages))


def _message(counter: Counter, request: dict[str, Any], message: dict[str, Any]) -> int:
    gpt5 = counter.model.gpt5
    tokens = 0
    for name in ("content", "refusal", "reasoning_content", "reasoning"):
        if text := text_of(message.get(name)):
            tokens += counter.text(text)
    calls = calls_of({"role": "assistant", **message})
    if len(calls) > 1:
        uses = [{"recipient_name": f"functions.{name}", "parameters": parsed(arguments)} for name, arguments in calls]
        return tokens + counter.text(compact({"tool_uses": uses})) + (10 if gpt5 is None else 21)
    for name, arguments in calls:
        tokens += counter.text(arguments)
        if gpt5 is None and _forces_call(request):
            return tokens
        tokens += counter.text(name)
    return tokens + _control_tokens(counter.model, bool(calls))


def _control_tokens(model: Model, has_call: bool) -> int:
    """The control tokens of an answer with one part: its channel, its end, the function that it calls."""
    if model.gpt5 is not None:
        if has_call:
            return 16 if model.gpt5 < 2 else 10
        return 9 if model.gpt5 < 2 else 3
    if model.thinks_aloud:
        return 15 if has_call else 13
    return (4 if model.first_functions else 7) if has_call else 0


def _forces_call(request: dict[str, Any]) -> bool:
    return isinstance(request.get("tool_choice", request.get("function_call")), dict)
