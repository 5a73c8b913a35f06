"""Iterate over every value of a request's JSON with its key, without recursion. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from itertools import repeat
from typing import Any

# Members that contain data: keys inside them have no meaning to an API. Those of a schema are a function's parameters.
_DATA = frozenset(
    "action annotations arguments citations client_metadata input_schema logit_bias metadata parametersJsonSchema "
    "parameters_json_schema properties schema sources".split()
)
# At the top level only these contain data; all other names are the request's own.
_DATA_AT_TOP = frozenset("client_metadata logit_bias metadata".split())
_SCHEMA_OWNER = ("name", "strict", "description")

# A member's key (for a list's item, the list's key), its value, the object that contains it, and whether it is data:
# part of a schema, of a function's arguments or the like.
Step = tuple[str, Any, dict[str, Any], bool]


_NOT_LETTERS = re.compile("[^a-z]+")


@lru_cache(1024)
def letters(name: str) -> str:
    """A key as the most lenient server could read it: without case, punctuation and digits."""
    return _NOT_LETTERS.sub("", name[:64].casefold())


def walk(value: dict[str, Any]) -> Iterator[Step]:
    """Every member and every item, depth first, in order."""
    levels: list[tuple[Iterator[tuple[str, Any]], dict[str, Any], bool]] = [(iter(value.items()), value, False)]
    while levels:
        pairs, owner, is_data = levels[-1]
        for name, item in pairs:
            inside = is_data or (
                isinstance(item, (dict, list)) and (name in _DATA_AT_TOP if owner is value else _is_data(name, owner))
            )
            yield name, item, owner, inside
            if isinstance(item, dict):
                levels.append((iter(item.items()), item, inside))
                break
            if isinstance(item, list):
                levels.append((zip(repeat(name), item), owner, inside))
                break
        else:
            levels.pop()


def _is_data(name: str, owner: dict[str, Any]) -> bool:
    if name == "parameters":
        return any(key in owner for key in _SCHEMA_OWNER)
    if name == "input":
        kind = owner.get("type")
        return isinstance(kind, str) and kind.endswith("tool_use")  # also server_tool_use and mcp_tool_use
    if name in ("args", "response"):  # of a functionCall or a functionResponse in Google's API
        return "name" in owner
    return name in _DATA
