"""Requests to count, and counting them."""

from __future__ import annotations

import time
from typing import Any

from proxy import tokens
from proxy.protocols import registry
from proxy.tokens import prompt
from proxy.tokens.counter import Count
from proxy.tokens.vocabulary import Budget

OLD = "gpt-3.5-turbo-0613"
CALL = {"function": {"name": "f", "arguments": "{}"}}


def count_prompt(request: dict[str, Any], protocol: str, budget: Budget) -> Count:
    """The tokens of the prompt, as `cost.estimate` counts them."""
    chat = registry.get(protocol).as_chat(request)
    return tokens.count_texts(request, budget) if chat is None else tokens.count_prompt(*chat, budget, protocol)


def plenty() -> Budget:
    return Budget(10**9, 60, time.monotonic)


def counted(request: dict[str, Any]) -> Count:
    return prompt.count(request, plenty())


def user(text: Any, **more: Any) -> dict[str, Any]:
    return {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": text}], **more}


def tool(name: str, properties: dict[str, Any], about: str = "", **more: Any) -> dict[str, Any]:
    parameters = {"type": "object", "properties": properties, **more}
    return {"type": "function", "function": {"name": name, "description": about, "parameters": parameters}}
