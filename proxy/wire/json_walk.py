"""Every value of a request's JSON with the name that leads to it, without recursion. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from itertools import repeat
from typing import Any

# Members whose own members are data: names in them mean nothing to an API. A schema's are a function's parameters.
_DATA = frozenset(
    "action annotations arguments citations client_metadata input_schema logit_bias metadata properties schema "
    "sources".split()
)
# At the top level only these are; what is called otherwise there is the request's own.
_DATA_AT_TOP = frozenset("client_metadata logit_bias metadata".split())
_SCHEMA_OWNER = ("name", "strict", "description")

# A member's name (that of the list for a list's item), its value, the object that holds it, and whether all that is
# data: part of a schema, of a function's arguments or the like.
Step = tuple[str, Any, dict[str, Any], bool]


_SIGNS = re.compile("[^a-z]+")


@lru_cache(1024)
def letters(name: str) -> str:
    """A member's name as the most lenient server could read it: without case, signs and digits."""
    return _SIGNS.sub("", name[:64].casefold())


def walk(value: dict[str, Any]) -> Iterator[Step]:
    """Every member and every item, depth first, in their order."""
    levels: list[tuple[Iterator[tuple[str, Any]], dict[str, Any], bool]] = [(iter(value.items()), value, False)]
    while levels:
        pairs, owner, is_data = levels[-1]
        for name, one in pairs:
            inside = is_data or (
                isinstance(one, (dict, list)) and (name in _DATA_AT_TOP if owner is value else _is_data(name, owner))
            )
            yield name, one, owner, inside
            if isinstance(one, dict):
                levels.append((iter(one.items()), one, inside))
                break
            if isinstance(one, list):
                levels.append((zip(repeat(name), one), owner, inside))
                break
        else:
            levels.pop()


def _is_data(name: str, owner: dict[str, Any]) -> bool:
    if name == "parameters":
        return any(other in owner for other in _SCHEMA_OWNER)
    if name == "input":
        kind = owner.get("type")
        return isinstance(kind, str) and kind.endswith("tool_use")  # server_tool_use and mcp_tool_use as well
    return name in _DATA
