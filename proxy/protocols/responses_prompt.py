"""Convert a request to the Responses API to a chat request with the same texts, for counting its tokens. Pure."""

from __future__ import annotations

from typing import Any

from proxy.protocols.members import as_list

_COPIED = ("model", "parallel_tool_calls", "reasoning")
# Members that add no tokens to the prompt, and those that `as_chat` converts or has notes on.
_KNOWN = frozenset(
    "background conversation include input instructions max_output_tokens max_tool_calls metadata model "
    "moderation parallel_tool_calls previous_response_id prompt prompt_cache_key prompt_cache_retention reasoning "
    "safety_identifier service_tier store stream stream_options temperature text tool_choice tools top_logprobs top_p "
    "truncation user".split()
)


def as_chat(request: dict[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """The chat request, and notes on what cannot be counted in the given one."""
    notes: list[str] = []
    messages: list[dict[str, Any]] = []
    instructions = request.get("instructions")
    if isinstance(instructions, str) and instructions:
        messages.append({"role": "developer", "content": instructions})
    items = request.get("input")
    if isinstance(items, str):
        messages.append({"role": "user", "content": items})
    for item in items if isinstance(items, list) else []:
        if isinstance(item, dict):
            _add(messages, item, notes)
    notes += _unknown(request)
    chat: dict[str, Any] = {name: request[name] for name in _COPIED if name in request}
    tools = _tools(request, notes)
    if tools:
        chat["tools"] = tools
    text = request.get("text")
    text_format = text.get("format") if isinstance(text, dict) else None
    if isinstance(text_format, dict) and text_format.get("type") == "json_schema":
        chat["response_format"] = {"type": "json_schema", "json_schema": text_format}
    choice = request.get("tool_choice")
    if isinstance(choice, dict) and isinstance(choice.get("name"), str):
        choice = {"type": "function", "function": {"name": choice["name"]}}
    if choice is not None:
        chat["tool_choice"] = choice
    return {**chat, "messages": messages}, notes


def _unknown(request: dict[str, Any]) -> list[str]:
    """Notes on the members of a request that cannot be counted."""
    notes = []
    known = (
        isinstance(request.get("input"), (str, list, type(None))),
        isinstance(request.get("instructions"), (str, type(None))),
    )
    if not all(known):
        notes.append("input and instructions of other types are not counted")
    if request.get("prompt"):
        notes.append("only the upstream knows the stored prompt")
    if request.get("previous_response_id") or request.get("conversation"):
        notes.append("only the upstream knows the stored conversation")
    for name, member in request.items():
        if name not in _KNOWN and member is not None and not isinstance(member, bool):
            notes.append(f"{name[:40]} in the request is not counted")
    return notes


def _add(messages: list[dict[str, Any]], item: dict[str, Any], notes: list[str]) -> None:
    """Add one item of `input`: a message, a function call or its result."""
    kind = item.get("type") or "message"
    if kind == "message":
        messages.append({"role": item.get("role"), "content": item.get("content")})
    elif kind == "function_call":
        call = {"id": item.get("id"), "function": {"name": item.get("name"), "arguments": item.get("arguments")}}
        last = messages[-1] if messages else {}
        if "tool_calls" in last:  # consecutive calls belong to one answer
            last["tool_calls"].append(call)
        else:
            messages.append({"role": "assistant", "content": None, "tool_calls": [call]})
    elif kind == "function_call_output" and isinstance(item.get("output"), (str, list)):
        messages.append({"role": "tool", "content": item.get("output")})
    else:
        notes.append(f"items of type {str(kind)[:40]} cannot be counted")


def _tools(request: dict[str, Any], notes: list[str]) -> list[dict[str, Any]]:
    tools = []
    for tool in as_list(request.get("tools")):
        if isinstance(tool, dict) and tool.get("type") == "function":
            tools.append({"type": "function", "function": tool})
        else:
            notes.append("the upstream's own tools add instructions that cannot be counted")
    return tools
