"""Reading and writing the JSON values of a request as the model sees them. Pure."""

from __future__ import annotations

import json
from typing import Any

# Longer arguments are not parsed: C's parser blocks all other calls.
_MAX_ARGUMENTS = 32_768  # characters


def text_of(value: Any) -> str:
    """The text of a message's content: a string, or the joined texts of its parts."""
    if isinstance(value, str):
        return value
    parts = [part.get("text") for part in as_list(value) if isinstance(part, dict)]
    return "".join(part for part in parts if isinstance(part, str))


def compact(value: Any) -> str:
    """`value` as JSON without spaces."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def parsed(arguments: str) -> Any:
    """A function call's arguments as a JSON value; unchanged if they are not JSON, too long, or have duplicate keys."""
    if len(arguments) > _MAX_ARGUMENTS:
        return arguments
    # bounded_json is not needed: Workers lack this module, and CPython stops deep nesting itself.
    try:
        return json.loads(arguments, object_pairs_hook=_object)
    except (ValueError, RecursionError):
        return arguments


def compacted(arguments: str) -> str:
    """A function call's arguments without insignificant spaces."""
    value = parsed(arguments)
    return arguments if isinstance(value, str) else compact(value)


def as_list(value: Any) -> list[Any]:
    """`value` if it is a list, else an empty one."""
    return value if isinstance(value, list) else []


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError
    return members
