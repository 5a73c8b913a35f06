"""Counting a request's prompt by the name of its protocol."""

from __future__ import annotations

from typing import Any

from proxy import tokens
from proxy.protocols import registry
from proxy.tokens.counter import Count
from proxy.tokens.vocabulary import Budget


def count_prompt(request: dict[str, Any], protocol: str, budget: Budget) -> Count:
    """The tokens of the prompt, as `cost.estimate` has them counted."""
    chat = registry.get(protocol).as_chat(request)
    return tokens.count_texts(request, budget) if chat is None else tokens.count_prompt(*chat, budget)
