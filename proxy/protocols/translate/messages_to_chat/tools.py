"""Tools and the choice of a tool in a request to the Messages API, as chat providers know them. Pure."""

from __future__ import annotations

import re
from typing import Any

from proxy.protocols.translate.chat_parts import function_of
from proxy.protocols.translate.dropped import Dropped, quoted, refused
from proxy.protocols.translate.names import function_name

# Tools that Anthropic's servers run. They are left out if the call has functions as well.
_SERVER = re.compile(r"(web_search|web_fetch|code_execution|tool_search_tool|mcp_toolset|advisor)(?:_|$)")
# Tools that the client runs, but whose schema only Anthropic's models know.
_WITHOUT_SCHEMA = re.compile(r"(?:bash|text_editor|memory|computer)_")
_CHOICES = {"auto": "auto", "any": "required", "none": "none"}
# Members of a request that need Anthropic's servers.
SERVER_MEMBERS = ("mcp_servers", "container")


def is_of_server(kind: str) -> bool:
    """Whether Anthropic's servers run tools of this type."""
    return _SERVER.match(kind) is not None


def tool_members(request: dict[str, Any], dropped: Dropped) -> dict[str, Any]:
    """The members `tools`, `tool_choice` and `parallel_tool_calls`. Raises BadRequest for tools that cannot work."""
    functions, server_tools = [], []
    tools = request.get("tools")
    if tools is not None and not isinstance(tools, list):
        raise refused("tools must be a list.", "tools")
    for index, tool in enumerate(tools or ()):
        if function := _function(tool, f"tools.{index}", dropped):
            functions.append(function)
        else:
            server_tools.append(tool)
    missing = [_server_name(tool) for tool in server_tools] + [name for name in SERVER_MEMBERS if request.get(name)]
    choice = request.get("tool_choice")
    choice = choice if isinstance(choice, dict) else {}
    is_forced = choice.get("type") == "tool" and any(tool.get("name") == choice.get("name") for tool in server_tools)
    if missing and (is_forced or not functions):
        raise refused(
            f"This model's provider does not run {missing[0]} itself. Leave it out, or call a model that is served "
            "through the Messages API.",
            "tools" if server_tools else missing[0],
        )
    for name in missing:
        dropped.add(name)
    return {"tools": functions, **_choice(choice)} if functions else {}


def _function(tool: Any, where: str, dropped: Dropped) -> dict[str, Any] | None:
    """A tool as a function; None if it is one of Anthropic's servers."""
    kind = tool.get("type") if isinstance(tool, dict) else None
    if not isinstance(tool, dict) or (kind is not None and not isinstance(kind, str)):
        raise refused("Each tool must be an object.", where)
    if kind and _WITHOUT_SCHEMA.match(kind):
        raise refused(
            f"Only Anthropic's models know the tool {quoted(kind)}: the request does not describe it. Define it with "
            "an input_schema.",
            where,
        )
    schema = tool.get("input_schema")
    if kind not in (None, "custom") and (is_of_server(kind) or not isinstance(schema, dict)):
        return None
    name = tool.get("name")
    if not isinstance(name, str) or not name:
        raise refused("Each tool needs a name.", where)
    if tool.get("strict"):
        dropped.add("tools.strict")
    return function_of(function_name(name), tool.get("description"), schema)


def _server_name(tool: dict[str, Any]) -> str:
    match = _SERVER.match(str(tool.get("type")))
    return match[1] if match else "tools"


def _choice(choice: dict[str, Any]) -> dict[str, Any]:
    """The members for `tool_choice`."""
    kind, name = choice.get("type"), choice.get("name")
    members: dict[str, Any] = {}
    if kind == "tool" and isinstance(name, str):
        members["tool_choice"] = {"type": "function", "function": {"name": function_name(name)}}
    elif isinstance(kind, str) and kind in _CHOICES:
        members["tool_choice"] = _CHOICES[kind]
    elif choice:
        raise refused("tool_choice must be auto, any, none, or tool with a name.", "tool_choice")
    if choice.get("disable_parallel_tool_use"):
        members["parallel_tool_calls"] = False
    return members
