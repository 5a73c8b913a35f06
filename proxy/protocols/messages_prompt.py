"""Convert a request to the Messages API to a chat request with the same texts, for counting its tokens. Pure."""

from __future__ import annotations

from typing import Any

from proxy.protocols.members import as_list, call_of, json_of

# Anthropic publishes no tokenizer, and other models that speak this API have their own format of prompts.
_ESTIMATE = "the format of this prompt is not published"
_FILES = ("document", "container_upload", "search_result")


def as_chat(request: dict[str, Any]) -> tuple[dict[str, Any], list[str], list[str]]:
    """The chat request, why its count is an estimate, and why it is a lower bound."""
    missing: list[str] = []
    messages: list[dict[str, Any]] = []
    if system := _parts(request.get("system"), missing):
        messages.append({"role": "system", "content": system})
    for message in as_list(request.get("messages")):
        if isinstance(message, dict):
            _add(messages, message, missing)
    chat: dict[str, Any] = {"model": request.get("model"), "messages": messages}
    if tools := _tools(request, missing):
        chat["tools"] = tools
    config = request.get("output_config")
    output = config.get("format") if isinstance(config, dict) else None
    if isinstance(output, dict) and isinstance(output.get("schema"), dict):
        schema = {"name": "output", "schema": output["schema"]}
        chat["response_format"] = {"type": "json_schema", "json_schema": schema}
    return chat, [_ESTIMATE], missing


def _add(messages: list[dict[str, Any]], message: dict[str, Any], missing: list[str]) -> None:
    """Add one message: its results of tools first, then the rest of it."""
    parts: list[dict[str, Any]] = []
    calls: list[dict[str, Any]] = []
    content = message.get("content")
    for block in content if isinstance(content, list) else [{"type": "text", "text": content}]:
        if not isinstance(block, dict):
            continue
        kind = block.get("type")
        if kind == "tool_result":
            result = _parts(block.get("content"), missing)
            messages.append({"role": "tool", "tool_call_id": block.get("tool_use_id"), "content": result})
        elif kind == "tool_use":
            arguments = json_of(block.get("input"))
            calls.append({"id": block.get("id"), **call_of(block.get("name"), arguments)})
        else:
            parts += _part(block, missing)
    turn: dict[str, Any] = {"role": message.get("role"), "content": parts}
    if calls:
        turn["tool_calls"] = calls
    if parts or calls:
        messages.append(turn)


def _parts(content: Any, missing: list[str]) -> list[dict[str, Any]]:
    """The parts of a content that is a text or a list of blocks."""
    if isinstance(content, str):
        return [{"type": "text", "text": content}] if content else []
    return [part for block in as_list(content) if isinstance(block, dict) for part in _part(block, missing)]


def _part(block: dict[str, Any], missing: list[str]) -> list[dict[str, Any]]:
    kind = block.get("type")
    for name in ("text", "thinking"):
        if isinstance(block.get(name), str):
            return [{"type": "text", "text": block[name]}]
    if kind == "image" and isinstance(source := block.get("source"), dict):
        url = source.get("url")
        if isinstance(source.get("data"), str):
            url = f"data:{source.get('media_type')};base64,{source['data']}"
        if isinstance(url, str):
            return [{"type": "image_url", "image_url": {"url": url}}]
    if kind in _FILES:
        missing.append(f"the tokens of blocks of type {kind} depend on the model")
    else:
        missing.append(f"blocks of type {str(kind)[:40]} cannot be counted")
    return []


def _tools(request: dict[str, Any], missing: list[str]) -> list[dict[str, Any]]:
    tools = []
    for tool in as_list(request.get("tools")):
        if isinstance(tool, dict) and isinstance(tool.get("input_schema"), dict):
            function = {name: tool[name] for name in ("name", "description") if name in tool}
            tools.append({"type": "function", "function": {**function, "parameters": tool["input_schema"]}})
        else:
            missing.append("the upstream's own tools add instructions that cannot be counted")
    if request.get("mcp_servers"):
        missing.append("the tools of MCP servers cannot be counted")
    return tools
