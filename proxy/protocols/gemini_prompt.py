"""Convert a Gemini request to a chat request with the same texts, for counting its tokens. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from proxy.protocols.members import as_list, call_of, json_of, without

# Members that add no tokens to the prompt, and those that `as_chat` converts or has notes on.
_KNOWN = frozenset(
    "contents model systemInstruction tools toolConfig safetySettings generationConfig cachedContent labels store "
    "serviceTier".split()
)
# Members of a part that are counted, that `as_chat` has notes on, or that add no tokens.
_OF_PART = frozenset(
    "text thought thoughtSignature thought_signature partMetadata part_metadata inlineData inline_data functionCall "
    "function_call functionResponse function_response executableCode executable_code codeExecutionResult "
    "code_execution_result".split()
)
_CODE = (("executableCode", "code"), ("codeExecutionResult", "output"))
_UPPER = re.compile(r"(?<!^)([A-Z])")
_SCHEMAS = ("responseJsonSchema", "responseSchema")
_PARAMETERS = ("parametersJsonSchema", "parameters")
# The order of an answer's members, which is no part of the schema.
_ORDER = ("propertyOrdering", "property_ordering")
_FRAMES = "nobody knows how Gemini frames messages and functions"
# Deeper than any schema. A caller must not be able to exhaust the stack.
_MAX_LEVELS = 50


def as_chat(request: dict[str, Any]) -> tuple[dict[str, Any], list[str], list[str]]:
    """The chat request, why its count is an estimate, and why it is a lower bound."""
    notes: list[str] = []
    messages: list[dict[str, Any]] = []
    instruction = _member(request, "systemInstruction")
    if instruction is not None:
        parts = _parts(instruction, notes)
        messages.append({"role": "system", "content": _content(parts, notes)})
    for content in _listed(_member(request, "contents")):
        _add(messages, content, notes)
    chat: dict[str, Any] = {"model": request["model"]} if "model" in request else {}
    if tools := list(_tools(request, notes)):
        chat["tools"] = tools
    config = _member(request, "generationConfig")
    schema = next((found for name in _SCHEMAS if (found := _member(config, name)) is not None), None)
    if schema is not None:
        chat["response_format"] = {
            "type": "json_schema",
            "json_schema": {"name": "response", "schema": _json_schema(schema)},
        }
    if _member(config, "responseFormat") is not None:
        notes.append("responseFormat is not counted")
    if _member(request, "cachedContent") is not None:
        notes.append("only the upstream knows the cached content")
    known = {spelling for name in _KNOWN for spelling in _spellings(name)}
    for name, value in request.items():
        if name not in known and value is not None and not isinstance(value, bool):
            notes.append(f"{name[:40]} in the request is not counted")
    return {**chat, "messages": messages}, [_FRAMES], list(dict.fromkeys(notes))


def _spellings(name: str) -> tuple[str, str]:
    """Both names of a member that Google's JSON parser accepts."""
    return name, _UPPER.sub(r"_\1", name).lower()


def _member(owner: Any, name: str) -> Any:
    """The member of `owner` with that name, in either spelling; None if there is none."""
    values = (owner.get(spelling) for spelling in _spellings(name)) if isinstance(owner, dict) else ()
    return next((value for value in values if value is not None), None)


def _listed(value: Any) -> list[Any]:
    """The items of a list; of anything else, the value itself."""
    return value if isinstance(value, list) else [] if value is None else [value]


def _parts(content: Any, notes: list[str]) -> list[dict[str, Any]]:
    """The parts of a Content, or of a text in its place."""
    parts = []
    for part in _listed(_member(content, "parts") if isinstance(content, dict) else content):
        if isinstance(part, str):
            parts.append({"text": part})
        elif isinstance(part, dict):
            parts.append(part)
        else:
            notes.append("parts of other types are not counted")
    return parts


def _add(messages: list[dict[str, Any]], content: Any, notes: list[str]) -> None:
    """Add a turn: the results of calls, then its texts and images with its own calls."""
    parts = _parts(content, notes)
    for part in parts:
        if isinstance(response := _member(part, "functionResponse"), dict):
            messages.append({"role": "tool", "content": json_of(_member(response, "response"))})
            if _member(response, "parts"):
                notes.append("media in the result of a call cannot be counted")
    found = [call for part in parts if isinstance(call := _member(part, "functionCall"), dict)]
    calls = [call_of(_member(call, "name"), json_of(_member(call, "args") or {})) for call in found]
    message: dict[str, Any] = {"role": "assistant" if _member(content, "role") == "model" else "user"}
    if texts := _content(parts, notes):
        message["content"] = texts
    if calls:
        message |= {"role": "assistant", "tool_calls": calls}
    if len(message) > 1:
        messages.append(message)


def _content(parts: list[dict[str, Any]], notes: list[str]) -> list[dict[str, Any]]:
    """The texts and images of parts, in their order."""
    content: list[dict[str, Any]] = []
    for part in parts:
        texts = (part.get("text"), *(_member(_member(part, kind), name) for kind, name in _CODE))
        content += [{"type": "text", "text": text} for text in texts if isinstance(text, str)]
        if _member(part, "thoughtSignature"):
            notes.append("signatures of thoughts cannot be counted")
        data = _member(part, "inlineData")
        kind, encoded = _member(data, "mimeType"), _member(data, "data")
        if isinstance(kind, str) and kind.startswith("image/") and isinstance(encoded, str):
            content.append({"type": "image_url", "image_url": {"url": f"data:{kind};base64,{encoded}"}})
        elif data is not None:
            notes.append("audio and files cannot be counted")
        notes += [f"{name[:40]} in a part cannot be counted" for name in part if name not in _OF_PART]
    return content


def _tools(request: dict[str, Any], notes: list[str]) -> Iterator[dict[str, Any]]:
    for tool in _listed(_member(request, "tools")):
        names = _spellings("functionDeclarations")
        if not isinstance(tool, dict) or any(name not in names for name in tool):
            notes.append("the upstream's own tools add instructions that cannot be counted")
        for function in as_list(_member(tool, "functionDeclarations")):
            if isinstance(function, dict):
                yield {"type": "function", "function": _function(function)}


def _function(function: dict[str, Any]) -> dict[str, Any]:
    schema = next((found for name in _PARAMETERS if (found := _member(function, name)) is not None), None)
    others = without(function, [spelling for name in _PARAMETERS for spelling in _spellings(name)])
    return others if schema is None else {**others, "parameters": _json_schema(schema)}


def _json_schema(schema: Any, levels: int = _MAX_LEVELS) -> Any:
    """Google's form of a schema, whose types are in capitals, as a JSON schema."""
    if isinstance(schema, list) and levels:
        return [_json_schema(item, levels - 1) for item in schema]
    if not isinstance(schema, dict) or not levels:
        return schema
    return {
        name: value.lower() if name == "type" and isinstance(value, str) else _json_schema(value, levels - 1)
        for name, value in schema.items()
        if name not in _ORDER
    }
