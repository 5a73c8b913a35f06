"""Tools and the choice of a tool in a chat request, as the Responses API knows them: without levels. Pure."""

from __future__ import annotations

from typing import Any

from proxy.protocols.translate.dropped import quoted, refused

_CHOICES = ("auto", "none", "required")
_KINDS = ("function", "custom")
# A client of these would not understand the answer: it has `tool_calls`.
_OLDER = {"functions": "tools", "function_call": "tool_choice"}
_NO_PARAMETERS: dict[str, Any] = {"type": "object", "properties": {}, "required": [], "additionalProperties": False}


def tool_members(request: dict[str, Any]) -> dict[str, Any]:
    """The members `tools` and `tool_choice`. Raises BadRequest for tools that the Responses API has no equal for."""
    for older, newer in _OLDER.items():
        if request.get(older):
            raise refused(
                f"{older} is deprecated, and this model's provider no longer answers in its form. Use {newer}.", older
            )
    tools, choice = request.get("tools"), request.get("tool_choice")
    if tools is not None and not isinstance(tools, list):
        raise refused("tools must be a list.", "tools")
    members: dict[str, Any] = {}
    if tools:
        members["tools"] = [_tool(tool, f"tools.{index}") for index, tool in enumerate(tools)]
    if choice is not None:
        members["tool_choice"] = _choice(choice)
    return members


def _tool(tool: Any, where: str) -> dict[str, Any]:
    kind = tool.get("type") if isinstance(tool, dict) else None
    if kind not in _KINDS:
        raise refused(f"A tool must be of type function or custom, not {quoted(kind)}.", where)
    members = tool.get(kind)
    if not isinstance(members, dict) or not isinstance(name := members.get("name"), str):
        raise refused(f"A tool of type {kind} needs {kind} with a name.", where)
    flat = {"type": kind, "name": name}
    if isinstance(description := members.get("description"), str):
        flat["description"] = description
    if kind == "function":
        # Without `strict`, the Responses API would make a schema strict, and refuse many.
        return {**flat, "parameters": _parameters(members.get("parameters")), "strict": members.get("strict") is True}
    form = members.get("format")
    return flat if form is None else {**flat, "format": _format(form, where)}


def _parameters(schema: Any) -> dict[str, Any]:
    """A schema of parameters. None means that there are none; `properties` must be there."""
    if not isinstance(schema, dict) or not schema:
        return _NO_PARAMETERS
    if schema.get("type") == "object" and not isinstance(schema.get("properties"), dict):
        return {**schema, "properties": {}}
    return schema


def _format(form: Any, where: str) -> dict[str, Any]:
    """The format of a custom tool's input."""
    kind = form.get("type") if isinstance(form, dict) else None
    if kind == "text":
        return {"type": "text"}
    grammar = form.get("grammar") if kind == "grammar" else None
    members = {name: grammar.get(name) if isinstance(grammar, dict) else None for name in ("syntax", "definition")}
    if not all(isinstance(value, str) for value in members.values()):
        raise refused(
            "The format of a custom tool must be text, or grammar with a grammar of syntax and definition.", where
        )
    return {"type": "grammar", **members}


def _choice(choice: Any) -> str | dict[str, Any]:
    if isinstance(choice, str) and choice in _CHOICES:
        return choice
    if not isinstance(choice, dict):
        raise refused("tool_choice must be auto, none, required, or an object that names tools.", "tool_choice")
    if choice.get("type") != "allowed_tools":
        return _named(choice)
    allowed = choice.get("allowed_tools")
    tools = allowed.get("tools") if isinstance(allowed, dict) else None
    if not isinstance(allowed, dict) or not isinstance(tools, list) or not isinstance(allowed.get("mode"), str):
        raise refused("tool_choice of type allowed_tools needs allowed_tools with mode and tools.", "tool_choice")
    return {"type": "allowed_tools", "mode": allowed["mode"], "tools": [_named(tool) for tool in tools]}


def _named(tool: Any) -> dict[str, Any]:
    """A tool that is named, as in a choice."""
    kind = tool.get("type") if isinstance(tool, dict) else None
    members = tool.get(kind) if kind in _KINDS else None
    if not isinstance(members, dict) or not isinstance(members.get("name"), str):
        raise refused("Each tool in tool_choice needs a type, function or custom, and its name there.", "tool_choice")
    return {"type": kind, "name": members["name"]}
