"""Everything in a request to the Messages API but its messages and tools, as chat providers know it. Pure."""

from __future__ import annotations

import re
from typing import Any

from proxy.protocols.translate.chat_providers import ChatProvider
from proxy.protocols.translate.dropped import Dropped, refused

# In rising order.
_EFFORTS = ("minimal", "low", "medium", "high", "xhigh", "max")
# Budgets of thinking below these are this effort; higher ones are "high".
_BUDGETS = ((4_000, "low"), (16_000, "medium"))
_MAX_STOPS = 4
# Members that are translated here or elsewhere, and members that mean nothing to another provider.
_TRANSLATED = frozenset(
    "model messages system tools tool_choice max_tokens stop_sequences temperature top_p top_k thinking output_config "
    "output_format stream mcp_servers container".split()
)
_SILENT = frozenset(("metadata", "cache_control", "service_tier", "betas"))


def option_members(request: dict[str, Any], provider: ChatProvider, reasons: bool, dropped: Dropped) -> dict[str, Any]:
    """The members of a chat request for everything but messages and tools. Raises BadRequest."""
    members: dict[str, Any] = {}
    if (limit := request.get("max_tokens")) is not None:
        members["max_completion_tokens" if reasons else "max_tokens"] = limit
    if stops := request.get("stop_sequences"):
        if not isinstance(stops, list) or len(stops) > _MAX_STOPS:
            raise refused(f"This model's provider takes up to {_MAX_STOPS} stop sequences.", "stop_sequences")
        members["stop"] = stops
    members |= _sampling(request, provider, reasons, dropped)
    members |= _reasoning(request, provider, reasons, dropped)
    members |= _format(request)
    if request.get("stream"):
        members |= {"stream": True, "stream_options": {"include_usage": True}}
    for name, value in request.items():
        if value is not None and name not in _TRANSLATED and name not in _SILENT:
            dropped.add(name)
    return members


def _sampling(request: dict[str, Any], provider: ChatProvider, reasons: bool, dropped: Dropped) -> dict[str, Any]:
    members: dict[str, Any] = {}
    for name in ("temperature", "top_p", "top_k"):
        if (value := request.get(name)) is None:
            continue
        if reasons or (name == "top_k" and not provider.takes_top_k):
            dropped.add(name)
        elif name == "temperature" and isinstance(value, (int, float)):
            members[name] = max(value, provider.min_temperature)
        else:
            members[name] = value
    return members


def _reasoning(request: dict[str, Any], provider: ChatProvider, reasons: bool, dropped: Dropped) -> dict[str, Any]:
    """The members that say how much to think. Never an effort for thinking that is switched off: that is refused."""
    thinking, config = request.get("thinking"), request.get("output_config")
    thinking = thinking if isinstance(thinking, dict) else {}
    if thinking.get("type") == "disabled":
        model = str(request.get("model")).lower().rpartition("/")[2]
        return dict(provider.off) if provider.off and re.match(provider.off_models, model) else {}
    effort = config.get("effort") if isinstance(config, dict) else None
    budget = thinking.get("budget_tokens")
    if effort not in _EFFORTS and isinstance(budget, (int, float)):
        effort = next((name for below, name in _BUDGETS if budget < below), "high")
    if effort not in _EFFORTS:
        return {}
    if not provider.efforts or (provider.only_reasoning and not reasons):
        dropped.add("reasoning_effort")
        return {}
    higher = _EFFORTS[_EFFORTS.index(effort) :]
    return {"reasoning_effort": next((name for name in higher if name in provider.efforts), provider.efforts[-1])}


def _format(request: dict[str, Any]) -> dict[str, Any]:
    config = request.get("output_config")
    form = config.get("format") if isinstance(config, dict) else None
    form = form or request.get("output_format")  # its name while it was a beta
    if not form:
        return {}
    if not isinstance(form, dict) or form.get("type") != "json_schema" or not isinstance(form.get("schema"), dict):
        raise refused("The format of the output must be json_schema, with a schema.", "output_config")
    schema = {"name": "output", "schema": form["schema"]}
    return {"response_format": {"type": "json_schema", "json_schema": schema}}
