"""Limiting an answer's tokens in the field that the target honours, by its model and dialect. Pure.

OpenAI's reasoning models refuse `max_tokens`. Most other servers know only `max_tokens` and silently ignore
`max_completion_tokens`, which would leave the answer unlimited (docs of DeepSeek, Mistral, vLLM and Ollama, read
2026-11-26; platform.openai.com/docs/api-reference/chat/create).
"""

from __future__ import annotations

import json
from typing import Any

from proxy.routing import limit_fields
from proxy.tokens.models import model_of
from proxy.upstream import Target
from proxy.wire.json_edit import Document

_MAX_TOKENS = "max_tokens"
_MIN_THINKING = 1_024  # tokens


def apply(document: Document, names: tuple[str, ...], target: Target, limit: int) -> Document:
    """Return a strictly read request with `limit` tokens as the limit of each answer at `target`.

    `names` are the limit fields of its path. Every limit in the request is lowered, and the field that the target
    honours is added if it is missing.
    """
    request = document.value or {}
    sent = {name: value for name in names if (value := limit_fields.value_at(request, name)) is not None}
    lowest = min([limit, *(value for value in sent.values() if is_limit(value))])
    limits = {name: limit for name, value in sent.items() if not is_limit(value) or value > limit}
    honoured = names[0] if len(names) == 1 or _is_openai(target, request) else _MAX_TOKENS
    # OpenAI refuses a request with both fields. It honours or refuses the older one, but never ignores it.
    if honoured not in sent and not (sent and honoured == names[0]):
        limits[honoured] = lowest
    members: dict[str, bytes] = {}
    for name, value in limits.items():
        members |= limit_fields.setting(request, name, value)
    return document.setting({**members, **_fitting_thinking(request, limit)})


def _fitting_thinking(request: dict[str, Any], limit: int) -> dict[str, bytes]:
    """Return the member `thinking` with a budget below the limit, where Anthropic's API would refuse a higher one.

    Source: docs.anthropic.com/en/docs/build-with-claude/extended-thinking, read 2026-11-26: at least 1,024 tokens.
    """
    thinking = request.get("thinking")
    if not isinstance(thinking, dict):
        return {}
    budget = thinking.get("budget_tokens")
    if not isinstance(budget, int) or budget < limit:
        return {}
    fitting = {**thinking, "budget_tokens": limit - 1} if limit > _MIN_THINKING else {"type": "disabled"}
    return {"thinking": json.dumps(fitting, separators=(",", ":")).encode()}


def _is_openai(target: Target, request: dict[str, Any]) -> bool:
    """Whether the model at `target` is one of OpenAI's. Every deployment on Azure counts as one."""
    is_azure = target.provider is not None and target.provider.kind == "azure"
    return is_azure or model_of(target.model or request.get("model")).openai


def is_limit(value: Any) -> bool:
    """Whether all servers read `value` as the same limit: a positive whole number."""
    return isinstance(value, int) and not isinstance(value, bool) and value > 0
