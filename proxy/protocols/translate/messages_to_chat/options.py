"""Everything in a request to the Messages API but its messages and tools, as chat providers know it. Pure."""

from __future__ import annotations

from typing import Any

from proxy.protocols.translate.chat_options import (
    EFFORTS,
    effort_members,
    limit_members,
    sampling_members,
    schema_format,
    thinking_off,
)
from proxy.protocols.translate.chat_providers import ChatProvider
from proxy.protocols.translate.dropped import MAPPED, NAMED, REFUSED, SILENT, Dropped, name_others, refused
from proxy.protocols.translate.messages_to_chat.tools import SERVER_MEMBERS

# Budgets of thinking below these are this effort; higher ones are "high".
_BUDGETS = ((4_000, "low"), (16_000, "medium"))
_MAX_STOPS = 4
MEMBERS: dict[str, str] = {
    **dict.fromkeys(
        "model messages system tools tool_choice max_tokens stop_sequences temperature top_p top_k thinking "
        "output_config output_format stream".split(),
        MAPPED,
    ),
    **dict.fromkeys(("metadata", "cache_control", "service_tier", "betas"), SILENT),
    "context_management": NAMED,
    **dict.fromkeys(SERVER_MEMBERS, REFUSED),  # named where the call has tools of its own
}


def option_members(request: dict[str, Any], provider: ChatProvider, reasons: bool, dropped: Dropped) -> dict[str, Any]:
    """The members of a chat request for everything but messages and tools. Raises BadRequest."""
    members = limit_members(request.get("max_tokens"), reasons)
    if stops := request.get("stop_sequences"):
        if not isinstance(stops, list) or len(stops) > _MAX_STOPS:
            raise refused(f"This model's provider takes up to {_MAX_STOPS} stop sequences.", "stop_sequences")
        members["stop"] = stops
    members |= sampling_members(request, ("temperature", "top_p", "top_k"), provider, reasons, dropped)
    members |= _thinking(request, provider, reasons, dropped)
    members |= _format(request)
    if request.get("stream"):
        members |= {"stream": True, "stream_options": {"include_usage": True}}
    name_others(request, MEMBERS, {}, dropped)
    return members


def _thinking(request: dict[str, Any], provider: ChatProvider, reasons: bool, dropped: Dropped) -> dict[str, Any]:
    thinking, config = request.get("thinking"), request.get("output_config")
    thinking = thinking if isinstance(thinking, dict) else {}
    if thinking.get("type") == "disabled":
        return thinking_off(request.get("model"), provider)
    effort = config.get("effort") if isinstance(config, dict) else None
    budget = thinking.get("budget_tokens")
    if effort not in EFFORTS and isinstance(budget, (int, float)):
        effort = next((name for below, name in _BUDGETS if budget < below), "high")
    return effort_members(effort, provider, reasons, dropped)


def _format(request: dict[str, Any]) -> dict[str, Any]:
    config = request.get("output_config")
    form = config.get("format") if isinstance(config, dict) else None
    form = form or request.get("output_format")  # its name while it was a beta
    if not form:
        return {}
    if not isinstance(form, dict) or form.get("type") != "json_schema" or not isinstance(form.get("schema"), dict):
        raise refused("The format of the output must be json_schema, with a schema.", "output_config")
    return schema_format("output", form["schema"])
