"""The parts of a chat request: messages, their contents, calls and functions. Pure."""

from __future__ import annotations

from typing import Any

from proxy.protocols.members import call_of

Part = dict[str, Any]

_IMAGE_MARK = "[image: see the next message]"
# Some providers refuse a call without reasoning, or with an empty one, even if the model gave none (Moonshot).
_NO_REASONING = " "


def text_part(text: str) -> Part:
    """A part with a text."""
    return {"type": "text", "text": text}


def content_of(parts: list[Part]) -> str | list[Part]:
    """A message's content. Texts alone become one string: several providers refuse a list."""
    if all(part["type"] == "text" for part in parts):
        return "\n\n".join(part["text"] for part in parts)
    return parts


def image_part(url: str, **more: Any) -> Part:
    """A part with an image."""
    return {"type": "image_url", "image_url": {"url": url, **more}}


def file_part(name: str, data: str) -> Part:
    """A part with a file as a data URL."""
    return {"type": "file", "file": {"filename": name, "file_data": data}}


def assistant_message(
    parts: list[Part], calls: list[dict[str, Any]], reasoning: str | None = None
) -> dict[str, Any] | None:
    """An assistant's message; None if it has nothing. `reasoning` is None for providers that do not take it."""
    message: dict[str, Any] = {"role": "assistant", "content": content_of(parts) if parts else None}
    if reasoning is not None:
        message["reasoning_content"] = reasoning
    if calls:
        message["tool_calls"] = calls
    elif not parts:
        if reasoning is None:
            return None
        message["content"] = ""
    return message


def reasoning_content(reasoning: list[str], calls: list[dict[str, Any]]) -> str | None:
    """The reasoning of a message, for providers that need it; None if the message needs none."""
    return "\n\n".join(reasoning) or _NO_REASONING if reasoning or calls else None


def result_message(identifier: str, parts: list[Part], before: str = "") -> tuple[dict[str, Any], list[Part]]:
    """The message with a tool's result, and the parts that only a user's message can have. `before` comes first."""
    texts = []
    others: list[Part] = []
    for part in parts:
        if part["type"] == "text":
            texts.append(part["text"])
        else:
            others.append(part)
            texts.append(_IMAGE_MARK)
    if others:
        others.insert(0, text_part(f"[images of the result of {identifier}]"))
    # Some providers refuse an empty content.
    text = before + "\n\n".join(texts)
    return {"role": "tool", "tool_call_id": identifier, "content": text or "(no output)"}, others


def call_part(identifier: str, name: str, arguments: str) -> dict[str, Any]:
    """A call as a member of an assistant's message."""
    return {"id": identifier, **call_of(name, arguments)}


def function_of(name: str, description: Any, schema: Any, **more: Any) -> dict[str, Any]:
    """A tool that is a function."""
    function: dict[str, Any] = {"name": name}
    if isinstance(description, str):
        function["description"] = description
    # Several providers refuse a schema without these, which is valid for others.
    schema = schema if isinstance(schema, dict) else {}
    function["parameters"] = {**schema, "type": "object", "properties": schema.get("properties") or {}}
    return {"type": "function", "function": {**function, **more}}
