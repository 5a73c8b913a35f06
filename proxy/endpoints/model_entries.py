"""The forms of a list of models: OpenAI's, Codex's, Anthropic's and Google's. Pure.

Sources, read 2026-11-26: platform.openai.com/docs/api-reference/models, docs.anthropic.com/en/api/models-list,
ai.google.dev/api/models; Codex drops a list without `models` with a warning (github.com/openai/codex/issues/37122).
"""

from __future__ import annotations

from typing import Any

from proxy.messages import Request
from proxy.wire.path_table import GEMINI, MESSAGES, OPENAI

CODEX = "codex"
_PREFIX = "models/"  # of names in Google's list
_EPOCH = "1970-01-01T00:00:00Z"  # what Anthropic's API says where the date of a model is not known
# What comes before and after the entries.
FRAMES = {
    OPENAI: ('{"object": "list", "data": [', "]}"),
    CODEX: ('{"object": "list", "models": [], "data": [', "]}"),
    MESSAGES: ('{"has_more": false, "first_id": null, "last_id": null, "data": [', "]}"),
    GEMINI: ('{"models": [', "]}"),
}


def form_of(request: Request, api: str) -> str:
    """The form that the caller expects."""
    is_codex = any(part.startswith("client_version=") for part in request.query.split("&"))
    return CODEX if is_codex and api == OPENAI else api


def request(api: str) -> tuple[list[tuple[str, str]], str]:
    """The headers and the query that an upstream wants for its whole list."""
    if api == MESSAGES:
        return [("anthropic-version", "2023-06-01")], "limit=1000"
    return [], "pageSize=1000" if api == GEMINI else ""


def name_of(entry: dict[str, Any]) -> str | None:
    """The model's name in an entry of any form."""
    for member in ("id", "name"):
        if isinstance(name := entry.get(member), str) and name:
            return name.removeprefix(_PREFIX)
    return None


def in_form(entry: dict[str, Any], name: str, form: str) -> dict[str, Any]:
    """An upstream's entry in `form`: as it is if it has that already."""
    if form == GEMINI:
        return entry if str(entry.get("name")).startswith(_PREFIX) else new("", name, form)
    if form == MESSAGES:
        if "display_name" in entry:
            return entry
        return new("", name, form) | {"display_name": entry.get("name") or entry.get("displayName") or name}
    if isinstance(entry.get("id"), str):
        return entry
    return new("", name, form)


def new(owner: str, name: str, form: str) -> dict[str, Any]:
    """An entry for a model of which only the name is known."""
    if form == GEMINI:
        methods = ["generateContent", "countTokens"]
        return {"name": f"{_PREFIX}{name}", "displayName": name, "supportedGenerationMethods": methods}
    if form == MESSAGES:
        return {"type": "model", "id": name, "display_name": name, "created_at": _EPOCH}
    return {"id": name, "object": "model", "created": 0, "owned_by": owner or "unknown"}


def renamed(entry: dict[str, Any], name: str, form: str) -> dict[str, Any]:
    """An entry under the name that callers use."""
    return {**entry, "name": f"{_PREFIX}{name}"} if form == GEMINI else {**entry, "id": name}
