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
    return messages or _output_messages(answer) or _candidate_messages(answer)


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


def _candidate_messages(answer: Any) -> list[dict[str, Any]]:
    """The messages that the `candidates` of a Gemini answer make."""
    messages = []
    for candidate in as_list(answer.get("candidates")) if isinstance(answer, dict) else ():
        content = candidate.get("content") if isinstance(candidate, dict) else None
        parts = as_list(content.get("parts")) if isinstance(content, dict) else []
        if message := _message_of_parts([part for part in parts if isinstance(part, dict)]):
            messages.append(message)
    return messages


def _message_of_parts(parts: list[dict[str, Any]]) -> dict[str, Any]:
    texts: dict[str, list[str]] = {"content": [], "reasoning_content": []}
    calls: list[tuple[Any, list[str]]] = []
    for part in parts:
        code, call = part.get("executableCode"), part.get("functionCall")
        text = code.get("code") if isinstance(code, dict) else part.get("text")
        if isinstance(text, str):
            texts["reasoning_content" if part.get("thought") else "content"].append(text)
        if isinstance(call, dict):
            if not calls or call.get("name") is not None:  # else it continues the last one, with partial arguments
                calls.append((call.get("name"), []))
            calls[-1][1].append(json_of(call["args"]) if "args" in call else _partial_values(call))
    message: dict[str, Any] = {name: "".join(pieces) for name, pieces in texts.items() if any(pieces)}
    if calls:
        message["tool_calls"] = [call_of(name, "".join(pieces)) for name, pieces in calls]
    return message


def _partial_values(call: dict[str, Any]) -> str:
    """The values of a call's partial arguments, without the paths to them, which take no tokens."""
    arguments = [value for value in as_list(call.get("partialArgs")) if isinstance(value, dict)]
    values = [value.get("stringValue", value.get("numberValue")) for value in arguments]
    return "".join(str(value) for value in values if isinstance(value, (str, int, float)))


def json_of(value: Any) -> str:
    """`value` as JSON without spaces; an empty text if it is nested too deeply."""
    try:
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    except RecursionError:
        return ""


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
