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
