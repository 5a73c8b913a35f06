"""How many tokens an answer has, as `usage.completion_tokens` will say without its reasoning, which nobody can see."""

from __future__ import annotations

from typing import Any

from proxy.tokens.models import Model, model_of
from proxy.tokens.prompt import Count, Counter, calls_of, compact, parsed, text_of
from proxy.tokens.vocabulary import Budget


def count(request: dict[str, Any], messages: list[dict[str, Any]], budget: Budget, model: str | None = None) -> Count:
    """The completion tokens of an answer with these messages, one a choice. Never better than an estimate.

    `model` is the name that the answer bears, where it is known: an alias in the request may stand for another one.
    """
    counter = Counter(model_of(model or request.get("model")), budget)
    counter.estimate.append("an answer's own marks differ by a token or two")
    if counter.model.reasons:
        counter.at_least.append("hidden reasoning cannot be counted from outside")
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
        if gpt5 is None and _forced(request):
            return tokens
        tokens += counter.text(name)
    return tokens + _marks(counter.model, bool(calls))


def _marks(model: Model, called: bool) -> int:
    """What stands around an answer of one part: its channel, its end, the function that it is for."""
    if model.gpt5 is not None:
        if called:
            return 16 if model.gpt5 < 2 else 10
        return 9 if model.gpt5 < 2 else 3
    if model.thinks_aloud:
        return 15 if called else 13
    return (4 if model.first_functions else 7) if called else 0


def _forced(request: dict[str, Any]) -> bool:
    return isinstance(request.get("tool_choice", request.get("function_call")), dict)
