"""Read the members of answers and events, whatever their types. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any


def error_in(value: dict[str, Any], name: str = "") -> Any:
    """The error in an event or an answer, in any provider's format; None if there is none. `name` is the event's type.

    OpenAI and most others have a member `error`. Some call the event or the object so; MiniMax has `base_resp`.
    """
    if error := value.get("error"):
        return error
    if name == "error" or value.get("object") == "error" or value.get("type") == "error":
        return value
    status = value.get("base_resp")
    if isinstance(status, dict) and status.get("status_code"):
        return {"message": status.get("status_msg"), "code": status["status_code"]}
    is_answer = any(member in value for member in ("choices", "output", "data", "id", "usage"))
    if not is_answer and isinstance(value.get("message"), str) and "code" in value:
        return value
    return None


def answer_messages(answer: Any) -> list[dict[str, Any]]:
    """The content of a whole answer, one message per choice, for counting its tokens."""
    messages = []
    for choice in as_list(answer.get("choices")) if isinstance(answer, dict) else ():
        if isinstance(choice, dict):
            message = choice.get("message")
            messages.append(message if isinstance(message, dict) else {"content": choice.get("text")})
    return messages or _output_messages(answer) or _block_messages(answer)


def _output_messages(answer: Any) -> list[dict[str, Any]]:
    """The one message that the `output` of a Responses answer makes."""
    parts: list[Any] = []
    calls = []
    for item in as_list(answer.get("output")) if isinstance(answer, dict) else ():
        if isinstance(item, dict) and item.get("type") == "function_call":
            calls.append(call_of(item.get("name"), item.get("arguments")))
        elif isinstance(item, dict):
            parts += as_list(item.get("content")) + as_list(item.get("summary"))
    message = {"content": parts, "tool_calls": calls}
    return [message] if parts or calls else []


def _block_messages(answer: Any) -> list[dict[str, Any]]:
    """The one message that the content blocks of Anthropic's Messages API make."""
    parts: list[Any] = []
    calls = []
    for block in as_list(answer.get("content")) if isinstance(answer, dict) else ():
        if not isinstance(block, dict):
            continue
        if str(block.get("type")).endswith("tool_use"):
            arguments = block.get("input")
            text = arguments if isinstance(arguments, str) else json.dumps(arguments, ensure_ascii=False)
            calls.append(call_of(block.get("name"), text))
        else:
            parts.append({"type": "text", "text": block.get("thinking") or block.get("text")})
    message = {"content": parts, "tool_calls": calls}
    return [message] if parts or calls else []


def call_of(name: Any, arguments: Any) -> dict[str, Any]:
    """A call of a function as a member of a chat message's `tool_calls`."""
    return {"type": "function", "function": {"name": name, "arguments": arguments}}


def only_choice(chunk: dict[str, Any]) -> dict[str, Any] | None:
    """The only choice of a chunk; None if there are several or it has a finish reason."""
    choices = chunk.get("choices")
    if not isinstance(choices, list) or len(choices) != 1 or not isinstance(choices[0], dict):
        return None
    return None if choices[0].get("finish_reason") else choices[0]


def without(fields: dict[str, Any], names: Iterable[str]) -> dict[str, Any]:
    """The members of `fields` except those with these names."""
    return {name: value for name, value in fields.items() if name not in names}


def as_list(value: Any) -> list[Any]:
    """`value` if it is a list, else an empty one."""
    return value if isinstance(value, list) else []
