"""A request to the Responses API, or to one of the older endpoints, as the chat request that costs as much. Pure."""

from __future__ import annotations

from typing import Any

_KEPT = ("model", "parallel_tool_calls")


def as_chat(request: dict[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """The chat request, and what of the given one cannot be counted from outside."""
    unknown: list[str] = []
    messages: list[dict[str, Any]] = []
    instructions = request.get("instructions")
    if isinstance(instructions, str) and instructions:
        messages.append({"role": "developer", "content": instructions})
    given = request.get("input")
    if isinstance(given, str):
        messages.append({"role": "user", "content": given})
    for item in given if isinstance(given, list) else []:
        if isinstance(item, dict):
            _add(messages, item, unknown)
    if not isinstance(given, (str, list, type(None))) or not isinstance(instructions, (str, type(None))):
        unknown.append("input and instructions of another form are not counted")
    if request.get("prompt"):
        unknown.append("a stored prompt is only known to the upstream")
    if request.get("previous_response_id") or request.get("conversation"):
        unknown.append("the stored conversation is only known to the upstream")
    chat: dict[str, Any] = {name: request[name] for name in _KEPT if name in request}
    tools = _tools(request, unknown)
    if tools:
        chat["tools"] = tools
    text = request.get("text")
    wanted = text.get("format") if isinstance(text, dict) else None
    if isinstance(wanted, dict) and wanted.get("type") == "json_schema":
        chat["response_format"] = {"type": "json_schema", "json_schema": wanted}
    choice = request.get("tool_choice")
    if isinstance(choice, dict) and isinstance(choice.get("name"), str):
        choice = {"type": "function", "function": {"name": choice["name"]}}
    if choice is not None:
        chat["tool_choice"] = choice
    return {**chat, "messages": messages}, unknown


def _add(messages: list[dict[str, Any]], item: dict[str, Any], unknown: list[str]) -> None:
    """One item of `input`: a message, a call of a function, or what it gave back."""
    kind = item.get("type") or "message"
    if kind == "message":
        messages.append({"role": item.get("role"), "content": item.get("content")})
    elif kind == "function_call":
        call = {"function": {"name": item.get("name"), "arguments": item.get("arguments")}}
        last = messages[-1] if messages else {}
        if "tool_calls" in last:  # calls in a row were one answer
            last["tool_calls"].append(call)
        else:
            messages.append({"role": "assistant", "content": None, "tool_calls": [call]})
    elif kind == "function_call_output" and isinstance(item.get("output"), (str, list)):
        messages.append({"role": "tool", "content": item.get("output")})
    else:
        unknown.append(f"items of type {str(kind)[:40]} cannot be counted from outside")


def _tools(request: dict[str, Any], unknown: list[str]) -> list[dict[str, Any]]:
    given = request.get("tools")
    tools = []
    for tool in given if isinstance(given, list) else []:
        if isinstance(tool, dict) and tool.get("type") == "function":
            tools.append({"type": "function", "function": tool})
        else:
            unknown.append("the upstream's own tools bring instructions that cannot be counted from outside")
    return tools
