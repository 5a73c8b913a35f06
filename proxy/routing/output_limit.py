"""Limiting an answer's tokens in the field that the target honours, by its own model and dialect. Pure.

OpenAI's reasoning models refuse `max_tokens`; most other servers know nothing else and pass over
`max_completion_tokens` without a word, which would leave the answer unlimited (docs of DeepSeek, Mistral, vLLM and
Ollama, read 2026-11-26; platform.openai.com/docs/api-reference/chat/create).
"""

from __future__ import annotations

from typing import Any

from proxy.tokens.models import model_of
from proxy.upstream import Target
from proxy.wire.json_edit import Document

_OLDER = "max_tokens"


def limited(document: Document, names: tuple[str, ...], target: Target, most: int) -> Document:
    """The request with `most` tokens as the limit of each answer at `target`; it was read strictly.

    `names` are the fields of its path. Every limit that the caller has sent is lowered, and the one that the target
    needs is put in: a server that honours another name than the caller used must not go without.
    """
    request = document.value or {}
    sent = {name: request[name] for name in names if request.get(name) is not None}
    low = min([most, *(value for value in sent.values() if is_limit(value))])
    limits = {name: most for name, value in sent.items() if not is_limit(value) or value > most}
    needed = names[0] if len(names) == 1 or _is_openai(target, request) else _OLDER
    # OpenAI refuses both names at once; the older one is honoured there, or refused, and never passed over.
    if needed not in sent and not (sent and needed == names[0]):
        limits[needed] = low
    return document.setting({name: b"%d" % value for name, value in limits.items()})


def _is_openai(target: Target, request: dict[str, Any]) -> bool:
    """Whether the model at `target` is one of OpenAI's. A deployment on Azure is, whatever it is called."""
    is_azure = target.provider is not None and target.provider.kind == "azure"
    return is_azure or model_of(target.model or request.get("model")).openai


def is_limit(value: Any) -> bool:
    """Whether it is a limit that everybody reads alike: what is no whole number may be read as anything further up."""
    return isinstance(value, int) and not isinstance(value, bool) and value > 0
