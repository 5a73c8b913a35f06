"""Everything in a request to the Responses API but its input and tools, as chat providers know it. Pure."""

from __future__ import annotations

from typing import Any

from proxy.protocols.translate.chat_options import (
    effort_members,
    limit_members,
    sampling_members,
    schema_format,
    thinking_off,
)
from proxy.protocols.translate.chat_providers import ChatProvider
from proxy.protocols.translate.dropped import MAPPED, NAMED, REFUSED, SILENT, Dropped, name_others, refused

# Members that need the state that OpenAI keeps between calls.
_STATE = {
    "previous_response_id": "Send the whole conversation as input.",
    "conversation": "Send the whole conversation as input.",
    "prompt": "Send the prompt's text.",
    "background": "Leave it out, and wait for the answer.",
}
MEMBERS: dict[str, str] = {
    **dict.fromkeys(
        "model input instructions tools tool_choice parallel_tool_calls max_output_tokens temperature top_p reasoning "
        "text stream".split(),
        MAPPED,
    ),
    **dict.fromkeys(
        "include client_metadata prompt_cache_key prompt_cache_retention prompt_cache_options metadata user "
        "safety_identifier stream_options".split(),
        SILENT,
    ),
    **dict.fromkeys("store truncation max_tool_calls service_tier top_logprobs context_management".split(), NAMED),
    **dict.fromkeys(_STATE, REFUSED),
}
# Values that say what happens anyway.
_DEFAULTS = {"truncation": ("disabled",), "service_tier": ("auto",), "store": (False,), "top_logprobs": (0,)}


def option_members(request: dict[str, Any], provider: ChatProvider, reasons: bool, dropped: Dropped) -> dict[str, Any]:
    """The members of a chat request for everything but messages and tools. Raises BadRequest."""
    for name, advice in _STATE.items():
        if request.get(name):
            raise refused(f"{name} needs OpenAI's Responses API, which this upstream does not serve. {advice}", name)
    members = limit_members(request.get("max_output_tokens"), reasons)
    members |= sampling_members(request, ("temperature", "top_p"), provider, reasons, dropped)
    if is_thinking_off(request):
        members |= thinking_off(request.get("model"), provider)
    else:
        members |= effort_members(_member(request, "reasoning").get("effort"), provider, reasons, dropped)
    members |= _format(request, dropped)
    if request.get("stream"):
        members |= {"stream": True, "stream_options": {"include_usage": True}}
    name_others(request, MEMBERS, _DEFAULTS, dropped)
    return members


def is_thinking_off(request: dict[str, Any]) -> bool:
    """Whether the call asks for no reasoning."""
    return _member(request, "reasoning").get("effort") == "none"


def _member(request: dict[str, Any], name: str) -> dict[str, Any]:
    value = request.get(name)
    return value if isinstance(value, dict) else {}


def _format(request: dict[str, Any], dropped: Dropped) -> dict[str, Any]:
    text = _member(request, "text")
    if text.get("verbosity") is not None:
        dropped.add("text.verbosity")
    form = text.get("format")
    kind = form.get("type") if isinstance(form, dict) else None
    if form is None or kind == "text":
        return {}
    if kind == "json_object":
        return {"response_format": {"type": "json_object"}}
    if not isinstance(form, dict) or kind != "json_schema" or not isinstance(form.get("schema"), dict):
        raise refused("text.format must be text, json_object, or json_schema with a schema.", "text")
    more = {name: form[name] for name in ("description", "strict") if form.get(name) is not None}
    return schema_format(str(form.get("name") or "output"), form["schema"], **more)
